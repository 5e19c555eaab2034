//! The segments of one variant: which are listed, and which are kept for players that read late.

use std::collections::VecDeque;
use std::sync::Arc;

use super::clock::HlsClock;
use super::multivariant::Bandwidth;
use super::names;
use super::playlist;
use super::run::{LastRun, Run, unix_millis};
use super::segmenter::{Segment, TitleSince};
use crate::units::FramePos;

/// The most tracks that a playlist names. Somebody may set a new title with every packet.
const MAX_TRACKS: usize = 100;
/// What a variant is said to need until it has been measured, in percent of the declared bitrate: MPEG-TS
/// adds about eight percent, and bitrates vary.
const LIKELY_PERCENT: u64 = 120;
/// What it is said to need more than the declared bitrate at least, in bits per second. Headers and stuffing
/// are the same for every bitrate.
const LIKELY_OVERHEAD: u64 = 12_000;
/// What counts as declared where the bitrate is not known, in kbit/s.
const UNKNOWN_BITRATE: u32 = 128;

/// The segments of a variant in a run.
#[derive(Debug)]
pub(crate) struct Window {
    clock: HlsClock,
    run: Run,
    listed: usize,
    /// Nothing before this segment is listed: what has left the list must not come back.
    listed_from: u64,
    /// At most twice as many as are listed, by their numbers, in their order. The last ones are listed.
    kept: VecDeque<Kept>,
    /// The segment with the tag EXT-X-DISCONTINUITY.
    tagged: Option<u64>,
    tracks: VecDeque<Track>,
}

/// A segment that a player may still ask for.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub index: u64,
    pub start: FramePos,
    pub end: FramePos,
    pub name: String,
    /// The length of its bytes; zero for a hole.
    pub bytes: usize,
}

/// A track that overlaps the listed segments, or the absence of one.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub since: TitleSince,
    /// Its start in Unix milliseconds, by which playlists call it. No two have the same.
    pub date_millis: u64,
}

/// What a new segment changes.
#[derive(Debug)]
pub(crate) struct Listing {
    /// The name of the new segment.
    pub name: String,
    /// Its bytes; none for a hole.
    pub bytes: Option<Arc<[u8]>>,
    /// The names of the segments that are no longer kept.
    pub gone: Vec<String>,
}

impl Window {
    /// An empty window, of which so many segments are listed.
    pub fn new(clock: HlsClock, run: Run, listed: usize) -> Window {
        Window {
            clock,
            run,
            listed,
            listed_from: 0,
            kept: VecDeque::new(),
            tagged: None,
            tracks: VecDeque::new(),
        }
    }

    /// Lists a segment. `None` if it is from before the run.
    pub fn push(&mut self, segment: Segment) -> Option<Listing> {
        let name = names::segment(self.run.epoch(), self.run.media_sequence(segment.index)?);
        if self.kept.is_empty() && self.tagged.is_none() {
            self.tagged = Some(segment.index);
        }
        self.kept.push_back(Kept {
            index: segment.index,
            start: segment.start,
            end: segment.end,
            name: name.clone(),
            bytes: segment.bytes.as_ref().map_or(0, |bytes| bytes.len()),
        });
        let still_kept = (2 * self.listed) as u64;
        let gone = self.kept.iter().take_while(|kept| kept.index + still_kept <= segment.index).count();
        let gone = self.kept.drain(..gone).map(|kept| kept.name).collect();
        self.note_titles(segment.titles);
        Some(Listing { name, bytes: segment.bytes, gone })
    }

    /// So many segments are listed from now on. A longer list grows with the segments that come.
    pub fn set_listed(&mut self, listed: usize) {
        let first = self.listed().next().map_or(0, |first| first.index);
        (self.listed_from, self.listed) = (first, listed);
    }

    /// Whether nothing is listed yet.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The names of all segments that are kept.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|kept| kept.name.as_str())
    }

    /// The media playlist. `is_over` only when the output was removed for good: a player that has seen this
    /// never asks again.
    pub fn playlist(&self, is_over: bool) -> String {
        let listed: Vec<&Kept> = self.listed().collect();
        let first_index = listed.first().map_or(0, |first| first.index);
        // The tag counts for the segments after it.
        let tag_is_listed = self.tagged.is_some_and(|tagged| tagged >= first_index);
        playlist::render(&playlist::Media {
            clock: self.clock,
            run: &self.run,
            listed: &listed,
            tagged: self.tagged,
            discontinuity_sequence: self.run.discontinuity_sequence() - u64::from(tag_is_listed),
            tracks: self.tracks.iter(),
            is_over,
        })
    }

    /// The measured bandwidth of the listed segments. Until the list is full, what the declared bitrate (in
    /// kbit/s) makes likely.
    pub fn bandwidth(&self, declared: Option<u32>) -> Bandwidth {
        let whole = u64::from(self.clock.segment_seconds()) * 1_000_000;
        let measured: Vec<(u64, u64)> = self
            .listed()
            .filter(|kept| kept.bytes > 0)
            .map(|kept| (kept.bytes as u64 * 8, self.clock.micros_between(kept.start, kept.end)))
            .filter(|(_, micros)| *micros * 2 >= whole) // the rate of less says little
            .collect();
        if self.listed().count() < self.listed || measured.is_empty() {
            let declared = u64::from(declared.unwrap_or(UNKNOWN_BITRATE)) * 1000;
            let likely = (declared * LIKELY_PERCENT / 100).max(declared + LIKELY_OVERHEAD);
            return Bandwidth { peak: likely, average: likely };
        }
        let per_second = |bits: u64, micros: u64| (bits * 1_000_000).div_ceil(micros.max(1));
        let peak = measured.iter().map(|(bits, micros)| per_second(*bits, *micros)).max();
        let (bits, micros) = measured.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Bandwidth { peak: peak.unwrap_or_default(), average: per_second(bits, micros) }
    }

    /// What the run would leave to the next one if it ended now.
    pub fn leaves(&self) -> LastRun {
        self.run.left_after(self.kept.back().map(|kept| kept.index))
    }

    fn listed(&self) -> impl Iterator<Item = &Kept> {
        let newest = self.kept.back().map_or(0, |kept| kept.index);
        let is_unlisted =
            move |kept: &&Kept| kept.index + self.listed as u64 <= newest || kept.index < self.listed_from;
        let unlisted = self.kept.iter().take_while(is_unlisted);
        self.kept.iter().skip(unlisted.count())
    }

    fn note_titles(&mut self, titles: Vec<TitleSince>) {
        for since in titles {
            let last = self.tracks.back();
            if last.is_some_and(|last| last.since == since || last.since.at > since.at) {
                continue;
            }
            let date = unix_millis(self.run.date(&self.clock, since.at));
            let date_millis = last.map_or(date, |last| date.max(last.date_millis + 1));
            self.tracks.push_back(Track { since, date_millis });
        }
        // A track is over when the next one begins.
        let first = self.listed().next().map_or(FramePos(0), |first| first.start);
        while self.tracks.len() > MAX_TRACKS || self.tracks.get(1).is_some_and(|next| next.since.at <= first)
        {
            self.tracks.pop_front();
        }
    }
}

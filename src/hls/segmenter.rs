//! Packets in, segments out: the cuts, and what becomes of packets that do not follow each other.

use std::sync::Arc;

use super::clock::HlsClock;
use super::muxer::Muxer;
use super::packet::{HlsPacket, ShownTitle};
use super::pes;
use super::profile::Profile;
use crate::units::FramePos;

/// The most bytes of a segment, but for a title at its end: ten seconds at 1,500 kbit/s. An encoder that
/// sends more is broken, and what does not fit is left out.
pub(crate) const MAX_SEGMENT_BYTES: usize = 2 << 20;

/// One finished segment, or a hole where none could be made.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Its number on the sample clock: it covers what begins from `index` times the length of a segment on.
    pub index: u64,
    /// Where it starts: at its first packet. The starts and ends of successive segments are the same
    /// positions, across holes too, so the durations in a playlist add up to the clock.
    pub start: FramePos,
    pub end: FramePos,
    /// MPEG-TS. `None` for a hole: no packet of this segment came.
    pub bytes: Option<Arc<[u8]>>,
    /// The title in force at its start, if any was known, then those that began within it.
    pub titles: Vec<TitleSince>,
}

/// A title and the position since which it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TitleSince {
    pub at: FramePos,
    pub title: Arc<ShownTitle>,
}

/// Cuts the packets of one output into segments.
///
/// Segment k starts at the first packet from its boundary on, and is finished when a packet of a later one
/// comes. What comes before the first boundary is left out. Positions may jump forward, because packets were
/// lost or an encoder was opened again: the times in the segment follow. A packet that overlaps what was
/// taken already is left out, because an encoder was replaced by one that began earlier.
#[derive(Debug)]
pub(crate) struct Segmenter {
    clock: HlsClock,
    /// The most holes in a row.
    max_holes: u64,
    muxer: Muxer,
    state: State,
    /// The last title of a packet, if there was a packet.
    title: Option<TitleSince>,
    left_out: u64,
}

#[derive(Debug)]
enum State {
    /// The first segment has not begun. This is its number, if that is known: the first packet's own segment
    /// was cut off.
    Before {
        first: Option<u64>,
    },
    Open(Open),
    Finished,
}

/// The segment that is being written.
#[derive(Debug)]
struct Open {
    index: u64,
    start: FramePos,
    /// The position behind its last packet.
    end: FramePos,
    titles: Vec<TitleSince>,
}

impl Segmenter {
    /// A segmenter for a playlist that lists so many segments.
    pub fn new(clock: HlsClock, profile: Profile, listed: usize) -> Segmenter {
        Segmenter {
            clock,
            max_holes: listed.saturating_sub(1) as u64,
            muxer: Muxer::new(clock, profile),
            state: State::Before { first: None },
            title: None,
            left_out: 0,
        }
    }

    /// Takes a packet. Returns the segment that it finishes, if it does, and the holes behind it.
    ///
    /// A jump over so many segments that holes would fill the whole playlist has none: the segments' numbers
    /// jump too. That is no discontinuity, because the times still follow the clock, and because the numbers
    /// of discontinuities must be the same in all variants.
    pub fn push(&mut self, packet: HlsPacket) -> Vec<Segment> {
        let mut finished = Vec::new();
        let index = self.clock.index_of(packet.at);
        match &self.state {
            _ if packet.frames == 0 || packet.bytes.is_empty() || packet.bytes.len() > pes::MAX_PAYLOAD => {
                self.left_out += 1;
            }
            State::Before { first } => {
                let begins =
                    packet.at == self.clock.boundary(index) || first.is_some_and(|first| index >= first);
                match begins {
                    true => self.begin(index, packet.at, &packet),
                    false => {
                        self.state = State::Before { first: Some(first.unwrap_or(index + 1)) };
                        self.title = Some(title_of(&packet));
                    }
                }
            }
            State::Open(open) if packet.at < open.end => self.left_out += 1,
            State::Open(open) if index > open.index => {
                let start = self.finish_before(index, packet.at, &mut finished);
                self.begin(index, start, &packet);
            }
            State::Open(_) => self.append(&packet),
            State::Finished => {}
        }
        finished
    }

    /// So many segments are listed from now on.
    pub fn set_listed(&mut self, listed: usize) {
        self.max_holes = listed.saturating_sub(1) as u64;
    }

    /// Ends the last segment, which is shorter than the others.
    #[cfg(test)]
    pub fn finish(&mut self) -> Option<Segment> {
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Open(open) => Some(self.segment(open, None)),
            State::Before { .. } | State::Finished => None,
        }
    }

    /// How many packets were left out because they overlapped others, were too large, or had no length.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Begins a segment with its first packet. It may start before that, if packets were lost.
    fn begin(&mut self, index: u64, start: FramePos, packet: &HlsPacket) {
        // A title that begins within the packet follows what was in force before. If nothing was, it counts
        // from the packet on.
        let in_force = match &self.title {
            Some(before) if packet.title_at > packet.at => before.clone(),
            _ => title_of(packet),
        };
        self.muxer.begin(packet.at, &in_force.title);
        self.title = Some(in_force.clone());
        let titles = vec![in_force];
        self.state = State::Open(Open { index, start, end: packet.at, titles });
        self.append(packet);
    }

    fn append(&mut self, packet: &HlsPacket) {
        let State::Open(open) = &mut self.state else { return };
        if self.muxer.bytes_with(packet) > MAX_SEGMENT_BYTES {
            self.left_out += 1;
            return;
        }
        let title = title_of(packet);
        if self.title.as_ref() != Some(&title) {
            // A title that comes late begins where the audio is, and none begins behind the packet that has
            // it: the next one may begin there, and titles keep their order.
            let at = title.at.clamp(open.end, packet.end());
            self.muxer.write_title(at, &title.title);
            open.titles.push(TitleSince { at, ..title.clone() });
            self.title = Some(title);
        }
        self.muxer.push(packet);
        open.end = packet.end();
    }

    /// Ends the open segment, because segment `index` begins at `at`. Adds the holes between the two. Returns
    /// where the next one starts.
    fn finish_before(&mut self, index: u64, at: FramePos, finished: &mut Vec<Segment>) -> FramePos {
        let State::Open(open) = std::mem::replace(&mut self.state, State::Finished) else { return at };
        let holes = index - open.index - 1;
        if holes > self.max_holes {
            finished.push(self.segment(open, None));
            return at;
        }
        // What comes before the next segment, a segment or a hole, lasts until that starts. But if packets
        // were lost, it may be so late that what is before it would be longer than the target duration: then
        // it starts at its boundary.
        let last_start = if holes == 0 { open.start } else { self.clock.boundary(index - 1) };
        let micros = self.clock.micros_between(last_start, at);
        let limit = u64::from(self.clock.segment_seconds()) * 1_000_000 + 500_000;
        let start = if micros < limit { at } else { self.clock.boundary(index) };

        let starts: Vec<FramePos> =
            (index - holes..index).map(|hole| self.clock.boundary(hole)).chain([start]).collect();
        let title = self.title.clone();
        finished.push(self.segment(open, Some(starts[0])));
        for (number, bounds) in (index - holes..index).zip(starts.windows(2)) {
            let titles = title.iter().cloned().collect();
            finished.push(Segment { index: number, start: bounds[0], end: bounds[1], bytes: None, titles });
        }
        start
    }

    fn segment(&mut self, open: Open, end: Option<FramePos>) -> Segment {
        Segment {
            index: open.index,
            start: open.start,
            end: end.unwrap_or(open.end),
            bytes: Some(self.muxer.finish().into()),
            titles: open.titles,
        }
    }
}

fn title_of(packet: &HlsPacket) -> TitleSince {
    TitleSince { at: packet.title_at, title: packet.title.clone() }
}

//! A track on the air, from its rise to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::picker::OpenedTrack;
use super::super::voice::{Gate, Mixed, Scratch, Then, Voice};
use super::{Aired, News};
use crate::event::{Event, TrackInfo};
use crate::ids::EntryId;
use crate::playout::{Began, Curve, Due, GainRamp, Meeting, crossing};
use crate::units::{FrameCount, FramePos, SampleRate};

/// A track on the air. Its voice's gate closes for a seek, and for the fade before its end.
pub(super) struct Track {
    pub info: Arc<TrackInfo>,
    pub voice: Voice,
    start_next: Option<FrameCount>,
    phase: Phase,
    /// The track was skipped: it gives way by a crossfade of this length, as soon as the next one is there.
    pub skipped: Option<FrameCount>,
    /// Whether it fills in for what should have been played.
    pub fallback: bool,
    /// The turn that it has. It may have given way to a later one since.
    began_in: u64,
    /// The latest turn that it knows. It gives way when another one has come.
    pub turn: u64,
    /// When it ends, as was told last.
    told_end: Option<Instant>,
}

/// An end is told again if it is earlier by this: the track was sought through.
const EARLIER: Duration = Duration::from_secs(1);

enum Phase {
    /// The gain of the track before is still higher. So many frames later it is not: the track begins there.
    Rising { begins_in: u64, playlist: Option<(String, usize)> },
    /// The track is announced.
    Begun,
}

impl Track {
    /// A track that rises over `rise`. A playlist that begins with it is told when the track begins.
    pub fn new(opened: OpenedTrack, rate: SampleRate, rise: FrameCount, began: Began) -> Track {
        let mut voice = Voice::new(opened.feed, opened.file_gain, rate);
        if rise.0 > 0 {
            voice.gain.fade = GainRamp::new(0.0, 1.0, rise, Curve::EqualPower);
        }
        Track {
            info: opened.info,
            voice,
            start_next: opened.start_next,
            phase: Phase::Rising { begins_in: 0, playlist: began.list },
            skipped: None,
            fallback: opened.fallback,
            began_in: began.turn,
            turn: began.turn,
            told_end: None,
        }
    }

    /// When it ends by itself, if its decoder has found that by `now`, and it was not told yet.
    pub fn new_end(&mut self, now: Instant, rate: SampleRate) -> Option<Instant> {
        let ends = now + rate.duration_of(self.voice.remaining()?);
        let is_new = self.told_end.is_none_or(|told| ends + EARLIER < told);
        is_new.then(|| *self.told_end.insert(ends))
    }

    /// Makes it begin where its gain passes that of the track before, which fades by `outgoing`.
    pub fn begin_over(&mut self, outgoing: &GainRamp) {
        if let Phase::Rising { begins_in, .. } = &mut self.phase {
            *begins_in = crossing(outgoing, &self.voice.gain.fade).0;
        }
    }

    /// How it meets the next one, as far as its end is known: only its decoder knows that, and it is far
    /// enough ahead.
    pub fn meeting(&self) -> Meeting {
        Meeting { kind: self.info.kind, length: self.voice.end(), start_next: self.start_next }
    }

    /// Whether it has faded out because it is to give way.
    pub fn has_faded_out(&self) -> bool {
        self.voice.gate() == Gate::Closing(Then::End) && self.voice.gain.fade.settled() == Some(0.0)
    }

    /// Whether it is this entry of what is up next.
    pub fn is(&self, id: EntryId) -> bool {
        self.info.id == id && !self.fallback
    }

    /// How far it is.
    pub fn aired(&self) -> Aired {
        Aired {
            track: self.info.clone(),
            played: self.voice.position(),
            remaining: self.remaining(),
            fallback: self.fallback,
        }
    }

    /// Its entry, and the turn that it has; the fallback's have none.
    pub fn began(&self) -> Option<Due> {
        (!self.fallback).then_some(Due { entry: self.info.id, turn: self.began_in })
    }

    /// Frames until it begins; `None` once it has begun.
    pub fn begins_in(&self) -> Option<u64> {
        match self.phase {
            Phase::Rising { begins_in, .. } => Some(begins_in),
            Phase::Begun => None,
        }
    }

    /// The track begins, unless it has begun: it is named, and told of.
    pub fn begin(&mut self, at: FramePos, news: &mut Vec<News>) {
        if let Phase::Rising { playlist, .. } = std::mem::replace(&mut self.phase, Phase::Begun) {
            news.push(News::Begins { track: self.info.clone(), at, began: self.began() });
            news.extend(playlist.map(|(name, length)| News::Event(Event::PlaylistChange { name, length })));
        }
    }

    /// Adds its next frames to `out`, and says how many.
    pub fn mix(&mut self, out: &mut [f32], frames: usize, scratch: &mut Scratch) -> usize {
        let frames = match self.voice.mix(out, scratch) {
            Mixed::On => frames,
            Mixed::Ended(short) => short,
        };
        if let Phase::Rising { begins_in, .. } = &mut self.phase {
            *begins_in = begins_in.saturating_sub(frames as u64);
        }
        frames
    }

    /// Whether all of it has been heard.
    pub fn has_ended(&mut self) -> bool {
        self.voice.ending().is_some()
    }

    /// How much of it is to come, as well as it is known: from what its decoder found, else from what its
    /// file declares. A track that goes on beyond that has shown it to be wrong.
    fn remaining(&self) -> Option<FrameCount> {
        self.voice.remaining().or_else(|| {
            let left = self.info.duration?.0.checked_sub(self.voice.position().0)?;
            (left > 0).then_some(FrameCount(left))
        })
    }

    /// Whether it fades out in order to go on elsewhere.
    pub fn is_seeking(&self) -> bool {
        matches!(self.voice.gate(), Gate::Closing(Then::Seek(_)))
    }

    /// A seek whose fade is over goes on where it was to go.
    pub fn finish_seek(&mut self) {
        match (self.is_seeking(), self.has_ended()) {
            (true, true) => self.voice.finish_closing_early(),
            (true, false) => self.voice.finish_closing(),
            (false, _) => None,
        };
    }

    /// Fades out over what is left of it.
    pub fn fade_to_end(&mut self, left: FrameCount) {
        if self.voice.gate() == Gate::Open {
            self.voice.close(left, Curve::Smooth, Then::End);
        }
    }
}

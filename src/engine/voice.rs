//! One thing sounding in a mixer: what it plays and how loud. Lives on the mixer's thread.

use std::time::Duration;

use super::decode::{Ending, Feed, Taken};
use crate::audio::{BLOCK_FRAMES, Channels};
use crate::playout::{Curve, Gain, GainRamp, VoiceGain, add};
use crate::units::FrameCount;

/// Buffers that voices share, one after the other.
pub(crate) struct Scratch {
    channels: Channels,
    pcm: Vec<f32>,
    gains: Vec<f32>,
    /// How long a decoder that is behind is waited for. `None` on the machine's clock: what is not
    /// there in time is silence.
    patience: Option<Duration>,
}

impl Scratch {
    pub fn new(channels: Channels, patience: Option<Duration>) -> Scratch {
        Scratch {
            channels,
            pcm: vec![0.0; BLOCK_FRAMES * channels.count()],
            gains: vec![0.0; BLOCK_FRAMES],
            patience,
        }
    }

    /// How long a decoder that is behind is waited for.
    pub fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Adds `part` to `out`, times the next gains of `ramp`.
    pub fn add_with_ramp(&mut self, out: &mut [f32], part: &[f32], ramp: &mut GainRamp) {
        let frames = out.len() / self.channels.count();
        let gain = match ramp.settled() {
            Some(gain) => Gain::Constant(gain),
            None => {
                ramp.fill(&mut self.gains[..frames]);
                Gain::EachFrame(&self.gains[..frames])
            }
        };
        add(out, part, gain, self.channels);
    }
}

/// A feed with its gain.
pub(crate) struct Voice {
    feed: Feed,
    pub gain: VoiceGain,
    /// Blocks in a row for which the decoder had nothing.
    starved: u32,
}

/// What a voice gave to a stretch of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mixed {
    /// As much as there was room for, or silence because its decoder is behind.
    On,
    /// So many frames, and they were its last.
    Ended(usize),
}

impl Voice {
    pub fn new(feed: Feed, level: f32) -> Voice {
        Voice { feed, gain: VoiceGain::new(level), starved: 0 }
    }

    /// Adds its next frames to `out`, at most a block.
    pub fn mix(&mut self, out: &mut [f32], scratch: &mut Scratch) -> Mixed {
        let channels = scratch.channels;
        let pcm = &mut scratch.pcm[..out.len()];
        let taken = self.feed.read(pcm, scratch.patience);
        let frames = match taken {
            Taken::Full => out.len() / channels.count(),
            Taken::Behind(frames) | Taken::Ended(frames) => frames,
        };
        let gain = self.gain.next(&mut scratch.gains[..frames]);
        add(out, &pcm[..frames * channels.count()], gain, channels);
        // Volumes change and fades end by the clock, whether or not there is anything to hear of them;
        // only what fades in waits for its sound.
        let late = FrameCount((out.len() / channels.count() - frames) as u64);
        self.gain.volume.advance(late);
        if self.gain.fade.target() == 0.0 {
            self.gain.fade.advance(late);
        }
        self.starved = if matches!(taken, Taken::Behind(_)) { self.starved + 1 } else { 0 };
        match taken {
            Taken::Ended(frames) => Mixed::Ended(frames),
            _ => Mixed::On,
        }
    }

    /// Frames from its source's beginning to what sounds next.
    pub fn position(&self) -> FrameCount {
        self.feed.position()
    }

    /// How many frames there are still to come, once the decoder has seen the end.
    pub fn remaining(&self) -> Option<FrameCount> {
        let end = self.feed.end()?;
        Some(FrameCount(end.0.saturating_sub(self.position().0)))
    }

    /// How it ended, once it has.
    pub fn ending(&self) -> Option<&Ending> {
        self.feed.ending()
    }

    /// Stretches in a row in which it was to sound and its decoder had nothing.
    pub fn starved(&self) -> u32 {
        self.starved
    }

    /// Goes on at `to`.
    pub fn seek(&mut self, to: FrameCount) {
        self.feed.seek(to);
    }

    /// Fades from where it is.
    pub fn fade(&mut self, to: f32, frames: FrameCount, curve: Curve) {
        self.gain.fade.turn_to(to, frames, curve);
    }
}

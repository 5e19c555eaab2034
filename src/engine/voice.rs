//! One thing sounding in a mixer: what it plays, how loud, and whether it sounds at all. Tracks and decks
//! pause, seek and stop by the same [`Gate`]. Lives on the mixer's thread.

use std::time::Duration;

use crate::audio::{BLOCK_FRAMES, Channels};
use crate::playout::{Curve, Gain, GainRamp, VoiceGain, add};
use crate::ring::{Ending, Feed, Taken};
use crate::units::{FrameCount, SampleRate};

/// A fade so short that it is heard as a cut, but without a click.
pub(crate) const CUT: Duration = Duration::from_millis(10);

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

/// Whether a voice sounds. It opens and closes by a fade, and never with a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Open,
    /// The voice fades out. What follows is due at the fade's end.
    Closing(Then),
    Closed,
}

/// Why a gate closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The voice waits: where it is, or where a seek has sent it meanwhile.
    Pause {
        at: Option<FrameCount>,
    },
    /// The voice goes on there, and fades in again.
    Seek(FrameCount),
    End,
}

/// A feed with its gain.
pub(crate) struct Voice {
    feed: Feed,
    pub gain: VoiceGain,
    gate: Gate,
    /// [`CUT`] at the pipeline's rate.
    cut: FrameCount,
    /// How many calls of [`mix`](Voice::mix) in a row found the decoder behind.
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
    /// A voice at full volume, times what its file asks for.
    pub fn new(feed: Feed, file_gain: f32, rate: SampleRate) -> Voice {
        Voice {
            feed,
            gain: VoiceGain::new(file_gain),
            gate: Gate::Open,
            cut: rate.frames_in(CUT),
            starved: 0,
        }
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

    /// Waits until its decoder is as far ahead as it may be.
    pub fn wait_until_ahead(&self, patience: Duration) {
        self.feed.wait_until_ahead(patience);
    }

    /// Frames from its source's beginning to what sounds next.
    pub fn position(&self) -> FrameCount {
        self.feed.position()
    }

    /// How long its source is, once the decoder has seen the end.
    pub fn end(&self) -> Option<FrameCount> {
        self.feed.end()
    }

    /// How many frames there are still to come, once the decoder has seen the end.
    pub fn remaining(&self) -> Option<FrameCount> {
        let end = self.end()?;
        Some(FrameCount(end.0.saturating_sub(self.position().0)))
    }

    /// How it ended, once it has.
    pub fn ending(&mut self) -> Option<&Ending> {
        self.feed.ending()
    }

    /// How many calls of [`mix`](Voice::mix) in a row found the decoder behind.
    pub fn starved(&self) -> u32 {
        self.starved
    }

    /// Whether it sounds.
    pub fn gate(&self) -> Gate {
        self.gate
    }

    /// Makes a voice that has not sounded yet wait for [`open`](Voice::open).
    pub fn start_closed(&mut self) {
        self.gate = Gate::Closed;
        self.gain.fade = GainRamp::constant(0.0);
    }

    /// Fades in from where the gain is.
    pub fn open(&mut self) {
        self.gate = Gate::Open;
        self.gain.fade.ramp_to(1.0, self.cut, Curve::Smooth);
    }

    /// Fades out from where the gain is; at the fade's end `then` is due.
    pub fn close(&mut self, fade: FrameCount, curve: Curve, then: Then) {
        self.gain.fade.ramp_to(0.0, fade, curve);
        self.gate = Gate::Closing(then);
    }

    /// Changes what is due at the end of a fade that has begun.
    pub fn close_for(&mut self, then: Then) {
        debug_assert!(matches!(self.gate, Gate::Closing(_)), "the voice fades out");
        self.gate = Gate::Closing(then);
    }

    /// Goes on at `to`, without a click.
    pub fn seek_softly(&mut self, to: FrameCount) {
        self.close(self.cut, Curve::Smooth, Then::Seek(to));
    }

    /// Goes on at `to` at once: for a voice that nobody hears.
    pub fn seek(&mut self, to: FrameCount) {
        self.feed.seek(to);
    }

    /// To be called at every frame at which a fade ends. Once the voice has faded out, does what it was
    /// closed for, and says what that was.
    pub fn finish_closing(&mut self) -> Option<Then> {
        if self.gain.fade.left() > FrameCount(0) { None } else { self.finish_closing_early() }
    }

    /// The same without waiting for the fade: for a voice that has nothing left to fade.
    pub fn finish_closing_early(&mut self) -> Option<Then> {
        let Gate::Closing(then) = self.gate else { return None };
        match then {
            Then::Seek(to) => {
                self.seek(to);
                self.open();
            }
            Then::Pause { at } => {
                self.gate = Gate::Closed;
                if let Some(to) = at {
                    self.seek(to);
                }
            }
            Then::End => self.gate = Gate::Closed,
        }
        Some(then)
    }
}

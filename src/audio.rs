//! Uncompressed audio as it travels through a pipeline: interleaved 32-bit floats, nominally
//! within -1.0..=1.0.

use crate::units::{FramePos, SampleRate};

/// How many frames a PCM block holds.
pub const BLOCK_FRAMES: usize = 1024;

/// How many samples make a frame inside a pipeline. Files with more channels are mixed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channels {
    /// One sample a frame.
    Mono,
    /// Left, then right.
    Stereo,
}

impl Channels {
    /// 1 or 2.
    pub const fn count(self) -> usize {
        match self {
            Channels::Mono => 1,
            Channels::Stereo => 2,
        }
    }

    /// The layout with `count` channels, if a pipeline can have it.
    pub const fn from_count(count: usize) -> Option<Channels> {
        match count {
            1 => Some(Channels::Mono),
            2 => Some(Channels::Stereo),
            _ => None,
        }
    }
}

/// The one shape that all audio inside a pipeline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PcmSpec {
    /// Frames per second.
    pub rate: SampleRate,
    /// Samples per frame.
    pub channels: Channels,
}

impl PcmSpec {
    /// 44.1 kHz stereo.
    pub const CD: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Stereo };
}

/// [`BLOCK_FRAMES`] interleaved frames at the pipeline's rate, with their place on its sample clock.
#[derive(Clone, Debug, PartialEq)]
pub struct PcmBlock {
    /// Where the first frame lies on the pipeline's sample clock.
    pub position: FramePos,
    /// `BLOCK_FRAMES * channels` interleaved samples.
    pub samples: Box<[f32]>,
}

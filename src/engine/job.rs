//! A job: the PCM that the mixer hands to all outputs at once, and the titles that change in it.

use std::sync::Arc;

use crate::audio::{BLOCK_FRAMES, PcmBlock, PcmSpec};
use crate::metadata::Title;
use crate::units::{FrameCount, FramePos};

/// How many blocks make a job at this rate: about 100 ms. Smaller jobs cost half as much CPU again.
pub(crate) fn job_blocks(spec: PcmSpec) -> usize {
    (spec.rate.hz() as usize / 10 / BLOCK_FRAMES).max(1)
}

/// What the mixer hands to every output at once.
pub(crate) struct Job {
    pub blocks: Vec<PcmBlock>,
    pub marks: Vec<Mark>,
}

impl Job {
    /// Where its first frame lies on the sample clock.
    pub fn position(&self) -> FramePos {
        self.blocks.first().map(|block| block.position).unwrap_or_default()
    }

    /// How many frames it has.
    pub fn frames(&self) -> FrameCount {
        FrameCount((self.blocks.len() * BLOCK_FRAMES) as u64)
    }
}

/// A title that takes effect at a sample.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub at: FramePos,
    pub title: Arc<Title>,
    /// The only output that it is for; `None`: all.
    pub output: Option<OutputId>,
}

/// An output of a pipeline, as long as it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OutputId(pub u32);

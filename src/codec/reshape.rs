//! Brings PCM of any shape to the one shape of a pipeline: fewer channels first, then the rate,
//! then mono to both sides, so that no channel is resampled that need not be.

use super::downmix::{Downmix, Speaker, spread};
use super::resample::Resampler;
use crate::audio::{Channels, PcmSpec};
use crate::units::{FrameCount, SampleRate};

/// The shape of a file's PCM: its rate and what its channels are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rate: SampleRate,
    pub(crate) speakers: Box<[Speaker]>,
}

/// The way from one shape to the pipeline's.
pub(crate) struct Reshape {
    mix: Option<Downmix>,
    resampler: Option<Resampler>,
    spread: bool,
    mixed: Vec<f32>,
    resampled: Vec<f32>,
}

impl Reshape {
    /// From `from` to `to`. Where both are the same, frames pass through bit for bit.
    pub(crate) fn new(from: &Shape, to: PcmSpec) -> Reshape {
        let narrow = from.speakers.len().min(to.channels.count());
        let resampler = (from.rate != to.rate).then(|| Resampler::new(from.rate, to.rate, narrow));
        Reshape {
            mix: Downmix::new(&from.speakers, to.channels),
            resampler,
            spread: narrow == 1 && to.channels == Channels::Stereo,
            mixed: Vec::new(),
            resampled: Vec::new(),
        }
    }

    /// Where to begin in the file so that frame `target` of the pipeline comes out right: the frame
    /// of the file, and how many frames of the output to drop then.
    pub(crate) fn entry(&self, target: FrameCount) -> (FrameCount, FrameCount) {
        match &self.resampler {
            Some(resampler) => resampler.entry(target),
            None => (target, FrameCount(0)),
        }
    }

    /// Takes whole frames in the file's shape and appends what is ready in the pipeline's.
    pub(crate) fn push(&mut self, pcm: &[f32], out: &mut Vec<f32>) {
        let pcm = match &self.mix {
            Some(mix) => {
                self.mixed.clear();
                mix.mix(pcm, &mut self.mixed);
                &self.mixed
            }
            None => pcm,
        };
        match (&mut self.resampler, self.spread) {
            (None, false) => out.extend_from_slice(pcm),
            (None, true) => spread(pcm, out),
            (Some(resampler), false) => resampler.push(pcm, out),
            (Some(resampler), true) => {
                self.resampled.clear();
                resampler.push(pcm, &mut self.resampled);
                spread(&self.resampled, out);
            }
        }
    }

    /// Appends what the resampler still holds. It is as new afterwards.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        let Some(resampler) = &mut self.resampler else { return };
        if self.spread {
            self.resampled.clear();
            resampler.finish(&mut self.resampled);
            spread(&self.resampled, out);
        } else {
            resampler.finish(out);
        }
    }
}

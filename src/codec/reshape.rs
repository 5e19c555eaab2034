//! Converts PCM from a file's channels and rate to those of a pipeline. Channels are mixed down before
//! resampling, and mono is spread to stereo afterwards, so that as few channels as possible are resampled.

use super::downmix::{Downmix, Speaker, spread};
use super::resample::Resampler;
use crate::audio::{Channels, PcmSpec};
use crate::units::{FrameCount, SampleRate};

/// The rate and the channels of a file's PCM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rate: SampleRate,
    pub(crate) speakers: Box<[Speaker]>,
}

impl Shape {
    /// The pipeline's shape that is nearest to it.
    pub(crate) fn spec(&self) -> PcmSpec {
        let channels = if self.speakers.len() == 1 { Channels::Mono } else { Channels::Stereo };
        PcmSpec { rate: self.rate, channels }
    }
}

/// A running conversion from one shape to the pipeline's.
pub(crate) struct Reshape {
    mix: Option<Downmix>,
    resampler: Option<Resampler>,
    spread: bool,
    mixed: Vec<f32>,
    resampled: Vec<f32>,
}

impl Reshape {
    /// A conversion from `from` to `to`. If both are the same, frames pass unchanged.
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

    /// Where to start decoding for output frame `target`: a frame of the file, and the number of output
    /// frames to drop.
    pub(crate) fn entry(&self, target: FrameCount) -> (FrameCount, FrameCount) {
        match &self.resampler {
            Some(resampler) => resampler.entry(target),
            None => (target, FrameCount(0)),
        }
    }

    /// Converts whole frames, and appends the output that is ready.
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

    /// Appends the rest of the output, and resets the conversion.
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

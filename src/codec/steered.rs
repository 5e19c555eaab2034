//! Converts the PCM of a live source to a pipeline's shape, and plays it a little faster or slower meanwhile,
//! as the level of its buffer asks for.

use rubato::{Adjustable, Async, FixedAsync, Resampler, SincInterpolationParameters, WindowFunction};

use super::downmix::{Downmix, spread};
use super::resample;
use super::reshape::Shape;
use crate::audio::{Channels, PcmSpec};

/// The length of the filter, in frames. Flat up to 0.9 of half the lower rate, which is 19.8 kHz of 22.05:
/// more than lossy formats send.
const FILTER_FRAMES: usize = 128;

/// Frames that are resampled at once. The ratio glides from the one to the next.
const CHUNK_FRAMES: usize = 256;

/// The ratio may be off by twice what is asked for.
const MOST: f64 = 1.01;

/// A running conversion whose ratio is steered.
pub(crate) struct SteeredReshape {
    mix: Option<Downmix>,
    filter: Async<f32>,
    channels: usize,
    spread: bool,
    /// Frames that do not fill a chunk yet.
    input: Vec<f32>,
    output: Vec<f32>,
}

impl SteeredReshape {
    /// A conversion from one shape to the other.
    pub fn new(from: &Shape, to: PcmSpec) -> SteeredReshape {
        let channels = from.speakers.len().min(to.channels.count());
        let ratio = f64::from(to.rate.hz()) / f64::from(from.rate.hz());
        let sinc = SincInterpolationParameters::new(FILTER_FRAMES, WindowFunction::BlackmanHarris2);
        let filter = Async::new_sinc(ratio, MOST, &sinc, CHUNK_FRAMES, channels, FixedAsync::Input)
            .expect("the ratio is one of two rates");
        SteeredReshape {
            mix: Downmix::new(&from.speakers, to.channels),
            output: vec![0.0; filter.output_frames_max() * channels],
            filter,
            channels,
            spread: channels == 1 && to.channels == Channels::Stereo,
            input: Vec::new(),
        }
    }

    /// Converts whole frames, and appends the output that is ready. `correction` is by how much more frames
    /// are made of them.
    pub fn push(&mut self, pcm: &[f32], correction: f64, out: &mut Vec<f32>) {
        match &mut self.mix {
            Some(mix) => mix.mix(pcm, &mut self.input),
            None => self.input.extend_from_slice(pcm),
        }
        let full = CHUNK_FRAMES * self.channels;
        let mut done = 0;
        while self.input.len() - done >= full {
            self.filter
                .set_resample_ratio_relative(1.0 + correction, true)
                .expect("corrections are smaller than that");
            self.turn(done, out);
            done += full;
        }
        self.input.drain(..done);
    }

    /// Appends what is still on its way, and a few milliseconds of silence behind it: no more comes.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let silence = (FILTER_FRAMES + CHUNK_FRAMES) * self.channels;
        let whole = (self.input.len() + silence) / (CHUNK_FRAMES * self.channels);
        self.input.resize(whole * CHUNK_FRAMES * self.channels, 0.0);
        for chunk in 0..whole {
            self.turn(chunk * CHUNK_FRAMES * self.channels, out);
        }
        self.input.clear();
    }

    /// Resamples the chunk that begins at this sample of the input.
    fn turn(&mut self, at: usize, out: &mut Vec<f32>) {
        let chunk = &self.input[at..at + CHUNK_FRAMES * self.channels];
        let made = resample::turn(&mut self.filter, chunk, &mut self.output, self.channels);
        let made = &self.output[..made * self.channels];
        match self.spread {
            true => spread(made, out),
            false => out.extend_from_slice(made),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::codec::downmix::Speaker;
    use crate::units::SampleRate;

    fn shape(hz: u32, channels: usize) -> Shape {
        Shape { rate: SampleRate::new(hz).unwrap(), speakers: Speaker::usual(channels).unwrap().into() }
    }

    /// The frequency of a tone, by its zero crossings.
    fn pitch(samples: &[f32]) -> f64 {
        let rises: Vec<f64> = samples
            .windows(2)
            .enumerate()
            .filter(|(_, two)| two[0] <= 0.0 && two[1] > 0.0)
            .map(|(at, two)| at as f64 + f64::from(-two[0] / (two[1] - two[0])))
            .collect();
        (rises.len() - 1) as f64 / (rises.last().unwrap() - rises[0])
    }

    #[test]
    fn a_tone_keeps_its_level_and_its_pitch_follows_the_correction() {
        for hz in [22_050, 44_100, 48_000] {
            for correction in [0.0, 0.005, -0.005] {
                let tone: Vec<f32> = (0..hz * 2)
                    .flat_map(|n| {
                        let sine = (TAU * 1000.0 * f64::from(n) / f64::from(hz)).sin();
                        [0.5 * sine as f32, 0.25 * sine as f32]
                    })
                    .collect();
                let mut reshape = SteeredReshape::new(&shape(hz, 2), PcmSpec::CD);
                let mut out = Vec::new();
                tone.chunks(2 * 777).for_each(|part| reshape.push(part, correction, &mut out));
                for (channel, level) in [(0, 0.5), (1, 0.25)] {
                    let heard: Vec<f32> = out.iter().skip(channel).step_by(2).copied().skip(4410).collect();
                    let peak = heard.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
                    assert!((peak - level).abs() < 0.005, "{hz}: {peak}");
                    let wanted = 1000.0 / (1.0 + correction) / 44_100.0;
                    assert!((pitch(&heard) / wanted - 1.0).abs() < 1e-4, "{hz} {correction}");
                }
            }
        }
    }

    #[test]
    fn mono_becomes_stereo_and_stereo_mono() {
        let mut out = Vec::new();
        SteeredReshape::new(&shape(44_100, 1), PcmSpec::CD).push(&[0.5; 44_100], 0.0, &mut out);
        let [.., left, right] = out[..] else { panic!("nothing came") };
        assert!((left - 0.5).abs() < 1e-3 && left == right);
        let mono = PcmSpec { channels: Channels::Mono, ..PcmSpec::CD };
        let mut out = Vec::new();
        SteeredReshape::new(&shape(48_000, 2), mono).push(&[0.5; 96_000], 0.0, &mut out);
        let frames = out.len() as f64;
        assert!((frames - 44_100.0).abs() < 600.0, "{frames}");
        assert!((out.last().unwrap() - 0.5).abs() < 1e-3);
    }
}

//! For tests: tones to encode, other people's decoders, and an ear that judges what comes out.

use std::f64::consts::TAU;
use std::fs;
use std::process::Command;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::audio::{Channels, PcmSpec};
use crate::codec::tools::run;
use crate::packet::Packet;

/// A sine for each channel, each with its own pitch and level.
pub(crate) fn sines(spec: PcmSpec, tones: &[(f64, f64)], frames: usize) -> Vec<f32> {
    assert_eq!(tones.len(), spec.channels.count());
    let step = TAU / f64::from(spec.rate.hz());
    (0..frames)
        .flat_map(|frame| {
            tones.iter().map(move |(hz, level)| (level * (step * hz * frame as f64).sin()) as f32)
        })
        .collect()
}

/// Noise within ±0.5, the same in all channels, and each time.
pub(crate) fn noise(spec: PcmSpec, frames: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..frames).flat_map(|_| vec![random.f32() - 0.5; spec.channels.count()]).collect()
}

/// What a decoder made of a stream.
pub(crate) struct Heard {
    pub rate: u32,
    /// One list of samples for each channel.
    pub channels: Vec<Vec<f32>>,
}

impl Heard {
    pub(crate) fn frames(&self) -> usize {
        self.channels[0].len()
    }

    /// The loudest tone of a channel in Hz and its level, over `range` of its frames.
    pub(crate) fn tone(&self, channel: usize, range: std::ops::Range<usize>) -> (f64, f64) {
        let samples = &self.channels[channel][range];
        let spectrum = spectrum(samples);
        let loudest = |at: &usize| spectrum[*at];
        let peak = (1..spectrum.len() - 1).max_by(|a, b| loudest(a).total_cmp(&loudest(b))).unwrap();
        // A parabola through the logarithms of the peak and its neighbours has its top at the pitch.
        let [left, top, right] = [peak - 1, peak, peak + 1].map(|bin| spectrum[bin].ln());
        let offset = (left - right) / (2.0 * (left - 2.0 * top + right));
        let hz = (peak as f64 + offset) * f64::from(self.rate) / samples.len() as f64;
        (hz, self.level(samples, hz))
    }

    /// How strong the tone of `hz` is in `samples`.
    fn level(&self, samples: &[f32], hz: f64) -> f64 {
        let step = TAU * hz / f64::from(self.rate);
        let (mut sum, mut weights) = (Complex::new(0.0, 0.0), 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let weight = hann(n, samples.len());
            sum += Complex::from_polar(weight * f64::from(*sample), -step * n as f64);
            weights += weight;
        }
        2.0 * sum.norm() / weights
    }
}

fn hann(n: usize, len: usize) -> f64 {
    0.5 - 0.5 * (TAU * n as f64 / len as f64).cos()
}

fn spectrum(samples: &[f32]) -> Vec<f64> {
    let len = samples.len();
    let mut bins: Vec<_> =
        (0..len).map(|n| Complex::new(hann(n, len) * f64::from(samples[n]), 0.0)).collect();
    FftPlanner::new().plan_fft_forward(len).process(&mut bins);
    bins[..len / 2].iter().map(|bin| bin.norm()).collect()
}

/// By how many frames `late` follows `early` (both mono): where they are most alike.
pub(crate) fn lateness(early: &[f32], late: &[f32]) -> usize {
    let len = (early.len() + late.len()).next_power_of_two();
    let mut planner = FftPlanner::new();
    let transform = |samples: &[f32], planner: &mut FftPlanner<f64>| {
        let mut bins: Vec<_> = samples.iter().map(|sample| Complex::new(f64::from(*sample), 0.0)).collect();
        bins.resize(len, Complex::new(0.0, 0.0));
        planner.plan_fft_forward(len).process(&mut bins);
        bins
    };
    let (early, late) = (transform(early, &mut planner), transform(late, &mut planner));
    let mut alike: Vec<_> = early.iter().zip(&late).map(|(a, b)| a.conj() * b).collect();
    planner.plan_fft_inverse(len).process(&mut alike);
    (0..len).max_by(|a, b| alike[*a].re.total_cmp(&alike[*b].re)).unwrap()
}

/// Packets as a listener gets them: one after the other.
pub(crate) fn stream(packets: &[Packet]) -> Vec<u8> {
    packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect()
}

/// Decodes a stream with ffmpeg, which must find nothing wrong with it. `format` is `mp3` or `aac`.
pub(crate) fn ffmpeg(format: &str, stream: &[u8], spec: PcmSpec) -> Heard {
    let dir = tempfile::tempdir().unwrap();
    let (file, raw) = (dir.path().join("stream"), dir.path().join("raw"));
    fs::write(&file, stream).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-v", "warning", "-f", format, "-i"]).arg(&file);
    if spec.channels == Channels::Mono {
        // Mono HE-AAC is played in stereo, in case that it turns out to be version 2.
        ffmpeg.args(["-af", "pan=mono|c0=c0"]);
    }
    ffmpeg.args(["-f", "f32le", "-ar", &spec.rate.hz().to_string()]).arg(&raw);
    run(&mut ffmpeg, &["Estimating duration from bitrate", "ignoring layout"]);
    heard(&fs::read(raw).unwrap(), spec)
}

/// Decodes an MP3 stream with mpg123, which must find nothing wrong with it.
#[cfg(feature = "mp3")]
pub(crate) fn mpg123(stream: &[u8], spec: PcmSpec) -> Heard {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stream");
    fs::write(&file, stream).unwrap();
    let raw = run(Command::new("mpg123").args(["-q", "--no-gapless", "-e", "f32", "-s"]).arg(&file), &[]);
    heard(&raw, spec)
}

fn heard(raw: &[u8], spec: PcmSpec) -> Heard {
    let count = spec.channels.count();
    let samples: Vec<f32> = raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let channels =
        (0..count).map(|channel| samples.iter().skip(channel).step_by(count).copied().collect()).collect();
    Heard { rate: spec.rate.hz(), channels }
}

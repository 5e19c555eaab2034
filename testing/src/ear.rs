//! Decodes streams with other decoders than ours, and judges them: pitch, level, energy, clicks.

use std::f64::consts::TAU;
use std::fs;
use std::ops::Range;
use std::process::Command;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::sound::Shape;
use crate::tools::{run, run_with};

/// What a decoder made of a stream.
#[derive(Debug)]
pub struct Heard {
    pub hz: u32,
    /// One list of samples for each channel.
    pub channels: Vec<Vec<f32>>,
}

/// Decodes a stream with ffmpeg, which must find nothing wrong with it. `format` is `mp3` or `aac`, or the
/// content type of such a stream.
pub fn ffmpeg(format: &str, stream: &[u8], shape: impl Into<Shape>) -> Heard {
    let shape = shape.into();
    let format = format.strip_prefix("audio/").unwrap_or(format).replace("mpeg", "mp3");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-v", "warning", "-f", &format, "-i", "pipe:0"]);
    if shape.channels == 1 {
        // Mono HE-AAC is played in stereo, in case that it turns out to be version 2.
        ffmpeg.args(["-af", "pan=mono|c0=c0"]);
    }
    ffmpeg.args(["-f", "f32le", "-ac", &shape.channels.to_string(), "-ar", &shape.hz.to_string(), "pipe:1"]);
    Heard::raw(&run_with(&mut ffmpeg, stream, &["ignoring layout"]), shape)
}

/// Decodes an MP3 stream with mpg123, which must find nothing wrong with it.
pub fn mpg123(stream: &[u8], shape: impl Into<Shape>) -> Heard {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stream");
    fs::write(&file, stream).unwrap();
    let raw = run(Command::new("mpg123").args(["-q", "--no-gapless", "-e", "f32", "-s"]).arg(&file), &[]);
    Heard::raw(&raw, shape.into())
}

impl Heard {
    /// Interleaved samples.
    pub fn new(samples: &[f32], shape: impl Into<Shape>) -> Heard {
        let Shape { hz, channels: count } = shape.into();
        let channel = |channel| samples.iter().skip(channel).step_by(count).copied().collect();
        Heard { hz, channels: (0..count).map(channel).collect() }
    }

    /// Interleaved samples as bytes.
    fn raw(bytes: &[u8], shape: Shape) -> Heard {
        let samples: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Heard::new(&samples, shape)
    }

    pub fn frames(&self) -> usize {
        self.channels[0].len()
    }

    /// So many seconds, in frames.
    pub fn at(&self, seconds: f64) -> usize {
        (seconds * f64::from(self.hz)) as usize
    }

    /// The loudest tone: its pitch in Hz.
    pub fn pitch(&self, channel: usize, range: Range<usize>) -> f64 {
        let samples = &self.channels[channel][range];
        let spectrum = spectrum(samples);
        let peak = (1..spectrum.len() - 1).max_by(|a, b| spectrum[*a].total_cmp(&spectrum[*b])).unwrap();
        // A parabola through the logarithms of the peak and its neighbours has its top at the pitch.
        let [left, top, right] = [peak - 1, peak, peak + 1].map(|bin| spectrum[bin].ln());
        let offset = (left - right) / (2.0 * (left - 2.0 * top + right));
        (peak as f64 + offset) * f64::from(self.hz) / samples.len() as f64
    }

    /// The loudest tone: its pitch in Hz and its amplitude.
    pub fn tone(&self, channel: usize, range: Range<usize>) -> (f64, f64) {
        let hz = self.pitch(channel, range.clone());
        (hz, self.amplitude(channel, range, hz))
    }

    /// The amplitude of the tone of this pitch.
    fn amplitude(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        self.phasor(channel, range, hz).norm()
    }

    /// The phase of the tone of this pitch at the beginning of `range`, in cycles from 0 to 1.
    pub fn phase(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        (self.phasor(channel, range, hz).arg() / TAU).rem_euclid(1.0)
    }

    /// Amplitude and phase of the tone of this pitch.
    fn phasor(&self, channel: usize, range: Range<usize>, hz: f64) -> Complex<f64> {
        let samples = &self.channels[channel][range];
        let step = TAU * hz / f64::from(self.hz);
        let (mut sum, mut weights) = (Complex::new(0.0, 0.0), 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let weight = hann(n, samples.len());
            sum += Complex::from_polar(weight * f64::from(*sample), -step * n as f64);
            weights += weight;
        }
        2.0 * sum / weights
    }

    /// The level of the tone of this pitch. A full-scale sine has 0 dB.
    pub fn level_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        db(self.amplitude(channel, range, hz))
    }

    /// The level of all together.
    pub fn rms_db(&self, channel: usize, range: Range<usize>) -> f64 {
        rms_db(self.channels[channel][range].iter().map(|sample| f64::from(*sample)))
    }

    /// Takes a steady tone of this pitch out of every 20 ms of `range`; returns the highest level that is
    /// left, relative to the tone. A click, a gap or a jump of the phase leaves much.
    pub fn beside_tone_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        let window = self.at(0.02);
        let windows = range.clone().step_by(window / 2).take_while(|at| at + window <= range.end);
        windows.map(|at| self.rest_db(channel, at..at + window, hz)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The sharpest corner: the highest third difference of neighbouring samples. A low tone has next to
    /// none; a click, a gap with hard edges or a jump has as much as it is high.
    pub fn sharpest_db(&self, channel: usize, range: Range<usize>) -> f64 {
        let corners = self.channels[channel][range].windows(4).map(|w| w[3] - 3.0 * w[2] + 3.0 * w[1] - w[0]);
        db(f64::from(corners.fold(0.0, |most: f32, corner| most.max(corner.abs()))))
    }

    /// Takes the sine of this pitch that fits best out of one window.
    fn rest_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        let samples = &self.channels[channel][range];
        let wave = |n: usize| (TAU * hz / f64::from(self.hz) * n as f64).sin_cos();
        // Least squares for a·sin + b·cos: two equations with two unknowns.
        let (mut ss, mut sc, mut cc, mut sx, mut cx) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let ((sin, cos), x) = (wave(n), f64::from(*sample));
            (ss, sc, cc, sx, cx) =
                (ss + sin * sin, sc + sin * cos, cc + cos * cos, sx + sin * x, cx + cos * x);
        }
        let determinant = ss * cc - sc * sc;
        let (a, b) = ((sx * cc - cx * sc) / determinant, (cx * ss - sx * sc) / determinant);
        let fitted = |n| a * wave(n).0 + b * wave(n).1;
        let rest = samples.iter().enumerate().map(|(n, sample)| f64::from(*sample) - fitted(n));
        rms_db(rest) - rms_db((0..samples.len()).map(fitted))
    }
}

fn db(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-9).log10()
}

fn rms_db(samples: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = samples.len() as f64;
    db((samples.map(|sample| sample * sample).sum::<f64>() / count).sqrt())
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

/// By how many frames `late` follows `early` (both mono): the place where they are most alike.
pub fn lateness(early: &[f32], late: &[f32]) -> usize {
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

/// Takes the ICY blocks out of a stream: its audio, and every title with the number of audio bytes before it.
pub fn unweave(stream: &[u8], metaint: usize) -> (Vec<u8>, Vec<(usize, String)>) {
    let (mut audio, mut titles, mut rest) = (Vec::new(), Vec::new(), stream);
    while rest.len() > metaint {
        let (piece, after) = rest.split_at(metaint);
        audio.extend_from_slice(piece);
        // The end of a mount may cut a block.
        let length = (usize::from(after[0]) * 16).min(after.len() - 1);
        let (block, after) = after[1..].split_at(length);
        if !block.is_empty() {
            let text = String::from_utf8(block.to_vec()).expect("titles are UTF-8");
            let text = text.trim_end_matches('\0').strip_prefix("StreamTitle='").expect("a title");
            titles.push((audio.len(), text.split("';").next().unwrap().to_owned()));
        }
        rest = after;
    }
    audio.extend_from_slice(rest);
    (audio, titles)
}

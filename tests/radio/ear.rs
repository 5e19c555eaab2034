//! Judges what comes out: pitch, level, energy, clicks.

use std::f64::consts::TAU;
use std::io::Write;
use std::ops::Range;
use std::process::{Command, Stdio};

use longwave::PcmSpec;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// What somebody else's decoder made of a stream.
pub struct Heard {
    rate: f64,
    /// One list of samples for each channel.
    pub channels: Vec<Vec<f32>>,
}

/// Decodes a stream with ffmpeg, which must find nothing wrong with it.
pub fn ffmpeg(content_type: &str, stream: &[u8], spec: PcmSpec) -> Heard {
    let format = content_type.strip_prefix("audio/").unwrap().replace("mpeg", "mp3");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-v", "warning", "-f", &format, "-i", "pipe:0"]);
    ffmpeg.args(["-f", "f32le", "-ac", &spec.channels.count().to_string()]);
    ffmpeg.args(["-ar", &spec.rate.hz().to_string(), "pipe:1"]);
    let mut child =
        ffmpeg.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ffmpeg");
    let (mut stdin, stream) = (child.stdin.take().unwrap(), stream.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&stream).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{ffmpeg:?}: {said}");
    let samples = output.stdout.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Heard::new(samples, spec)
}

impl Heard {
    /// Interleaved samples.
    pub fn new(samples: Vec<f32>, spec: PcmSpec) -> Heard {
        let count = spec.channels.count();
        let channel = |channel| samples.iter().skip(channel).step_by(count).copied().collect();
        Heard { rate: spec.rate.hz().into(), channels: (0..count).map(channel).collect() }
    }

    pub fn frames(&self) -> usize {
        self.channels[0].len()
    }

    /// So many seconds, in frames.
    pub fn at(&self, seconds: f64) -> usize {
        (seconds * self.rate) as usize
    }

    /// The loudest tone: its pitch in Hz.
    pub fn pitch(&self, channel: usize, range: Range<usize>) -> f64 {
        let spectrum = spectrum(&self.channels[channel][range.clone()]);
        let peak = (1..spectrum.len() - 1).max_by(|a, b| spectrum[*a].total_cmp(&spectrum[*b])).unwrap();
        // A parabola through the logarithms of the peak and its neighbours has its top at the pitch.
        let [left, top, right] = [peak - 1, peak, peak + 1].map(|bin| spectrum[bin].ln());
        let offset = (left - right) / (2.0 * (left - 2.0 * top + right));
        (peak as f64 + offset) * self.rate / range.len() as f64
    }

    /// How loud the tone of this pitch is, a full-scale sine being 0 dB.
    pub fn level_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        let samples = &self.channels[channel][range];
        let step = TAU * hz / self.rate;
        let (mut sum, mut weights) = (Complex::new(0.0, 0.0), 0.0);
        for (n, sample) in samples.iter().enumerate() {
            let weight = hann(n, samples.len());
            sum += Complex::from_polar(weight * f64::from(*sample), -step * n as f64);
            weights += weight;
        }
        db(2.0 * sum.norm() / weights)
    }

    /// How loud everything is.
    pub fn rms_db(&self, channel: usize, range: Range<usize>) -> f64 {
        rms_db(self.channels[channel][range].iter().map(|sample| f64::from(*sample)))
    }

    /// How loud the loudest is that is left in any 20 ms of `range` without a steady tone of this
    /// pitch, relative to that tone. A click, a gap or a jump of its phase leaves much.
    pub fn beside_tone_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        let window = self.at(0.02);
        let windows = range.clone().step_by(window / 2).take_while(|at| at + window <= range.end);
        windows.map(|at| self.rest_db(channel, at..at + window, hz)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// Takes the sine of this pitch that fits best out of one window.
    fn rest_db(&self, channel: usize, range: Range<usize>, hz: f64) -> f64 {
        let samples = &self.channels[channel][range];
        let wave = |n: usize| (TAU * hz / self.rate * n as f64).sin_cos();
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

/// Takes the ICY blocks out of a stream: its audio, and every title with the audio bytes before it.
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

//! Signals, the files made of them, and what to judge a decoded file by.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::audio::{Channels, PcmSpec};
use crate::codec::file::{AudioFile, Status};
use crate::units::SampleRate;

/// A folder for a test's files, gone when the test is over.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn wav(&self, name: &str, pcm: &Pcm) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, pcm.wav()).expect("a temporary file");
        path
    }
}

/// Interleaved 16-bit frames.
#[derive(Clone)]
pub(super) struct Pcm {
    pub(super) rate: u32,
    pub(super) channels: usize,
    pub(super) samples: Vec<i16>,
}

impl Pcm {
    /// A sweep for each channel, all different, so that neither the place in time nor the channel
    /// can be mistaken.
    pub(super) fn sweeps(rate: u32, channels: usize, frames: usize) -> Pcm {
        let seconds = frames as f64 / f64::from(rate);
        let mut samples = Vec::with_capacity(frames * channels);
        for frame in 0..frames {
            let t = frame as f64 / f64::from(rate);
            for channel in 0..channels {
                let (low, high) = (200.0 + 150.0 * channel as f64, 2_400.0 - 170.0 * channel as f64);
                let phase = TAU * (low * t + (high - low) * t * t / (2.0 * seconds));
                samples.push((phase.sin() * 12_000.0) as i16);
            }
        }
        Pcm { rate, channels, samples }
    }

    /// The same sine on every channel, from frame `begin` of an endless one.
    pub(super) fn sine(rate: u32, channels: usize, hz: f64, begin: usize, frames: usize) -> Pcm {
        let sample =
            |frame: usize| ((TAU * hz * frame as f64 / f64::from(rate)).sin() * 16_000.0).round() as i16;
        let samples =
            (begin..begin + frames).flat_map(|frame| std::iter::repeat_n(sample(frame), channels)).collect();
        Pcm { rate, channels, samples }
    }

    pub(super) fn as_floats(&self) -> Vec<f32> {
        self.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect()
    }

    /// As a WAV file, with the channels in their usual places.
    pub(super) fn wav(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let block = (self.channels * 2) as u16;
        let mut wav = Vec::with_capacity(bytes.len() + 44);
        wav.extend(b"RIFF");
        wav.extend((bytes.len() as u32 + 36).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        wav.extend((self.channels as u16).to_le_bytes());
        wav.extend(self.rate.to_le_bytes());
        wav.extend((self.rate * u32::from(block)).to_le_bytes());
        wav.extend(block.to_le_bytes());
        wav.extend(b"\x10\0data");
        wav.extend((bytes.len() as u32).to_le_bytes());
        wav.extend(bytes);
        wav
    }
}

/// Runs a tool; `package` is what brings it on Debian.
pub(super) fn run<I: AsRef<std::ffi::OsStr>>(tool: &str, package: &str, args: impl IntoIterator<Item = I>) {
    let mut command = Command::new(tool);
    command.args(args).stdin(Stdio::null());
    let output = command.output().unwrap_or_else(|cause| {
        panic!("{tool} cannot be run ({cause}): this test needs the package {package}")
    });
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// Has ffmpeg make files of `input` (options and all), each with options of its own. Nothing that
/// is told may have spaces in it.
pub(super) fn ffmpeg(input: &str, folder: &Folder, files: &[(&str, &str)]) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.path(name)).collect();
    let outputs = files
        .iter()
        .zip(&paths)
        .flat_map(|((_, options), path)| options.split_ascii_whitespace().chain([path.to_str().unwrap()]));
    let input = input.split_ascii_whitespace();
    run("ffmpeg", "ffmpeg", ["-v", "error", "-y"].into_iter().chain(input).chain(outputs));
    paths
}

/// Has ffmpeg make files of another one.
pub(super) fn convert(from: &Path, folder: &Folder, files: &[(&str, &str)]) -> Vec<PathBuf> {
    ffmpeg(&format!("-i {}", from.display()), folder, files)
}

pub(super) fn spec(rate: u32, channels: Channels) -> PcmSpec {
    PcmSpec { rate: SampleRate::new(rate).unwrap(), channels }
}

pub(super) fn stereo(rate: u32) -> PcmSpec {
    spec(rate, Channels::Stereo)
}

/// All frames of a file.
pub(super) fn decode(path: &Path, spec: PcmSpec) -> Vec<f32> {
    read_all(&mut AudioFile::open(path, spec).unwrap())
}

pub(super) fn read_all(file: &mut AudioFile) -> Vec<f32> {
    let mut pcm = Vec::new();
    while file.read(&mut pcm).unwrap() == Status::More {}
    pcm
}

/// All frames of a file that may break off, and why it does.
pub(super) fn read_until_it_breaks_off(file: &mut AudioFile) -> (Vec<f32>, Option<String>) {
    let mut pcm = Vec::new();
    loop {
        match file.read(&mut pcm) {
            Ok(Status::More) => {}
            Ok(Status::End) => return (pcm, None),
            Err(reason) => return (pcm, Some(reason.to_string())),
        }
    }
}

/// One channel of interleaved samples.
pub(super) fn channel(pcm: &[f32], channels: usize, channel: usize) -> Vec<f32> {
    pcm.iter().skip(channel).step_by(channels).copied().collect()
}

/// How many frames later than in `wanted` the same sound is in `got`; up to 2,000 are looked for.
pub(super) fn lag(wanted: &[f32], got: &[f32]) -> i64 {
    const WINDOW: usize = 3_000;
    const REACH: usize = 2_000;
    // Of sounds as low as ours, every fourth sample tells enough.
    const STEP: usize = 4;
    let begin = (wanted.len().min(got.len()) - WINDOW) / 2;
    assert!(begin >= REACH, "too short to look for anything");
    let wanted: Vec<f32> = wanted[begin..begin + WINDOW].iter().copied().step_by(STEP).collect();
    let alike = |late: usize| {
        let mut sum = 0.0;
        for (n, sample) in wanted.iter().enumerate() {
            sum += sample * got[begin - REACH + late + n * STEP];
        }
        sum
    };
    let best = (0..2 * REACH).map(|late| (late, alike(late))).max_by(|a, b| a.1.total_cmp(&b.1));
    best.expect("a place").0 as i64 - REACH as i64
}

/// How far `got` is below `wanted` after taking away what they have in common, in dB.
pub(super) fn error_db(wanted: &[f32], got: &[f32]) -> f64 {
    let square = |sample: f64| sample * sample;
    let signal: f64 = wanted.iter().map(|&sample| square(f64::from(sample))).sum();
    let noise: f64 = wanted.iter().zip(got).map(|(&a, &b)| square(f64::from(a) - f64::from(b))).sum();
    10.0 * (noise / signal).log10()
}

/// What ffmpeg decodes from a file, in its own rate and channels.
pub(super) fn by_ffmpeg(path: &Path) -> Vec<f32> {
    let raw = path.with_extension("raw");
    let to = raw.to_str().expect("a name");
    run("ffmpeg", "ffmpeg", ["-v", "error", "-y", "-i", path.to_str().expect("a name"), "-f", "f32le", to]);
    let bytes = std::fs::read(&raw).expect("what ffmpeg wrote");
    bytes.as_chunks().0.iter().map(|sample| f32::from_le_bytes(*sample)).collect()
}

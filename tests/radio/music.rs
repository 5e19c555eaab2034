//! Files to play, made here or by the tools that make such files elsewhere.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use longwave::PcmSpec;

/// Writes interleaved samples as a WAV file of 32-bit floats.
pub fn wav(path: &Path, spec: PcmSpec, samples: &[f32]) -> PathBuf {
    let (rate, channels) = (spec.rate.hz(), spec.channels.count() as u16);
    let frame_bytes = 4 * channels;
    let data_bytes = 4 * samples.len() as u32;
    let mut bytes = Vec::with_capacity(44 + data_bytes as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([3_u16, channels].map(u16::to_le_bytes).concat());
    bytes.extend([rate, rate * u32::from(frame_bytes)].map(u32::to_le_bytes).concat());
    bytes.extend([frame_bytes, 32].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

/// A sine for each channel, in Hz and amplitude.
pub fn sines(spec: PcmSpec, tones: &[(f64, f64)], frames: usize) -> Vec<f32> {
    assert_eq!(tones.len(), spec.channels.count());
    let step = TAU / f64::from(spec.rate.hz());
    (0..frames)
        .flat_map(|frame| {
            tones.iter().map(move |(hz, amplitude)| (amplitude * (step * hz * frame as f64).sin()) as f32)
        })
        .collect()
}

/// White noise within `±amplitude`, another in each channel and for each seed.
pub fn noise(spec: PcmSpec, seed: u64, amplitude: f32, frames: usize) -> Vec<f32> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..frames * spec.channels.count()).map(|_| (random.f32() * 2.0 - 1.0) * amplitude).collect()
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file in another format, as ffmpeg makes it: by `path`'s extension, with tags.
pub fn converted(from: &Path, path: &Path, options: &[&str], title: Option<&str>) -> PathBuf {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(from).args(options);
    if let Some(title) = title {
        ffmpeg.arg("-metadata").arg(format!("title={title}"));
    }
    run(ffmpeg.arg(path));
    path.to_owned()
}

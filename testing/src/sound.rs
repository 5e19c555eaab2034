//! Sounds to play, and files of them.

use std::f64::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use longwave::PcmSpec;

/// The rate and the channels of PCM. A [`PcmSpec`] is one; that of a library under test has a conversion of
/// its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub hz: u32,
    pub channels: usize,
}

impl From<PcmSpec> for Shape {
    fn from(spec: PcmSpec) -> Shape {
        Shape { hz: spec.rate.hz(), channels: spec.channels.count() }
    }
}

/// A sine for each channel: its pitch in Hz and its amplitude.
pub fn sines(shape: impl Into<Shape>, tones: &[(f64, f64)], frames: usize) -> Vec<f32> {
    let shape = shape.into();
    assert_eq!(tones.len(), shape.channels);
    let step = TAU / f64::from(shape.hz);
    (0..frames)
        .flat_map(|frame| {
            tones.iter().map(move |(hz, amplitude)| (amplitude * (step * hz * frame as f64).sin()) as f32)
        })
        .collect()
}

/// The same sine in all channels.
pub fn sine(shape: impl Into<Shape>, hz: f64, amplitude: f64, frames: usize) -> Vec<f32> {
    let shape = shape.into();
    sines(shape, &vec![(hz, amplitude); shape.channels], frames)
}

/// White noise within `±amplitude`. Each channel and each seed has another.
pub fn noise(shape: impl Into<Shape>, seed: u64, amplitude: f32, frames: usize) -> Vec<f32> {
    // Neighbouring seeds make noises that are alike.
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (0..frames * shape.into().channels).map(|_| (random.f32() * 2.0 - 1.0) * amplitude).collect()
}

/// Writes interleaved samples as a WAV file of 32-bit floats: what is read is what was written, to the bit.
pub fn wav(path: &Path, shape: impl Into<Shape>, samples: &[f32]) -> PathBuf {
    let Shape { hz, channels } = shape.into();
    let frame_bytes = 4 * channels as u16;
    let data_bytes = 4 * samples.len() as u32;
    let mut bytes = Vec::with_capacity(44 + data_bytes as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + data_bytes).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    // Format 3: floats.
    bytes.extend([3, channels as u16].map(u16::to_le_bytes).concat());
    bytes.extend([hz, hz * u32::from(frame_bytes)].map(u32::to_le_bytes).concat());
    bytes.extend([frame_bytes, 32].map(u16::to_le_bytes).concat());
    bytes.extend(b"data");
    bytes.extend(data_bytes.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    fs::write(path, bytes).unwrap();
    path.to_owned()
}

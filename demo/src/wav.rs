//! Writes 16-bit WAV files with tags.

use std::io::{self, BufWriter, Write};

use fastrand::Rng;

use super::sound::RATE;
use super::space::Stereo;

/// Writes two channels, and tags as pairs of a RIFF name and a text.
pub fn write(file: impl Write, sound: &Stereo, tags: &[([u8; 4], &str)]) -> io::Result<()> {
    let mut info = b"INFO".to_vec();
    for (name, text) in tags {
        // Texts end with a zero byte.
        chunk(&mut info, *name, &[text.as_bytes(), b"\0"].concat());
    }
    let mut format = Vec::new();
    let rate = RATE as u32;
    let (frame_bytes, sample_bits) = (4_u16, 16_u16);
    format.extend(1_u16.to_le_bytes()); // PCM
    format.extend(2_u16.to_le_bytes()); // channels
    format.extend(rate.to_le_bytes());
    format.extend((rate * u32::from(frame_bytes)).to_le_bytes());
    format.extend(frame_bytes.to_le_bytes());
    format.extend(sample_bits.to_le_bytes());

    let mut head = b"WAVE".to_vec();
    chunk(&mut head, *b"fmt ", &format);
    chunk(&mut head, *b"LIST", &info);
    let data_bytes = sound.left.len() as u32 * u32::from(frame_bytes);
    head.extend(b"data");
    head.extend(data_bytes.to_le_bytes());

    let mut file = BufWriter::with_capacity(1 << 16, file);
    file.write_all(b"RIFF")?;
    file.write_all(&(head.len() as u32 + data_bytes).to_le_bytes())?;
    file.write_all(&head)?;
    let mut chance = Rng::with_seed(16);
    for (left, right) in sound.left.iter().zip(&sound.right) {
        let frame = [round(*left, &mut chance), round(*right, &mut chance)];
        file.write_all(&[frame[0][0], frame[0][1], frame[1][0], frame[1][1]])?;
    }
    file.flush()
}

/// Appends a RIFF chunk: its name, its length and its content, padded to an even length.
fn chunk(out: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    out.extend(name);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out.resize(out.len().next_multiple_of(2), 0);
}

/// Converts a sample to 16 bits, with dither.
fn round(sample: f32, chance: &mut Rng) -> [u8; 2] {
    let bits = chance.u32(..);
    let dither = ((bits >> 16) as f32 - (bits & 0xffff) as f32) / 65_536.0;
    // The value is positive, so cutting off the fraction rounds down.
    let rounded = (sample * 32_767.0 + dither + 32_768.5).clamp(0.0, 65_535.0) as i32 - 32_768;
    (rounded as i16).to_le_bytes()
}

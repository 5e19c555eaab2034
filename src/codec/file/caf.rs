//! Reads the chunks of a CAF file: where the sound is, and in which form. Blocks of one size are read like
//! those of WAV. Only for ALAC, whose packets have a table, symphonia's reader is asked.

use std::io;
use std::ops::Range;

use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_ADPCM_IMA_QT, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW,
};

use super::sound::{self, Blocks};
use super::source::{Bytes, Patch};

/// The most chunks that are looked at.
const MAX_CHUNKS: usize = 1_000;

/// The name of a chunk and its size.
const HEADER: u64 = 12;

/// The size of the chunk that describes the sound.
const DESCRIPTION: usize = 32;

/// Before the samples, the chunk with the sound has a number of its edits.
const EDITS: u64 = 4;

/// What a CAF file holds.
pub(super) enum Content {
    Blocks(Blocks, Range<u64>),
    /// symphonia reads it. A patch puts right the size of its sound.
    Packets,
}

/// Reads a CAF file from `begin` to `end`. The error within is the reason why the file cannot be played.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    end: u64,
    patches: &mut Vec<Patch>,
) -> io::Result<Result<Content, String>> {
    let mut at = begin + 8;
    let mut form = None;
    for _ in 0..MAX_CHUNKS {
        let Some([name @ .., a, b, c, d, e, f, g, h]) = bytes.exactly::<{ HEADER as usize }>(at)? else {
            break;
        };
        let name: [u8; 4] = name;
        let (declared, content) = (i64::from_be_bytes([a, b, c, d, e, f, g, h]), at + HEADER);
        let rest = end.saturating_sub(content);
        let known = u64::try_from(declared).ok().filter(|size| *size <= rest);
        match &name {
            b"desc" => form = bytes.exactly::<DESCRIPTION>(content)?.map(|chunk| of_description(&chunk)),
            b"data" => {
                let blocks = match form {
                    Some(Ok(Some(blocks))) => blocks,
                    Some(Err(reason)) => return Ok(Err(reason)),
                    Some(Ok(None)) => {
                        if known.is_none() {
                            patches.push(Patch { at: at + 4, bytes: rest.to_be_bytes().to_vec() });
                        }
                        return Ok(Ok(Content::Packets));
                    }
                    None => break,
                };
                let size = match known {
                    Some(size) if size > EDITS => size,
                    _ => rest,
                };
                let data = (content + EDITS).min(content + size)..content + size;
                return Ok(Ok(Content::Blocks(blocks, data)));
            }
            _ => {}
        }
        let Some(size) = known else { break };
        at = content + size;
    }
    Ok(Err("is damaged: it does not tell the form of its sound, or has none".to_owned()))
}

/// Reads the description: blocks of one size, or `None` for ALAC.
fn of_description(chunk: &[u8; DESCRIPTION]) -> Result<Option<Blocks>, String> {
    const FLOAT: u32 = 1;
    const LITTLE: u32 = 2;
    let long = |at: usize| u32::from_be_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]]);
    let rate = f64::from_be_bytes(*chunk.first_chunk().expect("it is longer")).round();
    let rate = if (1.0..1e9).contains(&rate) { rate as u32 } else { 0 };
    let (flags, bits) = (long(12), long(28));
    let count = u16::try_from(long(24)).unwrap_or(u16::MAX);
    let kind = [chunk[8], chunk[9], chunk[10], chunk[11]];
    // A sample may have more room than it needs.
    let room = u64::from(match (long(16), count) {
        (bytes, 1..) if bytes % u32::from(count) == 0 && bytes > 0 => bytes / u32::from(count),
        _ => bits.div_ceil(8),
    });
    let (codec, bytes, frames) = match &kind {
        b"alac" => return Ok(None),
        b"lpcm" => {
            let of = if flags & FLOAT != 0 { sound::floats } else { sound::integers };
            let refused = || format!("has samples of {bits} bits, which cannot be played");
            (of(room, flags & LITTLE == 0).ok_or_else(refused)?, room, 1)
        }
        b"alaw" => (CODEC_ID_PCM_ALAW, 1, 1),
        b"ulaw" => (CODEC_ID_PCM_MULAW, 1, 1),
        b"ima4" if count <= 2 => (CODEC_ID_ADPCM_IMA_QT, 34, 64),
        _ => return Err(sound::not_played(format!("{} in CAF", name(&kind)))),
    };
    if rate == 0 {
        return Err("is damaged: its sample rate is impossible".to_owned());
    }
    let channels = sound::channels(count, 0)?;
    Ok(Some(Blocks { codec, rate, channels, bytes: bytes * u64::from(count), frames }))
}

fn name(kind: &[u8; 4]) -> String {
    let name = match kind {
        b"flac" => "FLAC",
        b"ac-3" => "AC-3",
        b"aac " | b"aach" | b"aacp" => "AAC",
        b"opus" => "Opus",
        b".mp1" | b".mp2" | b".mp3" => "MPEG audio",
        b"ilbc" => "iLBC",
        _ => return format!("{:?}", String::from_utf8_lossy(kind)),
    };
    name.to_owned()
}

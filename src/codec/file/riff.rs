//! Reads the chunks of WAV and AIFF files. Their tags are read here, because symphonia skips them or reads
//! them as Latin-1. Chunk sizes are corrected, because programs that write to a pipe cannot fill them in.

use std::io;

use super::source::{Bytes, Patch};
use super::tags::{self, Found, LONGEST_BYTES, id3};

/// The size of a chunk's header: its name and its size.
const HEADER: u64 = 8;

/// The most chunks that are read.
const MAX_CHUNKS: usize = 1024;

/// The two kinds differ in their names and in the order of bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Wav,
    Aiff,
}

/// The most channels that a file may have.
const MAX_CHANNELS: u32 = 64;

/// Reads the tags of a WAV or AIFF file that begins at `begin`, and adds patches for wrong sizes. Returns a
/// reason if the file must not be played.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    found: &mut Found,
    patches: &mut Vec<Patch>,
) -> io::Result<Option<&'static str>> {
    let Some(head) = bytes.exactly::<12>(begin)? else { return Ok(None) };
    let kind = match head {
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'] => Kind::Wav,
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C'] => Kind::Aiff,
        _ => return Ok(None),
    };
    let end = bytes.len();
    let whole = end - begin - HEADER;
    let size_is_right = u64::from(kind.number([head[4], head[5], head[6], head[7]])) == whole;
    if !size_is_right {
        kind.set_size(begin, whole, patches);
    }
    let mut fault = None;
    let (mut id3, mut texts) = (Found::default(), Found::default());
    let mut at = begin + 12;
    for _ in 0..MAX_CHUNKS {
        let Some([name @ .., a, b, c, d]) = bytes.exactly::<8>(at)? else { break };
        let name: [u8; 4] = name;
        let declared = u64::from(kind.number([a, b, c, d]));
        let content = at + HEADER;
        let there = end - content;
        // A program that writes to a pipe cannot seek back to fill in the sizes.
        let unset = matches!(&name, b"data" | b"SSND") && declared == 0 && !size_is_right;
        let size = if declared > there || unset { there } else { declared };
        if size != declared {
            kind.set_size(at, size, patches);
        }
        match &name {
            b"fmt " | b"COMM" => {
                let at = content + if kind == Kind::Wav { 2 } else { 0 };
                let [a, b] = bytes.exactly(at)?.unwrap_or_default();
                let channels = kind.number(if kind == Kind::Wav { [a, b, 0, 0] } else { [0, 0, a, b] });
                if channels > MAX_CHANNELS {
                    fault = Some("is damaged: it tells of impossibly many channels");
                }
            }
            b"LIST" => read_info(bytes, content, size, &mut texts)?,
            b"id3 " | b"ID3 " => {
                id3::read_v2(bytes, content, content + size, &mut id3)?;
            }
            b"NAME" => read_text(bytes, content, size, "TITLE", &mut texts)?,
            b"AUTH" => read_text(bytes, content, size, "ARTIST", &mut texts)?,
            _ => {}
        }
        // Hide what has been read: symphonia would keep it in memory, with all pictures.
        if matches!(&name, b"LIST" | b"id3 " | b"ID3 " | b"NAME" | b"AUTH" | b"APPL" | b"COMT" | b"ANNO") {
            patches.push(Patch { at, bytes: b"JUNK".to_vec() });
        }
        at = content + size + size % 2;
    }
    found.fill_from(id3);
    found.fill_from(texts);
    Ok(fault)
}

impl Kind {
    fn number(self, bytes: [u8; 4]) -> u32 {
        match self {
            Kind::Wav => u32::from_le_bytes(bytes),
            Kind::Aiff => u32::from_be_bytes(bytes),
        }
    }

    fn set_size(self, at: u64, size: u64, patches: &mut Vec<Patch>) {
        let size = u32::try_from(size).unwrap_or(u32::MAX - 1);
        let bytes = match self {
            Kind::Wav => size.to_le_bytes(),
            Kind::Aiff => size.to_be_bytes(),
        };
        patches.push(Patch { at: at + 4, bytes: bytes.to_vec() });
    }
}

/// Reads the INFO list of a WAV file. It contains a chunk for each text.
fn read_info(bytes: &mut Bytes, begin: u64, size: u64, found: &mut Found) -> io::Result<()> {
    if bytes.exactly(begin)? != Some(*b"INFO") {
        return Ok(());
    }
    let mut at = begin + 4;
    for _ in 0..MAX_CHUNKS {
        if at + HEADER > begin + size {
            break;
        }
        let Some([name @ .., a, b, c, d]) = bytes.exactly::<8>(at)? else { break };
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let name: [u8; 4] = name;
        let tag = match &name {
            b"IART" => "ARTIST",
            b"INAM" => "TITLE",
            b"IPRD" => "ALBUM",
            _ => "",
        };
        if !tag.is_empty() {
            read_text(bytes, at + HEADER, length, tag, found)?;
        }
        at += HEADER + length + length % 2;
    }
    Ok(())
}

fn read_text(bytes: &mut Bytes, at: u64, size: u64, name: &str, found: &mut Found) -> io::Result<()> {
    let text = bytes.up_to(at, size.min(LONGEST_BYTES as u64) as usize)?;
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
    found.add(name, &tags::without_alphabet(&text[..end]));
    Ok(())
}

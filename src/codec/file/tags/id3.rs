//! Reads ID3 tags, versions 1 and 2. Only texts are read; pictures, which make tags large, are skipped. A
//! damaged tag does not prevent playing the file.

use std::io;
use std::ops::Range;

use super::{Found, LONGEST_BYTES};
use crate::codec::file::source::Bytes;

/// The length of a tag's header, and of the footer that may follow it.
const HEADER: u64 = 10;

/// The most frames that are read.
const MAX_FRAMES: usize = 4096;

/// Reads the ID3v2 tag at `at`, if there is one, and returns where it ends. It must end at `end` or before.
pub(in crate::codec::file) fn read_v2(
    bytes: &mut Bytes,
    at: u64,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    let Some(header) = bytes.exactly::<10>(at)? else { return Ok(None) };
    let [b'I', b'D', b'3', version @ 2..=4, _, flags, size @ ..] = header else { return Ok(None) };
    let tag_end = at + HEADER + u64::from(syncsafe(size));
    let has_footer = version == 4 && bytes.exactly(tag_end)? == Some(*b"3DI");
    let footer = if has_footer { HEADER } else { 0 };
    let mut frames = at + HEADER..tag_end.min(end);
    if version > 2 && flags & 0x40 != 0 {
        let beyond = frames.start + extended_header(bytes, frames.start, version)?;
        frames.start = beyond.min(frames.end);
    }
    // If a tag is longer than the file, its size is wrong, and the audio may begin anywhere.
    let after = if tag_end + footer <= end { tag_end + footer } else { at + HEADER };
    let unsynchronised = flags & 0x80 != 0;
    if version < 4 && unsynchronised {
        // The whole tag is decoded first: the frames' sizes are those after decoding.
        let tag = frames.end - frames.start;
        if tag <= MAX_UNSYNCHRONISED {
            let tag = synchronised(&bytes.up_to(frames.start, tag as usize)?);
            let end = tag.len() as u64;
            let mut tag = Bytes::new(Box::new(io::Cursor::new(tag)))?;
            read_frames(&mut tag, 0..end, version, false, found)?;
        }
    } else {
        read_frames(bytes, frames, version, unsynchronised, found)?;
    }
    Ok(Some(after))
}

/// The most bytes of a tag that is read into memory as a whole.
const MAX_UNSYNCHRONISED: u64 = 1024 * 1024;

fn extended_header(bytes: &mut Bytes, at: u64, version: u8) -> io::Result<u64> {
    let size = bytes.exactly::<4>(at)?.unwrap_or_default();
    Ok(match version {
        3 => 4 + u64::from(u32::from_be_bytes(size)),
        _ => u64::from(syncsafe(size)),
    })
}

fn read_frames(
    bytes: &mut Bytes,
    mut rest: Range<u64>,
    version: u8,
    unsynchronised: bool,
    found: &mut Found,
) -> io::Result<()> {
    for _ in 0..MAX_FRAMES {
        let Some(frame) = Frame::at(bytes, &rest, version)? else { break };
        rest.start = frame.content.end;
        if let Some(mut text) = frame.text(bytes)? {
            if unsynchronised || frame.unsynchronised {
                text = synchronised(&text);
            }
            take_text(&frame.id, &text, found);
        }
    }
    Ok(())
}

struct Frame {
    id: Vec<u8>,
    content: Range<u64>,
    /// Bytes before the text.
    skip: u64,
    unsynchronised: bool,
    /// Compressed or encrypted, so it cannot be read.
    closed: bool,
}

impl Frame {
    /// The frame at the beginning of `rest`. `None` if it is padding or damaged.
    fn at(bytes: &mut Bytes, rest: &Range<u64>, version: u8) -> io::Result<Option<Frame>> {
        let header = bytes.up_to(rest.start, HEADER as usize)?;
        let (id, size, header, flags) = match (version, header.as_slice()) {
            (2, &[a, b, c, x, y, z, ..]) => (vec![a, b, c], u32::from_be_bytes([0, x, y, z]), 6, 0),
            (_, &[a, b, c, d, w, x, y, z, _, flags]) => {
                let size = [w, x, y, z];
                let size = if version == 4 { syncsafe(size) } else { u32::from_be_bytes(size) };
                (vec![a, b, c, d], size, HEADER, flags)
            }
            _ => return Ok(None),
        };
        let begin = rest.start + header;
        let content = begin..begin + u64::from(size);
        let named = id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !named || content.end > rest.end {
            return Ok(None);
        }
        let (skip, unsynchronised, closed) = match version {
            3 => (u64::from(flags >> 5 & 1), false, flags & 0xc0 != 0),
            4 => {
                let skip = u64::from(flags >> 6 & 1) + 4 * u64::from(flags & 1);
                (skip, flags & 2 != 0, flags & 0x0c != 0)
            }
            _ => (0, false, false),
        };
        Ok(Some(Frame { id, content, skip, unsynchronised, closed }))
    }

    /// The content of a text frame.
    fn text(&self, bytes: &mut Bytes) -> io::Result<Option<Vec<u8>>> {
        if self.closed || self.id[0] != b'T' {
            return Ok(None);
        }
        let begin = self.content.start + self.skip;
        let length = self.content.end.saturating_sub(begin);
        // UTF-16 has two bytes for most characters.
        Ok(Some(bytes.up_to(begin, length.min(2 * LONGEST_BYTES as u64) as usize)?))
    }
}

/// Decodes a text frame: its encoding, then strings separated by zeros.
fn take_text(id: &[u8], frame: &[u8], found: &mut Found) {
    let Some((&alphabet, text)) = frame.split_first() else { return };
    let text = match alphabet {
        0 => super::without_alphabet(text),
        1 => utf16(text),
        2 => encoding_rs::UTF_16BE.decode_without_bom_handling(text).0.into_owned(),
        3 => String::from_utf8_lossy(text).into_owned(),
        _ => return,
    };
    let mut strings = text.split('\0').map(|text| text.trim_start_matches('\u{feff}'));
    let name = match id {
        b"TPE1" | b"TP1" => "ARTIST",
        b"TPE2" | b"TP2" => "ALBUMARTIST",
        b"TIT2" | b"TT2" => "TITLE",
        b"TALB" | b"TAL" => "ALBUM",
        b"TXXX" | b"TXX" => strings.next().unwrap_or_default(),
        _ => return,
    };
    for text in strings {
        found.add(name, text);
    }
}

/// Decodes UTF-16 in the order of its byte order mark, or in the default order.
fn utf16(text: &[u8]) -> String {
    let encoding = match text {
        [0xfe, 0xff, ..] => encoding_rs::UTF_16BE,
        _ => encoding_rs::UTF_16LE,
    };
    encoding.decode_without_bom_handling(text).0.into_owned()
}

/// A number with seven bits in each byte.
fn syncsafe(bytes: [u8; 4]) -> u32 {
    bytes.iter().fold(0, |size, &byte| size << 7 | u32::from(byte & 0x7f))
}

/// Removes the zeros that were inserted after each 0xff.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut last = 0;
    bytes
        .iter()
        .copied()
        .filter(|&byte| {
            let inserted = last == 0xff && byte == 0;
            last = byte;
            !inserted
        })
        .collect()
}

/// Reads the ID3v1 tag at the end of a file, if there is one. Returns where it begins.
pub(in crate::codec::file) fn read_v1(bytes: &mut Bytes, found: &mut Found) -> io::Result<Option<u64>> {
    let Some(at) = bytes.len().checked_sub(128) else { return Ok(None) };
    let Some(tag) = bytes.exactly::<128>(at)?.filter(|tag| tag.starts_with(b"TAG")) else {
        return Ok(None);
    };
    for (name, field) in [("TITLE", 3..33), ("ARTIST", 33..63), ("ALBUM", 63..93)] {
        let field = &tag[field];
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
        found.add(name, &super::without_alphabet(&field[..end]));
    }
    Ok(Some(at))
}

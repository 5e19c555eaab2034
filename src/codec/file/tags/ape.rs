//! Reads APE tags, at the end of a file or at its beginning. Only texts are read; pictures are noted. A
//! damaged tag does not prevent playing the file.

use std::io;

use super::pictures::PictureAt;
use super::{Found, text};
use crate::codec::file::source::Bytes;

/// The length of the tag's footer, and of its header, which has the same content.
const EDGE: u64 = 32;

/// The most items that are read.
const MAX_ITEMS: u32 = 1024;

/// The longest name of an item.
const MAX_NAME: usize = 255;

/// A header is sought this far before a footer whose size is wrong.
const SOUGHT_BYTES: usize = 64 * 1024;

/// The bits of an item's flags that tell its kind, and the kinds that are read.
const KIND: u8 = 0x06;
const TEXT: u8 = 0x00;
const BINARY: u8 = 0x02;

/// How the names of pictures begin, and that of the front of an album.
const PICTURE: &str = "cover art (";
const FRONT: &str = "cover art (front)";

/// A header or a footer.
struct Edge {
    /// The length of the items and the footer.
    size: u64,
    has_header: bool,
    is_header: bool,
}

impl Edge {
    fn at(bytes: &mut Bytes, at: u64) -> io::Result<Option<Edge>> {
        let Some(edge) = bytes.exactly::<32>(at)?.filter(|edge| edge.starts_with(b"APETAGEX")) else {
            return Ok(None);
        };
        let number = |at: usize| u32::from_le_bytes([edge[at], edge[at + 1], edge[at + 2], edge[at + 3]]);
        let flags = number(20);
        Ok(Some(Edge {
            size: u64::from(number(12)),
            has_header: flags & 1 << 31 != 0,
            is_header: flags & 1 << 29 != 0,
        }))
    }
}

/// Reads the tag that ends at `end`, if there is one. Returns where it begins.
pub(in crate::codec::file) fn read(
    bytes: &mut Bytes,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    let Some(footer_at) = end.checked_sub(EDGE) else { return Ok(None) };
    let Some(footer) = Edge::at(bytes, footer_at)?.filter(|edge| !edge.is_header) else { return Ok(None) };
    let header = if footer.has_header { EDGE } else { 0 };
    let mut begin = end.checked_sub(footer.size + header).filter(|_| footer.size >= EDGE);
    if let Some(at) = begin
        && footer.has_header
        && Edge::at(bytes, at)?.is_none()
    {
        begin = None;
    }
    let begin = match begin {
        Some(begin) => begin,
        None => {
            found.note("the APE tag has a wrong size");
            let Some(begin) = header_before(bytes, footer_at)? else { return Ok(Some(footer_at)) };
            begin
        }
    };
    let items = if Edge::at(bytes, begin)?.is_some() { begin + EDGE } else { begin };
    read_items(bytes, items, footer_at, found)?;
    Ok(Some(begin))
}

/// Reads the tag that begins at `at`, before the audio, if there is one. Returns where it ends.
pub(in crate::codec::file) fn read_first(
    bytes: &mut Bytes,
    at: u64,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    let Some(header) = Edge::at(bytes, at)?.filter(|edge| edge.is_header) else { return Ok(None) };
    let items_end = at.saturating_add(header.size);
    if items_end + EDGE > end {
        found.note("the APE tag has a wrong size");
        return Ok(Some(at + EDGE));
    }
    read_items(bytes, at + EDGE, items_end, found)?;
    Ok(Some(items_end + EDGE))
}

/// The last header before a footer.
fn header_before(bytes: &mut Bytes, footer_at: u64) -> io::Result<Option<u64>> {
    let from = footer_at.saturating_sub(SOUGHT_BYTES as u64);
    let window = bytes.up_to(from, (footer_at - from) as usize)?;
    let at = window.windows(8).rposition(|bytes| bytes == b"APETAGEX");
    Ok(at.map(|at| from + at as u64))
}

/// Reads items up to `end`, or to what is none. Their number in the tag is often wrong.
fn read_items(bytes: &mut Bytes, mut at: u64, end: u64, found: &mut Found) -> io::Result<()> {
    for _ in 0..MAX_ITEMS {
        // Size and flags, the name and a zero, then the value.
        let room = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let head = bytes.up_to(at, room.min(8 + MAX_NAME + 1))?;
        let [a, b, c, d, flags, _, _, _, ref rest @ ..] = head[..] else { break };
        let Some(name) = rest.split(|&byte| byte == 0).next().filter(|name| name.len() < rest.len()) else {
            break;
        };
        if name.is_empty() || !name.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            break;
        }
        let value_at = at + 8 + name.len() as u64 + 1;
        let mut size = u64::from(u32::from_le_bytes([a, b, c, d]));
        if value_at + size > end {
            found.note("an item of the APE tag has a wrong size");
            size = end - value_at;
        }
        at = value_at + size;
        let name = String::from_utf8_lossy(name);
        match flags & KIND {
            TEXT => {
                let value = bytes.up_to(value_at, size.min(text::LONGEST_BYTES as u64) as usize)?;
                found.add(&name, &text::guessed(&value));
            }
            BINARY if name.to_ascii_lowercase().starts_with(PICTURE) => {
                let is_front = name.eq_ignore_ascii_case(FRONT);
                found.pictures.note(PictureAt::Item { is_front, value: value_at..at });
            }
            _ => {}
        }
    }
    Ok(())
}

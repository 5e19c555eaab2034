//! The blocks in front of a FLAC file's packets. Of what they say, only the tags count, and STREAMINFO where
//! the packets do not say it themselves. A block that no player needs cannot cost the file.

use std::io;

use super::super::source::Bytes;
use super::super::tags::{Found, vorbis};
use super::packet::{INFO_BYTES, Info, is_sync};
use super::window::Window;

/// How a file begins.
pub(super) const MARKER: &[u8] = b"fLaC";

/// The most blocks that are read.
const MAX_BLOCKS: usize = 1024;

/// The length of a block's header.
const HEADER: u64 = 4;

const STREAM_INFO: u8 = 0;
const VORBIS_COMMENT: u8 = 4;
const LAST: u8 = 0x80;

/// What is in front of the packets.
pub(in crate::codec::file) struct Head {
    pub(in crate::codec::file) info: Option<Info>,
    /// Where the first packet is, or is looked for.
    pub(in crate::codec::file) audio: u64,
}

/// Reads the tags of a FLAC file that begins at `begin`.
pub(in crate::codec::file) fn read(bytes: &mut Bytes, begin: u64, found: &mut Found) -> io::Result<Head> {
    let blocks = blocks(begin, bytes.len(), |at| bytes.exactly(at))?;
    let mut info = None;
    for block in &blocks {
        match block.kind {
            STREAM_INFO if info.is_none() => info = bytes.exactly(block.content)?.as_ref().map(Info::parse),
            VORBIS_COMMENT => {
                let mut comments = Found::default();
                let mut parts = vorbis::Parts::default();
                parts.push(block.content..block.end);
                vorbis::read(bytes, &parts, &mut comments)?;
                found.fill_from(comments);
            }
            kind => log_hidden(found, kind),
        }
    }
    let Some(last) = blocks.last() else { return Ok(Head { info, audio: begin }) };
    let leads_on = bytes.exactly::<2>(last.end)?.is_some_and(|bytes| is_sync(&bytes));
    if !leads_on {
        found.note("no block leads to the audio, which is looked for");
    }
    Ok(Head { info, audio: if leads_on { last.end } else { last.safe_end() } })
}

fn log_hidden(found: &mut Found, kind: u8) {
    match kind {
        STREAM_INFO => found.note("a second description of the audio is ignored"),
        2 => found.note("a block for an application is passed over"),
        3 => found.note("the table for seeking is passed over"),
        5 => found.note("the cue sheet is passed over"),
        6 => found.note("a picture is passed over"),
        _ => {}
    }
}

/// What a file says of its sound that begins at a place in another one, and where its packets are looked for.
/// `None` if no file begins there.
pub(super) fn described(window: &mut Window, at: u64) -> io::Result<Option<(Info, u64)>> {
    let blocks = blocks(at, window.len(), |at| {
        window.at(at, HEADER as usize).map(|bytes| bytes.first_chunk().copied())
    })?;
    let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(None) };
    if first.kind != STREAM_INFO || first.end - first.content != INFO_BYTES as u64 {
        return Ok(None);
    }
    let Some(info) = window.at(first.content, INFO_BYTES)?.first_chunk().map(Info::parse) else {
        return Ok(None);
    };
    let leads_on = is_sync(window.at(last.end, 2)?);
    Ok(Some((info, if leads_on { last.end } else { first.end })))
}

/// A block's place.
struct Block {
    kind: u8,
    content: u64,
    end: u64,
}

impl Block {
    /// Where something else may begin, if its length is wrong. That of STREAMINFO is never wrong.
    fn safe_end(&self) -> u64 {
        if self.kind == STREAM_INFO { self.end } else { self.content }
    }
}

/// The blocks of a file that begins at `begin`, as far as each leads to the next. `read` reads a header.
fn blocks(
    begin: u64,
    file_end: u64,
    mut read: impl FnMut(u64) -> io::Result<Option<[u8; HEADER as usize]>>,
) -> io::Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut at = begin + MARKER.len() as u64;
    while blocks.len() < MAX_BLOCKS
        && let Some([kind, a, b, c]) = read(at)?
    {
        let content = at + HEADER;
        let end = content + u64::from(u32::from_be_bytes([0, a, b, c]));
        // There are seven kinds. Anything else is a sign that the block before has a wrong length.
        if kind & !LAST > 6 || end > file_end {
            break;
        }
        blocks.push(Block { kind: kind & !LAST, content, end });
        at = end;
        if kind & LAST != 0 {
            break;
        }
    }
    Ok(blocks)
}

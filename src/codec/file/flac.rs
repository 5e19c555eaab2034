//! Finds the tags and the audio of a FLAC file. Of the blocks before the audio, the decoder needs only the
//! first: it gets no other, since symphonia refuses a file because of one that it does not need.

use std::io;

use super::sound;
use super::source::{Bytes, Patch};
use super::tags::{Found, vorbis};

/// The most blocks that are read.
const MAX_BLOCKS: usize = 1024;

/// The length of a block's header, and of the block that describes the audio.
const HEADER: u64 = 4;
const STREAM_INFO_BYTES: usize = 34;

/// Where a block has a wrong length, the audio is sought within this many bytes: the longest block is 16 MiB.
const SOUGHT_BYTES: u64 = 17 << 20;

/// What is read at a time.
const PIECE: usize = 64 * 1024;

const STREAM_INFO: u8 = 0;
const VORBIS_COMMENT: u8 = 4;
const LAST: u8 = 0x80;

/// Reads the tags of a FLAC file that begins at `begin`. Returns where the decoder's file begins: so far
/// before the audio that the description of it, which a patch puts there, has room. A `fault` is the reason
/// why the file cannot be played.
pub(super) fn read(
    bytes: &mut Bytes,
    begin: u64,
    found: &mut Found,
    patches: &mut Vec<Patch>,
    fault: &mut Option<String>,
) -> io::Result<u64> {
    let mut at = begin + HEADER;
    // Where the audio is sought, if no block leads to it.
    let mut doubtful = at;
    let mut info = None;
    for _ in 0..MAX_BLOCKS {
        let Some([kind, a, b, c]) = bytes.exactly::<4>(at)? else { break };
        let (is_last, kind) = (kind & LAST != 0, kind & !LAST);
        let content = at + HEADER;
        let next = content + u64::from(u32::from_be_bytes([0, a, b, c]));
        // There are seven kinds. Anything else is a sign that the block before has a wrong length.
        if kind > 6 || next > bytes.len() {
            break;
        }
        doubtful = content;
        match kind {
            STREAM_INFO if info.is_none() => {
                info = bytes.exactly::<STREAM_INFO_BYTES>(content)?;
                doubtful = next;
            }
            VORBIS_COMMENT => {
                let mut comments = Found::default();
                let mut parts = vorbis::Parts::default();
                parts.push(content..next);
                vorbis::read(bytes, &parts, &mut comments)?;
                found.fill_from(comments);
            }
            kind => log_hidden(found, kind),
        }
        at = next;
        if is_last {
            break;
        }
    }
    let Some(info) = info else { return Ok(begin) };
    // The decoder counts with 32 bits, and the difference of two channels needs one more.
    let bits = (info[12] & 1) << 4 | info[13] >> 4;
    if bits + 1 == 32 {
        *fault = Some(sound::not_played("FLAC of 32 bits"));
    }
    let audio = if bytes.exactly::<2>(at)?.is_some_and(is_sync) {
        at
    } else {
        let sought = first_frame(bytes, doubtful, &info)?;
        found.note(match sought {
            Some(_) => "a block before the audio has a wrong length",
            None => "no block leads to the audio",
        });
        sought.unwrap_or(at.min(bytes.len()))
    };
    let head = [&b"fLaC"[..], &[LAST | STREAM_INFO, 0, 0, STREAM_INFO_BYTES as u8], &info].concat();
    // The description of the audio alone has as many bytes.
    let begin = audio.saturating_sub(head.len() as u64).max(begin);
    patches.push(Patch { at: begin, bytes: head });
    Ok(begin)
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

/// Whether a frame may begin with these bytes.
fn is_sync(bytes: [u8; 2]) -> bool {
    bytes[0] == 0xff && bytes[1] & 0xfe == 0xf8
}

/// Finds the first frame: a header with the number zero and a right checksum.
fn first_frame(bytes: &mut Bytes, from: u64, info: &[u8; STREAM_INFO_BYTES]) -> io::Result<Option<u64>> {
    let end = bytes.len().min(from + SOUGHT_BYTES);
    let mut at = from;
    while at < end {
        let window = bytes.up_to(at, PIECE + MAX_HEADER)?;
        if window.len() < 2 {
            break;
        }
        let starts = window.len().min(PIECE);
        let found =
            (0..starts).find(|&start| window[start] == 0xff && is_first_header(&window[start..], info));
        if let Some(start) = found {
            return Ok(Some(at + start as u64));
        }
        at += PIECE as u64;
    }
    Ok(None)
}

/// The longest header of a first frame: its number has one byte.
const MAX_HEADER: usize = 10;

fn is_first_header(bytes: &[u8], info: &[u8; STREAM_INFO_BYTES]) -> bool {
    let [a, b, c, d, 0, ref rest @ ..] = *bytes else { return false };
    if !is_sync([a, b]) || c >> 4 == 0 || c & 0x0f == 0x0f || d & 1 != 0 || d >> 4 > 10 {
        return false;
    }
    // As many channels as the file has.
    let channels = (info[12] >> 1 & 7) + 1;
    let has = if d >> 4 > 7 { 2 } else { (d >> 4) + 1 };
    let size_bytes = match c >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate_bytes = match c & 0x0f {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let length = 5 + size_bytes + rate_bytes;
    has == channels && rest.get(length - 5) == Some(&checksum(&bytes[..length.min(bytes.len())]))
}

/// CRC-8 as FLAC has it.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ byte, |sum: u8, _| sum << 1 ^ if sum & 0x80 != 0 { 0x07 } else { 0 })
    })
}

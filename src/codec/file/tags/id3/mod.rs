//! Reads ID3 tags, versions 1 and 2. Only texts are read; pictures, which make tags large, are noted and
//! skipped. A damaged tag does not prevent playing the file, and a damaged frame does not prevent reading the
//! next one.

mod cursor;
mod frame;
mod picture;

use std::io;

use symphonia_metadata::utils::id3v1::get_genre_name;

use self::cursor::{Cursor, is_unsynchronised};
use self::frame::Frame;
pub(super) use self::picture::PictureFrame;
use super::gain::{Gains, sane_db, sane_peak};
use super::pictures::PictureAt;
use super::{Found, text};
use crate::codec::file::source::Bytes;

/// The length of a tag's header, and of the footer that may follow it.
const HEADER: u64 = 10;

/// The most frames that are read.
const MAX_FRAMES: usize = 4096;

/// The beginning of a tag that shows whether it is unsynchronised at all.
const SAMPLE: usize = 64 * 1024;

/// Reads the ID3v2 tag at `at`, if there is one, and returns where it ends. It must end at `end` or before.
pub(in crate::codec::file) fn read_v2(
    bytes: &mut Bytes,
    at: u64,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    // A tag may tell where the next one is, which must not lead round in circles.
    const MAX_SOUGHT: usize = 4;
    let Some((after, mut next)) = read_one(bytes, at, end, found)? else { return Ok(None) };
    for _ in 0..MAX_SOUGHT {
        let Some(sought) = next.filter(|&sought| sought > at) else { break };
        let mut other = Found::default();
        next = read_one(bytes, sought, end, &mut other)?.and_then(|(_, next)| next);
        found.fill_from(other);
    }
    Ok(Some(after))
}

/// Reads the ID3v2 tag that ends at `end` with a footer, if there is one. Returns where it begins.
pub(in crate::codec::file) fn read_appended(
    bytes: &mut Bytes,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    let Some(footer_at) = end.checked_sub(HEADER) else { return Ok(None) };
    let Some([b'3', b'D', b'I', 4, _, _, size @ ..]) = bytes.exactly::<10>(footer_at)? else {
        return Ok(None);
    };
    let Some(at) = footer_at.checked_sub(HEADER + u64::from(seven_bits(size))) else { return Ok(None) };
    Ok(read_one(bytes, at, end, found)?.map(|_| at))
}

/// A tag whose header was read.
struct Tag {
    /// Where it ends.
    after: u64,
    frames: Cursor,
    /// The version whose form the frames have.
    form: u8,
    /// Whether each frame is unsynchronised.
    unsynchronised_frames: bool,
}

/// Reads one tag. Returns where it ends, and where it says that the next one begins.
fn read_one(
    bytes: &mut Bytes,
    at: u64,
    end: u64,
    found: &mut Found,
) -> io::Result<Option<(u64, Option<u64>)>> {
    let Some(Tag { after, frames, form, unsynchronised_frames }) = open_tag(bytes, at, end, found)? else {
        return Ok(None);
    };
    let offset = read_frames(bytes, frames, form, unsynchronised_frames, found)?;
    Ok(Some((after, offset.map(|offset| after + offset))))
}

/// Reads the header of the tag at `at`, if there is one.
fn open_tag(bytes: &mut Bytes, at: u64, end: u64, found: &mut Found) -> io::Result<Option<Tag>> {
    let Some(header) = bytes.exactly::<10>(at)? else { return Ok(None) };
    let [b'I', b'D', b'3', version @ 2..=4, _, flags, size @ ..] = header else { return Ok(None) };
    let tag_end = at + HEADER + u64::from(seven_bits(size));
    let has_footer = version == 4 && bytes.exactly(tag_end)? == Some(*b"3DI");
    let footer = if has_footer { HEADER } else { 0 };
    // If a tag is longer than the file, its size is wrong, and the audio may begin anywhere.
    let after = if tag_end + footer <= end { tag_end + footer } else { at + HEADER };

    let begin = at + HEADER;
    let sample = SAMPLE.min(seven_bits(size) as usize);
    let unsynchronised =
        flags & 0x80 != 0 && (version == 4 || is_unsynchronised(&bytes.up_to(begin, sample)?));
    // Before version 4, the whole tag is unsynchronised, with the frames' headers.
    let mut frames = Cursor::new(begin, tag_end.min(end), unsynchronised && version < 4);
    if version > 2 && flags & 0x40 != 0 {
        frame::skip_extended_header(bytes, &mut frames, version)?;
    }
    let form = frame::version_of_frames(bytes, frames, version)?;
    if form != version {
        found.note("the frames of an ID3 tag are those of another version");
    }
    Ok(Some(Tag { after, frames, form, unsynchronised_frames: unsynchronised && version == 4 }))
}

/// Reads frames up to the padding. Returns how far behind this tag the next one begins, if a frame tells it.
fn read_frames(
    bytes: &mut Bytes,
    mut rest: Cursor,
    version: u8,
    unsynchronised: bool,
    found: &mut Found,
) -> io::Result<Option<u64>> {
    let (mut offset, mut adjusted) = (None, Gains::default());
    for _ in 0..MAX_FRAMES {
        let Some(frame) = Frame::next(bytes, &mut rest, version, found)? else { break };
        if frame.is_picture() {
            found.pictures.note(PictureAt::Frame(PictureFrame { frame, unsynchronised }));
            continue;
        }
        let Some(content) = frame.content(bytes, unsynchronised)? else { continue };
        match &frame.id {
            b"RVA2" | b"XRVA" => take_adjustment(&content, &mut adjusted),
            b"SEEK" => offset = content.first_chunk::<4>().map(|&far| u64::from(u32::from_be_bytes(far))),
            id => take_text(id, &content, found),
        }
    }
    found.gains.fill_from(&adjusted);
    Ok(offset)
}

fn take_text(id: &[u8; 4], content: &[u8], found: &mut Found) {
    let mut values = text::id3(content).into_iter();
    let name = match id {
        b"TPE1" => "ARTIST",
        b"TPE2" => "ALBUMARTIST",
        b"TIT2" => "TITLE",
        b"TALB" => "ALBUM",
        b"TCOM" => "COMPOSER",
        b"TCON" => "GENRE",
        b"TPUB" => "LABEL",
        b"TSRC" => "ISRC",
        b"TDRC" | b"TYER" => "DATE",
        b"TRCK" => "TRACKNUMBER",
        b"TXXX" => &values.next().unwrap_or_default(),
        _ => return,
    };
    values.for_each(|value| found.add(name, &value));
}

/// Reads the volume of all channels from an RVA2 frame. Its name tells whether it is for the track or the
/// album.
fn take_adjustment(content: &[u8], gains: &mut Gains) {
    const ALL_CHANNELS: u8 = 1;
    let Some(name_ends) = content.iter().position(|&byte| byte == 0) else { return };
    let (name, mut rest) = (&content[..name_ends], &content[name_ends + 1..]);
    while let [channel, a, b, peak_bits, after @ ..] = rest {
        let peak_bytes = usize::from(*peak_bits).div_ceil(8);
        let Some((peak, after)) = after.split_at_checked(peak_bytes) else { return };
        if *channel == ALL_CHANNELS {
            let gain = sane_db(f32::from(i16::from_be_bytes([*a, *b])) / 512.0);
            let peak = peak_of(peak, *peak_bits);
            let read = if name.eq_ignore_ascii_case(b"album") {
                Gains { album: gain, album_peak: peak, ..Gains::default() }
            } else {
                Gains { track: gain, track_peak: peak, ..Gains::default() }
            };
            gains.fill_from(&read);
        }
        rest = after;
    }
}

/// A peak with this many bits, the first of which is full scale.
fn peak_of(bytes: &[u8], bits: u8) -> Option<f32> {
    if !(1..=64).contains(&bits) {
        return None;
    }
    let peak = bytes.iter().fold(0, |peak: u64, &byte| peak << 8 | u64::from(byte));
    sane_peak((peak as f64 / f64::from(bits - 1).exp2()) as f32)
}

/// A number with seven bits in each byte.
fn seven_bits(bytes: [u8; 4]) -> u32 {
    bytes.iter().fold(0, |size, &byte| size << 7 | u32::from(byte & 0x7f))
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
        found.add(name, &text::guessed(&field[..end]));
    }
    let (year, [zero, track, genre]) = (&tag[93..97], [tag[125], tag[126], tag[127]]);
    if year.iter().any(|byte| byte.is_ascii_digit()) {
        found.add("DATE", &text::guessed(year));
    }
    // Version 1.1 has the track's number at the end of the comment.
    if zero == 0 && track != 0 {
        found.add("TRACKNUMBER", &track.to_string());
    }
    if get_genre_name(genre).is_some() {
        found.add("GENRE", &genre.to_string());
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests;

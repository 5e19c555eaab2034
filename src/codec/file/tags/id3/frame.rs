//! The frames of an ID3v2 tag, as tag writers write them: with sizes in the form of another version, headers
//! that are not there, and lengths that are wrong. What leads to the next frame is right.

use std::io::{self, Read};

use flate2::read::ZlibDecoder;

use super::super::Found;
use super::super::text::LONGEST_BYTES;
use super::cursor::{Cursor, synchronised};
use super::seven_bits;
use crate::codec::file::source::Bytes;

/// The most bytes of a text. UTF-16 has two bytes for most characters.
const MAX_CONTENT: usize = 2 * LONGEST_BYTES;

/// Where a frame's size is wrong, the next frame is sought within this many bytes.
const SOUGHT_BYTES: usize = 64 * 1024;

/// The most places that are tried for it.
const MAX_TRIES: usize = 64;

/// A frame that is sought in an unsynchronised tag has at most as many bytes: each place that looks like one
/// costs the reading of them.
const MAX_PROBED: u64 = 128 * 1024;

/// The longest extended header: some flags, a checksum and restrictions.
const MAX_EXTENDED_HEADER: u64 = 4096;

/// The frames that are read.
const WANTED: [&[u8; 4]; 15] = [
    b"TPE1", b"TPE2", b"TIT2", b"TALB", b"TCOM", b"TCON", b"TPUB", b"TSRC", b"TDRC", b"TYER", b"TRCK",
    b"TXXX", b"RVA2", b"XRVA", b"SEEK",
];

/// A frame with a picture; in version 2 `PIC`, with a format in the place of a content type.
const PICTURE: &[u8; 4] = b"APIC";

/// A frame of a tag.
#[derive(Debug)]
pub(super) struct Frame {
    /// Its name in version 3 or 4.
    pub(super) id: [u8; 4],
    version: u8,
    flags: u8,
    content: Cursor,
    size: u64,
}

impl Frame {
    /// The next frame. `None` at the padding, and where no frame can be found.
    pub(super) fn next(
        bytes: &mut Bytes,
        rest: &mut Cursor,
        version: u8,
        found: &mut Found,
    ) -> io::Result<Option<Frame>> {
        let mut header = rest.peek(bytes, length_of_header(version))?;
        if header.first().is_none_or(|&byte| byte == 0) {
            return Ok(None);
        }
        if name(&header, version).is_none() {
            found.note("between two ID3 frames there are bytes of no frame");
            let Some(between) = distance_to_next(bytes, *rest, version)? else { return Ok(None) };
            rest.skip(bytes, between)?;
            header = rest.peek(bytes, length_of_header(version))?;
        }
        let Some(id) = name(&header, version) else { return Ok(None) };
        rest.skip(bytes, header.len() as u64)?;
        let content = *rest;
        let size = extent(bytes, rest, &header, version)?.unwrap_or_else(|| {
            found.note(format!("the ID3 frame {} has a wrong size", String::from_utf8_lossy(&id)));
            content.left()
        });
        let flags = header.get(9).copied().unwrap_or(0);
        Ok(Some(Frame { id, version, flags, content, size }))
    }

    /// The content of a frame that is wanted. `None` if it is not, or cannot be read.
    pub(super) fn content(&self, bytes: &mut Bytes, unsynchronised: bool) -> io::Result<Option<Vec<u8>>> {
        match WANTED.contains(&&self.id) {
            true => self.beginning(bytes, unsynchronised, MAX_CONTENT),
            false => Ok(None),
        }
    }

    pub(super) fn is_picture(&self) -> bool {
        self.id == *PICTURE
    }

    /// The content of a picture, unless it has more bytes than `most`, or is compressed.
    pub(super) fn picture(
        &self,
        bytes: &mut Bytes,
        unsynchronised: bool,
        most: usize,
    ) -> io::Result<Option<Vec<u8>>> {
        match self.size <= most as u64 && !Form::of(self.version, self.flags).compressed {
            true => self.beginning(bytes, unsynchronised, most),
            false => Ok(None),
        }
    }

    /// Whether it has the form of version 2.
    pub(super) fn is_short(&self) -> bool {
        self.version == 2
    }

    /// Up to `most` bytes of the content. `None` if it cannot be read.
    fn beginning(&self, bytes: &mut Bytes, unsynchronised: bool, most: usize) -> io::Result<Option<Vec<u8>>> {
        let form = Form::of(self.version, self.flags);
        if form.encrypted {
            return Ok(None);
        }
        let size = self.size.min(most as u64) as usize;
        let mut content = { self.content }.read(bytes, size)?;
        // A length begins with a zero. Some writers set the flag and write none.
        let has_length = form.length && content.get(form.before_length) == Some(&0);
        let before = form.before_length + if has_length { 4 } else { 0 } + form.after_length;
        content.drain(..before.min(content.len()));
        if unsynchronised || form.unsynchronised {
            content = synchronised(content);
        }
        Ok(if form.compressed { inflated(&content) } else { Some(content) })
    }
}

/// The version whose form the frames have. Some writers put another number into the tag's header.
pub(super) fn version_of_frames(bytes: &mut Bytes, frames: Cursor, told: u8) -> io::Result<u8> {
    let other = if told == 2 { 3 } else { 2 };
    for version in [told, other] {
        let header = frames.peek(bytes, length_of_header(version))?;
        // The first frame is a short one: a name of four letters is not one of three, with a large size.
        if name(&header, version).is_none() || version == 2 && told != 2 && header[3] != 0 {
            continue;
        }
        let is_right = if version == told { leads_on } else { surely_leads_on };
        for size in sizes(&header, version).unwrap_or([0; 2]) {
            if frames.must_be_read() && size > MAX_PROBED {
                return Ok(told);
            }
            let mut next = frames;
            if next.skip(bytes, header.len() as u64 + size)? && is_right(bytes, next, version)? {
                return Ok(version);
            }
        }
    }
    Ok(told)
}

/// What the flags of a frame say of its content.
#[derive(Default)]
struct Form {
    compressed: bool,
    encrypted: bool,
    unsynchronised: bool,
    /// Whether it has the length of what is compressed, and the bytes before and after that.
    length: bool,
    before_length: usize,
    after_length: usize,
}

impl Form {
    fn of(version: u8, flags: u8) -> Form {
        let is_set = |bit: u8| flags & bit != 0;
        match version {
            3 => Form {
                compressed: is_set(0x80),
                encrypted: is_set(0x40),
                length: is_set(0x80),
                after_length: usize::from(is_set(0x20)),
                ..Form::default()
            },
            4 => Form {
                compressed: is_set(0x08),
                encrypted: is_set(0x04),
                unsynchronised: is_set(0x02),
                length: is_set(0x01),
                before_length: usize::from(is_set(0x40)),
                after_length: 0,
            },
            _ => Form::default(),
        }
    }
}

/// Decompresses a text, as far as it goes.
fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let all = ZlibDecoder::new(bytes).take(MAX_CONTENT as u64).read_to_end(&mut content);
    (all.is_ok() || !content.is_empty()).then_some(content)
}

fn length_of_header(version: u8) -> usize {
    if version == 2 { 6 } else { 10 }
}

/// The name in a frame's header, as version 3 has it.
fn name(header: &[u8], version: u8) -> Option<[u8; 4]> {
    let is_name = |id: &[u8]| {
        id[0].is_ascii_uppercase() && id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let id = header.first_chunk::<4>()?;
    // In a version 3 tag, some writers put the names of version 2, with a space or a zero.
    if is_name(&id[..3]) && (version == 2 || matches!(id[3], b' ' | 0)) {
        return Some(match &id[..3] {
            b"TP1" => *b"TPE1",
            b"TP2" => *b"TPE2",
            b"TT2" => *b"TIT2",
            b"TAL" => *b"TALB",
            b"TCM" => *b"TCOM",
            b"TCO" => *b"TCON",
            b"TPB" => *b"TPUB",
            b"TRC" => *b"TSRC",
            b"TYE" => *b"TYER",
            b"TRK" => *b"TRCK",
            b"TXX" => *b"TXXX",
            b"PIC" => *PICTURE,
            &[a, b, c] => [a, b, c, b' '],
            _ => return None,
        });
    }
    (version > 2 && is_name(id)).then_some(*id)
}

/// The sizes that a header may mean. The one that its version prescribes comes first.
fn sizes(header: &[u8], version: u8) -> Option<[u64; 2]> {
    Some(match (version, header) {
        (2, &[_, _, _, x, y, z, ..]) => [u64::from(u32::from_be_bytes([0, x, y, z])); 2],
        (_, &[_, _, _, _, w, x, y, z, ..]) => {
            let size = [w, x, y, z];
            let plain = u64::from(u32::from_be_bytes(size));
            // A byte with its eighth bit is no part of a number in seven bits.
            let seven = if plain & 0x8080_8080 == 0 { u64::from(seven_bits(size)) } else { plain };
            if version == 4 { [seven, plain] } else { [plain, seven] }
        }
        _ => return None,
    })
}

/// The size of the content at `rest`, which is moved behind it. The right size leads to a frame, to the
/// padding or to the end. If there is none, the next frame is sought, and the content goes no further. `None`
/// if it has no end.
fn extent(bytes: &mut Bytes, rest: &mut Cursor, header: &[u8], version: u8) -> io::Result<Option<u64>> {
    let content = *rest;
    let sizes = sizes(header, version).unwrap_or([0; 2]);
    let mut fits: Option<(u64, Cursor)> = None;
    for (nth, size) in sizes.into_iter().enumerate().take(if sizes[0] == sizes[1] { 1 } else { 2 }) {
        *rest = content;
        if rest.skip(bytes, size)? {
            let is_right = if nth == 0 { leads_on } else { surely_leads_on };
            if is_right(bytes, *rest, version)? {
                return Ok(Some(size));
            }
            fits = fits.or(Some((size, *rest)));
        }
    }
    *rest = content;
    let distance = distance_to_next(bytes, content, version)?;
    let size = fits.map(|(size, _)| size);
    match (distance, fits) {
        (None, Some((_, behind))) => *rest = behind,
        _ => rest.skip(bytes, distance.unwrap_or(u64::MAX)).map(|_| ())?,
    }
    Ok(distance.map_or(size, |distance| Some(size.map_or(distance, |size| size.min(distance)))))
}

/// Whether a frame begins here, or padding, or the tag ends.
fn leads_on(bytes: &mut Bytes, at: Cursor, version: u8) -> io::Result<bool> {
    let header = at.peek(bytes, length_of_header(version))?;
    Ok(header.iter().all(|&byte| byte == 0) || name(&header, version).is_some())
}

/// The same for a frame that is wholly within the tag. Wrong sizes often lead to what looks like a name.
fn surely_leads_on(bytes: &mut Bytes, at: Cursor, version: u8) -> io::Result<bool> {
    let header = at.peek(bytes, length_of_header(version))?;
    let fits = |sizes: [u64; 2]| sizes.iter().any(|&size| size <= at.left());
    Ok(leads_on(bytes, at, version)? && sizes(&header, version).is_none_or(fits))
}

/// How far it is to the next frame that leads on itself.
fn distance_to_next(bytes: &mut Bytes, from: Cursor, version: u8) -> io::Result<Option<u64>> {
    let window = from.peek(bytes, SOUGHT_BYTES)?;
    let length = length_of_header(version);
    let mut tries = 0;
    for (distance, header) in window.windows(length).enumerate().skip(1) {
        if name(header, version).is_none() || tries == MAX_TRIES {
            continue;
        }
        tries += 1;
        for size in sizes(header, version).unwrap_or([0; 2]) {
            if from.must_be_read() && size > MAX_PROBED {
                continue;
            }
            let mut next = from;
            let skipped = next.skip(bytes, distance as u64 + length as u64 + size)?;
            if skipped && size > 0 && surely_leads_on(bytes, next, version)? {
                return Ok(Some(distance as u64));
            }
        }
    }
    Ok(None)
}

/// Passes over an extended header. Its size is counted with or without itself, in seven bits or eight; some
/// writers set the flag and write none.
pub(super) fn skip_extended_header(bytes: &mut Bytes, frames: &mut Cursor, version: u8) -> io::Result<()> {
    let begin = *frames;
    let Some(&size) = begin.peek(bytes, 4)?.first_chunk::<4>() else { return Ok(()) };
    let (plain, seven) = (u64::from(u32::from_be_bytes(size)), u64::from(seven_bits(size)));
    let prescribed = if version == 3 { plain + 4 } else { seven };
    for size in [prescribed, 0, seven, seven + 4, plain, plain + 4] {
        let mut after = begin;
        if size <= MAX_EXTENDED_HEADER
            && after.skip(bytes, size)?
            && after.peek(bytes, 1)?.first() != Some(&0)
            && leads_on(bytes, after, version)?
        {
            *frames = after;
            return Ok(());
        }
    }
    let mut after = begin;
    if after.skip(bytes, prescribed)? {
        *frames = after;
    }
    Ok(())
}

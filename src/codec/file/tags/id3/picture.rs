//! The pictures in an ID3v2 tag.

use std::io;

use super::frame::Frame;
use super::{MAX_FRAMES, open_tag};
use crate::codec::file::source::Bytes;
use crate::codec::file::tags::Found;

/// The most bytes of what stands before a picture: its content type and what is said of it.
const MAX_BEFORE: usize = 4096;

/// The kind of a picture that is the front of an album.
const FRONT: u8 = 3;

/// Reads the pictures in the tag at the beginning of a file that have at most `most` bytes, the front of the
/// album first. Larger ones are not read.
pub(in crate::codec::file) fn pictures(bytes: &mut Bytes, most: usize) -> io::Result<Vec<Vec<u8>>> {
    let (end, mut notes) = (bytes.len(), Found::default());
    let Some(mut tag) = open_tag(bytes, 0, end, &mut notes)? else { return Ok(Vec::new()) };
    let (mut fronts, mut others) = (Vec::new(), Vec::new());
    for _ in 0..MAX_FRAMES {
        let Some(frame) = Frame::next(bytes, &mut tag.frames, tag.form, &mut notes)? else { break };
        let content = frame.picture(bytes, tag.unsynchronised_frames, most + MAX_BEFORE)?;
        match content.as_deref().and_then(|content| picture(content, frame.is_short())) {
            Some((FRONT, picture)) => fronts.push(picture.to_vec()),
            // One is enough, where there is no front.
            Some((_, picture)) if others.is_empty() => others.push(picture.to_vec()),
            _ => {}
        }
    }
    fronts.append(&mut others);
    Ok(fronts)
}

/// The kind of a picture, and the picture. In version 2, three letters stand for its content type.
fn picture(content: &[u8], is_short: bool) -> Option<(u8, &[u8])> {
    let (&encoding, rest) = content.split_first()?;
    let length = if is_short { 3 } else { rest.iter().position(|&byte| byte == 0)? + 1 };
    let (&kind, rest) = rest.get(length..)?.split_first()?;
    // UTF-16 ends with two zeros at an even place.
    let described = match encoding {
        1 | 2 => rest.chunks_exact(2).position(|pair| pair == [0, 0])? * 2 + 2,
        _ => rest.iter().position(|&byte| byte == 0)? + 1,
    };
    Some((kind, &rest[described..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stands_behind_what_is_said_of_it() {
        for (content, is_short, expected) in [
            (&b"\0image/png\0\x03front\0data"[..], false, Some((3, &b"data"[..]))),
            (b"\x01image/png\0\x00\xff\xfea\0\0\0data", false, Some((0, b"data"))),
            (b"\x03\0\x03\0data", false, Some((3, b"data"))),
            (b"\0JPG\x03\0data", true, Some((3, b"data"))),
            (b"\0image/png\0\x03front\0", false, Some((3, b""))),
            (b"\0image/png\0\x03front", false, None),
            (b"\x01image/png\0\x03\xff\xfea\0\0", false, None),
            (b"\0image/png", false, None),
            (b"\0JPG", true, None),
            (b"\0", false, None),
            (b"", false, None),
        ] {
            assert_eq!(picture(content, is_short), expected, "{content:?}");
        }
    }
}

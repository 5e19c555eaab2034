//! The pictures in an ID3v2 tag.

use std::io;

use super::frame::Frame;
use crate::codec::file::source::Bytes;
use crate::codec::file::tags::pictures::TagPicture;

/// The kind of a picture that is the front of an album.
const FRONT: u8 = 3;

/// A frame that holds a picture, which has not been read.
#[derive(Debug)]
pub(in crate::codec::file::tags) struct PictureFrame {
    pub(super) frame: Frame,
    /// Whether each frame of its tag is unsynchronised.
    pub(super) unsynchronised: bool,
}

impl PictureFrame {
    /// Reads the picture, unless its frame has more bytes than `most`.
    pub(in crate::codec::file::tags) fn read(
        &self,
        bytes: &mut Bytes,
        most: usize,
    ) -> io::Result<Option<TagPicture>> {
        let content = self.frame.picture(bytes, self.unsynchronised, most)?;
        let picture = content.as_deref().and_then(|content| picture(content, self.frame.is_short()));
        Ok(picture.map(|(kind, picture)| TagPicture { is_front: kind == FRONT, bytes: picture.to_vec() }))
    }
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

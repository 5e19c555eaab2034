//! The pictures in ID3 and APE tags. Whoever reads tags notes only where they are, because few want a cover.

use std::io;
use std::ops::Range;

use super::id3::PictureFrame;
use crate::codec::file::source::Bytes;

/// The most pictures that are noted.
const MAX_PICTURES: usize = 64;

/// The most bytes of what stands before a picture: its content type and what is said of it, or a file's name.
const MAX_BEFORE: usize = 4096;

/// The pictures that were found, in their order.
#[derive(Debug, Default)]
pub(in crate::codec::file) struct Pictures(Vec<PictureAt>);

/// Where a picture is.
#[derive(Debug)]
pub(super) enum PictureAt {
    Frame(PictureFrame),
    /// The value of an item of an APE tag.
    Item {
        is_front: bool,
        value: Range<u64>,
    },
}

/// A picture as a tag has it. What it is, only its own first bytes say.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::codec::file) struct TagPicture {
    /// Whether it is the front of an album.
    pub(in crate::codec::file) is_front: bool,
    pub(in crate::codec::file) bytes: Vec<u8>,
}

impl Pictures {
    pub(super) fn note(&mut self, picture: PictureAt) {
        if self.0.len() < MAX_PICTURES {
            self.0.push(picture);
        }
    }

    pub(super) fn append(&mut self, other: Pictures) {
        other.0.into_iter().for_each(|picture| self.note(picture));
    }

    /// Reads one after the other. Those of more than `most` bytes, and those that cannot be read, are left
    /// out.
    pub(in crate::codec::file) fn read(
        &self,
        bytes: &mut Bytes,
        most: usize,
    ) -> impl Iterator<Item = TagPicture> {
        self.0.iter().filter_map(move |at| at.read(bytes, most).ok().flatten())
    }
}

impl PictureAt {
    fn read(&self, bytes: &mut Bytes, most: usize) -> io::Result<Option<TagPicture>> {
        match self {
            PictureAt::Frame(frame) => frame.read(bytes, most + MAX_BEFORE),
            PictureAt::Item { is_front, value } => {
                let size = value.end - value.start;
                if size > (most + MAX_BEFORE) as u64 {
                    return Ok(None);
                }
                let value = bytes.up_to(value.start, size as usize)?;
                // The name of a file stands before the picture.
                let name_ends = value.iter().position(|&byte| byte == 0);
                let bytes = name_ends.map(|at| value[at + 1..].to_vec());
                Ok(bytes.map(|bytes| TagPicture { is_front: *is_front, bytes }))
            }
        }
    }
}

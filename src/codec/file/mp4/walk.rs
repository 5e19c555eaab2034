//! Goes from box to box.

use std::io;
use std::ops::Range;

use crate::codec::file::source::Media;

/// The position of a box's content.
pub(super) type Span = Range<u64>;

/// The most boxes that are read.
const MAX_BOXES: usize = 4096;

/// The size of a box's header: its size and its kind.
const HEADER: u64 = 8;

pub(super) struct Walk<'a> {
    pub(super) media: &'a mut Media,
    boxes: usize,
}

impl Walk<'_> {
    pub(super) fn new(media: &mut Media) -> Walk<'_> {
        Walk { media, boxes: 0 }
    }

    /// The kind and the content of the box at the beginning of `within`. One that goes beyond it is cut.
    pub(super) fn next(&mut self, within: &Span) -> io::Result<Option<([u8; 4], Span)>> {
        self.boxes += 1;
        if self.boxes > MAX_BOXES || within.end.saturating_sub(within.start) < HEADER {
            return Ok(None);
        }
        let Some([a, b, c, d, kind @ ..]) = self.media.exactly::<8>(within.start)? else { return Ok(None) };
        let (header, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (HEADER, within.end - within.start),
            1 => match self.media.exactly(within.start + HEADER)? {
                Some(size) => (2 * HEADER, u64::from_be_bytes(size)),
                None => return Ok(None),
            },
            size => (HEADER, u64::from(size)),
        };
        let (begin, end) = (within.start + header, within.start.saturating_add(size).min(within.end));
        Ok((size >= header && begin <= end).then_some((kind, begin..end)))
    }

    /// The first box of a kind in `within`.
    pub(super) fn find(&mut self, mut within: Span, kind: &[u8; 4]) -> io::Result<Option<Span>> {
        while let Some((found, content)) = self.next(&within)? {
            if found == *kind {
                return Ok(Some(content));
            }
            within.start = content.end;
        }
        Ok(None)
    }

    /// The first box that this path of kinds leads to.
    pub(super) fn descend(&mut self, within: Span, path: &[&[u8; 4]]) -> io::Result<Option<Span>> {
        let mut content = within;
        for kind in path {
            match self.find(content, kind)? {
                Some(found) => content = found,
                None => return Ok(None),
            }
        }
        Ok(Some(content))
    }

    pub(super) fn number(&mut self, at: u64) -> io::Result<Option<u32>> {
        Ok(self.media.exactly(at)?.map(u32::from_be_bytes))
    }

    /// The time scale in `mvhd` or `mdhd`: it follows the times of creation and change. `None` if it is zero.
    pub(super) fn scale(&mut self, header: &Span) -> io::Result<Option<u32>> {
        let version = self.number(header.start)?.unwrap_or_default() >> 24;
        let scale = self.number(header.start + if version == 1 { 20 } else { 12 })?;
        Ok(scale.filter(|scale| *scale > 0))
    }
}

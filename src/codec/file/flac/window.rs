//! The bytes in which packets are looked for. Of a file, no more than a packet and a piece is in memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use super::super::source::Media;
use super::metadata::{self, MARKER};
use super::packet::{self, FlacPacket, Info, Look, MAX_HEADER};

/// What is read at a time.
const PIECE: usize = 64 * 1024;

pub(super) struct Window {
    media: Media,
    bytes: Vec<u8>,
    /// Where the first of them is.
    begin: u64,
}

/// What begins at a place.
pub(super) enum Found {
    Packet(FlacPacket),
    /// Another file, and where its packets are looked for.
    File(Info, u64),
}

impl Window {
    pub(super) fn new(media: Media) -> Window {
        Window { media, bytes: Vec::new(), begin: 0 }
    }

    pub(super) fn into_media(self) -> Media {
        self.media
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        self.media.len()
    }

    /// Takes in what has been added to the file: a seek behind the end looks for it.
    pub(super) fn grow(&mut self) -> io::Result<()> {
        self.media.seek(SeekFrom::Start(self.len() + 1))?;
        self.media.seek(SeekFrom::Start(self.begin + self.bytes.len() as u64))?;
        Ok(())
    }

    /// What is at a place: so many bytes or more, unless the file ends before.
    pub(super) fn at(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        if at < self.begin || at > self.begin + self.bytes.len() as u64 {
            self.bytes.clear();
            self.begin = self.media.seek(SeekFrom::Start(at))?;
        }
        let mut from = (at - self.begin) as usize;
        if self.bytes.len() - from < count {
            self.bytes.drain(..from);
            (self.begin, from) = (at, 0);
            let missing = (count - self.bytes.len()).max(PIECE);
            // What a search has needed goes back before the long way through the file.
            let room = self.bytes.len() + missing;
            if self.bytes.capacity() > 2 * room {
                self.bytes.shrink_to(room);
            }
            self.bytes.reserve_exact(missing);
            self.media.by_ref().take(missing as u64).read_to_end(&mut self.bytes)?;
        }
        Ok(&self.bytes[from..])
    }

    /// The first packet that begins in a range.
    pub(super) fn packet(&mut self, range: Range<u64>, info: Option<Info>) -> io::Result<Option<FlacPacket>> {
        let mut range = range;
        loop {
            match self.find(range.clone(), info)? {
                Some(Found::Packet(packet)) => return Ok(Some(packet)),
                Some(Found::File(_, behind)) => range.start = behind,
                None => return Ok(None),
            }
        }
    }

    /// The first packet, or the first file, that begins in a range.
    pub(super) fn find(&mut self, range: Range<u64>, info: Option<Info>) -> io::Result<Option<Found>> {
        let mut from = range.start;
        while let Some(at) = self.place(from..range.end, |bytes| packet::is_sync(bytes) || bytes == MARKER)? {
            if let Some(found) = self.look(at, info)? {
                return Ok(Some(found));
            }
            from = at + 1;
        }
        Ok(None)
    }

    /// The last packet that ends before a place, and begins in a range. It is looked for close to the end
    /// first, and no further from it than `reach`.
    pub(super) fn last_packet(
        &mut self,
        range: Range<u64>,
        info: Option<Info>,
        reach: u64,
    ) -> io::Result<Option<FlacPacket>> {
        let mut near = PIECE as u64;
        loop {
            let begin = range.end.saturating_sub(near).max(range.start);
            let (mut from, mut last) = (begin, None);
            while let Some(packet) = self.packet(from..range.end, info)? {
                from = packet.end();
                last = Some(packet);
            }
            if last.is_some() || begin == range.start || near >= reach {
                return Ok(last);
            }
            near *= 4;
        }
    }

    /// The first place in a range where four bytes are as wanted.
    pub(super) fn place(
        &mut self,
        range: Range<u64>,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Option<u64>> {
        let mut at = range.start;
        while at < range.end {
            let bytes = self.at(at, MAX_HEADER)?;
            if bytes.len() < MARKER.len() {
                break;
            }
            if let Some(place) = bytes.windows(MARKER.len()).position(&is_wanted) {
                return Ok(Some(at + place as u64).filter(|at| *at < range.end));
            }
            at += (bytes.len() - MARKER.len() + 1) as u64;
        }
        Ok(None)
    }

    /// What begins at a place.
    fn look(&mut self, at: u64, info: Option<Info>) -> io::Result<Option<Found>> {
        if self.at(at, MARKER.len())?.starts_with(MARKER) {
            return Ok(metadata::described(self, at)?.map(|(info, audio)| Found::File(info, audio)));
        }
        let mut wanted = MAX_HEADER;
        loop {
            let bytes = self.at(at, wanted)?;
            let there = bytes.len();
            match packet::look(bytes, at, info.as_ref()) {
                Look::Packet(packet) => return Ok(Some(Found::Packet(packet))),
                Look::Cut if there >= wanted => wanted = 2 * there,
                Look::Other => return Ok(None),
                Look::Cut | Look::Damaged => {
                    // Rubbish may be full of what looks like headers, so the budget is asked.
                    self.media.stream_position()?;
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Bytes;
    use super::*;

    #[test]
    fn a_window_that_had_to_be_wide_is_narrow_again() {
        const LENGTH: usize = 100 * PIECE;
        let bytes = Bytes::new(Box::new(io::Cursor::new(vec![0; LENGTH]))).unwrap();
        let mut window = Window::new(Media::new(bytes, 0..LENGTH as u64, Vec::new()).unwrap());
        assert_eq!(window.at(0, 40 * PIECE).unwrap().len(), 40 * PIECE);
        let mut widest = 0;
        for at in (40 * PIECE..LENGTH).step_by(5_000) {
            let bytes = window.at(at as u64, 10_000).unwrap().len();
            assert_eq!(bytes.min(10_000), (LENGTH - at).min(10_000));
            widest = widest.max(window.bytes.capacity());
        }
        assert!(widest <= 2 * PIECE + 20_000, "{widest}");
    }
}

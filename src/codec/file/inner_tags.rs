//! Hides the tags that lie between packets: each part of a joined file keeps its own. A picture in a tag may
//! hold what looks like packets, and who looks for the next packet would play it.
//!
//! A tag reads as zeros, in which no packet begins. So all positions stay as they are.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

use super::source::Media;
use crate::codec::aac::adts;
use crate::codec::mp3::header;
use crate::codec::tags::{self, Look};

/// How tags begin that can hold pictures.
const BEGINNINGS: [&[u8]; 2] = [b"ID3", b"APETAGEX"];

/// Behind a tag, so many zeros at most are padding.
const PADDING: usize = 4096;

/// A stream of packets whose tags read as zeros.
pub(super) struct WithoutTags {
    media: Media,
    /// The position of the next byte.
    at: u64,
    /// Where the last tag lies that was found.
    tag: Range<u64>,
}

impl WithoutTags {
    /// The stream from its beginning.
    pub(super) fn new(media: Media) -> WithoutTags {
        WithoutTags { media, at: 0, tag: 0..0 }
    }

    /// The end of the tag that begins at a position. A tag whose length leads into the middle of something is
    /// none.
    fn end_of_tag(&mut self, at: u64) -> io::Result<Option<u64>> {
        let Look::Tag(length) = tags::look(&self.media.up_to(at, tags::ENOUGH_BYTES)?) else {
            return Ok(None);
        };
        let end = at + length;
        let behind = self.media.up_to(end, PADDING)?;
        let padding = behind.iter().take_while(|byte| **byte == 0).count();
        Ok(leads_on(&behind[padding..]).then_some(end))
    }

    /// Overwrites the tags in what was read at `begin`. The next tag is looked for behind the last one.
    fn hide_tags(&mut self, begin: u64, read: &mut [u8]) -> io::Result<()> {
        let mut from = 0;
        loop {
            let hidden = [self.tag.start, self.tag.end].map(|at| offset(at, begin).min(read.len()));
            read[hidden[0]..hidden[1]].fill(0);
            from = hidden[1].max(from);
            let Some(next) = beginning(&read[from..]) else { return Ok(()) };
            from += next;
            let at = begin + from as u64;
            match self.end_of_tag(at)? {
                Some(end) => self.tag = at..end,
                None => from += 1,
            }
        }
    }
}

/// Where a tag may begin, the last bytes included, behind which it may go on.
fn beginning(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|&at| {
        let is_like = |begin: &&[u8]| begin.iter().zip(&bytes[at..]).all(|(wanted, byte)| wanted == byte);
        BEGINNINGS.iter().any(is_like)
    })
}

fn offset(at: u64, begin: u64) -> usize {
    usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX)
}

/// Whether a packet or another tag begins here, or nothing.
fn leads_on(behind: &[u8]) -> bool {
    let Some(head) = behind.first_chunk::<{ header::HEADER_BYTES }>() else { return true };
    let is_adts = || behind.first_chunk().is_some_and(|head| adts::parse(*head).is_some());
    header::parse(*head).is_some() || is_adts() || !matches!(tags::look(behind), Look::Other)
}

impl Read for WithoutTags {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.media.read(buf)?;
        let begin = self.at;
        self.at += count as u64;
        self.hide_tags(begin, &mut buf[..count])?;
        Ok(count)
    }
}

impl Seek for WithoutTags {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.media.seek(to)?;
        // From there on, tags are looked for again.
        if !self.tag.contains(&self.at) {
            self.tag = 0..0;
        }
        Ok(self.at)
    }
}

impl MediaSource for WithoutTags {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        self.media.byte_len()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::source::Bytes;
    use super::*;

    const PACKET: &[u8] = b"\xff\xfb\x90\x64 an MP3 packet";

    fn id3(content: &[u8]) -> Vec<u8> {
        let size = [content.len() >> 7, content.len() & 0x7f].map(|seven| seven as u8);
        [b"ID3\x04\0\0\0\0", &size[..], content].concat()
    }

    fn ape(content: &[u8]) -> Vec<u8> {
        let numbers = [2000, content.len() as u32, 1, 1 << 31 | 1 << 29, 0, 0].map(u32::to_le_bytes);
        [b"APETAGEX", numbers.as_flattened(), content].concat()
    }

    /// What is read of these bytes, so many at a time.
    fn read(bytes: &[u8], size: usize) -> Vec<u8> {
        let junk = b"ID3 and more in front";
        let file = Bytes::new(Box::new(Cursor::new([junk, bytes].concat()))).unwrap();
        let range = junk.len() as u64..file.len();
        let mut stream = WithoutTags::new(Media::new(file, range, Vec::new()).unwrap());
        let (mut got, mut piece) = (Vec::new(), vec![0; size]);
        loop {
            match stream.read(&mut piece).unwrap() {
                0 => return got,
                count => got.extend(&piece[..count]),
            }
        }
    }

    #[test]
    fn tags_between_packets_are_zeros_however_they_are_read() {
        let [cover, art] = [id3(&PACKET.repeat(9)), ape(&PACKET.repeat(5))];
        for tags in [vec![&cover[..]], vec![&art, &cover], vec![&cover, &[0; 100], &art, &art]] {
            let tags = tags.concat();
            let file = [PACKET, &tags, PACKET, PACKET, &tags, PACKET, &tags].concat();
            let silent = vec![0; tags.len()];
            let wanted = [PACKET, &silent, PACKET, PACKET, &silent, PACKET, &silent].concat();
            for size in [1, 2, 3, 7, 10, 33, 500, 10_000] {
                assert_eq!(read(&file, size), wanted, "by {size}");
            }
        }
    }

    #[test]
    fn what_is_no_tag_is_read_as_it_is() {
        let mut lies = id3(&PACKET.repeat(9));
        lies[9] -= 1;
        for file in [
            [PACKET, b"ID3", PACKET, b"ID", b"APETAGE", PACKET, b"I"].concat(),
            [PACKET, b"ID3 is not a tag", PACKET].concat(),
            [PACKET, &lies, PACKET].concat(),
            [PACKET, b"APETAGEX is no tag without its numbers, and so on", PACKET].concat(),
        ] {
            for size in [1, 5, 500] {
                assert_eq!(read(&file, size), file, "by {size}: {}", file.escape_ascii());
            }
        }
    }

    #[test]
    fn a_seek_finds_the_tags_again() {
        let file = [PACKET, &id3(b"first"), PACKET, &id3(&PACKET.repeat(9)), PACKET].concat();
        let bytes = Bytes::new(Box::new(Cursor::new(file.clone()))).unwrap();
        let mut stream = WithoutTags::new(Media::new(bytes, 0..file.len() as u64, Vec::new()).unwrap());
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let within_first = PACKET.len() + 1..PACKET.len() + 15;
        for at in (0..file.len()).filter(|at| !within_first.contains(at)) {
            stream.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, all[at..], "from {at}");
        }
    }
}

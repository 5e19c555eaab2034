//! Reads Vorbis comments, as FLAC, Vorbis and Opus have them. symphonia refuses a file because of one wrong
//! length, and would keep all pictures in memory.

use std::io;
use std::ops::Range;

use super::Found;
use super::text::{self, LONGEST_BYTES};
use crate::codec::file::source::Bytes;

/// The most comments that are read.
const MAX_COMMENTS: usize = 4096;

/// The longest name that is read.
const MAX_NAME: usize = 64;

/// Where a length is wrong, the next comment is sought within this many bytes.
const SOUGHT_BYTES: usize = 64 * 1024;

/// Bytes in several parts of a file, one after the other: a packet in the pages of Ogg.
#[derive(Clone, Debug, Default)]
pub(in crate::codec::file) struct Parts(Vec<Range<u64>>);

impl Parts {
    pub(in crate::codec::file) fn push(&mut self, part: Range<u64>) {
        self.0.push(part);
    }

    /// Without the first `count` bytes.
    pub(in crate::codec::file) fn after(mut self, count: u64) -> Parts {
        let mut left = count;
        for part in &mut self.0 {
            let taken = left.min(part.end - part.start);
            part.start += taken;
            left -= taken;
        }
        self
    }

    fn len(&self) -> u64 {
        self.0.iter().map(|part| part.end - part.start).sum()
    }

    /// Up to `count` bytes, starting at `at`.
    fn up_to(&self, bytes: &mut Bytes, mut at: u64, count: usize) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        for part in &self.0 {
            let length = part.end - part.start;
            if at < length {
                let most = (length - at).min((count - read.len()) as u64) as usize;
                let piece = bytes.up_to(part.start + at, most)?;
                at += piece.len() as u64;
                read.extend(piece);
                if read.len() == count {
                    break;
                }
            }
            at = at.saturating_sub(length);
        }
        Ok(read)
    }

    fn number(&self, bytes: &mut Bytes, at: u64) -> io::Result<Option<u64>> {
        Ok(self.up_to(bytes, at, 4)?.first_chunk::<4>().map(|&number| u64::from(u32::from_le_bytes(number))))
    }
}

/// Reads the comments of one header: the name of the encoder, a count, and the comments, each with its length
/// before it. A wrong count is ignored; where a length is wrong, the next comment is sought.
pub(in crate::codec::file) fn read(bytes: &mut Bytes, header: &Parts, found: &mut Found) -> io::Result<()> {
    let end = header.len();
    let vendor = header.number(bytes, 0)?.unwrap_or(0);
    let mut at = 4 + vendor + 4;
    let count = if at <= end { header.number(bytes, at - 4)?.unwrap_or(0) } else { u64::MAX };
    if at > end {
        found.note("the encoder's name in the comments has a wrong length");
        at = 4;
        match distance_to_next(&header.up_to(bytes, at, SOUGHT_BYTES)?, end - 4.min(end)) {
            Some(distance) => at += distance,
            None => return Ok(()),
        }
    }
    for number in 0..MAX_COMMENTS as u64 {
        let Some(length) = header.number(bytes, at)? else { break };
        let comment = header.up_to(bytes, at + 4, (MAX_NAME + LONGEST_BYTES).min(length as usize))?;
        if at + 4 + length <= end && is_comment(&comment) {
            if let Some((name, value)) = split(&comment) {
                found.add(name, &text::guessed(value));
            }
            at += 4 + length;
            continue;
        }
        // Whatever follows the last comment is no comment, and nothing is wrong.
        if number >= count {
            break;
        }
        found.note("a comment has a wrong length");
        let window = header.up_to(bytes, at + 1, SOUGHT_BYTES)?;
        match distance_to_next(&window, end - at - 1) {
            Some(distance) => at += 1 + distance,
            None => {
                // The last comment is cut short, perhaps with the file.
                if let Some((name, value)) = split(&comment) {
                    found.add(name, &text::guessed(value));
                }
                break;
            }
        }
    }
    Ok(())
}

/// The name and the value of a comment.
fn split(comment: &[u8]) -> Option<(&str, &[u8])> {
    let equals = comment.iter().take(MAX_NAME).position(|&byte| byte == b'=')?;
    let name = &comment[..equals];
    let is_name = !name.is_empty() && name.iter().all(|byte| (b' '..=b'}').contains(byte));
    Some((std::str::from_utf8(name).ok().filter(|_| is_name)?, &comment[equals + 1..]))
}

/// Whether this may be a comment: a text, even if it has no `=` in it. It may begin with the length of the
/// next one if its own is wrong, which has zeros.
fn is_comment(comment: &[u8]) -> bool {
    split(comment).is_some() || !comment.is_empty() && !comment.contains(&0) && !comment.contains(&b'=')
}

/// How far it is to the next length with a comment behind it. `left` bytes are left from the window's
/// beginning.
fn distance_to_next(window: &[u8], left: u64) -> Option<u64> {
    window.windows(4).enumerate().find_map(|(at, length)| {
        let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
        let comment = &window[at + 4..];
        let comment = &comment[..comment.len().min(length as usize)];
        let fits = at as u64 + 4 + length <= left;
        (fits && split(comment).is_some_and(|(name, _)| name.len() > 2)).then_some(at as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with these comments, each with its length, which may be wrong.
    fn header(vendor: u32, count: u32, comments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut header = [&vendor.to_le_bytes()[..], b"encoder", &count.to_le_bytes()].concat();
        for (length, comment) in comments {
            header.extend(length.to_le_bytes());
            header.extend(*comment);
        }
        header
    }

    /// What is read of a header, which lies in pieces of a file.
    fn read_all(header: &[u8]) -> [Option<String>; 2] {
        let mut read = Vec::new();
        for size in [1, 7, header.len().max(1)] {
            let mut file = Vec::new();
            let mut parts = Parts::default();
            for piece in header.chunks(size) {
                file.extend(b"junk");
                parts.push(file.len() as u64..(file.len() + piece.len()) as u64);
                file.extend(piece);
            }
            let mut bytes = Bytes::new(Box::new(io::Cursor::new(file))).unwrap();
            let mut found = Found::default();
            super::read(&mut bytes, &parts, &mut found).unwrap();
            let tags = found.finish(false).tags;
            read.push([tags.artist, tags.title]);
        }
        assert!(read.windows(2).all(|pair| pair[0] == pair[1]), "{read:?}");
        read.remove(0)
    }

    #[test]
    fn what_is_wrong_with_a_comment_costs_that_one() {
        let (artist, title): (&[u8], &[u8]) = (b"ARTIST=Ana", b"title=Jingle");
        let good = [(10, artist), (12, title)];
        for (what, header) in [
            ("all is right", header(7, 2, &good)),
            ("the count is too small", header(7, 1, &good)),
            ("the count is too large", header(7, 9, &good)),
            ("the count is absurd", header(7, u32::MAX, &good)),
            ("the encoder's name is too long", header(7_000, 2, &good)),
            ("no equals sign", header(7, 3, &[(10, artist), (4, b"junk"), (12, title)])),
            ("an empty comment", header(7, 3, &[(10, artist), (0, b""), (12, title)])),
            ("a length is too large", header(7, 3, &[(10, artist), (5_000, b"COMMENT=x"), (12, title)])),
            ("a length is too small", header(7, 3, &[(10, artist), (3, b"COMMENT=x"), (12, title)])),
            ("the last length is too large", header(7, 2, &[(10, artist), (13, title)])),
            ("a name with an odd character", header(7, 3, &[(10, artist), (6, b"\x01a=bcd"), (12, title)])),
            ("padding behind", [header(7, 2, &good), vec![0; 100]].concat()),
            ("a framing bit behind", [header(7, 2, &good), vec![1]].concat()),
        ] {
            let expected = [Some("Ana".to_owned()), Some("Jingle".to_owned())];
            assert_eq!(read_all(&header), expected, "{what}");
        }
        assert_eq!(
            read_all(&header(7, 1, &[(12, b"TITLE=J\xf3ga!")]))[1].as_deref(),
            Some("Jóga!"),
            "Latin-1"
        );
        assert_eq!(read_all(b""), [None, None]);
        assert_eq!(read_all(b"\xff\xff\xff\xff"), [None, None]);
    }

    #[test]
    fn a_picture_is_passed_over() {
        let picture = [b"METADATA_BLOCK_PICTURE=".to_vec(), vec![b'A'; 200_000]].concat();
        let header = header(7, 2, &[(picture.len() as u32, &picture), (10, b"ARTIST=Ana")]);
        assert_eq!(read_all(&header)[0].as_deref(), Some("Ana"));
    }
}

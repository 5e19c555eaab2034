//! A position in an ID3v2 tag, which may be unsynchronised as a whole.

use std::io;

use crate::codec::file::source::Bytes;

/// The most bytes of an unsynchronised tag that are read. It must be read to its last byte, pictures
/// included, to know where its frames begin.
const MAX_UNSYNCHRONISED: u64 = 24 << 20;

/// What is read at a time.
const PIECE: usize = 64 * 1024;

/// A position in a tag. Sizes are those before the tag was unsynchronised.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The position in the file.
    at: u64,
    /// Where the tag ends.
    end: u64,
    /// Whether zeros were inserted after each 0xff.
    unsynchronised: bool,
    after_ff: bool,
}

impl Cursor {
    pub(super) fn new(at: u64, end: u64, unsynchronised: bool) -> Cursor {
        let end = if unsynchronised { end.min(at + MAX_UNSYNCHRONISED) } else { end };
        Cursor { at, end: end.max(at), unsynchronised, after_ff: false }
    }

    /// The bytes that are left, at most.
    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// Whether to pass over bytes means to read them.
    pub(super) fn must_be_read(&self) -> bool {
        self.unsynchronised
    }

    /// The next bytes: as many as `count`, or as there are.
    pub(super) fn read(&mut self, bytes: &mut Bytes, count: usize) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        self.advance(bytes, count as u64, |piece| read.extend(piece))?;
        Ok(read)
    }

    /// The next bytes, which stay the next ones.
    pub(super) fn peek(&self, bytes: &mut Bytes, count: usize) -> io::Result<Vec<u8>> {
        Cursor { ..*self }.read(bytes, count)
    }

    /// Passes over this many bytes. Returns whether there were as many.
    pub(super) fn skip(&mut self, bytes: &mut Bytes, count: u64) -> io::Result<bool> {
        // An unsynchronised tag must be read to be passed over, but never for what cannot be in it.
        if self.unsynchronised && count <= self.left() {
            return Ok(self.advance(bytes, count, |_| ())? == count);
        }
        let fits = count <= self.left();
        self.at += count.min(self.left());
        Ok(fits)
    }

    fn advance(&mut self, bytes: &mut Bytes, count: u64, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
        let mut done = 0;
        while done < count && self.at < self.end {
            let most = (count - done).min(self.left()).min(PIECE as u64) as usize;
            let mut piece = bytes.up_to(self.at, most)?;
            if piece.is_empty() {
                self.at = self.end;
                break;
            }
            self.at += piece.len() as u64;
            if self.unsynchronised {
                self.after_ff = synchronise(&mut piece, self.after_ff);
            }
            take(&piece);
            done += piece.len() as u64;
        }
        Ok(done)
    }
}

/// Removes the zeros that were inserted after each 0xff. Both flags tell whether the byte before was 0xff.
fn synchronise(bytes: &mut Vec<u8>, mut after_ff: bool) -> bool {
    bytes.retain(|&byte| {
        let inserted = after_ff && byte == 0;
        after_ff = byte == 0xff;
        !inserted
    });
    after_ff
}

/// Undoes the unsynchronisation of a frame, unless its bytes show that it has none: then 0xff would never be
/// followed by a byte of 0xe0 or more.
pub(super) fn synchronised(mut bytes: Vec<u8>) -> Vec<u8> {
    if is_unsynchronised(&bytes) {
        synchronise(&mut bytes, false);
    }
    bytes
}

/// Whether these bytes can be unsynchronised: some writers set the flag and change nothing.
pub(super) fn is_unsynchronised(bytes: &[u8]) -> bool {
    !bytes.windows(2).any(|pair| pair[0] == 0xff && pair[1] >= 0xe0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_that_were_inserted_are_removed_wherever_it_is_cut() {
        let plain: Vec<u8> =
            (0..300_000_u32).map(|n| if n % 7 == 0 { 0xff } else { (n % 5) as u8 }).collect();
        let inserted: Vec<u8> =
            plain.iter().flat_map(|&byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect();
        let end = inserted.len() as u64;
        let mut bytes = Bytes::new(Box::new(io::Cursor::new(inserted))).unwrap();
        for step in [1_usize, 2, 3, 1_000, 65_536, 400_000] {
            let mut cursor = Cursor::new(0, end, true);
            let mut got = Vec::new();
            // Single steps are slow: a beginning of them must do.
            while got.len() < 5_000 || step > 999 {
                let next = cursor.read(&mut bytes, step).unwrap();
                if next.is_empty() {
                    break;
                }
                got.extend(next);
            }
            assert!(plain.starts_with(&got), "in steps of {step}");
            assert!(step < 1_000 || got.len() == plain.len());
        }
        let mut cursor = Cursor::new(0, end, true);
        assert!(cursor.skip(&mut bytes, plain.len() as u64).unwrap() && cursor.left() <= 1);
        assert!(!Cursor::new(0, end, true).skip(&mut bytes, plain.len() as u64 + 1).unwrap());
    }

    #[test]
    fn a_frame_that_only_says_so_stays_as_it_is() {
        assert_eq!(synchronised(b"\xff\0\0a".to_vec()), b"\xff\0a");
        assert_eq!(synchronised(b"\x01\xff\xfe\xff\0".to_vec()), b"\x01\xff\xfe\xff\0");
    }
}

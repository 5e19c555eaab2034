//! Opens files, and patches the bytes that symphonia reads.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use symphonia::core::io::MediaSource;

use crate::error::{Error, Result};
use crate::roots::{self, Bounds};

/// Bytes that can be read from any position: a file, or a substitute in a test.
pub(crate) trait Source: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Source for T {}

/// Opens a regular file within the bounds. It refuses a named pipe, because opening that would wait for a
/// writer.
pub(super) fn open(path: &Path, bounds: &Bounds) -> Result<File> {
    let refused = |cause: io::Error| Error::file(path, reason(&cause));
    let file = bounds.open(path).map_err(refused)?;
    let about = file.metadata().map_err(refused)?;
    if about.is_dir() {
        return Err(Error::file(path, "is a folder, not a file"));
    }
    if !about.is_file() {
        return Err(Error::file(path, "is a device or a pipe, not a file"));
    }
    Ok(file)
}

/// The system's error, in words for the person who manages the files.
pub(super) fn reason(cause: &io::Error) -> String {
    match cause.kind() {
        _ if roots::is_outside(cause) => cause.to_string(),
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be read: the file, or a folder above it, forbids it to this user".to_owned()
        }
        _ => format!("cannot be read: {cause}"),
    }
}

/// Random access to a file's bytes. The length is that of the last time it was measured.
pub(super) struct Bytes {
    source: Box<dyn Source>,
    len: u64,
}

impl Bytes {
    pub(super) fn new(mut source: Box<dyn Source>) -> io::Result<Bytes> {
        let len = source.seek(SeekFrom::End(0))?;
        Ok(Bytes { source, len })
    }

    /// Measures the length again. Returns the earlier one if the file has grown.
    fn measure(&mut self) -> io::Result<Option<u64>> {
        let before = self.len;
        self.len = self.source.seek(SeekFrom::End(0))?.max(before);
        Ok((self.len > before).then_some(before))
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Up to `count` bytes, starting at `at`.
    pub(super) fn up_to(&mut self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let there = usize::try_from(self.len.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(count.min(there));
        self.source.seek(SeekFrom::Start(at))?;
        self.source.by_ref().take(count as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The `N` bytes at `at`, or `None` if the file is shorter.
    pub(super) fn exactly<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        Ok(self.up_to(at, N)?.try_into().ok())
    }
}

/// Bytes that replace those of the file for symphonia.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// Tells where the audio ends in a file that has grown, from its bytes and its length before.
pub(super) type NewEnd = Box<dyn Fn(&mut Bytes, u64) -> io::Result<u64> + Send + Sync>;

/// A file as symphonia reads it: patched, and without what is before the audio or behind it.
pub(super) struct Media {
    bytes: Bytes,
    begin: u64,
    end: u64,
    /// What is asked at the end, if the file has grown.
    new_end: Option<NewEnd>,
    /// The position of the next byte in the file.
    at: u64,
    patches: Vec<Patch>,
}

impl Media {
    /// The part of a file in this range, with these patches.
    pub(super) fn new(mut bytes: Bytes, range: Range<u64>, patches: Vec<Patch>) -> io::Result<Media> {
        let begin = range.start.min(bytes.len);
        let end = range.end.clamp(begin, bytes.len);
        bytes.source.seek(SeekFrom::Start(begin))?;
        Ok(Media { end, new_end: None, bytes, begin, at: begin, patches })
    }

    /// The same, which goes on when the file grows.
    pub(super) fn growing(self, new_end: Option<NewEnd>) -> Media {
        Media { new_end, ..self }
    }

    /// Takes in what has been added to the file.
    fn grow(&mut self) -> io::Result<()> {
        let Some(new_end) = &self.new_end else { return Ok(()) };
        if let Some(before) = self.bytes.measure()? {
            self.end = new_end(&mut self.bytes, before)?.max(self.end);
        }
        self.bytes.source.seek(SeekFrom::Start(self.at)).map(|_| ())
    }

    /// The length of the part.
    pub(super) fn len(&self) -> u64 {
        self.end - self.begin
    }

    /// The `N` bytes at a place of the part, unpatched, or `None` if it is shorter.
    pub(super) fn exactly<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        Ok(self.up_to(at, N)?.try_into().ok())
    }

    /// Up to `count` bytes at a place of the part, unpatched. The next byte to be read stays the same.
    pub(super) fn up_to(&mut self, at: u64, count: usize) -> io::Result<Vec<u8>> {
        let at = self.begin.saturating_add(at).min(self.end);
        let count = usize::try_from(self.end - at).unwrap_or(usize::MAX).min(count);
        let bytes = self.bytes.up_to(at, count);
        self.bytes.source.seek(SeekFrom::Start(self.at))?;
        bytes
    }
}

impl Read for Media {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.end {
            self.grow()?;
        }
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = buf.len().min(left);
        let count = loop {
            match self.bytes.source.read(&mut buf[..most]) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        let read = self.at..self.at + count as u64;
        self.at = read.end;
        for patch in &self.patches {
            let end = patch.at + patch.bytes.len() as u64;
            for at in patch.at.max(read.start)..end.min(read.end) {
                buf[(at - read.start) as usize] = patch.bytes[(at - patch.at) as usize];
            }
        }
        Ok(count)
    }
}

impl Seek for Media {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => SeekFrom::Start(self.begin.saturating_add(at)),
            SeekFrom::End(at) => SeekFrom::Start(self.end.saturating_add_signed(at)),
            relative @ SeekFrom::Current(_) => relative,
        };
        self.at = self.bytes.source.seek(to)?;
        if self.at < self.begin {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if self.at > self.end {
            self.grow()?;
        }
        Ok(self.at - self.begin)
    }
}

impl MediaSource for Media {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.end - self.begin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_patched_however_it_is_read() {
        let file = b"junk0123456789".to_vec();
        let patches = || {
            vec![
                Patch { at: 5, bytes: b"AB".to_vec() },
                Patch { at: 13, bytes: b"Z beyond the end".to_vec() },
            ]
        };
        for begin in 0..=10u64 {
            for size in 1..=11 {
                let bytes = Bytes::new(Box::new(io::Cursor::new(file.clone()))).unwrap();
                let mut media = Media::new(bytes, 4..14, patches()).unwrap();
                assert_eq!(media.byte_len(), Some(10));
                assert_eq!(media.seek(SeekFrom::Start(begin)).unwrap(), begin);
                let mut got: Vec<u8> = Vec::new();
                let mut piece = vec![0; size];
                loop {
                    match media.read(&mut piece).unwrap() {
                        0 => break,
                        count => got.extend(&piece[..count]),
                    }
                }
                assert_eq!(got, b"0AB345678Z"[begin as usize..], "from {begin} by {size}");
            }
        }
    }
}

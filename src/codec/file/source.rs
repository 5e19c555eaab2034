//! Where the bytes of a file come from: what may be opened at all, and symphonia's view of it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use symphonia::core::io::MediaSource;

use super::mp4;
use crate::error::{Error, Result};

/// Bytes that can be read from any position: a file, or what stands for one in a test.
pub(crate) trait Source: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Source for T {}

/// Opens a file that can hold audio: a regular one that is not empty. Never waits for a writer, as
/// opening a named pipe would.
pub(super) fn open(path: &Path) -> Result<Box<dyn Source>> {
    let refused = |cause: io::Error| Error::file(path, reason(&cause));
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path).map_err(refused)?;
    let about = file.metadata().map_err(refused)?;
    if about.is_dir() {
        return Err(Error::file(path, "is a folder, not a file"));
    }
    if !about.is_file() {
        return Err(Error::file(path, "is a device or a pipe, not a file"));
    }
    Ok(Box::new(file))
}

/// What the system's refusal means to whoever looks after the files.
pub(super) fn reason(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "may not be read: the file, or a folder above it, forbids it to this user".to_owned()
        }
        _ => cause.to_string(),
    }
}

/// A source as symphonia wants it, of a length that is fixed when it is opened.
pub(super) struct Media {
    source: Box<dyn Source>,
    len: u64,
}

impl Media {
    /// Looks how long `source` is, and goes to its beginning.
    pub(super) fn new(mut source: Box<dyn Source>) -> io::Result<Media> {
        let len = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        Ok(Media { source, len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What the index of an MP4 file says; `None` for any other file. Goes back to the beginning.
    pub(super) fn mp4_movie(&mut self) -> io::Result<Option<mp4::Movie>> {
        let mut head = Vec::with_capacity(8);
        self.by_ref().take(8).read_to_end(&mut head)?;
        let is_mp4 = head.ends_with(b"ftyp");
        let movie = if is_mp4 { Some(mp4::movie(self, self.len)?) } else { None };
        self.seek(SeekFrom::Start(0))?;
        Ok(movie)
    }
}

impl Read for Media {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.source.read(buf) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

impl Seek for Media {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.source.seek(to)
    }
}

impl MediaSource for Media {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

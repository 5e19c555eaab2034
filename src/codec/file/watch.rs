//! Notices that a file changes while it is played. What another program writes over it would be heard, and
//! most of it would be noise: bytes of another format sound as loud as a file can.
//!
//! A file may grow, as a recording does that is still going on. It may be deleted or replaced by another of
//! its name, too: what is open is the old one.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How many of the last bytes read are kept, to see that they are still there when the file has grown: a file
/// that is copied over it is longer, too, once it has all been written.
const TAIL: usize = 4096;

/// Recorders write sizes into the beginning of a file again and again. So bytes before this prove nothing. It
/// is small, so that there is a proof of short files, too.
const HEAD: u64 = 4 * 1024;

/// Why a file is not played on.
const REASON: &str = "changed while it was played";

/// Whether a file has changed.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed(Arc<AtomicBool>);

impl Changed {
    /// Whether it has, and nothing that was read of it since is to be trusted.
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REASON)
    }
}

/// A file, of which nothing can be read any more once it has changed.
pub(super) struct Watched {
    file: File,
    changed: Changed,
    known: State,
    has_grown: bool,
    /// Where the next byte is read.
    at: u64,
    /// The last bytes read, up to `at` unless there was a seek, and where they are.
    tail: Vec<u8>,
    tail_at: u64,
}

/// What tells that a file was written to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    written: (i64, i64),
}

impl State {
    fn of(about: &Metadata) -> State {
        State { size: about.len(), written: (about.mtime(), about.mtime_nsec()) }
    }
}

impl Watched {
    /// Watches a file, read from its beginning.
    pub(super) fn new(file: File) -> io::Result<Watched> {
        let known = State::of(&file.metadata()?);
        let changed = Changed::default();
        Ok(Watched {
            file,
            changed,
            known,
            has_grown: false,
            at: 0,
            tail: Vec::with_capacity(TAIL),
            tail_at: 0,
        })
    }

    /// What tells whether the file has changed.
    pub(super) fn changed(&self) -> Changed {
        self.changed.clone()
    }

    fn refuse(&self) -> io::Error {
        self.changed.0.store(true, Ordering::Relaxed);
        io::Error::other(REASON)
    }

    /// Whether what was read so far is still the beginning of the same sound.
    fn is_the_same(&mut self) -> io::Result<bool> {
        let now = State::of(&self.file.metadata()?);
        // The time is written before the bytes are, and in steps. So a file that has grown once may be
        // written over without another sign.
        if now == self.known && !self.has_grown {
            return Ok(true);
        }
        self.has_grown |= now.size > self.known.size;
        // A recorder that has added to the file may also fill in its sizes, without adding to it.
        let may_have_grown = self.has_grown && now.size >= self.known.size;
        self.known = now;
        Ok(may_have_grown && !self.tail.is_empty() && self.has_its_tail()?)
    }

    fn has_its_tail(&self) -> io::Result<bool> {
        let mut there = [0; TAIL];
        let there = &mut there[..self.tail.len()];
        match self.file.read_exact_at(there, self.tail_at) {
            Ok(()) => Ok(self.tail == there),
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    fn keep_tail(&mut self, read: &[u8]) {
        let tail = &read[read.len().saturating_sub(TAIL)..];
        let at = self.at - tail.len() as u64;
        // Silence is alike in all files.
        let is_silence = tail.iter().all(|byte| *byte == tail[0]);
        if at >= HEAD && (!is_silence || self.tail.is_empty()) {
            self.tail.clear();
            self.tail.extend_from_slice(tail);
            self.tail_at = at;
        }
    }
}

impl Read for Watched {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.changed.is_so() {
            return Err(self.refuse());
        }
        let count = self.file.read(buf)?;
        // Only after it has been read it is certain that it was not written before.
        if !self.is_the_same()? {
            return Err(self.refuse());
        }
        self.at += count as u64;
        self.keep_tail(&buf[..count]);
        Ok(count)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

//! The work that a file may make a decoder do before the next sound: bytes to read, computing, and waiting. A
//! file's index may claim terabytes, and a decoder would read them all, and keep them.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use super::source::Source;

/// Bytes to read until the first sound, and between two sounds. The index of an audio book of a whole day has
/// 16 MiB; pictures and films are passed over, not read.
const MAX_BYTES: u64 = 64 << 20;

/// Computing until the next sound, in time of the processor: that the disk is slow, or others work too, does
/// not count.
const MAX_WORK: Duration = Duration::from_secs(2);

/// Time to read until the next sound. A thread that nobody waits for any more ends after it at the latest,
/// unless the kernel holds it.
const MAX_TIME: Duration = Duration::from_secs(15);

/// Time for a seek, which may have to read a long file from its beginning.
const MAX_SEEK_TIME: Duration = Duration::from_secs(30);

/// What is left of bytes, work and time. A file's reader and its decoder share it.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Left>);

#[derive(Debug)]
struct Left {
    bytes: AtomicU64,
    until: Mutex<Until>,
}

/// When it is over.
#[derive(Clone, Copy, Debug)]
struct Until {
    time: Instant,
    /// What the thread may have computed by then since it began.
    work: Duration,
}

impl Until {
    fn in_a(time: Duration, work: Duration) -> Until {
        Until { time: Instant::now() + time, work: worked() + work }
    }
}

/// How long this thread has computed since it began.
fn worked() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

impl Budget {
    pub(super) fn new() -> Budget {
        let until = Mutex::new(Until::in_a(MAX_TIME, MAX_WORK));
        Budget(Arc::new(Left { bytes: AtomicU64::new(MAX_BYTES), until }))
    }

    /// There was sound, or nothing was asked of the file for a while: it may use as much again. It is this
    /// thread that goes on with it.
    pub(super) fn renew(&self) {
        self.set(MAX_BYTES, MAX_TIME, MAX_WORK);
    }

    /// Gives what a seek may use.
    pub(super) fn renew_for_seek(&self) {
        self.set(u64::MAX, MAX_SEEK_TIME, MAX_SEEK_TIME);
    }

    fn set(&self, bytes: u64, time: Duration, work: Duration) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
        *self.0.until.lock().unwrap_or_else(PoisonError::into_inner) = Until::in_a(time, work);
    }

    /// Refuses to go on when the time is over, or too much was computed.
    pub(super) fn check_time(&self) -> io::Result<()> {
        let until = *self.0.until.lock().unwrap_or_else(PoisonError::into_inner);
        if worked() >= until.work {
            return Err(io::Error::other("finding sound in it takes too much computing"));
        }
        if Instant::now() >= until.time {
            return Err(io::Error::other("there was no sound within the time for it"));
        }
        Ok(())
    }

    /// How many of `wanted` bytes may be read now.
    fn check(&self, wanted: usize) -> io::Result<usize> {
        self.check_time()?;
        match self.0.bytes.load(Ordering::Relaxed) {
            0 => Err(io::Error::other(format!("{} MiB of it were read without any sound", MAX_BYTES >> 20))),
            left => Ok(wanted.min(usize::try_from(left).unwrap_or(usize::MAX))),
        }
    }
}

/// A source that can be read only as far as its budget goes.
pub(super) struct Limited {
    source: Box<dyn Source>,
    budget: Budget,
}

impl Limited {
    pub(super) fn new(source: Box<dyn Source>, budget: Budget) -> Limited {
        Limited { source, budget }
    }
}

impl Read for Limited {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let most = self.budget.check(buf.len())?;
        let count = self.source.read(&mut buf[..most])?;
        // One thread at a time reads, so nothing is lost between the two.
        let left = self.budget.0.bytes.load(Ordering::Relaxed).saturating_sub(count as u64);
        self.budget.0.bytes.store(left, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Limited {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.budget.check_time()?;
        self.source.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_the_budget_allows_until_it_is_renewed() {
        let budget = Budget::new();
        let mut limited = Limited::new(Box::new(io::Cursor::new(vec![0; 10])), budget.clone());
        budget.set(7, MAX_TIME, MAX_WORK);
        let mut read = Vec::new();
        assert!(limited.read_to_end(&mut read).unwrap_err().to_string().contains("without any sound"));
        assert_eq!(read.len(), 7);
        budget.renew();
        limited.read_to_end(&mut read).unwrap();
        assert_eq!(read.len(), 10);
    }

    #[test]
    fn nothing_is_read_or_sought_when_the_time_is_over_or_the_work_too_much() {
        let budget = Budget::new();
        let mut limited = Limited::new(Box::new(io::Cursor::new(vec![0; 10])), budget.clone());
        for (time, work) in [(Duration::ZERO, MAX_WORK), (MAX_TIME, Duration::ZERO)] {
            budget.set(u64::MAX, time, work);
            assert!(limited.read(&mut [0; 4]).is_err() && limited.seek(SeekFrom::Start(3)).is_err());
        }
        budget.renew_for_seek();
        assert_eq!(limited.seek(SeekFrom::Start(3)).unwrap(), 3);
        assert_eq!(limited.read(&mut [0; 4]).unwrap(), 4);
    }
}

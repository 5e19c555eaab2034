//! Gives free memory back to the system: large blocks at once, small ones every ten seconds. Only the program
//! does it: the library is a guest, and leaves its host's allocator alone.

use std::time::{Duration, Instant};

/// So often free memory goes back. Tracks, requests and crowds each leave some of it between what stays, and
/// the next ones spread over more. It takes about a millisecond.
const EVERY: Duration = Duration::from_secs(10);
/// The arenas of glibc's allocator. Each keeps what it once had, and more of them gain nothing here: hardly
/// any thread allocates while it works.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Blocks of at least so many bytes are taken from the system, and go back to it when they are freed. Left
/// alone, the allocator raises this to the size of the largest block that was ever freed, and keeps blocks
/// below it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: libc::c_int = 256 * 1024;

/// When memory is to be given back.
#[derive(Debug)]
pub struct Memory {
    due: Instant,
}

impl Memory {
    pub fn new(now: Instant) -> Memory {
        Memory { due: now + EVERY }
    }

    /// Has the allocator keep little of what is freed. To be called before the first thread starts.
    pub fn keep_little() {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: they set numbers, and no other thread runs yet.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
            libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
        }
    }

    /// Gives memory back if it is time. To be called often, on a thread that nothing waits for.
    pub fn look(&mut self, now: Instant) {
        if self.is_due(now) {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            // SAFETY: it may be called on any thread at any time.
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now >= self.due;
        if is_due {
            self.due = now + EVERY;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_every_ten_seconds_however_often_one_looks() {
        let start = Instant::now();
        let mut memory = Memory::new(start);
        let is_due = |time: &u64| memory.is_due(start + Duration::from_millis(*time));
        let times: Vec<u64> = (0..60_000).step_by(500).filter(is_due).collect();
        assert_eq!(times, [10_000, 20_000, 30_000, 40_000, 50_000]);
    }
}

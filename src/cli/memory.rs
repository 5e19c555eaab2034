//! Gives memory back to the system: large blocks at once, small ones after a crowd has left. Only the program
//! does it: the library is a guest, and leaves its host's allocator alone.

use longwave::Server;

/// A crowd: so many connections more than there are now.
const CROWD: u64 = 500;
/// The arenas of glibc's allocator. Each keeps what it once had, and more of them gain nothing here: hardly
/// any thread allocates while it works.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// Blocks of at least so many bytes are taken from the system, and go back to it when they are freed. Left
/// alone, the allocator raises this to the size of the largest block that was ever freed, and keeps blocks
/// below it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: libc::c_int = 256 * 1024;

/// Memory is given back once more after so many looks, ten seconds: not all that a crowd asked for ends with it.
const AGAIN_AFTER: u32 = 20;

/// When memory is to be given back.
#[derive(Debug)]
pub struct Memory {
    crowd: Crowd,
    /// So many looks until it is given back once more.
    again: Option<u32>,
}

/// Follows the number of connections, to see when a crowd has left.
#[derive(Debug)]
enum Crowd {
    /// So many connections were there at most, since a crowd left.
    Watched { peak: u64 },
    /// It leaves. So many connections were there at the last look.
    Leaving { last: u64 },
}

impl Memory {
    pub fn new() -> Memory {
        Memory { crowd: Crowd::Watched { peak: 0 }, again: None }
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

    /// Gives memory back if a crowd has left. To be called twice a second, on a thread that nothing waits
    /// for: it takes some milliseconds.
    pub fn look(&mut self, server: &Server) {
        if self.is_due(server.stats().connections) {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            // SAFETY: it may be called on any thread at any time.
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }

    fn is_due(&mut self, connections: u64) -> bool {
        if self.crowd.has_left(connections) {
            self.again = Some(AGAIN_AFTER);
            return true;
        }
        self.again = self.again.map(|looks| looks - 1);
        self.again.take_if(|looks| *looks == 0).is_some()
    }
}

impl Crowd {
    /// Whether half of a crowd has left, and no more are leaving.
    fn has_left(&mut self, now: u64) -> bool {
        match *self {
            Crowd::Watched { peak } if now + CROWD <= peak && now <= peak / 2 => {
                *self = Crowd::Leaving { last: now };
            }
            Crowd::Watched { peak } => *self = Crowd::Watched { peak: peak.max(now) },
            Crowd::Leaving { last } if now < last => *self = Crowd::Leaving { last: now },
            Crowd::Leaving { .. } => {
                *self = Crowd::Watched { peak: now };
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks at which memory is given back.
    fn given_back(connections: &[u64]) -> Vec<usize> {
        let mut memory = Memory::new();
        (0..connections.len()).filter(|look| memory.is_due(connections[*look])).collect()
    }

    #[test]
    fn memory_is_given_back_once_all_of_a_crowd_have_left() {
        assert_eq!(given_back(&[1, 3_000, 3_000, 490, 2, 2, 2]), [5]);
        assert_eq!(given_back(&[3_000, 2_000, 1_400, 700, 1, 1, 1]), [5]);
        assert_eq!(given_back(&[10_000, 4_000, 4_000, 4_000, 3, 3]), [2, 5]);
    }

    #[test]
    fn ten_seconds_later_it_is_given_back_once_more() {
        let mut looks = vec![3_000, 1, 1];
        looks.resize(1_000, 2);
        assert_eq!(given_back(&looks), [2, 22]);
        // Another crowd begins anew.
        (looks[10], looks[11], looks[12]) = (600, 0, 0);
        assert_eq!(given_back(&looks), [2, 12, 32]);
    }

    #[test]
    fn a_few_who_leave_are_no_crowd() {
        for few in [&[499, 0, 0, 0][..], &[10_000, 5_001, 5_001, 6_000], &[1_000, 990, 1_000, 980, 1_000]] {
            assert!(given_back(few).is_empty(), "{few:?}");
        }
    }
}

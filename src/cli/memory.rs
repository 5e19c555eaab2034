//! Gives memory back to the system: large blocks at once, small ones after a crowd has left. Only the program
//! does it: the library is a guest, and leaves its host's allocator alone.

use longwave::Server;

/// A crowd: so many connections more than there are now.
const CROWD: u64 = 500;
/// So many connections come and go between two looks anyway.
const FEW: u64 = 50;
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
    /// The last look.
    last: Look,
    /// So many looks until it is given back once more.
    again: Option<u32>,
}

/// How many connections there are, and how many there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Look {
    now: u64,
    accepted: u64,
}

/// Follows the number of connections, to see when a crowd has left.
#[derive(Debug)]
enum Crowd {
    /// So many connections were there at most, since a crowd left.
    Watched { peak: u64 },
    /// It leaves.
    Leaving,
}

impl Memory {
    pub fn new() -> Memory {
        Memory { crowd: Crowd::Watched { peak: 0 }, last: Look::default(), again: None }
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
        let stats = server.stats();
        if self.is_due(Look { now: stats.connections, accepted: stats.accepted }) {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            // SAFETY: it may be called on any thread at any time.
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }

    fn is_due(&mut self, look: Look) -> bool {
        let last = std::mem::replace(&mut self.last, look);
        if self.crowd.has_left(last, look) {
            self.again = Some(AGAIN_AFTER);
            return true;
        }
        self.again = self.again.map(|looks| looks - 1);
        self.again.take_if(|looks| *looks == 0).is_some()
    }
}

impl Look {
    /// How many have left.
    fn gone(self) -> u64 {
        self.accepted.saturating_sub(self.now)
    }
}

impl Crowd {
    /// Whether half of a crowd has left, and no more are leaving.
    fn has_left(&mut self, last: Look, look: Look) -> bool {
        match *self {
            Crowd::Watched { peak } => {
                // A crowd may come and leave between two looks.
                let peak = peak.max(last.now + look.accepted.saturating_sub(last.accepted));
                let leaves = look.now + CROWD <= peak && look.now <= peak / 2;
                *self = if leaves { Crowd::Leaving } else { Crowd::Watched { peak } };
                false
            }
            Crowd::Leaving if look.gone() > last.gone() + FEW => false,
            Crowd::Leaving => {
                *self = Crowd::Watched { peak: look.now };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks at which memory is given back, by how many come before each, and how many are there then.
    fn given_back_after(looks: impl IntoIterator<Item = (u64, u64)>) -> Vec<usize> {
        let (mut memory, mut accepted) = (Memory::new(), 0);
        let mut is_due = |(come, now)| {
            accepted += come;
            memory.is_due(Look { now, accepted })
        };
        looks.into_iter().enumerate().filter(|(_, look)| is_due(*look)).map(|(number, _)| number).collect()
    }

    /// The same where none both comes and leaves between two looks.
    fn given_back(connections: &[u64]) -> Vec<usize> {
        let before = [0].into_iter().chain(connections.iter().copied());
        given_back_after(
            connections.iter().zip(before).map(|(now, before)| (now.saturating_sub(before), *now)),
        )
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
    fn a_crowd_that_no_look_has_seen_has_left_as_well() {
        assert_eq!(given_back_after([(1, 1), (3_000, 1), (0, 1)]), [2]);
        assert_eq!(given_back_after([(1, 1), (3_000, 900), (0, 1), (0, 1)]), [3]);
        // A few at a time are none, however long they come.
        assert!(given_back_after([(300, 1); 100]).is_empty());
        // Many at a time are one, when they come no more.
        assert_eq!(given_back_after([[(2_000, 1); 50], [(1, 1); 50]].concat())[0], 50);
    }

    #[test]
    fn a_few_who_leave_are_no_crowd() {
        for few in [&[499, 0, 0, 0][..], &[10_000, 5_001, 5_001, 6_000], &[1_000, 990, 1_000, 980, 1_000]] {
            assert!(given_back(few).is_empty(), "{few:?}");
        }
    }
}

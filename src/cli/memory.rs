//! Gives memory back to the system after a crowd has left. Only the program does it: the library is a guest, and
//! leaves its host's allocator alone.

use longwave::Server;

/// A crowd: so many connections more than there are now.
const CROWD: u64 = 500;
/// The arenas of glibc's allocator. Each keeps what it once had, and more of them gain nothing here: hardly any
/// thread allocates while it works.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: libc::c_int = 2;

/// The most connections since memory was given back.
#[derive(Debug, Default)]
pub struct Memory {
    peak: u64,
}

impl Memory {
    /// To be called before the first thread starts.
    pub fn limit_arenas() {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: it sets a number, and no other thread runs yet.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }

    /// Gives memory back if half of a crowd has left. To be called twice a second, on a thread that nothing
    /// waits for: it takes some milliseconds.
    pub fn look(&mut self, server: &Server) {
        let now = server.stats().connections;
        self.peak = self.peak.max(now);
        if now + CROWD <= self.peak && now <= self.peak / 2 {
            self.peak = now;
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            // SAFETY: it may be called on any thread at any time.
            unsafe {
                libc::malloc_trim(0);
            }
        }
    }
}

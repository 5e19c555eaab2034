//! What is up next, shared by the mixer and all who change or read it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::playout::UpNext;

/// What is up next. Any thread may lock it, for moments; its version is known without that, for the
/// mixer looks at it ten times a second and must not wait for who reads a long list.
pub(crate) struct SharedUpNext {
    list: Mutex<UpNext>,
    /// The list's, as of when it was last unlocked.
    version: AtomicU64,
}

/// The list, locked.
pub(crate) struct Locked<'a> {
    list: MutexGuard<'a, UpNext>,
    version: &'a AtomicU64,
}

impl SharedUpNext {
    pub fn new(list: UpNext) -> SharedUpNext {
        SharedUpNext { version: AtomicU64::new(list.version()), list: Mutex::new(list) }
    }

    /// To change it, or to read it.
    pub fn lock(&self) -> Locked<'_> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { list, version: &self.version }
    }

    /// A number that changes whenever another entry is next.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

impl Deref for Locked<'_> {
    type Target = UpNext;

    fn deref(&self) -> &UpNext {
        &self.list
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut UpNext {
        &mut self.list
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Pairs with `version`: who sees this number finds the list that it is of, or a later one.
        self.version.store(self.list.version(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::{Entry, Place};

    #[test]
    fn the_version_is_known_while_somebody_has_the_list() {
        let shared = SharedUpNext::new(UpNext::new(fastrand::Rng::with_seed(1)));
        let before = shared.version();
        let mut list = shared.lock();
        list.queue([Entry::new("a.mp3")], Place::End);
        assert_eq!(shared.version(), before, "it is not unlocked yet, and nobody waits for that");
        drop(list);
        assert_ne!(shared.version(), before);
        assert_eq!(shared.version(), shared.lock().version());
    }
}

//! What is up next, shared by the mixer and all who change or read it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::playout::RunningOrder;

/// What is up next. Any thread may lock it, for moments. Every order on what plays takes effect while it is
/// locked, so that orders have one order. The version can be read without the lock: the mixer reads it ten
/// times a second and must not wait for a thread that reads a long list.
pub(crate) struct SharedUpNext {
    list: Mutex<RunningOrder>,
    /// The list's version when it was last unlocked.
    version: AtomicU64,
}

/// The list, locked.
pub(crate) struct Locked<'a> {
    list: MutexGuard<'a, RunningOrder>,
    version: &'a AtomicU64,
}

impl SharedUpNext {
    pub fn new(list: RunningOrder) -> SharedUpNext {
        SharedUpNext { version: AtomicU64::new(list.version()), list: Mutex::new(list) }
    }

    /// To change it, or to read it.
    pub fn lock(&self) -> Locked<'_> {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { list, version: &self.version }
    }

    /// A number that changes whenever another entry is next, or the turn of the track on the air is over.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}

impl Deref for Locked<'_> {
    type Target = RunningOrder;

    fn deref(&self) -> &RunningOrder {
        &self.list
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut RunningOrder {
        &mut self.list
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Pairs with the load in `version`: a thread that sees this number finds this list, or a later one.
        self.version.store(self.list.version(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::{Entry, Place, UpNext};

    #[test]
    fn the_version_can_be_read_while_the_list_is_locked() {
        let shared = SharedUpNext::new(RunningOrder::new(UpNext::new(fastrand::Rng::with_seed(1))));
        let before = shared.version();
        let mut list = shared.lock();
        list.queue([Entry::new("a.mp3")], Place::End);
        assert_eq!(shared.version(), before, "the list is still locked");
        drop(list);
        assert_ne!(shared.version(), before);
        assert_eq!(shared.version(), shared.lock().version());
    }
}

//! Global state that a forked child does not share with its parent.
#![allow(unsafe_code, reason = "what was published is never freed, so it can be lent for ever")]

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A value that each process makes for itself when it first asks for it.
///
/// A child of `fork` has none of its parent's threads. Whatever lock one of them held at that moment stays
/// locked in the child for ever, and so does a `OnceLock` that one of them was filling. So every global that
/// is more than an atomic is one of these.
pub(crate) struct PerProcess<T: 'static> {
    newest: AtomicPtr<Own<T>>,
    make: fn() -> T,
}

struct Own<T> {
    process: u32,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    pub(crate) const fn new(make: fn() -> T) -> PerProcess<T> {
        PerProcess { newest: AtomicPtr::new(ptr::null_mut()), make }
    }

    /// This process's value. A parent's is never read, and is not freed either: it may be in use there.
    pub(crate) fn get(&'static self) -> &'static T {
        let process = std::process::id();
        let mut known = self.newest.load(Ordering::Acquire);
        loop {
            // SAFETY: it is null, or was published below, and what was published is never freed.
            match unsafe { known.as_ref() } {
                Some(own) if own.process == process => return &own.value,
                _ => {}
            }
            let own = Box::into_raw(Box::new(Own { process, value: (self.make)() }));
            match self.newest.compare_exchange(known, own, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => known = own,
                Err(others) => {
                    // SAFETY: it was made here, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(own) });
                    known = others;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn all_threads_have_the_same_value() {
        static COUNT: PerProcess<Mutex<u32>> = PerProcess::new(Mutex::default);
        thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| *COUNT.get().lock().unwrap() += 1);
            }
        });
        assert_eq!(*COUNT.get().lock().unwrap(), 8);
    }

    #[test]
    fn a_child_makes_its_own_though_its_parent_holds_the_lock() {
        static LOCK: PerProcess<Mutex<u32>> = PerProcess::new(Mutex::default);
        let held = LOCK.get().lock().unwrap();
        // SAFETY: the child makes a value, tries its lock, and ends; nothing of that waits for another thread
        // of its parent but the allocator, whose locks the C library looks after.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let is_free = LOCK.get().try_lock().is_ok();
            // SAFETY: ends this child at once, without what runs at an exit.
            unsafe { libc::_exit(if is_free { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was made here.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0);
        drop(held);
    }
}

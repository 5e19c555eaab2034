//! Threads that sleep until there is work, without lost wakes.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, fence};

/// A place where readers sleep.
///
/// A writer publishes its work and then looks for sleepers. A reader announces that it sleeps and then looks
/// for work once more. Each has a fence between its two steps, and all such fences have one order. So either
/// the reader finds the work, or the writer finds the sleeper. To wake it, the writer takes the lock. The
/// reader holds this lock from before its look until it sleeps, because a wake in between would be lost.
#[derive(Debug, Default)]
pub(crate) struct Sleepers {
    /// Readers that sleep, or are about to.
    count: AtomicUsize,
    /// Held briefly.
    falling_asleep: Mutex<()>,
    woken: Condvar,
}

impl Sleepers {
    /// Wakes one reader, if one sleeps. It is called after work for one reader was published.
    pub(crate) fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) > 0 {
            drop(self.lock());
            self.woken.notify_one();
        }
    }

    /// Wakes all readers. It is called after something was published that all must see.
    pub(crate) fn wake_all(&self) {
        drop(self.lock());
        self.woken.notify_all();
    }

    /// Sleeps until `look` finds something. After `deadline` it looks once more and returns that result.
    pub(crate) fn sleep_until<T>(
        &self,
        deadline: Option<Instant>,
        mut look: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let mut guard = self.lock();
        self.count.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let found = loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match look() {
                None if left != Some(Duration::ZERO) => guard = self.sleep(guard, left),
                found => break found,
            }
        };
        self.count.fetch_sub(1, Ordering::Relaxed);
        found
    }

    fn sleep<'a>(&self, guard: MutexGuard<'a, ()>, longest: Option<Duration>) -> MutexGuard<'a, ()> {
        match longest {
            None => self.woken.wait(guard).unwrap_or_else(PoisonError::into_inner),
            Some(longest) => {
                self.woken.wait_timeout(guard, longest).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.falling_asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Threads that sleep until there is something for them, and are woken without a loss.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, fence};

/// Where readers sleep.
///
/// A writer publishes its work and then looks whether anybody sleeps; a reader says that it sleeps and then looks for
/// work once more. Between the two steps of each is a fence, and all such fences are in one order: so either the reader
/// finds the work, or the writer finds the sleeper. To wake it, the writer takes the lock, which the reader holds from
/// before its look until it sleeps: a wake that came in between would reach nobody.
#[derive(Debug, Default)]
pub(crate) struct Sleepers {
    /// Readers that sleep, or are about to.
    count: AtomicUsize,
    /// Held for moments.
    falling_asleep: Mutex<()>,
    woken: Condvar,
}

impl Sleepers {
    /// To be called after work for one reader was published.
    pub(crate) fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if self.count.load(Ordering::Relaxed) > 0 {
            drop(self.lock());
            self.woken.notify_one();
        }
    }

    /// To be called after something was published that all are to see.
    pub(crate) fn wake_all(&self) {
        drop(self.lock());
        self.woken.notify_all();
    }

    /// Sleeps until `look` finds something. After `deadline` it looks once more, and that is the answer.
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

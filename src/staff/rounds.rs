//! The thread `rounds`: goes round what changes slowly, and has each looked after every five seconds.
//!
//! Reads: the clock. Writes: nothing but what each does at its turn. Never: waits for any of them; what may
//! take time is done on another thread.

use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::ring::{Nothing, QuietReceiver, QuietSender, quiet_channel};
use crate::thread::Worker;

/// The time between two rounds.
const EVERY: Duration = Duration::from_secs(5);

/// What is looked after.
pub(crate) trait Round: Send + Sync {
    /// Called on the thread `rounds`. It must return at once.
    fn look(&self);
}

/// The handle to the thread, which starts when there is something to look after.
pub(crate) struct Rounds {
    every: Duration,
    running: Mutex<Option<Running>>,
}

struct Running {
    added: QuietSender<Weak<dyn Round>>,
    thread: Worker,
}

impl Rounds {
    /// Nothing to look after yet.
    pub fn new() -> Rounds {
        Rounds { every: EVERY, running: Mutex::default() }
    }

    /// Has this looked after, as long as somebody else holds it. Starts the thread if there is none.
    pub fn add(&self, round: Weak<dyn Round>) -> Result<()> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            let ((added, receiver), every) = (quiet_channel(), self.every);
            let thread = Worker::spawn("rounds", move || run(&receiver, every));
            let thread = thread.map_err(Error::io("starting a thread"))?;
            *running = Some(Running { added, thread });
        }
        running.iter().for_each(|running| _ = running.added.send(round.clone()));
        Ok(())
    }

    /// Ends the thread. Returns its name if it has not ended by `deadline`.
    pub fn end(&mut self, deadline: Instant) -> Option<String> {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let Running { added, thread } = running?;
        drop(added);
        (!thread.join_before(deadline)).then_some(thread.name)
    }
}

impl Drop for Rounds {
    fn drop(&mut self) {
        self.end(Instant::now() + Duration::from_secs(1));
    }
}

fn run(added: &QuietReceiver<Weak<dyn Round>>, every: Duration) {
    // In the order in which they are due.
    let mut rounds: Vec<(Instant, Weak<dyn Round>)> = Vec::new();
    loop {
        let next = match rounds.first() {
            None => added.recv().ok_or(Nothing::EverAgain),
            Some((due, _)) => added.recv_by(*due),
        };
        match next {
            Ok(round) => rounds.push((Instant::now() + every, round)),
            Err(Nothing::EverAgain) => return,
            Err(Nothing::Yet) => {
                let (_, round) = rounds.remove(0);
                if let Some(held) = round.upgrade() {
                    held.look();
                    rounds.push((Instant::now() + every, round));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counts(AtomicU64);

    impl Round for Counts {
        fn look(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn one_thread_looks_after_all_again_and_again_and_ends_at_once() {
        let mut rounds = Rounds { every: Duration::from_millis(5), running: Mutex::default() };
        let all: Vec<Arc<Counts>> = (0..50).map(|_| Arc::new(Counts(AtomicU64::new(0)))).collect();
        for one in &all {
            let weak = Arc::downgrade(one);
            rounds.add(weak).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while all.iter().any(|one| one.0.load(Ordering::Relaxed) < 3) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(all.iter().all(|one| one.0.load(Ordering::Relaxed) >= 3));
        assert_eq!(rounds.end(deadline), None);
    }
}

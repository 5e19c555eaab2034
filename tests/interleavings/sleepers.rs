//! Every interleaving of writers that publish and then wake with readers that look and then sleep. What is told of is
//! a model that is weaker than the real one (all relaxed): the sleepers alone must carry the news. The file is the
//! library's own, compiled with loom's atomics and locks.

#[path = "../../src/ring/sleepers.rs"]
mod real;

mod sync {
    pub use loom::sync::atomic::{AtomicUsize, Ordering, fence};
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use real::Sleepers;

#[derive(Default)]
struct Shared {
    sleepers: Sleepers,
    /// Items that nobody has taken yet.
    items: AtomicUsize,
    ended: AtomicBool,
}

impl Shared {
    fn put(&self) {
        self.items.fetch_add(1, Ordering::Relaxed);
        self.sleepers.wake_one();
    }

    fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.sleepers.wake_all();
    }

    /// Takes an item; false at the end.
    fn take(&self) -> bool {
        self.sleepers
            .sleep_until(None, || {
                let one_less = |items: usize| items.checked_sub(1);
                let taken = self.items.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
                (taken || self.ended.load(Ordering::Relaxed)).then_some(taken)
            })
            .expect("there is no deadline")
    }
}

/// Runs `write` beside readers of which each takes items until it has so many, or comes to the end; in all they take
/// `took`. A lost wake leaves one of them asleep for ever, which loom reports as a deadlock.
fn no_wake_is_lost(readers: usize, each: usize, write: fn(&Shared), took: usize) {
    let mut model = loom::model::Builder::new();
    // Every interleaving of up to so many preemptions: where such bugs are found, in a second.
    model.preemption_bound = Some(3);
    model.check(move || {
        let shared = Arc::new(Shared::default());
        let threads: Vec<_> = (0..readers)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || (0..each).take_while(|_| shared.take()).count())
            })
            .collect();
        write(&shared);
        let taken: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(taken, took);
    });
}

#[test]
fn a_reader_that_looks_again_while_a_writer_goes_on() {
    let write = |shared: &Shared| (0..3).for_each(|_| shared.put());
    no_wake_is_lost(1, 3, write, 3);
}

#[test]
fn two_readers_get_one_each() {
    let write = |shared: &Shared| (0..2).for_each(|_| shared.put());
    no_wake_is_lost(2, 1, write, 2);
}

#[test]
fn all_readers_see_the_end() {
    no_wake_is_lost(2, 1, Shared::end, 0);
}

#[test]
fn what_came_before_the_end_is_taken() {
    let write = |shared: &Shared| {
        shared.put();
        shared.end();
    };
    no_wake_is_lost(2, 2, write, 1);
}

//! Tries every interleaving of writers that publish and then wake with readers that look and then sleep. The
//! published data is a model with only relaxed operations, which is weaker than the real one. So the sleepers
//! alone must provide the ordering. They are the library's own source file, compiled with loom's atomics and
//! locks.

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
    /// Items that no reader has taken yet.
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

    /// Takes an item. Returns false at the end.
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

/// Runs `write` beside this many readers. A reader stops after `each` items, or at the end. Together they
/// must take `took` items. If a wake is lost, a reader sleeps for ever, which loom reports as a deadlock.
fn no_wake_is_lost(readers: usize, each: usize, write: fn(&Shared), took: usize) {
    let mut model = loom::model::Builder::new();
    // Only interleavings with few preemptions are tried, which takes a second. Bugs of this kind need no
    // more.
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

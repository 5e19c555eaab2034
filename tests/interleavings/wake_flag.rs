//! Tries every interleaving of producers that push and then raise the wake flag with a reactor that clears
//! the flag and then drains. The queue is a model with only relaxed operations, which is weaker than the real
//! one. So the flag alone must provide the ordering. It is the library's own source file, compiled with
//! loom's atomics.

#[path = "../../src/ring/wake.rs"]
mod wake;

mod sync {
    pub use loom::sync::atomic::{AtomicBool, Ordering};
}

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use wake::WakeFlag;

/// Stands for epoll and its eventfd: a `wake` is remembered until `wait` returns.
#[derive(Default)]
struct Waker {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Waker {
    fn wake(&self) {
        *self.rung.lock().unwrap() = true;
        self.bell.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.bell.wait(rung).unwrap();
        }
        *rung = false;
    }
}

struct Shared {
    flag: WakeFlag,
    waker: Waker,
    /// The model queue: how many packets each producer has pushed.
    pushed: Vec<AtomicUsize>,
    wakes: AtomicUsize,
}

/// Each producer pushes its number of packets, until the reactor has seen them all. If a wake is lost, the
/// reactor waits for ever, which loom reports as a deadlock.
fn no_wake_is_lost(producers: &'static [usize]) {
    let mut model = loom::model::Builder::new();
    // Only interleavings with few preemptions are tried, which takes a second. Bugs of this kind need no
    // more.
    model.preemption_bound = Some(3);
    model.check(move || {
        let shared = Arc::new(Shared {
            flag: WakeFlag::new(),
            waker: Waker::default(),
            pushed: producers.iter().map(|_| AtomicUsize::new(0)).collect(),
            wakes: AtomicUsize::new(0),
        });
        let threads: Vec<_> = (0..producers.len())
            .map(|me| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    for packet in 1..=producers[me] {
                        shared.pushed[me].store(packet, Ordering::Relaxed);
                        if shared.flag.raise() {
                            shared.wakes.fetch_add(1, Ordering::Relaxed);
                            shared.waker.wake();
                        }
                    }
                })
            })
            .collect();
        loop {
            shared.waker.wait();
            shared.flag.clear();
            let seen = shared.pushed.iter().map(|pushed| pushed.load(Ordering::Relaxed));
            if seen.eq(producers.iter().copied()) {
                break;
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        let wakes = shared.wakes.load(Ordering::Relaxed);
        assert!((1..=producers.iter().sum()).contains(&wakes), "{wakes} wakes");
    });
}

#[test]
fn one_producer_that_pushes_again_while_the_reactor_drains() {
    no_wake_is_lost(&[3]);
}

#[test]
fn two_producers_at_once() {
    no_wake_is_lost(&[1, 1]);
}

#[test]
fn a_raised_flag_wakes_once_until_it_is_cleared() {
    loom::model(|| {
        let flag = WakeFlag::new();
        assert!(flag.raise());
        assert!(!flag.raise());
        flag.clear();
        assert!(flag.raise());
    });
}

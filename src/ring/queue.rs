//! A queue whose readers sleep as soon as it is empty.
//!
//! What crosses the threads of a pipeline comes about ten times a second. The channels of crossbeam and std hope for
//! something sooner: before they sleep they spin and yield, which took a twelfth of all that a quiet station cost.
//! Here they carry what is written, and the sleeping is our own.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, TryRecvError};

/// A queue without a bound, of any number of writers and readers.
pub(crate) fn queue<T>() -> (QueueWriter<T>, QueueReader<T>) {
    let (sender, receiver) = channel::unbounded();
    let bed = Arc::new(Bed::default());
    (QueueWriter { sender, last: WakesAll(Arc::clone(&bed)) }, QueueReader { receiver, bed })
}

/// Writes to a queue, and wakes one reader that sleeps.
pub(crate) struct QueueWriter<T> {
    sender: channel::Sender<T>,
    /// Dropped after the sender: readers that are woken see it gone.
    last: WakesAll,
}

/// Reads from a queue: each item comes to one reader.
pub(crate) struct QueueReader<T> {
    receiver: channel::Receiver<T>,
    bed: Arc<Bed>,
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// It is empty now.
    Yet,
    /// It is empty, and nobody can write to it any more.
    EverAgain,
}

/// Where readers sleep.
#[derive(Debug, Default)]
struct Bed {
    /// Readers that sleep, or are about to.
    sleepers: AtomicUsize,
    /// Held by a reader from its last look until it sleeps.
    falling_asleep: Mutex<()>,
    woken: Condvar,
}

#[derive(Clone, Debug)]
struct WakesAll(Arc<Bed>);

impl<T> QueueWriter<T> {
    /// Puts `item` behind the others. False if nobody reads any more.
    pub fn write(&self, item: T) -> bool {
        let written = self.sender.send(item).is_ok();
        // Pairs with the reader's fence: either it sees the item at its last look, or we see that it sleeps.
        fence(Ordering::SeqCst);
        let bed = &self.last.0;
        if bed.sleepers.load(Ordering::Relaxed) > 0 {
            drop(bed.falling_asleep());
            bed.woken.notify_one();
        }
        written
    }
}

impl<T> QueueReader<T> {
    /// The next item, if one is there.
    pub fn try_read(&self) -> Result<T, Nothing> {
        self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => Nothing::Yet,
            TryRecvError::Disconnected => Nothing::EverAgain,
        })
    }

    /// The next item; sleeps until there is one. None when nobody can write any more.
    pub fn read(&self) -> Option<T> {
        self.read_before(None).ok()
    }

    /// The next item; sleeps until there is one, or until `deadline`.
    pub fn read_by(&self, deadline: Instant) -> Result<T, Nothing> {
        self.read_before(Some(deadline))
    }

    fn read_before(&self, deadline: Option<Instant>) -> Result<T, Nothing> {
        match self.try_read() {
            Err(Nothing::Yet) => {}
            found => return found,
        }
        let mut awake = self.bed.falling_asleep();
        self.bed.sleepers.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let found = loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match self.try_read() {
                Err(Nothing::Yet) if left != Some(Duration::ZERO) => awake = self.bed.sleep(awake, left),
                found => break found,
            }
        };
        self.bed.sleepers.fetch_sub(1, Ordering::Relaxed);
        found
    }
}

impl<T> Clone for QueueWriter<T> {
    fn clone(&self) -> QueueWriter<T> {
        QueueWriter { sender: self.sender.clone(), last: self.last.clone() }
    }
}

impl<T> Clone for QueueReader<T> {
    fn clone(&self) -> QueueReader<T> {
        QueueReader { receiver: self.receiver.clone(), bed: Arc::clone(&self.bed) }
    }
}

impl Bed {
    fn falling_asleep(&self) -> MutexGuard<'_, ()> {
        self.falling_asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'a>(&self, awake: MutexGuard<'a, ()>, longest: Option<Duration>) -> MutexGuard<'a, ()> {
        match longest {
            None => self.woken.wait(awake).unwrap_or_else(PoisonError::into_inner),
            Some(longest) => {
                self.woken.wait_timeout(awake, longest).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

impl Drop for WakesAll {
    fn drop(&mut self) {
        drop(self.0.falling_asleep());
        self.0.woken.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn every_item_comes_to_one_reader_and_all_see_the_end() {
        let (writer, reader) = queue();
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let reader = reader.clone();
                thread::spawn(move || std::iter::from_fn(|| reader.read()).collect::<Vec<u32>>())
            })
            .collect();
        let writers: Vec<_> = (0..2)
            .map(|number| {
                let writer = writer.clone();
                thread::spawn(move || {
                    for item in 0..10_000 {
                        assert!(writer.write(2 * item + number));
                        // Sometimes they sleep, sometimes not.
                        if item % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        drop(writer);
        writers.into_iter().for_each(|thread| thread.join().unwrap());
        let each: Vec<_> = readers.into_iter().map(|thread| thread.join().unwrap()).collect();
        for read in &each {
            for number in 0..2 {
                assert!(read.iter().filter(|item| *item % 2 == number).is_sorted(), "out of order");
            }
        }
        let mut all = each.concat();
        all.sort_unstable();
        assert_eq!(all, (0..20_000).collect::<Vec<_>>());
        assert_eq!(reader.try_read(), Err(Nothing::EverAgain));
    }

    #[test]
    fn a_reader_that_sleeps_is_woken_by_an_item_and_by_the_last_writers_end() {
        let (writer, reader) = queue();
        let thread = thread::spawn(move || {
            let deadline = Instant::now() + LONG;
            (reader.read_by(deadline), reader.read_by(deadline))
        });
        let asleep = || writer.last.0.sleepers.load(Ordering::Relaxed) > 0;
        while !asleep() {
            thread::yield_now();
        }
        writer.write(7);
        let last = writer.clone();
        drop(writer);
        drop(last);
        assert_eq!(thread.join().unwrap(), (Ok(7), Err(Nothing::EverAgain)));
    }

    #[test]
    fn a_deadline_ends_a_sleep_and_a_writer_learns_that_nobody_reads() {
        let (writer, reader) = queue::<u8>();
        let now = Instant::now();
        assert_eq!(reader.read_by(now), Err(Nothing::Yet));
        assert_eq!(reader.read_by(now + Duration::from_millis(1)), Err(Nothing::Yet));
        writer.write(1);
        assert_eq!(reader.read_by(now), Ok(1));
        drop(reader);
        assert!(!writer.write(2));
    }
}

//! A channel whose receivers sleep as soon as it is empty.
//!
//! Items pass between the threads of a pipeline about ten times a second. Receivers of crossbeam's and std's
//! channels spin and yield before they sleep, in case an item comes sooner. That took a twelfth of the CPU
//! time of a quiet station. So this channel uses crossbeam's as a queue, and a sleep of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crossbeam::channel::{self, TryRecvError};

use super::sleepers::Sleepers;

/// A channel for any number of senders and receivers. It has no capacity limit. Its users keep it short: the
/// emitters of a hub count the messages that wait, a post is on its workers' list once, and a pipeline refuses
/// orders when too many wait for its mixer.
pub(crate) fn quiet_channel<T>() -> (QuietSender<T>, QuietReceiver<T>) {
    let (sender, receiver) = channel::unbounded();
    let sleepers = Arc::new(Sleepers::default());
    (QuietSender { sender, end: WakesAll(Arc::clone(&sleepers)) }, QuietReceiver { receiver, sleepers })
}

/// Sends, and wakes one receiver if it sleeps.
pub(crate) struct QuietSender<T> {
    sender: channel::Sender<T>,
    /// Dropped after the sender, so that receivers see whether it was the last one.
    end: WakesAll,
}

/// Receives items. Each item goes to one receiver.
pub(crate) struct QuietReceiver<T> {
    receiver: channel::Receiver<T>,
    sleepers: Arc<Sleepers>,
}

/// Why there is no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// The channel is empty now.
    Yet,
    /// It is empty, and all senders are gone.
    EverAgain,
}

/// Wakes all sleeping receivers when it is dropped.
#[derive(Clone)]
struct WakesAll(Arc<Sleepers>);

impl<T> QuietSender<T> {
    /// How many items wait to be received.
    pub fn waiting(&self) -> usize {
        self.sender.len()
    }

    /// Sends `item`. Returns false if all receivers are gone.
    pub fn send(&self, item: T) -> bool {
        let sent = self.sender.send(item).is_ok();
        self.end.0.wake_one();
        sent
    }
}

impl<T> QuietReceiver<T> {
    /// The next item, if one is there.
    pub fn try_recv(&self) -> Result<T, Nothing> {
        self.receiver.try_recv().map_err(|error| match error {
            TryRecvError::Empty => Nothing::Yet,
            TryRecvError::Disconnected => Nothing::EverAgain,
        })
    }

    /// The next item. Sleeps until there is one. `None` if all senders are gone.
    pub fn recv(&self) -> Option<T> {
        self.wait(None).ok()
    }

    /// The next item. Sleeps until there is one, or until `deadline`.
    pub fn recv_by(&self, deadline: Instant) -> Result<T, Nothing> {
        self.wait(Some(deadline))
    }

    fn wait(&self, deadline: Option<Instant>) -> Result<T, Nothing> {
        let look = || match self.try_recv() {
            Err(Nothing::Yet) => None,
            found => Some(found),
        };
        let found = look().or_else(|| self.sleepers.sleep_until(deadline, look));
        found.unwrap_or(Err(Nothing::Yet))
    }
}

impl<T> Clone for QuietSender<T> {
    fn clone(&self) -> QuietSender<T> {
        QuietSender { sender: self.sender.clone(), end: self.end.clone() }
    }
}

impl<T> Clone for QuietReceiver<T> {
    fn clone(&self) -> QuietReceiver<T> {
        QuietReceiver { receiver: self.receiver.clone(), sleepers: Arc::clone(&self.sleepers) }
    }
}

impl<T> fmt::Debug for QuietSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuietSender").field("waiting", &self.sender.len()).finish()
    }
}

impl Drop for WakesAll {
    fn drop(&mut self) {
        self.0.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn every_item_comes_to_one_receiver_and_all_see_the_end() {
        let (sender, receiver) = quiet_channel();
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || std::iter::from_fn(|| receiver.recv()).collect::<Vec<u32>>())
            })
            .collect();
        let senders: Vec<_> = (0..2)
            .map(|number| {
                let sender = sender.clone();
                thread::spawn(move || {
                    for item in 0..10_000 {
                        assert!(sender.send(2 * item + number));
                        // The receivers sleep sometimes, but not always.
                        if item % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        drop(sender);
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        let each: Vec<_> = receivers.into_iter().map(|thread| thread.join().unwrap()).collect();
        for received in &each {
            for number in 0..2 {
                assert!(received.iter().filter(|item| *item % 2 == number).is_sorted(), "out of order");
            }
        }
        let mut all = each.concat();
        all.sort_unstable();
        assert_eq!(all, (0..20_000).collect::<Vec<_>>());
        assert_eq!(receiver.try_recv(), Err(Nothing::EverAgain));
    }

    /// (tests/interleavings/sleepers.rs shows that no wake is lost.)
    #[test]
    fn a_deadline_ends_a_sleep_and_a_sender_learns_that_nobody_receives() {
        let (sender, receiver) = quiet_channel::<u8>();
        let now = Instant::now();
        assert_eq!(receiver.recv_by(now), Err(Nothing::Yet));
        assert_eq!(receiver.recv_by(now + Duration::from_millis(1)), Err(Nothing::Yet));
        sender.send(1);
        assert_eq!(receiver.recv_by(now), Ok(1));
        drop(receiver);
        assert!(!sender.send(2));
    }
}

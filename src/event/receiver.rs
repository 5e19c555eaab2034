//! The queue from which a subscriber reads events.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::{Event, EventKind, StationEvent};
use crate::error::{Error, Result};

/// A bounded queue of events, for an application that reads events instead of adding hooks. It holds the
/// events of one pipeline ([`Pipeline::events`](crate::Pipeline::events)), or those of a whole station with
/// the names of their pipelines ([`Server::subscribe`](crate::Server::subscribe)). Events that do not fit are
/// counted: [`Event::Missed`] says how many, in the place where they are missing. It may be read on any
/// thread.
///
/// In an event loop, wait for [`descriptor`](EventReceiver::descriptor) to become readable.
pub struct EventReceiver<T = Event> {
    inbox: Arc<Inbox>,
    item: PhantomData<fn() -> T>,
}

/// Called on the thread `events` when an event of this kind was put into the queue or counted as missed. It
/// must return at once.
type Notify = Box<dyn Fn(EventKind) + Send + Sync>;

/// The queue of one receiver. The hub fills it.
pub(crate) struct Inbox {
    capacity: usize,
    /// Whether its reader wants events of this kind.
    wants: fn(EventKind) -> bool,
    notify: Option<Notify>,
    /// Whether the hub reports a reader that takes long over an event.
    watched: bool,
    queue: Mutex<Queue>,
    changed: Condvar,
    closed: AtomicBool,
    /// Made when it is first asked for, while the queue is locked.
    descriptor: OnceLock<Descriptor>,
}

#[derive(Default)]
struct Queue {
    /// The events, each with the number of events that were missed before it.
    events: VecDeque<(u64, StationEvent)>,
    /// How many events were missed after the last of `events`.
    missed: u64,
    /// The work of a watched reader on the event that it took last. `None` if it waits for the next event, or
    /// if the reader is not watched.
    task: Option<Task>,
}

/// A reader at work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    /// The kind of the event that it took.
    pub kind: EventKind,
    pub since: Instant,
    /// Whether the hub has reported that it takes too long.
    pub reported: bool,
}

impl<T: From<StationEvent>> EventReceiver<T> {
    /// The next event, if there is one.
    pub fn try_recv(&self) -> Option<T> {
        self.inbox.take(&mut self.inbox.lock()).map(T::from)
    }

    /// Waits for the next event. Returns `None` if the pipeline or the station has stopped and all events
    /// were read.
    pub fn recv(&self) -> Option<T> {
        self.inbox.wait(None).map(T::from)
    }

    /// Waits for the next event, for at most `timeout`. Also returns `None` after the timeout.
    pub fn recv_timeout(&self, timeout: Duration) -> Option<T> {
        // A timeout that is too long for the clock is no timeout.
        self.inbox.wait(Instant::now().checked_add(timeout)).map(T::from)
    }
}

impl<T> EventReceiver<T> {
    /// A receiver that gets nothing until its inbox is attached to a hub.
    pub(crate) fn new(capacity: usize) -> EventReceiver<T> {
        EventReceiver { inbox: Arc::new(Inbox::new(capacity)), item: PhantomData }
    }

    /// The same for a reader that wants some kinds of events alone, or also waits for other things. `notify`
    /// wakes it. It is called on the thread `events` with the kind of each event, and must return at once.
    pub(crate) fn notifying(
        capacity: usize,
        wants: fn(EventKind) -> bool,
        notify: impl Fn(EventKind) + Send + Sync + 'static,
    ) -> EventReceiver<T> {
        let inbox = Inbox { wants, notify: Some(Box::new(notify)), ..Inbox::new(capacity) };
        EventReceiver { inbox: Arc::new(inbox), item: PhantomData }
    }

    /// The same, but the hub reports the reader when it takes too long over an event.
    pub(crate) fn watched(capacity: usize) -> EventReceiver<T> {
        let inbox = Inbox { watched: true, ..Inbox::new(capacity) };
        EventReceiver { inbox: Arc::new(inbox), item: PhantomData }
    }

    pub(crate) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// A file descriptor for `poll` and the like. It is readable while events wait, and when no more will
    /// come. The receiver owns it: do not read from it or close it.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the process has no descriptor left.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>> {
        let inbox = &*self.inbox;
        let queue = inbox.lock();
        if inbox.descriptor.get().is_none() {
            // The queue is locked, so no other thread makes one meanwhile.
            let _ =
                inbox.descriptor.set(Descriptor::new().map_err(Error::io("making a descriptor for events"))?);
            inbox.show(&queue);
        }
        Ok(inbox.descriptor.get().expect("it was made just now").readable.as_fd())
    }

    /// Whether the pipeline or the station has stopped. Events may still wait, but no more will come.
    pub fn is_closed(&self) -> bool {
        self.inbox.closed.load(Ordering::Acquire)
    }
}

impl Inbox {
    fn new(capacity: usize) -> Inbox {
        Inbox {
            capacity: capacity.max(1),
            wants: |_| true,
            notify: None,
            watched: false,
            queue: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            descriptor: OnceLock::new(),
        }
    }

    pub(super) fn put(&self, event: StationEvent) {
        let kind = event.event.kind();
        if !(self.wants)(kind) {
            return;
        }
        let mut queue = self.lock();
        if queue.events.len() < self.capacity {
            let missed = std::mem::take(&mut queue.missed);
            queue.events.push_back((missed, event));
        } else {
            queue.missed += 1;
        }
        self.wake(queue, kind);
    }

    /// Counts events that were lost on their way to this inbox.
    pub(super) fn miss(&self, count: u64) {
        let mut queue = self.lock();
        queue.missed += count;
        self.wake(queue, EventKind::Missed);
    }

    /// Wakes the reader.
    fn wake(&self, queue: MutexGuard<'_, Queue>, kind: EventKind) {
        self.show(&queue);
        drop(queue);
        self.changed.notify_one();
        if let Some(notify) = &self.notify {
            notify(kind);
        }
    }

    pub(super) fn close(&self) {
        let queue = self.lock();
        self.closed.store(true, Ordering::Release);
        self.show(&queue);
        self.changed.notify_all();
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// The work of the reader, if it is watched and at work.
    pub(crate) fn task(&self) -> Option<Task> {
        self.lock().task
    }

    /// Whether the reader is at work, or has something to read.
    pub(super) fn has_work(&self) -> bool {
        let queue = self.lock();
        queue.task.is_some() || queue.is_readable()
    }

    /// Returns the task if it has taken at least `patience`, once for each task.
    pub(super) fn report(&self, now: Instant, patience: Duration) -> Option<Task> {
        let mut queue = self.lock();
        let task = queue.task.as_mut()?;
        let is_late = !task.reported && now.saturating_duration_since(task.since) >= patience;
        task.reported |= is_late;
        is_late.then_some(*task)
    }

    /// Makes the hub wait at its next event for this inbox, until the result is dropped.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Sized {
        self.lock()
    }

    fn wait(&self, deadline: Option<Instant>) -> Option<StationEvent> {
        let mut queue = self.lock();
        loop {
            if let Some(event) = self.take(&mut queue) {
                return Some(event);
            }
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            queue = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes the next event. If events are missing before it, takes their number first, as [`Event::Missed`].
    fn take(&self, queue: &mut Queue) -> Option<StationEvent> {
        let Queue { events, missed, task } = queue;
        let missed = events.front_mut().map_or(missed, |(missed, _)| missed);
        let event = match std::mem::take(missed) {
            0 => events.pop_front().map(|(_, event)| event),
            count => Some(StationEvent { pipeline: None, event: Event::Missed { count } }),
        };
        if self.watched {
            let begun = |event: &StationEvent| Task {
                kind: event.event.kind(),
                since: Instant::now(),
                reported: false,
            };
            *task = event.as_ref().map(begun);
        }
        self.show(queue);
        event
    }

    fn show(&self, queue: &Queue) {
        if let Some(descriptor) = self.descriptor.get() {
            descriptor.show(queue.is_readable() || self.closed.load(Ordering::Acquire));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_readable(&self) -> bool {
        !self.events.is_empty() || self.missed > 0
    }
}

/// A descriptor that is readable or not. It is one end of a pair of sockets, with one byte between them or
/// none, so it never fills up. Whatever an application does to its end, nothing here waits or raises a
/// signal.
struct Descriptor {
    readable: UnixStream,
    writer: UnixStream,
    shown: AtomicBool,
}

impl Descriptor {
    fn new() -> io::Result<Descriptor> {
        let (readable, writer) = UnixStream::pair()?;
        readable.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Descriptor { readable, writer, shown: AtomicBool::new(false) })
    }

    /// Makes the descriptor readable or not. One thread at a time may call this.
    fn show(&self, shown: bool) {
        if shown == self.shown.swap(shown, Ordering::Relaxed) {
            return;
        }
        // There is room for the byte, or the byte is there. Only an application that uses its end makes this
        // fail.
        let _ = if shown { (&self.writer).write(&[1]) } else { (&self.readable).read(&mut [0]) };
    }
}

impl<T> fmt::Debug for EventReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReceiver").field("waiting", &self.inbox.lock().events.len()).finish()
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("waiting", &self.lock().events.len()).finish_non_exhaustive()
    }
}

//! The sending end of the hub's queue: threads emit events and log lines.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam::channel::{Sender, bounded};
use log::Level;

use super::hub::{Message, PipelineId, Subscriber};
use super::receiver::{EventReceiver, Inbox};
use super::{Event, StationEvent};
use crate::ring::QuietSender;

/// Called with an event before the hub gets it, on the thread that emits it. It must return at once.
type Before = Arc<dyn Fn(&Event) + Send + Sync>;

/// Sends events and log lines to the hub, and never waits for it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Emitter {
    source: Arc<Source>,
    queue: QuietSender<Message>,
    before: Option<Before>,
}

/// The share of the hub's queue that all emitters of one pipeline, or of the server, have together.
#[derive(Debug)]
pub(super) struct Source {
    /// `None`: the server's.
    pub pipeline: Option<PipelineId>,
    capacity: usize,
    waiting: AtomicUsize,
    /// The number of events lost since the last one that was sent.
    lost: AtomicU64,
    /// The number of log lines lost since the hub took a message last.
    lost_lines: AtomicU64,
}

impl Emitter {
    pub(super) fn new(pipeline: Option<PipelineId>, capacity: usize, queue: QuietSender<Message>) -> Emitter {
        let (waiting, lost, lost_lines) = Default::default();
        let source = Arc::new(Source { pipeline, capacity, waiting, lost, lost_lines });
        Emitter { source, queue, before: None }
    }

    /// An emitter that no hub listens to.
    #[cfg(test)]
    pub fn unheard() -> Emitter {
        Emitter::new(None, usize::MAX / 2, crate::ring::quiet_channel().0)
    }

    /// The same emitter, but it calls `before` with each event first. Receivers of the event see what `before` has
    /// changed.
    #[must_use]
    pub fn after(mut self, before: impl Fn(&Event) + Send + Sync + 'static) -> Emitter {
        self.before = Some(Arc::new(before));
        self
    }

    /// Sends an event. If the share of the queue is full, it is counted as lost.
    pub fn emit(&self, event: Event) {
        if let Some(before) = &self.before {
            before(&event);
        }
        // Every join needs its leave, even if a flood of joins has filled the queue.
        let capacity = match event {
            Event::ListenerLeft { .. } => 2 * self.source.capacity,
            _ => self.source.capacity,
        };
        if !self.send(capacity, |source, missed| Message::Event { source, missed, event }) {
            // The hub may have emptied its queue just now, and would not look for a loss without this message.
            // The next such message comes only after an event or the hub has taken the count: so there are few.
            if self.source.lost.fetch_add(1, Ordering::Relaxed) == 0 {
                self.queue.send(Message::Loss(self.source.clone()));
            }
        }
    }

    /// Writes a log line on another thread, which may wait for the logger.
    pub fn log(&self, level: Level, text: String) {
        if level <= log::max_level() {
            let line = |source, missed| Message::Line { source, missed, level, text };
            if !self.send(self.source.capacity, line) {
                self.source.lost_lines.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until the receivers have all events that were emitted before.
    pub fn settle(&self) {
        let (reply, settled): (Sender<()>, _) = bounded(0);
        self.queue.send(Message::Settle(reply));
        // The hub drops the reply.
        let _ = settled.recv();
    }

    /// A receiver of this pipeline's events from now on. A receiver of the server's emitter gets all events.
    pub fn subscribe<T: From<StationEvent>>(&self, capacity: usize) -> EventReceiver<T> {
        let receiver = EventReceiver::new(capacity);
        self.attach(receiver.inbox());
        receiver
    }

    /// Subscribes the inbox of a receiver that exists.
    pub fn attach(&self, inbox: &Arc<Inbox>) {
        let pipeline = self.source.pipeline;
        self.queue.send(Message::Subscribe(Subscriber { inbox: Arc::downgrade(inbox), pipeline }));
    }

    /// False if the hub has so many messages of this source that there is no room for another.
    fn send(&self, capacity: usize, message: impl FnOnce(Arc<Source>, u64) -> Message) -> bool {
        let source = &self.source;
        let has_room = source.waiting.fetch_add(1, Ordering::Relaxed) < capacity;
        if has_room {
            self.queue.send(message(source.clone(), source.take_lost()));
        } else {
            source.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        has_room
    }
}

impl Source {
    /// The hub has taken one message.
    pub fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of events lost since the last call.
    pub fn take_lost(&self) -> u64 {
        take(&self.lost)
    }

    /// The number of log lines lost since the last call.
    pub fn take_lost_lines(&self) -> u64 {
        take(&self.lost_lines)
    }
}

/// Returns the count and sets it to zero.
fn take(count: &AtomicU64) -> u64 {
    match count.load(Ordering::Relaxed) {
        0 => 0,
        _ => count.swap(0, Ordering::Relaxed),
    }
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("source", &self.source).finish_non_exhaustive()
    }
}

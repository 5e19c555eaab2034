//! The sending end of the hub's queue: threads emit events and log lines.

use std::fmt;
use std::sync::Arc;

use crossbeam::channel::{Sender, bounded};
use log::Level;

use super::message::{Message, PipelineId, Source, Subscriber};
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

impl Emitter {
    pub(super) fn new(pipeline: Option<PipelineId>, capacity: usize, queue: QuietSender<Message>) -> Emitter {
        Emitter { source: Arc::new(Source::new(pipeline, capacity)), queue, before: None }
    }

    /// An emitter that no hub listens to.
    #[cfg(test)]
    pub fn unheard() -> Emitter {
        Emitter::new(None, usize::MAX / 2, crate::ring::quiet_channel().0)
    }

    /// The same emitter, but it calls `before` with each event first. Receivers of the event see what
    /// `before` has changed.
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
        let has_room = match event {
            Event::ListenerLeft { .. } => self.source.claim_twice(),
            _ => self.source.claim(),
        };
        if has_room {
            let (source, missed) = (self.source.clone(), self.source.take_lost());
            self.queue.send(Message::Event { source, missed, event });
        } else if self.source.lose_event() {
            // The hub may have emptied its queue just now, and would not look for a loss without this
            // message. The next such message comes only after an event or the hub has taken the count: so
            // there are few.
            self.queue.send(Message::Loss(self.source.clone()));
        }
    }

    /// Writes a log line on another thread, which may wait for the logger.
    pub fn log(&self, level: Level, text: String) {
        if level > log::max_level() {
            return;
        }
        if self.source.claim() {
            self.queue.send(Message::Line { source: self.source.clone(), level, text });
        } else {
            self.source.lose_line();
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
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("source", &self.source).finish_non_exhaustive()
    }
}

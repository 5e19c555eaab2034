//! The messages in the hub's queue, and how much of the queue each source may fill.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use crossbeam::channel::Sender;
use log::Level;

use super::Event;
use super::receiver::Inbox;

/// The number of a pipeline. A hub never uses a number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PipelineId(pub u64);

/// A message in the hub's queue.
pub(super) enum Message {
    Event {
        source: Arc<Source>,
        /// The number of events that this source lost before it.
        missed: u64,
        event: Event,
    },
    Line {
        source: Arc<Source>,
        level: Level,
        text: String,
    },
    /// An emitter has lost an event. The hub asks for the number when the queue is empty.
    Loss(Arc<Source>),
    Subscribe(Subscriber),
    Enter(PipelineId, Arc<str>),
    /// The pipeline owns this mount: its listeners are the pipeline's.
    Own(PipelineId, String),
    Disown(PipelineId, String),
    /// The pipeline stops when its listeners have left, and at this deadline at the latest. The hub drops the
    /// sender when its receivers have `pipeline-stop`.
    Stop(PipelineId, Instant, Sender<()>),
    /// The pipeline is gone, and gets no event `pipeline-stop`.
    Leave(PipelineId),
    /// The hub drops the sender when all earlier messages have been delivered.
    Settle(#[expect(dead_code, reason = "it is dropped, not used")] Sender<()>),
    /// All pipelines and the server are gone.
    End,
}

/// A receiver, and whose events it gets.
pub(super) struct Subscriber {
    pub inbox: Weak<Inbox>,
    /// `None`: the events of the whole station.
    pub pipeline: Option<PipelineId>,
}

impl Subscriber {
    /// Whether a thread of hooks reads it.
    pub fn is_for_hooks(&self) -> bool {
        self.inbox.upgrade().is_some_and(|inbox| inbox.is_watched())
    }
}

/// Closes the receiver: no more events will come.
impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(inbox) = self.inbox.upgrade() {
            inbox.close();
        }
    }
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

impl Source {
    pub fn new(pipeline: Option<PipelineId>, capacity: usize) -> Source {
        let (waiting, lost, lost_lines) = Default::default();
        Source { pipeline, capacity, waiting, lost, lost_lines }
    }

    /// Claims room for a message. False if the share is full.
    pub fn claim(&self) -> bool {
        self.claim_of(self.capacity)
    }

    /// The same, in a share of twice the size.
    pub fn claim_twice(&self) -> bool {
        self.claim_of(2 * self.capacity)
    }

    fn claim_of(&self, capacity: usize) -> bool {
        let has_room = self.waiting.fetch_add(1, Ordering::Relaxed) < capacity;
        if !has_room {
            self.free();
        }
        has_room
    }

    /// The hub has taken a message, and its room is free again.
    pub fn free(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts an event that had no room. Returns whether it is the first since the count was taken.
    pub fn lose_event(&self) -> bool {
        self.lost.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// Counts a log line that had no room.
    pub fn lose_line(&self) {
        self.lost_lines.fetch_add(1, Ordering::Relaxed);
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

/// The count, which begins anew.
fn take(count: &AtomicU64) -> u64 {
    match count.load(Ordering::Relaxed) {
        0 => 0,
        _ => count.swap(0, Ordering::Relaxed),
    }
}

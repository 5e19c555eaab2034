//! The producer's side of an event stream. The reactor's side is
//! [`EventBacklog`](super::event_backlog::EventBacklog).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::counters::Counter;
use crate::metadata::Title;
use crate::packet::{Packet, TitledPacket};
use crate::ring::HandoffWriter;
use crate::units::StreamPos;

/// A follower that reconnects can continue if it has missed at most this many bytes.
const REMEMBERED: u64 = 128 * 1024;

/// How much an event stream holds. All that is remembered fits at least twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventRoom {
    /// How many events may wait for the reactor, which is away for milliseconds at most.
    pub(crate) waiting: usize,
    /// How many bytes a follower may be behind.
    pub(crate) bytes: usize,
}

impl EventRoom {
    /// For thousands of events at once, when thousands of listeners come.
    pub(crate) const CROWD: EventRoom = EventRoom { waiting: 4_096, bytes: 640 * 1024 };
    /// For a few events a second.
    pub(crate) const FEW: EventRoom = EventRoom { waiting: 256, bytes: 256 * 1024 };
}

/// Shared by the reactor, which writes, and the producer, which reads. Each stream has its own.
#[derive(Debug, Default)]
pub(crate) struct EventBoard {
    pub(super) followers: Counter,
}

/// Pushes events to all followers, from any one thread. Dropping it ends the stream.
///
/// Positions count bytes from 0 on, so `Last-Event-ID` can name them.
#[derive(Debug)]
pub struct EventStream {
    handoff: HandoffWriter,
    board: Arc<EventBoard>,
    end: StreamPos,
    /// Where each of the last events begins.
    begins: VecDeque<StreamPos>,
    title: Arc<Title>,
}

impl EventStream {
    /// The longest event in bytes.
    pub(crate) const MAX_EVENT: usize = 64 * 1024;

    pub(crate) fn new(handoff: HandoffWriter, board: Arc<EventBoard>) -> EventStream {
        EventStream { handoff, board, end: StreamPos(0), begins: VecDeque::new(), title: Arc::default() }
    }

    /// Where the stream ends now: the next event begins here.
    pub fn end(&self) -> StreamPos {
        self.end
    }

    /// Sends one whole event on its way. False if it cannot be sent: it has more than 64 KiB, or too
    /// many wait because the server has been away for long. The position stays then.
    pub fn push(&mut self, event: &[u8]) -> bool {
        if event.is_empty() || event.len() > Self::MAX_EVENT {
            return event.is_empty();
        }
        let packet = Packet { bytes: event.into(), frames: 0 };
        let titled = TitledPacket { packet, title: Arc::clone(&self.title), header: None };
        let pushed = self.handoff.try_push(titled).is_ok();
        if pushed {
            self.begins.push_back(self.end);
            self.end = self.end + event.len() as u64;
            while self.begins.front().is_some_and(|first| self.end - *first > REMEMBERED) {
                self.begins.pop_front();
            }
        }
        pushed
    }

    /// Whether a follower that had everything before this position can go on: an event begins there and is
    /// remembered.
    pub fn can_go_on_at(&self, position: StreamPos) -> bool {
        position == self.end || self.begins.binary_search(&position).is_ok()
    }

    /// How many clients follow it now.
    pub fn followers(&self) -> u64 {
        self.board.followers.get()
    }

    pub(crate) fn board(&self) -> Arc<EventBoard> {
        Arc::clone(&self.board)
    }
}

//! Event streams: a mount in all but its path. What is pushed is kept once, in a backlog that all clients
//! share; each has a cursor into it, and gets what is new at once.

use std::collections::VecDeque;
use std::sync::Arc;

use super::info::MountBoard;
use crate::metadata::Title;
use crate::packet::{Packet, TitledPacket};
use crate::ring::HandoffWriter;
use crate::server::settings::MountSettings;
use crate::units::StreamPos;

/// How many events may wait for the reactor. It is away for milliseconds at most.
pub(crate) const WAITING: usize = 4_096;
/// The most that one event may have: it must fit into the backlog with others.
const MAX_EVENT: usize = 64 * 1024;
/// Who comes again may have missed so many bytes: a backlog has 256 KiB at least, and drops whole events.
const REMEMBERED: u64 = 128 * 1024;

/// Pushes events to all who follow them, from any one thread. Dropping it ends the stream.
///
/// Positions count bytes, from 0 on: they are what `Last-Event-ID` can name.
#[derive(Debug)]
pub struct EventStream {
    handoff: HandoffWriter,
    board: Arc<MountBoard>,
    end: StreamPos,
    /// Where events begin that nobody has missed for good.
    begins: VecDeque<StreamPos>,
    title: Arc<Title>,
}

impl EventStream {
    pub(crate) fn new(handoff: HandoffWriter, board: Arc<MountBoard>) -> EventStream {
        EventStream { handoff, board, end: StreamPos(0), begins: VecDeque::new(), title: Arc::default() }
    }

    /// What a stream is to the server.
    pub(crate) fn settings() -> MountSettings {
        MountSettings {
            path: "/events".into(),
            content_type: "text/event-stream".into(),
            ..MountSettings::default()
        }
    }

    /// Where the stream ends now: the next event begins here.
    pub fn end(&self) -> StreamPos {
        self.end
    }

    /// Sends one event on its way, whole. False if it cannot be sent: it has more than 64 KiB, or the server
    /// has been away for so long that thousands wait. The position is as before then.
    pub fn push(&mut self, event: &[u8]) -> bool {
        if event.is_empty() || event.len() > MAX_EVENT {
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

    /// Whether somebody who had everything up to there can go on: an event begins there, and is remembered.
    pub fn can_go_on_at(&self, position: StreamPos) -> bool {
        position == self.end || self.begins.binary_search(&position).is_ok()
    }

    /// How many follow it now.
    pub fn followers(&self) -> u64 {
        self.board.counters.listeners.get()
    }

    pub(crate) fn board(&self) -> Arc<MountBoard> {
        Arc::clone(&self.board)
    }
}

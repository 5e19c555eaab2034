//! A client of an event stream. It is served as soon as there is something new.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cursor::{Cursor, Opening};
use super::event_backlog::EventBacklog;
use crate::server::connections::visit::Visit;
use crate::units::StreamPos;

/// On the reactor thread. A follower that loses its place is closed, because it could not know what it
/// missed; it comes again and says which event it had last.
#[derive(Debug)]
pub(crate) struct Follower {
    /// The key of its event stream.
    pub(crate) stream: usize,
    pub(crate) cursor: Cursor,
    joined: Instant,
    pub(crate) presence: Presence,
    pub(crate) visit: Visit,
}

/// How a producer refers to its follower.
#[derive(Debug)]
pub(crate) struct Presence {
    /// The ticket of the request that made it a follower.
    pub(crate) ticket: u64,
    /// Tells the producer that the follower is there.
    pub(crate) _alive: Arc<()>,
}

impl Follower {
    /// Gets `head`, then the events from `from` on. If the backlog has dropped these, it gets what comes
    /// next.
    pub(crate) fn new(
        stream: usize,
        events: &EventBacklog,
        head: Vec<u8>,
        from: StreamPos,
        presence: Presence,
        visit: Visit,
        now: Instant,
    ) -> Follower {
        let position = if events.backlog.holds(from) { from } else { events.backlog.head() };
        Follower {
            stream,
            // Events have no header and no titles.
            cursor: Cursor::new(head, position, Opening::Done, None, now),
            joined: now,
            presence,
            visit,
        }
    }

    pub(crate) fn followed_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.joined)
    }
}

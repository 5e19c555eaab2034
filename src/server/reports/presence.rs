//! What is told of a listener, whatever it listens to: that it has come, that it is there, and that it has
//! left.

use std::sync::Arc;
use std::time::Duration;

use super::journal::JournalWriter;
use crate::error::CloseReason;
use crate::event::Event;
use crate::server::connections::visit::Visit;
use crate::server::listener_info::ListenerInfo;

/// How long a listener has listened, and the bytes that it got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served {
    pub(crate) duration: Duration,
    pub(crate) bytes: u64,
}

impl JournalWriter {
    /// The event of a listener that has come.
    pub(crate) fn joined(&self, visit: &Visit, mount: &str) -> Event {
        Event::ListenerJoined {
            id: visit.id,
            mount: mount.to_owned(),
            address: self.shown(visit.address).ip(),
            agent: visit.agent().to_owned(),
        }
    }

    /// The event of a listener that has left.
    pub(crate) fn left(&self, visit: &Visit, mount: &str, served: Served, reason: CloseReason) -> Event {
        let Served { duration, bytes } = served;
        Event::ListenerLeft {
            id: visit.id,
            mount: mount.to_owned(),
            address: self.shown(visit.address).ip(),
            agent: visit.agent().to_owned(),
            duration,
            bytes,
            reason,
        }
    }

    /// A listener that is there, for operators.
    pub(crate) fn listed(&self, visit: &Visit, mount: &Arc<str>, served: Served) -> ListenerInfo {
        let Served { duration, bytes } = served;
        ListenerInfo {
            id: visit.id,
            mount: mount.clone(),
            address: self.shown(visit.address).ip(),
            agent: visit.agent().to_owned(),
            duration,
            bytes,
            is_behind: false,
        }
    }
}

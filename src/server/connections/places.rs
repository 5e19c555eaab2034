//! Places for bodies that are on their way. Their number bounds the memory that bodies take: 64 KiB each.

use std::sync::Arc;

use crate::counters::Counter;
use crate::server::reports::stats::Counters;

/// Bodies at once for services that get complete requests. Anybody may send them: 16 MiB at most.
pub(crate) const ANONYMOUS_BODIES: u64 = 256;
/// Bodies at once that a service has asked for, when it knew who sends them: 8 MiB at most.
pub(crate) const ADMITTED_BODIES: u64 = 128;

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Anybody's.
    Anonymous,
    /// Somebody's whose head the service has seen.
    Admitted,
}

/// The place of one body, on the reactor thread. Dropping it makes it free.
#[derive(Debug)]
pub(crate) struct Place {
    sender: Sender,
    counters: Arc<Counters>,
    /// The share of its address, for which it counts.
    share: Option<Arc<()>>,
}

impl Place {
    /// Takes a place. `None` if all places of this sender are taken.
    pub(crate) fn take(sender: Sender, counters: &Arc<Counters>) -> Option<Place> {
        let (taken, places) = match sender {
            Sender::Anonymous => (&counters.anonymous_bodies, ANONYMOUS_BODIES),
            Sender::Admitted => (&counters.admitted_bodies, ADMITTED_BODIES),
        };
        if taken.get() >= places {
            return None;
        }
        taken.add(1);
        Some(Place { sender, counters: Arc::clone(counters), share: None })
    }

    /// The place counts for this share of an address until it is free.
    pub(crate) fn in_share(mut self, share: Arc<()>) -> Place {
        self.share = Some(share);
        self
    }

    fn taken(&self) -> &Counter {
        match self.sender {
            Sender::Anonymous => &self.counters.anonymous_bodies,
            Sender::Admitted => &self.counters.admitted_bodies,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken().set(self.taken().get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_sender_has_its_own_places() {
        let counters = Arc::default();
        let mut taken: Vec<_> = std::iter::from_fn(|| Place::take(Sender::Anonymous, &counters)).collect();
        assert_eq!(taken.len() as u64, ANONYMOUS_BODIES);
        let admitted: Vec<_> = std::iter::from_fn(|| Place::take(Sender::Admitted, &counters)).collect();
        assert_eq!(admitted.len() as u64, counters.admitted_bodies.get());
        taken.pop();
        assert!(Place::take(Sender::Admitted, &counters).is_none());
        assert!(Place::take(Sender::Anonymous, &counters).is_some());
        drop((taken, admitted));
        assert_eq!((counters.anonymous_bodies.get(), counters.admitted_bodies.get()), (0, 0));
    }
}

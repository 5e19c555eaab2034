//! Places for bodies that are on their way, and seats for sources. Their number bounds the memory that these
//! take: a body 64 KiB, a source its inlet.

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

/// The seat of a source among `max_sources`, on any thread. Dropping it makes it free.
#[derive(Debug)]
pub(crate) struct SourceSeat(Arc<Counters>);

impl SourceSeat {
    /// Takes a seat. `None` if there are as many sources as there may be: that is counted as a refusal.
    pub(crate) fn take(counters: &Arc<Counters>) -> Option<SourceSeat> {
        if counters.sources.rise_shared(counters.max_sources.get()) {
            return Some(SourceSeat(Arc::clone(counters)));
        }
        counters.refused.add_shared(1);
        None
    }
}

impl Drop for SourceSeat {
    fn drop(&mut self) {
        self.0.sources.sink_shared();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_threads_ask_there_are_as_many_sources_as_there_may_be() {
        let counters: Arc<Counters> = Arc::default();
        counters.max_sources.set(10);
        let take = || std::iter::from_fn(|| SourceSeat::take(&counters)).collect::<Vec<_>>();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(take));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!((all.len(), counters.sources.get(), counters.refused.get()), (10, 10, 4));
        // Fewer are allowed from now on: those that are here stay.
        counters.max_sources.set(9);
        assert!(SourceSeat::take(&counters).is_none());
        drop(all);
        assert!(SourceSeat::take(&counters).is_some());
        assert_eq!(counters.sources.get(), 0);
    }

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

//! Who listens to a pipeline's mounts, as its events tell it: whoever is told to have joined is told to
//! have left, whatever happens to the mount or to the pipeline meanwhile.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Instant;

use super::hooks::Hub;
use super::outputs::Mounts;
use crate::event::Event;
use crate::server::{Server, ServerEvent, ServerEvents};

/// Events that wait for the mixer's next job at most.
const WAITING: usize = 8192;

pub(super) struct Listeners {
    events: ServerEvents,
    /// The pipeline's own; others share the server.
    mounts: Mounts,
    /// Events that did not reach it, so far.
    missed: u64,
    /// By the server's numbers.
    present: HashSet<u64>,
}

impl Listeners {
    pub fn of(server: &Server, mounts: Mounts) -> Listeners {
        Listeners { events: server.subscribe(WAITING), mounts, missed: 0, present: HashSet::new() }
    }

    /// Passes on what has happened since the last call.
    pub fn tell(&mut self, hub: &Hub) {
        while let Some(event) = self.events.try_next() {
            self.pass_on(event, hub);
        }
        let missed = self.events.missed();
        if missed > self.missed {
            hub.emit(Event::Missed { count: missed - self.missed });
            self.missed = missed;
        }
    }

    /// The mounts have ended: waits until everybody is told to have left.
    pub fn see_off(&mut self, hub: &Hub, deadline: Instant) {
        self.tell(hub);
        while !self.present.is_empty()
            && let Some(event) = self.events.next_within(deadline.saturating_duration_since(Instant::now()))
        {
            self.pass_on(event, hub);
        }
        self.tell(hub);
    }

    fn pass_on(&mut self, event: ServerEvent, hub: &Hub) {
        match event {
            ServerEvent::ListenerJoined { id, mount, address, agent } if self.owns(&mount) => {
                self.present.insert(id);
                hub.emit(Event::ListenerJoined { mount: mount.to_string(), address, agent });
            }
            // Of a mount that was removed, too.
            ServerEvent::ListenerLeft { id, mount, address, agent, duration, bytes, reason }
                if self.present.remove(&id) =>
            {
                let mount = mount.to_string();
                hub.emit(Event::ListenerLeft { mount, address, agent, duration, bytes, reason });
            }
            _ => {}
        }
    }

    fn owns(&self, mount: &str) -> bool {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|own| own == mount)
    }
}

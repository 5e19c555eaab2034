//! Lists listeners in parts. Each call looks at a bounded number of connections.

use ipnet::IpNet;

use super::Reactor;
use crate::error::CloseReason;
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::connection::Connection;
use crate::server::connections::visit::Visit;
use crate::server::listener_info::{ListenerInfo, Page};
use crate::server::reports::presence::Served;

/// The connections that one call looks at: a fraction of a millisecond's work.
const AT_ONCE: usize = 1_024;
/// The keys from here on are those of sessions. No connection has one.
const SESSIONS_FROM: usize = usize::MAX / 2;

impl Reactor {
    /// Lists some of the listeners, from this key on.
    pub(super) fn page(&self, from: usize, mount: Option<&str>, now: Moment) -> Page {
        let end = from.saturating_add(AT_ONCE);
        let mut listeners = Vec::new();
        for key in from..end.min(self.peers.capacity()) {
            let Some(peer) = self.peers.get(key) else { continue };
            let Connection::Listening(listener) = &peer.connection else { continue };
            let at = self.mounts.get(listener.mount);
            if !listener.is_counted() || mount.is_some_and(|mount| *at.path != *mount) {
                continue;
            }
            let served =
                Served { duration: listener.listened_for(now.instant), bytes: listener.cursor.bytes() };
            let listed = self.ports.journal.listed(&listener.visit, &at.path, served);
            listeners.push(ListenerInfo { is_behind: listener.cursor.is_blocked(), ..listed });
        }
        if end < self.peers.capacity() {
            return Page { listeners, next: Some(end) };
        }
        // Behind the connections are the sessions of HLS.
        let (sessions, next) = match from.checked_sub(SESSIONS_FROM) {
            None => (Vec::new(), Some(0)),
            Some(from) => self.desk.audience.page(from, AT_ONCE, mount, &self.ports.journal, now.instant),
        };
        listeners.extend(sessions);
        Page { listeners, next: next.map(|next| SESSIONS_FROM + next) }
    }

    /// Closes the listener with this id. Returns false if there is none.
    pub(super) fn kick(&mut self, id: u64, now: Moment) -> bool {
        let found = self.listening().find(|(_, visit)| visit.id == id).map(|(key, _)| key);
        let Some(key) = found else { return self.kick_sessions(now, |visit| visit.id == id) };
        self.close(key, CloseReason::Kicked, now);
        true
    }

    /// Closes all listeners whose addresses are in this network.
    pub(super) fn kick_network(&mut self, network: &IpNet, now: Moment) {
        let is_of = |visit: &Visit| network.contains(&visit.address.real());
        let found = self.listening().filter(|(_, visit)| is_of(visit)).map(|(key, _)| key);
        for key in found.collect::<Vec<_>>() {
            self.close(key, CloseReason::Kicked, now);
        }
        self.kick_sessions(now, is_of);
    }

    /// The address of the listener with this id.
    pub(super) fn address_of(&self, id: u64) -> Option<ClientAddress> {
        let mut visits = self.listening().map(|(_, visit)| visit).chain(self.desk.audience.visits());
        visits.find(|visit| visit.id == id).map(|visit| visit.address)
    }

    /// The listeners who have connections, by their keys.
    fn listening(&self) -> impl Iterator<Item = (usize, &Visit)> {
        self.peers.iter().filter_map(|(key, peer)| match &peer.connection {
            Connection::Listening(listener) if listener.is_counted() => Some((key, &listener.visit)),
            _ => None,
        })
    }
}

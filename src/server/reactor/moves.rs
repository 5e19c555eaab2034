//! Moves listeners from one mount to another: to a fallback, and back.

use super::listeners::{count_in, count_jump, count_out};
use super::{CloseReason, Connection, Moment, Peer, Reactor};

impl Reactor {
    /// Moves a listener that has everything of an ended mount to a fallback, or closes it.
    pub(super) fn move_or_close(&mut self, key: usize, reason: CloseReason, now: Moment) {
        let Connection::Listening(listener) = &self.peers[key].connection else { return };
        let mount = self.mounts.get(listener.mount);
        let away_from = listener.away_from(mount);
        let stays = reason == CloseReason::MountEnded
            && (away_from.is_some() || mount.settings.fallback_mount.is_some());
        let home = away_from.unwrap_or(&mount.path);
        match stays.then(|| self.mounts.resolve(home, Some(&mount.settings))).flatten() {
            Some(target) => self.change_mount(key, target, now),
            None => self.close(key, reason, now),
        }
    }

    /// Brings listeners back to a mount that has got its first audio. This looks at every connection, but it
    /// is rare.
    pub(super) fn move_back_to(&mut self, mount: usize, now: Moment) {
        let comes = |peer: &Peer| {
            let Connection::Listening(listener) = &peer.connection else { return false };
            let at = self.mounts.get(listener.mount);
            listener.mount != mount
                && listener
                    .away_from(at)
                    .is_some_and(|home| self.mounts.resolve(home, Some(&at.settings)) == Some(mount))
        };
        let coming: Vec<_> = self.peers.iter().filter(|(_, peer)| comes(peer)).map(|(key, _)| key).collect();
        for key in coming {
            self.change_mount(key, mount, now);
        }
    }

    fn change_mount(&mut self, key: usize, target: usize, now: Moment) {
        let Connection::Listening(listener) = &mut self.peers[key].connection else { return };
        let from = listener.mount;
        let (old, new) = (self.mounts.get(from), self.mounts.get(target));
        if listener.is_counted() {
            count_out(listener, old, CloseReason::Moved, &self.ports, now.instant);
        }
        let missed = listener.move_to(target, old, new, now.instant);
        if missed > 0 {
            count_jump(missed, old, &self.ports.counters);
        }
        if listener.is_counted() {
            count_in(listener, new, &self.ports);
        }
        self.mounts.attach(target);
        self.mounts.detach(from);
        self.timers.schedule(key, now.instant);
    }
}

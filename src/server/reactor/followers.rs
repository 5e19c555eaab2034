//! Followers of event streams: how they join, are served, and leave.

use super::listeners::write_due;
use super::{Peer, Reactor};
use crate::error::CloseReason;
use crate::http::Status;
use crate::server::Moment;
use crate::server::connections::connection::Connection;
use crate::server::connections::shares::Kind;
use crate::server::connections::transport::Wrote;
use crate::server::mounts::follower::{Follower, Presence};
use crate::units::StreamPos;

impl Reactor {
    /// Makes a connection a follower. It gets `head`, then the events of this stream from the position `from`
    /// on.
    pub(super) fn attach_follower(
        &mut self,
        key: usize,
        stream: usize,
        head: Vec<u8>,
        from: StreamPos,
        presence: Presence,
        now: Moment,
    ) {
        let events = self.events.get(stream);
        self.peers[key]
            .connection
            .follow(|visit| Follower::new(stream, events, head, from, presence, visit, now.instant));
        self.events.join(stream, key);
        self.event_clients += 1;
        self.ports.counters.event_clients.set(self.event_clients as u64);
    }

    /// Schedules the followers of streams with new events for this turn.
    pub(super) fn schedule_followers(&mut self, now: Moment) {
        for key in self.events.followers_to_serve() {
            self.timers.schedule(key, now.instant);
        }
    }

    /// Ends a stream. Its followers get what is due, starting now.
    pub(super) fn end_stream(&mut self, stream: usize, reason: CloseReason, now: Moment) {
        for key in self.events.end(stream, reason, now.instant) {
            self.timers.schedule(key, now.instant);
        }
    }

    pub(super) fn serve_follower(&mut self, key: usize, now: Moment) {
        let Peer { transport, connection: Connection::Following(follower), .. } = &mut self.peers[key] else {
            return;
        };
        let events = self.events.get(follower.stream);
        let (backlog, cursor) = (&events.backlog, &mut follower.cursor);
        loop {
            if cursor.is_lost(backlog) {
                return self.close(key, CloseReason::Stalled, now);
            }
            match write_due(cursor, backlog, transport, &self.ports.counters, now.instant) {
                Some(Wrote::Some(_)) => (),
                Some(Wrote::Gone(reason)) => return self.close(key, reason, now),
                Some(Wrote::Full) | None => break,
            }
        }
        if cursor.is_stalled(self.patience.write_timeout, now.instant) {
            return self.close(key, CloseReason::Stalled, now);
        }
        if let Some(end) = events.end
            && (cursor.is_up_to_date(backlog) || now.instant >= end.deadline)
        {
            return self.close(key, end.reason, now);
        }
        if cursor.is_blocked() {
            let stalls_at = cursor.stalls_at(self.patience.write_timeout);
            let until = events.end.map_or(stalls_at, |end| stalls_at.min(end.deadline));
            self.timers.schedule(key, until);
        } else {
            self.timers.cancel(key);
        }
    }

    /// Removes a follower whose connection closes.
    pub(super) fn detach_follower(&mut self, key: usize, follower: Follower, now: Moment) {
        self.events.leave(follower.stream, key);
        self.event_clients -= 1;
        self.ports.counters.event_clients.set(self.event_clients as u64);
        self.shares.give_back(Kind::EventClient, follower.visit.address.real());
        let (bytes, duration) = (follower.cursor.bytes(), follower.followed_for(now.instant));
        self.ports.journal.access(follower.visit, Status::OK.0, bytes, duration, now.wall);
    }
}

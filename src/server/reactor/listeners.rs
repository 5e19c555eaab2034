//! Listeners: how they join, are served, count, and leave.

use std::time::Instant;

use super::{Peer, Ports, Reactor};
use crate::error::CloseReason;
use crate::http::Status;
use crate::icy::Pieces;
use crate::ring::Backlog;
use crate::server::Moment;
use crate::server::connections::connection::Connection;
use crate::server::connections::shares::Kind;
use crate::server::connections::sockets;
use crate::server::connections::transport::{Transport, Wrote};
use crate::server::mounts::cursor::Cursor;
use crate::server::mounts::listener::Listener;
use crate::server::mounts::mount::Mount;
use crate::server::reports::presence::Served;
use crate::server::reports::stats::Counters;

impl Reactor {
    /// Counts a connection as a listener of its mount, if it has become one.
    pub(super) fn attach_if_listener(&mut self, key: usize) {
        let Peer { transport, connection: Connection::Listening(listener), .. } = &self.peers[key] else {
            return;
        };
        let mount = self.mounts.get(listener.mount);
        if mount.send_buffer != sockets::SEND_BUFFER {
            transport.set_send_buffer(mount.send_buffer);
        }
        self.mounts.attach(listener.mount);
        self.listeners += 1;
    }

    pub(super) fn serve_listener(&mut self, key: usize, now: Moment) {
        let Peer { transport, connection: Connection::Listening(listener), .. } = &mut self.peers[key] else {
            return;
        };
        let counters = &self.ports.counters;
        let mount = self.mounts.get(listener.mount);
        loop {
            let jumped = listener.catch_up(mount, now.instant);
            if jumped > 0 {
                count_jump(jumped, mount, counters);
            }
            match write_due(&mut listener.cursor, &mount.backlog, transport, counters, now.instant) {
                Some(Wrote::Some(count)) => mount.board.counters.bytes_sent.add(count as u64),
                Some(Wrote::Gone(reason)) => return self.close(key, reason, now),
                Some(Wrote::Full) | None => break,
            }
        }
        if listener.begins_to_count(now.instant) {
            listener.count();
            count_in(listener, mount, &self.ports);
        }
        if listener.cursor.is_stalled(self.patience.write_timeout, now.instant) {
            return self.close(key, CloseReason::Stalled, now);
        }
        if let Some(end) = mount.end
            && (listener.cursor.is_up_to_date(&mount.backlog) || now.instant >= end.deadline)
        {
            return self.move_or_close(key, end.reason, now);
        }
        if listener.cursor.is_blocked() {
            self.timers.schedule(key, listener.looked_at_by(mount, self.patience.write_timeout));
        } else {
            let cadence = listener.cadence(mount, now.instant);
            self.timers.schedule_cadence(key, now.instant, cadence);
        }
    }

    /// Removes a listener whose connection closes.
    pub(super) fn detach_listener(&mut self, mut listener: Listener, reason: CloseReason, now: Moment) {
        let mount = self.mounts.get(listener.mount);
        if listener.begins_to_count(now.instant) {
            listener.count();
            count_in(&listener, mount, &self.ports);
        }
        if listener.is_counted() {
            count_out(&listener, mount, reason, &self.ports, now.instant);
        }
        let (bytes, duration) = (listener.cursor.bytes(), listener.listened_for(now.instant));
        self.listeners -= 1;
        self.shares.give_back(Kind::Listener, listener.visit.address.real());
        self.mounts.detach(listener.mount);
        self.ports.journal.access(listener.visit, Status::OK.0, bytes, duration, now.wall);
    }
}

/// Makes one write of what is due at a cursor. `None`: nothing is due.
pub(super) fn write_due(
    cursor: &mut Cursor,
    backlog: &Backlog,
    transport: &mut Transport,
    counters: &Counters,
    now: Instant,
) -> Option<Wrote> {
    let mut pieces = Pieces::new();
    cursor.gather(backlog, &mut pieces);
    if pieces.bytes() == 0 {
        cursor.unblock();
        return None;
    }
    counters.writes.add(1);
    let wrote = transport.write(pieces.as_slices());
    match wrote {
        Wrote::Some(count) => {
            cursor.advance(count, backlog, now);
            counters.bytes_sent.add(count as u64);
        }
        Wrote::Full => {
            counters.blocked_writes.add(1);
            cursor.block(backlog);
        }
        Wrote::Gone(_) => (),
    }
    Some(wrote)
}

pub(super) fn count_jump(bytes: u64, mount: &Mount, counters: &Counters) {
    for (skips, skipped) in [
        (&counters.skips, &counters.skipped_bytes),
        (&mount.board.counters.skips, &mount.board.counters.skipped_bytes),
    ] {
        skips.add(1);
        skipped.add(bytes);
    }
}

/// Counts the listener in the statistics of a mount.
pub(super) fn count_in(listener: &Listener, mount: &Mount, Ports { counters, events, journal, .. }: &Ports) {
    counters.listeners.rise(&counters.listener_peak);
    mount.board.counters.listeners.rise(&mount.board.counters.listener_peak);
    counters.joins.add(1);
    mount.board.counters.joins.add(1);
    events.emit(journal.joined(&listener.visit, &mount.path));
}

/// Takes the listener out of the statistics of a mount.
pub(super) fn count_out(
    listener: &Listener,
    mount: &Mount,
    reason: CloseReason,
    Ports { counters, events, journal, .. }: &Ports,
    now: Instant,
) {
    counters.count_close(reason);
    counters.listeners.sink();
    mount.board.counters.listeners.sink();
    let (bytes, duration) = listener.at_this_mount(now);
    events.emit(journal.left(&listener.visit, &mount.path, Served { duration, bytes }, reason));
}

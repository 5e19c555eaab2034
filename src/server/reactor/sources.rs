//! Sources: how they are accepted, end, and leave.

use std::sync::Arc;

use super::{Peer, Reactor};
use crate::error::CloseReason;
use crate::http::{Form, HttpAnswer, Status};
use crate::ring::{InletWriter, SourceEnd};
use crate::server::Moment;
use crate::server::connections::connection::{Connection, Sending, ToCome};
use crate::server::desk::http_request::not_answered;

/// The receive buffer of a source's socket. The inlet holds the seconds; this holds what comes between two
/// turns.
const RECEIVE_BUFFER: usize = 128 * 1024;

impl Reactor {
    /// Makes a connection a source whose stream goes into this inlet.
    pub(super) fn receive_stream(&mut self, key: usize, form: Form, inlet: InletWriter, now: Moment) {
        let Peer { transport, connection, .. } = &mut self.peers[key];
        let Connection::Waiting(waiting) = &*connection else { return };
        if !matches!(waiting.request.to_come, ToCome::Stream(_)) {
            inlet.finish(SourceEnd::Refused);
            return self.deliver_whole(key, form, not_answered(), now);
        }
        if self.stopping.is_some() {
            inlet.finish(SourceEnd::ServerStopped);
            return self.deliver_whole(key, form.last(), stops(), now);
        }
        if inlet.has_ended() {
            // Whoever reads it has closed it already. What closes connections found no source here then.
            return self.deliver_whole(key, form.last(), let_go(), now);
        }
        transport.set_receive_buffer(RECEIVE_BUFFER);
        connection.receive_stream(inlet, Arc::clone(&self.ports.counters), now.instant);
        self.timers.cancel(key);
    }

    /// Welcomes a source that speaks ICY: its login is good. Its headers come next.
    pub(super) fn welcome(&mut self, key: usize, now: Moment) {
        match self.stopping {
            Some(_) => self.deliver_whole(key, Form::ICY, stops(), now),
            None => self.peers[key].connection.welcome(self.patience, now.instant),
        }
    }

    /// Takes leave of a source whose stream has ended by itself. Returns false if its connection is closed.
    pub(super) fn end_source(&mut self, key: usize, now: Moment) -> bool {
        let Peer { connection, .. } = &mut self.peers[key];
        let Connection::Sending(sending) = &*connection else { return true };
        if !sending.is_there() {
            self.close(key, CloseReason::Left, now);
            return false;
        }
        let (answer, form) = (sending.last_answer(), sending.form.last());
        let status = answer.as_ref().map_or(Status::OK.0, HttpAnswer::status);
        let last = answer.map(|answer| answer.written(form, self.desk.date(now.wall)));
        if let Some(sending) = connection.stream_ended(last, self.patience, now.instant) {
            self.detach_source(*sending, SourceEnd::Broken, status, now);
        }
        true
    }

    /// Closes all sources, for a stop. This looks at every connection.
    pub(super) fn close_sources(&mut self, now: Moment) {
        let sources = self.peers.iter().filter(|(_, peer)| matches!(peer.connection, Connection::Sending(_)));
        for key in sources.map(|(key, _)| key).collect::<Vec<_>>() {
            self.close(key, CloseReason::ServerStopped, now);
        }
    }

    /// Removes a source. If its stream has not ended by itself, it ends so.
    pub(super) fn detach_source(&mut self, source: Sending, end: SourceEnd, status: u16, now: Moment) {
        let (visit, bytes, duration) = source.finish(end, now.instant);
        self.ports.journal.access(visit, status, bytes, duration, now.wall);
    }
}

fn let_go() -> HttpAnswer {
    HttpAnswer::text(503, "this source was let go before it had begun\n").with("Retry-After", "10")
}

pub(super) fn stops() -> HttpAnswer {
    HttpAnswer::text(503, "the server stops\n").with("Retry-After", "10")
}

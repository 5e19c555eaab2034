//! What a service answers comes back here, and finds the connection that waits for it.

use super::Reactor;
use crate::error::CloseReason;
use crate::http::{Form, HttpAnswer, Status};
use crate::server::Moment;
use crate::server::connections::connection::Connection;
use crate::server::desk::service::{Answer, Delivery};
use crate::server::mounts::listener::{Join, Listener};

impl Reactor {
    /// To be called after the handoffs were drained: an answer may lead into a stream at its end.
    pub(super) fn deliver(&mut self, now: Moment) {
        while let Ok(Delivery { key, ticket, user, answer }) = self.ports.answers.try_recv() {
            let peer = self.peers.get_mut(key);
            // Who asked may have gone, and another connection have its place.
            let Some(asked) = peer.and_then(|peer| peer.connection.awaits(ticket)) else { continue };
            if let Some(user) = user {
                asked.visit.identify(&user);
            }
            let form = asked.form;
            match answer {
                Answer::Whole(answer) => self.deliver_whole(key, form, answer, now),
                Answer::Follow { answer, board, from } => match self.mounts.with_board(&board) {
                    None => self.deliver_whole(key, form, ended(), now),
                    Some(_) if self.event_clients >= self.limits.max_event_clients => {
                        self.ports.counters.refused.add(1);
                        self.deliver_whole(key, form, full(), now);
                    }
                    Some(_) if form.is_head => {
                        let status = answer.status();
                        self.deliver_whole(key, form.last(), answer.emptied(status), now);
                    }
                    Some(stream) => {
                        let date = self.desk.date(now.wall);
                        let head = answer.stream_start(form.version, date);
                        let mount = self.mounts.get(stream);
                        self.peers[key].connection.follows(|visit| {
                            let join = Join {
                                mount: stream,
                                home: None,
                                head,
                                with_titles: false,
                                probe: true,
                                visit,
                            };
                            Listener::of_events(join, mount, from, now.instant)
                        });
                        self.event_clients += 1;
                        self.mounts.attach(stream);
                        let mount = self.mounts.get_mut(stream);
                        mount.board.counters.listeners.add(1);
                        if let Some(followers) = &mut mount.followers {
                            followers.insert(key);
                        }
                    }
                },
            }
            self.drive(key, now);
        }
    }

    fn deliver_whole(&mut self, key: usize, form: Form, answer: HttpAnswer, now: Moment) {
        let form = if self.stopping.is_some() { form.last() } else { form };
        let status = answer.status();
        let outgoing = answer.written(form, self.desk.date(now.wall));
        let connection = &mut self.peers[key].connection;
        if let Connection::Waiting(waiting) = &*connection {
            let visit = waiting.asked.visit.clone();
            let took = now.instant.saturating_duration_since(waiting.asked.since);
            self.ports.journal.access(visit, status, outgoing.len() as u64, took, now.wall);
        }
        connection.answered(outgoing, self.patience, now.instant);
    }

    /// There is something new in streams of events.
    pub(super) fn call_followers(&mut self, now: Moment) {
        for key in self.mounts.called() {
            self.timers.schedule(key, now.instant);
        }
    }

    /// A follower has gone.
    pub(super) fn forget_follower(&mut self, key: usize, listener: Listener, now: Moment) {
        let mount = self.mounts.get_mut(listener.mount);
        if let Some(followers) = &mut mount.followers {
            followers.remove(&key);
        }
        mount.board.counters.listeners.set(mount.board.counters.listeners.get() - 1);
        self.event_clients -= 1;
        self.mounts.detach(listener.mount);
        let (bytes, duration) = (listener.bytes(), listener.listened_for(now.instant));
        self.ports.journal.access(listener.visit, Status::OK.0, bytes, duration, now.wall);
    }

    /// Writes to a follower what is new. One for whom something is lost is let go: it comes again, and
    /// says what it had last.
    pub(super) fn serve_follower(&mut self, key: usize, now: Moment) {
        let super::Peer { socket, connection: Connection::Listening(listener), .. } = &mut self.peers[key]
        else {
            return;
        };
        let mount = self.mounts.get(listener.mount);
        if let Err(error) =
            super::write_what_is_due(listener, mount, socket, &self.ports.counters, now.instant)
        {
            return self.close(key, crate::server::connections::sockets::reason(&error), now);
        }
        if listener.is_stalled(self.patience.write_timeout, now.instant) {
            return self.close(key, CloseReason::Stalled, now);
        }
        if let Some(end) = mount.end
            && (listener.is_up_to_date(&mount.backlog) || now.instant >= end.deadline)
        {
            return self.close(key, end.reason, now);
        }
        if listener.is_blocked() {
            self.timers.schedule(key, listener.patience(mount, self.patience.write_timeout));
        } else {
            self.timers.cancel(key);
        }
    }
}

fn full() -> HttpAnswer {
    HttpAnswer::text(503, "too many clients follow events: try again soon\n").with("Retry-After", "10")
}

fn ended() -> HttpAnswer {
    HttpAnswer::text(503, "these events have ended\n").with("Retry-After", "1")
}

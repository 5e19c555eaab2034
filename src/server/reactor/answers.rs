//! Brings the answers of services to the connections that wait for them.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Ports, Reactor};
use crate::error::CloseReason;
use crate::http::{Form, HttpAnswer, ProblemDetails, Status};
use crate::ring::SourceEnd;
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::connection::{Connection, ToCome};
use crate::server::connections::places::{Place, Sender};
use crate::server::connections::shares::Kind;
use crate::server::desk::http_request::not_answered;
use crate::server::desk::routes::too_many_of_you;
use crate::server::desk::service::{Answer, Delivery};
use crate::server::mounts::follower::Presence;

impl Reactor {
    /// Delivers all answers that have come. The handoffs must be drained before, because an answer may lead
    /// into a stream at its end.
    pub(super) fn deliver(&mut self, now: Moment) {
        while let Ok(Delivery { key, ticket, user, answer }) = self.ports.answers.try_recv() {
            match answer {
                Answer::EndStream => {
                    self.end_by_ticket(key, ticket, now);
                    continue;
                }
                Answer::GoOn => {
                    let peer = self.peers.get_mut(key);
                    if peer.is_some_and(|peer| peer.connection.go_on(ticket, now.instant)) {
                        self.drive(key, now);
                    }
                    continue;
                }
                _ => {}
            }
            let peer = self.peers.get_mut(key);
            // The client may have gone, and another connection may have its place.
            let Some(pending) = peer.and_then(|peer| peer.connection.awaits(ticket)) else {
                if let Answer::ReceiveStream(inlet) = answer {
                    inlet.finish(SourceEnd::Left);
                }
                continue;
            };
            if let Some(user) = user {
                pending.visit.identify(&user);
            }
            let form = pending.form;
            let is_login = matches!(pending.to_come, ToCome::Headers(_));
            let (client, is_anonymous) = (pending.visit.address.real(), pending.visit.user().is_empty());
            match answer {
                Answer::ReceiveBody(sender) => self.receive_body(key, form, (sender, client), now),
                Answer::ReceiveStream(inlet) if is_login => {
                    inlet.finish(SourceEnd::Complete);
                    self.welcome(key, now);
                }
                Answer::Whole(answer) if is_login && (200..300).contains(&answer.status()) => {
                    self.welcome(key, now);
                }
                Answer::Whole(answer) => self.deliver_whole(key, form, answer, now),
                Answer::ReceiveStream(inlet) => self.receive_stream(key, form, inlet, now),
                Answer::ReceiveUpload(pieces) => self.receive_upload(key, form, pieces, now),
                Answer::SendFile(answer, length, pieces) => {
                    self.send_file(key, form, (answer, length, pieces), now);
                }
                Answer::EndStream | Answer::GoOn => {}
                Answer::Follow { answer, board, from, presence } => match self.events.find(&board) {
                    None => self.deliver_whole(key, form, ended(), now),
                    Some(_) if self.event_clients >= self.max_event_clients(is_anonymous) => {
                        self.ports.counters.refused.add_shared(1);
                        self.deliver_whole(key, form, full(), now);
                    }
                    Some(_) if form.is_head => {
                        let status = answer.status();
                        self.deliver_whole(key, form.last(), answer.emptied(status), now);
                    }
                    Some(stream) => {
                        if let Err(taken) = self.shares.take(Kind::EventClient, client) {
                            let Ports { counters, journal, .. } = &self.ports;
                            let client = ClientAddress::new(client);
                            self.crowding.refused(client, &taken, now.instant, counters, journal);
                            self.deliver_whole(key, form, too_many_of_you(&taken), now);
                            self.drive(key, now);
                            continue;
                        }
                        let date = self.desk.date(now.wall);
                        let head = answer.stream_start(form.version, date);
                        let presence = Presence { ticket, _alive: presence };
                        self.attach_follower(key, stream, head, from, presence, now);
                    }
                },
            }
            self.drive(key, now);
        }
    }

    /// A part of the places is for clients that have shown a credential.
    fn max_event_clients(&self, is_anonymous: bool) -> usize {
        match is_anonymous {
            true => self.limits.max_anonymous_event_clients(),
            false => self.limits.max_event_clients,
        }
    }

    /// Closes the follower or the source that came by this ticket, if it is still there.
    fn end_by_ticket(&mut self, key: usize, ticket: u64, now: Moment) {
        let came_by = match self.peers.get(key).map(|peer| &peer.connection) {
            Some(Connection::Following(follower)) => Some(follower.presence.ticket),
            Some(Connection::Sending(sending)) => Some(sending.ticket),
            _ => None,
        };
        if came_by == Some(ticket) {
            self.close(key, CloseReason::Kicked, now);
        }
    }

    /// Has a connection receive the body of its request, if it has one and a place is free.
    fn receive_body(&mut self, key: usize, form: Form, (sender, client): (Sender, IpAddr), now: Moment) {
        let Connection::Waiting(waiting) = &self.peers[key].connection else { return };
        if !matches!(waiting.request.to_come, ToCome::Body(_)) {
            return self.deliver_whole(key, form, not_answered(), now);
        }
        let share = match sender {
            Sender::Admitted => Some(Arc::default()),
            Sender::Anonymous => self.shares.take_body(client),
        };
        let place = share
            .and_then(|share| Place::take(sender, &self.ports.counters).map(|place| place.in_share(share)));
        match place {
            Some(place) => self.peers[key].connection.receive_body(place, self.patience, now.instant),
            None => {
                self.ports.counters.refused.add_shared(1);
                self.deliver_whole(key, form, too_many_bodies(), now);
            }
        }
    }

    pub(super) fn deliver_whole(&mut self, key: usize, form: Form, answer: HttpAnswer, now: Moment) {
        let form = if self.stopping.is_some() { form.last() } else { form };
        let status = answer.status();
        let outgoing = answer.written(form, self.desk.date(now.wall));
        let connection = &mut self.peers[key].connection;
        if let Some(request) = connection.pending() {
            let visit = request.visit.clone();
            let took = now.instant.saturating_duration_since(request.since);
            self.ports.journal.access(visit, status, outgoing.len() as u64, took, now.wall);
        }
        connection.answered(outgoing, self.patience, now.instant);
    }
}

fn full() -> HttpAnswer {
    HttpAnswer::text(503, "too many clients follow events: try again soon\n").with("Retry-After", "10")
}

fn too_many_bodies() -> HttpAnswer {
    let detail = "too many bodies are on their way: try again soon";
    ProblemDetails::of_status(Status::UNAVAILABLE, detail).answer().with("Retry-After", "1")
}

fn ended() -> HttpAnswer {
    HttpAnswer::text(503, "these events have ended\n").with("Retry-After", "1")
}

//! New connections.

use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use mio::Token;
use mio::net::TcpListener;

use super::{Peer, Reactor};
use crate::error::CloseReason;
use crate::http::{Form, Outgoing};
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::connection::{Connection, Patience};
use crate::server::connections::limits::RESERVED_CONNECTIONS;
use crate::server::connections::shares::Kind;
use crate::server::connections::sockets;
use crate::server::connections::transport::Transport;

/// The most connections that are accepted in one turn.
const ACCEPTS_A_TURN: usize = 256;
/// The pause in accepting after the file descriptors have run out.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The time for the head of a request on a reserved connection: there are few of them.
const RESERVED_HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// A listening socket.
pub(crate) struct Acceptor {
    pub(super) listener: TcpListener,
    /// Whether a client may be waiting. It stays true until accepting would block, because the poll reports
    /// an edge once.
    pub(super) ready: bool,
    protocol: Protocol,
}

/// What is spoken at a listening socket.
#[derive(Clone, Debug)]
pub(crate) enum Protocol {
    Http,
    /// The protocol of sources of SHOUTcast 1, with the path of those that name none.
    Icy(Arc<str>),
}

impl Acceptor {
    pub(crate) fn new(listener: TcpListener, protocol: Protocol) -> Acceptor {
        Acceptor { listener, ready: true, protocol }
    }
}

impl Reactor {
    pub(super) fn accept(&mut self, now: Moment) {
        if self.rests_until.is_some_and(|until| now.instant < until) {
            return;
        }
        let mut exhausted = None;
        for index in 0..self.acceptors.len() {
            for _ in 0..ACCEPTS_A_TURN {
                if !self.acceptors[index].ready || exhausted.is_some() {
                    break;
                }
                match sockets::accept(&self.acceptors[index].listener) {
                    Ok((transport, address)) => {
                        let protocol = self.acceptors[index].protocol.clone();
                        self.admit(transport, address, protocol, now);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.acceptors[index].ready = false;
                    }
                    Err(error) if sockets::is_exhaustion(&error) => exhausted = Some(error),
                    // That client has gone. Another may be waiting.
                    Err(_) => self.ports.counters.accept_failures.add(1),
                }
            }
        }
        if let Some(error) = &exhausted {
            self.ports.counters.accept_failures.add(1);
            if self.rests_until.is_none() {
                let text = format!("no more connections can be accepted for now: {error}");
                self.ports.journal.note(Level::Warn, text);
            }
        }
        self.rests_until = exhausted.map(|_| now.instant + EXHAUSTED);
    }

    fn admit(&mut self, mut transport: Transport, address: SocketAddr, protocol: Protocol, now: Moment) {
        self.ports.counters.accepted.add(1);
        let form = protocol.form();
        let client = address.ip().to_canonical();
        let counted_for = (!self.desk.trusts(client)).then_some(client);
        if let Some(client) = counted_for
            && let Err(taken) = self.shares.take(Kind::Connection, client)
        {
            let (client, counters) = (ClientAddress::new(client), &self.ports.counters);
            self.crowding.refused(client, &taken, now.instant, counters, &self.ports.journal);
            let answer = self.desk.share_taken(&taken, form, now.wall);
            return answer_at_once(&mut transport, &answer);
        }
        let is_reserved = self.peers.len() - self.reserved.len() >= self.limits.max_connections;
        if is_reserved && !self.takes_reserve(client, now) {
            counted_for.into_iter().for_each(|client| self.shares.give_back(Kind::Connection, client));
            self.ports.counters.refused.add_shared(1);
            let answer = self.desk.too_many_connections(form, now.wall);
            return answer_at_once(&mut transport, &answer);
        }
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        if transport.register(self.poll.registry(), Token(key)).is_err() {
            self.ports.counters.accept_failures.add(1);
            counted_for.into_iter().for_each(|client| self.shares.give_back(Kind::Connection, client));
            if is_reserved {
                self.shares.give_back(Kind::Reserve, client);
            }
            return;
        }
        let patience = match is_reserved {
            true => Patience {
                header_timeout: RESERVED_HEADER_TIMEOUT.min(self.patience.header_timeout),
                ..self.patience
            },
            false => self.patience,
        };
        let connection = match self.desk.denial(client, form, now.wall) {
            None => match protocol {
                Protocol::Http => Connection::new(patience, now.instant),
                Protocol::Icy(mount) => Connection::icy(mount, patience, now.instant),
            },
            Some(answer) => {
                self.ports.counters.denied.add(1);
                Connection::refusing(answer, patience, now.instant)
            }
        };
        if is_reserved {
            self.reserved.push(key);
        }
        entry.insert(Peer { transport, address, counted_for, held: 0, connection });
        self.ports.counters.addresses.set(self.shares.len() as u64);
        self.ports.counters.connections.set(self.peers.len() as u64);
        self.shrink_below = self.shrink_below.max(self.peers.capacity() / 4);
        // The request may have arrived already.
        self.drive(key, now);
    }

    /// Whether one of the connections that are reserved for requests with a credential can be had. If all are
    /// taken, the oldest on which no request is at work gives way: strangers who say nothing keep nobody out.
    fn takes_reserve(&mut self, client: IpAddr, now: Moment) -> bool {
        if self.shares.take(Kind::Reserve, client).is_err() {
            return false;
        }
        if self.reserved.len() < RESERVED_CONNECTIONS {
            return true;
        }
        match self.reserved.iter().copied().find(|&key| !self.peers[key].connection.has_request()) {
            Some(key) => self.send_away(key, now),
            None => self.shares.give_back(Kind::Reserve, client),
        }
        self.reserved.len() < RESERVED_CONNECTIONS
    }

    /// Closes a connection on which no request is at work, with the answer that there is no place for it.
    fn send_away(&mut self, key: usize, now: Moment) {
        let peer = &mut self.peers[key];
        let form = match peer.connection {
            Connection::Reading(_) => Some(Form::of(None)),
            Connection::Greeting(_) => Some(Form::ICY),
            _ => None,
        };
        if let Some(form) = form {
            self.ports.counters.refused.add_shared(1);
            answer_at_once(&mut peer.transport, &self.desk.too_many_connections(form, now.wall));
        }
        self.close(key, CloseReason::Left, now);
    }
}

impl Protocol {
    /// The form of an answer before anything has been said.
    fn form(&self) -> Form {
        match self {
            Protocol::Http => Form::of(None),
            Protocol::Icy(_) => Form::ICY,
        }
    }
}

/// Sends an answer without waiting: there is no place for the connection, so nobody could send the rest
/// later.
fn answer_at_once(transport: &mut Transport, answer: &Outgoing) {
    let _ = transport.write(&[IoSlice::new(answer.next())]);
}

//! New connections.

use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use log::Level;
use mio::Token;
use mio::net::TcpListener;

use super::{Peer, Reactor};
use crate::server::Moment;
use crate::server::connections::connection::Connection;
use crate::server::connections::sockets;
use crate::server::connections::transport::Transport;

/// The most connections that are accepted in one turn.
const ACCEPTS_A_TURN: usize = 256;
/// The pause in accepting after the file descriptors have run out.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A listening socket.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    /// Whether a client may be waiting. It stays true until accepting would block, because the poll reports
    /// an edge once.
    pub(super) ready: bool,
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
                    Ok((transport, address)) => self.admit(transport, address, now),
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

    fn admit(&mut self, mut transport: Transport, address: SocketAddr, now: Moment) {
        self.ports.counters.accepted.add(1);
        if self.peers.len() >= self.limits.max_connections {
            self.ports.counters.refused.add(1);
            // The answer is sent without waiting: there is no place for the connection, so nobody could send
            // the rest later.
            let answer = self.desk.too_many_connections(now.wall);
            let _ = transport.write(&[IoSlice::new(answer.next())]);
            return;
        }
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        if transport.register(self.poll.registry(), Token(key)).is_err() {
            self.ports.counters.accept_failures.add(1);
            return;
        }
        let connection = Connection::new(self.patience, now.instant);
        entry.insert(Peer { transport, address, connection });
        self.ports.counters.connections.set(self.peers.len() as u64);
        self.shrink_below = self.shrink_below.max(self.peers.capacity() / 4);
        // The request may have arrived already.
        self.drive(key, now);
    }
}

//! The state of a connection whose client sends the body of a request to a service.

use std::time::Instant;

use super::{Connection, Patience, Reply, ToCome};
use crate::http::Request;
use crate::server::connections::places::Place;

/// The interim answer for a client that waits for leave to send its body.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A connection that waits for the body of its request.
#[derive(Debug)]
pub(crate) struct Receiving {
    /// The complete head of the request.
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// The length of the complete body. `body.len() <= length`
    pub(super) length: usize,
    /// Bytes that came after the body.
    pub(super) pipelined: Vec<u8>,
    /// The rest of the interim answer that the client gets before it sends its body.
    pub(super) interim: &'static [u8],
    /// The whole body must be there by then, even if bytes keep coming.
    pub(super) deadline: Instant,
    _place: Place,
}

impl Connection {
    /// Receives the body of the request that waits, as its service wants.
    pub(crate) fn receive_body(&mut self, place: Place, patience: Patience, now: Instant) {
        let Connection::Waiting(waiting) = self else { return };
        let ToCome::Body(length) = waiting.request.to_come else { return };
        let (head, rest) = (std::mem::take(&mut waiting.head), std::mem::take(&mut waiting.rest));
        *self = Connection::after(Reply::Receive(length, place), head, rest, patience, now);
    }
}

impl Receiving {
    /// Part of the body has come with the head, or all of it and more.
    pub(super) fn new(
        head: Vec<u8>,
        mut body: Vec<u8>,
        length: usize,
        deadline: Instant,
        place: Place,
    ) -> Receiving {
        let pipelined = body.split_off(body.len().min(length));
        // A client that has begun to send the body does not wait for leave.
        let waits_for_leave = body.is_empty() && Request::parse(&head).is_ok_and(|r| r.expects_continue());
        let interim = if waits_for_leave { CONTINUE } else { b"" };
        Receiving { head, body, length, pipelined, interim, deadline, _place: place }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.interim.is_empty() && self.body.len() >= self.length
    }
}

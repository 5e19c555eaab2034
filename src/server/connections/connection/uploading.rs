//! The state of a connection whose client sends a file, which a service takes in pieces.
//!
//! The client sends as fast as the pieces are taken: while none has room, nothing is read of the socket. The
//! service may answer at any time. Whatever comes after the body is of no use: the connection closes.

use std::time::{Duration, Instant};

use super::sending::StreamStart;
use super::{Connection, PendingRequest, SHARE, ToCome, Waiting};
use crate::http::{BadChunk, StreamBody};
use crate::ring::{ArrivingPieces, PIECE};

/// A client that sends a file, on the reactor thread.
#[derive(Debug)]
pub(crate) struct Uploading {
    /// The service answers it.
    pub(super) request: PendingRequest,
    /// The rest of what the client gets before it sends its body.
    pub(super) welcome: &'static [u8],
    body: StreamBody,
    /// What was read and is no full piece yet.
    piece: Vec<u8>,
    stage: Stage,
    /// The bytes that may be read before it rests.
    share: usize,
    limits: TransferLimits,
    deadline: Instant,
}

#[derive(Debug)]
enum Stage {
    /// More is to come.
    Arriving(ArrivingPieces),
    /// The service has all of it, or will have it with the last piece.
    Complete(ArrivingPieces),
    /// What came are no chunks.
    Malformed,
}

/// How long somebody may do nothing for a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransferLimits {
    /// The client.
    pub(crate) stalls_after: Duration,
    /// The service.
    pub(crate) answers_within: Duration,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Welcome(&'static [u8]),
    Read(usize),
    Rest,
    /// Wait for the service.
    Wait,
    Refuse,
}

impl Connection {
    /// Hands the body of the request that waits to its service, in pieces.
    pub(crate) fn receive_upload(&mut self, pieces: ArrivingPieces, limits: TransferLimits, now: Instant) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => {
                let Waiting { request, rest, .. } = *waiting;
                let uploading = Uploading::new(request, &rest, pieces, limits, now);
                uploading.map_or(Connection::Closed, |uploading| Connection::Uploading(Box::new(uploading)))
            }
            other => other,
        };
    }
}

impl Uploading {
    /// `rest` are the bytes of the body that came with the head. `None` if no body is to come.
    fn new(
        mut request: PendingRequest,
        rest: &[u8],
        pieces: ArrivingPieces,
        limits: TransferLimits,
        now: Instant,
    ) -> Option<Uploading> {
        let ToCome::File(StreamStart { welcome, body }) =
            std::mem::replace(&mut request.to_come, ToCome::Nothing)
        else {
            return None;
        };
        // Who has begun to send does not wait for leave.
        let welcome = if rest.is_empty() { welcome } else { b"" };
        let deadline = now + limits.stalls_after;
        let (piece, stage) = (Vec::new(), Stage::Arriving(pieces));
        let mut uploading =
            Uploading { request, welcome, body, piece, stage, share: SHARE, limits, deadline };
        uploading.received(rest, now);
        Some(uploading)
    }

    pub(super) fn next(&self) -> Next {
        match &self.stage {
            Stage::Malformed => Next::Refuse,
            _ if !self.welcome.is_empty() => Next::Welcome(self.welcome),
            Stage::Complete(_) => Next::Wait,
            Stage::Arriving(pieces) if !pieces.has_room() => Next::Wait,
            Stage::Arriving(_) if self.share == 0 => Next::Rest,
            Stage::Arriving(_) => Next::Read(self.share.min(PIECE - self.piece.len())),
        }
    }

    /// Takes bytes that the client has sent.
    pub(super) fn received(&mut self, bytes: &[u8], now: Instant) {
        self.share = self.share.saturating_sub(bytes.len());
        self.deadline = now + self.limits.stalls_after;
        let mut input = bytes;
        loop {
            match self.body.read(&mut input) {
                Ok([]) => break,
                Ok(body) => self.piece.extend_from_slice(body),
                Err(BadChunk) => {
                    self.stage = Stage::Malformed;
                    return;
                }
            }
        }
        let is_complete = self.is_complete();
        if is_complete || self.piece.len() >= PIECE {
            self.hand_over(is_complete, now);
        }
    }

    /// Goes on after the service has taken a piece.
    pub(super) fn go_on(&mut self, now: Instant) {
        if let Stage::Arriving(pieces) | Stage::Complete(pieces) = &mut self.stage {
            pieces.go_on();
        }
        self.deadline = now + self.patience();
    }

    fn hand_over(&mut self, is_complete: bool, now: Instant) {
        let Stage::Arriving(mut pieces) = std::mem::replace(&mut self.stage, Stage::Malformed) else {
            return;
        };
        pieces.push(std::mem::take(&mut self.piece), is_complete);
        self.stage = if is_complete { Stage::Complete(pieces) } else { Stage::Arriving(pieces) };
        self.deadline = now + self.patience();
    }

    /// How long whoever is waited for may do nothing.
    fn patience(&self) -> Duration {
        if self.waits_for_service() { self.limits.answers_within } else { self.limits.stalls_after }
    }

    /// Whether nothing more is to come.
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_complete()
    }

    /// Whether the service is to do something, and not the client.
    pub(super) fn waits_for_service(&self) -> bool {
        self.next() == Next::Wait
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn is_resting(&self) -> bool {
        self.next() == Next::Rest
    }

    pub(super) fn renew_share(&mut self) {
        self.share = SHARE;
    }
}

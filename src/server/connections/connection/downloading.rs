//! The state of a connection whose client gets a file, which a service reads in pieces.
//!
//! A piece is at the socket, and the next ones wait in the channel: whoever reads nothing makes the service
//! wait.

use std::time::{Duration, Instant};

use super::uploading::TransferLimits;
use super::{Connection, Lingers, Patience, PendingRequest, Reading, SHARE, Waiting};
use crate::ring::{LeavingPieces, NextPiece};
use crate::server::connections::visit::Visit;

/// A client that gets a file, on the reactor thread.
#[derive(Debug)]
pub(crate) struct Downloading {
    request: PendingRequest,
    status: u16,
    state: State,
    /// The bytes that the socket has taken, the head's included.
    taken: u64,
    /// The bytes of the body that have not come.
    left: u64,
    pieces: LeavingPieces,
    /// Bytes that came after the request. `None` if the connection closes after this.
    pipelined: Option<Vec<u8>>,
    /// The bytes that may be written before it rests.
    share: usize,
    limits: TransferLimits,
    deadline: Instant,
}

/// How far it is.
#[derive(Debug)]
enum State {
    /// The head or a piece is at the socket, which has taken so much of it.
    Sending { piece: Vec<u8>, sent: usize },
    /// All that came is sent, and more is to come.
    Waiting,
    /// All of it is sent.
    Sent,
    /// It was given up before the end.
    Torn,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    Write(&'a [u8]),
    Rest,
    /// Wait for the service.
    Wait,
    /// All of it is sent.
    End,
    Close,
}

/// A file that is to be sent: the head of its answer, the bytes behind it, and where they come from.
pub(crate) struct LeavingAnswer {
    pub(crate) status: u16,
    pub(crate) head: Vec<u8>,
    pub(crate) length: u64,
    pub(crate) pieces: LeavingPieces,
    /// Whether another request may follow.
    pub(crate) keeps_alive: bool,
}

impl Connection {
    /// Sends the client of the request that waits a file.
    pub(crate) fn send_file(&mut self, answer: LeavingAnswer, limits: TransferLimits, now: Instant) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => {
                let Waiting { request, rest, .. } = *waiting;
                let LeavingAnswer { status, head, length, pieces, keeps_alive } = answer;
                Connection::Downloading(Box::new(Downloading {
                    request,
                    status,
                    state: State::Sending { piece: head, sent: 0 },
                    taken: 0,
                    left: length,
                    pieces,
                    pipelined: keeps_alive.then_some(rest),
                    share: SHARE,
                    limits,
                    deadline: now + limits.stalls_after,
                }))
            }
            other => other,
        };
    }

    /// Goes on with the file of the request with this ticket, after its service has given or taken a piece.
    /// False: there is no such request.
    pub(crate) fn go_on(&mut self, ticket: u64, now: Instant) -> bool {
        match self {
            Connection::Uploading(uploading) if uploading.request.ticket == ticket => uploading.go_on(now),
            Connection::Downloading(downloading) if downloading.request.ticket == ticket => {
                downloading.fetch(now);
            }
            _ => return false,
        }
        true
    }

    /// Goes on after a file whose last byte the socket has taken. Returns what has come of it.
    pub(crate) fn file_ended(&mut self, patience: Patience, now: Instant) -> Option<Box<Downloading>> {
        match std::mem::replace(self, Connection::Closed) {
            Connection::Downloading(mut downloading) => {
                *self = match downloading.pipelined.take() {
                    Some(rest) => Connection::Reading(Reading::new(rest, now + patience.header_timeout)),
                    None => Connection::lingering(Lingers::Briefly, now),
                };
                Some(downloading)
            }
            other => {
                *self = other;
                None
            }
        }
    }
}

impl Downloading {
    pub(super) fn next(&self) -> Next<'_> {
        match &self.state {
            State::Sending { .. } if self.share == 0 => Next::Rest,
            State::Sending { piece, sent } => {
                let rest = &piece[*sent..];
                Next::Write(&rest[..rest.len().min(self.share)])
            }
            State::Waiting => Next::Wait,
            State::Sent => Next::End,
            State::Torn => Next::Close,
        }
    }

    /// Notes that the socket took `count` bytes.
    pub(super) fn sent(&mut self, count: usize, now: Instant) {
        let State::Sending { piece, sent } = &mut self.state else { return };
        *sent += count;
        let is_sent = *sent == piece.len();
        self.taken += count as u64;
        self.share = self.share.saturating_sub(count);
        self.deadline = now + self.limits.stalls_after;
        if is_sent {
            self.state = State::Waiting;
            self.fetch(now);
        }
    }

    /// Takes the next piece, if it waits for one and there is one.
    fn fetch(&mut self, now: Instant) {
        let State::Waiting = self.state else { return };
        if self.left == 0 {
            self.state = State::Sent;
            return;
        }
        match self.pieces.next() {
            NextPiece::Piece(mut piece) => {
                piece.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= piece.len() as u64;
                self.state = State::Sending { piece, sent: 0 };
                self.deadline = now + self.limits.stalls_after;
            }
            NextPiece::NotYet => self.deadline = now + self.limits.answers_within,
            NextPiece::Torn => self.state = State::Torn,
        }
    }

    /// Gives it up: the connection breaks off, and nobody takes what came for the whole.
    pub(super) fn tear(&mut self) {
        self.state = State::Torn;
    }

    /// Whose it was, the status, the bytes that were sent, and how long it has taken since the request.
    pub(crate) fn finish(self, now: Instant) -> (Visit, u16, u64, Duration) {
        let Downloading { request, status, taken, .. } = self;
        (request.visit, status, taken, now.saturating_duration_since(request.since))
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

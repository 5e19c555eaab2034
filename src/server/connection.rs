//! A connection as a state machine: bytes and `now` in, and out what it wants done next.
//!
//! It touches no socket. Whoever drives it asks what it [`wants`](Connection::wants), does that, and
//! says what came of it:
//!
//! ```text
//! Reading ──head──▶ (the site answers) ──▶ Answering ──▶ Reading     the connection is kept
//!    ▲                     │                   └───────▶ Lingering   it is not: the answer must
//!    └── or 408, or gone   └───────────────▶ Listening               arrive before the close
//! ```

use std::time::{Duration, Instant};

use super::listener::Listener;
use crate::http::{Found, HeadSearch, MAX_HEAD, Request, Status};

/// After its last answer a client is given this long to close.
const LINGER: Duration = Duration::from_secs(2);
/// And may send this much more, which is read and forgotten.
const LINGER_BYTES: usize = 64 * 1024;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

/// On the reactor thread.
#[derive(Debug)]
pub(crate) enum Connection {
    /// A request head is awaited, or complete and to be answered.
    Reading(Reading),
    /// A short answer is on its way out.
    Answering(Answering),
    /// It plays.
    Listening(Box<Listener>),
    /// The last answer is out, and so is the FIN; closing before the client does could make the
    /// system forget the answer and send a reset.
    Lingering(Lingering),
    /// Nothing is left to do but to close the socket.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Reading {
    /// Never longer than a head may be.
    input: Vec<u8>,
    search: HeadSearch,
    found: Found,
    /// The whole head must be there by then, however busily it arrives.
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Answering {
    output: Vec<u8>,
    taken: usize,
    /// What followed the request; none: the connection is not kept.
    pipelined: Option<Vec<u8>>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Lingering {
    /// Whether the FIN is out.
    shut: bool,
    discarded: usize,
    deadline: Instant,
}

/// What a connection wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want<'a> {
    /// Read so many bytes at most, and say [`Connection::received`] or [`Connection::ended`].
    Read(usize),
    /// Call [`Connection::reply`].
    Reply,
    /// Write this, and say [`Connection::sent`].
    Write(&'a [u8]),
    /// Shut the write side down, and say [`Connection::shut`].
    Shut,
    /// Serve the listener.
    Serve,
    /// Close the socket.
    Close,
}

/// What a site says to a request.
pub(crate) enum Reply {
    /// A whole answer.
    Answer {
        bytes: Vec<u8>,
        /// Whether another request may follow.
        keep: bool,
    },
    /// The client is a listener from now on.
    Listen(Box<Listener>),
}

/// Who answers requests.
pub(crate) trait Site {
    /// To a request, or to what was none: then the status says what is wrong with it.
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply;
}

impl Connection {
    /// A new connection, of which a request is awaited.
    pub(crate) fn new(patience: Patience, now: Instant) -> Connection {
        Connection::Reading(Reading::new(Vec::new(), now + patience.header_timeout))
    }

    pub(crate) fn wants(&self) -> Want<'_> {
        match self {
            Connection::Reading(Reading { found: Found::NotYet, input, .. }) => {
                Want::Read(MAX_HEAD - input.len())
            }
            Connection::Reading(_) => Want::Reply,
            Connection::Answering(answering) => Want::Write(&answering.output[answering.taken..]),
            Connection::Listening(_) => Want::Serve,
            Connection::Lingering(Lingering { shut: false, .. }) => Want::Shut,
            Connection::Lingering(lingering) => Want::Read(LINGER_BYTES - lingering.discarded),
            Connection::Closed => Want::Close,
        }
    }

    /// Bytes came in.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        match self {
            Connection::Reading(reading) => {
                reading.input.extend_from_slice(bytes);
                reading.found = reading.search.look(&reading.input);
            }
            Connection::Lingering(lingering) => {
                lingering.discarded += bytes.len();
                if lingering.discarded >= LINGER_BYTES {
                    *self = Connection::Closed;
                }
            }
            Connection::Answering(_) | Connection::Listening(_) | Connection::Closed => (),
        }
    }

    /// The client will send nothing more. What it asked for it still gets.
    pub(crate) fn ended(&mut self) {
        match self {
            Connection::Reading(_) | Connection::Lingering(_) => *self = Connection::Closed,
            Connection::Answering(_) | Connection::Listening(_) | Connection::Closed => (),
        }
    }

    /// Has the site answer the head that is complete.
    pub(crate) fn reply(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        let Connection::Reading(reading) = self else { return };
        let (reply, rest) = match reading.found {
            Found::NotYet => return,
            Found::Bad(status) => (site.reply(Err(status)), Vec::new()),
            Found::Head(end) => {
                let request = Request::parse(&reading.input[..end]);
                (site.reply(request.as_ref().map_err(|status| *status)), reading.input.split_off(end))
            }
        };
        *self = Connection::after(reply, rest, patience, now);
    }

    fn after(reply: Reply, rest: Vec<u8>, patience: Patience, now: Instant) -> Connection {
        match reply {
            Reply::Listen(listener) => Connection::Listening(listener),
            Reply::Answer { bytes, keep } => Connection::Answering(Answering {
                output: bytes,
                taken: 0,
                pipelined: keep.then_some(rest),
                deadline: now + patience.write_timeout,
            }),
        }
    }

    /// The socket took so many bytes of what was to be written.
    pub(crate) fn sent(&mut self, count: usize, patience: Patience, now: Instant) {
        let Connection::Answering(answering) = self else { return };
        answering.taken += count;
        if answering.taken < answering.output.len() {
            return;
        }
        *self = match answering.pipelined.take() {
            Some(rest) => Connection::Reading(Reading::new(rest, now + patience.header_timeout)),
            None => Connection::Lingering(Lingering { shut: false, discarded: 0, deadline: now + LINGER }),
        };
    }

    /// The write side is shut.
    pub(crate) fn shut(&mut self) {
        if let Connection::Lingering(lingering) = self {
            lingering.shut = true;
        }
    }

    /// When it must be looked at if nothing happens before. (A listener's time is its own matter.)
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Connection::Reading(Reading { deadline, .. })
            | Connection::Answering(Answering { deadline, .. })
            | Connection::Lingering(Lingering { deadline, .. }) => Some(*deadline),
            Connection::Listening(_) | Connection::Closed => None,
        }
    }

    /// Its deadline may have passed. Who has begun a request is told; the others know.
    pub(crate) fn check_deadline(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        *self = match self {
            Connection::Reading(reading) if !reading.input.is_empty() => {
                Connection::after(site.reply(Err(Status::REQUEST_TIMEOUT)), Vec::new(), patience, now)
            }
            _ => Connection::Closed,
        };
    }

    /// The server stops: who has an answer coming gets it, the others need not wait.
    pub(crate) fn wind_up(&mut self) {
        match self {
            Connection::Reading(_) => *self = Connection::Closed,
            Connection::Answering(answering) => answering.pipelined = None,
            Connection::Listening(_) | Connection::Lingering(_) | Connection::Closed => (),
        }
    }
}

impl Reading {
    fn new(input: Vec<u8>, deadline: Instant) -> Reading {
        let mut search = HeadSearch::default();
        let found = if input.is_empty() { Found::NotYet } else { search.look(&input) };
        Reading { input, search, found, deadline }
    }
}

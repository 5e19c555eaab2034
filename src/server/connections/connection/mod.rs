//! A connection as a state machine: bytes and `now` in, and out what it wants done next.
//!
//! It touches no socket. Whoever drives it asks what it [`wants`](Connection::wants), does that, and
//! says what came of it:
//!
//! ```text
//! Reading ──head──▶ (the site answers) ──▶ Answering ──▶ Reading     the connection is kept
//!    ▲                │    │                   │  └─────▶ Lingering   it is not: the answer must
//!    └── or 408,      │    └─────────────▶ Listening                  arrive before the close
//!        or gone      ▼                        │
//!                 Receiving ──body──▶ Waiting ─┘ a service answers, or it is told that none came
//! ```

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::visit::Visit;
use crate::http::{Form, Found, HeadSearch, MAX_HEAD, Outgoing, Request, Status};
use crate::server::mounts::cursor::Cursor;
use crate::server::mounts::follower::Follower;
use crate::server::mounts::listener::Listener;

/// After its last answer a client is given this long to close.
const LINGER: Duration = Duration::from_secs(2);
/// And may send this much more, which is read and forgotten.
const LINGER_BYTES: usize = 64 * 1024;

/// Tells a client that waits for it to send its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

/// On the reactor thread. Listeners are not boxed: nearly all connections are listeners, and the one piece of memory that
/// holds them is given back when a crowd has left.
#[derive(Debug)]
pub(crate) enum Connection {
    /// A request head is awaited, or complete and to be answered.
    Reading(Reading),
    /// A request's body is awaited: a service wants it whole.
    Receiving(Box<Receiving>),
    /// A service has the request. Nothing is read meanwhile.
    Waiting(Box<Waiting>),
    /// A short answer is on its way out.
    Answering(Answering),
    /// It listens to a mount.
    Listening(Listener),
    /// It follows an event stream.
    Following(Follower),
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
pub(crate) struct Receiving {
    /// The request's head, whole.
    head: Vec<u8>,
    body: Vec<u8>,
    /// What the body will have. `body.len() <= length`
    length: usize,
    /// What followed the body already.
    pipelined: Vec<u8>,
    /// What the client must be told before it sends its body.
    interim: &'static [u8],
    /// The whole body must be there by then, however busily it arrives.
    deadline: Instant,
    _place: Place,
}

/// What is to be known of a request when its answer comes.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Which answer is meant.
    pub(crate) ticket: u64,
    pub(crate) form: Form,
    pub(crate) visit: Visit,
    pub(crate) since: Instant,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) asked: Asked,
    pipelined: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Answering {
    output: Outgoing,
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
    /// Nothing, until an answer comes.
    Wait,
    /// Write this, and say [`Connection::sent`].
    Write(&'a [u8]),
    /// Shut the write side down, and say [`Connection::shut`].
    Shut,
    /// Serve the listener.
    Serve,
    /// Close the socket.
    Close,
}

/// Held by each connection whose body is awaited: as many are out as there are such.
pub(crate) type Place = Arc<()>;

/// What a site says to a request.
#[expect(clippy::large_enum_variant, reason = "it is on its way into a `Connection`")]
pub(crate) enum Reply {
    /// A whole answer.
    Answer(Outgoing),
    /// The client is a listener from now on.
    Listen(Listener),
    /// First its body, of this length; then [`Site::hand_over`].
    Receive(usize, Place),
    /// Somebody else answers it, by this time.
    Wait(Box<Asked>, Instant),
}

/// Who answers requests.
pub(crate) trait Site {
    /// To a request, or to what was none: then the status says what is wrong with it.
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply;

    /// To a request with its body.
    fn hand_over(&mut self, request: &Request<'_>, body: Vec<u8>) -> Reply;
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
            Connection::Receiving(receiving) if !receiving.interim.is_empty() => {
                Want::Write(receiving.interim)
            }
            Connection::Receiving(receiving) if receiving.is_whole() => Want::Reply,
            Connection::Receiving(receiving) => Want::Read(receiving.length - receiving.body.len()),
            Connection::Waiting(_) => Want::Wait,
            Connection::Answering(answering) => Want::Write(answering.output.next()),
            Connection::Listening(_) | Connection::Following(_) => Want::Serve,
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
            Connection::Receiving(receiving) => receiving.body.extend_from_slice(bytes),
            Connection::Lingering(lingering) => {
                lingering.discarded += bytes.len();
                if lingering.discarded >= LINGER_BYTES {
                    *self = Connection::Closed;
                }
            }
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// The client will send nothing more. What it asked for it still gets.
    pub(crate) fn ended(&mut self) {
        match self {
            Connection::Reading(_) | Connection::Receiving(_) | Connection::Lingering(_) => {
                *self = Connection::Closed;
            }
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// Has the site answer the head, or the request with its body, that is complete.
    pub(crate) fn reply(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        let (reply, rest) = match self {
            Connection::Reading(Reading { found: Found::Bad(status), .. }) => {
                (site.reply(Err(*status)), Vec::new())
            }
            Connection::Reading(Reading { found: Found::Head(end), input, .. }) => {
                let request = Request::parse(&input[..*end]);
                let reply = site.reply(request.as_ref().map_err(|status| *status));
                if let (Reply::Receive(length, place), Ok(request)) = (&reply, &request) {
                    let interim = if request.expects_continue() { CONTINUE } else { b"" };
                    let until = now + patience.header_timeout;
                    let (length, place) = (*length, Place::clone(place));
                    let input = std::mem::take(input);
                    let receiving = Receiving::new(input, *end, length, interim, until, place);
                    *self = Connection::Receiving(Box::new(receiving));
                    return;
                }
                (reply, input.split_off(*end))
            }
            Connection::Receiving(receiving) if receiving.is_whole() => {
                let body = std::mem::take(&mut receiving.body);
                let reply = match Request::parse(&receiving.head) {
                    Ok(request) => site.hand_over(&request, body),
                    Err(status) => site.reply(Err(status)),
                };
                (reply, std::mem::take(&mut receiving.pipelined))
            }
            _ => return,
        };
        *self = Connection::after(reply, rest, patience, now);
    }

    /// The request that waits for the answer with this ticket, if it is this connection's.
    pub(crate) fn awaits(&mut self, ticket: u64) -> Option<&mut Asked> {
        match self {
            Connection::Waiting(waiting) if waiting.asked.ticket == ticket => Some(&mut waiting.asked),
            _ => None,
        }
    }

    /// The answer has come.
    pub(crate) fn answered(&mut self, output: Outgoing, patience: Patience, now: Instant) {
        let Connection::Waiting(waiting) = self else { return };
        let rest = std::mem::take(&mut waiting.pipelined);
        *self = Connection::after(Reply::Answer(output), rest, patience, now);
    }

    /// The answer has come: the client follows an event stream from now on.
    pub(crate) fn follow(&mut self, follower: impl FnOnce(Visit) -> Follower) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => Connection::Following(follower(waiting.asked.visit)),
            other => other,
        };
    }

    /// The cursor of a client that is served a stream.
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        match self {
            Connection::Listening(listener) => Some(&listener.cursor),
            Connection::Following(follower) => Some(&follower.cursor),
            _ => None,
        }
    }

    fn after(reply: Reply, rest: Vec<u8>, patience: Patience, now: Instant) -> Connection {
        match reply {
            Reply::Listen(listener) => Connection::Listening(listener),
            Reply::Wait(asked, deadline) => {
                Connection::Waiting(Box::new(Waiting { asked: *asked, pipelined: rest, deadline }))
            }
            // A body is received after a head alone.
            Reply::Receive(..) => Connection::Closed,
            Reply::Answer(output) => Connection::Answering(Answering {
                pipelined: output.keeps_alive().then_some(rest),
                output,
                deadline: now + patience.write_timeout,
            }),
        }
    }

    /// The socket took so many bytes of what was to be written.
    pub(crate) fn sent(&mut self, count: usize, patience: Patience, now: Instant) {
        let answering = match self {
            Connection::Answering(answering) => answering,
            Connection::Receiving(receiving) => {
                receiving.interim = &receiving.interim[count..];
                return;
            }
            _ => return,
        };
        answering.output.advance(count);
        if !answering.output.is_sent() {
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
            Connection::Receiving(receiving) => Some(receiving.deadline),
            Connection::Waiting(waiting) => Some(waiting.deadline),
            Connection::Listening(_) | Connection::Following(_) | Connection::Closed => None,
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
            Connection::Receiving(_) => {
                Connection::after(site.reply(Err(Status::REQUEST_TIMEOUT)), Vec::new(), patience, now)
            }
            Connection::Waiting(_) => {
                Connection::after(site.reply(Err(Status::GATEWAY_TIMEOUT)), Vec::new(), patience, now)
            }
            _ => Connection::Closed,
        };
    }

    /// The server stops: who has an answer coming gets it, the others need not wait.
    pub(crate) fn wind_up(&mut self) {
        match self {
            Connection::Reading(_) | Connection::Receiving(_) => *self = Connection::Closed,
            Connection::Waiting(waiting) => waiting.asked.form = waiting.asked.form.last(),
            Connection::Answering(answering) => answering.pipelined = None,
            Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Lingering(_)
            | Connection::Closed => (),
        }
    }
}

impl Receiving {
    /// Of `input`, the head ends at `head_end`; some of the body may have come with it, or all and more.
    fn new(
        mut input: Vec<u8>,
        head_end: usize,
        length: usize,
        interim: &'static [u8],
        deadline: Instant,
        place: Place,
    ) -> Receiving {
        let mut body = input.split_off(head_end);
        let pipelined = body.split_off(body.len().min(length));
        // Who sends it already need not be asked for it.
        let interim = if body.is_empty() && length > 0 { interim } else { b"" };
        Receiving { head: input, body, length, pipelined, interim, deadline, _place: place }
    }

    fn is_whole(&self) -> bool {
        self.interim.is_empty() && self.body.len() >= self.length
    }
}

impl Reading {
    fn new(input: Vec<u8>, deadline: Instant) -> Reading {
        let mut search = HeadSearch::default();
        let found = if input.is_empty() { Found::NotYet } else { search.look(&input) };
        Reading { input, search, found, deadline }
    }
}

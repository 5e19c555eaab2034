//! A connection as a state machine. Its inputs are bytes and the time; its output is the next action.
//!
//! It touches no socket. The reactor asks what it [`wants`](Connection::wants), does that, and reports the
//! result:
//!
//! ```text
//! Reading ──head──▶ (the site answers) ──▶ Answering ──▶ Reading     the connection is kept
//!    ▲                │    │                   │  └─────▶ Lingering   it is not: the answer must
//!    └── or 408,      │    └─────────────▶ Listening                  arrive before the close
//!        or gone      ▼                        │
//!                 Receiving ──body──▶ Waiting ─┘ a service answers, or the site does after 60 s
//!                     ▲                  │ │
//!                     └── it judged the ─┘ └──▶ Sending ──▶ Answering, or closed
//!                         head: the body may    it judged the head of a source,
//!                         come                  and takes its stream
//! ```
//!
//! Files are too long to be held. A service takes one, or gives one, in pieces:
//!
//! ```text
//! Waiting ──it takes the body──▶ Uploading ──it answers──▶ Answering
//! Waiting ──its answer is a file──▶ Downloading ──▶ Reading, or Lingering
//! ```
//!
//! A source that speaks ICY begins elsewhere, and has two questions for the service:
//!
//! ```text
//! Greeting ──password──▶ Waiting ──it is good──▶ Greeting ──headers──▶ Waiting ──▶ Sending
//! ```

mod dialogue;
mod downloading;
mod greeting;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transfer_tests;
mod uploading;

use std::time::{Duration, Instant};

use super::places::{Place, Sender};
use super::visit::Visit;
use crate::http::{
    Form, Found, HeadSearch, IcyFault, IcySource, MAX_HEAD, Outgoing, Request, Status, after_empty_lines,
};
use crate::ring::PIECE;
use crate::server::mounts::cursor::Cursor;
use crate::server::mounts::follower::Follower;
use crate::server::mounts::listener::Listener;
use greeting::Greeting;
use receiving::Receiving;
use sending::Next;
use uploading::Uploading;

#[doc(hidden)]
pub use dialogue::{SourceDialogue, read_source};
pub(crate) use downloading::{Downloading, LeavingAnswer};
pub(crate) use sending::{Sending, StreamStart};
pub(crate) use uploading::TransferLimits;

/// The time that a client has to close the connection after its last answer.
const LINGER: Duration = Duration::from_secs(2);
/// The bytes that a client may still send in that time. They are read and discarded.
const LINGER_BYTES: usize = 64 * 1024;

/// The same for a user whose file is refused before all of it has come. Many programs send a file to its end
/// before they look for an answer; if nobody read it, the system would send a reset, which takes the answer
/// away. It costs no memory, and the connection counts for its address until it is closed.
const LINGER_OF_FILE: Duration = Duration::from_secs(30);
/// Beyond this, a file is so long that its sender should have asked (`Expect: 100-continue`).
const LINGER_BYTES_OF_FILE: usize = 64 << 20;

/// The bytes of a stream or of a file that a client sends or gets until it rests for a tick of the timers. So
/// it cannot take more than its share of the reactor's time, and not more than 16 MB a second.
const SHARE: usize = PIECE;

/// A client that takes an answer slowly has so many times `write_timeout` for all of it.
const ANSWER_TIMEOUTS: u32 = 8;

/// The time limits of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

/// A connection, on the reactor thread. `Listening` is not boxed: nearly all connections are listeners, and
/// the slab that holds them shrinks when a crowd has left.
#[derive(Debug)]
pub(crate) enum Connection {
    /// Waits for a request head, or has one that is to be answered.
    Reading(Reading),
    /// Speaks ICY, and is on its way to become a source. Boxed because there are few.
    Greeting(Box<Greeting>),
    /// Waits for the body of a request to a service.
    Receiving(Box<Receiving>),
    /// Waits for the answer of a service. Nothing is read meanwhile.
    Waiting(Box<Waiting>),
    /// Sends a short answer.
    Answering(Answering),
    /// Listens to a mount.
    Listening(Listener),
    /// Follows an event stream.
    Following(Follower),
    /// Sends a stream, as a source. Boxed because there are few.
    Sending(Box<Sending>),
    /// Sends a file. Boxed because there are few.
    Uploading(Box<Uploading>),
    /// Gets a file. Boxed because there are few.
    Downloading(Box<Downloading>),
    /// Waits for the client to close, after the last answer and the FIN. Closing first could make the system
    /// discard the answer and send a reset.
    Lingering(Lingering),
    /// Is finished. The socket is to be closed.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Reading {
    /// Never longer than the longest head.
    input: Vec<u8>,
    search: HeadSearch,
    found: Found,
    /// The whole head must be there by then, even if bytes keep coming.
    deadline: Instant,
}

/// A request that waits for the answer of a service, with what is needed when the answer comes.
#[derive(Debug)]
pub(crate) struct PendingRequest {
    /// The ticket of its answer.
    pub(crate) ticket: u64,
    pub(crate) form: Form,
    pub(crate) visit: Visit,
    pub(crate) since: Instant,
    /// What the service has not asked for yet.
    pub(crate) to_come: ToCome,
}

/// What follows the head of a request that waits.
#[derive(Debug)]
pub(crate) enum ToCome {
    /// Nothing: the request is complete.
    Nothing,
    /// A body of this length.
    Body(usize),
    /// The stream of a source, of any length.
    Stream(StreamStart),
    /// A file of any length.
    File(StreamStart),
    /// The headers of a source that speaks ICY.
    Headers(IcySource),
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) request: PendingRequest,
    /// The complete head, if a body is to come. Otherwise empty.
    head: Vec<u8>,
    /// Bytes that came after the head, or after the complete request.
    rest: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Answering {
    output: Outgoing,
    /// Whose request it answers.
    sender: Sender,
    /// What may still come after it.
    lingers: Lingers,
    /// Bytes that came after the request. `None` if the connection closes after this answer.
    pipelined: Option<Vec<u8>>,
    /// It moves when the client takes something.
    deadline: Instant,
    /// The whole answer must be taken by then, even if the client always takes a little.
    at_last: Instant,
}

#[derive(Debug)]
pub(crate) struct Lingering {
    /// Whether the FIN has been sent.
    shut: bool,
    /// The bytes that may still come.
    left: usize,
    /// Those of them that may be read before it rests.
    share: usize,
    deadline: Instant,
}

/// What a client may still send after its last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lingers {
    /// What was on its way.
    Briefly,
    /// The rest of a user's file.
    ForFile,
}

/// The next action of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want<'a> {
    /// Read at most so many bytes, and call [`Connection::received`] or [`Connection::ended`].
    Read(usize),
    /// Call [`Connection::reply`].
    Reply,
    /// Do nothing until an answer comes.
    Wait,
    /// Write these bytes, and call [`Connection::sent`].
    Write(&'a [u8]),
    /// Shut down the write side, and call [`Connection::shut`].
    Shut,
    /// Serve the listener.
    Serve,
    /// Do nothing until the next tick of the timers, and call [`Connection::renew_share`].
    Rest,
    /// Take leave of the source, whose stream has ended, and call [`Connection::stream_ended`].
    EndStream,
    /// Note that the client has got all of its file, and call [`Connection::file_ended`].
    EndFile,
    /// Close the socket.
    Close,
}

/// A site's reaction to a request.
#[expect(clippy::large_enum_variant, reason = "it is on its way into a `Connection`")]
pub(crate) enum Reply {
    /// Send this answer.
    Answer(Outgoing),
    /// Make the connection a listener.
    Listen(Listener),
    /// Receive the body, which has this length, and call [`Site::hand_over`].
    Receive(usize, Place),
    /// Wait for the answer of a service until this time. It may be that the body shall be received.
    Wait(Box<PendingRequest>, Instant),
}

/// Answers the requests of connections.
pub(crate) trait Site {
    /// Answers a request. For a malformed one, the status says what is wrong.
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply;

    /// Asks whether the login of a source that speaks ICY is good.
    fn log_in(&mut self, source: IcySource) -> Reply;

    /// Refuses a client that spoke to the port for ICY.
    fn turn_away(&mut self, fault: IcyFault) -> Reply;

    /// Answers a request to a service, whose body is complete.
    fn hand_over(&mut self, request: &Request<'_>, body: Vec<u8>) -> Reply;
}

impl Connection {
    /// A new connection, which waits for a request.
    pub(crate) fn new(patience: Patience, now: Instant) -> Connection {
        Connection::Reading(Reading::new(Vec::new(), now + patience.header_timeout))
    }

    /// A new connection that gets this answer, whatever it asks for.
    pub(crate) fn refusing(answer: Outgoing, patience: Patience, now: Instant) -> Connection {
        Connection::after(Reply::Answer(answer), Vec::new(), Vec::new(), patience, now)
    }

    pub(crate) fn wants(&self) -> Want<'_> {
        match self {
            Connection::Reading(Reading { found: Found::NotYet, input, .. }) => {
                Want::Read(MAX_HEAD - input.len())
            }
            Connection::Reading(_) => Want::Reply,
            Connection::Greeting(greeting) => match greeting.next() {
                greeting::Next::Read(most) => Want::Read(most),
                greeting::Next::Welcome(bytes) => Want::Write(bytes),
                greeting::Next::Reply => Want::Reply,
            },
            Connection::Receiving(receiving) if !receiving.interim.is_empty() => {
                Want::Write(receiving.interim)
            }
            Connection::Receiving(receiving) if receiving.is_whole() => Want::Reply,
            Connection::Receiving(receiving) => Want::Read(receiving.length - receiving.body.len()),
            Connection::Waiting(_) => Want::Wait,
            Connection::Answering(answering) => Want::Write(answering.output.next()),
            Connection::Listening(_) | Connection::Following(_) => Want::Serve,
            Connection::Sending(sending) => match sending.next() {
                Next::Welcome(bytes) => Want::Write(bytes),
                Next::Read(most) => Want::Read(most),
                Next::Rest => Want::Rest,
                Next::End => Want::EndStream,
            },
            Connection::Uploading(uploading) => match uploading.next() {
                uploading::Next::Welcome(bytes) => Want::Write(bytes),
                uploading::Next::Read(most) => Want::Read(most),
                uploading::Next::Rest => Want::Rest,
                uploading::Next::Wait => Want::Wait,
                uploading::Next::Refuse => Want::Reply,
            },
            Connection::Downloading(downloading) => match downloading.next() {
                downloading::Next::Write(bytes) => Want::Write(bytes),
                downloading::Next::Rest => Want::Rest,
                downloading::Next::Wait => Want::Wait,
                downloading::Next::End => Want::EndFile,
                downloading::Next::Close => Want::Close,
            },
            Connection::Lingering(Lingering { shut: false, .. }) => Want::Shut,
            Connection::Lingering(Lingering { share: 0, .. }) => Want::Rest,
            Connection::Lingering(Lingering { left, share, .. }) => Want::Read(*left.min(share)),
            Connection::Closed => Want::Close,
        }
    }

    /// Takes bytes that the client has sent.
    pub(crate) fn received(&mut self, bytes: &[u8], now: Instant) {
        match self {
            Connection::Reading(reading) => {
                reading.input.extend_from_slice(bytes);
                reading.found = reading.search.look(&reading.input);
            }
            Connection::Greeting(greeting) => greeting.received(bytes),
            Connection::Receiving(receiving) => receiving.body.extend_from_slice(bytes),
            Connection::Sending(sending) => sending.received(bytes, now),
            Connection::Uploading(uploading) => uploading.received(bytes, now),
            Connection::Lingering(lingering) => {
                lingering.left = lingering.left.saturating_sub(bytes.len());
                lingering.share = lingering.share.saturating_sub(bytes.len());
                if lingering.left == 0 {
                    *self = Connection::Closed;
                }
            }
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Downloading(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// Notes that the client will send nothing more. It still gets its answers.
    pub(crate) fn ended(&mut self) {
        match self {
            Connection::Reading(_)
            | Connection::Greeting(_)
            | Connection::Receiving(_)
            | Connection::Uploading(_)
            | Connection::Lingering(_) => {
                *self = Connection::Closed;
            }
            Connection::Sending(sending) => sending.ended(),
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Downloading(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// Lets the site answer the complete head, or the complete request with its body.
    pub(crate) fn reply(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        *self = match self {
            Connection::Reading(Reading { found: Found::Bad(status), .. }) => {
                Connection::after_error(*status, site, patience, now)
            }
            Connection::Reading(Reading { found: Found::Head(end), input, .. }) => {
                let request = Request::parse(&input[..*end]);
                let reply = site.reply(request.as_ref().map_err(|status| *status));
                let rest = input.split_off(*end);
                Connection::after(reply, std::mem::take(input), rest, patience, now)
            }
            Connection::Greeting(greeting) => greeting.reply(site, patience, now),
            Connection::Receiving(receiving) if receiving.is_whole() => {
                let Receiving { head, body, pipelined, .. } = &mut **receiving;
                let reply = match Request::parse(head) {
                    Ok(request) => site.hand_over(&request, std::mem::take(body)),
                    Err(status) => site.reply(Err(status)),
                };
                Connection::after(reply, Vec::new(), std::mem::take(pipelined), patience, now)
            }
            Connection::Uploading(uploading) if uploading.next() == uploading::Next::Refuse => {
                Connection::after_error(Status::BAD_REQUEST, site, patience, now)
            }
            _ => return,
        };
    }

    /// Whether a request is at work: its body is received, a service has it, or it has become a stream.
    pub(crate) fn has_request(&self) -> bool {
        match self {
            Connection::Greeting(greeting) => greeting.has_logged_in(),
            Connection::Reading(_) | Connection::Answering(_) | Connection::Lingering(_) => false,
            _ => true,
        }
    }

    /// The request that waits for the answer with this ticket. `None` if this connection has no such request.
    pub(crate) fn awaits(&mut self, ticket: u64) -> Option<&mut PendingRequest> {
        match self {
            Connection::Waiting(waiting) if waiting.request.ticket == ticket => Some(&mut waiting.request),
            Connection::Uploading(uploading) if uploading.request.ticket == ticket => {
                Some(&mut uploading.request)
            }
            _ => None,
        }
    }

    /// The request that waits for the answer of a service.
    pub(crate) fn pending(&self) -> Option<&PendingRequest> {
        match self {
            Connection::Waiting(waiting) => Some(&waiting.request),
            Connection::Uploading(uploading) => Some(&uploading.request),
            _ => None,
        }
    }

    /// Takes the answer of a service.
    pub(crate) fn answered(&mut self, output: Outgoing, patience: Patience, now: Instant) {
        let rest = match self {
            Connection::Waiting(waiting) => std::mem::take(&mut waiting.rest),
            _ => Vec::new(),
        };
        let Some(request) = self.pending() else { return };
        let sender = match request.visit.user() {
            "" => Sender::Anonymous,
            _ => Sender::Admitted,
        };
        let lingers = match sender {
            Sender::Admitted if self.awaits_file() => Lingers::ForFile,
            _ => Lingers::Briefly,
        };
        *self = Connection::after(Reply::Answer(output), Vec::new(), rest, patience, now);
        if let Connection::Answering(answering) = self {
            (answering.sender, answering.lingers) = (sender, lingers);
        }
    }

    /// Whether the rest of a file may still come.
    fn awaits_file(&self) -> bool {
        match self {
            Connection::Waiting(waiting) => matches!(waiting.request.to_come, ToCome::File(_)),
            Connection::Uploading(uploading) => !uploading.is_complete(),
            _ => false,
        }
    }

    /// Makes the client a follower of an event stream, as the answer of a service says.
    pub(crate) fn follow(&mut self, follower: impl FnOnce(Visit) -> Follower) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => Connection::Following(follower(waiting.request.visit)),
            other => other,
        };
    }

    /// The cursor of a listener or a follower.
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        match self {
            Connection::Listening(listener) => Some(&listener.cursor),
            Connection::Following(follower) => Some(&follower.cursor),
            _ => None,
        }
    }

    /// The connection after a reply to the request with this head. `rest` is what came after the head, or
    /// after the complete request.
    fn after(reply: Reply, head: Vec<u8>, rest: Vec<u8>, patience: Patience, now: Instant) -> Connection {
        match reply {
            Reply::Listen(listener) => Connection::Listening(listener),
            Reply::Wait(request, deadline) => {
                let head = if matches!(request.to_come, ToCome::Body(_)) { head } else { Vec::new() };
                Connection::Waiting(Box::new(Waiting { request: *request, head, rest, deadline }))
            }
            Reply::Receive(length, place) => {
                let until = now + patience.header_timeout;
                Connection::Receiving(Box::new(Receiving::new(head, rest, length, until, place)))
            }
            Reply::Answer(output) => Connection::Answering(Answering {
                sender: Sender::Anonymous,
                lingers: Lingers::Briefly,
                pipelined: output.keeps_alive().then_some(rest),
                output,
                deadline: now + patience.write_timeout,
                at_last: now + patience.write_timeout * ANSWER_TIMEOUTS,
            }),
        }
    }

    /// Notes that the socket took `count` bytes of what was to be written.
    pub(crate) fn sent(&mut self, count: usize, patience: Patience, now: Instant) {
        let answering = match self {
            Connection::Answering(answering) => answering,
            Connection::Receiving(receiving) => {
                receiving.interim = &receiving.interim[count..];
                return;
            }
            Connection::Greeting(greeting) => return greeting.sent(count),
            Connection::Sending(sending) => return sending.sent(count),
            Connection::Uploading(uploading) => {
                uploading.welcome = &uploading.welcome[count..];
                return;
            }
            Connection::Downloading(downloading) => return downloading.sent(count, now),
            _ => return,
        };
        answering.output.advance(count);
        answering.deadline = (now + patience.write_timeout).min(answering.at_last);
        if !answering.output.is_sent() {
            return;
        }
        *self = match answering.pipelined.take() {
            Some(rest) => Connection::Reading(Reading::new(rest, now + patience.header_timeout)),
            None => Connection::lingering(answering.lingers, now),
        };
    }

    fn lingering(lingers: Lingers, now: Instant) -> Connection {
        let (time, left) = match lingers {
            Lingers::Briefly => (LINGER, LINGER_BYTES),
            Lingers::ForFile => (LINGER_OF_FILE, LINGER_BYTES_OF_FILE),
        };
        Connection::Lingering(Lingering { shut: false, left, share: SHARE, deadline: now + time })
    }

    /// The bytes that this connection alone holds while it waits for its client: an unfinished head, a body,
    /// or an answer that is not taken. Shared bodies of answers do not count.
    pub(crate) fn held_bytes(&self) -> usize {
        match self {
            Connection::Reading(reading) => reading.input.capacity(),
            Connection::Greeting(greeting) => greeting.held_bytes(),
            Connection::Answering(answering) => answering.output.own_bytes(),
            // Bodies have their own places.
            _ => 0,
        }
    }

    /// Whose bytes these are. Anybody may send a head: whether its credential is good is known later.
    pub(crate) fn sender(&self) -> Sender {
        match self {
            Connection::Answering(answering) => answering.sender,
            Connection::Greeting(greeting) if greeting.has_logged_in() => Sender::Admitted,
            _ => Sender::Anonymous,
        }
    }

    /// Notes that the write side is shut down.
    pub(crate) fn shut(&mut self) {
        if let Connection::Lingering(lingering) = self {
            lingering.shut = true;
        }
    }

    /// The time of the next [`check_deadline`](Connection::check_deadline). `None` for listeners and
    /// followers, which the reactor serves at times of its own, and for sources, whose service decides how
    /// long they may be silent.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Connection::Reading(Reading { deadline, .. })
            | Connection::Answering(Answering { deadline, .. })
            | Connection::Lingering(Lingering { deadline, .. }) => Some(*deadline),
            Connection::Greeting(greeting) => Some(greeting.deadline()),
            Connection::Receiving(receiving) => Some(receiving.deadline),
            Connection::Waiting(waiting) => Some(waiting.deadline),
            Connection::Uploading(uploading) => Some(uploading.deadline()),
            Connection::Downloading(downloading) => Some(downloading.deadline()),
            Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Sending(_)
            | Connection::Closed => None,
        }
    }

    /// Ends what has lasted too long, if the deadline has passed. A client that has sent part of a request
    /// gets status 408; one that waits for a service gets 504.
    pub(crate) fn check_deadline(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        *self = match self {
            Connection::Reading(reading) if reading.has_begun() => {
                Connection::after_error(Status::REQUEST_TIMEOUT, site, patience, now)
            }
            Connection::Greeting(greeting) => greeting.timed_out(site, patience, now),
            Connection::Uploading(uploading) if uploading.waits_for_service() => {
                Connection::after_error(Status::GATEWAY_TIMEOUT, site, patience, now)
            }
            Connection::Receiving(_) | Connection::Uploading(_) => {
                Connection::after_error(Status::REQUEST_TIMEOUT, site, patience, now)
            }
            Connection::Waiting(_) if self.is_icy() => {
                greeting::turned_away(IcyFault::Unanswered, site, patience, now)
            }
            Connection::Waiting(_) => Connection::after_error(Status::GATEWAY_TIMEOUT, site, patience, now),
            Connection::Downloading(downloading) => return downloading.tear(),
            _ => Connection::Closed,
        };
    }

    fn after_error(status: Status, site: &mut dyn Site, patience: Patience, now: Instant) -> Connection {
        Connection::after(site.reply(Err(status)), Vec::new(), Vec::new(), patience, now)
    }

    /// Prepares the connection for a stop. Answers on their way are still sent, and then it closes. It closes
    /// at once if no request is complete, and if a file is under way. Listeners and followers stay: they end
    /// with their streams. So do sources: the reactor closes them.
    pub(crate) fn wind_up(&mut self) {
        match self {
            Connection::Reading(_)
            | Connection::Greeting(_)
            | Connection::Receiving(_)
            | Connection::Uploading(_) => {
                *self = Connection::Closed;
            }
            Connection::Downloading(downloading) => downloading.tear(),
            Connection::Waiting(waiting) => waiting.request.form = waiting.request.form.last(),
            Connection::Answering(answering) => answering.pipelined = None,
            Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Sending(_)
            | Connection::Lingering(_)
            | Connection::Closed => (),
        }
    }
}

impl Reading {
    fn new(input: Vec<u8>, deadline: Instant) -> Reading {
        let mut search = HeadSearch::default();
        let found = search.look(&input);
        Reading { input, search, found, deadline }
    }

    /// Whether a request has begun. Empty lines before one are nothing.
    fn has_begun(&self) -> bool {
        after_empty_lines(&self.input) < self.input.len()
    }
}

//! What a source says and is told until its stream ends, as its connection sees it. For fuzzing.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Connection, Patience, PendingRequest, Reply, Site, StreamStart, ToCome, Want};
use crate::http::{Form, HttpAnswer, IcyFault, IcySource, MAX_HEAD, Outgoing, Request, Status, StreamBody};
use crate::ring::{Inlet, SourceEnd, inlet};
use crate::server::client_address::ClientAddress;
use crate::server::connections::visit::Visit;

const PATIENCE: Patience =
    Patience { header_timeout: Duration::from_secs(15), write_timeout: Duration::from_secs(30) };

/// A dialogue as it was.
#[doc(hidden)]
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SourceDialogue {
    /// Methods and targets of all requests, or what was wrong with them.
    pub requests: Vec<String>,
    /// What the source was told.
    pub output: Vec<u8>,
    /// Where its stream begins in what it said, if it was let in.
    pub stream_at: Option<usize>,
    /// How its head says where the stream ends: `UntilClose`, `Length(5)` or `Chunked`.
    pub body: String,
    pub stream: Vec<u8>,
    /// How the stream ended.
    pub end: Option<SourceEnd>,
}

/// Has a dialogue with a source that says `bytes` and then nothing more. The socket gives and takes at most
/// `piece` bytes at once. Whoever brings a login is let in.
#[doc(hidden)]
pub fn read_source(bytes: &[u8], piece: usize, is_icy: bool) -> SourceDialogue {
    let now = Instant::now();
    let connection = match is_icy {
        true => Connection::icy("/live".into(), PATIENCE, now),
        false => Connection::new(PATIENCE, now),
    };
    let (door, told) = (Door::default(), SourceDialogue::default());
    let mut talk = Talk { connection, door, now, piece: piece.max(1), read: 0, inlet: None, told };
    bytes.chunks(talk.piece).for_each(|bytes| talk.hear(bytes));
    talk.connection.ended();
    talk.hear(b"");
    if let Some(mut inlet) = talk.inlet {
        // It has ended, so nothing is waited for.
        let _ = inlet.read_to_end(&mut talk.told.stream);
        talk.told.end = inlet.handle().end();
    }
    talk.told.requests = talk.door.requests;
    talk.told
}

struct Talk {
    connection: Connection,
    door: Door,
    now: Instant,
    piece: usize,
    /// How many bytes the connection has read.
    read: usize,
    inlet: Option<Inlet>,
    told: SourceDialogue,
}

impl Talk {
    /// Gives the connection this input and does what it wants, until it needs more.
    fn hear(&mut self, mut input: &[u8]) {
        loop {
            assert!(self.connection.held_bytes() <= 2 * MAX_HEAD, "{}", self.connection.held_bytes());
            match self.connection.wants() {
                Want::Read(_) if input.is_empty() => return,
                Want::Read(most) => {
                    assert!(most > 0, "a read of nothing looks like the end");
                    let (now, later) = input.split_at(input.len().min(most));
                    self.read += now.len();
                    self.connection.received(now, self.now);
                    input = later;
                }
                Want::Write(bytes) => {
                    let taken = bytes.len().min(self.piece);
                    self.told.output.extend_from_slice(&bytes[..taken]);
                    self.connection.sent(taken, PATIENCE, self.now);
                }
                Want::Reply => self.connection.reply(&mut self.door, PATIENCE, self.now),
                Want::Wait => self.judge(),
                Want::Shut => self.connection.shut(),
                Want::Rest => self.connection.renew_share(),
                Want::EndStream => self.end_stream(),
                Want::EndFile => unreachable!("nobody gets a file here"),
                Want::Serve => unreachable!("nobody listens here"),
                Want::Close => return,
            }
        }
    }

    /// Answers the request that waits, as the station does.
    fn judge(&mut self) {
        let Connection::Waiting(waiting) = &self.connection else { return };
        assert!(waiting.rest.len() <= MAX_HEAD);
        match &waiting.request.to_come {
            ToCome::Headers(_) => self.connection.welcome(PATIENCE, self.now),
            ToCome::Stream(_) if self.door.has_login => {
                self.told.stream_at = Some(self.read - waiting.rest.len());
                let (writer, inlet) = inlet(self.now, (), || ());
                self.inlet = Some(inlet);
                self.told.body.clone_from(&self.door.body);
                self.connection.receive_stream(writer, Arc::default(), self.now);
            }
            _ => {
                let login = HttpAnswer::empty(401).with("WWW-Authenticate", "Basic realm=\"x\"");
                let answer = login.written(waiting.request.form, "");
                self.connection.answered(answer, PATIENCE, self.now);
            }
        }
    }

    fn end_stream(&mut self) {
        let Connection::Sending(sending) = &self.connection else { return };
        let form = sending.form.last();
        let last = sending.last_answer().filter(|_| sending.is_there());
        let last = last.map(|answer| answer.written(form, ""));
        if let Some(source) = self.connection.stream_ended(last, PATIENCE, self.now) {
            source.finish(SourceEnd::Broken, self.now);
        }
    }
}

/// Lets sources pass, as far as their heads go; refuses all else.
#[derive(Default)]
struct Door {
    requests: Vec<String>,
    /// Of the last source.
    has_login: bool,
    body: String,
}

impl Door {
    fn answer(status: u16, form: Form) -> Reply {
        Reply::Answer(HttpAnswer::empty(status).written(form, ""))
    }

    fn wait(&self, request: &Request<'_>, form: Form, to_come: ToCome) -> Reply {
        let visit = Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), Some(request));
        let since = Instant::now();
        let pending = PendingRequest { ticket: 1, form, visit, since, to_come };
        Reply::Wait(Box::new(pending), since + Duration::from_secs(60))
    }
}

impl Site for Door {
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
        let request = match request {
            Ok(request) => request,
            Err(status) => {
                self.requests.push(status.0.to_string());
                return Door::answer(status.0, Form::of(None));
            }
        };
        self.requests.push(format!("{} {}", request.method, request.target));
        let form = Form::of(Some(request));
        let body = match request.body() {
            Ok(body) => body,
            Err(status) => return Door::answer(status.0, form.last()),
        };
        if !["SOURCE", "PUT", "POST"].contains(&request.method) {
            return Door::answer(if request.method == "OPTIONS" { 204 } else { 404 }, form);
        }
        let Some(body) = StreamBody::of(request.method, body) else { return Door::answer(501, form.last()) };
        self.has_login = request.header("authorization").is_some();
        self.body = match &body {
            StreamBody::Chunked(_) => "Chunked".into(),
            other => format!("{other:?}"),
        };
        let start = StreamStart::of(request, body);
        let form = Form { keeps_alive: request.persists() && start.is_empty(), ..form };
        self.wait(request, form, ToCome::Stream(start))
    }

    fn log_in(&mut self, source: IcySource) -> Reply {
        let request = source.question();
        self.requests.push(format!("{} {}", request.method, request.target));
        self.wait(&request, Form::of(Some(&request)), ToCome::Headers(source.clone()))
    }

    fn turn_away(&mut self, fault: IcyFault) -> Reply {
        self.requests.push(format!("{fault:?}"));
        Reply::Answer(Outgoing::new(fault.sentence().into(), false))
    }

    fn hand_over(&mut self, _: &Request<'_>, _: Vec<u8>) -> Reply {
        unreachable!("no body is received here")
    }
}

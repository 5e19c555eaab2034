//! The state of a connection whose client, a source, sends its stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::receiving::CONTINUE;
use super::{Connection, Lingers, Patience, PendingRequest, Reply, SHARE, ToCome, Waiting};
use crate::http::{BadChunk, Form, HttpAnswer, Outgoing, Request, StreamBody};
use crate::ring::{InletWriter, SourceEnd};
use crate::server::connections::visit::Visit;
use crate::server::reports::stats::Counters;

/// Icecast's answer to a source, byte for byte. With a status of HTTP/1.1, old encoders would send chunks.
const WELCOME: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";

/// How the stream of a request begins: what its client waits for, and the body.
#[derive(Debug)]
pub(crate) struct StreamStart {
    pub(super) welcome: &'static [u8],
    pub(super) body: StreamBody,
}

/// A source, on the reactor thread.
#[derive(Debug)]
pub(crate) struct Sending {
    /// The ticket of the request that made it a source.
    pub(crate) ticket: u64,
    pub(crate) visit: Visit,
    began: Instant,
    pub(crate) form: Form,
    /// The rest of what the client gets before its stream is read.
    welcome: &'static [u8],
    /// Whether it has a final status already.
    is_answered: bool,
    body: StreamBody,
    end: Option<StreamEnd>,
    inlet: InletWriter,
    /// The bytes that may be read before it rests.
    share: usize,
    counters: Arc<Counters>,
}

/// How the bytes of a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamEnd {
    Complete,
    /// The client sends nothing more.
    Left,
    /// They are no chunks.
    Malformed,
}

/// What a source is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Welcome(&'static [u8]),
    Read(usize),
    Rest,
    End,
}

impl Connection {
    /// Makes the client a source, as its service wants.
    pub(crate) fn receive_stream(&mut self, inlet: InletWriter, counters: Arc<Counters>, now: Instant) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => {
                let Waiting { request, rest, .. } = *waiting;
                let sending = Sending::new(request, &rest, inlet, counters, now);
                sending.map_or(Connection::Closed, |sending| Connection::Sending(Box::new(sending)))
            }
            other => other,
        };
    }

    /// Whether a source, or a client with a file, waits for its next share of the reactor's time.
    pub(crate) fn is_resting(&self) -> bool {
        match self {
            Connection::Sending(sending) => sending.is_resting(),
            Connection::Uploading(uploading) => uploading.is_resting(),
            Connection::Downloading(downloading) => downloading.is_resting(),
            Connection::Lingering(lingering) => lingering.share == 0,
            _ => false,
        }
    }

    /// Gives it its next share of the reactor's time.
    pub(crate) fn renew_share(&mut self) {
        match self {
            Connection::Sending(sending) => sending.renew_share(),
            Connection::Uploading(uploading) => uploading.renew_share(),
            Connection::Downloading(downloading) => downloading.renew_share(),
            Connection::Lingering(lingering) => lingering.share = SHARE,
            _ => {}
        }
    }

    /// Ends the stream of a source with its last answer, if it gets one. Returns the source.
    pub(crate) fn stream_ended(
        &mut self,
        last: Option<Outgoing>,
        patience: Patience,
        now: Instant,
    ) -> Option<Box<Sending>> {
        let next = match last {
            Some(answer) => Connection::after(Reply::Answer(answer), Vec::new(), Vec::new(), patience, now),
            None => Connection::lingering(Lingers::Briefly, now),
        };
        match std::mem::replace(self, next) {
            Connection::Sending(sending) => Some(sending),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl StreamStart {
    pub(crate) fn of(request: &Request<'_>, body: StreamBody) -> StreamStart {
        let welcome = match body {
            // It is welcome since its login.
            _ if request.is_icy() => b"",
            // Liquidsoap's client waits for this in HTTP/1.0, too.
            _ if request.says_expect_continue() => CONTINUE,
            // Icecast answers a stream without a declared end at once, and its clients wait for that before
            // they send. (ffmpeg, BUTT and libshout by PUT say that they expect 100; libshout by SOURCE does
            // not.)
            StreamBody::UntilClose => WELCOME,
            _ if request.method == "SOURCE" => WELCOME,
            // Who declares where the body ends (curl, ffmpeg's plain PUT) gets an answer when it has ended,
            // as with any server. It would stop at an earlier one.
            StreamBody::Length(_) | StreamBody::Chunked(_) => b"",
        };
        StreamStart { welcome, body }
    }

    /// Whether no byte of the stream is to come.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_complete()
    }
}

impl Sending {
    /// The source that a request becomes; `None` if no stream is to come. `rest` are the bytes of its stream
    /// that came with the head.
    pub(super) fn new(
        request: PendingRequest,
        rest: &[u8],
        inlet: InletWriter,
        counters: Arc<Counters>,
        now: Instant,
    ) -> Option<Sending> {
        let PendingRequest { ticket, visit, form, to_come: ToCome::Stream(start), .. } = request else {
            return None;
        };
        let mut sending = Sending {
            ticket,
            visit,
            began: now,
            form,
            welcome: start.welcome,
            is_answered: start.welcome == WELCOME,
            body: start.body,
            end: None,
            inlet,
            share: SHARE,
            counters,
        };
        sending.received(rest, now);
        Some(sending)
    }

    pub(super) fn next(&self) -> Next {
        match self.end {
            _ if !self.welcome.is_empty() => Next::Welcome(self.welcome),
            Some(_) => Next::End,
            None if self.share == 0 => Next::Rest,
            None => Next::Read(self.share),
        }
    }

    /// Notes that the socket took `count` bytes of the welcome.
    pub(super) fn sent(&mut self, count: usize) {
        self.welcome = &self.welcome[count..];
    }

    /// Takes bytes that the client has sent. What follows the body is of no use: the connection closes.
    pub(super) fn received(&mut self, bytes: &[u8], now: Instant) {
        self.share = self.share.saturating_sub(bytes.len());
        let mut input = bytes;
        while self.end.is_none() {
            match self.body.read(&mut input) {
                Ok([]) if self.body.is_complete() => self.end = Some(StreamEnd::Complete),
                Ok([]) => break,
                Ok(body) => {
                    self.counters.bytes_received.add(body.len() as u64);
                    self.counters.lost_source_bytes.add(self.inlet.push(body, now));
                }
                Err(BadChunk) => self.end = Some(StreamEnd::Malformed),
            }
        }
    }

    /// Notes that the client sends nothing more.
    pub(super) fn ended(&mut self) {
        self.end.get_or_insert(StreamEnd::Left);
    }

    /// Whether it waits for its next share.
    pub(super) fn is_resting(&self) -> bool {
        self.next() == Next::Rest
    }

    pub(super) fn renew_share(&mut self) {
        self.share = SHARE;
    }

    /// The answer at the end of the stream. `None`: the client has one, or is gone.
    pub(crate) fn last_answer(&self) -> Option<HttpAnswer> {
        let answer = match self.end? {
            StreamEnd::Left => return None,
            StreamEnd::Complete => HttpAnswer::text(200, "the stream has arrived\n"),
            StreamEnd::Malformed => HttpAnswer::text(400, "the body is not in chunks, as its head says\n"),
        };
        (!self.is_answered).then_some(answer)
    }

    /// Whether the client is there to read an answer.
    pub(crate) fn is_there(&self) -> bool {
        self.end != Some(StreamEnd::Left)
    }

    /// Ends the stream for its reader: as it ended by itself, or else so. Returns whose it was, the bytes
    /// that came, and how long it lasted.
    pub(crate) fn finish(self, otherwise: SourceEnd, now: Instant) -> (Visit, u64, Duration) {
        self.inlet.finish(match self.end {
            Some(StreamEnd::Complete) => SourceEnd::Complete,
            Some(StreamEnd::Left) => SourceEnd::Left,
            Some(StreamEnd::Malformed) => SourceEnd::Broken,
            None => otherwise,
        });
        (self.visit, self.inlet.received(), now.saturating_duration_since(self.began))
    }
}

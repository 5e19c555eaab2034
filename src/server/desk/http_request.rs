//! A request as its service gets it, and the way back for the answer.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::service::{Answer, Delivery, Outbox};
use crate::http::{HttpAnswer, ICY_LOGIN, Wanted, form_value, wanted};
use crate::percent;
use crate::ring::{ArrivingBody, Inlet, InletWriter, LeavingFile, SourceEnd, arriving, inlet, leaving};
use crate::server::client_address::{Addresses, ClientAddress, ShownAddress};
use crate::server::connections::places::{Sender as BodyOf, SourceSeat};
use crate::server::mounts::event_stream::EventStream;
use crate::units::StreamPos;

/// A request. It is answered once, on any thread. If it is dropped without an answer, the client gets status
/// 500.
pub struct HttpRequest {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// `None` if it has not been received.
    pub(super) body: Option<Vec<u8>>,
    pub(super) address: ClientAddress,
    pub(super) shown_address: ShownAddress,
    pub(super) may_measure: bool,
    pub(super) base_url: String,
    pub(super) user: Option<Box<str>>,
    pub(super) reply: Option<ReplyTo>,
}

impl HttpRequest {
    /// A request that the application makes itself, from no address. Nobody waits for its answer.
    pub(crate) fn of_application(method: &str, target: &str, body: &[u8], base_url: String) -> HttpRequest {
        let address = ClientAddress::new(Ipv4Addr::UNSPECIFIED.into());
        HttpRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("Content-Type".to_owned(), b"application/json".to_vec())],
            body: Some(body.to_vec()),
            address,
            shown_address: address.shown(Addresses::None),
            may_measure: true,
            base_url,
            user: None,
            reply: None,
        }
    }

    /// The method: `GET`, `POST`, …; `LOGIN` for the password of a source that speaks ICY
    /// ([`take_sources`](crate::Server::take_sources)).
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether it asks only if the login of a source that speaks ICY is good. Its headers and its stream come
    /// as another request, `SOURCE`.
    pub(crate) fn is_icy_login(&self) -> bool {
        self.method == ICY_LOGIN
    }

    /// The path as the client sent it: percent-encoded, without the query.
    pub fn raw_path(&self) -> &str {
        self.target.split(['?', '#']).next().unwrap_or_default()
    }

    /// The segments of the path. Each is percent-decoded on its own, so an encoded slash does not divide one.
    /// `None` if one is not UTF-8.
    pub fn segments(&self) -> Option<Vec<String>> {
        let segments = self.raw_path().split('/').skip(1);
        segments.map(|segment| percent::decode_text(segment).map(Cow::into_owned)).collect()
    }

    /// The decoded value of the first query parameter of that name. `None` if there is none, or if the value
    /// is not UTF-8.
    pub fn parameter(&self, name: &str) -> Option<String> {
        String::from_utf8(form_value(self.query(), name)?).ok()
    }

    /// The query, without its question mark.
    pub(crate) fn query(&self) -> &str {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query.split('#').next().unwrap_or_default()
    }

    /// The first header of that name, trimmed. `None` if there is none, or if its value is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// What it wants of an object of this length, whose entity tag is `etag`, quotes included.
    pub(crate) fn wants_of(&self, etag: &str, length: usize) -> Wanted {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        wanted(&self.method, headers, etag, length)
    }

    /// The body. Empty if the request has none, and as long as it [awaits](HttpRequest::awaits_body) one.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Whether the request has a body that has not been received. Only requests from
    /// [`take_heads`](crate::Server::take_heads) and [`take_sources`](crate::Server::take_sources) come so.
    pub fn awaits_body(&self) -> bool {
        self.body.is_none()
    }

    /// Has the body received. The request comes again when it is complete. It may be refused by then, so
    /// whoever judged it must judge it again. If the body does not come in time, or too many bodies are on
    /// their way, the server answers the client itself.
    /// A request that awaits no body, or the stream of a source, is answered with status 500, as if it were
    /// dropped.
    pub fn receive_body(mut self) {
        if self.awaits_body() {
            self.reply(Answer::ReceiveBody(BodyOf::Admitted));
        }
    }

    /// The same for a request of somebody who is not known yet. The places for such bodies are others, and
    /// each address has a share of them, so strangers take none of those who are known.
    pub(crate) fn receive_body_of_stranger(mut self) {
        if self.awaits_body() {
            self.reply(Answer::ReceiveBody(BodyOf::Anonymous));
        }
    }

    /// Accepts a source: the client gets what it waits for, and its stream comes through the result. At the
    /// end of a body that declares its end, it gets status 200 if it has no status yet.
    ///
    /// If the server has as many sources as [`max_sources`](crate::ServerSettings::max_sources) allows, it
    /// answers the client itself, and the inlet [ends](crate::InletHandle::end) without a byte. So it does if
    /// the client has gone. A request that did not come by [`take_sources`](crate::Server::take_sources) is
    /// answered with status 500, as if it were dropped.
    pub fn receive_source(self) -> Inlet {
        match self.source_seat() {
            Some(seat) => {
                let (inlet, arriving) = self.into_source(seat);
                arriving.accept();
                inlet
            }
            None => {
                let (writer, inlet) = inlet(Instant::now(), (), || ());
                writer.finish(SourceEnd::Refused);
                self.answer(full());
                inlet
            }
        }
    }

    /// A seat for its source, if there are fewer sources than `max_sources`.
    pub(crate) fn source_seat(&self) -> Option<SourceSeat> {
        self.reply.as_ref().and_then(|reply| reply.outbox.source_seat())
    }

    /// The stream that it brings, before its client has an answer. Nothing comes until it is accepted.
    pub(crate) fn into_source(self, seat: SourceSeat) -> (Inlet, Arriving) {
        let connection = self.reply.clone();
        let (writer, inlet) = inlet(Instant::now(), seat, move || {
            if let Some(connection) = connection.clone() {
                connection.send(Answer::EndStream, None);
            }
        });
        (inlet, Arriving { request: self, writer })
    }

    /// Has its body received in pieces, which is a file of any length. The client waits for the answer to the
    /// request, which can be given at any time. Meanwhile it sends as fast as the pieces are read.
    ///
    /// Only what is put below a path for uploads comes so
    /// ([`Server::take_polls`](crate::Server::take_polls)); the body of any other request is torn off at
    /// once.
    #[cfg_attr(not(feature = "library"), expect(dead_code, reason = "only a library has an inbox"))]
    pub(crate) fn receive_upload(&mut self) -> ArrivingBody {
        let Some(connection) = self.reply.clone().filter(|_| self.awaits_body()) else {
            return arriving(|| ()).1;
        };
        let wake = connection.clone();
        let (pieces, body) = arriving(move || wake.clone().send(Answer::GoOn, None));
        connection.send(Answer::ReceiveUpload(pieces), self.user.clone());
        body
    }

    /// Answers the request with a file. The client gets `answer`, which has no body, and then these many
    /// bytes, which are to be pushed into the result. If it is dropped before, the connection breaks off.
    pub(crate) fn send_file(mut self, answer: HttpAnswer, length: u64) -> LeavingFile {
        let connection = self.reply.clone();
        let (file, pieces) = leaving(move || {
            if let Some(connection) = connection.clone() {
                connection.send(Answer::GoOn, None);
            }
        });
        self.reply(Answer::SendFile(answer, length, pieces));
        file
    }

    /// The address of the client. Behind a trusted proxy, it is the address that the proxy forwards.
    /// Limits work on it. Log lines and documents use [`shown_address`](HttpRequest::shown_address).
    pub fn address(&self) -> ClientAddress {
        self.address
    }

    /// What may be shown of the address, by [`ServerSettings::addresses`](crate::ServerSettings::addresses).
    pub fn shown_address(&self) -> ShownAddress {
        self.shown_address
    }

    /// Whether the client's address is one of
    /// [`metrics_allow`](crate::ServerSettings::metrics_allow).
    pub(crate) fn may_measure(&self) -> bool {
        self.may_measure
    }

    /// The URL by which the client reaches the server, without a slash at the end: `https://radio.example`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Records that the client has proved to be this user. The name appears in the access log.
    pub fn identify(&mut self, user: &str) {
        self.user = Some(user.into());
    }

    /// Answers the request.
    pub fn answer(mut self, answer: HttpAnswer) {
        self.reply(Answer::Whole(answer));
    }

    /// Answers the request of a client that has proved to be this user.
    pub(crate) fn answer_user(mut self, user: &str, answer: HttpAnswer) {
        self.identify(user);
        self.answer(answer);
    }

    /// Answers the request with an event stream. The client gets `answer`, whose body begins the stream, and
    /// then everything that is pushed to `stream`, from the position `from` on. The result can end that.
    pub fn follow(mut self, answer: HttpAnswer, stream: &EventStream, from: StreamPos) -> Following {
        let presence = Arc::new(());
        let following = Following { presence: Arc::downgrade(&presence), connection: self.reply.clone() };
        self.reply(Answer::Follow { answer, board: stream.board(), from, presence });
        following
    }

    fn reply(&mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            reply.send(answer, self.user.take());
        }
    }
}

/// A source whose client waits for its answer.
#[must_use]
pub(crate) struct Arriving {
    request: HttpRequest,
    writer: InletWriter,
}

impl Arriving {
    /// Accepts it, as [`HttpRequest::receive_source`] says.
    pub(crate) fn accept(mut self) {
        self.request.reply(Answer::ReceiveStream(self.writer));
    }

    /// It is not accepted: the request is to be answered.
    pub(crate) fn back(self) -> HttpRequest {
        self.writer.finish(SourceEnd::Refused);
        self.request
    }
}

/// The answer to a source for which there is no seat.
fn full() -> HttpAnswer {
    HttpAnswer::text(503, "there are as many sources here as max_sources allows\n").with("Retry-After", "10")
}

impl Drop for HttpRequest {
    fn drop(&mut self) {
        self.reply(Answer::Whole(not_answered()));
    }
}

/// The answer to a request that its service has forgotten, or took for another one.
pub(crate) fn not_answered() -> HttpAnswer {
    HttpAnswer::text(500, "this request was not answered\n")
}

impl fmt::Debug for HttpRequest {
    /// Shows neither headers nor body, because they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.raw_path())
            .field("address", &self.shown_address)
            .finish_non_exhaustive()
    }
}

/// A client that follows an event stream, or is about to. It goes on when this is dropped.
pub struct Following {
    /// Dropped with the follower, or with an answer that makes none.
    presence: Weak<()>,
    connection: Option<ReplyTo>,
}

impl Following {
    /// Whether the client is still there.
    pub fn is_there(&self) -> bool {
        self.presence.strong_count() > 0
    }

    /// Closes the client's connection at once.
    pub fn end(self) {
        if let Some(connection) = self.connection {
            connection.send(Answer::EndStream, None);
        }
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("is_there", &self.is_there()).finish_non_exhaustive()
    }
}

/// The way back for the answer to one request.
#[derive(Clone)]
pub(super) struct ReplyTo {
    pub(super) key: usize,
    pub(super) ticket: u64,
    pub(super) outbox: Outbox,
}

impl ReplyTo {
    fn send(self, answer: Answer, user: Option<Box<str>>) {
        let ReplyTo { key, ticket, outbox } = self;
        outbox.send(Delivery { key, ticket, user, answer });
    }
}

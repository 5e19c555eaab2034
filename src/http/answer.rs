//! Answers: a value for each, and the bytes that a connection sends for it.

use std::ops::{Deref, Range};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Request, Status, Version};
use crate::metadata::one_line;

/// The value of the header `Server`.
const SERVER: &str = concat!("Longwave/", env!("CARGO_PKG_VERSION"));

/// A longer body is not copied behind its head: that would cost more than a second write.
const LONGEST_COPY: usize = 8 * 1024;

/// A longer body is no sentence for a source that speaks ICY.
const LONGEST_SENTENCE: usize = 500;

/// Lets a page of any origin play and read a stream, and keeps caches away.
const FOR_ALL: &[(&str, &str)] = &[
    ("Cache-Control", "no-cache, no-store"),
    ("Expires", "Mon, 26 Jul 1997 05:00:00 GMT"),
    ("Pragma", "no-cache"),
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Icy-MetaInt, Icy-Br, Icy-Name, Icy-Genre, Icy-Description, Icy-Url, Ice-Audio-Info",
    ),
];

/// No browser takes a body for something else than its content type says.
const NO_SNIFFING: &[(&str, &str)] = &[("X-Content-Type-Options", "nosniff")];

/// What a browser may do with an answer that it shows: play our streams, and nothing else. No page of another
/// site may have it in a frame or learn its address.
const SHOWN: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Referrer-Policy", "same-origin"),
];

/// The answer to a request. The server adds what depends on the connection: `Date`, `Connection`,
/// `Content-Length`. To HEAD it sends the head alone.
///
/// It also adds `X-Content-Type-Options`, `Referrer-Policy` and a `Content-Security-Policy` that forbids scripts,
/// styles and frames. An answer that needs another one brings it [`with`](HttpAnswer::with) itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    status: Status,
    /// Whole lines, each with its line end.
    lines: String,
    body: Body,
    /// What the body says, for a client that cannot read it.
    sentence: Option<Box<str>>,
}

/// The body of an answer. A clone of a shared one is not a copy.
#[derive(Clone, Debug)]
enum Body {
    Own(Vec<u8>),
    /// This part of bytes that others have, too.
    Shared(Arc<[u8]>, Range<usize>),
}

/// How an answer is written: it depends on the request and on the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) version: Version,
    pub(crate) is_head: bool,
    /// Whether another request may follow on the connection.
    pub(crate) keeps_alive: bool,
}

/// The bytes of an answer, and how many of them are sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The head, and the body too if it is short.
    first: Vec<u8>,
    then: Body,
    sent: usize,
    keeps_alive: bool,
}

impl HttpAnswer {
    /// An answer with a body of this content type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> HttpAnswer {
        HttpAnswer { body: Body::Own(body.into()), ..HttpAnswer::typed(status, content_type) }
    }

    /// An answer whose body is the same for everybody. It is sent from this memory, without a copy.
    pub fn shared(status: u16, content_type: &str, body: Arc<[u8]>) -> HttpAnswer {
        let all = 0..body.len();
        HttpAnswer::part(status, content_type, body, all)
    }

    /// The same with a part of this memory, which must be within it.
    pub(crate) fn part(status: u16, content_type: &str, of: Arc<[u8]>, part: Range<usize>) -> HttpAnswer {
        HttpAnswer { body: Body::Shared(of, part), ..HttpAnswer::typed(status, content_type) }
    }

    /// A line of plain text.
    pub fn text(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer::new(status, "text/plain; charset=utf-8", body)
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> HttpAnswer {
        let (lines, body) = (String::new(), Body::Own(Vec::new()));
        HttpAnswer { status: Status::of(status), lines, body, sentence: None }
    }

    fn typed(status: u16, content_type: &str) -> HttpAnswer {
        HttpAnswer::empty(status).with("Content-Type", content_type)
    }

    /// Adds a header. Control characters in its value are left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> HttpAnswer {
        debug_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{name:?}");
        self.lines.extend([name, ": "]);
        self.lines.extend(value.chars().filter(|c| !c.is_control()));
        self.lines.push_str("\r\n");
        self
    }

    /// Says in a sentence what is in the body.
    #[must_use]
    pub(crate) fn saying(self, sentence: &str) -> HttpAnswer {
        HttpAnswer { sentence: Some(sentence.into()), ..self }
    }

    /// Its status code.
    pub fn status(&self) -> u16 {
        self.status.0
    }

    /// Adds the headers of a stream and of all that leads to one: any page may read it, and no cache may keep
    /// it.
    #[must_use]
    pub(crate) fn for_all(self) -> HttpAnswer {
        FOR_ALL.iter().fold(self, |answer, (name, value)| answer.with(name, value))
    }

    /// The body; empty if there is none.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The same headers with another status, and no body.
    #[must_use]
    pub(crate) fn emptied(self, status: u16) -> HttpAnswer {
        HttpAnswer { lines: self.lines, ..HttpAnswer::empty(status) }
    }

    /// The bytes of the whole answer.
    pub(crate) fn written(self, form: Form, date: &str) -> Outgoing {
        if form.is_icy() {
            return Outgoing::new(self.in_icy(), false);
        }
        let has_body = self.status.has_body();
        let mut first = self.head_before(form, date, self.body.len() as u64);
        let body = self.body;
        let nothing = Body::Own(Vec::new());
        let then = if form.is_head || !has_body {
            nothing
        } else if body.len() > LONGEST_COPY {
            body
        } else {
            first.extend_from_slice(&body);
            nothing
        };
        Outgoing { first, then, sent: 0, keeps_alive: form.keeps_alive }
    }

    /// The bytes of its head. Its body is of this length, and may come from elsewhere.
    pub(crate) fn head_before(&self, form: Form, date: &str, length: u64) -> Vec<u8> {
        let mut head = head(form.version, self.status, form.keeps_alive, date, &self.lines);
        add_missing(&mut head, &self.lines, SHOWN);
        if self.status.has_body() {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The refusal of a source that speaks ICY, as text. Its program looks at the first words alone. `OK`
    /// would mean that it is welcome, wherever it stands. `invalid password` ends the retries of some.
    fn in_icy(&self) -> Vec<u8> {
        let own = std::str::from_utf8(&self.body).ok().filter(|text| text.len() <= LONGEST_SENTENCE);
        let own = own.map(str::trim).filter(|text| !text.is_empty());
        let sentence = self.sentence.as_deref().or(own).unwrap_or(self.status.reason());
        let beginning = if self.status.0 == 401 { "invalid password\r\n" } else { "" };
        format!("{beginning}{}\r\n", one_line(sentence).replace("OK", "ok")).into_bytes()
    }

    /// The head of an answer that goes on until one side closes, and the body as its beginning.
    pub(crate) fn stream_start(&self, version: Version, date: &str) -> Vec<u8> {
        let mut head = head(version, self.status, false, date, &self.lines);
        head.push_str("\r\n");
        let mut start = head.into_bytes();
        start.extend_from_slice(&self.body);
        start
    }
}

fn head(version: Version, status: Status, keeps_alive: bool, date: &str, lines: &str) -> String {
    let (version, code, reason) = (version.as_str(), status.0, status.reason());
    let connection = if keeps_alive { "keep-alive" } else { "close" };
    let mut head = String::with_capacity(1024);
    head.push_str(&format!(
        "{version} {code} {reason}\r\nServer: {SERVER}\r\nDate: {date}\r\nConnection: {connection}\r\n{lines}"
    ));
    add_missing(&mut head, lines, NO_SNIFFING);
    head
}

/// Adds the headers that `lines` do not have.
fn add_missing(head: &mut String, lines: &str, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        let is_it = |line: &str| line.split(':').next().is_some_and(|other| other.eq_ignore_ascii_case(name));
        if !lines.lines().any(is_it) {
            head.extend([name, ": ", value, "\r\n"]);
        }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Body::Own(bytes) => bytes,
            Body::Shared(bytes, part) => &bytes[part.clone()],
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Body) -> bool {
        **self == **other
    }
}

impl Eq for Body {}

impl Form {
    /// The form of an answer that follows the head of `request` at once. If there is no request, the
    /// connection ends.
    pub(crate) fn of(request: Option<&Request<'_>>) -> Form {
        Form {
            version: request.map_or(Version::Http11, |request| request.version),
            is_head: request.is_some_and(|request| request.method == "HEAD"),
            keeps_alive: request.is_some_and(Request::keeps_alive),
        }
    }

    /// The form of an answer to a source that speaks ICY: a line of text, and the end of the connection.
    pub(crate) const ICY: Form = Form { version: Version::Icy, is_head: false, keeps_alive: false };

    /// Whether the client is a source that speaks ICY.
    pub(crate) fn is_icy(self) -> bool {
        self.version == Version::Icy
    }

    /// The same form for the last answer on its connection.
    #[must_use]
    pub(crate) fn last(self) -> Form {
        Form { keeps_alive: false, ..self }
    }
}

impl Outgoing {
    pub(crate) fn new(bytes: Vec<u8>, keeps_alive: bool) -> Outgoing {
        Outgoing { first: bytes, then: Body::Own(Vec::new()), sent: 0, keeps_alive }
    }

    /// Whether another request may follow.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.keeps_alive
    }

    /// How many bytes it has, sent or not.
    pub(crate) fn len(&self) -> usize {
        self.first.len() + self.then.len()
    }

    /// How many bytes only this answer has.
    pub(crate) fn own_bytes(&self) -> usize {
        let then = if let Body::Own(bytes) = &self.then { bytes.len() } else { 0 };
        self.first.len() + then
    }

    /// The bytes to send next; none once all are sent.
    pub(crate) fn next(&self) -> &[u8] {
        match self.first.get(self.sent..) {
            Some(rest) if !rest.is_empty() => rest,
            _ => &self.then[self.sent - self.first.len()..],
        }
    }

    /// `count` more bytes are sent.
    pub(crate) fn advance(&mut self, count: usize) {
        self.sent += count;
        debug_assert!(self.sent <= self.len());
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent == self.len()
    }
}

/// Whether a text may stand in a header.
pub(crate) fn is_header_value(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The value of the header `Date`. It is made once a second.
#[derive(Debug, Default)]
pub(crate) struct DateLine {
    second: u64,
    text: String,
}

impl DateLine {
    pub(crate) fn at(&mut self, now: SystemTime) -> &str {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Form = Form { version: Version::Http11, is_head: false, keeps_alive: true };

    /// All bytes of an answer, sent in pieces of this length.
    fn sent(mut outgoing: Outgoing, piece: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        while !outgoing.is_sent() {
            let next = outgoing.next();
            let next = &next[..next.len().min(piece)];
            sent.extend_from_slice(next);
            let count = next.len();
            outgoing.advance(count);
        }
        assert!(outgoing.next().is_empty());
        assert_eq!(outgoing.len(), sent.len());
        sent
    }

    fn written(answer: HttpAnswer, form: Form) -> String {
        String::from_utf8(sent(answer.written(form, "now"), usize::MAX)).unwrap()
    }

    fn names(head: &str) -> Vec<String> {
        let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        lines.map(|line| line.split_once(": ").expect(line).0.to_lowercase()).collect()
    }

    #[test]
    fn every_header_is_there_once() {
        let short = written(HttpAnswer::text(404, "x").with("Allow", "GET").for_all(), GET);
        let stream = HttpAnswer::empty(200).with("Content-Type", "audio/mpeg").with("icy-metaint", "8192");
        let stream = stream.for_all().stream_start(Version::Http10, "now");
        for head in [short, String::from_utf8(stream).unwrap()] {
            let mut names = names(&head);
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{head}");
        }
    }

    #[test]
    fn a_browser_is_told_what_it_may_do_unless_the_answer_says_so_itself() {
        let form = Form { version: Version::Http10, is_head: false, keeps_alive: false };
        for answer in [
            HttpAnswer::new(200, "text/html", "<script>"),
            HttpAnswer::new(200, "application/json", "{}"),
            HttpAnswer::text(404, "x").for_all(),
            HttpAnswer::shared(200, "image/svg+xml", Arc::from(&b"<svg>"[..])),
            HttpAnswer::empty(204),
        ] {
            let text = written(answer, form);
            for line in [
                "X-Content-Type-Options: nosniff",
                "Content-Security-Policy: default-src 'none'; ",
                "Referrer-Policy: same-origin",
            ] {
                assert!(text.contains(&format!("\r\n{line}")), "{line} is not in {text}");
            }
        }
        let own = HttpAnswer::empty(200).with("content-security-policy", "script-src 'self'");
        let text = written(own, form);
        assert!(text.contains("content-security-policy: script-src 'self'\r\n"), "{text}");
        assert!(!text.contains("default-src") && text.contains("nosniff"), "{text}");
        // A browser makes a page around a stream that it plays, which needs styles.
        let stream = HttpAnswer::empty(200).for_all().stream_start(Version::Http11, "now");
        let stream = String::from_utf8(stream).unwrap();
        assert!(stream.contains("nosniff") && !stream.contains("Security-Policy"), "{stream}");
    }

    #[test]
    fn a_source_that_speaks_icy_gets_a_line_without_an_ok() {
        let icy = |answer| written(answer, Form::ICY);
        let problem = HttpAnswer::new(401, "application/problem+json", "{}").saying("no such user");
        assert_eq!(icy(problem), "invalid password\r\nno such user\r\n");
        let in_use = HttpAnswer::text(403, "OKAPI\r\nis on /OK\n").with("X", "y");
        assert_eq!(icy(in_use), "okAPI is on /ok\r\n");
        assert_eq!(icy(HttpAnswer::text(503, "")), "Service Unavailable\r\n");
        assert_eq!(icy(HttpAnswer::new(500, "x", "x".repeat(501))), "Internal Server Error\r\n");
        assert!(!written(HttpAnswer::text(404, "x"), GET).starts_with("x"));
    }

    #[test]
    fn a_live_answer_has_no_end_and_no_ranges() {
        let head = HttpAnswer::empty(200).for_all().stream_start(Version::Http11, "now");
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"));
        let names = names(&head);
        for never in ["transfer-encoding", "accept-ranges", "content-range", "content-length", "icy-metaint"]
        {
            assert!(!names.iter().any(|name| name == never), "{never}");
        }
        for always in ["cache-control", "expires", "pragma", "server", "date", "access-control-allow-origin"]
        {
            assert!(names.iter().any(|name| name == always), "{always}");
        }
    }

    #[test]
    fn head_is_answered_without_the_body() {
        let form = Form { version: Version::Http10, is_head: false, keeps_alive: false };
        for length in [5, LONGEST_COPY + 1] {
            let answer = HttpAnswer::new(200, "text/plain", "x".repeat(length));
            let get = written(answer.clone(), form);
            let head = written(answer, Form { is_head: true, ..form });
            assert_eq!(get, format!("{head}{}", "x".repeat(length)));
            assert!(head.contains(&format!("Content-Length: {length}\r\n")), "{head}");
        }
    }

    #[test]
    fn a_status_without_content_has_neither_body_nor_length() {
        for status in [204, 304] {
            let answer = written(HttpAnswer::text(status, "x"), GET);
            assert!(answer.ends_with("\r\n\r\n") && !answer.contains("Content-Length"), "{answer}");
        }
    }

    #[test]
    fn however_much_a_socket_takes_at_once_the_bytes_are_the_same() {
        for length in [0, 1, LONGEST_COPY, LONGEST_COPY + 1] {
            let body: Arc<[u8]> = vec![b'x'; length].into();
            let answer = HttpAnswer::shared(200, "text/plain", Arc::clone(&body));
            let whole = sent(answer.clone().written(GET, "now"), usize::MAX);
            assert!(whole.ends_with(&[b"\r\n\r\n", &*body].concat()));
            for piece in [1, 7, 4096] {
                assert_eq!(sent(answer.clone().written(GET, "now"), piece), whole);
            }
        }
    }

    #[test]
    fn a_long_shared_body_is_sent_from_where_it_is() {
        let body: Arc<[u8]> = vec![b'x'; LONGEST_COPY + 1].into();
        let mut outgoing = HttpAnswer::shared(200, "text/plain", Arc::clone(&body)).written(GET, "now");
        let head = outgoing.next().len();
        outgoing.advance(head);
        assert_eq!(outgoing.next().as_ptr(), body.as_ptr());
        assert_eq!(Arc::strong_count(&body), 2);
    }

    #[test]
    fn nothing_in_a_value_ends_a_header() {
        let answer = HttpAnswer::empty(200).with("Location", "/a\r\nSet-Cookie: b\u{1}");
        assert_eq!(answer.lines, "Location: /aSet-Cookie: b\r\n");
    }

    #[test]
    fn the_date_is_made_once_a_second() {
        let mut line = DateLine::default();
        assert_eq!(line.at(UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        let at = UNIX_EPOCH + Duration::from_millis(1_000_000_000_999);
        assert_eq!(line.at(at), "Sun, 09 Sep 2001 01:46:40 GMT");
        let made = line.text.as_ptr();
        assert_eq!(line.at(at - Duration::from_millis(500)).as_ptr(), made);
    }
}

//! Answers: their heads, and the headers that all of them have.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Version;

/// Who we say we are.
const SERVER: &str = concat!("Longwave/", env!("CARGO_PKG_VERSION"));

/// A status code with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

impl Status {
    pub(crate) const OK: Status = Status(200, "OK");
    pub(crate) const BAD_REQUEST: Status = Status(400, "Bad Request");
    pub(crate) const NOT_FOUND: Status = Status(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
    pub(crate) const REQUEST_TIMEOUT: Status = Status(408, "Request Timeout");
    pub(crate) const LENGTH_REQUIRED: Status = Status(411, "Length Required");
    pub(crate) const BODY_TOO_LARGE: Status = Status(413, "Content Too Large");
    pub(crate) const HEAD_TOO_LARGE: Status = Status(431, "Request Header Fields Too Large");
    pub(crate) const INTERNAL: Status = Status(500, "Internal Server Error");
    pub(crate) const UNAVAILABLE: Status = Status(503, "Service Unavailable");
    pub(crate) const GATEWAY_TIMEOUT: Status = Status(504, "Gateway Timeout");

    /// Those that only a service answers with.
    const OTHERS: [Status; 9] = [
        Status(201, "Created"),
        Status(202, "Accepted"),
        Status(204, "No Content"),
        Status(401, "Unauthorized"),
        Status(403, "Forbidden"),
        Status(409, "Conflict"),
        Status(415, "Unsupported Media Type"),
        Status(422, "Unprocessable Content"),
        Status(429, "Too Many Requests"),
    ];
    const OWN: [Status; 11] = [
        Status::OK,
        Status::BAD_REQUEST,
        Status::NOT_FOUND,
        Status::METHOD_NOT_ALLOWED,
        Status::REQUEST_TIMEOUT,
        Status::LENGTH_REQUIRED,
        Status::BODY_TOO_LARGE,
        Status::HEAD_TOO_LARGE,
        Status::INTERNAL,
        Status::UNAVAILABLE,
        Status::GATEWAY_TIMEOUT,
    ];

    /// The status of that code; of one that is not known, no reason.
    pub(crate) fn of(code: u16) -> Status {
        let mut known = Status::OWN.into_iter().chain(Status::OTHERS);
        known.find(|status| status.0 == code).unwrap_or(Status(code, ""))
    }

    pub(crate) fn reason(self) -> &'static str {
        self.1
    }
}

/// Headers that let a page of any origin play and read a stream, and that keep caches away.
const FOR_ALL: &str = "\
    Cache-Control: no-cache, no-store\r\n\
    Expires: Mon, 26 Jul 1997 05:00:00 GMT\r\n\
    Pragma: no-cache\r\n\
    Access-Control-Allow-Origin: *\r\n\
    Access-Control-Expose-Headers: Icy-MetaInt, Icy-Br, Icy-Name, Icy-Genre, Icy-Description, Icy-Url, Ice-Audio-Info\r\n";

/// A short answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: Status,
    content_type: &'static str,
    /// Whole lines, each with its line end.
    extra: String,
    body: String,
}

impl Response {
    pub(crate) fn new(status: Status, content_type: &'static str, body: impl Into<String>) -> Response {
        Response { status, content_type, extra: String::new(), body: body.into() }
    }

    /// A line of plain text.
    pub(crate) fn text(status: Status, body: impl Into<String>) -> Response {
        Response::new(status, "text/plain; charset=utf-8", body)
    }

    /// Adds a header. The value is ours, or was checked: it has no control characters.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Response {
        debug_assert!(is_header_value(value));
        self.extra.extend([name, ": ", value, "\r\n"]);
        self
    }

    /// The bytes of it. For HEAD without the body that its headers describe.
    pub(crate) fn bytes(&self, version: Version, keep_alive: bool, is_head: bool, date: &str) -> Vec<u8> {
        let connection = if keep_alive { "keep-alive" } else { "close" };
        let (status, content_type, length) = (self.status, self.content_type, self.body.len());
        let extra = &self.extra;
        let mut bytes = head(version, status, connection, date);
        bytes.push_str(&format!(
            "Content-Type: {content_type}\r\nContent-Length: {length}\r\n{extra}{FOR_ALL}\r\n"
        ));
        if !is_head {
            bytes.push_str(&self.body);
        }
        bytes.into_bytes()
    }
}

/// The answer of a service: its own headers, and nothing that it did not ask for.
pub(crate) fn service_answer(
    version: Version,
    status: Status,
    keep_alive: bool,
    is_head: bool,
    date: &str,
    lines: &str,
    body: &[u8],
) -> Vec<u8> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let mut answer = head(version, status, connection, date);
    answer.push_str(lines);
    if status.0 != 204 {
        answer.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    if !is_head && status.0 != 204 {
        answer.extend_from_slice(body);
    }
    answer
}

/// The head of a service's answer that goes on until somebody closes: an event stream's.
pub(crate) fn service_stream_head(version: Version, date: &str, lines: &str) -> Vec<u8> {
    let mut answer = head(version, Status::OK, "close", date);
    answer.push_str(lines);
    answer.push_str("\r\n");
    answer.into_bytes()
}

/// The head of an answer that goes on until somebody closes: a live mount's.
pub(crate) fn stream_head(version: Version, date: &str, lines: &str, metaint: Option<u32>) -> Vec<u8> {
    let mut bytes = head(version, Status::OK, "close", date);
    bytes.push_str(lines);
    if let Some(metaint) = metaint {
        bytes.push_str(&format!("icy-metaint: {metaint}\r\n"));
    }
    bytes.push_str(FOR_ALL);
    bytes.push_str("\r\n");
    bytes.into_bytes()
}

fn head(version: Version, status: Status, connection: &str, date: &str) -> String {
    let (version, Status(code, reason)) = (version.as_str(), status);
    let mut head = String::with_capacity(1024);
    head.push_str(&format!(
        "{version} {code} {reason}\r\nServer: {SERVER}\r\nDate: {date}\r\nConnection: {connection}\r\n"
    ));
    head
}

/// Whether a text may stand in a header.
pub(crate) fn is_header_value(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// The value of the Date header, made once a second.
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

    fn names(head: &str) -> Vec<String> {
        let lines = head.split("\r\n").skip(1).take_while(|line| !line.is_empty());
        lines.map(|line| line.split_once(": ").expect(line).0.to_lowercase()).collect()
    }

    #[test]
    fn every_header_is_there_once() {
        let short = Response::text(Status::NOT_FOUND, "x").with("Allow", "GET");
        let short = String::from_utf8(short.bytes(Version::Http11, true, false, "now")).unwrap();
        let stream = stream_head(Version::Http10, "now", "Content-Type: audio/mpeg\r\n", Some(8192));
        for head in [short, String::from_utf8(stream).unwrap()] {
            let mut names = names(&head);
            let count = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count, "{head}");
        }
    }

    #[test]
    fn a_live_answer_has_no_end_and_no_ranges() {
        let head = String::from_utf8(stream_head(Version::Http11, "now", "", None)).unwrap();
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
        let response = Response::text(Status::OK, "hello");
        let get = response.bytes(Version::Http10, false, false, "now");
        let head = response.bytes(Version::Http10, false, true, "now");
        assert_eq!(get, [head.as_slice(), b"hello"].concat());
        assert!(String::from_utf8(head).unwrap().contains("Content-Length: 5\r\n"));
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

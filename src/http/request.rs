//! What the head of a request says.

use std::borrow::Cow;

use super::head::{MAX_HEADERS, ice_line};
use super::{Body, Status, is_host, session_in};
use crate::percent;

/// The protocol version of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
    /// No HTTP at all: the protocol of sources of SHOUTcast 1 (`icy_source.rs`).
    Icy,
}

impl Version {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Icy => "ICY",
        }
    }
}

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// The target as it was sent, percent-encoded and with its query.
    pub(crate) target: &'a str,
    pub(crate) version: Version,
    headers: Vec<httparse::Header<'a>>,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        method: &'a str,
        target: &'a str,
        version: Version,
        headers: Vec<httparse::Header<'a>>,
    ) -> Request<'a> {
        Request { method, target, version, headers }
    }

    /// Reads a whole head that [`HeadSearch`] has found.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Request<'a>, Status> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        if let Some((target, start)) = ice_line(head) {
            let (_, headers) = complete(httparse::parse_headers(&head[start..], &mut headers))?;
            return Ok(Request::new("SOURCE", target, Version::Http10, headers.to_vec()));
        }
        let mut parsed = httparse::Request::new(&mut headers);
        complete(parsed.parse(head))?;
        let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Status::BAD_REQUEST);
        };
        let version = if minor == 0 { Version::Http10 } else { Version::Http11 };
        Ok(Request::new(method, target, version, parsed.headers.to_vec()))
    }

    /// The value of the first header of this name, trimmed. None if it is not UTF-8.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let header = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok().map(str::trim)
    }

    /// The percent-decoded path, without the query. None if it is not UTF-8.
    pub(crate) fn path(&self) -> Option<String> {
        let target = self.local_target();
        let end = target.find(['?', '#']).unwrap_or(target.len());
        percent::decode_text(&target[..end]).map(Cow::into_owned)
    }

    /// Path and query as they were sent. A proxy may send a scheme and a host before them; these are left
    /// out.
    pub(crate) fn local_target(&self) -> &'a str {
        match self.absolute_target() {
            Some((_, local)) if local.starts_with('/') => local,
            Some(_) => "/",
            None => self.target,
        }
    }

    /// The host of a target with a scheme, and what follows it.
    fn absolute_target(&self) -> Option<(&'a str, &'a str)> {
        let (scheme, rest) = self.target.split_once("://")?;
        let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_scheme.then(|| rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())))
    }

    /// The host that the client asks for, with its port: the one in the target if there is one, else the
    /// header
    /// `Host`. None if that is no host.
    pub(crate) fn host(&self) -> Option<&'a str> {
        let host = match self.absolute_target() {
            Some((host, _)) => Some(host),
            None => self.header("host"),
        };
        host.filter(|host| is_host(host))
    }

    /// Whether the request has more than one `Host`. A proxy could act on another one than we do.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.values("host").nth(1).is_some()
    }

    /// Whether it brings a credential of any kind, good or bad.
    pub(crate) fn brings_credential(&self) -> bool {
        self.header("authorization").is_some() || self.header("cookie").and_then(session_in).is_some()
    }

    /// Whether the request names a host as its version demands. Streams are sent without one, too, because
    /// old receivers ask for them so.
    pub(crate) fn names_host(&self) -> bool {
        self.version != Version::Http11 || (self.values("host").next().is_some() && self.host().is_some())
    }

    /// Whether it is what a source says that speaks ICY.
    pub(crate) fn is_icy(&self) -> bool {
        self.version == Version::Icy
    }

    /// Whether the player asks for ICY blocks, by any integer but 0.
    pub(crate) fn wants_metadata(&self) -> bool {
        let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<i64>().ok();
        self.words("icy-metadata").find_map(number).is_some_and(|value| value != 0)
    }

    /// Whether this is a probe: iOS asks for two bytes before it plays. A probe is no listener.
    pub(crate) fn is_probe(&self) -> bool {
        let is_probe = |range: &[u8]| {
            let range: Vec<u8> = range.iter().copied().filter(|byte| *byte != b' ').collect();
            range.eq_ignore_ascii_case(b"bytes=0-1")
        };
        let mut ranges = self.words("range").peekable();
        ranges.peek().is_some() && ranges.all(is_probe)
    }

    /// Whether another request may follow the answer on this connection. After a body, none may: the server
    /// itself reads no bodies.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.persists() && !self.has_body()
    }

    /// Whether the client wants to use the connection again.
    pub(crate) fn persists(&self) -> bool {
        let said =
            |token: &str| self.words("connection").any(|word| word.eq_ignore_ascii_case(token.as_bytes()));
        match self.version {
            Version::Http11 => !said("close"),
            Version::Http10 => said("keep-alive") && !said("close"),
            Version::Icy => false,
        }
    }

    fn has_body(&self) -> bool {
        !matches!(self.body(), Ok(Body::Unsaid | Body::Length(0)))
    }

    /// The body behind the head. An error if a proxy could see another end of it than we do: two lengths, a
    /// length and an encoding, or a length that is not all digits.
    pub(crate) fn body(&self) -> Result<Body, Status> {
        let mut encodings = self.values("transfer-encoding");
        let encoding = encodings.next().map(|first| (first.trim_ascii(), encodings.next()));
        let mut length = None;
        for value in self.values("content-length") {
            let value = value.trim_ascii();
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            if !is_number || length.is_some_and(|other| other != value) {
                return Err(Status::BAD_REQUEST);
            }
            length = Some(value);
        }
        match length {
            Some(_) if encoding.is_some() => Err(Status::BAD_REQUEST),
            None if encoding.is_some() && self.version == Version::Http10 => Err(Status::BAD_REQUEST),
            None => Ok(match encoding {
                None => Body::Unsaid,
                Some((only, None)) if only.eq_ignore_ascii_case(b"chunked") => Body::Chunked,
                Some(_) => Body::Encoded,
            }),
            // A number that does not fit is longer than any body that is accepted.
            Some(digits) => {
                let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
                Ok(Body::Length(number.unwrap_or(u64::MAX)))
            }
        }
    }

    /// Whether the client waits for `100 Continue` before it sends its body. HTTP/1.0 knows no such answer.
    pub(crate) fn expects_continue(&self) -> bool {
        self.version == Version::Http11 && self.says_expect_continue()
    }

    /// Whether it says so, in any version of HTTP.
    pub(crate) fn says_expect_continue(&self) -> bool {
        self.words("expect").any(|word| word.eq_ignore_ascii_case(b"100-continue"))
    }

    /// All headers in their order, with values as bytes.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
        self.headers.iter().map(|header| (header.name, header.value))
    }

    /// The members of a list. It may be in one header or in several; proxies and libraries join and repeat
    /// headers even where one value is expected. As bytes: one that is not UTF-8 must not hide its neighbour.
    pub(super) fn words(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        let words = self.values(name).flat_map(|value| value.split(|byte| *byte == b','));
        words.map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
    }

    fn values(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
        self.headers().filter(move |header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1)
    }
}

/// What was parsed, if that was all.
fn complete<T>(parsed: httparse::Result<T>) -> Result<T, Status> {
    match parsed {
        Ok(httparse::Status::Complete(whole)) => Ok(whole),
        Err(httparse::Error::TooManyHeaders) => Err(Status::HEAD_TOO_LARGE),
        Ok(httparse::Status::Partial) | Err(_) => Err(Status::BAD_REQUEST),
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::{Found, HeadSearch};
    use super::*;
    use proptest::prelude::*;

    fn request(head: &[u8]) -> Request<'_> {
        Request::parse(head).unwrap()
    }

    fn get(target_and_headers: &str) -> Request<'_> {
        let head = format!("GET {target_and_headers}\r\n\r\n");
        request(Box::leak(head.into_boxed_str()).as_bytes())
    }

    #[test]
    fn an_old_encoder_s_request_is_one_of_http_1_0() {
        let head = b"\r\nSOURCE /live?a ICE/1.0\ncontent-type: audio/mpeg\nAuthorization: Basic x\n\nrest";
        let mut search = HeadSearch::default();
        let end = head.len() - "rest".len();
        for length in 0..end {
            assert_eq!(search.look(&head[..length]), Found::NotYet, "{length}");
        }
        assert_eq!(search.look(head), Found::Head(end));
        let request = request(&head[..end]);
        assert_eq!((request.method, request.path().as_deref()), ("SOURCE", Some("/live")));
        assert_eq!((request.version, request.header("Content-Type")), (Version::Http10, Some("audio/mpeg")));
        assert_eq!((request.names_host(), request.keeps_alive()), (true, false));
        for bad in ["GET / ICE/1.0", "SOURCE  ICE/1.0", "SOURCE /a b ICE/1.0", "SOURCE /\u{7f} ICE/1.0"] {
            let found = HeadSearch::default().look(format!("{bad}\n").as_bytes());
            assert_eq!(found, Found::Bad(Status::BAD_REQUEST), "{bad:?}");
        }
        assert!(Request::parse(b"SOURCE / ICE/1.0\nno colon\n\n").is_err());
    }

    #[test]
    fn paths() {
        for (target, path) in [
            ("/stream.mp3", "/stream.mp3"),
            ("/stream.mp3?x=1&y=/z", "/stream.mp3"),
            ("/str%65am%2emp3", "/stream.mp3"),
            ("/caf%C3%A9", "/café"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
            ("http://radio.example:8000/a.mp3?x", "/a.mp3"),
            ("http://radio.example", "/"),
            ("http://radio.example?x=/a", "/"),
            ("http://radio.example#/a", "/"),
            ("*", "*"),
        ] {
            assert_eq!(get(&format!("{target} HTTP/1.1")).path().as_deref(), Some(path));
        }
        assert_eq!(get("/%ff HTTP/1.1").path(), None);
    }

    #[test]
    fn the_host_of_the_target_goes_before_the_header() {
        for (request, host) in [
            ("/ HTTP/1.1\r\nHost: radio.example:8000 ", Some("radio.example:8000")),
            ("/ HTTP/1.1\r\nhOST:\t[::1]", Some("[::1]")),
            ("http://radio.example/a HTTP/1.1\r\nHost: other.example", Some("radio.example")),
            ("HTTP://radio.example:80?x HTTP/1.1\r\nHost: other.example", Some("radio.example:80")),
            // A target with a host that is none is not mended by the header.
            ("http://user:secret@radio.example/ HTTP/1.1\r\nHost: radio.example", None),
            ("http:///a HTTP/1.1\r\nHost: radio.example", None),
            ("/?to=http://radio.example/ HTTP/1.1\r\nHost: other.example", Some("other.example")),
            ("/ HTTP/1.1\r\nHost: radio.example, other.example", None),
            ("/ HTTP/1.1\r\nHost:", None),
            ("/ HTTP/1.1", None),
        ] {
            assert_eq!(get(request).host(), host, "{request}");
        }
        let bytes = request(b"GET / HTTP/1.1\r\nHost: radio\xff\r\n\r\n");
        assert_eq!((bytes.host(), bytes.names_host()), (None, false));
    }

    #[test]
    fn http_1_1_names_one_host() {
        for (request, names, ambiguous) in [
            ("/ HTTP/1.1\r\nHost: a", true, false),
            ("/ HTTP/1.1", false, false),
            ("/ HTTP/1.1\r\nHost:", false, false),
            ("/ HTTP/1.1\r\nHost: [::1", false, false),
            ("http://a/ HTTP/1.1", false, false),
            ("http://../ HTTP/1.1\r\nHost: a", false, false),
            ("/ HTTP/1.0", true, false),
            ("/ HTTP/1.0\r\nHost: ..", true, false),
            ("/ HTTP/1.1\r\nHost: a\r\nhost: b", true, true),
            ("/ HTTP/1.1\r\nHost: a\r\nHost: a", true, true),
            ("/ HTTP/1.0\r\nHost: a\r\nHost:", true, true),
        ] {
            let request = get(request);
            assert_eq!((request.names_host(), request.is_ambiguous()), (names, ambiguous), "{request:?}");
        }
    }

    #[test]
    fn what_players_ask_for() {
        assert!(get("/ HTTP/1.0\r\nIcy-MetaData: 1").wants_metadata());
        assert!(get("/ HTTP/1.0\r\nicy-metadata:2 ").wants_metadata());
        assert!(!get("/ HTTP/1.0\r\nIcy-MetaData: 0").wants_metadata());
        assert!(!get("/ HTTP/1.0\r\nIcy-MetaData: yes").wants_metadata());
        assert!(!get("/ HTTP/1.0").wants_metadata());
        assert!(get("/ HTTP/1.0\r\nRange: bytes=0-1").is_probe());
        assert!(!get("/ HTTP/1.0\r\nRange: bytes=0-").is_probe());
    }

    #[test]
    fn headers_that_were_joined_or_repeated_mean_the_same() {
        for headers in [
            "Icy-MetaData: 1, 1",
            "Icy-MetaData: 1\r\nIcy-MetaData: 1",
            "icy-metadata: ,1 ,",
            "Icy-MetaData: \u{ff}\r\nIcy-MetaData: 1",
        ] {
            assert!(get(&format!("/ HTTP/1.1\r\n{headers}")).wants_metadata(), "{headers}");
        }
        for headers in ["Icy-MetaData: 0, 0", "Icy-MetaData: 0, 1", "Icy-MetaData: ,", "Icy-MetaData: a, b"] {
            assert!(!get(&format!("/ HTTP/1.1\r\n{headers}")).wants_metadata(), "{headers}");
        }
        assert!(get("/ HTTP/1.1\r\nRange: bytes=0-1, bytes=0-1").is_probe());
        assert!(get("/ HTTP/1.1\r\nRange: bytes = 0 - 1\r\nRange: bytes=0-1").is_probe());
        assert!(!get("/ HTTP/1.1\r\nRange: bytes=0-1, 5-").is_probe());
        assert!(get("/ HTTP/1.1\r\nExpect: 100-continue, 100-Continue").expects_continue());
        assert!(!get("/ HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close, close").persists());
    }

    #[test]
    fn keeping_a_connection() {
        assert!(get("/ HTTP/1.1").keeps_alive());
        assert!(!get("/ HTTP/1.0").keeps_alive());
        assert!(get("/ HTTP/1.0\r\nConnection: Keep-Alive").keeps_alive());
        assert!(!get("/ HTTP/1.1\r\nConnection: Upgrade, close").keeps_alive());
        assert!(get("/ HTTP/1.1\r\nContent-Length: 0").keeps_alive());
        assert!(!get("/ HTTP/1.1\r\nContent-Length: 1").keeps_alive());
        assert!(!get("/ HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 5").keeps_alive());
        assert!(!get("/ HTTP/1.1\r\nTransfer-Encoding: chunked").keeps_alive());
    }

    #[test]
    fn where_a_body_ends_is_said_once_and_in_digits_or_it_is_no_request() {
        for (headers, body) in [
            ("", Ok(Body::Unsaid)),
            ("\r\nContent-Length: 0", Ok(Body::Length(0))),
            ("\r\nContent-Length: 12", Ok(Body::Length(12))),
            ("\r\nContent-Length: 12\r\ncontent-length:12", Ok(Body::Length(12))),
            ("\r\nContent-Length: 99999999999999999999999", Ok(Body::Length(u64::MAX))),
            ("\r\nTransfer-Encoding: Chunked ", Ok(Body::Chunked)),
            ("\r\nTransfer-Encoding: gzip, chunked", Ok(Body::Encoded)),
            ("\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Ok(Body::Encoded)),
            ("\r\nTransfer-Encoding: identity", Ok(Body::Encoded)),
            ("\r\nTransfer-Encoding: chunked\r\nContent-Length: 12", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: 0\r\nTransfer-Encoding:", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: 12\r\nContent-Length: 13", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: 12, 12", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: +12", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: -1", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length: 0x0c", Err(Status::BAD_REQUEST)),
            ("\r\nContent-Length:", Err(Status::BAD_REQUEST)),
        ] {
            assert_eq!(get(&format!("/ HTTP/1.1{headers}")).body(), body, "{headers:?}");
        }
        let old = get("/ HTTP/1.0\r\nTransfer-Encoding: chunked");
        assert_eq!(old.body(), Err(Status::BAD_REQUEST), "HTTP/1.0 has no encodings");
        let spaced = b"GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\n";
        assert_eq!(Request::parse(spaced).unwrap_err(), Status::BAD_REQUEST);
        let folded = b"GET / HTTP/1.1\r\nA: b\r\n Content-Length: 3\r\n\r\n";
        assert_eq!(Request::parse(folded).unwrap_err(), Status::BAD_REQUEST);
    }

    proptest! {
        #[test]
        fn no_input_is_too_strange(input in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Found::Head(end) = HeadSearch::default().look(&input)
                && let Ok(request) = Request::parse(&input[..end])
            {
                request.path();
                request.keeps_alive();
            }
        }
    }
}

//! What a source says that speaks ICY, the protocol of SHOUTcast 1: a line with its password, and headers
//! once it is welcome. Both arrive in pieces. For the rest of the server they become requests.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::head::MAX_HEADERS;
use super::{Found, MAX_HEAD, Request, Status, Version};
use crate::path_text;
use crate::percent;

/// The longest password line, with its end.
pub(crate) const MAX_LOGIN: usize = 512;
/// What a source waits for that may send.
pub(crate) const ICY_WELCOME: &[u8] = b"OK2\r\nicy-caps:11\r\n\r\n";
/// The method of the question whether a login is good. The headers and the stream come later, as `SOURCE`.
pub(crate) const ICY_LOGIN: &str = "LOGIN";

/// The line by which libshout finds out what a server can do. Any refusal makes it connect again and log in.
const POKE: &[u8] = b"!POKE";
/// The headers that count, by their beginnings. All others are left out: some would mean something in HTTP.
const HEADERS: [&str; 5] = ["icy-", "ice-", "x-audiocast-", "content-type", "user-agent"];
/// What such sources are called that do not name their program.
const NAMELESS: &[u8] = b"ICY (SHOUTcast 1)";

/// The first line of a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstLine {
    /// It has no end yet.
    NotYet,
    /// A login, and where the line ends.
    Login(IcyLogin, usize),
    /// There is nothing to judge: the client is turned away.
    Refused(IcyFault),
}

/// Why a client is turned away that spoke to the port for ICY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IcyFault {
    /// It was libshout's question.
    Poke,
    /// It speaks HTTP.
    Http,
    /// The line is no login.
    NoLogin,
    /// The headers are too many or too long.
    HeadTooLarge,
    /// The line, or the headers, took too long.
    TooSlow,
    /// There was no answer in time.
    Unanswered,
}

/// What a password line says: `password`, `user:password`, `/mount:password` or `/mount:user:password`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IcyLogin {
    /// The mount that it names.
    pub(crate) mount: Option<String>,
    /// The password, which may name its user.
    pub(crate) password: String,
}

/// A source that has said its password line, as requests tell of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IcySource {
    /// Its path, percent-encoded.
    target: String,
    /// Its login, as the value of a header.
    authorization: String,
}

impl IcyFault {
    pub(crate) fn status(self) -> Status {
        match self {
            IcyFault::Poke | IcyFault::NoLogin => Status::of(401),
            IcyFault::Http => Status::BAD_REQUEST,
            IcyFault::HeadTooLarge => Status::HEAD_TOO_LARGE,
            IcyFault::TooSlow => Status::REQUEST_TIMEOUT,
            IcyFault::Unanswered => Status::GATEWAY_TIMEOUT,
        }
    }

    /// The sentence for its user.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            IcyFault::Poke => "log in with a password",
            IcyFault::Http => {
                "this port is for sources that speak ICY (SHOUTcast 1): use the station's own port"
            }
            IcyFault::NoLogin => {
                "the first line must be a password, or user:password, or /mount:user:password"
            }
            IcyFault::HeadTooLarge => "the headers of the source are too many or too long",
            IcyFault::TooSlow => "the password, or the headers behind it, took too long",
            IcyFault::Unanswered => "there was no answer in time: try again soon",
        }
    }
}

/// Looks for the first line in all that has come. What is no login is known as early as possible.
pub(crate) fn first_line(input: &[u8]) -> FirstLine {
    let limit = input.len().min(MAX_LOGIN);
    let end = input[..limit].iter().position(|byte| *byte == b'\n');
    let line = &input[..end.unwrap_or(limit)];
    // A TLS handshake, for instance. A line may end with more than one CR.
    let is_text = line.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\r');
    let Some(end) = end.filter(|_| is_text) else {
        let is_refused = !is_text || limit == MAX_LOGIN;
        return if is_refused { FirstLine::Refused(IcyFault::NoLogin) } else { FirstLine::NotYet };
    };
    let line = without_cr(line);
    if line == POKE {
        return FirstLine::Refused(IcyFault::Poke);
    }
    if is_http(line) {
        return FirstLine::Refused(IcyFault::Http);
    }
    match IcyLogin::of(&path_text::shown(line)) {
        Some(login) => FirstLine::Login(login, end + 1),
        None => FirstLine::Refused(IcyFault::NoLogin),
    }
}

impl IcyLogin {
    /// Reads a password line, or what stands for it in a query. `None` without a password.
    pub(crate) fn of(line: &str) -> Option<IcyLogin> {
        let of_mount = line.strip_prefix('/').and_then(|rest| rest.split_once(':'));
        let (mount, password) = match of_mount {
            Some((mount, password)) => (Some(format!("/{}", percent::decode_text(mount)?)), password),
            None => (None, line),
        };
        let is_login = !password.is_empty() && !line.contains(char::is_control);
        is_login.then(|| IcyLogin { mount, password: password.to_owned() })
    }

    /// The login as the value of a header `Authorization`. The name is in the password, or nowhere.
    pub(crate) fn authorization(&self) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(format!(":{}", self.password)))
    }

    /// The source at the mount that it names, or at this one.
    pub(crate) fn at(self, mount: &str) -> IcySource {
        let path = self.mount.as_deref().unwrap_or(mount);
        let target = percent::encode_path(path.as_bytes()).into_owned();
        IcySource { target, authorization: self.authorization() }
    }
}

impl IcySource {
    /// The question whether the login is good.
    pub(crate) fn question(&self) -> Request<'_> {
        self.request(ICY_LOGIN, "")
    }

    /// The request by which it becomes a source, with what its head says.
    pub(crate) fn stream<'a>(&'a self, head: &'a str) -> Request<'a> {
        self.request("SOURCE", head)
    }

    fn request<'a>(&'a self, method: &'a str, head: &'a str) -> Request<'a> {
        let login = httparse::Header { name: "Authorization", value: self.authorization.as_bytes() };
        let named = httparse::Header { name: "User-Agent", value: NAMELESS };
        // The first of a name counts.
        let headers = [login].into_iter().chain(headers(head)).chain([named]).collect();
        Request::new(method, &self.target, Version::Icy, headers)
    }
}

impl fmt::Debug for IcyLogin {
    /// Does not show the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcyLogin").field("mount", &self.mount).finish_non_exhaustive()
    }
}

impl fmt::Debug for IcySource {
    /// Does not show the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IcySource").field("target", &self.target).finish_non_exhaustive()
    }
}

/// The headers of a head that count. Lines that are no headers are passed over.
fn headers(head: &str) -> impl Iterator<Item = httparse::Header<'_>> {
    head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        let has = |beginning: &str| {
            let at = name.get(..beginning.len());
            let is_whole = beginning.ends_with('-') || name.len() == beginning.len();
            is_whole && at.is_some_and(|at| at.eq_ignore_ascii_case(beginning))
        };
        let counts = HEADERS.iter().any(|beginning| has(beginning));
        counts.then(|| httparse::Header { name, value: value.trim().as_bytes() })
    })
}

/// The text of a head, in UTF-8 or in Windows-1252.
pub(crate) fn head_text(head: &[u8]) -> Cow<'_, str> {
    path_text::shown(head)
}

/// Looks for the end of the headers of a source, which arrive in pieces. It looks at every byte once. The
/// headers end at an empty line, whichever line ends there are.
#[derive(Debug, Default)]
pub(crate) struct IcyHeadSearch {
    line_start: usize,
    scanned: usize,
    lines: usize,
}

impl IcyHeadSearch {
    /// Continues the search. `input` begins with the input of the last call.
    pub(crate) fn look(&mut self, input: &[u8]) -> Found {
        let limit = input.len().min(MAX_HEAD);
        while let Some(newline) = input[self.scanned..limit].iter().position(|byte| *byte == b'\n') {
            let end = self.scanned + newline;
            let is_empty = without_cr(&input[self.line_start..end]).is_empty();
            self.lines += 1;
            (self.scanned, self.line_start) = (end + 1, end + 1);
            if is_empty {
                return Found::Head(end + 1);
            }
            if self.lines > MAX_HEADERS {
                return Found::Bad(Status::HEAD_TOO_LARGE);
            }
        }
        self.scanned = limit;
        if input.len() >= MAX_HEAD { Found::Bad(Status::HEAD_TOO_LARGE) } else { Found::NotYet }
    }
}

fn without_cr(mut line: &[u8]) -> &[u8] {
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// Whether it is the first line of a request of HTTP, or of an old encoder for Icecast.
fn is_http(line: &[u8]) -> bool {
    [&b" HTTP/1.0"[..], b" HTTP/1.1", b" HTTP/2.0", b" ICE/1.0"].iter().any(|version| line.ends_with(version))
}

/// Reads what an ICY source says as a connection does, from pieces of this length, and describes it. For
/// fuzzing.
#[doc(hidden)]
pub fn read_icy_login(bytes: &[u8], piece: usize) -> String {
    let mut ends = (piece.max(1)..bytes.len()).step_by(piece.max(1)).chain([bytes.len()]);
    let (login, from) = loop {
        let Some(end) = ends.next() else { return "more is to come".to_owned() };
        match first_line(&bytes[..end]) {
            FirstLine::NotYet => {}
            FirstLine::Refused(fault) => return format!("{fault:?}"),
            FirstLine::Login(login, from) => break (login, from),
        }
    };
    assert!(from <= MAX_LOGIN, "a line of {from} bytes");
    let (said, source) = (format!("{:?} {:?}", login.mount, login.password), login.at("/live"));
    let mut search = IcyHeadSearch::default();
    for end in (from..bytes.len()).step_by(piece.max(1)).chain([bytes.len()]) {
        match search.look(&bytes[from..end]) {
            Found::NotYet => {}
            Found::Bad(status) => return format!("{said} {status:?}"),
            Found::Head(end) => {
                assert!(end <= MAX_HEAD, "a head of {end} bytes");
                let head = head_text(&bytes[from..from + end]);
                let request = source.stream(&head);
                let headers: Vec<_> = request.headers().skip(1).map(|(name, _)| name.to_owned()).collect();
                return format!("{said} {:?} {headers:?} {:?}", request.path(), &bytes[from + end..]);
            }
        }
    }
    format!("{said} more is to come")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn login(mount: Option<&str>, password: &str) -> Option<IcyLogin> {
        Some(IcyLogin { mount: mount.map(str::to_owned), password: password.to_owned() })
    }

    #[test]
    fn a_line_is_a_password_that_may_name_a_user_and_a_mount() {
        for (line, mount, password) in [
            ("secret", None, "secret"),
            ("dj:secret", None, "dj:secret"),
            ("/live:dj:se:cret", Some("/live"), "dj:se:cret"),
            ("/a/b.mp3:secret", Some("/a/b.mp3"), "secret"),
            ("/j%C3%B3ga:secret", Some("/jóga"), "secret"),
            ("/no colon", None, "/no colon"),
            (" with blanks ", None, " with blanks "),
        ] {
            assert_eq!(IcyLogin::of(line), login(mount, password), "{line}");
        }
        for line in ["", "/live:", "a\u{1}b", "/%ff:x"] {
            assert_eq!(IcyLogin::of(line), None, "{line:?}");
        }
        let hidden = login(Some("/live"), "dj:ü").unwrap();
        assert_eq!(hidden.authorization(), "Basic OmRqOsO8");
        let shown = format!("{hidden:?} {:?}", hidden.clone().at("/live"));
        assert!(shown.contains("/live") && !shown.contains('ü') && !shown.contains("OmRqOsO8"), "{shown}");
    }

    #[test]
    fn a_line_ends_in_any_way_and_comes_in_any_pieces() {
        for end in ["\n", "\r\n", "\r\r\n"] {
            let input = format!("dj:secret{end}icy-name:x");
            let at = "dj:secret".len() + end.len();
            for length in 0..at {
                assert_eq!(first_line(&input.as_bytes()[..length]), FirstLine::NotYet, "{end:?} {length}");
            }
            for length in at..=input.len() {
                let expected = FirstLine::Login(login(None, "dj:secret").unwrap(), at);
                assert_eq!(first_line(&input.as_bytes()[..length]), expected, "{end:?} {length}");
            }
        }
        let latin = first_line(b"dj:gr\xfcn\n");
        assert_eq!(latin, FirstLine::Login(login(None, "dj:grün").unwrap(), 8), "as Windows writes it");
    }

    #[test]
    fn what_is_no_login_is_known_early() {
        for (line, fault) in [
            (&b"!POKE\nicy-name:libshout\n\n"[..], IcyFault::Poke),
            (b"GET / HTTP/1.1\r\n", IcyFault::Http),
            (b"SOURCE /live ICE/1.0\n", IcyFault::Http),
            (b"\n", IcyFault::NoLogin),
            (b"\r\r\n", IcyFault::NoLogin),
            (b"\x16\x03\x01", IcyFault::NoLogin),
            (b"pass\0word", IcyFault::NoLogin),
            (b"pass\rword\n", IcyFault::NoLogin),
            (&[b'x'; MAX_LOGIN], IcyFault::NoLogin),
        ] {
            assert_eq!(first_line(line), FirstLine::Refused(fault), "{:?}", line.escape_ascii().to_string());
        }
        assert_eq!(first_line(&[b'x'; MAX_LOGIN - 1]), FirstLine::NotYet);
        let longest = [&[b'x'; MAX_LOGIN - 1][..], b"\n"].concat();
        assert!(matches!(first_line(&longest), FirstLine::Login(_, MAX_LOGIN)));
    }

    #[test]
    fn a_head_ends_at_an_empty_line_of_any_kind_and_has_limits() {
        for head in ["\n", "\r\n", "icy-name:x\n\n", "icy-name:x\r\n\r\n", "icy-name:x\r\r\n\r\r\n"] {
            let input = format!("{head}\u{ff}\n\naudio");
            let mut search = IcyHeadSearch::default();
            for length in 0..head.len() {
                assert_eq!(search.look(&input.as_bytes()[..length]), Found::NotYet, "{head:?} {length}");
            }
            assert_eq!(search.look(input.as_bytes()), Found::Head(head.len()), "{head:?}");
        }
        let with = |count: usize| format!("{}\n", "icy-x:y\n".repeat(count));
        let too_large = Found::Bad(Status::HEAD_TOO_LARGE);
        assert_eq!(IcyHeadSearch::default().look(with(MAX_HEADERS).as_bytes()), Found::Head(8 * 64 + 1));
        assert_eq!(IcyHeadSearch::default().look(with(MAX_HEADERS + 1).as_bytes()), too_large);
        assert_eq!(IcyHeadSearch::default().look(&[b'x'; MAX_HEAD - 1]), Found::NotYet);
        assert_eq!(IcyHeadSearch::default().look(&[b'x'; MAX_HEAD]), too_large);
    }

    #[test]
    fn a_source_is_a_request_and_says_nothing_that_means_something_in_http() {
        let source = login(Some("/jóga"), "dj:secret").unwrap().at("/live");
        let head = head_text(
            b"icy-name:J\xf3ga\r\r\nICY-BR: 96\nno header\nHost: a:1\nhost: b\nAuthorization: Basic x\n\
              Transfer-Encoding: chunked\nContent-Length: 3\nExpect: 100-continue\nX-Forwarded-For: ::1\n\
              content-typed: x\ncontent-type:audio/aacp\n\n",
        );
        let request = source.stream(&head);
        assert_eq!((request.method, request.path().as_deref()), ("SOURCE", Some("/jóga")));
        let headers: Vec<_> = request.headers().map(|(name, _)| name).collect();
        assert_eq!(headers, ["Authorization", "icy-name", "ICY-BR", "content-type", "User-Agent"]);
        let header = |name| request.header(name);
        assert_eq!((header("icy-name"), header("icy-br")), (Some("Jóga"), Some("96")));
        assert_eq!(header("content-type"), Some("audio/aacp"));
        assert_eq!(header("authorization"), Some("Basic OmRqOnNlY3JldA=="));
        assert_eq!((request.body(), request.persists()), (Ok(super::super::Body::Unsaid), false));
        let question = source.question();
        assert_eq!((question.method, question.path().as_deref()), (ICY_LOGIN, Some("/jóga")));
        assert_eq!(login(None, "x").unwrap().at("/live").question().path().as_deref(), Some("/live"));
    }

    proptest! {
        #[test]
        fn tearing_changes_nothing(
            line in "(!POKE|/?[a-z:/]{0,9}|GET / HTTP/1.0)\r{0,2}\n",
            head in "((icy|ice)-[a-z]{1,3}:[ -~]{0,9}\r{0,2}\n){0,5}\r{0,2}\n?[a-z\n]{0,9}",
            piece in 1_usize..20,
        ) {
            let text = line + &head;
            let whole = read_icy_login(text.as_bytes(), text.len());
            prop_assert_eq!(read_icy_login(text.as_bytes(), piece), whole);
        }
    }
}

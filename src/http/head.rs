//! Where the head of a request ends, in bytes that arrive in pieces.

use super::Status;

/// The longest head: request line, headers, and the empty line behind them.
pub(crate) const MAX_HEAD: usize = 16 * 1024;
/// The most headers in a head.
pub(super) const MAX_HEADERS: usize = 64;

/// The most empty lines before a request. Some clients send one after a body (RFC 9112, section 2.2).
const MAX_EMPTY_LINES: usize = 4;

/// Looks for the end of a head that arrives in pieces. It looks at every byte once.
#[derive(Debug, Default)]
pub(crate) struct HeadSearch {
    scanned: usize,
    /// The start of the line that `scanned` is in.
    line_start: usize,
    /// The number of whole lines. The first is the request line.
    lines: usize,
}

/// The result of a search.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The head has no end yet.
    NotYet,
    /// The head ends before this offset.
    Head(usize),
    /// The bytes are no head, whatever follows.
    Bad(Status),
}

impl HeadSearch {
    /// Continues the search. `input` begins with the input of the last call.
    pub(crate) fn look(&mut self, input: &[u8]) -> Found {
        let start = after_empty_lines(input);
        // A request begins with a letter. A TLS handshake does not, and neither does too much of nothing.
        match input[start..] {
            [] | [b'\r'] => return Found::NotYet,
            [first, ..] if !first.is_ascii_graphic() => return Found::Bad(Status::BAD_REQUEST),
            _ => {}
        }
        self.scanned = self.scanned.max(start);
        self.line_start = self.line_start.max(start);
        let limit = input.len().min(MAX_HEAD);
        while let Some(newline) = input[self.scanned..limit].iter().position(|byte| *byte == b'\n') {
            let end = self.scanned + newline;
            let line =
                input[self.line_start..end].strip_suffix(b"\r").unwrap_or(&input[self.line_start..end]);
            let (is_first, is_empty) = (self.lines == 0, line.is_empty());
            self.scanned = end + 1;
            self.line_start = end + 1;
            self.lines += 1;
            if is_first && !is_request_line(&input[start..=end]) {
                return Found::Bad(Status::BAD_REQUEST);
            }
            if is_empty {
                return Found::Head(end + 1);
            }
            if self.lines > MAX_HEADERS + 1 {
                return Found::Bad(Status::HEAD_TOO_LARGE);
            }
        }
        self.scanned = limit;
        if input.len() >= MAX_HEAD { Found::Bad(Status::HEAD_TOO_LARGE) } else { Found::NotYet }
    }
}

/// Where the request begins, behind the empty lines that are passed over.
pub(crate) fn after_empty_lines(input: &[u8]) -> usize {
    let mut rest = input;
    for _ in 0..MAX_EMPTY_LINES {
        let Some(next) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) else { break };
        rest = next;
    }
    input.len() - rest.len()
}

fn is_request_line(line: &[u8]) -> bool {
    let mut headers = [];
    httparse::Request::new(&mut headers).parse(line).is_ok() || ice_line(line).is_some()
}

/// The target of `SOURCE /live ICE/1.0`, and where the headers begin. So old encoders (edcast, AltaCast) ask.
/// Icecast takes it for HTTP/1.0.
pub(super) fn ice_line(head: &[u8]) -> Option<(&str, usize)> {
    let start = after_empty_lines(head);
    let end = start + head[start..].iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&head[start..end]).ok()?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let target = line.strip_prefix("SOURCE ")?.strip_suffix(" ICE/1.0")?;
    let is_target = !target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic());
    is_target.then_some((target, end + 1))
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for head in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\n\n", "GET / HTTP/1.0\r\nA: b\n\r\n"] {
            let input = format!("{head}GET /next");
            assert_eq!(HeadSearch::default().look(input.as_bytes()), Found::Head(head.len()));
            assert_eq!(HeadSearch::default().look(&head.as_bytes()[..head.len() - 1]), Found::NotYet);
        }
    }

    #[test]
    fn limits() {
        let with_headers = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        let at_limit = with_headers(64);
        assert_eq!(HeadSearch::default().look(at_limit.as_bytes()), Found::Head(at_limit.len()));
        assert!(Request::parse(at_limit.as_bytes()).is_ok());
        let too_many = Found::Bad(Status::HEAD_TOO_LARGE);
        assert_eq!(HeadSearch::default().look(with_headers(65).as_bytes()), too_many);

        let of_length = |length: usize| format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(length - 18));
        let at_limit = of_length(MAX_HEAD);
        assert_eq!(at_limit.len(), MAX_HEAD);
        assert_eq!(HeadSearch::default().look(at_limit.as_bytes()), Found::Head(MAX_HEAD));
        assert_eq!(HeadSearch::default().look(of_length(MAX_HEAD + 1).as_bytes()), too_many);
        assert_eq!(HeadSearch::default().look(&vec![b'x'; 1 << 20]), too_many);
        assert_eq!(HeadSearch::default().look(&vec![b'x'; MAX_HEAD - 1]), Found::NotYet);
    }

    #[test]
    fn garbage_is_known_early() {
        for garbage in [
            "\u{16}\u{3}\u{1}",
            "\r\n\r\n\r\n\n\r\n",
            "\r\n GET / HTTP/1.0\r\n",
            "\r\rGET / HTTP/1.0\r\n",
            " GET / HTTP/1.0\r\n",
            "hello\n",
            "GET /\r\n",
            "A b HTTP/3.0\n",
        ] {
            assert_eq!(
                HeadSearch::default().look(garbage.as_bytes()),
                Found::Bad(Status::BAD_REQUEST),
                "{garbage:?}"
            );
        }
        for head in
            ["GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "G\0T / HTTP/1.1\r\n\r\n"]
        {
            assert_eq!(Request::parse(head.as_bytes()).unwrap_err(), Status::BAD_REQUEST);
        }
    }

    #[test]
    fn a_few_empty_lines_before_a_request_are_passed_over() {
        for before in ["\r\n", "\n", "\r\n\r\n", "\n\r\n\n\r\n"] {
            let input = format!("{before}GET /a HTTP/1.1\r\nHost: x\r\n\r\nrest");
            let end = input.len() - "rest".len();
            let mut search = HeadSearch::default();
            for length in 0..end {
                assert_eq!(search.look(&input.as_bytes()[..length]), Found::NotYet, "{before:?} {length}");
            }
            assert_eq!(search.look(input.as_bytes()), Found::Head(end));
            let request = Request::parse(&input.as_bytes()[..end]).unwrap();
            assert_eq!((request.path().as_deref(), request.host()), (Some("/a"), Some("x")));
        }
        assert_eq!(after_empty_lines(b"\r\n\r"), 2);
    }

    proptest! {
        #[test]
        fn tearing_a_head_changes_nothing(
            head in "GET /[a-z]{0,9} HTTP/1\\.[01]\r?\n([A-Za-z-]{1,9}: ?[ -~]{0,20}\r?\n){0,9}\r?\n[a-z]{0,9}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let input = head.as_bytes();
            let whole = HeadSearch::default().look(input);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len())).collect();
            cuts.push(input.len());
            cuts.sort_unstable();
            let mut search = HeadSearch::default();
            let torn = cuts.iter().map(|cut| search.look(&input[..*cut])).find(|found| *found != Found::NotYet);
            prop_assert_eq!(torn, Some(whole));
        }
    }
}

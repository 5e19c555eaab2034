//! The head of a server's answer: the parts that a listener needs.

/// A longer head is an error.
const MOST_BYTES: usize = 16 * 1024;

/// The contents of the head.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub metaint: Option<usize>,
    /// `icy-br`: kilobits per second.
    pub kbit: Option<u32>,
    /// Whether the body is in chunks. That is an error for a live mount.
    pub chunked: bool,
    /// The length of the body, if the head has it.
    pub length: Option<usize>,
    /// The entity tag, with its quotation marks.
    pub etag: Option<String>,
}

/// The state of reading a head.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    Partial,
    /// The head, and its length in bytes.
    Whole(Answer, usize),
    Bad,
}

/// Reads the head at the start of `bytes`.
pub fn read(bytes: &[u8]) -> Reading {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() < MOST_BYTES { Reading::Partial } else { Reading::Bad };
    };
    match parse(&bytes[..end]) {
        Some(answer) => Reading::Whole(answer, end + 4),
        None => Reading::Bad,
    }
}

fn parse(head: &[u8]) -> Option<Answer> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let (version, rest) = lines.next()?.split_once(' ')?;
    if !(version.starts_with("HTTP/1.") || version == "ICY") {
        return None;
    }
    let mut answer = Answer { status: rest.get(..3)?.parse().ok()?, ..Answer::default() };
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            // Without the metaint, metadata cannot be told from audio, so a metaint that is not a number is
            // an error.
            "icy-metaint" => answer.metaint = Some(value.parse().ok().filter(|&metaint| metaint > 0)?),
            "icy-br" => answer.kbit = value.split(',').next().and_then(|kbit| kbit.trim().parse().ok()),
            "content-length" => answer.length = Some(value.parse().ok()?),
            "etag" => answer.etag = Some(value.to_owned()),
            "transfer-encoding" => answer.chunked = !value.eq_ignore_ascii_case("identity"),
            _ => {}
        }
    }
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::{Answer, MOST_BYTES, Reading, read};

    const HEAD: &[u8] =
        b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-br:128\r\nIcy-MetaInt: 16000\r\n\r\n\xff\xfb";

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        let whole = HEAD.len() - 2;
        for end in 0..whole {
            assert_eq!(read(&HEAD[..end]), Reading::Partial, "{end} bytes");
        }
        let answer = Answer { status: 200, metaint: Some(16_000), kbit: Some(128), ..Answer::default() };
        assert_eq!(read(HEAD), Reading::Whole(answer, whole));
    }

    #[test]
    fn bad_heads_are_told() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nicy-metaint: many\r\n\r\n"), Reading::Bad);
        assert_eq!(read(b"hello\r\n\r\n"), Reading::Bad);
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Reading::Bad);
        assert_eq!(read(&vec![b'x'; MOST_BYTES]), Reading::Bad);
        let chunked = read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(chunked, Reading::Whole(Answer { chunked: true, .. }, _)));
    }
}

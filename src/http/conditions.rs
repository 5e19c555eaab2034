//! What a request wants of an object whose bytes do not change: all, a part, or only to hear that its own
//! copy is good (RFC 9110, sections 13 and 14).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::Request;

/// What a request wants of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// The client has it already.
    Nothing,
    /// A part that the object does not have.
    NoSuchPart,
}

/// The entity tag of these bytes, with its quotes.
pub(crate) fn entity_tag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether a header `If-None-Match` names this entity tag, or any.
pub(crate) fn names_tag(header: &str, etag: &str) -> bool {
    header.split(',').any(|tag| is_tag(tag.trim().as_bytes(), etag))
}

fn is_tag(tag: &[u8], etag: &str) -> bool {
    let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
    tag == b"*" || tag == etag.as_bytes()
}

impl Request<'_> {
    /// What it wants of an object of this length, whose entity tag is `etag`, quotes included.
    pub(crate) fn wants_of(&self, etag: &str, length: usize) -> Wanted {
        wanted(self.method, self.headers(), etag, length)
    }
}

/// What a request with this method and these headers wants of an object of this length, whose entity tag is
/// `etag`, quotes included.
///
/// Several parts at once are the whole, as a server may answer: nobody asks for them but to make a server
/// work.
pub(crate) fn wanted<'h>(
    method: &str,
    headers: impl Iterator<Item = (&'h str, &'h [u8])> + Clone,
    etag: &str,
    length: usize,
) -> Wanted {
    let words = |name: &'static str| {
        let values = headers.clone().filter(move |header| header.0.eq_ignore_ascii_case(name));
        let words = values.flat_map(|header| header.1.split(|byte| *byte == b','));
        words.map(<[u8]>::trim_ascii).filter(|word| !word.is_empty())
    };
    if words("if-none-match").any(|tag| is_tag(tag, etag)) {
        return Wanted::Nothing;
    }
    // Of another object, it wants the whole.
    if method != "GET" || words("if-range").next().is_some_and(|tag| tag != etag.as_bytes()) {
        return Wanted::Whole;
    }
    let mut ranges = words("range");
    match (ranges.next(), ranges.next()) {
        (Some(range), None) => part(range, length).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

/// The part that a header `Range` names. None if it is no range of bytes.
fn part(range: &[u8], length: usize) -> Option<Wanted> {
    let range = std::str::from_utf8(range).ok()?;
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (number(first)?, number(last)?) {
        (Some(first), Some(last)) if last < first => return None,
        (Some(first), last) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
        (None, Some(count)) => length.saturating_sub(count)..length,
        (None, None) => return None,
    };
    Some(if range.is_empty() { Wanted::NoSuchPart } else { Wanted::Part(range) })
}

/// The number in a range, which may be missing. None if it is no number. One that does not fit is beyond
/// every object.
fn number(digits: &str) -> Option<Option<usize>> {
    match digits {
        "" => Some(None),
        _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(usize::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(headers: &str) -> Wanted {
        let head = format!("GET /a HTTP/1.1\r\n{headers}\r\n\r\n");
        Request::parse(head.as_bytes()).unwrap().wants_of("\"a1\"", 1000)
    }

    #[test]
    fn a_part_is_asked_for_by_a_range_of_bytes() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-1", 0..2),
            ("Bytes = 10-", 10..1000),
            ("bytes=10-5000", 10..1000),
            ("bytes=0-18446744073709551615", 0..1000),
            ("bytes=0-99999999999999999999999", 0..1000),
            ("bytes=-1", 999..1000),
            ("bytes=-2000", 0..1000),
        ] {
            let range = range.replace(" = ", "=");
            assert_eq!(wanted(&format!("Range: {range}")), Wanted::Part(part), "{range}");
        }
        for range in ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(wanted(&format!("Range: {range}")), Wanted::NoSuchPart, "{range}");
        }
        for range in [
            "bytes=5-4",
            "bytes=-",
            "bytes=",
            "bytes",
            "bytes=a-b",
            "bytes=1-x",
            "bytes=+1-2",
            "items=0-1",
            "bytes=0-1,5-6",
            "bytes=0-1, 2-3",
            "bytes=0x1-2",
            "bytes=- 5",
            "",
        ] {
            assert_eq!(wanted(&format!("Range: {range}")), Wanted::Whole, "{range}");
        }
        assert_eq!(wanted("Range: bytes=0-1\r\nRange: bytes=5-6"), Wanted::Whole);
    }

    #[test]
    fn a_part_of_another_object_is_not_sent() {
        let part = Wanted::Part(0..10);
        for (tag, wants) in [
            ("\"a1\"", part),
            ("\"a2\"", Wanted::Whole),
            ("W/\"a1\"", Wanted::Whole),
            ("a1", Wanted::Whole),
            ("Mon, 30 Nov 2026 00:00:00 GMT", Wanted::Whole),
        ] {
            assert_eq!(wanted(&format!("Range: bytes=0-9\r\nIf-Range: {tag}")), wants, "{tag}");
        }
        let head = b"HEAD /a HTTP/1.1\r\nRange: bytes=0-9\r\n\r\n";
        assert_eq!(Request::parse(head).unwrap().wants_of("\"a1\"", 1000), Wanted::Whole);
    }

    #[test]
    fn a_client_says_what_it_has() {
        let tag = entity_tag(b"{}");
        assert_ne!(tag, entity_tag(b"[]"));
        for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".into()] {
            assert!(names_tag(&known, &tag), "{known}");
        }
        for other in ["", "\"a\"", "a", tag.trim_matches('"')] {
            assert!(!names_tag(other, &tag), "{other}");
        }
    }

    #[test]
    fn who_has_the_object_needs_nothing() {
        for tags in ["\"a1\"", "W/\"a1\"", "*", "\"b\", \"a1\"", "\"b\"\r\nIf-None-Match: \"a1\""] {
            assert_eq!(wanted(&format!("If-None-Match: {tags}\r\nRange: bytes=0-1")), Wanted::Nothing);
        }
        for tags in ["\"a\"", "a1", "\"a1", "", "\"A1\""] {
            assert_eq!(wanted(&format!("If-None-Match: {tags}")), Wanted::Whole, "{tags}");
        }
    }
}

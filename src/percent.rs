//! Percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// All but letters, digits and `/-._`.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_');
/// What is encoded in a path: all but the slash and the characters that a segment may have (RFC 3986, section
/// 3.3). `&` is encoded too, so that a path needs no escape in HTML and XML.
const IN_PATH: &AsciiSet = &PLAIN
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Decodes each `%` with two hex digits after it. Other bytes stay as they are, a stray `%` included.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(text).into()
}

/// As [`decode`]. None if the result is not UTF-8.
pub(crate) fn decode_text(text: &str) -> Option<Cow<'_, str>> {
    percent_decode(text.as_bytes()).decode_utf8().ok()
}

/// Encodes a path for a URL. The path need not be UTF-8.
pub(crate) fn encode_path(path: &[u8]) -> Cow<'_, str> {
    percent_encode(path, IN_PATH).into()
}

/// Encodes all bytes but letters, digits and `/-._`, so that the text can stand anywhere.
pub(crate) fn encode_plainly(text: &[u8]) -> Cow<'_, str> {
    percent_encode(text, PLAIN).into()
}

/// The URL of a mount: `base`, such as `http://radio.example:8000`, and the percent-encoded path.
pub fn mount_url(base: &str, path: &str) -> String {
    format!("{base}{}", encode_path(path.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_decoded_and_strays_stay() {
        for (encoded, decoded) in [
            (&b"a%20b%e4%C3%BC"[..], &b"a b\xe4\xc3\xbc"[..]),
            (b"100%", b"100%"),
            (b"%4", b"%4"),
            (b"%zz%%41", b"%zz%A"),
        ] {
            assert_eq!(decode(encoded), decoded, "{}", encoded.escape_ascii());
        }
        assert_eq!(decode_text("caf%C3%A9").as_deref(), Some("café"));
        assert_eq!(decode_text("%ff"), None);
    }

    #[test]
    fn paths_are_ascii_without_markup_and_survive() {
        assert_eq!(encode_path("/é \"<%?#&.mp3".as_bytes()), "/%C3%A9%20%22%3C%25%3F%23%26.mp3");
        assert_eq!(encode_path(b"/a-b._~!$'()*+,;=:@"), "/a-b._~!$'()*+,;=:@");
        let all: Vec<u8> = (0..=u8::MAX).collect();
        for encoded in [encode_path(&all), encode_plainly(&all)] {
            assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'&'), "{encoded}");
            assert_eq!(decode(encoded.as_bytes()), all);
        }
    }

    #[test]
    fn a_mount_has_a_url() {
        assert_eq!(mount_url("http://[::1]:8000", "/jóga%.mp3"), "http://[::1]:8000/j%C3%B3ga%25.mp3");
    }
}

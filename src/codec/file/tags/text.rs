//! The encodings of texts in tags, and what tag writers get wrong about them.

use encoding_rs::Encoding;

/// The longest text that is kept: enough for any title.
pub(in crate::codec::file) const LONGEST_BYTES: usize = 16 * 1024;

/// Decodes a text whose tag does not specify the encoding: UTF-16 if it begins with a byte order mark, UTF-8
/// if it is valid, else Windows-1252, which is Latin-1 with a few more characters.
pub(super) fn guessed(bytes: &[u8]) -> String {
    utf8_or(encoding_rs::WINDOWS_1252, bytes)
}

/// The same, but what is not valid UTF-8 is in another encoding.
fn utf8_or(other: &'static Encoding, bytes: &[u8]) -> String {
    if has_mark(bytes) {
        return utf16(bytes, Order::Little).join("\0");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // A long text was cut in the middle of a character.
        Err(cut) if cut.error_len().is_none() && cut.valid_up_to() > 0 && bytes.len() >= LONGEST_BYTES => {
            String::from_utf8_lossy(&bytes[..cut.valid_up_to()]).into_owned()
        }
        Err(_) => other.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// The same for a text that ends at its first zero. It may be UTF-16, with a mark or without one.
pub(in crate::codec::file) fn until_zero(bytes: &[u8]) -> String {
    until_zero_or(encoding_rs::WINDOWS_1252, bytes)
}

/// The same for a text of AIFF: what is not valid UTF-8 was written by an old Mac.
pub(in crate::codec::file) fn until_zero_or_mac(bytes: &[u8]) -> String {
    until_zero_or(encoding_rs::MACINTOSH, bytes)
}

fn until_zero_or(other: &'static Encoding, bytes: &[u8]) -> String {
    if has_mark(bytes) || looks_like_utf16(bytes) {
        return utf16(bytes, Order::Little).into_iter().next().unwrap_or_default();
    }
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    utf8_or(other, &bytes[..end])
}

/// Decodes UTF-16 whose upper bytes come first.
pub(super) fn utf16_big(bytes: &[u8]) -> String {
    utf16(bytes, Order::Big).join("\0")
}

/// Decodes the values of an ID3v2 text frame: a byte for the encoding, then texts separated by zeros.
pub(super) fn id3(frame: &[u8]) -> Vec<String> {
    let (encoding, text) = match frame {
        [encoding @ 0..=3, text @ ..] => (*encoding, text),
        // There is no such encoding.
        [4..=0x1f, text @ ..] => (0, text),
        // The byte for the encoding is missing.
        text => (0, text),
    };
    let is_wide = match encoding {
        1 | 2 => has_mark(text) || !text.iter().all(|byte| (b' '..=b'~').contains(byte)),
        _ => has_mark(text),
    };
    if is_wide {
        utf16(text, if encoding == 2 { Order::Big } else { Order::Little })
    } else {
        guessed(text).split('\0').map(str::to_owned).collect()
    }
}

/// The order of the two bytes of a UTF-16 unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

fn has_mark(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Whether three characters of ASCII are written with two bytes each.
fn looks_like_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, &[a, 0, b, 0, c, 0, ..] if a != 0 && b != 0 && c != 0)
}

/// Decodes UTF-16 texts that are separated by zeros. Each may have a byte order mark of its own; one without
/// has the order of the last mark. An odd byte at the end is left out.
fn utf16(bytes: &[u8], default: Order) -> Vec<String> {
    let evident = evident_order(bytes);
    let mut order = evident.unwrap_or(default);
    let mut texts = vec![Vec::new()];
    for pair in bytes.as_chunks::<2>().0 {
        match pair {
            [0xff, 0xfe] => order = evident.unwrap_or(Order::Little),
            [0xfe, 0xff] => order = evident.unwrap_or(Order::Big),
            [0, 0] => texts.push(Vec::new()),
            pair => {
                let unit = match order {
                    Order::Little => u16::from_le_bytes(*pair),
                    Order::Big => u16::from_be_bytes(*pair),
                };
                texts.last_mut().expect("there is at least one").push(unit);
            }
        }
    }
    texts.iter().map(|units| String::from_utf16_lossy(units)).collect()
}

/// The order that the zeros show, whatever a mark says: if at least half of the characters are ASCII, the
/// upper bytes are zero.
fn evident_order(bytes: &[u8]) -> Option<Order> {
    let pairs =
        bytes.as_chunks::<2>().0.iter().filter(|pair| ![[0, 0], [0xff, 0xfe], [0xfe, 0xff]].contains(pair));
    let (mut count, mut first, mut second) = (0, 0, 0);
    for [a, b] in pairs {
        count += 1;
        first += usize::from(*a == 0);
        second += usize::from(*b == 0);
    }
    match (first, second) {
        (1.., 0) if first * 2 >= count => Some(Order::Big),
        (0, 1..) if second * 2 >= count => Some(Order::Little),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str, order: Order) -> Vec<u8> {
        let bytes = |unit: u16| match order {
            Order::Little => unit.to_le_bytes(),
            Order::Big => unit.to_be_bytes(),
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_text_without_an_encoding_is_guessed() {
        assert_eq!(guessed("日本語".as_bytes()), "日本語");
        assert_eq!(guessed("\u{feff}Jóga".as_bytes()), "Jóga");
        assert_eq!(guessed(b"Bj\xf6rk \x96 J\xf3ga"), "Björk – Jóga");
        assert_eq!(guessed(&[&b"\xff\xfe"[..], &wide("日本", Order::Little)].concat()), "日本");
        assert_eq!(until_zero(&wide("Jingle\0rest", Order::Little)), "Jingle");
        assert_eq!(until_zero(&[&b"\xfe\xff"[..], &wide("日本\0x", Order::Big)].concat()), "日本");
        assert_eq!(until_zero(b"a\0b"), "a");
        assert_eq!(until_zero_or_mac(b"Bj\x9ark \xd0 J\x97ga\0x"), "Björk – Jóga");
        assert_eq!(until_zero_or_mac("Jóga".as_bytes()), "Jóga");
        let cut = "ö".repeat(LONGEST_BYTES);
        assert_eq!(guessed(&cut.as_bytes()[..LONGEST_BYTES + 1]), "ö".repeat(LONGEST_BYTES / 2));
    }

    #[test]
    fn an_encoding_that_is_wrong_is_seen() {
        let with = |encoding: u8, mark: &[u8], text: Vec<u8>| [&[encoding][..], mark, &text].concat();
        let (little, big) = (wide("Jóga", Order::Little), wide("Jóga", Order::Big));
        for (what, frame) in [
            ("UTF-16 with a mark", with(1, b"\xff\xfe", little.clone())),
            ("UTF-16 with the other mark", with(1, b"\xfe\xff", big.clone())),
            ("UTF-16 without a mark", with(1, b"", little.clone())),
            ("UTF-16 without a mark, in the other order", with(1, b"", big.clone())),
            ("UTF-16 with the wrong mark", with(1, b"\xff\xfe", big.clone())),
            ("UTF-16 with the other wrong mark", with(1, b"\xfe\xff", little.clone())),
            ("UTF-16BE", with(2, b"", big.clone())),
            ("UTF-16BE with a mark", with(2, b"\xfe\xff", big.clone())),
            ("UTF-16BE that is in the other order", with(2, b"", little.clone())),
            ("UTF-16 said to be Latin-1", with(0, b"\xff\xfe", little.clone())),
            ("UTF-16 said to be UTF-8", with(3, b"\xfe\xff", big.clone())),
            ("UTF-16 with an odd byte at the end", with(1, b"\xff\xfe", [little, vec![0]].concat())),
            ("UTF-8", with(3, b"", "Jóga".into())),
            ("UTF-8 with a mark", with(3, b"\xef\xbb\xbf", "Jóga".into())),
            ("UTF-8 said to be Latin-1", with(0, b"", "Jóga".into())),
            ("Latin-1", with(0, b"", b"J\xf3ga".to_vec())),
            ("Latin-1 said to be UTF-8", with(3, b"", b"J\xf3ga".to_vec())),
            ("an encoding that does not exist", with(9, b"", b"J\xf3ga".to_vec())),
            ("no byte for the encoding", b"J\xf3ga".to_vec()),
        ] {
            assert_eq!(id3(&frame), ["Jóga"], "{what}: {frame:x?}");
        }
        assert_eq!(id3(b"\x01Plain text"), ["Plain text"], "ASCII said to be UTF-16");
        assert_eq!(id3(&with(1, b"\xff\xfe", wide("東京　駅", Order::Little))), ["東京　駅"]);
        assert_eq!(id3(b""), [""]);
    }

    #[test]
    fn values_are_separated_by_zeros() {
        assert_eq!(id3(b"\x03A\0B\0C"), ["A", "B", "C"]);
        assert_eq!(id3(b"\x00A\0B\0"), ["A", "B", ""]);
        let marked = |text: &str, order, mark: &[u8]| [mark, &wide(text, order)].concat();
        let (a, b) = (marked("東\0", Order::Little, b"\xff\xfe"), marked("京", Order::Big, b"\xfe\xff"));
        assert_eq!(id3(&[&[1][..], &a, &b].concat()), ["東", "京"], "each with its own mark");
        assert_eq!(id3(&[&[1][..], &a, &wide("京", Order::Little)].concat()), ["東", "京"], "only the first");
    }
}

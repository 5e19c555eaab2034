//! Percent-encoding, as URLs and playlists have it.

/// Each `%` and two hex digits as the byte that they mean. Every other byte is kept, a stray `%` too.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        match (byte, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_decoded_and_strays_stay() {
        assert_eq!(decoded(b"a%20b%e4%C3%BC"), b"a b\xe4\xc3\xbc");
        assert_eq!(decoded(b"100%"), b"100%");
        assert_eq!(decoded(b"%4"), b"%4");
        assert_eq!(decoded(b"%zz%%41"), b"%zz%A");
    }
}

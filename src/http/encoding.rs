//! Whether a client takes a body that is compressed (RFC 9110, section 12.5.3).

use super::Request;

impl Request<'_> {
    /// Whether it names gzip among the encodings that it takes, or says that it takes any.
    pub(crate) fn accepts_gzip(&self) -> bool {
        let named = |coding: &[u8]| coding.eq_ignore_ascii_case(b"gzip") || coding == b"*";
        self.words("accept-encoding").any(|word| {
            let mut parts = word.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            parts.next().is_some_and(named) && !parts.any(is_nothing)
        })
    }
}

/// Whether this parameter is a weight of zero, by which an encoding is refused.
fn is_nothing(parameter: &[u8]) -> bool {
    let weight = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    let weight = weight.and_then(|weight| std::str::from_utf8(weight).ok());
    weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_by_whoever_names_it() {
        let accepts = |headers: &str| {
            let head = format!("GET /a HTTP/1.1\r\n{headers}\r\n\r\n");
            Request::parse(head.as_bytes()).unwrap().accepts_gzip()
        };
        for taken in
            ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "*", "deflate\r\nAccept-Encoding: gzip"]
        {
            assert!(accepts(&format!("Accept-Encoding: {taken}")), "{taken}");
        }
        for refused in ["", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzipped", "br"] {
            assert!(!accepts(&format!("Accept-Encoding: {refused}")), "{refused}");
        }
        assert!(!accepts("Accept: gzip"));
    }
}

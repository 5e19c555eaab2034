//! Hosts: what may stand between `http://` and the path of a URL.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name that DNS knows, and its longest part.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Whether the text is a host with or without a port: `radio.example:8000`, `192.0.2.1`, `[2001:db8::1]:8000`.
/// No such text can end a line, a URL or an HTML tag. RFC 3986 allows more names (`%41`, `a;b`), but none of
/// them has an address.
pub(crate) fn is_host(text: &str) -> bool {
    let (host, port) = match text.rfind(']') {
        Some(bracket) => text.split_at(bracket + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    is_port && (is_name(host) || host.parse::<Ipv4Addr>().is_ok() || is_ipv6(host))
}

/// A number from 1 to 65535, in digits.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_ipv6(text: &str) -> bool {
    let address = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
}

/// Whether it is a name such as `radio.example`. Browsers take a name whose last label is a number for an
/// IPv4 address, so such a name is none. Names on local networks have underscores.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(is_part)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number =
        |label: &str| label.starts_with(|first: char| first.is_ascii_digit()) && is_numeric(label);
    name.len() <= LONGEST_NAME
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
}

/// Decimal, octal or hexadecimal: `1`, `017`, `0x7f`.
fn is_numeric(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hexadecimal {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts() {
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        for host in [
            "localhost",
            "radio.example:8000",
            "radio.example.",
            "radio.example.:80",
            "RADIO.EXAMPLE:65535",
            "xn--caf-dma.example",
            "my_nas-2:8000",
            "3com.example",
            "0x7f.example",
            "a.1b",
            "192.0.2.1",
            "192.0.2.1:1",
            "[::1]",
            "[2001:db8::1]:8000",
            "[::ffff:192.0.2.1]",
            &longest,
        ] {
            assert!(is_host(host), "{host}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        let (long_label, long_name) = ("a".repeat(64), ["a."; 127].concat() + "b");
        for text in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            ":",
            ":80",
            "[::1",
            "::1]",
            "[]",
            "[]:80",
            "::1",
            "[::1]80",
            "[::1]:",
            "[::g]",
            "[192.0.2.1]",
            "[::1%25eth0]",
            "[fe80::1%eth0]",
            "[v1.a]",
            "[[::1]]",
            "[::1]]",
            "a:",
            "a:0",
            "a:00",
            "a:65536",
            "a:99999",
            "a:+80",
            "a:-1",
            "a:8 0",
            "a:80:80",
            "a:http",
            "user@host",
            "user:pass@host",
            "a/b",
            "a\\b",
            "a?b",
            "a#b",
            "a b",
            " a",
            "a\t",
            "a\r\nb",
            "a\0",
            "a\u{7f}",
            "a\"b",
            "<script>",
            "a'b",
            "a,b",
            "a;b",
            "a&b",
            "a$(b)",
            "%41",
            "a%2fb",
            "caf\u{e9}",
            "-a",
            "a-",
            "a.-b",
            "1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "0x7f.1",
            "a.0x",
            "127.0.0.1.",
            &long_label,
            &long_name,
        ] {
            assert!(!is_host(text), "{text:?}");
        }
    }
}

//! Values that are written as text: amounts with a unit (`30s`, `250ms`, `1h30m`, `64KiB`) and addresses.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Units of time, longest first, with their nanoseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Units of size with their bytes.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads `30s`, `250ms`, `2m`, `1h30m` or `1.5s`: numbers with units, longer units first.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write \"30s\", \"250ms\", \"2m\" or \"1h30m\"");
    let mut rest = text.trim();
    let mut nanos: u64 = 0;
    let mut units = &TIME_UNITS[..];
    while !rest.is_empty() {
        let (number, after) = split_number(rest).ok_or_else(wrong)?;
        let after = after.trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let unit = &after[..end];
        if after.is_empty() {
            return Err(format!(
                "{text:?} lacks a unit: write \"{rest}s\" for seconds, or use ms, m, h or d"
            ));
        }
        // Only smaller units may follow: "30m1h" is more likely a mistake than intended.
        let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(wrong)?;
        nanos = scaled(number, units[at].1).and_then(|part| nanos.checked_add(part)).ok_or_else(wrong)?;
        units = &units[at + 1..];
        rest = after[end..].trim_start();
    }
    if text.trim().is_empty() { Err(wrong()) } else { Ok(Duration::from_nanos(nanos)) }
}

/// Writes a time as people do, and as [`duration`] reads it: `13h`, `1h30m`, `250ms`. What is less than a
/// millisecond is left out.
pub(crate) fn duration_text(time: Duration) -> String {
    let mut rest = time.as_nanos();
    let mut text = String::new();
    for (unit, nanos) in TIME_UNITS {
        let nanos = u128::from(nanos);
        if rest >= nanos {
            text += &format!("{}{unit}", rest / nanos);
            rest %= nanos;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Reads `64KiB`, `1MB` or `500B`: a number of bytes with a unit, as many as memory may have.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    usize::try_from(disk_size(text)?).map_err(|_| no_size(text))
}

/// The same for what is on a disk.
pub(crate) fn disk_size(text: &str) -> Result<u64, String> {
    let wrong = || no_size(text);
    let (number, unit) = split_number(text.trim()).ok_or_else(wrong)?;
    let (_, bytes) =
        SIZE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim())).ok_or_else(wrong)?;
    scaled(number, *bytes).ok_or_else(wrong)
}

fn no_size(text: &str) -> String {
    format!("{text:?} is not a size: write \"64KiB\", \"1MiB\" or \"500kB\"")
}

/// Reads `ADDR:PORT`, `[::1]:8001`, `:8001` or `8001`. The last two mean all addresses of both families.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let trimmed = text.trim();
    if let Ok(address) = trimmed.parse() {
        return Ok(address);
    }
    let port = trimmed.strip_prefix(':').unwrap_or(trimmed);
    if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        return match port.parse() {
            Ok(port) => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
            Err(_) => Err(format!("{text:?}: a port is a number up to 65535")),
        };
    }
    Err(format!(
        "{text:?} is not an address: write a port (\"8001\") or a numeric address with a port \
         (\"127.0.0.1:8001\", \"[::1]:8001\")"
    ))
}

/// Splits a decimal number from the text after it.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) && digits(part)).then_some((number, rest))
}

/// A decimal number times `unit`, rounded down. `None` if it does not fit.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    // Ten digits divide every unit finely enough, and ten digits times a unit fit into 128 bits.
    let part = &part[..part.len().min(10)];
    let part = u128::from(part.parse::<u64>().ok()?) * u128::from(unit) / 10_u128.pow(part.len() as u32);
    whole.checked_add(part as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let ms = Duration::from_millis;
        for (text, expected) in [
            ("30s", ms(30_000)),
            ("250ms", ms(250)),
            ("2m", ms(120_000)),
            ("1h30m", ms(5_400_000)),
            ("1m0.5s", ms(60_500)),
            ("0s", ms(0)),
            (" 3s ", ms(3_000)),
            ("1h 2 m", ms(3_720_000)),
            ("30d", ms(2_592_000_000)),
            ("1d12h", ms(129_600_000)),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "3x", "-1s", "1e3s", "30m1h", "1s1s", "1..5s", ".5s", "99999999999999h", "3٣s"]
        {
            assert!(duration(text).unwrap_err().contains("is not a duration"), "{text}");
        }
        assert_eq!(
            duration("30").unwrap_err(),
            "\"30\" lacks a unit: write \"30s\" for seconds, or use ms, m, h or d"
        );
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["0s", "250ms", "1s500ms", "13h", "1h30m", "30d", "31d1h", "8d2m3s4ms"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
        assert_eq!(duration_text(Duration::from_micros(999)), "0s");
    }

    #[test]
    fn sizes_are_numbers_with_units() {
        for (text, expected) in
            [("64KiB", 65_536), ("1MB", 1_000_000), ("1.5 MiB", 1_572_864), ("7B", 7), ("64kib", 65_536)]
        {
            assert_eq!(size(text), Ok(expected), "{text}");
        }
        for text in ["", "64", "64K", "KiB", "-1B", "99999999999999GiB"] {
            assert!(size(text).unwrap_err().contains("is not a size"), "{text}");
        }
    }

    #[test]
    fn addresses_may_leave_out_all_but_the_port() {
        for (text, expected) in [
            ("8001", "[::]:8001"),
            (":8001", "[::]:8001"),
            ("0", "[::]:0"),
            ("127.0.0.1:8001", "127.0.0.1:8001"),
            ("[::1]:8001", "[::1]:8001"),
        ] {
            assert_eq!(address(text), Ok(expected.parse().unwrap()), "{text}");
        }
        assert_eq!(address("65536").unwrap_err(), "\"65536\": a port is a number up to 65535");
        for text in ["", ":", "localhost:8000", "::1", "1.2.3.4", "1.2.3.4:x"] {
            assert!(address(text).unwrap_err().contains("is not an address"), "{text}");
        }
    }
}

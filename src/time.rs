//! Times as the API writes them: instants as RFC 3339 in UTC, durations as seconds.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serializer};

/// The longest duration that anybody may ask for: a day.
const LONGEST: f64 = 86_400.0;

/// `2026-03-01T12:00:00.250Z`.
pub(crate) fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// Milliseconds since 1970. Times before that are none.
#[cfg(feature = "library")]
pub(crate) fn millis_since_1970(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time so many milliseconds after 1970.
pub(crate) fn from_millis(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis.max(0).unsigned_abs())
}

/// Seconds to the millisecond.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// For serde: seconds to the millisecond.
pub(crate) fn as_seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(seconds(*time))
}

/// For serde: a time in seconds, or none. Debug's form of a number is short, however large it is.
#[cfg(feature = "library")]
pub(crate) mod optional_seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer, seconds};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.serialize_f64(seconds(*time)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let wrong = |seconds| {
            serde::de::Error::custom(format!("{seconds:?} is not within 0 and {} seconds", super::LONGEST))
        };
        Option::<f64>::deserialize(from)?
            .map(|seconds| super::parse(seconds).ok_or_else(|| wrong(seconds)))
            .transpose()
    }
}

/// For serde: seconds that somebody asks for.
pub(crate) fn from_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(from)?;
    parse(seconds)
        .ok_or_else(|| serde::de::Error::custom(format!("{seconds:?} is not within 0 and {LONGEST} seconds")))
}

/// The same where nothing need be asked for.
pub(crate) fn some_from_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    from_seconds(from).map(Some)
}

/// A duration of so many seconds, if it is one.
pub(crate) fn parse(seconds: f64) -> Option<Duration> {
    (0.0..=LONGEST).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond_and_read_with_sense() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_000_000_250);
        assert_eq!(rfc3339(at), "2001-09-09T01:46:40.250Z");
        assert_eq!(seconds(Duration::from_micros(1_234_999)), 1.234);
        assert_eq!(parse(1.5), Some(Duration::from_millis(1500)));
        for wrong in [-0.1, f64::NAN, f64::INFINITY, 86_401.0] {
            assert_eq!(parse(wrong), None);
        }
    }
}

//! From when to when: days of a time zone, or points of time.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::civil::Zone;
use crate::error::{Error, Result};

/// A span of time, in a time zone: the one of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportSpan {
    /// Its beginning, in milliseconds since 1970. `None`: the beginning of the history.
    pub from: Option<u64>,
    /// Its end, which is not a part of it, in milliseconds since 1970. `None`: now.
    pub before: Option<u64>,
    pub(super) zone: TimeZone,
}

impl ReportSpan {
    /// Reads a span. Each end is a day (`2026-03-29`), which is a part of the span from its first to its last
    /// moment, or a point of time (`2026-03-29T12:00:00Z`). Days are those of the time zone with this name
    /// (`Europe/Berlin`), else those of `own`, the one of a pipeline; one on which clocks are changed has 23
    /// hours, or 25.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `from`, `to` or `zone`, for what cannot be understood, and for an end
    /// before the beginning.
    ///
    /// ```
    /// use longwave::ReportSpan;
    /// let berlin = "Europe/Berlin".parse().unwrap();
    /// let day = ReportSpan::parse(Some("2026-03-29"), Some("2026-03-29"), None, &berlin)?;
    /// assert_eq!(day.before.unwrap() - day.from.unwrap(), 23 * 3600 * 1000);
    /// # Ok::<(), longwave::Error>(())
    /// ```
    pub fn parse(from: Option<&str>, to: Option<&str>, zone: Option<&str>, own: &Zone) -> Result<ReportSpan> {
        let zone = match zone {
            None => own.zone(),
            Some(name) => name.parse::<Zone>().map_err(|reason| Error::setting("zone", reason))?.zone(),
        };
        let end = |key, text: Option<&str>, days| -> Result<Option<u64>> {
            text.map(|text| point(text, &zone, days).map_err(|reason| Error::setting(key, reason)))
                .transpose()
        };
        let (from, before) = (end("from", from, 0)?, end("to", to, 1)?);
        if let (Some(from), Some(before)) = (from, before)
            && before < from
        {
            return Err(Error::setting("to", "it is before the beginning"));
        }
        Ok(ReportSpan { from, before, zone })
    }
}

/// The milliseconds of a point of time, or of the beginning of the day that is so many days after this one.
fn point(text: &str, zone: &TimeZone, days: i64) -> std::result::Result<u64, String> {
    let wrong = || format!("{text:?} is neither a day (2026-03-29) nor a time (2026-03-29T12:00:00Z)");
    let at: Timestamp = match text.parse::<Date>() {
        // A date alone: whatever is longer is a time.
        Ok(day) if text.len() <= "2026-03-29".len() => {
            let day = day.checked_add(days.days()).map_err(|_| wrong())?;
            day.to_zoned(zone.clone()).map_err(|_| wrong())?.timestamp()
        }
        _ => text.parse().map_err(|_| wrong())?,
    };
    // Nothing is older than that.
    Ok(at.as_millisecond().max(0) as u64)
}

//! The times at which a user may send: `Mon-Fri 20:00 for 2h overrun 10m in Europe/Berlin`.
//!
//! Times are civil: of the slot's own zone, or of the system's.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use crate::civil::{Days, begin, read_time};
use crate::setting::values::duration;

/// The longest slot, and the longest overrun.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A time that comes again every week, at which a user may send a stream.
///
/// ```
/// use longwave::Slot;
///
/// let slot: Slot = "Mon-Fri 20:00 for 2h overrun 10m in Europe/Berlin".parse()?;
/// assert_eq!(slot.to_string(), "Mon-Fri 20:00 for 2h overrun 10m in Europe/Berlin");
/// assert!("Mon 25:00 for 2h".parse::<Slot>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// As it was written, with single spaces.
    text: String,
    days: Days,
    time: Time,
    lasts: Duration,
    overrun: Duration,
    /// `None`: the system's.
    zone: Option<TimeZone>,
}

/// One time at which a slot comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub begins: SystemTime,
    /// When it ends.
    pub ends: SystemTime,
    /// When who overruns it is cut off.
    pub until: SystemTime,
}

/// Where a moment is among the slots of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slotted<'a> {
    /// There are no slots: the user may send at any time.
    Always,
    /// One is now. Those that follow it without a break belong to it.
    Now(Turn),
    /// None is now. This one is next.
    Next(&'a Slot, Turn),
    /// None comes any more, as far as the calendar goes.
    Never,
}

/// Where this moment is among these slots.
pub(crate) fn slotted(slots: &[Slot], now: SystemTime) -> Slotted<'_> {
    if slots.is_empty() {
        return Slotted::Always;
    }
    let turns = || slots.iter().flat_map(|slot| slot.turns(now).map(move |turn| (slot, turn)));
    let latest_at = |at: SystemTime| {
        let then = turns().map(|(_, turn)| turn).filter(|turn| turn.begins <= at && at < turn.until);
        then.max_by_key(|turn| turn.until)
    };
    if let Some(mut turn) = latest_at(now) {
        while let Some(Turn { ends, until, .. }) = latest_at(turn.until) {
            turn = Turn { ends, until, ..turn };
        }
        return Slotted::Now(turn);
    }
    let next = turns().filter(|(_, turn)| turn.begins > now).min_by_key(|(_, turn)| turn.begins);
    next.map_or(Slotted::Never, |(slot, turn)| Slotted::Next(slot, turn))
}

impl Slot {
    /// The turns around a moment: all that may be now, and the next one.
    fn turns(&self, now: SystemTime) -> impl Iterator<Item = Turn> {
        let zone = self.zone();
        let today = timestamp(now).to_zoned(zone.clone()).date();
        // A turn may have begun two days ago, and the next one may come in a week.
        let dates = (-2..=8).filter_map(move |days: i64| today.checked_add(days.days()).ok());
        let dates = dates.filter(|date| self.days.has(date.weekday()));
        dates.filter_map(move |date| {
            let begins = SystemTime::from(begin(&zone, date, self.time)?);
            let ends = begins + self.lasts;
            Some(Turn { begins, ends, until: ends + self.overrun })
        })
    }

    /// The same, meant in this zone unless it names one.
    #[cfg(feature = "library")]
    pub(crate) fn meant_in(self, zone: &TimeZone) -> Slot {
        Slot { zone: self.zone.or_else(|| Some(zone.clone())), ..self }
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone().unwrap_or_else(TimeZone::system)
    }

    /// A moment as its users read it: `2026-12-01 20:00 Europe/Berlin`.
    pub fn shown(&self, at: SystemTime) -> String {
        let at: Zoned = timestamp(at).to_zoned(self.zone());
        let zone = at.time_zone().iana_name().map(str::to_owned);
        format!(
            "{} {}",
            at.strftime("%Y-%m-%d %H:%M"),
            zone.unwrap_or_else(|| at.strftime("%:z").to_string())
        )
    }
}

fn timestamp(at: SystemTime) -> Timestamp {
    Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Slot, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let wrong =
            |reason: String| format!("{text:?}: {reason}: write \"Mon-Fri 20:00 for 2h\", for example");
        let [days, time, options @ ..] = words.as_slice() else {
            return Err(wrong("a slot has days and a time".into()));
        };
        let (mut lasts, mut overrun, mut zone) = (None, Duration::ZERO, None);
        for option in options.chunks(2) {
            match option {
                ["for", value] => lasts = Some(length(value).map_err(wrong)?),
                ["overrun", value] => overrun = length(value).map_err(wrong)?,
                ["in", name] => {
                    zone = Some(TimeZone::get(name).map_err(|_| wrong(format!("{name:?} is no time zone")))?);
                }
                other => return Err(wrong(format!("{:?} is no option", other.join(" ")))),
            }
        }
        Ok(Slot {
            days: days.parse().map_err(wrong)?,
            time: read_time(time).ok_or_else(|| wrong(format!("{time:?} is no time of day")))?,
            lasts: lasts.ok_or_else(|| wrong("it does not say for how long".into()))?,
            overrun,
            zone,
            text: words.join(" "),
        })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn length(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    match length.is_zero() || length > LONGEST {
        true => Err(format!("{text} is not between 1s and 24h")),
        false => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn slot(text: &str) -> Slot {
        text.parse().unwrap()
    }

    #[test]
    fn a_slot_is_written_as_it_is_read_and_says_what_is_wrong() {
        for text in [
            "Mon-Fri 20:00 for 2h",
            "daily 06:30 for 90m overrun 10m in Europe/Berlin",
            "fri-Mon,Wed 23:59 for 1s",
        ] {
            assert_eq!(slot(text).to_string(), text);
        }
        assert_eq!(slot(" Sat  10:00 for  1h").to_string(), "Sat 10:00 for 1h");
        for (text, part) in [
            ("", "a slot has days and a time"),
            ("Mon", "a slot has days and a time"),
            ("Mon 20:00", "it does not say for how long"),
            ("Mom 20:00 for 2h", "\"Mom\" is no day"),
            ("Mon- 20:00 for 2h", "\"\" is no day"),
            ("Mon 24:00 for 2h", "\"24:00\" is no time of day"),
            ("Mon 8:00 for 2h", "\"8:00\" is no time of day"),
            ("Mon 20:00 for 25h", "25h is not between 1s and 24h"),
            ("Mon 20:00 for 2h in Atlantis", "\"Atlantis\" is no time zone"),
            ("Mon 20:00 for 2h until dawn", "\"until dawn\" is no option"),
            ("Mon 20:00 for 2h overrun", "\"overrun\" is no option"),
        ] {
            let reason = text.parse::<Slot>().unwrap_err();
            assert!(reason.contains(part), "{text:?}: {reason}");
        }
    }

    #[test]
    fn a_moment_is_in_a_slot_or_the_next_one_is_known() {
        let slots =
            [slot("Mon-Fri 20:00 for 2h overrun 10m in Europe/Berlin"), slot("Sun 23:00 for 3h in UTC")];
        // A Monday in winter: 20:00 in Berlin is 19:00 UTC.
        let turn = Turn {
            begins: at("2026-11-30T19:00:00Z"),
            ends: at("2026-11-30T21:00:00Z"),
            until: at("2026-11-30T21:10:00Z"),
        };
        assert_eq!(slotted(&slots, at("2026-11-30T18:59:59Z")), Slotted::Next(&slots[0], turn));
        for moment in ["2026-11-30T19:00:00Z", "2026-11-30T21:09:59Z"] {
            assert_eq!(slotted(&slots, at(moment)), Slotted::Now(turn), "{moment}");
        }
        let Slotted::Next(slot, next) = slotted(&slots, at("2026-11-30T21:10:00Z")) else { panic!() };
        assert_eq!(next.begins, at("2026-12-01T19:00:00Z"));
        assert_eq!(slot.shown(next.begins), "2026-12-01 20:00 Europe/Berlin");
        // After Friday's the next is Sunday's, which goes on until Monday.
        let Slotted::Next(_, next) = slotted(&slots, at("2026-12-04T22:00:00Z")) else { panic!() };
        assert_eq!(next.begins, at("2026-12-06T23:00:00Z"));
        assert!(matches!(slotted(&slots, at("2026-12-07T01:59:59Z")), Slotted::Now(_)));
        assert_eq!(slotted(&[], at("2026-12-07T01:59:59Z")), Slotted::Always);
    }

    #[test]
    fn slots_without_a_break_between_them_end_together() {
        let slots = [slot("Mon 20:00 for 2h in UTC"), slot("Mon 22:00 for 1h overrun 5m in UTC")];
        let Slotted::Now(turn) = slotted(&slots, at("2026-11-30T21:59:00Z")) else { panic!() };
        assert_eq!((turn.begins, turn.ends), (at("2026-11-30T20:00:00Z"), at("2026-11-30T23:00:00Z")));
        assert_eq!(turn.until, at("2026-11-30T23:05:00Z"));
        // Every day of the week, all day long: it does not end as far as one can see.
        let slots = [slot("daily 00:00 for 24h in UTC")];
        let Slotted::Now(turn) = slotted(&slots, at("2026-11-30T23:59:00Z")) else { panic!() };
        assert!(turn.ends >= at("2026-12-07T00:00:00Z"));
    }

    #[test]
    fn clocks_that_go_forward_or_back_move_a_slot_to_where_it_is_meant() {
        let slots = [slot("Sun 02:30 for 1h in Europe/Berlin")];
        let first = |after: &str| match slotted(&slots, at(after)) {
            Slotted::Next(_, turn) => turn.begins,
            other => panic!("{other:?}"),
        };
        // 02:00 to 03:00 is not there: it comes when the gap ends.
        assert_eq!(first("2026-03-28T12:00:00Z"), at("2026-03-29T01:00:00Z"));
        // 02:30 comes twice: the first one counts, and the second is none.
        assert_eq!(first("2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert_eq!(first("2026-10-25T01:31:00Z"), at("2026-11-01T01:30:00Z"));
    }
}

//! Civil times that come again every week, and when they come in a time zone.
//!
//! A time that is skipped when clocks go forward comes when the gap ends, and one that is repeated when they
//! go back comes the first time.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// The days of the week, as they are written.
const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// Days of the week, read from text: `Mon-Fri`, `Sat,Sun`, `daily`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// As they were written.
    text: String,
    days: Vec<Weekday>,
}

impl Days {
    pub(crate) fn has(&self, day: Weekday) -> bool {
        self.days.contains(&day)
    }
}

impl Default for Days {
    /// Every day.
    fn default() -> Days {
        Days { text: "daily".into(), days: DAYS.map(|(_, day)| day).to_vec() }
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Days, String> {
        if text.eq_ignore_ascii_case("daily") {
            return Ok(Days { text: text.to_owned(), ..Days::default() });
        }
        let place = |name: &str| {
            let found = DAYS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
            found.ok_or_else(|| format!("{name:?} is no day: Mon, Tue, Wed, Thu, Fri, Sat, Sun, or daily"))
        };
        let mut days = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (place(first)?, place(last)?);
            let count = (last + 7 - first) % 7;
            days.extend((0..=count).map(|day| DAYS[(first + day) % 7].1));
        }
        Ok(Days { text: text.to_owned(), days })
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Times of the week, read from text: `Mon-Fri 07:00`, `daily *:00`, `Sat,Sun 06-10,12:30`.
///
/// ```
/// assert!("Mon-Fri 07:00".parse::<longwave::WeekTimes>().is_ok());
/// assert!("Mon-Fri 7 o'clock".parse::<longwave::WeekTimes>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeekTimes {
    /// As it was written, with single spaces.
    text: String,
    days: Days,
    /// In their order.
    times: Vec<Time>,
}

impl WeekTimes {
    /// The first moment after this one at which one of the times comes; `None` if the calendar ends before.
    pub(crate) fn next_after(&self, zone: &TimeZone, moment: Timestamp) -> Option<Timestamp> {
        let today = zone.to_datetime(moment).date();
        // In a zone that skips a whole day, yesterday's times come today.
        (-1..=8).find_map(|days: i64| {
            let date = today.checked_add(days.days()).ok()?;
            self.begins_on(zone, date).find(|begin| *begin > moment)
        })
    }

    /// When its times of this date come, in their order.
    pub(crate) fn begins_on(&self, zone: &TimeZone, date: Date) -> impl Iterator<Item = Timestamp> {
        let times = if self.days.has(date.weekday()) { self.times.as_slice() } else { &[] };
        times.iter().filter_map(move |time| begin(zone, date, *time))
    }
}

impl FromStr for WeekTimes {
    type Err = String;

    fn from_str(text: &str) -> Result<WeekTimes, String> {
        let wrong = |reason: String| format!("{text:?}: {reason}: write \"Mon-Fri 07:00\" or \"daily *:30\"");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, times] = words.as_slice() else {
            return Err(wrong("it takes days and a time".into()));
        };
        let days = days.parse().map_err(wrong)?;
        let has_seconds = times.matches(':').count() == 2;
        let hint = if has_seconds { " (times have no seconds)" } else { "" };
        let times = read_times(times).ok_or_else(|| wrong(format!("{times:?} is no time of day{hint}")))?;
        Ok(WeekTimes { text: words.join(" "), days, times })
    }
}

impl fmt::Display for WeekTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A time of the day, read from text: `06:00`. `24:00` is midnight, as `00:00` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(Time);

impl TimeOfDay {
    /// Midnight.
    pub const MIDNIGHT: TimeOfDay = TimeOfDay(Time::midnight());

    pub(crate) fn time(self) -> Time {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<TimeOfDay, String> {
        let time = if text == "24:00" { Some(Time::midnight()) } else { read_time(text) };
        time.map(TimeOfDay).ok_or_else(|| format!("{text:?} is no time of day: write \"06:00\""))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%H:%M"))
    }
}

/// A time zone, read from its name: `Europe/Berlin`. The default is the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone(Option<TimeZone>);

impl Zone {
    pub(crate) fn zone(&self) -> TimeZone {
        self.0.clone().unwrap_or_else(TimeZone::system)
    }

    /// The time in this zone, with its offset from UTC: `2026-10-25T02:30:00+01:00`.
    pub fn local(&self, at: SystemTime) -> String {
        local(at, &self.zone())
    }

    /// The time of the day that its clocks show: `06:00`.
    pub(crate) fn clock(&self, at: SystemTime) -> String {
        let at = Timestamp::try_from(at).unwrap_or(Timestamp::UNIX_EPOCH);
        self.zone().to_datetime(at).strftime("%H:%M").to_string()
    }
}

impl fmt::Display for Zone {
    /// Its name, `Europe/Berlin`. A system that does not name its zone gives `UTC`, which may not be right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.zone().iana_name().unwrap_or("UTC"))
    }
}

impl FromStr for Zone {
    type Err = String;

    fn from_str(name: &str) -> Result<Zone, String> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Zone(Some(zone))),
            Err(_) => Err(format!("{name:?} is no time zone: write \"Europe/Berlin\", for example")),
        }
    }
}

/// A time in a zone, with its offset from UTC, so that those of an hour that comes twice differ.
pub(crate) fn local(at: SystemTime, zone: &TimeZone) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// When this civil time comes on that day.
pub(crate) fn begin(zone: &TimeZone, date: Date, time: Time) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(time));
    let in_gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let at = ambiguous.compatible().ok()?.timestamp();
    match in_gap {
        // Behind the gap there is the transition that has made it.
        true => zone.preceding(at.checked_add(1.nanosecond()).ok()?).next().map(|gap| gap.timestamp()),
        false => Some(at),
    }
}

/// Reads `20:00`.
pub(crate) fn read_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    Time::new(two_digits(hour)?, two_digits(minute)?, 0, 0).ok()
}

/// Reads `20:00`, `*:00` or `06-10,12:30`, in their order.
fn read_times(text: &str) -> Option<Vec<Time>> {
    let (hours, minute) = text.split_once(':')?;
    let minute = two_digits(minute)?;
    let mut times = Vec::new();
    for part in hours.split(',') {
        let (first, last) = match part {
            "*" => (0, 23),
            part => {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                (two_digits(first)?, two_digits(last)?)
            }
        };
        if first > last {
            return None;
        }
        for hour in first..=last {
            times.push(Time::new(hour, minute, 0, 0).ok()?);
        }
    }
    times.sort_unstable();
    times.dedup();
    Some(times)
}

fn two_digits(text: &str) -> Option<i8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_are_read_and_say_what_is_wrong() {
        for text in ["Mon-Fri 07:00", "daily *:00", "fri-Mon,Wed 06-10,12:30"] {
            assert_eq!(text.parse::<WeekTimes>().unwrap().to_string(), text);
        }
        for (text, part) in [
            ("", "it takes days and a time"),
            ("07:00", "it takes days and a time"),
            ("Mom 07:00", "\"Mom\" is no day"),
            ("Mon 24:00", "\"24:00\" is no time of day"),
            ("Mon 7:00", "\"7:00\" is no time of day"),
            ("daily 10:00:30", "\"10:00:30\" is no time of day (times have no seconds)"),
            ("Mon 10-06:00", "\"10-06:00\" is no time of day"),
            ("Mon +1:00", "\"+1:00\" is no time of day"),
            ("Mon *", "\"*\" is no time of day"),
        ] {
            let reason = text.parse::<WeekTimes>().unwrap_err();
            assert!(reason.contains(part), "{text:?}: {reason}");
        }
    }

    #[test]
    fn an_hour_that_comes_twice_has_two_offsets() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        let local = |at: &str| zone.local(at.parse::<Timestamp>().unwrap().into());
        assert_eq!(local("2026-10-25T00:30:00Z"), "2026-10-25T02:30:00+02:00");
        assert_eq!(local("2026-10-25T01:30:00Z"), "2026-10-25T02:30:00+01:00");
    }

    #[test]
    fn every_time_of_a_week_comes_in_its_order() {
        let times: WeekTimes = "Mon,Sat 06-07,22:30".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let mut at: Timestamp = "2026-11-29T23:00:00Z".parse().unwrap();
        let mut all = Vec::new();
        for _ in 0..7 {
            at = times.next_after(&zone, at).unwrap();
            all.push(at.to_zoned(zone.clone()).strftime("%a %H:%M").to_string());
        }
        let week =
            ["Mon 06:30", "Mon 07:30", "Mon 22:30", "Sat 06:30", "Sat 07:30", "Sat 22:30", "Mon 06:30"];
        assert_eq!(all, week);
    }

    #[test]
    fn a_skipped_time_comes_when_the_gap_ends_and_a_repeated_one_comes_once() {
        let times: WeekTimes = "daily *:00".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (from, hours, first) in
            [("2026-03-28T23:00:00Z", 23, "01:00"), ("2026-10-24T22:00:00Z", 24, "01:00")]
        {
            let mut at: Timestamp = from.parse().unwrap();
            let mut all = Vec::new();
            for _ in 0..hours {
                at = times.next_after(&zone, at).unwrap();
                all.push(at.to_zoned(zone.clone()).strftime("%H:%M").to_string());
            }
            assert_eq!((all[0].as_str(), all[hours - 1].as_str()), (first, "00:00"), "{all:?}");
            assert!(all.windows(2).all(|two| two[0] != two[1]), "{all:?}");
        }
    }
}

//! A schedule as a calendar shows it: which daypart plays when, and when slots come.

use std::time::SystemTime;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::{DaypartSettings, Schedule, SlotSettings, is_within};
use crate::civil::begin;
use crate::error::{Error, Result};

/// The days of a calendar.
const DAYS: i64 = 7;
/// The most slots of a day that are told.
const MOST_SLOTS_OF_A_DAY: usize = 2_000;

/// A day of a schedule, in its zone. One on which clocks change has 23 or 25 hours, for example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduledDay {
    /// Its date: `2026-11-30`.
    pub date: String,
    /// Its first moment.
    pub begins: SystemTime,
    /// The first moment of the next day.
    pub ends: SystemTime,
    /// Which dayparts play, in their order. In between, the pipeline's playlist plays.
    pub dayparts: Vec<DaypartHours>,
    /// The slots that come, in their order; 2,000 at most.
    pub slots: Vec<SlotTime>,
}

/// A time without a break in which one daypart plays.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DaypartHours {
    /// The index of the daypart in the schedule.
    pub daypart: usize,
    /// When it begins.
    pub begins: SystemTime,
    /// When it ends, by another daypart, by its hours or by the day.
    pub ends: SystemTime,
}

/// A time at which a slot comes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotTime {
    /// The index of the slot in the schedule.
    pub slot: usize,
    /// When it comes. It may begin later.
    pub at: SystemTime,
}

impl Schedule {
    /// What is declared for seven days, of which the first has this date (`2026-11-30`). `None`: from the
    /// Monday before `now` on, or this day if it is one. What will be played is in
    /// [`Pipeline::preview`](crate::Pipeline::preview).
    ///
    /// ```
    /// use longwave::{Schedule, SlotSettings};
    /// let at = vec!["Mon 07:00".parse().unwrap()];
    /// let slots = vec![SlotSettings { at, play: "news.mp3".into(), ..SlotSettings::default() }];
    /// let schedule = Schedule { slots, ..Schedule::default() };
    /// let week = schedule.week(Some("2026-11-30"), std::time::SystemTime::now());
    /// assert_eq!(week.unwrap()[0].slots.len(), 1);
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] for what is no date, or a date at the end of the calendar.
    pub fn week(&self, from: Option<&str>, now: SystemTime) -> Result<Vec<ScheduledDay>> {
        let zone = self.zone.zone();
        let first = match from {
            Some(text) => text.parse().map_err(|_| {
                Error::setting("from", format!("{text:?} is no date: write \"2026-11-30\", for example"))
            })?,
            None => {
                let today =
                    zone.to_datetime(Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH)).date();
                let since_monday = today.weekday().since(Weekday::Monday);
                today.saturating_sub(i64::from(since_monday).days())
            }
        };
        let day = |number: i64| self.day(&zone, first.checked_add(number.days()).ok()?);
        let days = (0..DAYS).map(day);
        let beyond = || Error::setting("from", format!("{first} is beyond the calendar"));
        days.collect::<Option<Vec<_>>>().ok_or_else(beyond)
    }

    fn day(&self, zone: &TimeZone, date: Date) -> Option<ScheduledDay> {
        let midnight = |date: Date| begin(zone, date, jiff::civil::Time::midnight());
        let (begins, ends) = (midnight(date)?, midnight(date.checked_add(1.day()).ok()?)?);
        let mut slots: Vec<SlotTime> = self
            .slots
            .iter()
            .enumerate()
            .flat_map(|(index, slot)| {
                let times = times_of(slot, zone, date).filter(|at| (begins..ends).contains(at));
                times.map(move |at| SlotTime { slot: index, at: at.into() })
            })
            .collect();
        slots.sort_by_key(|slot| (slot.at, slot.slot));
        slots.dedup();
        slots.truncate(MOST_SLOTS_OF_A_DAY);
        let dayparts = self.hours(zone, date, begins, ends);
        Some(ScheduledDay {
            date: date.to_string(),
            begins: begins.into(),
            ends: ends.into(),
            dayparts,
            slots,
        })
    }

    /// Which dayparts play between two moments of a date, by the rule itself, asked at each moment at which
    /// its answer may change.
    fn hours(&self, zone: &TimeZone, date: Date, begins: Timestamp, ends: Timestamp) -> Vec<DaypartHours> {
        let bounds = self.dayparts.iter().flat_map(|daypart| [daypart.from.time(), daypart.to.time()]);
        // A time that is repeated comes twice.
        let bounds = bounds.flat_map(|time| {
            let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
            [ambiguous.earlier().ok(), ambiguous.later().ok()]
        });
        let jumps = zone.following(begins).map(|jump| jump.timestamp()).take_while(|jump| *jump < ends);
        let mut moments: Vec<Timestamp> = bounds.flatten().chain(jumps).chain([begins]).collect();
        moments.retain(|moment| (begins..ends).contains(moment));
        moments.sort_unstable();
        moments.dedup();
        let mut hours: Vec<DaypartHours> = Vec::new();
        for (index, moment) in moments.iter().enumerate() {
            let until = moments.get(index + 1).copied().unwrap_or(ends);
            let civil = zone.to_datetime(*moment);
            let at = |daypart: &DaypartSettings| is_within(daypart, civil);
            let Some(daypart) = self.dayparts.iter().position(at) else { continue };
            match hours.last_mut() {
                Some(last) if last.daypart == daypart && last.ends == SystemTime::from(*moment) => {
                    last.ends = until.into();
                }
                _ => hours.push(DaypartHours { daypart, begins: (*moment).into(), ends: until.into() }),
            }
        }
        hours
    }
}

/// The times of a slot around a date. Where a zone skips a whole day, the times of the day before come on the
/// day after.
fn times_of(slot: &SlotSettings, zone: &TimeZone, date: Date) -> impl Iterator<Item = Timestamp> {
    let dates = [date.yesterday().ok(), Some(date)].into_iter().flatten();
    dates.flat_map(move |date| slot.at.iter().flat_map(move |times| times.begins_on(zone, date)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::schedule::Rules;
    use crate::playout::{Crossfade, TrackKind};

    fn daypart(days: &str, from: &str, to: &str) -> DaypartSettings {
        DaypartSettings {
            days: days.parse().unwrap(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            playlists: vec!["music".into()],
            ..DaypartSettings::default()
        }
    }

    fn slot(at: &[&str]) -> SlotSettings {
        SlotSettings {
            at: at.iter().map(|at| at.parse().unwrap()).collect(),
            play: "news.mp3".into(),
            kind: TrackKind::Show,
            ..SlotSettings::default()
        }
    }

    fn schedule(zone: &str) -> Schedule {
        Schedule {
            zone: zone.parse().unwrap(),
            dayparts: vec![
                daypart("Mon-Fri", "06:00", "10:00"),
                daypart("daily", "22:00", "06:00"),
                daypart("daily", "02:15", "14:00"),
            ],
            slots: vec![slot(&["Mon-Fri 07:00", "Mon 07:00"]), slot(&["daily *:00", "daily 02:30"])],
            ..Schedule::default()
        }
    }

    fn civil(zone: &TimeZone, at: SystemTime) -> String {
        Timestamp::try_from(at).unwrap().to_zoned(zone.clone()).strftime("%d %H:%M").to_string()
    }

    #[test]
    fn a_week_begins_on_monday_and_has_what_is_declared() {
        let schedule = schedule("Europe/Berlin");
        let zone = schedule.zone.zone();
        let now = "2026-12-02T23:30:00Z".parse::<Timestamp>().unwrap();
        let week = schedule.week(None, now.into()).unwrap();
        let dates: Vec<_> = week.iter().map(|day| day.date.as_str()).collect();
        let wanted = [
            "2026-11-30",
            "2026-12-01",
            "2026-12-02",
            "2026-12-03",
            "2026-12-04",
            "2026-12-05",
            "2026-12-06",
        ];
        assert_eq!(dates, wanted);
        let hours: Vec<_> = week[0]
            .dayparts
            .iter()
            .map(|hours| (hours.daypart, civil(&zone, hours.begins), civil(&zone, hours.ends)))
            .map(|(daypart, begins, ends)| format!("{daypart}: {begins}-{ends}"))
            .collect();
        // Of two at the same time, the first counts.
        assert_eq!(
            hours,
            ["1: 30 00:00-30 06:00", "0: 30 06:00-30 10:00", "2: 30 10:00-30 14:00", "1: 30 22:00-01 00:00"]
        );
        let own = |day: &ScheduledDay| day.slots.iter().filter(|time| time.slot == 0).count();
        assert_eq!(week.iter().map(own).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0, 0], "none is told twice");
        assert!(week.iter().all(|day| day.slots.len() - own(day) == 25));
        assert_eq!(schedule.week(Some("2026-11-30"), SystemTime::UNIX_EPOCH).unwrap(), week);
    }

    #[test]
    fn days_on_which_clocks_change_have_their_own_length() {
        let schedule = schedule("Europe/Berlin");
        let zone = schedule.zone.zone();
        let day = |date: &str| schedule.week(Some(date), SystemTime::UNIX_EPOCH).unwrap().remove(0);
        let length = |day: &ScheduledDay| day.ends.duration_since(day.begins).unwrap().as_secs() / 3600;
        let spring = day("2026-03-29");
        assert_eq!(length(&spring), 23);
        // 02:00 and 02:30 are skipped: both come when the gap ends, beside 03:00.
        let at_three = spring.slots.iter().filter(|time| civil(&zone, time.at) == "29 03:00").count();
        assert_eq!((at_three, spring.slots.len()), (1, 23));
        let autumn = day("2026-10-25");
        assert_eq!((length(&autumn), autumn.slots.len()), (25, 25), "02:00 and 02:30 come once");
        let seconds: u64 =
            autumn.dayparts.iter().map(|h| h.ends.duration_since(h.begins).unwrap().as_secs()).sum();
        assert_eq!(seconds, (14 + 1 + 2) * 3600, "the repeated hour is a part of the night");
    }

    /// Whatever the zone and the date, the calendar says what the rule says.
    #[test]
    fn the_calendar_is_the_rule() {
        for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"] {
            let schedule = schedule(zone);
            let rules = Rules::new(&schedule, Crossfade::default());
            for from in ["2011-12-26", "2026-03-09", "2026-03-23", "2026-10-19", "2026-10-26", "2026-03-30"] {
                let week = schedule.week(Some(from), SystemTime::UNIX_EPOCH).unwrap();
                for (day, next) in week.iter().zip(week.iter().skip(1)) {
                    assert_eq!(day.ends, next.begins, "{zone} {}", day.date);
                    let mut at = Timestamp::try_from(day.begins).unwrap();
                    while SystemTime::from(at) < day.ends {
                        let told = day
                            .dayparts
                            .iter()
                            .find(|hours| (hours.begins..hours.ends).contains(&SystemTime::from(at)));
                        assert_eq!(told.map(|hours| hours.daypart), rules.daypart_at(at), "{zone} {at}");
                        at += 5.minutes();
                    }
                }
                // Each slot as often as its times come, one after the other.
                for (index, slot) in schedule.slots.iter().enumerate() {
                    let told = week.iter().flat_map(|day| &day.slots).filter(|time| time.slot == index);
                    let told: Vec<Timestamp> =
                        told.map(|time| Timestamp::try_from(time.at).unwrap()).collect();
                    let end = Timestamp::try_from(week[6].ends).unwrap();
                    let mut at = Timestamp::try_from(week[0].begins).unwrap() - 1.nanosecond();
                    let mut come = Vec::new();
                    loop {
                        let next = slot.at.iter().filter_map(|times| times.next_after(&rules.zone, at)).min();
                        at = next.unwrap();
                        if at >= end {
                            break;
                        }
                        come.push(at);
                    }
                    assert_eq!(told, come, "{zone} {from}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_date_or_beyond_the_calendar_is_refused() {
        let schedule = schedule("UTC");
        for from in ["", "today", "2026-02-30", "9999-12-29", "-9999-01-01"] {
            assert!(
                matches!(schedule.week(Some(from), SystemTime::UNIX_EPOCH), Err(Error::Setting { .. })),
                "{from}"
            );
        }
        assert_eq!(schedule.week(Some("0001-01-01"), SystemTime::UNIX_EPOCH).unwrap().len(), 7);
    }
}

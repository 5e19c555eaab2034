//! When a recording begins a new file, by the clock on the wall.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::Offset;

/// One of the parts of a day that have a file each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    date: Date,
    number: i64,
    /// Of parts up to an hour. When clocks are put back, an hour comes twice, and each has a file.
    offset: Option<Offset>,
}

const HOUR: i64 = 60 * 60;

impl Slot {
    /// The part of the day at this time, if a part is so long. They are counted from midnight, on every day.
    pub fn of(at: &Zoned, every: Duration) -> Slot {
        let time = at.time();
        let seconds =
            i64::from(time.hour()) * HOUR + i64::from(time.minute()) * 60 + i64::from(time.second());
        let every = (every.as_secs() as i64).max(1);
        let offset = (every <= HOUR).then(|| at.offset());
        Slot { date: at.date(), number: seconds / every, offset }
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    /// The times of day at which files begin from this local midnight on, for 24 hours, by steps of a minute.
    fn cuts(year: i16, month: i8, day: i8, every_minutes: u64) -> Vec<String> {
        // Berlin's rule.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let start = date(year, month, day).at(0, 0, 0, 0).to_zoned(zone).unwrap();
        let every = Duration::from_secs(every_minutes * 60);
        let minutes = (0..24 * 60).map(|minute: i64| &start + minute.minutes());
        let mut before = None;
        let cut = |at: &Zoned| before.replace(Slot::of(at, every)) != before;
        minutes.filter(cut).map(|at| at.strftime("%H:%M").to_string()).collect()
    }

    #[test]
    fn files_begin_at_whole_multiples_from_midnight_on() {
        let hours: Vec<_> = (0..24).map(|hour| format!("{hour:02}:00")).collect();
        assert_eq!(cuts(2026, 3, 1, 60), hours);
        assert_eq!(cuts(2026, 3, 1, 24 * 60), ["00:00"]);
        assert_eq!(cuts(2026, 3, 1, 7 * 60), ["00:00", "07:00", "14:00", "21:00"]);
    }

    #[test]
    fn an_hour_that_is_skipped_has_no_file_and_one_that_comes_twice_has_two() {
        // The 24 hours end at 01:00 on the next day.
        let spring = cuts(2026, 3, 29, 60);
        assert_eq!(
            (&spring[..4], spring.len()),
            (&["00:00", "01:00", "03:00", "04:00"].map(String::from)[..], 24)
        );
        let autumn = cuts(2026, 10, 25, 60);
        assert_eq!(autumn[..5], ["00:00", "01:00", "02:00", "02:00", "03:00"].map(String::from));
        assert_eq!(cuts(2026, 10, 25, 12 * 60), ["00:00", "12:00"]);
    }
}

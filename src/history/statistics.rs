//! How many listened over time: the minutes of a history, summed up by steps.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Serialize;

use super::minutes::Count;
use super::span::ReportSpan;
use super::store::{STATION, each_minute};
use crate::civil::{Zone, local};
use crate::error::{Error, Result};
use crate::setting::values;
use crate::time::millis_since_1970;

const MINUTE: u64 = 60_000;
const MINUTES_OF_A_DAY: u64 = 24 * 60;

/// How many points a stream has at most: two days by the minute, or seven years by the day.
const MAX_POINTS: usize = 2_880;

/// How many points all streams have at most. Each takes about a hundred bytes of JSON.
const MAX_POINTS_IN_ALL: usize = 100_000;

/// How many points there are about if nobody says how long a step is.
const ENOUGH_POINTS: u64 = 400;

/// The steps, in minutes, of which one is taken if nobody says how long one is.
const STEPS: [u64; 7] = [1, 5, 10, 30, 60, 360, MINUTES_OF_A_DAY];

/// Which statistics are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsWanted {
    /// The beginning, in milliseconds since 1970. A minute counts as a whole.
    pub from: u64,
    /// The end, which is not a part of it, in milliseconds since 1970.
    pub before: u64,
    /// How long a step is: whole minutes, a day at most. A day is one of the time zone, of 23 to 25 hours.
    pub step: Duration,
    /// Only of this mount, or of this HLS by its playlist. `None`: of the station and all of its streams.
    pub mount: Option<String>,
    zone: TimeZone,
}

impl StatisticsWanted {
    /// Reads what is wanted. `from`, `to` and `zone` are those of [`ReportSpan::parse`]; without them it is
    /// the day before `now`. `step` is from `1m` to `1d`; without it, it is such that there are some hundred
    /// points. `own` is the time zone of days if `zone` names none. It is of the station and all of its
    /// streams.
    ///
    /// # Errors
    /// [`Error::Setting`] with the key `from`, `to`, `zone` or `step`, for what cannot be understood, an end
    /// before the beginning, and for more than 2,880 steps.
    pub fn parse(
        from: Option<&str>,
        to: Option<&str>,
        zone: Option<&str>,
        step: Option<&str>,
        own: &Zone,
        now: SystemTime,
    ) -> Result<StatisticsWanted> {
        let span = ReportSpan::parse(from, to, zone, own)?;
        let before = span.before.unwrap_or_else(|| millis_since_1970(now).unsigned_abs());
        let from = span.from.unwrap_or_else(|| before.saturating_sub(MINUTES_OF_A_DAY * MINUTE));
        if before < from {
            return Err(Error::setting("to", "it is before the beginning"));
        }
        let long = (before - from) / MINUTE;
        let of_itself = || STEPS.into_iter().find(|step| long / step <= ENOUGH_POINTS);
        let step = match step {
            Some(step) => minutes_of(step).map_err(|reason| Error::setting("step", reason))?,
            None => of_itself().unwrap_or(MINUTES_OF_A_DAY),
        };
        if long / step > MAX_POINTS as u64 {
            let reason =
                format!("there are more than {MAX_POINTS} of them: ask for longer ones, or less time");
            return Err(Error::setting("step", reason));
        }
        let step = Duration::from_secs(step * 60);
        Ok(StatisticsWanted { from, before, step, mount: None, zone: span.zone })
    }

    /// The minutes that it is about.
    fn minutes(&self) -> Range<u64> {
        self.from / MINUTE..self.before.div_ceil(MINUTE)
    }

    /// The minute after the step that begins with this one.
    fn after(&self, minute: u64) -> u64 {
        let step = self.step.as_secs() / 60;
        if step < MINUTES_OF_A_DAY {
            return minute + step.max(1);
        }
        let day = Timestamp::from_second(i64::try_from(minute * 60).unwrap_or(i64::MAX))
            .map(|at| at.to_zoned(self.zone.clone()));
        let next = day.and_then(|day| day.date().checked_add(1.day())?.to_zoned(self.zone.clone()));
        let next = next.map_or(0, |next| next.timestamp().as_second().max(0).unsigned_abs() / 60);
        // The calendar ends at some time.
        next.max(minute + 1)
    }
}

/// The minutes of a step.
fn minutes_of(step: &str) -> std::result::Result<u64, String> {
    let time = values::duration(step)?;
    let minutes = time.as_secs() / 60;
    let is_whole = Duration::from_secs(minutes * 60) == time && (1..=MINUTES_OF_A_DAY).contains(&minutes);
    if is_whole { Ok(minutes) } else { Err(format!("{step:?} is not whole minutes, from \"1m\" to \"1d\"")) }
}

/// How many listened over time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// What it is about.
    pub wanted: StatisticsWanted,
    /// The whole station, then its streams by their paths. One of which nothing is known is not there.
    pub streams: Vec<StreamStatistics>,
}

/// How many listened to a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StreamStatistics {
    /// The path of a mount, or of the playlist of an HLS. `None`: the whole station.
    pub mount: Option<String>,
    /// The steps in their order. One in which the station did not run, or the stream was not there, has no
    /// point.
    pub points: Vec<StatisticsPoint>,
}

/// How many listened in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatisticsPoint {
    /// Its beginning, in milliseconds since 1970.
    pub at: u64,
    /// For how many of its seconds this is known.
    pub seconds: u64,
    /// How many listened, on average over these seconds.
    pub listeners: f64,
    /// How many listened at most, at any second.
    pub peak: u64,
    /// How many came.
    pub joins: u64,
}

/// Reads how many listened over time. A station may write to it meanwhile. It touches the disk, which may not
/// answer.
///
/// # Errors
/// [`Error::NotFound`] if there is no history; [`Error::File`] if it cannot be read; [`Error::Setting`] with
/// the key `mount` if all streams together have more than 100,000 points.
pub fn read_statistics(file: &Path, wanted: &StatisticsWanted) -> Result<Statistics> {
    read_statistics_while(file, wanted, &mut || true)
}

/// The same as long as `goes_on`, which is asked for each minute. Statistics that do not go on are not whole.
pub(crate) fn read_statistics_while(
    file: &Path,
    wanted: &StatisticsWanted,
    goes_on: &mut dyn FnMut() -> bool,
) -> Result<Statistics> {
    let mut streams: BTreeMap<String, Vec<(u64, Count)>> = BTreeMap::new();
    let (mut points, minutes) = (0, wanted.minutes());
    let (mut begins, mut ends) = (minutes.start, wanted.after(minutes.start));
    each_minute(file, minutes, wanted.mount.as_deref(), |at, stream, count| {
        while ends <= at {
            (begins, ends) = (ends, wanted.after(ends));
        }
        if !streams.contains_key(stream) {
            streams.insert(stream.to_owned(), Vec::new());
        }
        let steps = streams.get_mut(stream).expect("it is there now");
        match steps.last_mut() {
            Some((step, sum)) if *step == begins => sum.add(count),
            _ => {
                points += 1;
                steps.push((begins, count));
            }
        }
        if points <= MAX_POINTS_IN_ALL && goes_on() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    if points > MAX_POINTS_IN_ALL {
        let reason =
            format!("all have more than {MAX_POINTS_IN_ALL} points: name one, or ask for longer steps");
        return Err(Error::setting("mount", reason));
    }
    let streams = streams.into_iter().map(|(stream, steps)| StreamStatistics {
        mount: Some(stream).filter(|stream| stream != STATION),
        points: steps.into_iter().map(|(at, count)| StatisticsPoint::of(at, count)).collect(),
    });
    Ok(Statistics { wanted: wanted.clone(), streams: streams.collect() })
}

impl StatisticsPoint {
    fn of(minute: u64, count: Count) -> StatisticsPoint {
        let Count { seconds, listened, peak, joins } = count;
        let mean = listened as f64 / seconds.max(1) as f64;
        let listeners = (mean * 100.0).round() / 100.0;
        StatisticsPoint { at: minute * MINUTE, seconds, listeners, peak, joins }
    }
}

impl Statistics {
    /// Writes them as CSV in UTF-8, with a line of names: a line for each stream and step. The mount of the
    /// whole station is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written.
    pub fn write_csv(&self, out: &mut dyn Write) -> Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            at: String,
            mount: &'a str,
            listeners: f64,
            peak: u64,
            joins: u64,
            seconds: u64,
        }
        let mut csv = csv::Writer::from_writer(out);
        let mut write = || -> io::Result<()> {
            for StreamStatistics { mount, points } in &self.streams {
                let mount = mount.as_deref().unwrap_or_default();
                for &StatisticsPoint { at, seconds, listeners, peak, joins } in points {
                    let at = self.local(at);
                    csv.serialize(Line { at, mount, listeners, peak, joins, seconds })?;
                }
            }
            csv.flush()
        };
        write().map_err(Error::io("writing statistics"))
    }

    /// A time in the zone of these statistics, with its offset from UTC.
    pub(crate) fn local(&self, millis: u64) -> String {
        local(UNIX_EPOCH + Duration::from_millis(millis), &self.wanted.zone)
    }
}

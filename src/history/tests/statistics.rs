//! Statistics: gaps, steps, days on which clocks are changed.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::minute;
use crate::error::Error;
use crate::history::minutes::{Count, Minute};
use crate::history::store::Store;
use crate::history::waiting::Batch;
use crate::history::{Statistics, StatisticsWanted, StreamStatistics, read_statistics};

/// 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC, in minutes since 1970.
const SPRING: u64 = 1_774_746_000 / 60;
const AUTUMN: u64 = 1_792_890_000 / 60;

/// A history with these minutes.
fn history(folder: &Path, minutes: impl IntoIterator<Item = Minute>) -> PathBuf {
    let file = folder.join("history");
    let minutes = (1..).zip(minutes).collect();
    Store::open(&file, 1).ok().unwrap().store.write(&Batch { minutes, ..Batch::default() }).unwrap();
    file
}

fn wanted(given: [Option<&str>; 4], mount: Option<&str>) -> crate::Result<StatisticsWanted> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(SPRING * 60);
    let (own, mount) = ("Europe/Berlin".parse().unwrap(), mount.map(str::to_owned));
    let [from, to, zone, step] = given;
    let mut wanted = StatisticsWanted::parse(from, to, zone, step, &own, now)?;
    wanted.mount = mount;
    Ok(wanted)
}

fn read(file: &Path, from: &str, to: &str, step: &str) -> Statistics {
    read_statistics(file, &wanted([Some(from), Some(to), None, Some(step)], None).unwrap()).unwrap()
}

/// The station's points: when they begin, in the zone, and for how many seconds they are known.
fn points(statistics: &Statistics) -> Vec<(String, u64)> {
    let points = statistics.streams.iter().take(1).flat_map(|station| &station.points);
    points.map(|point| (statistics.local(point.at), point.seconds)).collect()
}

#[test]
fn minutes_are_summed_up_and_those_without_the_station_are_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let count = |seconds, listened, peak, joins| Count { seconds, listened, peak, joins };
    let minute = |at, count: Count, streams: &[(&str, Count)]| Minute {
        at: SPRING + at,
        station: count,
        streams: streams.iter().map(|(stream, count)| ((*stream).into(), *count)).collect(),
    };
    let (mp3, hls) = ("/rädio.mp3", "/radio/hls.m3u8");
    let file = history(
        folder.path(),
        [
            minute(0, count(60, 60, 2, 3), &[(mp3, count(60, 30, 1, 1)), (hls, count(60, 30, 1, 2))]),
            minute(1, count(30, 150, 5, 4), &[(mp3, count(30, 150, 5, 4))]),
            minute(10, count(60, 0, 0, 0), &[(mp3, count(60, 0, 0, 0))]),
        ],
    );
    let (from, to) = ("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z");
    let Statistics { streams, .. } = read(&file, from, to, "5m");
    let mounts: Vec<_> = streams.iter().map(|stream| stream.mount.as_deref()).collect();
    assert_eq!(mounts, [None, Some(hls), Some(mp3)]);
    let of = |stream: &StreamStatistics| -> Vec<_> {
        let ago = |at: u64| at / 60_000 - SPRING;
        let points = stream.points.iter();
        points.map(|point| (ago(point.at), point.listeners, point.peak, point.joins, point.seconds)).collect()
    };
    assert_eq!(of(&streams[0]), [(0, 2.33, 5, 7, 90), (10, 0.0, 0, 0, 60)]);
    assert_eq!(of(&streams[1]), [(0, 0.5, 1, 2, 60)]);
    assert_eq!(of(&streams[2]), [(0, 2.0, 5, 5, 90), (10, 0.0, 0, 0, 60)]);
    let one = wanted([Some(from), Some(to), None, None], Some(mp3)).unwrap();
    let one = read_statistics(&file, &one).unwrap();
    assert_eq!((one.streams.len(), one.streams[0].points.len()), (1, 3), "by itself, by the minute");
    let mut csv = Vec::new();
    one.write_csv(&mut csv).unwrap();
    assert_eq!(
        String::from_utf8(csv).unwrap().lines().take(3).collect::<Vec<_>>(),
        [
            "at,mount,listeners,peak,joins,seconds",
            "2026-03-29T03:00:00+02:00,/rädio.mp3,0.5,1,1,60",
            "2026-03-29T03:01:00+02:00,/rädio.mp3,5.0,5,4,30",
        ]
    );
}

#[test]
fn days_on_which_clocks_change_have_23_and_25_hours_and_no_minute_is_missing_or_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let day = 24 * 60;
    let around = |change| change - day..change + 2 * day;
    let file = history(folder.path(), around(SPRING).chain(around(AUTUMN)).map(|at| minute(at, 60)));
    for (from, to, hours) in
        [("2026-03-28", "2026-03-30", [24, 23, 24]), ("2026-10-24", "2026-10-26", [24, 25, 24])]
    {
        let days = points(&read(&file, from, to, "1d"));
        let [_, middle, last] = &days[..] else { panic!("{days:?}") };
        assert_eq!((middle.1, last.1), (hours[1] * 3600, hours[2] * 3600), "{days:?}");
        assert!(days.iter().all(|(at, _)| at.contains("T00:00:00+0")), "{days:?}");
    }
    let hours = points(&read(&file, "2026-10-25", "2026-10-25", "1h"));
    assert_eq!(hours.len(), 25);
    assert_eq!(hours[2].0, "2026-10-25T02:00:00+02:00");
    assert_eq!(hours[3].0, "2026-10-25T02:00:00+01:00");
    assert!(hours.iter().all(|(_, seconds)| *seconds == 3600), "{hours:?}");
    let hours = points(&read(&file, "2026-03-29", "2026-03-29", "1h"));
    assert_eq!((hours.len(), &*hours[2].0), (23, "2026-03-29T03:00:00+02:00"));
}

#[test]
fn what_cannot_be_is_refused_and_what_is_not_said_is_the_last_day() {
    let day = wanted([None; 4], None).unwrap();
    assert_eq!((day.before / 60_000, day.before - day.from), (SPRING, 86_400_000));
    assert_eq!(day.step, Duration::from_secs(300));
    let week = wanted([Some("2026-03-21"), Some("2026-03-27"), None, None], None).unwrap();
    assert_eq!(week.step, Duration::from_secs(1800));
    let years = wanted([Some("2020-01-01"), Some("2026-12-31"), None, None], None).unwrap();
    assert_eq!(years.step, Duration::from_secs(86_400));
    for (given, key, reason) in [
        ([Some("soon"), None, None, None], "from", "neither a day"),
        ([Some("2026-03-30"), None, None, None], "to", "before the beginning"),
        ([None, None, Some("Mars/Base"), None], "zone", "Mars/Base"),
        ([None, None, None, Some("30s")], "step", "not whole minutes"),
        ([None, None, None, Some("2d")], "step", "not whole minutes"),
        ([None, None, None, Some("90s")], "step", "not whole minutes"),
        ([None, None, None, Some("")], "step", "not a duration"),
        ([Some("2026-03-01"), None, None, Some("1m")], "step", "more than 2880"),
        ([Some("1970-01-01"), None, None, None], "step", "more than 2880"),
    ] {
        match wanted(given, None) {
            Err(Error::Setting { key: found, reason: said }) => {
                assert!(found == key && said.contains(reason), "{given:?}: {found}: {said}");
            }
            other => panic!("{given:?}: {other:?}"),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = read_statistics(&folder.path().join("none"), &wanted([None; 4], None).unwrap());
    assert!(matches!(missing, Err(Error::NotFound(_))));
}

#[test]
fn all_streams_together_have_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let count = Count { seconds: 60, ..Count::default() };
    let streams: Vec<_> = (0..250).map(|number| (format!("/{number}").into(), count)).collect();
    let minute = |at| Minute { at, station: count, streams: streams.iter().cloned().collect() };
    let file = history(folder.path(), (SPRING - 500..SPRING).map(minute));
    let many = wanted([None, None, None, Some("1m")], None).unwrap();
    let refused = read_statistics(&file, &many).unwrap_err().to_string();
    assert!(refused.contains("more than 100000 points"), "{refused}");
    let one = wanted([None, None, None, Some("1m")], Some("/7")).unwrap();
    assert_eq!(read_statistics(&file, &one).unwrap().streams[0].points.len(), 500);
}

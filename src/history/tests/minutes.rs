//! The rule that makes minutes of looks, with a stepped clock.

use std::time::{Duration, SystemTime};

use crate::history::minutes::{Count, Minute, Minutes, StreamSample};

/// Looks once a second at a station whose clock and streams are given.
struct Looks {
    minutes: Minutes,
    wall: SystemTime,
    ended: Vec<(u64, Minute)>,
}

impl Looks {
    fn begin(second: u64) -> Looks {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        Looks { minutes: Minutes::default(), wall, ended: Vec::new() }
    }

    fn look(&mut self, streams: &[(&str, u64, u64)]) {
        let sample = |&(stream, listeners, joins): &(&str, u64, u64)| StreamSample {
            stream: stream.into(),
            listeners,
            joins,
        };
        let samples: Vec<_> = streams.iter().map(sample).collect();
        self.ended.extend(self.minutes.look(&samples, self.wall));
        self.wall += Duration::from_secs(1);
    }

    fn end(mut self) -> Vec<Minute> {
        self.ended.extend(self.minutes.end());
        assert_eq!(self.minutes.end(), None);
        let numbers: Vec<_> = self.ended.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=self.ended.len() as u64).collect::<Vec<_>>());
        self.ended.into_iter().map(|(_, minute)| minute).collect()
    }
}

#[test]
fn each_second_counts_and_the_station_has_a_peak_of_its_own() {
    let mut looks = Looks::begin(600);
    for second in 0..60 {
        // One goes from a mount to the other: never more than ten in all.
        let moved = if second < 30 { 0 } else { 4 };
        looks.look(&[("/a", 10 - moved, 10), ("/b", moved, 2 + moved)]);
    }
    looks.look(&[("/a", 6, 10)]);
    let minutes = looks.end();
    assert_eq!(minutes.iter().map(|minute| minute.at).collect::<Vec<_>>(), [10, 11]);
    let [first, second] = &minutes[..] else { panic!() };
    assert_eq!(first.streams["/a"], Count { seconds: 60, listened: 480, peak: 10, joins: 10 });
    assert_eq!(first.streams["/b"], Count { seconds: 60, listened: 120, peak: 4, joins: 6 });
    assert_eq!(first.station, Count { seconds: 60, listened: 600, peak: 10, joins: 16 });
    assert_eq!(second.station, Count { seconds: 1, listened: 6, peak: 6, joins: 0 });
    assert!(!second.streams.contains_key("/b"), "it is gone");
}

#[test]
fn a_mount_that_is_there_again_counts_its_joins_from_nothing() {
    let mut looks = Looks::begin(0);
    for streams in [&[("/a", 5, 5)][..], &[], &[("/a", 2, 7)], &[("/a", 3, 3)], &[("/a", 3, 4)]] {
        looks.look(streams);
    }
    // Five; then, of another one, seven; of a third one that was not gone between two looks, three; one more.
    assert_eq!(looks.end()[0].streams["/a"].joins, 16);
}

/// Minutes are counted by the clock as it shows them: nothing is between them when it jumps.
#[test]
fn a_clock_that_is_set_makes_no_minute_that_was_not() {
    let mut looks = Looks::begin(30);
    looks.look(&[("/a", 1, 1)]);
    // It starts in 1970, and is set by NTP.
    looks.wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_030);
    for _ in 0..40 {
        looks.look(&[("/a", 1, 1)]);
    }
    // And set back a little: the minute comes again.
    looks.wall -= Duration::from_secs(20);
    for _ in 0..40 {
        looks.look(&[("/a", 1, 1)]);
    }
    // Before 1970 there is nothing.
    looks.wall = SystemTime::UNIX_EPOCH - Duration::from_secs(100_000);
    looks.look(&[("/a", 1, 1)]);
    let minutes: Vec<_> = looks.end().iter().map(|minute| (minute.at, minute.station.seconds)).collect();
    let now = 30_000_000;
    assert_eq!(minutes, [(0, 1), (now, 30), (now + 1, 10), (now, 10), (now + 1, 30), (0, 1)]);
}

#[test]
fn of_too_many_streams_all_count_for_the_station() {
    let mut looks = Looks::begin(0);
    let names: Vec<String> = (0..300).map(|number| format!("/{number}")).collect();
    for _ in 0..2 {
        looks.look(&names.iter().map(|name| (&**name, 1, 1)).collect::<Vec<_>>());
    }
    let minute = &looks.end()[0];
    assert_eq!(minute.streams.len(), 256);
    assert!(minute.streams.values().all(|count| count.seconds == 2));
    assert_eq!(minute.station, Count { seconds: 2, listened: 600, peak: 300, joins: 300 });
}

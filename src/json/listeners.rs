//! How many listened over time.

use std::time::Duration;

use serde::Serialize;

use crate::StatisticsPoint;
use crate::time::as_seconds;

/// How many listened to a station and its streams, step by step. Times are in the zone that was asked for.
#[derive(Debug, Serialize)]
pub struct Statistics<'a> {
    from: String,
    before: String,
    #[serde(serialize_with = "as_seconds")]
    step: Duration,
    streams: Vec<Stream<'a>>,
}

#[derive(Debug, Serialize)]
struct Stream<'a> {
    mount: Option<&'a str>,
    points: Vec<Point>,
}

#[derive(Debug, Serialize)]
struct Point {
    at: String,
    listeners: f64,
    peak: u64,
    joins: u64,
    seconds: u64,
}

impl Statistics<'_> {
    /// From [`History::statistics`](crate::History::statistics).
    pub fn of(statistics: &crate::Statistics) -> Statistics<'_> {
        let point = |&StatisticsPoint { at, seconds, listeners, peak, joins }: &_| Point {
            at: statistics.local(at),
            listeners,
            peak,
            joins,
            seconds,
        };
        let streams = statistics.streams.iter().map(|stream| Stream {
            mount: stream.mount.as_deref(),
            points: stream.points.iter().map(point).collect(),
        });
        let wanted = &statistics.wanted;
        Statistics {
            from: statistics.local(wanted.from),
            before: statistics.local(wanted.before),
            step: wanted.step,
            streams: streams.collect(),
        }
    }
}

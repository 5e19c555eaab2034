//! How many listen, minute by minute: what a look once a second at all streams makes of rows. Pure: the
//! caller says what time it is.
//!
//! Minutes are those of UTC, so they know no summer time. A minute in which nobody looked has no row: the
//! station was not running then. One that comes again, because a clock was set back, has another row, which
//! the file adds to the first.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use crate::time::millis_since_1970;

/// How many streams are counted by themselves. Listeners of more count for the station alone.
const MAX_STREAMS: usize = 256;

/// What a look at a stream shows: a mount, or an HLS by its playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamSample {
    pub stream: Arc<str>,
    pub listeners: u64,
    /// How many have come since the stream began.
    pub joins: u64,
}

/// What is known of a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Minute {
    /// In minutes since 1970.
    pub at: u64,
    /// All streams together: their peaks are not at the same time.
    pub station: Count,
    pub streams: BTreeMap<Arc<str>, Count>,
}

/// How many listened to a stream in a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// For how many seconds it is known.
    pub seconds: u64,
    /// The listeners of each of these seconds, summed up: divided by the seconds, the mean.
    pub listened: u64,
    pub peak: u64,
    pub joins: u64,
}

impl Count {
    pub fn add(&mut self, other: Count) {
        self.seconds += other.seconds;
        self.listened += other.listened;
        self.peak = self.peak.max(other.peak);
        self.joins += other.joins;
    }
}

/// The minutes of a run of the station.
#[derive(Default)]
pub(super) struct Minutes {
    open: Option<Minute>,
    /// What the counters of joins showed at the last look.
    joined: HashMap<Arc<str>, u64>,
    number: u64,
}

impl Minutes {
    /// A look at all streams that there are. Returns the minute before, with its number, if that has ended.
    pub fn look(&mut self, samples: &[StreamSample], wall: SystemTime) -> Option<(u64, Minute)> {
        let at = millis_since_1970(wall).unsigned_abs() / 60_000;
        let is_another = self.open.as_ref().is_some_and(|open| open.at != at);
        let ended = if is_another { self.end() } else { None };
        let new = || Minute { at, station: Count::default(), streams: BTreeMap::new() };
        let minute = self.open.get_or_insert_with(new);
        let mut station = Count { seconds: 1, ..Count::default() };
        for StreamSample { stream, listeners, joins } in samples {
            // A stream that has begun anew counts from nothing.
            let before = self.joined.get(stream).filter(|before| *before <= joins);
            let joins = joins - before.unwrap_or(&0);
            let count = Count { seconds: 1, listened: *listeners, peak: *listeners, joins };
            station.listened += listeners;
            station.joins += joins;
            if minute.streams.len() < MAX_STREAMS || minute.streams.contains_key(stream) {
                minute.streams.entry(stream.clone()).or_default().add(count);
            }
        }
        station.peak = station.listened;
        minute.station.add(station);
        self.joined = samples.iter().map(|sample| (sample.stream.clone(), sample.joins)).collect();
        ended
    }

    /// Ends the minute that has not ended, as at the end of the station.
    pub fn end(&mut self) -> Option<(u64, Minute)> {
        let ended = self.open.take()?;
        self.number += 1;
        Some((self.number, ended))
    }
}

//! What listeners may request: the limits, what they count, and why a request is refused.

#[cfg(feature = "library")]
mod granting;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

#[cfg(feature = "library")]
pub(crate) use self::granting::{HeardAt, Wish};
use super::schedule::{CLOCK_SLACK, Keys};
use crate::ids::EntryId;
use crate::time::from_millis;

/// The time over which requests are counted.
const HOUR: Duration = Duration::from_secs(3600);

/// The limits of a pipeline's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// How many of one address are taken in an hour.
    pub per_address: usize,
    /// How many are taken in an hour.
    pub per_hour: usize,
    /// How long after it was heard a track may be requested again. One that waits may not; one that was
    /// requested within the hour, and does not wait any more, counts as heard for that hour.
    pub per_track: Duration,
    /// How many may wait to be played.
    pub waiting: usize,
}

/// Why a request is refused, and in which time it may be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoRequest {
    /// So many of this address were taken within an hour.
    OfAddress(Duration),
    /// So many were taken within an hour.
    TooMany(Duration),
    /// The track was heard or requested not long ago.
    Again(Duration),
    /// Its artist, or another track of its title, was heard or requested not long ago: the separation of the
    /// schedule would not be kept.
    Apart(Duration),
    /// So many wait to be played. (By then one of them has probably been played.)
    Full(Duration),
}

impl NoRequest {
    /// In which time it may be granted.
    pub fn wait(self) -> Duration {
        let (NoRequest::OfAddress(wait)
        | NoRequest::TooMany(wait)
        | NoRequest::Again(wait)
        | NoRequest::Apart(wait)
        | NoRequest::Full(wait)) = self;
        wait
    }
}

impl fmt::Display for NoRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoRequest::OfAddress(_) => "this address has requested as much as it may for now",
            NoRequest::TooMany(_) => "as much was requested as is taken in an hour",
            NoRequest::Again(_) => "this track was heard or requested not long ago",
            NoRequest::Apart(_) => "its artist, or this title, was heard or requested not long ago",
            NoRequest::Full(_) => "too many requests wait to be played",
        })
    }
}

/// The requests that were taken, as far as limits count them: those of the last hour, which are `per_hour` at
/// most, and those that wait, which are `waiting` at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Requested {
    /// The oldest first.
    taken: VecDeque<Taken>,
}

/// A request that was taken. It is written down, so it has no address, but a number that is made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    /// In milliseconds since 1970.
    at: i64,
    address: u64,
    #[serde(flatten)]
    keys: Keys,
    /// Its place in the queue.
    entry: EntryId,
}

impl Requested {
    /// Forgets what does not count any more.
    pub fn forget(&mut self, waits: impl Fn(EntryId) -> bool, now: SystemTime) {
        let is_recent = |taken: &Taken| ago(taken.at(), now).is_some_and(|ago| ago < HOUR);
        self.taken.retain(|taken| is_recent(taken) || waits(taken.entry));
    }

    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }
}

impl Taken {
    fn at(&self) -> SystemTime {
        from_millis(self.at)
    }
}

/// How long ago that was; `None` if the clock was wrong then.
fn ago(at: SystemTime, now: SystemTime) -> Option<Duration> {
    match now.duration_since(at) {
        Ok(ago) => Some(ago),
        Err(ahead) => (ahead.duration() < CLOCK_SLACK).then_some(Duration::ZERO),
    }
}

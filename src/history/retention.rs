//! When what is too old is deleted from a history.

use std::time::Duration;

use super::account::Moment;
use super::settings::HistorySettings;
use crate::time::millis_since_1970;

/// How often old rows are deleted.
const EVERY: Duration = Duration::from_secs(3600);

/// A clock that has gone so much further in that time, or so much less, was set.
const WAS_SET: Duration = Duration::from_secs(60);

/// Deletes once an hour, by a clock that was not set in that hour. A machine may start with the date of its
/// making, or with one far in the future, and by that one everything is too old.
pub(super) struct Retention {
    plays: Option<Duration>,
    minutes: Duration,
    /// The beginning of the hour.
    since: Moment,
}

/// What is to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Oldest {
    /// Plays that began before this, in milliseconds since 1970.
    pub play: Option<u64>,
    /// Minutes before this one, since 1970.
    pub minute: u64,
}

impl Retention {
    pub fn new(settings: &HistorySettings, now: Moment) -> Retention {
        Retention { plays: settings.keep, minutes: settings.statistics_keep, since: now }
    }

    /// What is to be deleted now, if it is time.
    pub fn due(&mut self, now: Moment) -> Option<Oldest> {
        let passed = now.at.duration_since(self.since.at);
        if passed < EVERY {
            return None;
        }
        let shown = now.wall.duration_since(self.since.wall).unwrap_or_default();
        if shown.abs_diff(passed) > WAS_SET {
            self.since = now;
            return None;
        }
        let before = |keep| now.wall.checked_sub(keep).map_or(0, |at| millis_since_1970(at).unsigned_abs());
        Some(Oldest { play: self.plays.map(before), minute: before(self.minutes) / 60_000 })
    }

    /// All of it is deleted.
    pub fn done(&mut self, now: Moment) {
        self.since = now;
    }
}

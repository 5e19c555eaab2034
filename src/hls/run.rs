//! A run of an HLS output: from its start to its stop. It has one date and one row of numbers for all its
//! variants.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::clock::HlsClock;
use crate::units::FramePos;

/// What players of JavaScript can count to.
const MOST_NUMBER: u64 = 1 << 53;

/// What a run leaves to the next one, which may be in another process. It belongs in a state file, and is
/// worth writing when a run has begun and when segments were listed.
///
/// If it is lost, the next run's numbers come from its date, which is behind that of all segments that were
/// listed. So it is needed only where the system's clock has gone back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRun {
    /// The highest media sequence number that was listed.
    pub media_sequence: u64,
    /// The discontinuity sequence number of its segments.
    pub discontinuity_sequence: u64,
}

/// The numbers and dates of a run.
///
/// After a restart no segment of the last run exists any more, so none is listed. The first segment of every
/// run still carries EXT-X-DISCONTINUITY, for nobody may know whether there was another before it. RFC 8216
/// (6.2.1) counts the tags before a segment into its discontinuity sequence number: so the segment has the
/// next number, which tells a player that plays on that the times begin anew. When it leaves the list, the
/// tag's count goes into EXT-X-DISCONTINUITY-SEQUENCE, and the number of every segment stays what it was. A
/// player that knows none of the old segments ignores the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// The date of a position.
    anchor: (FramePos, SystemTime),
    /// The first segment on the sample clock that may be listed, and its media sequence number.
    first_index: u64,
    first_sequence: u64,
    /// The discontinuity sequence number of all its segments.
    discontinuity_sequence: u64,
}

impl Run {
    /// Begins a run at this position, now. `last` is what the last run left, if there was one.
    pub fn begin(clock: &HlsClock, at: FramePos, now: SystemTime, last: Option<LastRun>) -> Run {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let by_date = since_epoch.as_secs() / u64::from(clock.segment_seconds());
        // A file that says more was not written by a run: no station lives for so long.
        let last = last.filter(|last| last.media_sequence.max(last.discontinuity_sequence) < MOST_NUMBER);
        let after = |number: fn(LastRun) -> u64| last.map_or(0, |last| number(last).saturating_add(1));
        Run {
            anchor: (at, now),
            first_index: clock.index_of(at),
            first_sequence: by_date.max(after(|last| last.media_sequence)),
            discontinuity_sequence: by_date.max(after(|last| last.discontinuity_sequence)),
        }
    }

    /// The media sequence number of a segment. `None` if it is from before the run.
    pub fn media_sequence(&self, index: u64) -> Option<u64> {
        let since = index.checked_sub(self.first_index)?;
        Some(self.first_sequence.saturating_add(since))
    }

    /// What it leaves to the next run, once this segment was listed. `None`: it has listed none.
    pub fn left_after(&self, index: Option<u64>) -> LastRun {
        let listed = index.and_then(|index| self.media_sequence(index));
        LastRun {
            media_sequence: listed.unwrap_or(self.first_sequence.saturating_sub(1)),
            discontinuity_sequence: self.discontinuity_sequence,
        }
    }

    /// The discontinuity sequence number of all its segments.
    pub fn discontinuity_sequence(&self) -> u64 {
        self.discontinuity_sequence
    }

    /// What the names of its segments begin with: no other run has it.
    pub fn epoch(&self) -> u64 {
        unix_millis(self.anchor.1)
    }

    /// The date of a position.
    pub fn date(&self, clock: &HlsClock, at: FramePos) -> SystemTime {
        let (anchor, date) = self.anchor;
        let later = Duration::from_micros(clock.micros_between(anchor, at));
        let earlier = Duration::from_micros(clock.micros_between(at, anchor));
        (date + later).checked_sub(earlier).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Milliseconds since 1970.
pub(super) fn unix_millis(date: SystemTime) -> u64 {
    date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

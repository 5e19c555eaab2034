//! What chooses tracks by the clock, as the programme sees it.

use std::sync::Arc;
use std::time::Instant;

use crate::event::TrackInfo;
use crate::ids::EntryId;

/// Chooses tracks by the clock. It lives above the engine, and is asked by the thread that picks a track.
pub(crate) trait Planner: Send + Sync {
    /// Says in the running order what comes next. It may look at files, so it takes its time; a disk that
    /// does not answer has a deadline.
    fn plan(&self);

    /// A track has begun, with a frame whose instant this is. Called on the mixer's thread: it waits for
    /// nothing.
    fn began(&self, track: &Arc<TrackInfo>, at: Instant);

    /// A track cannot be played.
    fn failed(&self, id: EntryId, reason: &str);
}

//! What an application is asked: what is to play next?

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::{Inner, Pipeline};
use crate::engine::chooser::Choose;
use crate::playout::Entry;

/// How long an application has for its answer, unless it says otherwise.
const WITHIN: Duration = Duration::from_secs(5);

type Function = dyn FnMut(&Pipeline) -> Option<Entry> + Send;

/// An application's answer to what is to play next. It is asked whenever the queue is empty and the next
/// track is to be opened, which is one track ahead: when the one before it begins.
///
/// It is called on a thread of its own, `next`, and may take its time, look into a database, and call
/// everything on the pipeline. Its answer is queued. `None` leaves the choice to the playlist, and so does an
/// answer that takes longer than [`within`](NextTrack::within); it is queued when it comes. If a file that it
/// names cannot be played, it is asked again, up to eight times for a track.
///
/// ```
/// use longwave::{Entry, NextTrack};
///
/// let mut hour = ["news.mp3", "one.flac", "two.flac"].into_iter().cycle();
/// let next_track = NextTrack::new(move |_| hour.next().map(Entry::new));
/// ```
#[derive(Clone)]
pub struct NextTrack {
    choose: Arc<Mutex<Function>>,
    within: Duration,
}

impl NextTrack {
    /// Asks `choose`, which has five seconds.
    pub fn new(choose: impl FnMut(&Pipeline) -> Option<Entry> + Send + 'static) -> NextTrack {
        NextTrack { choose: Arc::new(Mutex::new(choose)), within: WITHIN }
    }

    /// How long it has. If the track on the air ends in this time, there is silence until then.
    #[must_use]
    pub fn within(self, within: Duration) -> NextTrack {
        NextTrack { within, ..self }
    }

    /// What asks it on behalf of this pipeline, and how long it has.
    pub(super) fn of(self, pipeline: Weak<Inner>) -> (Box<Choose>, Duration) {
        let NextTrack { choose, within } = self;
        let ask = move || {
            let pipeline = pipeline.upgrade().map(Pipeline::from_inner)?;
            (choose.lock().unwrap_or_else(PoisonError::into_inner))(&pipeline)
        };
        (Box::new(ask), within)
    }
}

impl fmt::Debug for NextTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextTrack").field("within", &self.within).finish_non_exhaustive()
    }
}

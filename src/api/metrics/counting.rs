//! Counts the tracks of the library, on a thread `api-files`, while nobody waits for it.

use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::tracks::{HistoryCount, LibraryCount, Tracks};
use super::{Core, Measuring};
use crate::{Library, ScanState};

/// How old a count may be. It takes some milliseconds if there are many tracks.
const COUNTED_EVERY: Duration = Duration::from_secs(10);

/// The counting of a library's tracks.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// `None`: they have not been counted yet, or the database does not answer.
    last: Option<LibraryCount>,
    phase: Phase,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Never,
    /// Somebody reads the metrics, and the last count is old.
    Wanted,
    UnderWay,
    Ended(Instant),
}

impl Measuring {
    /// What is known of tracks. What is old is to be counted again.
    pub(super) fn tracks(&self, core: &Core) -> Tracks {
        let mut counting = self.counting();
        let is_old = match counting.phase {
            Phase::Never => core.library.is_some(),
            Phase::Ended(at) => at.elapsed() >= COUNTED_EVERY,
            Phase::Wanted | Phase::UnderWay => false,
        };
        if is_old {
            counting.phase = Phase::Wanted;
            core.bell.ring();
        }
        let history = core.plays.history().map(|history| {
            let (waiting, lost) = history.waiting_and_lost();
            HistoryCount { waiting, lost }
        });
        Tracks { library: counting.last, history }
    }

    /// Has the library counted by `begin` if that is wanted. `begin` returns whether somebody does it.
    pub(in crate::api) fn turn(&self, begin: impl FnOnce() -> bool) {
        let mut counting = self.counting();
        if matches!(counting.phase, Phase::Wanted) && begin() {
            counting.phase = Phase::UnderWay;
        }
    }

    /// Counts the library, which may take some seconds.
    pub(in crate::api) fn count(&self, library: &Library) {
        let last = library.state().ok().map(|state| LibraryCount {
            tracks: state.tracks,
            missing: state.missing,
            unplayable: state.unplayable,
            to_hear: state.to_hear,
            is_scanning: matches!(state.scan, ScanState::Running(_)),
        });
        *self.counting() = Counting { last, phase: Phase::Ended(Instant::now()) };
    }

    fn counting(&self) -> MutexGuard<'_, Counting> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

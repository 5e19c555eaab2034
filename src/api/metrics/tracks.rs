//! The metrics of the library and of the history.

use super::family::{Family, Value};
use super::states::{counter, gauge};

/// What is known of the tracks of a station.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tracks {
    /// `None`: there is no library, or it has not been counted yet.
    pub library: Option<LibraryCount>,
    /// `None`: what is played is not written down.
    pub history: Option<HistoryCount>,
}

/// What a library has, as it was counted last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LibraryCount {
    pub tracks: u64,
    pub missing: u64,
    pub unplayable: u64,
    pub to_hear: u64,
    pub is_scanning: bool,
}

/// The plays of a history that are not on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HistoryCount {
    pub waiting: u64,
    pub lost: u64,
}

impl Tracks {
    pub fn families(&self) -> Vec<Family> {
        let of_library = |base, about| Family::new(gauge(base, &[], about));
        let mut tracks = of_library("longwave_library_tracks", "Tracks of the library that are there.");
        let mut missing = of_library("longwave_library_missing", "Tracks whose files are gone.");
        let mut unplayable = of_library("longwave_library_unplayable", "Files that cannot be played.");
        let about = "Tracks that nobody has listened to yet.";
        let mut to_hear = of_library("longwave_library_to_hear", about);
        let mut scanning = of_library("longwave_library_scanning", "Whether a scan runs (1) or not (0).");
        if let Some(count) = &self.library {
            for (family, number) in [
                (&mut tracks, count.tracks),
                (&mut missing, count.missing),
                (&mut unplayable, count.unplayable),
                (&mut to_hear, count.to_hear),
                (&mut scanning, count.is_scanning.into()),
            ] {
                family.add(&[], Value::Number(number as f64));
            }
        }
        let about = "Plays that wait for the disk of the history.";
        let mut waiting = Family::new(gauge("longwave_history_waiting", &[], about));
        let about = "Plays that are not in the history, because too many waited for its disk.";
        let mut lost = Family::new(counter("longwave_history_lost", None, &[], about));
        if let Some(count) = self.history {
            waiting.add(&[], Value::Number(count.waiting as f64));
            lost.add(&[], Value::Number(count.lost as f64));
        }
        vec![tracks, missing, unplayable, to_hear, scanning, waiting, lost]
    }
}

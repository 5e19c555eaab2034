//! How a library is doing.

use std::time::SystemTime;

use rusqlite::Connection;

use super::fault::Fault;
use super::shared::{Shared, lock};
use crate::health::Warning;

/// What a scan is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanProgress {
    /// The audio files that were found so far.
    pub found: u64,
    /// How many of them were new or had changed: these are read.
    pub changed: u64,
    /// How many of these have been read.
    pub read: u64,
    /// Whether all files have been found.
    pub is_complete: bool,
}

/// Whether a scan runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScanState {
    /// None has been asked for yet.
    #[default]
    Never,
    /// Folders are being looked through.
    Running(ScanProgress),
    /// The last one has ended.
    Ended {
        /// When.
        at: SystemTime,
        /// What it came to.
        result: ScanResult,
    },
}

/// What a scan came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanResult {
    /// The audio files that were found.
    pub found: u64,
    /// The tracks that are new.
    pub added: u64,
    /// The tracks whose files had changed.
    pub changed: u64,
    /// The tracks whose files were moved.
    pub moved: u64,
    /// The tracks whose files are gone.
    pub missing: u64,
    /// The files that cannot be played.
    pub unplayable: u64,
    /// Folders and files that could not be looked at, and why.
    pub problems: Vec<String>,
}

/// The most problems of one scan that are kept.
pub(super) const MAX_PROBLEMS: usize = 20;

impl ScanResult {
    /// Adds those of another folder.
    pub(super) fn add(&mut self, other: ScanResult) {
        self.found += other.found;
        self.added += other.added;
        self.changed += other.changed;
        self.moved += other.moved;
        self.missing += other.missing;
        self.unplayable += other.unplayable;
        other.problems.into_iter().for_each(|problem| self.problem(problem));
    }

    pub(super) fn problem(&mut self, problem: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Whether anything has changed.
    pub(super) fn is_news(&self) -> bool {
        self.added + self.changed + self.moved + self.missing > 0
    }
}

/// A library at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibraryState {
    /// The tracks that are there.
    pub tracks: u64,
    /// The tracks whose files are gone. They are kept for a time, with all that is known of them.
    pub missing: u64,
    /// The files that cannot be played.
    pub unplayable: u64,
    /// The tracks that nobody has listened to yet.
    pub to_hear: u64,
    /// The playlists.
    pub playlists: u64,
    /// The scan.
    pub scan: ScanState,
    /// Whether scanning and listening rest.
    pub paused: bool,
    /// What is wrong, each in a sentence.
    pub problems: Vec<String>,
}

/// What a scan is at, and how the last one ended.
#[derive(Default)]
pub(super) struct Scanning {
    pub state: ScanState,
    /// What is wrong with the folders, by their number.
    pub folders: Vec<(usize, String)>,
}

/// Counts what the database has.
pub(super) fn count(connection: &Connection) -> Result<LibraryState, Fault> {
    let count = |query: &str| -> Result<u64, Fault> {
        Ok(connection.query_row(query, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
    };
    Ok(LibraryState {
        tracks: count("SELECT count(*) FROM tracks WHERE missing IS NULL")?,
        missing: count("SELECT count(*) FROM tracks WHERE missing IS NOT NULL")?,
        unplayable: count("SELECT count(*) FROM tracks WHERE missing IS NULL AND problem IS NOT NULL")?,
        to_hear: count(
            "SELECT count(*) FROM tracks WHERE hearing = 0 AND missing IS NULL AND problem IS NULL",
        )?,
        playlists: count("SELECT count(*) FROM playlists")?,
        ..LibraryState::default()
    })
}

impl Shared {
    /// What is wrong, as an operator may read it, and as strangers may.
    pub fn warnings(&self) -> Vec<Warning> {
        let of_database = self.troubles().into_iter().map(|reason| {
            let whole = format!("the library ({}): {reason}", self.settings.database.display());
            Warning::new(whole, "the library's database is not well")
        });
        let scanning = lock(&self.scanning);
        let of_folders = scanning.folders.iter().map(|(_, reason)| {
            Warning::new(format!("the library: {reason}"), "a folder of the library cannot be read")
        });
        let hanging = self.files.warning().map(|warning| {
            Warning::new(format!("the library: {warning}"), "the library: the disk of a file does not answer")
        });
        of_database.chain(of_folders).chain(hanging).collect()
    }
}

//! What the threads of a library and its handles share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::status::Scanning;
use crate::database::Trouble;
use crate::error::Error;
use crate::filework::{FileWork, Job};
use crate::library::LibrarySettings;

/// A folder of the library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub id: i64,
    pub path: PathBuf,
}

/// Whether the database can be read.
#[derive(Clone, Debug)]
pub(super) enum Access {
    /// It is being opened.
    Opening,
    /// Each opening has a number of its own: a connection that was made before it is of no use.
    Open { opening: u64, folders: Vec<Folder> },
    /// It cannot be used, and why.
    Shut(String),
}

/// What is done about a database that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// It is set aside, and a new one is made.
    SetAside,
    /// Nothing: calls say what is wrong.
    Never,
}

pub(super) struct Shared {
    /// With absolute paths.
    pub settings: LibrarySettings,
    pub repair: Repair,
    /// All that is done with files: in the folders, and with the database.
    pub files: FileWork,
    access: Mutex<Access>,
    is_known: Condvar,
    /// Why nothing can be written just now.
    writing: Mutex<Option<String>>,
    /// What was wrong with the database and has been mended, for as long as the station runs.
    mended: Mutex<Option<String>>,
    /// Grows with each change of the database.
    pub changes: AtomicU64,
    /// How often the database was opened.
    pub openings: AtomicU64,
    /// A reader found the database damaged.
    pub is_suspect: AtomicBool,
    /// Whether the folders are looked through now and then, and when the database is new.
    pub follows: AtomicBool,
    /// Whether tracks are listened to.
    pub listens: AtomicBool,
    /// Whether scanning and listening rest.
    pub paused: AtomicBool,
    pub ending: AtomicBool,
    pub scanning: Mutex<Scanning>,
}

impl Shared {
    pub fn new(settings: &LibrarySettings, repair: Repair) -> Shared {
        Shared {
            settings: settings.absolute(),
            repair,
            files: FileWork::new(),
            access: Mutex::new(Access::Opening),
            is_known: Condvar::new(),
            writing: Mutex::default(),
            mended: Mutex::default(),
            changes: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            is_suspect: AtomicBool::new(false),
            follows: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            ending: AtomicBool::new(false),
            scanning: Mutex::default(),
        }
    }

    pub fn set_access(&self, access: Access) {
        *lock(&self.access) = access;
        self.is_known.notify_all();
    }

    /// Whether the database can be read; waits for so long if it is being opened.
    pub fn access(&self, patience: Duration) -> Access {
        let deadline = Instant::now() + patience;
        let mut access = lock(&self.access);
        while matches!(*access, Access::Opening) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            access = self.is_known.wait_timeout(access, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        access.clone()
    }

    /// Notes whether the database can be written. What is new is logged.
    pub fn set_writing(&self, trouble: Option<String>) {
        let mut writing = lock(&self.writing);
        if *writing != trouble {
            let file = self.settings.database.display();
            match &trouble {
                Some(reason) => log::error!("{file}: the library keeps nothing new: {reason}"),
                None => log::info!("{file}: the library is well again"),
            }
            *writing = trouble;
        }
    }

    /// Notes that the database had to be mended.
    pub fn set_mended(&self, what: String) {
        log::error!("{}: {what}", self.settings.database.display());
        *lock(&self.mended) = Some(what);
    }

    /// Why nothing can be written just now, and what was mended.
    pub fn troubles(&self) -> Vec<String> {
        let writing = lock(&self.writing).clone();
        writing.into_iter().chain(lock(&self.mended).clone()).collect()
    }

    /// Why something that was asked of the database has no answer.
    pub fn no_answer(&self, reason: impl Into<String>) -> Error {
        Error::NoAnswer { path: self.settings.database.clone(), reason: reason.into() }
    }

    /// The same for a change that did not come about in time.
    pub fn not_written(&self) -> Error {
        let reason = lock(&self.writing).clone();
        self.no_answer(reason.unwrap_or_else(|| "it is busy: try again in a moment".into()))
    }

    pub fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

/// How many instructions of SQLite are one step of progress: some milliseconds.
const STEP: i32 = 100_000;

/// Has a connection tell of its progress: a statement that takes long does not hang. One that nobody waits
/// for any more is broken off.
pub(super) fn tell_progress(connection: &mut Connection, job: &Arc<Job>) -> Result<(), Trouble> {
    let job = Arc::clone(job);
    let step = move || {
        job.step();
        job.is_abandoned()
    };
    Ok(connection.progress_handler(STEP, Some(step))?)
}

/// Locks, whatever happened to others who did.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The connections of those who read. They never wait for the thread that writes, and whoever reads never
//! waits for a disk that does not answer.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::Connection;

use super::fault::Fault;
use super::shared::{Access, Folder, Shared, lock, tell_progress};
use crate::database::{Database, Trouble};
use crate::error::{Error, Result};
use crate::filework::HANGS_AFTER;

/// How long a reader waits for a database that is being opened.
const OPENED_WITHIN: Duration = Duration::from_secs(10);

/// The connections that are kept for the next readers. Each has a cache of up to two MiB.
const MAX_KEPT: usize = 4;

/// Reads the database, from any thread. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readers {
    shared: Arc<Shared>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

struct Kept {
    connection: Connection,
    /// The opening of the database that it is of.
    opening: u64,
}

/// What somebody reads by.
pub(super) struct View<'c> {
    pub connection: &'c Connection,
    pub folders: &'c [Folder],
    /// The opening of the database that the connection is of.
    pub opening: u64,
}

impl Readers {
    pub fn new(shared: &Arc<Shared>) -> Readers {
        Readers { shared: Arc::clone(shared), kept: Arc::default() }
    }

    /// Reads something.
    pub fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.read_within(OPENED_WITHIN, read)
    }

    /// The same, unless the database is still being opened.
    pub fn read_if_open<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.read_within(Duration::ZERO, read)
    }

    fn read_within<T: Send + 'static>(
        &self,
        patience: Duration,
        read: impl FnOnce(&View<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        let (opening, folders) = match self.shared.access(patience) {
            Access::Open { opening, folders } => (opening, folders),
            Access::Opening => return Err(self.shared.no_answer("it is still being opened")),
            Access::Shut(reason) => return Err(self.shared.no_answer(reason)),
        };
        let (own, file) = (self.clone(), self.shared.settings.database.clone());
        let done = self.shared.files.within(&file, HANGS_AFTER, move |job| {
            let mut connection = own.connection(opening)?;
            tell_progress(&mut connection, job)?;
            let done = read(&View { connection: &connection, folders: &folders, opening });
            own.keep(Kept { connection, opening });
            done
        });
        match done.map_err(|reason| reason.of(&self.shared.settings.database))? {
            Ok(value) => Ok(value),
            Err(Fault::Refused(error)) => Err(error),
            Err(Fault::Database(trouble)) => Err(self.failed(&trouble)),
        }
    }

    fn failed(&self, trouble: &Trouble) -> Error {
        if let Trouble::Damaged(_) = trouble {
            self.shared.is_suspect.store(true, Ordering::Relaxed);
        }
        self.shared.no_answer(trouble.to_string())
    }

    fn connection(&self, opening: u64) -> std::result::Result<Connection, Trouble> {
        let mut kept = lock(&self.kept);
        kept.retain(|kept| kept.opening == opening);
        let connection = kept.pop().map(|kept| kept.connection);
        drop(kept);
        connection.map_or_else(|| Database::open_to_read(&self.shared.settings.database), Ok)
    }

    fn keep(&self, done: Kept) {
        let mut kept = lock(&self.kept);
        if kept.len() < MAX_KEPT {
            kept.push(done);
        }
    }

    /// Closes what nobody uses.
    pub fn close(&self) {
        lock(&self.kept).clear();
    }
}

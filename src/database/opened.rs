//! A database file: how it is opened, and what is done when it is damaged or gone.
//!
//! One thread writes. Readers have connections of their own, which never wait for it: the database keeps a
//! log of what is new beside itself (WAL).

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{Access, access};

use super::schema::{Schema, copy};
use super::trouble::Trouble;
use super::{COMPANIONS, files};
use crate::path_text::with_suffix;

/// How long a statement waits for another program that is writing.
const BUSY: Duration = Duration::from_millis(1000);

/// The same for a copy, which somebody waits for.
const COPIES_WITHIN: Duration = Duration::from_secs(4);

/// What the log of changes may take on the disk while nobody writes.
const MAX_LOG_BYTES: i64 = 16 << 20;

/// A database that can be written.
pub(crate) struct Database {
    pub connection: Connection,
    /// Which file it is, and which log of changes.
    identity: Identity,
    /// Grows with the changes of other programs.
    version: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity([Option<(u64, u64)>; 2]);

impl Identity {
    fn of(file: &Path) -> Identity {
        let id = |file: &Path| Some(fs::metadata(file).ok()?).map(|about| (about.dev(), about.ino()));
        Identity([id(file), id(&with_suffix(file, COMPANIONS[0]))])
    }
}

/// What has become of the file of an open database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    AsItWas,
    /// It is gone, or the log beside it is.
    Gone,
    /// There is another one in its place.
    Replaced,
    /// Nothing is left in it: somebody has truncated it.
    Emptied,
}

impl Database {
    /// Opens a database, or makes it.
    pub fn open(file: &Path, schema: &Schema<'_>) -> Result<Database, Trouble> {
        Database::open_any(file, schema).map_err(|trouble| judged(file, trouble))
    }

    fn open_any(file: &Path, schema: &Schema<'_>) -> Result<Database, Trouble> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if let Err(error) = access(folder, Access::WRITE_OK) {
            let reason = "let this user write in its folder";
            return Err(Trouble::Passing(format!("it cannot be written ({error}): {reason}")));
        }
        let mut connection =
            Connection::open_with_flags(file, OpenFlags::default() & !OpenFlags::SQLITE_OPEN_URI)?;
        prepare(&connection)?;
        // One that is not ours stays as it is.
        schema.version_of(&connection)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // What was acknowledged is on the disk, whatever fails then.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "journal_size_limit", MAX_LOG_BYTES)?;
        schema.migrate(&mut connection, file)?;
        let version = version(&connection);
        Ok(Database { connection, identity: Identity::of(file), version })
    }

    /// A connection that only reads.
    pub fn open_to_read(file: &Path) -> Result<Connection, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        prepare(&connection)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Reads all of it, to see whether it is damaged.
    pub fn check(&self) -> Result<(), Trouble> {
        let finding: String = self.connection.query_row("PRAGMA quick_check (1)", [], |row| row.get(0))?;
        if finding == "ok" { Ok(()) } else { Err(Trouble::Damaged(finding)) }
    }

    /// Whether another program has changed something since the last call.
    pub fn was_changed_by_others(&mut self) -> bool {
        let now = version(&self.connection);
        std::mem::replace(&mut self.version, now) != now
    }

    /// Whether its file is where it was. A disk that does not say so counts as if it was.
    pub fn place(&self, file: &Path) -> Place {
        let about = fs::metadata(file);
        if about.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
            return Place::AsItWas;
        }
        let now = Identity::of(file);
        // One that is open has a page at least.
        let is_empty = about.is_ok_and(|about| about.len() == 0);
        match (now == self.identity, now.0[0] == self.identity.0[0] || now.0[0].is_none()) {
            (true, _) if is_empty => Place::Emptied,
            (true, _) => Place::AsItWas,
            (false, true) => Place::Gone,
            (false, false) => Place::Replaced,
        }
    }

    /// Writes what is still open of a file that is gone to its place. The connection is of no use afterwards.
    pub fn write_again(self, file: &Path) -> Result<(), Trouble> {
        let again = with_suffix(file, ".again");
        copy(&self.connection, &again)?;
        drop(self.connection);
        let [_, log, index] = files(file);
        let _ = [log, index].map(fs::remove_file);
        fs::rename(&again, file).map_err(|error| Trouble::Passing(error.to_string()))
    }
}

/// What every database of SQLite begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The size of the pages of our databases, in bytes.
const PAGE: u64 = 4096;

/// What is wrong with a file in which SQLite finds no sound database. One that was never ours is not damaged:
/// its name was a slip, and it is left alone.
pub(crate) fn judged(file: &Path, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Damaged(_) if !may_be_ours(file) => {
            Trouble::Foreign("it is no database of Longwave, and is left alone: choose another name".into())
        }
        trouble => trouble,
    }
}

/// Whether a file may be a damaged database of ours: it begins like one, or has whole pages. One that cannot
/// be read may be one, too.
fn may_be_ours(file: &Path) -> bool {
    let mut begins = Vec::new();
    let Ok(opened) = File::open(file) else { return true };
    let Ok(about) = opened.metadata() else { return true };
    let is_read = opened.take(MAGIC.len() as u64).read_to_end(&mut begins).is_ok();
    !is_read || begins == MAGIC || about.len() % PAGE == 0
}

fn version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "data_version", |row| row.get(0)).unwrap_or_default()
}

/// What holds for every connection.
fn prepare(connection: &Connection) -> Result<(), Trouble> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Copies a database as it is at this moment. Others may write to it meanwhile.
pub(crate) fn copy_file(file: &Path, to: &Path) -> Result<(), Trouble> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(COPIES_WITHIN)?;
    copy(&connection, to)
}

/// Whether anybody has this database open, in this process or in another one. One that cannot be opened at
/// all is in nobody's use.
pub(crate) fn is_in_use(file: &Path) -> bool {
    let alone = || -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(BUSY)?;
        // Whoever has it open holds a lock that this needs.
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.execute_batch("BEGIN EXCLUSIVE; ROLLBACK")
    };
    let code = alone().err().and_then(|error| error.sqlite_error_code());
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Renames a damaged database, with what lies beside it: `library.db.corrupt-20260301T120000Z`.
pub(crate) fn set_aside(file: &Path, now: SystemTime) -> io::Result<PathBuf> {
    let time = humantime::format_rfc3339_seconds(now).to_string().replace(['-', ':'], "");
    let names = std::iter::once(String::new()).chain((2..).map(|n| format!("-{n}")));
    let mut free = names
        .map(|again| with_suffix(file, &format!(".corrupt-{time}{again}")))
        .filter(|aside| fs::symlink_metadata(aside).is_err());
    let aside = free.next().expect("numbers do not end");
    fs::rename(file, &aside)?;
    for (from, to) in files(file).iter().zip(&files(&aside)).skip(1) {
        match fs::rename(from, to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}

//! Databases of SQLite in files: how they are opened, brought up to date, copied, and set aside when they are
//! damaged. What is in them is known to their owners, the library and the history, each of which has a
//! [`Schema`].

#[cfg(feature = "library")]
mod opened;
#[cfg(feature = "library")]
mod schema;
#[cfg(feature = "library")]
mod trouble;

use std::path::{Path, PathBuf};

#[cfg(feature = "library")]
pub(crate) use opened::{Database, Place, copy_file, is_in_use, judged, set_aside};
#[cfg(feature = "library")]
pub(crate) use schema::Schema;
#[cfg(feature = "library")]
pub(crate) use trouble::Trouble;

use crate::path_text::with_suffix;

/// What SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A database and what SQLite keeps beside it: all paths that are written to for it.
pub(crate) fn files(database: &Path) -> [PathBuf; 3] {
    let [log, index] = COMPANIONS.map(|suffix| with_suffix(database, suffix));
    [database.to_owned(), log, index]
}

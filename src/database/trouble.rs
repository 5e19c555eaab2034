//! What can be wrong with a database.

use std::fmt;

use rusqlite::ErrorCode;

/// What is wrong with a database.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It may be over soon: the database is locked, its disk is full or does not let us write. It is tried
    /// again.
    Passing(String),
    /// It is damaged. It is set aside, and another one is made.
    Damaged(String),
    /// It is not ours, or a newer version made it. It is left alone.
    Foreign(String),
    /// A statement that is wrong in itself, whatever the disk does.
    Wrong(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Passing(reason) | Trouble::Foreign(reason) | Trouble::Wrong(reason) => {
                f.write_str(reason)
            }
            Trouble::Damaged(reason) => write!(f, "it is damaged: {reason}"),
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        let passing = |reason: &str| Trouble::Passing(reason.into());
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                passing("another program has locked it: it is tried again")
            }
            Some(ErrorCode::DiskFull) => passing("its disk is full: make room"),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                passing("it cannot be written: let this user write the file and its folder")
            }
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => Trouble::Passing(format!("its disk fails: {error}")),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::Damaged(error.to_string()),
            _ => Trouble::Wrong(error.to_string()),
        }
    }
}

//! Why something was not done with the library.

use crate::database::Trouble;
use crate::error::Error;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Fault {
    /// It was refused for what was asked.
    Refused(Error),
    /// The database could not do it.
    Database(Trouble),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Database(error.into())
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Fault {
        Fault::Database(trouble)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Refused(error)
    }
}

//! Why file work has no result.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::job_table::{MAX_HANGING, MAX_OF_ONE_USER};
use crate::error::Error;

/// Why file work was not done.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It did not end in time.
    Late(Duration),
    /// A thread hangs on this file.
    Hangs(Duration),
    /// A thread hung on this file not long ago.
    LeftAlone(Duration),
    /// So many files hang in this folder that its disk is taken for dead.
    DeadFolder(PathBuf),
    /// Too many threads hang.
    TooMany,
    /// Too many threads hang on files that this user asked for.
    ShareTaken,
    /// The system gives no thread.
    NoThread(io::Error),
    /// The work has panicked.
    Panicked,
}

impl NoAnswer {
    /// The error of a call that named this file.
    pub fn of(self, path: &Path) -> Error {
        match self {
            NoAnswer::NoThread(cause) => Error::Io { doing: "starting a thread", cause },
            reason => Error::NoAnswer { path: path.to_owned(), reason: reason.to_string() },
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: &Duration| time.as_secs().max(1);
        match self {
            NoAnswer::Late(time) => {
                write!(f, "its disk did not answer within {} s: try again when it does", seconds(time))
            }
            NoAnswer::Hangs(time) => write!(
                f,
                "its disk has not answered for {} s: it is not tried again while it hangs",
                seconds(time)
            ),
            NoAnswer::LeftAlone(left) => {
                write!(f, "its disk did not answer: it is tried again in {} s", seconds(left))
            }
            NoAnswer::DeadFolder(folder) => {
                let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
                write!(f, "other files in {name} hang: its disk is taken for dead until one of them answers")
            }
            NoAnswer::TooMany => {
                write!(f, "{MAX_HANGING} other files hang: nothing more is tried until one of them answers")
            }
            NoAnswer::ShareTaken => write!(
                f,
                "{MAX_OF_ONE_USER} files that you asked for hang: nothing more is tried for you until one of \
                 them answers"
            ),
            NoAnswer::NoThread(error) => write!(f, "no thread can be started: {error}"),
            NoAnswer::Panicked => f.write_str("reading it has panicked"),
        }
    }
}

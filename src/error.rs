//! What can go wrong, by whose fault it is and what to do next.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::names::named;

/// A result of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call was refused. Its text says what was wrong, where, and what to try next.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot work. Change the setting.
    Setting {
        /// The setting, named as the configuration names it: `bitrate`.
        key: &'static str,
        /// What is wrong with it, and what would work.
        reason: String,
    },
    /// A file that cannot be played. Mend or replace the file.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file whose disk does not answer, or fails. Try again when it does.
    NoAnswer {
        /// The file.
        path: PathBuf,
        /// How long it was waited for, and when it may be tried again, or how it failed.
        reason: String,
    },
    /// An address that cannot be listened on. Choose another, or stop who has it.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// Something by that name exists already: a mount, a pipeline.
    Exists(String),
    /// The configuration declares it, so nothing else changes it. Change it there.
    Declared(String),
    /// Nothing has that name or id.
    NotFound(String),
    /// A limit was reached. Make room, or raise the limit if it is a setting.
    Limit {
        /// The limit: a key of the configuration (`max_voices`), or a constant (`MAX_OUTPUTS`).
        limit: &'static str,
        /// Its value.
        most: usize,
        /// What makes room.
        advice: &'static str,
    },
    /// Too many orders wait already. Nothing has changed: try again in a moment.
    Busy(&'static str),
    /// It has been stopped, or was never started.
    Stopped(&'static str),
    /// An encoder failed. It is rebuilt where a pipeline owns it.
    Encoder(String),
    /// The system refused something that is not the caller's fault.
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        cause: io::Error,
    },
}

impl Error {
    /// A setting that cannot work, and why.
    pub fn setting(key: &'static str, reason: impl Into<String>) -> Error {
        Error::Setting { key, reason: reason.into() }
    }

    /// A file that cannot be played, and why.
    pub fn file(path: impl Into<PathBuf>, reason: impl Into<String>) -> Error {
        Error::File { path: path.into(), reason: reason.into() }
    }

    /// For `map_err`: the system's refusal while `doing` something.
    pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |cause| Error::Io { doing, cause }
    }
}

/// Whether an error may be over when the same is tried again with the same settings: of a sick disk, a full one,
/// or a machine without memory.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    let lasting = |code| {
        [
            libc::ENOENT,
            libc::EACCES,
            libc::EPERM,
            libc::ENOTDIR,
            libc::EISDIR,
            libc::ELOOP,
            libc::ENAMETOOLONG,
            libc::EINVAL,
            libc::EROFS,
            libc::EEXIST,
            libc::ENXIO,
            libc::ENODEV,
            libc::EOPNOTSUPP,
        ]
        .contains(&code)
    };
    // Our own refusals have no code.
    error.raw_os_error().is_some_and(|code| !lasting(code))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setting { key, reason } => write!(f, "{key}: {reason}"),
            Error::File { path, reason } | Error::NoAnswer { path, reason } => {
                write!(f, "{}: {reason}", path.display())
            }
            Error::Listen { address, cause } if cause.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "port {} is in use ({address}): stop the program that has it, or choose another port",
                address.port()
            ),
            Error::Listen { address, cause } => write!(f, "cannot listen on {address}: {cause}"),
            Error::Exists(what) => write!(f, "{what} exists already"),
            Error::Declared(what) => write!(f, "the configuration declares {what}: change it there"),
            Error::NotFound(what) => write!(f, "there is no {what}"),
            Error::Limit { limit, most, advice } => write!(f, "{limit} is {most}: {advice}"),
            Error::Busy(what) => write!(f, "too many orders wait for the {what}: try again in a moment"),
            Error::Stopped(what) => write!(f, "the {what} is not running"),
            Error::Encoder(reason) => write!(f, "encoder: {reason}"),
            Error::Io { doing, cause } => write!(f, "{doing}: {cause}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Listen { cause, .. } | Error::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

named! {
    /// Why a listener left a mount. Counted, and told in the access log and in events.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum CloseReason {
        /// The player went away.
        Left = "left",
        /// It took nothing for `write_timeout` (the kernel's ETIMEDOUT counts as the same).
        Stalled = "stalled",
        /// Its mount ended; it got what was due.
        MountEnded = "mount-ended",
        /// It goes on at another mount of the same server: a fallback, or back from one.
        Moved = "moved",
        /// The server stopped; it got what was due.
        ServerStopped = "server-stopped",
        /// An operator removed it.
        Kicked = "kicked",
    }
}

named! {
    /// Why a source left. Told in the log and in events.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum LeaveReason {
        /// Its stream ended.
        Left = "left",
        /// Its connection broke.
        Broken = "broken",
        /// Nothing came from it for `source_timeout`.
        Silent = "silent",
        /// For ten seconds, nothing that it sent could be used.
        Useless = "useless",
        /// An operator removed it.
        Kicked = "kicked",
        /// The same user has connected anew, and this connection was dead.
        Replaced = "replaced",
        /// Its user was changed or removed, or has expired.
        Revoked = "revoked",
        /// Its user's slot is over.
        SlotEnded = "slot-ended",
        /// Its mount or live input was removed, or its mount takes another content type now.
        MountRemoved = "mount-removed",
        /// The station stopped.
        StationStopped = "station-stopped",
    }
}

impl LeaveReason {
    /// Whether the station wanted it to go: then nobody waits for it.
    pub(crate) fn is_final(self) -> bool {
        use LeaveReason::{Kicked, MountRemoved, Revoked, SlotEnded, StationStopped};
        matches!(self, Kicked | MountRemoved | Revoked | SlotEnded | StationStopped)
    }
}

//! Backups: all that a station knows, in one archive, while it is on the air; and back.
//!
//! An archive is a tar file, packed by gzip. Its first member, the manifest, says what the others are and
//! where they were. They are the configuration, the users, the states of the pipelines and the databases.
//! Music and playlists are not among them.

mod manifest;
mod pack;
#[cfg(all(test, feature = "mp3"))]
mod tests;
mod unpack;

pub use pack::{Backup, back_up};
pub use unpack::{RestoreOptions, Restored, restore};

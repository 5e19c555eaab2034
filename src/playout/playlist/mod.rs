//! Playlists as they are found on disk, and the entries that they come down to.

mod entry;
mod url;

pub use entry::Entry;

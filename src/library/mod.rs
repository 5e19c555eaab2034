//! The library: a database of the tracks in some folders.
//!
//! Its settings are a part of every configuration. What opens it is a part of builds with the feature
//! `library`.

#[cfg(not(feature = "library"))]
mod absent;
#[cfg(feature = "library")]
mod opened;
mod settings;

#[cfg(not(feature = "library"))]
pub use absent::Library;
#[cfg(not(feature = "library"))]
pub(crate) use absent::{AddedIngredients, playlists_in};
#[cfg(feature = "library")]
pub(crate) use opened::{AddedIngredients, playlists_in};
#[cfg(feature = "library")]
pub use opened::{
    Edits, Hearing, Hits, Imported, Inbox, InboxFile, InboxLimits, InboxUpload, Library, LibraryPlaylist,
    LibraryState, PlaylistTracks, ScanProgress, ScanResult, ScanState, Search, SmartList, SmartOrder, Track,
};
pub use settings::LibrarySettings;
pub(crate) use settings::{PLAYED, library_playlist};

//! What a library is asked of its playlists.

use std::collections::HashSet;
use std::path::Path;

use super::{Imported, LibraryPlaylist, Page, SmartList};
#[cfg(doc)]
use crate::Error;
use crate::error::Result;
use crate::filework::HANGS_AFTER;
use crate::library::opened::Library;
use crate::library::opened::search::Hits;
use crate::playout::{Entry, TrackKind};

impl Library {
    /// The playlists, by their names.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be read.
    pub fn playlists(&self) -> Result<Vec<LibraryPlaylist>> {
        self.inner.readers.read(|view| super::all(view.connection))
    }

    /// The playlist of this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::NoAnswer`] if the database cannot be read.
    pub fn playlist(&self, name: &str) -> Result<LibraryPlaylist> {
        let name = name.to_owned();
        self.inner.readers.read(move |view| super::by_name(view.connection, &name))
    }

    /// What a playlist plays now: the tracks that are there and can be played, in their order, with their
    /// kinds.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such playlist, [`Error::NoAnswer`] if the database cannot be read.
    pub fn entries(&self, name: &str) -> Result<Vec<Entry>> {
        let name = name.to_owned();
        self.inner.readers.read(move |view| super::entries(view, &name))
    }

    /// Which of these tracks are in playlists of jingles or spots, or in one of the playlists with these
    /// names.
    pub(crate) fn set_apart(&self, ids: Vec<i64>, names: Vec<String>) -> Result<HashSet<i64>> {
        self.inner.readers.read(move |view| super::set_apart(view, &ids, &names))
    }

    /// The tracks of a playlist that can be played now, in their order: at most `limit` of them, without the
    /// first `offset`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such playlist, [`Error::NoAnswer`] if the database cannot be read.
    pub fn playlist_tracks(&self, name: &str, limit: usize, offset: usize) -> Result<Hits> {
        let (name, page) = (name.to_owned(), Page { limit, offset });
        self.inner.readers.read(move |view| super::page(view, &name, page))
    }

    /// The same of a query: what a smart playlist would have.
    ///
    /// # Errors
    /// [`Error::Setting`] for a query that cannot be, [`Error::NoAnswer`] if the database cannot be read.
    pub fn find(&self, query: &SmartList, limit: usize, offset: usize) -> Result<Hits> {
        query.check()?;
        let (query, page) = (query.clone(), Page { limit, offset });
        self.inner.readers.read(move |view| query.page(view, page))
    }

    /// Makes a playlist, or replaces the one of the same name.
    ///
    /// # Errors
    /// [`Error::Setting`] for a name or a query that cannot be, [`Error::NotFound`] for a track that is
    /// not there, [`Error::Limit`] for too many tracks, [`Error::NoAnswer`] if the database cannot be
    /// written.
    pub fn set_playlist(&self, playlist: LibraryPlaylist) -> Result<()> {
        self.inner.orders.ask(move |connection| super::set(connection, &playlist))
    }

    /// Gives a playlist another name. What plays it by the old one has none any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::Exists`] if another one has that name,
    /// [`Error::Setting`] for a name that cannot be, [`Error::NoAnswer`] if the database cannot be written.
    pub fn rename_playlist(&self, name: &str, to: &str) -> Result<()> {
        let (name, to) = (name.to_owned(), to.to_owned());
        self.inner.orders.ask(move |connection| super::rename(connection, &name, &to))
    }

    /// Removes a playlist. Its tracks stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::NoAnswer`] if the database cannot be written.
    pub fn remove_playlist(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.inner.orders.ask(move |connection| super::remove(connection, &name))
    }

    /// Makes an ordered playlist of the tracks that a file names: an M3U, PLS or XSPF. A playlist of that
    /// name is replaced.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the file's disk does not answer or the database cannot be written,
    /// [`Error::Setting`] for a name that cannot be.
    pub fn import_playlist(&self, name: &str, kind: TrackKind, file: &Path) -> Result<Imported> {
        let (own, files) = (file.to_owned(), &self.inner.shared.files);
        let read =
            files.ordered().within(file, HANGS_AFTER, move |job| super::import(&own, &mut || job.step()));
        let (read, name) = (read.map_err(|reason| reason.of(file))?, name.to_owned());
        // What the folders are called is the same for all connections.
        let folders = self.inner.readers.read(|view| Ok(view.folders.to_vec()))?;
        self.inner
            .orders
            .ask(move |connection| super::set_from_files(connection, &folders, (&name, kind), &read))
    }

    /// A playlist as an extended M3U, with absolute paths.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::NoAnswer`] if the database cannot be read.
    pub fn export_playlist(&self, name: &str) -> Result<Vec<u8>> {
        let name = name.to_owned();
        self.inner.readers.read(move |view| super::export(view, &name))
    }
}

//! What a library is asked of its playlists.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::m3u::Listed;
use super::{Imported, LibraryPlaylist, Page, SmartList};
use crate::error::{Error, Result};
use crate::filework::HANGS_AFTER;
use crate::library::opened::Library;
use crate::library::opened::search::Hits;
use crate::library::opened::shared::Folder;
use crate::library::opened::track::bytes_of;
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
    /// [`Error::Setting`] for a name that cannot be, and for a file of which the library has nothing.
    pub fn import_playlist(&self, name: &str, kind: TrackKind, file: &Path) -> Result<Imported> {
        let (own, files) = (file.to_owned(), &self.inner.shared.files);
        let read =
            files.ordered().within(file, HANGS_AFTER, move |job| super::import(&own, &mut || job.step()));
        self.set_from_files(name, kind, self.folders()?, read.map_err(|reason| reason.of(file))?)
    }

    /// The same of an M3U that lies in no folder: its names are relative to one of `roots` or to a folder of
    /// the library, or are paths as [`export_playlist`](Library::export_playlist) writes them. Without a
    /// kind, that of the playlist stays which is replaced. It reads the disk, and calls `step` before.
    pub(crate) fn import_m3u(
        &self,
        name: &str,
        kind: Option<TrackKind>,
        m3u: &[u8],
        roots: Vec<PathBuf>,
        step: &mut dyn FnMut(),
    ) -> Result<Imported> {
        let folders = self.folders()?;
        let roots: Vec<_> =
            roots.into_iter().chain(folders.iter().map(|folder| folder.path.clone())).collect();
        let listed = super::import_text(&mut &m3u[..], &roots, step)?;
        let kind = match (kind, self.playlist(name)) {
            (Some(kind), _) => kind,
            (None, Ok(playlist)) => playlist.kind,
            (None, Err(Error::NotFound(_))) => TrackKind::default(),
            (None, Err(error)) => return Err(error),
        };
        self.set_from_files(name, kind, folders, listed)
    }

    fn set_from_files(
        &self,
        name: &str,
        kind: TrackKind,
        folders: Vec<Folder>,
        listed: Listed,
    ) -> Result<Imported> {
        let name = name.to_owned();
        self.inner
            .orders
            .ask(move |connection| super::set_from_files(connection, &folders, (&name, kind), &listed))
    }

    /// The folders, whose names are the same for all connections.
    fn folders(&self) -> Result<Vec<Folder>> {
        self.inner.readers.read(|view| Ok(view.folders.to_vec()))
    }

    /// A playlist as an extended M3U, with absolute paths.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::NoAnswer`] if the database cannot be read.
    pub fn export_playlist(&self, name: &str) -> Result<Vec<u8>> {
        self.export_playlist_by(name, |path| bytes_of(path).to_vec())
    }

    /// The same, with the files as `named` names them.
    pub(crate) fn export_playlist_by(
        &self,
        name: &str,
        named: impl Fn(&Path) -> Vec<u8> + Send + 'static,
    ) -> Result<Vec<u8>> {
        let name = name.to_owned();
        self.inner.readers.read(move |view| super::export(view, &name, &named))
    }
}

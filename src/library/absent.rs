//! What stands in for the library in a build without it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::LibrarySettings;
use crate::error::{Error, Result};
use crate::event::{EventKind, EventReceiver, StationEvent};
use crate::health::Warning;
use crate::metadata::Tags;
use crate::playout::{Entry, Ingredient, IngredientKind, TrackHeard};

/// Nothing is known of a library that cannot be opened.
pub(crate) fn playlists_in(_: &LibrarySettings) -> Option<Vec<String>> {
    None
}

/// Nothing was added to a schedule: no library keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddedIngredients {
    pub ingredients: Vec<Ingredient>,
    pub unread: Vec<String>,
}

impl AddedIngredients {
    pub fn is_older_than(&self, _: &AddedIngredients) -> bool {
        false
    }

    pub fn is_missing_in(&self, _: &AddedIngredients) -> bool {
        false
    }
}

/// No build without the feature `library` ever has one.
#[derive(Clone, Debug)]
pub struct Library(Infallible);

impl Library {
    /// Opens nothing.
    ///
    /// # Errors
    /// [`Error::Setting`]: this build has no library.
    pub fn open(_: &LibrarySettings) -> Result<Library> {
        let reason = "this build has no library: build it with the cargo feature \"library\"";
        Err(Error::setting("library", reason))
    }

    /// The same.
    ///
    /// # Errors
    /// As for [`open`](Library::open).
    pub fn open_as_it_is(settings: &LibrarySettings) -> Result<Library> {
        Library::open(settings)
    }

    pub(crate) fn follow(&self) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn note_plays(
        &self,
        _: impl FnOnce(fn(EventKind) -> bool) -> EventReceiver<StationEvent>,
    ) -> Result<()> {
        match self.0 {}
    }

    pub(crate) fn heard(&self, _: &Path) -> Option<TrackHeard> {
        match self.0 {}
    }

    pub(crate) fn correct(&self, _: &Path, _: &mut Tags) {
        match self.0 {}
    }

    pub(crate) fn known_at(&self, _: Vec<PathBuf>) -> Result<Vec<Option<(Tags, TrackHeard)>>> {
        match self.0 {}
    }

    pub(crate) fn entries(&self, _: &str) -> Result<Vec<Entry>> {
        match self.0 {}
    }

    pub(crate) fn ingredients(&self, _: &str) -> Result<AddedIngredients> {
        match self.0 {}
    }

    pub(crate) fn set_ingredient(
        &self,
        _: &str,
        _: AddedIngredients,
        _: Ingredient,
        _: impl Fn(&[Ingredient]) -> Result<()>,
    ) -> Result<AddedIngredients> {
        match self.0 {}
    }

    pub(crate) fn remove_ingredient(
        &self,
        _: &str,
        _: AddedIngredients,
        _: IngredientKind,
        _: &str,
    ) -> Result<AddedIngredients> {
        match self.0 {}
    }

    pub(crate) fn put_back_ingredients(&self, _: &str, _: AddedIngredients) -> Result<AddedIngredients> {
        match self.0 {}
    }

    /// Where its database is.
    pub(crate) fn settings(&self) -> &LibrarySettings {
        match self.0 {}
    }

    pub(crate) fn changes(&self) -> u64 {
        match self.0 {}
    }

    pub(crate) fn warnings(&self) -> Vec<Warning> {
        match self.0 {}
    }

    pub(crate) fn close(&self, _: Instant) -> Vec<String> {
        match self.0 {}
    }
}

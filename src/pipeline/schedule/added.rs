//! What is added to a schedule while it is in use. The library's database keeps it.
//!
//! The thread `rounds` has a thread `files` read it again when the database has changed. While it cannot be
//! read, what was known stays in force; a database that was lost gets it back.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::STEPPED_PATIENCE;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::filework::{FileWork, Pending};
use crate::library::{AddedIngredients, Library};
use crate::pipeline::Pipeline;
use crate::pipeline::running::Inner;
use crate::playout::Schedule;
use crate::playout::schedule::{Composed, Ingredient, IngredientKind};
use crate::staff::Round;

/// How long a start waits for the database. A working disk is quicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// What to do where there is no room for one more.
const ADVICE: &str = "remove one that was added, or leave one out of the configuration";

/// What is added to the schedule of one pipeline.
pub(in crate::pipeline) struct Added {
    pipeline: Arc<str>,
    library: Option<Library>,
    files: FileWork,
    last: Mutex<Last>,
    looking: Mutex<Option<Pending<()>>>,
    own: OnceLock<Weak<Inner>>,
}

/// What was read last. Nobody holds it while a disk is waited for.
#[derive(Clone, Default)]
struct Last {
    added: AddedIngredients,
    /// The changes of the library when that was read; `None` if nothing was.
    seen: Option<u64>,
}

impl Added {
    pub fn new(pipeline: Arc<str>, library: Option<Library>, files: FileWork) -> Arc<Added> {
        let (last, looking, own) = Default::default();
        Arc::new(Added { pipeline, library, files, last, looking, own })
    }

    /// Puts the first schedule of a pipeline in force: what is declared, and what was added, if that can be
    /// read now.
    pub fn begin(&self, declared: &Schedule, inner: &Arc<Inner>, is_stepped: bool) -> Result<()> {
        // There is none yet.
        let _ = self.own.set(Arc::downgrade(inner));
        let added = match &self.library {
            None => Some(Vec::new()),
            Some(library) => self.read_first(library, if is_stepped { STEPPED_PATIENCE } else { PATIENCE }),
        };
        inner.schedule.begin(declared, added, inner)
    }

    /// What was added. `None` if it cannot be read yet.
    fn read_first(&self, library: &Library, patience: Duration) -> Option<Vec<Ingredient>> {
        let (file, seen) = (&library.settings().database, library.changes());
        let (own, name) = (library.clone(), self.pipeline.clone());
        let read = self.files.within(file, patience, move |_| own.ingredients(&name));
        let later = |reason: String| {
            log::warn!("{}: what was added to the schedule comes later: {reason}", self.pipeline);
        };
        let added = read.map_err(|reason| later(reason.to_string())).ok()?;
        let added = added.map_err(|error| later(error.to_string())).ok()?;
        self.note(&mut self.last(), added, seen)
    }

    /// Reads it again, if the database has changed. What was known goes on while it cannot be read.
    fn follow(&self) {
        let (Some(library), Some(inner)) = (&self.library, self.own.get().and_then(Weak::upgrade)) else {
            return;
        };
        let seen = library.changes();
        let known = self.last().clone();
        if known.seen == Some(seen) {
            return;
        }
        let read =
            library.ingredients(&self.pipeline).and_then(|added| match known.added.is_missing_in(&added) {
                true => library.put_back_ingredients(&self.pipeline, known.added),
                false => Ok(added),
            });
        let in_force = read.and_then(|added| self.take(&inner, added, seen));
        if let Err(error) = in_force {
            log::debug!("{}: what was added to the schedule is as it was: {error}", self.pipeline);
        }
    }

    /// Changes it by the library, and puts that in force.
    fn change(
        &self,
        inner: &Arc<Inner>,
        change: impl FnOnce(&Library, AddedIngredients) -> Result<AddedIngredients>,
    ) -> Result<()> {
        let library = self.library.as_ref().ok_or_else(|| {
            let reason =
                "what is added to a schedule is kept in the database of a library: declare a [library]";
            Error::setting("library", reason)
        })?;
        let seen = library.changes();
        let known = self.last().added.clone();
        let added = change(library, known)?;
        self.take(inner, added, seen)
    }

    /// Puts in force what was read, unless something newer was read meanwhile.
    fn take(&self, inner: &Arc<Inner>, added: AddedIngredients, seen: u64) -> Result<()> {
        let mut last = self.last();
        let Some(ingredients) = self.note(&mut last, added, seen) else { return Ok(()) };
        if inner.schedule.add(ingredients, inner)? {
            inner.emitter.emit(Event::ScheduleChange);
        }
        Ok(())
    }

    /// Notes what was read, unless it is older than what is known. Tells what is news of it.
    fn note(&self, last: &mut Last, added: AddedIngredients, seen: u64) -> Option<Vec<Ingredient>> {
        if added.is_older_than(&last.added) {
            return None;
        }
        for unread in added.unread.iter().filter(|unread| !last.added.unread.contains(unread)) {
            log::warn!("{}: what was added to the schedule rests: {unread}", self.pipeline);
        }
        if last.added.is_missing_in(&added) {
            log::warn!("{}: what was added to the schedule was written into another database", self.pipeline);
        }
        let ingredients = added.ingredients.clone();
        *last = Last { added, seen: Some(seen) };
        Some(ingredients)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round for Added {
    fn look(&self) {
        let Some(library) = &self.library else { return };
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.as_ref().is_some_and(Pending::is_under_way) || self.last().seen == Some(library.changes())
        {
            return;
        }
        let Some(inner) = self.own.get().cloned() else { return };
        let follow = move |_: &Arc<_>| {
            if let Some(inner) = inner.upgrade() {
                inner.added.follow();
            }
        };
        // A disk that does not answer has not changed it.
        *looking = self.files.start(&library.settings().database, follow).ok();
    }
}

impl Pipeline {
    /// Adds a daypart, an insert or a slot to the declared schedule, or puts it in the place of what was
    /// added under its name. It is in the database of the library when this returns, and in force. What is
    /// added comes after what is declared, in the order in which it was added first.
    ///
    /// # Errors
    /// [`Error::Setting`] if it cannot work, has no name, or if the pipeline has no library;
    /// [`Error::Declared`] if the declared schedule has one of its kind and name; [`Error::Limit`] if there
    /// are [`MAX_OF_A_KIND`](Schedule::MAX_OF_A_KIND); [`Error::NoAnswer`] if the database cannot be written;
    /// [`Error::Stopped`] if the pipeline is off the air. Nothing has changed then.
    pub fn set_ingredient(&self, ingredient: Ingredient) -> Result<()> {
        ingredient.check()?;
        let (kind, name) = (ingredient.kind(), ingredient.name().to_owned());
        self.check_not_declared(kind, &name)?;
        let declared = self.inner.schedule.composed().declared().clone();
        let has_room = move |added: &[Ingredient]| {
            let composed = Composed::new(declared.clone(), Some(added.to_vec()));
            let is_left_out = |resting: &Ingredient| resting.kind() == kind && resting.name() == name;
            match composed.resting().iter().any(is_left_out) {
                true => Err(Error::Limit {
                    limit: "MAX_OF_A_KIND",
                    most: Schedule::MAX_OF_A_KIND,
                    advice: ADVICE,
                }),
                false => Ok(()),
            }
        };
        let own = self.name();
        self.inner
            .added
            .change(&self.inner, |library, known| library.set_ingredient(own, known, ingredient, has_room))
    }

    /// Removes what was added to the declared schedule under this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::Declared`] if the declared schedule has one of this
    /// kind and name; [`Error::Setting`] if the pipeline has no library; [`Error::NoAnswer`] if the database
    /// cannot be written; [`Error::Stopped`] if the pipeline is off the air. Nothing has changed then.
    pub fn remove_ingredient(&self, kind: IngredientKind, name: &str) -> Result<()> {
        self.check_not_declared(kind, name)?;
        let own = self.name();
        self.inner
            .added
            .change(&self.inner, |library, known| library.remove_ingredient(own, known, kind, name))
    }

    fn check_not_declared(&self, kind: IngredientKind, name: &str) -> Result<()> {
        self.inner.check_running()?;
        match self.inner.schedule.composed().declared().has(kind, name) {
            true => Err(Error::Declared(format!("the {} {name:?}", kind.as_str()))),
            false => Ok(()),
        }
    }
}

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
use crate::playout::schedule::{Ingredient, IngredientKind};
use crate::staff::Round;

/// How long a start waits for the database. A working disk is quicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is added to the schedule of one pipeline.
pub(in crate::pipeline) struct Added {
    pipeline: Arc<str>,
    library: Option<Library>,
    files: FileWork,
    /// Held by whoever reads or changes it, so that what was read before a change does not undo it.
    last_read: Mutex<LastRead>,
    looking: Mutex<Option<Pending<()>>>,
    own: OnceLock<Weak<Inner>>,
}

#[derive(Default)]
struct LastRead {
    /// The state of the library then.
    seen: Option<Seen>,
    /// What could not be read.
    unread: Vec<String>,
}

/// The state of a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    changes: u64,
    /// How many databases it has made.
    makings: u64,
}

impl Seen {
    fn of(library: &Library) -> Seen {
        Seen { changes: library.changes(), makings: library.makings() }
    }
}

impl Added {
    pub fn new(pipeline: Arc<str>, library: Option<Library>, files: FileWork) -> Arc<Added> {
        let (last_read, looking, own) = Default::default();
        Arc::new(Added { pipeline, library, files, last_read, looking, own })
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
        let (file, seen) = (&library.settings().database, Seen::of(library));
        let (own, name) = (library.clone(), self.pipeline.clone());
        let read = self.files.within(file, patience, move |_| own.ingredients(&name));
        let later = |reason: String| {
            log::warn!("{}: what was added to the schedule comes later: {reason}", self.pipeline);
        };
        let added = read.map_err(|reason| later(reason.to_string())).ok()?;
        let added = added.map_err(|error| later(error.to_string())).ok()?;
        Some(self.take(added, seen, &mut self.last_read()))
    }

    /// Reads it again, if the database has changed. What was known goes on while it cannot be read.
    fn follow(&self) {
        let (Some(library), Some(inner)) = (&self.library, self.own.get().and_then(Weak::upgrade)) else {
            return;
        };
        let mut last = self.last_read();
        let seen = Seen::of(library);
        if last.seen == Some(seen) {
            return;
        }
        let is_kept = self.put_back(library, &inner, seen, &last);
        let read = is_kept.and_then(|()| library.ingredients(&self.pipeline));
        if let Ok(added) = read {
            let ingredients = self.take(added, seen, &mut last);
            if inner.schedule.composed().added() != Some(&ingredients) {
                put_in_force(&inner, ingredients);
            }
        }
    }

    /// Changes it by the library, and puts that in force.
    fn change(
        &self,
        inner: &Arc<Inner>,
        change: impl FnOnce(&Library) -> Result<AddedIngredients>,
    ) -> Result<()> {
        let library = self.library.as_ref().ok_or_else(|| {
            let reason =
                "what is added to a schedule is kept in the database of a library: declare a [library]";
            Error::setting("library", reason)
        })?;
        let mut last = self.last_read();
        let seen = Seen::of(library);
        self.put_back(library, inner, seen, &last)?;
        let ingredients = self.take(change(library)?, seen, &mut last);
        put_in_force(inner, ingredients);
        Ok(())
    }

    /// Writes what is known into a database that was made because the last one was lost.
    fn put_back(&self, library: &Library, inner: &Arc<Inner>, seen: Seen, last: &LastRead) -> Result<()> {
        let is_other = last.seen.is_some_and(|last| last.makings != seen.makings);
        let composed = inner.schedule.composed();
        let Some(known) = composed.added().filter(|known| is_other && !known.is_empty()) else {
            return Ok(());
        };
        log::warn!("{}: what was added to the schedule is written into the new database", self.pipeline);
        library.put_back_ingredients(&self.pipeline, known.clone()).map(|_| ())
    }

    /// Notes what was read. Tells what could not be read, if that is news.
    fn take(&self, added: AddedIngredients, seen: Seen, last: &mut LastRead) -> Vec<Ingredient> {
        for unread in added.unread.iter().filter(|unread| !last.unread.contains(unread)) {
            log::warn!("{}: what was added to the schedule rests: {unread}", self.pipeline);
        }
        *last = LastRead { seen: Some(seen), unread: added.unread };
        added.ingredients
    }

    fn last_read(&self) -> MutexGuard<'_, LastRead> {
        self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put_in_force(inner: &Arc<Inner>, ingredients: Vec<Ingredient>) {
    match inner.schedule.add(ingredients, inner) {
        Ok(true) => inner.emitter.emit(Event::ScheduleChange),
        Ok(false) => {}
        Err(error) => log::error!("{}: the schedule: {error}", inner.name),
    }
}

impl Round for Added {
    fn look(&self) {
        let Some(library) = &self.library else { return };
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if looking.as_ref().is_some_and(Pending::is_under_way) {
            return;
        }
        // Whoever has it changes it.
        let is_read = self.last_read.try_lock().is_ok_and(|last| last.seen == Some(Seen::of(library)));
        let Some(inner) = self.own.get().cloned().filter(|_| !is_read) else { return };
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
        let kind = ingredient.kind();
        let declared = self.check_not_declared(kind, ingredient.name())?;
        let name = self.name().to_owned();
        self.inner.added.change(&self.inner, |library| library.set_ingredient(&name, ingredient, declared))
    }

    /// Removes what was added to the declared schedule under this name.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; [`Error::Declared`] if the declared schedule has one of this
    /// kind and name; [`Error::Setting`] if the pipeline has no library; [`Error::NoAnswer`] if the database
    /// cannot be written; [`Error::Stopped`] if the pipeline is off the air. Nothing has changed then.
    pub fn remove_ingredient(&self, kind: IngredientKind, name: &str) -> Result<()> {
        self.check_not_declared(kind, name)?;
        let own = self.name().to_owned();
        self.inner.added.change(&self.inner, |library| library.remove_ingredient(&own, kind, name))
    }

    /// How many of this kind are declared, none of which may have this name.
    fn check_not_declared(&self, kind: IngredientKind, name: &str) -> Result<usize> {
        self.inner.check_running()?;
        let composed = self.inner.schedule.composed();
        match composed.declared().has(kind, name) {
            true => Err(Error::Declared(format!("the {} {name:?}", kind.as_str()))),
            false => Ok(composed.declared().count(kind)),
        }
    }
}

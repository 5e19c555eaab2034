//! What is added to a schedule while it is in use. The library's database keeps it.
//!
//! The thread `rounds` has a thread `files` read it again when the database has changed. While it cannot be
//! read, what was known stays in force.

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
    read: Mutex<LastRead>,
    looking: Mutex<Option<Pending<()>>>,
    own: OnceLock<Weak<Inner>>,
}

#[derive(Default)]
struct LastRead {
    /// The state of the library then.
    changes: Option<u64>,
    /// What could not be read.
    unread: Vec<String>,
}

impl Added {
    pub fn new(pipeline: Arc<str>, library: Option<Library>, files: FileWork) -> Arc<Added> {
        let (read, looking, own) = Default::default();
        Arc::new(Added { pipeline, library, files, read, looking, own })
    }

    /// Puts the first schedule of a pipeline in force: what is declared, and what was added, if that can be
    /// read now.
    pub fn begin(&self, declared: &Schedule, inner: &Arc<Inner>, is_stepped: bool) -> Result<()> {
        // There is none yet.
        let _ = self.own.set(Arc::downgrade(inner));
        let added = match &self.library {
            None => Some(Vec::new()),
            Some(library) => {
                let (own, library) = (self.pipeline.clone(), library.clone());
                let file = library.settings().database.clone();
                let patience = if is_stepped { STEPPED_PATIENCE } else { PATIENCE };
                let changes = library.changes();
                let read = self.files.within(&file, patience, move |_| library.ingredients(&own));
                match read {
                    Ok(Ok(added)) => Some(self.take(added, Some(changes), &mut self.read())),
                    Ok(Err(error)) => {
                        log::warn!("{}: what was added to the schedule comes later: {error}", self.pipeline);
                        None
                    }
                    Err(reason) => {
                        log::warn!("{}: what was added to the schedule comes later: {reason}", self.pipeline);
                        None
                    }
                }
            }
        };
        inner.schedule.begin(declared, added, inner)
    }

    /// Reads it again, if the database has changed.
    fn follow(&self) {
        let (Some(library), Some(inner)) = (&self.library, self.own.get().and_then(Weak::upgrade)) else {
            return;
        };
        let mut last = self.read();
        let changes = library.changes();
        if last.changes == Some(changes) {
            return;
        }
        // What was known goes on if it cannot be read.
        let Ok(added) = library.ingredients(&self.pipeline) else { return };
        let ingredients = self.take(added, Some(changes), &mut last);
        if inner.schedule.composed().added() != Some(&ingredients) {
            put_in_force(&inner, ingredients);
        }
    }

    /// Changes it by the library, and puts that in force.
    fn change(
        &self,
        inner: &Arc<Inner>,
        change: impl FnOnce(&Library) -> Result<AddedIngredients>,
    ) -> Result<()> {
        let library = self.library.as_ref().ok_or_else(|| {
            Error::setting(
                "library",
                "what is added to a schedule is kept in the database of a library: declare a [library]",
            )
        })?;
        let mut last = self.read();
        let changed = change(library)?;
        let ingredients = self.take(changed, None, &mut last);
        put_in_force(inner, ingredients);
        Ok(())
    }

    /// Tells what could not be read, if that is news.
    fn take(&self, added: AddedIngredients, changes: Option<u64>, last: &mut LastRead) -> Vec<Ingredient> {
        for unread in added.unread.iter().filter(|unread| !last.unread.contains(unread)) {
            log::warn!("{}: what was added to the schedule: {unread}: it rests", self.pipeline);
        }
        *last = LastRead { changes, unread: added.unread };
        added.ingredients
    }

    fn read(&self) -> MutexGuard<'_, LastRead> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
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
        let is_read = self.read.try_lock().is_ok_and(|last| last.changes == Some(library.changes()));
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
    /// Adds a daypart, an insert or a slot to the declared schedule, or puts it in the place of what was added
    /// under its name. It is in the database of the library when this returns, and in force. What is added
    /// comes after what is declared, in the order in which it was added first.
    ///
    /// # Errors
    /// [`Error::Setting`] if it cannot work, has no name, or if the pipeline has no library;
    /// [`Error::Declared`] if the declared schedule has one of its kind and name; [`Error::Limit`] if there are
    /// [`MAX_OF_A_KIND`](Schedule::MAX_OF_A_KIND); [`Error::NoAnswer`] if the database cannot be written;
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
    /// [`Error::NotFound`] if there is none; [`Error::Declared`] if the declared schedule has one of this kind
    /// and name; [`Error::Setting`] if the pipeline has no library; [`Error::NoAnswer`] if the database cannot
    /// be written; [`Error::Stopped`] if the pipeline is off the air. Nothing has changed then.
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

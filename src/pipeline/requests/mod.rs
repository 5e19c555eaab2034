//! Requests of listeners: what they may search for, and what of it goes into the queue.

#[cfg(feature = "library")]
mod apart;
mod settings;
#[cfg(feature = "library")]
mod taking;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{Pipeline, PipelineSettings};
use crate::engine::clock::Clock;
use crate::error::{Error, Result};
use crate::ids::EntryId;
use crate::library::Library;
use crate::playout::schedule::Schedule;
use crate::playout::{Requested, SeparationSettings};
use crate::setting::Settings;

#[cfg(feature = "library")]
use apart::Apart;
pub(crate) use settings::REQUESTS;
pub use settings::RequestSettings;
#[cfg(feature = "library")]
pub use taking::RequestRefused;

/// The requests of a pipeline. They are there if it takes none, too: it may take some after a reload.
#[derive(Debug)]
pub(super) struct Requests {
    /// What is requested from.
    library: Option<Library>,
    /// What time it is.
    clock: Clock,
    terms: Mutex<Terms>,
    requested: Mutex<Requested>,
}

/// What is declared, and may change.
#[derive(Clone, Debug)]
struct Terms {
    /// `None`: no requests are taken.
    settings: Option<RequestSettings>,
    /// That of the schedule, which counts for requests, too.
    #[cfg_attr(
        not(feature = "library"),
        expect(dead_code, reason = "nothing is requested without a library")
    )]
    separation: SeparationSettings,
    /// What the schedule plays itself.
    #[cfg(feature = "library")]
    apart: Apart,
}

impl Terms {
    fn new(settings: Option<RequestSettings>, schedule: &Schedule) -> Terms {
        Terms {
            settings,
            separation: schedule.separation,
            #[cfg(feature = "library")]
            apart: Apart::of(schedule),
        }
    }
}

impl Requests {
    pub fn of(settings: &PipelineSettings) -> Requests {
        let terms = Terms::new(settings.requests.clone(), &settings.schedule);
        Requests {
            library: settings.library.clone(),
            clock: settings.clock.clone(),
            terms: Mutex::new(terms),
            requested: Mutex::default(),
        }
    }

    /// This schedule has been set.
    pub fn set_schedule(&self, schedule: &Schedule) {
        let mut terms = self.terms();
        *terms = Terms::new(terms.settings.take(), schedule);
    }

    /// The requests that limits count, as of now. `waits` says whether an entry is in the queue.
    pub fn requested(&self, waits: impl Fn(EntryId) -> bool) -> Requested {
        let mut requested = self.lock();
        requested.forget(waits, self.now());
        requested.clone()
    }

    /// Goes on with what was requested before a restart.
    pub fn restore(&self, requested: Requested) {
        *self.lock() = requested;
    }

    fn now(&self) -> SystemTime {
        self.clock.civil(self.clock.position())
    }

    fn terms(&self) -> MutexGuard<'_, Terms> {
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Requested> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Takes requests of listeners by these settings from now on; `None`: takes none. Those that wait are
    /// played.
    ///
    /// # Errors
    /// [`Error::Setting`] if they cannot work, or if the pipeline has no library; [`Error::Stopped`] if it is
    /// off the air.
    pub fn set_requests(&self, settings: Option<RequestSettings>) -> Result<()> {
        self.inner.check_running()?;
        check(settings.as_ref(), self.inner.requests.library.as_ref())?;
        self.inner.requests.terms().settings = settings;
        Ok(())
    }
}

/// Refuses what cannot work.
pub(super) fn check(settings: Option<&RequestSettings>, library: Option<&Library>) -> Result<()> {
    let Some(settings) = settings else { return Ok(()) };
    if library.is_none() {
        return Err(Error::setting("requests", "there is no library to request from: declare a [library]"));
    }
    settings.check()
}

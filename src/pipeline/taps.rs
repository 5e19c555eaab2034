//! Taps: applications read the mixed PCM.

use std::sync::{Mutex, PoisonError, Weak};

use super::Pipeline;
use super::limits;
use crate::engine::mixer::Command;
use crate::engine::tap::{Tap, tap};
use crate::error::Result;

/// The taps of a pipeline that are read.
#[derive(Default)]
pub(super) struct TapTable(Mutex<Vec<Weak<()>>>);

impl Pipeline {
    /// Reads the mixed PCM from the next job on, as the encoders get it: see [`Tap`].
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if it has 16 taps that have not been dropped;
    /// [`Error::Io`](crate::Error::Io) if the process has no descriptor left;
    /// [`Error::Stopped`](crate::Error::Stopped).
    pub fn tap(&self) -> Result<Tap> {
        self.inner.check_running()?;
        let mut taps = self.inner.taps.0.lock().unwrap_or_else(PoisonError::into_inner);
        taps.retain(|tap| tap.strong_count() > 0);
        limits::taps_of(taps.len() + 1)?;
        let (tap, end) = tap(self.inner.spec)?;
        self.inner.command(Command::AddTap(end))?;
        taps.push(tap.presence());
        Ok(tap)
    }
}

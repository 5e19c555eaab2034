//! The course of a reload: what was applied, and what was not.

use serde::Serialize;

use crate::error::Result;

/// The result of a reload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Reloaded {
    /// What was applied.
    pub changed: Vec<String>,
    /// What differs, but needs a restart.
    pub restart: Vec<String>,
    /// What could not be applied, and why. It is as it was before.
    pub failed: Vec<String>,
}

/// A reload under way, or the rehearsal of one, which applies nothing.
#[derive(Default)]
pub(super) struct Course {
    pub(super) report: Reloaded,
    pub(super) is_rehearsal: bool,
}

impl Course {
    /// Applies something and reports it; true if it was applied. A rehearsal takes it for applied.
    pub(super) fn apply(&mut self, what: String, order: impl FnOnce() -> Result<()>) -> bool {
        let done = if self.is_rehearsal { Ok(()) } else { order() };
        match &done {
            Ok(()) => self.report.changed.push(what),
            Err(error) => self.report.failed.push(format!("{what}: {error}")),
        }
        done.is_ok()
    }

    /// Reports what needs a restart.
    pub(super) fn needs_restart(&mut self, what: String) {
        self.report.restart.push(what);
    }
}

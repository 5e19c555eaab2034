//! How a source's thread is woken that waits for its stream.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What an application gives.
type Function = Box<dyn FnOnce() + Send>;

/// An application's function that is called once at most. Clones share it.
#[derive(Clone)]
pub(super) struct HangUp(Arc<Mutex<Option<Function>>>);

impl HangUp {
    pub fn new(function: Option<Function>) -> HangUp {
        HangUp(Arc::new(Mutex::new(function)))
    }

    /// Calls it, unless it has been.
    pub fn call(&self) {
        let function = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(function) = function {
            function();
        }
    }
}

impl fmt::Debug for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HangUp").finish_non_exhaustive()
    }
}

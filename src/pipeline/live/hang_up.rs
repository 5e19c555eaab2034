//! How a source's thread is woken that waits for its stream.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ingest::Link;

/// The link of a source's stream, which is closed once at most. Clones share it.
#[derive(Clone)]
pub(super) struct HangUp(Arc<Mutex<Option<Box<dyn Link>>>>);

impl HangUp {
    pub fn new(link: Box<dyn Link>) -> HangUp {
        HangUp(Arc::new(Mutex::new(Some(link))))
    }

    /// Closes it, unless it has been.
    pub fn call(&self, reason: &str) {
        let link = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = link {
            link.close(reason);
        }
    }
}

impl fmt::Debug for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HangUp").finish_non_exhaustive()
    }
}

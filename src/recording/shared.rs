//! What the thread of a recording and its handle share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use log::Level;

use super::RecordSettings;
use crate::event::{Emitter, Event};

pub(super) struct Shared {
    /// The path of the output, relayed mount or live input.
    pub path: Arc<str>,
    pub settings: ArcSwap<RecordSettings>,
    pub emitter: Emitter,
    /// Why nothing is recorded, though something is sent.
    fault: Mutex<Option<String>>,
    /// The file that is being written.
    writing: Mutex<Option<PathBuf>>,
}

impl Shared {
    pub fn new(path: &str, settings: RecordSettings, emitter: Emitter) -> Shared {
        let settings = ArcSwap::from_pointee(settings);
        let (fault, writing) = Default::default();
        Shared { path: path.into(), settings, emitter, fault, writing }
    }

    /// Nothing is recorded, for this reason. It is told once, until something was recorded again.
    pub fn fail(&self, reason: &str) {
        if self.lock().replace(reason.to_owned()).is_some() {
            return;
        }
        let path = self.path.to_string();
        self.emitter.log(Level::Warn, format!("{path} is not recorded: {reason}"));
        self.emitter.emit(Event::RecordingFailed { path, reason: reason.to_owned() });
    }

    /// It is recorded again, or there is nothing to record.
    pub fn is_well(&self) {
        *self.lock() = None;
    }

    /// What is wrong with it, in a sentence.
    pub fn fault(&self) -> Option<String> {
        self.lock().as_ref().map(|reason| format!("{} is not recorded: {reason}", self.path))
    }

    /// Notes which file is being written.
    pub fn writes(&self, file: Option<&Path>) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = file.map(Path::to_owned);
    }

    /// The file that is being written.
    pub fn written_now(&self) -> Option<PathBuf> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

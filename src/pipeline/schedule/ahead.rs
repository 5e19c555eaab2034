//! What slots will play is listened to before it is played, each time that it changes: so each hour's news
//! has its level from the first play on, wherever its file lies.
//!
//! A thread `files` of the lowest priority listens, the next slot's file first. What was heard is kept in
//! memory, for as long as the file stays as it was.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::reading::{Stamp, find_files};
use crate::filework::{FileWork, Job, Pending};
use crate::listening::listen;
use crate::playout::Heard;
use crate::playout::schedule::SlotWants;
use crate::thread;

/// What comes later than this is listened to later.
pub(super) const WITHIN: Duration = Duration::from_secs(24 * 3600);

/// How often it is looked for files that are new.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What was heard of the files that slots will play: at most two for each slot.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct HeardAhead(Mutex<HashMap<PathBuf, (Stamp, Heard)>>);

/// Has files listened to, one pass after another.
#[derive(Default)]
pub(super) struct Ahead {
    looked: Option<Instant>,
    listening: Option<Pending<()>>,
}

impl HeardAhead {
    /// What was heard of a file, if it has not changed since. It asks the disk.
    pub fn of(&self, file: &Path) -> Option<Heard> {
        let (stamp, heard) = self.lock().get(file).copied()?;
        (Stamp::of(file) == Some(stamp)).then_some(heard)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (Stamp, Heard)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ahead {
    /// Whether it is time to look for files that are new. A stepped clock looks whenever something is done.
    pub fn is_due(&mut self, is_stepped: bool) -> bool {
        let listens = self.listens() && !self.listening.as_ref().is_some_and(Pending::hangs);
        let now = Instant::now();
        let is_due = self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY);
        if listens || !(is_due || is_stepped) {
            return false;
        }
        self.looked = Some(now);
        true
    }

    /// Has what these slots play listened to.
    pub fn look(&mut self, files: &FileWork, slots: Vec<SlotWants>, heard: &Arc<HeardAhead>) {
        let Some(first) = slots.first() else { return };
        let (label, heard) = (first.own.path.clone(), heard.clone());
        self.listening = files.start(&label, move |job| listen_to(job, &slots, &heard)).ok();
    }

    /// Whether something is being listened to.
    pub fn listens(&self) -> bool {
        self.listening.as_ref().is_some_and(Pending::is_under_way)
    }

    /// Lets the thread end that listens.
    pub fn stop(&mut self) {
        self.listening = None;
    }
}

/// Listens to what these slots play and has changed.
fn listen_to(job: &Job, slots: &[SlotWants], heard: &HeardAhead) {
    thread::go_last();
    let mut files: Vec<PathBuf> = Vec::new();
    for wanted in slots.iter().flat_map(SlotWants::all) {
        if job.is_abandoned() {
            return;
        }
        let found = job.at(&wanted.path).ok().and_then(|()| find_files(job, &wanted.path).ok());
        if let Some((file, _)) = found.and_then(|found| found.choose(wanted).ok())
            && !files.contains(&file)
        {
            files.push(file);
        }
    }
    heard.lock().retain(|file, _| files.contains(file));
    for file in files {
        let Ok(()) = job.at(&file) else { continue };
        let Some(stamp) = Stamp::of(&file) else { continue };
        if heard.lock().get(&file).is_some_and(|(known, _)| *known == stamp) {
            continue;
        }
        let listened = match listen(&file, |_| job.go_on()) {
            Ok(Some(listened)) => listened.heard,
            Ok(None) => return,
            // What cannot be decoded is not tried again until it changes. Playing it tells what is wrong.
            Err(_) => Heard::default(),
        };
        heard.lock().insert(file, (stamp, listened));
    }
}

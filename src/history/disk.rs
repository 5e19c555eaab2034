//! The file of a history, as the thread `history` sees it: plays and minutes are put in, and threads `files`
//! write them. A disk that refuses them, or does not answer, costs nothing but memory, and that has a bound.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::Moment;
use super::minutes::Minute;
use super::play::Play;
use super::retention::{Oldest, Retention};
use super::settings::HistorySettings;
use super::store::{Opened, Store};
use super::waiting::{Batch, Lost, Waiting};
use crate::database::Trouble;
use crate::filework::{FileWork, NoAnswer, Pending};
use crate::health::Warning;

/// How many plays, and how many minutes, are written at once.
const WRITTEN_AT_ONCE: usize = 500;

/// The time between two attempts at a file that refuses what is written.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The keeping of a history, as others see it.
pub(super) struct Keeping {
    pub work: FileWork,
    state: Mutex<KeepingState>,
}

#[derive(Default)]
struct KeepingState {
    /// Why nothing is written now.
    fault: Option<String>,
    waiting: usize,
    waiting_minutes: usize,
    lost: Lost,
    /// Where the history is that was damaged.
    set_aside: Option<PathBuf>,
}

/// The file of a history, and what waits to be written to it.
pub(super) struct Disk {
    file: PathBuf,
    run: i64,
    keeping: Arc<Keeping>,
    waiting: Waiting,
    retention: Retention,
    state: State,
}

enum State {
    /// It is opened with the next batch, but not before this.
    Closed(Instant),
    Open(Box<Store>),
    /// A thread `files` is at work, with these.
    Busy(Pending<Worked>, Arc<Batch>),
}

/// A piece of work for a thread `files`.
struct Work {
    store: Option<Box<Store>>,
    file: PathBuf,
    run: i64,
    batch: Arc<Batch>,
    /// Delete what is older.
    oldest: Option<Oldest>,
}

/// What has become of it.
struct Worked {
    /// `None`: it is closed.
    store: Option<Box<Store>>,
    set_aside: Option<PathBuf>,
    trouble: Option<Trouble>,
    /// Whether all is deleted that was to be.
    has_deleted: bool,
}

impl Disk {
    pub fn new(file: &Path, settings: &HistorySettings, keeping: Arc<Keeping>, now: Moment) -> Disk {
        Disk {
            file: file.to_owned(),
            run: fastrand::i64(1..),
            keeping,
            waiting: Waiting::default(),
            retention: Retention::new(settings, now),
            state: State::Closed(now.at),
        }
    }

    /// Has a play written, or what it is now.
    pub fn put(&mut self, number: u64, play: Play) {
        self.waiting.put(number, play);
    }

    /// Has a minute written.
    pub fn put_minute(&mut self, number: u64, minute: Minute) {
        self.waiting.put_minute(number, minute);
    }

    /// Starts what is due, and takes what is done. It waits a moment at most.
    pub fn turn(&mut self, now: Moment) {
        if let State::Busy(pending, batch) = &self.state
            && let Some(worked) = pending.poll()
        {
            let batch = batch.clone();
            self.take(worked, &batch, now);
        }
        match &self.state {
            State::Busy(..) => {}
            State::Closed(again_at) if now.at < *again_at => {}
            State::Closed(_) => self.begin(None, now),
            State::Open(_) => {
                let oldest = self.retention.due(now);
                if oldest.is_some() || !self.waiting.is_empty() {
                    self.begin(oldest, now);
                }
            }
        }
        self.keeping.note_waiting(&self.waiting);
    }

    /// Whether a thread is at work.
    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy(..))
    }

    /// Writes what waits, and closes the file, by this time.
    pub fn finish(mut self, deadline: Instant) {
        if let State::Closed(again_at) = &mut self.state {
            *again_at = Instant::now();
        }
        loop {
            let now = Moment::now();
            self.turn(now);
            let is_written = self.waiting.is_empty() && matches!(self.state, State::Open(_));
            let is_refused = matches!(self.state, State::Closed(again_at) if now.at < again_at);
            if is_written || is_refused || now.at >= deadline {
                break;
            }
        }
        if !self.waiting.is_empty() {
            let (file, waiting) = (self.file.display(), self.keeping.lock().waiting_text());
            log::error!("{file}: {waiting} could not be written, and are not in the history");
        }
        if let State::Open(store) = std::mem::replace(&mut self.state, State::Closed(deadline)) {
            // Closing writes, too.
            let closed = self.keeping.work.start(&self.file, move |_| drop(store));
            let is_over = |closed: &Pending<()>| closed.poll().is_some() || Instant::now() >= deadline;
            if let Ok(closed) = closed {
                while !is_over(&closed) {}
            }
        }
    }

    fn begin(&mut self, oldest: Option<Oldest>, now: Moment) {
        let store = match std::mem::replace(&mut self.state, State::Closed(now.at + AGAIN_AFTER)) {
            State::Open(store) => Some(store),
            _ => None,
        };
        let batch = Arc::new(self.waiting.take(WRITTEN_AT_ONCE));
        let work = Work { store, file: self.file.clone(), run: self.run, batch: batch.clone(), oldest };
        match self.keeping.work.start(&self.file, move |_| work.run()) {
            Ok(pending) => self.state = State::Busy(pending, batch),
            Err(reason) => self.fail(&batch, &reason),
        }
    }

    fn take(&mut self, worked: Result<Worked, NoAnswer>, batch: &Batch, now: Moment) {
        self.state = State::Closed(now.at + AGAIN_AFTER);
        let Worked { store, set_aside, trouble, has_deleted } = match worked {
            Ok(worked) => worked,
            Err(reason) => return self.fail(batch, &reason),
        };
        if let Some(store) = store {
            self.state = State::Open(store);
        }
        if trouble.is_some() {
            // Some of them may be there already: writing them again changes nothing.
            self.waiting.give_back(batch);
        } else if has_deleted {
            self.retention.done(now);
        }
        let reason = trouble.map(|trouble| trouble.to_string());
        self.keeping.note(&self.file, reason, set_aside);
    }

    fn fail(&mut self, batch: &Batch, reason: &NoAnswer) {
        self.waiting.give_back(batch);
        self.keeping.note(&self.file, Some(reason.to_string()), None);
    }
}

impl Work {
    fn run(self) -> Worked {
        let mut worked = Worked { store: None, set_aside: None, trouble: None, has_deleted: false };
        worked.trouble = self.try_run(&mut worked).err();
        worked
    }

    fn try_run(mut self, worked: &mut Worked) -> Result<(), Trouble> {
        let mut store = match self.store.take().and_then(|store| store.in_place()) {
            Some(store) => Box::new(store),
            None => {
                let Opened { store, set_aside } = Store::open(&self.file, self.run)?;
                worked.set_aside = set_aside;
                Box::new(store)
            }
        };
        // One that is damaged is opened anew, and set aside then.
        store.write(&self.batch)?;
        if let Some(oldest) = self.oldest {
            worked.has_deleted = store.delete(oldest)?;
        }
        worked.store = Some(store);
        Ok(())
    }
}

impl Keeping {
    pub fn new() -> Keeping {
        Keeping { work: FileWork::new(), state: Mutex::default() }
    }

    /// The plays that wait to be written, and those that are lost.
    pub fn waiting_and_lost(&self) -> (u64, u64) {
        let state = self.lock();
        (state.waiting as u64, state.lost.plays)
    }

    /// What an operator should know.
    pub fn warnings(&self) -> Vec<Warning> {
        let state = self.lock();
        let public = "what is played is not written down";
        let reason = self.work.warning().or_else(|| state.fault.clone());
        let waiting = state.waiting_text();
        let fault =
            reason.map(|reason| Warning::new(format!("{public}: {reason} ({waiting} wait for it)"), public));
        let lost = |count: u64, what: &str| {
            let text = format!("{count} {what} are not in the history: too many waited for its disk");
            (count > 0).then(|| Warning::new(text.clone(), text))
        };
        let lost = [lost(state.lost.plays, "plays"), lost(state.lost.minutes, "minutes of listeners")];
        let set_aside = state.set_aside.as_ref().map(|aside| {
            let public = "the history was damaged, and a new one has begun";
            Warning::new(format!("{public}: the damaged one is {}", aside.display()), public)
        });
        [fault].into_iter().chain(lost).chain([set_aside]).flatten().collect()
    }

    /// Notes how an attempt went. A failure is logged once, until there is a success.
    fn note(&self, file: &Path, outcome: Option<String>, set_aside: Option<PathBuf>) {
        let mut state = self.lock();
        let shown = file.display();
        match (&outcome, &state.fault) {
            (Some(reason), None) => log::error!("{shown}: what is played is not written down: {reason}"),
            (None, Some(_)) => log::info!("{shown}: what is played is written down again"),
            _ => {}
        }
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
        state.fault = outcome.map(|reason| format!("{name}: {reason}"));
        state.set_aside = set_aside.or(state.set_aside.take());
    }

    fn note_waiting(&self, waiting: &Waiting) {
        let mut state = self.lock();
        (state.waiting, state.waiting_minutes) = (waiting.plays(), waiting.minutes());
        state.lost = waiting.lost();
    }

    fn lock(&self) -> MutexGuard<'_, KeepingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeepingState {
    /// What waits to be written, in words.
    fn waiting_text(&self) -> String {
        match self.waiting_minutes {
            0 => format!("{} plays", self.waiting),
            minutes => format!("{} plays and {minutes} minutes of listeners", self.waiting),
        }
    }
}

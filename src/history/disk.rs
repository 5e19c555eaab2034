//! The file of a history, as the thread `history` sees it: plays are put in, and threads `files` write them.
//! A disk that refuses them, or does not answer, costs nothing but memory, and that has a bound.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::play::Play;
use super::store::{Opened, Store};
use super::waiting::Waiting;
use crate::database::Trouble;
use crate::filework::{FileWork, NoAnswer, Pending};
use crate::health::Warning;
use crate::time::millis_since_1970;

/// How many plays are written at once.
const WRITTEN_AT_ONCE: usize = 500;

/// The time between two attempts at a file that refuses what is written.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How often old plays are deleted.
const DELETES_EVERY: Duration = Duration::from_secs(3600);

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
    lost: u64,
    /// Where the history is that was damaged.
    set_aside: Option<PathBuf>,
}

/// The file of a history, and what waits to be written to it.
pub(super) struct Disk {
    file: PathBuf,
    keep: Option<Duration>,
    run: i64,
    keeping: Arc<Keeping>,
    waiting: Waiting,
    /// When old plays are deleted next.
    deletes_at: Instant,
    state: State,
}

enum State {
    /// It is opened with the next batch, but not before this.
    Closed(Instant),
    Open(Box<Store>),
    /// A thread `files` is at work, with these plays.
    Busy(Pending<Worked>, Batch),
}

/// What is written at once.
type Batch = Arc<[(u64, Play)]>;

/// A piece of work for a thread `files`.
struct Work {
    store: Option<Box<Store>>,
    file: PathBuf,
    run: i64,
    plays: Batch,
    /// Delete what began before this.
    delete_before: Option<u64>,
}

/// What has become of it.
struct Worked {
    /// `None`: it is closed.
    store: Option<Box<Store>>,
    set_aside: Option<PathBuf>,
    trouble: Option<Trouble>,
    /// Whether there is more to delete.
    deletes_on: bool,
}

impl Disk {
    pub fn new(file: &Path, keep: Option<Duration>, keeping: Arc<Keeping>, now: Instant) -> Disk {
        Disk {
            file: file.to_owned(),
            keep,
            run: fastrand::i64(1..),
            keeping,
            waiting: Waiting::default(),
            deletes_at: now,
            state: State::Closed(now),
        }
    }

    /// Has a play written, or what it is now.
    pub fn put(&mut self, number: u64, play: Play) {
        self.waiting.put(number, play);
    }

    /// Starts what is due, and takes what is done. It waits a moment at most.
    pub fn turn(&mut self, now: Instant) {
        if let State::Busy(pending, plays) = &self.state
            && let Some(worked) = pending.poll()
        {
            let plays = plays.clone();
            self.take(worked, &plays, now);
        }
        let deletes = self.keep.is_some() && now >= self.deletes_at;
        let opens = !matches!(self.state, State::Open(_));
        let is_due = self.waiting.len() > 0 || deletes || opens;
        match &self.state {
            State::Busy(..) => {}
            State::Closed(again_at) if now < *again_at => {}
            State::Closed(_) | State::Open(_) if is_due => self.begin(deletes, now),
            State::Closed(_) | State::Open(_) => {}
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
            let now = Instant::now();
            self.turn(now);
            let is_written = self.waiting.len() == 0 && matches!(self.state, State::Open(_));
            let is_refused = matches!(self.state, State::Closed(again_at) if now < again_at);
            if is_written || is_refused || now >= deadline {
                break;
            }
        }
        if self.waiting.len() > 0 {
            let (file, plays) = (self.file.display(), self.waiting.len());
            log::error!("{file}: {plays} plays could not be written, and are not in the history");
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

    fn begin(&mut self, deletes: bool, now: Instant) {
        let store = match std::mem::replace(&mut self.state, State::Closed(now + AGAIN_AFTER)) {
            State::Open(store) => Some(store),
            _ => None,
        };
        let plays: Batch = self.waiting.take(WRITTEN_AT_ONCE).into();
        let oldest = self.keep.filter(|_| deletes).and_then(|keep| SystemTime::now().checked_sub(keep));
        let delete_before = oldest.map(|oldest| millis_since_1970(oldest).unsigned_abs());
        let work =
            Work { store, file: self.file.clone(), run: self.run, plays: plays.clone(), delete_before };
        match self.keeping.work.start(&self.file, move |_| work.run()) {
            Ok(pending) => self.state = State::Busy(pending, plays),
            Err(reason) => self.fail(&plays, &reason),
        }
    }

    fn take(&mut self, worked: Result<Worked, NoAnswer>, plays: &Batch, now: Instant) {
        self.state = State::Closed(now + AGAIN_AFTER);
        let Worked { store, set_aside, trouble, deletes_on } = match worked {
            Ok(worked) => worked,
            Err(reason) => return self.fail(plays, &reason),
        };
        if let Some(store) = store {
            self.state = State::Open(store);
        }
        if trouble.is_some() {
            // Some of them may be there already: writing them again changes nothing.
            self.waiting.give_back(plays);
        } else if !deletes_on {
            self.deletes_at = now + DELETES_EVERY;
        }
        let reason = trouble.map(|trouble| trouble.to_string());
        self.keeping.note(&self.file, reason, set_aside);
    }

    fn fail(&mut self, plays: &Batch, reason: &NoAnswer) {
        self.waiting.give_back(plays);
        self.keeping.note(&self.file, Some(reason.to_string()), None);
    }
}

impl Work {
    fn run(self) -> Worked {
        let mut worked = Worked { store: None, set_aside: None, trouble: None, deletes_on: false };
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
        store.write(&self.plays)?;
        if let Some(time) = self.delete_before {
            worked.deletes_on = !store.delete_before(time)?;
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
        (state.waiting as u64, state.lost)
    }

    /// What an operator should know.
    pub fn warnings(&self) -> Vec<Warning> {
        let state = self.lock();
        let KeepingState { fault, waiting, lost, set_aside } = &*state;
        let public = "what is played is not written down";
        let reason = self.work.warning().or_else(|| fault.clone());
        let fault = reason
            .map(|reason| Warning::new(format!("{public}: {reason} ({waiting} plays wait for it)"), public));
        let lost = (*lost > 0).then(|| {
            let text = format!("{lost} plays are not in the history: too many waited for its disk");
            Warning::new(text.clone(), text)
        });
        let set_aside = set_aside.as_ref().map(|aside| {
            let public = "the history was damaged, and a new one has begun";
            Warning::new(format!("{public}: the damaged one is {}", aside.display()), public)
        });
        [fault, lost, set_aside].into_iter().flatten().collect()
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
        (state.waiting, state.lost) = (waiting.len(), waiting.lost());
    }

    fn lock(&self) -> MutexGuard<'_, KeepingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! The thread `history`.
//!
//! Reads: the station's events, and once a second what each pipeline shows and how many listen to each
//! stream. Writes: plays and minutes of listeners, into a bounded queue for the disk. Never: touches a file, or
//! makes anybody wait.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};
use jiff::tz::TimeZone;

use super::account::{Account, Moment, Numbers, Sample};
use super::disk::{Disk, Keeping};
use super::minutes::{Minutes, StreamSample};
use super::play::{Play, PlaysWanted};
use super::settings::HistorySettings;
use super::statistics::{Statistics, StatisticsWanted, read_statistics};
use super::store::{play_at, read_plays};
use crate::error::{Error, Result};
use crate::event::{EventKind, EventReceiver, StationEvent};
use crate::health::{Health, Warning};
use crate::roots::MediaRoots;
use crate::thread::Worker;

/// The time between two looks at the pipelines.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// How often a play that is on the air is written. If the process is killed, so much of it is not known.
const SAVES_EVERY: Duration = Duration::from_secs(15);

/// Events that wait to be read. What does not fit is found by the next looks.
const EVENTS: usize = 4096;

/// What is left of the time of a stop for the thread to end when the disk has not answered.
const ENDS_WITHIN: Duration = Duration::from_millis(100);

/// A pipeline whose plays are written down.
pub(crate) struct Followed {
    pub pipeline: Arc<str>,
    pub zone: TimeZone,
    /// A file is named relative to one of the media roots, else to one of these folders.
    pub roots: MediaRoots,
    pub folders: Vec<PathBuf>,
    /// What it shows. `None` if it has stopped.
    pub look: Box<dyn Fn() -> Option<Sample> + Send>,
}

/// The history of a station: what was played and how many listened, in a file. A handle, which may be used on
/// any thread; reading touches the disk.
#[derive(Clone)]
pub struct History {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    keeping: Arc<Keeping>,
    /// Those that the thread has not taken yet.
    newcomers: Arc<Mutex<Vec<Followed>>>,
    stopping: Arc<Mutex<Option<Instant>>>,
    bell: Bell,
    thread: Worker,
}

/// Wakes the thread. Many rings are one.
#[derive(Clone)]
struct Bell {
    ring: Sender<()>,
    /// Whether the thread has stopped, so that events do not ring for nobody.
    is_over: Arc<AtomicBool>,
}

impl Bell {
    fn ring(&self) {
        if !self.is_over.load(Ordering::Relaxed) {
            // If it is full, the thread wakes anyway.
            let _ = self.ring.try_send(());
        }
    }
}

impl History {
    /// Starts to write down what a station plays, and how many listen. `None` if the settings name no file.
    ///
    /// # Errors
    /// [`Error::Io`] if no thread can be started.
    pub(crate) fn start(
        settings: &HistorySettings,
        subscribe: impl FnOnce(
            usize,
            fn(EventKind) -> bool,
            Box<dyn Fn(EventKind) + Send + Sync>,
        ) -> EventReceiver<StationEvent>,
        streams: impl Fn() -> Vec<StreamSample> + Send + 'static,
    ) -> Result<Option<History>> {
        let Some(file) = settings.file.clone() else { return Ok(None) };
        let keeping = Arc::new(Keeping::new());
        let (ring, rung) = bounded(1);
        let bell = Bell { ring, is_over: Arc::default() };
        let of_events = bell.clone();
        let events = subscribe(EVENTS, Account::takes, Box::new(move |_| of_events.ring()));
        let (newcomers, stopping) = <(Arc<Mutex<Vec<Followed>>>, Arc<Mutex<Option<Instant>>>)>::default();
        let keeper = Keeper {
            events,
            rung,
            newcomers: newcomers.clone(),
            stopping: stopping.clone(),
            numbers: Numbers::default(),
            followed: Vec::new(),
            streams: Box::new(streams),
            minutes: Minutes::default(),
            disk: Disk::new(&file, settings, keeping.clone(), Moment::now()),
            is_over: bell.is_over.clone(),
        };
        let thread = Worker::spawn("history", move || keeper.run());
        let thread = thread.map_err(Error::io("starting a thread"))?;
        Ok(Some(History { inner: Arc::new(Inner { file, keeping, newcomers, stopping, bell, thread }) }))
    }

    /// Writes down what this pipeline plays, from its next event on.
    pub(crate) fn follow(&self, followed: Followed) {
        self.inner.newcomers.lock().unwrap_or_else(PoisonError::into_inner).push(followed);
        self.inner.bell.ring();
    }

    /// Its file.
    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    /// Reads plays, the earliest first. The end of what is on the air is a quarter of a minute old at most.
    /// It touches the disk, which may not answer.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nothing has been written yet; [`Error::File`] if the file cannot be read.
    pub fn plays(&self, wanted: &PlaysWanted) -> Result<Vec<Play>> {
        read_plays(&self.inner.file, wanted)
    }

    /// The play of a pipeline that was the last to begin by this time, in milliseconds since 1970, of tracks
    /// and of titles of live inputs. It touches the disk, which may not answer.
    ///
    /// # Errors
    /// As for [`plays`](History::plays).
    pub fn play_at(&self, pipeline: &str, at: u64) -> Result<Option<Play>> {
        play_at(&self.inner.file, pipeline, at)
    }

    /// Reads how many listened over time. The last minute is there when it has ended. It touches the disk,
    /// which may not answer.
    ///
    /// # Errors
    /// As for [`read_statistics`].
    pub fn statistics(&self, wanted: &StatisticsWanted) -> Result<Statistics> {
        read_statistics(&self.inner.file, wanted)
    }

    /// Whether what is played is written down: a warning says why it is not, what waits and what is lost.
    pub fn health(&self) -> Health {
        let mut health = Health::default();
        health.warn(self.warnings());
        health
    }

    /// The plays that wait to be written, and those that are lost.
    pub(crate) fn waiting_and_lost(&self) -> (u64, u64) {
        self.inner.keeping.waiting_and_lost()
    }

    pub(crate) fn warnings(&self) -> Vec<Warning> {
        self.inner.keeping.warnings()
    }

    /// Writes the last plays, by `deadline`. Names the threads that hang. Nothing is written down afterwards.
    pub(crate) fn stop(&self, deadline: Instant) -> Vec<String> {
        *self.inner.stopping.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline - ENDS_WITHIN);
        self.inner.bell.ring();
        let has_ended = self.inner.thread.join_before(deadline);
        let own = (!has_ended).then(|| self.inner.thread.name.clone());
        let of_files = self.inner.keeping.work.join(Instant::now());
        own.into_iter().chain(of_files).collect()
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("file", &self.inner.file).finish_non_exhaustive()
    }
}

/// The state of the thread.
struct Keeper {
    events: EventReceiver<StationEvent>,
    rung: Receiver<()>,
    newcomers: Arc<Mutex<Vec<Followed>>>,
    /// When everything must be written, once it is to stop.
    stopping: Arc<Mutex<Option<Instant>>>,
    numbers: Numbers,
    followed: Vec<(Followed, Account)>,
    /// Looks at all streams of the server.
    streams: Box<dyn Fn() -> Vec<StreamSample> + Send>,
    minutes: Minutes,
    disk: Disk,
    is_over: Arc<AtomicBool>,
}

impl Keeper {
    fn run(mut self) {
        let mut looks_at = Instant::now();
        let mut saves_at = looks_at + SAVES_EVERY;
        let deadline = loop {
            // A thread `files` that is at work is asked in a moment.
            let patience = if self.disk.is_busy() { Duration::ZERO } else { LOOKS_EVERY };
            let wait = looks_at.saturating_duration_since(Instant::now()).min(patience);
            // The bell is never dropped before the thread ends.
            let _ = self.rung.recv_timeout(wait);
            let stop_by = *self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
            let mut has_begun = self.follow_newcomers() | self.take_events();
            let now = Moment::now();
            if now.at >= looks_at {
                looks_at = now.at + LOOKS_EVERY;
                self.look(now);
            }
            if now.at >= saves_at {
                saves_at = now.at + SAVES_EVERY;
                has_begun = true;
            }
            self.hand_over(has_begun);
            self.disk.turn(now);
            if let Some(deadline) = stop_by {
                break deadline;
            }
        };
        self.is_over.store(true, Ordering::Relaxed);
        self.followed.iter_mut().for_each(|(_, account)| account.end_all());
        if let Some((number, minute)) = self.minutes.end() {
            self.disk.put_minute(number, minute);
        }
        self.hand_over(false);
        self.disk.finish(deadline);
    }

    fn follow_newcomers(&mut self) -> bool {
        let newcomers = std::mem::take(&mut *self.newcomers.lock().unwrap_or_else(PoisonError::into_inner));
        let is_new = !newcomers.is_empty();
        for newcomer in newcomers {
            let Followed { pipeline, zone, roots, folders, .. } = &newcomer;
            let places = (roots.clone(), folders.clone());
            let account = Account::new(pipeline.clone(), zone.clone(), places, self.numbers.clone());
            self.followed.push((newcomer, account));
        }
        is_new
    }

    /// Takes the events that wait. Whether one changes what is on the air.
    fn take_events(&mut self) -> bool {
        let mut changes = false;
        while let Some(StationEvent { pipeline, event }) = self.events.try_recv() {
            let of = |followed: &Followed| pipeline.as_ref() == Some(&followed.pipeline);
            if let Some((_, account)) = self.followed.iter_mut().find(|(followed, _)| of(followed)) {
                account.event(&event, Moment::now());
                changes = true;
            }
        }
        changes
    }

    fn look(&mut self, now: Moment) {
        for (followed, account) in &mut self.followed {
            match (followed.look)() {
                Some(sample) => account.look(sample, now),
                None => account.end_all(),
            }
        }
        if let Some((number, minute)) = self.minutes.look(&(self.streams)(), now.wall) {
            self.disk.put_minute(number, minute);
        }
    }

    /// Gives the disk the plays that have ended; with `all`, those that are on the air, too.
    fn hand_over(&mut self, all: bool) {
        for (_, account) in &mut self.followed {
            for (number, play) in account.take_ended() {
                self.disk.put(number, play);
            }
            if all {
                account.open_plays().for_each(|(number, play)| self.disk.put(number, play.clone()));
            }
        }
    }
}

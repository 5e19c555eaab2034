//! All sources of a station.
//!
//! Thread `sources`, one for each station while it has sources. Reads: what has come from each, and when, and
//! what of it was lost. Writes: a line in the log about losses. It ends sources that are silent or send
//! nothing usable.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use super::session::{Claim, Farewell, Session, Sink};
use super::source::{SourceInfo, SourceState, SourceStream};
use crate::error::{Error, LeaveReason, Result};
use crate::event::Event;
use crate::thread::Worker;

/// The time between two looks at all sources.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// The sources of a station. A path has one at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    table: Mutex<Table>,
    /// A source has come, or all have to go.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    sessions: Vec<Arc<Session>>,
    /// The threads of sources, also of those that were let go but wait in a read.
    threads: Vec<Worker>,
    watcher: Option<Worker>,
    has_stopped: bool,
}

/// Why a path cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// This user has it since then.
    By { user: String, since: SystemTime },
    /// The station stops.
    Stopped,
}

impl Sessions {
    /// Takes a path for a source whose stream is on its way: [`start`](Sessions::start) or
    /// [`give_up`](Sessions::give_up) must follow. The same user's connection there gives way if it is dead.
    pub(crate) fn claim(&self, claim: Claim<'_>) -> std::result::Result<Arc<Session>, Taken> {
        let now = Instant::now();
        let mut table = self.0.lock();
        if table.has_stopped {
            return Err(Taken::Stopped);
        }
        if let Some(holder) = table.find(claim.path) {
            if !holder.gives_way_to(&claim.info.user, now) {
                let snapshot = holder.snapshot(now);
                return Err(Taken::By { user: snapshot.info.user.clone(), since: snapshot.since });
            }
            let holder = Arc::clone(holder);
            let farewell = holder.end(LeaveReason::Replaced);
            table.forget(&holder);
            tell_left(&holder, farewell, LeaveReason::Replaced);
        }
        let id = claim.resumes.unwrap_or_else(|| {
            table.next += 1;
            table.next
        });
        let session = Arc::new(Session::new(id, claim, now));
        table.sessions.push(Arc::clone(&session));
        Ok(session)
    }

    /// Starts the thread of a source that has its path. `begin` is the last that can fail: what is fed hears
    /// of the source. Only then it is connected, and that is told.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no thread for it; [`Error::Stopped`] if all sources were let go; those
    /// of `begin`. The path is free then, and nothing was told.
    pub(crate) fn start(
        &self,
        session: &Arc<Session>,
        stream: SourceStream,
        sink: Box<dyn Sink>,
        begin: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let SourceStream { read, link } = stream;
        let mut table = self.0.lock();
        table.threads.retain(|thread| !thread.has_ended());
        if table.has_stopped || !session.start(sink, link, Instant::now()) {
            return Err(Error::Stopped("station"));
        }
        let own = (Arc::clone(&self.0), Arc::clone(session));
        let run = move || {
            let (shared, session) = own;
            // Its end is told after its coming.
            drop(shared.lock());
            // If the stream's own code panics, this is the end, too.
            let reason = LeaveReason::Broken;
            let mut end = EndOfThread { shared, session, reason };
            end.reason = end.session.read(read);
        };
        let started = self
            .0
            .watch(&mut table)
            .and_then(|()| Worker::spawn(format!("src:{}", session.path), run))
            .map(|thread| table.threads.push(thread))
            .map_err(Error::io("starting the thread of a source"))
            .and_then(|()| begin());
        match started {
            Ok(()) => tell_connected(session),
            Err(_) => {
                session.end(LeaveReason::Broken);
                table.forget(session);
            }
        }
        self.0.changed.notify_all();
        started
    }

    /// Frees the path of a source whose stream has not come. It does nothing to one that sends.
    pub(crate) fn give_up(&self, session: &Arc<Session>) {
        if session.give_up() {
            self.0.lock().forget(session);
        }
    }

    /// Lets a source go. Its path is free at once.
    pub(crate) fn let_go(&self, session: &Arc<Session>, reason: LeaveReason) {
        self.0.let_go(session, reason);
    }

    /// The source at a path.
    pub(crate) fn find(&self, path: &str) -> Option<Arc<Session>> {
        self.0.lock().find(path).map(Arc::clone)
    }

    /// The source with this number.
    pub(crate) fn with_id(&self, id: u64) -> Option<Arc<Session>> {
        self.0.lock().sessions.iter().find(|session| session.id() == id).map(Arc::clone)
    }

    /// All sources, in the order of their coming.
    pub(crate) fn list(&self) -> Vec<SourceState> {
        let now = Instant::now();
        self.0.lock().sessions.iter().map(|session| session.snapshot(now)).collect()
    }

    /// Lets all sources go, for good. Their threads end now, if their streams let them.
    pub(crate) fn stop(&self) -> Vec<Worker> {
        let (sessions, threads) = {
            let mut table = self.0.lock();
            table.has_stopped = true;
            let mut threads = std::mem::take(&mut table.threads);
            threads.extend(table.watcher.take());
            (table.sessions.clone(), threads)
        };
        self.0.changed.notify_all();
        sessions.iter().for_each(|session| self.0.let_go(session, LeaveReason::StationStopped));
        threads
    }
}

/// Ends a source when its thread ends, however it ends.
struct EndOfThread {
    shared: Arc<Shared>,
    session: Arc<Session>,
    reason: LeaveReason,
}

impl Drop for EndOfThread {
    fn drop(&mut self) {
        self.shared.let_go(&self.session, self.reason);
    }
}

impl Shared {
    fn let_go(&self, session: &Arc<Session>, reason: LeaveReason) {
        // The mount ends before its path is free for the next source, and that is so when it is told.
        let farewell = session.end(reason);
        self.lock().forget(session);
        tell_left(session, farewell, reason);
    }

    /// Starts the thread that looks after the sources, unless it runs.
    fn watch(self: &Arc<Shared>, table: &mut Table) -> std::io::Result<()> {
        if table.watcher.is_none() {
            let shared = Arc::clone(self);
            table.watcher = Some(Worker::spawn("sources", move || shared.look_after())?);
        }
        Ok(())
    }

    fn look_after(&self) {
        let mut table = self.lock();
        while !table.has_stopped {
            table = if table.sessions.is_empty() {
                self.changed.wait(table).unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.changed.wait_timeout(table, LOOKS_EVERY);
                let table = waited.unwrap_or_else(PoisonError::into_inner).0;
                let now = Instant::now();
                let faulty = |session: &Arc<Session>| Some((Arc::clone(session), session.fault(now)?));
                let faulty: Vec<_> = table.sessions.iter().filter_map(faulty).collect();
                table.sessions.iter().for_each(|session| tell_losses(session, now));
                drop(table);
                faulty.iter().for_each(|(session, reason)| self.let_go(session, *reason));
                self.lock()
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn find(&self, path: &str) -> Option<&Arc<Session>> {
        self.sessions.iter().find(|session| &*session.path == path)
    }

    fn forget(&mut self, session: &Arc<Session>) {
        self.sessions.retain(|known| !Arc::ptr_eq(known, session));
    }
}

/// Tells that a source has left. `None`: it was told already, or had not come.
fn tell_left(session: &Session, farewell: Option<Farewell>, reason: LeaveReason) {
    let Some(Farewell { bytes, may_return }) = farewell else { return };
    let SourceState { id, path, info, since, .. } = session.snapshot(Instant::now());
    let duration = SystemTime::now().duration_since(since).unwrap_or_default();
    let (user, path) = (info.user.clone(), path.to_string());
    let (seconds, why) = (duration.as_secs(), reason.as_str());
    session.emitter.log(Level::Info, format!("{path}: the source {user} has gone after {seconds} s: {why}"));
    if !may_return {
        session.emitter.emit(Event::SourceLeft { id, path, user, duration, bytes, reason });
    }
}

/// Tells that sound of a source was dropped or missing, if it is time to.
fn tell_losses(session: &Session, now: Instant) {
    if let Some(complaint) = session.complaint(now) {
        let text = format!("{}: the source {}: {complaint}", session.path, session.info().user);
        session.emitter.log(Level::Warn, text);
    }
}

/// Tells that a source has come, or is back.
fn tell_connected(session: &Session) {
    let SourceState { id, path, info, .. } = session.snapshot(Instant::now());
    let (path, SourceInfo { user, program, address, content_type, .. }) = (path.to_string(), (*info).clone());
    let what = if session.resumes { "back" } else { "connected" };
    let text = format!("{path}: the source {user} is {what}, with {program} ({content_type})");
    session.emitter.log(Level::Info, text);
    if !session.resumes {
        session.emitter.emit(Event::SourceConnected { id, path, user, program, address, content_type });
    }
}

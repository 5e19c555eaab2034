//! All sources of a station.
//!
//! Thread `sources`, one for each station while it has sources. Reads: what has come from each, and when.
//! Writes: nothing, but it ends those that are silent or send nothing usable.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use log::Level;

use super::session::{Session, Sink};
use super::source::{SourceInfo, SourceState, SourceStream};
use crate::error::{Error, LeaveReason, Result};
use crate::event::{Emitter, Event};
use crate::thread::Worker;

/// The time between two looks at all sources.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// The sources of a station. A path has one at most.
#[derive(Clone, Debug)]
pub(crate) struct Sessions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    /// A source has come, or all have to go.
    changed: Condvar,
    emitter: Emitter,
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
    pub(crate) fn new(emitter: Emitter) -> Sessions {
        let (table, changed) = Default::default();
        Sessions(Arc::new(Shared { table, changed, emitter }))
    }

    /// Takes a path for a source whose stream is on its way: [`start`](Sessions::start) or
    /// [`give_up`](Sessions::give_up) must follow. The same user's connection there gives way if it is dead.
    pub(crate) fn claim(
        &self,
        path: &str,
        info: SourceInfo,
        timeout: Duration,
    ) -> std::result::Result<Arc<Session>, Taken> {
        let mut table = self.0.lock();
        if table.has_stopped {
            return Err(Taken::Stopped);
        }
        if let Some(holder) = table.find(path) {
            if !holder.gives_way_to(&info.user, Instant::now()) {
                let snapshot = holder.snapshot(Instant::now());
                return Err(Taken::By { user: snapshot.info.user.clone(), since: snapshot.since });
            }
            let holder = Arc::clone(holder);
            let sent = holder.end(LeaveReason::Replaced);
            table.forget(&holder);
            self.0.tell_left(&holder, sent, LeaveReason::Replaced);
        }
        table.next += 1;
        let session = Arc::new(Session::new(table.next, path, info, timeout));
        table.sessions.push(Arc::clone(&session));
        Ok(session)
    }

    /// Starts the thread of a source that has its path.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no thread for it; [`Error::Stopped`] if all sources were let go. The
    /// path is free then.
    pub(crate) fn start(
        &self,
        session: &Arc<Session>,
        stream: SourceStream,
        sink: Box<dyn Sink>,
    ) -> Result<()> {
        let SourceStream { read, link } = stream;
        let mut table = self.0.lock();
        table.threads.retain(|thread| !thread.has_ended());
        if !session.start(sink, link, Instant::now()) {
            return Err(Error::Stopped("station"));
        }
        self.0.tell_connected(session);
        let own = (Arc::clone(&self.0), Arc::clone(session));
        let run = move || {
            let (shared, session) = own;
            // If the stream's own code panics, this is the end, too.
            let reason = LeaveReason::Broken;
            let mut end = EndOfThread { shared, session, reason };
            end.reason = end.session.read(read);
        };
        let started = Worker::spawn(format!("src:{}", session.path), run)
            .and_then(|thread| {
                table.threads.push(thread);
                self.0.watch(&mut table)
            })
            .map_err(Error::io("starting the thread of a source"));
        if started.is_err() {
            let sent = session.end(LeaveReason::Broken);
            table.forget(session);
            self.0.tell_left(session, sent, LeaveReason::Broken);
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
        let sent = session.end(reason);
        self.lock().forget(session);
        self.tell_left(session, sent, reason);
    }

    /// Tells that a source has left that had sent so much. `None`: it was told already, or had not come.
    fn tell_left(&self, session: &Session, sent: Option<u64>, reason: LeaveReason) {
        let Some(bytes) = sent else { return };
        let SourceState { id, path, info, since, .. } = session.snapshot(Instant::now());
        let duration = SystemTime::now().duration_since(since).unwrap_or_default();
        let (user, path) = (info.user.clone(), path.to_string());
        let text =
            format!("{path}: the source {user} has gone after {} s: {}", duration.as_secs(), reason.as_str());
        self.emitter.log(Level::Info, text);
        self.emitter.emit(Event::SourceLeft { id, path, user, duration, bytes, reason });
    }

    fn tell_connected(&self, session: &Session) {
        let SourceState { id, path, info, .. } = session.snapshot(Instant::now());
        let (path, SourceInfo { user, program, address, content_type, .. }) =
            (path.to_string(), (*info).clone());
        self.emitter.log(
            Level::Info,
            format!("{path}: the source {user} is connected, with {program} ({content_type})"),
        );
        self.emitter.emit(Event::SourceConnected { id, path, user, program, address, content_type });
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

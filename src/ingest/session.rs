//! A source on its path.
//!
//! Thread `src:PATH`, one for each source while it is connected. Reads: the source's stream. Writes: its
//! bytes into the sink (of a relayed mount, or of a live input), which never waits, and what has come. Never:
//! anything that listeners, the mixer or other sources wait for.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::losses::Losses;
use super::source::{Link, LiveSourceState, SourceInfo, SourceState};
use crate::error::LeaveReason;
use crate::event::{Emitter, is_same_user};
use crate::metadata::Title;
use crate::playout::USELESS_AFTER;

/// The bytes that are read at once.
const READ: usize = 16 * 1024;
/// The pause before a sink that was full is asked again: the server is away, or a source sends faster than it
/// is heard. A stream that has nothing yet and does not wait by itself is left alone for as long.
const PAUSE: Duration = Duration::from_millis(20);

/// The owner of a path who has sent nothing for so long can be replaced by the same user: the connection is
/// dead.
const REPLACED_AFTER: Duration = Duration::from_secs(2);

/// Takes what a source sends. None of its calls waits.
pub(crate) trait Sink: Send {
    /// Takes bytes from the front, and returns how many. An error if it takes no more, with the reason.
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LeaveReason>;

    /// A number that grows whenever something was found in the bytes that can be used.
    fn packets(&self) -> u64;

    /// Sets the title of what is written from now on.
    fn update_metadata(&mut self, title: Title);

    /// Why it takes no more, though nothing was written.
    fn ended(&self) -> Option<LeaveReason> {
        None
    }

    /// For how long nothing has come, if it has a clock of its own.
    fn quiet(&self) -> Option<Duration> {
        None
    }

    /// Its source has left. Returns whether it may come back: then what is fed tells when it is over.
    fn leave(&mut self, _: LeaveReason) -> bool {
        false
    }

    /// What only a live input knows.
    fn live(&self) -> Option<LiveSourceState> {
        None
    }
}

/// What a source was when it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    /// The bytes that it had sent.
    pub bytes: u64,
    /// Whether what it fed waits for it, and tells when it is over.
    pub may_return: bool,
}

/// What a source wants that comes to a path.
pub(crate) struct Claim<'a> {
    pub path: &'a str,
    pub info: SourceInfo,
    /// After so much silence it is let go.
    pub timeout: Duration,
    /// The number of the source with whose session it goes on: the same user's, who is waited for.
    pub resumes: Option<u64>,
    /// Who tells of it.
    pub emitter: Emitter,
}

/// A source on its path, or one that is about to be.
pub(crate) struct Session {
    id: u64,
    pub(super) path: Arc<str>,
    info: Arc<SourceInfo>,
    /// Whether it goes on with what an earlier connection of the same user has begun.
    pub(super) resumes: bool,
    pub(super) emitter: Emitter,
    since: SystemTime,
    began: Instant,
    /// Milliseconds of silence after which it is let go.
    timeout: AtomicU64,
    state: Mutex<State>,
}

enum State {
    /// The path is taken, and the stream is on its way.
    Coming,
    Sending(Sending),
    Ended,
}

struct Sending {
    sink: Box<dyn Sink>,
    link: Box<dyn Link>,
    received: u64,
    /// When bytes came last, or it began.
    heard: Instant,
    packets: u64,
    /// When the first byte came after the last packet.
    dry_since: Option<Instant>,
    /// What the log knows of sound that was dropped or missing.
    losses: Losses,
}

impl Session {
    pub(super) fn new(id: u64, claim: Claim<'_>, now: Instant) -> Session {
        let Claim { path, info, timeout, resumes, emitter } = claim;
        let session = Session {
            id,
            path: path.into(),
            info: Arc::new(info),
            resumes: resumes.is_some(),
            emitter,
            since: SystemTime::now(),
            began: now,
            timeout: AtomicU64::default(),
            state: Mutex::new(State::Coming),
        };
        session.set_timeout(timeout);
        session
    }

    /// Its number.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The path that it sends to.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Who tells of it.
    pub(crate) fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    /// What its source says of itself.
    pub(crate) fn info(&self) -> Arc<SourceInfo> {
        Arc::clone(&self.info)
    }

    /// Lets it go after so much silence.
    pub(crate) fn set_timeout(&self, timeout: Duration) {
        self.timeout.store(timeout.as_millis() as u64, Ordering::Relaxed);
    }

    /// What it is and has sent.
    pub(crate) fn snapshot(&self, now: Instant) -> SourceState {
        let (received_bytes, lost_bytes, silent_for, live) = match &*self.lock() {
            State::Sending(sending) => {
                let lost = sending.link.lost_bytes();
                (sending.received, lost, sending.silent_for(now), sending.sink.live())
            }
            State::Coming | State::Ended => (0, 0, now.saturating_duration_since(self.began), None),
        };
        SourceState {
            id: self.id,
            path: Arc::clone(&self.path),
            info: Arc::clone(&self.info),
            since: self.since,
            received_bytes: received_bytes + lost_bytes,
            lost_bytes,
            silent_for,
            live,
        }
    }

    /// Sets the title of what it sends from now on. False if it sends nothing.
    pub(crate) fn update_metadata(&self, title: Title) -> bool {
        match &mut *self.lock() {
            State::Sending(sending) => {
                sending.sink.update_metadata(title);
                true
            }
            State::Coming | State::Ended => false,
        }
    }

    /// Whether a new login of this user may take its place: it is the same user's, and its connection is
    /// dead.
    pub(super) fn gives_way_to(&self, user: &str, now: Instant) -> bool {
        let is_silent = match &*self.lock() {
            State::Sending(sending) => sending.silent_for(now) >= REPLACED_AFTER,
            State::Coming | State::Ended => false,
        };
        is_silent && is_same_user(&self.info.user, user)
    }

    /// Why it must be let go now, if it must.
    pub(super) fn fault(&self, now: Instant) -> Option<LeaveReason> {
        let State::Sending(sending) = &*self.lock() else { return None };
        let timeout = Duration::from_millis(self.timeout.load(Ordering::Relaxed));
        let dry_for = sending.dry_since.map(|since| sending.heard.saturating_duration_since(since));
        if let Some(reason) = sending.sink.ended() {
            return Some(reason);
        }
        if sending.silent_for(now) >= timeout {
            return Some(LeaveReason::Silent);
        }
        dry_for.is_some_and(|time| time >= USELESS_AFTER).then_some(LeaveReason::Useless)
    }

    /// What the log is to say now of its sound, if anything.
    pub(super) fn complaint(&self, now: Instant) -> Option<String> {
        let State::Sending(sending) = &mut *self.lock() else { return None };
        let live = sending.sink.live()?;
        sending.losses.line(&live, now)
    }

    /// Its stream is there. False if it was ended before that.
    pub(super) fn start(&self, sink: Box<dyn Sink>, link: Box<dyn Link>, now: Instant) -> bool {
        let mut state = self.lock();
        let comes = matches!(&*state, State::Coming);
        if comes {
            let (received, packets, dry_since) = Default::default();
            let losses = Losses::new(now);
            *state = State::Sending(Sending { sink, link, received, heard: now, packets, dry_since, losses });
        }
        comes
    }

    /// Ends it if its stream has not come.
    pub(super) fn give_up(&self) -> bool {
        let mut state = self.lock();
        let comes = matches!(&*state, State::Coming);
        if comes {
            *state = State::Ended;
        }
        comes
    }

    /// Ends it, unless it has ended, and closes its stream. Returns what it was, if this call ended it while
    /// it was sending. Its sink is dropped.
    pub(super) fn end(&self, reason: LeaveReason) -> Option<Farewell> {
        let before = match &mut *self.lock() {
            State::Ended => return None,
            state => std::mem::replace(state, State::Ended),
        };
        let State::Sending(mut sending) = before else { return None };
        let may_return = sending.sink.leave(reason);
        sending.link.close(reason.as_str());
        Some(Farewell { bytes: sending.received, may_return })
    }

    /// Reads the stream to its end. Returns how it ended, unless the session was ended.
    pub(super) fn read(&self, mut stream: Box<dyn Read + Send>) -> LeaveReason {
        let mut buffer = vec![0; READ];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return self.end_of_stream(),
                Ok(count) => {
                    if let Some(reason) = self.take(&buffer[..count]) {
                        return reason;
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => match self.reason_to_stop() {
                        Some(reason) => return reason,
                        None => std::thread::sleep(PAUSE),
                    },
                    _ => return LeaveReason::Broken,
                },
            }
        }
    }

    fn end_of_stream(&self) -> LeaveReason {
        match &*self.lock() {
            State::Sending(sending) => sending.link.end(),
            State::Coming | State::Ended => LeaveReason::Left,
        }
    }

    /// Why nothing is to be read any more, if so.
    fn reason_to_stop(&self) -> Option<LeaveReason> {
        match &*self.lock() {
            State::Sending(sending) => sending.sink.ended(),
            // Why was told when it was ended.
            State::Coming | State::Ended => Some(LeaveReason::Left),
        }
    }

    /// Takes bytes of the stream. Returns why there is to be no more, if so.
    fn take(&self, bytes: &[u8]) -> Option<LeaveReason> {
        let mut rest = bytes;
        loop {
            match self.take_at(rest, Instant::now()) {
                Ok(taken) => rest = &rest[taken..],
                Err(reason) => return Some(reason),
            }
            if rest.is_empty() {
                return None;
            }
            // The lock is free meanwhile.
            std::thread::sleep(PAUSE);
        }
    }

    /// Takes bytes, as many as its sink has room for. An error if it takes no more.
    pub(super) fn take_at(&self, bytes: &[u8], now: Instant) -> Result<usize, LeaveReason> {
        match &mut *self.lock() {
            State::Sending(sending) => sending.take(bytes, now),
            State::Coming | State::Ended => Err(LeaveReason::Left),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sending {
    /// Writes bytes into the sink, and notes what has come. Returns how many were taken.
    fn take(&mut self, bytes: &[u8], now: Instant) -> Result<usize, LeaveReason> {
        let taken = self.sink.write(bytes)?;
        self.received += taken as u64;
        self.heard = now;
        let packets = self.sink.packets();
        if packets > self.packets {
            (self.packets, self.dry_since) = (packets, None);
        } else if taken > 0 {
            self.dry_since.get_or_insert(now);
        }
        Ok(taken)
    }

    fn silent_for(&self, now: Instant) -> Duration {
        self.sink.quiet().unwrap_or_else(|| now.saturating_duration_since(self.heard))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).field("path", &self.path).finish_non_exhaustive()
    }
}

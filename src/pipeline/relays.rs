//! The relayed mounts of a station: which are declared, and which source feeds each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{RelayedMountSettings, Station};
use crate::error::{Error, LeaveReason, Result};
use crate::event::{Emitter, Event};
use crate::ingest::{Session, Sessions, Sink, SourceInfo, SourceState, SourceStream, Taken};
use crate::metadata::{Title, fault_of_title};
use crate::recording::Recordings;
use crate::server::{AudioWriter, FallbackRule, Server};
use crate::thread::Worker;
use crate::time::rfc3339;

/// The relayed mounts of a station.
#[derive(Debug)]
pub(crate) struct Relays {
    server: Server,
    emitter: Emitter,
    sessions: Sessions,
    recordings: Recordings,
    mounts: Mutex<BTreeMap<String, RelayedMountSettings>>,
}

/// A path that a source has, before its stream is there. Dropping it frees the path.
pub(crate) struct Place<'a> {
    relays: &'a Relays,
    session: Arc<Session>,
    sink: Option<AudioWriter>,
}

/// Why a source cannot have a path.
#[derive(Debug)]
pub(crate) enum NoPlace {
    /// There is no relayed mount at the path.
    NotHere,
    /// Another source has it: its user, and since when.
    InUse {
        user: String,
        since: SystemTime,
    },
    /// The mount does not take this content type. It takes the other, or any that can be relayed (`None`).
    WrongType {
        sent: String,
        takes: Option<String>,
    },
    Failed(Error),
}

impl Relays {
    pub(crate) fn new(server: &Server) -> Relays {
        let emitter = server.emitter();
        let sessions = Sessions::new(emitter.clone());
        let recordings = Recordings::new(emitter.clone());
        Relays { server: server.clone(), emitter, sessions, recordings, mounts: Mutex::default() }
    }

    /// Declares a relayed mount.
    pub(super) fn add(&self, settings: RelayedMountSettings) -> Result<()> {
        settings.check()?;
        let path = &settings.mount.path;
        if self.mounts().contains_key(path) || self.server.mount_info(path).is_some() {
            return Err(Error::Exists(format!("the mount {path}")));
        }
        self.server.declare_mount(settings.mount.clone())?;
        self.recordings.set(path, &settings.record)?;
        self.mounts().insert(path.clone(), settings);
        Ok(())
    }

    /// Removes a relayed mount, and lets its source go.
    pub(super) fn remove(&self, path: &str) -> Result<()> {
        self.mounts().remove(path).ok_or_else(|| not_here(path))?;
        self.server.forget_mount(path)?;
        if let Some(session) = self.sessions.find(path) {
            self.sessions.let_go(&session, LeaveReason::MountRemoved);
        }
        self.recordings.remove(path);
        Ok(())
    }

    /// Applies new settings. The source and the listeners stay, unless the mount takes another content type
    /// now.
    pub(super) fn update(&self, settings: RelayedMountSettings) -> Result<()> {
        settings.check()?;
        let path = settings.mount.path.clone();
        *self.mounts().get_mut(&path).ok_or_else(|| not_here(&path))? = settings.clone();
        self.server.declare_mount(settings.mount.clone())?;
        self.recordings.set(&path, &settings.record)?;
        let Some((session, info)) = self.source_at(&path) else { return Ok(()) };
        session.set_timeout(settings.source_timeout);
        let before = self.server.mount_info(&path).map(|mount| mount.settings.content_type.clone());
        match settings.served_type(&info.content_type).filter(|served| before.as_ref() == Some(served)) {
            Some(served) => self.server.update_mount_by(settings.filled_in(&info, served), FallbackRule::Any),
            None => {
                self.sessions.let_go(&session, LeaveReason::MountRemoved);
                Ok(())
            }
        }
    }

    /// Takes a path for a source, with its mount.
    pub(crate) fn claim(&self, path: &str, info: SourceInfo) -> std::result::Result<Place<'_>, NoPlace> {
        let settings = self.mounts().get(path).cloned().ok_or(NoPlace::NotHere)?;
        let Some(served) = settings.served_type(&info.content_type) else {
            let takes = Some(settings.mount.content_type).filter(|declared| !declared.is_empty());
            return Err(NoPlace::WrongType { sent: info.content_type, takes });
        };
        let mount = settings.filled_in(&info, served);
        let session = match self.sessions.claim(path, info, settings.source_timeout) {
            Ok(session) => session,
            Err(Taken::By { user, since }) => return Err(NoPlace::InUse { user, since }),
            Err(Taken::Stopped) => return Err(NoPlace::Failed(Error::Stopped("station"))),
        };
        let mut place = Place { relays: self, session, sink: None };
        if let Some(reason) = self.passed_over(mount.fallback_mount.as_deref(), &mount.content_type) {
            self.emitter.log(log::Level::Warn, format!("{path}: {reason}"));
        }
        let writer = self.server.add_mount_by(mount, FallbackRule::Any).map_err(NoPlace::Failed)?;
        let (user, content_type) = (&place.session.info().user, &writer.info().settings.content_type);
        let writer = writer.recorded_by(self.recordings.tap(path, user, content_type));
        place.sink = Some(writer.into_audio().at_pace_of_sender());
        Ok(place)
    }

    /// Why listeners of a mount of this content type cannot go on with its fallback, if it is there.
    fn passed_over(&self, fallback: Option<&str>, content_type: &str) -> Option<String> {
        let fallback = self.server.mount_info(fallback?)?.settings;
        let other = &fallback.content_type;
        (!other.eq_ignore_ascii_case(content_type)).then(|| {
            format!(
                "the fallback {} is passed over: it is {other}, and the source sends {content_type}",
                fallback.path
            )
        })
    }

    /// Whether there are relayed mounts.
    pub(crate) fn are_there(&self) -> bool {
        !self.mounts().is_empty()
    }

    /// The paths of all relayed mounts.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.mounts().keys().cloned().collect()
    }

    /// All sources, in the order of their coming.
    pub(crate) fn sources(&self) -> Vec<SourceState> {
        self.sessions.list()
    }

    /// Lets a source go.
    pub(crate) fn let_go(&self, id: u64, reason: LeaveReason) -> Result<()> {
        let session = self.sessions.with_id(id).ok_or_else(|| Error::NotFound(format!("source {id}")))?;
        self.sessions.let_go(&session, reason);
        Ok(())
    }

    /// Sets the title of what the source at this path sends from now on.
    pub(crate) fn update_metadata(&self, path: &str, title: Title) -> Result<()> {
        if let Some(reason) = fault_of_title(&title.text) {
            return Err(Error::setting("title", reason));
        }
        let updated = self.sessions.find(path).is_some_and(|session| session.update_metadata(title));
        updated.then_some(()).ok_or_else(|| Error::NotFound(format!("source at {path}")))
    }

    /// Tells that a user was refused at a path.
    pub(crate) fn tell_refused(&self, path: &str, info: &SourceInfo, reason: &str) {
        let SourceInfo { user, address, .. } = info.clone();
        let (path, reason) = (path.to_owned(), reason.to_owned());
        self.emitter.emit(Event::SourceRefused { path, user, address, reason });
    }

    /// Lets all sources go, for good. Their threads end now, if their streams let them.
    pub(super) fn stop(&self) -> Vec<Worker> {
        let threads = self.sessions.stop();
        self.recordings.finish();
        threads
    }

    /// Their recordings.
    pub(crate) fn recordings(&self) -> &Recordings {
        &self.recordings
    }

    fn source_at(&self, path: &str) -> Option<(Arc<Session>, Arc<SourceInfo>)> {
        let session = self.sessions.find(path)?;
        let info = session.info();
        Some((session, info))
    }

    fn mounts(&self) -> MutexGuard<'_, BTreeMap<String, RelayedMountSettings>> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// The source sends this from now on. Returns its number.
    pub(crate) fn start(mut self, stream: SourceStream) -> Result<u64> {
        let sink = self.sink.take().expect("it is taken only here");
        self.relays.sessions.start(&self.session, stream, Box::new(sink))?;
        Ok(self.session.id())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.relays.sessions.give_up(&self.session);
    }
}

impl Sink for AudioWriter {
    fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        self.write_audio(bytes).ok()
    }

    fn packets(&self) -> u64 {
        AudioWriter::packets(self)
    }

    fn update_metadata(&mut self, title: Title) {
        AudioWriter::update_metadata(self, title);
    }
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPlace::NotHere => f.write_str("there is no relayed mount at this path"),
            NoPlace::InUse { user, since } => {
                let since = rfc3339(*since);
                write!(f, "{user} is on here since {since}: wait until they have gone")
            }
            NoPlace::WrongType { sent, takes: Some(takes) } => {
                write!(f, "this mount takes {takes}, and not {sent}: choose that format in your program")
            }
            NoPlace::WrongType { sent, takes: None } => {
                write!(f, "{sent:?} cannot be relayed: choose MP3, AAC, or Ogg in your program")
            }
            NoPlace::Failed(error) => error.fmt(f),
        }
    }
}

fn not_here(path: &str) -> Error {
    Error::NotFound(format!("relayed mount {path}"))
}

impl Station {
    /// Sends a stream to the relayed mount at this path: whole packets, byte for byte, as they come. A thread
    /// of its own reads the stream. Returns the number of the source.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no relayed mount at the path; [`Error::Exists`] if it has a source
    /// already; [`Error::Setting`] if the mount does not take the content type; [`Error::Stopped`].
    pub fn relay(&self, path: &str, info: SourceInfo, stream: SourceStream) -> Result<u64> {
        let place = self.relays.claim(path, info).map_err(|reason| match reason {
            NoPlace::NotHere => not_here(path),
            NoPlace::InUse { user, .. } => Error::Exists(format!("the source of {user} at {path}")),
            NoPlace::WrongType { .. } => Error::setting("content_type", reason.to_string()),
            NoPlace::Failed(error) => error,
        })?;
        place.start(stream)
    }

    /// The sources that are connected, in the order of their coming.
    pub fn sources(&self) -> Vec<SourceState> {
        self.relays.sources()
    }

    /// Removes a source. Its path is free at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such source.
    pub fn kick_source(&self, id: u64) -> Result<()> {
        self.relays.let_go(id, LeaveReason::Kicked)
    }

    /// Sets the title of what the source at this path sends from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the path has no source; [`Error::Setting`] for a title that is too long.
    pub fn update_source_metadata(&self, path: &str, title: Title) -> Result<()> {
        self.relays.update_metadata(path, title)
    }
}

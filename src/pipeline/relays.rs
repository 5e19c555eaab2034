//! The relayed mounts of a station: which are declared, and which source feeds each.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sources::Fed;
use super::{NoPlace, Place, RelayedMountSettings};
use crate::error::{Error, LeaveReason, Result};
use crate::event::Emitter;
use crate::ingest::{Claim, Sessions, Sink, SourceInfo};
use crate::metadata::Title;
use crate::recording::Recordings;
use crate::server::{AudioWriter, FallbackRule, Server};

/// The relayed mounts of a station.
#[derive(Debug)]
pub(crate) struct Relays {
    server: Server,
    emitter: Emitter,
    sessions: Sessions,
    recordings: Recordings,
    mounts: Mutex<BTreeMap<String, RelayedMountSettings>>,
}

impl Relays {
    /// None, for now. Their sources are among these.
    pub(crate) fn new(server: &Server, sessions: Sessions) -> Relays {
        let emitter = server.emitter();
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
        let Some(session) = self.sessions.find(&path) else { return Ok(()) };
        let info = session.info();
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
    pub(super) fn claim<S>(
        &self,
        path: &str,
        info: SourceInfo,
        seat: impl FnOnce() -> Option<S>,
    ) -> std::result::Result<(Place, S), NoPlace> {
        let settings = self.mounts().get(path).cloned().ok_or(NoPlace::NotHere)?;
        let Some(served) = settings.served_type(&info.content_type) else {
            let takes = Some(settings.mount.content_type).filter(|declared| !declared.is_empty());
            return Err(NoPlace::WrongType { sent: info.content_type, takes });
        };
        let mount = settings.filled_in(&info, served);
        let (timeout, emitter) = (settings.source_timeout, self.emitter.clone());
        let claim = Claim { path, info, timeout, resumes: None, emitter };
        let place = Place::take(&self.sessions, claim, seat, |session| {
            if let Some(reason) = self.passed_over(mount.fallback_mount.as_deref(), &mount.content_type) {
                self.emitter.log(log::Level::Warn, format!("{path}: {reason}"));
            }
            let writer = self.server.add_mount_by(mount, FallbackRule::Any)?;
            let (user, content_type) = (&session.info().user, &writer.info().settings.content_type);
            let writer = writer.recorded_by(self.recordings.tap(path, user, content_type));
            let sink = Box::new(writer.into_audio().at_pace_of_sender());
            Ok((Fed { sink, begin: Box::new(|| Ok(())) }, ()))
        });
        place.map(|(place, seat, ())| (place, seat))
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

    /// Whether there is a relayed mount at this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.mounts().contains_key(path)
    }

    /// The paths of all relayed mounts.
    pub(super) fn paths(&self) -> Vec<String> {
        self.mounts().keys().cloned().collect()
    }

    /// Their recordings.
    pub(crate) fn recordings(&self) -> &Recordings {
        &self.recordings
    }

    fn mounts(&self) -> MutexGuard<'_, BTreeMap<String, RelayedMountSettings>> {
        self.mounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for AudioWriter {
    fn write(&mut self, bytes: &[u8]) -> std::result::Result<usize, LeaveReason> {
        self.write_audio(bytes).map_err(|_| LeaveReason::MountRemoved)
    }

    fn packets(&self) -> u64 {
        AudioWriter::packets(self)
    }

    fn update_metadata(&mut self, title: Title) {
        AudioWriter::update_metadata(self, title);
    }
}

fn not_here(path: &str) -> Error {
    Error::NotFound(format!("relayed mount {path}"))
}

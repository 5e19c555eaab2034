//! Where sources can go at a station: its relayed mounts, and the live inputs of its pipelines.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::admission::{Admission, Decider};
use super::{Pipeline, Relays, Station};
use crate::error::{Error, LeaveReason, Result};
use crate::event::{Emitter, Event};
use crate::ingest::{Claim, Session, Sessions, Sink, SourceInfo, SourceState, SourceStream, Taken};
use crate::metadata::{Title, fault_of_title};
use crate::recording::Recordings;
use crate::thread::Worker;
use crate::time::rfc3339;

/// The sources of a station, and the places that there are for them.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    sessions: Sessions,
    relays: Arc<Relays>,
    pipelines: Vec<Pipeline>,
    admission: Admission,
    emitter: Emitter,
}

/// A path that a source has, before its stream is there. Dropping it frees the path.
pub(crate) struct Place {
    sessions: Sessions,
    session: Arc<Session>,
    fed: Option<Fed>,
}

/// What a source feeds.
pub(super) struct Fed {
    pub sink: Box<dyn Sink>,
    /// Lets what is fed know that the source is there.
    pub begin: Box<dyn FnOnce() -> Result<()>>,
}

/// Why a source cannot have a path.
#[derive(Debug)]
pub(crate) enum NoPlace {
    /// There is no place for a source at the path.
    NotHere,
    /// Another source has it: its user, and since when.
    InUse {
        user: String,
        since: SystemTime,
    },
    /// This content type is not taken here. What is taken is the other one, or all that can be (`None`).
    WrongType {
        sent: String,
        takes: Option<String>,
    },
    /// The server has as many sources as it may have.
    Full,
    Failed(Error),
}

impl Sources {
    pub(crate) fn new(
        sessions: Sessions,
        relays: Arc<Relays>,
        pipelines: Vec<Pipeline>,
        admission: Admission,
        emitter: Emitter,
    ) -> Sources {
        Sources { sessions, relays, pipelines, admission, emitter }
    }

    /// All paths that sources can have, each with the name of its pipeline if it is a live input's.
    pub(crate) fn paths(&self) -> Vec<(String, Option<&str>)> {
        let relayed = self.relays.paths().into_iter().map(|path| (path, None));
        let live = self.pipelines.iter().flat_map(|pipeline| {
            pipeline.inner.live.paths().into_iter().map(|path| (path, Some(pipeline.name())))
        });
        relayed.chain(live).collect()
    }

    /// The pipeline whose live input has this path.
    pub(crate) fn pipeline_at(&self, path: &str) -> Option<&str> {
        let has = |pipeline: &&Pipeline| pipeline.inner.live.has(path);
        self.pipelines.iter().find(has).map(Pipeline::name)
    }

    /// Whether sources can have this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.relays.has(path) || self.pipeline_at(path).is_some()
    }

    /// What decides who may send, if the application does.
    pub(crate) fn decider(&self) -> Option<Decider> {
        self.admission.decider()
    }

    /// Takes a path for a source, with its seat among all sources. `seat` is called when the path is the
    /// source's, and whoever gives way to it has gone, before anything else is done for it.
    pub(crate) fn claim<S>(
        &self,
        path: &str,
        info: SourceInfo,
        seat: impl FnOnce() -> Option<S>,
    ) -> std::result::Result<(Place, S), NoPlace> {
        match self.pipelines.iter().find(|pipeline| pipeline.inner.live.has(path)) {
            Some(pipeline) => {
                pipeline.inner.claim_live(path, info, seat).map(|(place, seat, _)| (place, seat))
            }
            None => self.relays.claim(path, info, seat),
        }
    }

    /// All that are connected, in the order of their coming.
    pub(crate) fn list(&self) -> Vec<SourceState> {
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

    /// Tells that the slot of this source's user is nearly over.
    pub(crate) fn tell_ends_soon(&self, id: u64, ends: SystemTime, until: SystemTime) {
        let Some(session) = self.sessions.with_id(id) else { return };
        let (path, user) = (session.path().to_owned(), session.info().user.clone());
        let text = format!("{path}: the slot of {user} ends at {}", rfc3339(ends));
        session.emitter().log(log::Level::Info, text);
        session.emitter().emit(Event::LiveEndsSoon { id, path, user, ends, until });
    }

    /// Tells that a user was refused at a path.
    pub(crate) fn tell_refused(&self, path: String, user: String, address: Option<IpAddr>, reason: String) {
        self.emitter.emit(Event::SourceRefused { path, user, address, reason });
    }

    /// Lets all sources go, for good. Their threads end now, if their streams let them.
    pub(super) fn stop(&self) -> Vec<Worker> {
        let threads = self.sessions.stop();
        self.relays.recordings().finish();
        threads
    }

    /// The recordings of relayed mounts.
    pub(crate) fn recordings(&self) -> &Recordings {
        self.relays.recordings()
    }
}

impl Place {
    /// Takes a path and a seat. What the source sends goes where `feed` says. Returns what else that gives.
    pub(super) fn take<S, T>(
        sessions: &Sessions,
        claim: Claim<'_>,
        seat: impl FnOnce() -> Option<S>,
        feed: impl FnOnce(&Session) -> Result<(Fed, T)>,
    ) -> std::result::Result<(Place, S, T), NoPlace> {
        let session = sessions.claim(claim).map_err(|taken| match taken {
            Taken::By { user, since } => NoPlace::InUse { user, since },
            Taken::Stopped => NoPlace::Failed(Error::Stopped("station")),
        })?;
        let mut place = Place { sessions: sessions.clone(), session, fed: None };
        let seat = seat().ok_or(NoPlace::Full)?;
        let (fed, more) = feed(&place.session).map_err(NoPlace::Failed)?;
        place.fed = Some(fed);
        Ok((place, seat, more))
    }

    /// The source sends this from now on.
    pub(crate) fn start(mut self, stream: SourceStream) -> Result<Arc<Session>> {
        let Fed { sink, begin } = self.fed.take().expect("it is taken only here");
        self.sessions.start(&self.session, stream, sink, begin)?;
        Ok(Arc::clone(&self.session))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sessions.give_up(&self.session);
    }
}

impl fmt::Display for NoPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoPlace::NotHere => f.write_str("there is no relayed mount and no live input at this path"),
            NoPlace::InUse { user, since } => {
                let user = if user.is_empty() { "another source" } else { user };
                let since = rfc3339(*since);
                write!(f, "{user} is on here since {since}: wait until they have gone")
            }
            NoPlace::WrongType { sent, takes: Some(takes) } => {
                write!(f, "this mount takes {takes}, and not {sent}: choose that format in your program")
            }
            NoPlace::WrongType { sent, takes: None } => {
                write!(f, "{sent:?} cannot be taken: choose MP3, AAC, or Ogg in your program")
            }
            NoPlace::Full => {
                f.write_str("there are as many sources here as max_sources allows: wait until one has left")
            }
            NoPlace::Failed(error) => error.fmt(f),
        }
    }
}

impl NoPlace {
    /// The same as an error of the library. `what` names the place.
    pub(super) fn into_error(self, what: String) -> Error {
        match self {
            NoPlace::NotHere => Error::NotFound(what),
            NoPlace::InUse { .. } => Error::Exists(format!("{what}: {self}")),
            NoPlace::WrongType { .. } => Error::setting("content_type", self.to_string()),
            NoPlace::Full => Error::Busy("server, which has as many sources as max_sources allows"),
            NoPlace::Failed(error) => error,
        }
    }
}

impl Station {
    /// Sends a stream to the relayed mount or the live input at this path. A relayed mount passes it on:
    /// whole packets, byte for byte, as they come. A live input mixes it: see [`Pipeline::go_live`]. A thread
    /// of its own reads the stream. Returns the number of the source.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is nothing for sources at the path; [`Error::Exists`] if it has a source
    /// already; [`Error::Setting`] if the content type is not taken there; [`Error::Stopped`].
    pub fn relay(&self, path: &str, info: SourceInfo, stream: SourceStream) -> Result<u64> {
        // The streams of an application are no connections of the server.
        let place = self.places().claim(path, info, || Some(()));
        let (session, ()) =
            place.map_err(|reason| reason.into_error(format!("place for a source {path}")))?;
        session.start(stream).map(|session| session.id())
    }

    /// The sources that are connected, in the order of their coming.
    pub fn sources(&self) -> Vec<SourceState> {
        self.places().list()
    }

    /// Removes a source. Its path is free at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such source.
    pub fn kick_source(&self, id: u64) -> Result<()> {
        self.places().let_go(id, LeaveReason::Kicked)
    }

    /// Sets the title of what the source at this path sends from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the path has no source; [`Error::Setting`] for a title that is too long.
    pub fn update_source_metadata(&self, path: &str, title: Title) -> Result<()> {
        self.places().update_metadata(path, title)
    }
}

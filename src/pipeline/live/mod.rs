//! Live inputs: an application, or the door of the server, brings a source's stream to one.

mod orders;
mod session;
mod settings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use self::session::LiveSession;
pub(crate) use self::settings::LIVE;
pub use self::settings::LiveSettings;
pub(super) use self::settings::check_all;
use super::running::Inner;
use super::sources::Fed;
use super::{NoPlace, Pipeline, Place};
use crate::audio::PcmSpec;
use crate::codec::known_type;
use crate::engine::live::{Arrival, LiveInputState, LiveSetup, LiveState};
use crate::engine::mixer::{Command, read};
use crate::error::{LeaveReason, Result};
use crate::event::{LiveSourceInfo, is_same_user};
use crate::ingest::{Claim, LiveSink, LiveView, Session, Sessions, SourceInfo, SourceStream};
use crate::recording::Recordings;
use crate::ring::live_feed;
use crate::thread::Worker;

/// How much more than its buffer a live input can take in. Beyond that its source waits.
const BEYOND_BUFFER: Duration = Duration::from_secs(5);

/// The live inputs of a pipeline.
#[derive(Debug)]
pub(super) struct LiveTable {
    inputs: Mutex<Vec<LiveSettings>>,
    sessions: Sessions,
    whose: Whose,
}

/// Whose sources a table of sessions has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// All of the station that the pipeline is a part of.
    Stations,
    /// Only this pipeline's.
    Own,
}

impl LiveTable {
    /// These live inputs. Their sources are among `sessions`, if the pipeline is a part of a station.
    pub fn new(inputs: &[LiveSettings], sessions: Option<Sessions>) -> LiveTable {
        let whose = if sessions.is_some() { Whose::Stations } else { Whose::Own };
        LiveTable { inputs: Mutex::new(inputs.to_vec()), sessions: sessions.unwrap_or_default(), whose }
    }

    /// What the mixer has to know of them.
    pub fn setups(&self, spec: PcmSpec) -> Vec<LiveSetup> {
        self.inputs().iter().map(|input| input.setup(spec)).collect()
    }

    /// Their paths.
    pub fn paths(&self) -> Vec<String> {
        self.inputs().iter().map(|input| input.path.clone()).collect()
    }

    /// Whether one has this path.
    pub fn has(&self, path: &str) -> bool {
        self.inputs().iter().any(|input| input.path == path)
    }

    /// The name of a live input in an error, with those that there are.
    fn named(&self, path: &str) -> String {
        let known = self.paths();
        let known = if known.is_empty() { "none".into() } else { known.join(", ") };
        format!("live input {path} (there is {known})")
    }

    /// Lets all sources go. Returns the threads that end with the pipeline.
    pub fn stop(&self) -> Vec<Worker> {
        for path in self.paths() {
            self.let_go(&path, LeaveReason::StationStopped);
        }
        match self.whose {
            Whose::Own => self.sessions.stop(),
            Whose::Stations => Vec::new(),
        }
    }

    /// Lets the source at a live input go.
    fn let_go(&self, path: &str, reason: LeaveReason) {
        if let Some(session) = self.sessions.find(path) {
            self.sessions.let_go(&session, reason);
        }
    }

    fn inputs(&self) -> MutexGuard<'_, Vec<LiveSettings>> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// See [`Pipeline::set_live_inputs`].
    fn set_live(&self, inputs: Vec<LiveSettings>) -> Result<()> {
        check_all(&inputs)?;
        let setups = inputs.iter().map(|input| input.setup(self.spec)).collect();
        self.command(Command::DeclareLive(setups))?;
        let before = std::mem::replace(&mut *self.live.inputs(), inputs.clone());
        for gone in before.iter().filter(|input| !self.live.has(&input.path)) {
            self.live.let_go(&gone.path, LeaveReason::MountRemoved);
            self.recordings.remove(&gone.path);
        }
        for input in &inputs {
            if let Some(session) = self.live.sessions.find(&input.path) {
                session.set_timeout(input.source_timeout);
            }
            // One that could not begin is tried again.
            self.recordings.set(&input.path, &input.record)?;
        }
        Ok(())
    }

    /// Takes the live input at this path for a source. The mixer knows of it when its stream is there.
    pub fn claim_live<S>(
        self: &Arc<Inner>,
        path: &str,
        info: SourceInfo,
        seat: impl FnOnce() -> Option<S>,
    ) -> std::result::Result<(Place, S, LiveView), NoPlace> {
        let input = self.live.inputs().iter().find(|input| input.path == path).cloned();
        let input = input.ok_or(NoPlace::NotHere)?;
        // Without a type, the bytes decide alone.
        if !info.content_type.is_empty() && known_type(&info.content_type).is_none() {
            return Err(NoPlace::WrongType { sent: info.content_type, takes: None });
        }
        // A stop lets go of who is here by then.
        self.check_running().map_err(NoPlace::Failed)?;
        let content_type = info.content_type.clone();
        let mut source = live_source(path, &info);
        let resumes = self.lasting_session(path, &info.user);
        let claim =
            Claim { path, resumes, info, timeout: input.source_timeout, emitter: self.emitter.clone() };
        let room = self.spec.rate.frames_in(input.buffer + BEYOND_BUFFER);
        Place::take(&self.live.sessions, claim, seat, |session: &Session| {
            let (feed, writer) = live_feed(self.spec, room);
            source.id = session.id();
            let arrival = Box::new(Arrival { feed, source: Arc::new(source) });
            let (inner, is_new) = (Arc::clone(self), resumes.is_none());
            let recorded =
                Recorded { recordings: Arc::clone(&self.recordings), new: is_new.then(|| session.id()) };
            let begin = Box::new(move || {
                inner.command(Command::GoLive(arrival))?;
                recorded.keep();
                Ok(())
            });
            // The bytes have the last word, and say what they are.
            let known = known_type(&content_type).unwrap_or("audio/mpeg");
            let user = &session.info().user;
            let tap = self.recordings.tap_of_source(path, session.id(), user, known);
            let sink = LiveSink::new(&content_type, self.spec, writer, tap);
            let view = sink.view();
            Ok((Fed { sink: Box::new(sink), begin }, view))
        })
    }

    /// The number of the session that a source of this user goes on with, as of the mixer's last job.
    fn lasting_session(&self, path: &str, user: &str) -> Option<u64> {
        let inputs = &read(&self.on_air).live;
        let source = inputs.iter().find(|input| *input.path == *path)?.source.clone()?;
        is_same_user(source.user.as_deref()?, user).then_some(source.id)
    }
}

/// What is recorded of a source whose session may not begin. Then nobody tells that it has ended.
struct Recorded {
    recordings: Arc<Recordings>,
    /// Its number, if it does not go on with a session that has begun.
    new: Option<u64>,
}

impl Recorded {
    fn keep(mut self) {
        self.new = None;
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(number) = self.new {
            self.recordings.end_session(number);
        }
    }
}

/// How a source introduces itself.
fn live_source(path: &str, info: &SourceInfo) -> LiveSourceInfo {
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    LiveSourceInfo {
        id: 0,
        path: path.to_owned(),
        user: some(&info.user),
        name: info.name.clone(),
        program: some(&info.program),
    }
}

impl Pipeline {
    /// Puts a source on the air at the live input with this path: as soon as its buffer is full, and nothing
    /// of a higher priority is there. It is heard until it ends; then the programme comes back. Decks sound
    /// over both.
    ///
    /// The stream is MP3, AAC with ADTS headers, or Ogg with Vorbis, Opus or FLAC. A thread of its own reads
    /// it, and decodes. Its end is the end of the source. A read that fails with `WouldBlock` or `TimedOut`
    /// is tried again. A read that waits for ever, and that [`closed_by`](SourceStream::closed_by) does not
    /// end, keeps its thread beyond the pipeline's stop. The content type counts in doubt; it may be empty.
    ///
    /// ```no_run
    /// # fn example(pipeline: &longwave::Pipeline) -> longwave::Result<()> {
    /// use longwave::{SourceInfo, SourceStream};
    ///
    /// let socket = std::net::TcpStream::connect("studio.example:9000")
    ///     .map_err(|_| longwave::Error::Busy("studio"))?;
    /// let anna = SourceInfo { user: "anna".into(), ..SourceInfo::new("audio/mpeg") };
    /// let session = pipeline.go_live("/live", anna, SourceStream::new(socket))?;
    /// session.set_title("Anna's evening");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if there is no such live input;
    /// [`Error::Exists`](crate::Error::Exists) if another source is there (the same user's new connection
    /// replaces one that has been silent for two seconds); [`Error::Setting`](crate::Error::Setting) for a
    /// content type that cannot be decoded; [`Error::Stopped`](crate::Error::Stopped) if the pipeline is off
    /// the air; [`Error::Busy`](crate::Error::Busy) if the mixer has too many orders.
    pub fn go_live(&self, path: &str, info: SourceInfo, stream: SourceStream) -> Result<LiveSession> {
        let claimed = self.inner.claim_live(path, info, || Some(()));
        let (place, (), view) = claimed.map_err(|reason| reason.into_error(self.inner.live.named(path)))?;
        let session = place.start(stream)?;
        Ok(LiveSession { sessions: self.inner.live.sessions.clone(), session, view })
    }

    /// Has these live inputs from now on. Their settings hold at once; the length of a buffer holds for the
    /// next source. A source stays where its input does; where it does not, it fades out and has to go
    /// (`mount-removed`).
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for settings that cannot work, and nothing has changed then;
    /// [`Error::Stopped`](crate::Error::Stopped); [`Error::Busy`](crate::Error::Busy) if the mixer has too
    /// many orders; [`Error::Io`](crate::Error::Io) if a recording cannot begin, and all else holds.
    pub fn set_live_inputs(&self, inputs: Vec<LiveSettings>) -> Result<()> {
        self.inner.set_live(inputs)
    }

    /// The live input that has the air. A stopped pipeline has none.
    pub fn live(&self) -> Option<LiveInputState> {
        self.live_inputs().into_iter().find(|input| input.state == LiveState::OnAir)
    }

    /// All live inputs, as of the mixer's last job.
    pub fn live_inputs(&self) -> Vec<LiveInputState> {
        if !self.is_running() {
            return Vec::new();
        }
        read(&self.inner.on_air).live.clone()
    }
}

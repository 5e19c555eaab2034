//! Live: an application, or the door of the server, hands a source's stream to a live input.

mod hang_up;
mod orders;
mod session;
mod settings;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::hang_up::HangUp;
pub use self::orders::ForcedAir;
pub use self::session::LiveSession;
pub(crate) use self::settings::LIVE;
pub use self::settings::LiveSettings;
pub(super) use self::settings::check_all;
use super::Pipeline;
use crate::audio::PcmSpec;
use crate::engine::live::{Arrival, LiveInputState, LiveSetup, LiveState};
use crate::engine::mixer::{Command, read};
use crate::error::{Error, LeaveReason, Result};
use crate::event::LiveSourceInfo;
use crate::ingest::live::{self as intake, StreamStats};
use crate::ingest::{REPLACED_AFTER, SourceStream};
use crate::ring::{LiveLine, live_feed};
use crate::staff::Round;
use crate::units::SampleRate;

/// How much more than its buffer a live input can take in. Beyond that its source waits.
const BEYOND_BUFFER: Duration = Duration::from_secs(5);

/// A source for [`Pipeline::go_live`]: a stream, and what is known of its sender.
pub struct LiveSource {
    /// The stream: MP3, AAC with ADTS headers, or Ogg with Vorbis, Opus or FLAC. A thread of its own reads
    /// it, and decodes. Its end is the end of the source. A read that fails with `WouldBlock` or `TimedOut`
    /// is tried again. A read that waits for ever, and that [`closed_by`](SourceStream::closed_by) does not
    /// end, keeps its thread beyond the pipeline's stop.
    pub stream: SourceStream,
    /// What the sender says of the format. The bytes have the last word.
    pub content_type: String,
    /// Who sends. The same user goes on with the same session after an interruption. `None` for a login that
    /// several people share: they are never the same.
    pub user: Option<String>,
    /// What the sender calls its stream. It is announced while there is no title.
    pub name: Option<String>,
    /// The sender's program.
    pub program: Option<String>,
}

impl LiveSource {
    /// A source of which only the stream and its content type are known.
    pub fn new(stream: SourceStream, content_type: impl Into<String>) -> LiveSource {
        LiveSource { stream, content_type: content_type.into(), user: None, name: None, program: None }
    }
}

impl fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSource")
            .field("content_type", &self.content_type)
            .field("user", &self.user)
            .field("name", &self.name)
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// The live inputs of a pipeline, and who is at each.
#[derive(Debug)]
pub(super) struct LiveTable {
    inputs: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    settings: LiveSettings,
    present: Mutex<Option<Present>>,
}

/// A source that is at a live input, or was.
#[derive(Debug)]
struct Present {
    source: Arc<LiveSourceInfo>,
    line: Arc<LiveLine>,
    hang_up: HangUp,
}

impl LiveTable {
    pub fn new(inputs: &[LiveSettings]) -> LiveTable {
        let place = |settings: &LiveSettings| Place { settings: settings.clone(), present: Mutex::default() };
        LiveTable { inputs: inputs.iter().map(place).collect() }
    }

    /// What the mixer has to know of them.
    pub fn setups(&self, spec: PcmSpec) -> Vec<LiveSetup> {
        self.inputs.iter().map(|place| place.settings.setup(spec)).collect()
    }

    /// Lets all sources go.
    pub fn stop(&self) {
        for place in &self.inputs {
            let present = place.present.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(Present { line, hang_up, .. }) = present {
                let reason = LeaveReason::StationStopped;
                line.end(reason);
                hang_up.call(reason.as_str());
            }
        }
    }
}

/// A source that the mixer has let go may still wait for its stream. The mixer calls nobody.
impl Round for LiveTable {
    fn look(&self) {
        for place in &self.inputs {
            let present = place.present.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = present.as_ref().and_then(|present| {
                let reason = present.line.ended()?;
                Some((present.hang_up.clone(), reason))
            });
            drop(present);
            if let Some((hang_up, reason)) = ended {
                hang_up.call(reason.as_str());
            }
        }
    }
}

impl Place {
    /// Refuses a source while another one is there.
    fn check_free(present: Option<&Present>, source: &LiveSourceInfo, rate: SampleRate) -> Result<()> {
        let Some(there) = present.filter(|present| present.line.ended().is_none()) else {
            return Ok(());
        };
        if there.source.is_same_user(source) && there.line.quiet() >= rate.frames_in(REPLACED_AFTER) {
            return Ok(());
        }
        let who = there.source.user.as_deref().unwrap_or("another source");
        Err(Error::Exists(format!("{}: {who} is connected", source.path)))
    }
}

impl Pipeline {
    /// Puts a source on the air at the live input with this path: as soon as its buffer is full, and nothing
    /// of a higher priority is there. It is heard until it ends; then the programme comes back. Decks sound
    /// over both.
    ///
    /// ```no_run
    /// # fn example(pipeline: &longwave::Pipeline) -> longwave::Result<()> {
    /// use longwave::{LiveSource, SourceStream};
    ///
    /// let socket = std::net::TcpStream::connect("studio.example:9000")
    ///     .map_err(|_| longwave::Error::Busy("studio"))?;
    /// let stream = SourceStream::new(socket);
    /// let source = LiveSource { user: Some("anna".into()), ..LiveSource::new(stream, "audio/mpeg") };
    /// let session = pipeline.go_live("/live", source)?;
    /// session.set_title("Anna's evening");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such live input; [`Error::Exists`] if another source is there
    /// (the same user's new connection replaces one that has been silent for two seconds);
    /// [`Error::Stopped`] if the pipeline is off the air; [`Error::Busy`] if the mixer has too many orders.
    pub fn go_live(&self, path: &str, source: LiveSource) -> Result<LiveSession> {
        let inputs = &self.inner.live.inputs;
        let Some(input) = inputs.iter().position(|place| place.settings.path == path) else {
            let known: Vec<_> = inputs.iter().map(|place| place.settings.path.as_str()).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(Error::NotFound(format!("live input {path} (there is {known})")));
        };
        let LiveSource { stream: SourceStream { read, link }, content_type, user, name, program } = source;
        let hang_up = HangUp::new(link);
        let info = LiveSourceInfo { path: path.to_owned(), user, name, program };
        let place = &inputs[input];
        let mut present = place.present.lock().unwrap_or_else(PoisonError::into_inner);
        // A stop lets go of who is here by then.
        self.inner.check_running()?;
        let spec = self.inner.spec;
        Place::check_free(present.as_ref(), &info, spec.rate)?;

        let stats = Arc::<StreamStats>::default();
        let room = spec.rate.frames_in(place.settings.buffer + BEYOND_BUFFER);
        let (feed, writer, line) = live_feed(spec, room);
        let source = Arc::new(info);
        let arrival = Arrival { input, feed, source: source.clone() };
        self.inner.command(Command::GoLive(Box::new(arrival)))?;
        if let Some(Present { line, hang_up, .. }) = present.take() {
            let reason = LeaveReason::Replaced;
            line.end(reason);
            hang_up.call(reason.as_str());
        }
        *present = Some(Present { source: source.clone(), line: line.clone(), hang_up: hang_up.clone() });
        let of_thread = stats.clone();
        self.inner.threads.decoders.spawn(&intake::thread_name(path), move || {
            intake::run(read, &content_type, spec, writer, &of_thread);
        })?;
        Ok(LiveSession { spec, source, line, stats, hang_up })
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

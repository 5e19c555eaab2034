//! The public face: a pipeline is declared, started, driven while it runs, and stopped.

mod admission;
mod announcements;
mod builder;
mod control;
mod declared;
mod hls;
mod hooks;
mod inputs;
mod levelling;
mod limits;
mod lists;
mod live;
mod next_track;
mod outputs;
mod plays;
mod programming;
mod relay_settings;
mod relays;
mod reload;
mod requests;
mod resume;
mod running;
mod schedule;
mod settings;
mod sources;
mod state;
pub(crate) mod state_file;
mod state_lock;
mod station;
mod taps;
mod threads;
mod voices;

use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use admission::Decider;
pub use admission::SourceRequest;
pub use builder::PipelineBuilder;
pub use control::ListOptions;
pub(crate) use hls::{HLS, check_all as check_all_hls, check_outputs as check_hls_outputs};
pub use hls::{HlsInfo, HlsSettings};
pub use hooks::{HookId, Hooks};
pub use inputs::{SampleFormat, VoiceInput};
pub use levelling::HeardTracks;
pub(crate) use live::LIVE;
pub use live::{LiveSession, LiveSettings};
pub use next_track::NextTrack;
pub(crate) use plays::Plays;
pub(crate) use relay_settings::MOUNT;
pub use relay_settings::RelayedMountSettings;
pub(crate) use relays::Relays;
pub use reload::Reloaded;
pub(crate) use reload::Reloader;
pub(crate) use requests::REQUESTS;
#[cfg(feature = "library")]
pub use requests::RequestRefused;
pub use requests::RequestSettings;
pub use resume::PipelineSnapshot;
pub use schedule::{preview_schedule, schedule_of};
pub(crate) use settings::OUTPUT;
pub use settings::{OutputSettings, PipelineSettings, ReplayGain, StationSettings};
pub(crate) use sources::{NoPlace, Place, Sources};
pub use state::{CurrentTrack, Levels, PlayedTrack};
pub use station::Station;
pub use voices::VoiceOptions;

use crate::audio::PcmSpec;
use crate::error::Result;
use crate::event::{Event, EventKind, EventReceiver};
use crate::ingest::Sessions;
use crate::server::{Server, StopReport};
use running::Inner;

/// One programme on the air: what plays next, a mixer, and its outputs.
///
/// A handle: cheap to clone, and usable on any thread. The pipeline runs until it is stopped, or
/// until its last handle is dropped. No call waits for the audio, and none makes it wait.
#[derive(Clone, Debug)]
pub struct Pipeline {
    inner: Arc<Inner>,
}

impl Pipeline {
    /// Puts a pipeline on the air, with its mounts on this server, which others may share.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for what cannot work (a bitrate that the codec does
    /// not have, no output), [`Error::Exists`](crate::Error::Exists) for a mount that is taken. Nothing
    /// is left running then.
    pub fn start(settings: PipelineSettings, server: &Server) -> Result<Pipeline> {
        Pipeline::start_among(settings, server, None, &Plays::default())
    }

    /// The same. Its sources are among those of a station, if it is a part of one, and what it plays is
    /// written down there.
    fn start_among(
        settings: PipelineSettings,
        server: &Server,
        sessions: Option<Sessions>,
        plays: &Plays,
    ) -> Result<Pipeline> {
        running::start(settings, server.clone(), sessions, plays).map(Pipeline::from_inner)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The shape of all audio inside, and of PCM that is pushed into it.
    pub fn spec(&self) -> PcmSpec {
        self.inner.spec
    }

    /// A handle to its server. A server ends with the last handle to it and the last pipeline that runs on
    /// it.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) once the pipeline has been stopped.
    pub fn server(&self) -> Result<Server> {
        self.inner.server()
    }

    /// Whether it is on the air.
    pub fn is_running(&self) -> bool {
        self.inner.is_running()
    }

    /// Takes it off the air and ends what it owns: decoders, mixer, encoders, its mounts, hooks, in this
    /// order, within five seconds. Listeners get what is due. Stopping twice is harmless. Called by a hook,
    /// it does not wait for hooks.
    pub fn stop(&self) -> StopReport {
        self.inner.stop()
    }

    /// Calls `hook` on the `hooks` thread at every event of this kind. It gets the pipeline and may
    /// call everything on it; it may be slow, but later hooks wait for it.
    ///
    /// ```no_run
    /// # fn example(pipeline: &longwave::Pipeline) -> longwave::Result<()> {
    /// use longwave::{Event, EventKind};
    /// let hook = pipeline.add_hook(EventKind::TrackChange, |_, event| {
    ///     if let Event::TrackChange { track, .. } = event {
    ///         println!("now playing: {}", track.title);
    ///     }
    /// })?;
    /// pipeline.remove_hook(hook);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if it has 256 hooks; [`Error::Stopped`](crate::Error::Stopped)
    /// if no event is to come any more.
    pub fn add_hook(
        &self,
        kind: EventKind,
        hook: impl FnMut(&Pipeline, &Event) + Send + 'static,
    ) -> Result<HookId> {
        self.inner.add_hook(kind, Arc::new(Mutex::new(hook)))
    }

    /// Removes a hook; false if there is none of this id. It may still be running.
    pub fn remove_hook(&self, hook: HookId) -> bool {
        self.inner.hooks.remove(hook)
    }

    /// All events of this pipeline from now on. At most `capacity` of them wait to be read; those beyond are
    /// missed.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if it has 256 receivers that have not been dropped;
    /// [`Error::Stopped`](crate::Error::Stopped) if the pipeline is off the air.
    pub fn events(&self, capacity: usize) -> Result<EventReceiver> {
        self.inner.check_running()?;
        let receiver = EventReceiver::new(capacity);
        self.inner.hooks.receivers.add(receiver.inbox())?;
        self.inner.emitter.attach(receiver.inbox());
        Ok(receiver)
    }

    fn from_inner(inner: Arc<Inner>) -> Pipeline {
        Pipeline { inner }
    }
}

/// How long stopping may take before a thread is left behind.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How much of that is kept for a server: two seconds for what is due to listeners, and a little more.
const SERVER_STOPS_WITHIN: Duration = Duration::from_millis(2250);

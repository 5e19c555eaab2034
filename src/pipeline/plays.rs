//! What a station plays, and how many listen, goes into its history, if it has one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::running::Inner;
use super::settings::PipelineSettings;
use crate::error::Result;
use crate::health::Warning;
use crate::history::HistorySettings;
#[cfg(feature = "library")]
use crate::history::{Followed, History, Sample, StreamSample};
use crate::library::library_playlist;
use crate::server::Server;
#[cfg(feature = "library")]
use crate::server::StreamListeners;

/// The history of a station. A pipeline by itself has none, and neither has a build without the feature
/// `library`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plays {
    #[cfg(feature = "library")]
    history: Option<History>,
}

#[cfg(feature = "library")]
impl Plays {
    pub(super) fn start(settings: &HistorySettings, server: &Server) -> Result<Plays> {
        let subscribe = |capacity, wants, notify| server.subscribe_notifying(capacity, wants, notify);
        let of_streams = server.stream_listeners();
        let sample = |StreamListeners { stream, listeners, joins }| StreamSample { stream, listeners, joins };
        let streams = move || of_streams().into_iter().map(sample).collect();
        Ok(Plays { history: History::start(settings, subscribe, streams)? })
    }

    pub fn history(&self) -> Option<&History> {
        self.history.as_ref()
    }

    pub fn warnings(&self) -> Vec<Warning> {
        self.history.as_ref().map(History::warnings).unwrap_or_default()
    }

    /// Has written down what this pipeline plays, from its first track on.
    pub(super) fn follow(&self, pipeline: &Arc<Inner>, folders: Vec<PathBuf>) {
        let Some(history) = &self.history else { return };
        let (name, roots) = (pipeline.name.clone(), pipeline.programming.media_roots.clone());
        let zone = pipeline.schedule.zone().zone();
        let pipeline = Arc::downgrade(pipeline);
        let look = move || pipeline.upgrade().and_then(|pipeline| sample_of(&pipeline));
        history.follow(Followed { pipeline: name, zone, roots, folders, look: Box::new(look) });
    }

    /// Writes the last plays. Names the threads that hang.
    pub(super) fn stop(&self, deadline: Instant) -> Vec<String> {
        self.history.as_ref().map(|history| history.stop(deadline)).unwrap_or_default()
    }
}

#[cfg(not(feature = "library"))]
impl Plays {
    pub(super) fn start(_: &HistorySettings, _: &Server) -> Result<Plays> {
        Ok(Plays::default())
    }

    pub fn warnings(&self) -> Vec<Warning> {
        Vec::new()
    }

    pub(super) fn follow(&self, _: &Arc<Inner>, _: Vec<PathBuf>) {}

    pub(super) fn stop(&self, _: Instant) -> Vec<String> {
        Vec::new()
    }
}

/// The folders of the library and of the first playlist: files below them are named relative to them. It
/// touches no file, so what is called like a file is taken for one.
pub(super) fn folders_of(settings: &PipelineSettings) -> Vec<PathBuf> {
    #[cfg(feature = "library")]
    let mut folders: Vec<PathBuf> =
        settings.library.iter().flat_map(|library| library.settings().folders.clone()).collect();
    #[cfg(not(feature = "library"))]
    let mut folders = Vec::new();
    for path in settings.playlist.iter().filter(|path| library_playlist(path).is_none()) {
        folders.push(path.clone());
        if let (Some(_), Some(parent)) = (path.extension(), path.parent()) {
            // An empty path means the working directory.
            folders.push(if parent.as_os_str().is_empty() { ".".into() } else { parent.into() });
        }
    }
    folders
}

/// What a pipeline shows. `None` if it has stopped.
#[cfg(feature = "library")]
fn sample_of(pipeline: &Arc<Inner>) -> Option<Sample> {
    use crate::engine::live::LiveState;
    use crate::engine::mixer::read;

    if !pipeline.is_running() {
        return None;
    }
    let on_air = read(&pipeline.on_air);
    let live = on_air.live.iter().find(|input| input.state == LiveState::OnAir);
    let live = live.and_then(|input| Some((input.source.clone()?, input.title.clone()?)));
    let sounding = on_air.voices.iter().filter(|voice| !voice.paused);
    let listeners = super::Pipeline::from_inner(pipeline.clone()).listener_count(None).unwrap_or(0);
    Some(Sample {
        zone: Some(pipeline.schedule.zone().zone()),
        listeners: listeners as u64,
        programme: on_air.current.as_ref().map(|current| current.track.clone()),
        held: on_air.hold.is_held(),
        live,
        decks: sounding.map(|voice| voice.id).collect(),
    })
}

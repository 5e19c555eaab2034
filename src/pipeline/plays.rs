//! What a station plays, and how many listen, goes into its history, if it has one.

use std::sync::Arc;
use std::time::Instant;

use super::running::Inner;
use crate::error::Result;
use crate::health::Warning;
use crate::history::HistorySettings;
#[cfg(feature = "library")]
use crate::history::{Followed, History, Sample, StreamSample};
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
    pub(super) fn follow(&self, pipeline: &Arc<Inner>) {
        let Some(history) = &self.history else { return };
        let (name, roots) = (pipeline.name.clone(), pipeline.programming.media_roots.clone());
        let zone = pipeline.schedule.zone().zone();
        let pipeline = Arc::downgrade(pipeline);
        let look = move || pipeline.upgrade().and_then(|pipeline| sample_of(&pipeline));
        history.follow(Followed { pipeline: name, zone, roots, look: Box::new(look) });
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

    pub(super) fn follow(&self, _: &Arc<Inner>) {}

    pub(super) fn stop(&self, _: Instant) -> Vec<String> {
        Vec::new()
    }
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

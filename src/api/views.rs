//! Documents that only the API writes: a pipeline, a mount of the station, and the events of the event
//! stream. They are composed of the documents that the API and the C ABI share ([`crate::json`]).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::core::Core;
use super::media::Media;
use crate::json::{
    self, ComingTrack, CurrentTrack, EncoderStatistics, Fill, Health, Levels, LiveInput, PipelineStatistics,
    Playlist,
};
use crate::time::{as_seconds, rfc3339};
use crate::units::SampleRate;
use crate::{Entry, EntryId, Event, ForcedAir, MountInfo, Pipeline, mount_url};

/// The state of a pipeline.
#[derive(Debug, Serialize)]
pub(crate) struct PipelineState {
    name: String,
    running: bool,
    held: bool,
    hold: &'static str,
    /// The live input that has the air.
    live: Option<LiveInput>,
    /// Who has the air by an order: [`PROGRAMME`], or the path of a live input.
    forced: Option<String>,
    #[serde(serialize_with = "as_seconds")]
    time_on_air: Duration,
    listeners: usize,
    mounts: Vec<String>,
    current: Option<CurrentTrack>,
    /// The address of its cover, on this server.
    art: Option<Arc<str>>,
    next: Option<ComingTrack>,
    #[serde(flatten)]
    fill: Fill,
    playlist: Option<Playlist>,
    statistics: PipelineStatistics,
    levels: Levels,
    health: Health,
}

impl PipelineState {
    pub(crate) fn of(pipeline: &Pipeline, core: &Core) -> PipelineState {
        let media = &**core.media.load();
        let current = pipeline.current_track();
        PipelineState {
            name: pipeline.name().into(),
            running: pipeline.is_running(),
            held: pipeline.is_held(),
            hold: pipeline.hold_state().as_str(),
            live: pipeline.live().as_ref().map(LiveInput::of),
            forced: pipeline.forced_air().map(name_of_forced),
            time_on_air: pipeline.time_on_air(),
            listeners: pipeline.listener_count(None).unwrap_or(0),
            mounts: pipeline.mounts(),
            art: current.as_ref().and_then(|current| core.covers.of(&current.track.file)),
            current: current.map(|current| CurrentTrack::of(&current, media)),
            next: coming_tracks(&pipeline.up_next(1), core).pop(),
            fill: Fill::of(pipeline),
            playlist: pipeline.playlist().map(|list| Playlist::of(&list, media)),
            statistics: PipelineStatistics::of(&pipeline.stats()),
            levels: Levels::of(&pipeline.levels()),
            health: Health::of(pipeline.health()),
        }
    }
}

/// What the programme is called where it stands beside the paths of live inputs.
pub(crate) const PROGRAMME: &str = "programme";

fn name_of_forced(air: ForcedAir) -> String {
    match air {
        ForcedAir::Programme => PROGRAMME.into(),
        ForcedAir::Live(path) => path,
    }
}

/// Entries of the queue or of what is up next.
pub(crate) fn coming_tracks(entries: &[(EntryId, Entry)], core: &Core) -> Vec<ComingTrack> {
    let media = &**core.media.load();
    let document = |(id, entry): &(EntryId, Entry)| {
        let tags = core.known_tags(&entry.path).unwrap_or_default();
        ComingTrack::of(*id, entry, &tags, media)
    };
    entries.iter().map(document).collect()
}

/// A mount, with the pipeline that feeds it.
#[derive(Debug, Serialize)]
pub(crate) struct StationMount {
    #[serde(flatten)]
    mount: json::Mount,
    listen_url: String,
    /// The pipeline that feeds it.
    pipeline: Option<String>,
    /// What the pipeline's encoder has done.
    encoder: Option<EncoderStatistics>,
}

impl StationMount {
    pub(crate) fn of(info: &MountInfo, core: &Core, base_url: &str) -> StationMount {
        let path = &info.settings.path;
        let pipeline = core.feeding(path);
        let encoder = pipeline.and_then(|pipeline| pipeline.encoder_stats(path).ok());
        StationMount {
            mount: json::Mount::of(info),
            listen_url: mount_url(base_url, path),
            pipeline: pipeline.map(|pipeline| pipeline.name().into()),
            encoder: encoder.as_ref().map(EncoderStatistics::of),
        }
    }
}

/// An event of a pipeline, or of a mount that no pipeline feeds. The stream of events gives its kind beside it.
#[derive(Serialize)]
pub(crate) struct PipelineEvent<'a> {
    pipeline: Option<&'a str>,
    at: String,
    #[serde(flatten)]
    event: json::Event<'a>,
}

impl<'a> PipelineEvent<'a> {
    pub(crate) fn of(event: &'a Event, pipeline: &'a Pipeline, media: &'a Media) -> PipelineEvent<'a> {
        let event = json::Event::of(event, pipeline.spec().rate, media);
        PipelineEvent { pipeline: Some(pipeline.name()), at: rfc3339(SystemTime::now()), event }
    }

    /// An event that is about no pipeline, and has no position on a pipeline's clock.
    pub(crate) fn of_server(event: &'a Event, media: &'a Media) -> PipelineEvent<'a> {
        let event = json::Event::of(event, SampleRate::CD, media);
        PipelineEvent { pipeline: None, at: rfc3339(SystemTime::now()), event }
    }
}

/// The state of all pipelines, for a client that does not know it.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    at: String,
    pipelines: Vec<PipelineState>,
}

impl Snapshot {
    pub(crate) fn of(core: &Core) -> Snapshot {
        let pipelines = core.pipelines.iter().map(|pipeline| PipelineState::of(pipeline, core)).collect();
        Snapshot { at: rfc3339(SystemTime::now()), pipelines }
    }
}

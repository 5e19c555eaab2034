//! State as the API writes it.

use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::core::Core;
use super::media::Media;
use crate::time::{as_seconds, rfc3339, seconds};
use crate::{
    CurrentTrack, Entry, EntryId, ListState, MountInfo, Pipeline, PlayedTrack, TrackInfo, VoiceState,
    format_title, mount_url,
};

/// A track that is, was or will be heard.
#[derive(Debug, Serialize)]
pub(crate) struct Track {
    id: EntryId,
    file: String,
    title: String,
    artist: Option<String>,
    /// The name of the piece alone.
    name: Option<String>,
    album: Option<String>,
    duration: Option<f64>,
}

impl Track {
    pub(crate) fn of(track: &TrackInfo, media: &Media) -> Track {
        let tags = &track.tags;
        Track {
            id: track.id,
            file: media.name_of(&track.file),
            title: track.title.clone(),
            artist: tags.artist.clone(),
            name: tags.title.clone(),
            album: tags.album.clone(),
            duration: tags.duration.map(seconds),
        }
    }
}

/// The track on the air.
#[derive(Debug, Serialize)]
pub(crate) struct Current {
    #[serde(flatten)]
    track: Track,
    played: f64,
    remaining: Option<f64>,
}

impl Current {
    pub(crate) fn of(current: &CurrentTrack, media: &Media) -> Current {
        let track = Track::of(&current.track, media);
        Current { track, played: seconds(current.played), remaining: current.remaining.map(seconds) }
    }
}

/// A track that was on the air.
#[derive(Debug, Serialize)]
pub(crate) struct Played {
    #[serde(flatten)]
    track: Track,
    began_at: String,
}

impl Played {
    pub(crate) fn of(played: &PlayedTrack, media: &Media) -> Played {
        let began_at = rfc3339(UNIX_EPOCH + Duration::from_millis(played.began_at));
        Played { track: Track::of(&played.track, media), began_at }
    }
}

/// A track that is to come.
#[derive(Debug, Serialize)]
pub(crate) struct Coming {
    pub(crate) id: EntryId,
    pub(crate) file: String,
    /// As far as it is known before the file is opened.
    pub(crate) title: String,
}

impl Coming {
    pub(crate) fn of(id: EntryId, entry: &Entry, core: &Core) -> Coming {
        Coming { id, file: core.media.load().name_of(&entry.path), title: title_of(entry, core) }
    }
}

/// What an entry will be called, as far as it is known.
pub(crate) fn title_of(entry: &Entry, core: &Core) -> String {
    let tags = core.known_tags(&entry.path).unwrap_or_default();
    format_title(entry.title.as_deref(), &tags, entry.extinf.as_deref(), &entry.path)
}

/// The playlist in play.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    name: String,
    length: usize,
    played: usize,
    passes: u64,
    #[serde(rename = "loop")]
    repeat: bool,
    shuffle: bool,
}

impl List {
    pub(crate) fn of(list: ListState, media: &Media) -> List {
        let ListState { name, length, played, passes, repeat, shuffle, .. } = list;
        List { name: media.name_of(name.as_ref()), length, played, passes, repeat, shuffle }
    }
}

/// A pipeline and what it does.
#[derive(Debug, Serialize)]
pub(crate) struct PipelineView {
    name: String,
    running: bool,
    held: bool,
    #[serde(serialize_with = "as_seconds")]
    time_on_air: Duration,
    listeners: usize,
    mounts: Vec<String>,
    current: Option<Current>,
    next: Option<Coming>,
    queued: usize,
    playlist: Option<List>,
    voices: usize,
    levels: LevelsView,
    health: HealthView,
}

#[derive(Debug, Serialize)]
struct LevelsView {
    peak_db: [f32; 2],
    power_db: [f32; 2],
}

#[derive(Debug, Serialize)]
pub(crate) struct HealthView {
    ok: bool,
    problems: Vec<String>,
}

impl PipelineView {
    pub(crate) fn of(pipeline: &Pipeline, core: &Core) -> PipelineView {
        let media = core.media.load();
        let levels = pipeline.levels();
        PipelineView {
            name: pipeline.name().into(),
            running: pipeline.is_running(),
            held: pipeline.is_held(),
            time_on_air: pipeline.time_on_air(),
            listeners: pipeline.listener_count(None),
            mounts: pipeline.mounts(),
            current: pipeline.current_track().map(|current| Current::of(&current, &media)),
            next: pipeline.up_next(1).first().map(|(id, entry)| Coming::of(*id, entry, core)),
            queued: pipeline.queue().len(),
            playlist: pipeline.playlist().map(|list| List::of(list, &media)),
            voices: pipeline.voices().len(),
            levels: LevelsView { peak_db: levels.peak_db, power_db: levels.power_db },
            health: HealthView::of(pipeline),
        }
    }
}

impl HealthView {
    pub(crate) fn of(pipeline: &Pipeline) -> HealthView {
        let health = pipeline.health();
        HealthView { ok: health.is_ok(), problems: health.problems }
    }
}

/// A voice.
#[derive(Debug, Serialize)]
pub(crate) struct Voice {
    id: u64,
    file: Option<String>,
    paused: bool,
    volume: f32,
    position: f64,
    duration: Option<f64>,
}

impl Voice {
    pub(crate) fn of(state: &VoiceState, pipeline: &Pipeline, media: &Media) -> Voice {
        let rate = pipeline.spec().rate;
        Voice {
            id: state.id.0,
            file: state.file.as_deref().map(|file| media.name_of(file)),
            paused: state.paused,
            volume: state.volume,
            position: seconds(rate.duration_of(state.position)),
            duration: state.duration.map(|frames| seconds(rate.duration_of(frames))),
        }
    }
}

/// A mount.
#[derive(Debug, Serialize)]
pub(crate) struct Mount {
    mount: String,
    /// Where it is heard.
    listen_url: String,
    pipeline: Option<String>,
    content_type: String,
    name: Option<String>,
    genre: Option<String>,
    description: Option<String>,
    url: Option<String>,
    public: bool,
    bitrate: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u8>,
    max_listeners: Option<usize>,
    since: String,
    title: String,
    title_url: Option<String>,
    title_changed_at: String,
    audible_at: String,
    listeners: u64,
    listener_peak: u64,
    bytes_sent: u64,
    packets: u64,
    dropped_packets: u64,
    skips: u64,
    skipped_bytes: u64,
}

impl Mount {
    pub(crate) fn of(info: &MountInfo, core: &Core, base_url: &str) -> Mount {
        let settings = &info.settings;
        Mount {
            mount: settings.path.clone(),
            listen_url: mount_url(base_url, &settings.path),
            pipeline: core.feeding(&settings.path).map(|pipeline| pipeline.name().into()),
            content_type: settings.content_type.clone(),
            name: settings.name.clone(),
            genre: settings.genre.clone(),
            description: settings.description.clone(),
            url: settings.url.clone(),
            public: settings.public,
            bitrate: settings.bitrate,
            sample_rate: settings.sample_rate,
            channels: settings.channels,
            max_listeners: settings.max_listeners,
            since: rfc3339(info.since),
            title: info.title.title.text.clone(),
            title_url: info.title.title.url.clone(),
            title_changed_at: rfc3339(info.title.changed_at),
            audible_at: rfc3339(info.title.audible_at),
            listeners: info.listeners,
            listener_peak: info.listener_peak,
            bytes_sent: info.bytes_sent,
            packets: info.packets,
            dropped_packets: info.dropped_packets,
            skips: info.skips,
            skipped_bytes: info.skipped_bytes,
        }
    }
}

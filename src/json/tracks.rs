//! Tracks, playlists and voices.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::{FileNames, LiveSource, seconds_of};
use crate::ids::EntryId;
use crate::playout::{Entry, ListState, Planned, TrackKind};
use crate::time::{rfc3339, seconds};
use crate::units::SampleRate;
use crate::{AnnouncementState, TagDetails, Tags, TrackInfo, VoiceState, format_title};

/// A track.
#[derive(Debug, Serialize)]
pub struct Track {
    id: EntryId,
    file: String,
    /// The title that its mounts announce.
    title: String,
    /// What it is for.
    kind: TrackKind,
    /// Why it is played.
    reason: String,
    #[serde(flatten)]
    tags: PieceTags,
}

impl Track {
    /// From the information about a track.
    pub fn of(track: &TrackInfo, names: &dyn FileNames) -> Track {
        Track {
            id: track.id,
            file: names.file(&track.file),
            title: track.title.clone(),
            kind: track.kind,
            reason: track.reason.to_string(),
            tags: PieceTags::of(&track.tags),
        }
    }
}

/// What the tags of a file say of the piece.
#[derive(Debug, Serialize)]
struct PieceTags {
    artist: Option<String>,
    /// The title of the piece alone.
    name: Option<String>,
    album: Option<String>,
    duration: Option<f64>,
}

impl PieceTags {
    fn of(tags: &Tags) -> PieceTags {
        PieceTags {
            artist: tags.artist.clone(),
            name: tags.title.clone(),
            album: tags.album.clone(),
            duration: tags.duration.map(seconds),
        }
    }
}

/// The track on the air.
#[derive(Debug, Serialize)]
pub struct CurrentTrack {
    #[serde(flatten)]
    track: Track,
    played: f64,
    remaining: Option<f64>,
}

impl CurrentTrack {
    /// From [`Pipeline::current_track`](crate::Pipeline::current_track).
    pub fn of(current: &crate::CurrentTrack, names: &dyn FileNames) -> CurrentTrack {
        let mut track = Track::of(&current.track, names);
        // What the decoder has found replaces what the file declared.
        track.tags.duration = match (current.remaining, current.track.tags.duration) {
            (Some(remaining), _) => Some(seconds(current.played + remaining)),
            (None, declared) => declared.filter(|declared| *declared > current.played).map(seconds),
        };
        CurrentTrack { track, played: seconds(current.played), remaining: current.remaining.map(seconds) }
    }
}

/// A track that was on the air, or a title of a source.
#[derive(Debug, Serialize)]
pub struct PlayedTrack {
    #[serde(flatten)]
    track: Track,
    began_at: String,
    /// The source, if it was no track.
    live: Option<LiveSource>,
}

impl PlayedTrack {
    /// From an item of [`Pipeline::history`](crate::Pipeline::history).
    pub fn of(played: &crate::PlayedTrack, names: &dyn FileNames) -> PlayedTrack {
        let began_at = rfc3339(UNIX_EPOCH + Duration::from_millis(played.began_at));
        let live = played.live.as_ref().map(LiveSource::of);
        PlayedTrack { track: Track::of(&played.track, names), began_at, live }
    }
}

/// A track that comes up.
#[derive(Debug, Serialize)]
pub struct ComingTrack {
    id: EntryId,
    file: String,
    /// The title, as far as it is known before the file is opened.
    title: String,
    /// Why it was chosen, if the schedule has chosen it.
    reason: Option<String>,
}

impl ComingTrack {
    /// From an item of [`Pipeline::up_next`](crate::Pipeline::up_next) or of the queue. The title comes from
    /// the file's tags if they are known.
    pub fn of(id: EntryId, entry: &Entry, tags: &Tags, names: &dyn FileNames) -> ComingTrack {
        let title = format_title(entry.title.as_deref(), tags, entry.extinf.as_deref(), &entry.path);
        let reason = entry.reason.as_ref().map(ToString::to_string);
        ComingTrack { id, file: names.file(&entry.path), title, reason }
    }
}

/// A track that the schedule will play, if nothing intervenes.
#[derive(Debug, Serialize)]
pub struct PlannedTrack {
    at: String,
    /// When the next one begins.
    ends: String,
    file: String,
    /// The title, as far as it is known before the file is opened.
    title: String,
    kind: TrackKind,
    reason: String,
    /// Whether it is ended before its time.
    cut: bool,
    /// Whether it is a slot that is not played.
    dropped: bool,
}

impl PlannedTrack {
    /// From an item of [`Pipeline::preview`](crate::Pipeline::preview).
    pub fn of(planned: &Planned, names: &dyn FileNames) -> PlannedTrack {
        PlannedTrack {
            at: rfc3339(planned.at),
            ends: rfc3339(planned.ends),
            file: names.file(&planned.entry.path),
            title: planned.title.clone(),
            kind: planned.entry.kind,
            reason: planned.reason.to_string(),
            cut: planned.is_cut,
            dropped: planned.reason.is_dropped(),
        }
    }
}

/// The current playlist and the position in it.
#[derive(Debug, Serialize)]
pub struct Playlist {
    name: String,
    length: usize,
    played: usize,
    passes: u64,
    #[serde(rename = "loop")]
    repeat: bool,
    shuffle: bool,
    begun: bool,
}

impl Playlist {
    /// From [`Pipeline::playlist`](crate::Pipeline::playlist). A playlist that was read from a path is named
    /// like a file.
    pub fn of(list: &ListState, names: &dyn FileNames) -> Playlist {
        let ListState { id: _, name, length, played, passes, repeat, shuffle, begun } = list;
        Playlist {
            name: names.playlist(name),
            length: *length,
            played: *played,
            passes: *passes,
            repeat: *repeat,
            shuffle: *shuffle,
            begun: *begun,
        }
    }
}

/// A voice over the programme.
#[derive(Debug, Serialize)]
pub struct Voice {
    id: u64,
    /// Null for a voice whose PCM an application pushes.
    file: Option<String>,
    paused: bool,
    volume: f32,
    position: f64,
    duration: Option<f64>,
}

impl Voice {
    /// From an item of [`Pipeline::voices`](crate::Pipeline::voices), in a pipeline with this rate.
    pub fn of(voice: &VoiceState, rate: SampleRate, names: &dyn FileNames) -> Voice {
        let VoiceState { id, file, paused, volume, position, duration } = voice;
        Voice {
            id: id.0,
            file: file.as_deref().map(|file| names.file(file)),
            paused: *paused,
            volume: *volume,
            position: seconds_of(*position, rate),
            duration: duration.map(|frames| seconds_of(frames, rate)),
        }
    }
}

/// An announcement that sounds, or waits for its turn.
#[derive(Debug, Serialize)]
pub struct Announcement {
    id: u64,
    file: String,
    sounding: bool,
    position: f64,
    duration: Option<f64>,
}

impl Announcement {
    /// From an item of [`Pipeline::announcements`](crate::Pipeline::announcements), in a pipeline with this
    /// rate.
    pub fn of(announcement: &AnnouncementState, rate: SampleRate, names: &dyn FileNames) -> Announcement {
        let AnnouncementState { id, file, sounding, position, duration } = announcement;
        Announcement {
            id: id.0,
            file: names.file(file),
            sounding: *sounding,
            position: seconds_of(*position, rate),
            duration: duration.map(|frames| seconds_of(frames, rate)),
        }
    }
}

/// The tags of a file, and the title that they make.
#[derive(Debug, Serialize)]
pub struct FileMetadata {
    file: String,
    title: String,
    #[serde(flatten)]
    tags: PieceTags,
    track_gain_db: Option<f32>,
    album_gain_db: Option<f32>,
    track_peak: Option<f32>,
    album_peak: Option<f32>,
    #[serde(flatten)]
    details: TagDetails,
    /// Where the tags say that it is to be cut and joined, in seconds.
    cue_in: Option<f64>,
    cue_out: Option<f64>,
    start_next: Option<f64>,
}

impl FileMetadata {
    /// From [`read_metadata`](crate::read_metadata).
    pub fn of(file: &Path, tags: &Tags, names: &dyn FileNames) -> FileMetadata {
        let cues = tags.cues.as_deref().cloned().unwrap_or_default();
        FileMetadata {
            file: names.file(file),
            title: format_title(None, tags, None, file),
            tags: PieceTags::of(tags),
            track_gain_db: tags.track_gain_db,
            album_gain_db: tags.album_gain_db,
            track_peak: tags.track_peak,
            album_peak: tags.album_peak,
            details: tags.details.as_deref().cloned().unwrap_or_default(),
            cue_in: cues.cue_in.map(seconds),
            cue_out: cues.cue_out.map(seconds),
            start_next: cues.start_next.map(seconds),
        }
    }
}

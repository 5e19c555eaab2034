//! Tracks, playlists and voices.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde::Serialize;

use super::{FileNames, seconds_of};
use crate::ids::EntryId;
use crate::playout::{Entry, ListState};
use crate::time::{rfc3339, seconds};
use crate::units::SampleRate;
use crate::{Tags, TrackInfo, VoiceState, format_title};

/// A track.
#[derive(Debug, Serialize)]
pub struct Track {
    id: EntryId,
    file: String,
    /// What its mounts announce.
    title: String,
    artist: Option<String>,
    /// The name of the piece alone.
    name: Option<String>,
    album: Option<String>,
    duration: Option<f64>,
}

impl Track {
    /// A track, whenever it is heard.
    pub fn of(track: &TrackInfo, names: &dyn FileNames) -> Track {
        let tags = &track.tags;
        Track {
            id: track.id,
            file: names.file(&track.file),
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
pub struct CurrentTrack {
    #[serde(flatten)]
    track: Track,
    played: f64,
    remaining: Option<f64>,
}

impl CurrentTrack {
    /// As [`Pipeline::current_track`](crate::Pipeline::current_track) has it.
    pub fn of(current: &crate::CurrentTrack, names: &dyn FileNames) -> CurrentTrack {
        CurrentTrack {
            track: Track::of(&current.track, names),
            played: seconds(current.played),
            remaining: current.remaining.map(seconds),
        }
    }
}

/// A track that was on the air.
#[derive(Debug, Serialize)]
pub struct PlayedTrack {
    #[serde(flatten)]
    track: Track,
    began_at: String,
}

impl PlayedTrack {
    /// An item of [`Pipeline::history`](crate::Pipeline::history).
    pub fn of(played: &crate::PlayedTrack, names: &dyn FileNames) -> PlayedTrack {
        let began_at = rfc3339(UNIX_EPOCH + Duration::from_millis(played.began_at));
        PlayedTrack { track: Track::of(&played.track, names), began_at }
    }
}

/// A track that is to come.
#[derive(Debug, Serialize)]
pub struct ComingTrack {
    id: EntryId,
    file: String,
    /// As far as it is known before the file is opened.
    title: String,
}

impl ComingTrack {
    /// An item of [`Pipeline::up_next`](crate::Pipeline::up_next) or of the queue. The file's tags, where they are known, make
    /// the title.
    pub fn of(id: EntryId, entry: &Entry, tags: &Tags, names: &dyn FileNames) -> ComingTrack {
        let title = format_title(entry.title.as_deref(), tags, entry.extinf.as_deref(), &entry.path);
        ComingTrack { id, file: names.file(&entry.path), title }
    }
}

/// The playlist in play, and how far it is.
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
    /// As [`Pipeline::playlist`](crate::Pipeline::playlist) has it. A playlist that was read from a path is named like a file.
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
    /// Null for PCM that an application pushes.
    file: Option<String>,
    paused: bool,
    volume: f32,
    position: f64,
    duration: Option<f64>,
}

impl Voice {
    /// An item of [`Pipeline::voices`](crate::Pipeline::voices), of a pipeline with this rate.
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

/// The tags of a file, and the title that they make.
#[derive(Debug, Serialize)]
pub struct FileMetadata {
    file: String,
    title: String,
    artist: Option<String>,
    /// The name of the piece alone.
    name: Option<String>,
    album: Option<String>,
    duration: Option<f64>,
    track_gain_db: Option<f32>,
    album_gain_db: Option<f32>,
    track_peak: Option<f32>,
    album_peak: Option<f32>,
}

impl FileMetadata {
    /// As [`read_metadata`](crate::read_metadata) has them.
    pub fn of(file: &Path, tags: &Tags, names: &dyn FileNames) -> FileMetadata {
        FileMetadata {
            file: names.file(file),
            title: format_title(None, tags, None, file),
            artist: tags.artist.clone(),
            name: tags.title.clone(),
            album: tags.album.clone(),
            duration: tags.duration.map(seconds),
            track_gain_db: tags.track_gain_db,
            album_gain_db: tags.album_gain_db,
            track_peak: tags.track_peak,
            album_peak: tags.album_peak,
        }
    }
}

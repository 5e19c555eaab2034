//! The library, its tracks and its scans as documents.

use serde::Serialize;

use super::FileNames;
use crate::ids::EntryId;
use crate::library::{Edits, Hearing, Hits, LibraryState, ScanState, Track};
use crate::metadata::stem;
use crate::playout::TrackKind;
use crate::time::{rfc3339, seconds};

/// How a library is doing.
#[derive(Debug, Serialize)]
pub struct LibraryDocument {
    tracks: u64,
    missing: u64,
    unplayable: u64,
    to_hear: u64,
    playlists: u64,
    scan: Scan,
    paused: bool,
    problems: Vec<String>,
}

/// What a scan is at, or what the last one came to.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Scan {
    Never,
    Running {
        found: u64,
        changed: u64,
        read: u64,
        is_complete: bool,
    },
    Ended {
        at: String,
        found: u64,
        added: u64,
        changed: u64,
        moved: u64,
        missing: u64,
        problems: Vec<String>,
    },
}

impl LibraryDocument {
    /// The document of this state.
    pub fn of(state: &LibraryState) -> LibraryDocument {
        let scan = match &state.scan {
            ScanState::Never => Scan::Never,
            ScanState::Running(scan) => Scan::Running {
                found: scan.found,
                changed: scan.changed,
                read: scan.read,
                is_complete: scan.is_complete,
            },
            ScanState::Ended { at, result } => Scan::Ended {
                at: rfc3339(*at),
                found: result.found,
                added: result.added,
                changed: result.changed,
                moved: result.moved,
                missing: result.missing,
                problems: result.problems.clone(),
            },
        };
        LibraryDocument {
            tracks: state.tracks,
            missing: state.missing,
            unplayable: state.unplayable,
            to_hear: state.to_hear,
            playlists: state.playlists,
            scan,
            paused: state.paused,
            problems: state.problems.clone(),
        }
    }
}

/// A track of the library.
#[derive(Debug, Serialize)]
pub struct LibraryTrack {
    id: i64,
    file: String,
    artist: Option<String>,
    title: Option<String>,
    album: Option<String>,
    genre: Option<String>,
    year: Option<u16>,
    kind: TrackKind,
    duration: Option<f64>,
    heard: Option<Heard>,
    edits: Edits,
    added: String,
    missing: Option<String>,
    problem: Option<String>,
    plays: u64,
    last_played: Option<String>,
}

/// A track that listeners may request. Anybody may see it, so it does not name its file, unless it has no
/// other name.
#[derive(Debug, Serialize)]
pub struct OfferedTrack {
    track: i64,
    artist: Option<String>,
    title: String,
    album: Option<String>,
    duration: Option<f64>,
}

impl OfferedTrack {
    /// The document of this track.
    pub fn of(track: &Track) -> OfferedTrack {
        OfferedTrack {
            track: track.id,
            artist: track.artist().map(str::to_owned),
            title: track.title().map_or_else(|| stem(&track.path), str::to_owned),
            album: track.tags.album.clone(),
            duration: track.duration().map(seconds),
        }
    }
}

/// A track that was requested, and its entry in the queue.
#[derive(Debug, Serialize)]
pub struct RequestedTrack {
    id: EntryId,
    #[serde(flatten)]
    track: OfferedTrack,
}

impl RequestedTrack {
    /// The document of this request.
    pub fn of(id: EntryId, track: &Track) -> RequestedTrack {
        RequestedTrack { id, track: OfferedTrack::of(track) }
    }
}

/// What a search has found.
#[derive(Debug, Serialize)]
pub struct FoundTracks {
    tracks: Vec<LibraryTrack>,
    total: usize,
    more: bool,
}

impl FoundTracks {
    /// The document of these hits.
    pub fn of(hits: &Hits, names: &dyn FileNames) -> FoundTracks {
        let tracks = hits.tracks.iter().map(|track| LibraryTrack::of(track, names)).collect();
        FoundTracks { tracks, total: hits.total, more: hits.more }
    }
}

/// How a track sounds. Times are in seconds from the file's first frame.
#[derive(Debug, Serialize)]
struct Heard {
    loudness_lufs: Option<f32>,
    range_lu: Option<f32>,
    true_peak_dbtp: Option<f32>,
    cue_in: Option<f64>,
    cue_out: Option<f64>,
    start_next: Option<f64>,
    duration: Option<f64>,
}

impl LibraryTrack {
    /// The document of this track.
    pub fn of(track: &Track, names: &dyn FileNames) -> LibraryTrack {
        let details = track.tags.details.as_deref();
        let heard = match track.hearing {
            Hearing::Heard(heard) => Some(Heard {
                loudness_lufs: heard.loudness_lufs,
                range_lu: heard.range_lu,
                true_peak_dbtp: heard.true_peak_dbtp,
                cue_in: heard.cue_in.map(seconds),
                cue_out: heard.cue_out.map(seconds),
                start_next: heard.start_next.map(seconds),
                duration: heard.duration.map(seconds),
            }),
            Hearing::Waiting | Hearing::Unhearable => None,
        };
        LibraryTrack {
            id: track.id,
            file: names.file(&track.path),
            artist: track.artist().map(str::to_owned),
            title: track.title().map(str::to_owned),
            album: track.tags.album.clone(),
            genre: details.and_then(|details| details.genre.clone()),
            year: details.and_then(|details| details.year),
            kind: track.kind(),
            duration: track.duration().map(seconds),
            heard,
            edits: track.edits.clone(),
            added: rfc3339(track.added),
            missing: track.missing.map(rfc3339),
            problem: track.problem.clone(),
            plays: track.plays,
            last_played: track.last_played.map(rfc3339),
        }
    }
}

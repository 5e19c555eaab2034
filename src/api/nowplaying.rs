//! What a mount plays, for web pages, displays and apps. It needs no credential.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::core::Core;
use crate::time::{rfc3339, seconds};
use crate::{EntryId, MountInfo, Pipeline, PlayedTrack, format_title};

/// The track that a mount plays. If an application has set the title, only the title is known.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct NowPlaying {
    mount: String,
    /// The title that players show.
    title: String,
    /// The track's id.
    track: Option<EntryId>,
    artist: Option<String>,
    album: Option<String>,
    started: Option<String>,
    duration: Option<f64>,
    /// The time when the mount had the track's first sound.
    reached_at: String,
    /// The time when listeners hear the track begin.
    audible_at: String,
    /// How many seconds a listener who joins now begins behind the mount.
    burst: f64,
    listeners: u64,
    /// The address of its cover, on this server.
    art: Option<Arc<str>>,
    /// The title of the next track.
    next: Option<String>,
}

/// A part of [`NowPlaying`] that differs whenever it differs. It is cheaper to make.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fingerprint {
    title_since: SystemTime,
    track: Option<EntryId>,
    art: Option<Arc<str>>,
    next: Option<String>,
    pub(crate) listeners: u64,
}

impl Fingerprint {
    pub(crate) fn of(info: &MountInfo, pipeline: Option<&Pipeline>, core: &Core) -> Fingerprint {
        let track = pipeline.and_then(Pipeline::current_track).map(|current| current.track);
        Fingerprint {
            title_since: info.title.changed_at,
            track: track.as_ref().map(|track| track.id),
            art: track.and_then(|track| core.covers.of(&track.file)),
            next: pipeline.and_then(|pipeline| next(pipeline, core)),
            listeners: info.listeners,
        }
    }

    /// Whether both have the same track, with the same cover, and the same next track. The number of listeners may differ.
    pub(crate) fn plays_the_same(&self, other: &Fingerprint) -> bool {
        (self.title_since, self.track, &self.art, &self.next)
            == (other.title_since, other.track, &other.art, &other.next)
    }
}

impl NowPlaying {
    pub(crate) fn of(info: &MountInfo, pipeline: Option<&Pipeline>, core: &Core) -> NowPlaying {
        let title = &info.title.title.text;
        // The mixer is ahead of the mount, so the mount may still announce an earlier track.
        let history = pipeline.map(Pipeline::history).unwrap_or_default();
        let played = history.iter().rev().take(2).find(|played| played.track.title == *title);
        let started = played.map(began);
        // If two tracks have the same title, the mount's title does not change between them.
        let burst = info.title.audible_at.duration_since(info.title.changed_at).unwrap_or_default();
        let audible_at = started.map_or(info.title.audible_at, |at| info.title.audible_at.max(at + burst));
        let track = played.map(|played| &played.track);
        NowPlaying {
            mount: info.settings.path.clone(),
            title: title.clone(),
            track: track.map(|track| track.id),
            artist: track.and_then(|track| track.tags.artist.clone()),
            album: track.and_then(|track| track.tags.album.clone()),
            started: started.map(rfc3339),
            duration: track.and_then(|track| track.tags.duration).map(seconds),
            reached_at: rfc3339(audible_at - burst),
            audible_at: rfc3339(audible_at),
            burst: seconds(core.server.burst_of(info)),
            listeners: info.listeners,
            art: track.and_then(|track| core.covers.of(&track.file)),
            next: pipeline.and_then(|pipeline| next(pipeline, core)),
        }
    }
}

fn next(pipeline: &Pipeline, core: &Core) -> Option<String> {
    let (_, entry) = pipeline.up_next(1).into_iter().next()?;
    let tags = core.known_tags(&entry.path).unwrap_or_default();
    Some(format_title(entry.title.as_deref(), &tags, entry.extinf.as_deref(), &entry.path))
}

fn began(played: &PlayedTrack) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(played.began_at)
}

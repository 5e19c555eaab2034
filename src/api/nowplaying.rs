//! What a mount plays, for web pages, displays and apps. It needs no credential.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::core::Core;
use crate::time::{rfc3339, seconds};
use crate::{EntryId, MountInfo, Pipeline, PlayedTrack, TrackKind, format_title};

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
    /// What the source calls its stream, if one is heard.
    live: Option<String>,
    /// What was heard before it, the last first.
    history: Vec<HeardTitle>,
}

/// A title that was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HeardTitle {
    title: String,
    artist: Option<String>,
    album: Option<String>,
    /// When listeners heard it begin.
    audible_at: String,
    /// What the source called its stream, if it was one's.
    live: Option<String>,
    #[serde(skip)]
    pub(crate) since: SystemTime,
}

/// A mount that everybody may see, and what it plays.
#[derive(Debug, Serialize)]
pub(crate) struct PublicStream {
    name: Option<String>,
    genre: Option<String>,
    description: Option<String>,
    content_type: String,
    bitrate: Option<u32>,
    /// The playlists of the HLS that carry it.
    hls: Vec<String>,
    #[serde(flatten)]
    playing: NowPlaying,
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

    /// Whether both have the same track, with the same cover, and the same next track. The number of listeners
    /// may differ.
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
        let last_two = (history.len().saturating_sub(2)..history.len()).rev();
        let at = last_two.into_iter().find(|at| history[*at].track.title == *title);
        let played = at.map(|at| &history[at]);
        let started = played.map(began);
        // If two tracks have the same title, the mount's title does not change between them.
        let burst = burst(info);
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
            live: played.and_then(live_name),
            history: heard_before(&history[..at.unwrap_or(history.len())], burst, audible_at),
        }
    }
}

impl HeardTitle {
    /// A title of the programme, at a mount whose listeners hear it so much later.
    pub(crate) fn of(played: &PlayedTrack, burst: Duration) -> HeardTitle {
        let (track, since) = (&played.track, began(played) + burst);
        HeardTitle {
            title: track.title.clone(),
            artist: track.tags.artist.clone(),
            album: track.tags.album.clone(),
            audible_at: rfc3339(since),
            live: live_name(played),
            since,
        }
    }
}

#[cfg(feature = "library")]
impl HeardTitle {
    /// The same from the history's file, which does not know what a source called its stream.
    pub(crate) fn of_play(play: crate::Play, burst: Duration) -> HeardTitle {
        let since = UNIX_EPOCH + Duration::from_millis(play.began_at) + burst;
        // Of a live title these are a guess.
        let piece = if play.kind == crate::PlayKind::Live { crate::Piece::default() } else { play.piece };
        let (artist, album) = (piece.artist, piece.album);
        HeardTitle { title: play.title, artist, album, audible_at: rfc3339(since), live: None, since }
    }
}

impl PublicStream {
    /// All of them, in the order of their paths.
    pub(crate) fn all(core: &Core) -> Vec<PublicStream> {
        let mounts = core.server.mounts().into_iter().filter(|info| !info.settings.hidden);
        mounts.map(|info| PublicStream::of(&info, core)).collect()
    }

    fn of(info: &MountInfo, core: &Core) -> PublicStream {
        let settings = &info.settings;
        PublicStream {
            name: settings.name.clone(),
            genre: settings.genre.clone(),
            description: settings.description.clone(),
            content_type: settings.content_type.clone(),
            bitrate: settings.bitrate,
            hls: info.hls.clone(),
            playing: NowPlaying::of(info, core.feeding(&settings.path), core),
        }
    }
}

/// How many titles are told that were heard before.
const HEARD_BEFORE: usize = 10;

/// What listeners heard before `until`, the last first. Jingles and spots are left out.
fn heard_before(history: &[PlayedTrack], burst: Duration, until: SystemTime) -> Vec<HeardTitle> {
    let is_told = |played: &&PlayedTrack| !matches!(played.track.kind, TrackKind::Jingle | TrackKind::Spot);
    let heard = history.iter().rev().filter(is_told).map(|played| HeardTitle::of(played, burst));
    heard.filter(|heard| heard.since < until).take(HEARD_BEFORE).collect()
}

/// What the source of this title calls its stream. The names of users are nobody's business.
fn live_name(played: &PlayedTrack) -> Option<String> {
    played.live.as_ref().map(|source| source.default_title().to_owned())
}

/// How much later than the mount listeners hear something.
pub(crate) fn burst(info: &MountInfo) -> Duration {
    info.title.audible_at.duration_since(info.title.changed_at).unwrap_or_default()
}

fn next(pipeline: &Pipeline, core: &Core) -> Option<String> {
    let (_, entry) = pipeline.up_next(1).into_iter().next()?;
    let tags = core.known_tags(&entry.path).unwrap_or_default();
    Some(format_title(entry.title.as_deref(), &tags, entry.extinf.as_deref(), &entry.path))
}

fn began(played: &PlayedTrack) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(played.began_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LiveSourceInfo, Reason, Tags, TrackInfo};

    fn played(title: &str, second: u64, kind: TrackKind) -> PlayedTrack {
        let track = TrackInfo {
            id: EntryId(second),
            file: title.into(),
            given: None,
            tags: Tags::default(),
            title: title.into(),
            duration: None,
            confined: false,
            kind,
            reason: Reason::default(),
        };
        PlayedTrack { track, began_at: second * 1_000, live: None }
    }

    #[test]
    fn history_is_what_was_heard_before_and_has_neither_jingles_nor_what_is_still_to_come() {
        let mut history: Vec<_> =
            (0..15).map(|n| played(&format!("track {n}"), n * 100, TrackKind::Music)).collect();
        history.push(played("ding", 1_500, TrackKind::Jingle));
        history.push(played("news", 1_510, TrackKind::Show));
        history.push(played("not yet", 1_600, TrackKind::Music));
        let live =
            LiveSourceInfo { user: Some("anna".into()), name: Some("Night".into()), ..Default::default() };
        history[14].live = Some(live);
        let burst = Duration::from_secs(4);
        let heard = heard_before(&history, burst, UNIX_EPOCH + Duration::from_secs(1_604));
        let titles: Vec<_> = heard.iter().map(|heard| heard.title.as_str()).collect();
        assert_eq!(titles.len(), HEARD_BEFORE);
        assert_eq!(titles[..3], ["news", "track 14", "track 13"]);
        assert_eq!(heard[0].audible_at, "1970-01-01T00:25:14.000Z", "a burst after it began");
        assert_eq!((heard[0].live.as_deref(), heard[1].live.as_deref()), (None, Some("Night")));
    }
}

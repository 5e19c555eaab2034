//! What happens at a station, and the hub that brings it to all who want to know: hooks, receivers, the log.

mod distributor;
mod emitter;
mod hub;
mod log_lines;
mod receiver;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::CloseReason;
use crate::ids::{EntryId, VoiceId};
use crate::metadata::Tags;
use crate::names::named;
use crate::path_text;
use crate::units::{FrameCount, FramePos};

pub(crate) use emitter::Emitter;
pub(crate) use hub::{HOOK_PATIENCE, Hub, Membership};
pub use receiver::EventReceiver;
pub(crate) use receiver::Inbox;

/// A track that is, was or will be heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackInfo {
    /// The up-next entry it came from.
    pub id: EntryId,
    /// The file. In text (JSON, say) a path that is not UTF-8 is a percent-encoded `file://` URL.
    #[serde(with = "path_text")]
    pub file: PathBuf,
    /// The title that the application gave it, if it did.
    pub given: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// What its mounts announce: see [`format_title`](crate::format_title).
    pub title: String,
    /// How long it sounds, in frames at the pipeline's rate, where the file says so.
    pub duration: Option<FrameCount>,
}

/// Something that happened. An event of the programme is sent when the mixer has reached it and the pipeline's state shows
/// it; a listener hears it one burst later.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The pipeline is on the air.
    PipelineStart,
    /// The pipeline has been stopped; nothing follows.
    PipelineStop,
    /// A track began: its gain passed the other's.
    TrackChange {
        /// Which.
        track: Arc<TrackInfo>,
        /// Where, on the pipeline's sample clock.
        at: FramePos,
    },
    /// The first track of a newly loaded playlist began.
    PlaylistChange {
        /// The playlist's name: its path, or what the application gave.
        name: String,
        /// How many entries it has, as far as it has been read.
        length: usize,
    },
    /// A track could not be played, or not to its end.
    TrackFailed {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Nothing is up next, or nothing of it can be played: silence.
    NothingToPlay,
    /// A voice came to its end or was stopped.
    VoiceEnded {
        /// Which.
        voice: VoiceId,
        /// Whether it was stopped before its end.
        stopped: bool,
    },
    /// A volume ramp came to its end.
    RampDone {
        /// Of which voice.
        voice: VoiceId,
        /// The volume that holds from now on, 1.0 being unchanged.
        volume: f32,
    },
    /// Silence where something should sound, for longer than is tolerated.
    DeadAirBegins {
        /// What is silent or stuck.
        reason: String,
    },
    /// Sound again.
    DeadAirEnds {
        /// How long it was silent.
        lasted: Duration,
    },
    /// An encoder failed; it is being rebuilt, the others go on.
    EncoderFailed {
        /// Its output's mount.
        mount: String,
        /// Why.
        reason: String,
    },
    /// An encoder that had failed is on the air again.
    EncoderRecovered {
        /// Its output's mount.
        mount: String,
    },
    /// Somebody listens, and has for a second: before that it may be a player's probe.
    ListenerJoined {
        /// The number of its connection at the server. Whoever moves to another mount keeps it.
        id: u64,
        /// To which mount.
        mount: String,
        /// From where.
        address: IpAddr,
        /// The player, as it names itself.
        agent: String,
    },
    /// A listener that had joined left a mount: its connection ended, or ([`CloseReason::Moved`]) it goes on at a
    /// fallback, or back from one.
    ListenerLeft {
        /// As when it joined.
        id: u64,
        /// Which mount.
        mount: String,
        /// From where.
        address: IpAddr,
        /// The player, as it names itself.
        agent: String,
        /// How long it listened to this mount.
        duration: Duration,
        /// How many bytes its socket took meanwhile.
        bytes: u64,
        /// Why it ended.
        reason: CloseReason,
    },
    /// So many events did not reach this receiver: it was full, or they came too fast for the station.
    Missed {
        /// How many.
        count: u64,
    },
}

/// An event, and where in the station it happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StationEvent {
    /// The name of the pipeline that it is about. `None` for a listener of a mount that no pipeline feeds, and for [`Event::Missed`].
    pub pipeline: Option<Arc<str>>,
    /// What happened.
    pub event: Event,
}

impl From<StationEvent> for Event {
    fn from(event: StationEvent) -> Event {
        event.event
    }
}

named! {
    /// The kind of an event: what a hook is added for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum EventKind {
        /// [`Event::PipelineStart`]
        PipelineStart = "pipeline-start",
        /// [`Event::PipelineStop`]
        PipelineStop = "pipeline-stop",
        /// [`Event::TrackChange`]
        TrackChange = "track-change",
        /// [`Event::PlaylistChange`]
        PlaylistChange = "playlist-change",
        /// [`Event::TrackFailed`]
        TrackFailed = "track-failed",
        /// [`Event::NothingToPlay`]
        NothingToPlay = "nothing-to-play",
        /// [`Event::VoiceEnded`]
        VoiceEnded = "voice-ended",
        /// [`Event::RampDone`]
        RampDone = "ramp-done",
        /// [`Event::DeadAirBegins`]
        DeadAirBegins = "dead-air-begins",
        /// [`Event::DeadAirEnds`]
        DeadAirEnds = "dead-air-ends",
        /// [`Event::EncoderFailed`]
        EncoderFailed = "encoder-failed",
        /// [`Event::EncoderRecovered`]
        EncoderRecovered = "encoder-recovered",
        /// [`Event::ListenerJoined`]
        ListenerJoined = "listener-joined",
        /// [`Event::ListenerLeft`]
        ListenerLeft = "listener-left",
        /// [`Event::Missed`]
        Missed = "missed",
    }
}

impl Event {
    /// What kind of event it is.
    pub fn kind(&self) -> EventKind {
        match self {
            Event::PipelineStart => EventKind::PipelineStart,
            Event::PipelineStop => EventKind::PipelineStop,
            Event::TrackChange { .. } => EventKind::TrackChange,
            Event::PlaylistChange { .. } => EventKind::PlaylistChange,
            Event::TrackFailed { .. } => EventKind::TrackFailed,
            Event::NothingToPlay => EventKind::NothingToPlay,
            Event::VoiceEnded { .. } => EventKind::VoiceEnded,
            Event::RampDone { .. } => EventKind::RampDone,
            Event::DeadAirBegins { .. } => EventKind::DeadAirBegins,
            Event::DeadAirEnds { .. } => EventKind::DeadAirEnds,
            Event::EncoderFailed { .. } => EventKind::EncoderFailed,
            Event::EncoderRecovered { .. } => EventKind::EncoderRecovered,
            Event::ListenerJoined { .. } => EventKind::ListenerJoined,
            Event::ListenerLeft { .. } => EventKind::ListenerLeft,
            Event::Missed { .. } => EventKind::Missed,
        }
    }
}

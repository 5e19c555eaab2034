//! The events of a station, and the hub that delivers them to receivers and hooks, and writes the log.

mod distributor;
mod emitter;
mod hub;
mod log_lines;
mod message;
mod receiver;
mod receivers;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::access::SHARED_USER;
use crate::error::{CloseReason, LeaveReason};
use crate::ids::{AnnouncementId, EntryId, VoiceId};
use crate::metadata::Tags;
use crate::names::named;
use crate::path_text;
use crate::playout::{HoldState, Reason, TrackKind};
use crate::units::{FrameCount, FramePos};

pub(crate) use distributor::HOOK_PATIENCE;
pub(crate) use emitter::Emitter;
pub(crate) use hub::{Hub, Membership};
pub use receiver::EventReceiver;
pub(crate) use receiver::Inbox;
pub(crate) use receivers::Receivers;

/// A track that is, was or will be heard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrackInfo {
    /// The id of its entry in the queue or the playlist.
    pub id: EntryId,
    /// The path of the file. In text such as JSON, a path that is not UTF-8 is a percent-encoded `file://`
    /// URL.
    #[serde(with = "path_text")]
    pub file: PathBuf,
    /// The title that the application gave it, if any.
    pub given: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// The title that mounts announce: see [`format_title`](crate::format_title).
    pub title: String,
    /// Its duration in frames at the pipeline's rate. `None` if the file does not declare it.
    pub duration: Option<FrameCount>,
    /// Whether its entry is [confined](crate::Entry::confined) to the media roots.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confined: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "TrackKind::is_music")]
    pub kind: TrackKind,
    /// Why it is played.
    #[serde(default)]
    pub reason: Reason,
}

/// A source at a live input, as it introduces itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSourceInfo {
    /// Its number at the station, as in [`Event::SourceConnected`].
    #[serde(default)]
    pub id: u64,
    /// The path of the live input.
    pub path: String,
    /// Who sends.
    pub user: Option<String>,
    /// What the source calls its stream.
    pub name: Option<String>,
    /// The program that sends.
    pub program: Option<String>,
}

impl LiveSourceInfo {
    /// Whether both are from the same user.
    pub(crate) fn is_same_user(&self, other: &LiveSourceInfo) -> bool {
        let users = self.user.as_deref().zip(other.user.as_deref());
        users.is_some_and(|(one, other)| is_same_user(one, other))
    }

    /// Who sends, for a log line.
    pub(crate) fn who(&self) -> &str {
        self.user.as_deref().unwrap_or("somebody")
    }

    /// What is announced while the source sends no title.
    pub(crate) fn default_title(&self) -> &str {
        let name = self.name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or_else(|| self.path.trim_start_matches('/'))
    }
}

/// Whether two sources with these logins are the same user's: different people may share the login
/// [`SHARED_USER`], or have none.
pub(crate) fn is_same_user(one: &str, other: &str) -> bool {
    one == other && !one.is_empty() && one != SHARED_USER
}

/// Something that happened. An event of the programme is sent when the mixer has reached it and the
/// pipeline's state shows it. A listener hears it one burst later.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The pipeline is on the air.
    PipelineStart,
    /// The pipeline was stopped. This is its last event.
    PipelineStop,
    /// A track began. In a crossfade, it begins when its gain passes the gain of the track before it.
    TrackChange {
        /// The track that began.
        track: Arc<TrackInfo>,
        /// The position on the pipeline's sample clock.
        at: FramePos,
    },
    /// The first track of a newly loaded playlist began.
    PlaylistChange {
        /// The playlist's name: its path, or the name that the application gave it.
        name: String,
        /// How many of its entries have been read so far.
        length: usize,
    },
    /// A track could not be played, or not to its end.
    TrackFailed {
        /// The file.
        file: PathBuf,
        /// The reason, for people to read.
        reason: String,
    },
    /// A slot was not played: what it names could not begin in time.
    SlotDropped {
        /// What the slot is called.
        slot: String,
        /// When it should have begun.
        due: SystemTime,
        /// The reason, for people to read.
        reason: String,
    },
    /// What is played by the clock has changed: a daypart, an insert or a slot was added, changed or removed,
    /// or another schedule was declared.
    ScheduleChange,
    /// Nothing is up next, or nothing of it can be played. The programme is silent.
    NothingToPlay,
    /// An order holds the programme, lets it go, or is to hold it after the current track.
    HoldChange {
        /// How far the order is.
        hold: HoldState,
    },
    /// A voice sounds for the first time. One that waits, paused, begins when it is resumed.
    VoiceBegan {
        /// The voice.
        voice: VoiceId,
        /// Its file, with the id 0: it is no entry. PCM that an application pushes has none.
        track: Option<Arc<TrackInfo>>,
    },
    /// A voice came to its end or was stopped.
    VoiceEnded {
        /// The voice that ended.
        voice: VoiceId,
        /// Whether it was stopped before its end.
        stopped: bool,
    },
    /// A volume ramp came to its end.
    RampDone {
        /// The voice whose volume changed.
        voice: VoiceId,
        /// The volume from now on, as a factor: 1.0 leaves the samples as they are.
        volume: f32,
    },
    /// A source is on the air: its gain has passed that of what sounded before. A session of a source begins
    /// once, however often its line breaks.
    LiveBegan {
        /// The source.
        source: Arc<LiveSourceInfo>,
        /// The position on the pipeline's sample clock.
        at: FramePos,
    },
    /// A source that is on the air has a title, or another one.
    LiveTitle {
        /// The source.
        source: Arc<LiveSourceInfo>,
        /// What is announced.
        title: String,
        /// The position on the pipeline's sample clock.
        at: FramePos,
    },
    /// The session of a source that was on the air is over: it has not come back within `grace`.
    LiveEnded {
        /// The source.
        source: Arc<LiveSourceInfo>,
        /// Why its stream ended.
        reason: LeaveReason,
        /// How long it was on the air.
        lasted: Duration,
    },
    /// An announcement began to sound, above everything else.
    AnnouncementBegan {
        /// The announcement.
        announcement: AnnouncementId,
        /// Its file.
        file: PathBuf,
        /// The position on the pipeline's sample clock.
        at: FramePos,
    },
    /// An announcement is over. What was beneath comes back, unless another one follows.
    AnnouncementEnded {
        /// The announcement.
        announcement: AnnouncementId,
        /// Its file.
        file: PathBuf,
        /// Why it is over. One that was stopped may not have begun.
        reason: AnnouncementEnd,
        /// What went wrong, for people to read, if it could not be played to its end.
        fault: Option<String>,
    },
    /// It has been silent for longer than is tolerated, though something should sound.
    DeadAirBegins {
        /// What is silent or stuck.
        reason: String,
    },
    /// The dead air is over.
    DeadAirEnds {
        /// How long it was silent.
        lasted: Duration,
    },
    /// An encoder failed and is being rebuilt. Other encoders are not affected. It is told once, until the
    /// encoder has recovered.
    EncoderFailed {
        /// The mount of its output.
        mount: String,
        /// The reason, for people to read.
        reason: String,
    },
    /// An encoder that had failed is on the air again.
    EncoderRecovered {
        /// The mount of its output.
        mount: String,
    },
    /// Nothing of what an application writes to a mount can be read: it is not of the mount's content type.
    AudioUnreadable {
        /// The mount.
        mount: String,
        /// What it gets, for people to read.
        reason: String,
    },
    /// What an application writes to a mount can be read again.
    AudioReadable {
        /// The mount.
        mount: String,
    },
    /// The mixer does not keep up with its clock: listeners get less audio than they play. The machine is too
    /// slow for what it is asked to do.
    MixerBehind {
        /// How late it is.
        late: Duration,
        /// How many voices it mixes, besides the programme.
        voices: usize,
    },
    /// The mixer keeps up with its clock again.
    MixerRecovered {
        /// How long it was behind.
        lasted: Duration,
    },
    /// A listener has listened for a second. Shorter connections may be probes of a player.
    ListenerJoined {
        /// The number of its connection at the server. A listener that moves to another mount keeps it.
        id: u64,
        /// The mount that it listens to.
        mount: String,
        /// The IP address of the client, as far as the setting `addresses` of the server allows.
        address: Option<IpAddr>,
        /// The player, as it names itself.
        agent: String,
    },
    /// A listener that had joined left a mount. Either its connection ended, or it moved to a fallback mount
    /// or back ([`CloseReason::Moved`]).
    ListenerLeft {
        /// The same number as in [`Event::ListenerJoined`].
        id: u64,
        /// The mount that it left.
        mount: String,
        /// The IP address of the client, as far as the setting `addresses` of the server allows.
        address: Option<IpAddr>,
        /// The player, as it names itself.
        agent: String,
        /// How long it listened to this mount.
        duration: Duration,
        /// How many bytes its socket took in this time.
        bytes: u64,
        /// Why it left.
        reason: CloseReason,
    },
    /// A source has connected and has its path.
    SourceConnected {
        /// Its number at the station.
        id: u64,
        /// The path that it sends to.
        path: String,
        /// The user who has logged in.
        user: String,
        /// The program, as it names itself.
        program: String,
        /// The IP address, as far as the setting `addresses` of the server allows.
        address: Option<IpAddr>,
        /// The content type of its stream.
        content_type: String,
    },
    /// A source has left its path.
    SourceLeft {
        /// The same number as in [`Event::SourceConnected`].
        id: u64,
        /// The path that it sent to.
        path: String,
        /// The user who had logged in.
        user: String,
        /// How long it was connected.
        duration: Duration,
        /// How many bytes of its stream came.
        bytes: u64,
        /// Why it left.
        reason: LeaveReason,
    },
    /// The slot of a source's user ends in five minutes, or less.
    LiveEndsSoon {
        /// Its number at the station.
        id: u64,
        /// The path that it sends to.
        path: String,
        /// The user who has logged in.
        user: String,
        /// When the slot ends.
        ends: SystemTime,
        /// When the source is let go, if it overruns the slot.
        until: SystemTime,
    },
    /// A user who may send was refused at a path. Wrong logins are not told: anybody can cause them. Where
    /// the application decides, all whom it refuses are told.
    SourceRefused {
        /// The path that it asked for.
        path: String,
        /// The user who has logged in.
        user: String,
        /// The IP address, as far as the setting `addresses` of the server allows.
        address: Option<IpAddr>,
        /// The reason, for people to read.
        reason: String,
    },
    /// A user has changed something by the HTTP API.
    Changed {
        /// The user, or the token's name.
        user: String,
        /// The method of the request.
        method: String,
        /// The path of the request, without its query.
        path: String,
    },
    /// A recording has begun, or goes on in another file.
    RecordingBegan {
        /// The path of the output, relayed mount or live input that is recorded.
        path: String,
        /// Who sends; the pipeline's name for an output.
        user: String,
        /// The file.
        file: PathBuf,
        /// Packets of the same session that are in no file, since the one before: they did not fit.
        lost: u64,
    },
    /// A file of a recording is complete.
    RecordingEnded {
        /// As in [`Event::RecordingBegan`].
        path: String,
        /// As in [`Event::RecordingBegan`].
        user: String,
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
        /// How much time lies between its first and its last packet.
        duration: Duration,
    },
    /// Nothing is recorded at the moment: the disk refuses it, has too little room, or does not keep up. The
    /// stream goes on, and the recording by itself as soon as it can. It is told once, until then.
    RecordingFailed {
        /// As in [`Event::RecordingBegan`].
        path: String,
        /// The reason, for people to read.
        reason: String,
    },
    /// Events did not reach this receiver, because it was full or because they came too fast for the station.
    Missed {
        /// How many events were missed.
        count: u64,
    },
}

/// An event of a station, with the pipeline that it is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StationEvent {
    /// The name of the pipeline that it is about. `None` for a mount that no pipeline feeds and its
    /// listeners, and for [`Event::Missed`].
    pub pipeline: Option<Arc<str>>,
    /// The event.
    pub event: Event,
}

impl From<StationEvent> for Event {
    fn from(event: StationEvent) -> Event {
        event.event
    }
}

named! {
    /// Why an announcement is over.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum AnnouncementEnd {
        /// It was heard to its end.
        Complete = "complete",
        /// It was stopped, or its pipeline was.
        Stopped = "stopped",
        /// Its file could not be read to its end.
        Broken = "broken",
        /// It was silent for longer than the dead-air guard tolerates.
        Silent = "silent",
    }
}

named! {
    /// The kind of an event. A hook is added for one kind.
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
        /// [`Event::SlotDropped`]
        SlotDropped = "slot-dropped",
        /// [`Event::ScheduleChange`]
        ScheduleChange = "schedule-change",
        /// [`Event::NothingToPlay`]
        NothingToPlay = "nothing-to-play",
        /// [`Event::HoldChange`]
        HoldChange = "hold-change",
        /// [`Event::VoiceBegan`]
        VoiceBegan = "voice-began",
        /// [`Event::VoiceEnded`]
        VoiceEnded = "voice-ended",
        /// [`Event::RampDone`]
        RampDone = "ramp-done",
        /// [`Event::LiveBegan`]
        LiveBegan = "live-began",
        /// [`Event::LiveTitle`]
        LiveTitle = "live-title",
        /// [`Event::LiveEnded`]
        LiveEnded = "live-ended",
        /// [`Event::AnnouncementBegan`]
        AnnouncementBegan = "announcement-began",
        /// [`Event::AnnouncementEnded`]
        AnnouncementEnded = "announcement-ended",
        /// [`Event::DeadAirBegins`]
        DeadAirBegins = "dead-air-begins",
        /// [`Event::DeadAirEnds`]
        DeadAirEnds = "dead-air-ends",
        /// [`Event::EncoderFailed`]
        EncoderFailed = "encoder-failed",
        /// [`Event::EncoderRecovered`]
        EncoderRecovered = "encoder-recovered",
        /// [`Event::AudioUnreadable`]
        AudioUnreadable = "audio-unreadable",
        /// [`Event::AudioReadable`]
        AudioReadable = "audio-readable",
        /// [`Event::MixerBehind`]
        MixerBehind = "mixer-behind",
        /// [`Event::MixerRecovered`]
        MixerRecovered = "mixer-recovered",
        /// [`Event::ListenerJoined`]
        ListenerJoined = "listener-joined",
        /// [`Event::ListenerLeft`]
        ListenerLeft = "listener-left",
        /// [`Event::SourceConnected`]
        SourceConnected = "source-connected",
        /// [`Event::SourceLeft`]
        SourceLeft = "source-left",
        /// [`Event::LiveEndsSoon`]
        LiveEndsSoon = "live-ends-soon",
        /// [`Event::SourceRefused`]
        SourceRefused = "source-refused",
        /// [`Event::Changed`]
        Changed = "changed",
        /// [`Event::RecordingBegan`]
        RecordingBegan = "recording-began",
        /// [`Event::RecordingEnded`]
        RecordingEnded = "recording-ended",
        /// [`Event::RecordingFailed`]
        RecordingFailed = "recording-failed",
        /// [`Event::Missed`]
        Missed = "missed",
    }
}

impl Event {
    /// The kind of the event.
    pub fn kind(&self) -> EventKind {
        match self {
            Event::PipelineStart => EventKind::PipelineStart,
            Event::PipelineStop => EventKind::PipelineStop,
            Event::TrackChange { .. } => EventKind::TrackChange,
            Event::PlaylistChange { .. } => EventKind::PlaylistChange,
            Event::TrackFailed { .. } => EventKind::TrackFailed,
            Event::SlotDropped { .. } => EventKind::SlotDropped,
            Event::ScheduleChange => EventKind::ScheduleChange,
            Event::NothingToPlay => EventKind::NothingToPlay,
            Event::HoldChange { .. } => EventKind::HoldChange,
            Event::VoiceBegan { .. } => EventKind::VoiceBegan,
            Event::VoiceEnded { .. } => EventKind::VoiceEnded,
            Event::RampDone { .. } => EventKind::RampDone,
            Event::LiveBegan { .. } => EventKind::LiveBegan,
            Event::LiveTitle { .. } => EventKind::LiveTitle,
            Event::LiveEnded { .. } => EventKind::LiveEnded,
            Event::AnnouncementBegan { .. } => EventKind::AnnouncementBegan,
            Event::AnnouncementEnded { .. } => EventKind::AnnouncementEnded,
            Event::DeadAirBegins { .. } => EventKind::DeadAirBegins,
            Event::DeadAirEnds { .. } => EventKind::DeadAirEnds,
            Event::EncoderFailed { .. } => EventKind::EncoderFailed,
            Event::EncoderRecovered { .. } => EventKind::EncoderRecovered,
            Event::AudioUnreadable { .. } => EventKind::AudioUnreadable,
            Event::AudioReadable { .. } => EventKind::AudioReadable,
            Event::MixerBehind { .. } => EventKind::MixerBehind,
            Event::MixerRecovered { .. } => EventKind::MixerRecovered,
            Event::ListenerJoined { .. } => EventKind::ListenerJoined,
            Event::ListenerLeft { .. } => EventKind::ListenerLeft,
            Event::SourceConnected { .. } => EventKind::SourceConnected,
            Event::SourceLeft { .. } => EventKind::SourceLeft,
            Event::LiveEndsSoon { .. } => EventKind::LiveEndsSoon,
            Event::SourceRefused { .. } => EventKind::SourceRefused,
            Event::Changed { .. } => EventKind::Changed,
            Event::RecordingBegan { .. } => EventKind::RecordingBegan,
            Event::RecordingEnded { .. } => EventKind::RecordingEnded,
            Event::RecordingFailed { .. } => EventKind::RecordingFailed,
            Event::Missed { .. } => EventKind::Missed,
        }
    }
}

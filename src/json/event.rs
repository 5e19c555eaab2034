//! Events.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{FileNames, LiveSource, Track, seconds_of};
use crate::time::{rfc3339, seconds};
use crate::units::{FrameCount, SampleRate};

/// The fields of an event, without its kind.
#[derive(Debug)]
pub struct Event<'a> {
    event: &'a crate::Event,
    rate: SampleRate,
    names: &'a dyn FileNames,
}

impl<'a> Event<'a> {
    /// An event of a pipeline with this rate.
    pub fn of(event: &'a crate::Event, rate: SampleRate, names: &'a dyn FileNames) -> Event<'a> {
        Event { event, rate, names }
    }
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use crate::Event as E;
        let mut map = to.serialize_map(None)?;
        match self.event {
            E::PipelineStart | E::PipelineStop | E::ScheduleChange | E::NothingToPlay => {}
            E::TrackChange { track, at } => {
                map.serialize_entry("track", &Track::of(track, self.names))?;
                map.serialize_entry("position", &seconds_of(FrameCount(at.0), self.rate))?;
            }
            E::PlaylistChange { name, length } => {
                map.serialize_entry("name", &self.names.playlist(name))?;
                map.serialize_entry("length", length)?;
            }
            E::TrackFailed { file, reason } => {
                map.serialize_entry("file", &self.names.file(file))?;
                map.serialize_entry("reason", reason)?;
            }
            E::HoldChange { hold } => map.serialize_entry("hold", hold.as_str())?,
            E::VoiceBegan { voice, track } => {
                map.serialize_entry("voice", &voice.0)?;
                map.serialize_entry("track", &track.as_ref().map(|track| Track::of(track, self.names)))?;
            }
            E::SlotDropped { slot, due, reason } => {
                map.serialize_entry("slot", slot)?;
                map.serialize_entry("due", &rfc3339(*due))?;
                map.serialize_entry("reason", reason)?;
            }
            E::VoiceEnded { voice, stopped } => {
                map.serialize_entry("voice", &voice.0)?;
                map.serialize_entry("stopped", stopped)?;
            }
            E::RampDone { voice, volume } => {
                map.serialize_entry("voice", &voice.0)?;
                map.serialize_entry("volume", volume)?;
            }
            E::LiveBegan { source, at } => {
                map.serialize_entry("source", &LiveSource::of(source))?;
                map.serialize_entry("position", &seconds_of(FrameCount(at.0), self.rate))?;
            }
            E::LiveTitle { source, title, at } => {
                map.serialize_entry("source", &LiveSource::of(source))?;
                map.serialize_entry("title", title)?;
                map.serialize_entry("position", &seconds_of(FrameCount(at.0), self.rate))?;
            }
            E::LiveEnded { source, reason, lasted } => {
                map.serialize_entry("source", &LiveSource::of(source))?;
                map.serialize_entry("reason", reason.as_str())?;
                map.serialize_entry("lasted", &seconds(*lasted))?;
            }
            E::AnnouncementBegan { announcement, file, at } => {
                map.serialize_entry("announcement", &announcement.0)?;
                map.serialize_entry("file", &self.names.file(file))?;
                map.serialize_entry("position", &seconds_of(FrameCount(at.0), self.rate))?;
            }
            E::AnnouncementEnded { announcement, file, reason, fault } => {
                map.serialize_entry("announcement", &announcement.0)?;
                map.serialize_entry("file", &self.names.file(file))?;
                map.serialize_entry("reason", reason.as_str())?;
                map.serialize_entry("fault", fault)?;
            }
            E::DeadAirBegins { reason } => map.serialize_entry("reason", reason)?,
            E::DeadAirEnds { lasted } => map.serialize_entry("lasted", &seconds(*lasted))?,
            E::EncoderFailed { mount, reason } | E::AudioUnreadable { mount, reason } => {
                map.serialize_entry("mount", mount)?;
                map.serialize_entry("reason", reason)?;
            }
            E::EncoderRecovered { mount } | E::AudioReadable { mount } => {
                map.serialize_entry("mount", mount)?;
            }
            E::MixerBehind { late, voices } => {
                map.serialize_entry("late", &seconds(*late))?;
                map.serialize_entry("voices", voices)?;
            }
            E::MixerRecovered { lasted } => map.serialize_entry("lasted", &seconds(*lasted))?,
            // Version 1 of the API does not number listeners in their events.
            E::ListenerJoined { id: _, mount, address, agent } => {
                map.serialize_entry("mount", mount)?;
                map.serialize_entry("address", address)?;
                map.serialize_entry("agent", agent)?;
            }
            E::ListenerLeft { id: _, mount, address, agent, duration, bytes, reason } => {
                map.serialize_entry("mount", mount)?;
                map.serialize_entry("address", address)?;
                map.serialize_entry("agent", agent)?;
                map.serialize_entry("duration", &seconds(*duration))?;
                map.serialize_entry("bytes", bytes)?;
                map.serialize_entry("reason", reason.as_str())?;
            }
            E::SourceConnected { id, path, user, program, address, content_type } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("program", program)?;
                map.serialize_entry("address", address)?;
                map.serialize_entry("content_type", content_type)?;
            }
            E::SourceLeft { id, path, user, duration, bytes, reason } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("duration", &seconds(*duration))?;
                map.serialize_entry("bytes", bytes)?;
                map.serialize_entry("reason", reason.as_str())?;
            }
            E::LiveEndsSoon { id, path, user, ends, until } => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("ends", &rfc3339(*ends))?;
                map.serialize_entry("until", &rfc3339(*until))?;
            }
            E::SourceRefused { path, user, address, reason } => {
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("address", address)?;
                map.serialize_entry("reason", reason)?;
            }
            E::Changed { user, method, path } => {
                map.serialize_entry("user", user)?;
                map.serialize_entry("method", method)?;
                map.serialize_entry("path", path)?;
            }
            E::RecordingBegan { path, user, file, lost } => {
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("file", &self.names.file(file))?;
                map.serialize_entry("lost", lost)?;
            }
            E::RecordingEnded { path, user, file, bytes, duration } => {
                map.serialize_entry("path", path)?;
                map.serialize_entry("user", user)?;
                map.serialize_entry("file", &self.names.file(file))?;
                map.serialize_entry("bytes", bytes)?;
                map.serialize_entry("duration", &seconds(*duration))?;
            }
            E::RecordingFailed { path, reason } => {
                map.serialize_entry("path", path)?;
                map.serialize_entry("reason", reason)?;
            }
            E::Missed { count } => map.serialize_entry("count", count)?,
        }
        map.end()
    }
}

//! What has happened, as it is told to those who follow the station.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::core::Core;
use super::media::Media;
use super::views::{PipelineView, Track};
use crate::Event;
use crate::time::{rfc3339, seconds};

/// An event of a pipeline.
#[derive(Debug, Serialize)]
pub(crate) struct Told {
    pipeline: String,
    at: String,
    #[serde(flatten)]
    what: Map<String, Value>,
}

impl Told {
    pub(crate) fn of(pipeline: &str, event: &Event, media: &Media) -> Told {
        let Value::Object(what) = what(event, media) else { unreachable!("what is told is an object") };
        Told { pipeline: pipeline.into(), at: rfc3339(SystemTime::now()), what }
    }
}

fn what(event: &Event, media: &Media) -> Value {
    match event {
        Event::PipelineStart | Event::PipelineStop | Event::NothingToPlay => json!({}),
        Event::TrackChange { track, .. } => json!({ "track": Track::of(track, media) }),
        Event::PlaylistChange { name, length } => {
            json!({ "name": media.name_of(name.as_ref()), "length": length })
        }
        Event::TrackFailed { file, reason } => json!({ "file": media.name_of(file), "reason": reason }),
        Event::VoiceEnded { voice, stopped } => json!({ "voice": voice.0, "stopped": stopped }),
        Event::RampDone { voice, volume } => json!({ "voice": voice.0, "volume": volume }),
        Event::DeadAirBegins { reason } => json!({ "reason": reason }),
        Event::DeadAirEnds { lasted } => json!({ "lasted": seconds(*lasted) }),
        Event::EncoderFailed { mount, reason } => json!({ "mount": mount, "reason": reason }),
        Event::EncoderRecovered { mount } => json!({ "mount": mount }),
        Event::ListenerJoined { mount, address, agent } => {
            json!({ "mount": mount, "address": address, "agent": agent })
        }
        Event::ListenerLeft { mount, address, agent, duration, bytes, reason } => json!({
            "mount": mount, "address": address, "agent": agent, "duration": seconds(*duration), "bytes": bytes,
            "reason": reason.as_str(),
        }),
        Event::Missed { count } => json!({ "count": count }),
    }
}

/// Where everything is, for who has missed what came before.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    at: String,
    pipelines: Vec<PipelineView>,
}

impl Snapshot {
    pub(crate) fn of(core: &Core) -> Snapshot {
        let pipelines = core.pipelines.iter().map(|pipeline| PipelineView::of(pipeline, core)).collect();
        Snapshot { at: rfc3339(SystemTime::now()), pipelines }
    }
}

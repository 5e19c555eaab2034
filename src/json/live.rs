//! Live inputs and their sources.

use serde::Serialize;

use crate::{LiveInputState, LiveSourceInfo};

use crate::time::seconds;

/// A source at a live input.
#[derive(Debug, Serialize)]
pub struct LiveSource {
    /// Its number at the station.
    id: u64,
    path: String,
    user: Option<String>,
    /// What the source calls its stream.
    name: Option<String>,
    /// The program that sends.
    program: Option<String>,
}

impl LiveSource {
    /// From an event, or from the state of a live input.
    pub fn of(source: &LiveSourceInfo) -> LiveSource {
        let LiveSourceInfo { id, path, user, name, program } = source.clone();
        LiveSource { id, path, user, name, program }
    }
}

/// A live input.
#[derive(Debug, Serialize)]
pub struct LiveInput {
    path: String,
    state: &'static str,
    /// Whether an order keeps it off the air.
    muted: bool,
    /// Whether an order gives it the air, as soon as it has sound.
    forced: bool,
    /// Who sends, or has left and may come back.
    source: Option<LiveSource>,
    title: Option<String>,
    /// How long the session has been on the air.
    aired: f64,
    /// How much is in the buffer.
    buffered: f64,
    /// How much faster than ours the sender's clock runs, in millionths.
    drift_ppm: f64,
    drops: u64,
    gaps: u64,
}

impl LiveInput {
    /// From an item of [`Pipeline::live_inputs`](crate::Pipeline::live_inputs).
    pub fn of(input: &LiveInputState) -> LiveInput {
        let LiveInputState {
            path,
            state,
            muted,
            forced,
            source,
            title,
            aired,
            buffered,
            drift_ppm,
            drops,
            gaps,
        } = input;
        LiveInput {
            path: path.to_string(),
            state: state.as_str(),
            muted: *muted,
            forced: *forced,
            source: source.as_deref().map(LiveSource::of),
            title: title.clone(),
            aired: seconds(*aired),
            buffered: seconds(*buffered),
            drift_ppm: drift_ppm.round(),
            drops: *drops,
            gaps: *gaps,
        }
    }
}

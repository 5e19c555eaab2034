//! Recordings as documents.

use serde::Serialize;

use crate::recording::{self, RecordingState};
use crate::time::{rfc3339, seconds};

/// What was recorded, the youngest first.
#[derive(Debug, Serialize)]
pub struct Recordings {
    recordings: Vec<Recording>,
    problems: Vec<String>,
}

/// A file that was recorded.
#[derive(Debug, Serialize)]
pub struct Recording {
    name: String,
    mount: String,
    bytes: u64,
    began: Option<String>,
    state: &'static str,
    duration: Option<f64>,
}

impl Recordings {
    /// The document of these recordings.
    pub fn of(list: &recording::RecordingList) -> Recordings {
        let recordings = list.recordings.iter().map(Recording::of).collect();
        Recordings { recordings, problems: list.problems.clone() }
    }
}

impl Recording {
    /// The document of this recording.
    pub fn of(recording: &recording::Recording) -> Recording {
        let (state, duration) = match recording.state {
            RecordingState::Running => ("running", None),
            RecordingState::Ended { duration } => ("ended", duration),
            RecordingState::BrokenOff => ("broken-off", None),
        };
        Recording {
            name: recording.name.clone(),
            mount: recording.mount.clone(),
            bytes: recording.bytes,
            began: recording.began.map(rfc3339),
            state,
            duration: duration.map(seconds),
        }
    }
}

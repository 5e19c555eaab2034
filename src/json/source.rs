//! A source.

use std::net::IpAddr;

use serde::Serialize;

use crate::time::{rfc3339, seconds};
use crate::{LiveSourceState, SourceState};

/// A source that is connected.
#[derive(Debug, Serialize)]
pub struct Source {
    id: u64,
    path: String,
    user: String,
    program: String,
    address: Option<IpAddr>,
    content_type: String,
    name: Option<String>,
    since: String,
    received_bytes: u64,
    lost_bytes: u64,
    silent_for: f64,
    /// Null at a relayed mount: nothing is decoded there.
    live: Option<LiveSound>,
}

/// The sound of a source at a live input.
#[derive(Debug, Serialize)]
struct LiveSound {
    format: Option<LiveFormat>,
    skipped_bytes: u64,
    bad_packets: u64,
    buffered: f64,
    drift_ppm: f64,
    drops: u64,
    gaps: u64,
}

#[derive(Debug, Serialize)]
struct LiveFormat {
    name: &'static str,
    rate: u32,
    channels: usize,
}

impl Source {
    /// From an item of [`Station::sources`](crate::Station::sources).
    pub fn of(state: &SourceState) -> Source {
        let info = &state.info;
        Source {
            id: state.id,
            path: state.path.to_string(),
            user: info.user.clone(),
            program: info.program.clone(),
            address: info.address,
            content_type: info.content_type.clone(),
            name: info.name.clone(),
            since: rfc3339(state.since),
            received_bytes: state.received_bytes,
            lost_bytes: state.lost_bytes,
            silent_for: seconds(state.silent_for),
            live: state.live.as_ref().map(LiveSound::of),
        }
    }
}

impl LiveSound {
    fn of(state: &LiveSourceState) -> LiveSound {
        let format = state.format.map(|format| LiveFormat {
            name: format.name,
            rate: format.rate,
            channels: format.channels,
        });
        LiveSound {
            format,
            skipped_bytes: state.skipped_bytes,
            bad_packets: state.bad_packets,
            buffered: seconds(state.buffered),
            drift_ppm: state.drift_ppm.round(),
            drops: state.drops,
            gaps: state.gaps,
        }
    }
}

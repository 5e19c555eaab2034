//! A source.

use std::net::IpAddr;

use serde::Serialize;

use crate::SourceState;
use crate::time::{rfc3339, seconds};

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
        }
    }
}

//! A server, its mounts and its listeners.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::counters::CounterInfo;
use crate::time::{rfc3339, seconds};
use crate::{HlsInfo, ListenerInfo, MountInfo, ServerStats};

/// Counters with their declared names.
#[derive(Debug)]
pub(super) struct Counters(pub Vec<(&'static CounterInfo, u64)>);

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(counter, value)| (counter.name, counter.told(*value))))
    }
}

/// The statistics of a server since it started.
#[derive(Debug, Serialize)]
pub struct ServerStatistics {
    #[serde(flatten)]
    counters: Counters,
    /// Listeners that left, by reason.
    closed: BTreeMap<&'static str, u64>,
    turns: u64,
    turn_p50: f64,
    turn_p99: f64,
    turn_max: f64,
}

impl ServerStatistics {
    /// From [`Server::stats`](crate::Server::stats).
    pub fn of(stats: &ServerStats) -> ServerStatistics {
        let turns = &stats.turn_times;
        ServerStatistics {
            counters: Counters(stats.counters().collect()),
            closed: stats.closed.iter().map(|(reason, count)| (reason.as_str(), *count)).collect(),
            turns: turns.count(),
            turn_p50: turns.quantile(0.50).as_secs_f64(),
            turn_p99: turns.quantile(0.99).as_secs_f64(),
            turn_max: turns.max().as_secs_f64(),
        }
    }
}

/// A mount.
#[derive(Debug, Serialize)]
pub struct Mount {
    mount: String,
    content_type: String,
    name: Option<String>,
    genre: Option<String>,
    description: Option<String>,
    url: Option<String>,
    public: bool,
    hidden: bool,
    bitrate: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u8>,
    max_listeners: Option<usize>,
    since: String,
    title: String,
    title_url: Option<String>,
    title_changed_at: String,
    audible_at: String,
    /// Bytes of audio since the mount was added.
    position_bytes: u64,
    duration: f64,
    unreadable: Option<String>,
    /// The playlists of the HLS that carry it.
    hls: Vec<String>,
    #[serde(flatten)]
    counters: Counters,
}

impl Mount {
    /// From [`Server::mount_info`](crate::Server::mount_info).
    pub fn of(info: &MountInfo) -> Mount {
        let (settings, title) = (&info.settings, &info.title);
        Mount {
            mount: settings.path.clone(),
            content_type: settings.content_type.clone(),
            name: settings.name.clone(),
            genre: settings.genre.clone(),
            description: settings.description.clone(),
            url: settings.url.clone(),
            public: settings.public,
            hidden: settings.hidden,
            bitrate: settings.bitrate,
            sample_rate: settings.sample_rate,
            channels: settings.channels,
            max_listeners: settings.max_listeners,
            since: rfc3339(info.since),
            title: title.title.text.clone(),
            title_url: title.title.url.clone(),
            title_changed_at: rfc3339(title.changed_at),
            audible_at: rfc3339(title.audible_at),
            position_bytes: info.position.0,
            duration: seconds(info.duration),
            unreadable: info.unreadable.as_deref().cloned(),
            hls: info.hls.clone(),
            counters: Counters(info.counters().collect()),
        }
    }
}

/// An HLS.
#[derive(Debug, Serialize)]
pub struct Hls {
    path: String,
    /// The playlist that players open.
    playlist: String,
    /// The mounts of its variants, in their order.
    variants: Vec<String>,
    segment: f64,
    window: u32,
    count: bool,
    #[serde(flatten)]
    counters: Counters,
}

impl Hls {
    /// From an item of [`Pipeline::hls`](crate::Pipeline::hls).
    pub fn of(info: &HlsInfo) -> Hls {
        let settings = &info.settings;
        Hls {
            path: settings.path.clone(),
            playlist: info.playlist.clone(),
            variants: info.variants.clone(),
            segment: seconds(settings.segment),
            window: settings.window,
            count: settings.count,
            counters: Counters(info.counters.counters().collect()),
        }
    }
}

/// A listener.
#[derive(Debug, Serialize)]
pub struct Listener {
    id: u64,
    mount: String,
    address: Option<IpAddr>,
    agent: String,
    #[serde(serialize_with = "crate::time::as_seconds")]
    duration: Duration,
    bytes: u64,
    is_behind: bool,
}

impl Listener {
    /// From an item of [`Server::listeners`](crate::Server::listeners).
    pub fn of(info: &ListenerInfo) -> Listener {
        let ListenerInfo { id, mount, address, agent, duration, bytes, is_behind } = info;
        Listener {
            id: *id,
            mount: mount.to_string(),
            address: *address,
            agent: agent.clone(),
            duration: *duration,
            bytes: *bytes,
            is_behind: *is_behind,
        }
    }
}

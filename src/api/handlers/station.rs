//! The station as a whole: whether it is well, what serves it, who listens.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use serde::Serialize;

use crate::api::call::{Call, Handled, done, json, open_json};
use crate::api::core::Core;
use crate::api::problem::Problem as Refusal;
use crate::api::views::Mount;
use crate::time::{rfc3339, seconds};
use crate::{HttpAnswer, ListenerInfo, format_title, read_metadata};

/// The description of the API. All answers share it.
static OPENAPI: LazyLock<Arc<[u8]>> = LazyLock::new(|| Arc::from(&include_bytes!("../openapi.json")[..]));

/// `GET /api/v1/openapi.json`
pub(crate) fn openapi(_: &Core, _: &Call<'_>) -> Handled {
    Ok(HttpAnswer::shared(200, "application/json", Arc::clone(&OPENAPI))
        .with("Access-Control-Allow-Origin", "*"))
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    /// What is wrong, in sentences.
    problems: Vec<Problem>,
}

#[derive(Serialize)]
struct Problem {
    pipeline: String,
    problem: String,
}

/// `GET /health`: 200, or 503 with the reasons.
pub(crate) fn health(core: &Core, _: &Call<'_>) -> Handled {
    let mut problems = Vec::new();
    for pipeline in &core.pipelines {
        let name = pipeline.name();
        problems.extend(
            pipeline.health().problems.into_iter().map(|problem| Problem { pipeline: name.into(), problem }),
        );
    }
    let (code, status) = if problems.is_empty() { (200, "ok") } else { (503, "failing") };
    Ok(open_json(code, &Health { status, problems }))
}

#[derive(Serialize)]
struct ServerView {
    version: &'static str,
    started: String,
    uptime: f64,
    listen: Vec<String>,
    public_url: String,
    listeners: u64,
    listener_peak: u64,
    connections: u64,
    accepted: u64,
    accept_failures: u64,
    requests: u64,
    refused: u64,
    bytes_sent: u64,
    skips: u64,
    skipped_bytes: u64,
    /// Listeners that have gone, by reason.
    closed: std::collections::BTreeMap<&'static str, u64>,
    /// What the reactor's turns took, in seconds.
    turn_p50: f64,
    turn_p99: f64,
    turn_max: f64,
}

/// `GET /api/v1/server`
pub(crate) fn server(core: &Core, call: &Call<'_>) -> Handled {
    let stats = core.server.stats();
    Ok(json(
        200,
        &ServerView {
            version: env!("CARGO_PKG_VERSION"),
            started: rfc3339(core.started),
            uptime: seconds(SystemTime::now().duration_since(core.started).unwrap_or_default()),
            listen: core.server.local_addrs().iter().map(ToString::to_string).collect(),
            public_url: call.request.base_url().into(),
            listeners: stats.listeners,
            listener_peak: stats.listener_peak,
            connections: stats.connections,
            accepted: stats.accepted,
            accept_failures: stats.accept_failures,
            requests: stats.requests,
            refused: stats.refused,
            bytes_sent: stats.bytes_sent,
            skips: stats.skips,
            skipped_bytes: stats.skipped_bytes,
            closed: stats.closed.iter().map(|(reason, count)| (reason.as_str(), *count)).collect(),
            turn_p50: stats.turn_p50.as_secs_f64(),
            turn_p99: stats.turn_p99.as_secs_f64(),
            turn_max: stats.turn_max.as_secs_f64(),
        },
    ))
}

/// `GET /api/v1/mounts`
pub(crate) fn mounts(core: &Core, call: &Call<'_>) -> Handled {
    let base = call.request.base_url();
    Ok(json(200, &core.server.mounts().iter().map(|info| Mount::of(info, core, base)).collect::<Vec<_>>()))
}

#[derive(Serialize)]
struct Listener {
    id: u64,
    mount: String,
    address: IpAddr,
    agent: String,
    duration: f64,
    bytes: u64,
    is_behind: bool,
}

impl From<ListenerInfo> for Listener {
    fn from(info: ListenerInfo) -> Listener {
        let ListenerInfo { id, mount, address, agent, duration, bytes, is_behind } = info;
        Listener {
            id,
            mount: mount.to_string(),
            address,
            agent,
            duration: seconds(duration),
            bytes,
            is_behind,
        }
    }
}

/// `GET /api/v1/listeners`
pub(crate) fn listeners(core: &Core, call: &Call<'_>) -> Handled {
    let mount = call.request.parameter("mount");
    let listeners = core.server.listeners(mount.as_deref())?;
    Ok(json(200, &listeners.into_iter().map(Listener::from).collect::<Vec<_>>()))
}

/// `DELETE /api/v1/listeners/{id}`
pub(crate) fn kick(core: &Core, call: &Call<'_>) -> Handled {
    core.server.kick(call.number(0)?)?;
    done()
}

/// `POST /api/v1/reload`: reads the configuration again.
pub(crate) fn reload(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &core.reload()?))
}

#[derive(Serialize)]
struct Metadata {
    file: String,
    title: String,
    artist: Option<String>,
    name: Option<String>,
    album: Option<String>,
    duration: Option<f64>,
    track_gain_db: Option<f32>,
    album_gain_db: Option<f32>,
}

/// `GET /api/v1/metadata?file=`: reads the tags of a file.
pub(crate) fn metadata(core: &Core, call: &Call<'_>) -> Handled {
    let name = call.request.parameter("file");
    let name = name.ok_or_else(|| Refusal::new("invalid-parameter", "file= says which").at("file"))?;
    let media = core.media.load();
    let file = media.resolve(&name, "file")?;
    let tags = read_metadata(&file)?;
    Ok(json(
        200,
        &Metadata {
            file: media.name_of(&file),
            title: format_title(None, &tags, None, &file),
            artist: tags.artist,
            name: tags.title,
            album: tags.album,
            duration: tags.duration.map(seconds),
            track_gain_db: tags.track_gain_db,
            album_gain_db: tags.album_gain_db,
        },
    ))
}

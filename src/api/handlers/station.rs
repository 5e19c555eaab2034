//! Handlers for the station as a whole: its health, its server, its listeners.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::HttpAnswer;
use crate::api::call::{Call, Handled, done, json, open_json};
use crate::api::core::Core;
use crate::api::problem::Problem as Refusal;
use crate::api::views::StationMount;
use crate::codec::read_tags;
use crate::health::Health;
use crate::json::{FileMetadata, Listener, ServerStatistics};
use crate::per_process::PerProcess;
use crate::time::{rfc3339, seconds};

/// The OpenAPI document. All answers share its bytes.
static OPENAPI: PerProcess<Arc<[u8]>> = PerProcess::new(|| Arc::from(&include_bytes!("../openapi.json")[..]));

/// `GET /api/v1/openapi.json`
pub(crate) fn openapi(_: &Core, _: &Call<'_>) -> Handled {
    Ok(HttpAnswer::shared(200, "application/json", Arc::clone(OPENAPI.get())).readable_by_all())
}

#[derive(Serialize)]
struct StationHealth<'a> {
    status: &'static str,
    problems: Vec<Finding<'a>>,
    warnings: Vec<Finding<'a>>,
}

/// A problem or a warning, in a sentence.
#[derive(Serialize)]
struct Finding<'a> {
    /// `None` if it is about the whole station.
    pipeline: Option<&'a str>,
    problem: String,
}

/// `GET /health`: status 200, or 503 if there are problems. Anybody can read it, so it names no files and no
/// addresses.
pub(crate) fn public_health(core: &Core, _: &Call<'_>) -> Handled {
    health_with(core, |health| health.public_warnings)
}

/// `GET /api/v1/health`: the same, with all details.
pub(crate) fn health(core: &Core, _: &Call<'_>) -> Handled {
    health_with(core, |health| health.warnings)
}

fn health_with(core: &Core, warnings_of: fn(Health) -> Vec<String>) -> Handled {
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    for (pipeline, mut health) in core.health() {
        let finding = |problem| Finding { pipeline, problem };
        problems.extend(std::mem::take(&mut health.problems).into_iter().map(finding));
        warnings.extend(warnings_of(health).into_iter().map(finding));
    }
    let (code, status) = if problems.is_empty() { (200, "ok") } else { (503, "failing") };
    Ok(open_json(code, &StationHealth { status, problems, warnings }))
}

#[derive(Serialize)]
struct ServerState {
    version: &'static str,
    started: String,
    uptime: f64,
    listen: Vec<String>,
    icy_listen: Vec<String>,
    public_url: String,
    parts: Parts,
    #[serde(flatten)]
    statistics: ServerStatistics,
}

/// What the station has of what a station can do without.
#[derive(Serialize)]
struct Parts {
    library: bool,
    inbox: bool,
    history: bool,
    configuration: bool,
}

impl Parts {
    #[cfg(feature = "library")]
    fn of(core: &Core) -> Parts {
        let library = core.library.as_ref();
        Parts {
            library: library.is_some(),
            inbox: library.and_then(crate::Library::inbox).is_some(),
            history: core.plays.history().is_some(),
            configuration: core.declared.is_some(),
        }
    }

    /// The others are of the feature `library`.
    #[cfg(not(feature = "library"))]
    fn of(core: &Core) -> Parts {
        Parts { library: false, inbox: false, history: false, configuration: core.declared.is_some() }
    }
}

/// `GET /api/v1/server`
pub(crate) fn server(core: &Core, call: &Call<'_>) -> Handled {
    Ok(json(
        200,
        &ServerState {
            version: env!("CARGO_PKG_VERSION"),
            started: rfc3339(core.started),
            uptime: seconds(SystemTime::now().duration_since(core.started).unwrap_or_default()),
            listen: core.server.local_addrs().iter().map(ToString::to_string).collect(),
            icy_listen: core.server.icy_addrs().iter().map(ToString::to_string).collect(),
            public_url: call.request.base_url().into(),
            parts: Parts::of(core),
            statistics: ServerStatistics::of(&core.server.stats()),
        },
    ))
}

/// `GET /api/v1/mounts`
pub(crate) fn mounts(core: &Core, call: &Call<'_>) -> Handled {
    let base = call.request.base_url();
    Ok(json(
        200,
        &core.server.mounts().iter().map(|info| StationMount::of(info, core, base)).collect::<Vec<_>>(),
    ))
}

/// `GET /api/v1/listeners`
pub(crate) fn listeners(core: &Core, call: &Call<'_>) -> Handled {
    let mount = call.request.parameter("mount");
    let listeners = core.server.listeners(mount.as_deref())?;
    Ok(json(200, &listeners.iter().map(Listener::of).collect::<Vec<_>>()))
}

/// `DELETE /api/v1/listeners/{id}`
pub(crate) fn kick(core: &Core, call: &Call<'_>) -> Handled {
    core.server.kick(call.number(0)?)?;
    done()
}

/// `GET /api/v1/metadata?file=`: reads the tags of a file, so it runs on the thread `api-files`.
pub(crate) fn metadata(core: &Core, call: &Call<'_>) -> Handled {
    let name = call.request.parameter("file");
    let name = name.ok_or_else(|| Refusal::new("invalid-parameter", "file= says which").at("file"))?;
    let own = name.clone();
    let (file, tags) = core.with_files(call, &name, move |media, job| {
        let file = media.finder().resolve(&own, "file")?;
        job.at(&file)?;
        let tags = read_tags(&file, &media.bounds())?;
        Ok((file, tags))
    })?;
    Ok(json(200, &FileMetadata::of(&file, &tags, &**core.media.load())))
}

//! Handlers for playlists of the library as M3U files.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::library::{library, problem};
use crate::access::Identity;
use crate::api::call::{Call, Handled, json, saved_as};
use crate::api::core::Core;
use crate::api::guard::changed_meanwhile;
use crate::api::problem::Problem;
use crate::api::service::conclude;
use crate::filework::Job;
use crate::http::M3U;
use crate::json::FileNames;
use crate::{HttpAnswer, HttpRequest, Imported, TrackKind};

/// The most bytes of an M3U: those of about 100,000 files.
const MOST: usize = 8 << 20;

/// `GET /api/v1/library/m3u/{name}`: with the files as the API names them, so that they can be given back.
pub(crate) fn export(core: &Core, call: &Call<'_>) -> Handled {
    let (name, media) = (&call.held[0], core.media.load_full());
    let named = move |path: &Path| media.file(path).into_bytes();
    let m3u = library(core)?.export_playlist_by(name, named).map_err(problem)?;
    let answer = HttpAnswer::new(200, M3U, m3u).with("Cache-Control", "no-store");
    Ok(answer.with("Content-Disposition", &saved_as(&format!("{name}.m3u8"))))
}

/// `PUT /api/v1/library/m3u/{name}`
pub(crate) fn import(core: &Arc<Core>, request: HttpRequest, held: &[String], who: &Identity) {
    let kind = match check(core, &request, who) {
        Ok(kind) => kind,
        Err(problem) => return conclude(core, Some(who), request, Err(problem)),
    };
    // Most files that it names are below the first root.
    let place = core.media.load().place("");
    let (own, by, name) = (Arc::clone(core), who.clone(), held[0].clone());
    core.transfer(who, &place, request, move |mut request, job| {
        // Without an answer: the client has gone, and the reactor has said so.
        let Some(m3u) = receive(&mut request, job) else { return };
        let handled = m3u.and_then(|m3u| set(&own, &by, &name, kind, &m3u, job));
        conclude(&own, Some(&by), request, handled);
    });
}

/// What the tracks are for, if the request says so and can be answered.
fn check(core: &Core, request: &HttpRequest, who: &Identity) -> Result<Option<TrackKind>, Problem> {
    library(core)?;
    let call = Call { request, held: &[], who: Some(who) };
    let kind = call.request.parameter("kind").map(|kind| {
        let wrong = format!("kind={kind:?}: it is music, jingle, spot or show");
        TrackKind::named(&kind).ok_or_else(|| Problem::new("invalid-parameter", wrong).at("kind"))
    });
    // Whatever else was sent would be a list of names that nobody has, and take a playlist's place.
    let content_type = request.header("content-type").unwrap_or_default();
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    if !content_type.eq_ignore_ascii_case(M3U) {
        let detail = format!("send the M3U with Content-Type: {M3U}");
        return Err(Problem::new("unsupported-media-type", detail));
    }
    if !request.awaits_body() {
        let detail = "the M3U is the body of the request, and this one has none";
        return Err(Problem::new("invalid-value", detail).at("body"));
    }
    let length: Option<usize> = request.header("content-length").and_then(|length| length.parse().ok());
    if length.is_some_and(|length| length > MOST) {
        return Err(too_large());
    }
    kind.transpose()
}

/// Takes the M3U. `None` if the client broke off.
fn receive(request: &mut HttpRequest, job: &Job) -> Option<Result<Vec<u8>, Problem>> {
    let mut m3u = Vec::new();
    job.rest();
    request.receive_upload().take(MOST as u64 + 1).read_to_end(&mut m3u).ok()?;
    Some(if m3u.len() > MOST { Err(too_large()) } else { Ok(m3u) })
}

fn too_large() -> Problem {
    Problem::new("too-large", format!("an M3U may have {MOST} bytes: make several playlists"))
}

/// What became of an M3U.
#[derive(Serialize)]
struct Answer {
    tracks: usize,
    left_out: Vec<String>,
    more_left_out: usize,
}

fn set(core: &Core, who: &Identity, name: &str, kind: Option<TrackKind>, m3u: &[u8], job: &Job) -> Handled {
    // It may have taken long to come.
    if !core.guard.still_knows(who) {
        return Err(changed_meanwhile());
    }
    let roots = core.media.load().declared().map(Path::to_owned).collect();
    let imported = library(core)?.import_m3u(name, kind, m3u, roots, &mut || job.step());
    let Imported { tracks, left_out, more_left_out } = imported.map_err(problem)?;
    Ok(json(200, &Answer { tracks, left_out, more_left_out }))
}

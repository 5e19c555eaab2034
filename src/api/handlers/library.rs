//! Handlers for the library. They read and write its database, so they run on the threads `api-files`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::call::{Call, Handled, done, json, kept_json};
use crate::api::core::Core;
use crate::api::media::Media;
use crate::api::problem::Problem;
use crate::http::{entity_tag, names_tag};
use crate::json::{FoundTracks, LibraryDocument, LibraryTrack};
use crate::{Edits, Error, Hits, HttpAnswer, Library, LibraryPlaylist, Search, SmartList};

/// `GET /api/v1/library`
pub(crate) fn state(core: &Core, _: &Call<'_>) -> Handled {
    let state = library(core)?.state().map_err(problem)?;
    Ok(json(200, &LibraryDocument::of(&state)))
}

/// How many tracks are listed, if nobody says how many.
const TRACKS: usize = 100;

/// `GET /api/v1/library/tracks`: by words, or by the query of a smart playlist, or by both.
pub(crate) fn tracks(core: &Core, call: &Call<'_>) -> Handled {
    let (limit, offset) = page(call)?;
    let (words, smart) = (call.request.parameter("search"), call.request.parameter("smart"));
    let hits = match smart {
        None => library(core)?.search(&Search { words: words.unwrap_or_default(), limit, offset }),
        Some(smart) => {
            let mut query: SmartList = serde_json::from_str(&smart)
                .map_err(|error| Problem::new("invalid-parameter", error.to_string()).at("smart"))?;
            let words = words.filter(|words| !words.trim().is_empty());
            let both = [query.search.take(), words].into_iter().flatten();
            query.search = both.reduce(|own, words| format!("{own} {words}"));
            library(core)?.find(&query, limit, offset)
        }
    };
    Ok(found(core, &hits.map_err(problem)?))
}

/// How many tracks are wanted, and how many are left out before.
fn page(call: &Call<'_>) -> Result<(usize, usize), Problem> {
    let limit = call.parameter("limit")?.unwrap_or(TRACKS);
    if !(1..=Search::MAX_LIMIT).contains(&limit) {
        let detail = format!("{limit}: 1 to {}", Search::MAX_LIMIT);
        return Err(Problem::new("invalid-parameter", detail).at("limit"));
    }
    let offset: u32 = call.parameter("offset")?.unwrap_or(0);
    Ok((limit, offset as usize))
}

fn found(core: &Core, hits: &Hits) -> HttpAnswer {
    let media: &Media = &core.media.load();
    json(200, &FoundTracks::of(hits, media))
}

/// `GET /api/v1/library/tracks/{id}`
pub(crate) fn track(core: &Core, call: &Call<'_>) -> Handled {
    let track = library(core)?.track(id(call)?).map_err(problem)?;
    Ok(json(200, &LibraryTrack::of(&track, &**core.media.load())))
}

#[derive(Serialize)]
struct Picture<'w> {
    peaks: &'w [u8],
}

/// `GET /api/v1/library/tracks/{id}/waveform`. Clients keep it, and ask whether it still holds.
pub(crate) fn waveform(core: &Core, call: &Call<'_>) -> Handled {
    let waveform = library(core)?.waveform(id(call)?).map_err(problem)?;
    let waveform =
        waveform.ok_or_else(|| Problem::new("not-found", "nobody has listened to this track yet"))?;
    let tag = entity_tag(waveform.peaks());
    let answer = match call.request.header("if-none-match").is_some_and(|known| names_tag(known, &tag)) {
        true => HttpAnswer::empty(304),
        false => kept_json(&Picture { peaks: waveform.peaks() }),
    };
    Ok(answer.with("Cache-Control", "private, no-cache").with("ETag", &tag))
}

/// `PATCH /api/v1/library/tracks/{id}`: what a person says of it. A value of `null` is said no more.
pub(crate) fn edit(core: &Core, call: &Call<'_>) -> Handled {
    let changes: serde_json::Map<String, Value> = call.body()?;
    // What cannot be is refused before the database is asked.
    Edits::default().changed(&changes)?;
    let edited = library(core)?.edit(id(call)?, move |edits| {
        *edits = edits.changed(&changes)?;
        Ok(())
    });
    Ok(json(200, &LibraryTrack::of(&edited.map_err(problem)?, &**core.media.load())))
}

/// `POST /api/v1/library/scan`
pub(crate) fn scan(core: &Core, _: &Call<'_>) -> Handled {
    library(core)?.start_scan()?;
    done()
}

/// `POST /api/v1/library/pause`
pub(crate) fn pause(core: &Core, _: &Call<'_>) -> Handled {
    library(core)?.pause();
    done()
}

/// `POST /api/v1/library/resume`
pub(crate) fn resume(core: &Core, _: &Call<'_>) -> Handled {
    library(core)?.resume();
    done()
}

/// `GET /api/v1/library/playlists`
pub(crate) fn playlists(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &library(core)?.playlists().map_err(problem)?))
}

/// `GET /api/v1/library/playlists/{name}`
pub(crate) fn playlist(core: &Core, call: &Call<'_>) -> Handled {
    Ok(json(200, &library(core)?.playlist(&call.held[0]).map_err(problem)?))
}

/// `PUT /api/v1/library/playlists/{name}`
pub(crate) fn set_playlist(core: &Core, call: &Call<'_>) -> Handled {
    let playlist: LibraryPlaylist = call.body()?;
    let playlist = LibraryPlaylist { name: call.held[0].clone(), ..playlist };
    library(core)?.set_playlist(playlist).map_err(problem)?;
    done()
}

/// `GET /api/v1/library/playlists/{name}/tracks`
pub(crate) fn playlist_tracks(core: &Core, call: &Call<'_>) -> Handled {
    let (limit, offset) = page(call)?;
    let hits = library(core)?.playlist_tracks(&call.held[0], limit, offset).map_err(problem)?;
    Ok(found(core, &hits))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    name: String,
}

/// `PATCH /api/v1/library/playlists/{name}`
pub(crate) fn rename_playlist(core: &Core, call: &Call<'_>) -> Handled {
    let Rename { name } = call.body()?;
    library(core)?.rename_playlist(&call.held[0], &name).map_err(problem)?;
    done()
}

/// `DELETE /api/v1/library/playlists/{name}`
pub(crate) fn remove_playlist(core: &Core, call: &Call<'_>) -> Handled {
    library(core)?.remove_playlist(&call.held[0]).map_err(problem)?;
    done()
}

pub(super) fn library(core: &Core) -> Result<&Library, Problem> {
    core.library.as_ref().ok_or_else(|| Problem::new("not-found", "the station has no library"))
}

fn id(call: &Call<'_>) -> Result<i64, Problem> {
    i64::try_from(call.number(0)?).map_err(|_| Problem::new("not-found", "there is no such track"))
}

/// A database that does not answer is no file that somebody named.
pub(super) fn problem(error: Error) -> Problem {
    match error {
        Error::NoAnswer { reason, .. } => Problem::new("library-unavailable", reason),
        other => other.into(),
    }
}

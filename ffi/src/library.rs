//! What the library of a station has, what a station has played, and what listeners request. A build without
//! the cargo feature `library` has none of these functions.

use std::ffi::c_char;
use std::net::IpAddr;
use std::time::SystemTime;

use longwave::json::{
    FoundTracks, LibraryDocument, LibraryTrack, OfferedTrack, Play, RequestedTrack, Statistics, WholePaths,
};
use longwave::{
    History, Library, LibraryPlaylist, Pipeline, PlaysWanted, ReportBy, ReportFormat, ReportSpan,
    RequestRefused, Search, StatisticsWanted, write_report,
};
use serde_json::{Map, Value};

use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::json::read;
use crate::pipeline::{lw_pipeline, with};
use crate::station::{lw_station, on_air};
use crate::text::{Out, optional_text, text};

/// Calls `act` with the library of a station that is on the air.
fn of_library<T>(station: lw_station, act: impl FnOnce(&Library) -> Outcome<T>) -> Outcome<T> {
    let missing = || Failure::not_found("the station has no library: declare [library]");
    on_air(station, |station| act(station.library().ok_or_else(missing)?))
}

/// The same for an order without a result.
fn order(station: lw_station, act: impl FnOnce(&Library) -> longwave::Result<()>) -> lw_status {
    call(|| {
        of_library(station, |library| Ok(act(library)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Calls `act` with what a station that is on the air has played.
fn of_history<T>(station: lw_station, act: impl FnOnce(&History) -> Outcome<T>) -> Outcome<T> {
    let missing = || Failure::not_found("the station writes down no plays: declare history_file");
    on_air(station, |station| act(station.history().ok_or_else(missing)?))
}

/// Which plays are wanted.
struct Wanted<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
    /// `None`: those of all pipelines.
    pipeline_name: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Reads the arguments.
    ///
    /// # Safety
    /// Each is NULL or a string that ends with NUL.
    unsafe fn read(
        from: *const c_char,
        to: *const c_char,
        pipeline_name: *const c_char,
    ) -> Outcome<Wanted<'a>> {
        // SAFETY: as this function's.
        unsafe {
            Ok(Wanted {
                from: optional_text(from, "from")?,
                to: optional_text(to, "to")?,
                pipeline_name: optional_text(pipeline_name, "pipeline_name")?,
            })
        }
    }

    /// The span, in the time zone of the pipeline; without one, of the first.
    fn span(&self, station: lw_station) -> Outcome<ReportSpan> {
        on_air(station, |station| {
            let pipelines = station.pipelines();
            let wanted = |pipeline: &&Pipeline| self.pipeline_name.is_none_or(|name| pipeline.name() == name);
            let pipeline = pipelines.iter().find(wanted).or(pipelines.first());
            let zone = pipeline.map(Pipeline::zone).unwrap_or_default();
            Ok(ReportSpan::parse(self.from, self.to, None, &zone)?)
        })
    }
}

/// How the library of a station is doing, as JSON: how many `tracks`, `missing`, `unplayable` and `to_hear`
/// it has, its last or present `scan`, whether it is `paused`, and `problems`, a list of sentences.
/// `LW_NOT_FOUND` if the station has no library, here and below. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_state(station: lw_station, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&LibraryDocument::of(&of_library(station, |library| Ok(library.state()?))?))
    })
}

/// Searches the library of a station, as one types: tracks that have all `words` in artist, title, album,
/// genre, year or file, the best first; without words the newest. `most` tracks (up to 1,000) after the first
/// `offset`, as JSON: `tracks`, `total`, and `more` (whether there are more than that). `json` is freed by
/// `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_search(
    station: lw_station,
    words: *const c_char,
    most: usize,
    offset: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (words, json) = unsafe { (text(words, "words")?, Out::new(json, "json")?) };
        let search = Search { limit: most, offset, ..Search::new(words) };
        let hits = of_library(station, |library| Ok(library.search(&search)?))?;
        json.json(&FoundTracks::of(&hits, &WholePaths))
    })
}

/// All that the library of a station knows of a track, by its id, as JSON. `LW_NOT_FOUND` if there is none.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_track(
    station: lw_station,
    track: i64,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let track = of_library(station, |library| Ok(library.track(track)?))?;
        json.json(&LibraryTrack::of(&track, &WholePaths))
    })
}

/// Changes what a person says of a track: `changes` is a JSON object with `artist`, `title`, `kind`,
/// `enabled`, `rating`, `loudness_lufs`, `cue_in`, `cue_out` or `start_next`; `null` takes back what was
/// said. `json` is the track as it is then, freed by `lw_free`, and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_edit(
    station: lw_station,
    track: i64,
    changes: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (changes, json) = unsafe { (text(changes, "changes")?, Out::optional(json, "json")?) };
        let changes: Map<String, Value> = read(changes, "changes", r#"an object like {"rating": 5}"#)?;
        let edited = of_library(station, |library| {
            Ok(library.edit(track, move |edits| {
                *edits = edits.changed(&changes)?;
                Ok(())
            })?)
        })?;
        json.map_or(Ok(lw_status::LW_OK), |json| json.json(&LibraryTrack::of(&edited, &WholePaths)))
    })
}

/// Looks through all folders of a station's library now. It does not wait for that.
#[unsafe(no_mangle)]
pub extern "C" fn lw_library_start_scan(station: lw_station) -> lw_status {
    order(station, Library::start_scan)
}

/// Lets scanning and listening rest.
#[unsafe(no_mangle)]
pub extern "C" fn lw_library_pause(station: lw_station) -> lw_status {
    order(station, |library| {
        library.pause();
        Ok(())
    })
}

/// Lets scanning and listening go on.
#[unsafe(no_mangle)]
pub extern "C" fn lw_library_resume(station: lw_station) -> lw_status {
    order(station, |library| {
        library.resume();
        Ok(())
    })
}

/// The playlists of a station's library, as a JSON list of objects with `name`, `kind`, and `ordered` (ids of
/// tracks) or `smart` (a query): see docs/LIBRARY.md. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_playlists(station: lw_station, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&of_library(station, |library| Ok(library.playlists()?))?)
    })
}

/// The playlist of this name, as `lw_library_playlists` has it. `LW_NOT_FOUND` if there is none. `json` is
/// freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_playlist(
    station: lw_station,
    name: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, json) = unsafe { (text(name, "name")?, Out::new(json, "json")?) };
        json.json(&of_library(station, |library| Ok(library.playlist(name)?))?)
    })
}

/// Makes a playlist of this name, or replaces it: `playlist` is a JSON object like `{"smart": {"genre":
/// ["Jazz"]}, "kind": "music"}` or `{"ordered": [17, 4]}`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_set_playlist(
    station: lw_station,
    name: *const c_char,
    playlist: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, playlist) = unsafe { (text(name, "name")?, text(playlist, "playlist")?) };
        let playlist: LibraryPlaylist = read(playlist, "playlist", r#"an object like {"ordered": [17, 4]}"#)?;
        let playlist = LibraryPlaylist { name: name.to_owned(), ..playlist };
        of_library(station, |library| Ok(library.set_playlist(playlist)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Removes a playlist of a station's library. Its tracks stay. `LW_NOT_FOUND` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_library_remove_playlist(station: lw_station, name: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let name = unsafe { text(name, "name") }?;
        of_library(station, |library| Ok(library.remove_playlist(name)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// What a station has played, the oldest first, as a JSON list like that of the HTTP API (docs/HISTORY.md).
/// `from` and `to` are days (`2026-01-31`, which is a part of it) or points of time, in the zone of the
/// pipeline, or of the first one; NULL is the beginning, or now. `most` of them: the first where there is a
/// `from`, else the last. `pipeline_name` may be NULL for all pipelines. It reads the history's file.
/// `LW_NOT_FOUND` if nothing is written down. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_history(
    station: lw_station,
    from: *const c_char,
    to: *const c_char,
    pipeline_name: *const c_char,
    most: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (wanted, json) = unsafe { (Wanted::read(from, to, pipeline_name)?, Out::new(json, "json")?) };
        let ReportSpan { from, before, .. } = wanted.span(station)?;
        let pipeline = wanted.pipeline_name.map(str::to_owned);
        let wanted = PlaysWanted { from, before, pipeline, limit: Some(most as u64) };
        let plays = of_history(station, |history| Ok(history.plays(&wanted)?))?;
        json.json(&plays.iter().map(Play::of).collect::<Vec<_>>())
    })
}

/// What a station has played in a span, for licensing societies, as `longwave report` writes it. `from` and
/// `to` as for `lw_station_history`. `by` is "track" or "play", `format` "csv" or "json". `report` is freed
/// by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_report(
    station: lw_station,
    from: *const c_char,
    to: *const c_char,
    pipeline_name: *const c_char,
    by: *const c_char,
    format: *const c_char,
    report: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let wanted = unsafe { Wanted::read(from, to, pipeline_name) }?;
        // SAFETY: as above.
        let (by, format, report) =
            unsafe { (text(by, "by")?, text(format, "format")?, Out::new(report, "report")?) };
        let span = wanted.span(station)?;
        let known = || ReportBy::ALL.iter().map(|by| by.as_str());
        let by = ReportBy::named(by).ok_or_else(|| unknown("by", by, known()))?;
        let known = || ReportFormat::ALL.iter().map(|format| format.as_str());
        let format = ReportFormat::named(format).ok_or_else(|| unknown("format", format, known()))?;
        let mut written = Vec::new();
        of_history(station, |history| {
            Ok(write_report(history.file(), &span, wanted.pipeline_name, by, format, &mut written)?)
        })?;
        report.text(&String::from_utf8_lossy(&written))
    })
}

/// How many listened to a station and its streams over time, as a JSON object like that of the HTTP API's
/// `statistics` (docs/HISTORY.md). `from` and `to` as for `lw_station_history`; NULL is the last day. `mount`
/// is a mount, or the playlist of an HLS; NULL is the station and all of its streams. `step` is how long a
/// step is, from "1m" to "1d"; NULL is one of which there are some hundred. It reads the history's file.
/// `LW_NOT_FOUND` if nothing is written down. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_statistics(
    station: lw_station,
    from: *const c_char,
    to: *const c_char,
    mount: *const c_char,
    step: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let ([from, to, mount, step], json) = unsafe {
            let texts = [
                optional_text(from, "from")?,
                optional_text(to, "to")?,
                optional_text(mount, "mount")?,
                optional_text(step, "step")?,
            ];
            (texts, Out::new(json, "json")?)
        };
        let own = on_air(station, |station| {
            Ok(station.pipelines().first().map(Pipeline::zone).unwrap_or_default())
        })?;
        let mut wanted = StatisticsWanted::parse(from, to, None, step, &own, SystemTime::now())?;
        wanted.mount = mount.map(str::to_owned);
        let statistics = of_history(station, |history| Ok(history.statistics(&wanted)?))?;
        json.json(&Statistics::of(&statistics))
    })
}

/// Searches for tracks that listeners may request of a pipeline, `most` of them, as a JSON list of objects
/// with `track` (the id), `artist`, `title`, `album` and `duration`. `LW_NOT_FOUND` if it takes no requests.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_search_requests(
    pipeline: lw_pipeline,
    words: *const c_char,
    most: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (words, json) = unsafe { (text(words, "words")?, Out::new(json, "json")?) };
        let found = with(pipeline, |pipeline| pipeline.search_requests(words, most).map_err(refused))?;
        json.json(&found.iter().map(OfferedTrack::of).collect::<Vec<_>>())
    })
}

/// Takes the request of a listener at this IP address: a track of the library goes to the end of the queue.
/// If a limit of `[pipeline.requests]` is reached, or it is not a time for requests, this returns `LW_LIMIT`,
/// and `lw_last_error` says why and when to come again. `json` is like an item of
/// `lw_pipeline_search_requests`, with the `id` of its entry in the queue. It is freed by `lw_free` and may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_request(
    pipeline: lw_pipeline,
    track: i64,
    address: *const c_char,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (address, json) = unsafe { (text(address, "address")?, Out::optional(json, "json")?) };
        let wrong = |_| Failure::invalid(format!("address: {address:?} is no IP address"));
        let address: IpAddr = address.parse().map_err(wrong)?;
        let (id, track) = with(pipeline, |pipeline| pipeline.request(track, address).map_err(refused))?;
        json.map_or(Ok(lw_status::LW_OK), |json| json.json(&RequestedTrack::of(id, &track)))
    })
}

/// A request that is not taken.
fn refused(refused: RequestRefused) -> Failure {
    let (wait, message) = (refused.wait(SystemTime::now()), refused.to_string());
    let message = match wait {
        Some(wait) => format!("{message}: try again in {} s", wait.as_secs() + 1),
        None => message,
    };
    match refused {
        RequestRefused::Failed(error) => error.into(),
        RequestRefused::Off | RequestRefused::NoTrack => Failure::not_found(message),
        _ => Failure { status: lw_status::LW_LIMIT, message },
    }
}

/// A value that is none of these names.
fn unknown(key: &str, given: &str, names: impl Iterator<Item = &'static str>) -> Failure {
    let known: Vec<_> = names.collect();
    Failure::invalid(format!("{key}: {given:?}: there is {}", known.join(", ")))
}

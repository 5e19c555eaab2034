//! What is known of a running pipeline. Asking never makes the audio wait.

use std::ffi::c_char;

use longwave::CurrentTrack;
use serde_json::{Value, json};

use super::{lw_pipeline, with};
use crate::entry::call;
use crate::failure::{Outcome, lw_status};
use crate::json;
use crate::text::{Out, optional_text, text, to_ms};

/// Gives a state as JSON.
fn give(
    json: Out<*mut c_char>,
    pipeline: lw_pipeline,
    state: impl FnOnce(&longwave::Pipeline) -> Value,
) -> Outcome {
    let state = with(pipeline, |pipeline| Ok(state(pipeline)))?;
    json.text(&state.to_string())
}

/// Gives something of the current track, if there is one.
fn of_current<T>(
    out: Out<T>,
    pipeline: lw_pipeline,
    part: impl FnOnce(CurrentTrack) -> Option<T>,
) -> Outcome {
    let part = with(pipeline, |pipeline| Ok(pipeline.current_track().and_then(part)))?;
    part.map_or(Ok(lw_status::LW_NONE), |part| out.set(part))
}

/// The track on the air, as of the mixer's last job (a tenth of a second at most), as JSON: `id`, `file`, `title`, `tags`,
/// `duration_ms`, `played_ms`, `remaining_ms`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_current_track(
    pipeline: lw_pipeline,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        let current = with(pipeline, |pipeline| {
            Ok(pipeline.current_track().map(|current| {
                let mut track = json::track(&current.track, pipeline.spec());
                track["played_ms"] = to_ms(current.played).into();
                track["remaining_ms"] = current.remaining.map(to_ms).into();
                track.to_string()
            }))
        })?;
        json.text_if_any(current.as_deref())
    })
}

/// The title of the track on the air, freed by `lw_free`. `LW_NONE` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_current_title(
    pipeline: lw_pipeline,
    title: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let title = unsafe { Out::new(title, "title") }?;
        let current = with(pipeline, |pipeline| Ok(pipeline.current_track()))?;
        title.text_if_any(current.as_ref().map(|current| current.track.title.as_str()))
    })
}

/// How much of the current track has been mixed, in milliseconds. `LW_NONE` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_played_ms(pipeline: lw_pipeline, milliseconds: *mut u64) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        of_current(out, pipeline, |current| Some(to_ms(current.played)))
    })
}

/// How much of the current track is to come, in milliseconds. `LW_NONE` if there is none, or that is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_remaining_ms(
    pipeline: lw_pipeline,
    milliseconds: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        of_current(out, pipeline, |current| current.remaining.map(to_ms))
    })
}

/// The next entries, `most` of them: first the queue, then the playlist; as JSON like `lw_pipeline_queue`. `json` is freed by
/// `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_up_next(
    pipeline: lw_pipeline,
    most: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| {
            Value::Array(pipeline.up_next(most).iter().map(json::entry).collect())
        })
    })
}

/// The last hundred tracks, oldest first, as JSON: what `lw_pipeline_current_track` says of a track, with `began_at`, in
/// milliseconds since 1970. The last of them may still be on the air. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_history(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| {
            let tracks = pipeline.history().into_iter().map(|played| {
                let mut track = json::track(&played.track, pipeline.spec());
                track["began_at"] = played.began_at.into();
                track
            });
            Value::Array(tracks.collect())
        })
    })
}

/// The playlist in play, and how far it is, as JSON: `name`, `length`, `played` (of this pass), `passes` (before this one), `loop`,
/// `shuffle`, `begun`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_playlist(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        let list = with(pipeline, |pipeline| Ok(pipeline.playlist()))?;
        json.text_if_any(list.map(|list| json::list(&list).to_string()).as_deref())
    })
}

/// How many listen to a pipeline: to all its mounts, where `mount` is NULL, or to one of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_listener_count(
    pipeline: lw_pipeline,
    mount: *const c_char,
    count: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let (mount, count) = unsafe { (optional_text(mount, "mount")?, Out::new(count, "count")?) };
        count.set(with(pipeline, |pipeline| Ok(pipeline.listener_count(mount)))? as u64)
    })
}

/// How much has been mixed since the pipeline started, in milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_time_on_air_ms(
    pipeline: lw_pipeline,
    milliseconds: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        out.set(to_ms(with(pipeline, |pipeline| Ok(pipeline.time_on_air()))?))
    })
}

/// Whether the programme is held: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_is_held(pipeline: lw_pipeline, held: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let held = unsafe { Out::new(held, "held") }?;
        held.set(with(pipeline, |pipeline| Ok(pipeline.is_held()))?.into())
    })
}

/// How loud the mix is, over the mixer's last job, as JSON: `peak_db` and `power_db`, left and right, in decibels below full
/// scale. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_levels(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| {
            let levels = pipeline.levels();
            json!({ "peak_db": levels.peak_db, "power_db": levels.power_db })
        })
    })
}

/// What is wrong with a pipeline, as a JSON list of sentences; an empty one: all is well. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_health(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| json!(pipeline.health().problems))
    })
}

/// What a pipeline needs to go on from here: its queue, its playlist and how far it is, its history, and the current track with
/// its offset. JSON to be kept and given to `lw_pipeline_restore`, opaque otherwise; freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_snapshot(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| {
            serde_json::to_value(pipeline.snapshot()).expect("a snapshot is JSON")
        })
    })
}

/// Goes on from a snapshot: what was up next is up next again, and the track that was on the air goes on where it was, by
/// a quick crossfade.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_restore(pipeline: lw_pipeline, snapshot: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: what the header demands of pointers.
        let snapshot = unsafe { text(snapshot, "snapshot") }?;
        let snapshot = json::read(snapshot, "snapshot", "what lw_pipeline_snapshot gave")?;
        with(pipeline, |pipeline| Ok(pipeline.restore(snapshot)?))?;
        Ok(lw_status::LW_OK)
    })
}

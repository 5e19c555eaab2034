//! The state of a running pipeline. Reading it never makes the audio wait.

use std::ffi::c_char;
use std::time::Duration;

use longwave::CurrentTrack;
use longwave::json::{self, WholePaths};
use serde::Serialize;

use super::programme::coming_tracks;
use super::{lw_pipeline, with, with_started};
use crate::entry::call;
use crate::failure::{Outcome, lw_status};
use crate::json::read;
use crate::text::{Out, optional_text, text, to_ms};

/// Writes a state as JSON.
fn give<T: Serialize>(
    json: Out<*mut c_char>,
    pipeline: lw_pipeline,
    state: impl FnOnce(&longwave::Pipeline) -> T,
) -> Outcome {
    json.json(&with(pipeline, |pipeline| Ok(state(pipeline)))?)
}

/// Writes a state as JSON, if there is one.
fn give_if_any<T: Serialize>(
    json: Out<*mut c_char>,
    pipeline: lw_pipeline,
    state: impl FnOnce(&longwave::Pipeline) -> Option<T>,
) -> Outcome {
    json.json_if_any(with(pipeline, |pipeline| Ok(state(pipeline)))?)
}

/// Writes a value of the current track, if there is one.
fn of_current<T>(
    out: Out<T>,
    pipeline: lw_pipeline,
    part: impl FnOnce(CurrentTrack) -> Option<T>,
) -> Outcome {
    let part = with(pipeline, |pipeline| Ok(pipeline.current_track().and_then(part)))?;
    part.map_or(Ok(lw_status::LW_NONE), |part| out.set(part))
}

/// The track on the air, as of the mixer's last job (a tenth of a second at most), as JSON: `id`, `file`,
/// `title` (what its mounts announce), `artist`, `name` (of the piece alone), `album`, `duration`, `played`,
/// `remaining`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_current_track(
    pipeline: lw_pipeline,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        give_if_any(json, pipeline, |pipeline| {
            pipeline.current_track().map(|current| json::CurrentTrack::of(&current, &WholePaths))
        })
    })
}

/// The title of the track on the air, freed by `lw_free`. `LW_NONE` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_current_title(
    pipeline: lw_pipeline,
    title: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let title = unsafe { Out::new(title, "title") }?;
        let current = with(pipeline, |pipeline| Ok(pipeline.current_track()))?;
        title.text_if_any(current.as_ref().map(|current| current.track.title.as_str()))
    })
}

/// How much of the current track has been mixed, in milliseconds. `LW_NONE` if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_played_ms(pipeline: lw_pipeline, milliseconds: *mut u64) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        of_current(out, pipeline, |current| Some(to_ms(current.played)))
    })
}

/// How much of the current track is to come, in milliseconds. `LW_NONE` if there is none, or if that is not
/// known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_remaining_ms(
    pipeline: lw_pipeline,
    milliseconds: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        of_current(out, pipeline, |current| current.remaining.map(to_ms))
    })
}

/// The next entries, `most` of them: first the queue, then the playlist; as JSON like `lw_pipeline_queue`.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_up_next(
    pipeline: lw_pipeline,
    most: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| coming_tracks(&pipeline.up_next(most)))
    })
}

/// What the schedule plays in the next `hours` (1 to 168) if nothing intervenes, as JSON: objects with `at`,
/// `ends`, `file`, `kind`, `reason`, `cut` (whether it is ended before its time) and `dropped` (whether it is
/// a slot that is not played). Nothing is touched that is on the air. Without a schedule the list is empty.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_preview(
    pipeline: lw_pipeline,
    hours: usize,
    json: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let time = Duration::from_secs((hours as u64).saturating_mul(3600));
        let planned = with(pipeline, |pipeline| Ok(pipeline.preview(time)?))?;
        json.json(
            &planned.iter().map(|planned| json::PlannedTrack::of(planned, &WholePaths)).collect::<Vec<_>>(),
        )
    })
}

/// The last hundred tracks, oldest first, as JSON: what `lw_pipeline_current_track` says of a track, with
/// `began_at`. The last of them may still be on the air. A pipeline that has stopped still gives them. `json`
/// is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_history(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let history = with_started(pipeline, longwave::Pipeline::history)?;
        json.json(
            &history.iter().map(|played| json::PlayedTrack::of(played, &WholePaths)).collect::<Vec<_>>(),
        )
    })
}

/// The playlist in play, and how far it is, as JSON: `name`, `length`, `played` (of this pass), `passes`
/// (before this one), `loop`, `shuffle`, `begun`. `LW_NONE` if there is none. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_playlist(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        give_if_any(json, pipeline, |pipeline| {
            pipeline.playlist().map(|list| json::Playlist::of(&list, &WholePaths))
        })
    })
}

/// The number of listeners of one mount of a pipeline, or of all its mounts if `mount` is NULL.
/// `LW_NOT_FOUND` if no output of the pipeline has this mount.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_listener_count(
    pipeline: lw_pipeline,
    mount: *const c_char,
    count: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (mount, count) = unsafe { (optional_text(mount, "mount")?, Out::new(count, "count")?) };
        count.set(with(pipeline, |pipeline| Ok(pipeline.listener_count(mount)?))? as u64)
    })
}

/// How much has been mixed since the pipeline started, in milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_time_on_air_ms(
    pipeline: lw_pipeline,
    milliseconds: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(milliseconds, "milliseconds") }?;
        out.set(to_ms(with(pipeline, |pipeline| Ok(pipeline.time_on_air()))?))
    })
}

/// Whether the programme is held: 1 or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_is_held(pipeline: lw_pipeline, held: *mut i32) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let held = unsafe { Out::new(held, "held") }?;
        held.set(with(pipeline, |pipeline| Ok(pipeline.is_held()))?.into())
    })
}

/// How far an order is that holds the programme, freed by `lw_free`: "released" if there is none,
/// "after-current" if it will be held when the current track has come to its end, "fading" while it fades
/// out, "held".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_hold_state(pipeline: lw_pipeline, state: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let state = unsafe { Out::new(state, "state") }?;
        state.text(with(pipeline, |pipeline| Ok(pipeline.hold_state()))?.as_str())
    })
}

/// How loud the mix is, as JSON: `peak_db` and `power_db` over the mixer's last job, left and right, in
/// decibels below full scale; `momentary_lufs` and `short_term_lufs`, the loudness over 400 ms and 3 s.
/// `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_levels(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, |pipeline| json::Levels::of(&pipeline.levels()))
    })
}

/// How much a pipeline has of what is limited, as JSON: `voices` and `max_voices`, `queued` and `max_queue`;
/// and `audio_left_out`, in seconds, because the mixer was too late. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_fill(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        give(json, pipeline, json::Fill::of)
    })
}

/// Whether a pipeline works as it should, as JSON: `ok`, and `problems`, a list of sentences. It is also told
/// of a pipeline that has stopped. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_health(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&with_started(pipeline, |pipeline| json::Health::of(pipeline.health()))?)
    })
}

/// What a pipeline needs to go on from here: its queue, its playlist and how far it is, its history, and the
/// current track with its offset. JSON to be kept and given to `lw_pipeline_restore`, opaque otherwise; freed
/// by `lw_free`. A pipeline that has stopped still gives it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_snapshot(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&with_started(pipeline, longwave::Pipeline::snapshot)?)
    })
}

/// Goes on from a snapshot. What was up next is up next again. The track that was on the air goes on where it
/// was, by a quick crossfade.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_restore(pipeline: lw_pipeline, snapshot: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let snapshot = unsafe { text(snapshot, "snapshot") }?;
        let snapshot = read(snapshot, "snapshot", "what lw_pipeline_snapshot gave")?;
        with(pipeline, |pipeline| Ok(pipeline.restore(snapshot)?))?;
        Ok(lw_status::LW_OK)
    })
}

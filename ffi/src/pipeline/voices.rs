//! Live mixing: decks and jingles. They set no title.

use std::ffi::c_char;

use longwave::json::{Voice, WholePaths};
use longwave::{Curve, VoiceId, VoiceOptions};

use super::{lw_pipeline, order, with};
use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::text::{Out, ms, optional_text, path};

fn curve(name: Option<&str>) -> Outcome<Curve> {
    match name {
        None | Some("equal-power") => Ok(Curve::EqualPower),
        Some("smooth") => Ok(Curve::Smooth),
        Some("linear") => Ok(Curve::Linear),
        Some("decibels") => Ok(Curve::Decibels),
        Some(other) => Err(Failure::invalid(format!(
            "there is no curve {other:?}; there are equal-power, smooth, linear, decibels"
        ))),
    }
}

pub(super) fn how(volume: f64, paused: i32) -> Outcome<VoiceOptions> {
    if !(0.0..=16.0).contains(&volume) {
        return Err(Failure {
            status: lw_status::LW_SETTING,
            message: format!("volume: {volume} is outside 0..=16; 1 is unchanged"),
        });
    }
    Ok(VoiceOptions { volume: volume as f32, paused: paused != 0, confined: false })
}

/// Plays a file over the programme. It is opened on this thread; this returns `LW_FILE` if it cannot be
/// played, and `LW_NO_ANSWER` if its disk does not answer. A volume of 1 leaves it unchanged. If `paused` is
/// not 0, it waits for `lw_pipeline_resume_voice`.
/// `voice` is its number, as long as the pipeline runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_voice(
    pipeline: lw_pipeline,
    file: *const c_char,
    volume: f64,
    paused: i32,
    voice: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (file, voice) = unsafe { (path(file, "file")?, Out::new(voice, "voice")?) };
        let options = how(volume, paused)?;
        voice.set(with(pipeline, |pipeline| Ok(pipeline.play_voice(file, options)?))?.0)
    })
}

/// Stops a voice, by a fade of so many milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_stop_voice(pipeline: lw_pipeline, voice: u64, fade_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.stop_voice(VoiceId(voice), ms(fade_ms)))
}

/// Stops decks, pushed PCM and the current track, by a fade of so many milliseconds. What follows is the next
/// track, or nothing while the programme is held.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_stop_all_voices(pipeline: lw_pipeline, fade_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.stop_all_voices(ms(fade_ms)))
}

/// Pauses a voice where it is.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_pause_voice(pipeline: lw_pipeline, voice: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.pause_voice(VoiceId(voice)))
}

/// Lets a paused voice go on.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_resume_voice(pipeline: lw_pipeline, voice: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.resume_voice(VoiceId(voice)))
}

/// Moves a voice to so many milliseconds from its beginning.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_seek_voice(pipeline: lw_pipeline, voice: u64, to_ms: u64) -> lw_status {
    order(pipeline, |pipeline| pipeline.seek_voice(VoiceId(voice), ms(to_ms)))
}

/// Sets a voice's volume, from 0 to 16, 1 being unchanged. It does not click.
#[unsafe(no_mangle)]
pub extern "C" fn lw_pipeline_set_volume(pipeline: lw_pipeline, voice: u64, volume: f64) -> lw_status {
    order(pipeline, |pipeline| pipeline.set_volume(VoiceId(voice), volume as f32))
}

/// Ramps a voice's volume to another in so many milliseconds, sample by sample. This returns at once; the
/// event `ramp-done` says when the ramp ends. `curve` is equal-power, smooth, linear or decibels; NULL means
/// equal-power. If `then_stop` is not 0, the voice ends with the ramp.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_ramp_volume(
    pipeline: lw_pipeline,
    voice: u64,
    to: f64,
    over_ms: u64,
    curve: *const c_char,
    then_stop: i32,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let curve = self::curve(unsafe { optional_text(curve, "curve") }?)?;
        with(pipeline, |pipeline| {
            Ok(pipeline.ramp_volume(VoiceId(voice), to as f32, ms(over_ms), curve, then_stop != 0)?)
        })?;
        Ok(lw_status::LW_OK)
    })
}

/// All voices but the programme's, as of the mixer's last job, as JSON: a list of `id`, `file` (null for
/// pushed PCM), `paused`, `volume`, `position`, `duration`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_voices(pipeline: lw_pipeline, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let voices = with(pipeline, |pipeline| {
            let rate = pipeline.spec().rate;
            let voices = pipeline.voices();
            Ok(voices.iter().map(|voice| Voice::of(voice, rate, &WholePaths)).collect::<Vec<_>>())
        })?;
        json.json(&voices)
    })
}

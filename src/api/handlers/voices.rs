//! Handlers for the voices over a pipeline's programme.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pipelines::Seek;
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::json::Voice;
use crate::time::{from_seconds, parse};
use crate::{Curve, Pipeline, VoiceId, VoiceOptions};

/// The default fade of a voice that is stopped.
const FADE: Duration = Duration::from_millis(500);

/// `GET /api/v1/pipelines/{pipeline}/voices`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let (rate, media) = (pipeline.spec().rate, core.media.load());
    let voices = pipeline.voices();
    Ok(json(200, &voices.iter().map(|voice| Voice::of(voice, rate, &**media)).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    file: String,
    #[serde(default = "unchanged")]
    volume: f32,
    #[serde(default)]
    paused: bool,
}

fn unchanged() -> f32 {
    1.0
}

#[derive(Serialize)]
struct Playing {
    id: u64,
}

/// `POST /api/v1/pipelines/{pipeline}/voices`: opens the file, so it runs on the thread `api-files`.
pub(crate) fn play(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let Play { file, volume, paused } = call.body()?;
    check_volume(volume)?;
    let file = core.resolve(call, &file, "file")?;
    let voice = pipeline.play_voice(file, VoiceOptions { volume, paused, confined: true })?;
    Ok(json(201, &Playing { id: voice.0 }))
}

fn check_volume(volume: f32) -> Result<(), Problem> {
    if (0.0..=16.0).contains(&volume) {
        return Ok(());
    }
    Err(Problem::new("invalid-value", format!("{volume} is outside 0..=16; 1 is unchanged")).at("volume"))
}

/// `DELETE /api/v1/pipelines/{pipeline}/voices`
pub(crate) fn stop_all(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.stop_all_voices(fade(call)?)?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/voices/{voice}`
pub(crate) fn stop(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, voice) = voice(core, call)?;
    pipeline.stop_voice(voice, fade(call)?)?;
    done()
}

fn fade(call: &Call<'_>) -> Result<Duration, Problem> {
    let Some(seconds) = call.parameter::<f64>("fade")? else { return Ok(FADE) };
    let wrong =
        || Problem::new("invalid-parameter", format!("{seconds:?} is no fade, in seconds")).at("fade");
    parse(seconds).ok_or_else(wrong)
}

/// `POST /api/v1/pipelines/{pipeline}/voices/{voice}/pause`
pub(crate) fn pause(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, voice) = voice(core, call)?;
    pipeline.pause_voice(voice)?;
    done()
}

/// `POST /api/v1/pipelines/{pipeline}/voices/{voice}/resume`
pub(crate) fn resume(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, voice) = voice(core, call)?;
    pipeline.resume_voice(voice)?;
    done()
}

/// `POST /api/v1/pipelines/{pipeline}/voices/{voice}/seek`
pub(crate) fn seek(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, voice) = voice(core, call)?;
    pipeline.seek_voice(voice, call.body::<Seek>()?.to)?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Volume {
    volume: f32,
    #[serde(default, deserialize_with = "from_seconds")]
    over: Duration,
    #[serde(default)]
    curve: CurveText,
    #[serde(default)]
    then_stop: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CurveText {
    EqualPower,
    Decibels,
    #[default]
    Smooth,
    Linear,
}

/// `PUT /api/v1/pipelines/{pipeline}/voices/{voice}/volume`
pub(crate) fn volume(core: &Core, call: &Call<'_>) -> Handled {
    let (pipeline, voice) = voice(core, call)?;
    let wanted: Volume = call.body()?;
    check_volume(wanted.volume)?;
    let curve = match wanted.curve {
        CurveText::EqualPower => Curve::EqualPower,
        CurveText::Decibels => Curve::Decibels,
        CurveText::Smooth => Curve::Smooth,
        CurveText::Linear => Curve::Linear,
    };
    pipeline.ramp_volume(voice, wanted.volume, wanted.over, curve, wanted.then_stop)?;
    done()
}

/// The voice that the route names. (A new voice exists only after the mixer's next job.)
fn voice<'a>(core: &'a Core, call: &Call<'_>) -> Result<(&'a Pipeline, VoiceId), Problem> {
    let pipeline = core.pipeline(&call.held[0])?;
    Ok((pipeline, VoiceId(call.number(1)?)))
}

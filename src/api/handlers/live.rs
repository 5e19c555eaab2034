//! Handlers for live inputs, and for orders on who has the air.

use serde::Deserialize;

use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::views::PROGRAMME;
use crate::json::LiveInput;

/// `GET /api/v1/pipelines/{pipeline}/live`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let inputs = core.pipeline(&call.held[0])?.live_inputs();
    Ok(json(200, &inputs.iter().map(LiveInput::of).collect::<Vec<_>>()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Force {
    to: String,
}

/// `POST /api/v1/pipelines/{pipeline}/live/force`
pub(crate) fn force(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    match call.body::<Force>()?.to.as_str() {
        PROGRAMME => pipeline.force_programme()?,
        path => pipeline.force_live(path)?,
    }
    done()
}

/// `POST /api/v1/pipelines/{pipeline}/live/release`
pub(crate) fn release(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.release_live()?;
    done()
}

/// Names a live input.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    path: String,
}

/// `POST /api/v1/pipelines/{pipeline}/live/mute`
pub(crate) fn mute(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.mute_live(&call.body::<Input>()?.path)?;
    done()
}

/// `POST /api/v1/pipelines/{pipeline}/live/unmute`
pub(crate) fn unmute(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.unmute_live(&call.body::<Input>()?.path)?;
    done()
}

//! Handlers for the sources that are connected.

use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::error::LeaveReason;
use crate::json::Source;

/// `GET /api/v1/sources`
pub(crate) fn list(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &core.sources.list().iter().map(Source::of).collect::<Vec<_>>()))
}

/// `DELETE /api/v1/sources/{id}`
pub(crate) fn kick(core: &Core, call: &Call<'_>) -> Handled {
    core.sources.let_go(call.number(0)?, LeaveReason::Kicked)?;
    done()
}

//! Handlers for what is played by the clock.

use std::time::{Duration, SystemTime};

use crate::Pipeline;
use crate::api::call::{Call, Handled, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::json::{PlannedTrack, Schedule};

/// How many hours are shown by default.
const HOURS: u32 = 24;

/// `GET /api/v1/pipelines/{pipeline}/schedule`: a schedule may be long, so it runs on the thread `api-files`.
pub(crate) fn show(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let ((schedule, added), now) = (pipeline.schedule_with_added(), SystemTime::now());
    let week = schedule.week(call.request.parameter("from").as_deref(), now)?;
    let media = core.media.load();
    Ok(json(200, &Schedule::of(&schedule, &added, &week, pipeline.dropped_slots(), now, &**media)))
}

/// `GET /api/v1/pipelines/{pipeline}/schedule/preview`
pub(crate) fn preview(core: &Core, call: &Call<'_>) -> Handled {
    let hours = call.parameter("hours")?.unwrap_or(HOURS);
    let most = Pipeline::MAX_PREVIEW_HOURS;
    if !(1..=most).contains(&hours) {
        let detail = format!("hours={hours} is out of range: 1 to {most}");
        return Err(Problem::new("invalid-parameter", detail).at("hours"));
    }
    let planned = core.pipeline(&call.held[0])?.preview(Duration::from_secs(u64::from(hours) * 3600))?;
    let media = core.media.load();
    Ok(json(200, &planned.iter().map(|planned| PlannedTrack::of(planned, &**media)).collect::<Vec<_>>()))
}

//! `longwave schedule preview`: what a configuration will play.

use std::time::{Duration, SystemTime};

use longwave::json::{PlannedTrack, WholePaths};
use longwave::{Config, Library, PipelineSettings, preview_schedule, schedule_of};
use serde_json::Value;

use super::args::{Preview, ScheduleAction};
use super::ctl::planned;
use super::{Failure, say};

/// Runs the command.
pub fn run(action: &ScheduleAction) -> Result<(), Failure> {
    let ScheduleAction::Preview(args) = action;
    let config = Config::read(&args.config.path)?;
    let mut pipeline = pipeline_of(&config, args)?.clone();
    let time = Duration::from_secs(u64::from(args.hours) * 3600);
    // A preview changes nothing: a library that is not there yet has no playlists.
    let library = config.library.as_ref().filter(|library| library.database.exists());
    pipeline.library = library.map(Library::open_as_it_is).transpose()?;
    if schedule_of(&pipeline)?.is_empty() {
        let name = &pipeline.name;
        return Err(Failure::Usage(format!("longwave: pipeline {name:?} has no daypart, insert or slot")));
    }
    let tracks = preview_schedule(&pipeline, SystemTime::now(), time)?;
    let documents = tracks.iter().map(|track| PlannedTrack::of(track, &WholePaths));
    let list = serde_json::to_value(documents.collect::<Vec<_>>()).unwrap_or(Value::Null);
    match args.json {
        true => say(&format!("{list}\n")),
        false => say(&planned(&list, &pipeline.schedule.zone)),
    }
    Ok(())
}

fn pipeline_of<'c>(config: &'c Config, args: &Preview) -> Result<&'c PipelineSettings, Failure> {
    let names = || config.pipelines.iter().map(|pipeline| pipeline.name.as_str()).collect::<Vec<_>>();
    let found = match (&args.pipeline, config.pipelines.as_slice()) {
        (None, [pipeline]) => Some(pipeline),
        (None, _) => None,
        (Some(name), pipelines) => pipelines.iter().find(|pipeline| pipeline.name == *name),
    };
    found.ok_or_else(|| {
        Failure::Usage(format!("longwave: choose one of the pipelines by --pipeline: {}", names().join(", ")))
    })
}

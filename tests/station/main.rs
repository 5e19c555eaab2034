//! A station from files to players: what listeners hear, for how long, and the effect of bad files.
#![cfg(all(feature = "mp3", feature = "aac"))]

mod announcements;
mod bad_files;
mod chain;
mod clock;
mod djs;
mod handover;
mod hls;
mod hls_hostile;
mod limits;
mod live_drift;
mod live_formats;
mod live_inputs;
mod live_mixing;
mod live_orders;
mod live_phases;
mod live_reload;
mod moves;
mod players;
mod recording;
mod recording_disks;
mod relays;
mod schedule;
mod schedule_edges;
mod starting;

use longwave::{AacSettings, Mp3Settings, OutputSettings};
use longwave_testing::radio::output;

/// The outputs of `longwave play`: `/stream.mp3` and `/stream.aac`.
fn both() -> Vec<OutputSettings> {
    vec![output("/stream.mp3", Mp3Settings::default()), output("/stream.aac", AacSettings::default())]
}

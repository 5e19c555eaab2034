//! A station from files to players: what is heard, for how long, and what bad files cost.
#![cfg(all(feature = "mp3", feature = "aac"))]

mod bad_files;
mod chain;
mod clock;
mod live_mixing;
mod players;

use longwave::{AacSettings, Mp3Settings, OutputSettings};
use longwave_testing::radio::output;

/// What `longwave play` puts on the air: `/stream.mp3` and `/stream.aac`.
fn both() -> Vec<OutputSettings> {
    vec![output("/stream.mp3", Mp3Settings::default()), output("/stream.aac", AacSettings::default())]
}

//! Builds everything, starts it, stops it, joins it.

mod settings;

pub use settings::{OutputSettings, PipelineSettings, ReplayGain};

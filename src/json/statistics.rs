//! What pipelines and their encoders have done.

use serde::Serialize;

use super::server::Counters;
use crate::{EncoderStats, PipelineStats};

/// What a pipeline has done since it started.
#[derive(Debug, Serialize)]
pub struct PipelineStatistics {
    #[serde(flatten)]
    counters: Counters,
    lateness_p50: f64,
    lateness_p99: f64,
    lateness_max: f64,
}

impl PipelineStatistics {
    /// From [`Pipeline::stats`](crate::Pipeline::stats).
    pub fn of(stats: &PipelineStats) -> PipelineStatistics {
        let lateness = &stats.lateness;
        PipelineStatistics {
            counters: Counters(stats.counters().collect()),
            lateness_p50: lateness.quantile(0.50).as_secs_f64(),
            lateness_p99: lateness.quantile(0.99).as_secs_f64(),
            lateness_max: lateness.max().as_secs_f64(),
        }
    }
}

/// What the encoder of an output has done.
#[derive(Debug, Serialize)]
pub struct EncoderStatistics {
    #[serde(flatten)]
    counters: Counters,
}

impl EncoderStatistics {
    /// From [`Pipeline::encoder_stats`](crate::Pipeline::encoder_stats).
    pub fn of(stats: &EncoderStats) -> EncoderStatistics {
        EncoderStatistics { counters: Counters(stats.counters().collect()) }
    }
}

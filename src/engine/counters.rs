//! What a pipeline and its encoders count. Mixer and workers count, and any thread reads, without a lock
//! between them.

use crate::counters::{Durations, Histogram, counters};

counters! {
    /// What a pipeline has done since it started.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct PipelineStats {
        /// How late the mixer was with each of its jobs, which are about 100 ms of audio. Listeners hold some
        /// seconds.
        pub lateness: Durations,
    }

    /// What is counted of a pipeline: by its mixer, but the tracks by whoever emits their events.
    pub(crate) struct PipelineCounters {
        pub(crate) lateness: Histogram,
    }

    counted {
        /// Audio that was mixed.
        mixed: Counter of microseconds,
        /// Tracks that have begun.
        tracks: Counter of tracks,
        /// Tracks that could not be played, or not to their end.
        failed_tracks: Counter of tracks,
        /// Dead air, from when it was noticed.
        dead_air: Counter of microseconds,
    }
}

impl PipelineCounters {
    pub(crate) fn snapshot(&self) -> PipelineStats {
        self.copy(self.lateness.copy())
    }
}

counters! {
    /// What the encoder of an output has done since the output was added.
    #[derive(Clone, Copy, Debug)]
    #[non_exhaustive]
    pub struct EncoderStats {}

    /// What is counted of an encoder. Its counters are changed by the worker that has the output; `lost` is
    /// changed by the mixer.
    pub(crate) struct EncoderCounters {}

    counted {
        /// Audio that was encoded.
        encoded: Counter of microseconds,
        /// Time that this has taken.
        worked: Counter of microseconds,
        /// Audio that was left out because the encoder was too far behind.
        lost: Counter of microseconds,
        /// How often the encoder has failed, or could not be opened again.
        failures: Counter of failures,
        /// Pieces of work that wait, of about 100 ms of audio each.
        waiting: Gauge of jobs,
    }
}

impl EncoderCounters {
    pub(crate) fn snapshot(&self) -> EncoderStats {
        self.copy()
    }
}

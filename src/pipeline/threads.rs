//! The threads of a pipeline, and by when they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SERVER_STOPS_WITHIN;
use crate::engine::crew::Crew;

/// The threads of one pipeline, in the order in which they end.
#[derive(Default)]
pub(super) struct Threads {
    pub mixer: Crew,
    /// The threads `decode` and `lists`.
    pub decoders: Arc<Crew>,
    pub encoders: Arc<Crew>,
    /// The threads `hooks` and `state`.
    pub followers: Crew,
}

/// By when each stage of stopping is over. A stage that is stuck leaves time for those after it, so that only what is
/// stuck is named as such.
pub(super) struct Deadlines {
    pub mixer: Instant,
    pub decoders: Instant,
    pub encoders: Instant,
    pub server: Instant,
    /// They get what is due to them for two seconds. Usually nothing before it has taken any time.
    pub listeners: Instant,
    pub hooks: Instant,
}

impl Deadlines {
    /// For a chunk of a file.
    const DECODERS: Duration = Duration::from_millis(250);
    /// For the jobs that wait, and for what the encoder holds.
    const ENCODERS: Duration = Duration::from_millis(500);
    /// For hooks, and for a last write of the state.
    const HOOKS: Duration = Duration::from_secs(1);
    const LEAST_FOR_HOOKS: Duration = Duration::from_millis(250);
    /// For the threads that a server leaves to its last pipeline.
    const HUB: Duration = Duration::from_millis(250);

    pub fn within(deadline: Instant, own_server: bool) -> Deadlines {
        let hooks = deadline - Deadlines::HUB;
        let server = hooks - Deadlines::HOOKS;
        let encoders = if own_server { server - SERVER_STOPS_WITHIN } else { server };
        let decoders = encoders - Deadlines::ENCODERS;
        let listeners = hooks - Deadlines::LEAST_FOR_HOOKS;
        Deadlines { mixer: decoders - Deadlines::DECODERS, decoders, encoders, server, listeners, hooks }
    }
}

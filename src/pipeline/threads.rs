//! The threads of a pipeline, and by when they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SERVER_STOPS_WITHIN;
use crate::engine::crew::Crew;

/// The threads of one pipeline, in the order in which they end.
#[derive(Default)]
pub(super) struct Threads {
    pub mixer: Crew,
    /// The threads `decode`, `lists` and `src:PATH`.
    pub decoders: Arc<Crew>,
    /// The threads `hooks` and `state`.
    pub followers: Crew,
}

/// The deadline of each stage of stopping. A stuck stage leaves time for the later ones, so that only threads
/// that are stuck are reported as stuck.
pub(super) struct Deadlines {
    pub mixer: Instant,
    pub decoders: Instant,
    pub encoders: Instant,
    pub server: Instant,
    /// Listeners may take two seconds to receive what is due. There is time for that unless an earlier stage
    /// is slow.
    pub listeners: Instant,
    pub hooks: Instant,
}

impl Deadlines {
    /// A decoder sees the stop after its current chunk.
    const DECODERS: Duration = Duration::from_millis(250);
    /// An encoder first encodes its waiting jobs and is flushed.
    const ENCODERS: Duration = Duration::from_millis(500);
    /// Hooks run for the last events, and the state is written once more.
    const HOOKS: Duration = Duration::from_secs(1);
    const LEAST_FOR_HOOKS: Duration = Duration::from_millis(250);
    /// The threads of the hub end last.
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

//! What is told of a live input's state.

use std::sync::Arc;
use std::time::Duration;

use super::input::Input;
use crate::event::LiveSourceInfo;
use crate::names::named;
use crate::playout::LivePhase;
use crate::units::SampleRate;

named! {
    /// How far a live input is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[non_exhaustive]
    pub enum LiveState {
        /// No source is there.
        Absent = "absent",
        /// Its buffer fills.
        Buffering = "buffering",
        /// It has sound, and something else has the air: by its priority, because it came before, or by an
        /// order.
        Waiting = "waiting",
        /// It has the air.
        OnAir = "on-air",
        /// It has been silent for too long.
        Silent = "silent",
        /// Its line is broken, or its source has left: it may come back.
        Interrupted = "interrupted",
    }
}

/// Who has the air by an order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForcedAir {
    /// The programme, although a live input may have sound.
    Programme,
    /// The live input with this path, as soon as it has sound.
    Live(String),
}

/// The state of a live input, as of the mixer's last job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LiveInputState {
    /// Its path.
    pub path: Arc<str>,
    /// How far it is.
    pub state: LiveState,
    /// Whether an order keeps it off the air.
    pub muted: bool,
    /// Whether an order gives it the air, as soon as it has sound.
    pub forced: bool,
    /// Who sends, or has left within `grace`.
    pub source: Option<Arc<LiveSourceInfo>>,
    /// What the source is called on the air.
    pub title: Option<String>,
    /// How long the session has been on the air.
    pub aired: Duration,
    /// How much is in the buffer.
    pub buffered: Duration,
    /// How much faster than ours the sender's clock runs, in millionths.
    pub drift_ppm: f64,
    /// How often sound was dropped because too much had come.
    pub drops: u64,
    /// How often there was a gap because too little had come.
    pub gaps: u64,
}

/// What the rule says of an input.
pub(super) struct Ruled {
    pub phase: LivePhase,
    pub on_air: bool,
    pub muted: bool,
    pub forced: bool,
}

/// The state of an input.
pub(super) fn of(input: &Input, ruled: Ruled, rate: SampleRate) -> LiveInputState {
    let Ruled { phase, on_air, muted, forced } = ruled;
    let session = input.session.as_ref();
    let state = match phase {
        _ if on_air => LiveState::OnAir,
        LivePhase::Absent if session.is_some() && input.line.is_none() => LiveState::Interrupted,
        LivePhase::Absent if session.is_some() => LiveState::Buffering,
        LivePhase::Absent => LiveState::Absent,
        // A session that has been on the air waits for its source.
        LivePhase::Filling if session.is_some_and(|session| session.began) => LiveState::Interrupted,
        LivePhase::Filling => LiveState::Buffering,
        LivePhase::Sounding => LiveState::Waiting,
        LivePhase::Silent => LiveState::Silent,
    };
    let line = input.line.as_ref().map(|line| line.buffer.line());
    let (drops, gaps) = line.map_or((0, 0), |line| line.drops_and_gaps());
    LiveInputState {
        path: input.setup.path.clone(),
        state,
        muted,
        forced,
        source: session.map(|session| session.source.clone()),
        title: session.map(|session| session.title.text.clone()),
        aired: session.map_or(Duration::ZERO, |session| rate.duration_of(session.aired)),
        buffered: line.map_or(Duration::ZERO, |line| rate.duration_of(line.level())),
        drift_ppm: line.map_or(0.0, |line| line.drift_ppm()),
        drops,
        gaps,
    }
}

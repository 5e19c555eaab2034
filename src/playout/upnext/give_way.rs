//! How one track gives way to the next by an order.

use std::time::{Duration, Instant};

use crate::playout::TrackKind;

/// How the track on the air gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GiveWay {
    /// By a crossfade, as soon as the next track is there.
    Crossfade(Duration),
    /// The same at a moment that is to come.
    At(Appointment),
    /// It fades out at once, whether or not the next track is there.
    FadeOut(Duration),
    /// Not at all, if it has not begun to: the order was taken back.
    GoesOn,
}

/// When the next track is to begin, to the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appointment {
    pub begins: Instant,
    /// How long the crossfade is. If the two may not sound together, the first one has faded by then.
    pub crossfade: Duration,
    /// What the next track is for.
    pub kind: TrackKind,
    pub follower: Follower,
}

/// What begins at an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follower {
    /// Whatever comes next.
    Anything,
    /// A slot. It does not begin while the programme is held: what it does then is for the schedule to say.
    Slot {
        /// Whether it does not begin earlier, even if the track before it has ended.
        waits: bool,
    },
}

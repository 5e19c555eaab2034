//! The programme as a whole on its way into the mix: it is faded out and in when it is held.

use crate::playout::{Curve, GainRamp};
use crate::units::FrameCount;

/// The programme as a whole on its way into the mix.
pub(super) struct Bus {
    pub state: BusState,
    pub gain: GainRamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BusState {
    Sounding,
    Held,
}

impl Bus {
    pub fn set(&mut self, state: BusState, fade: FrameCount) {
        self.state = state;
        let to = match state {
            BusState::Sounding => 1.0,
            BusState::Held => 0.0,
        };
        self.gain.ramp_to(to, fade, Curve::Smooth);
    }

    /// Whether the programme is held, and has faded.
    pub fn is_silent(&self) -> bool {
        self.state == BusState::Held && self.gain.settled() == Some(0.0)
    }
}

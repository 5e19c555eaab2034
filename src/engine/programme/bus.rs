//! The programme as a whole on its way into the mix: it is faded out and in when it is held. An order and a
//! live input hold it independently of each other, and it sounds when neither does.

use crate::playout::{Curve, GainRamp};
use crate::units::FrameCount;

/// The programme as a whole on its way into the mix.
pub(super) struct Bus {
    /// What an order says.
    order: BusState,
    /// What the live inputs say.
    live: BusState,
    pub gain: GainRamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BusState {
    Sounding,
    Held,
}

impl Bus {
    /// The programme sounds.
    pub fn new() -> Bus {
        Bus { order: BusState::Sounding, live: BusState::Sounding, gain: GainRamp::constant(1.0) }
    }

    /// An order holds it, or lets it go.
    pub fn order(&mut self, state: BusState, fade: FrameCount) {
        self.order = state;
        self.fade(fade, Curve::Smooth);
    }

    /// A live input takes the air, or gives it back. Both cross-fade.
    pub fn live(&mut self, state: BusState, fade: FrameCount) {
        self.live = state;
        self.fade(fade, Curve::EqualPower);
    }

    fn fade(&mut self, fade: FrameCount, curve: Curve) {
        let to = if self.is_held() { 0.0 } else { 1.0 };
        self.gain.ramp_to(to, fade, curve);
    }

    /// Whether an order holds it.
    pub fn is_held_by_order(&self) -> bool {
        self.order == BusState::Held
    }

    /// Whether anything holds it.
    pub fn is_held(&self) -> bool {
        self.order == BusState::Held || self.live == BusState::Held
    }

    /// Whether the programme is held, and has faded.
    pub fn is_silent(&self) -> bool {
        self.is_held() && self.gain.settled() == Some(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programme_sounds_when_neither_an_order_nor_a_live_input_holds_it() {
        const FADE: FrameCount = FrameCount(100);
        let mut bus = Bus::new();
        let passes = |bus: &mut Bus| {
            bus.gain.advance(FADE);
            (bus.is_held_by_order(), bus.is_silent(), bus.gain.settled())
        };
        bus.live(BusState::Held, FADE);
        assert_eq!(passes(&mut bus), (false, true, Some(0.0)));
        bus.order(BusState::Held, FADE);
        bus.live(BusState::Sounding, FADE);
        assert_eq!(passes(&mut bus), (true, true, Some(0.0)));
        bus.live(BusState::Held, FADE);
        bus.order(BusState::Sounding, FADE);
        assert_eq!(passes(&mut bus), (false, true, Some(0.0)));
        bus.live(BusState::Sounding, FADE);
        assert_eq!((bus.gain.left(), passes(&mut bus)), (FADE, (false, false, Some(1.0))));
    }
}

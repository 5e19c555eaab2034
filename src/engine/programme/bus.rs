//! The programme as a whole on its way into the mix: it is faded out and in when it is held. An order and a
//! live input hold it independently of each other, and it sounds when neither does.

use crate::playout::{Curve, GainRamp, HoldState};
use crate::units::FrameCount;

/// The programme as a whole on its way into the mix.
pub(super) struct Bus {
    /// What an order says.
    order: Order,
    /// What the live inputs say.
    live: BusState,
    pub gain: GainRamp,
}

/// What an order says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Sounding,
    /// It is to be held as soon as the current track has come to its end.
    AfterCurrent,
    Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BusState {
    Sounding,
    Held,
}

impl Bus {
    /// The programme sounds.
    pub fn new() -> Bus {
        Bus { order: Order::Sounding, live: BusState::Sounding, gain: GainRamp::constant(1.0) }
    }

    /// An order holds it, or lets it go.
    pub fn order(&mut self, order: Order, fade: FrameCount) {
        self.order = order;
        self.fade(fade, Curve::Smooth);
    }

    /// An order holds it after the current track, unless one holds it already.
    pub fn hold_after_current(&mut self) {
        if self.order == Order::Sounding {
            self.order = Order::AfterCurrent;
        }
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

    /// How far the order is that holds it.
    pub fn hold(&self) -> HoldState {
        match self.order {
            Order::Sounding => HoldState::Released,
            Order::AfterCurrent => HoldState::AfterCurrent,
            Order::Held if self.is_silent() => HoldState::Held,
            Order::Held => HoldState::Fading,
        }
    }

    /// Whether anything holds it.
    pub fn is_held(&self) -> bool {
        self.order == Order::Held || self.live == BusState::Held
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
            (bus.hold().is_held(), bus.is_silent(), bus.gain.settled())
        };
        bus.live(BusState::Held, FADE);
        assert_eq!(passes(&mut bus), (false, true, Some(0.0)));
        bus.order(Order::Held, FADE);
        bus.live(BusState::Sounding, FADE);
        assert_eq!(passes(&mut bus), (true, true, Some(0.0)));
        bus.live(BusState::Held, FADE);
        bus.order(Order::Sounding, FADE);
        assert_eq!(passes(&mut bus), (false, true, Some(0.0)));
        bus.live(BusState::Sounding, FADE);
        assert_eq!((bus.gain.left(), passes(&mut bus)), (FADE, (false, false, Some(1.0))));
    }

    #[test]
    fn what_holds_it_by_order_says_how_far_it_is() {
        const FADE: FrameCount = FrameCount(100);
        let mut bus = Bus::new();
        assert_eq!(bus.hold(), HoldState::Released);
        bus.hold_after_current();
        assert_eq!((bus.hold(), bus.is_held()), (HoldState::AfterCurrent, false));
        bus.order(Order::Held, FADE);
        assert_eq!(bus.hold(), HoldState::Fading);
        bus.hold_after_current();
        assert_eq!(bus.hold(), HoldState::Fading, "it is held already");
        bus.gain.advance(FADE);
        assert_eq!(bus.hold(), HoldState::Held);
        bus.order(Order::Sounding, FADE);
        assert_eq!(bus.hold(), HoldState::Released);
    }
}

//! How orders and live inputs hold the programme, and let it go again.

use std::time::Duration;

use super::super::voice::CUT;
use super::Programme;
use super::bus::{BusState, Order};
use crate::playout::HoldState;
use crate::units::FrameCount;

impl Programme {
    /// Whether an order or a live input holds it.
    pub fn is_held(&self) -> bool {
        self.bus.is_held()
    }

    /// How far the order is that holds it.
    pub fn hold_state(&self) -> HoldState {
        self.bus.hold()
    }

    /// Fades out and waits where it is.
    pub fn hold(&mut self, fade: Duration) {
        self.bus.order(Order::Held, self.frames(fade.max(CUT)));
    }

    /// Is held as soon as the current track has come to its end: at once, if there is none. What gives way
    /// before, because it is skipped or a slot comes, does not count: then the track that follows is meant.
    pub fn hold_after_current(&mut self) {
        match self.current.track() {
            Some(_) => self.bus.hold_after_current(),
            None => self.hold(Duration::ZERO),
        }
    }

    /// Goes on where it waits, and fades in. What begins then is heard from its first sample on.
    pub fn resume(&mut self, fade: Duration) {
        let least = if self.is_between_tracks() { Duration::ZERO } else { CUT };
        self.bus.order(Order::Sounding, self.frames(fade.max(least)));
    }

    /// A live input has the air: the programme fades out and waits where it is.
    pub fn hold_for_live(&mut self, fade: FrameCount) {
        self.bus.live(BusState::Held, fade);
    }

    /// The programme has the air again, unless an order holds it.
    pub fn resume_after_live(&mut self, fade: FrameCount) {
        self.bus.live(BusState::Sounding, fade);
    }

    /// A track has come to its end by itself: holds the programme if it was to be held after it.
    pub(super) fn hold_if_current_was_meant(&mut self) {
        if self.bus.hold() == HoldState::AfterCurrent {
            // A track before may have outlasted this one.
            let fade = if self.is_between_tracks() { FrameCount(0) } else { self.frames(CUT) };
            self.bus.order(Order::Held, fade);
        }
    }

    /// Whether no track sounds.
    fn is_between_tracks(&self) -> bool {
        self.current.track().is_none() && self.outgoing.is_empty()
    }
}

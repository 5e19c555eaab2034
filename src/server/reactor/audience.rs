//! The listeners of the shelf: when they have left.

use std::sync::Arc;

use super::Reactor;
use crate::error::CloseReason;
use crate::server::Moment;
use crate::server::shelf::{Registers, RoomBoard};

impl Reactor {
    /// Ends the sessions whose players have stopped.
    pub(super) fn end_silent_sessions(&mut self, now: Moment) {
        if self.desk.audience.next_due().is_some_and(|due| due <= now.instant) {
            let Reactor { desk, ports, shares, .. } = self;
            let registers = Registers {
                counters: &ports.counters,
                events: &ports.events,
                journal: &ports.journal,
                shares,
            };
            desk.audience.end_silent(registers, now);
        }
    }

    /// Ends the sessions of a room, or all of them.
    pub(super) fn end_audience(&mut self, of: Option<&Arc<RoomBoard>>, reason: CloseReason, now: Moment) {
        let Reactor { desk, ports, shares, .. } = self;
        let registers =
            Registers { counters: &ports.counters, events: &ports.events, journal: &ports.journal, shares };
        desk.audience.end_all(of, reason, registers, now);
    }
}

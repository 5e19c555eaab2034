//! The listeners of the shelf: when they leave, and how they are listed.

use std::sync::Arc;

use super::Reactor;
use crate::error::CloseReason;
use crate::server::Moment;
use crate::server::connections::visit::Visit;
use crate::server::shelf::{Audience, Registers, RoomBoard};

impl Reactor {
    /// Ends the sessions whose players have stopped.
    pub(super) fn end_silent_sessions(&mut self, now: Moment) {
        if self.desk.audience.next_due().is_some_and(|due| due <= now.instant) {
            self.with_audience(|audience, registers| audience.end_silent(registers, now));
        }
    }

    /// Ends the sessions of a room, or all of them.
    pub(super) fn end_audience(&mut self, of: Option<&Arc<RoomBoard>>, reason: CloseReason, now: Moment) {
        self.with_audience(|audience, registers| audience.end_all(of, reason, registers, now));
    }

    /// Ends the sessions of these visits. False if there is none.
    pub(super) fn kick_sessions(&mut self, now: Moment, which: impl Fn(&Visit) -> bool) -> bool {
        self.with_audience(|audience, registers| audience.kick(which, registers, now))
    }

    fn with_audience<T>(&mut self, act: impl FnOnce(&mut Audience, Registers<'_>) -> T) -> T {
        let Reactor { desk, ports, shares, .. } = self;
        let (counters, events, journal) = (&*ports.counters, &ports.events, &ports.journal);
        let outcome = act(&mut desk.audience, Registers { counters, events, journal, shares });
        ports.counters.addresses.set(shares.len() as u64);
        outcome
    }
}

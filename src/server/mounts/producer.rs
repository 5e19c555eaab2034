//! The reactor's side of a producer: its packets are taken from a handoff, and its stream ends. Mounts and
//! event streams share this.

use std::time::{Duration, Instant};

use crate::error::CloseReason;
use crate::packet::TitledPacket;
use crate::ring::HandoffReader;

/// The most packets that are taken from one handoff in one turn of the reactor. Without a limit, a producer
/// that pushes fast would keep the reactor from its listeners.
pub(super) const PACKETS_A_TURN: usize = 1024;
/// Clients get what is due within this time after the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The state of a handoff after the reactor took packets from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drained {
    Empty,
    /// There may be more.
    Partly,
    /// The producer is gone.
    Ended,
}

/// Takes `most` packets from a handoff, if there are so many. Returns the state of the handoff, and the
/// number of packets.
pub(super) fn drain(
    handoff: &HandoffReader,
    most: usize,
    mut take: impl FnMut(&TitledPacket),
) -> (Drained, usize) {
    // This is asked first, so that all packets from before the end are taken.
    let ended = handoff.has_ended();
    let mut packets = 0;
    while packets < most
        && let Some(packet) = handoff.pop()
    {
        take(&packet);
        packets += 1;
    }
    let drained = match ended {
        _ if packets == most => Drained::Partly,
        true => Drained::Ended,
        false => Drained::Empty,
    };
    (drained, packets)
}

/// The end of a stream. Each client is closed when it has everything, or at the deadline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) reason: CloseReason,
    pub(crate) deadline: Instant,
}

impl End {
    pub(super) fn new(reason: CloseReason, now: Instant) -> End {
        End { reason, deadline: now + FAREWELL }
    }
}

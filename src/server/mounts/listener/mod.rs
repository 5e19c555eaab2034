//! A connected player: a cursor, the cadence at which it is served, and whether it counts in the statistics.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cursor::{Cursor, Opening};
use super::mount::Mount;
use crate::icy::Weave;
use crate::ring::Backlog;
use crate::server::connections::visit::Visit;

/// The longest cadence.
const SLOWEST: Duration = Duration::from_secs(1);
/// The shortest cadence, however short a mount's packets are.
const FASTEST: Duration = Duration::from_millis(20);
/// The longest cadence at a mount that gets no packets.
const QUIET: Duration = Duration::from_millis(250);
/// A client that leaves within this time does not count as a listener.
const COUNTS_AFTER: Duration = Duration::from_secs(1);
/// The end of a client's input may be a half-close or the first half of leaving. Which it was shows at the
/// second write after it, because the client's system answers the first with a reset.
const COUNTS_AFTER_EOF: Duration = Duration::from_millis(2_500);

/// On the reactor thread.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The key of its mount.
    pub(crate) mount: usize,
    pub(crate) cursor: Cursor,
    lead: Lead,
    counting: Counting,
    joined: Instant,
    pub(crate) visit: Visit,
    /// Boxed because few listeners ever move.
    moved: Option<Box<Moved>>,
}

/// Where the audio begins that the player has got without a gap, and since when it plays that.
#[derive(Clone, Copy, Debug)]
struct Lead {
    since: Instant,
    /// The time of the mount at that place.
    from: Duration,
}

/// Whether a listener is in the statistics and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    /// It is the probe of a player.
    Never,
    /// It will be, at this time.
    At(Instant),
    Counted,
}

/// A listener that is at another mount than the one that it asked for, or was.
#[derive(Debug)]
struct Moved {
    /// The path that it asked for.
    home: Arc<str>,
    /// When it came to the mount that it is at, and the bytes that it had got by then.
    came: Instant,
    bytes_before: u64,
}

/// What a listener needs to join.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) mount: usize,
    /// The path that it asked for, if that is another mount's.
    pub(crate) home: Option<Arc<str>>,
    /// The head of the answer, which is sent before everything.
    pub(crate) head: Vec<u8>,
    pub(crate) with_titles: bool,
    pub(crate) probe: bool,
    pub(crate) visit: Visit,
}

impl Listener {
    /// It joins at a packet start, one burst behind the head.
    pub(crate) fn new(join: Join, mount: &Mount, now: Instant) -> Listener {
        let position = mount.burst_start();
        let weave = join.with_titles.then(|| Weave::new(mount.settings.metaint()));
        Listener {
            mount: join.mount,
            cursor: Cursor::new(join.head, position, Opening::Undecided, weave, now),
            lead: Lead { since: now, from: mount.backlog.time_at(position) },
            counting: if join.probe { Counting::Never } else { Counting::At(now + COUNTS_AFTER) },
            joined: now,
            visit: join.visit,
            moved: join.home.map(|home| Box::new(Moved { home, came: now, bytes_before: 0 })),
        }
    }

    /// The path that it asked for, if it is at another mount.
    pub(crate) fn away_from(&self, mount: &Mount) -> Option<&str> {
        self.moved.as_ref().map(|moved| &*moved.home).filter(|home| *home != &*mount.path)
    }

    /// Goes on at another mount, whose key is `key`, where it has a burst again with what it has not played
    /// yet. Returns how many bytes of the old mount it missed.
    pub(crate) fn move_to(&mut self, key: usize, old: &Mount, new: &Mount, now: Instant) -> u64 {
        let unplayed = self.unplayed(&old.backlog, now);
        let missed = old.backlog.head() - self.cursor.end_of_begun();
        let home = self.moved.take().map_or_else(|| Arc::clone(&old.path), |moved| moved.home);
        self.moved = Some(Box::new(Moved { home, came: now, bytes_before: self.cursor.bytes() }));
        self.mount = key;
        self.cursor.move_to(new.landing(unplayed));
        // The player is busy for so long with what it has of the old mount.
        self.lead = Lead { since: now + unplayed, from: new.backlog.time_at(self.cursor.position()) };
        missed
    }

    /// To be called before each write. A cursor that fell out of the backlog jumps to one burst behind the
    /// head. Returns how many bytes that left out.
    pub(crate) fn catch_up(&mut self, mount: &Mount, now: Instant) -> u64 {
        let mut jumped = 0;
        if self.cursor.is_lost(&mount.backlog) {
            let landing = mount.burst_start();
            jumped = self.cursor.jump_to(landing);
            self.lead = Lead { since: now, from: mount.backlog.time_at(landing) };
        }
        self.cursor.open(&mount.backlog);
        jumped
    }

    /// How much audio the player has that it has not played: what was sent since its join or last jump, less
    /// the time since. After a move that time starts when the audio of the old mount has been played.
    fn unplayed(&self, backlog: &Backlog, now: Instant) -> Duration {
        let Lead { since, from } = self.lead;
        let sent = match backlog.holds(self.cursor.position()) {
            true => backlog.time_at(self.cursor.position()).saturating_sub(from),
            false => Duration::ZERO,
        };
        let before = since.saturating_duration_since(now);
        (sent + before).saturating_sub(now.saturating_duration_since(since))
    }

    /// How long until it is served again after it got everything: a quarter of what it has not played, but
    /// not less than one packet.
    pub(crate) fn cadence(&self, mount: &Mount, now: Instant) -> Duration {
        let quarter = self.unplayed(&mount.backlog, now) / 4;
        // At a mount that gets nothing, no player has anything left. To look for more at each packet's time
        // would keep a core busy.
        let quiet = (mount.quiet_for(now) / 4).min(QUIET);
        quarter.max(quiet).max(mount.packet_time()).clamp(FASTEST, SLOWEST)
    }

    /// When a listener whose socket is full is looked at, even if the socket has not become writable.
    pub(crate) fn looked_at_by(&self, mount: &Mount, write_timeout: Duration) -> Instant {
        let mut until = self.cursor.stalls_at(write_timeout);
        if let Some(end) = mount.end {
            until = until.min(end.deadline);
        }
        if let Counting::At(counts_at) = self.counting {
            until = until.min(counts_at);
        }
        until
    }

    /// It enters the statistics now.
    pub(crate) fn begins_to_count(&self, now: Instant) -> bool {
        matches!(self.counting, Counting::At(counts_at) if now >= counts_at)
    }

    /// It is in the statistics from now on.
    pub(crate) fn count(&mut self) {
        self.counting = Counting::Counted;
    }

    /// It is in the statistics.
    pub(crate) fn is_counted(&self) -> bool {
        self.counting == Counting::Counted
    }

    /// Its input has ended. It may be leaving.
    pub(crate) fn input_ended(&mut self, now: Instant) {
        if let Counting::At(counts_at) = &mut self.counting {
            *counts_at = (*counts_at).max(now + COUNTS_AFTER_EOF);
        }
    }

    pub(crate) fn listened_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.joined)
    }

    /// The bytes and the time that it had at the mount that it is at.
    pub(crate) fn at_this_mount(&self, now: Instant) -> (u64, Duration) {
        let bytes = self.cursor.bytes();
        match &self.moved {
            Some(moved) => (bytes - moved.bytes_before, now.saturating_duration_since(moved.came)),
            None => (bytes, self.listened_for(now)),
        }
    }
}

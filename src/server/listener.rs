//! A connected player: a cursor into a backlog and a few counters. It has no buffer of its own,
//! knows no socket and no clock, and says what to write next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mount::Mount;
use super::visit::Visit;
use crate::icy::{Pieces, Weave};
use crate::ring::{Backlog, TitleMark};
use crate::units::StreamPos;

/// Nobody is served more seldom than this.
const SLOWEST: Duration = Duration::from_secs(1);
/// Nobody is served more often than this, however short a mount's packets are.
const FASTEST: Duration = Duration::from_millis(20);
/// At a mount that gives nothing, a listener looks for more at least this often.
const QUIET: Duration = Duration::from_millis(250);
/// Who leaves within this time was no listener.
pub(crate) const COUNTS_AFTER: Duration = Duration::from_secs(1);

/// On the reactor thread.
///
/// At rest (between two calls of the reactor) the cursor is where a packet begins, or
/// `begun` has the rest of the packet that it is in.
#[derive(Debug)]
pub(crate) struct Listener {
    /// The key of its mount.
    pub(crate) mount: usize,
    /// What comes before everything: the answer's head.
    head: Remainder<Box<[u8]>>,
    /// What comes before the audio, as audio: the stream's header where there is one. Kept, to tell
    /// whether another is needed after a jump.
    header: Option<Remainder<Arc<[u8]>>>,
    /// Whether the header is still to be chosen, by the first packet.
    opening: bool,
    /// The next byte of audio.
    cursor: StreamPos,
    /// Where the cursor was when it joined. `joined_at + sent + skipped == cursor`
    joined_at: StreamPos,
    sent: u64,
    skipped: u64,
    /// How many bytes its socket took in all.
    bytes: u64,
    /// The rest of a packet that the socket took a part of before it was full: by the time that it
    /// takes more, the backlog may have lost it.
    begun: Option<BegunPacket>,
    weave: Option<Weave>,
    /// When it joined or jumped last, and how much audio of the mount came before that place.
    since: Instant,
    since_time: Duration,
    joined: Instant,
    /// When its socket took something last.
    progressed: Instant,
    /// Whether its socket is full: it waits for the writable edge that follows a `WouldBlock`.
    blocked: bool,
    /// Whether it is in the statistics.
    pub(crate) counted: bool,
    /// A player's probe never is.
    probe: bool,
    pub(crate) visit: Visit,
}

#[derive(Debug)]
struct BegunPacket {
    bytes: Box<[u8]>,
    end: StreamPos,
}

/// Bytes of which some are still to be sent.
#[derive(Debug)]
struct Remainder<T> {
    bytes: T,
    taken: usize,
}

impl<T: AsRef<[u8]>> Remainder<T> {
    fn new(bytes: T) -> Remainder<T> {
        Remainder { bytes, taken: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes.as_ref()[self.taken..]
    }

    /// Takes as many of `count` bytes as there are; returns how many that were.
    fn take(&mut self, count: usize) -> usize {
        let now = count.min(self.rest().len());
        self.taken += now;
        now
    }
}

/// What a listener is to be when it joins.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) mount: usize,
    /// The answer's head, which is sent before everything.
    pub(crate) head: Vec<u8>,
    pub(crate) with_titles: bool,
    pub(crate) probe: bool,
    pub(crate) visit: Visit,
}

impl Listener {
    /// It joins at a packet start, one burst behind the head.
    pub(crate) fn new(join: Join, mount: &Mount, now: Instant) -> Listener {
        let cursor = mount.burst_start();
        Listener {
            mount: join.mount,
            head: Remainder::new(join.head.into_boxed_slice()),
            header: None,
            opening: true,
            cursor,
            joined_at: cursor,
            sent: 0,
            skipped: 0,
            bytes: 0,
            begun: None,
            weave: join.with_titles.then(|| Weave::new(mount.settings.metaint())),
            since: now,
            since_time: mount.backlog.time_at(cursor),
            joined: now,
            progressed: now,
            blocked: false,
            counted: false,
            probe: join.probe,
            visit: join.visit,
        }
    }

    /// To be called before each `gather`: brings a cursor that fell out of the backlog back into it.
    /// Returns how many bytes it jumped over.
    pub(crate) fn catch_up(&mut self, mount: &Mount, now: Instant) -> u64 {
        let backlog = &mount.backlog;
        let mut jumped = 0;
        if backlog.holds(self.cursor) {
            self.begun = None;
        } else if self.rest_of_begun().is_empty() {
            let target = mount.burst_start();
            jumped = target - self.cursor;
            self.skipped += jumped;
            self.cursor = target;
            self.begun = None;
            self.since = now;
            self.since_time = backlog.time_at(target);
            self.opening = true;
        }
        if self.opening && backlog.holds(self.cursor) && self.cursor < backlog.head() {
            self.opening = false;
            self.choose_header(backlog.title_at(self.cursor).header.as_ref());
        }
        jumped
    }

    /// A header that it has already is not sent again.
    fn choose_header(&mut self, header: Option<&Arc<[u8]>>) {
        let known = self.header.as_ref().map(|known| &known.bytes);
        if known != header {
            self.header = header.map(|header| Remainder::new(Arc::clone(header)));
        }
    }

    /// What to write next.
    pub(crate) fn gather<'a>(&'a self, backlog: &'a Backlog, pieces: &mut Pieces<'a>) {
        pieces.push(self.head.rest());
        let audio = self.audio(backlog);
        match &self.weave {
            Some(weave) => weave.gather(&audio, self.titles(backlog), pieces),
            None => audio.iter().for_each(|piece| {
                pieces.push(piece);
            }),
        }
    }

    /// The socket took so many bytes of what `gather` said.
    pub(crate) fn advance(&mut self, taken: usize, backlog: &Backlog, now: Instant) {
        if taken > 0 {
            self.progressed = now;
            self.bytes += taken as u64;
        }
        let rest = taken - self.head.take(taken);
        if self.head.rest().is_empty() {
            self.head = Remainder::new(Box::default());
        }
        let titles = self.titles(backlog);
        let audio = match &mut self.weave {
            Some(weave) => weave.advance(rest, titles),
            None => rest,
        };
        let header = self.header.as_mut().map_or(0, |header| header.take(audio));
        self.cursor = self.cursor + (audio - header) as u64;
        self.sent += (audio - header) as u64;
        debug_assert_eq!(self.joined_at + (self.sent + self.skipped), self.cursor);
    }

    /// The socket is full. It will be called again when it is writable.
    pub(crate) fn block(&mut self, backlog: &Backlog) {
        self.blocked = true;
        if self.begun.is_none() && backlog.holds(self.cursor) {
            let bytes = backlog.rest_of_packet(self.cursor).concat().into_boxed_slice();
            self.begun =
                (!bytes.is_empty()).then(|| BegunPacket { end: self.cursor + bytes.len() as u64, bytes });
        }
    }

    /// The socket may take something again.
    pub(crate) fn unblock(&mut self) {
        self.blocked = false;
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The header, then the audio from the cursor on; or what is left of the packet that it is in,
    /// where the backlog has lost that.
    fn audio<'a>(&'a self, backlog: &'a Backlog) -> [&'a [u8]; 3] {
        let header = self.header.as_ref().map_or(&[][..], Remainder::rest);
        if backlog.holds(self.cursor) {
            let [first, second] = backlog.since(self.cursor);
            [header, first, second]
        } else {
            [header, self.rest_of_begun(), &[]]
        }
    }

    fn rest_of_begun(&self) -> &[u8] {
        match &self.begun {
            Some(begun) => &begun.bytes[begun.bytes.len() - (begun.end - self.cursor) as usize..],
            None => &[],
        }
    }

    /// The title at each byte of `audio`.
    fn titles<'a>(&self, backlog: &'a Backlog) -> impl Fn(u64) -> Option<&'a TitleMark> + use<'a> {
        let header = self.header.as_ref().map_or(0, |header| header.rest().len()) as u64;
        let cursor = self.cursor;
        move |offset| {
            let position = cursor + offset.saturating_sub(header);
            (backlog.holds(position) && position < backlog.head()).then(|| backlog.title_at(position))
        }
    }

    /// How much audio it has that it has not played: what was sent since its join or last jump, less
    /// the time since.
    fn holds(&self, backlog: &Backlog, now: Instant) -> Duration {
        let sent = match backlog.holds(self.cursor) {
            true => backlog.time_at(self.cursor).saturating_sub(self.since_time),
            false => Duration::ZERO,
        };
        sent.saturating_sub(now.saturating_duration_since(self.since))
    }

    /// How long until it is to be served again, having everything: a quarter of what it holds,
    /// between one packet and one second.
    pub(crate) fn cadence(&self, mount: &Mount, now: Instant) -> Duration {
        let quarter = self.holds(&mount.backlog, now) / 4;
        // Where nothing comes, nobody holds anything, and looking for it at each packet's time
        // would keep a core busy.
        let quiet = (mount.quiet_for(now) / 4).min(QUIET);
        quarter.max(quiet).max(mount.packet_time()).clamp(FASTEST, SLOWEST)
    }

    /// When a listener whose socket is full must be looked at, if it does not get writable before.
    pub(crate) fn patience(&self, mount: &Mount, write_timeout: Duration) -> Instant {
        let mut until = self.progressed + write_timeout;
        if let Some(end) = mount.end {
            until = until.min(end.deadline);
        }
        if self.will_count() {
            until = until.min(self.joined + COUNTS_AFTER);
        }
        until
    }

    /// Whether it took nothing for `write_timeout`.
    pub(crate) fn is_stalled(&self, write_timeout: Duration, now: Instant) -> bool {
        self.blocked && now.saturating_duration_since(self.progressed) >= write_timeout
    }

    /// Whether it has all there is.
    pub(crate) fn is_up_to_date(&self, backlog: &Backlog) -> bool {
        self.cursor == backlog.head() && self.head.rest().is_empty()
    }

    /// Whether it is to enter the statistics now.
    pub(crate) fn begins_to_count(&self, now: Instant) -> bool {
        self.will_count() && now.saturating_duration_since(self.joined) >= COUNTS_AFTER
    }

    fn will_count(&self) -> bool {
        !self.counted && !self.probe
    }

    /// How many bytes its socket took, head and titles included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn listened_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.joined)
    }
}

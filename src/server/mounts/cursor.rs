//! A client's place in a backlog. A cursor says what to write next, has no buffer of its own, and knows
//! neither socket nor clock.
//!
//! Every method that needs the bytes gets the backlog as an argument, so a cursor does not know whose backlog
//! it is: [`Listener`](super::listener::Listener) and [`Follower`](super::follower::Follower) differ in when
//! they are served and in what happens when the backlog has dropped what they need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::icy::{Pieces, Weave};
use crate::ring::{Backlog, TitleMark};
use crate::units::StreamPos;

/// On the reactor thread.
///
/// At rest (between two calls of the reactor) `position` is the start of a packet, or `begun` has the rest of
/// the packet.
#[derive(Debug)]
pub(crate) struct Cursor {
    begun: Begun,
    opening: Opening,
    /// The header that the client has got or is to get. Kept after it was sent, to tell whether a jump needs
    /// another.
    header: Option<Arc<[u8]>>,
    /// The next byte of the backlog.
    position: StreamPos,
    /// The position when the client joined this backlog. `joined_at + sent + skipped == position`
    joined_at: StreamPos,
    sent: u64,
    skipped: u64,
    weave: Option<Weave>,
    /// Bytes that the socket took in all: head and titles are included.
    bytes: u64,
    /// When the socket took something last.
    progressed: Instant,
    /// The socket is full: it will be writable later, and the system will say so.
    blocked: bool,
}

/// The one thing that the socket has taken only a part of. Its rest is sent before anything else.
#[derive(Debug, Default)]
enum Begun {
    #[default]
    Nothing,
    /// The head of the answer. It is no part of the audio, so no metadata is woven into it.
    Head(Remainder),
    /// What was begun at the mount before this one: a packet or a header.
    Carried(Remainder),
    /// So many bytes of `header` are sent.
    Header(usize),
    /// A copy of the packet at `position`, because the backlog may drop it before the socket takes more. The
    /// copy ends at `end`, and `position < end`.
    Packet { bytes: Box<[u8]>, end: StreamPos },
}

/// What comes between the head and the first packet, and again after each jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The packet at `position` decides which header is needed. It has not come yet.
    Undecided,
    /// `header` is sent before the packet at `position`.
    Due,
    /// No header is needed.
    Done,
}

/// Bytes of which some are still to be sent.
#[derive(Debug)]
struct Remainder {
    bytes: Box<[u8]>,
    taken: usize,
}

impl Remainder {
    fn new(bytes: Box<[u8]>) -> Remainder {
        Remainder { bytes, taken: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Takes up to `count` bytes; returns how many.
    fn take(&mut self, count: usize) -> usize {
        let taken = count.min(self.rest().len());
        self.taken += taken;
        taken
    }
}

impl Cursor {
    /// The client gets `head` first, then the backlog from `position` on.
    pub(crate) fn new(
        head: Vec<u8>,
        position: StreamPos,
        opening: Opening,
        weave: Option<Weave>,
        now: Instant,
    ) -> Cursor {
        Cursor {
            begun: Begun::Head(Remainder::new(head.into_boxed_slice())),
            opening,
            header: None,
            position,
            joined_at: position,
            sent: 0,
            skipped: 0,
            weave,
            bytes: 0,
            progressed: now,
            blocked: false,
        }
    }

    /// The next byte of the backlog.
    pub(crate) fn position(&self) -> StreamPos {
        self.position
    }

    /// Bytes that the socket took in all: head and titles are included.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The backlog has dropped the bytes that the client needs next.
    pub(crate) fn is_lost(&self, backlog: &Backlog) -> bool {
        !backlog.holds(self.position) && !matches!(self.begun, Begun::Header(_) | Begun::Packet { .. })
    }

    /// Leaves out everything before `position`, where a packet starts. Returns how many bytes that is.
    pub(crate) fn jump_to(&mut self, position: StreamPos) -> u64 {
        let jumped = position - self.position;
        self.skipped += jumped;
        self.position = position;
        self.reopen();
        jumped
    }

    /// Goes on in another backlog at `position`, where a packet starts. The client gets the rest of what it
    /// has begun first, and the new backlog's title even if its number is the same.
    pub(crate) fn move_to(&mut self, position: StreamPos) {
        let carried = match &self.begun {
            Begun::Nothing | Begun::Head(_) | Begun::Carried(_) => None,
            Begun::Header(_) => Some(self.rest_of_header().into()),
            Begun::Packet { .. } => Some(self.rest_of_packet().into()),
        };
        if let Some(carried) = carried {
            self.begun = Begun::Carried(Remainder::new(carried));
        }
        self.position = position;
        (self.joined_at, self.sent, self.skipped) = (position, 0, 0);
        self.reopen();
        if let Some(weave) = &mut self.weave {
            weave.forget_title();
        }
    }

    /// The end of the packet that the client has begun; else the position.
    pub(crate) fn end_of_begun(&self) -> StreamPos {
        match &self.begun {
            Begun::Packet { end, .. } => *end,
            _ => self.position,
        }
    }

    fn reopen(&mut self) {
        debug_assert!(!matches!(self.begun, Begun::Header(_) | Begun::Packet { .. }), "only whole packets");
        if self.opening == Opening::Due {
            self.header = None;
        }
        self.opening = Opening::Undecided;
    }

    /// Decides which header is needed, once the packet at the position is there. A header that the client has
    /// already is not sent again. To be called before each [`gather`](Cursor::gather).
    pub(crate) fn open(&mut self, backlog: &Backlog) {
        let is_there = backlog.holds(self.position) && self.position < backlog.head();
        if self.opening != Opening::Undecided || !is_there {
            return;
        }
        let header = backlog.title_at(self.position).header.as_ref();
        self.opening = Opening::Done;
        if self.header.as_ref() != header {
            self.header = header.cloned();
            if header.is_some() {
                self.opening = Opening::Due;
            }
        }
    }

    /// What to write next.
    pub(crate) fn gather<'a>(&'a self, backlog: &'a Backlog, pieces: &mut Pieces<'a>) {
        if let Begun::Head(head) = &self.begun {
            pieces.push(head.rest());
        }
        let [first, second] = match backlog.holds(self.position) {
            true => backlog.since(self.position),
            false => [self.rest_of_packet(), &[]],
        };
        let audio = [self.carried(), self.rest_of_header(), first, second];
        match &self.weave {
            Some(weave) => weave.gather(&audio, self.titles(backlog), pieces),
            None => audio.iter().for_each(|piece| {
                pieces.push(piece);
            }),
        }
    }

    /// The socket took so many bytes of what [`gather`](Cursor::gather) returned.
    pub(crate) fn advance(&mut self, taken: usize, backlog: &Backlog, now: Instant) {
        if taken > 0 {
            self.progressed = now;
            self.bytes += taken as u64;
        }
        let mut rest = taken;
        if let Begun::Head(head) = &mut self.begun {
            rest -= head.take(rest);
            if head.rest().is_empty() {
                self.begun = Begun::Nothing;
            }
        }
        let titles = self.titles(backlog);
        let audio = match &mut self.weave {
            Some(weave) => weave.advance(rest, titles),
            None => rest,
        };
        self.advance_audio(audio);
    }

    fn advance_audio(&mut self, mut count: usize) {
        if let Begun::Carried(carried) = &mut self.begun {
            count -= carried.take(count);
            if carried.rest().is_empty() {
                self.begun = Begun::Nothing;
            }
        }
        if count > 0 && self.opening == Opening::Due {
            self.opening = Opening::Done;
            self.begun = Begun::Header(0);
        }
        let rest_of_header = self.rest_of_header().len();
        if let Begun::Header(taken) = &mut self.begun {
            let now = count.min(rest_of_header);
            *taken += now;
            count -= now;
            if now == rest_of_header {
                self.begun = Begun::Nothing;
            }
        }
        self.position = self.position + count as u64;
        self.sent += count as u64;
        debug_assert_eq!(self.joined_at + (self.sent + self.skipped), self.position);
        if let Begun::Packet { end, .. } = self.begun
            && end <= self.position
        {
            self.begun = Begun::Nothing;
        }
    }

    /// The socket is full. The rest of a packet that the socket took a part of is copied.
    pub(crate) fn block(&mut self, backlog: &Backlog) {
        self.blocked = true;
        if matches!(self.begun, Begun::Nothing) && backlog.holds(self.position) {
            let bytes = backlog.rest_of_packet(self.position).concat().into_boxed_slice();
            if !bytes.is_empty() {
                self.begun = Begun::Packet { end: self.position + bytes.len() as u64, bytes };
            }
        }
    }

    /// The socket took everything.
    pub(crate) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// The socket is full.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// When a client whose socket is full counts as stalled.
    pub(crate) fn stalls_at(&self, write_timeout: Duration) -> Instant {
        self.progressed + write_timeout
    }

    /// The socket is full and took nothing for `write_timeout`.
    pub(crate) fn is_stalled(&self, write_timeout: Duration, now: Instant) -> bool {
        self.blocked && now.saturating_duration_since(self.progressed) >= write_timeout
    }

    /// The client has everything that there is.
    pub(crate) fn is_up_to_date(&self, backlog: &Backlog) -> bool {
        self.position == backlog.head() && matches!(self.begun, Begun::Nothing)
    }

    fn carried(&self) -> &[u8] {
        match &self.begun {
            Begun::Carried(carried) => carried.rest(),
            _ => &[],
        }
    }

    fn rest_of_header(&self) -> &[u8] {
        match (&self.begun, &self.header) {
            (Begun::Header(taken), Some(header)) => &header[*taken..],
            (_, Some(header)) if self.opening == Opening::Due => header,
            _ => &[],
        }
    }

    /// What the copy of a packet still has to give.
    fn rest_of_packet(&self) -> &[u8] {
        match &self.begun {
            Begun::Packet { bytes, end } => &bytes[bytes.len() - (*end - self.position) as usize..],
            _ => &[],
        }
    }

    /// The title at each byte of the audio that [`gather`](Cursor::gather) returns.
    fn titles<'a>(&self, backlog: &'a Backlog) -> impl Fn(u64) -> Option<&'a TitleMark> + use<'a> {
        let header = self.rest_of_header().len() as u64;
        let carried = self.carried().len() as u64;
        let cursor = self.position;
        move |offset| {
            // The mount before this one has announced the title of what is carried over.
            let offset = offset.checked_sub(carried)?;
            let position = cursor + offset.saturating_sub(header);
            (backlog.holds(position) && position < backlog.head()).then(|| backlog.title_at(position))
        }
    }

    /// Where the client joined, and how many bytes it got and missed since.
    #[cfg(test)]
    pub(super) fn tally(&self) -> (StreamPos, u64, u64) {
        (self.joined_at, self.sent, self.skipped)
    }
}

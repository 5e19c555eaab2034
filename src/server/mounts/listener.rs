//! A connected player: a cursor into a backlog and a few counters. It has no buffer of its own,
//! knows no socket and no clock, and says what to write next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mount::Mount;
use crate::icy::{Pieces, Weave};
use crate::ring::{Backlog, TitleMark};
use crate::server::connections::visit::Visit;
use crate::units::StreamPos;

/// Nobody is served more seldom than this.
const SLOWEST: Duration = Duration::from_secs(1);
/// Nobody is served more often than this, however short a mount's packets are.
const FASTEST: Duration = Duration::from_millis(20);
/// At a mount that gives nothing, a listener looks for more at least this often.
const QUIET: Duration = Duration::from_millis(250);
/// Who leaves within this time was no listener.
const COUNTS_AFTER: Duration = Duration::from_secs(1);
/// The end of a client's input may be a half-close or the first half of leaving. It shows at the
/// second write after it, because the first is answered by a reset.
const COUNTS_AFTER_EOF: Duration = Duration::from_millis(2_500);

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
    /// When it will be.
    counts_at: Instant,
    /// A player's probe never is.
    probe: bool,
    pub(crate) visit: Visit,
    /// Nearly nobody's, so it is a pointer.
    moved: Option<Box<Moved>>,
}

/// What there is to know of a listener that hears, or has heard, another mount than it asked for.
#[derive(Debug)]
struct Moved {
    /// The path that it asked for.
    home: Arc<str>,
    /// The rest of what it had begun to get where it was before: a packet, or a header. Comes before
    /// anything of the mount that it is at.
    rest: Remainder<Box<[u8]>>,
    /// When it came to the mount that it is at, and how many bytes it had got by then.
    came: Instant,
    bytes_before: u64,
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
    /// What it asked for, where that is another mount.
    pub(crate) home: Option<Arc<str>>,
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
            counts_at: now + COUNTS_AFTER,
            probe: join.probe,
            visit: join.visit,
            moved: join.home.map(|home| {
                Box::new(Moved { home, rest: Remainder::new(Box::default()), came: now, bytes_before: 0 })
            }),
        }
    }

    /// The path that it asked for, where it hears another mount.
    pub(crate) fn away_from(&self, mount: &Mount) -> Option<&str> {
        self.moved.as_ref().map(|moved| &*moved.home).filter(|home| *home != &*mount.path)
    }

    /// Goes on at another mount, whose key is `key`, as by a jump: it gets the rest of what has begun, then
    /// what the other sends from a packet's start on, and its title. It lands where it has a burst
    /// again. Returns how many bytes of the old mount it jumped over.
    pub(crate) fn move_to(&mut self, key: usize, old: &Mount, new: &Mount, now: Instant) -> u64 {
        let holds = self.holds(&old.backlog, now);
        let rest = self.rest_of_old();
        let finished = self.cursor + self.rest_of_begun().len() as u64;
        let jumped = old.backlog.head() - finished;
        self.moved = Some(Box::new(Moved {
            home: self.moved.take().map_or_else(|| Arc::clone(&old.path), |moved| moved.home),
            rest: Remainder::new(rest),
            came: now,
            bytes_before: self.bytes,
        }));
        if let Some(header) = &mut self.header
            && header.taken > 0
        {
            header.taken = header.bytes.len();
        }
        self.mount = key;
        self.begun = None;
        self.opening = true;
        self.cursor = new.landing(holds);
        (self.joined_at, self.sent, self.skipped) = (self.cursor, 0, 0);
        self.since_time = new.backlog.time_at(self.cursor);
        // What it has of the old mount keeps it busy for so long.
        self.since = now + holds;
        if let Some(weave) = &mut self.weave {
            weave.forget_title();
        }
        jumped
    }

    /// The rest of the one thing that it has begun to get, if anything.
    fn rest_of_old(&self) -> Box<[u8]> {
        let carried = self.carried();
        let header = self.header.as_ref().filter(|header| header.taken > 0).map_or(&[][..], Remainder::rest);
        let pieces = [carried, header, self.rest_of_begun()];
        debug_assert!(pieces.iter().filter(|piece| !piece.is_empty()).count() <= 1, "one thing at a time");
        pieces.concat().into_boxed_slice()
    }

    /// What comes first, of the mount that it was at before.
    fn carried(&self) -> &[u8] {
        self.moved.as_ref().map_or(&[], |moved| moved.rest.rest())
    }

    /// The client of a stream of events: it begins there, and is in no statistics.
    pub(crate) fn of_events(join: Join, stream: &Mount, from: StreamPos, now: Instant) -> Listener {
        let mut listener = Listener::new(join, stream, now);
        if stream.backlog.holds(from) {
            (listener.cursor, listener.joined_at) = (from, from);
            listener.since_time = stream.backlog.time_at(from);
        }
        listener
    }

    /// Whether what it would be sent next is gone.
    pub(crate) fn has_lost_its_place(&self, backlog: &Backlog) -> bool {
        !backlog.holds(self.cursor) && !self.is_within_something()
    }

    /// Whether its socket took a part of a header, or of a packet that is kept for it.
    fn is_within_something(&self) -> bool {
        let is_within = |header: &Remainder<_>| header.taken > 0 && !header.rest().is_empty();
        self.header.as_ref().is_some_and(is_within) || !self.rest_of_begun().is_empty()
    }

    /// To be called before each `gather`: brings a cursor that fell out of the backlog back into it.
    /// Returns how many bytes it jumped over.
    pub(crate) fn catch_up(&mut self, mount: &Mount, now: Instant) -> u64 {
        let backlog = &mount.backlog;
        let mut jumped = 0;
        if backlog.holds(self.cursor) {
            self.begun = None;
        } else if !self.is_within_something() {
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
        let carried = self.moved.as_mut().map_or(0, |moved| moved.rest.take(audio));
        let audio = audio - carried;
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

    /// What is carried over from another mount, the header, then the audio from the cursor on; or what
    /// is left of the packet that it is in, where the backlog has lost that.
    fn audio<'a>(&'a self, backlog: &'a Backlog) -> [&'a [u8]; 4] {
        let carried = self.carried();
        let header = self.header.as_ref().map_or(&[][..], Remainder::rest);
        if backlog.holds(self.cursor) {
            let [first, second] = backlog.since(self.cursor);
            [carried, header, first, second]
        } else {
            [carried, header, self.rest_of_begun(), &[]]
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
        let carried = self.carried().len() as u64;
        let cursor = self.cursor;
        move |offset| {
            // Of what is carried over the title was told where it came from.
            let offset = offset.checked_sub(carried)?;
            let position = cursor + offset.saturating_sub(header);
            (backlog.holds(position) && position < backlog.head()).then(|| backlog.title_at(position))
        }
    }

    /// How much audio it has that it has not played: what was sent since its join or last jump, less
    /// the time since. (After a move that begins to count when what came before has been played.)
    fn holds(&self, backlog: &Backlog, now: Instant) -> Duration {
        let sent = match backlog.holds(self.cursor) {
            true => backlog.time_at(self.cursor).saturating_sub(self.since_time),
            false => Duration::ZERO,
        };
        let before = self.since.saturating_duration_since(now);
        (sent + before).saturating_sub(now.saturating_duration_since(self.since))
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
            until = until.min(self.counts_at);
        }
        until
    }

    /// Whether it took nothing for `write_timeout`.
    pub(crate) fn is_stalled(&self, write_timeout: Duration, now: Instant) -> bool {
        self.blocked && now.saturating_duration_since(self.progressed) >= write_timeout
    }

    /// Whether it has all there is.
    pub(crate) fn is_up_to_date(&self, backlog: &Backlog) -> bool {
        self.cursor == backlog.head() && self.head.rest().is_empty() && self.carried().is_empty()
    }

    /// Whether it is to enter the statistics now.
    pub(crate) fn begins_to_count(&self, now: Instant) -> bool {
        self.will_count() && now >= self.counts_at
    }

    /// Its input has ended. That is not a leave, but may become one.
    pub(crate) fn input_ended(&mut self, now: Instant) {
        self.counts_at = self.counts_at.max(now + COUNTS_AFTER_EOF);
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

    /// The same two for the mount that it is at.
    pub(crate) fn here(&self, now: Instant) -> (u64, Duration) {
        match &self.moved {
            Some(moved) => (self.bytes - moved.bytes_before, now.saturating_duration_since(moved.came)),
            None => (self.bytes, self.listened_for(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icy::unweave;
    use crate::metadata::Title;
    use crate::packet::TitledPacket;
    use crate::ring::HandoffWriter;
    use crate::server::mounts::mount::tests::{moment, mount_of, mp3_settings, packet};
    use crate::server::settings::{Burst, MountSettings, ServerSettings};
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A mount with a small backlog, its producer, one listener and the wire to it.
    struct Scene {
        mount: Mount,
        writer: HandoffWriter,
        now: Instant,
        title: Arc<Title>,
        appended: u32,
        listener: Listener,
        wire: Vec<u8>,
        skips: usize,
    }

    /// A packet that says its length and its number, and has nothing else in it.
    fn bytes_of(number: u32) -> Vec<u8> {
        let length = 6 + (number * 7 % 50) as u8;
        let mut bytes = vec![length];
        bytes.extend(number.to_be_bytes());
        bytes.resize(usize::from(length), number as u8);
        bytes
    }

    impl Scene {
        fn new(backlog: usize, burst: Burst, metaint: Option<usize>, packets: u32) -> Scene {
            let server = ServerSettings { burst, ..ServerSettings::default() };
            let (mut mount, writer) = mount_of(MountSettings { metaint, ..mp3_settings() }, &server);
            mount.backlog = Backlog::new(backlog);
            let now = Instant::now();
            let listener = Scene::listener(&mount, metaint.is_some(), now);
            let (title, wire) = (Arc::new(Title::new("0")), Vec::new());
            let mut scene = Scene { mount, writer, now, title, appended: 0, listener, wire, skips: 0 };
            scene.append(packets);
            scene.listener = Scene::listener(&scene.mount, metaint.is_some(), now);
            scene
        }

        fn listener(mount: &Mount, with_titles: bool, now: Instant) -> Listener {
            let visit = Visit::new(1, [127, 0, 0, 1].into(), None);
            let join =
                Join { mount: 0, home: None, head: b"HEAD".to_vec(), with_titles, probe: false, visit };
            Listener::new(join, mount, now)
        }

        fn append(&mut self, packets: u32) {
            for _ in 0..packets {
                self.writer.push(packet(&bytes_of(self.appended), &self.title));
                self.appended += 1;
                self.mount.drain(moment());
            }
        }

        /// Packets of 20 dots each, of a stream with that header.
        fn append_of(&mut self, header: &[u8], dot: u8, packets: u32) {
            for _ in 0..packets {
                let header = Some(Arc::from(header));
                self.writer.push(TitledPacket { header, ..packet(&[dot; 20], &self.title) });
            }
            self.mount.drain(moment());
        }

        /// A socket that takes `room` bytes, at most `a_write` at once, and then is full.
        fn serve(&mut self, mut room: usize, a_write: usize) {
            loop {
                let jumped = self.listener.catch_up(&self.mount, self.now);
                self.skips += usize::from(jumped > 0);
                let mut pieces = Pieces::new();
                self.listener.gather(&self.mount.backlog, &mut pieces);
                if pieces.bytes() == 0 {
                    return self.listener.unblock();
                }
                let offered: Vec<u8> = pieces.as_slices().iter().flat_map(|piece| piece.to_vec()).collect();
                let taken = offered.len().min(room).min(a_write);
                if taken == 0 {
                    return self.listener.block(&self.mount.backlog);
                }
                self.wire.extend_from_slice(&offered[..taken]);
                self.listener.advance(taken, &self.mount.backlog, self.now);
                room -= taken;
            }
        }

        /// The listener, which has moved, is served from the other's mount from now on.
        fn swap_mount(&mut self, other: &mut Scene) {
            std::mem::swap(&mut self.mount, &mut other.mount);
            std::mem::swap(&mut self.writer, &mut other.writer);
            std::mem::swap(&mut self.title, &mut other.title);
            std::mem::swap(&mut self.appended, &mut other.appended);
        }

        /// The numbers of the packets on the wire, each of which is whole (but for the last).
        fn heard(&self) -> Vec<u32> {
            let wire = self.wire.strip_prefix(b"HEAD").expect("the head comes first");
            let audio = match self.listener.weave {
                Some(_) => unweave(wire, self.mount.settings.metaint() as usize).0,
                None => wire.to_vec(),
            };
            let (mut rest, mut numbers) = (audio.as_slice(), Vec::new());
            while let Some(length) = rest.first()
                && rest.len() >= usize::from(*length)
            {
                let number = u32::from_be_bytes(rest[1..5].try_into().unwrap());
                assert_eq!(&rest[..usize::from(*length)], bytes_of(number), "a broken packet");
                numbers.push(number);
                rest = &rest[usize::from(*length)..];
            }
            numbers
        }
    }

    proptest! {
        #[test]
        fn packets_come_whole_and_in_order_and_what_is_missing_was_counted(
            backlog in 60_usize..600,
            burst in 0_usize..300,
            metaint in prop::option::of(1_usize..200),
            before in 0_u32..30,
            steps in prop::collection::vec((0_u32..12, 0_usize..400, 1_usize..90, any::<bool>()), 1..40),
        ) {
            let mut scene = Scene::new(backlog, Burst::Bytes(burst), metaint, before);
            let joined_at = scene.listener.joined_at;
            for (packets, room, a_write, new_title) in steps {
                if new_title {
                    scene.title = Arc::new(Title::new(format!("title {}", scene.appended)));
                }
                scene.append(packets);
                scene.serve(room, a_write);
            }
            scene.serve(usize::MAX, usize::MAX);

            let listener = &scene.listener;
            prop_assert!(listener.is_up_to_date(&scene.mount.backlog));
            prop_assert_eq!(listener.sent + listener.skipped, scene.mount.backlog.head() - joined_at);
            prop_assert_eq!(listener.bytes as usize, scene.wire.len());

            let heard = scene.heard();
            let length = |number: u32| bytes_of(number).len() as u64;
            let first = (0..=scene.appended).find(|first| (0..*first).map(length).sum::<u64>() == joined_at.0);
            let first = first.expect("it joined at a packet start");
            let (mut missing, mut gaps, mut expected) = (0, 0, first);
            for number in heard {
                prop_assert!(number >= expected, "out of order");
                gaps += usize::from(number > expected);
                missing += (expected..number).map(length).sum::<u64>();
                expected = number + 1;
            }
            // (A jump to the head may be the last thing that happened.)
            missing += (expected..scene.appended).map(length).sum::<u64>();
            gaps += usize::from(expected < scene.appended);
            prop_assert_eq!(missing, listener.skipped);
            prop_assert!(gaps <= scene.skips);
        }
    }

    proptest! {
        /// From one mount to the other and back again, at any byte that the socket took last.
        #[test]
        fn who_moves_gets_whole_packets_and_whole_titles(
            metaint in prop::option::of(1_usize..200),
            steps in prop::collection::vec((1_u32..20, 0_usize..400, 1_usize..90, any::<bool>()), 1..40),
        ) {
            let burst = Burst::Bytes(120);
            let mut here = Scene::new(600, burst, metaint, 10);
            let mut there = Scene::new(600, burst, metaint, 5);
            there.title = Arc::new(Title::new("there"));
            let mut joined_at = here.listener.joined_at;
            for (packets, room, a_write, moves) in steps {
                here.append(packets);
                there.append(packets * 2);
                here.serve(room, a_write);
                if !moves {
                    continue;
                }
                let rest = here.listener.rest_of_begun().len() as u64;
                let (sent, skipped) = (here.listener.sent, here.listener.skipped);
                let jumped = here.listener.move_to(0, &here.mount, &there.mount, here.now);
                prop_assert_eq!(sent + rest + skipped + jumped, here.mount.backlog.head() - joined_at);
                joined_at = here.listener.joined_at;
                prop_assert!(there.mount.backlog.rest_of_packet(joined_at).concat().is_empty());
                here.swap_mount(&mut there);
            }
            here.append(10);
            here.serve(usize::MAX, usize::MAX);

            // (That every packet is whole is what `heard` looks at.)
            prop_assert!(here.listener.is_up_to_date(&here.mount.backlog));
            let heard = here.heard();
            prop_assert_eq!(heard.last(), Some(&(here.appended - 1)));
            prop_assert_eq!(here.listener.bytes as usize, here.wire.len());
        }
    }

    #[test]
    fn who_moves_lands_where_it_has_a_burst_again_and_hears_the_title() {
        let mut here = Scene::new(100_000, Burst::Time(SECOND * 2), Some(1000), 100);
        let mut there = Scene::new(100_000, Burst::Time(SECOND * 2), Some(1000), 0);
        there.title = Arc::new(Title::new("There"));
        there.append(2_000);
        here.serve(usize::MAX, usize::MAX);
        // It got 2.6 s, which are a second old.
        here.now += SECOND;
        let holds = here.listener.holds(&here.mount.backlog, here.now);
        assert_eq!(here.listener.move_to(1, &here.mount, &there.mount, here.now), 0);
        here.swap_mount(&mut there);
        let behind = here.mount.backlog.head_time() - here.mount.backlog.time_at(here.listener.cursor);
        assert_eq!(here.listener.holds(&here.mount.backlog, here.now), holds);
        here.serve(usize::MAX, usize::MAX);
        assert_eq!(here.listener.holds(&here.mount.backlog, here.now), holds + behind);
        assert_eq!(here.listener.here(here.now + SECOND).1, SECOND);
        let (_, blocks) = unweave(here.wire.strip_prefix(b"HEAD").unwrap(), 1000);
        let titles: Vec<_> = blocks.iter().filter(|(_, block)| !block.is_empty()).collect();
        assert_eq!(titles.len(), 2);
        assert!(titles[1].1.starts_with(b"StreamTitle='There';"));
    }

    #[test]
    fn who_moves_between_streams_with_headers_gets_each_whole() {
        let with = |header: &'static [u8], dot: u8| {
            let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
            scene.append_of(header, dot, 10);
            scene
        };
        for taken in 0..=4 + 5 + 60 {
            let (mut here, mut there) = (with(b"<one>", b'.'), with(b"<two>", b':'));
            here.listener = Scene::listener(&here.mount, false, here.now);
            here.serve(taken, usize::MAX);
            here.listener.move_to(1, &here.mount, &there.mount, here.now);
            here.swap_mount(&mut there);
            here.append_of(b"<two>", b':', 10);
            here.serve(usize::MAX, usize::MAX);
            let text = String::from_utf8(here.wire.clone()).unwrap();
            let (one, two) = text.split_once("<two>").expect("the header of where it is");
            let one = one.strip_prefix("HEAD").expect("the answer's head");
            let packets = one.strip_prefix("<one>").unwrap_or(one);
            assert!(packets.len().is_multiple_of(20) && packets.bytes().all(|byte| byte == b'.'), "{text}");
            assert!(two.len().is_multiple_of(20) && two.bytes().all(|byte| byte == b':'), "{text}");
        }
    }

    #[test]
    fn a_lagging_listener_finishes_its_packet_and_lands_a_burst_behind_the_head() {
        let mut scene = Scene::new(500, Burst::Bytes(100), None, 4);
        let oldest = bytes_of(0).len() + bytes_of(1).len() + 3;
        scene.serve(4 + oldest, 1000);
        assert!(scene.listener.is_blocked());
        scene.append(60);
        assert!(!scene.mount.backlog.holds(scene.listener.cursor));
        scene.serve(usize::MAX, 1000);
        let heard = scene.heard();
        assert_eq!(heard[..3], [0, 1, 2], "the third had begun");
        let landed = heard[3];
        let behind: usize = (landed..scene.appended).map(|number| bytes_of(number).len()).sum();
        assert!((100..100 + 56).contains(&behind), "{behind} bytes behind the head");
        assert_eq!(heard[3..], (landed..64).collect::<Vec<_>>());
        assert_eq!(scene.skips, 1);
    }

    #[test]
    fn who_comes_back_in_time_misses_nothing() {
        let mut scene = Scene::new(2_000, Burst::Bytes(100), Some(64), 4);
        scene.serve(50, 7);
        scene.append(50);
        scene.serve(usize::MAX, 1000);
        assert_eq!(scene.heard(), (0..54).collect::<Vec<_>>());
        assert_eq!(scene.skips, 0);
    }

    #[test]
    fn a_joiner_gets_the_header_first_and_again_only_where_it_is_another() {
        let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
        // It joins before the first packet, so before anybody knows the header.
        scene.serve(usize::MAX, 1000);
        scene.append_of(b"A", b'.', 2);
        scene.serve(usize::MAX, 1000);
        assert_eq!(scene.wire, [b"HEADA".as_slice(), &[b'.'; 40]].concat());
        // It jumps, within the same stream.
        scene.listener.block(&scene.mount.backlog);
        scene.append_of(b"A", b'.', 30);
        scene.serve(usize::MAX, 1000);
        assert_eq!(scene.wire.len(), 5 + 40 + 60);
        // And into another.
        scene.listener.block(&scene.mount.backlog);
        scene.append_of(b"B", b'.', 30);
        scene.serve(usize::MAX, 1000);
        assert_eq!(scene.wire[105..], [b"B".as_slice(), &[b'.'; 60]].concat());
        assert_eq!(scene.listener.sent, 160);
    }

    #[test]
    fn who_jumps_into_a_stream_with_another_header_has_finished_the_one_before() {
        for taken in 0..4 + 5 + 60 {
            let mut scene = Scene::new(300, Burst::Bytes(60), None, 0);
            scene.append_of(b"<one>", b'.', 10);
            scene.listener = Scene::listener(&scene.mount, false, scene.now);
            scene.serve(taken, usize::MAX);
            scene.append_of(b"<two>", b':', 30);
            scene.serve(usize::MAX, usize::MAX);
            let text = String::from_utf8(scene.wire.clone()).unwrap();
            let (one, two) = text.split_once("<two>").expect("the header of where it is");
            let one = one.strip_prefix("HEAD").expect("the answer's head");
            // (It may have had nothing yet of where it was.)
            let packets = one.strip_prefix("<one>").unwrap_or(one);
            assert!(packets.len().is_multiple_of(20) && packets.bytes().all(|byte| byte == b'.'), "{text}");
            assert_eq!(two, ":".repeat(60), "{text}");
        }
    }

    #[test]
    fn the_cadence_is_a_quarter_of_what_the_listener_holds() {
        // 26 ms a packet: 150 of them are 3.9 s.
        let mut scene = Scene::new(100_000, Burst::Time(SECOND * 4), None, 80);
        assert_eq!(scene.listener.cadence(&scene.mount, scene.now), FASTEST.max(scene.mount.packet_time()));
        scene.serve(usize::MAX, usize::MAX);
        let holds = scene.mount.backlog.head_time();
        assert_eq!(scene.listener.cadence(&scene.mount, scene.now), holds / 4);
        // Half a second later it holds half a second less.
        let later = scene.now + SECOND / 2;
        assert_eq!(scene.listener.cadence(&scene.mount, later), (holds - SECOND / 2) / 4);
        // With ten seconds it is served every second.
        scene.append(400);
        scene.serve(usize::MAX, usize::MAX);
        assert_eq!(scene.listener.cadence(&scene.mount, scene.now), SLOWEST);
        // And once it has nothing, every packet; or, when nothing has come for long, more seldom.
        scene.mount.drain(moment());
        let dry = scene.now + Duration::from_secs(3600);
        assert_eq!(scene.listener.cadence(&scene.mount, dry), QUIET);
    }

    #[test]
    fn after_a_jump_what_it_holds_is_counted_anew() {
        let mut scene = Scene::new(500, Burst::Bytes(100), None, 4);
        scene.serve(20, 1000);
        scene.append(400);
        scene.now += SECOND * 10;
        scene.serve(usize::MAX, 1000);
        let holds = scene.listener.holds(&scene.mount.backlog, scene.now);
        let burst = scene.mount.backlog.head_time() - scene.mount.backlog.time_at(scene.mount.burst_start());
        assert_eq!(holds, burst);
    }

    #[test]
    fn a_full_socket_has_write_timeout_since_it_took_something() {
        let mut scene = Scene::new(2_000, Burst::Bytes(100), None, 4);
        scene.listener.counted = true;
        scene.serve(10, 1000);
        let timeout = SECOND * 30;
        assert_eq!(scene.listener.patience(&scene.mount, timeout), scene.now + timeout);
        scene.now += SECOND * 29;
        assert!(!scene.listener.is_stalled(timeout, scene.now));
        scene.serve(1, 1000);
        assert!(!scene.listener.is_stalled(timeout, scene.now + SECOND * 29));
        scene.serve(0, 1000);
        assert!(scene.listener.is_stalled(timeout, scene.now + SECOND * 30));
        scene.serve(usize::MAX, 1000);
        assert!(!scene.listener.is_stalled(timeout, scene.now + SECOND * 300), "it has all there is");
    }

    #[test]
    fn one_counts_from_its_second_second_on() {
        let mut scene = Scene::new(2_000, Burst::Bytes(100), None, 4);
        assert!(!scene.listener.begins_to_count(scene.now + COUNTS_AFTER - Duration::from_millis(1)));
        assert!(scene.listener.begins_to_count(scene.now + COUNTS_AFTER));
        assert_eq!(scene.listener.patience(&scene.mount, SECOND * 30), scene.now + COUNTS_AFTER);
        scene.listener.input_ended(scene.now + SECOND / 2);
        assert!(!scene.listener.begins_to_count(scene.now + SECOND * 2), "it may be leaving");
        assert!(scene.listener.begins_to_count(scene.now + SECOND * 3));
        scene.listener.counted = true;
        assert!(!scene.listener.begins_to_count(scene.now + SECOND * 5));
        scene.listener.counted = false;
        scene.listener.probe = true;
        assert!(!scene.listener.begins_to_count(scene.now + SECOND * 5));
    }

    #[test]
    fn a_listener_is_a_few_hundred_bytes() {
        assert!(size_of::<Listener>() <= 384, "{}", size_of::<Listener>());
    }
}

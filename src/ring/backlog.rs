//! The recent bytes of a mount, from which listeners read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::units::StreamPos;

/// The recent packets of a mount: one contiguous byte ring, addressed by positions that only grow. It belongs
/// to the reactor thread.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Byte `p` of the stream lies at `p % ring.len()` while `tail <= p < head`.
    ring: Box<[u8]>,
    /// The first byte in the ring: the start of `packets[0]`, or `head` if the ring is empty.
    tail: StreamPos,
    /// The end of the last packet. `head - tail <= ring.len()`.
    head: StreamPos,
    /// The duration of the audio before `head`, since the mount began.
    head_time: Duration,
    /// The start of each whole packet in the ring, in order.
    packets: VecDeque<PacketStart>,
    /// The titles, in order. The first lies at or before `tail`, the others after it, so every byte in the
    /// ring has a title. Empty until the first packet.
    titles: VecDeque<TitleMark>,
}

#[derive(Clone, Copy, Debug)]
struct PacketStart {
    position: StreamPos,
    /// The duration of the audio before it, since the mount began.
    time: Duration,
}

/// A title and a header, which are in force from a position on.
#[derive(Clone, Debug)]
pub(crate) struct TitleMark {
    pub(crate) from: StreamPos,
    /// The number of the title change on this mount. Two marks with the same number announce the same title.
    pub(crate) number: u64,
    /// The ICY block of the title.
    pub(crate) icy_block: Arc<[u8]>,
    /// The bytes that a listener who joins here needs first.
    pub(crate) header: Option<Arc<[u8]>>,
}

impl Backlog {
    /// An empty backlog with a capacity of so many bytes. It takes every packet that is not longer.
    pub(crate) fn new(bytes: usize) -> Backlog {
        assert!(bytes > 0, "a backlog holds something");
        Backlog {
            ring: vec![0; bytes].into_boxed_slice(),
            tail: StreamPos(0),
            head: StreamPos(0),
            head_time: Duration::ZERO,
            packets: VecDeque::new(),
            titles: VecDeque::new(),
        }
    }

    /// Its capacity in bytes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.ring.len()
    }

    /// The position where the next packet will begin.
    pub(crate) fn head(&self) -> StreamPos {
        self.head
    }

    /// The oldest byte in the ring. It is always the start of a packet.
    #[cfg(test)]
    pub(crate) fn tail(&self) -> StreamPos {
        self.tail
    }

    /// The duration of all audio since the mount began.
    pub(crate) fn head_time(&self) -> Duration {
        self.head_time
    }

    /// Appends a whole packet with a duration of `time`. The oldest packets make room for it.
    pub(crate) fn append(&mut self, packet: &[u8], time: Duration) {
        assert!(packet.len() <= self.ring.len(), "a packet of {} bytes", packet.len());
        assert!(!self.titles.is_empty(), "every packet has a title");
        if packet.is_empty() {
            return;
        }
        self.make_room(packet.len());
        self.packets.push_back(PacketStart { position: self.head, time: self.head_time });
        let at = self.index(self.head);
        let before_wrap = packet.len().min(self.ring.len() - at);
        let (first, second) = packet.split_at(before_wrap);
        self.ring[at..at + before_wrap].copy_from_slice(first);
        self.ring[..second.len()].copy_from_slice(second);
        self.head = self.head + packet.len() as u64;
        self.head_time += time;
    }

    /// Sets the title and the header from the next packet on.
    pub(crate) fn set_title(&mut self, number: u64, icy_block: Arc<[u8]>, header: Option<Arc<[u8]>>) {
        if self.titles.back().is_some_and(|last| last.from == self.head) {
            self.titles.pop_back();
        }
        self.titles.push_back(TitleMark { from: self.head, number, icy_block, header });
    }

    /// The title and the header at the head.
    pub(crate) fn last_title(&self) -> Option<&TitleMark> {
        self.titles.back()
    }

    /// The title and the header at a byte that is in the ring.
    pub(crate) fn title_at(&self, position: StreamPos) -> &TitleMark {
        debug_assert!(self.tail <= position && position < self.head, "{position:?} has no title");
        // It is nearly always the last one: titles change every few minutes, and listeners read near the
        // head.
        let mark = self.titles.iter().rev().find(|mark| mark.from <= position);
        mark.expect("the first title lies at or before the tail")
    }

    /// Whether a cursor at this position can continue. At `head`, it can when more is appended.
    pub(crate) fn holds(&self, cursor: StreamPos) -> bool {
        self.tail <= cursor && cursor <= self.head
    }

    /// All bytes from a valid cursor to the head, in order. They are in two pieces because the ring wraps.
    pub(crate) fn since(&self, cursor: StreamPos) -> [&[u8]; 2] {
        debug_assert!(self.holds(cursor), "{cursor:?} is not held");
        let length = (self.head - cursor) as usize;
        let at = self.index(cursor);
        let before_wrap = length.min(self.ring.len() - at);
        [&self.ring[at..at + before_wrap], &self.ring[..length - before_wrap]]
    }

    /// The rest of the packet that a valid cursor is in. Empty at the start of a packet.
    pub(crate) fn rest_of_packet(&self, cursor: StreamPos) -> [&[u8]; 2] {
        let next = self.packets.partition_point(|packet| packet.position < cursor);
        let end = self.packets.get(next).map_or(self.head, |packet| packet.position);
        let [first, second] = self.since(cursor);
        let length = (end - cursor) as usize;
        let in_first = length.min(first.len());
        [&first[..in_first], &second[..length - in_first]]
    }

    /// The duration of the audio before the packet that a valid cursor is in, since the mount began.
    pub(crate) fn time_at(&self, cursor: StreamPos) -> Duration {
        if cursor == self.head {
            return self.head_time;
        }
        let after = self.packets.partition_point(|packet| packet.position <= cursor);
        self.packets[after - 1].time
    }

    /// The last packet start with at least so many bytes and so much audio after it. If there is not that
    /// much, the oldest packet start. For a burst of nothing, the head.
    pub(crate) fn burst_start(&self, bytes: u64, time: Duration) -> StreamPos {
        if bytes == 0 && time.is_zero() {
            return self.head;
        }
        let after = self.packets.partition_point(|packet| {
            self.head - packet.position >= bytes && self.head_time - packet.time >= time
        });
        match self.packets.get(after.saturating_sub(1)) {
            Some(packet) => packet.position,
            None => self.head,
        }
    }

    /// Replaces the ring if this one is larger. All positions stay the same.
    pub(crate) fn grow(&mut self, ring: Box<[u8]>) {
        if ring.len() <= self.ring.len() {
            return;
        }
        let old = std::mem::replace(&mut self.ring, ring);
        let mut position = self.tail;
        while position < self.head {
            let (from, to) = ((position.0 % old.len() as u64) as usize, self.index(position));
            // Up to the place where one of the two rings wraps.
            let left = (self.head - position) as usize;
            let length = left.min(old.len() - from).min(self.ring.len() - to);
            self.ring[to..to + length].copy_from_slice(&old[from..from + length]);
            position = position + length as u64;
        }
    }

    fn index(&self, position: StreamPos) -> usize {
        (position.0 % self.ring.len() as u64) as usize
    }

    fn make_room(&mut self, bytes: usize) {
        let limit = self.ring.len() as u64 - bytes as u64;
        while self.head - self.tail > limit {
            self.packets.pop_front();
            self.tail = self.packets.front().map_or(self.head, |packet| packet.position);
        }
        while self.titles.get(1).is_some_and(|next| next.from <= self.tail) {
            self.titles.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything that was ever appended, and what a backlog of this capacity must still hold of it.
    struct Model {
        capacity: u64,
        bytes: Vec<u8>,
        /// The start and the time of every packet.
        packets: Vec<(u64, Duration)>,
        /// The position and the number of every title. At the same position, the last one counts.
        titles: Vec<(u64, u64)>,
        time: Duration,
    }

    impl Model {
        fn head(&self) -> u64 {
            self.bytes.len() as u64
        }

        /// The oldest packet start from which everything fits.
        fn tail(&self) -> u64 {
            let starts = self.packets.iter().map(|packet| packet.0);
            starts.filter(|start| self.head() - start <= self.capacity).min().unwrap_or(self.head())
        }

        fn held(&self) -> impl Iterator<Item = &(u64, Duration)> {
            self.packets.iter().filter(|packet| packet.0 >= self.tail())
        }

        fn title_at(&self, position: u64) -> u64 {
            self.titles.iter().rev().find(|title| title.0 <= position).unwrap().1
        }

        fn packet_end(&self, cursor: u64) -> u64 {
            self.packets.iter().map(|packet| packet.0).find(|start| *start >= cursor).unwrap_or(self.head())
        }

        fn burst_start(&self, bytes: u64, time: Duration) -> u64 {
            if bytes == 0 && time.is_zero() {
                return self.head();
            }
            let far_enough =
                self.held().filter(|packet| self.head() - packet.0 >= bytes && self.time - packet.1 >= time);
            let oldest = self.held().next().map_or(self.head(), |packet| packet.0);
            far_enough.last().map_or(oldest, |packet| packet.0)
        }
    }

    fn joined(pieces: [&[u8]; 2]) -> Vec<u8> {
        pieces.concat()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append { length: usize, millis: u64 },
        Title,
    }

    fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
        let append = (0..=longest, 0..50_u64).prop_map(|(length, millis)| Step::Append { length, millis });
        prop::collection::vec(prop_oneof![8 => append, 1 => Just(Step::Title)], 1..120)
    }

    proptest! {
        #[test]
        fn a_backlog_that_grows_holds_what_it_held_and_more_later(
            packets in prop::collection::vec(1_usize..20, 0..40),
            sizes in (20_usize..60, 20_usize..200),
        ) {
            let mut backlog = Backlog::new(sizes.0);
            let mut all = Vec::new();
            for (number, length) in packets.iter().enumerate() {
                backlog.set_title(0, Arc::from(&b""[..]), None);
                let packet = vec![number as u8; *length];
                backlog.append(&packet, Duration::ZERO);
                all.extend(packet);
            }
            let (tail, head) = (backlog.tail(), backlog.head());
            backlog.grow(vec![0; sizes.1].into());
            prop_assert_eq!((backlog.tail(), backlog.head()), (tail, head));
            prop_assert_eq!(backlog.since(tail).concat(), &all[tail.0 as usize..]);
            backlog.set_title(0, Arc::from(&b""[..]), None);
            backlog.append(&[255; 20], Duration::ZERO);
            all.extend([255; 20]);
            let tail = backlog.tail();
            prop_assert_eq!(backlog.since(tail).concat(), &all[tail.0 as usize..]);
        }
    }

    proptest! {
        #[test]
        fn a_backlog_is_the_end_of_all_that_was_appended(
            (capacity, steps) in (1_usize..200).prop_flat_map(|capacity| (Just(capacity), steps(capacity))),
            burst_bytes in 0_u64..250,
            burst_millis in 0_u64..600,
        ) {
            let mut backlog = Backlog::new(capacity);
            let mut model = Model {
                capacity: capacity as u64,
                bytes: Vec::new(),
                packets: Vec::new(),
                titles: vec![(0, 0)],
                time: Duration::ZERO,
            };
            backlog.set_title(0, Arc::from([0_u8]), None);
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Append { length, millis } => {
                        let packet: Vec<u8> = (0..length).map(|_| { number += 1; number as u8 }).collect();
                        backlog.append(&packet, Duration::from_millis(millis));
                        if length > 0 {
                            model.packets.push((model.head(), model.time));
                            model.bytes.extend(packet);
                            model.time += Duration::from_millis(millis);
                        }
                    }
                    Step::Title => {
                        let title = model.titles.len() as u64;
                        backlog.set_title(title, Arc::from([title as u8]), None);
                        model.titles.push((model.head(), title));
                    }
                }
                prop_assert_eq!(backlog.head().0, model.head());
                prop_assert_eq!(backlog.tail().0, model.tail());
                prop_assert_eq!(backlog.head_time(), model.time);
                prop_assert!(backlog.head() - backlog.tail() <= backlog.capacity() as u64);
                for cursor in model.tail()..=model.head() {
                    let at = StreamPos(cursor);
                    prop_assert!(backlog.holds(at));
                    prop_assert_eq!(joined(backlog.since(at)), &model.bytes[cursor as usize..]);
                    let end = model.packet_end(cursor) as usize;
                    prop_assert_eq!(joined(backlog.rest_of_packet(at)), &model.bytes[cursor as usize..end]);
                    if cursor < model.head() {
                        prop_assert_eq!(backlog.title_at(at).number, model.title_at(cursor));
                        let time = model.packets.iter().rev().find(|packet| packet.0 <= cursor).unwrap().1;
                        prop_assert_eq!(backlog.time_at(at), time);
                    }
                }
                prop_assert!(!backlog.holds(StreamPos(model.head() + 1)));
                prop_assert!(model.tail() == 0 || !backlog.holds(StreamPos(model.tail() - 1)));
                let time = Duration::from_millis(burst_millis);
                prop_assert_eq!(
                    backlog.burst_start(burst_bytes, time).0,
                    model.burst_start(burst_bytes, time)
                );
            }
        }
    }

    #[test]
    fn titles_that_nothing_held_needs_are_forgotten() {
        let mut backlog = Backlog::new(10);
        for number in 0..1_000 {
            backlog.set_title(number, Arc::from([]), None);
            backlog.append(&[0; 5], Duration::ZERO);
        }
        assert_eq!(backlog.titles.len(), 2);
        assert_eq!(backlog.packets.len(), 2);
    }
}

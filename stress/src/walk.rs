//! Walks a stream of audio bytes from packet head to packet head, however it is cut, and copies
//! nothing but heads that a cut goes through. A 128 kbit/s listener costs it 38 hops a second.

use crate::packet::{HEAD_BYTES, NUMBERED_HEAD_BYTES, PacketHead, number_of};

/// The first packet, or the next after a break, must be found within so many bytes. A burst may
/// begin anywhere, and the largest packets are a few KiB.
const SEEK_BYTES: usize = 32 * 1024;
/// So many heads in a row are no coincidence.
const CHAIN: usize = 3;

/// One stream's walk, and what it found.
#[derive(Debug, Default)]
pub struct Walk {
    state: State,
    stream: Option<Stream>,
    faults: PacketFaults,
    /// Bytes before the very first packet: zero where the server joins on a packet start.
    skipped_at_start: u32,
    packets: u64,
}

/// What was wrong with a stream's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketFaults {
    /// Places where a packet's end was not the start of the next.
    pub broken: u32,
    /// Numbered packets that never came.
    pub missing: u64,
    /// Numbered packets that came again.
    pub repeated: u64,
}

/// What all packets of a stream have in common.
#[derive(Debug)]
struct Stream {
    first: PacketHead,
    /// The number of the last packet begun, where they are numbered.
    number: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// Looks for a chain of packets in what has come.
    Seeking { seen: Vec<u8> },
    /// So many bytes come before the next head.
    Inside { left: usize },
    /// Part of a head has come.
    InHead { bytes: [u8; NUMBERED_HEAD_BYTES], have: usize },
}

impl Default for State {
    fn default() -> State {
        State::Seeking { seen: Vec::new() }
    }
}

impl Walk {
    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, mut audio: &[u8]) {
        while !audio.is_empty() {
            match &mut self.state {
                State::Inside { left } => {
                    if *left > audio.len() {
                        *left -= audio.len();
                        return;
                    }
                    let (_, rest) = audio.split_at(*left);
                    audio = self.heads(rest);
                }
                State::InHead { bytes, have } => {
                    let look = look(self.stream.as_ref());
                    let take = audio.len().min(look - *have);
                    bytes[*have..*have + take].copy_from_slice(&audio[..take]);
                    *have += take;
                    audio = &audio[take..];
                    if *have == look {
                        let head = *bytes;
                        match self.accept(&head[..look]) {
                            Some(packet) => self.state = State::Inside { left: packet.bytes - look },
                            None => {
                                self.broke();
                                self.feed(&head[..look]);
                            }
                        }
                    }
                }
                State::Seeking { seen } => {
                    let mut seen = std::mem::take(seen);
                    let take = audio.len().min(SEEK_BYTES - seen.len());
                    seen.extend_from_slice(&audio[..take]);
                    audio = &audio[take..];
                    self.seek(seen);
                }
            }
        }
    }

    /// Seconds of audio in the packets begun so far.
    pub fn audio_seconds(&self) -> f64 {
        match &self.stream {
            Some(Stream { first, .. }) => {
                self.packets as f64 * f64::from(first.frames) / f64::from(first.sample_rate)
            }
            None => 0.0,
        }
    }

    pub fn faults(&self) -> PacketFaults {
        self.faults
    }

    /// Bytes before the very first packet, once it is found.
    pub fn skipped_at_start(&self) -> Option<u32> {
        self.stream.as_ref().map(|_| self.skipped_at_start)
    }

    /// Hops over all packets whose heads lie whole in `audio`, which begins at a head. Returns
    /// what is left for the state that it sets.
    fn heads<'a>(&mut self, mut audio: &'a [u8]) -> &'a [u8] {
        loop {
            let Some(head) = audio.get(..look(self.stream.as_ref())) else {
                self.state = State::InHead { bytes: [0; NUMBERED_HEAD_BYTES], have: 0 };
                return audio;
            };
            let Some(packet) = self.accept(head) else {
                self.broke();
                return audio;
            };
            match audio.get(packet.bytes..) {
                Some(rest) if !rest.is_empty() => audio = rest,
                _ => {
                    self.state = State::Inside { left: packet.bytes - audio.len() };
                    return &[];
                }
            }
        }
    }

    /// Counts the packet whose head this is, if it belongs to the stream.
    fn accept(&mut self, head: &[u8]) -> Option<PacketHead> {
        let stream = self.stream.as_mut()?;
        let packet =
            PacketHead::parse(head.first_chunk()?).filter(|packet| stream.first.goes_on_with(packet))?;
        if let Some(last) = stream.number {
            let number = number_of(head.first_chunk()?)?;
            match number.wrapping_sub(last) as i64 {
                ahead @ 1.. => self.faults.missing += ahead as u64 - 1,
                _ => self.faults.repeated += 1,
            }
            stream.number = Some(number);
        }
        self.packets += 1;
        Some(packet)
    }

    /// No packet begins where one should.
    fn broke(&mut self) {
        self.faults.broken += 1;
        self.state = State::default();
    }

    /// Goes on from the first chain in what has been seen, if there is one.
    fn seek(&mut self, seen: Vec<u8>) {
        let Some(start) = chain_at(&seen, self.stream.as_ref().map(|stream| stream.first)) else {
            if seen.len() < SEEK_BYTES {
                self.state = State::Seeking { seen };
            } else if self.stream.is_none() {
                // That was no stream of packets; the fault is counted once.
                self.skipped_at_start += seen.len() as u32;
                self.faults.broken = 1;
            }
            return;
        };
        let packets = &seen[start..];
        // The packet before this one counts as the last begun.
        let number = packets.first_chunk().and_then(number_of).map(|number| number.wrapping_sub(1));
        match &mut self.stream {
            // After a break the numbers go on where they were, or there are none any more.
            Some(stream) => stream.number = number.map(|number| stream.number.unwrap_or(number)),
            None => {
                self.skipped_at_start += start as u32;
                let first = packets.first_chunk().and_then(PacketHead::parse);
                self.stream = first.map(|first| Stream { first, number });
            }
        }
        self.state = State::Inside { left: 0 };
        self.feed(packets);
    }
}

/// How many bytes of a head this stream needs.
fn look(stream: Option<&Stream>) -> usize {
    match stream {
        Some(Stream { number: Some(_), .. }) => NUMBERED_HEAD_BYTES,
        _ => HEAD_BYTES,
    }
}

/// The first place in `seen` from where packets follow each other; `None` while there is none, or
/// while a chain may still become one.
fn chain_at(seen: &[u8], like: Option<PacketHead>) -> Option<usize> {
    'starts: for start in 0..seen.len() {
        let mut at = start;
        let mut before = like;
        for _ in 0..CHAIN {
            // Whole so far, but not yet long enough: that is waited for. A later start that looks
            // better already would lie inside a packet.
            let head = seen.get(at..)?.first_chunk()?;
            match PacketHead::parse(head) {
                Some(packet) if before.is_none_or(|before| before.goes_on_with(&packet)) => {
                    at += packet.bytes;
                    before = Some(packet);
                }
                _ => continue 'starts,
            }
        }
        return (seen.len() - start >= NUMBERED_HEAD_BYTES).then_some(start);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{PacketFaults, SEEK_BYTES, Walk};
    use crate::packet::push_numbered;

    fn numbered(numbers: impl IntoIterator<Item = u64>) -> Vec<u8> {
        let mut stream = Vec::new();
        for number in numbers {
            push_numbered(&mut stream, 128, number);
        }
        stream
    }

    /// MP3 packets without numbers.
    fn plain(packets: usize) -> Vec<u8> {
        let mut packet = [0x55; 417];
        packet[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
        packet.repeat(packets)
    }

    fn walk(pieces: &[&[u8]]) -> Walk {
        let mut walk = Walk::default();
        for piece in pieces {
            walk.feed(piece);
        }
        walk
    }

    fn assert_good(walk: &Walk, packets: u64, skipped: u32) {
        assert_eq!(walk.faults(), PacketFaults::default());
        assert_eq!(walk.packets, packets);
        assert_eq!(walk.skipped_at_start(), Some(skipped));
    }

    #[test]
    fn a_good_stream_is_good_however_it_is_cut() {
        for stream in [numbered(7..17), plain(10)] {
            for cut in 0..=stream.len() {
                let (before, after) = stream.split_at(cut);
                assert_good(&walk(&[before, after]), 10, 0);
            }
            for size in 1..600 {
                assert_good(&walk(&stream.chunks(size).collect::<Vec<_>>()), 10, 0);
            }
        }
    }

    #[test]
    fn audio_time_is_that_of_the_packets() {
        let stream = numbered(0..100);
        assert!((walk(&[&stream]).audio_seconds() - 100.0 * 1152.0 / 44_100.0).abs() < 1e-9);
    }

    #[test]
    fn a_stream_may_begin_inside_a_packet() {
        let stream = numbered(0..10);
        for start in 1..417 {
            assert_good(&walk(&[&stream[start..]]), 9, 417 - start as u32);
        }
    }

    #[test]
    fn a_byte_lost_anywhere_is_noticed() {
        for stream in [numbered(0..12), plain(12)] {
            // The first packets are still sought, and in the last ones a loss cannot show yet.
            for lost in 418 * 3..418 * 8 {
                let found = walk(&[&stream[..lost], &stream[lost + 1..]]);
                assert_eq!(found.faults().broken, 1, "byte {lost}");
                assert!(found.packets >= 9, "byte {lost}: goes on with what follows");
            }
        }
    }

    #[test]
    fn a_byte_too_many_is_noticed() {
        let stream = numbered(0..12);
        for at in 418 * 3..418 * 8 {
            assert_eq!(walk(&[&stream[..at], &[0xff], &stream[at..]]).faults().broken, 1, "at {at}");
        }
    }

    #[test]
    fn packets_lost_or_repeated_whole_are_counted_by_their_numbers() {
        let lost = numbered((0..5).chain(8..12));
        assert_eq!(walk(&[&lost]).faults(), PacketFaults { missing: 3, ..Default::default() });
        let again = numbered((0..5).chain(3..9));
        assert_eq!(walk(&[&again]).faults(), PacketFaults { repeated: 1, ..Default::default() });
    }

    #[test]
    fn a_break_does_not_hide_what_was_lost_with_it() {
        let stream = numbered(0..40);
        // From inside packet 4 to inside packet 8: 4 seems to end inside 9, so 10 is the next found.
        let found = walk(&[&stream[..418 * 4 + 100], &stream[418 * 8 + 200..]]);
        assert_eq!(found.faults(), PacketFaults { broken: 1, missing: 5, repeated: 0 });
    }

    #[test]
    fn a_numbered_stream_that_goes_on_without_numbers_is_one_break() {
        let mut stream = numbered(0..10);
        stream.extend(plain(10));
        let found = walk(&[&stream]);
        assert_eq!(found.faults(), PacketFaults { broken: 1, ..Default::default() });
        assert_eq!(found.packets, 20);
    }

    #[test]
    fn what_is_no_audio_is_one_fault() {
        let text = b"<html>not found</html>".repeat(SEEK_BYTES / 8);
        let found = walk(&text.chunks(1000).collect::<Vec<_>>());
        assert_eq!(found.faults().broken, 1);
        assert_eq!(found.audio_seconds(), 0.0);
    }
}

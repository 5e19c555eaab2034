//! Follows a stream of audio bytes from packet head to packet head, for any division into reads. Only a head
//! that is divided is copied. A listener at 128 kbit/s has 38 heads per second.

use crate::packet::{HEAD_BYTES, NUMBERED_HEAD_BYTES, PacketHead, number_of};

/// The first packet, or the next one after a break, must be found within this many bytes. A burst may begin
/// anywhere, and the largest packets are a few KiB.
const SEEK_BYTES: usize = 32 * 1024;
/// This many consecutive heads cannot be a coincidence.
const CHAIN: usize = 3;

/// The state of one stream, and its faults.
#[derive(Debug, Default)]
pub struct Walk {
    state: State,
    stream: Option<Stream>,
    faults: PacketFaults,
    /// Bytes before the very first packet. Zero if the server begins on a packet start.
    skipped_at_start: u32,
    packets: u64,
}

/// The faults in a stream's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketFaults {
    /// The number of packets that are not followed by another packet.
    pub broken: u32,
    /// Numbered packets that never arrived.
    pub missing: u64,
    /// Numbered packets that arrived again.
    pub repeated: u64,
}

/// The properties that all packets of a stream share.
#[derive(Debug)]
struct Stream {
    first: PacketHead,
    /// The number of the latest packet, if packets are numbered.
    number: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// Looks for a chain of packets in the bytes so far.
    Seeking { seen: Vec<u8> },
    /// This many bytes lie before the next head.
    Inside { left: usize },
    /// A part of the next head has arrived.
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

    /// Bytes before the very first packet, after it has been found.
    pub fn skipped_at_start(&self) -> Option<u32> {
        self.stream.as_ref().map(|_| self.skipped_at_start)
    }

    /// Passes all packets whose heads lie completely in `audio`, which begins at a head. Sets the next state
    /// and returns the bytes that remain for it.
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

    /// Counts the packet with this head, if it belongs to the stream.
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

    /// There is no packet head where one should be.
    fn broke(&mut self) {
        self.faults.broken += 1;
        self.state = State::default();
    }

    /// Continues from the first chain in `seen`, if there is one.
    fn seek(&mut self, seen: Vec<u8>) {
        let Some(start) = chain_at(&seen, self.stream.as_ref().map(|stream| stream.first)) else {
            if seen.len() < SEEK_BYTES {
                self.state = State::Seeking { seen };
            } else if self.stream.is_none() {
                // There were no packets in these bytes. The fault is counted once per stream.
                self.skipped_at_start += seen.len() as u32;
                self.faults.broken = 1;
            }
            return;
        };
        let packets = &seen[start..];
        // The latest number is one less, so that the first packet of the chain is expected next.
        let number = packets.first_chunk().and_then(number_of).map(|number| number.wrapping_sub(1));
        match &mut self.stream {
            // After a break the numbers continue from the latest, unless packets are no longer numbered.
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

/// The number of bytes that must be read of each head.
fn look(stream: Option<&Stream>) -> usize {
    match stream {
        Some(Stream { number: Some(_), .. }) => NUMBERED_HEAD_BYTES,
        _ => HEAD_BYTES,
    }
}

/// The first place in `seen` that begins a chain of packets. `None` if there is none, or if a chain may still
/// be completed by later bytes.
fn chain_at(seen: &[u8], like: Option<PacketHead>) -> Option<usize> {
    'starts: for start in 0..seen.len() {
        let mut at = start;
        let mut before = like;
        for _ in 0..CHAIN {
            // This chain is correct but incomplete, so the search waits for more bytes. A later start that is
            // already complete would lie inside a packet.
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
            // The first packets are not found yet, and in the last ones a loss cannot show yet.
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
        // The bytes jump from the middle of packet 4 to the middle of 8. So 4 seems to end inside 9, and 10
        // is found next.
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

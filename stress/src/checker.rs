//! Checks the stream of one listener as it arrives: ICY blocks must be well formed, packets contiguous.

use std::collections::HashMap;

use crate::icy::{Piece, Unweave, title_in};
use crate::walk::{PacketFaults, Walk};

/// The state of one listener's stream, from the end of the answer's head on.
#[derive(Debug)]
pub struct Checker {
    icy: Option<Unweave>,
    walk: Walk,
    malformed_blocks: u32,
    title: Option<TitleId>,
    /// How often the title changed. The first title counts, too.
    title_changes: u32,
}

impl Checker {
    /// `metaint` is the value that the server announced.
    pub fn new(metaint: Option<usize>) -> Checker {
        Checker {
            icy: metaint.map(Unweave::new),
            walk: Walk::default(),
            malformed_blocks: 0,
            title: None,
            title_changes: 0,
        }
    }

    /// Takes the next bytes from the socket.
    pub fn feed(&mut self, mut bytes: &[u8], titles: &mut Titles) {
        let Some(icy) = &mut self.icy else { return self.walk.feed(bytes) };
        loop {
            match icy.next(&mut bytes) {
                Piece::Audio(audio) => self.walk.feed(audio),
                Piece::Block => match title_in(&icy.block()) {
                    Some(title) => {
                        let title = titles.id(title);
                        if self.title.replace(title) != Some(title) {
                            self.title_changes += 1;
                        }
                    }
                    None => self.malformed_blocks += 1,
                },
                Piece::Nothing => return,
            }
        }
    }

    /// Seconds of audio in the packets begun so far.
    pub fn audio_seconds(&self) -> f64 {
        self.walk.audio_seconds()
    }

    pub fn packet_faults(&self) -> PacketFaults {
        self.walk.faults()
    }

    pub fn malformed_blocks(&self) -> u32 {
        self.malformed_blocks
    }

    pub fn title_changes(&self) -> u32 {
        self.title_changes
    }

    /// Bytes before the first packet; `None` if none was found yet.
    pub fn skipped_at_start(&self) -> Option<u32> {
        self.walk.skipped_at_start()
    }
}

/// The id of a title in [`Titles`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TitleId(u32);

/// All titles that listeners have received, each stored once.
#[derive(Debug, Default)]
pub struct Titles {
    ids: HashMap<String, TitleId>,
}

impl Titles {
    /// Further titles all get the same id, so a server that sends garbage cannot fill this tool's memory.
    const MOST: usize = 10_000;

    fn id(&mut self, title: &str) -> TitleId {
        if let Some(&id) = self.ids.get(title) {
            return id;
        }
        let id = TitleId(self.ids.len() as u32);
        if self.ids.len() < Titles::MOST {
            self.ids.insert(title.to_owned(), id);
        }
        id
    }

    /// The titles in the order in which they first appeared.
    pub fn in_order(&self) -> Vec<String> {
        let mut titles: Vec<_> = self.ids.iter().collect();
        titles.sort_by_key(|(_, id)| id.0);
        titles.into_iter().map(|(title, _)| title.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Checker, Titles};
    use crate::packet::push_numbered;
    use crate::walk::PacketFaults;

    const METAINT: usize = 1000;

    /// 20 numbered packets with a block every 1,000 bytes; blocks 3 and 9 have titles.
    fn stream() -> Vec<u8> {
        let mut audio = Vec::new();
        (0..20).for_each(|number| push_numbered(&mut audio, 128, number));
        let mut stream = Vec::new();
        for (at, part) in audio.chunks(METAINT).enumerate() {
            stream.extend_from_slice(part);
            match at {
                3 => stream.extend_from_slice(b"\x02StreamTitle='Three';\0\0\0\0\0\0\0\0\0\0\0\0"),
                7 => stream.extend_from_slice(b"\x02StreamTitle='Seven';\0\0\0\0\0\0\0\0\0\0\0\0"),
                _ if part.len() == METAINT => stream.push(0),
                _ => {}
            }
        }
        stream
    }

    fn check<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Checker, Titles) {
        let (mut checker, mut titles) = (Checker::new(Some(METAINT)), Titles::default());
        pieces.into_iter().for_each(|piece| checker.feed(piece, &mut titles));
        (checker, titles)
    }

    #[test]
    fn a_good_stream_is_good_cut_at_every_byte() {
        let stream = stream();
        for cut in 0..=stream.len() {
            let (before, after) = stream.split_at(cut);
            let (checker, titles) = check([before, after]);
            assert_eq!(checker.packet_faults(), PacketFaults::default(), "cut at {cut}");
            assert_eq!((checker.malformed_blocks(), checker.title_changes()), (0, 2), "cut at {cut}");
            assert_eq!(checker.skipped_at_start(), Some(0), "cut at {cut}");
            assert_eq!(titles.in_order(), ["Three", "Seven"], "cut at {cut}");
        }
    }

    #[test]
    fn a_missing_byte_is_a_fault_wherever_it_was() {
        let stream = stream();
        for lost in 500..7000 {
            let (checker, _) = check([&stream[..lost], &stream[lost + 1..]]);
            let faults = checker.packet_faults();
            assert!(faults.broken > 0 || checker.malformed_blocks() > 0, "byte {lost} lost: {faults:?}");
        }
    }

    #[test]
    fn a_block_without_its_end_is_malformed() {
        let mut stream = stream();
        let quote = stream.windows(2).position(|two| two == b"';").unwrap();
        stream[quote] = b'"';
        let (checker, _) = check([&stream[..]]);
        assert_eq!(checker.malformed_blocks(), 1);
        assert_eq!(checker.packet_faults(), PacketFaults::default());
    }
}

//! Finds out which format a stream has, by reading it as each of them.

use super::super::packets::{PacketReader, Parsed, known_type};

/// How packets lie in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mpeg,
    Adts,
    Ogg,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Mpeg, Kind::Adts, Kind::Ogg];

    /// The kind that a content type stands for.
    fn of(content_type: &str) -> Option<Kind> {
        known_type(content_type).and_then(|known| Kind::ALL.into_iter().find(|kind| kind.name() == known))
    }

    /// Its usual content type.
    fn name(self) -> &'static str {
        match self {
            Kind::Mpeg => "audio/mpeg",
            Kind::Adts => "audio/aac",
            Kind::Ogg => "audio/ogg",
        }
    }

    fn reader(self) -> PacketReader {
        PacketReader::for_content_type(self.name())
    }

    /// So many packets prove that a stream has this kind, whatever it says. Pages have a checksum.
    fn proof(self) -> usize {
        match self {
            Kind::Mpeg | Kind::Adts => 4,
            Kind::Ogg => 1,
        }
    }
}

/// A stream whose format is not known yet.
pub(super) struct Looking {
    said: Option<Kind>,
    /// A reader for each kind, and the packets that it has found.
    readers: Vec<Candidate>,
    /// How many bytes had been of no use when the stream got lost.
    skipped_before: u64,
}

struct Candidate {
    kind: Kind,
    reader: PacketReader,
    packets: Vec<Parsed>,
}

/// A stream whose format is known.
pub(super) struct Found {
    pub kind: Kind,
    pub reader: PacketReader,
    pub packets: Vec<Parsed>,
    /// How many bytes were of no use, beside those that the reader has counted.
    pub skipped: u64,
}

impl Looking {
    pub fn new(content_type: &str) -> Looking {
        let fresh = |kind: Kind| Candidate { kind, reader: kind.reader(), packets: Vec::new() };
        Looking { said: Kind::of(content_type), readers: Kind::ALL.map(fresh).into(), skipped_before: 0 }
    }

    /// A stream of this kind that has got lost. It may go on, and then this reader goes on with it.
    pub fn again(kind: Kind, reader: PacketReader) -> Looking {
        let mut looking = Looking { said: Some(kind), ..Looking::new("") };
        looking.skipped_before = reader.garbage_bytes();
        looking.readers.retain(|other| other.kind != kind);
        looking.readers.push(Candidate { kind, reader, packets: Vec::new() });
        looking
    }

    /// Takes the next bytes. Tells when the kind is known.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Found> {
        for Candidate { reader, packets, .. } in &mut self.readers {
            let mut rest = bytes;
            packets.extend(std::iter::from_fn(|| reader.next_packet(&mut rest)));
        }
        let said = self.said;
        let is_known = |candidate: &Candidate| {
            let enough = candidate.kind.proof();
            candidate.packets.len() >= if said == Some(candidate.kind) { enough.min(2) } else { enough }
        };
        // A page is no coincidence. In doubt, the stream is what it says.
        let is_page = |candidate: &Candidate| candidate.kind == Kind::Ogg && is_known(candidate);
        let is_said = |candidate: &Candidate| said == Some(candidate.kind) && is_known(candidate);
        let place = |like: &dyn Fn(&Candidate) -> bool| self.readers.iter().position(like);
        let place = place(&is_page).or_else(|| place(&is_said)).or_else(|| place(&is_known))?;
        let Candidate { kind, reader, packets } = self.readers.swap_remove(place);
        let skipped = if said == Some(kind) { 0 } else { self.skipped_before };
        Some(Found { kind, reader, packets, skipped })
    }

    /// How many bytes were of no use, whatever the format is.
    pub fn skipped_bytes(&self) -> u64 {
        let fresh = self.readers.iter().map(|candidate| candidate.reader.garbage_bytes()).min();
        self.skipped_before + fresh.unwrap_or(0)
    }
}

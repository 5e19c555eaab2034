//! Decodes what a source sends: bytes of a stream that has no end, and perhaps another format than it says.
//!
//! The format is known by the bytes; the content type only decides in doubt. Bytes that are of no use are
//! skipped and counted. Where a stream changes its rate, its channels or its format, it goes on with another
//! decoder.

mod fuzzing;
mod looking;
mod ogg;

#[doc(hidden)]
pub use self::fuzzing::{LiveRead, OggRead, read_live, read_ogg};
use self::looking::{Found, Kind, Looking};
use self::ogg::{OggPackets, Unpacked};
use super::aac::adts;
use super::file::{Coding, PacketDecoder};
use super::mp3::header as mpeg;
use super::packets::{PacketReader, Parsed};
use super::reshape::Shape;

/// After so many bytes in a row that are of no use, the format is looked for anew.
const LOST_AFTER: u64 = 64 << 10;

/// What a source has sent.
#[derive(Debug)]
pub(crate) enum Sent<'a> {
    /// Interleaved frames of this shape.
    Pcm(&'a Shape, &'a [f32]),
    /// What follows does not go on where the sound before it ended: something is missing, or another stream
    /// begins.
    Seam,
    /// A title, from here on.
    Title(String),
    /// A whole packet, as it came. What it contains follows.
    Packet(&'a Parsed),
}

/// Decodes the stream of one source.
pub(crate) struct LiveDecoder {
    state: State,
    ogg: OggPackets,
    decoding: Option<Decoding>,
    pcm: Vec<f32>,
    /// What is decoded next does not go on where the last sound ended.
    at_seam: bool,
    /// Bytes skipped so far by readers that are not in use any more.
    skipped: u64,
    bad_packets: u64,
}

enum State {
    Looking(Looking),
    Reading { kind: Kind, reader: PacketReader },
}

/// A decoder, and what it was made for.
struct Decoding {
    coding: Coding,
    /// What all headers of the packets have in common, beside the coding.
    like: Option<(u32, usize)>,
    /// `None` if there is no decoder for this.
    decoder: Option<PacketDecoder>,
    /// What the stream says of its level.
    gain: f32,
}

impl LiveDecoder {
    /// A decoder for a stream that says it has this content type.
    pub fn new(content_type: &str) -> LiveDecoder {
        LiveDecoder {
            state: State::Looking(Looking::new(content_type)),
            ogg: OggPackets::default(),
            decoding: None,
            pcm: Vec::new(),
            at_seam: false,
            skipped: 0,
            bad_packets: 0,
        }
    }

    /// The name of what is decoded.
    pub fn coding(&self) -> Option<&'static str> {
        self.decoding.as_ref().map(|decoding| decoding.coding.name())
    }

    /// How many bytes were of no use.
    pub fn skipped_bytes(&self) -> u64 {
        let of_reader = match &self.state {
            State::Looking(looking) => looking.skipped_bytes(),
            State::Reading { reader, .. } => reader.garbage_bytes(),
        };
        self.skipped + of_reader
    }

    /// How many packets could not be decoded.
    pub fn bad_packets(&self) -> u64 {
        self.bad_packets
    }

    /// Takes the next bytes, and gives what they contain.
    pub fn push(&mut self, bytes: &[u8], give: &mut dyn FnMut(Sent<'_>)) {
        let mut rest = bytes;
        if let State::Looking(looking) = &mut self.state {
            let Some(Found { kind, reader, packets, skipped }) = looking.push(bytes) else { return };
            self.skipped += skipped;
            self.state = State::Reading { kind, reader };
            packets.iter().for_each(|packet| self.take(kind, packet, give));
            rest = &[];
        }
        while let State::Reading { kind, reader } = &mut self.state {
            let (kind, garbage) = (*kind, reader.garbage_bytes());
            let packet = reader.next_packet(&mut rest);
            // Perhaps it took the place of packets.
            self.at_seam |= reader.garbage_bytes() > garbage;
            match packet {
                Some(packet) => self.take(kind, &packet, give),
                None => break,
            }
        }
        self.look_again_if_lost();
    }

    fn look_again_if_lost(&mut self) {
        let is_lost = |reader: &PacketReader| reader.garbage_run() > LOST_AFTER;
        if matches!(&self.state, State::Reading { reader, .. } if is_lost(reader))
            && let State::Reading { kind, reader } =
                std::mem::replace(&mut self.state, State::Looking(Looking::new("")))
        {
            self.state = State::Looking(Looking::again(kind, reader));
        }
    }

    fn take(&mut self, kind: Kind, packet: &Parsed, give: &mut dyn FnMut(Sent<'_>)) {
        give(Sent::Packet(packet));
        self.unpack(kind, &packet.packet.bytes, give);
    }

    /// Takes a packet of this kind; of Ogg, a page.
    fn unpack(&mut self, kind: Kind, packet: &[u8], give: &mut dyn FnMut(Sent<'_>)) {
        match kind {
            Kind::Mpeg => {
                let Some(header) = packet.first_chunk().and_then(|head| mpeg::parse(*head)) else { return };
                let like = (header.rate, header.channels.count());
                self.open(Coding::Mpeg(header.layer), Some(like), 1.0);
                self.decode(packet, give);
            }
            Kind::Adts => {
                let Some(header) = packet.first_chunk().and_then(|head| adts::parse(*head)) else { return };
                let coding = Coding::Aac { rate: header.rate, channel_config: header.channel_config };
                self.open(coding, None, 1.0);
                self.decode(&packet[header.head_len..], give);
            }
            Kind::Ogg => {
                for unpacked in self.ogg.push(packet) {
                    match unpacked {
                        Unpacked::Begins { coding, gain } => self.begin(coding, None, gain),
                        Unpacked::Title(title) => give(Sent::Title(title)),
                        Unpacked::Lost => self.at_seam = true,
                        Unpacked::Packet(packet) => self.decode(&packet, give),
                    }
                }
            }
        }
    }

    /// Makes sure that the decoder is one for this coding.
    fn open(&mut self, coding: Coding, like: Option<(u32, usize)>, gain: f32) {
        let fits = |decoding: &Decoding| decoding.coding == coding && decoding.like == like;
        if !self.decoding.as_ref().is_some_and(fits) {
            self.begin(coding, like, gain);
        }
    }

    fn begin(&mut self, coding: Coding, like: Option<(u32, usize)>, gain: f32) {
        self.at_seam = true;
        let decoder = PacketDecoder::new(&coding).ok();
        self.decoding = Some(Decoding { coding, like, decoder, gain });
    }

    fn decode(&mut self, packet: &[u8], give: &mut dyn FnMut(Sent<'_>)) {
        let Some(Decoding { decoder: Some(decoder), gain, .. }) = &mut self.decoding else {
            self.bad_packets += 1;
            return;
        };
        if self.at_seam {
            decoder.packets_are_missing();
        }
        match decoder.decode(packet, &mut self.pcm) {
            Some(shape) => {
                if *gain != 1.0 {
                    self.pcm.iter_mut().for_each(|sample| *sample *= *gain);
                }
                if std::mem::take(&mut self.at_seam) {
                    give(Sent::Seam);
                }
                give(Sent::Pcm(shape, &self.pcm));
            }
            None => {
                self.bad_packets += 1;
                self.at_seam = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;

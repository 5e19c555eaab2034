//! Finds packets in a byte stream that arrives in pieces of any size.

mod comments;
mod garbage;
pub(super) mod ogg;
mod step;

use std::sync::Arc;

pub(crate) use self::comments::tags_of_header;
pub(in crate::codec) use self::comments::tags_of_packet;
use self::garbage::Garbage;
use self::ogg::Ogg;
use self::step::Step;
pub use self::step::StreamFormat;
use super::aac::adts;
use super::mp3::header as mpeg;
use super::tags::{self, Look};
use crate::packet::Packet;
use crate::units::SampleRate;

/// The longest packet: an Ogg page of 255 segments of 255 bytes, with its header.
pub const MAX_PACKET_BYTES: usize = 27 + 255 + 255 * 255;
const _: () = assert!(mpeg::MAX_PACKET_BYTES < MAX_PACKET_BYTES && adts::MAX_PACKET_BYTES < MAX_PACKET_BYTES);

/// A packet found in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The packet, whole.
    pub packet: Packet,
    /// Bytes that a listener who joins at this packet needs before it: the header pages of an Ogg stream that
    /// preceded it. Empty for other formats.
    pub header: Option<Arc<[u8]>>,
}

/// Splits a stream's bytes into packets. The result does not depend on how the bytes are cut into pieces.
/// Other bytes are skipped. In a stream of an unknown type, each piece is a packet.
///
/// It buffers at most one packet, and an Ogg stream's header pages.
#[derive(Debug)]
pub struct PacketReader {
    framing: Framing,
    /// The unused bytes are `buffer[start..]`. There are never more than `framing` asks for.
    buffer: Vec<u8>,
    start: usize,
    /// Bytes of a tag that are still to be skipped. Meanwhile the buffer is empty.
    tag_left: u64,
    garbage: Garbage,
    format: Option<StreamFormat>,
    clock: Clock,
}

#[derive(Debug)]
enum Framing {
    Synced(Sync),
    Ogg(Ogg),
    /// An unknown type: each piece is passed on.
    Pieces,
}

impl PacketReader {
    /// A reader for a content type. It finds the packets of `audio/mpeg`, `audio/aac`, `audio/ogg` and their
    /// aliases, but not those of other types. Parameters (`; codecs=opus`) are ignored.
    pub fn for_content_type(content_type: &str) -> PacketReader {
        let framing = match known_type(content_type) {
            Some("audio/mpeg") => Framing::Synced(Sync::new(Codec::Mpeg)),
            Some("audio/aac") => Framing::Synced(Sync::new(Codec::Adts)),
            Some(_) => Framing::Ogg(Ogg::default()),
            None => Framing::Pieces,
        };
        PacketReader {
            framing,
            buffer: Vec::new(),
            start: 0,
            tag_left: 0,
            garbage: Garbage::default(),
            format: None,
            clock: Clock::default(),
        }
    }

    /// Counts the durations of packets in frames at `rate` instead of the rate in their headers. HE-AAC needs
    /// this, because its headers have half the output rate.
    pub fn at_rate(mut self, rate: SampleRate) -> PacketReader {
        self.clock.rate = Some(rate.hz());
        self
    }

    /// Takes bytes from the front of `bytes` up to the end of the next packet, and returns that packet.
    /// `None` if all bytes were taken and more are needed.
    pub fn next_packet(&mut self, bytes: &mut &[u8]) -> Option<Parsed> {
        if let Framing::Pieces = self.framing {
            let piece = bytes.split_off(..bytes.len().min(MAX_PACKET_BYTES))?;
            let packet = Packet { bytes: piece.into(), frames: 0 };
            return (!piece.is_empty()).then_some(Parsed { packet, header: None });
        }
        loop {
            self.skip_tag(bytes);
            if self.tag_left > 0 {
                return None;
            }
            let step = match &mut self.framing {
                Framing::Synced(sync) => sync.step(&self.buffer[self.start..]),
                Framing::Ogg(ogg) => ogg.step(&self.buffer[self.start..]),
                Framing::Pieces => unreachable!("handled above"),
            };
            match step {
                Step::Need(len) => {
                    if !self.fill(len, bytes) {
                        return None;
                    }
                }
                Step::Tag(len) => self.tag_left = len,
                Step::Drop(len) => self.start += len,
                Step::Garbage(len) => {
                    self.garbage.add(&self.buffer[self.start..self.start + len]);
                    self.start += len;
                }
                Step::Packet { len, frames, format, header } => {
                    let bytes = self.buffer[self.start..self.start + len].into();
                    self.start += len;
                    self.garbage.end_run();
                    self.format = format;
                    let frames = format.map_or(frames, |format| self.clock.frames(frames, format.rate));
                    return Some(Parsed { packet: Packet { bytes, frames }, header });
                }
            }
        }
    }

    /// Takes all of `bytes`, and appends every packet that is complete.
    pub fn push(&mut self, mut bytes: &[u8], packets: &mut Vec<Parsed>) {
        while let Some(packet) = self.next_packet(&mut bytes) {
            packets.push(packet);
        }
    }

    /// The format, by the last packet. `None` before the first packet, and for streams that are not parsed.
    pub fn format(&self) -> Option<StreamFormat> {
        self.format
    }

    /// The number of bytes skipped because they were neither packets nor tags.
    pub fn garbage_bytes(&self) -> u64 {
        self.garbage.total
    }

    /// The number of those bytes that came since the last packet.
    pub fn garbage_run(&self) -> u64 {
        self.garbage.run
    }

    /// The format that the bytes since the last packet begin like: `FLAC`. `None` if it is none that is known.
    pub fn garbage_looks_like(&self) -> Option<&'static str> {
        self.garbage.looks_like()
    }

    /// Moves bytes into the buffer until it holds `len`. False if there are too few.
    fn fill(&mut self, len: usize, bytes: &mut &[u8]) -> bool {
        // The rest is moved to the front at most once for each packet used, so the cost is linear.
        if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let missing = (self.start + len).saturating_sub(self.buffer.len());
        let Some(found) = bytes.split_off(..missing.min(bytes.len())) else { return false };
        self.buffer.extend_from_slice(found);
        found.len() == missing
    }

    fn skip_tag(&mut self, bytes: &mut &[u8]) {
        let buffered = self.tag_left.min((self.buffer.len() - self.start) as u64);
        self.start += buffered as usize;
        self.tag_left -= buffered;
        let more = self.tag_left.min(bytes.len() as u64);
        *bytes = &bytes[more as usize..];
        self.tag_left -= more;
    }
}

/// The usual name of a content type whose packets can be found: `audio/mpeg` for `audio/mp3`. Browsers refuse
/// some of the others. `None` for other types.
pub(crate) fn known_type(content_type: &str) -> Option<&'static str> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "audio/mpeg" | "audio/mp3" | "audio/x-mp3" | "audio/x-mpeg" | "audio/mpeg3" => Some("audio/mpeg"),
        "audio/aac" | "audio/aacp" | "audio/x-aac" => Some("audio/aac"),
        "application/ogg" | "audio/ogg" | "audio/opus" | "audio/vorbis" => Some("audio/ogg"),
        _ => None,
    }
}

/// Converts durations from the stream's rate to the mount's rate, without accumulating rounding errors.
#[derive(Debug, Default)]
struct Clock {
    rate: Option<u32>,
    /// The rate of the previous packet, and the remainder of its conversion, which is less than a frame.
    from: u32,
    rest: u64,
}

impl Clock {
    fn frames(&mut self, frames: u32, from: u32) -> u32 {
        let Some(rate) = self.rate.filter(|rate| *rate != from) else { return frames };
        if self.from != from {
            (self.from, self.rest) = (from, 0);
        }
        let scaled = u64::from(frames) * u64::from(rate) + self.rest;
        self.rest = scaled % u64::from(from);
        u32::try_from(scaled / u64::from(from)).unwrap_or(u32::MAX)
    }
}

/// Finds packets that begin with a sync word and contain their length: MPEG audio and ADTS.
///
/// A sync word can also occur inside a packet. So at the beginning, and after skipped bytes, a header counts
/// only if another header of the same kind follows at the end of its packet. After that, each packet is
/// returned as soon as it is complete.
#[derive(Debug)]
struct Sync {
    codec: Codec,
    /// What all headers of the stream have in common, if known yet.
    like: Option<Likeness>,
    /// Whether the stream begins here, or a packet or a tag ended here. Tags are recognised only in these
    /// places.
    at_boundary: bool,
}

#[derive(Clone, Copy, Debug)]
enum Codec {
    Mpeg,
    Adts,
}

/// The part of a header that [`Sync`] uses.
struct Head {
    len: usize,
    frames: u32,
    format: StreamFormat,
    like: Likeness,
}

/// The part of a header that is the same in all packets: the kind of coding, the rate (which implies the MPEG
/// version), and the channels.
type Likeness = (u8, u32, u8);

impl Sync {
    fn new(codec: Codec) -> Sync {
        Sync { codec, like: None, at_boundary: true }
    }

    fn step(&mut self, bytes: &[u8]) -> Step {
        let header = self.codec.header_bytes();
        if bytes.len() < header {
            return Step::Need(header);
        }
        if self.at_boundary {
            match tags::look(bytes) {
                Look::Tag(len) => return Step::Tag(len),
                Look::Unclear(len) => return Step::Need(len),
                Look::Other => {}
            }
        }
        let Some(head) = self.codec.head(bytes) else { return self.lost(bytes) };
        if self.like != Some(head.like) {
            let Some(next) = bytes.get(head.len..head.len + header) else {
                return Step::Need(head.len + header);
            };
            if self.codec.head(next).is_none_or(|next| next.like != head.like) {
                return self.lost(bytes);
            }
            self.like = Some(head.like);
        }
        let Some(packet) = bytes.get(..head.len) else { return Step::Need(head.len) };
        self.at_boundary = true;
        if self.codec.is_silent(packet) {
            return Step::Drop(head.len);
        }
        Step::Packet { len: head.len, frames: head.frames, format: Some(head.format), header: None }
    }

    /// No packet begins here. The next one may begin at the next sync word.
    fn lost(&mut self, bytes: &[u8]) -> Step {
        (self.like, self.at_boundary) = (None, false);
        let next = bytes[1..].iter().position(|byte| *byte == 0xff);
        Step::Garbage(next.map_or(bytes.len(), |at| 1 + at))
    }
}

impl Codec {
    const fn header_bytes(self) -> usize {
        match self {
            Codec::Mpeg => mpeg::HEADER_BYTES,
            Codec::Adts => adts::HEADER_BYTES,
        }
    }

    fn head(self, bytes: &[u8]) -> Option<Head> {
        match self {
            Codec::Mpeg => {
                let header = mpeg::parse(*bytes.first_chunk()?)?;
                let channels = header.channels.count() as u8;
                let format = StreamFormat { rate: header.rate, channels, bitrate: Some(header.bitrate) };
                let like = (header.layer as u8, header.rate, channels);
                Some(Head { len: header.len, frames: header.frames, format, like })
            }
            Codec::Adts => {
                let header = adts::parse(*bytes.first_chunk()?)?;
                let channels = match header.channel_config {
                    7 => 8,
                    config => config,
                };
                let format = StreamFormat { rate: header.rate, channels, bitrate: None };
                let like = (header.object_type, header.rate, header.channel_config);
                Some(Head { len: header.len, frames: header.frames, format, like })
            }
        }
    }

    /// Whether a packet contains only the length of a file (Xing, Info, VBRI).
    fn is_silent(self, packet: &[u8]) -> bool {
        match self {
            Codec::Mpeg => packet
                .first_chunk()
                .and_then(|head| mpeg::parse(*head))
                .is_some_and(|header| mpeg::file_info(&header, packet).is_some()),
            Codec::Adts => false,
        }
    }
}

#[cfg(test)]
mod tests;

//! Takes packets out of the pages of an Ogg stream, which may be a chain of streams: Vorbis, Opus or FLAC.

use super::super::file::Coding;
use super::super::packets::ogg::Page;
use super::super::packets::tags_of_packet;
use crate::metadata::format_title;

/// The longest packet. Comments may have pictures: longer ones are left out.
const MAX_PACKET_BYTES: usize = 512 << 10;

/// What a page brings.
#[derive(Debug, PartialEq)]
pub(super) enum Unpacked {
    /// A stream begins, and its headers are complete.
    Begins {
        coding: Coding,
        gain: f32,
    },
    Title(String),
    /// Pages are missing.
    Lost,
    /// A packet of audio.
    Packet(Vec<u8>),
}

/// Follows the first stream of audio in each link of a chain.
#[derive(Debug, Default)]
pub(super) struct OggPackets {
    stream: Option<Stream>,
}

#[derive(Debug)]
struct Stream {
    serial: u32,
    codec: Codec,
    /// The header packets that have come.
    headers: Vec<Vec<u8>>,
    /// The packet that goes on with the next page, and whether it is too long.
    packet: Vec<u8>,
    too_long: bool,
    /// The number of the next page.
    next_page: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    Vorbis,
    Opus,
    Flac,
}

impl Codec {
    fn of(packet: &[u8]) -> Option<Codec> {
        if packet.starts_with(b"\x01vorbis") {
            Some(Codec::Vorbis)
        } else if packet.starts_with(b"OpusHead") {
            Some(Codec::Opus)
        } else if packet.starts_with(b"\x7fFLAC") {
            Some(Codec::Flac)
        } else {
            None
        }
    }

    /// Whether the headers are complete with this packet.
    fn is_last_header(self, headers: &[Vec<u8>]) -> bool {
        match self {
            Codec::Vorbis => headers.len() == 3,
            Codec::Opus => headers.len() == 2,
            // The last block has a flag for it.
            Codec::Flac => headers.len() > 1 && headers.last().is_some_and(|last| flag_of_last(last)),
        }
    }
}

fn flag_of_last(block: &[u8]) -> bool {
    block.first().is_none_or(|first| first & 0x80 != 0)
}

impl OggPackets {
    /// Takes a whole page.
    pub fn push(&mut self, page: &[u8]) -> Vec<Unpacked> {
        let mut page = page;
        let Some(page) = Page::take(&mut page) else { return Vec::new() };
        if page.begins_stream()
            && let Some(codec) = Codec::of(page.body())
            // Another stream beside the one that is followed.
            && self.stream.as_ref().is_none_or(|stream| !stream.headers.is_empty())
        {
            self.stream = Some(Stream::new(&page, codec));
        }
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.serial == page.serial()) else {
            return Vec::new();
        };
        stream.push(&page)
    }
}

impl Stream {
    fn new(page: &Page<'_>, codec: Codec) -> Stream {
        let (headers, packet) = (Vec::new(), Vec::new());
        Stream { serial: page.serial(), codec, headers, packet, too_long: false, next_page: page.number() }
    }

    fn push(&mut self, page: &Page<'_>) -> Vec<Unpacked> {
        let mut unpacked = Vec::new();
        if page.number() != self.next_page {
            unpacked.push(Unpacked::Lost);
        }
        // A packet whose beginning or end is missing is left out.
        let mut is_torn = page.continues() && (page.number() != self.next_page || self.packet.is_empty());
        if !page.continues() || is_torn {
            self.packet.clear();
            self.too_long = false;
        }
        self.next_page = page.number().wrapping_add(1);
        let mut at = 0;
        for lace in page.lacing() {
            let lace = usize::from(*lace);
            let piece = page.body().get(at..at + lace).unwrap_or_default();
            at += lace;
            if !is_torn {
                self.add(piece);
            }
            if lace < 255 {
                let packet = std::mem::take(&mut self.packet);
                let too_long = std::mem::take(&mut self.too_long);
                if !std::mem::take(&mut is_torn) {
                    self.take(packet, too_long, &mut unpacked);
                }
            }
        }
        unpacked
    }

    fn add(&mut self, piece: &[u8]) {
        if self.packet.len() + piece.len() > MAX_PACKET_BYTES {
            self.too_long = true;
            return;
        }
        self.packet.extend_from_slice(piece);
    }

    fn take(&mut self, packet: Vec<u8>, too_long: bool, unpacked: &mut Vec<Unpacked>) {
        if self.codec.is_last_header(&self.headers) {
            if !too_long && !packet.is_empty() {
                unpacked.push(Unpacked::Packet(packet));
            }
            return;
        }
        // Of a header that is too long, its first byte is needed: FLAC counts its headers by it.
        let packet = if too_long { packet[..1].to_vec() } else { packet };
        let title = tags_of_packet(&packet).map(|tags| format_title(None, &tags, None, ""));
        // Pictures and seek tables are of no use.
        let is_used = self.headers.is_empty() || self.codec == Codec::Vorbis;
        self.headers.push(if is_used { packet } else { packet.into_iter().take(1).collect() });
        if self.codec.is_last_header(&self.headers)
            && let Some((coding, gain)) = self.coding()
        {
            unpacked.push(Unpacked::Begins { coding, gain });
        }
        unpacked.extend(title.filter(|title| !title.is_empty()).map(Unpacked::Title));
        // A stream whose headers do not end is none.
        self.headers.truncate(64);
    }

    /// What the headers tell a decoder.
    fn coding(&mut self) -> Option<(Coding, f32)> {
        let first = self.headers.first()?;
        Some(match self.codec {
            Codec::Vorbis => {
                let setup = std::mem::take(self.headers.get_mut(2)?);
                (Coding::Vorbis { ident: self.headers[0].clone(), setup }, 1.0)
            }
            Codec::Opus => {
                let gain_db = f32::from(i16::from_le_bytes(*first.get(16..)?.first_chunk()?)) / 256.0;
                (Coding::Opus(first.clone()), 10_f32.powf(gain_db / 20.0))
            }
            // Behind the mapping's header of 9 bytes, the marker `fLaC`, and the block's header of 4.
            Codec::Flac => (Coding::Flac(first.get(17..51)?.to_vec()), 1.0),
        })
    }
}

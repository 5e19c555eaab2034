//! A packet: what its header says, and whether all of it is there. A header is not believed alone. Only what
//! has the right checksum at the end that its own channels lead to is a packet.

use symphonia::core::audio::Channels;
use symphonia::core::checksum::{Crc8Ccitt, Crc16Ansi};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_FLAC;
use symphonia::core::io::Monitor;

use super::length::{self, Fault, Layout};

/// The length of the block that describes the sound (STREAMINFO).
pub(super) const INFO_BYTES: usize = 34;

/// The longest header.
pub(super) const MAX_HEADER: usize = 16;

/// The most frames that a packet can have.
const MAX_BLOCK: u16 = u16::MAX;

/// What STREAMINFO says. Packets have it in their headers, too, where it comes first.
#[derive(Clone, Copy, Debug)]
pub(in crate::codec::file) struct Info {
    rate: u32,
    bits: u8,
    /// The number of frames, or zero.
    pub(super) frames: u64,
}

impl Info {
    pub(super) fn parse(info: &[u8; INFO_BYTES]) -> Info {
        let number = |from: usize, to: usize| {
            info[from..to].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        Info {
            rate: (number(10, 13) >> 4) as u32,
            bits: ((number(12, 14) >> 4 & 0x1f) + 1) as u8,
            frames: number(13, 18) & 0x0f_ffff_ffff,
        }
    }
}

/// The shape of the sound in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rate: u32,
    pub(super) channels: u8,
    pub(super) bits: u8,
}

impl Shape {
    /// What a decoder has to know of it, with a STREAMINFO that allows every length of packets.
    pub(super) fn params(self) -> AudioCodecParameters {
        let numbers =
            u64::from(self.rate) << 44 | u64::from(self.channels - 1) << 41 | u64::from(self.bits - 1) << 36;
        let mut info = [[16, MAX_BLOCK].map(u16::to_be_bytes).as_flattened(), &[0; 6]].concat();
        info.extend(numbers.to_be_bytes());
        info.resize(INFO_BYTES, 0);
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(CODEC_ID_FLAC)
            .with_sample_rate(self.rate)
            .with_channels(Channels::Discrete(self.channels.into()))
            .with_extra_data(info.into());
        params
    }
}

/// A packet that is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlacPacket {
    /// Its place, and its length in bytes.
    pub(super) at: u64,
    pub(super) len: usize,
    pub(super) shape: Shape,
    /// Frames in it.
    pub(super) block: u32,
    number: Number,
}

/// What a packet counts: where blocks have one size the packets, otherwise the frames.
#[derive(Clone, Copy, Debug)]
enum Number {
    Packet(u64),
    Frame(u64),
}

impl FlacPacket {
    /// Where it ends.
    pub(super) fn end(&self) -> u64 {
        self.at + self.len as u64
    }

    /// Its first frame, in a stream whose packets count by this unit.
    pub(super) fn first(&self, unit: u32) -> u64 {
        match self.number {
            Number::Packet(number) => number * u64::from(unit),
            Number::Frame(first) => first,
        }
    }

    /// The frames that the packets of its stream count by, as the one behind it shows. Before FLAC 1.2,
    /// no header said that a number counts frames.
    pub(super) fn unit(&self, next: Option<&FlacPacket>) -> u32 {
        match (self.number, next.map(|next| next.number)) {
            (Number::Packet(number), Some(Number::Packet(next)))
                if next == number + u64::from(self.block) =>
            {
                1
            }
            _ => self.block,
        }
    }

    /// Whether it may come behind another one of its stream. Some between them may be missing.
    pub(super) fn may_follow(&self, other: &FlacPacket) -> bool {
        self.shape == other.shape
            && match (other.number, self.number) {
                (Number::Packet(before), Number::Packet(number)) => number > before,
                (Number::Frame(before), Number::Frame(first)) => first >= before + u64::from(other.block),
                _ => false,
            }
    }
}

/// What may begin at a place.
pub(super) enum Look {
    Packet(FlacPacket),
    /// A packet, perhaps, that goes on behind the bytes that are there.
    Cut,
    /// A header without its packet.
    Damaged,
    Other,
}

/// Whether a packet begins with these bytes, which lie at a place in the file.
pub(super) fn look(bytes: &[u8], at: u64, info: Option<&Info>) -> Look {
    let Some((number, shape, layout, head)) = header(bytes, info) else { return Look::Other };
    let body = match length::of(&bytes[head..], layout) {
        Ok(body) => body,
        // An encoder writes the values as they are rather than as much as this.
        Err(Fault::Cut) if bytes.len() < 2 * verbatim(layout) => return Look::Cut,
        Err(_) => return Look::Damaged,
    };
    let len = head + body + 2;
    let Some(sum) = bytes.get(len - 2..len) else { return Look::Cut };
    let mut crc = Crc16Ansi::new(0);
    crc.process_buf_bytes(&bytes[..len - 2]);
    match sum == crc.crc().to_be_bytes() {
        true => Look::Packet(FlacPacket { at, len, shape, block: layout.block, number }),
        false => Look::Damaged,
    }
}

/// The length of a packet that is not compressed.
fn verbatim(layout: Layout) -> usize {
    let bits = layout.channels as usize * (layout.block as usize * (layout.bits as usize + 1) + 64);
    MAX_HEADER + bits / 8
}

/// Whether a header may begin with these bytes.
pub(super) fn is_sync(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xf8 | 0xf9, ..])
}

/// A header with the right checksum, and its length.
fn header(bytes: &[u8], info: Option<&Info>) -> Option<(Number, Shape, Layout, usize)> {
    let &[_, strategy, sizes, kinds, ..] = bytes else { return None };
    if !is_sync(bytes) || kinds & 1 != 0 {
        return None;
    }
    let mut at = 4;
    let mut next = || {
        at += 1;
        bytes.get(at - 1).map(|byte| u32::from(*byte))
    };
    let number = number(|| next().map(u64::from))?;
    let block = match u32::from(sizes >> 4) {
        0 => return None,
        1 => 192,
        code @ 2..=5 => 576 << (code - 2),
        6 => next()? + 1,
        7 => (next()? << 8 | next()?) + 1,
        code => 256 << (code - 8),
    };
    let rate = match sizes & 0x0f {
        0 => info?.rate,
        12 => next()? * 1_000,
        13 => next()? << 8 | next()?,
        14 => (next()? << 8 | next()?) * 10,
        15 => return None,
        code => RATES[usize::from(code) - 1],
    };
    let (channels, side) = match kinds >> 4 {
        count @ 0..=7 => (count + 1, None),
        8 | 10 => (2, Some(1)),
        9 => (2, Some(0)),
        _ => return None,
    };
    let bits = match kinds >> 1 & 7 {
        0 => info?.bits,
        1 => 8,
        2 => 12,
        4 => 16,
        5 => 20,
        6 => 24,
        7 => 32,
        _ => return None,
    };
    let number = if strategy & 1 == 1 { Number::Frame(number) } else { Number::Packet(number) };
    if matches!(number, Number::Packet(0x8000_0000..)) || block > MAX_BLOCK.into() || rate == 0 || bits < 4 {
        return None;
    }
    let mut crc = Crc8Ccitt::new(0);
    crc.process_buf_bytes(&bytes[..at]);
    let layout = Layout { block, channels: channels.into(), bits: bits.into(), side };
    (bytes.get(at) == Some(&crc.crc())).then_some((number, Shape { rate, channels, bits }, layout, at + 1))
}

/// Those that have a code.
const RATES: [u32; 11] =
    [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];

/// A number as UTF-8 would write it, of up to seven bytes.
fn number(mut next: impl FnMut() -> Option<u64>) -> Option<u64> {
    let first = next()?;
    let ones = (first as u8).leading_ones();
    match ones {
        0 => return Some(first),
        2..=7 => {}
        _ => return None,
    }
    let mut number = first & (0x7f >> ones);
    for _ in 1..ones {
        number = number << 6 | next().filter(|byte| byte >> 6 == 2)? & 0x3f;
    }
    Some(number)
}

//! The length that an MP3 file declares in its first packet (Xing, Info or VBRI), compared with the file.
//! Files joined end to end declare the length of their first part, and other programs leave wrong numbers
//! behind.

use std::io;

use super::source::Bytes;
use crate::codec::mp3::header::{self, FileInfo, Header};
use crate::codec::tags::{self, Look};

/// Between the declared end and the end of the file, so many bytes prove nothing: writers differ in what they
/// count, and small tags follow.
const SLACK_BYTES: u64 = 4096;

/// The bitrates that MP3 can have, with room for packets that are counted or not.
const BITRATES: std::ops::RangeInclusive<u64> = 7_000..=340_000;

/// How much is read to estimate the bitrate.
const SAMPLE_BYTES: usize = 32 * 1024;

/// The most tags between two parts.
const MAX_TAGS: usize = 8;

/// How far the declared length can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// It fits the file.
    All,
    /// It fits the first part, and another follows: the padding that it tells of is there. All together has
    /// about so many frames.
    FirstPart { frames: u64 },
    /// It fits nothing. There are about so many frames.
    Wrong { frames: u64 },
}

/// Compares what the first packet at `begin` declares with a file that ends at `end`. `None` if it declares
/// nothing.
pub(super) fn read(bytes: &mut Bytes, begin: u64, end: u64) -> io::Result<Option<Declared>> {
    let packet = bytes.up_to(begin, header::MAX_PACKET_BYTES)?;
    let Some(first) = header_in(&packet) else { return Ok(None) };
    let Some(told) = Told::read(&packet, &first) else { return Ok(None) };
    let there = end.saturating_sub(begin);
    let frames_in = |packets: u64| packets.saturating_mul(first.frames.into());
    // What the file would be thought to have without a declaration.
    let (count, size) = sample(&bytes.up_to(begin + first.len as u64, SAMPLE_BYTES)?);
    let packets = there.saturating_mul(count).checked_div(size).unwrap_or(there / first.len as u64);
    let by_bitrate = Declared::Wrong { frames: frames_in(packets) };
    let is_possible = |size: u64| {
        let frames = frames_in(told.packets).max(1);
        BITRATES.contains(&(size.saturating_mul(8 * u64::from(first.rate)) / frames))
    };
    let Some(size) = told.bytes.map(u64::from) else {
        return Ok(Some(if is_possible(there) { Declared::All } else { by_bitrate }));
    };
    if !is_possible(size) {
        return Ok(Some(by_bitrate));
    }
    let scaled_to = |there: u64| {
        let scaled = u128::from(frames_in(told.packets)) * u128::from(there) / u128::from(size.max(1));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    };
    if size > there + SLACK_BYTES {
        return Ok(Some(Declared::Wrong { frames: scaled_to(there) }));
    }
    if there.saturating_sub(size) < SLACK_BYTES {
        return Ok(Some(Declared::All));
    }
    let next = after_tags(bytes, begin + size, end)?;
    Ok(Some(match packet_at(bytes, next)? {
        Some(_) => Declared::FirstPart { frames: scaled_to(size + end.saturating_sub(next)) },
        // Nothing but tags follows.
        None if end.saturating_sub(next) < SLACK_BYTES => Declared::All,
        None => by_bitrate,
    }))
}

/// What a packet declares.
struct Told {
    packets: u64,
    bytes: Option<u32>,
}

impl Told {
    fn read(packet: &[u8], header: &Header) -> Option<Told> {
        let info = header::file_info(header, packet)?;
        let (FileInfo::Xing(fields) | FileInfo::Vbri(fields)) = info;
        let number = |at: usize| fields.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
        if matches!(info, FileInfo::Vbri(_)) {
            return Some(Told { packets: number(10)?.into(), bytes: number(6) });
        }
        let flags = number(0)?;
        let packets = (flags & 1 != 0).then(|| number(4)).flatten()?;
        let bytes = (flags & 2 != 0).then(|| number(8)).flatten().filter(|bytes| *bytes > 0);
        Some(Told { packets: packets.into(), bytes })
    }
}

fn header_in(packet: &[u8]) -> Option<Header> {
    let header = header::parse(*packet.first_chunk()?)?;
    (header.layer == header::Layer::Three).then_some(header)
}

/// The header of the packet at `at`, if another packet follows it.
fn packet_at(bytes: &mut Bytes, at: u64) -> io::Result<Option<Header>> {
    let Some(header) = header_in(&bytes.up_to(at, header::HEADER_BYTES)?) else { return Ok(None) };
    let next = header_in(&bytes.up_to(at + header.len as u64, header::HEADER_BYTES)?);
    Ok(next.map(|_| header))
}

/// How many packets there are in a row, and their bytes.
fn sample(bytes: &[u8]) -> (u64, u64) {
    let (mut count, mut at) = (0, 0);
    while let Some(header) = bytes.get(at..).and_then(header_in) {
        count += 1;
        at += header.len;
    }
    (count, at as u64)
}

/// Where the tags end that begin at `at`, with the padding behind them.
fn after_tags(bytes: &mut Bytes, mut at: u64, end: u64) -> io::Result<u64> {
    for _ in 0..MAX_TAGS {
        match tags::look(&bytes.up_to(at, tags::ENOUGH_BYTES)?) {
            Look::Tag(length) if at + length < end => at += length,
            Look::Tag(_) => return Ok(end),
            Look::Unclear(_) | Look::Other => break,
        }
    }
    let behind = bytes.up_to(at, SLACK_BYTES as usize)?;
    let padding = behind.iter().take_while(|byte| **byte == 0).count();
    Ok((at + padding as u64).min(end))
}

//! Finds Ogg pages in a byte stream, and keeps the header pages that every new listener needs.
//!
//! Listeners get whole pages, so a page is a packet in the sense of this library.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use super::step::{Step, StreamFormat};

/// The size of a page's header, before its segment table.
pub(super) const PAGE_HEADER_BYTES: usize = 27;

/// The most bytes that header pages may have. They can contain cover art.
const MAX_HEADER_BYTES: usize = 512 << 10;
const MAX_HEADER_PAGES: usize = 32;

/// The most streams side by side in one link of a chain: one of audio, and perhaps others.
const MAX_STREAMS: usize = 8;

/// A granule position that jumps by more seconds than this means missing pages, not a long page.
const MAX_PAGE_SECONDS: u64 = 30;

/// Follows a stream of pages, which may be a chain: when one stream ends, the next begins.
#[derive(Debug, Default)]
pub(super) struct Ogg {
    streams: Vec<Stream>,
    /// The header pages of this link of the chain that have arrived.
    header: Vec<u8>,
    header_pages: usize,
    /// The complete header pages, for the pages that follow.
    complete: Option<Arc<[u8]>>,
}

/// A logical stream: the pages with one serial number.
#[derive(Debug)]
struct Stream {
    serial: u32,
    /// `None` if it is not audio, or of an unknown kind.
    format: Option<StreamFormat>,
    /// The number of header packets that have not arrived yet.
    headers_left: u32,
    /// The granule position at the end of the previous page, in frames.
    granule: u64,
}

impl Ogg {
    pub(super) fn step(&mut self, bytes: &[u8]) -> Step {
        let page = match Page::parse(bytes) {
            Ok(page) => page,
            Err(step) => return step,
        };
        let usable = if page.begins_stream() { self.begin(&page) } else { self.go_on(&page) };
        // Otherwise the page belongs to a stream whose header pages were missed.
        usable.unwrap_or(Step::Garbage(page.bytes.len()))
    }

    /// Takes the first page of a stream. While a link begins, the stream belongs to it; otherwise it begins a
    /// new link.
    fn begin(&mut self, page: &Page) -> Option<Step> {
        let beginning = self.header_pages == self.streams.len();
        let known = self.streams.iter().any(|stream| stream.serial == page.serial);
        if self.complete.is_some() || !beginning || known || self.streams.len() == MAX_STREAMS {
            *self = Ogg::default();
        }
        let (format, headers_left) = identify(page.body());
        self.streams.push(Stream { serial: page.serial, format, headers_left, granule: 0 });
        self.take_header_page(page)
    }

    fn go_on(&mut self, page: &Page) -> Option<Step> {
        let at = self.streams.iter().position(|stream| stream.serial == page.serial)?;
        if let Some(header) = &self.complete {
            let header = Some(header.clone());
            // Only one of the streams side by side counts the time.
            let tells_time = self.audio().is_some_and(|audio| audio.serial == page.serial);
            let frames = if tells_time { self.streams[at].frames(page.granule()) } else { 0 };
            return Some(Step::Packet { len: page.bytes.len(), frames, format: self.format(), header });
        }
        let stream = &mut self.streams[at];
        stream.headers_left = stream.headers_left.saturating_sub(page.packets_ended());
        self.take_header_page(page)
    }

    fn take_header_page(&mut self, page: &Page) -> Option<Step> {
        self.header_pages += 1;
        if self.header.len() + page.bytes.len() > MAX_HEADER_BYTES || self.header_pages > MAX_HEADER_PAGES {
            *self = Ogg::default();
            return None;
        }
        let header = (!self.header.is_empty()).then(|| self.header.as_slice().into());
        self.header.extend_from_slice(page.bytes);
        if self.streams.iter().all(|stream| stream.headers_left == 0) {
            self.complete = Some(mem::take(&mut self.header).into());
        }
        Some(Step::Packet { len: page.bytes.len(), frames: 0, format: self.format(), header })
    }

    /// The stream that counts the time: the first whose rate is known.
    fn audio(&self) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.format.is_some())
    }

    fn format(&self) -> Option<StreamFormat> {
        self.audio().and_then(|stream| stream.format)
    }
}

impl Stream {
    /// The number of frames that end on a page, by its granule position. Zero if unknown.
    fn frames(&mut self, granule: Option<u64>) -> u32 {
        let Some(granule) = granule else { return 0 };
        let before = mem::replace(&mut self.granule, granule);
        let most = self.format.map_or(0, |format| u64::from(format.rate) * MAX_PAGE_SECONDS);
        granule.checked_sub(before).filter(|frames| *frames <= most).map_or(0, |frames| frames as u32)
    }
}

/// Parses the first packet of a stream: its kind, and the number of header packets that follow.
fn identify(packet: &[u8]) -> (Option<StreamFormat>, u32) {
    let byte = |at: usize| packet.get(at).copied().unwrap_or(0);
    let little = |at: usize| u32::from_le_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
    let format = |rate, channels| (rate > 0).then_some(StreamFormat { rate, channels, bitrate: None });
    if packet.starts_with(b"OpusHead") {
        // Opus always counts at 48 kHz, whatever the rate of the encoder's input was.
        (format(48_000, byte(9)), 1)
    } else if packet.starts_with(b"\x01vorbis") {
        (format(little(12), byte(11)), 2)
    } else if packet.starts_with(b"\x7fFLAC") {
        // 20 bits of rate and three bits of channels minus one, in the STREAMINFO after the mapping's header.
        let rate = u32::from_be_bytes([0, byte(27), byte(28), byte(29)]) >> 4;
        let following = u32::from(u16::from_be_bytes([byte(7), byte(8)]));
        // Zero means unknown. There is at least a comment packet.
        (format(rate, (byte(29) >> 1 & 7) + 1), following.max(1))
    } else if packet.starts_with(b"Speex   ") {
        (format(little(36), byte(48)), 1 + little(68).min(8))
    } else if packet.starts_with(b"\x80theora") {
        (None, 2)
    } else {
        (None, 0)
    }
}

/// A whole page.
pub(in crate::codec) struct Page<'a> {
    bytes: &'a [u8],
    segments: usize,
    serial: u32,
}

impl<'a> Page<'a> {
    /// Parses the page at the beginning of `bytes`, and verifies its checksum. If there is none, returns what
    /// to do instead.
    fn parse(bytes: &'a [u8]) -> Result<Page<'a>, Step> {
        let Some(head) = bytes.first_chunk::<PAGE_HEADER_BYTES>() else {
            return Err(Step::Need(PAGE_HEADER_BYTES));
        };
        if !head.starts_with(b"OggS\0") {
            return Err(lost(bytes));
        }
        let segments = usize::from(head[26]);
        let Some(lacing) = bytes.get(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + segments) else {
            return Err(Step::Need(PAGE_HEADER_BYTES + segments));
        };
        let len = PAGE_HEADER_BYTES + segments + lacing.iter().copied().map(usize::from).sum::<usize>();
        let Some(page) = bytes.get(..len) else { return Err(Step::Need(len)) };
        if page[CHECKSUM] != checksum(page) {
            return Err(lost(bytes));
        }
        Ok(Page::of(page, segments))
    }

    /// Takes the first of several pages that were parsed before. `None` if they are cut short.
    pub(in crate::codec) fn take(pages: &mut &'a [u8]) -> Option<Page<'a>> {
        let segments = usize::from(*pages.get(PAGE_HEADER_BYTES - 1)?);
        let lacing = pages.get(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + segments)?;
        let body = lacing.iter().copied().map(usize::from).sum::<usize>();
        let page = pages.split_off(..PAGE_HEADER_BYTES + segments + body)?;
        Some(Page::of(page, segments))
    }

    fn of(bytes: &'a [u8], segments: usize) -> Page<'a> {
        let serial = u32::from_le_bytes([bytes[14], bytes[15], bytes[16], bytes[17]]);
        Page { bytes, segments, serial }
    }

    /// The number of its stream.
    pub(in crate::codec) fn serial(&self) -> u32 {
        self.serial
    }

    /// Its number within its stream.
    pub(in crate::codec) fn number(&self) -> u32 {
        u32::from_le_bytes([self.bytes[18], self.bytes[19], self.bytes[20], self.bytes[21]])
    }

    /// Whether its first segments belong to a packet of the page before.
    pub(in crate::codec) fn continues(&self) -> bool {
        self.bytes[5] & 1 != 0
    }

    pub(in crate::codec) fn begins_stream(&self) -> bool {
        self.bytes[5] & 2 != 0
    }

    /// The granule position at the end of the last packet that ends on this page, if any does.
    fn granule(&self) -> Option<u64> {
        let position = self.bytes[6..14].try_into().map_or(u64::MAX, u64::from_le_bytes);
        (position != u64::MAX).then_some(position)
    }

    /// A packet ends with a segment that is not full.
    fn packets_ended(&self) -> u32 {
        self.lacing().iter().filter(|segment| **segment < 255).count() as u32
    }

    /// The lengths of its segments. A packet ends with one of less than 255 bytes.
    pub(in crate::codec) fn lacing(&self) -> &'a [u8] {
        &self.bytes[PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + self.segments]
    }

    pub(in crate::codec) fn body(&self) -> &'a [u8] {
        &self.bytes[PAGE_HEADER_BYTES + self.segments..]
    }
}

/// No page begins here. The next one may begin at the next `O`.
fn lost(bytes: &[u8]) -> Step {
    let next = bytes[1..].iter().position(|byte| *byte == b'O');
    Step::Garbage(next.map_or(bytes.len(), |at| 1 + at))
}

/// The position of a page's checksum. It is computed with zeros in this place.
const CHECKSUM: Range<usize> = 22..26;

pub(in crate::codec) fn checksum(page: &[u8]) -> [u8; 4] {
    crc(crc(crc(0, &page[..CHECKSUM.start]), &[0; 4]), &page[CHECKSUM.end..]).to_le_bytes()
}

/// Ogg's checksum: a CRC-32, most significant bit first, with the initial value zero.
fn crc(sum: u32, bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut sum, mut bit) = ((index as u32) << 24, 0);
            while bit < 8 {
                let carry = sum >> 31;
                sum = (sum << 1) ^ (carry * 0x04c1_1db7);
                bit += 1;
            }
            table[index] = sum;
            index += 1;
        }
        table
    };
    bytes.iter().fold(sum, |sum, byte| (sum << 8) ^ TABLE[usize::from((sum >> 24) as u8 ^ byte)])
}

/// Sets the checksum of a page that a test has changed.
#[cfg(test)]
pub(super) fn sign(page: &mut [u8]) {
    let sum = checksum(page);
    page[CHECKSUM].copy_from_slice(&sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        // The complement of CRC-32/CKSUM, whose check value is 0x765e7680.
        assert_eq!(crc(0, b"123456789"), 0x89a1_897f);
        assert_eq!(crc(crc(0, b"1234"), b"56789"), 0x89a1_897f);
    }
}

//! Reads AAC in ADTS for symphonia. Recordings of stations and files joined end to end change their rate and
//! their channels; symphonia's own reader does not notice. This one asks for another decoder there.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error};
use symphonia::core::formats::well_known::FORMAT_ID_ADTS;
use symphonia::core::formats::{FormatInfo, FormatReader, MediaInfo, SeekMode, SeekTo, SeekedTo, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{Metadata, MetadataLog};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::source::{Bytes, Media};

/// Ticks in a second: a whole number for each rate of AAC, so that time goes on evenly when the rate changes.
const TICKS: u32 = 28_224_000;

const FRAMES_PER_PACKET: i64 = 1024;

/// A packet's header, without its checksum.
const HEADER: usize = 7;

/// The largest packet, its header included.
const MAX_PACKET: usize = 8191;

/// How much is read at each place where a file's duration is estimated, and the number of places.
const SAMPLE: usize = 16 * 1024;
const SAMPLES: u64 = 4;

/// Packets in a row, all of one shape, by which the format is known.
const KNOWN_BY: usize = 3;

const INFO: FormatInfo =
    FormatInfo { format: FORMAT_ID_ADTS, short_name: "adts", long_name: "AAC with ADTS headers" };

/// Whether the bytes from `begin` on are ADTS. Some rubbish may come first.
pub(super) fn begins(bytes: &mut Bytes, begin: u64) -> io::Result<bool> {
    let head = bytes.up_to(begin, 2 * SAMPLE)?;
    let is_whole = begin + head.len() as u64 == bytes.len();
    let is_row = |from: usize| {
        let (mut at, mut count) = (from, 0);
        let mut shape = None;
        while count < KNOWN_BY
            && let Some(header) = head.get(at..).and_then(Header::parse)
            && *shape.get_or_insert(header.shape) == header.shape
        {
            count += 1;
            at += header.length;
        }
        // A file may have fewer packets than that, and nothing else.
        count == KNOWN_BY || count > 0 && from == 0 && is_whole && at == head.len()
    };
    Ok((0..head.len().min(SAMPLE)).any(is_row))
}

/// A reader that asks for another decoder (`ResetRequired`) where the headers change.
pub(super) struct AdtsReader {
    window: Window,
    /// What the decoder in use was made for.
    shape: Shape,
    /// A packet that waits for its new decoder.
    waiting: Option<Frame>,
    next_tick: i64,
    tracks: [Track; 1],
    info: MediaInfo,
    metadata: MetadataLog,
}

/// What a header says of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    rate: u32,
    layout: u8,
}

impl Shape {
    fn params(self) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params.for_codec(CODEC_ID_AAC).with_sample_rate(self.rate);
        match self.layout {
            layout @ 1..=6 => params.with_channels(Channels::Discrete(layout.into())),
            7 => params.with_channels(Channels::Discrete(8)),
            _ => &mut params,
        };
        params
    }

    fn ticks(self) -> i64 {
        FRAMES_PER_PACKET * i64::from(TICKS / self.rate)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    shape: Shape,
    /// The length of the header, and of the whole packet.
    head: usize,
    length: usize,
    /// The number of AAC packets in it.
    blocks: u8,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Header> {
        const RATES: [u32; 13] = [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
            7_350,
        ];
        let &[0xff, sync, c, d, e, f, g, ..] = bytes else { return None };
        if sync & 0xf6 != 0xf0 {
            return None;
        }
        let rate = *RATES.get(usize::from(c >> 2 & 0xf))?;
        let head = if sync & 1 == 1 { HEADER } else { HEADER + 2 };
        let length = usize::from(d & 3) << 11 | usize::from(e) << 3 | usize::from(f >> 5);
        let shape = Shape { rate, layout: (c & 1) << 2 | d >> 6 };
        (length > head).then_some(Header { shape, head, length, blocks: (g & 3) + 1 })
    }
}

/// A packet without its header.
struct Frame {
    header: Header,
    bytes: Vec<u8>,
}

impl AdtsReader {
    /// Reads the stream from its beginning.
    pub(super) fn new(mut media: Media) -> Result<AdtsReader> {
        let total = estimate(&mut media)?;
        media.seek(SeekFrom::Start(0))?;
        let mut window = Window { media, bytes: Vec::new(), at: 0, ended: false };
        let Some(header) = window.next_header()? else {
            return Err(Error::Unsupported("adts: there is no packet in it"));
        };
        if header.blocks > 1 {
            return Err(Error::Unsupported("adts: several packets behind one header"));
        }
        let mut reader = AdtsReader {
            window,
            shape: header.shape,
            waiting: None,
            next_tick: 0,
            tracks: [Track::new(0)],
            info: MediaInfo::default(),
            metadata: MetadataLog::default(),
        };
        reader.describe();
        reader.tracks[0].with_duration(Duration::new(total));
        Ok(reader)
    }

    /// Makes the track say what the headers say from here on.
    fn describe(&mut self) {
        self.tracks[0].with_codec_params(CodecParameters::Audio(self.shape.params()));
        self.tracks[0].with_time_base(TimeBase::try_from_recip(TICKS).expect("it is not zero"));
    }

    fn packet(&mut self, frame: Frame) -> Packet {
        let begin = Timestamp::new(self.next_tick);
        let ticks = frame.header.shape.ticks();
        self.next_tick = self.next_tick.saturating_add(ticks);
        Packet::new(0, begin, Duration::new(ticks.unsigned_abs()), frame.bytes)
    }
}

impl FormatReader for AdtsReader {
    fn format_info(&self) -> &FormatInfo {
        &INFO
    }

    fn media_info(&self) -> &MediaInfo {
        &self.info
    }

    fn metadata(&mut self) -> Metadata<'_> {
        self.metadata.metadata()
    }

    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        let frame = match self.waiting.take() {
            Some(frame) => frame,
            None => match self.window.next_frame()? {
                Some(frame) => frame,
                None => return Ok(None),
            },
        };
        if frame.header.blocks > 1 {
            return Err(Error::Unsupported("adts: several packets behind one header"));
        }
        if frame.header.shape == self.shape {
            return Ok(Some(self.packet(frame)));
        }
        self.shape = frame.header.shape;
        self.describe();
        self.waiting = Some(frame);
        Err(Error::ResetRequired)
    }

    /// Every header on the way is read: none tells its place in time.
    fn seek(&mut self, _: SeekMode, to: SeekTo) -> Result<SeekedTo> {
        let SeekTo::Timestamp { ts, .. } = to else { return seek_error(SeekErrorKind::Unseekable) };
        if ts.get() < self.next_tick || self.waiting.is_some() {
            self.window.rewind()?;
            self.next_tick = 0;
            self.waiting = None;
        }
        loop {
            let Some(header) = self.window.next_header()? else {
                return seek_error(SeekErrorKind::OutOfRange);
            };
            let end = self.next_tick.saturating_add(header.shape.ticks());
            if end > ts.get() {
                let actual_ts = Timestamp::new(self.next_tick);
                return Ok(SeekedTo { track_id: 0, required_ts: ts, actual_ts });
            }
            self.window.at += header.length;
            self.next_tick = end;
        }
    }

    fn into_inner<'s>(self: Box<Self>) -> MediaSourceStream<'s>
    where
        Self: 's,
    {
        MediaSourceStream::new(Box::new(self.window.media), MediaSourceStreamOptions::default())
    }
}

/// The bytes of a stream from which packets are taken.
struct Window {
    media: Media,
    bytes: Vec<u8>,
    /// The next byte to be looked at.
    at: usize,
    /// Whether there is no more to read.
    ended: bool,
}

impl Window {
    /// The next packet. What is no packet is passed over.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        let Some(header) = self.next_header()? else { return Ok(None) };
        let packet = &self.bytes[self.at..self.at + header.length];
        let bytes = packet[header.head..].to_vec();
        self.at += header.length;
        Ok(Some(Frame { header, bytes }))
    }

    /// Goes to the next packet that is complete, and followed by another one or by the end.
    fn next_header(&mut self) -> io::Result<Option<Header>> {
        loop {
            self.fill()?;
            let here = &self.bytes[self.at..];
            if here.len() < HEADER {
                return Ok(None);
            }
            if let Some(header) = Header::parse(here)
                && let Some(behind) = here.get(header.length..)
                && (behind.len() < HEADER || behind.starts_with(b"ID3") || Header::parse(behind).is_some())
            {
                return Ok(Some(header));
            }
            self.at += 1;
        }
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.media.seek(SeekFrom::Start(0))?;
        self.bytes.clear();
        (self.at, self.ended) = (0, false);
        Ok(())
    }

    /// Makes sure that the largest packet and the next header are there, unless the stream ends before.
    fn fill(&mut self) -> io::Result<()> {
        const ENOUGH: usize = MAX_PACKET + HEADER;
        if self.bytes.len() - self.at >= ENOUGH || self.ended {
            return Ok(());
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        let missing = 4 * ENOUGH - self.bytes.len();
        let before = self.bytes.len();
        read_more(&mut self.media, missing as u64, &mut self.bytes)?;
        self.ended = self.bytes.len() - before < missing;
        Ok(())
    }
}

/// Appends up to `count` bytes.
fn read_more(media: &mut Media, count: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    media.take(count).read_to_end(bytes).map(|_| ())
}

/// Estimates the duration, in ticks, from packets at some places in the file.
fn estimate(media: &mut Media) -> io::Result<u64> {
    let length = media.byte_len().unwrap_or(0);
    let whole = length <= SAMPLE as u64 * SAMPLES;
    let (places, size) = if whole { (1, length) } else { (SAMPLES, SAMPLE as u64) };
    let (mut ticks, mut bytes) = (0u128, 0u128);
    for place in 0..places {
        media.seek(SeekFrom::Start(length / SAMPLES * place))?;
        let mut sample = Vec::new();
        read_more(media, size, &mut sample)?;
        let mut at = 0;
        while let Some(here) = sample.get(at..).filter(|here| here.len() >= HEADER) {
            match Header::parse(here) {
                Some(header)
                    if here
                        .get(header.length..)
                        .is_none_or(|next| next.len() < HEADER || Header::parse(next).is_some()) =>
                {
                    ticks += u128::from(header.shape.ticks().unsigned_abs());
                    bytes += header.length as u128;
                    at += header.length;
                }
                _ => at += 1,
            }
        }
    }
    let total = (ticks * u128::from(length)).checked_div(bytes).unwrap_or(0);
    Ok(u64::try_from(total).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read() {
        // 44.1 kHz, two channels, 371 bytes, no checksum; and the same with one.
        let shape = Shape { rate: 44_100, layout: 2 };
        let bytes = [0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc];
        assert_eq!(Header::parse(&bytes), Some(Header { shape, head: 7, length: 371, blocks: 1 }));
        let bytes = [0xff, 0xf0, 0x50, 0x80, 0x2e, 0x7f, 0xfd];
        assert_eq!(Header::parse(&bytes), Some(Header { shape, head: 9, length: 371, blocks: 2 }));
        for wrong in [[0xff, 0xfb, 0x50, 0x80, 0x2e, 0x7f, 0xfc], [0xff, 0xf1, 0x7c, 0x80, 0x2e, 0x7f, 0xfc]]
        {
            assert_eq!(Header::parse(&wrong), None);
        }
        assert_eq!(Header::parse(&bytes[..6]), None);
    }

    #[test]
    fn every_rate_has_a_whole_number_of_ticks() {
        for rate in [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 11_025, 7_350] {
            assert_eq!(TICKS % rate, 0, "{rate}");
        }
    }
}

//! Reads AAC in ADTS for symphonia. Recordings of stations and files joined end to end change their rate and
//! their channels; symphonia's own reader does not notice. This one asks for another decoder there.

use std::io::{self, Read, Seek, SeekFrom};

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::{Error, Result, SeekErrorKind, seek_error, unsupported_error};
use symphonia::core::formats::well_known::FORMAT_ID_ADTS;
use symphonia::core::formats::{FormatInfo, Track};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use super::inner_tags::WithoutTags;
use super::one_track::{Packets, packet};
use super::source::Bytes;
use crate::codec::aac::adts::{self, BLOCK_FRAMES, HEADER_BYTES, Header, MAX_PACKET_BYTES};

/// Ticks in a second: a whole number for each rate of AAC, so that time goes on evenly when the rate changes.
const TICKS: u32 = 28_224_000;

/// How much is read at each place where a file's duration is estimated, and the number of places.
const SAMPLE: usize = 16 * 1024;
const SAMPLES: u64 = 4;

/// Packets in a row, all of one shape, by which the format is known.
const KNOWN_BY: usize = 3;

/// Whether the bytes from `begin` on are ADTS. Some rubbish may come first.
pub(super) fn begins(bytes: &mut Bytes, begin: u64) -> io::Result<bool> {
    let head = bytes.up_to(begin, 2 * SAMPLE)?;
    let is_whole = begin + head.len() as u64 == bytes.len();
    let is_row = |from: usize| {
        let (mut at, mut count) = (from, 0);
        let mut shape = None;
        while count < KNOWN_BY
            && let Some(header) = head.get(at..).and_then(header_in)
            && *shape.get_or_insert(Shape::of(&header)) == Shape::of(&header)
        {
            count += 1;
            at += header.len;
        }
        // A file may have fewer packets than that, and nothing else.
        count == KNOWN_BY || count > 0 && from == 0 && is_whole && at == head.len()
    };
    Ok((0..head.len().min(SAMPLE)).any(is_row))
}

/// The packets of a stream. Another decoder is asked for (`ResetRequired`) where the headers change.
pub(super) struct AdtsPackets {
    window: Window,
    /// What the decoder in use was made for.
    shape: Shape,
    /// A packet that waits for its new decoder.
    waiting: Option<AdtsPacket>,
    next_tick: i64,
    /// The estimated duration.
    ticks: u64,
}

/// What a header says of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    rate: u32,
    channel_config: u8,
}

impl Shape {
    fn of(header: &Header) -> Shape {
        Shape { rate: header.rate, channel_config: header.channel_config }
    }

    fn params(self) -> AudioCodecParameters {
        params(self.rate, self.channel_config)
    }
}

/// What a decoder has to know of packets with this rate and these channels in their headers.
pub(super) fn params(rate: u32, channel_config: u8) -> AudioCodecParameters {
    let mut params = AudioCodecParameters::new();
    params.for_codec(CODEC_ID_AAC).with_sample_rate(rate);
    match channel_config {
        count @ 1..=6 => params.with_channels(Channels::Discrete(count.into())),
        7 => params.with_channels(Channels::Discrete(8)),
        _ => &mut params,
    };
    params
}

/// A packet's duration in ticks.
fn duration(header: &Header) -> i64 {
    i64::from(header.frames) * i64::from(TICKS / header.rate)
}

/// The header at the beginning of `bytes`, if one is there and whole.
fn header_in(bytes: &[u8]) -> Option<Header> {
    adts::parse(*bytes.first_chunk()?)
}

/// Whether a packet or a tag begins behind a packet, or nothing. Otherwise it was none.
fn leads_on(behind: &[u8]) -> bool {
    behind.len() < HEADER_BYTES || behind.starts_with(b"ID3") || header_in(behind).is_some()
}

/// A packet without its header.
struct AdtsPacket {
    header: Header,
    bytes: Vec<u8>,
}

impl AdtsPackets {
    /// Reads the stream from its beginning.
    pub(super) fn new(mut media: WithoutTags) -> Result<AdtsPackets> {
        let ticks = estimate(&mut media)?;
        media.seek(SeekFrom::Start(0))?;
        let mut window = Window { media, bytes: Vec::new(), at: 0, ended: false };
        let Some(header) = window.next_header()? else {
            return unsupported_error("adts: there is no packet in it");
        };
        check_single(&header)?;
        Ok(AdtsPackets { window, shape: Shape::of(&header), waiting: None, next_tick: 0, ticks })
    }
}

/// The decoders take one AAC packet at a time.
fn check_single(header: &Header) -> Result<()> {
    if header.frames > BLOCK_FRAMES {
        return unsupported_error("adts: several packets behind one header");
    }
    Ok(())
}

impl Packets for AdtsPackets {
    const INFO: FormatInfo =
        FormatInfo { format: FORMAT_ID_ADTS, short_name: "adts", long_name: "AAC with ADTS headers" };

    fn describe(&self, track: &mut Track) {
        track.with_codec_params(CodecParameters::Audio(self.shape.params()));
        track.with_time_base(TimeBase::try_from_recip(TICKS).expect("it is not zero"));
        track.with_duration(Duration::new(self.ticks));
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        let next = self.waiting.take().map_or_else(|| self.window.next_packet(), |whole| Ok(Some(whole)))?;
        let Some(whole) = next else { return Ok(None) };
        check_single(&whole.header)?;
        let shape = Shape::of(&whole.header);
        if shape != self.shape {
            self.shape = shape;
            self.waiting = Some(whole);
            return Err(Error::ResetRequired);
        }
        let begin = Timestamp::new(self.next_tick);
        let ticks = duration(&whole.header);
        self.next_tick = self.next_tick.saturating_add(ticks);
        Ok(Some(packet(begin, ticks.unsigned_abs(), whole.bytes)))
    }

    /// Every header on the way is read: none tells its place in time.
    fn seek(&mut self, to: Timestamp) -> Result<Timestamp> {
        if to.get() < self.next_tick || self.waiting.is_some() {
            self.window.rewind()?;
            self.next_tick = 0;
            self.waiting = None;
        }
        loop {
            let Some(header) = self.window.next_header()? else {
                return seek_error(SeekErrorKind::OutOfRange);
            };
            let end = self.next_tick.saturating_add(duration(&header));
            if end > to.get() {
                return Ok(Timestamp::new(self.next_tick));
            }
            self.window.at += header.len;
            self.next_tick = end;
        }
    }

    fn into_stream(self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(self.window.media), MediaSourceStreamOptions::default())
    }
}

/// The bytes of a stream from which packets are taken.
struct Window {
    media: WithoutTags,
    bytes: Vec<u8>,
    /// The next byte to be looked at.
    at: usize,
    /// Whether there is no more to read.
    ended: bool,
}

impl Window {
    /// The next packet. What is no packet is passed over.
    fn next_packet(&mut self) -> io::Result<Option<AdtsPacket>> {
        let Some(header) = self.next_header()? else { return Ok(None) };
        let packet = &self.bytes[self.at..self.at + header.len];
        let bytes = packet[header.head_len..].to_vec();
        self.at += header.len;
        Ok(Some(AdtsPacket { header, bytes }))
    }

    /// Goes to the next packet that is complete, and followed by another one or by the end.
    fn next_header(&mut self) -> io::Result<Option<Header>> {
        loop {
            self.fill()?;
            let here = &self.bytes[self.at..];
            let header = header_in(here);
            if let Some(header) = header
                && let Some(behind) = here.get(header.len..)
                && leads_on(behind)
            {
                return Ok(Some(header));
            }
            let is_cut = here.len() < header.as_ref().map_or(HEADER_BYTES, |header| header.len);
            if is_cut && self.has_grown()? {
                continue;
            }
            if self.at + HEADER_BYTES > self.bytes.len() {
                return Ok(None);
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
        const ENOUGH: usize = MAX_PACKET_BYTES + HEADER_BYTES;
        if self.bytes.len() - self.at >= ENOUGH || self.ended {
            return Ok(());
        }
        self.bytes.drain(..self.at);
        self.at = 0;
        let missing = 4 * ENOUGH - self.bytes.len();
        self.ended = read_more(&mut self.media, missing as u64, &mut self.bytes)? < missing;
        Ok(())
    }

    /// Whether the stream goes on behind its end, because the file has grown.
    fn has_grown(&mut self) -> io::Result<bool> {
        if self.ended {
            self.ended = read_more(&mut self.media, MAX_PACKET_BYTES as u64, &mut self.bytes)? == 0;
            return Ok(!self.ended);
        }
        Ok(false)
    }
}

/// Appends up to `count` bytes.
fn read_more(media: &mut WithoutTags, count: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
    media.take(count).read_to_end(bytes)
}

/// Estimates the duration, in ticks, from packets at some places in the file.
fn estimate(media: &mut WithoutTags) -> io::Result<u64> {
    let length = media.byte_len().unwrap_or(0);
    let whole = length <= SAMPLE as u64 * SAMPLES;
    let (places, size) = if whole { (1, length) } else { (SAMPLES, SAMPLE as u64) };
    let (mut ticks, mut bytes) = (0u128, 0u128);
    for place in 0..places {
        media.seek(SeekFrom::Start(length / SAMPLES * place))?;
        let mut sample = Vec::new();
        read_more(media, size, &mut sample)?;
        let mut at = 0;
        while let Some(here) = sample.get(at..).filter(|here| here.len() >= HEADER_BYTES) {
            match header_in(here).filter(|header| here.get(header.len..).is_none_or(leads_on)) {
                Some(header) => {
                    ticks += u128::from(duration(&header).unsigned_abs());
                    bytes += header.len as u128;
                    at += header.len;
                }
                None => at += 1,
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
    fn every_rate_has_a_whole_number_of_ticks() {
        for rate in [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 11_025, 7_350] {
            assert_eq!(TICKS % rate, 0, "{rate}");
        }
    }
}

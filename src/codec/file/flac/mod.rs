//! Reads FLAC for symphonia. Packets tell the truth: their rate, their channels, their place in time and their
//! end are taken from themselves, and what the file's head says counts only where they are silent. symphonia's
//! own reader finds the end of a packet by the next one, and takes what lies behind the last for a part of it.
//!
//! What FLAC calls a frame is a packet here, as everywhere.
//!
//! Files joined end to end are parts of one sound. Time goes on from one to the next.

mod length;
mod metadata;
mod packet;
mod seek;
mod window;

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::formats::well_known::FORMAT_ID_FLAC;
use symphonia::core::formats::{FormatInfo, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, TimeBase, Timestamp};

use self::packet::{FlacPacket, Look, Shape};
use self::window::{Found, Window};
use super::one_track::{Packets, packet};
use super::source::{Bytes, Media};
use crate::codec::resample::rescale;

pub(super) use self::metadata::{Head, read};
pub(super) use self::packet::Info;

/// The file's last packet is looked for in so many bytes at its end. One of eight channels at 192 kHz may have
/// 400 KB.
const LAST_WITHIN: u64 = 1024 * 1024;

/// Whether a packet begins in the first bytes from `begin` on, in a file that does not begin like FLAC, as the
/// recording of a stream. Returns its place.
pub(super) fn first_packet(bytes: &mut Bytes, begin: u64) -> io::Result<Option<u64>> {
    const PIECE: usize = 64 * 1024;
    let head = bytes.up_to(begin, PIECE)?;
    for at in 0..head.len() {
        match packet::look(&head[at..], 0, None) {
            Look::Packet(_) => return Ok(Some(begin + at as u64)),
            // Rubbish may be full of what looks like headers, so the budget is asked.
            Look::Cut | Look::Damaged => drop(bytes.up_to(begin, 0)?),
            Look::Other => {}
        }
    }
    Ok(None)
}

/// The packets of a file. Another decoder is asked for (`ResetRequired`) where their shape changes.
pub(super) struct FlacPackets {
    window: Window,
    /// The parts that are known, in the order of the file.
    parts: Vec<Part>,
    /// The number of the one that is read.
    part: usize,
    /// Where the next packet is looked for.
    at: u64,
    /// The packet before it, if it was read.
    before: Option<FlacPacket>,
    /// The shape that the decoder in use was made for.
    shape: Shape,
    /// A packet that waits for its new decoder.
    waiting: Option<FlacPacket>,
    /// The file's last packet, as far as it is known.
    last: Option<FlacPacket>,
    /// The end of the bytes of which all parts are known.
    searched_to: u64,
}

/// A file, or what may as well be one: its packets are counted by themselves.
#[derive(Clone, Copy)]
struct Part {
    info: Option<Info>,
    first: FlacPacket,
    /// The frames that its packets count by, where they do not count frames.
    unit: u32,
    /// The time when it begins, in frames at its own rate.
    begin: u64,
}

impl Part {
    fn new(window: &mut Window, info: Option<Info>, first: FlacPacket, begin: u64) -> io::Result<Part> {
        let second = window.packet(first.end()..first.end() + 1, info)?;
        Ok(Part { info, first, unit: first.unit(second.as_ref()), begin })
    }

    /// The time when a packet of it begins.
    fn tick(&self, packet: &FlacPacket) -> u64 {
        self.begin.saturating_add(packet.first(self.unit).saturating_sub(self.first.first(self.unit)))
    }

    /// The time when a packet of it ends.
    fn end_tick(&self, packet: &FlacPacket) -> u64 {
        self.tick(packet).saturating_add(packet.block.into())
    }

    /// The part that follows the last packet of this one.
    fn next(
        &self,
        window: &mut Window,
        last: Option<&FlacPacket>,
        info: Option<Info>,
        first: FlacPacket,
    ) -> io::Result<Part> {
        let end = last.map_or(self.begin, |last| self.end_tick(last));
        Part::new(window, info, first, rescale(end, self.first.shape.rate, first.shape.rate))
    }
}

impl FlacPackets {
    /// Reads packets from a file's beginning on. `info` is what was in front of them.
    pub(super) fn new(media: Media, info: Option<Info>) -> Result<FlacPackets> {
        let mut window = Window::new(media);
        let all = 0..window.len();
        let Some(first) = window.packet(all.clone(), info)? else {
            return decode_error("flac: there is no packet in it");
        };
        let part = Part::new(&mut window, info, first, 0)?;
        let last = window.last_packet(first.at..all.end, info, LAST_WITHIN)?;
        Ok(FlacPackets {
            parts: vec![part],
            part: 0,
            at: first.at,
            before: None,
            shape: first.shape,
            waiting: None,
            last,
            searched_to: 0,
            window,
        })
    }

    /// Whether its samples have 32 bits. The decoder counts with as many, and the difference of two channels
    /// needs one more.
    pub(super) fn has_32_bits(&self) -> bool {
        self.shape.bits == 32
    }

    /// The next packet that is whole. What is none is passed over.
    fn next_packet(&mut self) -> io::Result<Option<FlacPacket>> {
        let mut file = None;
        loop {
            let part = self.parts[self.part];
            let info = file.or(part.info);
            match self.window.find(self.at..u64::MAX, info)? {
                None => return Ok(None),
                Some(Found::File(info, audio)) => {
                    file = Some(info);
                    self.at = audio;
                }
                Some(Found::Packet(packet)) => {
                    let before = self.before.as_ref();
                    if file.is_some() || before.is_some_and(|before| !packet.may_follow(before)) {
                        let next = part.next(&mut self.window, before, info, packet)?;
                        self.enter(next);
                    }
                    self.at = packet.end();
                    self.before = Some(packet);
                    return Ok(Some(packet));
                }
            }
        }
    }

    /// Goes to the part behind this one.
    fn enter(&mut self, next: Part) {
        self.part += 1;
        if self.parts.get(self.part).is_none_or(|known| known.first.at != next.first.at) {
            // Those behind it begin at other times than it seemed.
            self.parts.truncate(self.part);
            self.parts.push(next);
            self.searched_to = self.searched_to.min(next.first.at);
        }
    }
}

impl Packets for FlacPackets {
    const INFO: FormatInfo =
        FormatInfo { format: FORMAT_ID_FLAC, short_name: "flac", long_name: "Free Lossless Audio Codec" };

    fn describe(&self, track: &mut Track) {
        let part = self.parts[self.part];
        track.with_codec_params(CodecParameters::Audio(self.shape.params()));
        track.with_time_base(TimeBase::try_from_recip(self.shape.rate).expect("it is not zero"));
        let declared = part.info.map_or(0, |info| info.frames);
        let end = self.last.map(|last| part.end_tick(&last));
        if self.parts.len() == 1 && end == Some(declared) {
            track.with_num_frames(declared);
        } else {
            track.with_duration(Duration::new(end.unwrap_or(part.begin.saturating_add(declared))));
        }
    }

    fn next(&mut self) -> Result<Option<Packet>> {
        let next = self.waiting.take().map_or_else(|| self.next_packet(), |packet| Ok(Some(packet)))?;
        let Some(whole) = next else { return Ok(None) };
        if whole.shape != self.shape {
            self.shape = whole.shape;
            self.waiting = Some(whole);
            return Err(Error::ResetRequired);
        }
        if self.has_32_bits() {
            return unsupported_error("flac: 32 bits");
        }
        let begin = i64::try_from(self.parts[self.part].tick(&whole)).unwrap_or(i64::MAX);
        let bytes = self.window.at(whole.at, whole.len)?;
        let bytes = bytes[..whole.len.min(bytes.len())].to_vec();
        Ok(Some(packet(Timestamp::new(begin), whole.block.into(), bytes)))
    }

    fn seek(&mut self, to: Timestamp) -> Result<Timestamp> {
        let at = self.seek_to(u64::try_from(to.get()).unwrap_or(0))?;
        Ok(Timestamp::new(i64::try_from(at).unwrap_or(i64::MAX)))
    }

    fn into_stream(self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(self.window.into_media()), MediaSourceStreamOptions::default())
    }
}

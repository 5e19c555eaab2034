//! Reads FLAC for symphonia. Frames tell the truth: their rate, their channels, their place in time and their
//! end are taken from themselves, and what the file's head says counts only where they are silent. symphonia's
//! own reader finds the end of a frame by the next one, and takes what lies behind the last for a part of it.
//!
//! A frame is what FLAC calls so: a packet. What is a frame elsewhere is a frame of sound here.
//!
//! Files joined end to end are parts of one sound. Time goes on from one to the next.

mod frame;
mod length;
mod metadata;
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

use self::frame::{Frame, Look, Shape};
use self::window::{Found, Window};
use super::one_track::{Packets, packet};
use super::source::{Bytes, Media};

pub(super) use self::frame::Info;
pub(super) use self::metadata::{Head, read};

/// The file's last frame is looked for in so many bytes at its end. One of eight channels at 192 kHz may have
/// 400 KB.
const LAST_WITHIN: u64 = 1024 * 1024;

/// Whether a frame begins in the first bytes from `begin` on, in a file that does not begin like FLAC, as the
/// recording of a stream. Returns its place.
pub(super) fn first_frame(bytes: &mut Bytes, begin: u64) -> io::Result<Option<u64>> {
    const PIECE: usize = 64 * 1024;
    let head = bytes.up_to(begin, PIECE)?;
    for at in 0..head.len() {
        match frame::look(&head[at..], 0, None) {
            Look::Frame(_) => return Ok(Some(begin + at as u64)),
            // Rubbish may be full of what looks like headers, so the budget is asked.
            Look::Cut | Look::Damaged => drop(bytes.up_to(begin, 0)?),
            Look::Other => {}
        }
    }
    Ok(None)
}

/// The frames of a file. Another decoder is asked for (`ResetRequired`) where their shape changes.
pub(super) struct FlacPackets {
    window: Window,
    /// The parts that are known, in the order of the file.
    parts: Vec<Part>,
    /// The number of the one that is read.
    part: usize,
    /// Where the next frame is looked for.
    at: u64,
    /// The frame before it, if it was read.
    before: Option<Frame>,
    /// The shape that the decoder in use was made for.
    shape: Shape,
    /// A frame that waits for its new decoder.
    waiting: Option<Frame>,
    /// The file's last frame, as far as it is known.
    last: Option<Frame>,
    /// The end of the bytes of which all parts are known.
    searched_to: u64,
}

/// A file, or what may as well be one: its frames are counted by themselves.
#[derive(Clone, Copy)]
struct Part {
    info: Option<Info>,
    first: Frame,
    /// The frames of sound that its frames count by, where they do not count frames of sound.
    unit: u32,
    /// The time when it begins, in frames at its own rate.
    begin: u64,
}

impl Part {
    fn new(window: &mut Window, info: Option<Info>, first: Frame, begin: u64) -> io::Result<Part> {
        let second = window.frame(first.end()..first.end() + 1, info)?;
        Ok(Part { info, first, unit: first.unit(second.as_ref()), begin })
    }

    /// The time when a frame of it begins.
    fn tick(&self, frame: &Frame) -> u64 {
        self.begin.saturating_add(frame.first(self.unit).saturating_sub(self.first.first(self.unit)))
    }

    /// The time when a frame of it ends.
    fn end_tick(&self, frame: &Frame) -> u64 {
        self.tick(frame).saturating_add(frame.block.into())
    }

    /// The part that follows the last frame of this one.
    fn next(
        &self,
        window: &mut Window,
        last: Option<&Frame>,
        info: Option<Info>,
        first: Frame,
    ) -> io::Result<Part> {
        let end = last.map_or(self.begin, |last| self.end_tick(last));
        Part::new(window, info, first, rescaled(end, self.first.shape.rate, first.shape.rate))
    }
}

/// A time in frames of one rate, in those of another.
fn rescaled(tick: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (u128::from(from), u128::from(to));
    u64::try_from((u128::from(tick) * to + from / 2) / from).unwrap_or(u64::MAX)
}

impl FlacPackets {
    /// Reads frames from a file's beginning on. `info` is what was in front of them.
    pub(super) fn new(media: Media, info: Option<Info>) -> Result<FlacPackets> {
        let mut window = Window::new(media);
        let all = 0..window.len();
        let Some(first) = window.frame(all.clone(), info)? else {
            return decode_error("flac: there is no frame in it");
        };
        let part = Part::new(&mut window, info, first, 0)?;
        let last = window.last_frame(first.at..all.end, info, LAST_WITHIN)?;
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

    /// The next frame that is whole. What is none is passed over.
    fn next_frame(&mut self) -> io::Result<Option<Frame>> {
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
                Some(Found::Frame(frame)) => {
                    let before = self.before.as_ref();
                    if file.is_some() || before.is_some_and(|before| !frame.may_follow(before)) {
                        let next = part.next(&mut self.window, before, info, frame)?;
                        self.enter(next);
                    }
                    self.at = frame.end();
                    self.before = Some(frame);
                    return Ok(Some(frame));
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
        let next = self.waiting.take().map_or_else(|| self.next_frame(), |frame| Ok(Some(frame)))?;
        let Some(frame) = next else { return Ok(None) };
        if frame.shape != self.shape {
            self.shape = frame.shape;
            self.waiting = Some(frame);
            return Err(Error::ResetRequired);
        }
        if self.has_32_bits() {
            return unsupported_error("flac: 32 bits");
        }
        let begin = i64::try_from(self.parts[self.part].tick(&frame)).unwrap_or(i64::MAX);
        let bytes = self.window.at(frame.at, frame.len)?;
        let bytes = bytes[..frame.len.min(bytes.len())].to_vec();
        Ok(Some(packet(Timestamp::new(begin), frame.block.into(), bytes)))
    }

    fn seek(&mut self, to: Timestamp) -> Result<Timestamp> {
        let at = self.seek_to(u64::try_from(to.get()).unwrap_or(0))?;
        Ok(Timestamp::new(i64::try_from(at).unwrap_or(i64::MAX)))
    }

    fn into_stream(self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(self.window.into_media()), MediaSourceStreamOptions::default())
    }
}

//! From an opened file to PCM in the file's own shape, packet by packet, cut to what is to be heard.

use std::io;
use std::path::{Path, PathBuf};

use symphonia::core::audio::AudioSpec;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::well_known::CODEC_ID_MP3;
use symphonia::core::errors::{Error as Cause, SeekErrorKind};
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as Ticks, Timestamp};

use super::bitstream::Bitstream;
use super::codecs::{decoder, shape};
use super::open::{Opened, audio_track};
use crate::codec::mp3::header;
use crate::codec::reshape::Shape;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// So many packets in a row that yield nothing end the file: it is not damaged, it is rubbish.
const MAX_FRUITLESS: u32 = 100;

/// So many MP3 packets in a row that are alike are no accident.
const SAME_SHAPE: u32 = 4;

/// How far a packet's time stamp may lie off the frames counted before it means a gap. Time
/// stamps in a coarse scale are this much off.
const STAMP_SLACK_FRAMES: i64 = 256;

/// A codec that builds on what came before is given this much before a seek's target. Opus asks
/// for 80 ms and still differs by -20 dB then; after 240 ms it is -70 dB. The others need less.
const LEAD_MS: i64 = 240;

/// No decoded sample is let through beyond this (+18 dB): it would be a fault, and whatever works
/// on it later would carry the fault on.
const MAX_SAMPLE: f32 = 8.0;

/// A file being decoded.
pub(super) struct Stream {
    name: PathBuf,
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    bitstream: Bitstream,
    /// The frame that comes next, counted from tick zero; `None` until a time stamp tells.
    position: Option<i64>,
    /// Frames before this one are dropped: where the last seek went.
    wanted: i64,
    /// Packets in a row that yielded nothing.
    fruitless: u32,
    spec: Option<(AudioSpec, Shape)>,
    /// The shape of the MP3 packets that were refused last, and of how many in a row.
    refused_shape: (Option<(u32, crate::Channels)>, u32),
    decoded: Vec<f32>,
    ended: bool,
}

impl Stream {
    /// Makes ready to decode.
    pub(super) fn new(opened: Opened, name: &Path) -> Result<Stream> {
        let Opened { format, bitstream, .. } = opened;
        Ok(Stream {
            codec: decoder(&bitstream.params, name)?,
            name: name.to_owned(),
            format,
            bitstream,
            position: None,
            wanted: i64::MIN,
            fruitless: 0,
            spec: None,
            refused_shape: (None, 0),
            decoded: Vec::new(),
            ended: false,
        })
    }

    /// How many frames at `rate` sound in all, where the file tells.
    pub(super) fn frames_at(&self, rate: SampleRate) -> Option<u64> {
        self.bitstream.frames_at(rate)
    }

    /// Replaces `pcm` by the next frames in the shape that is returned; `None` at the end.
    pub(super) fn next(&mut self, pcm: &mut Vec<f32>) -> Result<Option<&Shape>> {
        pcm.clear();
        while pcm.is_empty() {
            let Some(packet) = self.next_packet()? else { return Ok(None) };
            if packet.track_id == self.bitstream.track_id {
                self.decode(packet, pcm)?;
            }
        }
        Ok(self.spec.as_ref().map(|(_, shape)| shape))
    }

    /// Goes to frame `to`, counted from the first that is to be heard, of the shape that came
    /// last: the frame that comes next is just this one.
    pub(super) fn seek(&mut self, to: u64) -> Result<()> {
        let Some((_, shape)) = &self.spec else { return Ok(()) };
        let rate = shape.rate;
        let to = i64::try_from(to).unwrap_or(i64::MAX);
        let wanted = self.bitstream.frame_of(self.bitstream.from, rate).saturating_add(to);
        let lead = i64::from(rate.hz()) * LEAD_MS / 1000;
        let ts = self.bitstream.tick_of(wanted.saturating_sub(lead), rate).max(self.bitstream.start);
        let to = SeekTo::Timestamp { ts: Timestamp::new(ts), track_id: self.bitstream.track_id };
        self.ended = match self.format.seek(SeekMode::Accurate, to) {
            Ok(_) => false,
            Err(Cause::SeekError(SeekErrorKind::OutOfRange)) => true,
            Err(cause) => return Err(self.failed(&cause)),
        };
        self.codec.reset();
        self.position = None;
        self.wanted = wanted;
        self.fruitless = 0;
        Ok(())
    }

    fn next_packet(&mut self) -> Result<Option<Packet>> {
        while !self.ended {
            match self.format.next_packet() {
                Ok(Some(packet)) => return Ok(Some(packet)),
                Ok(None) => self.ended = true,
                Err(Cause::IoError(cause)) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                }
                Err(Cause::ResetRequired) => self.next_link()?,
                // Rubbish may well look like something that nobody can decode.
                Err(cause @ (Cause::DecodeError(_) | Cause::Unsupported(_))) => self.nothing(&cause)?,
                Err(cause) => return Err(self.failed(&cause)),
            }
        }
        Ok(None)
    }

    /// Decodes a packet and appends what is to be heard of it.
    fn decode(&mut self, mut packet: Packet, pcm: &mut Vec<f32>) -> Result<()> {
        if self.bitstream.params.codec == CODEC_ID_MP3 {
            // Its demuxer cuts by an estimate where there is no better; `padding` does not.
            (packet.trim_start, packet.trim_end) = (Ticks::ZERO, Ticks::ZERO);
        }
        let tick = packet.pts.saturating_add(packet.trim_start).get();
        let cause = match self.codec.decode(&packet) {
            Ok(buffer) if buffer.frames() > 0 => {
                let known = self.spec.as_ref().filter(|(spec, _)| spec == buffer.spec());
                if known.is_none() {
                    let shape = shape(buffer.spec(), self.bitstream.channels.as_ref())
                        .map_err(|reason| Error::file(&self.name, reason))?;
                    self.spec = Some((buffer.spec().clone(), shape));
                }
                buffer.copy_to_vec_interleaved(&mut self.decoded);
                self.fruitless = 0;
                self.refused_shape = (None, 0);
                self.take(tick, pcm);
                return Ok(());
            }
            Ok(_) => Cause::DecodeError("packets without sound"),
            Err(cause) => cause,
        };
        self.nothing(&cause)?;
        if matches!(cause, Cause::ResetRequired) || self.is_of_new_shape(&packet) {
            self.codec = decoder(&self.bitstream.params, &self.name)?;
        }
        Ok(())
    }

    /// Whether this MP3 packet, which could not be decoded, is one of several in a row that are of
    /// one shape: they are of a file behind the first one, for which another decoder is needed.
    fn is_of_new_shape(&mut self, packet: &Packet) -> bool {
        if self.bitstream.params.codec != CODEC_ID_MP3 {
            return false;
        }
        let header = packet.data.first_chunk().and_then(|head| header::parse(*head));
        let shape = header.map(|header| (header.rate, header.channels));
        if shape.is_none() || shape != self.refused_shape.0 {
            self.refused_shape = (shape, 0);
        }
        self.refused_shape.1 += 1;
        self.refused_shape.1 == SAME_SHAPE
    }

    /// Appends those of the frames just decoded, the first of which belongs to `tick`, that are to
    /// be heard.
    fn take(&mut self, tick: i64, pcm: &mut Vec<f32>) {
        let Some((_, shape)) = &self.spec else { return };
        let (rate, channels) = (shape.rate, shape.speakers.len());
        let stamped = self.bitstream.frame_of(tick, rate);
        let first = match self.position {
            Some(counted) if counted.abs_diff(stamped) <= STAMP_SLACK_FRAMES as u64 => counted,
            _ => stamped,
        };
        let count = (self.decoded.len() / channels) as i64;
        let end = first.saturating_add(count);
        self.position = Some(end);

        let begin = self.bitstream.frame_of(self.bitstream.from, rate).max(self.wanted);
        let padding = match &self.bitstream.padding {
            Some(padding) => {
                self.bitstream.frame_of(padding.start, rate)..self.bitstream.frame_of(padding.end, rate)
            }
            None => i64::MAX..i64::MAX,
        };
        let gain = self.bitstream.gain;
        for heard in [begin..padding.start, begin.max(padding.end)..i64::MAX] {
            let from = heard.start.saturating_sub(first).clamp(0, count);
            let to = heard.end.saturating_sub(first).clamp(from, count);
            let heard = &self.decoded[from as usize * channels..to as usize * channels];
            pcm.extend(heard.iter().map(|sample| sane(sample * gain)));
        }
        let all_heard = padding.end == i64::MAX && end >= padding.start;
        self.ended |= all_heard || tick >= self.bitstream.last;
    }

    /// A packet of which nothing came: the next may be better, unless it was one too many.
    fn nothing(&mut self, cause: &Cause) -> Result<()> {
        self.fruitless += 1;
        if self.fruitless >= MAX_FRUITLESS {
            let reason = format!("is damaged: {MAX_FRUITLESS} packets in a row are bad ({cause})");
            return Err(Error::file(&self.name, reason));
        }
        log::debug!("{}: a packet is left out: {cause}", self.name.display());
        Ok(())
    }

    /// Another stream follows in the same file (a chained Ogg file): it is played like the first.
    fn next_link(&mut self) -> Result<()> {
        let refused = |reason: &str| Error::file(&self.name, reason);
        let track = audio_track(&*self.format).map_err(refused)?;
        self.bitstream = Bitstream::new(track).map_err(refused)?;
        self.codec = decoder(&self.bitstream.params, &self.name)?;
        self.position = None;
        self.wanted = i64::MIN;
        Ok(())
    }

    fn failed(&self, cause: &Cause) -> Error {
        Error::file(&self.name, format!("cannot be read on: {cause}"))
    }
}

/// A sample that nothing after it can choke on.
fn sane(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) }
}

//! Decodes an opened file packet by packet to PCM in the file's own shape, and cuts it to the part that is
//! played.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use symphonia::core::audio::AudioSpec;
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::errors::{Error as Cause, Result as Decoded, SeekErrorKind};
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, SeekedTo};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as Ticks, Timestamp};

use super::bitstream::Bitstream;
use super::budget::Budget;
use super::codecs::{decoder, shape};
use super::contained::{contained, panicked};
use super::open::Opened;
use super::page_end::PageEnd;
use crate::codec::mp3::header::{self, Layer};
use crate::codec::resample::rescale;
use crate::codec::reshape::Shape;
use crate::error::{Error, Result};
use crate::units::SampleRate;

/// After this many bad packets in a row, the file is given up. MPEG audio has no such limit: what lies
/// between its packets is full of what looks like some. The budget ends that.
const MAX_BAD_PACKETS: u32 = 100;

/// This many MP3 packets with the same shape in a row are not a coincidence.
const SAME_SHAPE: usize = 4;

/// A difference between a packet's time stamp and the counted frames that is larger than this is a gap.
/// Smaller ones come from coarse time scales.
const STAMP_SLACK_FRAMES: i64 = 256;

/// Decoding starts this long before a seek's target, because codecs depend on earlier packets. Opus
/// recommends 80 ms, but still differs by -20 dB then; after 240 ms the difference is -70 dB. Other codecs
/// need less.
const LEAD_MS: i64 = 240;

/// Decoded samples are clipped to this (+18 dB). A greater value is an error of the decoder, which later
/// stages would spread.
const MAX_SAMPLE: f32 = 8.0;

/// A file being decoded.
pub(super) struct Stream {
    name: PathBuf,
    format: Box<dyn FormatReader>,
    codec: Box<dyn AudioDecoder>,
    bitstream: Bitstream,
    /// The next frame, counted from tick zero. `None` until a time stamp is known.
    position: Option<i64>,
    /// The target of the last seek, in frames of this rate. Frames before it are dropped.
    wanted: Option<(i64, SampleRate)>,
    /// The number of bad packets in a row.
    bad_packets: u32,
    spec: Option<(AudioSpec, Shape)>,
    refused: Refused,
    decoded: Vec<f32>,
    /// What the positions in an Ogg file cut off.
    page_end: PageEnd,
    ended: bool,
    budget: Budget,
}

/// What comes next in a file.
enum Next {
    Packet(Packet),
    /// The next part of a chained Ogg file, or another shape of ADTS or FLAC.
    Link,
    End,
}

/// The last packets of MPEG audio in a row that the decoder refused, all of one shape.
#[derive(Default)]
struct Refused {
    shape: Option<(Layer, u32, crate::Channels)>,
    packets: Vec<Packet>,
}

impl Stream {
    /// Opens the decoder.
    pub(super) fn new(opened: Opened, budget: Budget, name: &Path) -> Result<Stream> {
        let Opened { format, bitstream, .. } = opened;
        Ok(Stream {
            codec: decoder(&bitstream.params, name)?,
            name: name.to_owned(),
            format,
            bitstream,
            position: None,
            wanted: None,
            bad_packets: 0,
            spec: None,
            refused: Refused::default(),
            decoded: Vec::new(),
            page_end: PageEnd::default(),
            ended: false,
            budget,
        })
    }

    /// The number of frames to play at `rate`, if the file contains it.
    pub(super) fn frames_at(&self, rate: SampleRate) -> Option<u64> {
        self.bitstream.frames_at(rate)
    }

    /// Replaces `pcm` by the next frames, and returns their shape. `None` at the end.
    pub(super) fn next(&mut self, pcm: &mut Vec<f32>) -> Result<Option<&Shape>> {
        pcm.clear();
        while pcm.is_empty() {
            match self.next_packet()? {
                Next::Packet(packet) => {
                    // Packets that are in memory already ask nothing of the reader.
                    self.budget.check_time().map_err(|cause| self.failed(&Cause::IoError(cause)))?;
                    if packet.track_id == self.bitstream.track_id {
                        self.decode(packet, pcm)?;
                    }
                }
                Next::Link => self.page_end.finish(pcm),
                Next::End => {
                    self.page_end.finish(pcm);
                    if pcm.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(self.spec.as_ref().map(|(_, shape)| shape))
    }

    /// Seeks to frame `to`, counted from the first that is played, at the rate of the last shape. It is
    /// exactly the next frame.
    pub(super) fn seek(&mut self, to: u64) -> Result<()> {
        let Some((_, shape)) = &self.spec else { return Ok(()) };
        let rate = shape.rate;
        let to = i64::try_from(to).unwrap_or(i64::MAX);
        let wanted = self.bitstream.frame_of(self.bitstream.from, rate).saturating_add(to);
        let wanted = match self.padding(rate) {
            // What lies in the middle of a file and is not played does not count.
            Some(padding) if padding.end < i64::MAX && padding.start <= wanted => {
                wanted.saturating_add(padding.end - padding.start)
            }
            _ => wanted,
        };
        let lead = i64::from(rate.hz()) * LEAD_MS / 1000;
        let ts = self.bitstream.tick_of(wanted.saturating_sub(lead), rate).max(self.bitstream.start);
        self.ended = match self.seek_to(ts) {
            // A declared end proves nothing: from there on, the target is looked for by decoding.
            Err(Cause::SeekError(SeekErrorKind::OutOfRange)) => match self.bitstream.declared_end() {
                Some(end) => self.seek_to(end.min(ts)).is_err(),
                None => true,
            },
            Err(cause) => return Err(self.failed(&cause)),
            Ok(_) => false,
        };
        self.codec.reset();
        self.refused = Refused::default();
        self.page_end = PageEnd::default();
        self.position = None;
        self.wanted = Some((wanted, rate));
        self.bad_packets = 0;
        Ok(())
    }

    fn seek_to(&mut self, tick: i64) -> Decoded<SeekedTo> {
        let to = SeekTo::Timestamp { ts: Timestamp::new(tick), track_id: self.bitstream.track_id };
        contained(|| self.format.seek(SeekMode::Accurate, to), panicked())
    }

    fn next_packet(&mut self) -> Result<Next> {
        while !self.ended {
            match contained(|| self.format.next_packet(), panicked()) {
                Ok(Some(packet)) => return Ok(Next::Packet(packet)),
                Ok(None) => self.ended = true,
                Err(Cause::IoError(cause)) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                }
                Err(Cause::ResetRequired) => {
                    self.next_link()?;
                    return Ok(Next::Link);
                }
                // Damaged data may look like an unsupported format.
                Err(cause @ (Cause::DecodeError(_) | Cause::Unsupported(_))) => self.skip_packet(&cause)?,
                Err(cause) => return Err(self.failed(&cause)),
            }
        }
        Ok(Next::End)
    }

    /// Decodes a packet, and appends the part that is played.
    fn decode(&mut self, mut packet: Packet, pcm: &mut Vec<f32>) -> Result<()> {
        if self.is_mpeg() {
            // The MP3 demuxer may cut by an estimated length; `padding` is exact.
            (packet.trim_start, packet.trim_end) = (Ticks::ZERO, Ticks::ZERO);
        }
        // FLAC has no padding.
        if self.bitstream.is_ogg && self.bitstream.params.codec != CODEC_ID_FLAC {
            self.page_end.next_packet(&mut packet, pcm);
        }
        let Some(cause) = self.try_decode(&packet, pcm)? else { return Ok(()) };
        self.skip_packet(&cause)?;
        if matches!(cause, Cause::ResetRequired) {
            self.codec = decoder(&self.bitstream.params, &self.name)?;
        } else if self.is_of_new_shape(packet) {
            if let Some((layer, _, _)) = self.refused.shape {
                self.bitstream.params.codec = match layer {
                    Layer::One => CODEC_ID_MP1,
                    Layer::Two => CODEC_ID_MP2,
                    Layer::Three => CODEC_ID_MP3,
                };
            }
            self.codec = decoder(&self.bitstream.params, &self.name)?;
            for packet in std::mem::take(&mut self.refused.packets) {
                if let Some(cause) = self.try_decode(&packet, pcm)? {
                    self.skip_packet(&cause)?;
                }
            }
        }
        Ok(())
    }

    /// Decodes a packet if its decoder can. Otherwise it returns the reason.
    fn try_decode(&mut self, packet: &Packet, pcm: &mut Vec<f32>) -> Result<Option<Cause>> {
        let tick = packet.pts.saturating_add(packet.trim_start).get();
        let codec = &mut self.codec;
        // After a panic it may not be in a state to go on.
        match contained(|| codec.decode(packet), Cause::ResetRequired) {
            Ok(buffer) if buffer.frames() > 0 => {
                let known = self.spec.as_ref().filter(|(spec, _)| spec == buffer.spec());
                if known.is_none() {
                    let shape = shape(buffer.spec(), self.bitstream.channels.as_ref())
                        .map_err(|reason| Error::file(&self.name, reason))?;
                    self.spec = Some((buffer.spec().clone(), shape));
                }
                buffer.copy_to_vec_interleaved(&mut self.decoded);
                self.bad_packets = 0;
                self.refused.packets.clear();
                self.take(tick, pcm);
                Ok(None)
            }
            Ok(_) => Ok(Some(Cause::DecodeError("packets without sound"))),
            Err(cause) => Ok(Some(cause)),
        }
    }

    /// Keeps a refused packet of MPEG audio. True if several in a row have the same shape: then another file
    /// was appended to the first one, and it needs a new decoder. It decodes what was kept, so nothing is lost.
    fn is_of_new_shape(&mut self, packet: Packet) -> bool {
        if !self.is_mpeg() {
            return false;
        }
        let header = packet.data.first_chunk().and_then(|head| header::parse(*head));
        let shape = header.map(|header| (header.layer, header.rate, header.channels));
        if shape.is_none() || shape != self.refused.shape {
            self.refused = Refused { shape, packets: Vec::new() };
        }
        self.refused.packets.push(packet);
        self.refused.packets.len() == SAME_SHAPE
    }

    /// Appends the part of the decoded frames that is played. The first of them belongs to `tick`.
    fn take(&mut self, tick: i64, pcm: &mut Vec<f32>) {
        let Some((_, shape)) = &self.spec else { return };
        let (rate, channels) = (shape.rate, shape.speakers.len());
        if self.bitstream.is_ogg && self.position.is_none() && self.wanted.is_none() {
            self.bitstream.begin_at(tick);
        }
        let stamped = self.bitstream.frame_of(tick, rate);
        let first = match self.position {
            Some(counted) if counted.abs_diff(stamped) <= STAMP_SLACK_FRAMES as u64 => counted,
            // In Ogg, time that goes back is wrong.
            Some(counted) if self.bitstream.is_ogg && stamped < counted => counted,
            _ => stamped,
        };
        let count = (self.decoded.len() / channels) as i64;
        let end = first.saturating_add(count);
        self.position = Some(end);

        let begin = self.bitstream.frame_of(self.bitstream.from, rate);
        let begin = match self.wanted {
            Some((wanted, of)) if of == rate => begin.max(wanted),
            // The file has changed its rate between the seek's beginning and its target.
            Some((wanted, of)) => begin.max(rescale(wanted.max(0).unsigned_abs(), of.hz(), rate.hz()) as i64),
            None => begin,
        };
        let padding = self.padding(rate).unwrap_or(i64::MAX..i64::MAX);
        let gain = self.bitstream.gain;
        let before = pcm.len();
        for heard in [begin..padding.start, begin.max(padding.end)..i64::MAX] {
            let from = heard.start.saturating_sub(first).clamp(0, count);
            let to = heard.end.saturating_sub(first).clamp(from, count);
            let heard = &self.decoded[from as usize * channels..to as usize * channels];
            pcm.extend(heard.iter().map(|sample| sane(sample * gain)));
        }
        self.page_end.cut(pcm, before, channels);
        let all_heard = padding.end == i64::MAX && end >= padding.start;
        self.ended |= all_heard;
    }

    /// The frames that are not played, as the file's padding.
    fn padding(&self, rate: SampleRate) -> Option<Range<i64>> {
        let padding = self.bitstream.padding.as_ref()?;
        Some(self.bitstream.frame_of(padding.start, rate)..self.bitstream.frame_of(padding.end, rate))
    }

    fn is_mpeg(&self) -> bool {
        matches!(self.bitstream.params.codec, CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3)
    }

    /// Skips a bad packet, or gives the file up after too many.
    fn skip_packet(&mut self, cause: &Cause) -> Result<()> {
        self.bad_packets += 1;
        if self.bad_packets >= MAX_BAD_PACKETS && !self.is_mpeg() {
            let reason = format!("is damaged: {MAX_BAD_PACKETS} packets in a row are bad ({cause})");
            return Err(Error::file(&self.name, reason));
        }
        log::debug!("{}: a packet is left out: {cause}", self.name.display());
        Ok(())
    }

    /// Goes on with the next stream of a chained Ogg file, or where ADTS or FLAC changes.
    fn next_link(&mut self) -> Result<()> {
        let refused = |reason: &str| Error::file(&self.name, reason);
        self.bitstream = Bitstream::new(&*self.format).map_err(refused)?;
        self.codec = decoder(&self.bitstream.params, &self.name)?;
        self.position = None;
        if !self.bitstream.time_goes_on {
            self.wanted = None;
        }
        Ok(())
    }

    fn failed(&self, cause: &Cause) -> Error {
        Error::file(&self.name, format!("cannot be read on: {cause}"))
    }
}

/// Makes a decoded sample safe for later stages: finite and clipped.
pub(super) fn sane(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) }
}

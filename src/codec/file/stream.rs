//! From the bytes of a file to PCM in the file's own shape: the audio stream in it is found,
//! decoded packet by packet, and cut to what is to be heard of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use symphonia::core::audio::{AudioSpec, ChannelLabel, Channels, Position};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::{Error as Cause, SeekErrorKind};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration as Ticks, TimeBase, Timestamp};

use super::mp4;
use super::source::{self, Bytes, Source};
use super::survey::{Survey, survey};
use super::tags::Found;
use crate::codec::downmix::Speaker;
use crate::codec::mp3::header;
use crate::codec::reshape::Shape;
use crate::error::{Error, Result};
use crate::metadata::Tags;
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

/// A file that has been looked into: what it is, without decoding any of it.
pub(super) struct Opened {
    format: Box<dyn FormatReader>,
    bitstream: Bitstream,
    pub(super) tags: Tags,
}

/// The audio in a container that is decoded, and how.
struct Bitstream {
    track_id: u32,
    params: AudioCodecParameters,
    time_base: TimeBase,
    /// The first tick there is.
    start: i64,
    /// The first tick that is to be heard.
    from: i64,
    /// The encoder's padding: ticks that are not to be heard.
    padding: Option<std::ops::Range<i64>>,
    /// The tick from which on there is no packet but the last.
    last: i64,
    /// How many ticks there are from zero on, and how many are to be heard, where that is known.
    total: Option<u64>,
    length: Option<u64>,
    /// To be applied to every sample (the output gain in the header of Opus).
    gain: f32,
    /// Where the channels belong, when the decoder would not know.
    channels: Option<Channels>,
}

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

impl Opened {
    /// Finds out what `source` is; its name is only a hint.
    pub(super) fn new(source: Box<dyn Source>, name: &Path) -> Result<Opened> {
        let refused = |reason: String| Error::file(name, reason);
        let unread = |cause: io::Error| refused(source::reason(&cause));
        let bytes = Bytes::new(source).map_err(unread)?;
        if bytes.len() == 0 {
            return Err(refused("is empty".to_owned()));
        }
        let Survey { media, mut tags, old_tags, times, fault } = survey(bytes).map_err(unread)?;
        if let Some(fault) = fault {
            return Err(refused(fault.to_owned()));
        }
        let mut hint = Hint::new();
        if let Some(extension) = name.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let stream = MediaSourceStream::new(Box::new(media), MediaSourceStreamOptions::default());
        let mut format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|cause| refused(why_not_opened(&cause)))?;
        let track = audio_track(&*format).map_err(|reason| refused(reason.to_owned()))?;
        let mut bitstream = Bitstream::new(track).map_err(|reason| refused(reason.to_owned()))?;
        let mut found = Found::in_format(&mut *format);
        tags.fill_from(old_tags);
        found.fill_from(tags);
        let found = found.finish(bitstream.params.codec == CODEC_ID_OPUS);
        if let Some(times) = times.iter().find(|times| times.track_id == bitstream.track_id) {
            bitstream.cut_to(times);
        }
        if bitstream.params.codec == CODEC_ID_AAC
            && let Some(note) = &found.itunes_gapless
        {
            bitstream.cut_as_noted(note);
        }
        if bitstream.params.codec == CODEC_ID_FLAC {
            let mask = found.channel_mask.and_then(Position::from_wave_channel_mask);
            bitstream.channels = mask.map(Channels::from);
        }
        let mut tags = found.tags;
        tags.duration = bitstream.duration();
        Ok(Opened { format, bitstream, tags })
    }
}

impl Bitstream {
    /// What is known of a track before anything of it is decoded.
    fn new(track: &Track) -> std::result::Result<Bitstream, &'static str> {
        let Some(CodecParameters::Audio(params)) = &track.codec_params else {
            return Err("has no audio in it");
        };
        let mut params = params.clone();
        let time_base = track
            .time_base
            .or_else(|| params.sample_rate.and_then(TimeBase::try_from_recip))
            .ok_or("does not tell its sample rate")?;
        let start = track.start_ts.get();
        let mut bitstream = Bitstream {
            track_id: track.id,
            time_base,
            start,
            from: start.max(0),
            padding: None,
            last: i64::MAX,
            total: track.num_frames.or(track.duration.map(Ticks::get)),
            length: None,
            gain: 1.0,
            channels: None,
            params: AudioCodecParameters::new(),
        };
        match params.codec {
            CODEC_ID_OPUS => bitstream.read_opus_head(&mut params),
            CODEC_ID_MP3 => {
                // Time stamps begin before zero, by the encoder's delay. Where there is no note
                // of a delay, the total is an estimate, and nothing may be cut by it.
                bitstream.start = -i64::from(track.delay.unwrap_or(0));
                bitstream.length = bitstream.total;
                if let (Some(padding), Some(total)) = (track.padding, bitstream.total) {
                    let total = i64::try_from(total).unwrap_or(i64::MAX);
                    bitstream.padding = Some(total..total.saturating_add(i64::from(padding)));
                }
            }
            _ => bitstream.hear_to_the_end(),
        }
        bitstream.params = params;
        Ok(bitstream)
    }

    /// Opus tells in its header how many frames to drop at the beginning and how loud it is to be.
    /// The decoder is not to see the former: it would take no more than the first packet has.
    fn read_opus_head(&mut self, params: &mut AudioCodecParameters) {
        let Some(head) = params.extra_data.as_mut().filter(|head| head.len() >= 18) else { return };
        let skip = i64::from(u16::from_le_bytes([head[10], head[11]]));
        let gain_db = f32::from(i16::from_le_bytes([head[16], head[17]])) / 256.0;
        head[10..12].fill(0);
        self.gain = 10f32.powf(gain_db / 20.0);
        self.from = self.start.saturating_add(skip);
        self.hear_to_the_end();
    }

    fn hear_to_the_end(&mut self) {
        let before = u64::try_from(self.from).unwrap_or(0);
        self.length = self.total.map(|total| total.saturating_sub(before));
    }

    /// Cuts an MP4 track to its edit; without one, to the length that its index tells. (symphonia
    /// must not be asked for more: once it has come to the end, it cannot go back.)
    fn cut_to(&mut self, times: &mp4::Times) {
        let Some(total) = self.total else { return };
        self.last = total.min(i64::MAX as u64) as i64;
        let from = times.from.min(total);
        // The edit's end is told in a coarser scale; when the track ends within one step of that
        // scale, it ends there.
        let to = match times.length {
            Some((length, step)) if from.saturating_add(length).saturating_add(step) <= total => {
                from + length
            }
            _ => total,
        };
        self.cut(from, to);
        if times.open_end && to == total {
            self.padding = None;
        }
    }

    /// Cuts a track to what iTunes noted: four numbers in hexadecimal, of which the second is the
    /// delay and the fourth the length in frames. A note that does not fit the track is not used.
    fn cut_as_noted(&mut self, note: &str) {
        let number = |at: usize| {
            let word = note.split_ascii_whitespace().nth(at)?;
            u64::from_str_radix(word, 16).ok()
        };
        let Some(total) = self.total else { return };
        if let (Some(delay), Some(length @ 1..)) = (number(1), number(3))
            && delay.checked_add(length).is_some_and(|end| end <= total)
        {
            self.cut(delay, delay + length);
        }
    }

    fn cut(&mut self, from: u64, to: u64) {
        let (from, to) = (from.min(i64::MAX as u64), to.min(i64::MAX as u64));
        self.from = from as i64;
        self.padding = Some(to as i64..i64::MAX);
        self.length = Some(to.saturating_sub(from));
    }

    /// How long it sounds.
    fn duration(&self) -> Option<std::time::Duration> {
        let nanos = self.scaled(i128::from(self.length?), 1_000_000_000);
        u64::try_from(nanos).ok().map(std::time::Duration::from_nanos)
    }

    /// `ticks`, counted `per_second`, to the nearest.
    fn scaled(&self, ticks: i128, per_second: u32) -> i128 {
        let numer = i128::from(self.time_base.numer.get()) * i128::from(per_second);
        let denom = i128::from(self.time_base.denom.get());
        (ticks * numer + denom / 2).div_euclid(denom)
    }
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

    /// How many frames at `rate` sound in all, where that is known.
    pub(super) fn frames_at(&self, rate: SampleRate) -> Option<u64> {
        let frames = self.bitstream.scaled(i128::from(self.bitstream.length?), rate.hz());
        u64::try_from(frames).ok()
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
        let wanted = self.frame_of(self.bitstream.from, rate).saturating_add(to);
        let lead = i64::from(rate.hz()) * LEAD_MS / 1000;
        let ts = self.tick_of(wanted.saturating_sub(lead), rate).max(self.bitstream.start);
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
        let stamped = self.frame_of(tick, rate);
        let first = match self.position {
            Some(counted) if counted.abs_diff(stamped) <= STAMP_SLACK_FRAMES as u64 => counted,
            _ => stamped,
        };
        let count = (self.decoded.len() / channels) as i64;
        let end = first.saturating_add(count);
        self.position = Some(end);

        let begin = self.frame_of(self.bitstream.from, rate).max(self.wanted);
        let padding = match &self.bitstream.padding {
            Some(padding) => self.frame_of(padding.start, rate)..self.frame_of(padding.end, rate),
            None => i64::MAX..i64::MAX,
        };
        let gain = self.bitstream.gain;
        for heard in [begin..padding.start, begin.max(padding.end)..i64::MAX] {
            let from = (heard.start.max(first) - first).min(count);
            let to = (heard.end.min(end) - first).max(from);
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

    /// The frame at `rate` that a tick falls on.
    fn frame_of(&self, tick: i64, rate: SampleRate) -> i64 {
        let frame = self.bitstream.scaled(i128::from(tick), rate.hz());
        if tick == i64::MAX { i64::MAX } else { clamped(frame) }
    }

    /// The last tick that is not after a frame.
    fn tick_of(&self, frame: i64, rate: SampleRate) -> i64 {
        let TimeBase { numer, denom } = self.bitstream.time_base;
        let per_frame = i128::from(numer.get()) * i128::from(rate.hz());
        clamped((i128::from(frame) * i128::from(denom.get())).div_euclid(per_frame))
    }
}

fn clamped(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// A sample that nothing after it can choke on.
fn sane(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-MAX_SAMPLE, MAX_SAMPLE) }
}

/// The track to play: the one that the file prefers, if it is audio that somebody can decode.
fn audio_track(format: &dyn FormatReader) -> std::result::Result<&Track, &'static str> {
    format.default_track(TrackType::Audio).ok_or(if format.tracks().is_empty() {
        "has nothing in it"
    } else {
        "has no audio in it that can be decoded"
    })
}

fn decoder(params: &AudioCodecParameters, name: &Path) -> Result<Box<dyn AudioDecoder>> {
    let refused = |cause: Cause| {
        let help = match params.codec {
            CODEC_ID_AAC if !cfg!(feature = "aac") => {
                "; HE-AAC and more than two channels need a build with the feature `aac`"
            }
            CODEC_ID_OPUS | CODEC_ID_VORBIS => "; Opus and Vorbis are played with one or two channels",
            _ => "",
        };
        Error::file(name, format!("cannot be decoded: {cause}{help}"))
    };
    // symphonia undoes the coupling of channels in the wrong order, which only two do not notice.
    let count = params.channels.as_ref().map_or(0, Channels::count);
    if params.codec == CODEC_ID_VORBIS && count > 2 {
        return Err(refused(Cause::Unsupported("vorbis: too many channels")));
    }
    #[cfg(feature = "aac")]
    if params.codec == CODEC_ID_AAC {
        let aac = super::aac::Aac::new(params).map_err(refused)?;
        return Ok(Box::new(aac));
    }
    codecs().make_audio_decoder(params, &AudioDecoderOptions::default()).map_err(refused)
}

fn codecs() -> &'static CodecRegistry {
    static CODECS: OnceLock<CodecRegistry> = OnceLock::new();
    CODECS.get_or_init(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs.register_audio_decoder::<symphonia_adapter_libopus::OpusDecoder>();
        codecs
    })
}

/// The shape of what a decoder puts out, with the channels where `channels` says, if it fits.
fn shape(spec: &AudioSpec, channels: Option<&Channels>) -> std::result::Result<Shape, String> {
    let rate = SampleRate::new(spec.rate())
        .ok_or_else(|| format!("has a sample rate of {} Hz; 8,000 to 192,000 can be played", spec.rate()))?;
    let told = channels.filter(|told| told.count() == spec.channels().count());
    let speakers = speakers(told.unwrap_or(spec.channels()))
        .ok_or_else(|| format!("has channels that cannot be played: {}", spec.channels()))?;
    Ok(Shape { rate, speakers })
}

fn speakers(channels: &Channels) -> Option<Box<[Speaker]>> {
    match channels {
        // A lone channel is mono wherever its loudspeaker is said to stand.
        Channels::Positioned(_) | Channels::Custom(_) | Channels::Discrete(_) if channels.count() == 1 => {
            Some([Speaker::Centre].into())
        }
        Channels::Positioned(positions) => positions.iter().map(speaker).collect(),
        Channels::Custom(labels) => labels
            .iter()
            .map(|label| match label {
                ChannelLabel::Positioned(position) => speaker(*position),
                _ => None,
            })
            .collect(),
        Channels::Discrete(count) => Speaker::usual(usize::from(*count)).map(Into::into),
        _ => None,
    }
}

fn speaker(position: Position) -> Option<Speaker> {
    Some(match position {
        Position::FRONT_LEFT | Position::FRONT_LEFT_CENTER | Position::FRONT_LEFT_WIDE => Speaker::Left,
        Position::FRONT_RIGHT | Position::FRONT_RIGHT_CENTER | Position::FRONT_RIGHT_WIDE => Speaker::Right,
        Position::FRONT_CENTER => Speaker::Centre,
        Position::LFE1 | Position::LFE2 => Speaker::BassEffects,
        Position::REAR_LEFT
        | Position::SIDE_LEFT
        | Position::TOP_FRONT_LEFT
        | Position::TOP_REAR_LEFT
        | Position::TOP_SIDE_LEFT => Speaker::SurroundLeft,
        Position::REAR_RIGHT
        | Position::SIDE_RIGHT
        | Position::TOP_FRONT_RIGHT
        | Position::TOP_REAR_RIGHT
        | Position::TOP_SIDE_RIGHT => Speaker::SurroundRight,
        Position::REAR_CENTER
        | Position::TOP_CENTER
        | Position::TOP_FRONT_CENTER
        | Position::TOP_REAR_CENTER => Speaker::SurroundCentre,
        _ => return None,
    })
}

/// Why a file could not even be looked into.
fn why_not_opened(cause: &Cause) -> String {
    match cause {
        Cause::IoError(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => source::reason(cause),
        Cause::Unsupported(what) if what.contains("no suitable format reader") => {
            "is not audio of a kind that can be played (MP3, FLAC, WAV, AIFF, Ogg Vorbis, Opus, M4A, AAC)"
                .to_owned()
        }
        _ => format!("cannot be opened as audio: {cause}"),
    }
}

//! Which part of a container's audio is played. Containers and codecs add silence before and after the audio,
//! and each describes that in its own way.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS,
};
use symphonia::core::formats::well_known::{FORMAT_ID_ADTS, FORMAT_ID_FLAC, FORMAT_ID_OGG};
use symphonia::core::formats::{FormatReader, Track, TrackType};
use symphonia::core::units::{Duration as Ticks, TimeBase};

use super::{mp4, mpeg};
use crate::units::SampleRate;

/// The audio track to decode, and how to cut it.
pub(super) struct Bitstream {
    pub(super) track_id: u32,
    pub(super) params: AudioCodecParameters,
    time_base: TimeBase,
    /// The first tick of the track.
    pub(super) start: i64,
    /// The first tick to play.
    pub(super) from: i64,
    /// The encoder's padding: ticks that are not played.
    pub(super) padding: Option<std::ops::Range<i64>>,
    /// The number of ticks from zero on, and the number to play, if known.
    total: Option<u64>,
    length: Option<u64>,
    /// Whether these numbers are in the file, not estimated from its size.
    pub(super) has_exact_length: bool,
    /// Whether time goes on where the reader asks for another decoder. In chained Ogg it begins again.
    pub(super) time_goes_on: bool,
    /// Whether positions on pages tell the time, which may be wrong.
    pub(super) is_ogg: bool,
    /// A factor for every sample (the output gain in the header of Opus).
    pub(super) gain: f32,
    /// The positions of the channels, if the decoder does not know them.
    pub(super) channels: Option<Channels>,
}

impl Bitstream {
    /// Reads the parameters of the track to play. Nothing is decoded.
    pub(super) fn new(format: &dyn FormatReader) -> Result<Bitstream, &'static str> {
        let track = audio_track(format)?;
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
            total: track.num_frames.or(track.duration.map(Ticks::get)),
            length: None,
            has_exact_length: true,
            time_goes_on: false,
            is_ogg: format.format_info().format == FORMAT_ID_OGG,
            gain: 1.0,
            channels: None,
            params: AudioCodecParameters::new(),
        };
        match params.codec {
            CODEC_ID_OPUS => bitstream.read_opus_head(&mut params),
            CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => {
                // Time stamps begin before zero by the encoder's delay. If there is no delay, the total may
                // be an estimate, and nothing is cut.
                bitstream.has_exact_length = track.delay.is_some();
                bitstream.start = -i64::from(track.delay.unwrap_or(0));
                bitstream.length = bitstream.total;
                if let (Some(padding), Some(total)) = (track.padding, bitstream.total) {
                    let total = i64::try_from(total).unwrap_or(i64::MAX);
                    bitstream.padding = Some(total..total.saturating_add(i64::from(padding)));
                }
            }
            // FLAC has nothing to leave out at its beginning.
            CODEC_ID_FLAC => bitstream.hear_from_the_beginning(),
            _ => bitstream.hear_to_the_end(),
        }
        // Our own readers of files that may be joined tell a number of frames only if it is certain.
        if matches!(format.format_info().format, FORMAT_ID_ADTS | FORMAT_ID_FLAC) {
            (bitstream.has_exact_length, bitstream.time_goes_on) = (track.num_frames.is_some(), true);
        }
        bitstream.params = params;
        Ok(bitstream)
    }

    /// Reads the header of Opus: the number of frames to drop at the beginning, and the gain. The number is
    /// hidden from the decoder, which would drop at most the first packet.
    fn read_opus_head(&mut self, params: &mut AudioCodecParameters) {
        let Some(head) = params.extra_data.as_mut().filter(|head| head.len() >= 18) else { return };
        let skip = i64::from(u16::from_le_bytes([head[10], head[11]]));
        let gain_db = f32::from(i16::from_le_bytes([head[16], head[17]])) / 256.0;
        head[10..12].fill(0);
        self.gain = 10f32.powf(gain_db / 20.0);
        self.from = self.start.saturating_add(skip);
        self.hear_to_the_end();
    }

    /// Plays from the first tick on, also if it is before zero.
    pub(super) fn hear_from_the_beginning(&mut self) {
        self.from = self.start;
        self.hear_to_the_end();
    }

    /// Takes note that the first frame belongs to a tick: the first packet of Vorbis has ticks, but no frames.
    pub(super) fn begin_at(&mut self, tick: i64) {
        let late = u64::try_from(tick.saturating_sub(self.from)).unwrap_or(0);
        self.from = self.from.max(tick);
        self.length = self.length.map(|length| length.saturating_sub(late));
    }

    /// An end that is not behind the beginning tells nothing.
    fn hear_to_the_end(&mut self) {
        let total = self.total.and_then(|total| i64::try_from(total).ok());
        let length = total.and_then(|total| u64::try_from(total - self.from.max(0)).ok());
        self.length = length.filter(|length| *length > 0);
    }

    /// Takes the length in an MP3 file for as much as it is worth.
    pub(super) fn believe(&mut self, declared: mpeg::Declared) {
        let frames = match declared {
            mpeg::Declared::All => return,
            mpeg::Declared::FirstPart { frames } => frames,
            mpeg::Declared::Wrong { frames } => {
                self.padding = None;
                frames
            }
        };
        self.length = Some(frames);
        self.has_exact_length = false;
    }

    /// Cuts an MP4 track to its edit, or to the length in its index.
    pub(super) fn cut_to(&mut self, times: &mp4::Times) {
        let Some(total) = self.total else { return };
        // An edit that begins behind the end would leave nothing.
        let (from, length) = if times.from < total { (times.from, times.length) } else { (0, None) };
        // The edit's end has a coarser time scale. If the track ends within one step of it, nothing is cut.
        let to = match length {
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

    /// Cuts a track as iTunes' tag says: four hexadecimal numbers, of which the second is the delay and the
    /// fourth the length in frames. A tag that does not fit the track is ignored.
    pub(super) fn cut_as_noted(&mut self, note: &str) {
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

    /// The duration of the audio that is played.
    pub(super) fn duration(&self) -> Option<std::time::Duration> {
        let nanos = self.scaled(i128::from(self.length?), 1_000_000_000);
        u64::try_from(nanos).ok().map(std::time::Duration::from_nanos)
    }

    /// `ticks`, counted `per_second`, to the nearest.
    fn scaled(&self, ticks: i128, per_second: u32) -> i128 {
        let numer = i128::from(self.time_base.numer.get()) * i128::from(per_second);
        let denom = i128::from(self.time_base.denom.get());
        (ticks * numer + denom / 2).div_euclid(denom)
    }

    /// The number of frames to play at `rate`, if the file contains it.
    pub(super) fn frames_at(&self, rate: SampleRate) -> Option<u64> {
        let length = self.length.filter(|_| self.has_exact_length)?;
        u64::try_from(self.scaled(i128::from(length), rate.hz())).ok()
    }

    /// The tick at which the file ends, as it says.
    pub(super) fn declared_end(&self) -> Option<i64> {
        Some(i64::try_from(self.total?).unwrap_or(i64::MAX))
    }

    /// The frame at `rate` that a tick falls on.
    pub(super) fn frame_of(&self, tick: i64, rate: SampleRate) -> i64 {
        let frame = self.scaled(i128::from(tick), rate.hz());
        if tick == i64::MAX { i64::MAX } else { clamped(frame) }
    }

    /// The last tick that is not after a frame.
    pub(super) fn tick_of(&self, frame: i64, rate: SampleRate) -> i64 {
        let TimeBase { numer, denom } = self.time_base;
        let per_frame = i128::from(numer.get()) * i128::from(rate.hz());
        clamped((i128::from(frame) * i128::from(denom.get())).div_euclid(per_frame))
    }
}

/// The track to play: the file's default track, if it is audio that can be decoded.
fn audio_track(format: &dyn FormatReader) -> Result<&Track, &'static str> {
    format.default_track(TrackType::Audio).ok_or(if format.tracks().is_empty() {
        "has nothing in it"
    } else {
        "has no audio in it that can be decoded"
    })
}

fn clamped(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

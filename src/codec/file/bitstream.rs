//! What is to be heard of the audio in a container: containers and codecs add silence before and
//! after it, and tell so each in a way of its own.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP3, CODEC_ID_OPUS};
use symphonia::core::formats::Track;
use symphonia::core::units::{Duration as Ticks, TimeBase};

use super::mp4;
use crate::units::SampleRate;

/// The audio in a container that is decoded, and how.
pub(super) struct Bitstream {
    pub(super) track_id: u32,
    pub(super) params: AudioCodecParameters,
    time_base: TimeBase,
    /// The first tick there is.
    pub(super) start: i64,
    /// The first tick that is to be heard.
    pub(super) from: i64,
    /// The encoder's padding: ticks that are not to be heard.
    pub(super) padding: Option<std::ops::Range<i64>>,
    /// The tick from which on there is no packet but the last.
    pub(super) last: i64,
    /// How many ticks there are from zero on, and how many are to be heard, where that is known.
    total: Option<u64>,
    length: Option<u64>,
    /// Whether they are told by the file, and not an estimate from its size.
    pub(super) told: bool,
    /// To be applied to every sample (the output gain in the header of Opus).
    pub(super) gain: f32,
    /// Where the channels belong, when the decoder would not know.
    pub(super) channels: Option<Channels>,
}

impl Bitstream {
    /// What is known of a track before anything of it is decoded.
    pub(super) fn new(track: &Track) -> Result<Bitstream, &'static str> {
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
            told: true,
            gain: 1.0,
            channels: None,
            params: AudioCodecParameters::new(),
        };
        match params.codec {
            CODEC_ID_OPUS => bitstream.read_opus_head(&mut params),
            CODEC_ID_MP3 => {
                // Time stamps begin before zero, by the encoder's delay. Where there is no note
                // of a delay, the total may be an estimate, and nothing is cut by it.
                bitstream.told = track.delay.is_some();
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
    pub(super) fn cut_to(&mut self, times: &mp4::Times) {
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

    /// How long it sounds.
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

    /// How many frames at `rate` sound in all, where the file tells.
    pub(super) fn frames_at(&self, rate: SampleRate) -> Option<u64> {
        let length = self.length.filter(|_| self.told)?;
        u64::try_from(self.scaled(i128::from(length), rate.hz())).ok()
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

fn clamped(number: i128) -> i64 {
    number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

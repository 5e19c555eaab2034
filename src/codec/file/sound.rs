//! What WAV and AIFF files say of their samples: the codec, the rate, the channels, and the size of a block.

use std::ops::Range;

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_ADPCM_IMA_QT, CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_F32BE,
    CODEC_ID_PCM_F32LE, CODEC_ID_PCM_F64BE, CODEC_ID_PCM_F64LE, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_S8,
    CODEC_ID_PCM_S16BE, CODEC_ID_PCM_S16LE, CODEC_ID_PCM_S24BE, CODEC_ID_PCM_S24LE, CODEC_ID_PCM_S32BE,
    CODEC_ID_PCM_S32LE, CODEC_ID_PCM_U8,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

/// The most channels that a file may have.
const MAX_CHANNELS: u16 = 64;

/// A packet has at least this many frames, if there are so many left.
const PACKET_FRAMES: u64 = 1152;

/// The sound of a file, and where it is.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) form: Form,
    pub(super) data: Range<u64>,
}

/// How the sound is stored.
#[derive(Debug)]
pub(super) enum Form {
    Blocks(Blocks),
    /// MP3, MP2 or AAC, as a file of its own would have it.
    Stream,
}

/// Samples in blocks of one size. A block of PCM is a frame.
#[derive(Clone, Debug)]
pub(super) struct Blocks {
    pub(super) codec: AudioCodecId,
    pub(super) rate: u32,
    pub(super) channels: Channels,
    pub(super) bytes: u64,
    pub(super) frames: u64,
}

impl Blocks {
    /// How many blocks a packet has.
    pub(super) fn per_packet(&self) -> u64 {
        (PACKET_FRAMES / self.frames).max(1)
    }

    pub(super) fn params(&self) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(self.codec)
            .with_sample_rate(self.rate)
            .with_channels(self.channels.clone())
            .with_frames_per_block(self.frames)
            .with_max_frames_per_packet(self.frames * self.per_packet());
        params
    }
}

/// Reads the content of a WAV file's `fmt ` chunk. The error says why the file cannot be played.
pub(super) fn of_wave(chunk: &[u8]) -> Result<Form, String> {
    const EXTENSIBLE: u16 = 0xfffe;
    let damaged = || "is damaged: its `fmt ` chunk is too short".to_owned();
    let at = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_le_bytes([two[0], two[1]]));
    let long = |at: usize| {
        chunk.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
    };
    let (Some(tag), Some(count), Some(rate), Some(align)) = (at(0), at(2), long(4), at(12)) else {
        return Err(damaged());
    };
    let bits = at(14).unwrap_or(0);
    let (tag, mask) = match tag {
        // The first two bytes of the GUID are the tag.
        EXTENSIBLE => (at(24).ok_or_else(damaged)?, long(20).ok_or_else(damaged)?),
        tag => (tag, 0),
    };
    let channels = channels(count, mask)?;
    let count = u64::from(count);
    let align = u64::from(align);
    // A sample may have more room than it needs, as 24 bits in 4 bytes. It is at the upper end of its room.
    let room = match align / count {
        room @ 1..=8 if align % count == 0 => room,
        _ => u64::from(bits).div_ceil(8),
    };
    let blocks = |codec, bytes, frames| Ok(Form::Blocks(Blocks { codec, rate, channels, bytes, frames }));
    // In a block of ADPCM, each channel has a head with its first frames, and then four bits for each sample.
    let packed = |head: u64, first: u64| match align.checked_sub(head * count) {
        Some(rest) if rest > 0 && count <= 2 => Ok(rest * 2 / count + first),
        Some(_) if count > 2 => {
            Err("is ADPCM with more than two channels, which cannot be played".to_owned())
        }
        _ => Err("is damaged: its blocks are too small".to_owned()),
    };
    match (tag, room) {
        (0x0001, 1) => blocks(CODEC_ID_PCM_U8, count, 1),
        (0x0001, 2) => blocks(CODEC_ID_PCM_S16LE, 2 * count, 1),
        (0x0001, 3) => blocks(CODEC_ID_PCM_S24LE, 3 * count, 1),
        (0x0001, 4) => blocks(CODEC_ID_PCM_S32LE, 4 * count, 1),
        (0x0003, 4) => blocks(CODEC_ID_PCM_F32LE, 4 * count, 1),
        (0x0003, 8) => blocks(CODEC_ID_PCM_F64LE, 8 * count, 1),
        (0x0006, _) => blocks(CODEC_ID_PCM_ALAW, count, 1),
        (0x0007, _) => blocks(CODEC_ID_PCM_MULAW, count, 1),
        (0x0002, _) => blocks(CODEC_ID_ADPCM_MS, align, packed(7, 2)?),
        (0x0011, _) => blocks(CODEC_ID_ADPCM_IMA_WAV, align, packed(4, 1)?),
        (0x0050 | 0x0055 | 0x00ff | 0x1600 | 0xa106, _) => Ok(Form::Stream),
        (0x0001 | 0x0003, _) => Err(format!("has samples of {bits} bits, which cannot be played")),
        _ => Err(not_played(wave_codec(tag))),
    }
}

/// Reads the content of an AIFF file's `COMM` chunk. It counts frames, too, but the size of the sound counts.
pub(super) fn of_aiff(chunk: &[u8]) -> Result<Form, String> {
    let damaged = || "is damaged: its `COMM` chunk is too short".to_owned();
    let at = |at: usize| chunk.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let (Some(count), Some(bits), Some(rate)) = (at(0), at(6), chunk.get(8..18)) else {
        return Err(damaged());
    };
    let rate = extended(rate).ok_or("is damaged: its sample rate is impossible")?;
    let channels = channels(count, 0)?;
    let count = u64::from(count);
    let blocks = |codec, bytes, frames| {
        Ok(Form::Blocks(Blocks { codec, rate, channels, bytes: bytes * count, frames }))
    };
    let compression = chunk.get(18..22).unwrap_or(b"NONE");
    match (compression, bits.div_ceil(8)) {
        (b"NONE" | b"twos" | b"sowt", 1) => blocks(CODEC_ID_PCM_S8, 1, 1),
        (b"NONE" | b"twos", 2) => blocks(CODEC_ID_PCM_S16BE, 2, 1),
        (b"NONE" | b"twos" | b"in24", 3) => blocks(CODEC_ID_PCM_S24BE, 3, 1),
        (b"NONE" | b"twos" | b"in32", 4) => blocks(CODEC_ID_PCM_S32BE, 4, 1),
        (b"sowt", 2) => blocks(CODEC_ID_PCM_S16LE, 2, 1),
        (b"sowt", 3) => blocks(CODEC_ID_PCM_S24LE, 3, 1),
        (b"sowt", 4) => blocks(CODEC_ID_PCM_S32LE, 4, 1),
        (b"raw ", 1) => blocks(CODEC_ID_PCM_U8, 1, 1),
        (b"fl32" | b"FL32", _) => blocks(CODEC_ID_PCM_F32BE, 4, 1),
        (b"fl64" | b"FL64", _) => blocks(CODEC_ID_PCM_F64BE, 8, 1),
        (b"alaw" | b"ALAW", _) => blocks(CODEC_ID_PCM_ALAW, 1, 1),
        (b"ulaw" | b"ULAW", _) => blocks(CODEC_ID_PCM_MULAW, 1, 1),
        (b"ima4", _) if count <= 2 => blocks(CODEC_ID_ADPCM_IMA_QT, 34, 64),
        (b"NONE" | b"twos" | b"sowt" | b"raw ", _) => {
            Err(format!("has samples of {bits} bits, which cannot be played"))
        }
        (other, _) => Err(not_played(format!("{:?}", String::from_utf8_lossy(other)))),
    }
}

/// PCM of whole numbers, so many bytes each, if there is a decoder for it.
pub(super) fn integers(bytes: u64, big: bool) -> Option<AudioCodecId> {
    Some(match (bytes, big) {
        (1, _) => CODEC_ID_PCM_S8,
        (2, true) => CODEC_ID_PCM_S16BE,
        (2, false) => CODEC_ID_PCM_S16LE,
        (3, true) => CODEC_ID_PCM_S24BE,
        (3, false) => CODEC_ID_PCM_S24LE,
        (4, true) => CODEC_ID_PCM_S32BE,
        (4, false) => CODEC_ID_PCM_S32LE,
        _ => return None,
    })
}

/// The same of floating point numbers.
pub(super) fn floats(bytes: u64, big: bool) -> Option<AudioCodecId> {
    Some(match (bytes, big) {
        (4, true) => CODEC_ID_PCM_F32BE,
        (4, false) => CODEC_ID_PCM_F32LE,
        (8, true) => CODEC_ID_PCM_F64BE,
        (8, false) => CODEC_ID_PCM_F64LE,
        _ => return None,
    })
}

/// Whether PCM is DTS in disguise, as on discs and in what is copied from them. Played, it is loud noise.
pub(super) fn is_dts(beginning: &[u8]) -> bool {
    const SYNCS: [&[u8]; 4] =
        [b"\xff\x1f\x00\xe8", b"\x1f\xff\xe8\x00", b"\xfe\x7f\x01\x80", b"\x7f\xfe\x80\x01"];
    beginning.windows(4).any(|four| SYNCS.contains(&four))
}

/// Why a codec cannot be played, and the remedy.
pub(super) fn not_played(codec: impl std::fmt::Display) -> String {
    format!("has its sound in {codec}, which cannot be played: `ffmpeg -i it new.flac` makes a file that can")
}

fn wave_codec(tag: u16) -> String {
    let name = match tag {
        0x0031 => "GSM 6.10",
        0x0040 | 0x0045 | 0x0064 => "ADPCM of the kind G.726",
        0x0028 | 0x0065 | 0x028f => "ADPCM of the kind G.722",
        0x0042 => "G.723",
        0x0083 => "G.729",
        0x0160..=0x0163 => "Windows Media Audio",
        0x0092 | 0x2000 => "AC-3",
        0x0008 | 0x2001 => "DTS",
        0x0270 => "ATRAC3",
        0x674f..=0x6771 => "Vorbis",
        _ => return format!("the codec {tag:#06x}"),
    };
    name.to_owned()
}

/// The places of the channels. A mask that does not fit their number is ignored.
pub(super) fn channels(count: u16, mask: u32) -> Result<Channels, String> {
    match count {
        0 => Err("is damaged: it has no channels".to_owned()),
        1..=MAX_CHANNELS => {
            let places = Position::from_wave_channel_mask(mask).map(Channels::Positioned);
            let places = places.filter(|places| places.count() == usize::from(count));
            Ok(places.unwrap_or(Channels::Discrete(count)))
        }
        _ => Err("is damaged: it tells of impossibly many channels".to_owned()),
    }
}

/// The rate in a floating-point number of 80 bits.
fn extended(bytes: &[u8]) -> Option<u32> {
    let (exponent, mantissa) = bytes.split_first_chunk::<2>()?;
    let exponent = i32::from(u16::from_be_bytes(*exponent)) - 16_383;
    let mantissa = u64::from_be_bytes(*mantissa.first_chunk()?);
    // A whole number below 2^31, rounded.
    let rate = (0..31).contains(&exponent).then(|| mantissa >> (62 - exponent))?;
    u32::try_from(rate.div_ceil(2)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_80_bits_is_read() {
        let rate = |bytes: [u8; 4]| extended(&[&bytes[..], &[0; 6]].concat());
        assert_eq!(rate([0x40, 0x0e, 0xac, 0x44]), Some(44_100));
        assert_eq!(rate([0x40, 0x0e, 0xbb, 0x80]), Some(48_000));
        assert_eq!(rate([0x40, 0x10, 0xbb, 0x80]), Some(192_000));
        assert_eq!(rate([0x40, 0x0d, 0xac, 0x44]), Some(22_050));
        assert_eq!(rate([0x7f, 0xff, 0xff, 0xff]), None);
        assert_eq!(rate([0, 0, 0, 0]), None);
    }

    #[test]
    fn a_codec_that_is_not_played_is_named_with_a_remedy() {
        let of = |tag: u16| {
            let mut chunk = [tag.to_le_bytes(), 2u16.to_le_bytes()].concat();
            chunk.extend(44_100u32.to_le_bytes());
            chunk.extend([0; 8]);
            of_wave(&chunk).unwrap_err()
        };
        assert!(of(0x0161).contains("Windows Media Audio"));
        assert!(of(0x0031).contains("GSM") && of(0x0031).contains("ffmpeg -i it new.flac"));
        assert!(of(0x7777).contains("0x7777"));
        assert!(of_wave(b"\x01\0\x02").unwrap_err().contains("too short"));
    }
}

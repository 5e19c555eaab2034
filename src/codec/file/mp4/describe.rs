//! What a track says of its samples (`stsd`): the codec, the rate, the channels.

use std::io;

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_ADPCM_IMA_QT, CODEC_ID_PCM_ALAW, CODEC_ID_PCM_MULAW, CODEC_ID_PCM_U8,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, CODEC_ID_NULL_AUDIO};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::walk::{Span, Walk};
use crate::codec::file::kinds::AUDIBLE;
use crate::codec::file::sound::{self, Blocks};

/// The longest description that is read.
const MAX_BYTES: usize = 64 * 1024;

/// How a track's sound is stored.
#[derive(Debug)]
pub(super) enum Coding {
    /// PCM and the like.
    Blocks(Blocks),
    Packets(AudioCodecParameters),
}

impl Coding {
    pub(super) fn params(&self) -> AudioCodecParameters {
        match self {
            Coding::Blocks(blocks) => blocks.params(),
            Coding::Packets(params) => params.clone(),
        }
    }
}

/// Reads the first description. `scale` is the track's time scale: usually it is the rate.
pub(super) fn read(
    walk: &mut Walk<'_>,
    stsd: &Span,
    scale: Option<u32>,
) -> io::Result<Result<Coding, String>> {
    let damaged = || Ok(Err("is damaged: it does not tell the form of its sound".to_owned()));
    let Some((kind, content)) = walk.next(&(stsd.start + 8..stsd.end))? else { return damaged() };
    let bytes = walk.media.up_to(content.start, MAX_BYTES.min((content.end - content.start) as usize))?;
    let Some(entry) = Entry::read(&bytes) else { return damaged() };
    let little = is_little(walk, &entry, &content)?;
    if let Some((codec, bytes, frames)) = entry.pcm(&kind, little) {
        let (rate, count) = (entry.rate.or(scale), entry.channels);
        let Some(rate) = rate else { return Ok(Err("does not tell its sample rate".to_owned())) };
        return Ok(sound::channels(count, 0).map(|channels| {
            let bytes = bytes * u64::from(count);
            Coding::Blocks(Blocks { codec, rate, channels, bytes, frames })
        }));
    }
    Ok(match &kind {
        b"mp4a" | b"alac" | b"fLaC" | b"Opus" | b".mp3" => described(&kind, &bytes).map(Coding::Packets),
        b"drms" | b"enca" => {
            Err("is protected against copying, so only the shop's own player plays it".into())
        }
        b"aavd" => Err(AUDIBLE.into()),
        _ => Err(sound::not_played(name(&kind))),
    })
}

/// The fields of a description that all kinds have.
struct Entry {
    version: u16,
    channels: u16,
    bits: u32,
    /// The bytes of a sample, if they are told.
    room: Option<u32>,
    flags: u32,
    rate: Option<u32>,
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Entry> {
        let short = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
        let version = short(8)?;
        let entry = Entry {
            version,
            channels: short(16)?,
            bits: short(18)?.into(),
            room: None,
            flags: 0,
            rate: Some(long(24)? >> 16).filter(|rate| *rate > 0),
        };
        Some(match version {
            1 => Entry { room: long(32).filter(|room| (1..=8).contains(room)), ..entry },
            2 => {
                let rate = f64::from_be_bytes(*bytes.get(32..)?.first_chunk()?).round();
                let channels = u16::try_from(long(40)?).ok()?;
                let rate = (1.0..1e9).contains(&rate).then_some(rate as u32);
                let room = long(56)?.checked_div(channels.into());
                Entry { version, channels, bits: long(48)?, room, flags: long(52)?, rate }
            }
            _ => entry,
        })
    }

    /// The boxes behind the fields.
    fn children(&self, content: &Span) -> Span {
        let fields = match self.version {
            1 => 44,
            2 => 64,
            _ => 28,
        };
        content.start + fields..content.end
    }

    /// The codec, the bytes of a block of one channel, and its frames, if it is PCM or the like.
    fn pcm(&self, kind: &[u8; 4], little: bool) -> Option<(AudioCodecId, u64, u64)> {
        const FLOAT: u32 = 1;
        const BIG: u32 = 2;
        let room = self.room.unwrap_or(self.bits.div_ceil(8)).into();
        let big = !little;
        let integers = |bytes, big| Some((sound::integers(bytes, big)?, bytes, 1));
        let floats = |bytes, big| Some((sound::floats(bytes, big)?, bytes, 1));
        match kind {
            b"raw " | b"NONE" if room == 1 => Some((CODEC_ID_PCM_U8, 1, 1)),
            b"raw " | b"NONE" | b"twos" => integers(room, true),
            b"sowt" => integers(room, false),
            b"in24" => integers(3, big),
            b"in32" => integers(4, big),
            b"fl32" => floats(4, big),
            b"fl64" => floats(8, big),
            b"lpcm" if self.flags & FLOAT != 0 => floats(room, self.flags & BIG != 0),
            b"lpcm" => integers(room, self.flags & BIG != 0),
            b"alaw" => Some((CODEC_ID_PCM_ALAW, 1, 1)),
            b"ulaw" => Some((CODEC_ID_PCM_MULAW, 1, 1)),
            b"ima4" if self.channels <= 2 => Some((CODEC_ID_ADPCM_IMA_QT, 34, 64)),
            _ => None,
        }
    }
}

/// Whether the least byte comes first in samples of 24 bits and more. QuickTime has the greatest first,
/// unless a box `enda` says otherwise.
fn is_little(walk: &mut Walk<'_>, entry: &Entry, content: &Span) -> io::Result<bool> {
    let children = entry.children(content);
    let enda = match walk.descend(children.clone(), &[b"wave", b"enda"])? {
        None => walk.find(children, b"enda")?,
        enda => enda,
    };
    let Some(enda) = enda else { return Ok(false) };
    Ok(walk.media.exactly(enda.start)?.is_some_and(|[_, last]: [u8; 2]| last & 1 == 1))
}

/// What a codec that cannot be played is called.
fn name(kind: &[u8; 4]) -> String {
    let name = match kind {
        b"ac-3" => "AC-3",
        b"ec-3" => "E-AC-3",
        b"ac-4" => "AC-4",
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => "DTS",
        b"samr" | b"sawb" => "AMR",
        b"QDM2" | b"QDMC" => "QDesign Music",
        b"MAC3" | b"MAC6" => "MACE",
        b"mha1" | b"mhm1" => "MPEG-H",
        _ => return format!("{:?}", String::from_utf8_lossy(kind)),
    };
    name.to_owned()
}

/// Asks symphonia what a description means: it gets a file that has nothing else in it.
fn described(kind: &[u8; 4], entry: &[u8]) -> Result<AudioCodecParameters, String> {
    let table = |kind: &[u8; 4]| boxed(kind, &[&[0; 8]]);
    let scale = 1_000u32.to_be_bytes();
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1], &boxed(kind, &[entry])]);
    let sizes = boxed(b"stsz", &[&[0; 12]]);
    let stbl = boxed(b"stbl", &[&stsd, &table(b"stts"), &table(b"stsc"), &sizes, &table(b"stco")]);
    let hdlr = boxed(b"hdlr", &[&[0; 8], b"soun", &[0; 13]]);
    let mdhd = boxed(b"mdhd", &[&[0; 12], &scale, &[0; 8]]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &boxed(b"minf", &[&stbl])]);
    let tkhd = boxed(b"tkhd", &[&[0; 12], &[0, 0, 0, 1], &[0; 68]]);
    let mvhd = boxed(b"mvhd", &[&[0; 12], &scale, &[0; 84]]);
    let moov = boxed(b"moov", &[&mvhd, &boxed(b"trak", &[&tkhd, &mdia])]);
    let file = [boxed(b"ftyp", &[b"M4A \0\0\0\0"]), moov, boxed(b"mdat", &[&[0; 8]])].concat();
    let stream = MediaSourceStream::new(Box::new(io::Cursor::new(file)), MediaSourceStreamOptions::default());
    let probe = symphonia::default::get_probe();
    let format = probe
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|cause| format!("cannot be opened as audio: {cause}"))?;
    match format.default_track(TrackType::Audio).and_then(|track| track.codec_params.as_ref()) {
        Some(CodecParameters::Audio(params)) if params.codec != CODEC_ID_NULL_AUDIO => Ok(params.clone()),
        _ => Err(sound::not_played("a codec that MP4 seldom has")),
    }
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let size = content.len() as u32 + 8;
    [&size.to_be_bytes()[..], kind, &content].concat()
}

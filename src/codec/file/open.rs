//! Opens a file: finds its format, its audio track and its tags.

use std::io;
use std::path::Path;

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_FLAC, CODEC_ID_OPUS};
use symphonia::core::errors::Error as Cause;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::adts::AdtsPackets;
use super::bitstream::Bitstream;
use super::blocks::BlockPackets;
use super::contained::{contained, panicked};
use super::flac::FlacPackets;
use super::inner_tags::WithoutTags;
use super::mp4::TrackPackets;
use super::one_track::OneTrack;
use super::pages;
use super::sound;
use super::source::{self, Bytes, Source};
use super::survey::{Reader, Survey, survey};
use super::tags::Found;
use crate::codec::mp3::header::{HEADER_BYTES, is_free_format};
use crate::error::{Error, Result};
use crate::metadata::Tags;

/// Nothing here reads it, and nor does ffmpeg.
const FREE_FORMAT: &str =
    "is MP3 in free format, which cannot be played: `lame --decode it new.wav` makes a file that can";

/// An opened file. Nothing of it has been decoded.
pub(super) struct Opened {
    pub(super) format: Box<dyn FormatReader>,
    pub(super) bitstream: Bitstream,
    pub(super) tags: Tags,
}

impl Opened {
    /// Opens `source`. Its name is only a hint for the format.
    pub(super) fn new(source: Box<dyn Source>, name: &Path) -> Result<Opened> {
        let refused = |reason: String| Error::file(name, reason);
        let unread = |cause: io::Error| refused(source::reason(&cause));
        let bytes = Bytes::new(source).map_err(unread)?;
        if bytes.len() == 0 {
            return Err(refused("is empty".to_owned()));
        }
        let Survey { mut media, reader, mut tags, old_tags, declared, fault } =
            survey(bytes).map_err(unread)?;
        if let Some(fault) = fault {
            return Err(refused(fault));
        }
        let unopened = |cause: Cause| refused(why_not_opened(&cause));
        let (mut times, mut start) = (None, pages::Start::AtZero);
        let mut format: Box<dyn FormatReader> = match reader {
            Reader::Blocks(blocks) => Box::new(OneTrack::new(BlockPackets::new(media, blocks))),
            Reader::Adts => {
                let packets = AdtsPackets::new(WithoutTags::new(media)).map_err(unopened)?;
                Box::new(OneTrack::new(packets))
            }
            Reader::Mp4(track) => {
                times = Some(track.times);
                Box::new(OneTrack::new(TrackPackets::new(media, *track)))
            }
            Reader::Flac(info) => {
                let packets = FlacPackets::new(media, info).map_err(unopened)?;
                if packets.has_32_bits() {
                    return Err(refused(sound::not_played("FLAC of 32 bits")));
                }
                Box::new(OneTrack::new(packets))
            }
            Reader::Probed => probe(Box::new(media), name).map_err(unopened)?,
            Reader::Pages(said) => {
                start = said;
                probe(Box::new(media), name).map_err(unopened)?
            }
            Reader::Packets => {
                let head = media.up_to(0, HEADER_BYTES).map_err(unread)?;
                let free_format = head.try_into().is_ok_and(is_free_format);
                probe(Box::new(WithoutTags::new(media)), name).map_err(|cause| match cause {
                    Cause::Unsupported(_) if free_format => refused(FREE_FORMAT.to_owned()),
                    cause => unopened(cause),
                })?
            }
        };
        let mut bitstream = Bitstream::new(&*format).map_err(|reason| refused(reason.to_owned()))?;
        let mut found = Found::in_format(&mut *format);
        tags.fill_from(old_tags);
        found.fill_from(tags);
        for note in found.notes() {
            log::debug!("{}: {note}", name.display());
        }
        let found = found.finish(bitstream.params.codec == CODEC_ID_OPUS);
        if start == pages::Start::Unknown {
            bitstream.hear_from_the_beginning();
        }
        if let Some(times) = times {
            bitstream.cut_to(&times);
        }
        if bitstream.params.codec == CODEC_ID_AAC
            && let Some(note) = &found.itunes_gapless
        {
            bitstream.cut_as_noted(note);
        }
        if let Some(declared) = declared {
            bitstream.believe(declared);
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

/// Finds the format of a file.
fn probe(media: Box<dyn MediaSource>, name: &Path) -> symphonia::core::errors::Result<Box<dyn FormatReader>> {
    let mut hint = Hint::new();
    if let Some(extension) = name.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(media, MediaSourceStreamOptions::default());
    let (options, metadata) = (FormatOptions::default(), MetadataOptions::default());
    contained(|| symphonia::default::get_probe().probe(&hint, stream, options, metadata), panicked())
}

/// Why a file could not be opened.
fn why_not_opened(cause: &Cause) -> String {
    match cause {
        Cause::IoError(cause) if cause.kind() != io::ErrorKind::UnexpectedEof => source::reason(cause),
        Cause::Unsupported(what) if what.contains("no suitable format reader") => {
            "is not audio of a kind that can be played (MP3, MP2, FLAC, WAV, AIFF, CAF, Ogg Vorbis, Opus, M4A, AAC)"
                .to_owned()
        }
        _ if cause.to_string().contains("not marked as first") => {
            "is Ogg without its headers: its beginning is missing, and nothing can be played without it"
                .to_owned()
        }
        _ => format!("cannot be opened as audio: {cause}"),
    }
}

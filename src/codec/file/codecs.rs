//! Chooses the decoder for a stream, and finds the channels of its output.

use std::path::Path;

use symphonia::core::audio::{AudioSpec, ChannelLabel, Channels, Position};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::errors::Error as Cause;

use super::contained::{contained, panicked};
use super::opus::Opus;
use super::sound::not_played;
use super::vorbis::Vorbis;
use crate::codec::downmix::Speaker;
use crate::codec::reshape::Shape;
use crate::error::{Error, Result};
use crate::per_process::PerProcess;
use crate::units::SampleRate;

/// A decoder for a stream with these parameters. `name` is the file's name for errors.
pub(super) fn decoder(params: &AudioCodecParameters, name: &Path) -> Result<Box<dyn AudioDecoder>> {
    let refused = |cause: Cause| {
        if cause.to_string().contains("unsupported audio codec") {
            return Error::file(name, not_played("a codec"));
        }
        let help = match params.codec {
            CODEC_ID_AAC if !cfg!(feature = "aac") => {
                "; HE-AAC and more than two channels need a build with the feature `aac`"
            }
            CODEC_ID_OPUS | CODEC_ID_VORBIS => "; Opus and Vorbis are played with one to eight channels",
            _ => "",
        };
        Error::file(name, format!("cannot be decoded: {cause}{help}"))
    };
    if params.codec == CODEC_ID_OPUS {
        return Ok(Box::new(Opus::new(params).map_err(refused)?));
    }
    let count = params.channels.as_ref().map_or(0, Channels::count);
    if params.codec == CODEC_ID_VORBIS && count > 2 {
        return Ok(Box::new(Vorbis::new(params).map_err(refused)?));
    }
    #[cfg(feature = "aac")]
    if params.codec == CODEC_ID_AAC {
        let aac = super::aac::Aac::new(params).map_err(refused)?;
        return Ok(Box::new(aac));
    }
    let options = AudioDecoderOptions::default();
    contained(|| codecs().make_audio_decoder(params, &options), panicked()).map_err(refused)
}

fn codecs() -> &'static CodecRegistry {
    static CODECS: PerProcess<CodecRegistry> = PerProcess::new(|| {
        let mut codecs = CodecRegistry::new();
        symphonia::default::register_enabled_codecs(&mut codecs);
        codecs
    });
    CODECS.get()
}

/// The places of up to eight channels, in the order that Vorbis and Opus have.
pub(super) fn xiph_channels(count: usize) -> Channels {
    const LEFT: Position = Position::FRONT_LEFT;
    const RIGHT: Position = Position::FRONT_RIGHT;
    const CENTRE: Position = Position::FRONT_CENTER;
    const BACK: [Position; 2] = [Position::REAR_LEFT, Position::REAR_RIGHT];
    const BESIDE: [Position; 2] = [Position::SIDE_LEFT, Position::SIDE_RIGHT];
    let places: &[Position] = match count {
        1 => return Channels::Positioned(CENTRE),
        2 => return Channels::Positioned(LEFT | RIGHT),
        3 => &[LEFT, CENTRE, RIGHT],
        4 => &[LEFT, RIGHT, BACK[0], BACK[1]],
        5 => &[LEFT, CENTRE, RIGHT, BACK[0], BACK[1]],
        6 => &[LEFT, CENTRE, RIGHT, BACK[0], BACK[1], Position::LFE1],
        7 => &[LEFT, CENTRE, RIGHT, BESIDE[0], BESIDE[1], Position::REAR_CENTER, Position::LFE1],
        _ => &[LEFT, CENTRE, RIGHT, BESIDE[0], BESIDE[1], BACK[0], BACK[1], Position::LFE1],
    };
    Channels::from(places.iter().map(|place| ChannelLabel::Positioned(*place)).collect::<Vec<_>>())
}

/// The shape of a decoder's output. `channels` sets the positions of the channels, if their number is right.
pub(super) fn shape(spec: &AudioSpec, channels: Option<&Channels>) -> std::result::Result<Shape, String> {
    let rate = SampleRate::new(spec.rate())
        .ok_or_else(|| format!("has a sample rate of {} Hz; 8,000 to 192,000 can be played", spec.rate()))?;
    let told = channels.filter(|told| told.count() == spec.channels().count());
    let speakers = speakers(told.unwrap_or(spec.channels())).ok_or_else(|| {
        let count = spec.channels().count();
        format!(
            "has {count} channels of a kind that cannot be played (one to eight can): \
                 `ffmpeg -i it -ac 2 new.flac` makes a file that can"
        )
    })?;
    Ok(Shape { rate, speakers })
}

fn speakers(channels: &Channels) -> Option<Box<[Speaker]>> {
    match channels {
        // A single channel is mono, whatever position it has.
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

//! Decodes the packets of a stream that has no container's index, no length and no end.

use std::path::Path;

use symphonia::core::audio::{AudioSpec, Channels};
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder};
use symphonia::core::errors::Error as Cause;
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::adts;
use super::codecs::{decoder, shape, xiph_channels};
use super::contained::contained;
use super::sane;
use crate::codec::mp3::header::Layer;
use crate::codec::reshape::Shape;

/// How packets are coded, with what a decoder must know before the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Coding {
    /// MP3, MP2 or MP1.
    Mpeg(Layer),
    /// AAC, by what its ADTS headers say.
    Aac { rate: u32, channel_config: u8 },
    /// The packet `OpusHead`.
    Opus(Vec<u8>),
    /// The first and the third header packet.
    Vorbis { ident: Vec<u8>, setup: Vec<u8> },
    /// STREAMINFO, without its block's header.
    Flac(Vec<u8>),
}

impl Coding {
    /// Its name for people.
    pub fn name(&self) -> &'static str {
        match self {
            Coding::Mpeg(Layer::Three) => "MP3",
            Coding::Mpeg(Layer::Two) => "MP2",
            Coding::Mpeg(Layer::One) => "MP1",
            Coding::Aac { .. } => "AAC",
            Coding::Opus(_) => "Opus",
            Coding::Vorbis { .. } => "Vorbis",
            Coding::Flac(_) => "FLAC",
        }
    }

    fn params(&self) -> AudioCodecParameters {
        let of = |codec: AudioCodecId| {
            let mut params = AudioCodecParameters::new();
            params.for_codec(codec);
            params
        };
        let byte = |bytes: &[u8], at: usize| bytes.get(at).copied().unwrap_or(0);
        match self {
            Coding::Mpeg(Layer::Three) => of(CODEC_ID_MP3),
            Coding::Mpeg(Layer::Two) => of(CODEC_ID_MP2),
            Coding::Mpeg(Layer::One) => of(CODEC_ID_MP1),
            Coding::Aac { rate, channel_config } => adts::params(*rate, *channel_config),
            Coding::Opus(head) => {
                let mut params = of(CODEC_ID_OPUS);
                params.with_extra_data(head.clone().into());
                params.with_sample_rate(48_000).with_channels(xiph_channels(byte(head, 9).into()));
                params
            }
            Coding::Vorbis { ident, setup } => {
                let mut params = of(CODEC_ID_VORBIS);
                let rate = ident.get(12..).and_then(|rest| rest.first_chunk().copied());
                params.with_sample_rate(rate.map_or(0, u32::from_le_bytes));
                params.with_channels(xiph_channels(byte(ident, 11).into()));
                params.with_extra_data([&ident[..], setup].concat().into());
                params
            }
            Coding::Flac(info) => {
                let mut params = of(CODEC_ID_FLAC);
                // 20 bits of rate, and three of channels minus one.
                let rate = u32::from_be_bytes([0, byte(info, 10), byte(info, 11), byte(info, 12)]) >> 4;
                let channels = u16::from(byte(info, 12) >> 1 & 7) + 1;
                params.with_sample_rate(rate).with_channels(Channels::Discrete(channels));
                params.with_extra_data(info.clone().into());
                params
            }
        }
    }
}

/// A running decoder.
pub(in crate::codec) struct PacketDecoder {
    params: AudioCodecParameters,
    name: &'static str,
    codec: Box<dyn AudioDecoder>,
    shape: Option<(AudioSpec, Shape)>,
}

impl PacketDecoder {
    /// Opens a decoder. The error says why there is none.
    pub fn new(coding: &Coding) -> Result<PacketDecoder, String> {
        let params = coding.params();
        let codec = decoder(&params, Path::new(coding.name())).map_err(|error| error.to_string())?;
        Ok(PacketDecoder { params, name: coding.name(), codec, shape: None })
    }

    /// Packets before the next one are missing. MP3 has some of a frame's bytes in the frames before it:
    /// without those, it is silence. With others in their place, it would be noise.
    pub fn packets_are_missing(&mut self) {
        if self.params.codec == CODEC_ID_MP3 {
            self.codec.reset();
        }
    }

    /// Replaces `pcm` by the frames of a packet, and gives their shape. `None` if the packet has none: it is
    /// damaged, or the first of its stream.
    pub fn decode(&mut self, packet: &[u8], pcm: &mut Vec<f32>) -> Option<&Shape> {
        pcm.clear();
        let packet = Packet::new(0, Timestamp::new(0), Duration::new(0), packet.to_vec());
        let codec = &mut self.codec;
        let decoded = contained(|| codec.decode(&packet), Cause::ResetRequired);
        let panicked = matches!(decoded, Err(Cause::ResetRequired));
        if let Ok(buffer) = decoded
            && buffer.frames() > 0
        {
            if self.shape.as_ref().is_none_or(|(spec, _)| spec != buffer.spec()) {
                let shape = shape(buffer.spec(), self.params.channels.as_ref()).ok()?;
                self.shape = Some((buffer.spec().clone(), shape));
            }
            buffer.copy_to_vec_interleaved(pcm);
            pcm.iter_mut().for_each(|sample| *sample = sane(*sample));
            return self.shape.as_ref().map(|(_, shape)| shape);
        }
        if panicked && let Ok(codec) = decoder(&self.params, Path::new(self.name)) {
            self.codec = codec;
        }
        None
    }
}

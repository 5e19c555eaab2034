//! A Vorbis decoder for symphonia that uses lewton, for more than two channels: symphonia's own undoes the
//! coupling of channels in the wrong order, which shows with more than two.

use lewton::audio::{PreviousWindowRight, read_audio_packet_generic};
use lewton::header::{IdentHeader, SetupHeader, read_header_ident, read_header_setup};
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use super::codecs::xiph_channels;

/// The length of the first header. The setup header follows it.
const IDENT_BYTES: usize = 30;

const MAX_CHANNELS: usize = 8;

const INFO: CodecInfo = CodecInfo { short_name: "vorbis", long_name: "Vorbis (lewton)", profiles: &[] };

/// A decoder for packets without their container.
pub(super) struct Vorbis {
    params: AudioCodecParameters,
    ident: IdentHeader,
    setup: SetupHeader,
    previous: PreviousWindowRight,
    interleaved: Vec<f32>,
    buffer: AudioBuffer<f32>,
}

impl Vorbis {
    /// A decoder for a stream with these parameters.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Vorbis> {
        let Some((ident, setup)) =
            params.extra_data.as_deref().and_then(|head| head.split_at_checked(IDENT_BYTES))
        else {
            return unsupported_error("vorbis: a header is missing");
        };
        let damaged = |_| Error::DecodeError("vorbis: a damaged header");
        let ident = read_header_ident(ident).map_err(damaged)?;
        let blocks = (ident.blocksize_0, ident.blocksize_1);
        let setup = read_header_setup(setup, ident.audio_channels, blocks).map_err(damaged)?;
        let channels = usize::from(ident.audio_channels);
        if channels > MAX_CHANNELS {
            return unsupported_error("vorbis: more than eight channels");
        }
        let spec = AudioSpec::new(ident.audio_sample_rate, xiph_channels(channels));
        Ok(Vorbis {
            params: params.clone(),
            buffer: AudioBuffer::new(spec, 1 << ident.blocksize_1),
            ident,
            setup,
            previous: PreviousWindowRight::new(),
            interleaved: Vec::new(),
        })
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.buffer.clear();
        let decoded: std::result::Result<Vec<Vec<f32>>, _> =
            read_audio_packet_generic(&self.ident, &self.setup, packet.data, &mut self.previous);
        let Ok(decoded) = decoded else { return decode_error("vorbis: a damaged packet") };
        let frames = decoded.first().map_or(0, Vec::len);
        if frames > self.buffer.capacity() || decoded.iter().any(|channel| channel.len() != frames) {
            return decode_error("vorbis: a packet of impossible length");
        }
        self.interleaved.clear();
        self.interleaved
            .extend((0..frames).flat_map(|frame| decoded.iter().map(move |channel| channel[frame])));
        self.buffer.render_uninit(Some(frames));
        self.buffer.copy_from_slice_interleaved(&self.interleaved);
        let trim = |ticks: u64| usize::try_from(ticks).unwrap_or(usize::MAX).min(frames);
        self.buffer.trim(trim(packet.trim_start.get()), trim(packet.trim_end.get()));
        Ok(())
    }
}

impl AudioDecoder for Vorbis {
    fn reset(&mut self) {
        self.previous = PreviousWindowRight::new();
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        self.decode_packet(packet)?;
        Ok(self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

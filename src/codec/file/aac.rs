//! An AAC decoder for symphonia that uses FDK-AAC. symphonia's own decoder plays HE-AAC with half its
//! bandwidth and refuses more than two channels.

use std::ptr::NonNull;

use fdk_aac_sys as fdk;
use symphonia::core::audio::{
    AsGenericAudioBufferRef, AudioBuffer, AudioMut, AudioSpec, ChannelLabel, Channels, GenericAudioBufferRef,
    Position,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Error, Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use crate::codec::aac::adts::RATES;

/// The most samples that FDK-AAC returns at once: eight channels of a packet with SBR.
const MAX_SAMPLES: usize = 8 * 2048;

const INFO: CodecInfo = CodecInfo { short_name: "aac", long_name: "AAC (FDK-AAC)", profiles: &[] };

/// An FDK-AAC decoder for packets without headers. One thread at a time uses it.
pub(super) struct Aac {
    handle: Handle,
    params: AudioCodecParameters,
    /// Whether the next packet does not follow the last one.
    reset: bool,
    pcm: Box<[i16]>,
    buffer: AudioBuffer<i16>,
}

/// Owns FDK-AAC's handle.
struct Handle(NonNull<fdk::AAC_DECODER_INSTANCE>);

// SAFETY: a decoder has no ties to the thread that made it, and shares nothing with others.
unsafe impl Send for Handle {}
// SAFETY: every call that reaches the decoder takes `&mut Aac`.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from `aacDecoder_Open` and is closed only here.
        unsafe { fdk::aacDecoder_Close(self.0.as_ptr()) }
    }
}

impl Aac {
    /// A decoder for a stream with these parameters.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Aac> {
        // SAFETY: it takes no pointers.
        let handle = unsafe { fdk::aacDecoder_Open(fdk::TRANSPORT_TYPE_TT_MP4_RAW, 1) };
        let Some(handle) = NonNull::new(handle) else {
            return decode_error("aac: there is no memory for a decoder");
        };
        let mut aac = Aac {
            handle: Handle(handle),
            params: params.clone(),
            reset: false,
            pcm: vec![0; MAX_SAMPLES].into(),
            buffer: AudioBuffer::default(),
        };
        // Without the limiter, and without concealment by interpolation (2, the default): each would add a
        // delay.
        aac.set(fdk::AACDEC_PARAM_AAC_PCM_LIMITER_ENABLE, 0)?;
        aac.set(fdk::AACDEC_PARAM_AAC_CONCEAL_METHOD, 1)?;
        aac.set(fdk::AACDEC_PARAM_AAC_DRC_REFERENCE_LEVEL, -1)?;
        aac.set(fdk::AACDEC_PARAM_AAC_UNIDRC_SET_EFFECT, -1)?;
        aac.set(fdk::AACDEC_PARAM_AAC_PCM_OUTPUT_CHANNEL_MAPPING, 1)?;
        // It would mix eight channels down to six, and 2.5 dB louder.
        aac.set(fdk::AACDEC_PARAM_AAC_PCM_MAX_OUTPUT_CHANNELS, -1)?;
        match &params.extra_data {
            Some(config) => aac.configure(&mut config.clone())?,
            None => aac.configure(&mut config_from_adts(params)?)?,
        }
        Ok(aac)
    }

    fn set(&mut self, param: fdk::AACDEC_PARAM, value: i32) -> Result<()> {
        // SAFETY: the handle is open, and borrowed for this call alone.
        match unsafe { fdk::aacDecoder_SetParam(self.handle.0.as_ptr(), param, value) } {
            fdk::AAC_DECODER_ERROR_AAC_DEC_OK => Ok(()),
            _ => unsupported_error("aac: this FDK-AAC lacks a parameter"),
        }
    }

    fn configure(&mut self, config: &mut [u8]) -> Result<()> {
        let length = config.len() as u32;
        let mut config = config.as_mut_ptr();
        // SAFETY: `config` points to `length` bytes, which are copied before the call returns.
        match unsafe { fdk::aacDecoder_ConfigRaw(self.handle.0.as_ptr(), &mut config, &length) } {
            fdk::AAC_DECODER_ERROR_AAC_DEC_OK => Ok(()),
            _ => unsupported_error("aac: a profile that FDK-AAC does not decode"),
        }
    }

    /// Decodes a packet into `buffer`.
    fn decode_packet(&mut self, packet: &[u8]) -> Result<()> {
        // Part of a refused packet may still be in the decoder.
        self.set(fdk::AACDEC_PARAM_AAC_TPDEC_CLEAR_BUFFER, 1)?;
        let length = packet.len() as u32;
        let mut left = length;
        let mut bytes = packet.as_ptr().cast_mut();
        // SAFETY: `bytes` points to `length` bytes; they are copied, not written to.
        let filled = unsafe { fdk::aacDecoder_Fill(self.handle.0.as_ptr(), &mut bytes, &length, &mut left) };
        if filled != fdk::AAC_DECODER_ERROR_AAC_DEC_OK || left != 0 {
            return decode_error("aac: a packet of impossible size");
        }
        let flags = if self.reset { fdk::AACDEC_CLRHIST | fdk::AACDEC_INTR } else { 0 };
        // SAFETY: `pcm` has room for as many samples as it is said to have.
        let decoded = unsafe {
            fdk::aacDecoder_DecodeFrame(
                self.handle.0.as_ptr(),
                self.pcm.as_mut_ptr(),
                MAX_SAMPLES as i32,
                flags,
            )
        };
        if decoded != fdk::AAC_DECODER_ERROR_AAC_DEC_OK {
            return decode_error("aac: a damaged packet");
        }
        self.reset = false;
        self.take_pcm()
    }

    fn take_pcm(&mut self) -> Result<()> {
        // SAFETY: the decoder keeps this structure until it is closed, and changes it only in
        // calls that need `&mut self`.
        let info = unsafe { fdk::aacDecoder_GetStreamInfo(self.handle.0.as_ptr()).as_ref() };
        let Some(info) = info else { return decode_error("aac: no stream information") };
        let (Ok(rate), Ok(frames), Ok(count @ 1..=8)) = (
            u32::try_from(info.sampleRate),
            usize::try_from(info.frameSize),
            usize::try_from(info.numChannels),
        ) else {
            return decode_error("aac: impossible stream information");
        };
        let Some(pcm) = self.pcm.get(..frames * count) else {
            return decode_error("aac: impossible stream information");
        };
        let channels = if info.pChannelType.is_null() || info.pChannelIndices.is_null() {
            return decode_error("aac: no channel information");
        } else {
            // SAFETY: both arrays have an entry for each of the channels just put out.
            let (kinds, indices) = unsafe {
                (
                    std::slice::from_raw_parts(info.pChannelType, count),
                    std::slice::from_raw_parts(info.pChannelIndices, count),
                )
            };
            channels(info.channelConfig, kinds, indices)
        };
        let spec = AudioSpec::new(rate, channels);
        if self.buffer.is_unused() || *symphonia::core::audio::Audio::spec(&self.buffer) != spec {
            self.buffer = AudioBuffer::new(spec, MAX_SAMPLES / 8);
        }
        self.buffer.clear();
        self.buffer.render_uninit(Some(frames));
        self.buffer.copy_from_slice_interleaved(&pcm);
        Ok(())
    }
}

impl AudioDecoder for Aac {
    fn reset(&mut self) {
        self.reset = true;
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        match self.decode_packet(packet.data) {
            Ok(()) => Ok(self.buffer.as_generic_audio_buffer_ref()),
            Err(cause) => {
                self.buffer.clear();
                Err(cause)
            }
        }
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

/// The configuration that an ADTS header implies. symphonia does not pass the profile on, but FDK-AAC decodes
/// only one of the four anyway, and finds SBR and parametric stereo in the packets.
fn config_from_adts(params: &AudioCodecParameters) -> Result<[u8; 2]> {
    const LOW_COMPLEXITY: u16 = 2;
    debug_assert_eq!(params.codec, CODEC_ID_AAC);
    let rate = RATES.iter().position(|&rate| Some(rate) == params.sample_rate);
    let layout = match params.channels.as_ref().map(Channels::count) {
        Some(count @ 1..=6) => Some(count),
        Some(8) => Some(7),
        _ => None,
    };
    let (Some(rate), Some(layout)) = (rate, layout) else {
        return Err(Error::Unsupported("aac: a rate or channels that its header does not tell"));
    };
    Ok((LOW_COMPLEXITY << 11 | (rate as u16) << 7 | (layout as u16) << 3).to_be_bytes())
}

/// The channels in the order of the output, by FDK-AAC's kind and number of each.
///
/// The usual 7.1 (`config` 7) has by the standard two pairs in front and one behind. What encoders put into
/// the second pair is the sound of the sides, and other players play it as such.
fn channels(config: i32, kinds: &[fdk::AUDIO_CHANNEL_TYPE], indices: &[u8]) -> Channels {
    match kinds.len() {
        1 => return Channels::Positioned(Position::FRONT_CENTER),
        2 => return Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT),
        _ => {}
    }
    let of_kind = |kind| kinds.iter().filter(|&&other| other == kind).count() as u8;
    let label = |(&kind, &index): (&fdk::AUDIO_CHANNEL_TYPE, &u8)| {
        let odd = of_kind(kind) % 2;
        ChannelLabel::Positioned(match kind {
            fdk::AUDIO_CHANNEL_TYPE_ACT_FRONT if odd == 1 && index == 0 => Position::FRONT_CENTER,
            fdk::AUDIO_CHANNEL_TYPE_ACT_FRONT if config == 7 && index == 3 => Position::SIDE_LEFT,
            fdk::AUDIO_CHANNEL_TYPE_ACT_FRONT if config == 7 && index == 4 => Position::SIDE_RIGHT,
            fdk::AUDIO_CHANNEL_TYPE_ACT_FRONT if (index + odd).is_multiple_of(2) => Position::FRONT_LEFT,
            fdk::AUDIO_CHANNEL_TYPE_ACT_FRONT => Position::FRONT_RIGHT,
            fdk::AUDIO_CHANNEL_TYPE_ACT_LFE => Position::LFE1,
            _ if odd == 1 && index + 1 == of_kind(kind) => Position::REAR_CENTER,
            _ if index.is_multiple_of(2) => Position::REAR_LEFT,
            _ => Position::REAR_RIGHT,
        })
    };
    Channels::from(kinds.iter().zip(indices).map(label).collect::<Vec<_>>())
}

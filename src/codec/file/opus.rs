//! An Opus decoder for symphonia that uses libopus, with up to eight channels.

use std::ffi::c_int;
use std::ptr::NonNull;

use opusic_sys as opus;
use symphonia::core::audio::{
    AsGenericAudioBufferRef, Audio, AudioBuffer, AudioMut, AudioSpec, Channels, GenericAudioBufferRef,
};
use symphonia::core::codecs::CodecInfo;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, FinalizeResult};
use symphonia::core::errors::{Result, decode_error, unsupported_error};
use symphonia::core::packet::PacketRef;

use super::codecs::xiph_channels;

/// libopus decodes to this rate, whatever the rate of the source was.
const RATE: u32 = 48_000;

/// The frames of the longest packet, of 120 ms.
const MAX_FRAMES: usize = 5_760;

const MAX_CHANNELS: usize = 8;

const INFO: CodecInfo = CodecInfo { short_name: "opus", long_name: "Opus (libopus)", profiles: &[] };

/// A decoder for all streams of a packet. One thread at a time uses it.
pub(super) struct Opus {
    handle: Handle,
    params: AudioCodecParameters,
    channels: usize,
    pcm: Box<[f32]>,
    buffer: AudioBuffer<f32>,
}

/// Owns libopus's decoder.
struct Handle(NonNull<opus::OpusMSDecoder>);

// SAFETY: a decoder has no ties to the thread that made it, and shares nothing with others.
unsafe impl Send for Handle {}
// SAFETY: every call that reaches the decoder takes `&mut Opus`.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle came from `opus_multistream_decoder_create` and is destroyed only here.
        unsafe { opus::opus_multistream_decoder_destroy(self.0.as_ptr()) }
    }
}

/// How a packet's streams become channels, from Opus's header.
struct Mapping {
    channels: u8,
    streams: u8,
    /// How many of the streams have two channels.
    coupled: u8,
    /// For each channel, the place of its sound among the decoded ones.
    places: Vec<u8>,
}

impl Mapping {
    fn read(head: Option<&[u8]>, params: &AudioCodecParameters) -> Option<Mapping> {
        let simple = |channels: u8| Mapping {
            channels,
            streams: 1,
            coupled: channels.saturating_sub(1),
            places: (0..channels).collect(),
        };
        let Some(head) = head else {
            let count = params.channels.as_ref().map_or(2, Channels::count);
            return u8::try_from(count).ok().filter(|count| (1..=2).contains(count)).map(simple);
        };
        let channels = *head.get(9)?;
        match head.get(18).copied().unwrap_or(0) {
            0 if (1..=2).contains(&channels) => Some(simple(channels)),
            0 => None,
            _ if (1..=MAX_CHANNELS).contains(&usize::from(channels)) => {
                let places = head.get(21..21 + usize::from(channels))?.to_vec();
                Some(Mapping { channels, streams: *head.get(19)?, coupled: *head.get(20)?, places })
            }
            _ => None,
        }
    }
}

impl Opus {
    /// A decoder for a stream with these parameters.
    pub(super) fn new(params: &AudioCodecParameters) -> Result<Opus> {
        let Some(mapping) = Mapping::read(params.extra_data.as_deref(), params) else {
            return unsupported_error("opus: a mapping of channels that has no meaning");
        };
        let mut error: c_int = 0;
        // SAFETY: `places` has an entry for each channel, which is copied. libopus refuses impossible
        // numbers.
        let handle = unsafe {
            opus::opus_multistream_decoder_create(
                RATE as i32,
                mapping.channels.into(),
                mapping.streams.into(),
                mapping.coupled.into(),
                mapping.places.as_ptr(),
                &mut error,
            )
        };
        let Some(handle) = NonNull::new(handle).filter(|_| error == opus::OPUS_OK) else {
            return decode_error("opus: impossible channels");
        };
        let channels = usize::from(mapping.channels);
        let spec = AudioSpec::new(RATE, xiph_channels(channels));
        Ok(Opus {
            handle: Handle(handle),
            params: params.clone(),
            channels,
            pcm: vec![0.0; MAX_FRAMES * channels].into(),
            buffer: AudioBuffer::new(spec, MAX_FRAMES),
        })
    }

    fn decode_packet(&mut self, packet: &PacketRef<'_>) -> Result<()> {
        self.buffer.clear();
        let Ok(length) = i32::try_from(packet.data.len()) else {
            return decode_error("opus: a packet of impossible size");
        };
        // An empty packet would be taken for a lost one, and something be invented.
        if length == 0 {
            return decode_error("opus: an empty packet");
        }
        // SAFETY: the packet has `length` bytes, and `pcm` has room for MAX_FRAMES frames of all channels.
        let frames = unsafe {
            opus::opus_multistream_decode_float(
                self.handle.0.as_ptr(),
                packet.data.as_ptr(),
                length,
                self.pcm.as_mut_ptr(),
                MAX_FRAMES as c_int,
                0,
            )
        };
        let Ok(frames) = usize::try_from(frames) else { return decode_error("opus: a damaged packet") };
        let Some(pcm) = self.pcm.get(..frames * self.channels) else {
            return decode_error("opus: a packet of impossible length");
        };
        self.buffer.render_uninit(Some(frames));
        self.buffer.copy_from_slice_interleaved(&pcm);
        let trim = |ticks: u64| usize::try_from(ticks).unwrap_or(usize::MAX).min(frames);
        self.buffer.trim(trim(packet.trim_start.get()), trim(packet.trim_end.get()));
        Ok(())
    }
}

impl AudioDecoder for Opus {
    fn reset(&mut self) {
        // SAFETY: the handle is valid; this request takes no further argument.
        unsafe { opus::opus_multistream_decoder_ctl(self.handle.0.as_ptr(), opus::OPUS_RESET_STATE) };
    }

    fn codec_info(&self) -> &CodecInfo {
        &INFO
    }

    fn codec_params(&self) -> &AudioCodecParameters {
        &self.params
    }

    fn decode_ref(&mut self, packet: &PacketRef<'_>) -> Result<GenericAudioBufferRef<'_>> {
        let decoded = self.decode_packet(packet);
        debug_assert!(decoded.is_ok() || self.buffer.frames() == 0);
        decoded.map(|()| self.buffer.as_generic_audio_buffer_ref())
    }

    fn finalize(&mut self) -> FinalizeResult {
        FinalizeResult::default()
    }

    fn last_decoded(&self) -> GenericAudioBufferRef<'_> {
        self.buffer.as_generic_audio_buffer_ref()
    }
}

//! A safe interface to FDK-AAC's encoder.
//!
//! Encoders need no lock: FDK-AAC's tables are constant, and everything that an encoder changes is allocated
//! for it.

use std::ffi::{CStr, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use fdk_aac_sys as sys;

use super::settings::AacProfile;
use crate::audio::{Channels, PcmSpec};
use crate::error::{Error, Result};

/// The output space for one packet. AAC allows 6,144 bits per channel, and FDK-AAC demands room for two
/// channels in any case. The rest is for the header.
const OUTPUT_BYTES: usize = 2 * 6144 / 8 + 512;

/// Why an encoder could not be opened.
#[derive(Debug)]
pub(super) enum Refusal {
    /// FDK-AAC does not support this combination of profile, rate and channels.
    Combination,
    /// FDK-AAC would use this bitrate, in bits per second, instead of the requested one.
    Bitrate(u32),
    /// Out of memory, or another error code of FDK-AAC.
    Failure(sys::AACENC_ERROR),
}

/// An FDK-AAC encoder. It may move between threads, but one thread at a time uses it.
pub(super) struct Fdk {
    handle: NonNull<sys::AACENCODER>,
    /// Frames in a packet, at the input's rate.
    pub(super) packet_frames: u32,
    /// The delay in frames, with the decoder's.
    pub(super) delay: u32,
    channels: Channels,
    output: Box<[u8; OUTPUT_BYTES]>,
}

// SAFETY: an encoder is a block of memory that FDK-AAC reaches by this handle only. It has no thread of its
// own, no thread-local and no mutable static state. (It is not `Sync`: `NonNull` sees to that.)
unsafe impl Send for Fdk {}

impl Fdk {
    /// Opens an encoder with a constant bitrate (in bits per second) that writes ADTS.
    pub(super) fn open(
        spec: PcmSpec,
        profile: AacProfile,
        bitrate: u32,
        afterburner: bool,
    ) -> std::result::Result<Fdk, Refusal> {
        let (object_type, modules) = match profile {
            AacProfile::Lc => (sys::AUDIO_OBJECT_TYPE_AOT_AAC_LC, 0x01),
            AacProfile::He => (sys::AUDIO_OBJECT_TYPE_AOT_SBR, 0x03),
            AacProfile::HeV2 => (sys::AUDIO_OBJECT_TYPE_AOT_PS, 0x07),
        };
        let channel_mode = match spec.channels {
            Channels::Mono => sys::CHANNEL_MODE_MODE_1,
            Channels::Stereo => sys::CHANNEL_MODE_MODE_2,
        };
        let mut handle = ptr::null_mut();
        // SAFETY: `handle` is a place for a handle; `modules` is one of the documented sets; 2 is the most
        // channels.
        let code = unsafe { sys::aacEncOpen(&mut handle, modules, 2) };
        let Some(handle) = NonNull::new(handle).filter(|_| code == sys::AACENC_ERROR_AACENC_OK) else {
            return Err(Refusal::Failure(code));
        };
        let output = Box::new([0; OUTPUT_BYTES]);
        // From here on, dropping `fdk` closes the handle.
        let mut fdk = Fdk { handle, packet_frames: 0, delay: 0, channels: spec.channels, output };

        for (param, value) in [
            (sys::AACENC_PARAM_AACENC_AOT, object_type as u32),
            (sys::AACENC_PARAM_AACENC_SAMPLERATE, spec.rate.hz()),
            (sys::AACENC_PARAM_AACENC_CHANNELMODE, channel_mode as u32),
            (sys::AACENC_PARAM_AACENC_CHANNELORDER, 1), // as in WAV: left, right
            (sys::AACENC_PARAM_AACENC_BITRATEMODE, 0),  // constant
            (sys::AACENC_PARAM_AACENC_BITRATE, bitrate),
            (sys::AACENC_PARAM_AACENC_TRANSMUX, sys::TRANSPORT_TYPE_TT_MP4_ADTS as u32),
            // ADTS headers cannot signal HE-AAC. Old decoders play the core only; others find the rest in the
            // packets.
            (sys::AACENC_PARAM_AACENC_SIGNALING_MODE, 0),
            (sys::AACENC_PARAM_AACENC_AFTERBURNER, afterburner.into()),
        ] {
            // SAFETY: the handle is live and ours; the function takes two numbers.
            match unsafe { sys::aacEncoder_SetParam(fdk.handle.as_ptr(), param, value) } {
                sys::AACENC_ERROR_AACENC_OK => {}
                _ => return Err(Refusal::Combination),
            }
        }
        // SAFETY: with all else null, the call only sets the encoder up by its parameters.
        let code = unsafe {
            sys::aacEncEncode(fdk.handle.as_ptr(), ptr::null(), ptr::null(), ptr::null(), ptr::null_mut())
        };
        match code {
            sys::AACENC_ERROR_AACENC_OK => {}
            sys::AACENC_ERROR_AACENC_MEMORY_ERROR => return Err(Refusal::Failure(code)),
            _ => return Err(Refusal::Combination),
        }
        // SAFETY: the handle is live; this only reads.
        let took = unsafe { sys::aacEncoder_GetParam(fdk.handle.as_ptr(), sys::AACENC_PARAM_AACENC_BITRATE) };
        if took != bitrate {
            return Err(Refusal::Bitrate(took));
        }
        let mut info = MaybeUninit::<sys::AACENC_InfoStruct>::zeroed();
        // SAFETY: the handle is live; `info` has room for what the call writes, and being all numbers it is
        // valid even if that is nothing.
        let (code, info) =
            unsafe { (sys::aacEncInfo(fdk.handle.as_ptr(), info.as_mut_ptr()), info.assume_init()) };
        if code != sys::AACENC_ERROR_AACENC_OK {
            return Err(Refusal::Failure(code));
        }
        assert_eq!(info.inputChannels as usize, spec.channels.count());
        assert!(info.maxOutBufBytes as usize <= OUTPUT_BYTES);
        fdk.packet_frames = info.frameLength;
        fdk.delay = info.nDelay;
        Ok(fdk)
    }

    /// Encodes the interleaved frames of exactly one packet, and returns the packet.
    ///
    /// FDK-AAC would also accept fewer frames and buffer them. But in HE-AAC v2 it then computes a wrong
    /// position in its input buffer and writes beyond the end. So the caller must always pass all frames of a
    /// packet.
    pub(super) fn encode(&mut self, pcm: &[i16]) -> Result<&[u8]> {
        assert_eq!(pcm.len(), self.packet_frames as usize * self.channels.count());
        let mut input_data: *mut c_void = pcm.as_ptr().cast_mut().cast();
        let mut input_kind = sys::AACENC_BufferIdentifier_IN_AUDIO_DATA as c_int;
        let mut input_bytes = size_of_val(pcm) as c_int; // at most 2,048 frames of two channels
        let mut input_element = size_of::<i16>() as c_int;
        let input = sys::AACENC_BufDesc {
            numBufs: 1,
            bufs: &mut input_data,
            bufferIdentifiers: &mut input_kind,
            bufSizes: &mut input_bytes,
            bufElSizes: &mut input_element,
        };
        let mut output_data: *mut c_void = self.output.as_mut_ptr().cast();
        let mut output_kind = sys::AACENC_BufferIdentifier_OUT_BITSTREAM_DATA as c_int;
        let mut output_bytes = OUTPUT_BYTES as c_int;
        let mut output_element = 1;
        let output = sys::AACENC_BufDesc {
            numBufs: 1,
            bufs: &mut output_data,
            bufferIdentifiers: &mut output_kind,
            bufSizes: &mut output_bytes,
            bufElSizes: &mut output_element,
        };
        let arguments = sys::AACENC_InArgs { numInSamples: pcm.len() as c_int, numAncBytes: 0 };
        let mut result =
            sys::AACENC_OutArgs { numOutBytes: 0, numInSamples: 0, numAncBytes: 0, bitResState: 0 };
        // SAFETY: the handle is live, and ours alone by `&mut self`. Both descriptions name one buffer each,
        // with its true size, and live until the call returns; FDK-AAC keeps no pointer. It reads the samples
        // of `pcm` (never writes there, though its type would let it) and writes at most `OUTPUT_BYTES` to
        // `output`. The samples are those of one packet: see above.
        let code =
            unsafe { sys::aacEncEncode(self.handle.as_ptr(), &input, &output, &arguments, &mut result) };
        if code != sys::AACENC_ERROR_AACENC_OK {
            return Err(Error::Encoder(format!("FDK-AAC failed with code {code:#x}")));
        }
        if result.numInSamples != arguments.numInSamples {
            return Err(Error::Encoder(format!(
                "FDK-AAC took {} samples of {}",
                result.numInSamples,
                pcm.len()
            )));
        }
        usize::try_from(result.numOutBytes)
            .ok()
            .and_then(|len| self.output.get(..len))
            .ok_or_else(|| Error::Encoder(format!("FDK-AAC wrote {} bytes", result.numOutBytes)))
    }
}

impl Drop for Fdk {
    fn drop(&mut self) {
        let mut handle = self.handle.as_ptr();
        // SAFETY: the handle is live, and nobody has it after this.
        unsafe { sys::aacEncClose(&mut handle) };
    }
}

/// The version of FDK-AAC's encoder: `4.0.1`.
pub(in crate::codec) fn version() -> String {
    let mut modules = [MaybeUninit::<sys::LIB_INFO>::zeroed(); sys::FDK_MODULE_ID_FDK_MODULE_LAST as usize];
    // SAFETY: FDK-AAC fills in a table of `FDK_MODULE_LAST` entries, whose first must be empty ones: an empty
    // entry is all zeros, which is also a valid value of it (null pointers and numbers).
    let modules = unsafe {
        sys::aacEncGetLibInfo(modules.as_mut_ptr().cast());
        modules.map(|module| module.assume_init())
    };
    let Some(encoder) = modules.iter().find(|module| module.module_id == sys::FDK_MODULE_ID_FDK_AACENC)
    else {
        return "unknown".into();
    };
    // SAFETY: `versionStr` is within `encoder`, and NUL-terminated: it was zeroed, and FDK-AAC writes a C
    // string.
    unsafe { CStr::from_ptr(encoder.versionStr.as_ptr()) }.to_string_lossy().into_owned()
}

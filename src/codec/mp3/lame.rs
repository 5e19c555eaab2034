//! A safe interface to LAME. All `unsafe` code of MP3 is here.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::{PoisonError, RwLock};

use lame_sys::{MPEG_mode, lame_global_flags, vbr_mode};

use crate::audio::{Channels, PcmSpec};
use crate::error::{Error, Result};
use crate::per_process::PerProcess;

/// Frames per call of LAME. The output does not depend on this number.
pub(super) const CHUNK_FRAMES: usize = 2304;

/// The output space that LAME's header demands for a call: 1.25 bytes per frame, plus 7,200.
const OUTPUT_BYTES: usize = CHUNK_FRAMES * 5 / 4 + 7200;

/// Guards LAME's static tables (powers for quantising, logarithms). Each set-up of an encoder writes them,
/// always with the same values, and encoding reads them. Set-up takes the lock exclusively and encoding
/// shares it, so no table is written while it is read.
static TABLES: PerProcess<RwLock<()>> = PerProcess::new(RwLock::default);

/// A LAME encoder. It may move between threads, but one thread at a time uses it.
pub(super) struct Lame {
    handle: NonNull<lame_global_flags>,
    channels: Channels,
    output: Box<[u8]>,
}

// SAFETY: an encoder is a block of memory that LAME reaches by this handle only. It has no thread of
// its own and no thread-local state; its static tables are guarded by `TABLES`. (It is not `Sync`:
// `NonNull` sees to that.)
unsafe impl Send for Lame {}

/// Discards LAME's messages, because a library does not print. LAME passes a format and a `va_list`. This
/// function reads neither, and in all C ABIs the caller cleans up the arguments, so it does not matter how a
/// `va_list` is passed.
unsafe extern "C" fn silent(_format: *const c_char, _arguments: *mut c_void) {}

type Report = Option<unsafe extern "C" fn(*const c_char, *mut c_void)>;

// lame-sys does not declare these, because Rust has no type for `va_list`.
unsafe extern "C" {
    fn lame_set_errorf(lame: *mut lame_global_flags, report: Report) -> c_int;
    fn lame_set_debugf(lame: *mut lame_global_flags, report: Report) -> c_int;
    fn lame_set_msgf(lame: *mut lame_global_flags, report: Report) -> c_int;
    fn lame_set_write_id3tag_automatic(lame: *mut lame_global_flags, automatic: c_int);
}

impl Lame {
    /// Opens an encoder with a constant bitrate, in joint stereo or mono. Its rate is that of the input.
    pub(super) fn open(spec: PcmSpec, bitrate: u32, quality: u8) -> Result<Lame> {
        let _alone = TABLES.get().write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: takes nothing; `TABLES` is held alone, as it fills a static table.
        let handle = NonNull::new(unsafe { lame_sys::lame_init() })
            .ok_or_else(|| Error::Encoder("LAME has no memory for an encoder".into()))?;
        let output = vec![0; OUTPUT_BYTES].into_boxed_slice();
        // From here on, dropping `lame` closes the handle.
        let lame = Lame { handle, channels: spec.channels, output };

        let mode = match spec.channels {
            Channels::Mono => MPEG_mode::MONO,
            Channels::Stereo => MPEG_mode::JOINT_STEREO,
        };
        let rate = spec.rate.hz() as c_int; // at most 192,000
        let flags = handle.as_ptr();
        // SAFETY: `flags` is a live handle that nobody else has; the functions take numbers, and `silent`,
        // which is sound to call with whatever LAME passes. `TABLES` is held alone.
        let refused = unsafe {
            lame_set_errorf(flags, Some(silent));
            lame_set_debugf(flags, Some(silent));
            lame_set_msgf(flags, Some(silent));
            lame_set_write_id3tag_automatic(flags, 0);
            [
                lame_sys::lame_set_num_channels(flags, spec.channels.count() as c_int),
                lame_sys::lame_set_in_samplerate(flags, rate),
                lame_sys::lame_set_out_samplerate(flags, rate),
                lame_sys::lame_set_mode(flags, mode),
                lame_sys::lame_set_VBR(flags, vbr_mode::vbr_off),
                lame_sys::lame_set_brate(flags, bitrate as c_int),
                lame_sys::lame_set_quality(flags, c_int::from(quality)),
                // No Xing/Info packet: it contains the length of a file, and a live stream has none.
                lame_sys::lame_set_bWriteVbrTag(flags, 0),
                lame_sys::lame_init_params(flags),
            ]
            .iter()
            .any(|code| *code < 0)
        };
        // SAFETY: `flags` is a live handle that nobody else has; both functions read a number from it.
        let (took_rate, took_bitrate) =
            unsafe { (lame_sys::lame_get_out_samplerate(flags), lame_sys::lame_get_brate(flags)) };
        if refused || took_rate != rate || took_bitrate != bitrate as c_int {
            return Err(Error::setting(
                "bitrate",
                format!("LAME does not take {bitrate} kbit/s at {}", spec.rate),
            ));
        }
        Ok(lame)
    }

    /// Encodes at most [`CHUNK_FRAMES`] interleaved frames. Returns a piece of the byte stream, which may be
    /// empty or end inside a packet.
    pub(super) fn encode(&mut self, pcm: &[f32]) -> Result<&[u8]> {
        let frames = pcm.len() / self.channels.count();
        assert!(frames <= CHUNK_FRAMES && pcm.len() == frames * self.channels.count());
        let _shared = TABLES.get().read().unwrap_or_else(PoisonError::into_inner);
        let (flags, input) = (self.handle.as_ptr(), pcm.as_ptr().cast_mut());
        let (output, size) = (self.output.as_mut_ptr(), self.output.len() as c_int);
        // SAFETY: the handle is live, and ours alone by `&mut self`. LAME reads `frames` frames of `input`
        // (its header says `const`; lame-sys has lost that) and keeps no pointer to it; it writes at most
        // `size` bytes to `output`. `TABLES` is shared, as it reads them.
        let written = unsafe {
            match self.channels {
                Channels::Mono => lame_sys::lame_encode_buffer_ieee_float(
                    flags,
                    input,
                    input,
                    frames as c_int,
                    output,
                    size,
                ),
                Channels::Stereo => lame_sys::lame_encode_buffer_interleaved_ieee_float(
                    flags,
                    input,
                    frames as c_int,
                    output,
                    size,
                ),
            }
        };
        self.output(written)
    }

    /// Returns the rest of the byte stream, padded with silence. Nothing may be encoded afterwards.
    pub(super) fn flush(&mut self) -> Result<&[u8]> {
        let _shared = TABLES.get().read().unwrap_or_else(PoisonError::into_inner);
        let (output, size) = (self.output.as_mut_ptr(), self.output.len() as c_int);
        // SAFETY: the handle is live, and ours alone by `&mut self`. LAME writes at most `size` bytes to
        // `output`, which is as large, and keeps no pointer to it. `TABLES` is shared, as it reads them.
        let written = unsafe { lame_sys::lame_encode_flush(self.handle.as_ptr(), output, size) };
        self.output(written)
    }

    /// LAME's delay in frames, without the decoder's.
    pub(super) fn delay(&self) -> u64 {
        // SAFETY: the handle is live; this only reads.
        let delay = unsafe { lame_sys::lame_get_encoder_delay(self.handle.as_ptr()) };
        delay.unsigned_abs().into()
    }

    fn output(&self, written: c_int) -> Result<&[u8]> {
        usize::try_from(written)
            .ok()
            .and_then(|written| self.output.get(..written))
            .ok_or_else(|| Error::Encoder(format!("LAME failed with code {written}")))
    }
}

impl Drop for Lame {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and nobody has it after this.
        unsafe { lame_sys::lame_close(self.handle.as_ptr()) };
    }
}

/// LAME's version: `3.100`.
pub(in crate::codec) fn version() -> String {
    // SAFETY: LAME returns a static, NUL-terminated string.
    unsafe { CStr::from_ptr(lame_sys::get_lame_version()) }.to_string_lossy().into_owned()
}

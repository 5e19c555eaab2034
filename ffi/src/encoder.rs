//! Encoders that the host drives itself.

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use longwave::{Channels, EncoderSettings, OutputSettings, Packet, PcmSpec, SampleRate};

use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::text::{Out, items, text};

/// An encoder: PCM in, whole packets out.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_encoder = u64;

/// A running encoder, and what it gave last.
pub struct Encoder {
    settings: Arc<dyn EncoderSettings>,
    channels: usize,
    state: Mutex<State>,
}

impl handles::Kind for Encoder {
    const WORD: &'static str = "an encoder";
}

struct State {
    encoder: Box<dyn longwave::Encoder>,
    packets: Vec<Packet>,
    /// The packets in one piece: what the host reads until its next call.
    bytes: Vec<u8>,
}

impl Encoder {
    fn open(settings: Arc<dyn EncoderSettings>, spec: PcmSpec) -> Outcome<Encoder> {
        let encoder = settings.open(spec)?;
        let state = Mutex::new(State { encoder, packets: Vec::new(), bytes: Vec::new() });
        Ok(Encoder { settings, channels: spec.channels.count(), state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Does one step, and returns the packets that became whole.
    fn step(
        &mut self,
        bytes: Out<*const u8>,
        count: Out<usize>,
        step: impl FnOnce(&mut dyn longwave::Encoder, &mut Vec<Packet>) -> longwave::Result<()>,
    ) -> Outcome {
        self.packets.clear();
        step(self.encoder.as_mut(), &mut self.packets)?;
        self.bytes.clear();
        self.packets.iter().for_each(|packet| self.bytes.extend_from_slice(&packet.bytes));
        count.set(self.bytes.len())?;
        bytes.set(self.bytes.as_ptr())
    }
}

/// Settings that are shared already.
#[derive(Debug)]
pub struct Shared(pub Arc<dyn EncoderSettings>);

impl EncoderSettings for Shared {
    fn open(&self, spec: PcmSpec) -> longwave::Result<Box<dyn longwave::Encoder>> {
        self.0.open(spec)
    }
    fn content_type(&self) -> &str {
        self.0.content_type()
    }
    fn bitrate(&self) -> Option<u32> {
        self.0.bitrate()
    }
}

/// The declaration of an output.
pub fn output(declaration: &str, spec: PcmSpec) -> Outcome<OutputSettings> {
    Ok(if json::is_json(declaration) {
        OutputSettings::from_json(declaration, spec)?
    } else {
        OutputSettings::from_toml(declaration, Path::new("output"), spec)?
    })
}

fn encoder(handle: lw_encoder) -> Outcome<Arc<Encoder>> {
    handles::find(handle)
}

/// Opens an encoder for PCM of so many frames per second and samples per frame (1 or 2). `declaration` is
/// TOML or JSON with `format` (mp3 or aac) and perhaps `bitrate` (kbit/s), `quality`, `profile`,
/// `afterburner`, as in docs/CONFIGURATION.md. It is used by one thread at a time, and closed by
/// `lw_encoder_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_open(
    declaration: *const c_char,
    sample_rate: u32,
    channels: u32,
    encoder: *mut lw_encoder,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (declaration, encoder) =
            unsafe { (text(declaration, "declaration")?, Out::new(encoder, "encoder")?) };
        let setting = |message: String| Failure { status: lw_status::LW_SETTING, message };
        let spec = PcmSpec {
            rate: SampleRate::new(sample_rate)
                .ok_or_else(|| setting(format!("sample_rate: {sample_rate} is not from 8000 to 192000")))?,
            channels: Channels::from_count(channels as usize)
                .ok_or_else(|| setting(format!("channels: {channels} is not 1 or 2")))?,
        };
        encoder.set(handles::add(Encoder::open(output(declaration, spec)?.encoder, spec)?))
    })
}

/// Encodes any number of interleaved frames, with samples from -1 to 1. `bytes` points to the packets that
/// became whole, and `count` is their size in bytes (often 0). They belong to the encoder and are valid until
/// the next call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_encode(
    encoder: lw_encoder,
    pcm: *const f32,
    frames: usize,
    bytes: *mut *const u8,
    count: *mut usize,
) -> lw_status {
    // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
    unsafe {
        encode(encoder, pcm, frames, bytes, count, |encoder, pcm, packets| encoder.encode(pcm, packets))
    }
}

/// The same for samples of 16 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_encode_s16(
    encoder: lw_encoder,
    pcm: *const i16,
    frames: usize,
    bytes: *mut *const u8,
    count: *mut usize,
) -> lw_status {
    // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
    unsafe {
        encode(encoder, pcm, frames, bytes, count, |encoder, pcm, packets| encoder.encode_s16(pcm, packets))
    }
}

/// # Safety
/// The pointers are as the header demands them.
unsafe fn encode<S>(
    encoder: lw_encoder,
    pcm: *const S,
    frames: usize,
    bytes: *mut *const u8,
    count: *mut usize,
    take: impl FnOnce(&mut dyn longwave::Encoder, &[S], &mut Vec<Packet>) -> longwave::Result<()>,
) -> lw_status {
    call(|| {
        let encoder = self::encoder(encoder)?;
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (bytes, count) = unsafe { (Out::new(bytes, "bytes")?, Out::new(count, "count")?) };
        // SAFETY: as above.
        let pcm = unsafe { items(pcm, frames.saturating_mul(encoder.channels), "pcm") }?;
        encoder.state().step(bytes, count, |encoder, packets| take(encoder, pcm, packets))
    })
}

/// Returns what the encoder still holds, padded with silence, like `lw_encoder_encode`. The encoder is at its
/// end then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_flush(
    encoder: lw_encoder,
    bytes: *mut *const u8,
    count: *mut usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (bytes, count) = unsafe { (Out::new(bytes, "bytes")?, Out::new(count, "count")?) };
        self::encoder(encoder)?.state().step(bytes, count, |encoder, packets| encoder.flush(packets))
    })
}

/// How many frames late an encoder's output is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_delay(encoder: lw_encoder, frames: *mut u64) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let frames = unsafe { Out::new(frames, "frames") }?;
        let encoder = self::encoder(encoder)?;
        let delay = encoder.state().encoder.delay();
        frames.set(delay.0)
    })
}

/// The content type of an encoder's packets, for example "audio/mpeg", freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_encoder_content_type(
    encoder: lw_encoder,
    content_type: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let content_type = unsafe { Out::new(content_type, "content_type") }?;
        content_type.text(self::encoder(encoder)?.settings.content_type())
    })
}

/// Closes an encoder; what it gave last is gone with it. Closing it again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_encoder_close(encoder: lw_encoder) -> lw_status {
    call(|| {
        handles::close::<Encoder>(encoder)?;
        Ok(lw_status::LW_OK)
    })
}

//! Encoders of the host's: four functions that a pipeline calls.

use std::ffi::{c_char, c_void};
use std::fmt;
use std::sync::{Arc, Mutex};

use longwave::{
    Channels, Encoder, EncoderSettings, Error, FrameCount, MAX_PACKET_BYTES, OutputSettings, Packet, PcmSpec,
};

use crate::caller::{User, mask_of_this_thread, with_mask};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::pipeline::{lw_pipeline, with};
use crate::server::mounts::settings;
use crate::text::{items, text};

/// What an encoder of the host's gives in one call. It is closed when that returns.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_packets = u64;

/// Opens an encoder of the host's for PCM of so many frames per second and samples per frame, and returns
/// what the other functions get as `state`. `lw_packets_header` and `lw_packets_delay` say what belongs to
/// it; `lw_packets_fail` refuses, and then there is no state to close. `user` is the pointer that
/// `lw_pipeline_add_own_output` was given.
///
/// It is called by `lw_pipeline_add_own_output`, on the thread that adds the output, and again a second after
/// the encoder has failed. That call, and those of the functions below, are made on encoder threads of the
/// library, for one encoder one at a time, with the signal mask of the thread that has added the output. The
/// functions must keep up with the audio, return, and not unwind or jump out.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_encoder_opens = Option<
    unsafe extern "C" fn(
        sample_rate: u32,
        channels: u32,
        packets: lw_packets,
        user: *mut c_void,
    ) -> *mut c_void,
>;

/// Encodes any number of interleaved frames, about ten times a second, and gives each packet that is whole by
/// `lw_packets_add`. After `lw_packets_fail` the encoder is closed, and opened again a second later.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_encoder_encodes =
    Option<unsafe extern "C" fn(state: *mut c_void, pcm: *const f32, frames: usize, packets: lw_packets)>;

/// Gives what the encoder still holds, by `lw_packets_add`. Nothing is encoded afterwards.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_encoder_flushes = Option<unsafe extern "C" fn(state: *mut c_void, packets: lw_packets)>;

/// Frees what `lw_encoder_opens` has returned. The last call with this state.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_encoder_closes = Option<unsafe extern "C" fn(state: *mut c_void)>;

/// The host's functions and pointer, and the signal mask that they run with.
#[derive(Clone, Copy)]
struct Functions {
    open: unsafe extern "C" fn(u32, u32, lw_packets, *mut c_void) -> *mut c_void,
    encode: unsafe extern "C" fn(*mut c_void, *const f32, usize, lw_packets),
    flush: unsafe extern "C" fn(*mut c_void, lw_packets),
    close: unsafe extern "C" fn(*mut c_void),
    user: User,
    mask: libc::sigset_t,
}

/// An encoder of the host's, declared.
struct Own {
    functions: Functions,
    content_type: String,
    bitrate: Option<u32>,
}

/// One that is open.
struct Open {
    functions: Functions,
    state: User,
    channels: Channels,
    delay: FrameCount,
    header: Option<Vec<u8>>,
}

/// What one call has given.
#[derive(Default)]
struct Given {
    packets: Vec<Packet>,
    delay: u64,
    header: Option<Vec<u8>>,
    failure: Option<String>,
}

pub struct Packets(Mutex<Given>);

impl handles::Kind for Packets {
    const WORD: &'static str = "the packets of a call";
}

impl Functions {
    /// Calls one of them, and takes what it has given.
    fn call<T>(&self, function: impl FnOnce(lw_packets) -> T) -> longwave::Result<(T, Given)> {
        let packets = Arc::new(Packets(Mutex::default()));
        let handle = handles::add_shared(packets.clone());
        let result = with_mask(&self.mask, || function(handle));
        // It is open: no function of the interface closes a handle of this kind.
        let _ = handles::close::<Packets>(handle);
        let given = std::mem::take(&mut *lock(&packets.0));
        match given.failure {
            Some(reason) => Err(Error::Encoder(reason)),
            None => Ok((result, given)),
        }
    }
}

impl EncoderSettings for Own {
    fn open(&self, spec: PcmSpec) -> longwave::Result<Box<dyn Encoder>> {
        let functions = self.functions;
        let (rate, channels) = (spec.rate.hz(), spec.channels.count() as u32);
        // SAFETY: the host has said that its functions may be called, on this thread, as long as its output
        // is there.
        let open = |packets| User(unsafe { (functions.open)(rate, channels, packets, functions.user.0) });
        let (state, given) = functions.call(open)?;
        let (delay, header, channels) = (FrameCount(given.delay), given.header, spec.channels);
        Ok(Box::new(Open { functions, state, channels, delay, header }))
    }

    fn content_type(&self) -> &str {
        &self.content_type
    }

    fn bitrate(&self) -> Option<u32> {
        self.bitrate
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("content_type", &self.content_type).finish_non_exhaustive()
    }
}

impl Encoder for Open {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> longwave::Result<()> {
        let (functions, state) = (self.functions, self.state);
        let frames = pcm.len() / self.channels.count();
        // SAFETY: as in `open`; the state is the host's own, and the samples live until it returns.
        let encode = |given| unsafe { (functions.encode)(state.0, pcm.as_ptr(), frames, given) };
        packets.append(&mut functions.call(encode)?.1.packets);
        Ok(())
    }

    fn flush(&mut self, packets: &mut Vec<Packet>) -> longwave::Result<()> {
        let (functions, state) = (self.functions, self.state);
        // SAFETY: as in `encode`.
        let flush = |given| unsafe { (functions.flush)(state.0, given) };
        packets.append(&mut functions.call(flush)?.1.packets);
        Ok(())
    }

    fn delay(&self) -> FrameCount {
        self.delay
    }

    fn header(&self) -> Option<&[u8]> {
        self.header.as_deref()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: as in `encode`; nothing is called with this state afterwards.
        with_mask(&self.functions.mask, || unsafe { (self.functions.close)(self.state.0) });
    }
}

/// Adds an output to a pipeline on the air that encodes by functions of the host; the others notice nothing.
/// `declaration` is like that of `lw_server_add_mount`: `mount`, `content_type`, and whatever else is known.
/// If `open` refuses, this returns `LW_ENCODER`. `lw_pipeline_remove_output` ends it, and `user` is not used
/// any more when that or the pipeline's stop has returned, unless the encoder is stuck. A station's reload
/// does not touch it. The mount's rate and channels are the pipeline's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_add_own_output(
    pipeline: lw_pipeline,
    declaration: *const c_char,
    open: lw_encoder_opens,
    encode: lw_encoder_encodes,
    flush: lw_encoder_flushes,
    close: lw_encoder_closes,
    user: *mut c_void,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let declaration = unsafe { text(declaration, "declaration") }?;
        let null = |name: &'static str| move || Failure::invalid(format!("{name} is NULL"));
        let functions = Functions {
            open: open.ok_or_else(null("open"))?,
            encode: encode.ok_or_else(null("encode"))?,
            flush: flush.ok_or_else(null("flush"))?,
            close: close.ok_or_else(null("close"))?,
            user: User(user),
            mask: mask_of_this_thread(),
        };
        with(pipeline, |pipeline| {
            let mount = settings(declaration)?;
            let own = Own { functions, content_type: mount.content_type.clone(), bitrate: mount.bitrate };
            Ok(pipeline.add_output(OutputSettings {
                encoder: Arc::new(own),
                mount,
                record: Default::default(),
            })?)
        })?;
        Ok(lw_status::LW_OK)
    })
}

/// Adds to what a call has given.
fn give(packets: lw_packets, give: impl FnOnce(&mut Given)) -> Outcome {
    give(&mut lock(&handles::find::<Packets>(packets)?.0));
    Ok(lw_status::LW_OK)
}

/// Gives one whole packet, headers included (what MP3 and ADTS call a frame; an Ogg page), which sounds for
/// so many frames. A listener joins at the beginning of one. A packet has 65,307 bytes at most.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_packets_add(
    packets: lw_packets,
    bytes: *const u8,
    count: usize,
    frames: u32,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let bytes = unsafe { items(bytes, count, "bytes") }?;
        if bytes.is_empty() || bytes.len() > MAX_PACKET_BYTES {
            return Err(Failure::invalid(format!(
                "a packet of {count} bytes: it has 1 to {MAX_PACKET_BYTES}"
            )));
        }
        give(packets, |given| given.packets.push(Packet { bytes: bytes.into(), frames }))
    })
}

/// While an encoder is opened: the bytes that a listener needs before the first packet, such as Ogg header
/// pages or a WAV header. Most formats need none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_packets_header(packets: lw_packets, bytes: *const u8, count: usize) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let bytes = unsafe { items(bytes, count, "bytes") }?;
        give(packets, |given| given.header = Some(bytes.into()))
    })
}

/// While an encoder is opened: how many frames late its output is, the decoder's delay included. Titles are
/// shifted by it, so that they stay with their audio.
#[unsafe(no_mangle)]
pub extern "C" fn lw_packets_delay(packets: lw_packets, frames: u64) -> lw_status {
    call(|| give(packets, |given| given.delay = frames))
}

/// Says that this call of an encoder's function has failed, and why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_packets_fail(packets: lw_packets, reason: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let reason = unsafe { text(reason, "reason") }?;
        give(packets, |given| given.failure = Some(reason.to_owned()))
    })
}

//! The host's own PCM goes in, pushed or by a pipe; the mixed PCM comes out, by taps.

use std::ffi::{c_char, c_int};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::Mutex;

use longwave::{PcmSpec, SampleFormat, Tap, VoiceInput};

use super::voices::how;
use super::{lw_pipeline, with};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::text::{Out, items, items_mut, optional_text, patience};

/// A voice of PCM that the host pushes.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_input = u64;

/// A reader of the mixed PCM.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_tap = u64;

/// One end of a voice that the host feeds.
pub struct Input {
    input: Mutex<VoiceInput>,
    channels: usize,
}

impl handles::Kind for Input {
    const WORD: &'static str = "an input";
}

/// A tap that the host reads.
pub struct TapHandle {
    spec: PcmSpec,
    tap: Mutex<Tap>,
}

impl handles::Kind for TapHandle {
    const WORD: &'static str = "a tap";
}

fn format(name: Option<&str>) -> Outcome<SampleFormat> {
    let Some(name) = name else { return Ok(SampleFormat::default()) };
    SampleFormat::named(name).ok_or_else(|| {
        let known: Vec<_> = SampleFormat::ALL.iter().map(|format| format.as_str()).collect();
        Failure::invalid(format!("there is no sample format {name:?}; there are {}", known.join(", ")))
    })
}

/// Plays PCM that the host pushes by `lw_input_push`. Until it does, and whenever it is late, the voice is
/// silent. `input` is closed by `lw_input_close`; `voice` is the voice's number and may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_input(
    pipeline: lw_pipeline,
    volume: f64,
    paused: i32,
    input: *mut lw_input,
    voice: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (input, voice) = unsafe { (Out::new(input, "input")?, Out::optional(voice, "voice")?) };
        let options = how(volume, paused)?;
        let (made, channels) =
            with(pipeline, |pipeline| Ok((pipeline.play_input(options)?, pipeline.spec().channels.count())))?;
        if let Some(voice) = voice {
            voice.set(made.voice().0)?;
        }
        input.set(handles::add(Input { input: Mutex::new(made), channels }))
    })
}

/// Pushes interleaved frames, samples from -1 to 1 in the pipeline's rate and channels, as far as there is
/// room (about two seconds in all), and says in `taken` how many frames were taken. Offer the rest again
/// later. `LW_STOPPED` when the voice was stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_input_push(
    input: lw_input,
    pcm: *const f32,
    frames: usize,
    taken: *mut usize,
) -> lw_status {
    // SAFETY: as the header of this function says.
    unsafe { lw_input_push_within(input, pcm, frames, 0, taken) }
}

/// The same, but waits for room until all frames were taken, for `timeout_ms` at most (less than 0: for as
/// long as it takes). A paused voice makes no room. Other calls for this input wait meanwhile, except
/// `lw_input_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_input_push_within(
    input: lw_input,
    pcm: *const f32,
    frames: usize,
    timeout_ms: i64,
    taken: *mut usize,
) -> lw_status {
    call(|| {
        let input = handles::find::<Input>(input)?;
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (pcm, taken) =
            unsafe { (items(pcm, frames.saturating_mul(input.channels), "pcm")?, Out::new(taken, "taken")?) };
        let mut input = lock(&input.input);
        let count = input.push_within(pcm, patience(timeout_ms))?;
        taken.set(count)
    })
}

/// Closes an input: its voice ends when all that was pushed has sounded. Closing it again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_input_close(input: lw_input) -> lw_status {
    call(|| {
        handles::close::<Input>(input)?;
        Ok(lw_status::LW_OK)
    })
}

/// Plays what is written into a pipe: interleaved samples in the pipeline's rate and channels, as `format`
/// says: `f32le` (NULL means that) or `s16le`. `fd` is the pipe's writing end. It belongs to the host, and
/// can be the standard output of another program. A write waits while about two seconds wait to sound; with
/// `O_NONBLOCK`, wait until it is writable. The voice ends when it is closed and everything has sounded. Once
/// the voice has been stopped, a write fails with `EPIPE` (and `SIGPIPE`). `voice` is the voice's number and
/// may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_play_pipe(
    pipeline: lw_pipeline,
    format: *const c_char,
    volume: f64,
    paused: i32,
    fd: *mut c_int,
    voice: *mut u64,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (format, fd, voice) = unsafe {
            (optional_text(format, "format")?, Out::new(fd, "fd")?, Out::optional(voice, "voice")?)
        };
        let (format, options) = (self::format(format)?, how(volume, paused)?);
        let (pipe, id) = with(pipeline, |pipeline| Ok(pipeline.play_pipe(format, options)?))?;
        if let Some(voice) = voice {
            voice.set(id.0)?;
        }
        fd.set(pipe.into_raw_fd())
    })
}

/// Opens a tap: the mixed PCM, just as the encoders get it, with all voices. For meters, recordings,
/// recognition. It is closed by `lw_tap_close`. `LW_LIMIT` if the pipeline has 16 taps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_tap(pipeline: lw_pipeline, tap: *mut lw_tap) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(tap, "tap") }?;
        let tap = with(pipeline, |pipeline| Ok(pipeline.tap()?))?;
        out.set(handles::add(TapHandle { spec: tap.spec(), tap: Mutex::new(tap) }))
    })
}

/// Reads interleaved frames that follow each other into `pcm`, which has room for so many frames in the
/// pipeline's channels: as many as there are now. If there are none, it waits for the first, for `timeout_ms`
/// at most (less than 0: for as long as it takes). `read` is how many it has read, 0 if none came in time.
/// `position` is where the first of them lies on the pipeline's sample clock, in frames; it may be NULL.
/// About two seconds wait to be read; what comes then is lost to this tap: the positions show where.
/// `LW_STOPPED` when the pipeline has stopped and everything was read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_tap_read(
    tap: lw_tap,
    pcm: *mut f32,
    frames: usize,
    timeout_ms: i64,
    read: *mut usize,
    position: *mut u64,
) -> lw_status {
    call(|| {
        let tap = handles::find::<TapHandle>(tap)?;
        let samples = frames.saturating_mul(tap.spec.channels.count());
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (pcm, read, position) = unsafe {
            (items_mut(pcm, samples, "pcm")?, Out::new(read, "read")?, Out::optional(position, "position")?)
        };
        let mut reader = lock(&tap.tap);
        let done = reader.read(pcm, patience(timeout_ms))?;
        if let Some(position) = position {
            position.set(done.position.0)?;
        }
        read.set(done.frames)
    })
}

/// How many frames were lost to this tap because they were not read in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_tap_lost(tap: lw_tap, frames: *mut u64) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let frames = unsafe { Out::new(frames, "frames") }?;
        let tap = handles::find::<TapHandle>(tap)?;
        let lost = lock(&tap.tap).lost();
        frames.set(lost.0)
    })
}

/// A file descriptor for `poll` and the like. It is readable while there is PCM that no read has begun, and
/// once the pipeline has stopped. Wait for it, then call `lw_tap_read` with a timeout of 0 until it reads
/// nothing. It belongs to the tap: do not read or close it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_tap_fd(tap: lw_tap, fd: *mut c_int) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let fd = unsafe { Out::new(fd, "fd") }?;
        let tap = handles::find::<TapHandle>(tap)?;
        let descriptor = lock(&tap.tap).descriptor().as_raw_fd();
        fd.set(descriptor)
    })
}

/// Closes a tap. Closing it again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_tap_close(tap: lw_tap) -> lw_status {
    call(|| {
        handles::close::<TapHandle>(tap)?;
        Ok(lw_status::LW_OK)
    })
}

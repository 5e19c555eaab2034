//! Sources that the host brings: encoded audio for a live input, which it writes as it comes.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use longwave::{LiveSession, SourceInfo, SourceStream};
use serde::Deserialize;

use super::{lw_pipeline, with};
use crate::entry::{call, lock};
use crate::failure::{Failure, lw_status};
use crate::handles;
use crate::json;
use crate::text::{Out, items, optional_text, text};

/// A source at a live input that the host writes.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_source = u64;

/// The most bytes that wait to be read: sixteen seconds of MP3 at 128 kbit/s, more than a second of FLAC.
const MAX_WAITING: usize = 256 * 1024;

/// A source. It ends when its handle is closed.
pub struct Source {
    pipe: Pipe,
    session: LiveSession,
}

impl handles::Kind for Source {
    const WORD: &'static str = "a source";
}

impl Drop for Source {
    fn drop(&mut self) {
        self.pipe.end();
    }
}

/// Bytes on their way from the host to the thread of the source.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<Bytes>, Condvar)>);

#[derive(Default)]
struct Bytes {
    waiting: VecDeque<u8>,
    /// No more will come, or be read.
    ended: bool,
}

impl Pipe {
    /// Takes what there is room for. `None` if it has ended.
    fn write(&self, bytes: &[u8]) -> Option<usize> {
        let (state, arrived) = &*self.0;
        let mut state = lock(state);
        if state.ended {
            return None;
        }
        let taken = bytes.len().min(MAX_WAITING - state.waiting.len());
        state.waiting.extend(&bytes[..taken]);
        arrived.notify_one();
        Some(taken)
    }

    fn end(&self) {
        let (state, arrived) = &*self.0;
        lock(state).ended = true;
        arrived.notify_one();
    }
}

impl Read for Pipe {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let (state, arrived) = &*self.0;
        let nothing = |state: &mut Bytes| state.waiting.is_empty() && !state.ended;
        let mut state = arrived.wait_while(lock(state), nothing).unwrap_or_else(PoisonError::into_inner);
        state.waiting.read(to)
    }
}

/// What a host says of its source.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Info {
    content_type: String,
    user: String,
    program: String,
    name: Option<String>,
    genre: Option<String>,
    description: Option<String>,
    url: Option<String>,
}

impl From<Info> for SourceInfo {
    fn from(info: Info) -> SourceInfo {
        let Info { content_type, user, program, name, genre, description, url } = info;
        SourceInfo { user, program, name, genre, description, url, ..SourceInfo::new(content_type) }
    }
}

/// Puts a source on the air at the live input at `path`: as soon as its buffer is full, and nothing of a
/// higher priority is there. `lw_source_write` gives it MP3, AAC with ADTS headers, or Ogg with Vorbis,
/// Opus or FLAC, at the pace at which it sounds. `info` is JSON with what is known of it, and may be NULL:
/// `user`, `program`, `name` (of the stream), `genre`, `description`, `url`, and `content_type`, which
/// decides in doubt. `LW_NOT_FOUND` if there is no such live input, `LW_EXISTS` if another source is there.
/// `source` is closed by `lw_source_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_go_live(
    pipeline: lw_pipeline,
    path: *const c_char,
    info: *const c_char,
    source: *mut lw_source,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (path, info, source) =
            unsafe { (text(path, "path")?, optional_text(info, "info")?, Out::new(source, "source")?) };
        let wanted = r#"an object like {"user": "anna", "content_type": "audio/mpeg"}"#;
        let info: Info = info.map_or(Ok(Info::default()), |info| json::read(info, "info", wanted))?;
        let pipe = Pipe::default();
        let ends = pipe.clone();
        let stream = SourceStream::new(pipe.clone()).closed_by(move |_reason| ends.end());
        let session = with(pipeline, |pipeline| Ok(pipeline.go_live(path, info.into(), stream)?))?;
        source.set(handles::add(Source { pipe, session }))
    })
}

/// Gives a source bytes, cut anywhere. This does not wait: `taken` is how many of them there was room for;
/// offer the others again later. `LW_STOPPED` if the source has ended: it was removed, nothing of it could
/// be played for ten seconds, nothing has come for `source_timeout`, or the pipeline has stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_write(
    source: lw_source,
    bytes: *const u8,
    count: usize,
    taken: *mut usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (bytes, taken) = unsafe { (items(bytes, count, "bytes")?, Out::new(taken, "taken")?) };
        let source = handles::find::<Source>(source)?;
        if let Some(reason) = source.session.ended() {
            return Err(Failure::stopped(format!("the source has ended: {}", reason.as_str())));
        }
        let written = source.pipe.write(bytes);
        taken.set(written.ok_or_else(|| Failure::stopped("the source has ended"))?)
    })
}

/// Sets the title of what is written from now on. It is heard when the buffer has played what came before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_set_title(source: lw_source, title: *const c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let title = unsafe { text(title, "title") }?;
        handles::find::<Source>(source)?.session.set_title(title);
        Ok(lw_status::LW_OK)
    })
}

/// What is known of a source, as JSON like an item of `lw_station_sources`. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_state(source: lw_source, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        json.json(&longwave::json::Source::of(&handles::find::<Source>(source)?.session.state()))
    })
}

/// Ends a source: it fades out, and the programme comes back. Closing it again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_source_close(source: lw_source) -> lw_status {
    call(|| {
        handles::close::<Source>(source)?;
        Ok(lw_status::LW_OK)
    })
}

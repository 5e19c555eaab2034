//! Events that the host asks for, of a pipeline or of a server.

use std::ffi::{c_char, c_int};
use std::os::fd::AsRawFd;

use longwave::{EventReceiver, StationEvent};

use crate::entry::call;
use crate::failure::{Failure, Outcome, lw_status};
use crate::json::{EventDocument, StationEventDocument};
use crate::pipeline::{declared, lw_pipeline};
use crate::server::{lw_server, server};
use crate::text::{Out, patience};

/// The most events that wait to be read: those of several minutes, or of a crowd that joins at once.
pub const EVENTS: usize = 1024;

/// The next event of a pipeline or a server, or `None` after the timeout.
///
/// # Errors
/// If it has stopped and all events were read.
fn next<T: From<StationEvent>>(
    events: &EventReceiver<T>,
    timeout_ms: i64,
    whose: &str,
) -> Outcome<Option<T>> {
    let event = events.recv_timeout(patience(timeout_ms));
    if event.is_some() || !events.is_closed() {
        return Ok(event);
    }
    // The last events may have come between the timeout and the stop.
    let last = events.try_recv();
    last.map(Some)
        .ok_or_else(|| Failure::stopped(format!("the {whose} has stopped, and all its events were read")))
}

/// The next event, as JSON like a hook's, freed by `lw_free`. This waits for it, `timeout_ms` milliseconds at
/// most. With 0 it does not wait; below 0 it waits as long as it takes. `LW_NONE` if no event came within
/// this time. `LW_STOPPED` if the pipeline has stopped and all events were read, and at once if it is not
/// started yet. Events are kept from `lw_pipeline_open` on, 1,024 at most: an event `missed` says how many
/// did not fit. Every event goes to one caller.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_next_event(
    pipeline: lw_pipeline,
    timeout_ms: i64,
    event: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(event, "event") }?;
        let pipeline = declared(pipeline)?;
        // Before the start, no event would end the wait.
        let timeout_ms = if pipeline.was_started() { timeout_ms } else { 0 };
        match next(&pipeline.events, timeout_ms, "pipeline")? {
            Some(event) => out.json(&EventDocument::of(&event, pipeline.spec().rate)),
            None if !pipeline.was_started() => Err(Failure::stopped("the pipeline is not started yet")),
            None => Ok(lw_status::LW_NONE),
        }
    })
}

/// A file descriptor for `poll`, `epoll`, `select` and event loops built on them. It is readable as long as
/// events wait, and once the pipeline has stopped. Wait for it, then call `lw_pipeline_next_event` with a
/// timeout of 0 until it returns none. It belongs to the pipeline: do not read or close it. It is closed with
/// the pipeline's last handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_event_fd(pipeline: lw_pipeline, fd: *mut c_int) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let fd = unsafe { Out::new(fd, "fd") }?;
        fd.set(declared(pipeline)?.events.descriptor()?.as_raw_fd())
    })
}

/// The next event of a server and of all pipelines on it, as JSON like a hook's, with the name of its
/// `pipeline` (null for a mount that no pipeline feeds, and its listeners). `timeout_ms` and the results are
/// as for `lw_pipeline_next_event`. Events are kept from the first call of this or of `lw_server_event_fd`
/// on, 1,024 at most: an event `missed` says how many did not fit. `LW_STOPPED` before the server is started,
/// and when it and these pipelines have stopped and all events were read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_next_event(
    server: lw_server,
    timeout_ms: i64,
    event: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(event, "event") }?;
        let server = self::server(server)?;
        let event = next(server.events()?, timeout_ms, "server")?;
        out.json_if_any(event.as_ref().map(|event| StationEventDocument::of(event, server.rate_of(event))))
    })
}

/// A file descriptor like that of `lw_pipeline_event_fd`, for the events of `lw_server_next_event`. It
/// belongs to the server: do not read or close it. It is closed with the server's last handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_event_fd(server: lw_server, fd: *mut c_int) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let fd = unsafe { Out::new(fd, "fd") }?;
        fd.set(self::server(server)?.events()?.descriptor()?.as_raw_fd())
    })
}

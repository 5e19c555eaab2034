//! Events that the host asks for, of a pipeline or of a server.

use std::ffi::{c_char, c_int};
use std::os::fd::AsRawFd;
use std::time::Duration;

use longwave::{EventReceiver, StationEvent};

use crate::entry::call;
use crate::failure::{Failure, lw_status};
use crate::json::{EventDocument, StationEventDocument};
use crate::pipeline::{declared, lw_pipeline};
use crate::server::{lw_server, server};
use crate::text::Out;

/// The most events that wait to be read: those of several minutes, or of a crowd that joins at once.
pub const EVENTS: usize = 1024;

/// A year. Longer waits are cut to it, so that adding one to a time cannot overflow.
const LONGEST_MS: u64 = 365 * 24 * 3600 * 1000;

/// The next event, by the rules of the header for `timeout_ms`.
fn next<T: From<StationEvent>>(events: &EventReceiver<T>, timeout_ms: i64) -> Option<T> {
    let waited = match timeout_ms {
        0 => None,
        ..0 => events.recv(),
        _ => events.recv_timeout(Duration::from_millis(timeout_ms.unsigned_abs().min(LONGEST_MS))),
    };
    // The last event may have come just after the timeout.
    waited.or_else(|| events.try_recv())
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
        match next(&pipeline.events, timeout_ms) {
            Some(event) => out.json(&EventDocument::of(&event, pipeline.spec().rate)),
            None if pipeline.events.is_closed() => {
                Err(Failure::stopped("the pipeline has stopped, and all its events were read"))
            }
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
/// `pipeline` (null for a mount that no pipeline feeds, and its listeners). `timeout_ms` and the results are as
/// for `lw_pipeline_next_event`. Events are kept from the first call of this or of `lw_server_event_fd` on,
/// 1,024 at most: an event `missed` says how many did not fit. `LW_STOPPED` before the server is started, and
/// when it and these pipelines have stopped and all events were read.
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
        let events = server.events()?;
        match next(events, timeout_ms) {
            Some(event) => out.json(&StationEventDocument::of(&event, server.rate_of(&event))),
            None if events.is_closed() => {
                Err(Failure::stopped("the server has stopped, and all its events were read"))
            }
            None => Ok(lw_status::LW_NONE),
        }
    })
}

/// A file descriptor like that of `lw_pipeline_event_fd`, for the events of `lw_server_next_event`. It belongs
/// to the server: do not read or close it. It is closed with the server's last handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_event_fd(server: lw_server, fd: *mut c_int) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let fd = unsafe { Out::new(fd, "fd") }?;
        fd.set(self::server(server)?.events()?.descriptor()?.as_raw_fd())
    })
}

//! Sources of a station: who they are, what they may be ordered, and the host that decides who may send.

use std::ffi::{c_char, c_void};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use longwave::{SourceRequest, Title, json};
use serde::Serialize;

use crate::caller::{Caller, User};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::station::{Station, lw_station, on_air};
use crate::text::{self, Out, optional_text, text};

/// A source that waits for the host's decision. It is closed when the function that decides returns.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_source_request = u64;

/// A function that decides whether a source may send. `description` is JSON: `path` (where it wants to
/// send), `user` and `password` (its login; a program that knows only a password logs in as
/// `name:password`, else as `source`; with a token `user` is empty), `address`, `program`, `content_type`,
/// `name` (of the stream), `genre`, `description`, `url`, `bitrate` (kbit/s), `sample_rate` (Hz),
/// `channels`; what is not known is null. It is valid until the function returns. The function answers by
/// `lw_source_request_admit`, `lw_source_request_refuse` or `lw_source_request_fail`; the last answer
/// counts, and without one the source is refused. `user` is the pointer that `lw_station_admit_sources` was
/// given.
///
/// It is called on a thread of its own, one call at a time. It may take its time and call every function of
/// this interface, but a source that has waited for five seconds is refused. It must return, and not unwind
/// or jump out. The thread's signal mask is that of the thread that gave the first function; its
/// floating-point environment is the default one, and may be changed by the function.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_admit_source = Option<
    unsafe extern "C" fn(
        station: lw_station,
        request: lw_source_request,
        description: *const c_char,
        user: *mut c_void,
    ),
>;

/// What the host has said of a source.
type Answer = Result<String, String>;

/// A source that waits, with the answer of the host, once there is one.
#[derive(Default)]
pub struct Waiting(Mutex<Option<Answer>>);

impl handles::Kind for Waiting {
    const WORD: &'static str = "a source that waits";
}

/// What a host reads of a source that waits.
#[derive(Serialize)]
struct Description<'a> {
    path: &'a str,
    user: &'a str,
    password: &'a str,
    address: IpAddr,
    program: &'a str,
    content_type: &'a str,
    name: Option<&'a str>,
    genre: Option<&'a str>,
    description: Option<&'a str>,
    url: Option<&'a str>,
    bitrate: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u8>,
}

impl Description<'_> {
    fn of(request: &SourceRequest) -> Description<'_> {
        let info = &request.info;
        Description {
            path: &request.path,
            user: &request.user,
            password: &request.password,
            address: request.address,
            program: &info.program,
            content_type: &info.content_type,
            name: info.name.as_deref(),
            genre: info.genre.as_deref(),
            description: info.description.as_deref(),
            url: info.url.as_deref(),
            bitrate: info.bitrate,
            sample_rate: info.sample_rate,
            channels: info.channels,
        }
    }
}

/// The host's function, and the thread that calls it.
#[derive(Default)]
pub struct Admission {
    pub caller: Caller,
    function: Mutex<Option<Function>>,
}

#[derive(Clone, Copy)]
pub struct Function {
    function: unsafe extern "C" fn(lw_station, lw_source_request, *const c_char, *mut c_void),
    station: lw_station,
    user: User,
}

impl Admission {
    /// Whether the host decides.
    pub fn is_there(&self) -> bool {
        lock(&self.function).is_some()
    }

    /// Asks the host. Runs on the thread `admission`.
    pub fn ask(&self, request: &SourceRequest) -> Answer {
        let description = text::json(&Description::of(request));
        let waiting = Arc::<Waiting>::default();
        let handle = handles::add_shared(waiting.clone());
        let ask = |asked: Function| {
            // SAFETY: the host has said that it may be called, on this thread, until it is replaced.
            unsafe { (asked.function)(asked.station, handle, description.as_ptr(), asked.user.0) }
        };
        self.caller.call(|| *lock(&self.function), ask);
        // It is open: no function of the interface closes a handle of this kind.
        let _ = handles::close::<Waiting>(handle);
        let answer = lock(&waiting.0).take();
        answer.unwrap_or_else(|| Err("the station has not let you in".into()))
    }

    /// Asks this function from now on, and none before it, which may still run.
    pub fn set(&self, function: Option<Function>) {
        if function.is_some() {
            self.caller.take_mask();
        }
        *lock(&self.function) = function;
    }
}

/// Answers a source that waits.
fn answer(request: lw_source_request, answer: Answer) -> Outcome {
    *lock(&handles::find::<Waiting>(request)?.0) = Some(answer);
    Ok(lw_status::LW_OK)
}

/// Lets `function` decide who may send to the live inputs and relayed mounts of a station, instead of the
/// users file: see `lw_admit_source`. To be called before `lw_station_start`; the station then serves the
/// HTTP API, as with `users_file`. If it serves it anyway, this may be called at any time.
///
/// Later another function may take its place, or none, if `function` is NULL: then every source is refused.
/// When this returns, the function before does not run and will not run again, unless it has called this
/// itself. Do not hold a lock that it waits for. After `lw_station_stop` it is not called either, unless
/// that has named the thread `admission`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_admit_sources(
    station: lw_station,
    function: lw_admit_source,
    user: *mut c_void,
) -> lw_status {
    call(|| {
        let user = User(user);
        let function = function.map(|function| Function { function, station, user });
        let station = handles::find::<Station>(station)?;
        station.let_decide(function)?;
        station.admission.caller.wait();
        Ok(lw_status::LW_OK)
    })
}

/// Lets a source in. It is known by `name` from then on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_request_admit(
    request: lw_source_request,
    name: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let name = unsafe { text(name, "name") }?;
        if name.is_empty() {
            return Err(Failure::invalid("name is empty: a source is known by it"));
        }
        answer(request, Ok(name.into()))
    })
}

/// Refuses a source, by the status 403. Its DJ reads `reason`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_request_refuse(
    request: lw_source_request,
    reason: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let reason = unsafe { text(reason, "reason") }?;
        answer(request, Err(reason.into()))
    })
}

/// Refuses a source because the host's own code has failed. `reason` goes to the log (`lw_log_to`), and not
/// to the DJ.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_source_request_fail(
    request: lw_source_request,
    reason: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let reason = unsafe { text(reason, "reason") }?;
        answer(request, Err("the station's own code has failed: its log says where".into()))?;
        log::error!("the function that decides who may send has failed: {reason}");
        Ok(lw_status::LW_OK)
    })
}

/// The sources that are connected to a station, in the order of their coming, as a JSON list: `id`, `path`,
/// `user`, `program`, `address`, `content_type`, `name`, `since`, `received_bytes`, `lost_bytes`,
/// `silent_for`, and `live`, which tells of the sound at a live input. `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_sources(station: lw_station, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let sources = on_air(station, |station| Ok(station.sources()))?;
        json.json(&sources.iter().map(json::Source::of).collect::<Vec<_>>())
    })
}

/// Removes a source, by its `id`. Its path is free at once. `LW_NOT_FOUND` if there is no such source.
#[unsafe(no_mangle)]
pub extern "C" fn lw_station_kick_source(station: lw_station, source: u64) -> lw_status {
    call(|| {
        on_air(station, |station| Ok(station.kick_source(source)?))?;
        Ok(lw_status::LW_OK)
    })
}

/// Sets the title of what the source at `path` sends from now on. `url` may be NULL. `LW_NOT_FOUND` if the
/// path has no source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_station_update_source_metadata(
    station: lw_station,
    path: *const c_char,
    title: *const c_char,
    url: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (path, title, url) =
            unsafe { (text(path, "path")?, text(title, "title")?, optional_text(url, "url")?) };
        let title = Title { url: url.map(Into::into), ..Title::new(title) };
        on_air(station, |station| Ok(station.update_source_metadata(path, title)?))?;
        Ok(lw_status::LW_OK)
    })
}

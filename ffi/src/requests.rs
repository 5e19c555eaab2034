//! HTTP paths that the host answers.

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Weak};

use longwave::{HttpAnswer, HttpRequest, Requests, RequestsBell};
use serde::Serialize;

use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::handles;
use crate::json;
use crate::server::{Server, lw_server, server};
use crate::text::{Out, items, optional_text, patience, text};

/// The requests for paths that the host has taken over.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_requests = u64;

/// A request that waits for the host's answer.
#[allow(non_camel_case_types, reason = "this is the name in C")]
pub type lw_request = u64;

/// The most requests that wait to be read: room for them is made at once.
const MAX_WAITING: usize = 65_536;

/// Paths that the host answers. One call at a time waits for the next request.
pub struct Taken {
    server: Weak<Server>,
    /// `None` once the handle was closed.
    requests: Mutex<Option<Requests>>,
    bell: RequestsBell,
}

impl handles::Kind for Taken {
    const WORD: &'static str = "requests";
}

/// A request. It is here until it is answered.
pub struct Asked(HttpRequest);

impl handles::Kind for Asked {
    const WORD: &'static str = "a request";
}

/// What a host reads of a request.
#[derive(Serialize)]
struct RequestDocument<'a> {
    method: &'a str,
    path: &'a str,
    segments: Option<Vec<String>>,
    address: Option<IpAddr>,
    base_url: &'a str,
}

/// Takes over the requests for these paths, a JSON list: whole paths (`"/hello"`), or such as end with a
/// slash and stand for everything below them (`"/shop/"`). At most `waiting` of them wait to be read; the
/// server refuses further ones. If two have taken the same path, the first has it. They come complete; a body
/// has 64 KiB at most. `requests` is closed by `lw_requests_close`. `LW_STOPPED` if the server is not
/// running.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_server_take_requests(
    server: lw_server,
    paths: *const c_char,
    waiting: usize,
    requests: *mut lw_requests,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (paths, out) = unsafe { (text(paths, "paths")?, Out::new(requests, "requests")?) };
        let paths: Vec<String> = json::read(paths, "paths", r#"a list of paths, ["/hello", "/shop/"]"#)?;
        if let Some(wrong) = paths.iter().find(|path| !path.starts_with('/')) {
            return Err(Failure::invalid(format!("paths: {wrong:?} does not begin with a slash")));
        }
        if !(1..=MAX_WAITING).contains(&waiting) {
            return Err(Failure::invalid(format!("waiting: {waiting} is not from 1 to {MAX_WAITING}")));
        }
        let server = self::server(server)?;
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let requests = server.running()?.take_requests(&paths, waiting)?;
        let (bell, server) = (requests.bell(), Arc::downgrade(&server));
        out.set(handles::add(Taken { server, requests: Mutex::new(Some(requests)), bell }))
    })
}

/// The next request. This waits for it, `timeout_ms` milliseconds at most; with 0 it does not wait, below 0
/// it waits as long as it takes. `LW_NONE` if none came within this time. `LW_STOPPED` when the server has
/// stopped or `requests` was closed meanwhile. Other calls for these requests wait meanwhile, except
/// `lw_requests_close`. `request` is closed by `lw_request_answer`, or by `lw_request_close`; a client waits
/// a minute.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_requests_next(
    requests: lw_requests,
    timeout_ms: i64,
    request: *mut lw_request,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let out = unsafe { Out::new(request, "request") }?;
        let taken = handles::find::<Taken>(requests)?;
        let is_closed = || handles::find::<Taken>(requests).is_err();
        // Closing rings the bell once, for the one that waits; those behind it see that it is closed.
        let next =
            |taken: &Requests| (!is_closed()).then(|| taken.next_within(patience(timeout_ms))).flatten();
        let asked = lock(&taken.requests).as_ref().and_then(next);
        match asked {
            Some(asked) => out.set(handles::add(Asked(asked))),
            None if is_closed() => Err(Failure::stopped("the requests were closed")),
            None if !taken.server.upgrade().is_some_and(|server| server.is_running()) => {
                Err(Failure::stopped("the server has stopped"))
            }
            None => Ok(lw_status::LW_NONE),
        }
    })
}

/// Gives the paths back to the server, and ends the wait of `lw_requests_next`. Requests that were not read
/// are answered with 500. Closing them again is harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_requests_close(requests: lw_requests) -> lw_status {
    call(|| {
        if let Some(taken) = handles::close::<Taken>(requests)? {
            taken.bell.ring();
            lock(&taken.requests).take();
        }
        Ok(lw_status::LW_OK)
    })
}

/// A request, as JSON: `method`, `path` (as it was sent, without the query), `segments` (of the path, each
/// decoded; null if one is not UTF-8), `address` (of the client, as far as `addresses` allows), `base_url`
/// (by which the client reaches the server). `json` is freed by `lw_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_request_info(request: lw_request, json: *mut *mut c_char) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let json = unsafe { Out::new(json, "json") }?;
        let asked = handles::find::<Asked>(request)?;
        json.json(&RequestDocument {
            method: asked.0.method(),
            path: asked.0.raw_path(),
            segments: asked.0.segments(),
            address: asked.0.shown_address().ip(),
            base_url: asked.0.base_url(),
        })
    })
}

/// The decoded value of the first parameter of this name in a request's query, freed by `lw_free`. `LW_NONE`
/// if there is none, or if it is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_request_parameter(
    request: lw_request,
    name: *const c_char,
    value: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, value) = unsafe { (text(name, "name")?, Out::new(value, "value")?) };
        let found = handles::find::<Asked>(request)?.0.parameter(name);
        value.text_if_any(found.as_deref())
    })
}

/// The first header of this name (in any case) of a request, freed by `lw_free`. `LW_NONE` if there is none,
/// or if it is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_request_header(
    request: lw_request,
    name: *const c_char,
    value: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (name, value) = unsafe { (text(name, "name")?, Out::new(value, "value")?) };
        value.text_if_any(handles::find::<Asked>(request)?.0.header(name))
    })
}

/// The body of a request; `count` is 0 if it has none. It belongs to the request and is valid until that is
/// answered or closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_request_body(
    request: lw_request,
    bytes: *mut *const u8,
    count: *mut usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (bytes, count) = unsafe { (Out::new(bytes, "bytes")?, Out::new(count, "count")?) };
        let asked = handles::find::<Asked>(request)?;
        count.set(asked.0.body().len())?;
        bytes.set(asked.0.body().as_ptr())
    })
}

/// Answers a request with a status from 200 to 599, a body, and headers: a JSON object like
/// `{"Content-Type": "text/html"}`, or NULL, which means plain text. The server adds what depends on the
/// connection, and a policy for browsers that forbids scripts, unless `headers` has its own
/// `Content-Security-Policy`. `request` is closed with it. For a header that cannot be one this returns
/// `LW_INVALID`, and the request still waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_request_answer(
    request: lw_request,
    status: u32,
    headers: *const c_char,
    bytes: *const u8,
    count: usize,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let (headers, bytes) = unsafe { (optional_text(headers, "headers")?, items(bytes, count, "bytes")?) };
        handles::find::<Asked>(request)?;
        let answer = answer(status, headers, bytes)?;
        if let Some(asked) = handles::close::<Asked>(request)? {
            take(asked).answer(answer);
        }
        Ok(lw_status::LW_OK)
    })
}

/// Takes a request whose handle is closed. If another call is reading it, this waits the moment that it
/// takes.
fn take(mut asked: Arc<Asked>) -> HttpRequest {
    loop {
        match Arc::try_unwrap(asked) {
            Ok(asked) => return asked.0,
            Err(shared) => asked = shared,
        }
        std::thread::yield_now();
    }
}

fn answer(status: u32, headers: Option<&str>, body: &[u8]) -> Outcome<HttpAnswer> {
    let known = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
    let status = known.ok_or_else(|| Failure::invalid(format!("status: {status} is not from 200 to 599")))?;
    let headers: BTreeMap<String, String> = match headers {
        Some(headers) => json::read(headers, "headers", r#"an object like {"Content-Type": "text/html"}"#)?,
        None => BTreeMap::new(),
    };
    let (mut content_type, mut others) = ("text/plain; charset=utf-8", Vec::new());
    for (name, value) in &headers {
        check_name(name).map_err(|reason| Failure::invalid(format!("headers: {name:?} {reason}")))?;
        if name.eq_ignore_ascii_case("content-type") {
            content_type = value;
        } else {
            others.push((name, value));
        }
    }
    let answer = HttpAnswer::new(status, content_type, body);
    Ok(others.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value)))
}

/// Headers that the server writes itself.
const OF_THE_SERVER: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("is not the name of a header: use letters, digits and -");
    }
    if OF_THE_SERVER.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err("is a header that the server writes itself: leave it out");
    }
    Ok(())
}

/// Closes a request without an answer: its client gets 500. Closing it again, or after it was answered, is
/// harmless.
#[unsafe(no_mangle)]
pub extern "C" fn lw_request_close(request: lw_request) -> lw_status {
    call(|| {
        handles::close::<Asked>(request)?;
        Ok(lw_status::LW_OK)
    })
}

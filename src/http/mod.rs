//! HTTP/1.0 and 1.1, as much as a radio server needs: from bytes to requests, from answers to bytes.

mod answer;
mod body;
mod chunks;
mod conditions;
mod cors;
mod encoding;
mod form;
mod head;
mod host;
mod icy_source;
mod media_type;
mod problem;
mod request;
mod session_cookie;
mod status;
mod url;

pub use answer::HttpAnswer;
pub(crate) use answer::{DateLine, Form, Outgoing, is_header_value};
pub(crate) use body::{Body, StreamBody};
pub(crate) use chunks::BadChunk;
#[doc(hidden)]
pub use chunks::read_chunks;
pub(crate) use conditions::{Wanted, entity_tag, names_tag, wanted};
pub(crate) use form::form_value;
pub(crate) use head::{Found, HeadSearch, MAX_HEAD, after_empty_lines};
pub(crate) use host::is_host;
#[doc(hidden)]
pub use icy_source::read_icy_login;
pub(crate) use icy_source::{
    FirstLine, ICY_LOGIN, ICY_WELCOME, IcyFault, IcyHeadSearch, IcyLogin, IcySource, first_line, head_text,
};
pub(crate) use media_type::{M3U, is_stream_type};
pub(crate) use problem::ProblemDetails;
pub(crate) use request::{Request, Version};
pub(crate) use session_cookie::{session_in, set_session};
pub(crate) use status::Status;
pub(crate) use url::{is_web_url, no_web_url};

/// Reads a request as a connection does, from pieces of this length, and describes it. For fuzzing.
#[doc(hidden)]
pub fn read_request(bytes: &[u8], piece: usize) -> String {
    let mut search = HeadSearch::default();
    for end in (piece..bytes.len()).step_by(piece).chain([bytes.len()]) {
        match search.look(&bytes[..end]) {
            Found::NotYet => {}
            Found::Bad(status) => return format!("{status:?}"),
            Found::Head(end) => {
                assert!(end <= MAX_HEAD, "a head of {end} bytes");
                return match Request::parse(&bytes[..end]) {
                    Err(status) => format!("{status:?}"),
                    Ok(request) => format!(
                        "{} {:?} {} {} {}",
                        request.method,
                        request.path(),
                        request.wants_metadata(),
                        request.is_probe(),
                        request.keeps_alive()
                    ),
                };
            }
        }
    }
    "more is to come".to_owned()
}

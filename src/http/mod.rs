//! HTTP/1.0 and 1.1, as much as a radio server needs: from bytes to requests, from answers to bytes.

mod answer;
mod host;
mod problem;
mod request;
mod status;

pub use answer::HttpAnswer;
pub(crate) use answer::{DateLine, Form, Outgoing, is_header_value};
pub(crate) use host::is_host;
pub(crate) use problem::ProblemDetails;
pub(crate) use request::{Body, Found, HeadSearch, MAX_HEAD, Request, Version};
pub(crate) use status::Status;

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

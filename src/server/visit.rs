//! What is remembered of a request for as long as it lasts.

use std::net::IpAddr;

use crate::http::Request;

/// What of a request line or a header is kept at most: memory per listener is bounded.
const KEPT: usize = 256;

/// Who asked for what, for the access log and for events.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) id: u64,
    pub(crate) address: IpAddr,
    /// `GET /stream.mp3 HTTP/1.1`; empty if there was no such line.
    pub(crate) request_line: Box<str>,
    pub(crate) agent: Box<str>,
    pub(crate) referer: Box<str>,
}

impl Visit {
    pub(crate) fn new(id: u64, address: IpAddr, request: Option<&Request<'_>>) -> Visit {
        let header = |name| request.and_then(|request| request.header(name)).map(kept).unwrap_or_default();
        let line = |request: &Request<'_>| {
            let (method, target) = (kept(request.method), kept(request.target));
            format!("{method} {target} {}", request.version.as_str()).into_boxed_str()
        };
        Visit {
            id,
            address: address.to_canonical(),
            request_line: request.map(line).unwrap_or_default(),
            agent: header("user-agent"),
            referer: header("referer"),
        }
    }
}

fn kept(text: &str) -> Box<str> {
    let mut end = text.len().min(KEPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

//! HTTP/1.0 and 1.1 as far as a radio server speaks it. Bytes in, values out, and back.

mod request;
mod response;

pub(crate) use request::{Found, HeadSearch, MAX_HEAD, Request, Version};
pub(crate) use response::{DateLine, Response, Status, is_header_value, stream_head};

//! Status codes and their reasons.

/// A status code with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) u16, &'static str);

impl Status {
    pub(crate) const OK: Status = Status(200, "OK");
    pub(crate) const BAD_REQUEST: Status = Status(400, "Bad Request");
    pub(crate) const NOT_FOUND: Status = Status(404, "Not Found");
    pub(crate) const METHOD_NOT_ALLOWED: Status = Status(405, "Method Not Allowed");
    pub(crate) const REQUEST_TIMEOUT: Status = Status(408, "Request Timeout");
    pub(crate) const LENGTH_REQUIRED: Status = Status(411, "Length Required");
    pub(crate) const BODY_TOO_LARGE: Status = Status(413, "Content Too Large");
    pub(crate) const TOO_MANY_REQUESTS: Status = Status(429, "Too Many Requests");
    pub(crate) const HEAD_TOO_LARGE: Status = Status(431, "Request Header Fields Too Large");
    pub(crate) const NOT_IMPLEMENTED: Status = Status(501, "Not Implemented");
    pub(crate) const UNAVAILABLE: Status = Status(503, "Service Unavailable");
    pub(crate) const GATEWAY_TIMEOUT: Status = Status(504, "Gateway Timeout");

    /// Every code whose reason is known.
    const KNOWN: [Status; 25] = [
        Status::OK,
        Status(201, "Created"),
        Status(202, "Accepted"),
        Status(204, "No Content"),
        Status(206, "Partial Content"),
        Status(304, "Not Modified"),
        Status::BAD_REQUEST,
        Status(401, "Unauthorized"),
        Status(403, "Forbidden"),
        Status::NOT_FOUND,
        Status::METHOD_NOT_ALLOWED,
        Status::REQUEST_TIMEOUT,
        Status(409, "Conflict"),
        Status::LENGTH_REQUIRED,
        Status::BODY_TOO_LARGE,
        Status(415, "Unsupported Media Type"),
        Status(416, "Range Not Satisfiable"),
        Status(422, "Unprocessable Content"),
        Status(429, "Too Many Requests"),
        Status::HEAD_TOO_LARGE,
        Status(500, "Internal Server Error"),
        Status::NOT_IMPLEMENTED,
        Status::UNAVAILABLE,
        Status::GATEWAY_TIMEOUT,
        Status(507, "Insufficient Storage"),
    ];

    /// The status of a code. The reason of an unknown code is empty.
    pub(crate) fn of(code: u16) -> Status {
        Status::KNOWN.into_iter().find(|status| status.0 == code).unwrap_or(Status(code, ""))
    }

    pub(crate) fn reason(self) -> &'static str {
        self.1
    }

    /// Whether its answers can have a body (RFC 9110, section 6.4.1).
    pub(crate) fn has_body(self) -> bool {
        !matches!(self.0, 100..=199 | 204 | 304)
    }
}

//! What pages of other origins may do (CORS). Streams and all that is public are for any page; whatever needs
//! a credential is not.

use super::HttpAnswer;

/// The headers that a page may send. `*` is all but `Authorization`, for browsers that know it; the names are
/// for those that do not.
const REQUEST_HEADERS: &str = "*, Authorization, Cache-Control, Content-Type, Icy-MetaData, Last-Event-ID, Pragma, Range, X-Requested-With";

/// How long a browser may remember that, in seconds.
const MAX_AGE: &str = "86400";

impl HttpAnswer {
    /// A page of any origin may read this answer.
    #[must_use]
    pub(crate) fn readable_by_all(self) -> HttpAnswer {
        self.with("Access-Control-Allow-Origin", "*")
    }

    /// A page of any origin may send requests with these methods. For the answer to a preflight.
    #[must_use]
    pub(crate) fn allowing_all(self, methods: &str) -> HttpAnswer {
        self.with("Access-Control-Allow-Methods", methods)
            .with("Access-Control-Allow-Headers", REQUEST_HEADERS)
            .with("Access-Control-Max-Age", MAX_AGE)
    }
}

//! Every reason why the API refuses a request, as problem details (RFC 9457).

use std::ops::Deref;
use std::time::Duration;

use serde::Serialize;

use crate::http::ProblemDetails;
use crate::{Error, HttpAnswer};

/// A refusal. (Boxed because few requests are refused.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Refusal>);

/// The details of a refusal, and the headers of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Refusal {
    details: ProblemDetails,
    #[serde(skip)]
    headers: Vec<(&'static str, String)>,
}

impl Deref for Problem {
    type Target = ProblemDetails;

    fn deref(&self) -> &ProblemDetails {
        &self.0.details
    }
}

/// Every code, with its status and its title. docs/API.md explains them.
pub(crate) const CODES: &[(&str, u16, &str)] = &[
    ("invalid-json", 400, "The body is not JSON"),
    ("invalid-body", 400, "The body has another form"),
    ("invalid-parameter", 400, "A parameter cannot be understood"),
    ("unauthorized", 401, "A credential is needed"),
    ("forbidden", 403, "This credential does not suffice"),
    ("cross-origin", 403, "Pages of other origins change nothing"),
    ("outside-media-roots", 403, "The file is not below a media root"),
    ("in-use", 403, "Somebody else sends to this path"),
    ("not-found", 404, "There is no such thing"),
    ("method-not-allowed", 405, "That cannot be done here"),
    ("exists", 409, "It exists already"),
    ("declared", 409, "The configuration declares it"),
    ("locks-out", 409, "Somebody would lock themselves out"),
    ("limit-reached", 409, "A limit was reached"),
    ("stopped", 409, "It is not running"),
    ("too-large", 413, "The file is too large"),
    ("unsupported-media-type", 415, "The body must be JSON"),
    ("unsupported-stream", 415, "This stream cannot be taken"),
    ("file-unplayable", 422, "The file cannot be played"),
    ("invalid-value", 422, "A value cannot work"),
    ("invalid-configuration", 422, "The configuration has problems"),
    ("requests-closed", 403, "No requests are taken now"),
    ("too-many-requests", 429, "Enough for now"),
    ("too-many-failures", 429, "Too many failed logins"),
    ("internal", 500, "Something went wrong here"),
    ("file-hangs", 503, "The disk of a file does not answer"),
    ("library-unavailable", 503, "The library cannot be used"),
    ("users-unavailable", 503, "The users cannot be changed"),
    ("busy", 503, "Too much to do"),
    ("disk-full", 507, "The disk is full"),
];

impl Problem {
    /// A problem with one of [`CODES`]. `detail` says in a sentence what happened.
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Problem {
        let known = CODES.iter().find(|known| known.0 == code);
        let &(_, status, title) = known.expect("every code is in the table");
        let details = ProblemDetails {
            kind: format!("urn:longwave:problem:{code}").into(),
            title,
            status,
            code: code.into(),
            detail: detail.into(),
            field: None,
            retry_after: None,
        };
        Problem(Box::new(Refusal { details, headers: Vec::new() }))
    }

    /// Names the field that is wrong.
    #[must_use]
    pub(crate) fn at(mut self, field: impl Into<String>) -> Problem {
        self.0.details.field = Some(field.into());
        self
    }

    /// Tells the client how long to wait before it tries again.
    #[must_use]
    pub(crate) fn retry_after(mut self, time: Duration) -> Problem {
        // Rounded up: whoever comes back by then finds it possible.
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.0.details.retry_after = Some(seconds.max(1));
        self
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Problem {
        self.0.headers.push((name, value.into()));
        self
    }

    pub(crate) fn answer(&self) -> HttpAnswer {
        let answer = self.0.details.answer();
        self.0.headers.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let detail = error.to_string();
        match error {
            Error::Setting { key, reason } => Problem::new("invalid-value", reason).at(key),
            // The error's text names the whole path, which the client may not know.
            Error::File { reason, .. } => Problem::new("file-unplayable", reason).at("file"),
            Error::NoAnswer { reason, .. } => Problem::new("file-hangs", reason).at("file"),
            Error::Exists(_) => Problem::new("exists", detail),
            Error::Declared(_) => Problem::new("declared", detail),
            Error::NotFound(_) => Problem::new("not-found", detail),
            Error::Limit { .. } => Problem::new("limit-reached", detail),
            Error::Busy(_) => Problem::new("busy", detail).retry_after(Duration::from_secs(1)),
            Error::Stopped(_) => Problem::new("stopped", detail),
            Error::Listen { .. } | Error::Encoder(_) | Error::Io { .. } => Problem::new("internal", detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_for_programs_and_for_people() {
        let problem = Problem::from(Error::setting("volume", "17 is outside 0..=16"));
        let json: serde_json::Value = serde_json::to_value(&problem).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "type": "urn:longwave:problem:invalid-value", "title": "A value cannot work", "status": 422,
                "code": "invalid-value", "detail": "17 is outside 0..=16", "field": "volume",
            })
        );
        let file = Problem::from(Error::file("/home/me/secret.mp3", "no such file"));
        assert!(!serde_json::to_string(&file).unwrap().contains("secret"));
    }
}

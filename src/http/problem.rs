//! Problem details (RFC 9457): why a request was refused, in JSON.

use std::borrow::Cow;

use serde::Serialize;

use super::{HttpAnswer, Status};

/// Why a request was refused: a code for programs, a sentence for people. Serialised, it is the body of its
/// answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProblemDetails {
    #[serde(rename = "type")]
    pub(crate) kind: Cow<'static, str>,
    pub(crate) title: &'static str,
    pub(crate) status: u16,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: String,
    /// The field of the request that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// In how many seconds it may be tried again, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

impl ProblemDetails {
    /// A problem that its status says already.
    pub(crate) fn of_status(status: Status, detail: &str) -> ProblemDetails {
        ProblemDetails {
            kind: "about:blank".into(),
            title: status.reason(),
            status: status.0,
            code: status.reason().to_lowercase().replace(' ', "-").into(),
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    pub(crate) fn answer(&self) -> HttpAnswer {
        let body = serde_json::to_vec(self).expect("strings and numbers can be written");
        let answer = HttpAnswer::new(self.status, "application/problem+json", body);
        let answer = answer.with("Cache-Control", "no-store").saying(&self.detail);
        match self.retry_after {
            Some(seconds) => answer.with("Retry-After", &seconds.to_string()),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_alone_is_a_problem() {
        let problem = ProblemDetails::of_status(Status::BODY_TOO_LARGE, "a body may have \"65536\" bytes");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "about:blank", "title": "Content Too Large", "status": 413,
                "code": "content-too-large", "detail": "a body may have \"65536\" bytes",
            })
        );
        assert_eq!(problem.answer().status(), 413);
    }
}

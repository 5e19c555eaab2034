//! Sessions of browsers: a user logs in once, and each request brings the cookie of the session. (What opens
//! and ends them is in `handlers/sessions.rs`.)
//!
//! A browser sends a cookie whoever makes it ask. So a request of a session that may change something must
//! say that a page of the station itself asks, and that it is JSON or a file, which no form can say.

use std::sync::{MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::call::{Call, is_json};
use super::guard::Guard;
use super::origin;
use super::problem::Problem;
use crate::HttpRequest;
use crate::access::{Credential, Identity, Refusal, Right, Session, SessionKey, Sessions, random};
use crate::http::{M3U, session_in, set_session};

impl Guard {
    /// Opens a session for a user who has logged in, and ends the one that this browser had. The text is the
    /// header `Set-Cookie`.
    pub(super) fn open_session(
        &self,
        request: &HttpRequest,
        who: &Identity,
        now: Instant,
    ) -> crate::Result<(Session, String)> {
        let key: SessionKey = random()?;
        let former = self.session_of(request, now);
        let agent = request.header("user-agent").unwrap_or_default();
        let address = request.shown_address().to_string();
        let mut sessions = self.open_sessions();
        if let Some(former) = former {
            sessions.end(former.id, now);
        }
        let session = sessions.open(&key, who.clone(), address, agent, now);
        let text = BASE64_URL_SAFE_NO_PAD.encode(key);
        Ok((session, set_session(&text, came_by_tls(request))))
    }

    /// The open session that a request belongs to.
    pub(super) fn session_of(&self, request: &HttpRequest, now: Instant) -> Option<Session> {
        let key = key_in(cookie_of(request)?)?;
        let session = self.open_sessions().find(&key, now)?;
        self.still_knows(&session.who).then_some(session)
    }

    /// Ends a session. Returns whether it was open.
    pub(super) fn end_session(&self, id: u64, now: Instant) -> bool {
        self.open_sessions().end(id, now)
    }

    /// Whether a session is open.
    pub(super) fn has_session(&self, id: u64, now: Instant) -> bool {
        self.open_sessions().is_open(id, now)
    }

    /// All open sessions, the oldest first.
    pub(super) fn sessions(&self, now: Instant) -> Vec<Session> {
        self.open_sessions().list(now)
    }

    /// Ends the sessions of users who have changed.
    pub(super) fn end_sessions_of_others(&self) {
        self.open_sessions().keep_of(|who| self.still_knows(who));
    }

    /// Whose session a request belongs to, if it may go on.
    pub(super) fn judge_session(
        &self,
        request: &HttpRequest,
        right: Right,
        now: Instant,
    ) -> Result<Identity, Problem> {
        if !matches!(request.method(), "GET" | "HEAD") {
            if !origin::is_own(request) {
                let detail = "a session changes something for a page of the station alone: the browser must \
                              send Origin or Sec-Fetch-Site. Programs use a token";
                return Err(Problem::new("cross-origin", detail));
            }
            if !request.header("content-type").is_some_and(no_form_says) {
                let detail = format!(
                    "a request of a session needs Content-Type: application/json, even without a body; \
                     a file is application/octet-stream, a playlist {M3U}"
                );
                return Err(Problem::new("unsupported-media-type", detail));
            }
        }
        let session = self.session_of(request, now).ok_or(Refusal::NO_SUCH_SESSION);
        let judged = session.and_then(|session| session.who.with_right(right));
        judged.map_err(|refusal| super::guard::problem_for(request, refusal))
    }

    fn open_sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no form can say this content type.
fn no_form_says(content_type: &str) -> bool {
    let of_files = ["application/octet-stream", M3U];
    is_json(content_type) || of_files.iter().any(|kind| content_type.eq_ignore_ascii_case(kind))
}

/// Who wants to log in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: Option<String>,
    password: Option<String>,
    token: Option<String>,
}

/// The credential in the body of a login.
pub(super) fn login_in(request: &HttpRequest) -> Result<Credential, Problem> {
    match (Call { request, held: &[], who: None }).body()? {
        Login { name: Some(name), password: Some(password), token: None } => {
            Ok(Credential::Login { name, password })
        }
        Login { name: None, password: None, token: Some(token) } => Ok(Credential::Token(token)),
        _ => Err(Problem::new("invalid-body", "a login has name and password, or token")),
    }
}

/// The cookie of the session that the request names, good or bad. Another credential goes before it.
pub(super) fn cookie_of(request: &HttpRequest) -> Option<&str> {
    let has_other = request.header("authorization").is_some();
    request.header("cookie").filter(|_| !has_other).and_then(session_in)
}

/// Whether a page asks that has a form of its own for logins. Its browser is not told to ask for a password.
pub(super) fn asks_by_page(request: &HttpRequest) -> bool {
    cookie_of(request).is_some() || request.header("x-requested-with").is_some()
}

/// The header `Set-Cookie` that takes the session's key out of the browser.
pub(super) fn cookie_without_session(request: &HttpRequest) -> String {
    set_session("", came_by_tls(request))
}

/// Whether the page came to the browser by TLS, which a proxy has put in front of us. The browser knows best.
fn came_by_tls(request: &HttpRequest) -> bool {
    request.header("origin").unwrap_or(request.base_url()).starts_with("https:")
}

fn key_in(cookie: &str) -> Option<SessionKey> {
    BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?.try_into().ok()
}

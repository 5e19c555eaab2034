//! Handlers for users at work: logging in and out, who is logged in, and who changed what.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use crate::access::{Identity, Session};
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::api::sessions::cookie_without_session;
use crate::time::rfc3339;

/// Who asks, and what they may do.
#[derive(Serialize)]
struct Account<'a> {
    name: &'a str,
    role: &'static str,
    rights: Vec<&'static str>,
    /// Empty: all of them.
    pipelines: &'a [String],
    /// Null if the request belongs to no session.
    session: Option<u64>,
    ends: Option<String>,
}

impl Account<'_> {
    fn of<'a>(who: &'a Identity, session: Option<&Session>) -> Account<'a> {
        Account {
            name: &who.name,
            role: who.role.as_str(),
            rights: who.role.rights().iter().map(|right| right.as_str()).collect(),
            pipelines: &who.limits.pipelines,
            session: session.map(|session| session.id),
            ends: session.map(|session| at(session.ends())),
        }
    }
}

/// An open session.
#[derive(Serialize)]
struct Open<'a> {
    id: u64,
    name: &'a str,
    role: &'static str,
    address: &'a str,
    agent: &'a str,
    since: String,
    used: String,
    ends: String,
    /// Whether the request belongs to it.
    own: bool,
}

/// `POST /api/v1/session`
pub(crate) fn open(core: &Core, call: &Call<'_>) -> Handled {
    let who = call.user();
    let (session, cookie) = core.guard.open_session(call.request, who, Instant::now())?;
    Ok(json(201, &Account::of(who, Some(&session))).with("Set-Cookie", &cookie))
}

/// `GET /api/v1/session`
pub(crate) fn show(core: &Core, call: &Call<'_>) -> Handled {
    let session = core.guard.session_of(call.request, Instant::now());
    let who = call.user();
    Ok(json(200, &Account::of(who, session.as_ref())))
}

/// `DELETE /api/v1/session`
pub(crate) fn close(core: &Core, call: &Call<'_>) -> Handled {
    let now = Instant::now();
    let session = core.guard.session_of(call.request, now);
    let session = session.ok_or_else(|| Problem::new("not-found", "this request belongs to no session"))?;
    core.guard.end_session(session.id, now);
    Ok(done()?.with("Set-Cookie", &cookie_without_session(call.request)))
}

/// `GET /api/v1/sessions`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let now = Instant::now();
    let own = core.guard.session_of(call.request, now).map(|session| session.id);
    let sessions = core.guard.sessions(now);
    let open: Vec<_> = sessions.iter().map(|session| Open::of(session, own)).collect();
    Ok(json(200, &open))
}

/// `DELETE /api/v1/sessions/{id}`
pub(crate) fn end(core: &Core, call: &Call<'_>) -> Handled {
    let id = call.number(0)?;
    match core.guard.end_session(id, Instant::now()) {
        true => done(),
        false => Err(Problem::new("not-found", format!("there is no session {id}"))),
    }
}

/// `GET /api/v1/changes`
pub(crate) fn changes(core: &Core, _: &Call<'_>) -> Handled {
    Ok(json(200, &core.changes.list()))
}

impl Open<'_> {
    fn of(session: &Session, own: Option<u64>) -> Open<'_> {
        Open {
            id: session.id,
            name: &session.who.name,
            role: session.who.role.as_str(),
            address: &session.address,
            agent: &session.agent,
            since: at(session.began),
            used: at(session.used),
            ends: at(session.ends()),
            own: own == Some(session.id),
        }
    }
}

/// The point of time of an instant.
fn at(instant: Instant) -> String {
    let (now, wall) = (Instant::now(), SystemTime::now());
    rfc3339(match instant.checked_duration_since(now) {
        Some(ahead) => wall + ahead,
        None => wall - (now - instant),
    })
}

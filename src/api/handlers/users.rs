//! Handlers for the station's users and tokens. Nobody is told a secret, but for a new token, once.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::access::{HashedPassword, Role, UserEntry, UserLimits, Users};
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::time::rfc3339;
use crate::{Error, HttpAnswer};

/// A user or a token.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    role: &'static str,
    kind: Kind,
    paths: &'a [String],
    pipelines: &'a [String],
    slots: Vec<String>,
    /// When a first password is refused, unless it has been changed.
    expires: Option<String>,
    /// Whether it is in no file, and cannot be changed.
    fixed: bool,
    /// Whether it is who asks.
    own: bool,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Password,
    Token,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    kind: Kind,
    role: String,
    password: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    pipelines: Vec<String>,
    #[serde(default)]
    slots: Vec<String>,
}

/// What is to be another; what is missing stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    role: Option<String>,
    password: Option<String>,
    paths: Option<Vec<String>>,
    pipelines: Option<Vec<String>>,
    slots: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Made<'a> {
    name: &'a str,
    /// Of a token. It is stored nowhere, and never told again.
    token: Option<String>,
}

/// `GET /api/v1/users`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let users = core.guard.users();
    let who = &call.user().name;
    let shown = users.entries().map(|entry| Shown::of(&entry, &core.fixed_users, who));
    Ok(json(200, &shown.collect::<Vec<_>>()))
}

/// `PUT /api/v1/users/{name}`: waits for a password's hash and for the users file, so it runs on the thread
/// `api-files`.
pub(crate) fn add(core: &Core, call: &Call<'_>) -> Handled {
    let New { kind, role, password, paths, pipelines, slots } = call.body()?;
    let (role, name) = (role_named(&role)?, call.held[0].clone());
    let limits = UserLimits { paths, pipelines, slots: slots_of(&slots)? };
    if core.fixed_users.limits(&name).is_some() {
        return Err(Problem::new("exists", format!("{name:?} is there already, in no file")));
    }
    let password = match (kind, password) {
        (Kind::Password, Some(password)) => Some(core.hash(password)?),
        (Kind::Token, None) => None,
        _ => return Err(Problem::new("invalid-body", "a user has a password, and a token has none")),
    };
    let own = name.clone();
    let token = core.change_users(call.user(), move |users| {
        let token = match password {
            Some(password) => users.add_hashed(&name, role, password).map(|()| None),
            None => users.add_token(&name, role).map(Some),
        };
        let token = token?;
        users.set_limits(&name, limits).map_err(refused)?;
        Ok(token)
    })?;
    Ok(json(201, &Made { name: &own, token }))
}

/// `PATCH /api/v1/users/{name}`
pub(crate) fn change(core: &Core, call: &Call<'_>) -> Handled {
    let Changed { role, password, paths, pipelines, slots } = call.body()?;
    let role = role.map(|role| role_named(&role)).transpose()?;
    let slots = slots.map(|slots| slots_of(&slots)).transpose()?;
    let password = password.map(|password| core.hash(password)).transpose()?;
    order(core, call, move |users, name| {
        let entry = users.entries().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Error::NotFound(format!("user {name:?}")))?;
        let known = entry.limits.clone();
        let limits = UserLimits {
            paths: paths.unwrap_or(known.paths),
            pipelines: pipelines.unwrap_or(known.pipelines),
            slots: slots.unwrap_or(known.slots),
        };
        let role = role.unwrap_or(entry.role);
        if password.is_some() && entry.is_token {
            let reason = "a token has no password: remove it, and make another";
            return Err(Problem::new("invalid-value", reason).at("password"));
        }
        users.set_role(name, role, limits).map_err(refused)?;
        set_password(users, name, password)
    })
}

/// `DELETE /api/v1/users/{name}`
pub(crate) fn remove(core: &Core, call: &Call<'_>) -> Handled {
    order(core, call, |users, name| Ok(users.remove(name)?))
}

/// Changes the user whom the path names. Whoever changes themselves goes on with a session of a new key.
fn order(
    core: &Core,
    call: &Call<'_>,
    change: impl FnOnce(&mut Users, &str) -> Result<(), Problem> + Send + 'static,
) -> Handled {
    let name = call.held[0].clone();
    if core.fixed_users.limits(&name).is_some() {
        let detail = format!("{name:?} is in no file: the application that runs the station has it");
        return Err(Problem::new("forbidden", detail));
    }
    let has_session = core.guard.session_of(call.request, Instant::now()).is_some();
    core.change_users(call.user(), move |users| change(users, &name))?;
    let answer = done()?;
    match has_session {
        true => with_session(core, call, answer),
        false => Ok(answer),
    }
}

/// The answer with another session, if the change has ended the one of who asks.
fn with_session(core: &Core, call: &Call<'_>, answer: HttpAnswer) -> Handled {
    let who = call.user();
    let now_is = core.guard.users().identity_of(&who.name).filter(|now_is| now_is != who);
    let Some(now_is) = now_is else { return Ok(answer) };
    let (_, cookie) = core.guard.open_session(call.request, &now_is, Instant::now())?;
    Ok(answer.with("Set-Cookie", &cookie))
}

fn set_password(users: &mut Users, name: &str, password: Option<HashedPassword>) -> Result<(), Problem> {
    Ok(password.map_or(Ok(()), |password| users.set_hashed(name, password))?)
}

fn role_named(name: &str) -> Result<Role, Problem> {
    name.parse().map_err(|reason: String| Problem::new("invalid-value", reason).at("role"))
}

fn slots_of(texts: &[String]) -> Result<Vec<crate::Slot>, Problem> {
    let slots = texts.iter().map(|text| text.parse());
    slots.collect::<Result<_, String>>().map_err(|reason| Problem::new("invalid-value", reason).at("slots"))
}

/// The refusal of limits, whose fields here are lists.
fn refused(error: Error) -> Problem {
    match error {
        Error::Setting { key, reason } => Problem::new("invalid-value", reason).at(format!("{key}s")),
        other => other.into(),
    }
}

impl Shown<'_> {
    fn of<'a>(entry: &UserEntry<'a>, fixed: &Users, who: &str) -> Shown<'a> {
        let UserEntry { name, role, is_token, limits, expires } = *entry;
        Shown {
            name,
            role: role.as_str(),
            kind: if is_token { Kind::Token } else { Kind::Password },
            paths: &limits.paths,
            pipelines: &limits.pipelines,
            slots: limits.slots.iter().map(ToString::to_string).collect(),
            expires: expires.map(|until: SystemTime| rfc3339(until)),
            fixed: fixed.limits(name).is_some(),
            own: name == who,
        }
    }
}

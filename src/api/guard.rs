//! Who may do what: credentials, what is remembered of them, and the thread `login`.
//!
//! `login` reads: names and passwords to verify. Writes: what is remembered, answers to those that are wrong,
//! and for those that are right the request, back to the thread `api`. It alone computes slow hashes, so that a
//! brute force holds up nobody but others who log in for the first time.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crossbeam::channel::{Receiver, Sender};

use super::problem::Problem;
use super::router::Access;
use crate::access::{Failures, Identity, Logins, Role, Users, random};
use crate::error::Result;
use crate::{HttpRequest, RequestsBell};

/// What all threads know of credentials.
pub(crate) struct Guard {
    users: ArcSwap<Users>,
    memory: Mutex<Memory>,
}

struct Memory {
    logins: Logins,
    failures: Failures,
}

/// What a request's credential comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may go on; as whom, where that was asked.
    Allowed(Option<Identity>),
    /// The password must be verified first.
    Verify {
        name: String,
        password: String,
    },
    Refused(Problem),
}

impl Guard {
    pub(crate) fn new(users: Users) -> Result<Guard> {
        let memory = Memory { logins: Logins::new(random()?), failures: Failures::default() };
        Ok(Guard { users: ArcSwap::from_pointee(users), memory: Mutex::new(memory) })
    }

    /// Others have credentials from now on. False: they are the same.
    pub(crate) fn set_users(&self, users: Users) -> bool {
        if **self.users.load() == users {
            return false;
        }
        self.users.store(users.into());
        self.memory().logins.forget();
        true
    }

    /// Whether this request may go on to what wants this access.
    pub(crate) fn judge(&self, request: &HttpRequest, access: Access, now: Instant) -> Verdict {
        if access == Access::Public {
            return Verdict::Allowed(None);
        }
        let Some((scheme, value)) = request.header("authorization").and_then(|text| text.split_once(' '))
        else {
            return Verdict::Refused(unauthorized(
                "this needs a credential: a user's name and password, or a token",
            ));
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.judge_token(value.trim(), request.address(), access, now);
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Verdict::Refused(unauthorized("log in by Basic or by Bearer"));
        }
        let Some((name, password)) = basic(value.trim()) else {
            return Verdict::Refused(unauthorized("the login is not Base64 of name:password"));
        };
        let known = self.memory().logins.find(&name, &password, now);
        match known {
            Some(identity) => may(identity, access),
            None => match self.attempt(request.address(), now) {
                Ok(()) => Verdict::Verify { name, password },
                Err(problem) => Verdict::Refused(problem),
            },
        }
    }

    /// A token is good or bad at once; a good one is believed however many bad ones come from there.
    fn judge_token(&self, token: &str, address: IpAddr, access: Access, now: Instant) -> Verdict {
        let users = self.users.load();
        match users.with_token(token) {
            Some((name, role)) => may(Identity { name: name.into(), role }, access),
            None => Verdict::Refused(match self.attempt(address, now) {
                Ok(()) => unauthorized("there is no such token"),
                Err(problem) => problem,
            }),
        }
    }

    fn attempt(&self, address: IpAddr, now: Instant) -> std::result::Result<(), Problem> {
        self.memory().failures.attempt(address, now).map_err(|wait| {
            let detail = "too many failed logins from this address: wait before the next";
            Problem::new("too-many-failures", detail).retry_after(wait + Duration::from_secs(1))
        })
    }

    /// There was no time to verify the login: it has not failed.
    pub(crate) fn put_off(&self, address: IpAddr) {
        self.memory().failures.was_good(address);
    }

    /// Takes its time.
    fn verify(&self, name: &str, password: &str, address: IpAddr) -> Option<Identity> {
        let users = self.users.load_full();
        let role = users.verify(name, password)?;
        let identity = Identity { name: name.into(), role };
        // Who changes the users forgets the logins after that: so either they are seen to have changed, or what
        // is remembered now is forgotten.
        let mut memory = self.memory();
        // Of users who have changed meanwhile nothing is remembered.
        if Arc::ptr_eq(&users, &self.users.load()) {
            memory.logins.remember(password, identity.clone(), Instant::now());
        }
        memory.failures.was_good(address);
        Some(identity)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose login is to be verified, and what it is to become then.
pub(crate) struct Pending<T> {
    pub(crate) request: HttpRequest,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) access: Access,
    pub(crate) then: T,
}

/// On the thread `login`; until the thread `api` has ended, which is called when a login was good.
pub(crate) fn run_logins<T>(
    guard: &Guard,
    pending: &Receiver<Pending<T>>,
    verified: &Sender<(HttpRequest, Identity, T)>,
    bell: &RequestsBell,
) {
    for Pending { request, name, password, access, then } in pending {
        let address = request.address();
        let Some(identity) = guard.verify(&name, &password, address) else {
            log::warn!("a login failed at {address}");
            request.answer(unauthorized("there is no such user, or the password is another").answer());
            continue;
        };
        match may(identity, access) {
            Verdict::Refused(problem) => request.answer(problem.answer()),
            Verdict::Allowed(Some(identity)) => {
                // If the thread is gone, the request is dropped, and so answered.
                let _ = verified.send((request, identity, then));
                bell.ring();
            }
            Verdict::Allowed(None) | Verdict::Verify { .. } => {}
        }
    }
}

fn may(identity: Identity, access: Access) -> Verdict {
    if access == Access::Admin && identity.role < Role::Admin {
        let detail = format!("{} is a viewer: this needs an admin", identity.name);
        return Verdict::Refused(Problem::new("forbidden", detail));
    }
    Verdict::Allowed(Some(identity))
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new("unauthorized", detail)
        .with_header("WWW-Authenticate", "Basic realm=\"Longwave\", charset=\"UTF-8\"")
}

fn basic(encoded: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

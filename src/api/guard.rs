//! Applies the rules of `access` to requests. (The thread `login` is in `login.rs`.)

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;

use super::icy;
use super::problem::Problem;
use super::sessions;
use crate::HttpRequest;
use crate::access::{
    Credential, Failures, Identity, Logins, PasswordChecker, Refusal, Right, Sessions, Users, random,
};

/// The condition for using a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// No condition.
    Public,
    /// The user's role must have this right.
    Needs(Right),
    /// The client's address must be one of `metrics_allow`, or the user must have the right to measure.
    Measure,
    /// The login in the request's body must be good, of a user who may look.
    Login,
    /// The user must have the right to send. The password is in the query, as sources that speak ICY send it.
    Pass,
}

/// What has begun ends within this time after its user's first password has expired, or their slot is over.
const EXPIRY_SEEN_WITHIN: Duration = Duration::from_secs(1);

/// When it was looked last whether users may go on with what they have begun, and the users then.
pub(crate) struct Look {
    users: Arc<Users>,
    at: Instant,
}

/// The users, the remembered logins and the sessions. The threads `api` and `login` share it.
pub(crate) struct Guard {
    users: ArcSwap<Users>,
    memory: Mutex<Memory>,
    pub(super) sessions: Mutex<Sessions>,
    /// Why the users are not those of the users file, since the last reload.
    trouble: Mutex<Option<String>>,
}

struct Memory {
    logins: Logins,
    failures: Failures,
}

/// The result of checking a request's credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request may go on. The user is not determined for a public route, and where the address is enough.
    Allowed(Option<Identity>),
    /// The password must be verified first, by the thread `login`.
    Verify {
        name: String,
        password: String,
        right: Right,
    },
    Refused(Problem),
    /// The credential is good, but its user may not do this.
    Forbidden {
        name: String,
        problem: Problem,
    },
}

impl Guard {
    pub(crate) fn new(users: Users) -> crate::Result<Guard> {
        let memory = Memory { logins: Logins::new(random()?), failures: Failures::default() };
        Ok(Guard {
            users: ArcSwap::from_pointee(users),
            memory: Mutex::new(memory),
            sessions: Mutex::default(),
            trouble: Mutex::default(),
        })
    }

    /// Replaces the users. Returns false if they are the same.
    pub(crate) fn set_users(&self, users: Users) -> bool {
        if **self.users.load() == users {
            return false;
        }
        self.users.store(users.into());
        self.memory().logins.forget();
        self.end_sessions_of_others();
        true
    }

    /// Notes why the users are not those of the users file, or that they are.
    pub(crate) fn note(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What an operator should do about the users.
    pub(crate) fn warnings(&self, now: SystemTime) -> Vec<String> {
        let mut warnings =
            Vec::from_iter(self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone());
        // Anybody can read them, so they name nobody.
        warnings.extend(self.users.load().expiring().map(|(_, until)| {
            let until_text = humantime::format_rfc3339_seconds(until);
            match until <= now {
                true => format!("a first password has not been changed, and has expired ({until_text})"),
                false => format!("a first password has not been changed: it expires at {until_text}"),
            }
        }));
        warnings
    }

    /// The users as they are now. They are others by address after each change.
    pub(crate) fn users(&self) -> Arc<Users> {
        self.users.load_full()
    }

    /// A look at the rights of users who have begun something.
    pub(crate) fn look(&self, now: Instant) -> Look {
        Look { users: self.users(), at: now }
    }

    /// Whether rights may have changed since this look. Then it is a new one, from `now`.
    pub(crate) fn looks_again(&self, look: &mut Look, now: Instant) -> bool {
        let is_old = now.saturating_duration_since(look.at) >= EXPIRY_SEEN_WITHIN;
        let is_due = is_old || !Arc::ptr_eq(&look.users, &self.users());
        if is_due {
            *look = self.look(now);
        }
        is_due
    }

    /// Whether what this user began earlier may still go on: nothing of the user has changed or expired.
    pub(crate) fn still_knows(&self, identity: &Identity) -> bool {
        if identity.is_application() {
            return true;
        }
        let users = self.users.load();
        users.identity_of(&identity.name).as_ref() == Some(identity)
            && !users.has_expired(&identity.name, SystemTime::now())
    }

    /// Whether this request may go on to a route of this access.
    pub(crate) fn judge(&self, request: &HttpRequest, access: Access, now: Instant) -> Verdict {
        let right = match access {
            Access::Public => return Verdict::Allowed(None),
            Access::Login => return self.judge_login(request, now),
            Access::Needs(right) => right,
            Access::Measure if request.may_measure() => return Verdict::Allowed(None),
            Access::Measure => Right::Measure,
            Access::Pass => Right::Send,
        };
        if right != Right::Send && sessions::cookie_of(request).is_some() {
            return match self.judge_session(request, right, now) {
                Ok(identity) => Verdict::Allowed(Some(identity)),
                Err(problem) => Verdict::Refused(problem),
            };
        }
        let verdict = credential(request, access).and_then(|credential| {
            let credential = match right {
                Right::Send => credential.of_source(|name| self.users.load().limits(name).is_some()),
                _ => credential,
            };
            self.decide(credential, request.address().real(), right, now)
        });
        verdict.unwrap_or_else(|refusal| Verdict::Refused(problem_for(request, refusal)))
    }

    /// Whether the login in a request's body is good. Whoever may look may log in.
    fn judge_login(&self, request: &HttpRequest, now: Instant) -> Verdict {
        let address = request.address().real();
        let login = sessions::login_in(request).and_then(|credential| {
            let decided = self.decide(credential, address, Right::Look, now);
            decided.map_err(|refusal| problem_for(request, refusal))
        });
        login.unwrap_or_else(Verdict::Refused)
    }

    fn decide(
        &self,
        credential: Credential,
        address: IpAddr,
        right: Right,
        now: Instant,
    ) -> Result<Verdict, Refusal> {
        let identity = match credential {
            Credential::Token(token) => self.owner_of(&token, address, now)?,
            Credential::Login { name, password } => {
                let known = self.memory().logins.find(&name, &password, now);
                match known {
                    Some(identity) if self.users.load().has_expired(&name, SystemTime::now()) => {
                        log::info!("{}: the password has expired", identity.name);
                        return Err(Refusal::EXPIRED);
                    }
                    Some(identity) => identity,
                    None => {
                        // It is counted when it is verified.
                        self.memory().failures.allow(address, now).map_err(Refusal::TooManyFailures)?;
                        return Ok(Verdict::Verify { name, password, right });
                    }
                }
            }
        };
        let name = identity.name.clone();
        Ok(match identity.with_right(right) {
            Ok(identity) => Verdict::Allowed(Some(identity)),
            Err(refusal) => Verdict::Forbidden { name, problem: problem(refusal) },
        })
    }

    /// The owner of a token. A good token is accepted no matter how many bad ones came from the same address.
    fn owner_of(&self, token: &str, address: IpAddr, now: Instant) -> Result<Identity, Refusal> {
        let users = self.users.load();
        if let Some(identity) = users.with_token(token).and_then(|(name, _)| users.identity_of(name)) {
            return Ok(identity);
        }
        self.attempt(address, now)?;
        Err(Refusal::NO_SUCH_TOKEN)
    }

    fn attempt(&self, address: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.memory().failures.attempt(address, now).map_err(Refusal::TooManyFailures)
    }

    /// Verifies a password, unless it has been verified meanwhile, or too many of this address have been
    /// wrong meanwhile. Hashing it takes some tens of milliseconds.
    pub(super) fn verify(
        &self,
        checker: &mut PasswordChecker,
        name: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<Identity, Refusal> {
        let known = self.memory().logins.find(name, password, Instant::now());
        let users = self.users.load_full();
        if let Some(identity) = known.filter(|_| !users.has_expired(name, SystemTime::now())) {
            return Ok(identity);
        }
        self.attempt(address, Instant::now())?;
        let verified = users.verify_with(checker, name, password).and_then(|_| users.identity_of(name));
        let identity = verified.ok_or(Refusal::NO_SUCH_LOGIN)?;
        let mut memory = self.memory();
        memory.failures.was_good(address);
        if users.has_expired(name, SystemTime::now()) {
            return Err(Refusal::EXPIRED);
        }
        // Nothing is remembered of users who have changed meanwhile. `set_users` stores the new ones before
        // it forgets the logins: either this sees the new ones, or what it remembers now is forgotten after
        // it.
        if Arc::ptr_eq(&users, &self.users.load()) {
            memory.logins.remember(password, identity.clone(), Instant::now());
        }
        Ok(identity)
    }

    /// A keyed hash of a login.
    pub(super) fn digest(&self, name: &str, password: &str) -> [u8; 32] {
        self.memory().logins.digest(name, password)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The credential of a request to a route of this access.
pub(super) fn credential(request: &HttpRequest, access: Access) -> Result<Credential, Refusal> {
    let pass = icy::pass(request).filter(|_| access == Access::Pass).map(|pass| pass.authorization());
    Credential::parse(pass.as_deref().or_else(|| request.header("authorization")))
}

/// The same for an application. Only it knows its users, so every password `name:password` is read as a
/// login.
pub(super) fn credential_for_application(
    request: &HttpRequest,
    access: Access,
) -> Result<Credential, Refusal> {
    credential(request, access).map(|credential| credential.of_source(|_| true))
}

/// The answer to a request that waited while its user was removed or changed.
pub(crate) fn changed_meanwhile() -> Problem {
    problem(Refusal::Unknown("this user or token was changed or removed: log in again"))
}

/// The refusal of a request. A browser that is challenged by Basic asks for a password itself, so a page that
/// has a form for that is challenged by a scheme that no browser knows.
pub(super) fn problem_for(request: &HttpRequest, refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Unknown(reason) if sessions::asks_by_page(request) => {
            Problem::new("unauthorized", reason).with_header("WWW-Authenticate", "Session realm=\"Longwave\"")
        }
        refusal => problem(refusal),
    }
}

pub(super) fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Unknown(reason) => Problem::new("unauthorized", reason)
            .with_header("WWW-Authenticate", "Basic realm=\"Longwave\", charset=\"UTF-8\""),
        Refusal::TooManyFailures(wait) => {
            let detail = "too many failed logins from this address: wait before the next";
            Problem::new("too-many-failures", detail).retry_after(wait + Duration::from_secs(1))
        }
        Refusal::Forbidden(reason) => Problem::new("forbidden", reason),
    }
}

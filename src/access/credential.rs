//! The credential of a request, and the reasons to refuse it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::role::{self, Right, Role};
use super::user_limits::UserLimits;

/// The user or token that a credential belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// Other limits make another identity.
    pub(crate) limits: Arc<UserLimits>,
    /// The hash of its secret's hash. A changed password makes another identity.
    pub(crate) secret: [u8; 32],
}

/// The content of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Token(String),
    Login { name: String, password: String },
}

/// The user of all programs that know only a password. Two of them may be two people.
pub(crate) const SHARED_USER: &str = "source";

/// The reason why a request may not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has no credential, or a wrong one: the reason.
    Unknown(&'static str),
    /// Too many logins from its address have failed: the time to wait.
    TooManyFailures(Duration),
    /// Its role does not have the right, or its limits do not allow it: the reason.
    Forbidden(String),
}

impl Refusal {
    pub(crate) const NO_SUCH_TOKEN: Refusal = Refusal::Unknown("there is no such token");
    pub(crate) const EXPIRED: Refusal = Refusal::Unknown(
        "the password was to be changed and has expired: set another by `longwave user passwd`, then reload",
    );
    pub(crate) const NO_SUCH_SESSION: Refusal = Refusal::Unknown("this session has ended: log in again");
    pub(crate) const NO_SUCH_LOGIN: Refusal =
        Refusal::Unknown("there is no such user, or the password is another");
}

impl Credential {
    /// Reads the `Authorization` header of a request, if there is one.
    pub(crate) fn parse(header: Option<&str>) -> Result<Credential, Refusal> {
        let Some((scheme, value)) = header.and_then(|text| text.split_once(' ')) else {
            return Err(Refusal::Unknown("this needs a credential: a user's name and password, or a token"));
        };
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Ok(Credential::Token(value.into()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(Refusal::Unknown("log in by Basic or by Bearer"));
        }
        let decoded = BASE64_STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let login = decoded.as_deref().and_then(|text| text.split_once(':'));
        let (name, password) = login.ok_or(Refusal::Unknown("the login is not Base64 of name:password"))?;
        Ok(Credential::Login { name: name.into(), password: password.into() })
    }
}

impl Credential {
    /// The login of a source, whose program may know only a password: `name:password`, with `,` or `;` as
    /// well, is that user's, and any other password is the user `source`'s.
    pub(crate) fn of_source(self, is_user: impl Fn(&str) -> bool) -> Credential {
        let Credential::Login { name, password } = &self else { return self };
        if !matches!(name.as_str(), "" | SHARED_USER) {
            return self;
        }
        let (name, password) = match password.split_once([':', ',', ';']) {
            Some((name, password)) if is_user(name) => (name, password),
            _ => (SHARED_USER, password.as_str()),
        };
        Credential::Login { name: name.into(), password: password.into() }
    }
}

/// The name of the application itself in logs. No user can have it.
const APPLICATION: &str = "(application)";

impl Identity {
    /// The application that the station is a part of: it may do everything.
    pub(crate) fn of_application() -> Identity {
        let (name, limits) = (APPLICATION.to_owned(), Arc::default());
        Identity { name, role: Role::Admin, limits, secret: [0; 32] }
    }

    /// Whether this is the application itself, which is in no file of users.
    pub(crate) fn is_application(&self) -> bool {
        *self == Identity::of_application()
    }

    /// Returns this identity if its role has the right.
    pub(crate) fn with_right(self, right: Right) -> Result<Identity, Refusal> {
        match self.role.may(right) {
            true => Ok(self),
            false => Err(Refusal::Forbidden(role::refusal(&self.name, self.role, right))),
        }
    }

    /// Whether this user may change a pipeline, or the station as a whole (`None`), which belongs to nobody
    /// who is limited to some pipelines.
    pub(crate) fn may_change(&self, pipeline: Option<&str>) -> Result<(), Refusal> {
        let own = &self.limits.pipelines;
        match pipeline {
            None if own.is_empty() => Ok(()),
            Some(pipeline) if self.limits.allow_pipeline(pipeline) => Ok(()),
            _ => {
                let own = own.join(", ");
                Err(Refusal::Forbidden(format!("{} may change only the pipeline {own}", self.name)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, password: &str) -> Result<Credential, Refusal> {
        Ok(Credential::Login { name: name.into(), password: password.into() })
    }

    #[test]
    fn a_header_is_a_token_or_a_login_or_refused() {
        let unknown = |part: &str, header: Option<&str>| {
            let refused = Credential::parse(header);
            assert!(
                matches!(&refused, Err(Refusal::Unknown(reason)) if reason.contains(part)),
                "{header:?}: {refused:?}"
            );
        };
        assert_eq!(Credential::parse(Some("bearer  lw-1 ")), Ok(Credential::Token("lw-1".into())));
        assert_eq!(Credential::parse(Some("Basic YTpiOmM=")), login("a", "b:c"));
        assert_eq!(Credential::parse(Some("BASIC OnA=")), login("", "p"));
        unknown("needs a credential", None);
        unknown("needs a credential", Some("Basic"));
        unknown("Basic or by Bearer", Some("Digest x"));
        for header in ["Basic !!!", "Basic YQ==", "Basic /zo="] {
            unknown("not Base64 of name:password", Some(header));
        }
    }

    #[test]
    fn a_source_that_knows_only_a_password_names_its_user_in_it() {
        let of_source = |name: &str, password: &str| {
            let credential = Credential::Login { name: name.into(), password: password.into() };
            Ok(credential.of_source(|name| name == "dj"))
        };
        for password in ["dj:se:cret", "dj,se:cret", "dj;se:cret"] {
            assert_eq!(of_source("source", password), login("dj", "se:cret"));
            assert_eq!(of_source("", password), login("dj", "se:cret"));
        }
        assert_eq!(of_source("", "secret"), login("source", "secret"));
        assert_eq!(of_source("source", "jd:secret"), login("source", "jd:secret"), "there is no jd");
        assert_eq!(of_source("ana", "dj:secret"), login("ana", "dj:secret"));
        let token = Credential::Token("lw-1".into());
        assert_eq!(token.clone().of_source(|_| true), token);
    }

    #[test]
    fn a_role_without_the_right_is_refused() {
        let (name, limits) = ("a".into(), Arc::default());
        let viewer = Identity { name, role: Role::Viewer, limits, secret: [0; 32] };
        assert_eq!(viewer.clone().with_right(Right::Look), Ok(viewer.clone()));
        assert!(matches!(viewer.with_right(Right::Change), Err(Refusal::Forbidden(_))));
    }

    #[test]
    fn who_is_limited_to_pipelines_changes_nothing_else() {
        let identity = |pipelines: &[&str]| Identity {
            name: "a".into(),
            role: Role::Admin,
            limits: Arc::new(UserLimits {
                pipelines: pipelines.iter().map(|name| (*name).to_owned()).collect(),
                ..UserLimits::default()
            }),
            secret: [0; 32],
        };
        let all = identity(&[]);
        assert_eq!((all.may_change(None), all.may_change(Some("main"))), (Ok(()), Ok(())));
        let some = identity(&["night", "main"]);
        assert_eq!(some.may_change(Some("main")), Ok(()));
        let refused = Refusal::Forbidden("a may change only the pipeline night, main".into());
        assert_eq!(some.may_change(Some("day")), Err(refused.clone()));
        assert_eq!(some.may_change(None), Err(refused));
    }
}

//! The users of a station: people with passwords, and programs with tokens. A users file holds one per line:
//! `name:role:hash`. The hash is that of a password (Argon2id) or that of a token (SHA-256). Limits follow it
//! (`:path=/live`, `:pipeline=main`), and the time by which a password must be changed:
//! `:expires=2026-03-08T12:00:00Z`.

mod user;

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use argon2::password_hash::phc::PasswordHash;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::access::credential::Identity;
use crate::access::file_lock::{FileLock, lock_of};
use crate::access::hasher::{HashedPassword, PasswordChecker};
use crate::access::private_file::{led_to, read_trusted, write_private};
use crate::access::role::{Right, Role};
use crate::access::user_limits::UserLimits;
use crate::error::{Error, Result, is_passing};
use crate::filework::read_needed;
use crate::path_text::with_suffix;
use user::{Secret, User, check_name, hex};

/// The beginning of a token. It tells anybody who finds one in the wrong place what it is.
const TOKEN_PREFIX: &str = "lw-";
/// The random bytes in a token. So many cannot be guessed, so one round of a fast hash protects it.
const TOKEN_BYTES: usize = 32;
/// The longest password. Anybody can make the server hash a password, so a longer one would be an attack.
const LONGEST_PASSWORD: usize = 1_024;
/// The largest users file. It has room for thousands of users.
const LONGEST_FILE: u64 = 1 << 20;

/// Users and tokens, as in a users file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users {
    users: Vec<User>,
}

/// What may be told of a user or a token: all but the secret.
pub(crate) struct UserEntry<'a> {
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) is_token: bool,
    pub(crate) limits: &'a UserLimits,
    pub(crate) expires: Option<SystemTime>,
}

/// All paths that are written to for a users file.
pub(crate) fn files_of_users(file: &Path) -> [PathBuf; 4] {
    // Programs that change it meet at the lock of what a link leads to.
    [file.to_owned(), lock_of(file), lock_of(&led_to(file)), Users::first_password_file(file)]
}

impl Users {
    /// Reads a users file. A file that does not exist has no users.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be read, if a line is malformed, or if others than its owner can
    /// change it. The error's text names the line, or the command that mends it. [`Error::NoAnswer`] if its disk
    /// does not answer, or fails.
    pub fn read(file: &Path) -> Result<Users> {
        let own = file.to_owned();
        let read = read_needed(file, move || Users::read_if_there(&own));
        Ok(read.map_err(|reason| reason.of(file))??.unwrap_or_default())
    }

    /// The same. `None` if the file does not exist, or is empty: `longwave user` leaves a line in it even if
    /// it removes the last user, so an empty file is an accident.
    pub(crate) fn read_if_there(file: &Path) -> Result<Option<Users>> {
        let refused = |reason: String| Error::file(file, reason);
        let text = read_trusted(file, LONGEST_FILE).map_err(|error| match is_passing(&error) {
            true => Error::NoAnswer { path: file.to_owned(), reason: error.to_string() },
            false => refused(error.to_string()),
        })?;
        match text {
            Some(text) if !text.is_empty() => Users::parse(&text).map(Some).map_err(refused),
            _ => Ok(None),
        }
    }

    /// Changes a users file: reads it, and writes it if `change` succeeds. Programs that change it at the
    /// same time do so one after the other, so nothing is lost of what each of them was told is written.
    ///
    /// # Errors
    /// Those of [`read`](Users::read), of `change` and of [`write`](Users::write). Nothing is written then.
    pub fn update<T>(file: &Path, change: impl FnOnce(&mut Users) -> Result<T>) -> Result<T> {
        // Who names the file itself and who names a link to it must meet at one lock.
        let _lock = FileLock::wait(&led_to(file))?;
        let mut users = Users::read(file)?;
        let done = change(&mut users)?;
        users.write(file)?;
        Ok(done)
    }

    /// The same on a thread that may hang. `change` makes new users of those that are there: `None` if the
    /// file does not exist, or is empty.
    pub(crate) fn replace<T, E: From<Error>>(
        file: &Path,
        change: impl FnOnce(Option<Users>) -> std::result::Result<(Users, T), E>,
    ) -> std::result::Result<(Users, T), E> {
        let _lock = FileLock::wait(&led_to(file))?;
        let (users, done) = change(Users::read_if_there(file)?)?;
        users.write(file)?;
        Ok((users, done))
    }

    /// The file beside a users file that has the name and the password of the first user, until that password
    /// is changed.
    pub fn first_password_file(file: &Path) -> PathBuf {
        with_suffix(file, ".first")
    }

    fn parse(text: &str) -> std::result::Result<Users, String> {
        let mut users = Users::default();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let user = User::parse(line).map_err(|reason| format!("line {}: {reason}", index + 1))?;
            if users.find(&user.name).is_some() {
                return Err(format!("line {}: there is a {:?} already", index + 1, user.name));
            }
            users.users.push(user);
        }
        Ok(users)
    }

    /// Writes a users file that only its owner can read. It is written as a whole or not at all. A link stays
    /// one: what it leads to is written.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut text = String::from("# name:role:hash, written by `longwave user`\n");
        for user in &self.users {
            text.push_str(&user.line());
            text.push('\n');
        }
        write_private(&led_to(file), text.as_bytes())
    }

    /// These users, and those of `others` whose names are free.
    #[must_use]
    pub(crate) fn and(mut self, others: &Users) -> Users {
        for user in &others.users {
            if self.find(&user.name).is_none() {
                self.users.push(user.clone());
            }
        }
        self
    }

    /// Whether there is neither a user nor a token.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The names in order, each with its role and whether it is a token.
    pub fn list(&self) -> impl Iterator<Item = (&str, Role, bool)> {
        let is_token = |user: &User| matches!(user.secret, Secret::Token(_));
        self.users.iter().map(move |user| (user.name.as_str(), user.role, is_token(user)))
    }

    /// The same, with all that is told of each of them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = UserEntry<'_>> {
        self.users.iter().map(|User { name, role, secret, limits, expires }| UserEntry {
            name,
            role: *role,
            is_token: matches!(secret, Secret::Token(_)),
            limits,
            expires: *expires,
        })
    }

    /// Adds a user. Hashing the password takes some tens of milliseconds on purpose.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken; [`Error::Setting`] if the name or the password is not allowed.
    pub fn add(&mut self, name: &str, role: Role, password: &str) -> Result<()> {
        self.check_new(name)?;
        self.add_hashed(name, role, PasswordChecker::default().hash(password)?)
    }

    /// The same with a password that was hashed before.
    pub(crate) fn add_hashed(&mut self, name: &str, role: Role, password: HashedPassword) -> Result<()> {
        self.add_with(name, role, Secret::Password(password.0))
    }

    fn add_with(&mut self, name: &str, role: Role, secret: Secret) -> Result<()> {
        self.check_new(name)?;
        let (limits, expires) = Default::default();
        self.users.push(User { name: name.into(), role, secret, limits, expires });
        Ok(())
    }

    /// Adds a user whose password is refused from this time on, unless it has been changed. It is for
    /// passwords that a program has made.
    ///
    /// # Errors
    /// As for [`add`](Users::add).
    pub fn add_until(&mut self, name: &str, role: Role, password: &str, until: SystemTime) -> Result<()> {
        self.add(name, role, password)?;
        self.users.last_mut().expect("it was added").expires = Some(until);
        Ok(())
    }

    /// The users whose passwords must be changed, and by when.
    pub fn expiring(&self) -> impl Iterator<Item = (&str, SystemTime)> {
        self.users.iter().filter_map(|user| Some((user.name.as_str(), user.expires?)))
    }

    /// Whether a user's password has expired.
    pub(crate) fn has_expired(&self, name: &str, now: SystemTime) -> bool {
        self.find(name).and_then(|user| user.expires).is_some_and(|until| until <= now)
    }

    /// Adds a token and returns it. It is stored nowhere else.
    ///
    /// # Errors
    /// As for [`add`](Users::add).
    pub fn add_token(&mut self, name: &str, role: Role) -> Result<String> {
        let token = format!("{TOKEN_PREFIX}{}", hex(&random::<TOKEN_BYTES>()?));
        self.add_with(name, role, Secret::Token(Sha256::digest(&token).into()))?;
        Ok(token)
    }

    /// Limits a user or a token to some paths or pipelines, instead of the limits until now.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nothing has this name; [`Error::Setting`] for limits that limit nothing of the
    /// user's role (a viewer sends nothing, so no paths), or that are malformed.
    pub fn set_limits(&mut self, name: &str, limits: UserLimits) -> Result<()> {
        let user = self.find_mut(name)?;
        limits.check(user.role).map_err(|(key, reason)| Error::setting(key, reason))?;
        user.limits = limits;
        Ok(())
    }

    /// Gives a user or a token another role, and limits that fit it.
    ///
    /// # Errors
    /// As for [`set_limits`](Users::set_limits).
    pub fn set_role(&mut self, name: &str, role: Role, limits: UserLimits) -> Result<()> {
        let user = self.find_mut(name)?;
        limits.check(role).map_err(|(key, reason)| Error::setting(key, reason))?;
        (user.role, user.limits) = (role, limits);
        Ok(())
    }

    /// The limits of a user or a token. `None` if nothing has this name.
    pub fn limits(&self, name: &str) -> Option<&UserLimits> {
        self.find(name).map(|user| &user.limits)
    }

    /// Makes a random password.
    ///
    /// # Errors
    /// [`Error::Io`] if the system has no randomness.
    pub fn random_password() -> Result<String> {
        Ok(hex(&random::<12>()?))
    }

    /// Changes the password of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such user; [`Error::Setting`] if the password is not allowed.
    pub fn set_password(&mut self, name: &str, password: &str) -> Result<()> {
        self.with_password(name)?;
        self.set_hashed(name, PasswordChecker::default().hash(password)?)
    }

    /// The same with a password that was hashed before.
    pub(crate) fn set_hashed(&mut self, name: &str, password: HashedPassword) -> Result<()> {
        let user = self.with_password(name)?;
        user.secret = Secret::Password(password.0);
        user.expires = None;
        Ok(())
    }

    /// The user of this name, who has a password.
    fn with_password(&mut self, name: &str) -> Result<&mut User> {
        let user = self.find_mut(name)?;
        match user.secret {
            Secret::Password(_) => Ok(user),
            Secret::Token(_) => Err(Error::NotFound(format!("user {name:?} with a password: it is a token"))),
        }
    }

    /// Whether this user or token may change the whole station.
    pub(crate) fn may_run(&self, name: &str) -> bool {
        self.find(name).is_some_and(|user| user.role.may(Right::Change) && user.limits.pipelines.is_empty())
    }

    /// Removes a user or a token.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nothing has this name.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let before = self.users.len();
        self.users.retain(|user| user.name != name);
        if self.users.len() == before { Err(Error::NotFound(format!("user {name:?}"))) } else { Ok(()) }
    }

    /// The owner and the role of a token. The comparison always goes through all tokens, so its time reveals
    /// nothing.
    pub fn with_token(&self, token: &str) -> Option<(&str, Role)> {
        let hash: [u8; 32] = Sha256::digest(token).into();
        let mut found = None;
        for user in &self.users {
            if let Secret::Token(known) = &user.secret
                && bool::from(known.ct_eq(&hash))
            {
                found = Some((user.name.as_str(), user.role));
            }
        }
        found
    }

    /// The role of a user with this name and password. It takes some tens of milliseconds, and as long if the
    /// name does not exist.
    pub fn verify(&self, name: &str, password: &str) -> Option<Role> {
        self.verify_with(&mut PasswordChecker::default(), name, password)
    }

    /// The same with a checker that is kept.
    pub(crate) fn verify_with(
        &self,
        checker: &mut PasswordChecker,
        name: &str,
        password: &str,
    ) -> Option<Role> {
        if password.len() > LONGEST_PASSWORD {
            return None;
        }
        let user = self.find(name);
        let known = user.and_then(|user| match &user.secret {
            Secret::Password(hash) => Some(hash.as_str()),
            Secret::Token(_) => None,
        });
        let hash = PasswordHash::new(known.unwrap_or(NOBODYS)).ok()?;
        let fits = checker.fits(password.as_bytes(), &hash);
        user.filter(|_| known.is_some() && fits).map(|user| user.role)
    }

    /// The identity of the user or token with this name, as it is now.
    pub(crate) fn identity_of(&self, name: &str) -> Option<Identity> {
        let User { name, role, secret, limits, .. } = self.find(name)?;
        let secret = match secret {
            Secret::Password(hash) => Sha256::digest(hash).into(),
            Secret::Token(hash) => *hash,
        };
        Some(Identity { name: name.clone(), role: *role, limits: limits.clone().into(), secret })
    }

    fn find(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    fn find_mut(&mut self, name: &str) -> Result<&mut User> {
        let user = self.users.iter_mut().find(|user| user.name == name);
        user.ok_or_else(|| Error::NotFound(format!("user {name:?}")))
    }

    fn check_new(&self, name: &str) -> Result<()> {
        check_name(name).map_err(|reason| Error::setting("name", reason))?;
        match self.find(name) {
            Some(_) => Err(Error::Exists(format!("the user {name:?}"))),
            None => Ok(()),
        }
    }
}

/// A hash with the current costs that no known password has. It is verified if the user does not exist or has
/// no password, so that the answer takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bG9uZ3dhdmUtbm9ib2R5$\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Refuses passwords that anybody would guess, or that take long to hash.
pub(super) fn check_password(password: &str) -> Result<()> {
    let refused = |reason: &str| Err(Error::setting("password", reason));
    match password.len() {
        0..8 => refused("at least 8 bytes"),
        LONGEST_PASSWORD.. => refused("at most 1023 bytes"),
        _ => Ok(()),
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("asking the system for randomness")(io::Error::other(error)))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::Params;

    // `tests/api/users.rs` tests everything that computes password hashes. Hashing takes memory, and other
    // tests of this process measure memory.

    #[test]
    fn a_malformed_line_is_named() {
        for (text, reason) in [
            ("a:admin", "line 1: is not name:role:hash"),
            ("# one\n\na:root:x", "line 3"),
            ("a:admin:plain", "line 1: the hash is none"),
            (&format!("a:root:{NOBODYS}"), "\"root\" is no role"),
            (&format!("a:admin:{NOBODYS}\na:viewer:{NOBODYS}"), "line 2: there is a \"a\" already"),
            (&format!("a:admin:{}", NOBODYS.replace("argon2id", "argon2i")), "hashed by argon2id here"),
            (&format!("a:admin:{NOBODYS}:expires=soon"), "\"soon\" is no time"),
            (
                &format!("a:admin:{NOBODYS}:paths=/a"),
                "\"paths=/a\" is no path=, pipeline=, slot= or expires=",
            ),
            (&format!("a:source:{NOBODYS}:path=live"), "\"live\" is no path"),
            (&format!("a:viewer:{NOBODYS}:path=/live"), "a viewer sends nothing"),
            ("a:admin:$sha256$12", "64 hexadecimal digits"),
            ("a b:admin:$sha256$12", "is no name for a user"),
        ] {
            let error = Users::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    /// A link, a link to a link, and a link to what is not there yet.
    #[test]
    fn a_link_to_a_users_file_stays_one() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("far")).unwrap();
        Users::default().write(&at("far/users")).unwrap();
        symlink("far/users", at("link")).unwrap();
        symlink(at("link"), at("chain")).unwrap();
        symlink("far/new", at("dangling")).unwrap();
        for (link, target) in [("link", "far/users"), ("chain", "far/users"), ("dangling", "far/new")] {
            Users::update(&at(link), |users| users.add_token(link, Role::Viewer)).unwrap();
            assert!(std::fs::symlink_metadata(at(link)).unwrap().is_symlink(), "{link}");
            let users = Users::read(&at(target)).unwrap();
            assert!(users.find(link).is_some(), "{link}");
        }
        assert_eq!(Users::read(&at("far/users")).unwrap().list().count(), 2);
        // The lock is that of the file.
        let held = FileLock::attempt(&at("far/users")).unwrap().unwrap();
        assert!(FileLock::attempt(&led_to(&at("chain"))).unwrap().is_none());
        drop(held);
        symlink("loop", at("loop")).unwrap();
        assert!(Users::update(&at("loop"), |users| users.add_token("x", Role::Viewer)).is_err());
        assert!(std::fs::symlink_metadata(at("loop")).unwrap().is_symlink());
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_any_other() {
        let hash = PasswordHash::new(NOBODYS).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!(hash.algorithm.as_str(), "argon2id");
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(costs(&params), costs(&Params::default()));
    }

    #[test]
    fn secrets_are_in_no_debug_output() {
        let users = Users::parse(&format!("a:admin:{NOBODYS}")).unwrap();
        assert_eq!(format!("{users:?}"), "Users { users: [a (admin)] }");
    }
}

//! One user or token, and its line in the users file.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use argon2::password_hash::phc::PasswordHash;

use crate::access::role::Role;
use crate::access::user_limits::{UserLimits, read_options, write_options};

/// The beginning of a token's hash.
const TOKEN_HASH: &str = "$sha256$";
const LONGEST_NAME: usize = 64;

#[derive(Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) secret: Secret,
    pub(super) limits: UserLimits,
    /// The time when the password is refused, unless it has been changed.
    pub(super) expires: Option<SystemTime>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// The hash of a password, as a PHC string.
    Password(String),
    /// The SHA-256 of a token.
    Token([u8; 32]),
}

impl fmt::Debug for User {
    /// Shows no secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.role.as_str())
    }
}

impl User {
    pub(super) fn parse(line: &str) -> Result<User, String> {
        let mut parts = line.trim_end().splitn(3, ':');
        let (Some(name), Some(role), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("is not name:role:hash".into());
        };
        check_name(name)?;
        let role: Role = role.parse()?;
        let (hash, limits, expires) = read_options(hash)?;
        limits.check(role).map_err(|(_, reason)| reason)?;
        let secret = match hash.strip_prefix(TOKEN_HASH) {
            Some(hex) => Secret::Token(unhex(hex).ok_or("the hash of a token has 64 hexadecimal digits")?),
            None => {
                let parsed = PasswordHash::new(hash).map_err(|error| format!("the hash is none: {error}"))?;
                if parsed.algorithm.as_str() != "argon2id" {
                    return Err("passwords are hashed by argon2id here: see `longwave user add`".into());
                }
                Secret::Password(hash.to_owned())
            }
        };
        Ok(User { name: name.into(), role, secret, limits, expires })
    }

    /// Its line, without the end.
    pub(super) fn line(&self) -> String {
        let User { name, role, secret, limits, expires } = self;
        let secret = match secret {
            Secret::Password(hash) => hash.clone(),
            Secret::Token(hash) => format!("{TOKEN_HASH}{}", hex(hash)),
        };
        format!("{name}:{}:{secret}{}", role.as_str(), write_options(limits, *expires))
    }
}

pub(super) fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no name for a user: letters, digits, -, _, . and @, up to 64 bytes"
        ));
    }
    Ok(())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

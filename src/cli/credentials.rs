//! A station's first credential, in a file that only its owner can read: a user for the users file, or a
//! token that is valid as long as the station runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use longwave::{ApiSettings, Role, Users, write_private};

use super::in_time::in_time;
use super::token_place::{self, TokenFile};

/// The name of the first user, and of the token of a station without a users file.
const FIRST: &str = "admin";
/// The first user's password must be changed within this time. It stands in a file, and in backups of it.
const FIRST_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a start waits until the first user is written.
const MADE_WITHIN: Duration = Duration::from_secs(5);

/// Creates a credential for the station that listens on `port` if there is none, and logs which file has it.
/// The result removes the file of a token when it is dropped.
/// A failure is logged only: the station runs without control.
pub fn provide(settings: &mut ApiSettings, port: u16) -> Option<TokenFile> {
    let provided = match settings.users_file.clone() {
        Some(file) => first_user_in_time(file).map(|()| None),
        None => token(settings, port).map(Some),
    };
    provided.unwrap_or_else(|error| {
        log::warn!("nobody can steer this station: {error}");
        None
    })
}

fn first_user_in_time(file: PathBuf) -> longwave::Result<()> {
    let path = file.clone();
    in_time("users", MADE_WITHIN, move || first_user(&file)).unwrap_or_else(|| {
        let reason = "its disk does not answer".to_owned();
        Err(longwave::Error::NoAnswer { path, reason })
    })
}

/// Adds an admin with a random password to an empty users file. Reminds of a first password that has not been
/// changed.
fn first_user(file: &Path) -> longwave::Result<()> {
    let users = Users::read(file)?;
    if users.is_empty() {
        return make_first_user(file);
    }
    for (name, until) in users.expiring() {
        let expires = if until <= SystemTime::now() { "has expired" } else { "expires" };
        log::warn!(
            "the first password of {name} {expires} ({}): change it by `{}`",
            humantime::format_rfc3339_seconds(until),
            passwd(file, name)
        );
    }
    forget_note(file, &users);
    Ok(())
}

/// Removes the file with the first password once that is no password any more.
fn forget_note(file: &Path, users: &Users) {
    let note = Users::first_password_file(file);
    let Ok(text) = fs::read_to_string(&note) else { return };
    let is_good = |(name, password): (&str, &str)| users.verify(name, password).is_some();
    if text.trim_end().split_once(':').is_some_and(is_good) {
        return;
    }
    match fs::remove_file(&note) {
        Ok(()) => log::info!("{}: removed, its password has been changed", note.display()),
        Err(error) => log::warn!("{}: its password has been changed, delete it: {error}", note.display()),
    }
}

fn make_first_user(file: &Path) -> longwave::Result<()> {
    let note = Users::first_password_file(file);
    let made = Users::update(file, |users| {
        // Another station may have made one in the meantime.
        if !users.is_empty() {
            return Ok(false);
        }
        let password = Users::random_password()?;
        users.add_until(FIRST, Role::Admin, &password, SystemTime::now() + FIRST_FOR)?;
        // The password is written first: a user whose password is unknown would be useless.
        write_private(&note, format!("{FIRST}:{password}\n").as_bytes())?;
        Ok(true)
    })?;
    if made {
        log::warn!(
            "there was no user yet: the name and the password of the first are in {}; change it within {} days by `{}`",
            note.display(),
            FIRST_FOR.as_secs() / (24 * 3600),
            passwd(file, FIRST)
        );
    }
    Ok(())
}

fn passwd(file: &Path, name: &str) -> String {
    format!("longwave user passwd {name} --file {}", file.display())
}

/// Adds a token that is valid as long as this process runs. Returns its file.
fn token(settings: &mut ApiSettings, port: u16) -> longwave::Result<TokenFile> {
    let token = settings.users.add_token(FIRST, Role::Admin)?;
    let file =
        token_place::write(&token, port).map_err(longwave::Error::io("writing the API's token to a file"))?;
    let path = file.path.display();
    match file.is_found {
        true => log::info!("`longwave ctl` and the API take the token in {path}"),
        false => log::warn!(
            "others can write to all usual places for the API's token: it is in {path}; use `longwave ctl --credentials {path}`"
        ),
    }
    Ok(file)
}

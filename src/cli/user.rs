//! `longwave user`: edits the users file.

use std::io::{self, BufRead, IsTerminal};

use longwave::{Role, UserLimits, Users};

use super::args::{May, User, UserAction};
use super::{Failure, say};

/// Runs the action on the users file.
pub fn run(User { action, file }: &User) -> Result<(), Failure> {
    let file = &file.file;
    // The file is locked for a moment only: not while a password is typed.
    match action {
        UserAction::Add { name, may } => {
            let (role, password) = (role(may)?, password()?);
            Users::update(file, |users| {
                users.add(name, role, &password)?;
                users.set_limits(name, limits(may))
            })?;
        }
        UserAction::Token { name, may } => {
            let role = role(may)?;
            let token = Users::update(file, |users| {
                let token = users.add_token(name, role)?;
                users.set_limits(name, limits(may))?;
                Ok(token)
            })?;
            // Only its hash is stored.
            say(&format!("{token}\n"));
        }
        UserAction::Passwd { name } => {
            let password = password()?;
            Users::update(file, |users| users.set_password(name, &password))?;
        }
        UserAction::Role { name, may } => {
            let role = role(may)?;
            Users::update(file, |users| users.set_role(name, role, limits(may)))?;
        }
        UserAction::Remove { name } => {
            Users::update(file, |users| users.remove(name))?;
        }
        UserAction::List => {
            let users = Users::read(file)?;
            for (name, role, is_token) in users.list() {
                let kind = if is_token { "token" } else { "password" };
                let until = users.expiring().find(|(expiring, _)| *expiring == name).map(|(_, until)| until);
                let until = until.map_or_else(String::new, |until| {
                    format!(", expires {}", humantime::format_rfc3339_seconds(until))
                });
                let limits = users.limits(name).map(shown).unwrap_or_default();
                say(&format!("{name:<24} {:<8} {kind}{limits}{until}\n", role.as_str()));
            }
        }
    }
    Ok(())
}

fn role(may: &May) -> Result<Role, Failure> {
    may.role.parse().map_err(|reason| Failure::Usage(format!("longwave: --role: {reason}")))
}

fn limits(may: &May) -> UserLimits {
    UserLimits { paths: may.paths.clone(), pipelines: may.pipelines.clone(), slots: may.slots.clone() }
}

/// The limits as the list shows them: `, only /live, only pipeline main, only Sat 20:00 for 2h`.
fn shown(UserLimits { paths, pipelines, slots }: &UserLimits) -> String {
    let paths = paths.iter().map(|path| format!(", only {path}"));
    let pipelines = pipelines.iter().map(|name| format!(", only pipeline {name}"));
    let slots = slots.iter().map(|slot| format!(", only {slot}"));
    paths.chain(pipelines).chain(slots).collect()
}

/// Prompts twice on a terminal, without echo. Otherwise reads one line of standard input.
fn password() -> Result<String, Failure> {
    let failed = |error: io::Error| Failure::Usage(format!("longwave: no password could be read: {error}"));
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    if rpassword::prompt_password("Once more: ").map_err(failed)? != password {
        return Err(Failure::Usage("longwave: the two passwords differ: nothing was changed".into()));
    }
    Ok(password)
}

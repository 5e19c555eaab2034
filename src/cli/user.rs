//! `longwave user`: edits the users file.

use std::io::{self, BufRead, IsTerminal};

use longwave::{Role, Users};

use super::args::{User, UserAction};
use super::{Failure, say};

/// Runs the action on the users file.
pub fn run(User { action, file }: &User) -> Result<(), Failure> {
    let mut users = Users::read(&file.file)?;
    let file = &file.file;
    match action {
        UserAction::Add { name, role } => {
            users.add(name, self::role(role)?, &password()?)?;
            users.write(file)?;
        }
        UserAction::Token { name, role } => {
            let token = users.add_token(name, self::role(role)?)?;
            users.write(file)?;
            // Only its hash is stored.
            say(&format!("{token}\n"));
        }
        UserAction::Passwd { name } => {
            users.set_password(name, &password()?)?;
            users.write(file)?;
        }
        UserAction::Remove { name } => {
            users.remove(name)?;
            users.write(file)?;
        }
        UserAction::List => {
            for (name, role, is_token) in users.list() {
                let kind = if is_token { "token" } else { "password" };
                say(&format!("{name:<24} {:<8} {kind}\n", role.as_str()));
            }
        }
    }
    Ok(())
}

fn role(text: &str) -> Result<Role, Failure> {
    text.parse().map_err(|reason| Failure::Usage(format!("longwave: --role: {reason}")))
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

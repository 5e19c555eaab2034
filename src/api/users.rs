//! Users and tokens that are changed while the station runs: in their file, and at once in the station. (The
//! requests for it are in `handlers/users.rs`.)

use std::sync::PoisonError;
use std::time::Duration;

use super::core::{Core, FILE_WITHIN};
use super::guard::changed_meanwhile;
use super::problem::Problem;
use crate::Error;
use crate::access::{Identity, Users};
use crate::filework::Job;

/// How long a change may take. Another program may have the file's lock, for less than that.
const CHANGED_WITHIN: Duration = FILE_WITHIN.saturating_mul(3);
/// When to try again what the users file did not allow.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Why users were not changed.
enum Failed {
    /// The change is refused.
    Refused(Problem),
    /// The file cannot be read or written.
    File(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::File(error)
    }
}

impl Core {
    /// Changes the users file by order of `who`, and applies it at once: whoever was removed, or has other
    /// rights, loses sessions, streams and waiting requests. Changes of several users come one after the
    /// other.
    pub(crate) fn change_users<T: Send + 'static>(
        &self,
        who: &Identity,
        change: impl FnOnce(&mut Users) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let file = self.users_file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = &*file else {
            return Err(Problem::new("not-found", "this station has no users_file to keep users in"));
        };
        // They may have been changed themselves while they waited.
        if !self.guard.still_knows(who) {
            return Err(changed_meanwhile());
        }
        let fixed = &self.fixed_users;
        let may_be_gone = self.guard.users().list().count() <= fixed.list().count();
        let (own, fixed_there, orders) = (file.clone(), fixed.clone(), who.clone());
        let work = move |job: &_| {
            Users::replace(&own, |read| {
                let users = read.or_else(|| may_be_gone.then(Users::default));
                let mut users = users.ok_or_else(|| Error::file(&own, "it is gone or empty"))?;
                let done = change(&mut users).map_err(Failed::Refused)?;
                check(&users, &fixed_there, &orders, job).map_err(Failed::Refused)?;
                Ok((users, done))
            })
        };
        let files = self.files.of_user(&who.name);
        let (users, done) =
            files.within(file, CHANGED_WITHIN, move |job| work(job))?.map_err(|failed| match failed {
                Failed::Refused(problem) => problem,
                Failed::File(error) => {
                    log::error!("users: {error}");
                    unavailable(error)
                }
            })?;
        self.guard.note(None);
        self.guard.set_users(users.and(fixed));
        // The thread `api` ends the streams of those who lost their right.
        self.bell.ring();
        Ok(done)
    }
}

/// Refuses a change by which whoever orders it would lose the station, or that nobody waits for any more.
fn check(users: &Users, fixed: &Users, who: &Identity, job: &Job) -> Result<(), Problem> {
    if job.is_abandoned() {
        return Err(Problem::new("busy", "it took too long: nothing was changed"));
    }
    let name = &who.name;
    if who.is_application() || users.may_run(name) || fixed.may_run(name) {
        return Ok(());
    }
    let detail =
        format!("{name} would lose the station by this: another admin can do it, or `longwave user`");
    Err(Problem::new("locks-out", detail))
}

/// The text of the error names the file's whole path, which is for the log alone.
fn unavailable(error: Error) -> Problem {
    let reason = match error {
        Error::File { reason, .. } | Error::NoAnswer { reason, .. } => reason,
        other => other.to_string(),
    };
    let detail = format!("the users file cannot be changed: {reason}; nothing was changed");
    Problem::new("users-unavailable", detail).retry_after(AGAIN_AFTER)
}

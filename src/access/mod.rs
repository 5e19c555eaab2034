//! Users, tokens, roles and their rights, and the memory of logins. It has no threads and no sockets, and it
//! reads no clock: callers pass the time. It reads and writes the users file.
//!
//! A request has a [`Credential`], or belongs to a session ([`Sessions`]). [`Users`] finds the owner of a token
//! or a password, [`Logins`] remembers verified passwords, [`Failures`] counts wrong ones, and [`LoginQueue`]
//! says which is verified next. A [`Role`] is a set of [`Right`]s, and [`UserLimits`] say of what.

mod allowance;
mod credential;
mod file_lock;
mod hasher;
mod login_queue;
mod logins;
mod private_file;
mod role;
mod sessions;
mod slot;
mod user_limits;
mod users;

pub(crate) use allowance::Allowance;
pub(crate) use credential::{Credential, Identity, Refusal, SHARED_USER};
pub(crate) use file_lock::{FileLock, lock_of};
pub(crate) use hasher::{HashedPassword, PasswordChecker};
pub(crate) use login_queue::LoginQueue;
pub(crate) use logins::{Failures, Logins, network};
pub(crate) use private_file::changeable_by_others;
#[cfg(feature = "library")]
pub(crate) use private_file::keep_owner;
pub use private_file::write_private;
pub use role::{Right, Role};
pub(crate) use sessions::{Session, SessionKey, Sessions};
pub use slot::Slot;
#[cfg(feature = "library")]
pub(crate) use slot::slotted;
pub(crate) use slot::{Slotted, Turn};
pub use user_limits::UserLimits;
pub use users::Users;
pub(crate) use users::{UserEntry, files_of_users, random};

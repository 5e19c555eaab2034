//! Who may do what: users, tokens and roles, and what is remembered of logins. Rules: no threads, no clock of their own
//! (time is passed in), no sockets; the users file is read and written here.
//!
//! A request brings a [`Credential`]. [`Users`] knows whose a token or a password is, [`Logins`] remembers the passwords
//! that were right, and [`Failures`] counts those that were wrong. A [`Role`] is a set of [`Right`]s.

mod credential;
mod logins;
mod private_file;
mod role;
mod users;

pub(crate) use credential::{Credential, Identity, Refusal};
pub(crate) use logins::{Failures, Logins};
pub use private_file::write_private;
pub use role::{Right, Role};
pub use users::Users;
pub(crate) use users::random;

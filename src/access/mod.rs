//! Who may do what: users, tokens and roles, and what is remembered of logins. Rules: no threads, no clock of their own
//! (time is passed in), no sockets; the users file is read and written here.

mod logins;
mod users;

pub(crate) use logins::{Failures, Identity, Logins};
pub(crate) use users::random;
pub use users::{Role, Users, write_private};

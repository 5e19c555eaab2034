//! An application decides who may send.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::Station;
use crate::ingest::SourceInfo;

/// A source that asks to be let in: see [`Station::admit_sources`]. Its password is not shown by `Debug`.
#[derive(Clone)]
#[non_exhaustive]
pub struct SourceRequest {
    /// The path that it wants to send to.
    pub path: String,
    /// Whom it has logged in as. For a program that knows only a password, it is the name in `name:password`
    /// (or with `,` or `;`), else `source`. It is empty for a token, which is the password then.
    pub user: String,
    /// The password that came with it.
    pub password: String,
    /// The address from which it comes.
    pub address: IpAddr,
    /// What it says of itself. `user` and `address` are those that would be shown.
    pub info: SourceInfo,
}

impl fmt::Debug for SourceRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceRequest")
            .field("path", &self.path)
            .field("user", &self.user)
            .field("address", &self.address)
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

type Decide = dyn FnMut(&SourceRequest) -> Result<String, String> + Send;

/// What decides, once an application has said so. All handles of a station share it.
#[derive(Clone, Default)]
pub(crate) struct Admission(Arc<Mutex<Option<Decider>>>);

/// An application's function. It is called once at a time.
#[derive(Clone)]
pub(crate) struct Decider(Arc<Mutex<Decide>>);

impl Admission {
    /// The function of the application, if it decides.
    pub(crate) fn decider(&self) -> Option<Decider> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Decider {
    /// The name of the user who is let in, or the reason for the DJ to read.
    pub(crate) fn ask(&self, request: &SourceRequest) -> Result<String, String> {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(request)
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("decides", &self.decider().is_some()).finish()
    }
}

impl Station {
    /// Has the application decide who may send a stream, and to which path. From now on `decide` is asked for
    /// every source that comes to the server, instead of the users of the API; the station's
    /// [`Api`](crate::Api) must be running. It returns the name by which the source is known from then on, or
    /// the reason why it is refused, which its DJ reads (403). It is called on a thread of its own, one call
    /// at a time, and may take its time: whoever has waited for five seconds is refused. It may call
    /// everything on the station.
    ///
    /// A source may also set its titles, by the login that it was let in with.
    ///
    /// ```no_run
    /// # fn example(station: &longwave::Station) {
    /// station.admit_sources(|source| match (&*source.path, &*source.user, &*source.password) {
    ///     ("/live", "anna", "correct horse") => Ok("anna".into()),
    ///     ("/live", ..) => Err("the password is another, or you are not on the schedule".into()),
    ///     _ => Err("send to /live".into()),
    /// });
    /// # }
    /// ```
    pub fn admit_sources(
        &self,
        decide: impl FnMut(&SourceRequest) -> Result<String, String> + Send + 'static,
    ) {
        let decider = Decider(Arc::new(Mutex::new(decide)));
        *self.admission.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(decider);
    }
}

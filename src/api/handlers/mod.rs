//! The handlers of the routes.

pub(crate) mod announcements;
pub(crate) mod configuration;
pub(crate) mod denied;
pub(crate) mod history;
#[cfg(feature = "library")]
pub(crate) mod inbox;
#[cfg(feature = "library")]
pub(crate) mod ingredients;
#[cfg(feature = "library")]
pub(crate) mod library;
pub(crate) mod live;
#[cfg(feature = "library")]
pub(crate) mod m3u;
#[cfg(not(feature = "library"))]
pub(crate) mod no_library;
pub(crate) mod outputs;
pub(crate) mod pipelines;
pub(crate) mod queue;
pub(crate) mod recordings;
pub(crate) mod requests;
pub(crate) mod schedule;
pub(crate) mod sessions;
pub(crate) mod sources;
pub(crate) mod station;
pub(crate) mod users;
pub(crate) mod voices;

//! The handlers of the routes.

pub(crate) mod announcements;
pub(crate) mod history;
pub(crate) mod live;
pub(crate) mod outputs;
pub(crate) mod pipelines;
pub(crate) mod queue;
pub(crate) mod sources;
pub(crate) mod station;
pub(crate) mod voices;

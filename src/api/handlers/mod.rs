//! The handlers of the routes.

pub(crate) mod outputs;
pub(crate) mod pipelines;
pub(crate) mod queue;
pub(crate) mod sources;
pub(crate) mod station;
pub(crate) mod voices;

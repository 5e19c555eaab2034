//! Mounts: the producer's side, the backlogs, and the listeners that read them.

pub(super) mod audio;
pub(super) mod event_stream;
pub(super) mod fallbacks;
pub(super) mod info;
pub(super) mod listener;
pub(super) mod mount;
pub(super) mod path;
pub(super) mod writer;

//! Mounts and event streams: the producer's side, the backlogs, and the cursors of listeners and followers.

pub(super) mod audio;
pub(super) mod cursor;
pub(super) mod event_backlog;
pub(super) mod event_stream;
pub(super) mod fallbacks;
pub(super) mod follower;
pub(super) mod info;
pub(super) mod listener;
pub(super) mod mount;
pub(super) mod path;
pub(super) mod producer;
pub(super) mod table;
pub(super) mod writer;

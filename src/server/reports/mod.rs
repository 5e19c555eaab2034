//! What the server reports: counters that any thread reads, and entries for the thread `journal`.

pub(super) mod access;
mod access_file;
pub(super) mod journal;
pub(super) mod presence;
pub(super) mod stats;

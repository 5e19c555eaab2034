//! Sources: clients that send a stream. Each has a thread of its own, which reads the stream and hands its
//! bytes to a sink.
//!
//! `source` is what is known of a source, `announced` reads it from the head of a request, `session` is one
//! source on its path and its thread, `sessions` has all of them and lets go of those that are silent or
//! useless. `live` is the thread of a source at a live input.

mod announced;
pub(crate) mod live;
mod session;
mod sessions;
mod source;
#[cfg(test)]
mod tests;

pub use live::LiveFormat;
pub(crate) use session::{REPLACED_AFTER, Session, Sink};
pub(crate) use sessions::{Sessions, Taken};
pub(crate) use source::Link;
pub use source::{SourceInfo, SourceState, SourceStream};

//! Sources: clients that send a stream. Each has a thread of its own, which reads the stream and hands its
//! bytes to a sink.
//!
//! `source` is what is known of a source, `announced` reads it from the head of a request, `session` is one
//! source on its path and its thread, `sessions` has all of them and lets go of those that are silent or
//! useless. `losses` says what the log tells of sound that was dropped. `live` is the sink of a live input,
//! which decodes, and `seams` what it does where its sound is torn; the sink of a relayed mount stands above.

mod announced;
mod live;
mod losses;
mod seams;
mod session;
mod sessions;
mod source;
#[cfg(test)]
mod tests;

pub(crate) use live::{LiveSink, LiveView};
pub(crate) use session::{Claim, Session, Sink};
pub(crate) use sessions::{Sessions, Taken};
pub use source::{LiveFormat, LiveSourceState, SourceInfo, SourceState, SourceStream};

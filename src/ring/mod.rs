//! Queues between threads, and the backlog that the reactor keeps.
//!
//! An encoder pushes packets into a [`handoff`](fn@handoff) and rings the server's [`Doorbell`]; the reactor
//! drains them into the mount's [`Backlog`], which is the reactor's alone. Between the threads of a pipeline,
//! work and orders go through a [`quiet_channel`]. PCM goes from the thread that has it to the mixer through
//! a [`feed`](fn@feed), and from a source's thread through a [`live_feed`]. The stream of a source comes from
//! the reactor through an [`Inlet`]; files go both ways in pieces ([`arriving`], [`leaving`]). Copies of
//! packets go to the thread of a recording from a [`RecordTap`].

mod backlog;
mod feed;
mod filler;
mod handoff;
mod inlet;
mod live;
mod pieces;
mod quiet;
mod recording;
mod sleepers;
mod wake;

pub(crate) use backlog::{Backlog, TitleMark};
pub(crate) use feed::{Ending, Feed, FeedWriter, Taken, Wanted, feed};
pub(crate) use filler::{Filler, by_hand};
pub(crate) use handoff::{Doorbell, HandoffReader, HandoffWriter, handoff};
pub use inlet::{Inlet, InletHandle, SourceEnd};
pub(crate) use inlet::{InletWriter, inlet};
pub(crate) use live::{LiveFeed, LiveLine, LiveWriter, live_feed};
pub(crate) use pieces::{
    ArrivingBody, ArrivingPieces, LeavingFile, LeavingPieces, Next as NextPiece, PIECE, arriving, leaving,
};
pub(crate) use quiet::{Nothing, QuietReceiver, QuietSender, quiet_channel};
pub(crate) use recording::{Batch, RecordPoint, RecordQueue, RecordTap, RecordedPacket, RecordedSession};

/// The synchronisation that `wake.rs` and `sleepers.rs` use. Their loom tests compile the same files with
/// loom's.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
}

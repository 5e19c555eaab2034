//! What crosses threads, and what the reactor keeps of it.
//!
//! An encoder pushes packets into a [`handoff`](fn@handoff) and rings the server's [`Doorbell`]; the
//! reactor drains them into the mount's [`Backlog`], which is the reactor's alone. What threads of a pipeline ask of
//! each other goes through a [`queue`](fn@queue).

mod backlog;
mod handoff;
mod queue;
mod wake;

pub(crate) use backlog::{Backlog, TitleMark};
pub(crate) use handoff::{Doorbell, HandoffReader, HandoffWriter, handoff};
pub(crate) use queue::{Nothing, QueueReader, QueueWriter, queue};

/// The atomics that `wake.rs` is written for; its loom test compiles the same file with loom's.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
}

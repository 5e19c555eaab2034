//! Signals that must not end the program before it can act on them.

use nix::sys::signal::{SigSet, Signal};

/// These end a program that has no handler for them. They may come at once: from a supervisor that reloads all
/// that it has just started, or from the rotation of logs.
fn early() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP, Signal::SIGUSR1])
}

/// Lets these signals wait, for this thread and for those that it starts. It is the first thing that the program
/// does.
pub fn hold() {
    // It fails only for a mask that is no mask.
    let _ = early().thread_block();
    // For good: a log that has reached the limit of a file's size is an error of its write, and no reason to end.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
}

/// Delivers what has come since [`hold`]: to the handlers that are there by now, or else to the system's, which
/// end the program.
pub fn release() {
    let _ = early().thread_unblock();
}

//! The flag that coalesces wakes and loses none.

use super::sync::{AtomicBool, Ordering};

/// Whether the reactor has been woken and has not begun to look yet.
///
/// A producer publishes its work and then raises the flag; only who raised it wakes the reactor.
/// The reactor clears it and then looks for work. Both are swaps: all swaps of one flag are in one
/// order, and each reads what the one before it wrote. So either the producer's swap comes first,
/// and the reactor's reads it and thereby sees the work; or the reactor's comes first, and the
/// producer finds the flag down and wakes. (A plain store by the reactor would read nothing, and
/// could pass a push unseen.)
#[derive(Debug)]
pub(crate) struct WakeFlag {
    woken: AtomicBool,
}

impl WakeFlag {
    pub(crate) fn new() -> WakeFlag {
        WakeFlag { woken: AtomicBool::new(false) }
    }

    /// To be called after the work is published. True: wake the reactor; else somebody has.
    #[must_use]
    pub(crate) fn raise(&self) -> bool {
        // SeqCst includes Release, which pairs with the Acquire in `clear`.
        !self.woken.swap(true, Ordering::SeqCst)
    }

    /// To be called by the reactor before it looks for work.
    pub(crate) fn clear(&self) {
        // SeqCst includes Acquire, which pairs with the Release in `raise`.
        self.woken.swap(false, Ordering::SeqCst);
    }
}

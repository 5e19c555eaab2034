//! The flag that coalesces wakes and loses none.

use super::sync::{AtomicBool, Ordering};

/// Whether the reactor has been woken and has not begun to look yet.
///
/// A producer publishes its work and then raises the flag. Only the producer that raised it wakes the
/// reactor. The reactor clears the flag and then looks for work. Both are swaps. All swaps of one flag have
/// one order, and each reads the value that the one before it wrote. If the producer's swap comes first, the
/// reactor's swap reads its value and so sees the work. If the reactor's swap comes first, the producer finds
/// the flag down and wakes. (A plain store by the reactor would read nothing, and could overtake a push
/// unseen.)
#[derive(Debug)]
pub(crate) struct WakeFlag {
    woken: AtomicBool,
}

impl WakeFlag {
    pub(crate) fn new() -> WakeFlag {
        WakeFlag { woken: AtomicBool::new(false) }
    }

    /// Raises the flag after work was published. Returns true if the caller must wake the reactor, false if
    /// another producer has.
    #[must_use]
    pub(crate) fn raise(&self) -> bool {
        // SeqCst includes Release, which pairs with the Acquire in `clear`.
        !self.woken.swap(true, Ordering::SeqCst)
    }

    /// Clears the flag. The reactor calls it before it looks for work.
    pub(crate) fn clear(&self) {
        // SeqCst includes Acquire, which pairs with the Release in `raise`.
        self.woken.swap(false, Ordering::SeqCst);
    }
}

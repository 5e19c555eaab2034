//! A thread of the library that calls functions of the host, one at a time.
//!
//! Some runtimes stop their threads by signals, and must be able to stop such a thread too once it has run
//! their code. So it takes the signal mask of the host's thread that gave the first function.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::entry::{lock, outside};

/// The state of such a thread.
#[derive(Default)]
pub struct Caller {
    /// The signal mask of the thread that gave the first function.
    mask: Mutex<Option<libc::sigset_t>>,
    /// Held while a function runs.
    running: Mutex<()>,
    /// The thread, once it has called a function.
    thread: AtomicUsize,
}

impl Caller {
    /// Takes the mask of this thread, unless there is one already.
    pub fn take_mask(&self) {
        lock(&self.mask).get_or_insert_with(mask_of_this_thread);
    }

    /// Calls `function` with what `due` gives, or not at all. Runs on the thread. Whoever removes what is due
    /// and then [waits](Caller::wait) knows that it runs no more.
    pub fn call<T>(&self, due: impl FnOnce() -> Option<T>, function: impl FnOnce(T)) {
        let _running = lock(&self.running);
        let Some(due) = due() else { return };
        if self.thread.swap(this_thread(), Ordering::Relaxed) == 0
            && let Some(mask) = *lock(&self.mask)
        {
            set_mask(&mask);
        }
        outside(|| function(due));
    }

    /// Waits until no function runs. A function that calls this is not waited for.
    pub fn wait(&self) {
        if self.thread.load(Ordering::Relaxed) != this_thread() {
            drop(lock(&self.running));
        }
    }
}

/// The host's own pointer: handed back, never followed.
#[derive(Clone, Copy, Debug)]
pub struct User(pub *mut c_void);

// SAFETY: nothing here looks at what it points to. That the host's functions are called on other threads is
// documented.
unsafe impl Send for User {}
// SAFETY: as above.
unsafe impl Sync for User {}

/// The signal mask of this thread.
pub fn mask_of_this_thread() -> libc::sigset_t {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: without a new mask it only fills in the old one, and cannot fail.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
        mask.assume_init()
    }
}

/// Calls a function of the host with another signal mask, on a thread that has other work, too.
pub fn with_mask<T>(mask: &libc::sigset_t, function: impl FnOnce() -> T) -> T {
    let ours = mask_of_this_thread();
    set_mask(mask);
    let result = outside(function);
    set_mask(&ours);
    result
}

/// Gives this thread another signal mask.
fn set_mask(mask: &libc::sigset_t) {
    // SAFETY: it is a mask that a thread had.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, ptr::null_mut()) };
}

/// The number of this thread: never zero.
pub fn this_thread() -> usize {
    // SAFETY: `pthread_self` has no preconditions.
    unsafe { libc::pthread_self() as usize }
}

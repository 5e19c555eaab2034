//! How every thread of Longwave is started: named, and deaf to signals.
//!
//! A host process has handlers of its own and expects them to run on its own threads, so all of ours
//! block every signal, and do that first.
//!
//! The host's thread that starts one blocks nothing meanwhile. If it blocked signals in order to pass
//! that mask on, then a garbage collector that stops the host's threads by signals could wait for this
//! thread, while this thread waits for a lock (of the allocator, for example) whose owner has been
//! stopped: a deadlock.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use nix::sys::signal::SigSet;

use crate::cut::cut;

/// Linux shows this many bytes of a thread's name.
const NAME_MAX: usize = 15;

/// Starts a thread with this name (15 bytes at most) that blocks all signals.
pub(crate) fn spawn<T, F>(name: &str, run: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Builder::new().name(cut(name, NAME_MAX).to_owned()).spawn(|| {
        SigSet::all().thread_set_mask().expect("a set of signals is a valid mask");
        run()
    })
}

/// Lets everything else go before the calling thread from now on. Other threads keep their priority.
#[cfg(feature = "library")]
pub(crate) fn go_last() {
    // The lowest there is. Without it, the work is done all the same.
    let _ = rustix::process::setpriority_process(None, 19);
}

/// A thread that can be waited for until a deadline.
#[derive(Debug)]
pub(crate) struct Worker {
    pub name: String,
    /// Disconnected when the thread is done.
    done: Receiver<()>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    pub fn spawn(name: impl Into<String>, run: impl FnOnce() + Send + 'static) -> io::Result<Worker> {
        let name = name.into();
        let (alive, done) = bounded(0);
        let body = move || {
            let _alive: Sender<()> = alive;
            run();
        };
        let handle = spawn(&name, body)?;
        Ok(Worker { name, done, handle: Mutex::new(Some(handle)) })
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        let slot = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Whether it ended in time, and was joined. A thread does not wait for itself.
    pub fn join_before(&self, deadline: Instant) -> bool {
        let mut slot = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(handle) = slot.take() else { return true };
        let is_own = handle.thread().id() == std::thread::current().id();
        if is_own || self.done.recv_deadline(deadline) == Err(RecvTimeoutError::Timeout) {
            return is_own;
        }
        // A panic was reported where it happened.
        let _ = handle.join();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    #[test]
    fn a_thread_has_its_name_and_blocks_signals_while_its_maker_goes_on_as_before() {
        let before = SigSet::thread_get_mask().unwrap();
        let thread = spawn("mix:überlanger Name", || {
            (std::thread::current().name().map(str::to_owned), SigSet::thread_get_mask().unwrap())
        });
        let (name, mask) = thread.unwrap().join().unwrap();
        assert_eq!(name.as_deref(), Some("mix:überlanger"));
        for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
            assert!(mask.contains(signal), "{signal} reaches our threads");
        }
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}

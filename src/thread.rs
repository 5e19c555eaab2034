//! How every thread of Longwave is started: named, and deaf to signals.
//!
//! A host process has handlers of its own and expects them to run on its own threads, so all of
//! ours block every signal. The mask is set before the thread exists and inherited by it: there is
//! no instant in which a signal could reach it.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow};

/// Linux shows this many bytes of a thread's name.
const NAME_MAX: usize = 15;

/// Starts a thread with this name (15 bytes at most) that blocks all signals.
pub(crate) fn spawn<T, F>(name: &str, run: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let mut end = name.len().min(NAME_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let builder = Builder::new().name(name[..end].to_owned());
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = builder.spawn(run);
    before.thread_set_mask()?;
    thread
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

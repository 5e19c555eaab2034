//! Work that a disk or a reader may keep for ever.

use std::time::Duration;

use crossbeam::channel::bounded;

/// Does some work on a thread with this name, and waits for it, but not longer than this. `None` if it is not
/// done by then, or could not begin: it may still go on.
pub fn in_time<T: Send + 'static>(
    thread: &'static str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, result) = bounded(1);
    // Nobody may wait any more.
    let run = move || drop(done.send(work()));
    std::thread::Builder::new().name(thread.into()).spawn(run).ok()?;
    result.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_left_behind_and_what_does_not_is_there() {
        assert_eq!(in_time("quick", Duration::from_secs(60), || 6 * 7), Some(42));
        let (release, stuck) = bounded::<()>(0);
        assert_eq!(in_time("stuck", Duration::from_millis(1), move || stuck.recv().is_ok()), None);
        drop(release);
    }
}

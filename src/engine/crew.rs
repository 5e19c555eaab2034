//! The threads that a pipeline owns, so that stopping can join each one or name it.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::error::{Error, Result};
use crate::thread;

/// Threads that end together.
#[derive(Default)]
pub(crate) struct Crew {
    members: Mutex<Vec<Member>>,
}

struct Member {
    name: String,
    handle: JoinHandle<()>,
    /// Disconnected when the thread's work has ended, however it ended.
    working: Receiver<()>,
}

impl Crew {
    /// Starts a thread with all signals blocked. Threads that have ended are let go meanwhile.
    pub fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let (working, ended): (Sender<()>, _) = bounded(0);
        let handle = thread::spawn(name, move || {
            let _working = working;
            work();
        })
        .map_err(Error::io("starting a thread"))?;
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| !member.handle.is_finished());
        members.push(Member { name: name.into(), handle, working: ended });
        Ok(())
    }

    /// Joins every thread, or names those that are still at work at `deadline`: they are stuck in
    /// foreign code (a dead disk, a hook), and left behind.
    pub fn join(&self, deadline: Instant) -> Vec<String> {
        let mut abandoned = Vec::new();
        loop {
            // Taken one by one: a thread that ends may have started another.
            let member = self.members.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(member) = member else { return abandoned };
            let own = member.handle.thread().id() == std::thread::current().id();
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let ended = own || member.working.recv_timeout(left).is_err_and(|error| error.is_disconnected());
            match ended {
                true if own => {}
                true if member.handle.join().is_err() => log::error!("thread {} panicked", member.name),
                true => {}
                false => abandoned.push(member.name),
            }
        }
    }
}

//! The threads that a pipeline owns. Stopping joins each thread, or returns its name if it is stuck.

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
    ended: Receiver<()>,
}

impl Crew {
    /// Starts a thread with all signals blocked. Forgets threads that have ended.
    pub fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let (working, ended): (Sender<()>, _) = bounded(0);
        let handle = thread::spawn(name, move || {
            let _working = working;
            work();
        })
        .map_err(Error::io("starting a thread"))?;
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| !member.handle.is_finished());
        members.push(Member { name: name.into(), handle, ended });
        Ok(())
    }

    /// Joins every thread. A thread that is still at work at `deadline` is stuck, on a dead disk or in a
    /// hook, for example. It is left behind, and its name is returned. The caller's own thread stays a
    /// member, and another thread must join it.
    pub fn join(&self, deadline: Instant) -> Vec<String> {
        let mut abandoned = Vec::new();
        loop {
            // Members are taken one by one, because a thread may start another before it ends.
            let Some(member) = self.take_another() else { return abandoned };
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let ended = member.ended.recv_timeout(left).is_err_and(|error| error.is_disconnected());
            match ended {
                true if member.handle.join().is_err() => log::error!("thread {} panicked", member.name),
                true => {}
                false => abandoned.push(member.name),
            }
        }
    }

    /// How many threads of this name are at work.
    #[cfg(test)]
    pub fn at_work(&self, name: &str) -> usize {
        let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        members.iter().filter(|member| member.name == name && !member.handle.is_finished()).count()
    }

    /// Takes out a thread that is not the caller's.
    fn take_another(&self) -> Option<Member> {
        let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
        let own = std::thread::current().id();
        let another = members.iter().rposition(|member| member.handle.thread().id() != own)?;
        Some(members.remove(another))
    }
}

//! The threads `api-files`, which answer requests that name files.
//!
//! Read: requests. Write: their answers, the tags of files. Never: touch a file, because that may never end.
//! They have it done (`crate::filework`), and answer for it when it takes too long. Since each of them may
//! wait for a disk, there are several; they are started when they are needed.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::call::{Call, Handled};
use super::core::Core;
use super::guard::changed_meanwhile;
use super::service::answer_with;
use crate::access::Identity;
use crate::engine::crew::Crew;
use crate::{Entry, HttpRequest};

/// How many requests for files are worked on at once. All of them may wait for dead disks, for some seconds.
const AT_ONCE: usize = 16;

/// How many of them may be one user's.
const AT_ONCE_OF_ONE_USER: usize = 4;

/// The capacity of the queue before them: requests, and files whose tags are to be read.
const WAITING: usize = 64;

/// How many of them may be one user's.
const WAITING_OF_ONE_USER: usize = 32;

/// A job for the threads `api-files`.
pub(super) enum FileJob {
    Answer {
        request: Box<HttpRequest>,
        held: Vec<String>,
        /// The user, unless the route is public.
        who: Option<Identity>,
        handler: fn(&Core, &Call<'_>) -> Handled,
    },
    /// A file that a user sends or gets.
    Transfer {
        request: Box<HttpRequest>,
        held: Vec<String>,
        who: Identity,
        handler: fn(&Arc<Core>, HttpRequest, &[String], &Identity),
    },
    ReadTags(Entry),
    /// For the metrics.
    #[cfg(feature = "library")]
    CountLibrary,
}

impl FileJob {
    /// Whose share it takes. The station's own jobs share one; so do strangers, who have no name.
    fn user(&self) -> Option<&str> {
        match self {
            FileJob::Answer { who, .. } => Some(who.as_ref().map_or("", |who| &who.name)),
            FileJob::Transfer { who, .. } => Some(&who.name),
            FileJob::ReadTags(_) => None,
            #[cfg(feature = "library")]
            FileJob::CountLibrary => None,
        }
    }
}

/// The jobs and the threads that do them. Cheap to clone.
#[derive(Clone)]
pub(super) struct Files {
    core: Arc<Core>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    crew: Crew,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<FileJob>,
    /// The users whose jobs are worked on, each as often as there are jobs.
    busy: Vec<Option<String>>,
    /// Threads that have not ended. They end when there are no more jobs.
    threads: usize,
    stopped: bool,
}

impl State {
    /// The first job of a user whose share is not taken. `None` if there is none: the thread ends. Those that
    /// are left are done by the threads that work for their users already.
    fn next(&mut self) -> Option<FileJob> {
        let busy = |user| self.busy.iter().filter(|busy| busy.as_deref() == user).count();
        let free = self.jobs.iter().position(|job| busy(job.user()) < AT_ONCE_OF_ONE_USER);
        let job = free.and_then(|index| self.jobs.remove(index));
        match &job {
            Some(job) => self.busy.push(job.user().map(str::to_owned)),
            None => self.threads -= 1,
        }
        job
    }
}

impl Files {
    pub(super) fn new(core: Arc<Core>) -> Files {
        Files { core, shared: Arc::default() }
    }

    /// Takes a job, or gives it back if too many wait.
    pub(super) fn take(&self, job: FileJob) -> Result<(), FileJob> {
        let mut state = self.lock();
        let of_user = state.jobs.iter().filter(|other| other.user() == job.user()).count();
        if state.jobs.len() == WAITING || of_user == WAITING_OF_ONE_USER || state.stopped {
            return Err(job);
        }
        state.jobs.push_back(job);
        if state.threads < AT_ONCE {
            state.threads += 1;
            drop(state);
            let files = self.clone();
            if let Err(error) = self.shared.crew.spawn("api-files", move || files.run()) {
                log::error!("{error}");
                let mut state = self.lock();
                state.threads -= 1;
                // Without any thread, nobody would answer.
                if state.threads == 0
                    && let Some(job) = state.jobs.pop_back()
                {
                    return Err(job);
                }
            }
        }
        Ok(())
    }

    /// Drops the jobs that wait. A request that is dropped is answered. Gives the threads that do not end in
    /// time.
    pub(super) fn stop(&self, deadline: Instant) -> Vec<String> {
        let mut state = self.lock();
        state.stopped = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
        self.shared.crew.join(deadline)
    }

    fn run(self) {
        while let Some(job) = self.next() {
            let user = job.user().map(str::to_owned);
            // A panic costs its job: the request is dropped, and so it is answered. The thread goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| self.work_on(job)));
            let mut state = self.lock();
            if let Some(index) = state.busy.iter().position(|busy| *busy == user) {
                state.busy.swap_remove(index);
            }
        }
    }

    fn work_on(&self, job: FileJob) {
        match job {
            FileJob::Answer { request, who: Some(who), .. } if !self.core.guard.still_knows(&who) => {
                request.answer(changed_meanwhile().answer());
            }
            FileJob::Transfer { request, who, .. } if !self.core.guard.still_knows(&who) => {
                request.answer(changed_meanwhile().answer());
            }
            FileJob::Answer { request, held, who, handler } => {
                answer_with(&self.core, handler, &held, who.as_ref(), *request);
                // The new tags may change the titles of the next tracks.
                self.core.bell.ring();
            }
            FileJob::Transfer { request, held, who, handler } => {
                handler(&self.core, *request, &held, &who);
            }
            FileJob::ReadTags(entry) => self.core.read_tags(&entry),
            #[cfg(feature = "library")]
            FileJob::CountLibrary => {
                self.core.library.iter().for_each(|library| self.core.measuring.count(library));
            }
        }
    }

    fn next(&self) -> Option<FileJob> {
        self.lock().next()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

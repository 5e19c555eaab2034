//! The thread `login`, which verifies passwords.
//!
//! Reads: requests whose passwords must be verified. Writes: answers to requests with wrong passwords, or
//! that waited for too long; the other requests, back to the thread `api`; the remembered logins. Never:
//! anything else, since it alone computes slow hashes.
//!
//! A brute force delays only users who log in for the first time, from a network that is not known to have
//! users: see [`LoginQueue`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;

use super::core::Core;
use super::guard::problem_for;
use super::problem::Problem;
use crate::HttpRequest;
use crate::access::{Identity, LoginQueue, PasswordChecker, Refusal, Right};

/// After so long without a login, the memory for hashes is given back.
const LOGINS_REST: Duration = Duration::from_secs(10);

/// A request whose login must be verified, and its task after that.
pub(super) struct Pending<T> {
    pub(super) request: HttpRequest,
    pub(super) name: String,
    pub(super) password: String,
    pub(super) right: Right,
    pub(super) then: T,
}

/// The end that the thread `api` has. Dropping it ends the thread `login`.
pub(super) struct LoginSender<T>(Arc<Shared<T>>);

/// The end that the thread `login` has.
pub(super) struct LoginReceiver<T>(Arc<Shared<T>>);

struct Shared<T> {
    core: Arc<Core>,
    queue: Mutex<Option<LoginQueue<Pending<T>>>>,
    changed: Condvar,
}

/// A queue of logins.
pub(super) fn queue<T>(core: Arc<Core>) -> (LoginSender<T>, LoginReceiver<T>) {
    let queue = Mutex::new(Some(LoginQueue::new()));
    let shared = Arc::new(Shared { core, queue, changed: Condvar::new() });
    (LoginSender(Arc::clone(&shared)), LoginReceiver(shared))
}

impl<T> LoginSender<T> {
    /// Has a login verified. If too many wait, the last of them is put off.
    pub(super) fn push(&self, pending: Pending<T>) {
        let address = pending.request.address().real();
        let last = self.0.lock().as_mut().and_then(|queue| queue.push(address, pending, Instant::now()));
        self.0.changed.notify_one();
        if let Some(last) = last {
            self.0.put_off(last);
        }
    }
}

impl<T> Drop for LoginSender<T> {
    fn drop(&mut self) {
        // A request that is dropped is answered.
        let queue = self.0.lock().take();
        self.0.changed.notify_one();
        drop(queue);
    }
}

impl<T> LoginReceiver<T> {
    /// Verifies logins until the thread `api` has ended. Wakes it after a good one.
    pub(super) fn run(self, welcome: &Sender<(HttpRequest, Identity, T)>) {
        let mut checker = PasswordChecker::default();
        while let Some(pending) = self.0.next(&mut checker) {
            // A panic costs its request, which is answered because it is dropped.
            let verified = catch_unwind(AssertUnwindSafe(|| self.0.verify(&mut checker, pending)));
            if let Ok(Some(verified)) = verified {
                // If the thread `api` is gone, this drops the request.
                let _ = welcome.send(verified);
                self.0.core.bell.ring();
            }
        }
    }
}

impl<T> Shared<T> {
    /// The login that is next. Waits for one. `None` once the thread `api` has ended.
    fn next(&self, checker: &mut PasswordChecker) -> Option<Pending<T>> {
        let mut rests = false;
        let mut locked = self.lock();
        loop {
            let now = Instant::now();
            let queue = locked.as_mut()?;
            if let Some(late) = queue.pop_late(now) {
                drop(locked);
                self.put_off(late);
                locked = self.lock();
            } else if let Some(next) = queue.pop(now) {
                return Some(next);
            } else if rests {
                locked = self.changed.wait(locked).unwrap_or_else(PoisonError::into_inner);
            } else {
                let waited = self.changed.wait_timeout(locked, LOGINS_REST);
                let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                locked = after;
                if timeout.timed_out() {
                    checker.give_back_memory();
                    rests = true;
                }
            }
        }
    }

    /// Verifies a login, and answers it if it is wrong.
    fn verify(
        &self,
        checker: &mut PasswordChecker,
        Pending { request, name, password, right, then }: Pending<T>,
    ) -> Option<(HttpRequest, Identity, T)> {
        let address = request.address().real();
        let verified = self.core.guard.verify(checker, &name, &password, address);
        match verified {
            Ok(_) => self.note(|queue| queue.was_good(address, Instant::now())),
            // It was not verified. Those before it have been counted and logged.
            Err(Refusal::TooManyFailures(_)) => {}
            Err(_) => {
                self.note(|queue| queue.was_wrong(address, Instant::now()));
                log::warn!("a login failed at {}", request.shown_address());
            }
        }
        match verified.and_then(|identity| identity.with_right(right)) {
            Ok(identity) => Some((request, identity, then)),
            Err(refusal) => {
                let problem = problem_for(&request, refusal);
                request.answer(problem.answer());
                None
            }
        }
    }

    fn note(&self, how: impl FnOnce(&mut LoginQueue<Pending<T>>)) {
        if let Some(queue) = self.lock().as_mut() {
            how(queue);
        }
    }

    /// There is no time to verify a login. It has not failed.
    fn put_off(&self, Pending { request, .. }: Pending<T>) {
        let problem =
            Problem::new("busy", "too many logins wait to be verified: try again soon, or use a token");
        request.answer(problem.retry_after(Duration::from_secs(1)).answer());
    }

    fn lock(&self) -> MutexGuard<'_, Option<LoginQueue<Pending<T>>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

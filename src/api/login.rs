//! The thread `login`, which verifies passwords, and hashes new ones.
//!
//! Reads: requests whose passwords must be verified, new passwords. Writes: answers to requests with wrong
//! passwords, or that waited for too long; the other requests, back to the thread `api`; the remembered
//! logins; the hashes of new passwords. Never: anything else, since it alone computes slow hashes.
//!
//! A brute force delays only users who log in for the first time, from a network that is not known to have
//! users: see [`LoginQueue`]. New passwords come from admins alone, so they come first.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::select;

use super::core::Core;
use super::guard::{problem, problem_for};
use super::problem::Problem;
use crate::HttpRequest;
use crate::access::{HashedPassword, Identity, LoginQueue, PasswordChecker, Refusal, Right};

/// After so long without a login, the memory for hashes is given back.
const LOGINS_REST: Duration = Duration::from_secs(10);

/// The most new passwords that wait to be hashed.
const NEW_PASSWORDS: usize = 16;
/// How long a request waits for the hash of its password. So many hashes take a second on a slow machine.
const HASHED_WITHIN: Duration = Duration::from_secs(10);

/// A request whose login must be verified, and its task after that.
pub(super) struct Pending<T> {
    pub(super) request: HttpRequest,
    pub(super) name: String,
    pub(super) password: String,
    pub(super) right: Right,
    pub(super) then: T,
}

/// A password to be hashed, and where its hash is waited for.
pub(super) struct NewPassword {
    password: String,
    hash: Sender<crate::Result<HashedPassword>>,
}

/// The end that the thread `api` has. Dropping it ends the thread `login`.
pub(super) struct LoginSender<T>(Arc<Shared<T>>);

/// The end that the thread `login` has.
pub(super) struct LoginReceiver<T> {
    shared: Arc<Shared<T>>,
    changed: Receiver<()>,
    /// Dropping it refuses those that wait.
    new_passwords: Receiver<NewPassword>,
}

struct Shared<T> {
    core: Arc<Core>,
    queue: Mutex<Option<LoginQueue<Pending<T>>>>,
    /// Tells the thread `login` that the queue has changed. One message says it for all changes.
    changed: Sender<()>,
}

/// What the thread `login` is to do next.
enum Work<T> {
    /// Boxed because a request is large.
    Verify(Box<Pending<T>>),
    Hash(NewPassword),
}

/// A queue of logins, with the station's queue of new passwords beside it.
pub(super) fn queue<T>(core: Arc<Core>) -> (LoginSender<T>, LoginReceiver<T>) {
    let (to_hash, new_passwords) = bounded(NEW_PASSWORDS);
    // A second thread would never be asked.
    let _ = core.new_passwords.set(to_hash);
    let (changes, changed) = bounded(1);
    let queue = Mutex::new(Some(LoginQueue::new()));
    let shared = Arc::new(Shared { core, queue, changed: changes });
    (LoginSender(Arc::clone(&shared)), LoginReceiver { shared, changed, new_passwords })
}

impl Core {
    /// Has the thread `login` hash a new password, and waits for it.
    pub(crate) fn hash(&self, password: String) -> Result<HashedPassword, Problem> {
        let busy = || {
            let problem = Problem::new("busy", "too many passwords wait to be hashed: try again soon");
            problem.retry_after(Duration::from_secs(1))
        };
        let (hash, answer) = bounded(1);
        let order = NewPassword { password, hash };
        self.new_passwords.get().ok_or_else(busy)?.try_send(order).map_err(|_| busy())?;
        Ok(answer.recv_timeout(HASHED_WITHIN).map_err(|_| busy())??)
    }
}

impl<T> LoginSender<T> {
    /// Has a login verified. If too many wait, the last of them is put off.
    pub(super) fn push(&self, pending: Pending<T>) {
        let address = pending.request.address().real();
        let last = self.0.lock().as_mut().and_then(|queue| queue.push(address, pending, Instant::now()));
        self.0.tell();
        if let Some(last) = last {
            self.0.put_off(last);
        }
    }
}

impl<T> Drop for LoginSender<T> {
    fn drop(&mut self) {
        // A request that is dropped is answered.
        let queue = self.0.lock().take();
        self.0.tell();
        drop(queue);
    }
}

impl<T> LoginReceiver<T> {
    /// Verifies logins and hashes passwords until the thread `api` has ended. Wakes it after a good login.
    pub(super) fn run(self, welcome: &Sender<(HttpRequest, Identity, T)>) {
        let mut checker = PasswordChecker::default();
        while let Some(work) = self.next(&mut checker) {
            // A panic costs its request, which is answered because it is dropped.
            let done = catch_unwind(AssertUnwindSafe(|| match work {
                Work::Verify(pending) => self.shared.verify(&mut checker, *pending),
                Work::Hash(NewPassword { password, hash }) => {
                    // Nobody may wait any more.
                    let _ = hash.send(checker.hash(&password));
                    None
                }
            }));
            if let Ok(Some(verified)) = done {
                // If the thread `api` is gone, this drops the request.
                let _ = welcome.send(verified);
                self.shared.core.bell.ring();
            }
        }
    }

    /// What is next. Waits for it. `None` once the thread `api` has ended.
    fn next(&self, checker: &mut PasswordChecker) -> Option<Work<T>> {
        let mut rests = false;
        loop {
            if let Ok(new) = self.new_passwords.try_recv() {
                return Some(Work::Hash(new));
            }
            if let Some(pending) = self.shared.next_login()? {
                return Some(Work::Verify(Box::new(pending)));
            }
            let patience = if rests { Duration::MAX } else { LOGINS_REST };
            select! {
                recv(self.changed) -> _ => {}
                recv(self.new_passwords) -> new => return new.ok().map(Work::Hash),
                default(patience) => {
                    checker.give_back_memory();
                    rests = true;
                }
            }
        }
    }
}

impl<T> Shared<T> {
    /// The login that is next, if there is one. The outer `None`: the thread `api` has ended.
    fn next_login(&self) -> Option<Option<Pending<T>>> {
        loop {
            let now = Instant::now();
            let late = {
                let mut locked = self.lock();
                let queue = locked.as_mut()?;
                match queue.pop_late(now) {
                    Some(late) => late,
                    None => return Some(queue.pop(now)),
                }
            };
            self.put_off(late);
        }
    }

    /// Wakes the thread `login`, unless it is told already.
    fn tell(&self) {
        let _ = self.changed.try_send(());
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
        match verified.map(|identity| identity.with_right(right)) {
            Ok(Ok(identity)) => return Some((request, identity, then)),
            Ok(Err(refusal)) => request.answer_user(&name, problem(refusal).answer()),
            Err(refusal) => {
                let problem = problem_for(&request, refusal);
                request.answer(problem.answer());
            }
        }
        None
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

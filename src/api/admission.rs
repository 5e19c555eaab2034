//! Sources about which the application decides.
//!
//! Thread `admission`, one for each station whose application decides, from the first source on. Reads: the
//! requests of sources. Writes: answers; streams, to their places. It runs the application's code, and
//! nothing else waits for it: the thread `door` refuses whoever has waited for too long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::core::{Admitted, Core};
use super::door;
use super::problem::Problem;
use crate::access::{Identity, Role};
use crate::engine::crew::Crew;
use crate::pipeline::{Decider, SourceRequest};
use crate::{HttpRequest, Result, UserLimits};

/// How long an application may think about a source.
const WITHIN: Duration = Duration::from_secs(5);

/// The most sources that wait for the application's decision. One more is refused at once.
const MOST_WAITING: usize = 64;

/// A request that is taken once: by the thread `admission`, or by the thread `door` when its time is over.
#[derive(Clone)]
struct Held {
    user: Arc<str>,
    request: Arc<Mutex<Option<HttpRequest>>>,
}

struct Asked {
    question: SourceRequest,
    request: Held,
    decider: Decider,
}

/// The end that the thread `door` has.
pub(super) struct Admissions {
    core: Arc<Core>,
    threads: Arc<Crew>,
    /// To the thread, once it runs.
    asks: Option<Sender<Asked>>,
    /// Who waits, in the order of their coming, and until when.
    waiting: Vec<(Instant, Held)>,
}

impl Admissions {
    pub(super) fn new(core: Arc<Core>, threads: Arc<Crew>) -> Admissions {
        Admissions { core, threads, asks: None, waiting: Vec::new() }
    }

    /// Asks the application about a source.
    pub(super) fn ask(&mut self, question: SourceRequest, request: HttpRequest, decider: Decider) {
        let user = question.user.as_str().into();
        let request = Held { user, request: Arc::new(Mutex::new(Some(request))) };
        let asked = Asked { question, request: request.clone(), decider };
        let sent = self.asks().and_then(|asks| {
            asks.try_send(asked).map_err(|_| crate::Error::Busy("application, which decides about others"))
        });
        match sent {
            Ok(()) => self.waiting.push((Instant::now() + WITHIN, request)),
            Err(error) => request.refuse(&self.core, &Problem::from(error)),
        }
    }

    fn asks(&mut self) -> Result<&Sender<Asked>> {
        if self.asks.is_none() {
            let (asks, asked) = bounded(MOST_WAITING);
            let core = Arc::clone(&self.core);
            self.threads.spawn("admission", move || run(&core, &asked))?;
            self.asks = Some(asks);
        }
        self.asks.as_ref().ok_or(crate::Error::Stopped("admission"))
    }

    /// The time until the first one must be refused.
    pub(super) fn patience(&self, now: Instant) -> Duration {
        self.waiting.first().map_or(Duration::MAX, |(until, _)| until.saturating_duration_since(now))
    }

    /// Refuses those who have waited for too long, and forgets those who have been answered.
    pub(super) fn turn(&mut self, now: Instant) {
        self.waiting.retain(|(_, request)| request.is_waiting());
        let late = self.waiting.partition_point(|(until, _)| *until <= now);
        for (_, request) in self.waiting.drain(..late) {
            let problem = Problem::new("forbidden", "the station has not decided in time: try again");
            request.refuse(&self.core, &problem);
        }
    }
}

impl Drop for Admissions {
    /// The API has stopped, so the application is asked no more.
    fn drop(&mut self) {
        for (_, request) in self.waiting.drain(..) {
            request.refuse(&self.core, &Problem::from(crate::Error::Stopped("API")));
        }
    }
}

impl Held {
    fn take(&self) -> Option<HttpRequest> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_waiting(&self) -> bool {
        self.request.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Refuses it, unless it has been answered.
    fn refuse(&self, core: &Core, problem: &Problem) {
        if let Some(request) = self.take() {
            door::refuse(core, request, &self.user, problem);
        }
    }
}

fn run(core: &Core, asked: &Receiver<Asked>) {
    for Asked { question, request, decider } in asked {
        if !request.is_waiting() {
            continue;
        }
        let decided = catch_unwind(AssertUnwindSafe(|| decider.ask(&question)))
            .unwrap_or_else(|_| Err("the station's own code has failed: its log says where".into()));
        let SourceRequest { path, user, password, .. } = question;
        let Some(request) = request.take() else {
            log::warn!("{path}: the application has taken more than {WITHIN:?} to decide about {user}");
            continue;
        };
        match decided {
            Ok(name) => {
                let by = Admitted::ByApplication(core.guard.digest(&user, &password));
                door::admit(core, request, guest(name, path), by);
            }
            Err(reason) => door::refuse(core, request, &user, &Problem::new("forbidden", reason)),
        }
    }
}

/// Whoever the application lets in may send to the path that they have asked for, and nothing else.
fn guest(name: String, path: String) -> Identity {
    let limits = Arc::new(UserLimits { paths: vec![path], ..UserLimits::default() });
    Identity { name, role: Role::Source, limits, secret: [0; 32] }
}

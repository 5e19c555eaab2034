//! The door for sources: who may send a stream, and where.
//!
//! Thread `door`. Reads: the requests by which sources come. Writes: answers; streams, to their places;
//! logins that must be verified, to the thread `login`, which hands the good ones to the thread `api`;
//! questions, to the thread `admission`, if the application decides. Never: computes a password's hash, or
//! waits for a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::admission::Admissions;
use super::core::{Admitted, Core};
use super::guard::{self, Access, Verdict};
use super::icy;
use super::login::{LoginSender, Pending};
use super::problem::Problem;
use super::service::Then;
use crate::access::{Credential, Identity, Right};
use crate::ingest::SourceInfo;
use crate::pipeline::{Decider, NoPlace, Place, SourceRequest};
use crate::{HttpAnswer, HttpRequest, Requests};

/// The capacity of the queue of requests: as many DJs as come at once after a restart. A quarter of it is for
/// a studio behind one address.
pub(super) const WAITING: usize = 256;

/// When a source that found no room is to try again.
const ROOM_COMES_AFTER: Duration = Duration::from_secs(10);

/// The state of the thread `door`.
pub(super) struct Door {
    pub(super) core: Arc<Core>,
    pub(super) requests: Requests,
    pub(super) logins: Arc<LoginSender<Then>>,
    pub(super) admissions: Admissions,
    pub(super) stopping: Arc<AtomicBool>,
}

impl Door {
    /// Runs until the API or the server stops.
    pub(super) fn run(mut self) {
        while !self.stopping.load(Ordering::Relaxed) && self.core.server.is_running() {
            if let Some(request) = self.requests.next_within(self.admissions.patience(Instant::now())) {
                self.judge(request);
            }
            self.admissions.turn(Instant::now());
        }
    }

    /// The login comes before everything else, so that strangers learn nothing.
    fn judge(&mut self, request: HttpRequest) {
        if self.core.sources.paths().is_empty() {
            let answer = HttpAnswer::text(405, "this station takes no sources\n");
            return request.answer(answer.with("Allow", "GET, HEAD, OPTIONS"));
        }
        if let Some(decider) = self.core.sources.decider() {
            return self.ask(request, decider);
        }
        match self.core.guard.judge(&request, Access::Needs(Right::Send), Instant::now()) {
            Verdict::Allowed(Some(identity)) => admit(&self.core, request, identity, Admitted::ByUsers),
            Verdict::Allowed(None) => {}
            Verdict::Refused(problem) => request.answer(problem.answer()),
            Verdict::Forbidden { name, problem } => request.answer_user(&name, problem.answer()),
            Verdict::Verify { name, password, right } => {
                self.logins.push(Pending { request, name, password, right, then: Then::Admit });
            }
        }
    }

    /// Has the application decide. A login is there even so: programs send theirs only when they are asked.
    fn ask(&mut self, request: HttpRequest, decider: Decider) {
        let (user, password) = match guard::credential_for_application(&request, Access::Needs(Right::Send)) {
            Ok(Credential::Login { name, password }) => (name, password),
            Ok(Credential::Token(token)) => (String::new(), token),
            Err(refusal) => return request.answer(guard::problem(refusal).answer()),
        };
        let (path, address) = (path_of(&request), request.address().real());
        let info = announced(&request, &user).unwrap_or_default();
        let question = SourceRequest { path, user, password, address, info };
        self.admissions.ask(question, request, decider);
    }
}

/// The path that a source asks for.
pub(super) fn path_of(request: &HttpRequest) -> String {
    request.segments().map(|segments| format!("/{}", segments.join("/"))).unwrap_or_default()
}

/// What a source says of itself, who is known by this name. `None` if it does not name its format.
fn announced(request: &HttpRequest, name: &str) -> Option<SourceInfo> {
    let info = SourceInfo::announced(request.method(), |name| request.header(name))?;
    Some(SourceInfo { user: name.to_owned(), address: request.shown_address().ip(), ..info })
}

/// Lets somebody in who may send, or says why not.
pub(super) fn admit(core: &Core, mut request: HttpRequest, who: Identity, by: Admitted) {
    request.identify(&who.name);
    if request.is_icy_login() {
        return icy::welcome(core, request, &who);
    }
    let path = path_of(&request);
    let info = announced(&request, &who.name);
    let place = match &info {
        Some(info) => place(core, &path, info, &who, || request.source_seat()),
        None => Err(Problem::new("forbidden", "name the format of the stream: Content-Type: audio/mpeg")),
    };
    let (place, seat) = match place {
        Ok(taken) => taken,
        Err(problem) => return refuse(core, request, &who.name, &problem),
    };
    // Its client hears that it is welcome when nothing can fail any more.
    let (stream, arriving) = request.into_source(seat);
    match place.start(stream.into()) {
        Ok(source) => {
            core.admitted(source.id(), who, by);
            arriving.accept();
        }
        Err(error) => refuse(core, arriving.back(), &who.name, &error.into()),
    }
}

/// Refuses somebody who has logged in, and tells so.
pub(super) fn refuse(core: &Core, request: HttpRequest, name: &str, problem: &Problem) {
    let (path, address) = (path_of(&request), request.shown_address());
    log::info!("{path}: the source {name} at {address} is refused: {}", problem.detail);
    core.sources.tell_refused(path, name.to_owned(), address.ip(), problem.detail.clone());
    request.answer(problem.answer());
}

/// The place of a source, or the problem for its DJ to read.
fn place<S>(
    core: &Core,
    path: &str,
    info: &SourceInfo,
    who: &Identity,
    seat: impl FnOnce() -> Option<S>,
) -> Result<(Place, S), Problem> {
    let own = own_paths(core, who);
    let choice = choice(&own, who);
    if core.sources.has(path) && !own.iter().any(|own| own == path) {
        return Err(Problem::new("forbidden", choice));
    }
    check_slot(who)?;
    core.sources.claim(path, info.clone(), seat).map_err(|reason| {
        let text = reason.to_string();
        match reason {
            NoPlace::NotHere if core.server.mount_info(path).is_some() => {
                Problem::new("forbidden", format!("the station itself feeds {path}: {choice}"))
            }
            NoPlace::NotHere => Problem::new("not-found", format!("there is no such path here: {choice}")),
            NoPlace::InUse { .. } => Problem::new("in-use", text),
            NoPlace::WrongType { .. } => Problem::new("unsupported-stream", text),
            NoPlace::Full => full(),
            NoPlace::Failed(error) => error.into(),
        }
    })
}

/// The refusal of a source for which the server has no room.
pub(super) fn full() -> Problem {
    Problem::new("busy", NoPlace::Full.to_string()).retry_after(ROOM_COMES_AFTER)
}

/// Refuses a user who has slots, but not now.
pub(super) fn check_slot(who: &Identity) -> Result<(), Problem> {
    match who.limits.between_slots(SystemTime::now()) {
        Some(reason) => Err(Problem::new("forbidden", format!("{}: {reason}", who.name))),
        None => Ok(()),
    }
}

/// The paths that this user may send to.
pub(super) fn own_paths(core: &Core, who: &Identity) -> Vec<String> {
    let may = |(path, pipeline): &(String, Option<&str>)| who.limits.allow_place(path, *pipeline);
    core.sources.paths().into_iter().filter(may).map(|(path, _)| path).collect()
}

/// A sentence that names them.
pub(super) fn choice(own: &[String], who: &Identity) -> String {
    match own {
        [] => format!("{} may send to no path here", who.name),
        own => format!("{} may send to {}", who.name, own.join(", ")),
    }
}

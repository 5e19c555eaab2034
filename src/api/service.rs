//! The threads of the API.
//!
//! `api` reads: requests, events of the station, the mounts' titles. Writes: answers, streams of events.
//! Never: opens a file, computes a password's hash. (`api-files` is in `files.rs`, `login` in `login.rs`.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::Receiver;

use super::call::{Call, Handled};
use super::core::{Admitted, Core};
use super::door;
use super::files::{FileJob, Files};
use super::guard::{self, Access, Look, Verdict, changed_meanwhile};
use super::login::{LoginSender, Pending};
use super::origin;
use super::problem::Problem;
use super::router::{self, Changed, Follow, Handler};
use super::routes::ROUTES;
use super::streams::Streams;
use crate::access::{Identity, Right};
use crate::http::{ProblemDetails, Status};
use crate::{HttpAnswer, HttpRequest, Requests};

/// The most requests that are answered before events are looked at again.
const REQUESTS_A_TURN: usize = 64;

/// The methods of public routes.
const PUBLIC_METHODS: &str = "GET, HEAD, OPTIONS";

/// The state of the thread `api`.
pub(super) struct Service {
    pub(super) core: Arc<Core>,
    pub(super) requests: Requests,
    pub(super) streams: Streams,
    pub(super) files: Files,
    pub(super) logins: Arc<LoginSender<Then>>,
    /// Requests whose logins have been verified.
    pub(super) verified: Receiver<(HttpRequest, Identity, Then)>,
    /// The last look at the rights of those whose streams go on.
    pub(super) look: Look,
    pub(super) stopping: Arc<AtomicBool>,
}

/// What to do with a request: the handler of its route, the values of the route's braces, and what it
/// changes.
pub(super) struct Task {
    handler: Handler,
    held: Vec<String>,
    changed: Option<Changed>,
    /// Whether anybody may ask for it, strangers included.
    is_public: bool,
}

/// What to do with a request whose login is good.
pub(super) enum Then {
    Handle(Task),
    /// It is a source.
    Admit,
}

impl Service {
    /// Runs until the API or the server stops.
    pub(super) fn run(mut self) {
        while !self.stopping.load(Ordering::Relaxed) && self.core.server.is_running() {
            let mut next = self.requests.next_within(self.streams.patience(Instant::now()));
            for _ in 0..REQUESTS_A_TURN {
                let Some(request) = next.take() else { break };
                self.answer(request);
                next = self.requests.try_next();
            }
            while let Ok((request, identity, then)) = self.verified.try_recv() {
                match then {
                    _ if !self.core.guard.still_knows(&identity) => {
                        request.answer(changed_meanwhile().answer());
                    }
                    Then::Handle(task) => self.handle(task, Some(&identity), request),
                    Then::Admit => door::admit(&self.core, request, identity, Admitted::ByUsers),
                }
            }
            let now = Instant::now();
            if self.core.guard.looks_again(&mut self.look, now) {
                self.core.look_at_sources(SystemTime::now());
                self.streams.end_without_right(&self.core, now);
            }
            let files = &self.files;
            self.streams
                .turn(&self.core, now, &mut |entry| files.take(FileJob::ReadTags(entry.clone())).is_ok());
            #[cfg(feature = "library")]
            self.core.measuring.turn(|| files.take(FileJob::CountLibrary).is_ok());
            if let Some(request) = next {
                self.answer(request);
            }
        }
    }

    fn answer(&mut self, request: HttpRequest) {
        let (task, access) = match find(&request) {
            Ok(found) => found,
            Err(answer) => return request.answer(answer),
        };
        if origin::is_foreign(&request, access) {
            let detail = "a page of another origin asks for this: it is not done";
            return request.answer(Problem::new("cross-origin", detail).answer());
        }
        if access == Access::Login && request.awaits_body() {
            // It comes again with the login.
            return request.receive_body_of_stranger();
        }
        if let Some(guest) = self.guest(&request, access) {
            return self.handle(task, Some(&guest), request);
        }
        match self.core.guard.judge(&request, access, Instant::now()) {
            Verdict::Allowed(identity) => self.handle(task, identity.as_ref(), request),
            Verdict::Refused(problem) => request.answer(problem.answer()),
            Verdict::Forbidden { name, problem } => request.answer_user(&name, problem.answer()),
            Verdict::Verify { name, password, right } => {
                self.logins.push(Pending { request, name, password, right, then: Then::Handle(task) });
            }
        }
    }

    /// Who asks, if the application has let them in: they may do what sources do beside sending.
    fn guest(&self, request: &HttpRequest, access: Access) -> Option<Identity> {
        let is_of_sources = matches!(access, Access::Needs(Right::Send) | Access::Pass);
        if !is_of_sources || self.core.sources.decider().is_none() {
            return None;
        }
        self.core.guest(&guard::credential_for_application(request, access).ok()?)
    }

    fn handle(&mut self, task: Task, who: Option<&Identity>, mut request: HttpRequest) {
        let Task { handler, held, changed, is_public } = task;
        if let Some((changed, who)) = changed.zip(who) {
            let pipeline = (changed == Changed::Pipeline).then(|| held[0].as_str());
            if let Err(refusal) = who.may_change(pipeline) {
                return request.answer_user(&who.name, guard::problem(refusal).answer());
            }
        }
        // One with a body is counted before that comes, and not again.
        let is_new = request.awaits_body() || request.body().is_empty();
        if is_public
            && is_new
            && let Handler::Slow(_) = handler
            && let Err(problem) = self.core.let_stranger_ask(request.address().real())
        {
            return request.answer(problem.answer().readable_by_all());
        }
        if request.awaits_body() && !matches!(handler, Handler::Transfer(_)) {
            // Others take no body, so a user who may only read cannot fill the places for bodies.
            let takes_body = !matches!(request.method(), "GET" | "HEAD");
            return match who {
                // The complete request is judged again: the user may lose the right meanwhile.
                Some(_) if takes_body => request.receive_body(),
                None if takes_body && is_public => request.receive_body_of_stranger(),
                _ => request.answer(no_body().answer()),
            };
        }
        if let Some(Identity { name, .. }) = who {
            request.identify(name);
            if !matches!(request.method(), "GET" | "HEAD") {
                let (from, method) = (request.shown_address(), request.method());
                log::info!("{name} at {from}: {method} {}", request.raw_path());
            }
        }
        match handler {
            Handler::Quick(handle) => {
                answer_with(&self.core, handle, &held, who, request);
            }
            Handler::Events(follow) => {
                let follow = || follow(&mut self.streams, &self.core, request, Follow { held: &held, who });
                // If it panics, the request is dropped, and so it is answered.
                let _ = catch_unwind(AssertUnwindSafe(follow));
            }
            Handler::Slow(handler) => {
                let (request, who) = (Box::new(request), who.cloned());
                let job = FileJob::Answer { request, held, who, handler };
                self.have_done(job, is_public);
            }
            Handler::Transfer(handler) => {
                // No route of a transfer is public.
                let Some(who) = who.cloned() else { return };
                self.have_done(FileJob::Transfer { request: Box::new(request), held, who, handler }, false);
            }
        }
    }

    /// Has the threads `api-files` do something, or says that too much waits for them.
    fn have_done(&self, job: FileJob, is_public: bool) {
        let Err(FileJob::Answer { request, .. } | FileJob::Transfer { request, .. }) = self.files.take(job)
        else {
            return;
        };
        let problem = Problem::new("busy", "too many requests wait for files: try again soon");
        let answer = problem.retry_after(Duration::from_secs(1)).answer();
        request.answer(if is_public { answer.readable_by_all() } else { answer });
    }
}

/// The refusal of a body that no route reads.
fn no_body() -> ProblemDetails {
    ProblemDetails::of_status(Status::BODY_TOO_LARGE, "this request takes no body")
}

/// The task of a request, and the condition for it.
fn find(request: &HttpRequest) -> Result<(Task, Access), HttpAnswer> {
    let segments = request.segments().ok_or_else(|| Problem::new("not-found", "the path is not UTF-8"));
    let found = segments.and_then(|segments| router::find(ROUTES, request.method(), &segments));
    let (route, held) = found.map_err(|problem| match request.method() {
        // OPTIONS tells the allowed methods to anybody, without a login.
        "OPTIONS" if problem.code == "method-not-allowed" => preflight(request, &problem),
        _ => problem.answer(),
    })?;
    let is_public = route.access == Access::Public;
    Ok((Task { handler: route.handler, held, changed: route.changed(), is_public }, route.access))
}

/// The answer to OPTIONS. What is public may be asked for by pages of any origin.
fn preflight(request: &HttpRequest, problem: &Problem) -> HttpAnswer {
    let segments = request.segments().unwrap_or_default();
    let answer = problem.answer().emptied(204);
    let is_public = |method| {
        router::find(ROUTES, method, &segments).is_ok_and(|(route, _)| route.access == Access::Public)
    };
    match () {
        () if is_public("GET") => answer.readable_by_all().allowing_all(PUBLIC_METHODS),
        () if is_public("POST") => answer.readable_by_all().allowing_all("POST, OPTIONS"),
        () => answer,
    }
}

pub(super) fn answer_with(
    core: &Core,
    handler: fn(&Core, &Call<'_>) -> Handled,
    held: &[String],
    who: Option<&Identity>,
    request: HttpRequest,
) {
    let handled = handled(core, handler, &Call { request: &request, held, who });
    answer_to(who, request, handled);
}

/// What comes of a call. What it has changed is noted.
pub(super) fn handled(core: &Core, handler: fn(&Core, &Call<'_>) -> Handled, call: &Call<'_>) -> Handled {
    // A handler that panics costs its request, and not the thread.
    let handled = catch_unwind(AssertUnwindSafe(|| handler(core, call))).unwrap_or_else(|_| {
        Err(Problem::new("internal", "there is a fault in Longwave: the log says where"))
    });
    note(core, call.who, call.request, &handled);
    handled
}

/// Notes what a user's request has changed, if it succeeded.
fn note(core: &Core, who: Option<&Identity>, request: &HttpRequest, handled: &Handled) {
    if let (Ok(_), Some(Identity { name, .. })) = (handled, who) {
        core.note_change(name, request);
    }
}

/// Answers a request of a transfer with what has come of it.
pub(super) fn conclude(core: &Core, who: Option<&Identity>, request: HttpRequest, handled: Handled) {
    note(core, who, &request, &handled);
    answer_to(who, request, handled);
}

fn answer_to(who: Option<&Identity>, request: HttpRequest, handled: Handled) {
    request.answer(handled.unwrap_or_else(|problem| match who {
        Some(_) => problem.answer(),
        // What is public is so for pages of any origin, and so is why it is refused.
        None => problem.answer().readable_by_all(),
    }));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use crossbeam::channel::unbounded;

    use super::*;
    use crate::access::Users;
    use crate::api::call::done;
    use crate::api::guard::Guard;
    use crate::api::login;
    use crate::api::media::Media;
    use crate::ingest::Sessions;
    use crate::pipeline::{Relays, Sources};
    use crate::{Server, ServerSettings};

    fn service(server: &Server) -> Service {
        let requests = server.take_polls(&["/"], &[], 64).unwrap();
        let guard = Guard::new(Users::default()).unwrap();
        let (pipelines, media) = (Vec::new(), Media::new(&[]));
        let relays = Arc::new(Relays::new(server, Sessions::default()));
        let (sessions, admission) = Default::default();
        let sources = Sources::new(sessions, relays, Vec::new(), admission, server.emitter());
        let core = Core::new(server.clone(), pipelines, sources, media, guard, None, requests.bell());
        let core = Arc::new(core);
        Service {
            requests,
            streams: Streams::new(&core, "test".into()).unwrap(),
            files: Files::new(Arc::clone(&core)),
            logins: Arc::new(login::queue(Arc::clone(&core)).0),
            verified: unbounded().1,
            look: core.guard.look(Instant::now()),
            stopping: Arc::default(),
            core,
        }
    }

    fn panics(_: &Core, _: &Call<'_>) -> Handled {
        panic!("on purpose, in a test")
    }

    fn panics_following(_: &mut Streams, _: &Core, _: HttpRequest, _: Follow<'_>) {
        panic!("on purpose, in a test")
    }

    fn is_fine(_: &Core, _: &Call<'_>) -> Handled {
        done()
    }

    /// Sends a request that this handler gets, and returns the status of the answer.
    fn status(service: &mut Service, handler: Handler) -> String {
        let mut client = TcpStream::connect(service.core.server.local_addrs()[0]).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        client.write_all(b"GET /api HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        // The bell rings for other things, too: `None` until it is there.
        let request = std::iter::repeat_with(|| service.requests.next_within(Duration::from_secs(30)));
        let request = request.flatten().next().unwrap();
        service.handle(Task { handler, held: Vec::new(), changed: None, is_public: false }, None, request);
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    }

    /// Far more panics than there are threads; then all others are answered as ever.
    fn costs_its_request_only(handler: Handler) {
        let listen = vec!["127.0.0.1:0".parse().unwrap()];
        let server = Server::start(ServerSettings { listen, ..ServerSettings::default() }).unwrap();
        let mut service = service(&server);
        for _ in 0..40 {
            assert_eq!(status(&mut service, handler), "500");
        }
        for fine in [Handler::Quick(is_fine), Handler::Slow(is_fine)] {
            assert_eq!(status(&mut service, fine), "204");
        }
        let abandoned = service.files.stop(Instant::now() + Duration::from_secs(20));
        assert_eq!(abandoned, Vec::<String>::new());
    }

    #[test]
    fn a_handler_that_panics_costs_its_request_only() {
        costs_its_request_only(Handler::Quick(panics));
    }

    #[test]
    fn a_handler_of_files_that_panics_costs_its_request_only() {
        costs_its_request_only(Handler::Slow(panics));
    }

    #[test]
    fn a_handler_of_streams_that_panics_costs_its_request_only() {
        costs_its_request_only(Handler::Events(panics_following));
    }
}

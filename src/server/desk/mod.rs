//! Answers the requests that connections have read: finds the route, writes the answer, makes listeners, and
//! limits how many there are.

pub(super) mod expected;
pub(super) mod http_request;
pub(super) mod pages;
pub(super) mod proxies;
pub(super) mod routes;
pub(super) mod service;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;

use crate::event::Emitter;
use crate::http::{
    Body, DateLine, Form, HttpAnswer, IcyFault, IcySource, Outgoing, ProblemDetails, Request, Status,
    StreamBody,
};
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::connection::{PendingRequest, Reply, Site, StreamStart, ToCome};
use crate::server::connections::places::{Place, Sender};
use crate::server::connections::shares::{Kind, ShareTaken, Shares};
use crate::server::connections::transport::Transport;
use crate::server::connections::visit::Visit;
use crate::server::crowding::Crowding;
use crate::server::mounts::listener::{Join, Listener};
use crate::server::mounts::table::Mounts;
use crate::server::page::FrontPage;
use crate::server::reports::journal::JournalWriter;
use crate::server::reports::stats::Counters;
use crate::server::shelf::{self, Asker, Audience, Found, Poll, Registers, RoomBoard, Shelf, Standing};
use expected::Expected;
use proxies::Proxies;
use routes::{
    NO_HOST, Route, denied_here, full, kicked, no_sources, on_air, refusal, route, too_many_of_you, two_hosts,
};
use service::{ANSWERS_WITHIN, HandOver, MAX_BODY, NotHanded, Service, ServiceKind};

/// The state that is kept between requests.
#[derive(Default)]
pub(crate) struct Desk {
    date: DateLine,
    visits: u64,
    /// The services, which answer the paths that are not the server's own. If two claim a path, the first has
    /// it.
    services: Vec<Service>,
    /// What is answered with 503 rather than 404.
    pub(crate) expected: Expected,
    pub(crate) shelf: Shelf,
    pub(crate) audience: Audience,
    /// The listeners' page. Without one, `/` is a plain list of the streams.
    pub(crate) page: Option<Box<FrontPage>>,
    proxies: Proxies,
    /// Who is refused beside those of the settings.
    denied: Box<[IpNet]>,
}

impl Desk {
    pub(crate) fn new(proxies: Proxies, expected: Vec<String>) -> Desk {
        let mut desk = Desk { proxies, ..Desk::default() };
        desk.expected.add(expected);
        desk
    }

    /// Adds a service. It gets the requests for its paths from now on.
    pub(crate) fn add_service(&mut self, service: Service) {
        service.paths().iter().for_each(|path| self.expected.remove(path));
        self.services.push(service);
    }

    /// Replaces the trusted proxies and the public URL.
    pub(crate) fn set_proxies(&mut self, proxies: Proxies) {
        self.proxies = proxies;
    }

    /// Denies these, beside those of the settings.
    pub(crate) fn set_denied(&mut self, denied: Box<[IpNet]>) {
        self.denied = denied;
    }

    fn denies(&self, client: IpAddr) -> bool {
        self.proxies.denies(client) || self.denied.iter().any(|network| network.contains(&client))
    }

    /// The value of the Date header.
    pub(crate) fn date(&mut self, now: SystemTime) -> &str {
        self.date.at(now)
    }

    /// The service that has taken the path, or the one for sources. SOURCE is a method of theirs alone, and
    /// so is ICY as a whole. A path that is expected is somebody's, even if nobody has it yet.
    fn service_for(&mut self, request: &Request<'_>) -> Option<&mut Service> {
        let path = request.path()?;
        self.services.retain(Service::is_read);
        let of_path = self.services.iter().position(|service| service.answers_for(&path));
        let of_sources = self.services.iter().position(|service| service.kind() == ServiceKind::Sources);
        let found = match request.method {
            _ if request.is_icy() => of_sources,
            "SOURCE" => of_sources.or(of_path),
            "PUT" | "POST" if !self.expected.covers(&path) => of_path.or(of_sources),
            _ => of_path,
        };
        found.map(|at| &mut self.services[at])
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address)
    }

    /// The answer to a client that is denied.
    pub(crate) fn denial(&mut self, client: IpAddr, form: Form, now: SystemTime) -> Option<Outgoing> {
        let denied = self.denies(client);
        denied.then(|| denied_here().for_all().written(form, self.date.at(now)))
    }

    /// The answer to a connection of an address that has its share.
    pub(crate) fn share_taken(&mut self, taken: &ShareTaken, form: Form, now: SystemTime) -> Outgoing {
        too_many_of_you(taken).for_all().written(form, self.date.at(now))
    }

    /// The answer to a connection beyond the limit of connections.
    pub(crate) fn too_many_connections(&mut self, form: Form, now: SystemTime) -> Outgoing {
        full("this server").for_all().written(form, self.date.at(now))
    }
}

/// Routes the requests of one connection and writes the answers.
pub(crate) struct RequestRouter<'a> {
    pub(crate) desk: &'a mut Desk,
    pub(crate) mounts: &'a Mounts,
    pub(crate) counters: &'a Arc<Counters>,
    pub(crate) journal: &'a JournalWriter,
    pub(crate) events: &'a Emitter,
    /// The connection's key.
    pub(crate) key: usize,
    pub(crate) transport: &'a Transport,
    pub(crate) address: SocketAddr,
    pub(crate) shares: &'a mut Shares,
    pub(crate) crowding: &'a Crowding,
    /// Whose connection it is, if it counts.
    pub(crate) counted_for: &'a mut Option<IpAddr>,
    /// Whether the connection is one of those that must bring a credential.
    pub(crate) is_reserved: bool,
    /// Whether there is room for another listener.
    pub(crate) has_room: bool,
    pub(crate) now: Moment,
}

impl Site for RequestRouter<'_> {
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
        self.counters.requests.add(1);
        let request = match request {
            Ok(request) => request,
            Err(status) => return self.answer(None, refusal(status)),
        };
        if let Err(answer) = self.admit(request) {
            return self.write(Some(request), answer.for_all(), Form::of(Some(request)).last());
        }
        let body = match request.body() {
            Ok(body) => body,
            Err(status) => return self.answer(Some(request), refusal(status)),
        };
        if request.is_ambiguous() {
            return self.write(Some(request), two_hosts().for_all(), Form::of(Some(request)).last());
        }
        if let Some(kind) = self.desk.service_for(request).map(|service| service.kind()) {
            return match kind {
                // A stream for sources needs no host: old encoders name none.
                ServiceKind::Sources if request.method == "SOURCE" || request.names_host() => {
                    self.reply_for_source(request, body)
                }
                _ if !request.names_host() => self.refuse(request, Status::BAD_REQUEST, NO_HOST),
                _ => self.reply_for_service(request, body, kind),
            };
        }
        if request.is_icy() {
            return self.answer(Some(request), no_sources());
        }
        if let Some(reply) = self.reply_from_shelf(request) {
            return reply;
        }
        if let Some(reply) = self.reply_with_page(request) {
            return reply;
        }
        match route(request, self.mounts, &self.desk.shelf, &self.desk.expected, || self.base_url(request)) {
            Route::Answer(answer) => self.answer(Some(request), answer),
            Route::Mount(key) if request.method == "HEAD" => self.describe(request, key),
            Route::Mount(key) => self.listen(request, key),
        }
    }

    fn log_in(&mut self, source: IcySource) -> Reply {
        self.counters.requests.add(1);
        let request = source.question();
        if let Err(answer) = self.admit(&request) {
            return self.answer(Some(&request), answer);
        }
        match self.desk.service_for(&request) {
            Some(_) => self.pass_on(&request, Some(Vec::new()), ToCome::Headers(source.clone())),
            None => self.answer(Some(&request), no_sources()),
        }
    }

    fn turn_away(&mut self, fault: IcyFault) -> Reply {
        self.counters.requests.add(1);
        let answer = HttpAnswer::text(fault.status().0, fault.sentence());
        match fault {
            IcyFault::Http => self.write(None, answer.for_all(), Form::of(None)),
            // libshout asks before each login.
            IcyFault::Poke => Reply::Answer(answer.written(Form::ICY, "")),
            _ => self.write(None, answer, Form::ICY),
        }
    }

    fn hand_over(&mut self, request: &Request<'_>, body: Vec<u8>) -> Reply {
        self.pass_on(request, Some(body), ToCome::Nothing)
    }
}

impl RequestRouter<'_> {
    /// Finds out whose request it is, and whether this client may be here.
    fn admit(&mut self, request: &Request<'_>) -> Result<(), HttpAnswer> {
        let client = self.client(Some(request));
        if self.desk.denies(client) {
            self.counters.denied.add(1);
            return Err(denied_here());
        }
        let peer = self.address.ip().to_canonical();
        if !self.desk.trusts(peer) && request.header("x-forwarded-for").is_some() {
            self.shares.forwards(peer);
        }
        let counts = (!self.desk.trusts(client)).then_some(client);
        if *self.counted_for != counts {
            if let Some(before) = self.counted_for.take() {
                self.shares.give_back(Kind::Connection, before);
            }
            if let Some(client) = counts {
                self.take_share(Kind::Connection, client)?;
                *self.counted_for = Some(client);
            }
        }
        let has_credential = request.brings_credential();
        if self.is_reserved && !(has_credential && self.desk.service_for(request).is_some()) {
            self.counters.refused.add_shared(1);
            return Err(full("this server"));
        }
        Ok(())
    }

    fn take_share(&mut self, kind: Kind, client: IpAddr) -> Result<(), HttpAnswer> {
        let taken = self.shares.take(kind, client);
        taken.map_err(|taken| {
            let (client, now) = (ClientAddress::new(client), self.now.instant);
            self.crowding.refused(client, &taken, now, self.counters, self.journal);
            too_many_of_you(&taken)
        })
    }

    /// Answers a request for what is in a room of the shelf.
    fn reply_from_shelf(&mut self, request: &Request<'_>) -> Option<Reply> {
        if !matches!(request.method, "GET" | "HEAD") {
            return None;
        }
        let (room, object) = match self.desk.shelf.find(&request.path()?) {
            Found::Elsewhere => return None,
            Found::NotYet => return Some(self.answer(Some(request), Expected::answer())),
            Found::Missing(room) => {
                room.counters.missed.add(1);
                return Some(self.write(Some(request), shelf::missing(), Form::of(Some(request))));
            }
            Found::Object(room, object) => (Arc::clone(room), object.clone()),
        };
        let answer = object.answer(request, || self.desk.audience.new_id());
        let (status, form) = (answer.status(), Form::of(Some(request)));
        let outgoing = answer.written(form, self.desk.date.at(self.now.wall));
        let bytes = outgoing.len() as u64;
        let listens = object.asker == Asker::Listener && request.method == "GET";
        if listens && self.polled(&room, request, bytes) == Standing::IsRefused {
            return Some(self.answer(Some(request), kicked()));
        }
        room.counters.requests.add(1);
        room.counters.bytes_sent.add(bytes);
        self.log_poll(request, status, bytes);
        Some(Reply::Answer(outgoing))
    }

    /// Answers a request for the listeners' page.
    fn reply_with_page(&mut self, request: &Request<'_>) -> Option<Reply> {
        let Desk { page: Some(page), shelf, audience, .. } = &mut *self.desk else { return None };
        let path = request.path().filter(|path| matches!(&**path, "/" | "/embed"))?;
        if !matches!(request.method, "GET" | "HEAD") || !request.names_host() {
            return None;
        }
        let answer = page.answer(request, &path, on_air(self.mounts, shelf), || audience.new_id());
        Some(self.write(Some(request), answer, Form::of(Some(request))))
    }

    /// Notes that the client asks for a playlist of this room, and gets so many bytes.
    fn polled(&mut self, room: &Arc<RoomBoard>, request: &Request<'_>, bytes: u64) -> Standing {
        let address = ClientAddress::new(self.client(Some(request)));
        let (counters, events, journal) = (self.counters, self.events, self.journal);
        let Desk { audience, visits, .. } = &mut *self.desk;
        let visit = || {
            *visits += 1;
            Visit::new(*visits, address, Some(request))
        };
        let registers = Registers { counters, events, journal, shares: self.shares };
        audience.polled(Poll { room, request, address, bytes }, visit, registers, self.now)
    }

    /// Decides what comes first, the request's service or its body.
    fn reply_for_service(&mut self, request: &Request<'_>, body: Body, kind: ServiceKind) -> Reply {
        if !matches!(body, Body::Unsaid | Body::Length(0))
            && self.takes_upload(request)
            && let Some(body) = StreamBody::of(request.method, body)
        {
            return self.pass_on(request, None, ToCome::File(StreamStart::of(request, body)));
        }
        let length = match body {
            Body::Unsaid => 0,
            Body::Length(length) if length > MAX_BODY as u64 => {
                return self.refuse(request, Status::BODY_TOO_LARGE, "a body may have 65536 bytes");
            }
            Body::Length(length) => length as usize,
            Body::Chunked | Body::Encoded => {
                let detail = "a body needs a Content-Length here";
                return self.refuse(request, Status::LENGTH_REQUIRED, detail);
            }
        };
        match kind {
            _ if length == 0 => self.pass_on(request, Some(Vec::new()), ToCome::Nothing),
            ServiceKind::Heads | ServiceKind::Polled | ServiceKind::Sources => {
                self.pass_on(request, None, ToCome::Body(length))
            }
            ServiceKind::Whole => {
                // A trusted proxy's own requests have no share.
                let share = match *self.counted_for {
                    Some(client) => self.shares.take_body(client),
                    None => Some(Arc::default()),
                };
                let Some(share) = share else {
                    return self.refuse_share(request, "too many bodies of your address are on their way");
                };
                match Place::take(Sender::Anonymous, self.counters) {
                    Some(place) => Reply::Receive(length, place.in_share(share)),
                    None => {
                        self.counters.refused.add_shared(1);
                        let detail = "too many bodies are on their way: try again soon";
                        self.refuse(request, Status::UNAVAILABLE, detail)
                    }
                }
            }
        }
    }

    /// Whether its service takes its body in pieces.
    fn takes_upload(&mut self, request: &Request<'_>) -> bool {
        let path = request.path().unwrap_or_default();
        self.desk.service_for(request).is_some_and(|service| service.takes_upload(request.method, &path))
    }

    /// Hands the head of a source to its service.
    fn reply_for_source(&mut self, request: &Request<'_>, body: Body) -> Reply {
        let Some(body) = StreamBody::of(request.method, body) else {
            let detail = "of transfer encodings, only chunked is understood here";
            return self.refuse(request, Status::NOT_IMPLEMENTED, detail);
        };
        let start = StreamStart::of(request, body);
        // So libshout asks whether it needs a login, and goes on with the same connection.
        let body = start.is_empty().then(Vec::new);
        self.pass_on(request, body, ToCome::Stream(start))
    }

    /// Hands a request to its service. Without a body, it may be that one is to come.
    fn pass_on(&mut self, request: &Request<'_>, body: Option<Vec<u8>>, to_come: ToCome) -> Reply {
        // If the service does not want the body, nobody can tell where the next request begins.
        let keeps_alive = request.persists() && body.is_some() && !self.is_reserved;
        let address = ClientAddress::new(self.client(Some(request)));
        let shown_address = self.journal.shown(address);
        let handed = HandOver {
            request,
            body,
            address,
            shown_address,
            is_trusted: self.counted_for.is_none(),
            may_measure: self.desk.proxies.may_measure(self.address.ip(), request),
            base_url: self.base_url(request),
        };
        let key = self.key;
        let service = self.desk.service_for(request);
        let is_poll = service.as_ref().is_some_and(|service| service.is_poll(request));
        let ticket = service.map_or(Err(NotHanded::Full), |service| service.hand_over(key, handed));
        match ticket {
            Ok(ticket) => {
                let mut visit = self.visit(Some(request));
                visit.is_poll = is_poll;
                let pending = PendingRequest {
                    ticket,
                    form: Form { keeps_alive, ..Form::of(Some(request)) },
                    visit,
                    since: self.now.instant,
                    to_come,
                };
                Reply::Wait(Box::new(pending), self.now.instant + ANSWERS_WITHIN)
            }
            Err(NotHanded::ShareTaken) => {
                self.refuse_share(request, "too many requests of your address wait already")
            }
            Err(NotHanded::Full) => {
                self.counters.refused.add_shared(1);
                self.refuse(request, Status::UNAVAILABLE, "too many requests wait already: try again soon")
            }
        }
    }

    fn refuse_share(&mut self, request: &Request<'_>, what: &str) -> Reply {
        self.counters.refused_shares.add(1);
        self.counters.refused.add_shared(1);
        self.refuse(request, Status::TOO_MANY_REQUESTS, &format!("{what}: try again soon"))
    }

    /// Refuses a request before its service sees it. A page of any origin may read why.
    fn refuse(&mut self, request: &Request<'_>, status: Status, detail: &str) -> Reply {
        let passes = matches!(status, Status::UNAVAILABLE | Status::TOO_MANY_REQUESTS);
        let problem =
            ProblemDetails { retry_after: passes.then_some(1), ..ProblemDetails::of_status(status, detail) };
        let answer = problem.answer().readable_by_all();
        self.write(Some(request), answer, Form::of(Some(request)).last())
    }

    fn client(&self, request: Option<&Request<'_>>) -> IpAddr {
        self.desk.proxies.client(self.address.ip(), request)
    }

    /// The URL by which the client reaches the server.
    fn base_url(&self, request: &Request<'_>) -> String {
        self.desk.proxies.base_url(self.address.ip(), request, self.transport.local_addr())
    }

    /// Gives the server's own answer. A page of any origin may read it.
    fn answer(&mut self, request: Option<&Request<'_>>, answer: HttpAnswer) -> Reply {
        self.write(request, answer.for_all(), Form::of(request))
    }

    fn write(&mut self, request: Option<&Request<'_>>, answer: HttpAnswer, form: Form) -> Reply {
        let status = answer.status();
        let outgoing = answer.written(form, self.desk.date.at(self.now.wall));
        self.log(request, status, outgoing.len());
        Reply::Answer(outgoing)
    }

    /// Answers a HEAD request for a mount.
    fn describe(&mut self, request: &Request<'_>, key: usize) -> Reply {
        let head = self.head(request, key);
        self.log(Some(request), Status::OK.0, head.len());
        Reply::Answer(Outgoing::new(head, false))
    }

    fn listen(&mut self, request: &Request<'_>, key: usize) -> Reply {
        let mount = self.mounts.get(key);
        if !self.has_room || mount.is_full() {
            self.counters.refused.add_shared(1);
            let what = if self.has_room { "this stream" } else { "this server" };
            return self.answer(Some(request), full(what));
        }
        let client = self.client(Some(request));
        if let Err(answer) = self.take_share(Kind::Listener, client) {
            return self.answer(Some(request), answer);
        }
        let mount = self.mounts.get(key);
        let home = request.path().filter(|path| **path != *mount.path);
        let join = Join {
            mount: key,
            home: home.map(|path| path.as_str().into()),
            head: self.head(request, key),
            with_titles: request.wants_metadata(),
            probe: request.is_probe(),
            visit: self.visit(Some(request)),
        };
        Reply::Listen(Listener::new(join, mount, self.now.instant))
    }

    fn head(&mut self, request: &Request<'_>, key: usize) -> Vec<u8> {
        let date = self.desk.date.at(self.now.wall);
        self.mounts.get(key).answer_head(request.version, request.wants_metadata(), date)
    }

    fn visit(&mut self, request: Option<&Request<'_>>) -> Visit {
        self.desk.visits += 1;
        Visit::new(self.desk.visits, ClientAddress::new(self.client(request)), request)
    }

    /// Logs a request that a client repeats all the time.
    fn log_poll(&mut self, request: &Request<'_>, status: u16, bytes: u64) {
        if self.journal.wants_requests() {
            let mut visit = self.visit(Some(request));
            visit.is_poll = true;
            self.journal.access(visit, status, bytes, Duration::ZERO, self.now.wall);
        }
    }

    fn log(&mut self, request: Option<&Request<'_>>, status: u16, bytes: usize) {
        if !self.journal.wants_requests() {
            return;
        }
        let visit = self.visit(request);
        self.journal.access(visit, status, bytes as u64, Duration::ZERO, self.now.wall);
    }
}

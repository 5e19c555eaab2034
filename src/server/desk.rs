//! Answers the requests that connections have read: finds the route, writes the answer, makes
//! listeners, and sees that there are not too many.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use mio::net::TcpStream;

use super::Moment;
use super::connection::{Reply, Site};
use super::journal::JournalWriter;
use super::listener::{Join, Listener};
use super::mount::Mounts;
use super::routes::{Route, full, refusal, route};
use super::stats::Counters;
use super::visit::Visit;
use crate::http::{DateLine, Request, Response, Status, Version};

/// What is kept between requests.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    date: DateLine,
    visits: u64,
}

impl Desk {
    /// What a connection is told that there is no place for.
    pub(crate) fn too_many_connections(&mut self, now: SystemTime) -> Vec<u8> {
        full("this server").bytes(Version::Http11, false, false, self.date.at(now))
    }
}

/// The desk while it serves one connection.
pub(crate) struct Clerk<'a> {
    pub(crate) desk: &'a mut Desk,
    pub(crate) mounts: &'a Mounts,
    pub(crate) counters: &'a Counters,
    pub(crate) journal: &'a JournalWriter,
    pub(crate) socket: &'a TcpStream,
    pub(crate) address: SocketAddr,
    /// Whether there is room for another listener.
    pub(crate) has_room: bool,
    pub(crate) now: Moment,
}

impl Site for Clerk<'_> {
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
        self.counters.requests.add(1);
        let request = match request {
            Ok(request) => request,
            Err(status) => return self.answer(None, &refusal(status)),
        };
        match route(request, self.mounts, || self.socket.local_addr().ok()) {
            Route::Answer(response) => self.answer(Some(request), &response),
            Route::Mount(key) if request.method == "HEAD" => self.describe(request, key),
            Route::Mount(key) => self.listen(request, key),
        }
    }
}

impl Clerk<'_> {
    fn answer(&mut self, request: Option<&Request<'_>>, response: &Response) -> Reply {
        let keep = request.is_some_and(Request::keeps_alive);
        let version = request.map_or(Version::Http11, |request| request.version);
        let is_head = request.is_some_and(|request| request.method == "HEAD");
        let bytes = response.bytes(version, keep, is_head, self.desk.date.at(self.now.wall));
        self.log(request, response.status, bytes.len());
        Reply::Answer { bytes, keep }
    }

    /// HEAD of a mount.
    fn describe(&mut self, request: &Request<'_>, key: usize) -> Reply {
        let bytes = self.head(request, key);
        self.log(Some(request), Status::OK, bytes.len());
        Reply::Answer { bytes, keep: false }
    }

    fn listen(&mut self, request: &Request<'_>, key: usize) -> Reply {
        let mount = self.mounts.get(key);
        if !self.has_room || mount.is_full() {
            self.counters.refused.add(1);
            let what = if self.has_room { "this stream" } else { "this server" };
            return self.answer(Some(request), &full(what));
        }
        let asked = request.path().filter(|path| **path != *mount.path);
        let join = Join {
            mount: key,
            home: asked.map(|path| path.as_str().into()),
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
        Visit::new(self.desk.visits, self.address.ip(), request)
    }

    fn log(&mut self, request: Option<&Request<'_>>, status: Status, bytes: usize) {
        let visit = self.visit(request);
        self.journal.access(visit, status.0, bytes as u64, Duration::ZERO, self.now.wall);
    }
}

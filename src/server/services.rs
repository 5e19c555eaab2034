//! How an application, or the API, takes requests from a server.

use super::desk::service::{self, ServiceKind};
use super::reactor::Command;
use super::{Requests, Server, owned};
use crate::error::Result;

impl Server {
    /// Takes over the requests for these paths. Whoever calls this reads the requests from the result and
    /// answers them. A path is a whole path (`/health`), or it ends with a slash and stands for everything
    /// below it (`/api/`). If two services take the same path, the first has it. At most `waiting` requests
    /// wait to be read; the server refuses further ones. One address has at most a quarter of these places,
    /// and 32; this machine (loopback) has no such limit.
    ///
    /// The requests come complete. A body has 64 KiB at most, and at most 256 bodies are received at once,
    /// for all services of the server, 32 of them from one address. Anybody can send them, so a service that
    /// knows its clients by a credential should call [`take_heads`](Server::take_heads) instead.
    ///
    /// ```
    /// use longwave::{HttpAnswer, Server, ServerSettings};
    /// # fn main() -> longwave::Result<()> {
    /// # let listen = vec![([127, 0, 0, 1], 0).into()];
    /// let server = Server::start(ServerSettings { listen, ..ServerSettings::default() })?;
    /// let requests = server.take_requests(&["/hello"], 100)?;
    /// std::thread::spawn(move || {
    ///     while let Some(request) = requests.next_within(std::time::Duration::MAX) {
    ///         request.answer(HttpAnswer::text(200, "hello\n"));
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn take_requests(&self, paths: &[&str], waiting: usize) -> Result<Requests> {
        self.add_service(paths, ServiceKind::Whole, waiting)
    }

    /// Takes over the requests for these paths, like [`take_requests`](Server::take_requests), but before
    /// their bodies. A request that has a body comes as soon as its head is there. Whoever reads it either
    /// answers it, and its body is not read; or calls [`HttpRequest::receive_body`], and it comes again with
    /// the body. So nobody can make the server hold a body without a credential. At most 128 such bodies are
    /// received at once.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn take_heads(&self, paths: &[&str], waiting: usize) -> Result<Requests> {
        self.add_service(paths, ServiceKind::Heads, waiting)
    }

    /// Takes over requests like [`take_heads`](Server::take_heads). GET and HEAD are polls: they are not in
    /// the access log unless it is asked for.
    pub(crate) fn take_polls(&self, paths: &[&str], waiting: usize) -> Result<Requests> {
        self.add_service(paths, ServiceKind::Polled, waiting)
    }

    fn add_service(&self, paths: &[&str], kind: ServiceKind, waiting: usize) -> Result<Requests> {
        let outbox = self.inner.outbox.clone();
        let (service, requests) = service::service(owned(paths), kind, waiting, outbox);
        self.inner.ask(|reply| Command::AddService(service, reply))?;
        Ok(requests)
    }

    /// Answers these paths with 503 and Retry-After instead of 404, until a mount or a service takes them. A
    /// path is a mount's (its playlists, such as `/radio.mp3.m3u`, are covered too), or it is as in
    /// [`take_requests`](Server::take_requests). For paths that are about to come, or to go because
    /// everything stops.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn expect(&self, paths: &[&str]) -> Result<()> {
        self.inner.ask(|reply| Command::Expect(owned(paths), reply))
    }

    /// Ends what [`expect`](Server::expect) began: if nobody has taken this path, it is 404 again.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn expect_no_more(&self, path: &str) -> Result<()> {
        self.inner.ask(|reply| Command::ExpectNoMore(path.to_owned(), reply))
    }
}

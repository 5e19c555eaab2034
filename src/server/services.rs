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
    /// and 64; this machine (loopback) has no such limit.
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
    /// [`Error::Stopped`](crate::Error::Stopped) once the server was stopped.
    pub fn take_requests(&self, paths: &[&str], waiting: usize) -> Result<Requests> {
        self.add_service(paths, ServiceKind::Whole, waiting)
    }

    /// Takes over the requests for these paths, like [`take_requests`](Server::take_requests), but before
    /// their bodies. A request that has a body comes as soon as its head is there. Whoever reads it either
    /// answers it, and its body is not read; or calls [`receive_body`](crate::HttpRequest::receive_body), and
    /// it comes again with the body. So nobody can make the server hold a body without a credential. At most
    /// 128 such bodies are received at once.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) once the server was stopped.
    pub fn take_heads(&self, paths: &[&str], waiting: usize) -> Result<Requests> {
        self.add_service(paths, ServiceKind::Heads, waiting)
    }

    /// Takes over the requests by which sources come, the clients that send a stream: `SOURCE` to any path,
    /// and `PUT` and `POST` to paths that no other service has taken. They come before their bodies. Whoever
    /// reads them answers them, or accepts the source by
    /// [`receive_source`](crate::HttpRequest::receive_source) and reads its stream, which may last for days.
    /// What players ask for at the same paths is answered as ever.
    ///
    /// With [`icy_listen`](crate::ServerSettings::icy_listen), a source of SHOUTcast 1 comes as two requests,
    /// both with its password as an `Authorization` by Basic (the name is in the password, or missing):
    /// `LOGIN` has no stream, and any status from 200 to 299 makes the source welcome; `SOURCE` follows, with
    /// its headers. Whoever takes a `LOGIN` by [`receive_source`](crate::HttpRequest::receive_source) gets a
    /// stream that ends at once.
    ///
    /// The stream ends by its length, by its last chunk, or when the client closes (`PUT` and `SOURCE` that
    /// say nothing else). At most `waiting` requests wait, shared as in
    /// [`take_requests`](Server::take_requests); [`max_sources`](crate::ServerSettings::max_sources) limits
    /// the sources themselves.
    ///
    /// ```
    /// use std::io::Read;
    ///
    /// use longwave::{HttpAnswer, Server, ServerSettings};
    /// # fn main() -> longwave::Result<()> {
    /// # let listen = vec![([127, 0, 0, 1], 0).into()];
    /// let server = Server::start(ServerSettings { listen, ..ServerSettings::default() })?;
    /// let requests = server.take_sources(10)?;
    /// std::thread::spawn(move || {
    ///     while let Some(mut request) = requests.next_within(std::time::Duration::MAX) {
    ///         // source:hackme
    ///         if request.header("authorization") != Some("Basic c291cmNlOmhhY2ttZQ==") {
    ///             let who = "Basic realm=\"my radio\"";
    ///             request.answer(HttpAnswer::text(401, "who is it?\n").with("WWW-Authenticate", who));
    ///             continue;
    ///         }
    ///         request.identify("source");
    ///         let mut stream = request.receive_source();
    ///         std::thread::spawn(move || {
    ///             let mut buffer = [0; 4096];
    ///             while let Ok(count @ 1..) = stream.read(&mut buffer) {
    ///                 // Decode `buffer[..count]`, relay it, write it down.
    ///             }
    ///             println!("the source has gone: {}", stream.handle().end().unwrap());
    ///         });
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) once the server was stopped.
    pub fn take_sources(&self, waiting: usize) -> Result<Requests> {
        self.add_service(&[], ServiceKind::Sources, waiting)
    }

    /// Takes over requests like [`take_heads`](Server::take_heads). GET and HEAD are polls: they are not in
    /// the access log unless it is asked for. What is put below `uploads` is a file of any length, for
    /// [`HttpRequest::receive_upload`](crate::HttpRequest::receive_upload).
    pub(crate) fn take_polls(
        &self,
        paths: &[&str],
        uploads: &'static [&'static str],
        waiting: usize,
    ) -> Result<Requests> {
        self.add(paths, ServiceKind::Polled, uploads, waiting)
    }

    fn add_service(&self, paths: &[&str], kind: ServiceKind, waiting: usize) -> Result<Requests> {
        self.add(paths, kind, &[], waiting)
    }

    fn add(
        &self,
        paths: &[&str],
        kind: ServiceKind,
        uploads: &'static [&'static str],
        waiting: usize,
    ) -> Result<Requests> {
        let outbox = self.inner.outbox.clone();
        let (service, requests) = service::service(owned(paths), kind, uploads, waiting, outbox);
        self.inner.ask(|reply| Command::AddService(service, reply))?;
        Ok(requests)
    }

    /// Answers these paths with 503 and Retry-After instead of 404, until a mount or a service takes them. A
    /// path is a mount's (its playlists, such as `/radio.mp3.m3u`, are covered too), or it is as in
    /// [`take_requests`](Server::take_requests). For paths that are about to come, or to go because
    /// everything stops.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) once the server was stopped.
    pub fn expect(&self, paths: &[&str]) -> Result<()> {
        self.inner.ask(|reply| Command::Expect(owned(paths), reply))
    }

    /// Ends what [`expect`](Server::expect) began: if nobody has taken this path, it is 404 again.
    ///
    /// # Errors
    /// [`Error::Stopped`](crate::Error::Stopped) once the server was stopped.
    pub fn expect_no_more(&self, path: &str) -> Result<()> {
        self.inner.ask(|reply| Command::ExpectNoMore(path.to_owned(), reply))
    }
}

//! Requests for services. A service is code outside the reactor that answers certain paths, such as the API.
//!
//! A service names its paths in [`Server::take_requests`](super::Server::take_requests) and reads its
//! requests on a thread of its own. The reactor does not wait for it: the answer comes back through a queue,
//! and the doorbell wakes the reactor. The key and the ticket of an answer lead to its connection. No two
//! requests have the same ticket.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, TrySendError, bounded, select};

use super::http_request::{HttpRequest, ReplyTo};
use crate::http::{HttpAnswer, Request};
use crate::ring::{ArrivingPieces, Doorbell, InletWriter, LeavingPieces};
use crate::server::client_address::{ClientAddress, ShownAddress};
use crate::server::connections::places::{Sender as BodyOf, SourceSeat};
use crate::server::connections::shares;
use crate::server::mounts::event_stream::EventBoard;
use crate::server::mounts::path::belongs;
use crate::server::reports::stats::Counters;
use crate::units::StreamPos;

/// The greatest length of a request's body, in bytes.
pub(crate) const MAX_BODY: usize = 64 * 1024;
/// The most requests of one address that wait in the queue of a service: so many, or a quarter of the queue.
const WAITING_PER_ADDRESS: usize = 64;
/// The time that a service has for an answer.
pub(crate) const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// The requests for the paths of a service. Dropping it gives the paths back to the server.
#[derive(Debug)]
pub struct Requests {
    receiver: Receiver<HttpRequest>,
    rung: Receiver<()>,
    bell: RequestsBell,
    /// Lives as long as the service reads requests.
    _reads: Arc<()>,
}

impl Requests {
    /// Takes the next request, if one is waiting.
    pub fn try_next(&self) -> Option<HttpRequest> {
        self.receiver.try_recv().ok()
    }

    /// Waits for the next request, for at most `timeout`. Returns `None` after the timeout, and at once when
    /// the server has stopped. It also returns `None` when the [bell](Requests::bell) rings or has rung,
    /// unless a request is waiting.
    pub fn next_within(&self, timeout: Duration) -> Option<HttpRequest> {
        select! {
            recv(self.receiver) -> request => request.ok(),
            recv(self.rung) -> _ => self.try_next(),
            default(timeout) => None,
        }
    }

    /// A bell that ends the wait in [`next_within`](Requests::next_within), from any thread. It is for a
    /// service that has other work, too.
    pub fn bell(&self) -> RequestsBell {
        self.bell.clone()
    }
}

/// Ends the wait in [`Requests::next_within`]; from [`Requests::bell`].
#[derive(Clone, Debug)]
pub struct RequestsBell(Sender<()>);

impl RequestsBell {
    /// Ends the current wait, or the next one if nobody waits now. The wait returns a request if one is
    /// waiting, else `None`.
    pub fn ring(&self) {
        // The channel is full if the bell has been rung already. Without a reader there is no wait to end.
        let _ = self.0.try_send(());
    }
}

/// A service's answer on its way to the reactor.
pub(crate) enum Answer {
    Whole(HttpAnswer),
    /// No answer yet: the body of the request shall be received.
    ReceiveBody(BodyOf),
    /// No answer but the beginning of one: the client is a source, and its stream shall be received.
    ReceiveStream(InletWriter),
    Follow {
        answer: HttpAnswer,
        board: Arc<EventBoard>,
        from: StreamPos,
        /// Kept as long as the client follows.
        presence: Arc<()>,
    },
    /// No answer yet: the body of the request shall be received in pieces.
    ReceiveUpload(ArrivingPieces),
    /// An answer without its body, which is of this length and comes in pieces.
    SendFile(HttpAnswer, u64, LeavingPieces),
    /// A piece was given or taken: the connection can go on with its file.
    GoOn,
    /// The connection has become a stream by an earlier answer. It shall be closed.
    EndStream,
}

/// An answer, and the key and the ticket of the connection that waits for it. The connection may be gone.
pub(crate) struct Delivery {
    pub(crate) key: usize,
    pub(crate) ticket: u64,
    pub(crate) user: Option<Box<str>>,
    pub(crate) answer: Answer,
}

/// The queue of answers, which all services of a server share. Each request that was handed over has one
/// answer in it at most, and one more if it became a stream and that is ended. A file adds one for each piece
/// that was given or taken since the reactor looked: no more than its channel holds, and two.
#[derive(Clone)]
pub(crate) struct Outbox {
    deliveries: Sender<Delivery>,
    doorbell: Arc<Doorbell>,
    tickets: Arc<AtomicU64>,
    counters: Arc<Counters>,
}

impl Outbox {
    pub(crate) fn new(
        deliveries: Sender<Delivery>,
        doorbell: Arc<Doorbell>,
        counters: Arc<Counters>,
    ) -> Outbox {
        Outbox { deliveries, doorbell, tickets: Arc::default(), counters }
    }

    /// A seat for one more source, if there is one.
    pub(super) fn source_seat(&self) -> Option<SourceSeat> {
        SourceSeat::take(&self.counters)
    }

    /// Sends something to the reactor, from any thread.
    pub(super) fn send(&self, delivery: Delivery) {
        // It fails only if the reactor is gone. Its connections are gone then, too.
        let _ = self.deliveries.send(delivery);
        self.doorbell.ring();
    }
}

/// How a service gets its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceKind {
    /// With their bodies.
    Whole,
    /// Before their bodies. The service decides whether a body is received.
    Heads,
    /// Like `Heads`. Its GETs and HEADs are polls.
    Polled,
    /// The heads of sources, whatever their path. The service decides whether the stream is received.
    Sources,
}

/// The reactor's end of a service.
pub(crate) struct Service {
    /// A path that ends with a slash stands for everything below it.
    paths: Vec<String>,
    kind: ServiceKind,
    /// Below these, the bodies of PUT are files of any length.
    uploads: &'static [&'static str],
    requests: Sender<HttpRequest>,
    /// Whose requests may wait in the queue, the oldest first. `None`: an address without a share. The
    /// service takes them in this order, so the last `requests.len()` of them do wait.
    waiting: VecDeque<Option<IpAddr>>,
    reader: Weak<()>,
    outbox: Outbox,
}

/// Makes the two ends of a service.
pub(crate) fn service(
    paths: Vec<String>,
    kind: ServiceKind,
    uploads: &'static [&'static str],
    waiting: usize,
    outbox: Outbox,
) -> (Service, Requests) {
    let (requests, receiver) = bounded(waiting.max(1));
    let (bell, rung) = bounded(1);
    let reads = Arc::new(());
    (
        Service {
            paths,
            kind,
            uploads,
            requests,
            waiting: VecDeque::new(),
            reader: Arc::downgrade(&reads),
            outbox,
        },
        Requests { receiver, rung, bell: RequestsBell(bell), _reads: reads },
    )
}

impl Service {
    /// The paths that it takes.
    pub(crate) fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether the service answers this path. The path is decoded.
    pub(crate) fn answers_for(&self, path: &str) -> bool {
        self.paths.iter().any(|own| belongs(path, own))
    }

    pub(crate) fn kind(&self) -> ServiceKind {
        self.kind
    }

    /// Whether the body of this request is a file, which the service takes in pieces.
    pub(crate) fn takes_upload(&self, method: &str, path: &str) -> bool {
        method == "PUT" && self.uploads.iter().any(|below| path.starts_with(below))
    }

    /// Whether the request asks the service how things are, and changes nothing.
    pub(crate) fn is_poll(&self, request: &Request<'_>) -> bool {
        self.kind == ServiceKind::Polled && matches!(request.method, "GET" | "HEAD")
    }

    /// Whether the service still reads requests.
    pub(crate) fn is_read(&self) -> bool {
        self.reader.strong_count() > 0
    }

    /// Hands a request to the service and returns the ticket of its answer.
    pub(crate) fn hand_over(&mut self, key: usize, handed: HandOver<'_>) -> Result<u64, NotHanded> {
        let waits = self.requests.len();
        self.waiting.drain(..self.waiting.len().saturating_sub(waits));
        let places = self.requests.capacity().unwrap_or(usize::MAX);
        let network = shares::counted(handed.address.real()).filter(|_| !handed.is_trusted);
        let share = (places / 4).clamp(1, WAITING_PER_ADDRESS);
        if network.is_some() && self.waiting.iter().filter(|waits| **waits == network).count() >= share {
            return Err(NotHanded::ShareTaken);
        }
        let ticket = self.outbox.tickets.fetch_add(1, Ordering::Relaxed);
        let HandOver { request, body, address, shown_address, is_trusted: _, may_measure, base_url } = handed;
        let headers = request.headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
        let mut handed = HttpRequest {
            method: request.method.to_owned(),
            target: request.local_target().to_owned(),
            headers,
            body,
            address,
            shown_address,
            may_measure,
            base_url,
            user: None,
            reply: Some(ReplyTo { key, ticket, outbox: self.outbox.clone() }),
        };
        // A quarter of the queue is for requests with a credential.
        if !request.brings_credential() && waits >= places - places / 4 {
            handed.reply = None;
            return Err(NotHanded::Full);
        }
        match self.requests.try_send(handed) {
            Ok(()) => {
                self.waiting.push_back(network);
                Ok(ticket)
            }
            Err(TrySendError::Full(mut back) | TrySendError::Disconnected(mut back)) => {
                // Nothing may be sent for it: the desk refuses this request itself.
                back.reply = None;
                Err(NotHanded::Full)
            }
        }
    }
}

/// Why a request was not handed to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotHanded {
    /// The queue is full, or the service is gone.
    Full,
    /// So many requests of this address wait already.
    ShareTaken,
}

/// A request for a service, the client's address, and the URL by which the client reaches the server.
pub(crate) struct HandOver<'a> {
    pub(crate) request: &'a Request<'a>,
    /// `None` if it has not been received.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) address: ClientAddress,
    pub(crate) shown_address: ShownAddress,
    /// Whether it is a trusted proxy's own request. Those have no share.
    pub(crate) is_trusted: bool,
    /// Whether the client's address is enough to read the metrics.
    pub(crate) may_measure: bool,
    pub(crate) base_url: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::client_address::Addresses;
    use crossbeam::channel::unbounded;

    #[test]
    fn a_bell_ends_one_wait_however_often_it_was_rung() {
        let (deliveries, _answers) = unbounded();
        let outbox = Outbox::new(deliveries, Arc::new(Doorbell::new(|| ())), Arc::default());
        let (service, requests) = service(vec!["/api/".into()], ServiceKind::Whole, &[], 1, outbox);
        let (bell, thread) = (
            requests.bell(),
            std::thread::spawn(move || {
                assert!(requests.next_within(Duration::MAX).is_none());
                requests
            }),
        );
        bell.ring();
        let requests = thread.join().unwrap();
        bell.ring();
        bell.ring();
        assert!(requests.next_within(Duration::MAX).is_none());
        assert!(requests.rung.is_empty());
        drop(service);
        assert!(requests.next_within(Duration::MAX).is_none(), "the server has stopped");
        drop(requests);
        bell.ring();
    }

    fn handed(target: &str) -> (HttpRequest, Receiver<Delivery>) {
        let (deliveries, answers) = unbounded();
        let outbox = Outbox::new(deliveries, Arc::new(Doorbell::new(|| ())), Arc::default());
        let (mut service, requests) = service(vec!["/api/".into()], ServiceKind::Whole, &[], 1, outbox);
        let head = format!("GET {target} HTTP/1.1\r\nX-One: 1\r\n\r\n");
        let request = Request::parse(head.as_bytes()).unwrap();
        let client = ClientAddress::new([127, 0, 0, 1].into());
        let complete = || HandOver {
            request: &request,
            body: Some(Vec::new()),
            address: client,
            shown_address: client.shown(Addresses::Full),
            is_trusted: false,
            may_measure: false,
            base_url: String::new(),
        };
        let ticket = service.hand_over(7, complete()).unwrap();
        assert_eq!(service.hand_over(8, complete()), Err(NotHanded::Full), "one waits already");
        let request = requests.try_next().unwrap();
        assert!(service.is_read());
        drop(requests);
        assert!(!service.is_read());
        assert_eq!(service.hand_over(8, complete()), Err(NotHanded::Full));
        assert_eq!(ticket, 0);
        assert!(answers.is_empty(), "the desk answers a refused request");
        (request, answers)
    }

    #[test]
    fn segments_and_parameters_are_decoded_each_by_itself() {
        let (request, _) = handed("/api/a%2Fb/..%2f?x=%26+1&%78=2&y&mount=/a.mp3#z");
        assert_eq!(request.segments().unwrap(), ["api", "a/b", "../"]);
        assert_eq!(request.parameter("x").as_deref(), Some("& 1"));
        assert_eq!(request.parameter("y").as_deref(), Some(""));
        assert_eq!(request.parameter("mount").as_deref(), Some("/a.mp3"));
        assert_eq!(request.parameter("z"), None);
        let (request, _) = handed("http://radio.example/api/%ff");
        assert_eq!((request.segments(), request.raw_path()), (None, "/api/%ff"));
    }

    #[test]
    fn every_request_is_answered_once_even_if_it_is_forgotten() {
        let (request, answers) = handed("/api/");
        drop(request);
        let delivery = answers.try_recv().unwrap();
        assert!(matches!(&delivery.answer, Answer::Whole(answer) if answer.status() == 500));
        assert_eq!(delivery.key, 7);
        let (request, answers) = handed("/api/");
        request.answer(HttpAnswer::empty(204));
        assert!(
            matches!(answers.try_recv().unwrap().answer, Answer::Whole(answer) if answer.status() == 204)
        );
        assert!(answers.is_empty());
    }

    #[test]
    fn a_claim_is_a_path_or_all_below_one() {
        let (deliveries, _answers) = unbounded();
        let outbox = Outbox::new(deliveries, Arc::new(Doorbell::new(|| ())), Arc::default());
        let (service, _requests) =
            service(vec!["/api/".into(), "/health".into()], ServiceKind::Whole, &[], 1, outbox);
        for (path, ours) in
            [("/api/x", true), ("/api/", true), ("/api", false), ("/health", true), ("/health/x", false)]
        {
            assert_eq!(service.answers_for(path), ours, "{path}");
        }
    }
}

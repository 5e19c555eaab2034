//! A connection as a state machine: bytes and `now` in, and out what it wants done next.
//!
//! It touches no socket. Whoever drives it asks what it [`wants`](Connection::wants), does that, and
//! says what came of it:
//!
//! ```text
//! Reading ──head──▶ (the site answers) ──▶ Answering ──▶ Reading     the connection is kept
//!    ▲                │    │                   │  └─────▶ Lingering   it is not: the answer must
//!    └── or 408,      │    └─────────────▶ Listening                  arrive before the close
//!        or gone      ▼                        │
//!                 Receiving ──body──▶ Waiting ─┘ a service answers, or it is told that none came
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::visit::Visit;
use crate::http::{Form, Found, HeadSearch, MAX_HEAD, Outgoing, Request, Status};
use crate::server::mounts::cursor::Cursor;
use crate::server::mounts::follower::Follower;
use crate::server::mounts::listener::Listener;

/// After its last answer a client is given this long to close.
const LINGER: Duration = Duration::from_secs(2);
/// And may send this much more, which is read and forgotten.
const LINGER_BYTES: usize = 64 * 1024;

/// Tells a client that waits for it to send its body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) header_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

/// On the reactor thread. Listeners are not boxed: nearly all connections are listeners, and the one piece of memory that
/// holds them is given back when a crowd has left.
#[derive(Debug)]
pub(crate) enum Connection {
    /// A request head is awaited, or complete and to be answered.
    Reading(Reading),
    /// A request's body is awaited: a service wants it whole.
    Receiving(Box<Receiving>),
    /// A service has the request. Nothing is read meanwhile.
    Waiting(Box<Waiting>),
    /// A short answer is on its way out.
    Answering(Answering),
    /// It listens to a mount.
    Listening(Listener),
    /// It follows an event stream.
    Following(Follower),
    /// The last answer is out, and so is the FIN; closing before the client does could make the
    /// system forget the answer and send a reset.
    Lingering(Lingering),
    /// Nothing is left to do but to close the socket.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Reading {
    /// Never longer than a head may be.
    input: Vec<u8>,
    search: HeadSearch,
    found: Found,
    /// The whole head must be there by then, however busily it arrives.
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Receiving {
    /// The request's head, whole.
    head: Vec<u8>,
    body: Vec<u8>,
    /// What the body will have. `body.len() <= length`
    length: usize,
    /// What followed the body already.
    pipelined: Vec<u8>,
    /// What the client must be told before it sends its body.
    interim: &'static [u8],
    /// The whole body must be there by then, however busily it arrives.
    deadline: Instant,
    _place: Place,
}

/// What is to be known of a request when its answer comes.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Which answer is meant.
    pub(crate) ticket: u64,
    pub(crate) form: Form,
    pub(crate) visit: Visit,
    pub(crate) since: Instant,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) asked: Asked,
    pipelined: Vec<u8>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Answering {
    output: Outgoing,
    /// What followed the request; none: the connection is not kept.
    pipelined: Option<Vec<u8>>,
    deadline: Instant,
}

#[derive(Debug)]
pub(crate) struct Lingering {
    /// Whether the FIN is out.
    shut: bool,
    discarded: usize,
    deadline: Instant,
}

/// What a connection wants done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Want<'a> {
    /// Read so many bytes at most, and say [`Connection::received`] or [`Connection::ended`].
    Read(usize),
    /// Call [`Connection::reply`].
    Reply,
    /// Nothing, until an answer comes.
    Wait,
    /// Write this, and say [`Connection::sent`].
    Write(&'a [u8]),
    /// Shut the write side down, and say [`Connection::shut`].
    Shut,
    /// Serve the listener.
    Serve,
    /// Close the socket.
    Close,
}

/// Held by each connection whose body is awaited: as many are out as there are such.
pub(crate) type Place = Arc<()>;

/// What a site says to a request.
#[expect(clippy::large_enum_variant, reason = "it is on its way into a `Connection`")]
pub(crate) enum Reply {
    /// A whole answer.
    Answer(Outgoing),
    /// The client is a listener from now on.
    Listen(Listener),
    /// First its body, of this length; then [`Site::hand_over`].
    Receive(usize, Place),
    /// Somebody else answers it, by this time.
    Wait(Box<Asked>, Instant),
}

/// Who answers requests.
pub(crate) trait Site {
    /// To a request, or to what was none: then the status says what is wrong with it.
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply;

    /// To a request with its body.
    fn hand_over(&mut self, request: &Request<'_>, body: Vec<u8>) -> Reply;
}

impl Connection {
    /// A new connection, of which a request is awaited.
    pub(crate) fn new(patience: Patience, now: Instant) -> Connection {
        Connection::Reading(Reading::new(Vec::new(), now + patience.header_timeout))
    }

    pub(crate) fn wants(&self) -> Want<'_> {
        match self {
            Connection::Reading(Reading { found: Found::NotYet, input, .. }) => {
                Want::Read(MAX_HEAD - input.len())
            }
            Connection::Reading(_) => Want::Reply,
            Connection::Receiving(receiving) if !receiving.interim.is_empty() => {
                Want::Write(receiving.interim)
            }
            Connection::Receiving(receiving) if receiving.is_whole() => Want::Reply,
            Connection::Receiving(receiving) => Want::Read(receiving.length - receiving.body.len()),
            Connection::Waiting(_) => Want::Wait,
            Connection::Answering(answering) => Want::Write(answering.output.next()),
            Connection::Listening(_) | Connection::Following(_) => Want::Serve,
            Connection::Lingering(Lingering { shut: false, .. }) => Want::Shut,
            Connection::Lingering(lingering) => Want::Read(LINGER_BYTES - lingering.discarded),
            Connection::Closed => Want::Close,
        }
    }

    /// Bytes came in.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        match self {
            Connection::Reading(reading) => {
                reading.input.extend_from_slice(bytes);
                reading.found = reading.search.look(&reading.input);
            }
            Connection::Receiving(receiving) => receiving.body.extend_from_slice(bytes),
            Connection::Lingering(lingering) => {
                lingering.discarded += bytes.len();
                if lingering.discarded >= LINGER_BYTES {
                    *self = Connection::Closed;
                }
            }
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// The client will send nothing more. What it asked for it still gets.
    pub(crate) fn ended(&mut self) {
        match self {
            Connection::Reading(_) | Connection::Receiving(_) | Connection::Lingering(_) => {
                *self = Connection::Closed;
            }
            Connection::Waiting(_)
            | Connection::Answering(_)
            | Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Closed => (),
        }
    }

    /// Has the site answer the head, or the request with its body, that is complete.
    pub(crate) fn reply(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        let (reply, rest) = match self {
            Connection::Reading(Reading { found: Found::Bad(status), .. }) => {
                (site.reply(Err(*status)), Vec::new())
            }
            Connection::Reading(Reading { found: Found::Head(end), input, .. }) => {
                let request = Request::parse(&input[..*end]);
                let reply = site.reply(request.as_ref().map_err(|status| *status));
                if let (Reply::Receive(length, place), Ok(request)) = (&reply, &request) {
                    let interim = if request.expects_continue() { CONTINUE } else { b"" };
                    let until = now + patience.header_timeout;
                    let (length, place) = (*length, Place::clone(place));
                    let input = std::mem::take(input);
                    let receiving = Receiving::new(input, *end, length, interim, until, place);
                    *self = Connection::Receiving(Box::new(receiving));
                    return;
                }
                (reply, input.split_off(*end))
            }
            Connection::Receiving(receiving) if receiving.is_whole() => {
                let body = std::mem::take(&mut receiving.body);
                let reply = match Request::parse(&receiving.head) {
                    Ok(request) => site.hand_over(&request, body),
                    Err(status) => site.reply(Err(status)),
                };
                (reply, std::mem::take(&mut receiving.pipelined))
            }
            _ => return,
        };
        *self = Connection::after(reply, rest, patience, now);
    }

    /// The request that waits for the answer with this ticket, if it is this connection's.
    pub(crate) fn awaits(&mut self, ticket: u64) -> Option<&mut Asked> {
        match self {
            Connection::Waiting(waiting) if waiting.asked.ticket == ticket => Some(&mut waiting.asked),
            _ => None,
        }
    }

    /// The answer has come.
    pub(crate) fn answered(&mut self, output: Outgoing, patience: Patience, now: Instant) {
        let Connection::Waiting(waiting) = self else { return };
        let rest = std::mem::take(&mut waiting.pipelined);
        *self = Connection::after(Reply::Answer(output), rest, patience, now);
    }

    /// The answer has come: the client follows an event stream from now on.
    pub(crate) fn follow(&mut self, follower: impl FnOnce(Visit) -> Follower) {
        *self = match std::mem::replace(self, Connection::Closed) {
            Connection::Waiting(waiting) => Connection::Following(follower(waiting.asked.visit)),
            other => other,
        };
    }

    /// The cursor of a client that is served a stream.
    pub(crate) fn cursor(&self) -> Option<&Cursor> {
        match self {
            Connection::Listening(listener) => Some(&listener.cursor),
            Connection::Following(follower) => Some(&follower.cursor),
            _ => None,
        }
    }

    fn after(reply: Reply, rest: Vec<u8>, patience: Patience, now: Instant) -> Connection {
        match reply {
            Reply::Listen(listener) => Connection::Listening(listener),
            Reply::Wait(asked, deadline) => {
                Connection::Waiting(Box::new(Waiting { asked: *asked, pipelined: rest, deadline }))
            }
            // A body is received after a head alone.
            Reply::Receive(..) => Connection::Closed,
            Reply::Answer(output) => Connection::Answering(Answering {
                pipelined: output.keeps_alive().then_some(rest),
                output,
                deadline: now + patience.write_timeout,
            }),
        }
    }

    /// The socket took so many bytes of what was to be written.
    pub(crate) fn sent(&mut self, count: usize, patience: Patience, now: Instant) {
        let answering = match self {
            Connection::Answering(answering) => answering,
            Connection::Receiving(receiving) => {
                receiving.interim = &receiving.interim[count..];
                return;
            }
            _ => return,
        };
        answering.output.advance(count);
        if !answering.output.is_sent() {
            return;
        }
        *self = match answering.pipelined.take() {
            Some(rest) => Connection::Reading(Reading::new(rest, now + patience.header_timeout)),
            None => Connection::Lingering(Lingering { shut: false, discarded: 0, deadline: now + LINGER }),
        };
    }

    /// The write side is shut.
    pub(crate) fn shut(&mut self) {
        if let Connection::Lingering(lingering) = self {
            lingering.shut = true;
        }
    }

    /// When it must be looked at if nothing happens before. (A listener's time is its own matter.)
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Connection::Reading(Reading { deadline, .. })
            | Connection::Answering(Answering { deadline, .. })
            | Connection::Lingering(Lingering { deadline, .. }) => Some(*deadline),
            Connection::Receiving(receiving) => Some(receiving.deadline),
            Connection::Waiting(waiting) => Some(waiting.deadline),
            Connection::Listening(_) | Connection::Following(_) | Connection::Closed => None,
        }
    }

    /// Its deadline may have passed. Who has begun a request is told; the others know.
    pub(crate) fn check_deadline(&mut self, site: &mut dyn Site, patience: Patience, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        *self = match self {
            Connection::Reading(reading) if !reading.input.is_empty() => {
                Connection::after(site.reply(Err(Status::REQUEST_TIMEOUT)), Vec::new(), patience, now)
            }
            Connection::Receiving(_) => {
                Connection::after(site.reply(Err(Status::REQUEST_TIMEOUT)), Vec::new(), patience, now)
            }
            Connection::Waiting(_) => {
                Connection::after(site.reply(Err(Status::GATEWAY_TIMEOUT)), Vec::new(), patience, now)
            }
            _ => Connection::Closed,
        };
    }

    /// The server stops: who has an answer coming gets it, the others need not wait.
    pub(crate) fn wind_up(&mut self) {
        match self {
            Connection::Reading(_) | Connection::Receiving(_) => *self = Connection::Closed,
            Connection::Waiting(waiting) => waiting.asked.form = waiting.asked.form.last(),
            Connection::Answering(answering) => answering.pipelined = None,
            Connection::Listening(_)
            | Connection::Following(_)
            | Connection::Lingering(_)
            | Connection::Closed => (),
        }
    }
}

impl Receiving {
    /// Of `input`, the head ends at `head_end`; some of the body may have come with it, or all and more.
    fn new(
        mut input: Vec<u8>,
        head_end: usize,
        length: usize,
        interim: &'static [u8],
        deadline: Instant,
        place: Place,
    ) -> Receiving {
        let mut body = input.split_off(head_end);
        let pipelined = body.split_off(body.len().min(length));
        // Who sends it already need not be asked for it.
        let interim = if body.is_empty() && length > 0 { interim } else { b"" };
        Receiving { head: input, body, length, pipelined, interim, deadline, _place: place }
    }

    fn is_whole(&self) -> bool {
        self.interim.is_empty() && self.body.len() >= self.length
    }
}

impl Reading {
    fn new(input: Vec<u8>, deadline: Instant) -> Reading {
        let mut search = HeadSearch::default();
        let found = if input.is_empty() { Found::NotYet } else { search.look(&input) };
        Reading { input, search, found, deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::connections::visit::Visit;
    use crate::server::mounts::mount::tests::mp3_mount;
    use proptest::prelude::*;

    const PATIENCE: Patience =
        Patience { header_timeout: Duration::from_secs(15), write_timeout: Duration::from_secs(30) };

    /// Answers with what was asked, and remembers it.
    #[derive(Default)]
    struct Echo {
        asked: Vec<String>,
    }

    impl Site for Echo {
        fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
            let asked = match request {
                Ok(request) => format!("{} {}", request.method, request.target),
                Err(status) => status.0.to_string(),
            };
            let keep = request.is_ok_and(|request| request.keeps_alive());
            let bytes = format!("[{asked}]").into_bytes();
            self.asked.push(asked);
            if request.is_ok_and(|request| request.target == "/listen") {
                let (mount, _writer) = mp3_mount();
                let visit = Visit::new(1, [127, 0, 0, 1].into(), request.ok());
                let join = crate::server::mounts::listener::Join {
                    mount: 0,
                    home: None,
                    head: bytes,
                    with_titles: false,
                    probe: false,
                    visit,
                };
                return Reply::Listen(Listener::new(join, &mount, Instant::now()));
            }
            Reply::Answer(Outgoing::new(bytes, keep))
        }

        fn hand_over(&mut self, _: &Request<'_>, _: Vec<u8>) -> Reply {
            unreachable!("no request here is for a service")
        }
    }

    /// A connection with a client at the other end, and a clock that stands still unless told.
    struct Talk {
        connection: Connection,
        site: Echo,
        now: Instant,
        /// What came out.
        output: Vec<u8>,
        /// What was read.
        read: usize,
        /// How many bytes the socket takes in one write.
        takes: usize,
    }

    impl Talk {
        fn new() -> Talk {
            let now = Instant::now();
            let (site, output) = (Echo::default(), Vec::new());
            Talk { connection: Connection::new(PATIENCE, now), site, now, output, read: 0, takes: usize::MAX }
        }

        /// Does what the connection wants as long as that needs no input but this.
        fn hear(&mut self, mut input: &[u8]) -> &mut Talk {
            loop {
                match self.connection.wants() {
                    Want::Read(_) if input.is_empty() => return self,
                    Want::Read(most) => {
                        assert!(most > 0, "a read of nothing looks like the end");
                        let (now, later) = input.split_at(input.len().min(most));
                        self.read += now.len();
                        self.connection.received(now);
                        input = later;
                    }
                    Want::Write(bytes) => {
                        let taken = bytes.len().min(self.takes);
                        self.output.extend_from_slice(&bytes[..taken]);
                        self.connection.sent(taken, PATIENCE, self.now);
                    }
                    Want::Reply => self.connection.reply(&mut self.site, PATIENCE, self.now),
                    Want::Shut => self.connection.shut(),
                    Want::Serve | Want::Wait | Want::Close => return self,
                }
            }
        }

        fn end(&mut self) -> &mut Talk {
            self.connection.ended();
            self.hear(b"")
        }

        fn pass(&mut self, time: Duration) -> &mut Talk {
            self.now += time;
            self.connection.check_deadline(&mut self.site, PATIENCE, self.now);
            self.hear(b"")
        }

        fn output(&self) -> &str {
            std::str::from_utf8(&self.output).unwrap()
        }

        fn lingers(&self) -> bool {
            matches!(self.connection, Connection::Lingering(Lingering { shut: true, .. }))
        }

        fn is_closed(&self) -> bool {
            self.connection.wants() == Want::Close
        }
    }

    const THREE: &[u8] = b"GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.0\n\n";

    #[test]
    fn pipelined_requests_are_answered_in_order_until_one_ends_it() {
        let mut talk = Talk::new();
        talk.hear(THREE);
        assert_eq!(talk.output(), "[GET /a][HEAD /b][GET /c]");
        assert!(talk.lingers());
        assert!(talk.end().is_closed());
    }

    #[test]
    fn requests_may_be_torn_anywhere() {
        for cut in 0..=THREE.len() {
            let mut talk = Talk::new();
            talk.hear(&THREE[..cut]).hear(&THREE[cut..]);
            assert_eq!(talk.output(), "[GET /a][HEAD /b][GET /c]", "torn at {cut}");
        }
        let mut talk = Talk::new();
        talk.takes = 1;
        THREE.chunks(1).for_each(|byte| {
            talk.hear(byte);
        });
        assert_eq!(talk.output(), "[GET /a][HEAD /b][GET /c]");
    }

    #[test]
    fn a_half_closed_client_gets_its_answers() {
        let mut talk = Talk::new();
        talk.connection.received(&THREE[..THREE.len() - 1]);
        talk.hear(b"");
        assert_eq!(talk.output(), "[GET /a][HEAD /b]");
        assert!(talk.end().is_closed(), "the third will never be whole");
    }

    #[test]
    fn a_head_has_its_time_in_all_however_busily_it_comes() {
        let mut talk = Talk::new();
        for _ in 0..14 {
            talk.hear(b"GET /slow").pass(Duration::from_secs(1));
        }
        assert_eq!(talk.output(), "");
        talk.pass(Duration::from_secs(1));
        assert_eq!(talk.output(), "[408]");
        assert!(talk.lingers());
        assert!(talk.pass(LINGER).is_closed());
    }

    #[test]
    fn who_asks_nothing_is_closed_without_a_word() {
        let mut talk = Talk::new();
        assert!(talk.pass(PATIENCE.header_timeout).is_closed());
        assert_eq!(talk.output(), "");

        let mut talk = Talk::new();
        talk.pass(Duration::from_secs(10)).hear(b"GET / HTTP/1.1\r\n\r\n").pass(Duration::from_secs(14));
        assert!(!talk.is_closed(), "each request has its own time");
        assert!(talk.pass(Duration::from_secs(1)).is_closed());
        assert_eq!(talk.output(), "[GET /]");
    }

    #[test]
    fn a_head_without_end_is_refused_and_little_of_it_is_read() {
        let mut talk = Talk::new();
        let mebibyte = [b"GET /".as_slice(), &vec![b'x'; 1 << 20]].concat();
        talk.hear(&mebibyte);
        assert_eq!(talk.output(), "[431]");
        assert!(talk.is_closed());
        assert_eq!(talk.read, MAX_HEAD + LINGER_BYTES);

        let mut talk = Talk::new();
        talk.hear(format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(65)).as_bytes());
        assert_eq!(talk.output(), "[431]");
        let mut talk = Talk::new();
        talk.hear(b"\x16\x03\x01");
        assert_eq!(talk.output(), "[400]");
    }

    #[test]
    fn an_answer_that_is_not_taken_does_not_wait_for_ever() {
        let mut talk = Talk::new();
        talk.connection.received(b"GET / HTTP/1.1\r\n\r\n");
        talk.connection.reply(&mut talk.site, PATIENCE, talk.now);
        talk.connection.sent(3, PATIENCE, talk.now);
        talk.connection.check_deadline(&mut talk.site, PATIENCE, talk.now + Duration::from_secs(29));
        assert_eq!(talk.connection.wants(), Want::Write(b"T /]"));
        talk.connection.check_deadline(&mut talk.site, PATIENCE, talk.now + Duration::from_secs(30));
        assert!(talk.is_closed());
    }

    #[test]
    fn a_listener_is_one_for_good() {
        let mut talk = Talk::new();
        talk.hear(b"GET /first HTTP/1.1\r\n\r\nGET /listen HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n");
        assert_eq!(talk.connection.wants(), Want::Serve);
        talk.connection.received(b"GET /neither HTTP/1.1\r\n\r\n");
        talk.end().pass(Duration::from_secs(3600));
        assert_eq!(talk.connection.wants(), Want::Serve);
        assert_eq!(talk.site.asked, ["GET /first", "GET /listen"]);
    }

    #[test]
    fn at_a_stop_answers_on_their_way_arrive_and_nobody_else_is_waited_for() {
        let mut talk = Talk::new();
        talk.connection.wind_up();
        assert!(talk.is_closed());
        let mut talk = Talk::new();
        talk.connection.received(THREE);
        talk.connection.reply(&mut talk.site, PATIENCE, talk.now);
        talk.connection.wind_up();
        talk.hear(b"");
        assert_eq!(talk.output(), "[GET /a]");
        assert!(talk.lingers());
    }

    proptest! {
        #[test]
        fn however_it_is_torn_and_taken_the_answers_are_the_same(
            requests in prop::collection::vec("(GET|HEAD|PUT) /[a-z]{0,5} HTTP/1.[01]\r?\n((Connection: close|Content-Length: [0-9]|X: y)\r?\n){0,3}\r?\n", 1..6),
            garbage in prop::collection::vec(any::<u8>(), 0..40),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
            takes in 1_usize..9,
        ) {
            let input = [requests.concat().as_bytes(), &garbage].concat();
            let mut at_once = Talk::new();
            at_once.hear(&input).end().pass(Duration::from_secs(60));
            prop_assert!(at_once.is_closed());

            let mut torn = Talk::new();
            torn.takes = takes;
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
            cuts.sort_unstable();
            let mut start = 0;
            for cut in cuts.into_iter().chain([input.len()]) {
                torn.hear(&input[start..cut]);
                start = cut;
            }
            torn.end().pass(Duration::from_secs(60));
            prop_assert_eq!(torn.output, at_once.output);
            prop_assert_eq!(torn.site.asked, at_once.site.asked);
        }
    }
}

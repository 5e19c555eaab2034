//! A connection with a client at the other end.

use super::*;
use crate::http::{Body, StreamBody};
use crate::ring::{Inlet, SourceEnd, inlet};
use crate::server::client_address::ClientAddress;
use crate::server::connections::visit::Visit;
use crate::server::mounts::mount::tests::mp3_mount;
use proptest::prelude::*;
use std::io::Read;
use std::sync::Arc;

const PATIENCE: Patience =
    Patience { header_timeout: Duration::from_secs(15), write_timeout: Duration::from_secs(30) };

/// Answers each request with its method and target, and records them.
#[derive(Default)]
struct Echo {
    requests: Vec<String>,
}

impl Site for Echo {
    fn reply(&mut self, request: Result<&Request<'_>, Status>) -> Reply {
        let line = match request {
            Ok(request) => format!("{} {}", request.method, request.target),
            Err(status) => status.0.to_string(),
        };
        let keep = request.is_ok_and(|request| request.keeps_alive());
        let bytes = format!("[{line}]").into_bytes();
        self.requests.push(line);
        if request.is_ok_and(|request| request.target == "/listen") {
            let (mount, _writer) = mp3_mount();
            let visit = Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), request.ok());
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
        if let Ok(request) = request
            && request.target == "/live"
        {
            let stream = StreamBody::of(request.method, request.body().unwrap_or(Body::Unsaid)).unwrap();
            let pending = PendingRequest {
                ticket: 1,
                form: Form::of(Some(request)),
                visit: Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), Some(request)),
                since: Instant::now(),
                to_come: ToCome::Stream(StreamStart::of(request, stream)),
            };
            return Reply::Wait(Box::new(pending), Instant::now() + Duration::from_secs(60));
        }
        Reply::Answer(Outgoing::new(bytes, keep))
    }

    fn log_in(&mut self, source: IcySource) -> Reply {
        let request = source.question();
        self.requests.push(format!("{} {}", request.method, request.target));
        let pending = PendingRequest {
            ticket: 1,
            form: Form::of(Some(&request)),
            visit: Visit::new(1, ClientAddress::new([127, 0, 0, 1].into()), Some(&request)),
            since: Instant::now(),
            to_come: ToCome::Headers(source.clone()),
        };
        Reply::Wait(Box::new(pending), Instant::now() + Duration::from_secs(60))
    }

    fn turn_away(&mut self, fault: IcyFault) -> Reply {
        Reply::Answer(Outgoing::new(format!("[{fault:?}]").into_bytes(), false))
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
    /// What the connection wrote.
    output: Vec<u8>,
    /// How many bytes the connection read.
    read: usize,
    /// The most bytes that the socket takes in one write.
    takes: usize,
}

impl Talk {
    fn new() -> Talk {
        let now = Instant::now();
        let (site, output) = (Echo::default(), Vec::new());
        Talk { connection: Connection::new(PATIENCE, now), site, now, output, read: 0, takes: usize::MAX }
    }

    fn icy() -> Talk {
        let talk = Talk::new();
        Talk { connection: Connection::icy("/live".into(), PATIENCE, talk.now), ..talk }
    }

    /// Gives the connection this input and does what it wants, until it needs more.
    fn hear(&mut self, mut input: &[u8]) -> &mut Talk {
        loop {
            match self.connection.wants() {
                Want::Read(_) if input.is_empty() => return self,
                Want::Read(most) => {
                    assert!(most > 0, "a read of nothing looks like the end");
                    let (now, later) = input.split_at(input.len().min(most));
                    self.read += now.len();
                    self.connection.received(now, self.now);
                    input = later;
                }
                Want::Write(bytes) => {
                    let taken = bytes.len().min(self.takes);
                    self.output.extend_from_slice(&bytes[..taken]);
                    self.connection.sent(taken, PATIENCE, self.now);
                }
                Want::Reply => self.connection.reply(&mut self.site, PATIENCE, self.now),
                Want::Shut => self.connection.shut(),
                Want::Rest => self.connection.renew_share(),
                Want::EndStream => self.end_stream(),
                Want::Serve | Want::Wait | Want::EndFile | Want::Close => return self,
            }
        }
    }

    /// Accepts the source that waits, if one does.
    fn accept(&mut self) -> Option<Inlet> {
        let (writer, inlet) = inlet(self.now, (), || ());
        matches!(self.connection, Connection::Waiting(_)).then(|| {
            self.connection.receive_stream(writer, Arc::default(), self.now);
            self.hear(b"");
            inlet
        })
    }

    fn end_stream(&mut self) {
        let Connection::Sending(sending) = &self.connection else { panic!("no source") };
        let last = sending.last_answer().map(|answer| answer.written(sending.form.last(), "now"));
        let source = self.connection.stream_ended(last, PATIENCE, self.now).unwrap();
        source.finish(SourceEnd::Broken, self.now);
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
    talk.connection.received(&THREE[..THREE.len() - 1], talk.now);
    talk.hear(b"");
    assert_eq!(talk.output(), "[GET /a][HEAD /b]");
    assert!(talk.end().is_closed(), "the third will never be whole");
}

#[test]
fn a_head_that_trickles_in_has_no_more_time_than_any_other() {
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
fn a_client_that_sends_nothing_is_closed_without_an_answer() {
    let mut talk = Talk::new();
    assert!(talk.pass(PATIENCE.header_timeout).is_closed());
    assert_eq!(talk.output(), "");

    let mut talk = Talk::new();
    talk.pass(Duration::from_secs(10)).hear(b"GET / HTTP/1.1\r\n\r\n").pass(Duration::from_secs(14));
    assert!(!talk.is_closed(), "each request has its own time");
    assert!(talk.pass(Duration::from_secs(1)).is_closed());
    assert_eq!(talk.output(), "[GET /]");
}

/// A client may send an empty line behind its request (RFC 9112, section 2.2) and wait.
#[test]
fn empty_lines_alone_are_no_request() {
    let mut talk = Talk::new();
    talk.hear(b"\r\n\r\n").pass(Duration::from_secs(60));
    assert_eq!(talk.output(), "");
    assert!(talk.is_closed());
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
    talk.connection.received(b"GET / HTTP/1.1\r\n\r\n", talk.now);
    talk.connection.reply(&mut talk.site, PATIENCE, talk.now);
    talk.connection.sent(3, PATIENCE, talk.now);
    talk.connection.check_deadline(&mut talk.site, PATIENCE, talk.now + Duration::from_secs(29));
    assert_eq!(talk.connection.wants(), Want::Write(b"T /]"));
    talk.connection.check_deadline(&mut talk.site, PATIENCE, talk.now + Duration::from_secs(30));
    assert!(talk.is_closed());
}

#[test]
fn an_answer_that_is_taken_slowly_has_more_time_but_not_for_ever() {
    let mut talk = Talk::new();
    talk.connection.received(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100)).as_bytes(), talk.now);
    talk.connection.reply(&mut talk.site, PATIENCE, talk.now);
    assert!(talk.connection.held_bytes() > 100);
    let began = talk.now;
    while !talk.is_closed() {
        talk.connection.sent(1, PATIENCE, talk.now);
        talk.now += Duration::from_secs(25);
        talk.connection.check_deadline(&mut talk.site, PATIENCE, talk.now);
    }
    assert_eq!(talk.now - began, Duration::from_secs(250), "the first look after 240 s");
    assert_eq!(talk.connection.held_bytes(), 0);
}

#[test]
fn requests_of_a_listener_are_ignored() {
    let mut talk = Talk::new();
    talk.hear(b"GET /first HTTP/1.1\r\n\r\nGET /listen HTTP/1.1\r\n\r\nGET /no HTTP/1.1\r\n\r\n");
    assert_eq!(talk.connection.wants(), Want::Serve);
    talk.connection.received(b"GET /neither HTTP/1.1\r\n\r\n", talk.now);
    talk.end().pass(Duration::from_secs(3600));
    assert_eq!(talk.connection.wants(), Want::Serve);
    assert_eq!(talk.site.requests, ["GET /first", "GET /listen"]);
}

#[test]
fn a_source_s_request_and_stream_may_be_torn_anywhere() {
    let continued = "HTTP/1.1 100 Continue\r\n\r\n";
    for (request, first, status, end) in [
        ("SOURCE /live HTTP/1.0\r\n\r\nhello", "HTTP/1.0 200 OK\r\n\r\n", "", SourceEnd::Left),
        ("PUT /live HTTP/1.1\r\nExpect: 100-continue\r\n\r\nhello", continued, "", SourceEnd::Left),
        ("PUT /live HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "", "HTTP/1.1 200 OK", SourceEnd::Complete),
        (
            "PUT /live HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\nGET",
            "",
            "HTTP/1.1 200 OK",
            SourceEnd::Complete,
        ),
        (
            "SOURCE /live HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "",
            SourceEnd::Complete,
        ),
        (
            "PUT /live HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx",
            "",
            "HTTP/1.1 400 Bad Request",
            SourceEnd::Broken,
        ),
    ] {
        for cut in 0..=request.len() {
            let (before, after) = request.as_bytes().split_at(cut);
            let mut talk = Talk::new();
            talk.takes = 1 + cut % 30;
            talk.hear(before);
            let early = talk.accept();
            talk.hear(after);
            let mut inlet = early.or_else(|| talk.accept()).expect("a source");
            if end == SourceEnd::Left {
                talk.pass(Duration::from_secs(3600));
                assert_eq!(inlet.handle().end(), None, "it may be silent");
                talk.end();
            }
            let mut stream = String::new();
            inlet.read_to_string(&mut stream).unwrap();
            assert_eq!(
                (stream.as_str(), inlet.handle().end()),
                ("hello", Some(end.clone())),
                "{request} {cut}"
            );
            let rest = talk.output().strip_prefix(first).unwrap_or_else(|| panic!("{}", talk.output()));
            assert_eq!(rest.lines().next().unwrap_or_default(), status, "{request} {cut}");
            assert!(talk.lingers());
        }
    }
}

#[test]
fn a_source_that_speaks_icy_logs_in_and_then_says_what_it_sends() {
    let welcome = "OK2\r\nicy-caps:11\r\n\r\n";
    for end in ["\n", "\r\n", "\r\r\n"] {
        let line = format!("dj:secret{end}");
        let head = format!("icy-name:x{end}content-type:audio/mpeg{end}{end}hello");
        let all = [line.as_str(), &head].concat();
        // Some wait for the welcome before they send their headers, and some do not.
        for cut in line.len()..=all.len() {
            let mut talk = Talk::icy();
            talk.takes = 1 + cut % 30;
            all.as_bytes()[..cut].chunks(1 + cut % 7).for_each(|piece| {
                talk.hear(piece);
            });
            assert_eq!(talk.output(), "", "nothing before the login is judged");
            assert!(talk.connection.has_request() && talk.connection.is_icy());
            talk.connection.welcome(PATIENCE, talk.now);
            talk.hear(b"");
            let read = talk.read;
            talk.hear(&all.as_bytes()[read..]);
            assert_eq!(talk.output(), welcome, "{end:?} {cut}");
            let mut inlet = talk.accept().expect("a source");
            let read = talk.read;
            talk.hear(&all.as_bytes()[read..]).end();
            let mut stream = String::new();
            inlet.read_to_string(&mut stream).unwrap();
            assert_eq!((stream.as_str(), inlet.handle().end()), ("hello", Some(SourceEnd::Left)));
            assert_eq!(talk.site.requests, ["LOGIN /live", "SOURCE /live"]);
            assert_eq!(talk.output(), welcome, "it gets nothing more");
        }
    }
}

#[test]
fn who_is_no_source_of_icy_is_turned_away_within_the_limits_of_a_head() {
    for (input, answer, read) in [
        (&b"!POKE\nicy-name:libshout\n\n"[..], "[Poke]", 25),
        (b"GET / HTTP/1.1\r\n\r\n", "[Http]", 18),
        (&[b'x'; 600], "[NoLogin]", 600),
        (&[b'x'; 1 << 20], "[NoLogin]", 16 * 1024 + LINGER_BYTES),
    ] {
        let mut talk = Talk::icy();
        talk.hear(input);
        assert_eq!((talk.output(), talk.read), (answer, read));
    }
    let mut talk = Talk::icy();
    assert!(talk.pass(PATIENCE.header_timeout).is_closed(), "it has said nothing");
    let mut talk = Talk::icy();
    for _ in 0..PATIENCE.header_timeout.as_secs() {
        talk.hear(b"x").pass(Duration::from_secs(1));
    }
    assert_eq!(talk.output(), "[TooSlow]", "even if bytes keep coming");

    // The head has a time of its own, and the same limits.
    let welcomed = || {
        let mut talk = Talk::icy();
        talk.hear(b"secret\n").pass(Duration::from_secs(59));
        talk.connection.welcome(PATIENCE, talk.now);
        talk.hear(b"icy-name:x\n");
        talk.output.clear();
        talk
    };
    assert_eq!(welcomed().pass(PATIENCE.header_timeout).output(), "[TooSlow]");
    let mut talk = welcomed();
    assert_eq!((talk.connection.held_bytes() > 0, talk.connection.sender()), (true, Sender::Admitted));
    assert_eq!(talk.hear(&[b'x'; 16 * 1024]).output(), "[HeadTooLarge]");
    assert!(talk.lingers());
    assert!(welcomed().end().is_closed());
    let mut talk = Talk::icy();
    talk.hear(b"secret\n").pass(Duration::from_secs(61));
    assert_eq!(talk.output(), "[Unanswered]");
}

#[test]
fn a_source_rests_after_its_share() {
    let mut talk = Talk::new();
    talk.hear(b"SOURCE /live HTTP/1.0\r\n\r\n");
    let _inlet = talk.accept().unwrap();
    let mut read = 0;
    while let Want::Read(most) = talk.connection.wants() {
        let count = most.min(10_000);
        talk.connection.received(&[0; 10_000][..count], talk.now);
        read += count;
    }
    assert_eq!((talk.connection.wants(), read), (Want::Rest, 64 * 1024));
    assert!(talk.connection.is_resting());
    talk.connection.renew_share();
    assert_eq!(talk.connection.wants(), Want::Read(64 * 1024));
}

#[test]
fn a_stop_waits_for_answers_on_their_way_only() {
    let mut talk = Talk::new();
    talk.connection.wind_up();
    assert!(talk.is_closed());
    let mut talk = Talk::new();
    talk.connection.received(THREE, talk.now);
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
        prop_assert_eq!(torn.site.requests, at_once.site.requests);
    }
}

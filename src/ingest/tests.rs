//! Sources whose streams and sinks are scripted.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};

use super::{Claim, Session, Sessions, Sink, SourceInfo, SourceStream, Taken};
use crate::error::{Error, LeaveReason};
use crate::event::Emitter;
use crate::metadata::Title;

const PATIENCE: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(60);

/// A stream that gives what a test sends, piece by piece. An empty piece is a failure.
struct Script(Receiver<Vec<u8>>);

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(piece) = self.0.recv() else { return Ok(0) };
        if piece.is_empty() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

/// A sink that keeps what it takes: `most` bytes at once. A `!` is a packet.
#[derive(Clone, Default)]
struct Kept {
    bytes: Arc<Mutex<Vec<u8>>>,
    titles: Arc<Mutex<Vec<String>>>,
    most: Arc<AtomicUsize>,
}

impl Kept {
    fn until(&self, bytes: &[u8]) {
        let since = Instant::now();
        while self.bytes.lock().unwrap().as_slice() != bytes {
            assert!(since.elapsed() < PATIENCE, "{:?}", self.bytes.lock().unwrap());
            std::thread::yield_now();
        }
    }
}

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LeaveReason> {
        let most = self.most.load(Ordering::Relaxed).min(bytes.len());
        self.bytes.lock().unwrap().extend(&bytes[..most]);
        Ok(most)
    }

    fn packets(&self) -> u64 {
        self.bytes.lock().unwrap().iter().filter(|byte| **byte == b'!').count() as u64
    }

    fn update_metadata(&mut self, title: Title) {
        self.titles.lock().unwrap().push(title.text);
    }
}

fn kept() -> Kept {
    Kept { most: Arc::new(AtomicUsize::new(usize::MAX)), ..Kept::default() }
}

fn claim<'a>(path: &'a str, user: &str) -> Claim<'a> {
    let info = SourceInfo { user: user.into(), ..SourceInfo::new("audio/mpeg") };
    Claim { path, info, timeout: TIMEOUT, resumes: None, emitter: Emitter::unheard() }
}

/// A source that sends what the test sends, and the reasons for which it was closed.
fn start(sessions: &Sessions, path: &str, sink: &Kept) -> (Arc<Session>, Sender<Vec<u8>>, Receiver<String>) {
    let session = sessions.claim(claim(path, "ana")).unwrap();
    let (send, script) = unbounded();
    let (closes, closed) = unbounded();
    let stream = SourceStream::new(Script(script)).closed_by(move |reason| {
        let _ = closes.send(reason.to_owned());
    });
    sessions.start(&session, stream, Box::new(sink.clone()), || Ok(())).unwrap();
    (session, send, closed)
}

fn until_gone(sessions: &Sessions) {
    let since = Instant::now();
    while !sessions.list().is_empty() {
        assert!(since.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
}

#[test]
fn bytes_reach_the_sink_in_order_also_if_it_takes_few_at_a_time() {
    let (sessions, sink) = (Sessions::default(), kept());
    sink.most.store(3, Ordering::Relaxed);
    let (session, send, _) = start(&sessions, "/a", &sink);
    send.send(b"0123456789".to_vec()).unwrap();
    send.send(b"abc".to_vec()).unwrap();
    sink.until(b"0123456789abc");
    assert_eq!(sessions.list()[0].received_bytes, 13);
    assert!(session.update_metadata(Title::new("Jóga")));
    assert_eq!(*sink.titles.lock().unwrap(), ["Jóga"]);
    drop(send);
    until_gone(&sessions);
    assert!(!session.update_metadata(Title::new("late")));
}

#[test]
fn a_source_that_cannot_begin_was_never_connected() {
    let told = Arc::<AtomicUsize>::default();
    let emitter = Emitter::unheard().after({
        let told = told.clone();
        move |_| _ = told.fetch_add(1, Ordering::Relaxed)
    });
    let come = |sessions: &Sessions, begins: crate::error::Result<()>| {
        let (closes, closed) = unbounded();
        let stream = SourceStream::new(Script(closed)).closed_by(move |_| _ = closes.send(Vec::new()));
        let session = sessions.claim(Claim { emitter: emitter.clone(), ..claim("/a", "ana") }).unwrap();
        let outcome = sessions.start(&session, stream, Box::new(kept()), || begins);
        (session, outcome)
    };
    let sessions = Sessions::default();
    let (_, refused) = come(&sessions, Err(Error::Busy("mixer")));
    assert!(matches!(refused, Err(Error::Busy(_))));
    assert!(sessions.list().is_empty(), "its path is free");
    let (session, let_in) = come(&sessions, Ok(()));
    assert!(let_in.is_ok());
    sessions.let_go(&session, LeaveReason::Kicked);
    // Neither thread waits in a read, and neither tells anything more.
    sessions.stop().into_iter().for_each(|thread| assert!(thread.join_before(Instant::now() + PATIENCE)));
    assert_eq!(told.load(Ordering::Relaxed), 2, "it has come and gone");
}

#[test]
fn a_stream_that_breaks_or_panics_frees_its_path() {
    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("on purpose, in a test")
        }
    }
    let (sessions, sink) = (Sessions::default(), kept());
    let (_, send, closed) = start(&sessions, "/a", &sink);
    send.send(Vec::new()).unwrap();
    assert_eq!(closed.recv_timeout(PATIENCE).unwrap(), "broken");
    until_gone(&sessions);
    let session = sessions.claim(claim("/a", "ana")).unwrap();
    sessions.start(&session, SourceStream::new(Panics), Box::new(sink), || Ok(())).unwrap();
    until_gone(&sessions);
}

#[test]
fn a_path_has_one_source_and_is_free_as_soon_as_that_is_let_go() {
    let (sessions, sink) = (Sessions::default(), kept());
    let (first, _send, closed) = start(&sessions, "/a", &sink);
    match sessions.claim(claim("/a", "ben")) {
        Err(Taken::By { user, .. }) => assert_eq!(user, "ana"),
        other => panic!("{other:?}"),
    }
    // It has been heard just now, so it is no dead connection of the same user.
    assert!(sessions.claim(claim("/a", "ana")).is_err());
    assert!(sessions.claim(claim("/b", "ben")).is_ok(), "another path");
    sessions.let_go(&first, LeaveReason::Kicked);
    assert_eq!(closed.recv_timeout(PATIENCE).unwrap(), "kicked");
    let second = sessions.claim(claim("/a", "ben")).unwrap();
    // Its stream does not come.
    sessions.give_up(&second);
    assert!(sessions.find("/a").is_none());
}

#[test]
fn a_dead_connection_gives_way_to_its_own_user_and_to_nobody_else() {
    let sessions = Sessions::default();
    let (session, _send, _) = start(&sessions, "/a", &kept());
    let (soon, late) = (Instant::now(), Instant::now() + Duration::from_secs(3));
    assert!(!session.gives_way_to("ana", soon));
    assert!(session.gives_way_to("ana", late));
    assert!(!session.gives_way_to("ben", late));
    // Two programs with one shared password may be two people.
    let shared = Session::new(7, claim("/b", "source"), soon);
    assert!(shared.start(Box::new(kept()), SourceStream::new(io::empty()).link, soon));
    assert!(!shared.gives_way_to("source", late));
}

#[test]
fn who_is_silent_or_sends_nothing_usable_is_at_fault() {
    let sessions = Sessions::default();
    let sink = kept();
    let (session, send, _) = start(&sessions, "/a", &sink);
    let later = |seconds| Instant::now() + Duration::from_secs(seconds);
    assert_eq!(session.fault(later(59)), None);
    assert_eq!(session.fault(later(60)), Some(LeaveReason::Silent));
    session.set_timeout(Duration::from_secs(5));
    assert_eq!(session.fault(later(6)), Some(LeaveReason::Silent));
    session.set_timeout(TIMEOUT);
    // A piece of a packet, and then silence: it may go on.
    send.send(b"part".to_vec()).unwrap();
    sink.until(b"part");
    assert_eq!(session.fault(later(30)), None);
}

#[test]
fn rubbish_for_ten_seconds_is_useless_and_a_packet_among_it_is_not() {
    let (begin, mut sink) = (Instant::now(), kept());
    let session = Session::new(1, claim("/a", "ana"), begin);
    assert!(session.start(Box::new(sink.clone()), SourceStream::new(io::empty()).link, begin));
    let at = |seconds| begin + Duration::from_secs(seconds);
    let fault = |seconds| session.fault(at(seconds));
    for second in 1..11 {
        session.take_at(b"x", at(second)).unwrap();
        assert_eq!(fault(second), None, "after {second} s");
    }
    session.take_at(b"!", at(10)).unwrap();
    for second in 11..21 {
        session.take_at(b"x", at(second)).unwrap();
        assert_eq!(fault(second), None, "after {second} s");
    }
    session.take_at(b"x", at(21)).unwrap();
    assert_eq!(fault(21), Some(LeaveReason::Useless));
    assert_eq!(sink.write(b""), Ok(0));
}

#[test]
fn a_stop_lets_all_go_and_takes_no_more() {
    let sessions = Sessions::default();
    let (first, _send_a, closed_a) = start(&sessions, "/a", &kept());
    let (_, send_b, closed_b) = start(&sessions, "/b", &kept());
    let threads = sessions.stop();
    assert_eq!(closed_a.recv_timeout(PATIENCE).unwrap(), "station-stopped");
    assert_eq!(closed_b.recv_timeout(PATIENCE).unwrap(), "station-stopped");
    assert!(sessions.list().is_empty());
    assert!(matches!(sessions.claim(claim("/a", "ana")), Err(Taken::Stopped)));
    assert!(sessions.start(&first, SourceStream::new(io::empty()), Box::new(kept()), || Ok(())).is_err());
    // Their streams have no end of their own: the test ends them.
    drop((_send_a, send_b));
    let deadline = Instant::now() + PATIENCE;
    assert!(threads.iter().all(|thread| thread.join_before(deadline)));
}

/// A sink that waits for its source, and can be ended from outside.
#[derive(Clone, Default)]
struct Waits(Arc<Mutex<(Option<LeaveReason>, Option<LeaveReason>)>>);

impl Sink for Waits {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, LeaveReason> {
        Ok(bytes.len())
    }

    fn packets(&self) -> u64 {
        0
    }

    fn update_metadata(&mut self, _: Title) {}

    fn ended(&self) -> Option<LeaveReason> {
        self.0.lock().unwrap().0
    }

    /// Its own clock stands still.
    fn quiet(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }

    fn leave(&mut self, reason: LeaveReason) -> bool {
        self.0.lock().unwrap().1 = Some(reason);
        true
    }
}

#[test]
fn a_sink_that_ends_lets_its_source_go_and_its_clock_is_the_one_that_counts() {
    let (sessions, sink) = (Sessions::default(), Waits::default());
    let session = sessions.claim(claim("/a", "ana")).unwrap();
    let (_send, script) = unbounded();
    let (closes, closed) = unbounded();
    let stream =
        SourceStream::new(Script(script)).closed_by(move |reason| closes.send(reason.to_owned()).unwrap());
    sessions.start(&session, stream, Box::new(sink.clone()), || Ok(())).unwrap();
    let later = Instant::now() + Duration::from_secs(1000);
    assert_eq!((session.fault(later), session.gives_way_to("ana", later)), (None, false));
    sink.0.lock().unwrap().0 = Some(LeaveReason::Useless);
    assert_eq!(closed.recv_timeout(PATIENCE).unwrap(), "useless");
    until_gone(&sessions);
    assert_eq!(sink.0.lock().unwrap().1, Some(LeaveReason::Useless));
    // Its user comes back, and has the number that is known of the session.
    let back = Claim { resumes: Some(session.id()), ..claim("/a", "ana") };
    assert_eq!(sessions.claim(back).unwrap().id(), session.id());
    assert_ne!(sessions.claim(claim("/b", "ana")).unwrap().id(), session.id());
}

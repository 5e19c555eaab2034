//! The shelf over sockets, and its audience by a clock of the test.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use longwave_testing::client::{Client, Fetched};
use longwave_testing::{PATIENCE, until};

use super::*;
use crate::error::{CloseReason, Error};
use crate::event::{Emitter, Event};
use crate::http::Request;
use crate::server::client_address::ClientAddress;
use crate::server::connections::shares::{ShareLimits, Shares};
use crate::server::connections::visit::Visit;
use crate::server::mounts::mount::tests::mp3_settings;
use crate::server::reports::access::Access;
use crate::server::reports::journal::{JournalWriter, journal};
use crate::server::tests::server;
use crate::server::{Moment, MountSettings, Server, ServerSettings};

const CACHED: &str = "public, max-age=86400, immutable";

fn room_settings(counted_for: Option<Duration>) -> RoomSettings {
    let paths = vec!["/radio/hls.m3u8".into(), "/radio/hls/".into()];
    RoomSettings { name: "/radio/hls.m3u8".into(), paths, counted_for }
}

fn room(server: &Server, counted_for: Option<Duration>) -> Room {
    server.open_room(room_settings(counted_for), None).expect("a room")
}

/// Changes what a room has, and waits until it has changed.
fn shelve(server: &Server, room: &Room, put: Vec<(Arc<str>, ShelfObject)>, taken: Vec<Arc<str>>) {
    room.swap(Swap { put, taken });
    // Commands are carried out in their order.
    server.expect(&[]).unwrap();
}

fn segment(bytes: &[u8]) -> ShelfObject {
    ShelfObject::new("video/mp2t", CACHED, bytes)
}

fn playlist(text: &str) -> ShelfObject {
    ShelfObject::new("application/vnd.apple.mpegurl", "public, max-age=1", text.as_bytes()).polled()
}

fn client(server: &Server) -> Client {
    let socket = TcpStream::connect(server.local_addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::new(socket)
}

fn get(player: &mut Client, target: &str) -> Fetched {
    player.fetch("GET", target, "")
}

#[test]
fn an_object_is_served_whole_and_in_parts_on_one_connection() {
    let server = server();
    let room = room(&server, None);
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
    let path = "/radio/hls/a/1.ts";
    shelve(&server, &room, vec![(path.into(), segment(&bytes))], Vec::new());
    let mut player = client(&server);
    let whole = get(&mut player, path);
    assert_eq!((whole.status, &whole.bytes), (200, &bytes));
    for (name, value) in [
        ("Content-Type", "video/mp2t"),
        ("Content-Length", "100000"),
        ("Cache-Control", CACHED),
        ("Accept-Ranges", "bytes"),
        ("Connection", "keep-alive"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "Age, Date, ETag, Content-Range"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{}", whole.head);
    }
    assert!(
        !whole.head.contains("Vary") && !whole.head.contains("Cookie") && !whole.head.contains("chunked")
    );
    let tag = whole.header("ETag").unwrap().to_owned();
    let head = player.fetch("HEAD", path, "");
    assert_eq!((head.status, head.header("Content-Length"), head.bytes.len()), (200, Some("100000"), 0));
    let part = player.fetch("GET", path, "Range: bytes=99990-\r\n");
    assert_eq!((part.status, &part.bytes[..]), (206, &bytes[99_990..]));
    assert_eq!(part.header("Content-Range"), Some("bytes 99990-99999/100000"));
    assert_eq!(part.header("ETag"), Some(&*tag));
    let beyond = player.fetch("GET", path, "Range: bytes=100000-\r\n");
    assert_eq!((beyond.status, beyond.header("Content-Range")), (416, Some("bytes */100000")));
    assert_eq!(beyond.header("Cache-Control"), Some("no-store"));
    let known = player.fetch("GET", path, &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(
        (known.status, known.header("ETag"), known.header("Content-Length")),
        (304, Some(&*tag), None)
    );
    assert_eq!(known.header("Cache-Control"), Some(CACHED));
    // Another query is the same object, and so is the same name in other letters.
    assert_eq!(get(&mut player, &format!("{path}?x=1")).bytes, bytes);
    assert_eq!(get(&mut player, "/radio/hls/%61/1.ts").bytes, bytes);
    // Several requests at once are answered in their order.
    let one = format!("GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes=");
    let requests = format!("{one}0-0\r\n\r\n{one}1-1\r\n\r\n{one}2-2\r\n\r\n");
    player.socket.write_all(requests.as_bytes()).unwrap();
    for byte in &bytes[..3] {
        assert_eq!(player.fetched(false).bytes, [*byte]);
    }
    let other = player.fetch("POST", path, "Content-Length: 0\r\n");
    assert_eq!((other.status, other.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(client(&server).fetch("OPTIONS", path, "").status, 200);
}

#[test]
fn what_is_gone_or_not_there_yet_says_so_and_names_cannot_lead_elsewhere() {
    let server = server();
    server.expect(&["/radio/hls.m3u8", "/radio/hls/"]).unwrap();
    let mut player = client(&server);
    let expected = get(&mut player, "/radio/hls/a/live.m3u8");
    let room = room(&server, None);
    let not_yet = get(&mut player, "/radio/hls/a/live.m3u8");
    for answer in [expected, not_yet] {
        assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("2")));
        assert!(answer.header("Cache-Control").unwrap().contains("no-store"), "{}", answer.head);
    }
    shelve(&server, &room, vec![("/radio/hls/a/1.ts".into(), segment(b"1"))], Vec::new());
    shelve(
        &server,
        &room,
        vec![("/radio/hls/a/2.ts".into(), segment(b"2"))],
        vec!["/radio/hls/a/1.ts".into()],
    );
    assert_eq!(get(&mut player, "/radio/hls/a/2.ts").bytes, b"2");
    for name in ["1.ts", "", "../a/2.ts", "..%2f2.ts", "2.ts%00", "%00", "2.ts/", "2.TS", "%ff%fe"] {
        let answer = get(&mut player, &format!("/radio/hls/a/{name}"));
        if name == "%ff%fe" {
            assert_eq!(answer.status, 404);
            continue;
        }
        assert_eq!((answer.status, answer.header("Cache-Control")), (404, Some("max-age=1")), "{name}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
    }
    assert_eq!(room.board().snapshot().missed, 8);
    let stats = server.stats();
    assert_eq!((stats.shelf_objects, stats.shelf_bytes), (1, 1));
    drop(room);
    server.expect(&[]).unwrap();
    let gone = get(&mut player, "/radio/hls/a/2.ts");
    assert_eq!((gone.status, server.stats().shelf_objects), (404, 0));
    assert!(gone.header("Cache-Control").unwrap().contains("no-store"), "it belongs to nobody");
}

#[test]
fn a_place_that_is_expected_says_so_until_something_is_there() {
    let server = server();
    let room = room(&server, None);
    let (one, two): (Arc<str>, Arc<str>) = ("/radio/hls/a/live.m3u8".into(), "/radio/hls/b/live.m3u8".into());
    let both = [&one, &two].map(|path| (path.clone(), ShelfObject::expected()));
    shelve(&server, &room, both.into(), Vec::new());
    let mut player = client(&server);
    assert_eq!((get(&mut player, &one).status, get(&mut player, "/radio/hls/a/1.ts").status), (503, 503));
    shelve(&server, &room, vec![(one.clone(), playlist("#EXTM3U"))], Vec::new());
    let [first, second, gone] = [&*one, &two, "/radio/hls/b/1.ts"].map(|path| get(&mut player, path));
    assert_eq!((first.status, second.status, gone.status), (200, 503, 404), "the other one has begun");
    assert_eq!(second.header("Retry-After"), Some("2"));
    assert_eq!(server.stats().shelf_objects, 1);
    // A room that takes its place does not hide what is there.
    let next = server.open_room(room_settings(None), Some(room.board())).unwrap();
    shelve(&server, &next, vec![(one.clone(), ShelfObject::expected())], Vec::new());
    assert_eq!(get(&mut player, &one).bytes, b"#EXTM3U");
    shelve(&server, &room, Vec::new(), vec![two.clone()]);
    assert_eq!(get(&mut player, &two).status, 503, "nothing is in the other room yet");
    drop(next);
    server.expect(&[]).unwrap();
    assert_eq!(get(&mut player, &two).status, 404);
}

#[test]
fn a_room_does_not_take_the_path_of_a_mount() {
    let server = server();
    let _mount =
        server.add_mount(MountSettings { path: "/radio/hls/x.mp3".into(), ..mp3_settings() }).unwrap();
    let settings = RoomSettings { name: "/x".into(), paths: vec!["/radio/hls/".into()], counted_for: None };
    let Err(Error::Exists(what)) = server.open_room(settings, None) else { panic!("a path is taken twice") };
    assert_eq!(what, "the mount /radio/hls/x.mp3");
}

#[test]
fn a_room_takes_the_place_of_another_one_only_if_it_says_so_and_its_sessions_go_on_there() {
    let server = server();
    let counted_for = Some(Duration::from_secs(3600));
    let old = room(&server, counted_for);
    let media: Arc<str> = "/radio/hls/a/live.m3u8".into();
    shelve(&server, &old, vec![(media.clone(), playlist("#old"))], Vec::new());
    let mut player = client(&server);
    for agent in ["one", "two"] {
        player.fetch("GET", &media, &format!("User-Agent: {agent}\r\n"));
    }
    let refused = server.open_room(room_settings(counted_for), None);
    assert!(matches!(refused, Err(Error::Exists(what)) if what == "/radio/hls.m3u8"));
    let new = server.open_room(room_settings(counted_for), Some(old.board())).unwrap();
    assert_eq!(get(&mut player, &media).bytes, b"#old");
    let kicked = server.listeners(None).unwrap()[0].id;
    server.kick(kicked).unwrap();
    shelve(&server, &new, vec![(media.clone(), playlist("#new"))], Vec::new());
    let (before, after) = (old.board().clone(), new.board().clone());
    drop(old);
    server.expect(&[]).unwrap();
    assert_eq!((before.snapshot().listeners, after.snapshot().listeners), (0, 2));
    assert_eq!(player.fetch("GET", &media, "User-Agent: two\r\n").bytes, b"#new");
    assert_eq!(player.fetch("GET", &media, "User-Agent: one\r\n").status, 403, "it was kicked");
    assert_eq!((server.stats().hls_listeners, server.listeners(None).unwrap().len()), (2, 2));
    assert_eq!(server.stats().closed_for(CloseReason::MountEnded), 0, "nobody has left");
    drop(new);
    until("both have left", || server.stats().hls_listeners == 0);
    assert_eq!(server.stats().closed_for(CloseReason::MountEnded), 2);
}

#[test]
fn a_client_that_reads_slowly_gets_the_object_that_it_asked_for() {
    let server = server();
    let room = room(&server, None);
    let path: Arc<str> = "/radio/hls/a/1.ts".into();
    let bytes = vec![7; 4 << 20];
    shelve(&server, &room, vec![(path.clone(), segment(&bytes))], Vec::new());
    let mut player = client(&server);
    player.send("GET", &path, "", "");
    player.until(b"\r\n\r\n");
    shelve(&server, &room, vec![(path.clone(), segment(b"new"))], Vec::new());
    assert_eq!(get(&mut client(&server), &path).bytes, b"new");
    // It is held once, however many read it: what a connection holds of its own is the head.
    assert!(server.stats().held_bytes < 4096, "{}", server.stats().held_bytes);
    assert!(player.exactly(bytes.len()) == bytes);
}

#[test]
fn sessions_are_listeners_of_their_room() {
    let server = server();
    let room = room(&server, Some(Duration::from_secs(3600)));
    let pieces = vec!["a.m3u8?s=".into(), "\nb.m3u8?s=".into(), "\n".into()];
    let all = ShelfObject::for_each("application/vnd.apple.mpegurl", "private, no-store", pieces);
    let media: Arc<str> = "/radio/hls/a/live.m3u8".into();
    shelve(
        &server,
        &room,
        vec![("/radio/hls.m3u8".into(), all), (media.clone(), playlist("#EXTM3U"))],
        Vec::new(),
    );
    let events = server.subscribe(100).unwrap();
    let mut player = client(&server);
    let mut session = || {
        let text = String::from_utf8(get(&mut player, "/radio/hls.m3u8").bytes).unwrap();
        let ids: Vec<_> = text.lines().map(|line| line.split_once("?s=").unwrap().1.to_owned()).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1] && ids[0].len() == 16, "{text}");
        ids[0].clone()
    };
    let (one, two) = (session(), session());
    assert_ne!(one, two);
    assert_eq!(server.stats().hls_listeners, 0, "whoever has asked for no playlist does not listen");
    let agent = "User-Agent: iPhöne\r\n";
    for id in [&one, &two, &one, &two, &one] {
        let answer = player.fetch("GET", &format!("{media}?s={id}"), agent);
        assert_eq!((answer.status, &answer.bytes[..]), (200, &b"#EXTM3U"[..]));
    }
    // Who has no id, or none of ours, is known by address and player.
    for (query, agent) in
        [("", "A"), ("?s=", "A"), ("?s=../../x", "B"), ("?s=0123456789ABCDEF", "B"), ("", "A")]
    {
        player.fetch("GET", &format!("{media}{query}"), &format!("User-Agent: {agent}\r\n"));
    }
    assert_eq!(room.board().snapshot().listeners, 4);
    assert_eq!((server.stats().hls_listeners, server.stats().hls_listener_peak), (4, 4));
    let listed = server.listeners(Some("/radio/hls.m3u8")).unwrap();
    let agents: Vec<_> = listed.iter().map(|listener| &*listener.agent).collect();
    assert_eq!(agents, ["iPhöne", "iPhöne", "A", "B"]);
    assert_eq!(server.listeners(None).unwrap().len(), 4);
    let told: Vec<_> = std::iter::from_fn(|| match events.recv()?.event {
        Event::ListenerJoined { id, mount, .. } => Some((id, mount)),
        other => panic!("{other:?}"),
    })
    .take(4)
    .collect();
    let all: Vec<_> = listed.iter().map(|listener| (listener.id, listener.mount.to_string())).collect();
    assert_eq!(told, all);
    assert!(all.iter().all(|(_, mount)| mount == "/radio/hls.m3u8"));
    server.kick(listed[0].id).unwrap();
    assert_eq!(player.fetch("GET", &format!("{media}?s={one}"), agent).status, 403);
    assert_eq!(player.fetch("GET", &format!("{media}?s={two}"), agent).status, 200);
    assert!(matches!(server.kick(listed[0].id), Err(Error::NotFound(_))));
    assert_eq!(server.listeners(None).unwrap().len(), 3);
    drop(room);
    until("everybody has left", || server.stats().hls_listeners == 0);
    let stats = server.stats();
    assert_eq!((stats.closed_for(CloseReason::Kicked), stats.closed_for(CloseReason::MountEnded)), (1, 3));
}

/// Requests of clients at times of the test.
struct Crowd {
    room: Arc<RoomBoard>,
    audience: Audience,
    counters: Arc<Counters>,
    shares: Shares,
    journal: JournalWriter,
    visits: u64,
    start: Instant,
}

impl Crowd {
    fn new(per_address: usize) -> Crowd {
        let board = RoomSettings {
            name: "/radio/hls.m3u8".into(),
            paths: Vec::new(),
            counted_for: Some(Duration::from_secs(12)),
        };
        let counters = Arc::<Counters>::default();
        let access = Access::start(&ServerSettings::default(), counters.clone()).unwrap();
        let limits = ShareLimits { connections: 100, listeners: per_address, event_clients: 100 };
        Crowd {
            room: Arc::new(RoomBoard::new(board)),
            audience: Audience::default(),
            counters,
            shares: Shares::new(limits),
            // Nobody writes it down.
            journal: journal(Arc::new(access)).0,
            visits: 0,
            start: Instant::now(),
        }
    }

    fn polls(&mut self, seconds: u64, address: [u8; 4], query: &str) -> Standing {
        let head = format!("GET /live.m3u8{query} HTTP/1.1\r\nHost: a\r\n\r\n");
        let request = Request::parse(head.as_bytes()).unwrap();
        let now = moment(self.start, seconds);
        let address = ClientAddress::new(address.into());
        let visit = || {
            self.visits += 1;
            Visit::new(self.visits, address, Some(&request))
        };
        let registers = Registers {
            counters: &self.counters,
            events: &Emitter::unheard(),
            journal: &self.journal,
            shares: &mut self.shares,
        };
        let poll = Poll { room: &self.room, request: &request, address, bytes: 100 };
        self.audience.polled(poll, visit, registers, now)
    }

    /// How many listen after this time, and when somebody may leave next, in seconds.
    fn listen_at(&mut self, seconds: u64) -> (u64, Option<u64>) {
        let registers = Registers {
            counters: &self.counters,
            events: &Emitter::unheard(),
            journal: &self.journal,
            shares: &mut self.shares,
        };
        let now = moment(self.start, seconds);
        self.audience.end_silent(registers, now);
        let due = self.audience.next_due().map(|due| due.duration_since(self.start).as_secs());
        (self.counters.hls_listeners.get(), due)
    }
}

fn moment(start: Instant, seconds: u64) -> Moment {
    Moment { instant: start + Duration::from_secs(seconds), wall: SystemTime::UNIX_EPOCH }
}

#[test]
fn a_session_ends_when_it_has_not_polled_for_its_time() {
    let mut crowd = Crowd::new(10);
    crowd.polls(0, [192, 0, 2, 1], "?s=00000000000000a1");
    crowd.polls(5, [192, 0, 2, 1], "?s=00000000000000a2");
    crowd.polls(10, [192, 0, 2, 1], "?s=00000000000000a1");
    assert_eq!(crowd.listen_at(11), (2, Some(12)));
    assert_eq!(crowd.listen_at(12), (2, Some(17)), "it has polled meanwhile");
    assert_eq!(crowd.listen_at(17), (1, Some(22)));
    // The same id at another address is the same session: phones change networks.
    crowd.polls(20, [198, 51, 100, 7], "?s=00000000000000a1");
    assert_eq!(crowd.listen_at(22), (1, Some(32)));
    assert_eq!(crowd.listen_at(32), (0, None));
    assert_eq!(crowd.shares.len(), 0, "its share is given back");
    crowd.polls(33, [192, 0, 2, 1], "?s=00000000000000a1");
    assert_eq!(crowd.listen_at(33), (1, Some(45)), "it begins anew");
}

#[test]
fn rooms_that_wait_differently_end_their_sessions_each_in_its_time() {
    let mut crowd = Crowd::new(10);
    let quick = Arc::clone(&crowd.room);
    let settings = RoomSettings {
        name: "/slow/hls.m3u8".into(),
        paths: Vec::new(),
        counted_for: Some(Duration::from_secs(30)),
    };
    let slow = Arc::new(RoomBoard::new(settings));
    for (seconds, room) in [(0, &slow), (1, &quick), (2, &slow), (3, &quick)] {
        crowd.room = Arc::clone(room);
        crowd.polls(seconds, [192, 0, 2, seconds as u8], "");
    }
    assert_eq!(crowd.listen_at(3), (4, Some(13)));
    crowd.polls(10, [192, 0, 2, 1], "");
    assert_eq!(crowd.listen_at(13), (4, Some(15)));
    assert_eq!(crowd.listen_at(15), (3, Some(22)));
    assert_eq!(crowd.listen_at(22), (2, Some(30)));
    assert_eq!(crowd.listen_at(30), (1, Some(32)));
    assert_eq!((quick.snapshot().listeners, slow.snapshot().listeners), (0, 1));
    assert_eq!(crowd.listen_at(32), (0, None));
}

#[test]
fn sessions_are_bounded_by_address_and_in_all() {
    let mut crowd = Crowd::new(3);
    for id in 0..10 {
        assert_eq!(crowd.polls(0, [192, 0, 2, 1], &format!("?s={id:016x}")), Standing::Listens);
    }
    assert_eq!(crowd.listen_at(1).0, 3, "the others are served, and not counted");
    let mut crowd = Crowd::new(usize::MAX);
    for id in 0..audience::MOST_SESSIONS + 10 {
        let [.., a, b] = (id / 1000).to_be_bytes();
        crowd.polls(0, [10, 0, a, b], &format!("?s={id:016x}"));
    }
    assert_eq!(crowd.listen_at(1).0, audience::MOST_SESSIONS as u64);
    // They leave in many turns.
    let mut left = audience::MOST_SESSIONS as u64;
    while left > 0 {
        let (listen, due) = crowd.listen_at(12);
        assert!(listen < left && left - listen < 1000, "{left}, then {listen}");
        assert_eq!(due.is_none(), listen == 0);
        left = listen;
    }
}

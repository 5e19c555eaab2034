//! Crowds of strangers: each address has a share, and requests with a credential have places of their own.
//!
//! This machine is a trusted proxy here, so the clients have the addresses that it forwards.

use std::io::{Read, Write};
use std::net::TcpStream;

use longwave::{HttpAnswer, HttpRequest, Requests, ServerSettings};
use longwave_testing::server::{Station, settings};
use longwave_testing::{PATIENCE, until};

fn behind_a_proxy() -> ServerSettings {
    ServerSettings {
        trusted_proxies: vec!["127.0.0.1".into()],
        max_connections_per_address: 4,
        max_listeners_per_address: 2,
        max_event_clients_per_address: 2,
        ..settings()
    }
}

/// Sends a request of this client. Returns the connection and the status.
fn get(station: &Station, target: &str, client: &str) -> (TcpStream, u16) {
    let mut socket = ask(station, target, &format!("X-Forwarded-For: {client}\r\n"));
    let status = status(&mut socket);
    (socket, status)
}

fn ask(station: &Station, target: &str, headers: &str) -> TcpStream {
    let mut socket = station.connect();
    // In one piece: the server closes unfinished heads when too many bytes wait.
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    socket
}

fn status(socket: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    socket.read_exact(&mut line).unwrap();
    String::from_utf8_lossy(&line[9..]).parse().unwrap()
}

fn next(requests: &Requests) -> HttpRequest {
    requests.next_within(PATIENCE).expect("a request")
}

#[test]
fn listeners_have_a_share_for_each_client_of_a_trusted_proxy() {
    let station = Station::start(behind_a_proxy());
    let mut feed = station.mount("/a");
    feed.push(20);
    let (first, status) = get(&station, "/a", "192.0.2.1");
    assert_eq!(status, 200);
    let kept: Vec<_> =
        ["192.0.2.1", "2001:db8::1", "2001:db8::2"].map(|client| get(&station, "/a", client)).into();
    assert!(kept.iter().all(|(_, status)| *status == 200), "{kept:?}");
    for client in ["192.0.2.1", "2001:db8::ffff:1:2:3"] {
        assert_eq!(get(&station, "/a", client).1, 429, "{client}");
    }
    for client in ["192.0.2.2", "2001:db8:0:1::1"] {
        assert_eq!(get(&station, "/a", client).1, 200, "{client}");
    }
    assert!(station.server.stats().refused_shares >= 2);
    drop(first);
    until("its place is free", || get(&station, "/a", "192.0.2.1").1 == 200);
    // The proxy itself, and this machine, have no share.
    let many: Vec<_> = (0..10).map(|_| get(&station, "/a", "127.0.0.1")).collect();
    assert!(many.iter().all(|(_, status)| *status == 200), "{many:?}");
    drop((kept, many));
    until("nobody is remembered", || station.server.stats().addresses == 0);
}

#[test]
fn connections_have_a_share_whoever_asks_last_on_them() {
    let station = Station::start(behind_a_proxy());
    let mut idle: Vec<_> = (0..4).map(|_| get(&station, "/", "192.0.2.1")).collect();
    assert!(idle.iter().all(|(_, status)| *status == 200));
    assert_eq!(get(&station, "/", "192.0.2.1").1, 429);
    assert_eq!(get(&station, "/", "192.0.2.2").1, 200);
    // The proxy uses a connection for another client: the first one has a place again.
    let (mut socket, _) = idle.pop().unwrap();
    write!(socket, "HEAD / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.3\r\n\r\n").unwrap();
    until("the connection is another client's", || get(&station, "/", "192.0.2.1").1 == 200);
}

#[test]
fn event_streams_have_a_share_and_some_are_for_those_with_a_credential() {
    let station = Station::start(ServerSettings { max_event_clients: 4, ..behind_a_proxy() });
    let requests = station.server.take_requests(&["/events"], 10).unwrap();
    let stream = station.server.event_stream().unwrap();
    let follow = |client: &str, user: Option<&str>| {
        let mut socket = ask(&station, "/events", &format!("X-Forwarded-For: {client}\r\n"));
        let mut request = next(&requests);
        user.into_iter().for_each(|user| request.identify(user));
        request.follow(HttpAnswer::new(200, "text/event-stream", "x\n"), &stream, stream.end());
        (status(&mut socket), socket)
    };
    let one = [follow("192.0.2.1", None), follow("192.0.2.1", None)];
    assert!(one.iter().all(|(status, _)| *status == 200));
    assert_eq!(follow("192.0.2.1", None).0, 429);
    let other = follow("192.0.2.2", None);
    assert_eq!(other.0, 200);
    assert_eq!(follow("192.0.2.3", None).0, 503, "the last place is not for strangers");
    let operator = follow("192.0.2.3", Some("alice"));
    assert_eq!(operator.0, 200);
    let stats = station.server.stats();
    assert_eq!((stats.event_clients, stats.max_event_clients), (4, 4));
}

#[test]
fn who_is_denied_gets_403_from_now_on_and_in_any_way() {
    let station = Station::start(behind_a_proxy());
    let deny = |deny: &[&str]| {
        let deny = deny.iter().map(|text| (*text).to_owned()).collect();
        station.server.reconfigure(&ServerSettings { deny, ..behind_a_proxy() }).unwrap();
    };
    assert_eq!(get(&station, "/", "192.0.2.1").1, 200);
    deny(&["192.0.2.0/24", "2001:db8::/32"]);
    for client in ["192.0.2.1", "::ffff:192.0.2.9", "2001:db8:7::1", "6.6.6.6, 192.0.2.1"] {
        assert_eq!(get(&station, "/", client).1, 403, "{client}");
    }
    assert_eq!(get(&station, "/", "192.0.3.1").1, 200);
    assert_eq!(station.server.stats().denied, 4);
    // The peer itself, before it has said anything.
    deny(&["127.0.0.0/8"]);
    assert_eq!(status(&mut station.connect()), 403);
    let wrong = ServerSettings { deny: vec!["example".into()], ..behind_a_proxy() };
    assert!(station.server.reconfigure(&wrong).unwrap_err().to_string().starts_with("deny: "));
}

#[test]
fn a_possible_proxy_that_is_cut_is_named() {
    let station = Station::start(behind_a_proxy());
    assert!(station.server.health().warnings.is_empty());
    for client in ["192.0.2.1", "10.1.2.3"] {
        let kept: Vec<_> = (0..6).map(|_| get(&station, "/", client)).collect();
        assert_eq!(kept.iter().filter(|(_, status)| *status == 429).count(), 2, "{client}");
    }
    let warnings = station.server.health().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in ["10.1.2.3", "trusted_proxies", "max_connections_per_address = 4"] {
        assert!(warnings[0].contains(part), "{warnings:?}");
    }
}

#[test]
fn a_queue_that_strangers_have_filled_has_a_place_for_a_credential() {
    let station = Station::start(settings());
    let requests = station.server.take_requests(&["/own"], 8).unwrap();
    let mut strangers: Vec<_> = (0..20).map(|_| ask(&station, "/own", "")).collect();
    until("most are refused", || station.server.stats().refused == 14);
    let mut operator = ask(&station, "/own", "Authorization: Bearer x\r\n");
    for _ in 0..7 {
        next(&requests).answer(HttpAnswer::empty(204));
    }
    assert_eq!(status(&mut operator), 204);
    let answered = strangers.iter_mut().filter_map(|socket| (status(socket) == 204).then_some(())).count();
    assert_eq!(answered, 6);
}

#[test]
fn a_pool_that_strangers_have_filled_lets_a_credential_in() {
    let limits = ServerSettings { max_listeners: Some(1), max_event_clients: 0, ..settings() };
    let station = Station::start(limits);
    let requests = station.server.take_heads(&["/own"], 8).unwrap();
    let max = station.server.stats().max_connections;
    let idle: Vec<_> = (0..max).map(|_| station.connect()).collect();
    until("the pool is full", || station.server.stats().connections == max);
    assert_eq!(status(&mut ask(&station, "/own", "")), 503);
    assert_eq!(status(&mut ask(&station, "/", "Authorization: Bearer x\r\n")), 503, "it is for services");
    for _ in 0..3 {
        let mut operator = ask(&station, "/own", "Authorization: Bearer x\r\n");
        next(&requests).answer(HttpAnswer::empty(204));
        assert_eq!(status(&mut operator), 204);
    }
    // More strangers do not fill what is reserved for long.
    let more: Vec<_> = (0..50).map(|_| station.connect()).collect();
    until("those who say nothing have gone", || station.server.stats().connections == max);
    let mut operator = ask(&station, "/own", "Authorization: Bearer x\r\n");
    next(&requests).answer(HttpAnswer::empty(204));
    assert_eq!(status(&mut operator), 204);
    drop((idle, more));
}

#[test]
fn strangers_who_take_the_reserve_again_and_again_keep_no_credential_out() {
    let limits = ServerSettings { max_listeners: Some(1), max_event_clients: 0, ..settings() };
    let station = Station::start(limits);
    let requests = station.server.take_heads(&["/own"], 8).unwrap();
    let max = station.server.stats().max_connections;
    let mut strangers: Vec<_> = (0..max + 32).map(|_| station.connect()).collect();
    until("the reserve is taken, too", || station.server.stats().connections == max + 32);
    for _ in 0..5 {
        let mut operator = ask(&station, "/own", "Authorization: Bearer x\r\n");
        strangers.extend((0..20).map(|_| station.connect()));
        next(&requests).answer(HttpAnswer::empty(204));
        assert_eq!(status(&mut operator), 204);
    }
    drop(strangers);
}

#[test]
fn one_address_cannot_fill_a_queue_whatever_credentials_it_brings() {
    let station = Station::start(ServerSettings { max_connections_per_address: 500, ..behind_a_proxy() });
    let requests = station.server.take_requests(&["/own"], 128).unwrap();
    let flood = |client: &str, credential: &str| {
        let headers = format!("{credential}X-Forwarded-For: {client}\r\n");
        ask(&station, "/own", &headers)
    };
    let bad = "Authorization: Bearer wrong\r\n";
    // Two addresses of one network count as one.
    let flooded: Vec<_> = (0..60).map(|n| flood(["2001:db8::1", "2001:db8::2"][n % 2], bad)).collect();
    until("the rest is refused", || station.server.stats().refused_shares == 28);
    let mut refused = flood("2001:db8::3", bad);
    assert_eq!(status(&mut refused), 429);
    let mut anonymous: Vec<_> = (0..40).map(|_| flood("192.0.2.1", "")).collect();
    until("it has its share, too", || station.server.stats().refused_shares == 28 + 1 + 8);
    assert_eq!(station.server.stats().refused, 37, "nobody else is refused");
    // Others are let in, and so is this machine, as often as it asks.
    let mut other = flood("192.0.2.2", "");
    let mut local: Vec<_> = (0..40).map(|_| flood("127.0.0.1", bad)).collect();
    for _ in 0..32 + 32 + 1 + 40 {
        next(&requests).answer(HttpAnswer::empty(204));
    }
    assert_eq!(status(&mut other), 204);
    assert!(local.iter_mut().all(|socket| status(socket) == 204));
    assert_eq!(anonymous.iter_mut().filter_map(|socket| (status(socket) == 204).then_some(())).count(), 32);
    // Those that have been read make room.
    let mut again = flood("2001:db8::3", bad);
    next(&requests).answer(HttpAnswer::empty(204));
    assert_eq!(status(&mut again), 204);
    drop(flooded);
}

#[test]
fn one_address_cannot_take_all_places_for_bodies() {
    let station = Station::start(ServerSettings { max_connections_per_address: 500, ..behind_a_proxy() });
    let requests = station.server.take_requests(&["/own"], 200).unwrap();
    let begin = |client: &str| {
        let mut socket = station.connect();
        let head = "POST /own HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n";
        write!(socket, "{head}X-Forwarded-For: {client}\r\n\r\n").unwrap();
        socket
    };
    let mut begun: Vec<_> = (0..40).map(|_| begin("192.0.2.1")).collect();
    until("the rest is refused", || station.server.stats().refused_shares == 8);
    assert_eq!(station.server.stats().anonymous_bodies, 32);
    assert_eq!(status(&mut begin("192.0.2.1")), 429);
    let finish = |socket: &mut TcpStream| {
        socket.write_all(b"ok").unwrap();
        let request = next(&requests);
        assert_eq!(request.body(), b"ok");
        request.answer(HttpAnswer::empty(204));
        status(socket)
    };
    assert_eq!(finish(&mut begin("192.0.2.2")), 204, "another address");
    // A place that is free again is the address's again.
    assert_eq!(finish(&mut begun[0]), 204);
    assert_eq!(finish(&mut begin("192.0.2.1")), 204);
    drop(begun);
    until("all places are free", || station.server.stats().anonymous_bodies == 0);
}

#[test]
fn answers_to_a_credential_have_memory_of_their_own() {
    let station = Station::start(behind_a_proxy());
    let requests = station.server.take_requests(&["/own"], 100).unwrap();
    // Whoever asks here reads nothing. Much of it waits in the server, because the system takes some.
    let asks = |user: Option<&str>| {
        let socket = ask(&station, "/own", "");
        let mut request = next(&requests);
        user.into_iter().for_each(|user| request.identify(user));
        request.answer(HttpAnswer::new(200, "text/plain", "x".repeat(7 << 20)));
        socket
    };
    let held = || station.server.stats().held_bytes;
    let connections = || station.server.stats().connections;
    let mut strangers: Vec<_> = (0..4).map(|_| asks(None)).collect();
    until("strangers hold nearly all", || held() == 28 << 20 || held() > 28 << 20);
    assert_eq!(connections(), 4);
    let operator = asks(Some("alice"));
    until("the operator's answer is held, too", || held() > 35 << 20);
    assert_eq!(connections(), 5, "it is not closed");
    strangers.push(asks(None));
    until("another stranger's answer is not", || connections() == 5);
    assert!(station.server.stats().held_bytes <= station.server.stats().max_held_bytes);
    let mut others: Vec<_> = (0..2).map(|_| asks(Some("alice"))).collect();
    until("that has a bound as well", || connections() == 5);
    drop((strangers, others.pop(), operator));
    until("all comes back", || held() < 8 << 20);
}

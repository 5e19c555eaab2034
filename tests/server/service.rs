//! Services and event streams of an application on a server.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use longwave::{EventStream, HttpAnswer, Requests, ServerSettings};
use longwave_testing::player::Player;
use longwave_testing::server::{Station, settings};
use longwave_testing::{PATIENCE, until};

fn next(requests: &Requests) -> longwave::HttpRequest {
    requests.next_within(PATIENCE).expect("a request")
}

#[test]
fn an_answer_for_a_connection_that_has_gone_reaches_nobody_else() {
    let station = Station::start(settings());
    let requests = station.server.take_requests(&["/own/"], 10).unwrap();
    let mut gone = station.connect();
    gone.write_all(b"GET /own/a HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let late = next(&requests);
    drop(gone);
    let mut other = station.connect();
    other.write_all(b"GET /own/b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let request = next(&requests);
    assert_eq!(request.raw_path(), "/own/b");
    late.answer(HttpAnswer::text(200, "a\n"));
    request.answer(HttpAnswer::text(200, "b\n"));
    let mut answer = String::new();
    other.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\nb\n"), "{answer}");
}

#[test]
fn requests_beyond_the_limit_are_refused_and_listeners_notice_nothing() {
    let station = Station::start(settings());
    let mut feed = station.mount("/stream.mp3");
    feed.push(20);
    let mut player = Player::get(&station, "/stream.mp3", "");
    // Nobody reads these requests.
    let requests = station.server.take_requests(&["/own"], 2).unwrap();
    let mut clients: Vec<_> = (0..5).map(|_| station.connect()).collect();
    for client in &mut clients {
        client.write_all(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    until("three are refused", || station.server.stats().refused == 3);
    feed.push(20);
    assert_eq!(player.packets(40).len(), 40);
    for _ in 0..2 {
        next(&requests).answer(HttpAnswer::empty(204));
    }
    // The order of these clients is up to the server.
    let answers: Vec<_> = clients.iter_mut().map(|client| read_through(client, b"\r\n\r\n")).collect();
    let (welcome, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.starts_with("HTTP/1.1 204 "));
    assert_eq!((welcome.len(), refused.len()), (2, 3));
    for answer in refused {
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nRetry-After: 1\r\n"), "{answer}");
    }
    let stop = station.server.stop();
    assert_eq!(stop.abandoned, Vec::<String>::new());
}

#[test]
fn a_service_gets_its_requests_whole_or_decides_about_each_body() {
    let station = Station::start(settings());
    let whole = station.server.take_requests(&["/whole"], 10).unwrap();
    let heads = station.server.take_heads(&["/heads"], 10).unwrap();
    let mut client = station.connect();
    client.write_all(b"POST /whole HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo").unwrap();
    until("the body is awaited", || station.server.stats().anonymous_bodies == 1);
    assert!(whole.try_next().is_none());
    client.write_all(b"dy").unwrap();
    let request = next(&whole);
    assert_eq!((request.body(), request.awaits_body()), (&b"body"[..], false));
    request.answer(HttpAnswer::text(200, "1\n"));
    read_through(&mut client, b"1\n");

    // The body has come already, and after it another request.
    let two = "POST /heads HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbodyGET /heads HTTP/1.1\r\nHost: a\r\n\r\n";
    client.write_all(two.as_bytes()).unwrap();
    let request = next(&heads);
    assert_eq!((request.body(), request.awaits_body()), (&b""[..], true));
    request.receive_body();
    let request = next(&heads);
    assert_eq!((request.method(), request.body(), request.awaits_body()), ("POST", &b"body"[..], false));
    request.answer(HttpAnswer::text(200, "2\n"));
    read_through(&mut client, b"2\n");
    let request = next(&heads);
    assert_eq!((request.method(), request.awaits_body()), ("GET", false));
    // It has no body to wait for.
    request.receive_body();
    read_through(&mut client, b"not answered\n");

    client.write_all(two.as_bytes()).unwrap();
    next(&heads).answer(HttpAnswer::text(403, "no\n"));
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 403 ") && rest.ends_with("no\n"), "{rest}");
    assert!(heads.try_next().is_none(), "what follows a body that was not received is no request");
}

/// Follows a stream. Returns the socket after the head.
fn follow(station: &Station, requests: &Requests, stream: &EventStream) -> std::net::TcpStream {
    let mut client = station.connect();
    client.write_all(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    next(requests).follow(HttpAnswer::new(200, "text/event-stream", "snapshot\n"), stream, stream.end());
    read_through(&mut client, b"snapshot\n");
    client
}

/// Reads up to and including `end`.
fn read_through(client: &mut std::net::TcpStream, end: &[u8]) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    String::from_utf8(read).unwrap()
}

#[test]
fn a_producer_ends_one_follower_and_only_while_it_is_there() {
    let station = Station::start(settings());
    let requests = station.server.take_requests(&["/own"], 10).unwrap();
    let mut stream = station.server.event_stream().unwrap();
    let follow = |stream: &EventStream| {
        let mut client = station.connect();
        client.write_all(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let answer = HttpAnswer::new(200, "text/event-stream", "snapshot\n");
        let following = next(&requests).follow(answer, stream, stream.end());
        read_through(&mut client, b"snapshot\n");
        (client, following)
    };
    let ((mut ended, first), (mut stays, second)) = (follow(&stream), follow(&stream));
    assert!(first.is_there() && second.is_there());
    first.end();
    assert_eq!(ended.read(&mut [0; 9]).unwrap(), 0);
    assert!(stream.push(b"news\n"));
    read_through(&mut stays, b"news\n");
    drop(stays);
    // A write to it shows that it has gone.
    until("the other one has left", || stream.push(b"news\n") && !second.is_there());
    // Another connection has its place by now.
    let mut stays = station.connect();
    stays.write_all(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let answer = HttpAnswer::new(200, "text/event-stream", "snapshot\n");
    next(&requests).follow(answer, &stream, stream.end());
    read_through(&mut stays, b"snapshot\n");
    second.end();
    assert!(stream.push(b"more\n"));
    read_through(&mut stays, b"more\n");
}

fn event(number: usize) -> Vec<u8> {
    format!("{number:<9}\n").repeat(6_000).into_bytes()
}

#[test]
fn a_follower_that_cannot_keep_up_gets_an_end_and_never_a_gap() {
    let station = Station::start(ServerSettings { write_timeout: Duration::from_secs(30), ..settings() });
    let requests = station.server.take_requests(&["/own"], 10).unwrap();
    let mut stream = station.server.event_stream().unwrap();
    let mut slow = follow(&station, &requests, &stream);
    let mut quick = follow(&station, &requests, &stream);
    let mut buffer = vec![0; event(0).len()];
    for number in 0..300 {
        assert!(stream.push(&event(number)));
        quick.read_exact(&mut buffer).unwrap();
        assert_eq!(buffer, event(number), "who keeps up gets everything");
    }
    let mut got = Vec::new();
    if let Err(error) = slow.read_to_end(&mut got) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let expected: Vec<u8> = (0..300).flat_map(event).collect();
    assert!(got.len() < expected.len(), "all of it was held for it");
    assert!(expected.starts_with(&got), "something is missing in between");
    until("it is let go", || stream.followers() == 1);
}

#[test]
fn a_stream_ends_with_what_pushes_it_and_an_event_has_its_limit() {
    let station = Station::start(settings());
    let requests = station.server.take_requests(&["/own"], 10).unwrap();
    let mut stream = station.server.event_stream().unwrap();
    let mut client = follow(&station, &requests, &stream);
    assert!(!stream.push(&vec![b'x'; 70_000]), "too long for a backlog to hold with others");
    assert!(stream.push(b"last\n"));
    assert!(stream.can_go_on_at(stream.end()) && !stream.can_go_on_at(longwave::StreamPos(2)));
    assert!(stream.can_go_on_at(longwave::StreamPos(0)));
    drop(stream);
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "last\n");
}

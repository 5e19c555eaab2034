//! Clients of the port for ICY, and an application that lets sources in.

use std::io::{Read, Write};
use std::net::TcpStream;

use longwave::{HttpAnswer, Requests, ServerSettings, SourceEnd};
use longwave_testing::server::{Station, quick, read_to_end, settings};
use longwave_testing::{PATIENCE, until};

const WELCOME: &str = "OK2\r\nicy-caps:11\r\n\r\n";

fn with_icy(settings: ServerSettings) -> (Station, Requests) {
    let icy_listen = vec![([127, 0, 0, 1], 0).into()];
    let station = Station::start(ServerSettings { icy_listen, ..settings });
    let requests = station.server.take_sources(10).unwrap();
    (station, requests)
}

fn connect(station: &Station) -> TcpStream {
    let socket = TcpStream::connect(station.server.icy_addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn told(station: &Station, said: &[u8]) -> String {
    let mut socket = connect(station);
    socket.write_all(said).unwrap();
    read_to_end(&mut socket)
}

fn expect_welcome(socket: &mut TcpStream) {
    let mut answer = [0; WELCOME.len()];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), WELCOME);
}

#[test]
fn an_application_judges_the_login_and_then_gets_the_source() {
    let (station, requests) = with_icy(settings());
    // It may take both requests alike, as one that knows nothing of ICY does.
    for takes_both in [false, true] {
        let mut client = connect(&station);
        client.write_all(b"/a/b:dj:secret\r\n").unwrap();
        let login = requests.next_within(PATIENCE).unwrap();
        assert_eq!((login.method(), login.raw_path(), login.awaits_body()), ("LOGIN", "/a/b", false));
        assert_eq!(login.header("authorization"), Some("Basic OmRqOnNlY3JldA=="), ":dj:secret");
        if takes_both {
            let mut nothing = login.receive_source();
            assert_eq!(nothing.read(&mut [0; 9]).unwrap(), 0);
            assert_eq!(nothing.handle().end(), Some(SourceEnd::Complete));
        } else {
            login.answer(HttpAnswer::empty(204));
        }
        expect_welcome(&mut client);
        client.write_all(b"icy-name:x\r\n\r\nhello").unwrap();
        let mut source = requests.next_within(PATIENCE).unwrap();
        assert_eq!((source.method(), source.header("icy-name")), ("SOURCE", Some("x")));
        source.identify("dj");
        let mut stream = source.receive_source();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        until("it counts", || station.server.stats().sources == 1);
        stream.handle().kick("that was enough");
        assert_eq!(read_to_end(&mut client), "", "it gets no answer after its welcome");
    }
    // What it says to the others is a line of text.
    let mut client = connect(&station);
    client.write_all(b"secret\n").unwrap();
    let login = requests.next_within(PATIENCE).unwrap();
    assert_eq!(login.raw_path(), "/live");
    login.answer(HttpAnswer::text(403, "not today,\nOK?\n"));
    assert_eq!(read_to_end(&mut client), "not today, ok?\r\n");
}

#[test]
fn slow_and_long_heads_have_the_limits_of_http() {
    let (station, requests) = with_icy(quick());
    let too_slow = "the password, or the headers behind it, took too long\r\n";
    assert_eq!(told(&station, b""), "", "who says nothing is told nothing");
    let mut client = connect(&station);
    let mut dripping = client.try_clone().unwrap();
    let drips = std::thread::spawn(move || {
        while dripping.write_all(b"x").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    assert_eq!(read_to_end(&mut client), too_slow);
    client.shutdown(std::net::Shutdown::Both).unwrap();
    drips.join().unwrap();
    // The head has its own time.
    let mut client = connect(&station);
    client.write_all(b"secret\nicy-name:x\n").unwrap();
    requests.next_within(PATIENCE).unwrap().answer(HttpAnswer::empty(200));
    expect_welcome(&mut client);
    assert_eq!(read_to_end(&mut client), too_slow);
    for head in ["icy-name:x\n".repeat(65), "x".repeat(16 * 1024)] {
        let mut client = connect(&station);
        client.write_all(b"secret\n").unwrap();
        requests.next_within(PATIENCE).unwrap().answer(HttpAnswer::empty(200));
        expect_welcome(&mut client);
        client.write_all(head.as_bytes()).unwrap();
        assert_eq!(read_to_end(&mut client), "the headers of the source are too many or too long\r\n");
    }
    let bad = "invalid password\r\n\
               the first line must be a password, or user:password, or /mount:user:password\r\n";
    for line in [&[b'x'; 512][..], b"\x16\x03\x01\x02\0\x01", b"\r\r\n"] {
        assert_eq!(told(&station, line), bad, "{}", line.escape_ascii());
    }
    until("nothing is left of them", || {
        let stats = station.server.stats();
        (stats.connections, stats.held_bytes) == (0, 0)
    });
    assert!(requests.try_next().is_none());
}

#[test]
fn places_and_rules_are_those_of_every_source() {
    let (station, requests) = with_icy(ServerSettings { max_sources: 1, ..settings() });
    let come = || {
        let mut client = connect(&station);
        client.write_all(b"secret\n\n").unwrap();
        requests.next_within(PATIENCE).unwrap().answer(HttpAnswer::empty(200));
        expect_welcome(&mut client);
        (client, requests.next_within(PATIENCE).unwrap().receive_source())
    };
    let (_first, _stream) = come();
    let (mut second, refused) = come();
    let full = "there are as many sources here as max_sources allows\r\n";
    assert_eq!(read_to_end(&mut second), full);
    assert_eq!(refused.handle().end(), Some(SourceEnd::Refused));
    // Whoever takes the login as a stream says so at once.
    let mut third = connect(&station);
    third.write_all(b"secret\n").unwrap();
    let login = requests.next_within(PATIENCE).unwrap().receive_source();
    assert_eq!((read_to_end(&mut third), login.handle().end()), (full.into(), Some(SourceEnd::Refused)));
    let (mut gone, login) = (connect(&station), b"secret\n");
    gone.write_all(login).unwrap();
    let asked = requests.next_within(PATIENCE).unwrap();
    drop(gone);
    asked.answer(HttpAnswer::empty(200));
    drop(requests);
    assert_eq!(told(&station, login), "this server takes no sources: try again soon\r\n");
    assert!(told(&station, b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
    station.server.stop();
    let (denied, _requests) = with_icy(ServerSettings { deny: vec!["127.0.0.1".into()], ..settings() });
    assert_eq!(told(&denied, login), "your address is not served here\r\n");
}

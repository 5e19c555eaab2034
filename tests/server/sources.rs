//! Clients that send streams, and the listeners beside them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longwave::{HttpAnswer, HttpRequest, Inlet, InletHandle, Requests, ServerSettings, SourceEnd, StreamPos};
use longwave_testing::client::{Client, basic};
use longwave_testing::player::Player;
use longwave_testing::server::{Station, numbers, read_to_end, settings};
use longwave_testing::tools::{decoded_frames, run_with};
use longwave_testing::{PATIENCE, until};
use socket2::SockRef;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const WELCOME: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";

fn next(requests: &Requests) -> HttpRequest {
    requests.next_within(PATIENCE).expect("a request")
}

/// A station and its requests of sources.
fn station() -> (Station, Requests) {
    let station = Station::start(settings());
    let requests = station.server.take_sources(100).unwrap();
    (station, requests)
}

/// Sends a head, and has the source accepted.
fn accepted(station: &Station, requests: &Requests, head: &str) -> (TcpStream, Inlet) {
    let mut client = station.connect();
    client.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    let inlet = next(requests).receive_source();
    (client, inlet)
}

/// A source that has its answer.
fn source(station: &Station, requests: &Requests) -> (TcpStream, Inlet) {
    let (mut client, inlet) = accepted(station, requests, "SOURCE /live HTTP/1.0");
    expect(&mut client, WELCOME);
    (client, inlet)
}

fn expect(client: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    client.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), String::from_utf8_lossy(bytes));
}

/// Bytes that say where they are from.
fn bytes(from: u64, count: usize) -> Vec<u8> {
    (from..from + count as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// Reads a stream to its end, on a thread.
fn read_all(mut inlet: Inlet) -> JoinHandle<(Vec<u8>, InletHandle)> {
    thread::spawn(move || {
        let mut all = Vec::new();
        inlet.read_to_end(&mut all).unwrap();
        (all, inlet.handle())
    })
}

fn end_of(handle: &InletHandle) -> SourceEnd {
    let mut end = None;
    until("the stream has ended", || {
        end = handle.end();
        end.is_some()
    });
    end.unwrap()
}

/// Closes so that the other side gets a reset.
fn reset(client: TcpStream) {
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn each_client_gets_what_it_waits_for_and_its_stream_arrives() {
    let (station, requests) = station();
    let expecting = "Expect: 100-continue";
    for (head, answer) in [
        ("SOURCE /live HTTP/1.0", WELCOME),
        ("SOURCE /live HTTP/1.1", WELCOME),
        ("SOURCE /live ICE/1.0", WELCOME),
        ("PUT /live HTTP/1.1\r\nHost: a\r\nExpect: 100-continue", CONTINUE),
        ("PUT /live HTTP/1.0\r\nexpect: 100-Continue", CONTINUE),
        ("SOURCE /live HTTP/1.0\r\nExpect: 100-continue", CONTINUE),
        ("PUT /live HTTP/1.1\r\nHost: a", WELCOME),
        ("PUT /live HTTP/1.0", WELCOME),
    ] {
        let (mut client, inlet) = accepted(&station, &requests, head);
        expect(&mut client, answer);
        client.write_all(&bytes(0, 100_000)).unwrap();
        drop(client);
        let (all, handle) = read_all(inlet).join().unwrap();
        assert!(all == bytes(0, 100_000), "{head}");
        assert_eq!((handle.end(), handle.lost_bytes()), (Some(SourceEnd::Left), 0));
    }
    let chunked = "PUT /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked";
    for (head, body) in [
        (format!("POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n{expecting}"), "hello"),
        ("PUT /live HTTP/1.0\r\nContent-Length: 5".to_owned(), "hello"),
        (chunked.to_owned(), "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: b\r\n\r\n"),
        ("POST /live HTTP/1.1\r\nHost: a".to_owned(), ""),
    ] {
        let (mut client, inlet) = accepted(&station, &requests, &head);
        if head.contains(expecting) {
            expect(&mut client, CONTINUE);
        }
        client.write_all(body.as_bytes()).unwrap();
        let (all, handle) = read_all(inlet).join().unwrap();
        assert_eq!(String::from_utf8(all).unwrap(), if body.is_empty() { "" } else { "hello" }, "{head}");
        assert_eq!(handle.end(), Some(SourceEnd::Complete));
        let answer = read_to_end(&mut client);
        assert!(answer.starts_with("HTTP/1.") && answer[8..].starts_with(" 200 OK\r\n"), "{answer}");
    }
    until("all have left", || station.server.stats().sources == 0);
    assert_eq!(station.server.stats().bytes_received, 8 * 100_000 + 3 * 5);
}

#[test]
fn a_head_and_its_stream_may_be_torn_anywhere_and_come_at_once() {
    let (station, requests) = station();
    let all = "PUT /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for cut in (1..=all.len()).step_by(3) {
        let mut client = station.connect();
        client.set_nodelay(true).unwrap();
        let (first, second) = all.as_bytes().split_at(cut);
        client.write_all(first).unwrap();
        let sender = thread::spawn(move || {
            client.write_all(second).unwrap();
            client
        });
        let (stream, handle) = read_all(next(&requests).receive_source()).join().unwrap();
        assert_eq!((stream, handle.end()), (b"hello".to_vec(), Some(SourceEnd::Complete)), "torn at {cut}");
        let answer = read_to_end(&mut sender.join().unwrap());
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn a_byte_at_a_time_arrives_a_byte_at_a_time() {
    let (station, requests) = station();
    let (mut client, mut inlet) = source(&station, &requests);
    client.set_nodelay(true).unwrap();
    for byte in bytes(0, 500) {
        client.write_all(&[byte]).unwrap();
        let mut read = [0; 9];
        assert_eq!((inlet.read(&mut read).unwrap(), read[0]), (1, byte));
    }
    assert_eq!(inlet.position(), StreamPos(500));
}

#[test]
fn what_is_no_stream_is_refused_and_no_source() {
    let (station, requests) = station();
    for (request, status) in [
        ("PUT /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", " 501 "),
        ("PUT /live HTTP/1.1\r\n\r\n", " 400 "),
        ("PUT /live HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", " 400 "),
        ("SOURCE /live HTTP/1.0\r\nContent-Length: -1\r\n\r\n", " 400 "),
        ("DELETE /live HTTP/1.0\r\n\r\n", " 405 "),
        ("GET /live HTTP/1.0\r\n\r\n", " 404 "),
    ] {
        let answer = station.ask(request.as_bytes());
        assert!(answer.lines().next().unwrap().contains(status), "{request}{answer}");
    }
    assert!(requests.try_next().is_none());

    let head = "PUT /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked";
    let (mut client, inlet) = accepted(&station, &requests, head);
    client.write_all(b"3\r\nabc\r\nno chunk").unwrap();
    let (all, handle) = read_all(inlet).join().unwrap();
    assert_eq!((all, handle.end()), (b"abc".to_vec(), Some(SourceEnd::Broken)));
    let answer = read_to_end(&mut client);
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("chunks"), "{answer}");
}

#[test]
fn without_a_service_sources_are_answered_as_ever_and_so_are_other_services() {
    let (station, requests) = station();
    let own = station.server.take_heads(&["/own"], 10).unwrap();
    let put = "PUT /own HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let mut client = station.connect();
    client.write_all(put.as_bytes()).unwrap();
    next(&own).answer(HttpAnswer::empty(204));
    assert!(read_to_end(&mut client).starts_with("HTTP/1.1 204 "));
    let mut client = station.connect();
    client.write_all(b"SOURCE /own HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(next(&requests).method(), "SOURCE");
    assert!(own.try_next().is_none());
    // A request of another service brings no stream.
    let mut client = station.connect();
    client.write_all(put.as_bytes()).unwrap();
    let inlet = next(&own).receive_source();
    assert!(read_to_end(&mut client).starts_with("HTTP/1.1 500 "));
    assert_eq!(end_of(&inlet.handle()), SourceEnd::Refused);
    drop(requests);
    for request in
        ["SOURCE /live HTTP/1.0\r\n\r\n", "PUT /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
    {
        let answer = station.ask(request.as_bytes());
        assert!(answer.contains(" 405 ") && answer.contains("Allow: GET, HEAD, OPTIONS\r\n"), "{answer}");
    }
}

/// libshout asks without a login whether it needs one, and sends its stream by the same connection.
#[test]
fn libshout_s_dialogue_goes_over_one_connection() {
    let (station, requests) = station();
    let mut client = Client::new(station.connect());
    let tls = "Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n";
    assert_eq!(client.ask("OPTIONS", "*", tls, "").status, 200);
    let head = "SOURCE /live HTTP/1.0\r\nHost: localhost:8000\r\nContent-Type: audio/mpeg\r\n";
    let question = format!("{head}Content-Length: 0\r\nConnection: Keep-Alive\r\nice-public: 0\r\n\r\n");
    client.socket.write_all(question.as_bytes()).unwrap();
    let request = next(&requests);
    assert_eq!((request.header("authorization"), request.awaits_body()), (None, false));
    let who = "Basic realm=\"radio\"";
    request.answer(HttpAnswer::text(401, "a login is needed\n").with("WWW-Authenticate", who));
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.header("connection")), (401, Some("keep-alive")));
    assert_eq!(answer.body, "a login is needed\n");
    let login = basic("source", "hackme");
    client.socket.write_all(format!("{head}{login}ice-public: 0\r\n\r\n").as_bytes()).unwrap();
    let mut request = next(&requests);
    assert!(request.header("authorization").is_some() && request.awaits_body());
    request.identify("source");
    let mut inlet = request.receive_source();
    assert_eq!(client.exactly(WELCOME.len()), WELCOME);
    client.socket.write_all(b"audio").unwrap();
    let mut audio = [0; 5];
    inlet.read_exact(&mut audio).unwrap();
    assert_eq!(&audio, b"audio");
    // After an answer to a stream, nobody can tell where the next request begins.
    let mut client = Client::new(station.connect());
    client.socket.write_all(format!("{head}Connection: Keep-Alive\r\n\r\naudio").as_bytes()).unwrap();
    next(&requests).answer(HttpAnswer::text(403, "no\n"));
    assert_eq!(client.answer(false).header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn how_it_ended_is_told_and_a_half_closed_client_has_left() {
    let (station, requests) = station();
    let (client, inlet) = source(&station, &requests);
    let handle = inlet.handle();
    reset(client);
    assert_eq!(end_of(&handle), SourceEnd::Left);
    let (mut client, inlet) = source(&station, &requests);
    client.write_all(b"last").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (all, handle) = read_all(inlet).join().unwrap();
    assert_eq!((all, handle.end()), (b"last".to_vec(), Some(SourceEnd::Left)));
    assert_eq!(read_to_end(&mut client), "");
    // A body that is cut off is not complete.
    let head = "PUT /live HTTP/1.1\r\nHost: a\r\nContent-Length: 9";
    let (mut client, inlet) = accepted(&station, &requests, head);
    client.write_all(b"half").unwrap();
    drop(client);
    assert_eq!(read_all(inlet).join().unwrap().1.end(), Some(SourceEnd::Left));
    // A client that is gone before it is accepted.
    let mut client = station.connect();
    client.write_all(b"SOURCE /live HTTP/1.0\r\n\r\n").unwrap();
    let request = next(&requests);
    reset(client);
    let handle = request.receive_source().handle();
    assert!(matches!(end_of(&handle), SourceEnd::Left | SourceEnd::Kicked(_)), "{handle:?}");
    until("all have left", || station.server.stats().sources == 0);
}

#[test]
fn a_kick_closes_the_connection_and_ends_a_read_that_waits() {
    let (station, requests) = station();
    let (mut client, inlet) = source(&station, &requests);
    let handle = inlet.handle();
    let reader = read_all(inlet);
    until("it is a source", || station.server.stats().sources == 1);
    handle.kick("its time is over");
    assert_eq!(reader.join().unwrap().0, b"");
    assert_eq!(handle.end(), Some(SourceEnd::Kicked("its time is over".into())));
    assert_eq!(read_to_end(&mut client), "");
    // Another connection may have its place by now.
    let (mut other, inlet) = source(&station, &requests);
    handle.kick("again");
    other.write_all(b"on").unwrap();
    let (first, second) = (inlet.handle(), read_all(inlet));
    until("its bytes come", || first.received_bytes() == 2);
    drop(other);
    assert_eq!(second.join().unwrap().0, b"on");
    // Dropping the stream is a kick, too.
    let (mut client, inlet) = source(&station, &requests);
    drop(inlet);
    assert_eq!(read_to_end(&mut client), "");
}

#[test]
fn a_stop_ends_all_sources_at_once() {
    let (station, requests) = station();
    let (mut client, inlet) = source(&station, &requests);
    client.write_all(b"before").unwrap();
    let handle = inlet.handle();
    until("it has come", || handle.received_bytes() == 6);
    let mut waits = station.connect();
    waits.write_all(b"SOURCE /live HTTP/1.0\r\n\r\n").unwrap();
    let late = next(&requests);
    let (silent, _quiet) = source(&station, &requests);
    let stopping = station.server.clone();
    let stop = thread::spawn(move || stopping.stop());
    let (all, handle) = read_all(inlet).join().unwrap();
    assert_eq!((all, handle.end()), (b"before".to_vec(), Some(SourceEnd::ServerStopped)));
    let late = late.receive_source();
    assert_eq!(end_of(&late.handle()), SourceEnd::ServerStopped);
    let answer = read_to_end(&mut waits);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.0 503 "), "{answer}");
    assert_eq!(stop.join().unwrap().abandoned, Vec::<String>::new());
    drop((silent, client));
}

#[test]
fn there_are_as_many_sources_as_max_sources_allows() {
    let station = Station::start(ServerSettings { max_sources: 1, ..settings() });
    let requests = station.server.take_sources(10).unwrap();
    let (client, inlet) = source(&station, &requests);
    let (mut refused, none) = accepted(&station, &requests, "SOURCE /other HTTP/1.0");
    let answer = read_to_end(&mut refused);
    assert!(answer.starts_with("HTTP/1.0 503 ") && answer.contains("max_sources"), "{answer}");
    assert_eq!(end_of(&none.handle()), SourceEnd::Refused);
    let stats = station.server.stats();
    assert_eq!((stats.sources, stats.max_sources, stats.refused), (1, 1, 1));
    drop(client);
    assert_eq!(read_all(inlet).join().unwrap().0, b"");
    let (_client, _inlet) = source(&station, &requests);
    station.server.reconfigure(&ServerSettings { max_sources: 2, ..settings() }).unwrap();
    let (_second, _inlet) = source(&station, &requests);
}

/// Writes these bytes over and over, as fast as they are taken. Returns how many were sent.
fn flood(mut client: TcpStream, bytes: Vec<u8>, times: usize) -> JoinHandle<u64> {
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    thread::spawn(move || {
        (0..times).for_each(|_| client.write_all(&bytes).expect("a source never waits"));
        (bytes.len() * times) as u64
    })
}

#[test]
fn a_slow_reader_loses_what_is_oldest_and_the_source_never_waits() {
    let (station, requests) = station();
    let (client, mut inlet) = source(&station, &requests);
    let handle = inlet.handle();
    let sent = flood(client, bytes(0, 8 << 20), 1).join().unwrap();
    assert_eq!(end_of(&handle), SourceEnd::Left);
    let (mut read, mut gaps, mut buffer) = (0, 0, vec![0; 10_000]);
    loop {
        let before = inlet.position();
        let count = inlet.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        let start = inlet.position().0 - count as u64;
        assert!(buffer[..count] == bytes(start, count), "other bytes at {start}");
        gaps += start - before.0;
        read += count as u64;
    }
    assert_eq!((read + handle.lost_bytes(), gaps), (sent, handle.lost_bytes()));
    // 256 KiB to 2 MiB, by the time that it took; a piece of 16 KiB is lost at once.
    assert!((240 << 10..=2 << 20).contains(&read), "{read} were held");
    let stats = station.server.stats();
    assert_eq!((stats.bytes_received, stats.lost_source_bytes), (sent, handle.lost_bytes()));
}

#[test]
fn listeners_have_no_gap_while_fifty_sources_flood() {
    const SOURCES: usize = 50;
    let (station, requests) = station();
    let mut feed = station.mount("/stream.mp3");
    feed.push(100);
    let mut players: Vec<_> = (0..5).map(|_| Player::get(&station, "/stream.mp3", "")).collect();
    for player in &mut players {
        assert_eq!(player.packets(100), numbers(0..100));
    }
    let (clients, inlets): (Vec<_>, Vec<_>) = (0..SOURCES).map(|_| source(&station, &requests)).unzip();
    until("all are sources", || station.server.stats().sources == SOURCES as u64);
    // Half of them are read, and half are not.
    let mut idle = inlets;
    let readers: Vec<_> = idle.split_off(SOURCES / 2).into_iter().map(read_all).collect();
    let floods: Vec<_> = clients.into_iter().map(|client| flood(client, vec![7; 64 << 10], 16)).collect();
    let mut heard = 100;
    while floods.iter().any(|flood| !flood.is_finished()) && heard < 4_000 {
        feed.push(50);
        for player in &mut players {
            assert_eq!(player.packets(50), numbers(heard..heard + 50));
        }
        heard += 50;
    }
    let sent: u64 = floods.into_iter().map(|flood| flood.join().unwrap()).sum();
    let read: u64 = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .map(|(all, handle)| all.len() as u64 + handle.lost_bytes())
        .sum();
    until("all have left", || station.server.stats().sources == 0);
    let unread: u64 = idle.iter().map(|inlet| inlet.handle().received_bytes()).sum();
    assert_eq!(read + unread, sent);
    assert_eq!((station.server.stats().skips, feed.info().dropped_packets), (0, 0));
}

#[test]
fn curl_sends_in_chunks_and_is_told_that_all_has_arrived() {
    let (station, requests) = station();
    let url = format!("http://{}/live", station.address);
    let taken = thread::spawn(move || {
        [(); 2].map(|()| {
            let mut request = next(&requests);
            request.identify("ana");
            let chunked = request.header("transfer-encoding") == Some("chunked");
            (chunked, read_all(request.receive_source()).join().unwrap().0)
        })
    });
    // As much as an inlet holds, even if its reader is slow.
    let sent = bytes(0, 200_000);
    // Once curl waits for leave, and once it does not.
    let args = ["-sS", "--fail", "-T", "-", "-u", "ana:secret"];
    for options in [["--expect100-timeout", "60"], ["-H", "Expect:"]] {
        let said = run_with(Command::new("curl").args(args).args(options).arg(&url), &sent, &[]);
        assert_eq!(String::from_utf8(said).unwrap(), "the stream has arrived\n");
    }
    for (chunked, read) in taken.join().unwrap() {
        assert!(chunked && read == sent, "{} bytes of {}", read.len(), sent.len());
    }
}

#[test]
fn ffmpeg_streams_by_put_and_as_to_icecast() {
    let (station, requests) = station();
    let urls =
        ["http", "icecast"].map(|scheme| format!("{scheme}://source:hackme@{}/live.mp3", station.address));
    for (url, options, least) in [
        (&urls[0], &["-method", "PUT"][..], 5),
        (&urls[1], &["-content_type", "audio/mpeg"], 5),
        // By SOURCE it closes without having read its answer. So its system sends a reset, and not the bytes
        // that still wait there.
        (&urls[1], &["-content_type", "audio/mpeg", "-legacy_icecast", "1"], 1),
    ] {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=frequency=440:duration=5"]);
        ffmpeg.args(["-f", "mp3"]).args(options).arg(url);
        let child = ffmpeg.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut request = requests.next_within(PATIENCE).expect("a source");
        // ffmpeg's HTTP asks without the login first.
        while request.header("authorization").is_none() {
            let who = "Basic realm=\"radio\"";
            request.answer(HttpAnswer::text(401, "who?\n").with("WWW-Authenticate", who));
            request = next(&requests);
        }
        let (all, handle) = read_all(request.receive_source()).join().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{options:?}: {said}");
        assert!(matches!(handle.end(), Some(SourceEnd::Complete | SourceEnd::Left)), "{handle:?}");
        let frames = decoded_frames(&all, 44_100);
        assert!((least * 44_100..5 * 44_100 + 5_000).contains(&frames), "{options:?}: {frames} frames");
    }
}

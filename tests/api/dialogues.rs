//! The dialogues of programs that DJs have, as they speak to Icecast: what each sends, and what it waits for.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use longwave::LeaveReason;
use longwave_testing::client::{Client, basic};
use longwave_testing::{PATIENCE, until};

use crate::sources::{PASSWORD, Radio, mp3};

/// Reads exactly what a program waits for.
#[track_caller]
fn expect(socket: &mut TcpStream, answer: &str) {
    let mut read = vec![0; answer.len()];
    socket.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), answer);
}

/// It waits for 100 before it sends, and its body has neither a length nor chunks. It closes the connections
/// of its titles without reading.
#[test]
fn butt_is_on_the_air_by_put() {
    let radio = Radio::start();
    let mut butt = radio.connect();
    let login = basic("ana", PASSWORD);
    let head = format!(
        "PUT /live HTTP/1.1\r\nHost: radio.example:8000\r\n{login}User-Agent: butt 1.45\r\n\
         Content-Type: audio/mpeg\r\nice-name: Ana\r\nice-public: 0\r\n\
         ice-audio-info: ice-bitrate=128;ice-channels=2;ice-samplerate=44100\r\nExpect: 100-continue\r\n\r\n"
    );
    butt.write_all(head.as_bytes()).unwrap();
    expect(&mut butt, "HTTP/1.1 100 Continue\r\n\r\n");
    let tone = mp3(4);
    butt.write_all(&tone).unwrap();
    let pipeline = &radio.station.pipelines()[0];
    until("it is on the air", || pipeline.live().is_some());
    let source = &radio.station.sources()[0];
    assert_eq!((&*source.info.program, source.info.bitrate), ("butt 1.45", Some(128)));

    // A second program of hers: only 403 keeps it from trying SOURCE.
    let mut other = radio.connect();
    other.write_all(head.as_bytes()).unwrap();
    assert_eq!(Client::new(other).answer(false).status, 403);

    let mut titles = radio.connect();
    let request = format!(
        "GET /admin/metadata?mode=updinfo&mount=/live&song=Bj%C3%B6rk%20-%20J%C3%B3ga HTTP/1.0\r\n{login}\r\n"
    );
    titles.write_all(request.as_bytes()).unwrap();
    drop(titles);
    until("its title is there", || {
        // A title stands at the audio that comes with it.
        let _ = butt.write_all(&tone[..tone.len() / 40]);
        std::thread::sleep(Duration::from_millis(20));
        pipeline.live().and_then(|live| live.title).as_deref() == Some("Björk - Jóga")
    });
    drop(butt);
    until("it has left", || radio.station.sources().is_empty());
}

/// libshout in Mixxx: it asks whether it could have TLS, logs in when it is asked to, all on one connection,
/// and gives up when its writes stall.
#[test]
fn mixxx_is_on_the_air_by_libshout() {
    let radio = Radio::start();
    let mut socket = radio.connect();
    let mut mixxx = Client::new(socket.try_clone().unwrap());
    let agent = "Host: radio.example:8000\r\nUser-Agent: libshout/2.4.6 (Mixxx)\r\n";
    mixxx.send("OPTIONS", "*", &format!("{agent}Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"), "");
    let answer = mixxx.answer(false);
    assert!(matches!(answer.status, 200..=299 | 400 | 401 | 405 | 426), "{answer:?}");
    // It goes on with this connection, or with another one if it was closed.
    let stays = answer.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
    if !stays {
        socket = radio.connect();
    }
    let source = "SOURCE /live HTTP/1.0\r\n";
    let headers = format!("{agent}Content-Type: audio/mpeg\r\nice-name: Mixxx\r\nice-public: 0\r\n");
    let first = format!("{source}{headers}Content-Length: 0\r\nConnection: Keep-Alive\r\n\r\n");
    socket.write_all(first.as_bytes()).unwrap();
    let answer = Client::new(socket.try_clone().unwrap()).answer(false);
    assert_eq!(answer.status, 401, "{answer:?}");
    assert!(answer.header("www-authenticate").is_some_and(|how| how.starts_with("Basic ")), "{answer:?}");
    assert!(radio.station.sources().is_empty(), "nothing is reserved");
    let login = basic("ana", PASSWORD);
    socket.write_all(format!("{source}{login}{headers}\r\n").as_bytes()).unwrap();
    expect(&mut socket, "HTTP/1.0 200 OK\r\n\r\n");

    // It gives up when 480 KiB wait: what it sends is read, though a decoder may be busy.
    let tone = mp3(30);
    let since = Instant::now();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..3 {
        socket.write_all(&tone).unwrap();
    }
    assert!(since.elapsed() < PATIENCE, "its writes have stalled");
    until("it is on the air", || radio.station.pipelines()[0].live().is_some());
    socket.shutdown(Shutdown::Both).unwrap();
    assert!(matches!(radio.left(), LeaveReason::Left | LeaveReason::Broken));
}

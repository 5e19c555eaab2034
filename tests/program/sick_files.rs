//! Sick disks under files that users send and get: a disk costs what is on it, and leaves nothing behind.
#![cfg(all(feature = "library", feature = "mp3"))]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use longwave_testing::studio::constant;

use super::sick_station::{Disk, Sick, shim};

/// What is not on the sick disk is answered so fast, on a busy machine.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Begins to send a show of ten seconds, and sends all of it.
fn send(sick: &Sick) -> TcpStream {
    let show = sick.path("show.wav");
    constant(&show, 0.25, 80_000);
    let bytes = fs::read(show).unwrap();
    let mut socket = TcpStream::connect(&sick.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    write!(
        socket,
        "PUT /api/v1/library/inbox/show.wav HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        sick.token,
        bytes.len()
    )
    .unwrap();
    // What is refused is not read to its end.
    let _ = socket.write_all(&bytes);
    socket
}

fn answer(mut socket: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn nothing_is_left(sick: &Sick) {
    sick.until("nothing is left", || !sick.path("sick/inbox/t").exists());
}

#[test]
fn a_disk_that_is_full_or_fails_refuses_a_show_and_keeps_nothing_of_it() {
    let build = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Inbox, &shim(build.path()), "");
    for (fault, status, says) in [
        ("fail 28 write", "507", "the disk of the inbox has no room for it: No space left on device"),
        ("fail 28 open", "507", "the disk of the inbox has no room for it"),
        ("fail 28 fsync", "507", "the disk of the inbox has no room for it"),
        ("fail 122 write", "507", "the disk of the inbox has no room for it: Disk quota exceeded"),
        ("fail 5 write", "503", "the disk of the inbox fails: Input/output error"),
        ("fail 5 fsync", "503", "the disk of the inbox fails: Input/output error"),
    ] {
        sick.be(fault);
        let answer = answer(send(&sick));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fault}: {answer}\n{sick:?}");
        assert!(answer.contains(says), "{fault}: {answer}");
        sick.be("well");
        nothing_is_left(&sick);
    }
    let answer = answer(send(&sick));
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert!(sick.path("sick/inbox/t/show.wav").exists());
}

#[test]
fn a_disk_that_hangs_costs_the_show_that_goes_there_and_the_rest_is_served() {
    let build = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Inbox, &shim(build.path()), "");
    sick.be("hang write");
    let socket = send(&sick);
    sick.until("/health names it", || sick.health_says("show.wav"));
    let asked = Instant::now();
    assert_eq!(sick.ask("GET", "/api/v1/server", "").unwrap().0, 200);
    assert!(asked.elapsed() < ANSWERED_WITHIN, "{sick:?}");
    sick.be("well");
    let answer = answer(socket);
    assert!(answer.starts_with("HTTP/1.1 201 "), "it goes on where it was: {answer}");
}

#[test]
fn a_disk_of_recordings_that_hangs_is_named_and_the_list_comes_all_the_same() {
    let build = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Recording, &shim(build.path()), "");
    let list = || sick.ask("GET", "/api/v1/recordings", "");
    sick.until("it is listed", || list().is_some_and(|(_, body)| body.contains("\"state\":\"running\"")));
    sick.be("hang read");
    let (status, body) = list().expect("an answer within ten seconds");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("the recordings of /r.mp3: "), "{body}");
    let asked = Instant::now();
    assert_eq!(sick.ask("GET", "/api/v1/server", "").unwrap().0, 200);
    assert!(asked.elapsed() < ANSWERED_WITHIN, "{sick:?}");
    sick.be("well");
    sick.until("it is listed again", || list().is_some_and(|(_, body)| body.contains("\"problems\":[]")));
}

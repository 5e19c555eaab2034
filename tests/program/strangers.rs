//! Strangers at a station: what they do must not fill its memory.
#![cfg(all(feature = "mp3", target_os = "linux"))]

use std::io::Write;
use std::net::TcpStream;

use longwave::{Role, Users};
use longwave_testing::client::{Client, basic};

use crate::reload::Served;

const CONFIG: &str = "[server]
listen = '127.0.0.1:0'
users_file = 'users'
[[pipeline]]
playlist = ['one.wav']
loop = true
[[pipeline.output]]
format = 'mp3'
mount = '/a.mp3'
";

#[test]
fn wrong_logins_leave_no_memory_behind() {
    let station = Served::start_with(CONFIG, &["--credentials", "users.first"]);
    let mut users = Users::default();
    users.add("alice", Role::Admin, "correct horse").unwrap();
    users.write(&station.path().join("users")).unwrap();
    station.reload();
    let status = |password: &str| {
        let login = basic("alice", password);
        Client::new(station.connect()).ask("GET", "/api/v1/server", &login, "").status
    };
    station.until("the user is known", || station.log().contains("changed: users"));
    assert_eq!(status("correct horse"), 200);
    let before = station.memory();
    let statuses: Vec<_> = (0..12).map(|guess| status(&format!("wrong {guess}"))).collect();
    assert!(statuses.iter().filter(|status| **status == 401).count() >= 5, "{statuses:?}");
    let more = station.memory().saturating_sub(before);
    assert!(more < 8_000, "{more} KiB more, when one hash takes 19 MiB");
}

/// Connections that have sent this and read nothing.
fn crowd(station: &Served, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    (0..count)
        .map(|_| {
            let mut socket = station.connect();
            // The server may have closed it already.
            let _ = socket.write_all(bytes);
            socket
        })
        .collect()
}

/// Lets 3,000 connections send this. Returns the memory before, with them, and after they have gone, in KiB.
fn memory_of_a_crowd(bytes: &[u8]) -> [usize; 3] {
    let station = Served::start(&CONFIG.replace("users_file = 'users'\n", ""));
    drop(crowd(&station, 10, bytes));
    let before = station.memory();
    let crowd = crowd(&station, 3_000, bytes);
    let status = || Client::new(station.connect()).ask("GET", "/health", "", "").status;
    // Until all of them are answered, there may be no room for another request.
    station.until("it answers others", || status() == 200);
    let with = station.memory();
    drop(crowd);
    station.until("memory is given back", || station.memory() < before + 20_000);
    assert_eq!(status(), 200);
    [before, with, station.memory()]
}

#[test]
fn unfinished_heads_have_a_bound_in_all_and_their_memory_comes_back() {
    let [before, with, _] =
        memory_of_a_crowd(format!("GET / HTTP/1.1\r\nX: {}", "y".repeat(15_000)).as_bytes());
    assert!(with < before + 60_000, "{before} KiB, then {with} KiB");
}

#[test]
fn a_public_document_that_nobody_reads_is_in_memory_once() {
    let [before, with, _] = memory_of_a_crowd(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(with < before + 60_000, "{before} KiB, then {with} KiB");
}

#[test]
fn a_crowd_of_heads_without_bodies_leaves_nothing() {
    let [before, with, _] = memory_of_a_crowd(b"HEAD /status-json.xsl HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(with < before + 60_000, "{before} KiB, then {with} KiB");
}

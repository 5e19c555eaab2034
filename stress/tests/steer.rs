//! What `steer` tells of clients of events, at a server that refuses and loses some of them.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::Value;

/// How the server treats a client: the clients are counted in the order in which they come.
enum Answer {
    /// Events as long as the client stays.
    Events,
    Refused,
    /// One event, and the end.
    Lost,
}

#[test]
fn who_was_refused_comes_again() {
    let (success, table, report) =
        steer(|came| if came % 3 == 0 && came < 30 { Answer::Refused } else { Answer::Events });
    assert!(success, "{table}");
    assert_eq!(report["events"]["clients"], 20);
    assert_eq!(report["events"]["stayed"], 20);
    // Of those that came, these are the 0th, the 3rd … and the 27th.
    assert_eq!(report["events"]["refused"], 10);
    assert_eq!(report["events"]["lost"], 0);
    assert_eq!(report["events"]["events"]["min"], 1.0);
    assert!(
        table.contains("20 of 20 clients of events stayed, 10 requests of theirs were refused"),
        "{table}"
    );
}

#[test]
fn who_was_lost_comes_again_and_is_told_of() {
    let (success, table, report) = steer(|came| if came == 4 { Answer::Lost } else { Answer::Events });
    assert!(!success, "{table}");
    assert_eq!(report["events"]["stayed"], 20);
    assert_eq!(report["events"]["lost"], 1);
    let wrong = "WRONG: events: 20 of 20 clients stayed, 0 requests were refused, 1 connections were lost";
    assert!(table.contains(wrong), "{table}");
}

#[test]
fn a_run_in_which_not_all_stayed_fails() {
    let (success, table, report) = steer(|came| if came < 15 { Answer::Events } else { Answer::Refused });
    assert!(!success, "{table}");
    assert_eq!(report["events"]["stayed"], 15);
    assert!(table.contains("WRONG: events: 15 of 20 clients stayed"), "{table}");
}

/// Twenty clients at such a server: whether the tool was content, its table and its report.
fn steer(answer: impl Fn(usize) -> Answer + Send + 'static) -> (bool, String, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || serve(&listener, &answer));
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("report.json");
    let output = Command::new(env!("CARGO_BIN_EXE_longwave-stress"))
        .args(["steer", "--url", &url, "--events", "20", "--events-ramp", "100", "--events-again", "0.1"])
        .args(["--seconds", "2", "--strict", "--json"])
        .arg(&json)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap(), report)
}

fn serve(listener: &TcpListener, answer: &impl Fn(usize) -> Answer) {
    let mut open = Vec::new();
    let mut addresses = HashSet::new();
    for came in 0.. {
        let (mut client, address) = listener.accept().unwrap();
        addresses.insert(address.ip());
        assert!(addresses.len() <= 8, "they come from {addresses:?}");
        read_head(&client);
        let event =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: now-playing\ndata: 1\n\n";
        match answer(came) {
            Answer::Events => {
                client.write_all(event.as_bytes()).unwrap();
                open.push(client);
            }
            Answer::Refused => {
                client.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
            Answer::Lost => client.write_all(event.as_bytes()).unwrap(),
        }
    }
}

fn read_head(client: &TcpStream) {
    let lines = BufReader::new(client).lines();
    assert!(lines.map(Result::unwrap).take_while(|line| !line.is_empty()).count() > 2);
}

//! Lines of the log and of the access log that the system refuses: they are counted, and the count is said.
#![cfg(feature = "mp3")]

use std::fs;
use std::io::{Read, Write};
use std::process::Command;

use super::reload::Served;

const STATION: &str = "[server]
listen = '127.0.0.1:0'
ACCESS
[[pipeline]]
playlist = '.'
loop = true
[[pipeline.output]]
format = 'mp3'
mount = '/radio.mp3'
";

/// How large a file of this process may become.
fn limit(station: &Served, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let set = Command::new("prlimit").args(["--pid", &station.pid().to_string(), &limit]).status();
    assert!(set.expect("prlimit, of util-linux").success());
}

fn ask(station: &Served, path: &str) {
    let mut socket = station.connect();
    write!(socket, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    socket.read_to_end(&mut Vec::new()).unwrap();
}

/// Whether the line of the request for /kept begins a line.
fn has_kept(log: &str) -> bool {
    log.lines().any(|line| line.contains("GET /kept") && line.starts_with("127.0.0.1 "))
}

/// The number in the line with this text.
fn said(log: &str, text: &str) -> Option<usize> {
    let line = log.lines().find(|line| line.contains(text))?;
    line.split_whitespace().find_map(|word| word.parse().ok())
}

#[test]
fn lines_that_a_size_limit_refuses_are_counted_in_the_log() {
    let station = Served::start(&STATION.replace("ACCESS", ""));
    limit(&station, &(station.log().len() + 10).to_string());
    (0..5).for_each(|n| ask(&station, &format!("/lost-{n}")));
    limit(&station, "unlimited");
    station.until("the count is said", || {
        ask(&station, "/kept");
        let log = station.log();
        said(&log, "lines of this log were lost").is_some_and(|lost| lost >= 4) && has_kept(&log)
    });
    let log = station.log();
    assert!(!log.contains("GET /lost-1"), "{log}");
}

#[test]
fn lines_that_a_size_limit_refuses_are_counted_in_the_access_log() {
    let station = Served::start(&STATION.replace("ACCESS", "access_log = 'access.log'"));
    let file = station.path().join("access.log");
    ask(&station, "/first");
    station.until("a line is written", || fs::read_to_string(&file).unwrap().contains("/first"));
    limit(&station, &(fs::metadata(&file).unwrap().len() + 10).to_string());
    (0..5).for_each(|n| ask(&station, &format!("/lost-{n}")));
    station.until("lines are counted", || station.says(&["status"]).contains("WARNING    the access log"));
    limit(&station, "unlimited");
    station.until("the count is said", || {
        ask(&station, "/kept");
        station.log().contains(" lines were lost") && has_kept(&fs::read_to_string(&file).unwrap())
    });
    assert!(!station.says(&["status"]).contains("WARNING    the access log"));
}

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

/// How many lines the log says were lost.
fn lost(log: &str) -> usize {
    let said = log.lines().filter_map(|line| line.strip_suffix(LOST)?.trim().parse::<usize>().ok());
    said.sum()
}

const LOST: &str = "lines of this log were lost: it was not read in time, or could not be written";

#[test]
fn lines_that_a_size_limit_refuses_are_counted_in_the_log() {
    let station = Served::start(&STATION.replace("ACCESS", ""));
    let most = station.log().len() + 10;
    limit(&station, &most.to_string());
    (0..5).for_each(|n| ask(&station, &format!("/asked-{n}")));
    // A line is written in part; its rest is refused.
    station.until("the limit is met", || station.log().len() == most);
    limit(&station, "unlimited");
    station.until("the count is said", || {
        ask(&station, "/kept");
        lost(&station.log()) > 0 && has_kept(&station.log())
    });
    let log = station.log();
    // Whatever came between may have been lost, too.
    assert!(lost(&log) + log.matches("GET /asked-").count() >= 5, "{log}");
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

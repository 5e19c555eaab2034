//! The access log in a file of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use longwave::{AccessLog, Error, Server, ServerSettings};
use longwave_testing::server::{Station, quick};
use longwave_testing::{A_STOP, until};

fn into(path: &Path) -> ServerSettings {
    ServerSettings { access_log: AccessLog::File(path.to_owned()), ..quick() }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Asks for something, and waits for its line.
fn ask(station: &Station, name: &str, path: &Path) {
    station.ask(format!("GET /{name} HTTP/1.0\r\n\r\n").as_bytes());
    until("its line is there", || read(path).contains(&format!("\"GET /{name} HTTP/1.0\" 404 ")));
}

#[test]
fn lines_are_appended_to_a_file_that_only_its_group_may_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    for start in ["one", "two"] {
        let station = Station::start(into(&log));
        ask(&station, start, &log);
        assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(station.server.stop().abandoned.is_empty());
    }
    let lines = read(&log);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(
        lines.lines().all(|line| line.starts_with("127.0.0.1 - - [") && line.ends_with(" \"-\" \"-\" 0"))
    );
}

#[test]
fn a_file_that_was_renamed_is_opened_anew_when_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (log, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
    let station = Station::start(into(&log));
    ask(&station, "one", &log);
    fs::rename(&log, &old).unwrap();
    ask(&station, "two", &old);
    assert!(!log.exists(), "it goes on where it was");
    station.server.reopen_logs();
    until("there is a new file", || log.exists());
    ask(&station, "three", &log);
    assert_eq!((read(&old).lines().count(), read(&log).lines().count()), (2, 1));

    // What cannot be opened anew goes on into the old file, and is told.
    let gone = folder.path().join("gone");
    fs::rename(&log, &gone).unwrap();
    fs::create_dir(&log).unwrap();
    station.server.reopen_logs();
    until("it is told", || {
        station.server.health().warnings.iter().any(|fault| fault.contains("Is a directory"))
    });
    ask(&station, "four", &gone);
    assert!(station.server.health().warnings.is_empty() && station.server.health().is_ok());
}

#[test]
fn it_changes_on_the_air() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let station = Station::start(into(&one));
    ask(&station, "a", &one);
    station.server.reconfigure(&into(&two)).unwrap();
    ask(&station, "b", &two);
    let refused = station.server.reconfigure(&into(&folder.path().join("none/log"))).unwrap_err();
    assert!(matches!(&refused, Error::Setting { key: "access_log", .. }), "{refused}");
    assert!(refused.to_string().contains("none/log cannot be written: No such file"), "{refused}");
    ask(&station, "c", &two);
    station.server.reconfigure(&ServerSettings { access_log: AccessLog::Off, ..quick() }).unwrap();
    station.ask(b"GET /d HTTP/1.0\r\n\r\n");
    station.server.reconfigure(&into(&one)).unwrap();
    ask(&station, "e", &one);
    station.server.stop();
    assert!(read(&one).lines().count() == 2 && read(&two).lines().count() == 2);
    let refused = Server::start(into(folder.path())).unwrap_err();
    assert!(refused.to_string().ends_with("Is a directory (os error 21)"), "{refused}");
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let station = Station::start(into(Path::new("/dev/full")));
    for _ in 0..3 {
        assert!(station.ask(b"GET /x HTTP/1.0\r\n\r\n").contains(" 404 "));
    }
    until("they are counted", || station.server.stats().lost_access_lines == 3);
    let health = station.server.health();
    assert!(health.is_ok() && health.warnings[0].contains("/dev/full cannot be written"), "{health:?}");
    assert!(station.server.stop().abandoned.is_empty());
}

#[test]
fn a_disk_that_hangs_holds_up_neither_listeners_nor_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&log).status().unwrap().success());
    let reader = fs::OpenOptions::new().read(true).write(true).open(&log).unwrap();
    let station = Station::start(into(&log));
    let agent = "x".repeat(250);
    let request = format!("GET /nothing HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n");
    let last = "GET /nothing HTTP/1.0\r\n\r\n";
    // More than a pipe holds, which are 64 KiB.
    let answers = station.ask([request.repeat(300).as_str(), last].concat().as_bytes());
    assert_eq!(answers.matches(" 404 Not Found").count(), 301);
    let began = Instant::now();
    assert_eq!(station.server.stop().abandoned, ["access"]);
    assert!(began.elapsed() < A_STOP);
    drop(reader);
}

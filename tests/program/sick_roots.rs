//! A media root on a sick disk, and odd files in it: requests for anything else are answered as before.
#![cfg(feature = "mp3")]

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use longwave_testing::A_STOP;
use longwave_testing::studio::constant;
use nix::sys::signal::{Signal, kill};

use super::sick_station::{Disk, Sick, shim};

/// What a request may take that waits for no sick disk: less than half of what one may wait, on a machine
/// that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The path of the request for the tags of this file.
fn tags_of(name: &str) -> String {
    format!("/api/v1/metadata?file={name}")
}

/// Asks for the tags of a file. Gives the status, and how long it took.
fn ask(sick: &Sick, name: &str) -> (u16, Duration) {
    let asked = Instant::now();
    let (status, _) = sick.ask("GET", &tags_of(name), "").unwrap_or_else(|| panic!("{sick:?}: no answer"));
    (status, asked.elapsed())
}

/// A station whose first media root is to be sick. Both have `both.wav`.
fn start() -> (Sick, tempfile::TempDir) {
    let build = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Root, &shim(build.path()), "");
    for name in ["sick/both.wav", "well/both.wav", "sick/first.wav", "sick/odd.wav"] {
        constant(&sick.path(name), 0.1, 800);
    }
    (sick, build)
}

#[test]
fn a_dead_first_root_costs_nothing_for_names_in_another() {
    let (mut sick, _build) = start();
    for name in ["both.wav", "first.wav", "two.wav"] {
        assert_eq!(ask(&sick, name).0, 200, "{name}");
    }
    sick.be("hang");
    for name in ["two.wav", "both.wav", "one.wav", "two.wav", "fallback.wav"] {
        let (status, took) = ask(&sick, name);
        assert!(status == 200 && took < AT_ONCE, "{sick:?} {name}: {status} after {took:?}");
    }
    // Each request names several.
    let list = "{\"files\": [\"two.wav\", \"both.wav\", \"one.wav\"]}";
    let asked = Instant::now();
    let queued = sick.ask("POST", "/api/v1/pipelines/main/queue", list);
    assert!(asked.elapsed() < AT_ONCE && queued.as_ref().unwrap().0 == 201, "{queued:?}");
    // A name that no other root has may be there. It is waited for, and others go on meanwhile.
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| ask(&sick, "first.wav"));
        while !waits.is_finished() {
            let (status, took) = ask(&sick, "two.wav");
            assert!(status == 200 && took < AT_ONCE, "{sick:?}: {status} after {took:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(waits.join().unwrap().0, 503, "{sick:?}");
    });
    let (status, took) = ask(&sick, "nowhere.wav");
    assert!(status == 503 && took < AT_ONCE, "it is known by now: {status} after {took:?}");
    let health = sick.ask("GET", "/api/v1/health", "").unwrap().1;
    assert!(health.contains("media roots do not answer") && health.contains("sick"), "{health}");

    fs::remove_file(sick.path("control")).unwrap();
    sick.until("the root is back", || ask(&sick, "first.wav").0 == 200);
    assert_eq!(ask(&sick, "nowhere.wav").0, 404);
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    sick.until_ended(A_STOP);
}

#[test]
fn a_slow_first_root_is_waited_for() {
    let (sick, _build) = start();
    sick.be("slow 400 stat");
    assert_eq!(ask(&sick, "first.wav").0, 200, "{sick:?}");
    assert_eq!(ask(&sick, "two.wav").0, 200, "{sick:?}");
    assert_eq!(ask(&sick, "nowhere.wav").0, 404, "{sick:?}");
}

/// A root that comes back while a request waits for it has the file.
#[test]
fn a_request_waits_for_a_root_that_answers_late() {
    let (sick, _build) = start();
    sick.be("hang");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| ask(&sick, "first.wav"));
        std::thread::sleep(Duration::from_millis(1500));
        fs::remove_file(sick.path("control")).unwrap();
        assert_eq!(waits.join().unwrap().0, 200, "{sick:?}");
    });
}

/// A viewer asks for an odd file again and again: only the viewer waits.
#[test]
fn one_users_odd_file_leaves_the_others_their_places() {
    let (mut sick, _build) = start();
    let users = sick.path("well/users");
    let made = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["user", "--file", users.to_str().unwrap(), "token", "guest", "--role", "viewer"])
        .output()
        .unwrap();
    let guest = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    kill(sick.pid(), Signal::SIGHUP).unwrap();
    sick.until("the guest is known", || sick.log().contains("changed: users"));
    sick.be("hang read");
    let admin = std::mem::replace(&mut sick.token, guest);
    let viewer = &sick;
    std::thread::scope(|scope| {
        let odd: Vec<_> =
            (0..40).map(|_| scope.spawn(move || viewer.ask("GET", &tags_of("odd.wav"), ""))).collect();
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..20 {
            let asked = Instant::now();
            let answer = viewer.ask_as(&admin, "GET", &tags_of("two.wav"), "");
            assert_eq!(answer.map(|answer| answer.0), Some(200), "{viewer:?}");
            assert!(asked.elapsed() < AT_ONCE, "{viewer:?}: {:?}", asked.elapsed());
            std::thread::sleep(Duration::from_millis(400));
        }
        for answer in odd {
            let status = answer.join().unwrap().map(|answer| answer.0);
            assert!(matches!(status, None | Some(503 | 429)), "{status:?}");
        }
    });
    // The viewer waits until one answers.
    let (status, body) = sick.ask("GET", &tags_of("two.wav"), "").unwrap();
    assert!(status == 200 || body.contains("that you asked for hang"), "{status}: {body}");
    fs::remove_file(sick.path("control")).unwrap();
    sick.until("all is well", || ask(&sick, "odd.wav").0 == 200);
}

//! Sick disks under every thread that touches files: what hangs, is slow or fails holds up nothing else.
#![cfg(feature = "mp3")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use longwave_testing::A_STOP;
use nix::sys::signal::{Signal, kill};

use super::sick_station::{Disk, Sick, shim};

/// A start goes on without what does not answer within about ten seconds, and a busy machine has a moment
/// more.
const STARTS_WITHIN: Duration = Duration::from_secs(14);

/// A start without what it needs is given up after ten seconds, and a busy machine has a moment more.
const REFUSED_WITHIN: Duration = Duration::from_secs(14);

/// How long a listener is watched. It must get at least half of what it would get in this time.
const WATCHED: Duration = Duration::from_secs(2);

/// MP3 at 32 kbit/s.
const BYTES_PER_SECOND: u64 = 4000;

/// A row of the table: what is sick, how, and what `/health` must say (empty: nothing).
const ROWS: &[(Disk, &str, &str)] = &[
    (Disk::OneTrack, "hang", "one.wav"),
    (Disk::OneTrack, "hang read", "one.wav"),
    (Disk::OneTrack, "slow 300", ""),
    (Disk::OneTrack, "fail 5", ""),
    (Disk::AllMusic, "hang", "the fallback is on the air"),
    (Disk::AllMusic, "fail 5", "the fallback is on the air"),
    (Disk::Playlist, "hang", "list.m3u"),
    (Disk::Playlist, "slow 300", ""),
    (Disk::Playlist, "fail 5", ""),
    (Disk::Users, "hang", "users"),
    (Disk::Users, "fail 5", ""),
    (Disk::Configuration, "hang", "station.toml"),
    (Disk::Configuration, "slow 300", ""),
    (Disk::Configuration, "fail 5", ""),
    (Disk::State, "hang", "state.json"),
    (Disk::State, "hang fsync", "state.json"),
    (Disk::State, "fail 28", "state.json: No space left"),
    (Disk::State, "fail 5", "state.json: Input/output error"),
    (Disk::History, "hang", "the disk does not answer: played.db"),
    (Disk::History, "hang fsync", "the disk does not answer: played.db"),
    (Disk::History, "fail 28 write", "played.db: its disk is full"),
    (Disk::History, "fail 30 open", ""),
    (Disk::History, "fail 30", "played.db: its disk fails"),
    (Disk::Library, "hang", "the disk does not answer: library.db"),
    (Disk::Library, "hang fsync", "the disk does not answer: library.db"),
    (Disk::Library, "fail 28 write", "library.db): its disk is full"),
    (Disk::Library, "fail 5", "library.db): its disk fails"),
    (Disk::Library, "fail 30", "library.db): its disk fails"),
    (Disk::AccessLog, "hang", "access.log"),
    (Disk::AccessLog, "fail 28", "access.log"),
    (Disk::Recording, "hang", "recording: the disk does not answer: rec"),
    (Disk::Recording, "hang write", "recording: the disk does not answer: rec"),
    (Disk::Recording, "slow 300", ""),
    (Disk::Recording, "fail 28", "/r.mp3 is not recorded: "),
    (Disk::Recording, "fail 5", "/r.mp3 is not recorded: "),
    (Disk::Log, "", ""),
];

/// The rows of a disk that hangs from before the start on: what `/health` must say, or nothing if the start
/// is refused.
const AT_START: &[(Disk, &str, &str)] = &[
    (Disk::Playlist, "hang", "list.m3u"),
    (Disk::Folder, "hang", "sick"),
    (Disk::State, "hang", "state.json"),
    (Disk::History, "hang", "the disk does not answer: played.db"),
    (Disk::Library, "hang", "the disk does not answer: library.db"),
    (Disk::AccessLog, "hang", "access.log hangs"),
    (Disk::AccessLog, "hang open", "access.log hangs"),
    (Disk::Recording, "hang", "recording: the disk does not answer: "),
    (Disk::Users, "hang", ""),
    (Disk::Configuration, "hang", ""),
];

#[test]
fn a_sick_disk_holds_up_nothing_else() {
    println!(
        "| on the sick disk | fault | longest time without audio | API | /health | stop |\n|---|---|---|---|---|---|"
    );
    all(ROWS, |disk, shim, fault, health| Sick::start(disk, shim, "").bear(fault, health));
}

#[test]
fn a_station_starts_without_what_does_not_answer() {
    println!("| dead at the start | fault | seen |\n|---|---|---|");
    all(AT_START, |disk, shim, fault, health| match health {
        "" => Sick::spawn(disk, shim, fault).gives_up(),
        health => Sick::start(disk, shim, fault).recovers(health),
    });
}

/// Whatever hangs, even the main thread: the process ends. Here it removes the music of a demo.
#[test]
fn the_last_resort_ends_a_stop_that_takes_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut sick = Sick::start(Disk::Demo, &shim(folder.path()), "");
    sick.be("hang open");
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    let asked = Instant::now();
    let ended = sick.until_ended(A_STOP);
    assert!(asked.elapsed() > Duration::from_secs(4), "{sick:?}: nothing hung");
    assert_eq!(ended.code(), Some(1));
    let message = "the stop took too long: the process ends without waiting any longer";
    assert!(sick.log().contains(message), "{sick:?}");
}

#[test]
fn a_token_that_cannot_be_removed_does_not_hold_up_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let shim = shim(folder.path());
    for fault in ["hang unlink", "fail 5 unlink"] {
        let mut sick = Sick::start(Disk::Token, &shim, "");
        sick.until("there is a token", || sick.log().contains("the API take the token in"));
        sick.be(fault);
        kill(sick.pid(), Signal::SIGTERM).unwrap();
        assert_eq!(sick.until_ended(A_STOP / 2).code(), Some(0), "{sick:?}");
        let is_said = sick.log().contains(".token: its disk does not answer: the file stays");
        assert_eq!(is_said, fault.starts_with("hang"), "{sick:?}");
    }
}

/// The next usual place has the token then.
#[test]
fn a_token_whose_folder_hangs_at_the_start_is_written_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut sick = Sick::start(Disk::Token, &shim(folder.path()), "hang mkdir");
    assert!(sick.since.elapsed() < STARTS_WITHIN, "{sick:?}");
    let is_said =
        |log: &str| log.contains("sick/longwave: no token is written there: its disk does not answer");
    assert!(is_said(&sick.log()) && sick.log().contains("the API take the token in"), "{sick:?}");
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(sick.until_ended(A_STOP / 2).code(), Some(0), "{sick:?}");
}

/// The first user cannot be written: nobody can steer the station, but it plays.
#[test]
fn a_start_does_not_wait_for_the_first_user_to_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut sick = Sick::start(Disk::FirstUser, &shim(folder.path()), "hang rename");
    assert!(sick.since.elapsed() < STARTS_WITHIN, "{sick:?}");
    let said = "nobody can steer this station: ";
    assert!(sick.log().contains(said) && sick.log().contains("its disk does not answer"), "{sick:?}");
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(sick.until_ended(A_STOP / 2).code(), Some(0), "{sick:?}");
}

/// The log goes on where it is, and each reload that asks for the dead disk costs no other thread.
#[test]
fn a_reload_does_not_take_an_access_log_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let mut sick = Sick::start(Disk::Root, &shim(folder.path()), "");
    let config = sick.path("well/station.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("well/access.log", "sick/access.log")).unwrap();
    sick.be("hang open");
    let threads = || fs::read_dir(format!("/proc/{}/task", sick.pid())).unwrap().count();
    let reload = |times: usize| {
        kill(sick.pid(), Signal::SIGHUP).unwrap();
        sick.until("the reload is refused", || {
            sick.log().matches("reloaded: failed: server").count() >= times
        });
    };
    (1..=3).for_each(reload);
    let before = threads();
    (4..=8).for_each(reload);
    // One that ends is still counted for a moment.
    sick.until("no more threads are there than before", || threads() <= before);
    sick.until("/health names it", || {
        sick.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains("access.log"))
    });
    sick.ask("GET", "/still-here", "");
    let well = || fs::read_to_string(sick.path("well/access.log")).unwrap().contains("/still-here");
    sick.until("the old file has its line", well);
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    sick.until_ended(A_STOP);
}

/// A rotation while the disk is dead.
#[test]
fn an_access_log_that_hangs_when_it_is_opened_anew_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut sick = Sick::start(Disk::AccessLog, &shim(folder.path()), "");
    sick.be("hang open");
    for _ in 0..3 {
        kill(sick.pid(), Signal::SIGUSR1).unwrap();
    }
    sick.until("/health names it", || {
        sick.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains("access.log hangs"))
    });
    kill(sick.pid(), Signal::SIGTERM).unwrap();
    sick.until_ended(A_STOP);
}

#[test]
fn an_access_log_without_a_folder_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[server]\nlisten = ['127.0.0.1:0']\naccess_log = 'none/access.log'\n[[pipeline]]\n\
                [[pipeline.output]]\nformat = 'mp3'\nmount = '/r.mp3'\n";
    let config = folder.path().join("station.toml");
    fs::write(&config, text).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_longwave")).arg("serve").arg(&config).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("none/access.log cannot be written: No such file"), "{said}");
}

/// Unlike wrong settings, with which the program ends with 2: a supervisor does not try these again.
#[test]
fn a_start_that_a_failing_disk_prevents_may_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let shim = shim(folder.path());
    for (disk, fault, said) in [
        (Disk::Configuration, "fail 5", "station.toml: Input/output error"),
        (Disk::Configuration, "fail 116", "station.toml: Stale file handle"),
        (Disk::Users, "fail 5", "users: Input/output error"),
        (Disk::State, "fail 5", "state.json: its folder cannot be found now: Input/output error"),
        (Disk::AccessLog, "fail 28", "access.log: it cannot be written: No space left"),
        (Disk::AccessLog, "fail 2", "access.log cannot be written: No such file"),
        (Disk::Configuration, "fail 13", "station.toml: Permission denied"),
    ] {
        let mut sick = Sick::spawn(disk, &shim, fault);
        let code = if matches!(fault, "fail 2" | "fail 13") { 2 } else { 1 };
        assert_eq!(sick.until_ended(REFUSED_WITHIN).code(), Some(code), "{fault}: {sick:?}");
        assert!(sick.log().contains(said), "{fault}: {said:?} is not in {}", sick.log());
    }
}

#[test]
fn what_is_asked_while_a_reload_runs_is_done_once_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let sick = Sick::start(Disk::Configuration, &shim(folder.path()), "");
    let reloads = || sick.log().matches("reloaded: ").count();
    sick.be("hang");
    kill(sick.pid(), Signal::SIGHUP).unwrap();
    // The thread `reload` takes it at once.
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..3 {
        kill(sick.pid(), Signal::SIGHUP).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(reloads(), 0, "{sick:?}");
    fs::remove_file(sick.path("control")).unwrap();
    sick.until("it has been reloaded twice", || reloads() >= 2);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(reloads(), 2, "{sick:?}");
}

/// Runs all rows side by side.
fn all(
    rows: &[(Disk, &'static str, &'static str)],
    run: impl Fn(Disk, &Path, &str, &str) -> String + Copy + Send + 'static,
) {
    let build = tempfile::tempdir().unwrap();
    let shim = shim(build.path());
    let rows: Vec<_> = rows
        .iter()
        .filter(|(disk, ..)| !matches!(disk, Disk::History | Disk::Library) || cfg!(feature = "library"))
        .map(|&(disk, fault, health)| {
            let shim = shim.clone();
            (disk, fault, std::thread::spawn(move || run(disk, &shim, fault, health)))
        })
        .collect();
    let mut wrong = Vec::new();
    for (disk, fault, row) in rows {
        match row.join() {
            Ok(seen) => println!("| {disk:?} | {fault} | {seen} |"),
            Err(_) => wrong.push(format!("{disk:?} {fault}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

impl Sick {
    /// The start is given up in time, and it is said why.
    fn gives_up(mut self) -> String {
        let ended = self.until_ended(REFUSED_WITHIN);
        // So that a supervisor tries it again.
        assert_eq!(ended.code(), Some(1), "{self:?}");
        let after = self.since.elapsed();
        let log = self.log();
        assert!(log.contains("its disk did not answer within 10 s"), "{:?}: {log}", self.disk);
        format!("refused after {:.1} s", after.as_secs_f64())
    }

    /// It starts with what answers, and takes up the rest when its disk is back.
    fn recovers(mut self, names: &str) -> String {
        let started = self.since.elapsed();
        assert!(started < STARTS_WITHIN, "{self:?}: on the air after {started:?}");
        let received = self.listen();
        self.until("it is on the air", || received.bytes() > BYTES_PER_SECOND);
        let is_named =
            |sick: &Sick| sick.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains(names));
        self.until(&format!("/health names {names}"), || is_named(&self));
        let is_said = if self.disk == Disk::AccessLog { "access.log does not open" } else { names };
        // A recording is said to be at risk in the log when something was lost, and so are plays.
        assert!(
            matches!(self.disk, Disk::Recording | Disk::History | Disk::Library)
                || self.log().contains(is_said),
            "{self:?}"
        );
        if matches!(self.disk, Disk::Playlist | Disk::Folder) {
            self.until("the fallback plays", || self.log().contains("now playing fallback"));
        }
        fs::remove_file(self.path("control")).unwrap();
        match self.disk {
            Disk::State => self.until("a state is kept", || self.path("sick/state.json").exists()),
            Disk::History => self.until("plays are written", || self.path("sick/played.db").exists()),
            Disk::Library => {
                self.until("a change is kept", || {
                    self.change_library().is_some_and(|answer| answer.0 == 204)
                });
            }
            Disk::AccessLog => self.until("lines are written", || {
                self.ask("GET", "/nowhere", "");
                self.access_log().contains("GET /nowhere")
            }),
            Disk::Recording => self.until("it is recorded", || self.log().contains("/r.mp3: recorded into")),
            _ => self.until("the playlist plays", || self.log().contains("now playing one")),
        }
        self.until("/health names nothing any more", || !is_named(&self));
        kill(self.pid(), Signal::SIGTERM).unwrap();
        self.until_ended(A_STOP);
        format!("on the air after {:.1} s", started.as_secs_f64())
    }

    /// Lets the disk be sick, and tells what came of it. Panics if anything else is held up.
    fn bear(mut self, fault: &str, names: &str) -> String {
        let received = self.listen();
        self.until("it is on the air", || received.bytes() > BYTES_PER_SECOND);
        if !fault.is_empty() {
            self.be(fault);
        }
        if matches!(self.disk, Disk::Users | Disk::Configuration | Disk::Playlist | Disk::AllMusic) {
            kill(self.pid(), Signal::SIGHUP).unwrap();
        }
        // Time for the next track, and for a disk to count as one that hangs.
        if names.is_empty() {
            std::thread::sleep(Duration::from_secs(3));
        } else {
            self.until(&format!("/health names {names}"), || {
                // A line of the access log.
                self.ask("GET", "/nowhere", "");
                if self.disk == Disk::Library {
                    self.change_library();
                }
                self.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains(names))
            });
        }
        if self.disk == Disk::Playlist {
            // Another playlist takes the place of one that is being read, or hangs.
            let list = "{\"files\": [\"fallback.wav\"], \"when\": \"now\"}";
            let loaded = self.ask("PUT", "/api/v1/pipelines/main/playlist", list);
            assert_eq!(loaded.map(|answer| answer.0), Some(202), "{self:?} {fault}");
            self.until("another playlist plays", || {
                fs::read_to_string(self.path("log")).unwrap().contains("now playing fallback")
            });
        }
        let before = received.bytes();
        let asked = Instant::now();
        let queued = self.ask("POST", "/api/v1/pipelines/main/queue", "{\"files\": [\"two.wav\"]}");
        // Where all music is sick, there is no such file.
        let expected = if self.disk == Disk::AllMusic { 404 } else { 201 };
        assert_eq!(queued.as_ref().map(|answer| answer.0), Some(expected), "{self:?} {fault}: {queued:?}");
        let answered = asked.elapsed();
        assert!(answered < Duration::from_secs(2), "{self:?} {fault}: an answer after {answered:?}");
        std::thread::sleep(WATCHED);
        let heard = received.bytes() - before;
        assert!(heard > BYTES_PER_SECOND * WATCHED.as_secs() / 2, "{self:?} {fault}: {heard} bytes");

        if self.disk == Disk::Library {
            fs::remove_file(self.path("control")).unwrap();
            self.until("a change is kept", || self.change_library().is_some_and(|answer| answer.0 == 204));
            self.until("the library is well again", || !self.health_says(names));
        }
        let asked = Instant::now();
        kill(self.pid(), Signal::SIGTERM).unwrap();
        let time = if self.disk == Disk::AccessLog { A_STOP / 2 } else { A_STOP };
        self.until_ended(time);
        let health = if names.is_empty() { "" } else { names };
        let pause = received.longest_pause().as_secs_f64();
        format!("{pause:.1} s | answers | {health} | {:.1} s", asked.elapsed().as_secs_f64())
    }
}

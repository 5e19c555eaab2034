//! Sick disks under every thread that touches files: what hangs, is slow or fails holds up nothing else.
//!
//! A library that is loaded before the program (testing/sick_disk.c) makes the calls on one folder sick.
#![cfg(feature = "mp3")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use longwave_testing::A_STOP;
use longwave_testing::studio::constant;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A start goes on without what does not answer within about ten seconds, and a busy machine has a moment
/// more.
const STARTS_WITHIN: Duration = Duration::from_secs(14);

/// A start without what it needs is given up after ten seconds, and a busy machine has a moment more.
const REFUSED_WITHIN: Duration = Duration::from_secs(14);

/// How long a listener is watched. It must get at least half of what it would get in this time.
const WATCHED: Duration = Duration::from_secs(2);

/// MP3 at 32 kbit/s.
const BYTES_PER_SECOND: u64 = 4000;

/// What is on the sick disk, and how the station is asked to touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disk {
    OneTrack,
    AllMusic,
    /// All music, and the playlist is the folder itself.
    Folder,
    Playlist,
    Users,
    Configuration,
    State,
    /// What was played.
    History,
    AccessLog,
    /// The recording of the output.
    Recording,
    /// The first of two media roots. The other one is well.
    Root,
    /// The file of the API's token, which is removed at the end.
    Token,
    /// The users file, in which nobody is yet.
    FirstUser,
    /// The temporary folder of a demo, which has its music.
    Demo,
    /// Standard error, which nobody reads. It is no disk.
    Log,
}

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
    (Disk::AccessLog, "hang", "access.log hangs"),
    (Disk::AccessLog, "hang open", "access.log hangs"),
    (Disk::Recording, "hang", "recording: the disk does not answer: "),
    (Disk::Users, "hang", ""),
    (Disk::Configuration, "hang", ""),
];

#[test]
fn a_sick_disk_holds_up_nothing_else() {
    println!("| on the sick disk | fault | audio | API | /health | stop |\n|---|---|---|---|---|---|");
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
    assert!(threads() <= before, "{sick:?}: {} threads, and {before} before", threads());
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

/// Builds the library that makes a disk sick.
pub(super) fn shim(folder: &Path) -> PathBuf {
    let shim = folder.join("sick_disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testing/sick_disk.c");
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).status();
    assert!(cc.expect("a C compiler").success());
    shim
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
        .filter(|(disk, ..)| *disk != Disk::History || cfg!(feature = "library"))
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

/// A station with something on a sick disk.
pub(super) struct Sick {
    disk: Disk,
    process: Child,
    folder: TempDir,
    pub(super) address: String,
    pub(super) token: String,
    since: Instant,
}

impl Sick {
    /// Starts it, with a disk that is sick in this way from before the start on.
    pub(super) fn start(disk: Disk, shim: &Path, fault: &str) -> Sick {
        let mut sick = Sick::spawn(disk, shim, fault);
        let mut line = String::new();
        BufReader::new(sick.process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        sick.address =
            line.split('/').nth(2).unwrap_or_else(|| panic!("{disk:?}: {}", sick.log())).to_owned();
        sick
    }

    /// The same before it is on the air.
    fn spawn(disk: Disk, shim: &Path, fault: &str) -> Sick {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir(at("sick")).unwrap();
        fs::create_dir(at("well")).unwrap();
        let place = |is_sick: bool, name: &str| at(if is_sick { "sick" } else { "well" }).join(name);
        let tracks = ["one", "two"].map(|name| {
            let is_sick =
                matches!(disk, Disk::AllMusic | Disk::Folder) || disk == Disk::OneTrack && name == "one";
            let file = place(is_sick, &format!("{name}.wav"));
            // Longer than what is decoded ahead, so that the disk is needed soon.
            constant(&file, 0.1, 8000 * 6);
            file
        });
        constant(&at("well/fallback.wav"), 0.2, 8000);
        let mut list = place(disk == Disk::Playlist, "list.m3u");
        fs::write(&list, tracks.map(|track| track.display().to_string()).join("\n")).unwrap();
        if disk == Disk::Folder {
            list = at("sick");
        }
        let users = place(matches!(disk, Disk::Users | Disk::FirstUser), "users");
        let token = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(["user", "--file", users.to_str().unwrap(), "token", "t", "--role", "admin"])
            .output()
            .unwrap();
        if disk == Disk::FirstUser {
            fs::remove_file(&users).unwrap();
        }
        let config = place(disk == Disk::Configuration, "station.toml");
        let access = place(disk == Disk::AccessLog, "access.log");
        let state = place(disk == Disk::State, "state.json");
        // A build that keeps no history refuses a file for it.
        let history = match cfg!(feature = "library") {
            true => format!("history_file = {:?}\n", place(disk == Disk::History, "played.db")),
            false => String::new(),
        };
        let users = match disk {
            Disk::Token => String::new(),
            _ => format!("users_file = {users:?}\n"),
        };
        let roots = match disk {
            Disk::Root => format!("{:?}, {:?}", at("sick"), at("well")),
            _ => format!("{:?}", at("well")),
        };
        let record = match disk {
            Disk::Recording => format!("record = {:?}\nrecord_reserve = '0B'\n", at("sick/%Y/rec")),
            _ => String::new(),
        };
        let text = format!(
            "[server]\nburst = '0s'\nlisten = ['127.0.0.1:0']\n{users}media_roots = [{roots}]\n\
             access_log = {access:?}\n{history}[[pipeline]]\nplaylist = [{list:?}]\nloop = true\n\
             state_file = {state:?}\nfallback = {:?}\ndead_air_after = '1s'\n\
             channels = 1\nsample_rate = 8000\n[[pipeline.output]]\n\
             format = 'mp3'\nmount = '/r.mp3'\nbitrate = 32\n{record}",
            at("well/fallback.wav"),
        );
        fs::write(&config, text).unwrap();
        let log =
            if disk == Disk::Log { Stdio::piped() } else { fs::File::create(at("log")).unwrap().into() };
        if !fault.is_empty() {
            fs::write(at("control"), fault).unwrap();
        }
        let process = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .args(if disk == Disk::Demo { vec!["demo", "--listen", "127.0.0.1:0"] } else { vec!["serve"] })
            .args((disk != Disk::Demo).then_some(&config))
            .envs([("XDG_RUNTIME_DIR", at(if disk == Disk::Token { "sick" } else { "" }))])
            .envs([("XDG_STATE_HOME", at("")), ("TMPDIR", at(if disk == Disk::Demo { "sick" } else { "" }))])
            .env("RUST_LOG", if disk == Disk::Log { "trace" } else { "info" })
            .envs([("LD_PRELOAD", shim.into()), ("SICK_DISK", at("sick")), ("SICK_CONTROL", at("control"))])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
        Sick { disk, process, folder, address: String::new(), token, since: Instant::now() }
    }

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
        self.until("it is on the air", || received.load(Ordering::Relaxed) > BYTES_PER_SECOND);
        let is_named =
            |sick: &Sick| sick.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains(names));
        self.until(&format!("/health names {names}"), || is_named(&self));
        let is_said = if self.disk == Disk::AccessLog { "access.log does not open" } else { names };
        // A recording is said to be at risk in the log when something was lost, and so are plays.
        assert!(
            matches!(self.disk, Disk::Recording | Disk::History) || self.log().contains(is_said),
            "{self:?}"
        );
        if matches!(self.disk, Disk::Playlist | Disk::Folder) {
            self.until("the fallback plays", || self.log().contains("now playing fallback"));
        }
        fs::remove_file(self.path("control")).unwrap();
        match self.disk {
            Disk::State => self.until("a state is kept", || self.path("sick/state.json").exists()),
            Disk::History => self.until("plays are written", || self.path("sick/played.db").exists()),
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

    /// The disk is sick in this way from now on.
    pub(super) fn be(&self, fault: &str) {
        // As a whole, so that nobody reads a part of it.
        fs::write(self.path("control.new"), fault).unwrap();
        fs::rename(self.path("control.new"), self.path("control")).unwrap();
    }

    pub(super) fn until_ended(&mut self, time: Duration) -> ExitStatus {
        let asked = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(asked.elapsed() < time, "{self:?}: it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn access_log(&self) -> String {
        fs::read_to_string(self.path("sick/access.log")).unwrap_or_default()
    }

    /// Lets the disk be sick, and tells what came of it. Panics if anything else is held up.
    fn bear(mut self, fault: &str, names: &str) -> String {
        let received = self.listen();
        self.until("it is on the air", || received.load(Ordering::Relaxed) > BYTES_PER_SECOND);
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
        let before = received.load(Ordering::Relaxed);
        let asked = Instant::now();
        let queued = self.ask("POST", "/api/v1/pipelines/main/queue", "{\"files\": [\"two.wav\"]}");
        // Where all music is sick, there is no such file.
        let expected = if self.disk == Disk::AllMusic { 404 } else { 201 };
        assert_eq!(queued.as_ref().map(|answer| answer.0), Some(expected), "{self:?} {fault}: {queued:?}");
        let answered = asked.elapsed();
        assert!(answered < Duration::from_secs(2), "{self:?} {fault}: an answer after {answered:?}");
        std::thread::sleep(WATCHED);
        let heard = received.load(Ordering::Relaxed) - before;
        assert!(heard > BYTES_PER_SECOND * WATCHED.as_secs() / 2, "{self:?} {fault}: {heard} bytes");

        let asked = Instant::now();
        kill(self.pid(), Signal::SIGTERM).unwrap();
        let time = if self.disk == Disk::AccessLog { A_STOP / 2 } else { A_STOP };
        self.until_ended(time);
        let health = if names.is_empty() { "" } else { names };
        format!("goes on | answers | {health} | {:.1} s", asked.elapsed().as_secs_f64())
    }

    /// Counts the bytes that a listener gets.
    fn listen(&self) -> Arc<AtomicU64> {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /r.mp3 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let received = Arc::new(AtomicU64::new(0));
        let counter = received.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = socket.read(&mut buffer) {
                counter.fetch_add(count as u64, Ordering::Relaxed);
            }
        });
        received
    }

    /// The status and the body of an answer. `None` if none comes in time.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        self.ask_as(&self.token, method, path, body)
    }

    /// The same with another user's token.
    pub(super) fn ask_as(&self, token: &str, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut socket = TcpStream::connect(&self.address).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        let length = body.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer))
    }

    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !is_so() {
            assert!(Instant::now() < deadline, "{self:?}: waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32)
    }
}

impl std::fmt::Debug for Sick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let log = self.log();
        let health = self.ask("GET", "/api/v1/health", "");
        write!(f, "{:?}\n{log}\n{health:?}\n", self.disk)
    }
}

impl Drop for Sick {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.path("control"));
    }
}

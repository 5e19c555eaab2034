//! Reloads of a changed configuration while players listen, and `longwave ctl` with a running station.
#![cfg(feature = "mp3")]

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

/// The program, which serves `station.toml` in a folder of its own.
pub(crate) struct Served {
    process: Child,
    server: String,
    folder: TempDir,
    log: PathBuf,
}

impl Served {
    pub(crate) fn start(config: &str) -> Served {
        Served::start_with(config, &[])
    }

    /// Starts a program for which `ctl` needs these options, too.
    pub(crate) fn start_with(config: &str, options: &[&str]) -> Served {
        let folder = music();
        write(folder.path(), config);
        Served::run(folder, &["serve", "station.toml"], options)
    }

    fn run(folder: TempDir, args: &[&str], options: &[&str]) -> Served {
        let log = folder.path().join("log");
        let mut process = longwave(folder.path())
            .args(args)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("on air  ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        let server = url[..url.rfind('/').unwrap()].to_owned();
        let served = Served { process, server, folder, log };
        served.until("it can be steered", || served.ctl(&[options, &["status"]].concat()).status.success());
        served
    }

    fn ctl(&self, args: &[&str]) -> Output {
        longwave(self.folder.path()).args(["ctl", "--server", &self.server]).args(args).output().unwrap()
    }

    /// The output of a command that succeeds.
    pub(crate) fn says(&self, args: &[&str]) -> String {
        let output = self.ctl(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.says(&[&["--json"], args].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The exit code and the output of a command that fails.
    pub(crate) fn refuses(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.ctl(args);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }

    pub(crate) fn reload(&self) {
        kill(Pid::from_raw(self.process.id() as i32), Signal::SIGHUP).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain until {what}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its resident memory in KiB.
    pub(crate) fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.server.strip_prefix("http://").unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The head that a listener gets, and the connection.
    fn listen(&self, mount: &str) -> (String, BufReader<TcpStream>) {
        let mut socket = self.connect();
        write!(socket, "GET {mount} HTTP/1.1\r\n\r\n").unwrap();
        let mut reader = BufReader::new(socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
        (head, reader)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn longwave(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    command.current_dir(folder).env("XDG_RUNTIME_DIR", folder).env("TMPDIR", folder);
    for name in ["RUST_LOG", "LONGWAVE_SERVER", "LONGWAVE_TOKEN", "LONGWAVE_CREDENTIALS"] {
        command.env_remove(name);
    }
    command
}

fn music() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two", "three"] {
        silence(&folder.path().join(format!("{name}.wav")));
    }
    fs::create_dir(folder.path().join("logs")).unwrap();
    folder
}

pub(crate) fn write(folder: &Path, config: &str) {
    fs::write(folder.join("station.toml"), config).unwrap();
}

/// Ten minutes of silence, at 8 kHz.
fn silence(path: &Path) {
    let data = vec![0; 8_000 * 2 * 600];
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    fs::write(path, wav).unwrap();
}

const BEFORE: &str = "[server]\nlisten = '127.0.0.1:0'\nmax_listeners = 100\n\
    [[pipeline]]\nplaylist = ['one.wav', 'two.wav']\nloop = true\ndead_air_after = 'off'\n\
    [[pipeline.output]]\nformat = 'mp3'\nmount = '/stays.mp3'\nbitrate = 64\nname = 'Before'\n\
    [[pipeline.output]]\nformat = 'mp3'\nmount = '/goes.mp3'\n";

#[test]
fn a_reload_applies_changes_and_loses_no_listener() {
    let station = Served::start(BEFORE);
    let (head, mut player) = station.listen("/stays.mp3");
    assert!(head.contains("icy-name: Before\r\nicy-pub") && head.contains("icy-br: 64\r\n"), "{head}");
    let (_, mut other) = station.listen("/goes.mp3");
    station.until("there is a current track", || station.log().contains("now playing one"));

    write(
        station.folder.path(),
        "[server]\nlisten = '127.0.0.1:1'\nicy_mount = '/other'\nmax_listeners = 1\npublic_url = 'https://radio.example'\n\
         [[pipeline]]\nplaylist = 'three.wav'\ncrossfade = '2s'\nreplaygain = 'off'\ndead_air_after = 'off'\n\
         [[pipeline.output]]\nformat = 'mp3'\nmount = '/stays.mp3'\nbitrate = 128\nname = 'After'\n\
         [[pipeline.output]]\nformat = 'mp3'\nmount = '/comes.mp3'\n\
         [[pipeline]]\nname = 'night'\n[[pipeline.output]]\nformat = 'mp3'\nmount = '/night.mp3'\n",
    );
    let report = station.json(&["reload"]);
    let list = |key: &str| -> Vec<&str> {
        report[key].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
    };
    assert_eq!(
        list("changed"),
        [
            "server.max_listeners, server.public_url",
            "pipeline main: playlist",
            "pipeline main: loop",
            "pipeline main: crossfade",
            "/goes.mp3: removed",
            "/stays.mp3: encoder, name",
            "/comes.mp3: added",
        ]
    );
    let restart = ["server.listen", "server.icy_mount", "pipeline main: replaygain", "pipeline night"];
    assert_eq!(list("restart"), restart);
    assert_eq!(list("failed"), [""; 0]);

    // The listener continues, with packets of the old bitrate and then of the new one.
    station.until("the new bitrate is heard", || {
        let mut bytes = vec![0; 4_096];
        player.read_exact(&mut bytes).unwrap();
        let mut headers = bytes.windows(3).filter(|header| header[0] == 0xff && header[1] & 0xfe == 0xfa);
        headers.any(|header| header[2] >> 4 == 0x9)
    });
    let mut rest = Vec::new();
    other.read_to_end(&mut rest).expect("who listened to what is gone gets what is due, and an end");
    let (head, _) = station.listen("/comes.mp3");
    assert!(head.starts_with("HTTP/1.1 503"), "one listens already, and one may: {head}");
    drop(player);
    station.until("there is room", || station.listen("/stays.mp3").0.contains("icy-name: After\r\nicy-pub"));
    station.until("the other list comes next", || station.says(&["next"]).contains("three.wav"));
    assert_eq!(station.says(&["reload"]), restart.map(|what| format!("needs a restart: {what}\n")).concat());
}

#[test]
fn a_station_of_longwave_play_can_be_controlled_too() {
    let station = Served::run(music(), &["play", "one.wav", "two.wav", "--listen", "127.0.0.1:0"], &[]);
    station.until("there is a current track", || station.log().contains("now playing one"));
    station.says(&["queue", "add", "three.wav"]);
    assert!(station.says(&["queue", "list"]).contains("three.wav"));
}

#[test]
fn a_reload_of_which_a_part_fails_shows_it_and_is_a_failure() {
    let station = Served::start(BEFORE);
    fs::write(station.folder.path().join("bad"), "no user\n").unwrap();
    write(station.folder.path(), &BEFORE.replacen("[server]\n", "[server]\nusers_file = 'bad'\n", 1));
    let output = station.ctl(&["reload"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("FAILED: users: "), "{shown}");
}

#[test]
fn a_reload_with_errors_reports_them_and_changes_nothing() {
    let station = Served::start(BEFORE);
    write(station.folder.path(), &BEFORE.replace("/goes.mp3", "/gone.mp3").replace("64", "65"));
    let (code, said) = station.refuses(&["reload"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("longwave: station.toml:11: pipeline.output.bitrate: "), "{said}");
    // Each problem has a line of its own.
    write(station.folder.path(), &format!("nonsense = 1\n{}", BEFORE.replace("64", "65")));
    let (_, said) = station.refuses(&["reload"]);
    write(station.folder.path(), &BEFORE.replace("/goes.mp3", "/gone.mp3").replace("64", "65"));
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() > 1 && !said.contains("\\n"), "{said}");
    assert!(
        lines.iter().any(|line| line.starts_with("station.toml:12: pipeline.output.bitrate: ")),
        "{said}"
    );
    station.reload();
    station.until("the log says it", || {
        station
            .log()
            .contains("not reloaded, everything is as before: station.toml:11: pipeline.output.bitrate: ")
    });
    assert!(station.listen("/goes.mp3").0.starts_with("HTTP/1.1 200"));
    write(station.folder.path(), &BEFORE.replace("/goes.mp3", "/gone.mp3"));
    station.reload();
    station
        .until("the right one is applied", || station.log().contains("reloaded: changed: /gone.mp3: added"));
    assert!(station.listen("/goes.mp3").0.starts_with("HTTP/1.1 404"));
}

#[test]
fn users_change_with_a_reload() {
    let config = format!(
        "{}users_file = 'users'\n{}",
        &BEFORE[..BEFORE.find("max_").unwrap()],
        &BEFORE[BEFORE.find("max_").unwrap()..]
    );
    // The first user's password is in a file that `ctl` does not look for by itself.
    let station = Served::start_with(&config, &["--credentials", "users.first"]);
    let user = |args: &[&str], input: &str| {
        let mut process = longwave(station.folder.path())
            .arg("user")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let token = user(&["token", "script", "--role", "viewer"], "");
    fs::write(station.folder.path().join("script"), &token).unwrap();
    let as_script = |args: &[&str]| station.refuses(&[&["--credentials", "script"], args].concat());
    assert_eq!(as_script(&["status"]).0, Some(1), "nobody knows it yet");
    assert_eq!(
        station.json(&["--credentials", "users.first", "reload"])["changed"],
        serde_json::json!(["users"])
    );
    assert_eq!(as_script(&["status"]).0, Some(0));
    let (code, said) = as_script(&["skip"]);
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "longwave: script is a viewer: this needs a dj or an admin\n")
    );
    user(&["passwd", "admin"], "another password\n");
    assert_eq!(
        station.json(&["--credentials", "users.first", "reload"])["changed"],
        serde_json::json!(["users"])
    );
    assert_eq!(
        station.refuses(&["--credentials", "users.first", "status"]).0,
        Some(1),
        "it is forgotten at once"
    );
}

#[test]
fn the_shell_steers_a_station() {
    let station = Served::start(BEFORE);
    station.until("it plays", || station.says(&["status"]).contains("now        one"));
    let status = station.says(&["status"]);
    assert!(
        status.starts_with("main  on air\n") && status.contains("  mounts     /stays.mp3 /goes.mp3\n"),
        "{status}"
    );
    station.says(&["queue", "add", "three.wav", "two.wav"]);
    station.says(&["queue", "add", "one.wav", "--next"]);
    let queue = station.json(&["queue", "list"]);
    let files: Vec<&str> =
        queue.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap()).collect();
    assert_eq!(files, ["one.wav", "three.wav", "two.wav"]);
    assert!(station.says(&["queue", "list"]).starts_with("ID"));
    station.says(&["queue", "remove", &queue[0]["id"].to_string()]);
    station.says(&["skip"]);
    station.until("the queue plays", || station.says(&["status"]).contains("now        three"));
    station.says(&["title", "Guest \u{1b}[2J", "--until-cleared"]);
    let mount = |key: &str| {
        let mut text = String::new();
        let mut socket = station.connect();
        write!(socket, "GET /nowplaying/stays.mp3 HTTP/1.0\r\n\r\n").unwrap();
        socket.read_to_string(&mut text).unwrap();
        let json: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
        json[key].as_str().unwrap_or_default().to_owned()
    };
    station.until("the guest is announced", || mount("title") == "Guest [2J");
    station.says(&["title", "--clear"]);
    station.until("the track is", || mount("title") == "three");
    station.says(&["hold", "--fade", "0"]);
    station.until("it is held", || station.says(&["status"]).starts_with("main  held\n"));
    station.says(&["resume"]);
    station.says(&["playlist", "load", "two.wav", "--now", "--loop"]);
    station.until("the other list plays", || {
        station.says(&["playlist", "show"]).starts_with("two.wav  1 of 1, loop: yes")
    });
    station.says(&["seek", "300"]);
    station.says(&["queue", "clear"]);
    assert_eq!(station.json(&["queue", "list"]), serde_json::json!([]));
    assert!(station.says(&["history"]).contains("three.wav"));

    let _player = station.listen("/stays.mp3");
    station.until("somebody listens", || station.json(&["listeners"]) != serde_json::json!([]));
    let id = station.json(&["listeners", "--mount", "/stays.mp3"])[0]["id"].to_string();
    assert!(station.says(&["listeners"]).contains("/stays.mp3  127.0.0.1"));
    station.says(&["kick", &id]);
    assert_eq!(station.refuses(&["kick", &id]), (Some(1), format!("longwave: there is no listener {id}\n")));
    let (code, said) = station.refuses(&["queue", "add", "../x.wav"]);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("longwave: files[0]: \"../x.wav\" is not below a media root"), "{said}");
    assert_eq!(
        station.refuses(&["--pipeline", "night", "skip"]).1,
        "longwave: there is no pipeline \"night\"\n"
    );
    assert_eq!(station.refuses(&["play"]).0, Some(2));
}

#[test]
fn the_shell_may_give_a_name_in_any_encoding() {
    let station = Served::start(BEFORE);
    silence(&station.folder.path().join(OsStr::from_bytes(b"M\xe4rz.wav")));
    silence(&station.folder.path().join("De\u{301}j\u{e0}.wav"));
    let names = [OsStr::from_bytes(b"M\xe4rz.wav"), "file://M%E4rz.wav".as_ref(), "Déjà.wav".as_ref()];
    let added = longwave(station.folder.path())
        .args(["ctl", "--server", &station.server, "queue", "add"])
        .args(names)
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let queue = station.json(&["queue", "list"]);
    let told: Vec<&str> =
        queue.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap()).collect();
    assert_eq!(told, ["file://M%E4rz.wav", "file://M%E4rz.wav", "De\u{301}j\u{e0}.wav"]);
    assert!(station.says(&["queue", "list"]).contains("März"), "people read its title");
}

#[test]
fn the_shell_watches_a_station() {
    let station = Served::start(BEFORE);
    station.until("it plays", || station.says(&["status"]).contains("now        one"));
    let mut watch = longwave(station.folder.path())
        .args(["ctl", "--server", &station.server, "--json", "watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["event"], "snapshot");
    station.says(&["skip"]);
    let change = std::iter::repeat_with(&mut next).find(|event| event["event"] == "track-change").unwrap();
    assert_eq!(change["data"]["track"]["file"], "two.wav");
    drop(station);
    assert_eq!(watch.wait().unwrap().code(), Some(1), "the station has gone");
}

#[test]
fn ctl_says_if_there_is_no_station() {
    let folder = tempfile::tempdir().unwrap();
    let output = longwave(folder.path()).args(["ctl", "--server", "127.0.0.1:1", "status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("longwave: no answer from http://127.0.0.1:1: "), "{said}");
}

/// Waits until the program has begun to run, which is long before it is on the air. If it has run to its end
/// already, this returns its status.
fn until_it_runs(process: &mut Child) -> Option<ExitStatus> {
    let tasks = PathBuf::from(format!("/proc/{}/task", process.id()));
    let has_log = || {
        let names = fs::read_dir(&tasks).unwrap().flatten();
        names.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).any(|name| name == "log\n")
    };
    let deadline = Instant::now() + PATIENCE;
    while !has_log() {
        if let ended @ Some(_) = process.try_wait().unwrap() {
            return ended;
        }
        assert!(Instant::now() < deadline, "it does not run");
    }
    None
}

const SMALL: &str = "[server]\nlisten = '127.0.0.1:0'\n[[pipeline]]\nplaylist = 'one.wav'\nloop = true\n\
    [[pipeline.output]]\nformat = 'mp3'\nmount = '/a'\n";

/// A configuration that takes a while to read.
fn long(config: &str) -> String {
    format!("{}{config}", "# a comment\n".repeat(50_000))
}

#[test]
fn a_reload_that_is_asked_for_early_happens_once_it_is_on_the_air() {
    let folder = music();
    write(folder.path(), &long(SMALL));
    let log = folder.path().join("log");
    let mut process = longwave(folder.path())
        .args(["serve", "station.toml"])
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    assert_eq!(until_it_runs(&mut process), None);
    let send = |signal| kill(Pid::from_raw(process.id() as i32), signal).unwrap();
    for _ in 0..3 {
        send(Signal::SIGHUP);
        send(Signal::SIGUSR1);
    }
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(&log).unwrap().contains("reloaded: nothing has changed") {
        assert!(Instant::now() < deadline, "{}", fs::read_to_string(&log).unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
    send(Signal::SIGTERM);
    assert_eq!(process.wait().unwrap().code(), Some(0), "{}", fs::read_to_string(&log).unwrap());
}

#[test]
fn signals_end_at_once_what_is_not_on_the_air() {
    for (args, signal) in
        [(["check", "station.toml"], Signal::SIGHUP), (["serve", "station.toml"], Signal::SIGTERM)]
    {
        let folder = music();
        write(folder.path(), &long(SMALL));
        let mut process =
            longwave(folder.path()).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // `check` may have ended by itself before the signal.
        let status = until_it_runs(&mut process).unwrap_or_else(|| {
            kill(Pid::from_raw(process.id() as i32), signal).unwrap();
            process.wait().unwrap()
        });
        let is_right = status.signal() == Some(signal as i32) || status.code() == Some(0);
        assert!(is_right, "{args:?}: {status:?}");
    }
}

#[test]
fn rotated_logs_are_opened_anew_at_a_signal() {
    let station =
        Served::start(&SMALL.replace("[[pipeline]]", "access_log = 'logs/access.log'\n[[pipeline]]"));
    let folder = station.folder.path().join("logs");
    let (log, old) = (folder.join("access.log"), folder.join("old"));
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let ask = |name: &str| {
        let mut answer = String::new();
        let mut socket = station.connect();
        write!(socket, "GET /{name} HTTP/1.0\r\n\r\n").unwrap();
        socket.read_to_string(&mut answer).unwrap();
    };
    ask("one");
    station.until("it is written", || read(&log).contains("GET /one "));
    assert!(!station.log().contains("GET /one "), "it is not in the log, too");
    fs::rename(&log, &old).unwrap();
    kill(Pid::from_raw(station.process.id() as i32), Signal::SIGUSR1).unwrap();
    station.until("there is a new file", || log.exists());
    ask("two");
    station.until("it is written", || read(&log).contains("GET /two "));
    // (Before the API is there, its paths are 404.)
    let is_poll = |line: &str| line.contains("/api/") && line.contains("\" 200 ");
    assert!(!read(&old).contains("GET /two ") && !read(&old).lines().any(is_poll), "{}", read(&old));
}

#[test]
fn an_access_log_that_cannot_be_written_is_said_at_the_start() {
    let folder = music();
    write(folder.path(), &SMALL.replace("[[pipeline]]", "access_log = 'one.wav/access.log'\n[[pipeline]]"));
    let output = longwave(folder.path()).args(["serve", "station.toml"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("longwave: access_log: ") && said.contains("one.wav/access.log cannot be written"),
        "{said}"
    );
}

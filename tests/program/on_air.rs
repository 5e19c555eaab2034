//! The program on the air: its output, what players hear, and how it ends.
#![cfg(any(feature = "mp3", feature = "aac"))]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running program. It is killed when dropped.
struct OnAir {
    process: Child,
    lines: BufReader<ChildStdout>,
    /// Its standard error so far.
    said: Arc<Mutex<String>>,
    hears: Option<JoinHandle<()>>,
    /// The folder of its token.
    runtime: tempfile::TempDir,
}

impl OnAir {
    fn start(folder: &Path, args: &[&str]) -> OnAir {
        OnAir::by(Command::new(env!("CARGO_BIN_EXE_longwave")).args(args), folder)
    }

    fn by(command: &mut Command, folder: &Path) -> OnAir {
        let runtime = tempfile::tempdir().unwrap();
        let mut process = command
            .current_dir(folder)
            .env_remove("RUST_LOG")
            .env("TMPDIR", folder)
            .env("XDG_RUNTIME_DIR", runtime.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let lines = BufReader::new(process.stdout.take().unwrap());
        let said = Arc::new(Mutex::new(String::new()));
        let (mut stderr, heard) = (BufReader::new(process.stderr.take().unwrap()), Arc::clone(&said));
        let hears = thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                heard.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        OnAir { process, lines, said, hears: Some(hears), runtime }
    }

    /// The URL in the next `on air` line.
    fn url(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        let url = line.strip_prefix("on air  ").and_then(|rest| rest.strip_suffix('\n'));
        url.unwrap_or_else(|| panic!("{line:?}, and {}", self.said())).to_owned()
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id() as i32), signal).unwrap();
    }

    /// Its exit code, and the rest of its standard output.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.hears.take().map(JoinHandle::join).transpose().unwrap();
        (self.process.wait().unwrap().code(), rest)
    }
}

impl Drop for OnAir {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Requests `url` like a player. Returns the head of the answer, and so many bytes of the body.
fn listen(url: &str, bytes: usize) -> (String, Vec<u8>) {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(socket, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nIcy-MetaData: 1\r\n\r\n").unwrap();
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "the head ends early: {head}");
    }
    let mut body = vec![0; bytes];
    reader.read_exact(&mut body).unwrap();
    (head, body)
}

/// Two files with a second of silence, with different names.
fn music(folder: &Path) {
    for name in ["one", "two"] {
        let data = vec![0; 44_100 * 4];
        let mut wav = b"RIFF".to_vec();
        wav.extend((36 + data.len() as u32).to_le_bytes());
        wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data");
        wav.extend((data.len() as u32).to_le_bytes());
        wav.extend(data);
        std::fs::write(folder.join(format!("{name}.wav")), wav).unwrap();
    }
}

#[test]
#[cfg(all(feature = "mp3", feature = "aac"))]
fn play_is_heard_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let line = ["play", ".", "--loop", "--listen", "127.0.0.1:0", "--name", "Jóga Radio"];
        let mut station = OnAir::start(folder.path(), &line);
        let (mp3, aac) = (station.url(), station.url());
        assert!(mp3.ends_with("/stream.mp3") && aac.ends_with("/stream.aac"), "{mp3} {aac}");

        let (head, body) = listen(&mp3, 16_001 + 16);
        assert!(head.contains("\r\nContent-Type: audio/mpeg\r\n"), "{head}");
        assert!(head.contains("\r\nicy-name: Jóga Radio\r\n"), "{head}");
        assert_eq!(body[0], 0xff, "a packet begins with its sync word");
        let title = String::from_utf8_lossy(&body[16_001..]);
        assert!(title.starts_with("StreamTitle='one") || title.starts_with("StreamTitle='two"), "{title}");
        let (head, body) = listen(&aac, 1_000);
        assert!(head.contains("\r\nContent-Type: audio/aac\r\n"), "{head}");
        assert_eq!(body[0], 0xff, "a packet begins with its sync word");

        station.signal(signal);
        assert_eq!(station.end(), (Some(0), String::new()), "{}", station.said());
        let address = mp3.strip_prefix("http://").unwrap().strip_suffix("/stream.mp3").unwrap();
        TcpListener::bind(address).expect("the port is free at once");
    }
}

/// A process that writes beyond its limit for a file's size gets a signal that would end it.
#[test]
#[cfg(feature = "mp3")]
fn a_log_that_may_not_grow_costs_its_lines_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let station = "[server]\nlisten = '127.0.0.1:0'\n[[pipeline]]\nplaylist = '.'\n[[pipeline.output]]\n\
                   format = 'mp3'\nmount = '/a'\n";
    std::fs::write(folder.path().join("station.toml"), station).unwrap();
    let script = format!("ulimit -f 1; exec '{}' serve station.toml 2>log", env!("CARGO_BIN_EXE_longwave"));
    let mut radio = OnAir::by(Command::new("sh").args(["-c", &script]), folder.path());
    let url = radio.url();
    for _ in 0..100 {
        assert_eq!(status(&url.replace("/a", "/nowhere"), ""), 404);
    }
    listen(&url, 10_000);
    assert!((512..=1024).contains(&std::fs::metadata(folder.path().join("log")).unwrap().len()));
    radio.signal(Signal::SIGTERM);
    assert_eq!(radio.end().0, Some(0));
}

#[test]
fn a_closed_terminal_stops_what_was_started_in_it() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let mut station = OnAir::start(folder.path(), &["play", ".", "--loop", "--listen", "127.0.0.1:0"]);
    station.url();
    // Both the shell and the kernel send the signal.
    station.signal(Signal::SIGHUP);
    station.signal(Signal::SIGHUP);
    assert_eq!(station.end().0, Some(0), "{}", station.said());
    assert!(station.said().contains("stopping"), "{}", station.said());
}

#[test]
fn a_closed_terminal_makes_no_difference_to_what_was_started_so() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let mut nohup = Command::new("sh");
    nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_longwave")]);
    let mut station =
        OnAir::by(nohup.args(["play", ".", "--loop", "--listen", "127.0.0.1:0"]), folder.path());
    let url = station.url();
    let status = std::fs::read_to_string(format!("/proc/{}/status", station.process.id())).unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim();
    assert_eq!(u64::from_str_radix(ignored, 16).unwrap() & 1, 1, "SIGHUP is ignored still: {ignored}");
    station.signal(Signal::SIGHUP);
    listen(&url, 100);
    station.signal(Signal::SIGTERM);
    assert_eq!(station.end().0, Some(0), "{}", station.said());
}

#[test]
fn serve_puts_every_mount_on_the_air_and_logs_what_is_of_interest() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let format = if cfg!(feature = "mp3") { "mp3" } else { "aac" };
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\ntrusted_proxies = '0.0.0.0/0'\n\
         users_file = 'users'\nicy_listen = '127.0.0.1:0'\n\
         [[pipeline]]\nname = 'day'\nplaylist = 'one.wav'\nloop = true\n\
         [[pipeline.output]]\nformat = '{format}'\nmount = '/dag/nött'\n\
         [[pipeline]]\nname = 'night'\nplaylist = 'two.wav'\nloop = true\n[[pipeline.live]]\n\
         [[pipeline.output]]\nformat = '{format}'\nmount = '/night'\n"
    );
    std::fs::write(folder.path().join("station.toml"), text).unwrap();
    let mut station = OnAir::start(folder.path(), &["serve", "station.toml"]);
    let (day, night) = (station.url(), station.url());
    assert!(day.ends_with("/dag/n%C3%B6tt") && night.ends_with("/night"), "{day} {night}");
    listen(&day, 100);
    listen(&night, 100);
    station.signal(Signal::SIGTERM);
    assert_eq!(station.end().0, Some(0));
    let said = station.said();
    for part in [
        "station.toml:3: server.trusted_proxies: this trusts every client: any of them can pretend to be another one",
        "listening on 127.0.0.1:",
        " for sources of SHOUTcast 1, which send to /live (",
        "only this machine can reach it",
        "day: now playing one",
        "night: now playing two",
        "\n127.0.0.1 - - [",
    ] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
}

#[test]
fn a_port_in_use_is_said_with_the_port_and_what_to_try() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut station = OnAir::start(folder.path(), &["play", ".", "--listen", &address.to_string()]);
    assert_eq!(station.end(), (Some(1), String::new()));
    let expected = format!(
        "longwave: port {} is in use ({address}): stop the program that has it, or choose another port\n",
        address.port()
    );
    assert!(station.said().ends_with(&expected), "{}", station.said());
}

#[test]
fn more_listeners_than_files_can_be_opened_are_refused_as_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let text = "[server]\nlisten = '127.0.0.1:0'\nmax_listeners = 2000000000\n[[pipeline]]\nplaylist = '.'\n";
    std::fs::write(folder.path().join("station.toml"), text).unwrap();
    let mut station = OnAir::start(folder.path(), &["serve", "station.toml"]);
    assert_eq!(station.end(), (Some(2), String::new()));
    assert!(station.said().contains("longwave: max_listeners: 2000000000 "), "{}", station.said());
}

#[test]
#[cfg(feature = "mp3")]
fn demo_makes_its_music_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut station = OnAir::start(folder.path(), &["demo", "--listen", "127.0.0.1:0"]);
    let url = station.url();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "it keeps its music in one folder");
    let (_, body) = listen(&url, 16_001 + 48);
    let title = String::from_utf8_lossy(&body[16_001..]);
    assert!(title.starts_with("StreamTitle='Longwave - First Light';"), "{title}");
    station.signal(Signal::SIGTERM);
    assert_eq!(station.end().0, Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the music is gone");
    let said = station.said();
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}

/// The status of a request for a path with a header.
fn status(url: &str, header: &str) -> u16 {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).unwrap();
    write!(socket, "GET /{path} HTTP/1.0\r\n{header}\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn without_a_users_file_there_is_a_token_as_long_as_it_is_on_the_air() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let mut station = OnAir::start(folder.path(), &["play", ".", "--listen", "127.0.0.1:0"]);
    let url = station.url();
    let host = &url[..url.rfind('/').unwrap()];
    let port = host.rsplit(':').next().unwrap();
    let file = station.runtime.path().join(format!("longwave/{port}.token"));
    let pipelines = format!("{host}/api/v1/pipelines");
    while !station.said().contains(file.to_str().unwrap()) {
        thread::sleep(Duration::from_millis(5));
    }
    let token = std::fs::read_to_string(&file).unwrap().trim().to_owned();
    assert_ne!(status(&format!("{host}/health"), "A: b"), 404, "on air is said when the API answers");
    assert_eq!(status(&pipelines, &format!("Authorization: Bearer {token}")), 200);
    assert_eq!(status(&pipelines, "A: b"), 401, "that it is the same machine is no credential");
    station.signal(Signal::SIGTERM);
    assert_eq!(station.end().0, Some(0));
    assert!(!station.said().contains(&token), "no secret is logged");
    assert!(!file.exists());
}

#[test]
fn where_there_is_no_user_yet_an_admin_is_made_whose_password_only_the_owner_reads() {
    use base64::Engine as _;
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\nplaylist = '.'\n";
    std::fs::write(folder.path().join("station.toml"), text).unwrap();
    let mut first = None;
    for _ in 0..2 {
        let mut station = OnAir::start(folder.path(), &["serve", "station.toml"]);
        let url = station.url();
        let host = &url[..url.rfind('/').unwrap()];
        assert_ne!(status(&format!("{host}/health"), "A: b"), 404, "on air is said when the API answers");
        let note = folder.path().join("users.first");
        let login = std::fs::read_to_string(&note).unwrap().trim().to_owned();
        assert_eq!(std::fs::metadata(&note).unwrap().permissions().mode() & 0o777, 0o600);
        let encoded = base64::prelude::BASE64_STANDARD.encode(&login);
        assert_eq!(
            status(&format!("{host}/api/v1/pipelines"), &format!("Authorization: Basic {encoded}")),
            200
        );
        station.signal(Signal::SIGTERM);
        assert_eq!(station.end().0, Some(0));
        let (_, password) = login.split_once(':').unwrap();
        assert!(!station.said().contains(password), "no secret is logged");
        assert_eq!(station.said().contains("users.first"), first.is_none(), "it is said when it is made");
        assert_eq!(station.said().contains("the first password of admin expires"), first.is_some());
        assert_eq!(first.get_or_insert(login.clone()), &login, "and made once");
    }

    // Once it is changed, the file that has the first password goes.
    let mut process = Command::new(env!("CARGO_BIN_EXE_longwave"))
        .args(["user", "passwd", "admin"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    assert!(process.wait().unwrap().success());
    let mut station = OnAir::start(folder.path(), &["serve", "station.toml"]);
    let url = station.url();
    let health = format!("{}/health", &url[..url.rfind('/').unwrap()]);
    assert_ne!(status(&health, "A: b"), 404, "on air is said when the API answers");
    assert!(!folder.path().join("users.first").exists());
    assert!(!station.said().contains("first password"));
    station.signal(Signal::SIGTERM);
    station.end();
}

/// A second station on the same state would overwrite what the first one keeps.
#[test]
#[cfg(feature = "mp3")]
fn a_second_station_on_a_state_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    music(folder.path());
    let text = "[server]\nlisten = '127.0.0.1:0'\n[[pipeline]]\nplaylist = '.'\nstate_file = 'main.state'\n\
                [[pipeline.output]]\nformat = 'mp3'\n";
    std::fs::write(folder.path().join("station.toml"), text).unwrap();
    let start = || OnAir::start(folder.path(), &["serve", "station.toml"]);
    let mut first = start();
    first.url();
    let mut second = start();
    assert_ne!(second.end().0, Some(0));
    let said = second.said();
    assert!(said.contains("state_file: a pipeline on the air keeps its state in"), "{said}");
    first.signal(Signal::SIGKILL);
    first.end();
    // A lock ends with its process.
    let mut third = start();
    third.url();
    third.signal(Signal::SIGTERM);
    assert_eq!(third.end().0, Some(0));
}

/// The playlist has many entries and no file: the start waits for the first that is there.
#[test]
#[cfg(feature = "mp3")]
fn a_signal_ends_a_start_at_once_and_what_is_declared_is_awaited_meanwhile() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        std::fs::write(folder.path().join("list.m3u"), "gone.mp3\n".repeat(100_000)).unwrap();
        let text = format!(
            "[server]\nlisten = '{address}'\n[[pipeline]]\nplaylist = 'list.m3u'\n\
             [[pipeline.output]]\nformat = 'mp3'\nmount = '/radio.mp3'\n"
        );
        std::fs::write(folder.path().join("station.toml"), text).unwrap();
        let mut station = OnAir::start(folder.path(), &["serve", "station.toml"]);
        let health = || {
            let mut socket = TcpStream::connect(address).ok()?;
            socket.write_all(b"GET /health HTTP/1.0\r\n\r\n").ok()?;
            let mut answer = String::new();
            socket.read_to_string(&mut answer).ok()?;
            Some(answer)
        };
        let mut answer = None;
        longwave_testing::until("the port is open", || {
            answer = health();
            answer.is_some()
        });
        let answer = answer.unwrap();
        assert!(answer.starts_with("HTTP/1.0 503 ") && answer.contains("\r\nRetry-After: "), "{answer}");
        station.signal(signal);
        let since = std::time::Instant::now();
        let (code, said) = station.end();
        assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
        assert_eq!((code, said.as_str()), (Some(0), ""), "{}", station.said());
        assert!(station.said().contains("stopped before everything had started"), "{}", station.said());
    }
}

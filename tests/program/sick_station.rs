//! A station with something on a sick disk: a library that is loaded before the program
//! (testing/sick_disk.c) makes the calls on one folder sick.
#![cfg(feature = "mp3")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use longwave_testing::studio::constant;
use nix::unistd::Pid;
use tempfile::TempDir;

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
    /// The database of the library.
    Library,
    /// The folder of the library, with its inbox.
    #[cfg(feature = "library")]
    Inbox,
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

/// A station with something on a sick disk.
pub(super) struct Sick {
    pub(super) disk: Disk,
    process: Child,
    folder: TempDir,
    pub(super) address: String,
    pub(super) token: String,
    pub(super) since: Instant,
}

/// What a listener has got.
#[derive(Default)]
pub(super) struct Received {
    bytes: AtomicU64,
    longest_pause_ms: AtomicU64,
}

impl Received {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The longest time without anything.
    pub(super) fn longest_pause(&self) -> Duration {
        Duration::from_millis(self.longest_pause_ms.load(Ordering::Relaxed))
    }
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
    pub(super) fn spawn(disk: Disk, shim: &Path, fault: &str) -> Sick {
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
        let library = match disk {
            Disk::Library => {
                let (folder, database) = (at("well"), at("sick/library.db"));
                format!("[library]\nfolders = {folder:?}\ndatabase = {database:?}\nanalyse = false\n")
            }
            #[cfg(feature = "library")]
            Disk::Inbox => {
                let (folder, database) = (at("sick"), at("well/library.db"));
                let inbox = at("sick/inbox");
                format!(
                    "[library]\nfolders = {folder:?}\ndatabase = {database:?}\ninbox = {inbox:?}\nanalyse = false\n"
                )
            }
            _ => String::new(),
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
             access_log = {access:?}\n{history}{library}[[pipeline]]\nplaylist = [{list:?}]\nloop = true\n\
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

    pub(super) fn access_log(&self) -> String {
        fs::read_to_string(self.path("sick/access.log")).unwrap_or_default()
    }

    /// Counts what a listener gets.
    pub(super) fn listen(&self) -> Arc<Received> {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /r.mp3 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let received = Arc::new(Received::default());
        let counter = received.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let mut last = Instant::now();
            while let Ok(count @ 1..) = socket.read(&mut buffer) {
                counter.bytes.fetch_add(count as u64, Ordering::Relaxed);
                counter.longest_pause_ms.fetch_max(last.elapsed().as_millis() as u64, Ordering::Relaxed);
                last = Instant::now();
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

    /// Whether `/health` says this.
    pub(super) fn health_says(&self, what: &str) -> bool {
        self.ask("GET", "/api/v1/health", "").is_some_and(|(_, body)| body.contains(what))
    }

    /// Asks for a change of the library's database: for a playlist. Gives the answer.
    pub(super) fn change_library(&self) -> Option<(u16, String)> {
        self.ask("PUT", "/api/v1/library/playlists/all", "{\"smart\": {}}")
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

/// Builds the library that makes a disk sick.
pub(super) fn shim(folder: &Path) -> PathBuf {
    let shim = folder.join("sick_disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("testing/sick_disk.c");
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&shim, &source]).status();
    assert!(cc.expect("a C compiler").success());
    shim
}

//! What was played, and how many listened, is in the history, however the station ended.
#![cfg(all(feature = "mp3", feature = "library"))]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave::{Play, PlayKind, PlaysWanted, StatisticsWanted, Zone, read_plays, read_statistics};
use longwave_testing::studio::constant;
use longwave_testing::until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A running `longwave serve`.
pub(super) struct Daemon {
    process: Child,
    pub(super) address: String,
}

impl Daemon {
    pub(super) fn start(folder: &Path) -> Daemon {
        let mut process = Command::new(env!("CARGO_BIN_EXE_longwave"))
            .arg("serve")
            // In full, so that its state has the full paths of files.
            .arg(folder.join("station.toml"))
            .current_dir(folder)
            .env("XDG_RUNTIME_DIR", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split('/').nth(2).expect("a URL").to_owned();
        Daemon { process, address }
    }

    /// A listener of its stream, as long as this lives.
    fn listen(&self) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /radio.mp3 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut reader = socket.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(1..) = reader.read(&mut buffer) {}
        });
        socket
    }

    fn has_listener(&self) -> bool {
        let mut answer = String::new();
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET /status-json.xsl HTTP/1.0\r\n\r\n").unwrap();
        socket.read_to_string(&mut answer).unwrap();
        answer.contains("\"listeners\":1")
    }

    /// What `longwave ctl` prints.
    fn ctl(&self, folder: &Path, arguments: &[&str]) -> String {
        let server = format!("http://{}", self.address);
        let said = longwave(folder, &[&["ctl", "--server", &server], arguments].concat());
        assert!(said.status.success(), "{arguments:?}: {said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    fn stop(&mut self) {
        kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A station that plays a short track and then a long one.
fn station(folder: &Path) {
    fs::create_dir(folder.join("music")).unwrap();
    for (name, seconds) in [("shört", 1), ("long", 600)] {
        constant(&folder.join(format!("music/{name}.wav")), 0.1, seconds * 8000);
    }
    fs::write(folder.join("list.m3u"), "music/shört.wav\nmusic/long.wav\n").unwrap();
    let text = "[server]\nlisten = ['127.0.0.1:0']\nmedia_roots = 'music'\n\
                [[pipeline]]\nplaylist = 'list.m3u'\nstate_file = 'state.json'\n\
                channels = 1\nsample_rate = 8000\n\
                [[pipeline.output]]\nformat = 'mp3'\nmount = '/radio.mp3'\nbitrate = 32\n";
    fs::write(folder.join("station.toml"), text).unwrap();
}

/// Runs another command beside it, which finds its token.
fn longwave(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    command.args(arguments).current_dir(folder).env("XDG_RUNTIME_DIR", folder).output().unwrap()
}

/// What is in the history so far.
fn plays(folder: &Path) -> Vec<Play> {
    read_plays(&folder.join("state.json.history"), &PlaysWanted::default()).unwrap_or_default()
}

fn titles(folder: &Path) -> Vec<String> {
    plays(folder).into_iter().map(|play| play.title).collect()
}

#[test]
fn a_station_that_is_killed_leaves_what_it_has_played_and_one_that_is_stopped_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    station(folder);
    let daemon = Daemon::start(folder);
    until("both tracks are in the history", || titles(folder) == ["shört", "long"]);
    drop(daemon); // SIGKILL
    let before = plays(folder);
    assert_eq!(before.iter().map(|play| play.ended).collect::<Vec<_>>(), [true, false]);
    assert_eq!(before[0].file.as_deref(), Some("shört.wav"), "as the media root has it");
    let heard = before[0].heard.as_secs_f64();
    assert!((0.5..8.0).contains(&heard), "a second, on a busy machine: {heard}");

    let mut daemon = Daemon::start(folder);
    let listener = daemon.listen();
    until("it goes on", || titles(folder) == ["shört", "long", "long"]);
    until("somebody listens", || daemon.has_listener());
    // Longer than the time between two looks.
    std::thread::sleep(Duration::from_millis(2500));
    daemon.stop();
    drop(listener);
    assert!(!folder.join("state.json.history-wal").exists(), "it was closed in order");
    let after = plays(folder);
    assert_eq!(after[..2], before, "what was written stays as it was");
    let last = &after[2];
    assert_eq!((last.ended, last.kind, &*last.pipeline), (true, PlayKind::Music, "main"));
    assert!(last.listeners_peak == 1 && last.heard.as_secs() >= 2, "{last:?}");
    assert!(last.listened.as_secs() >= 1 && last.listened <= last.heard, "{last:?}");

    let report = |by: &str| {
        let arguments = ["report", "station.toml", "--from", "2020-01-01", "--to", "2100-01-01", "--by", by];
        let report = longwave(folder, &arguments);
        assert!(report.status.success(), "{report:?}");
        String::from_utf8(report.stdout).unwrap()
    };
    let by_track = report("track");
    let lines: Vec<&str> = by_track.lines().collect();
    assert!(lines[0].starts_with("kind,artist,name,") && lines.len() == 3, "{by_track}");
    assert!(lines[1].starts_with("music,,long,,,,,,2,") && lines[2].starts_with("music,,shört,,,,,,1,"));
    assert_eq!(report("play").lines().count(), 4);
    let refused = longwave(folder, &["report", "station.toml", "--from", "then", "--to", "now"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(2) && said.contains("--from: \"then\" is neither a day"), "{said}");
}

#[test]
fn a_station_on_the_air_tells_what_it_has_played() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    station(folder);
    let daemon = Daemon::start(folder);
    until("both tracks are in the history", || titles(folder) == ["shört", "long"]);
    let server = format!("http://{}", daemon.address);
    let ctl = |arguments: &[&str]| daemon.ctl(folder, arguments);
    let plays: Value = serde_json::from_str(&ctl(&["--json", "history", "--limit", "1"])).unwrap();
    assert_eq!(
        (&plays[0]["title"], &plays[0]["ended"], plays.as_array().unwrap().len()),
        (&"long".into(), &false.into(), 1)
    );
    assert_eq!(ctl(&["history", "--from", "2020-01-01"]).lines().count(), 3, "a head and two plays");
    assert_eq!(ctl(&["history"]).lines().count(), 3, "those in memory");
    let report = ctl(&["report", "--from", "2020-01-01", "--to", "2100-01-01", "--by", "play"]);
    assert!(report.lines().count() == 3 && report.contains(",shört,"), "{report}");
    let none = ctl(&["--json", "report", "--from", "2020-01-01", "--to", "2020-01-01"]);
    assert_eq!(none, "[]\n");
    let arguments = ["ctl", "--server", &server, "report", "--from", "2020-01-01", "--to", "x"];
    let refused = longwave(folder, &arguments);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("to: \"x\" is neither"), "{refused:?}");
}

/// The minute in which it stops is written down, and added to if it begins again in the same one.
#[test]
fn how_many_listened_is_kept_and_what_was_heard_before_a_restart_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    station(folder);
    let mut daemon = Daemon::start(folder);
    let listener = daemon.listen();
    until("both tracks are in the history", || titles(folder) == ["shört", "long"]);
    until("somebody listens", || daemon.has_listener());
    // It is looked at once a second, and the long track lasts longer than a burst.
    std::thread::sleep(Duration::from_millis(2500));
    daemon.stop();
    drop(listener);
    // Without its state, it remembers nothing.
    fs::remove_file(folder.join("state.json")).unwrap();
    let daemon = Daemon::start(folder);
    until("it plays again", || titles(folder).len() == 4);
    let begun = UNIX_EPOCH + Duration::from_millis(plays(folder)[2].began_at - 1);
    let at = humantime::format_rfc3339_millis(begun).to_string();
    let heard: Value = serde_json::from_str(&daemon.ctl(folder, &["--json", "played", "--at", &at])).unwrap();
    assert_eq!((&heard["title"], &heard["live"]), (&"long".into(), &Value::Null), "{heard}");
    let path = format!("/played/radio.mp3?at={}", at.replacen("20", "19", 1));
    let mut answer = String::new();
    let mut socket = TcpStream::connect(&daemon.address).unwrap();
    write!(socket, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 404 Not Found") && answer.contains("what is known begins later"), "{answer}");

    let told = daemon.ctl(folder, &["--json", "statistics", "--step", "1m"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let streams = told["streams"].as_array().unwrap();
    let mounts: Vec<_> = streams.iter().map(|stream| stream["mount"].as_str()).collect();
    assert_eq!(mounts, [None, Some("/radio.mp3")], "{told}");
    for stream in streams {
        let points = stream["points"].as_array().unwrap();
        let sum = |key: &str| points.iter().map(|point| point[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(
            (sum("joins"), points.iter().map(|point| point["peak"].as_u64()).max()),
            (1, Some(Some(1)))
        );
        assert!(sum("seconds") >= 2, "{told}");
    }
    let csv = daemon.ctl(folder, &["statistics", "--step", "1d", "--mount", "/radio.mp3"]);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "at,mount,listeners,peak,joins,seconds");
    assert!(lines[1..].iter().all(|line| line.contains(",/radio.mp3,")) && lines.len() > 1, "{csv}");
    let wanted =
        StatisticsWanted::parse(None, None, None, None, &Zone::default(), SystemTime::now()).unwrap();
    let kept = read_statistics(&folder.join("state.json.history"), &wanted).unwrap();
    assert_eq!(kept.streams.len(), 2, "{kept:?}");
}

#[test]
fn a_station_is_packed_while_it_is_on_the_air_and_goes_on_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    fs::create_dir(&old).unwrap();
    station(&old);
    let daemon = Daemon::start(&old);
    until("both tracks are in the history", || titles(&old) == ["shört", "long"]);
    until("there is a state", || old.join("state.json").exists());
    let archive = folder.path().join("backup.tar.gz");
    let archive = archive.to_str().unwrap();
    let packed = longwave(&old, &["backup", "station.toml", archive]);
    assert!(packed.status.success(), "{packed:?}");
    let said = String::from_utf8(packed.stdout).unwrap();
    assert!(said.contains("station.toml") && said.contains("state.json.history"), "{said}");
    let again = longwave(&old, &["backup", "station.toml", archive]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already: name another"), "{again:?}");

    // It is in use, even if somebody insists.
    let refused = longwave(&old, &["restore", archive, "--force"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("a station on the air has it in use"),
        "{said}"
    );
    drop(daemon);
    let refused = longwave(&old, &["restore", archive]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("(--force replaces it)"), "{said}");

    let restored = longwave(&old, &["restore", archive, "--to", new.to_str().unwrap()]);
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(titles(&new), ["shört", "long"]);
    // The music is not in it.
    fs::rename(old.join("music"), new.join("music")).unwrap();
    fs::rename(old.join("list.m3u"), new.join("list.m3u")).unwrap();
    let _daemon = Daemon::start(&new);
    until("it goes on with the long track", || titles(&new) == ["shört", "long", "long"]);
}

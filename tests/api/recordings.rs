//! Recordings over HTTP: listed, listened to, downloaded; and nothing but recordings.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use longwave::{RecordSettings, RecordingState};
use longwave_testing::client::{Client, Fetched};
use longwave_testing::until;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Radio;

/// The list of what was recorded at `/a`, as the station writes it.
const LIST: &str = ".longwave-recordings-a";

/// A station that records `/a` into a folder, in which there are recordings of former days.
struct Archive {
    radio: Radio,
    folder: TempDir,
}

impl Archive {
    fn new() -> Archive {
        let folder = tempfile::tempdir().unwrap();
        let record = RecordSettings {
            base: folder.path().join("archive"),
            record_reserve: 0,
            ..RecordSettings::into_files("now/{mount}")
        };
        fs::create_dir_all(folder.path().join("archive/now")).unwrap();
        let radio = Radio::with(|_| {}, |pipeline| pipeline.outputs[0].record = record);
        Archive { radio, folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("archive/now")
    }

    /// A recording of a minute, which is finished.
    fn record(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        self.note(&format!("{name} {} 1700000060 1700000000\n", bytes.len()));
        path
    }

    fn note(&self, line: &str) {
        let mut list = File::options().append(true).create(true).open(self.root().join(LIST)).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }

    fn list(&self) -> Vec<Value> {
        let answer = self.radio.steer("GET", "/api/v1/recordings", Value::Null);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["problems"], json!([]));
        answer.json()["recordings"].as_array().unwrap().clone()
    }

    fn head(&self, headers: &str) -> String {
        format!("Authorization: Bearer {}\r\n{headers}", self.radio.admin)
    }

    fn fetch(&self, method: &str, name: &str, headers: &str) -> Fetched {
        Client::new(self.radio.connect()).fetch(method, &target(name), &self.head(headers))
    }

    /// A client that has asked for a recording and reads nothing.
    fn reader(&self, name: &str) -> TcpStream {
        let mut socket = self.radio.connect();
        write!(socket, "GET {} HTTP/1.1\r\nHost: a\r\n{}\r\n", target(name), self.head("")).unwrap();
        socket
    }
}

fn target(name: &str) -> String {
    format!("/api/v1/recordings/a/{name}")
}

/// Bytes that are nowhere the same.
fn noise(count: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| random.u8(..)).take(count).collect()
}

/// A file whose bytes take no room on the disk.
fn sparse(archive: &Archive, name: &str, length: u64) -> PathBuf {
    let path = archive.root().join(name);
    File::create(&path).unwrap().set_len(length).unwrap();
    archive.note(&format!("{name} {length} 1700000060 1700000000\n"));
    path
}

#[test]
fn recordings_are_listed_with_what_is_known_of_them() {
    let archive = Archive::new();
    archive.record("2023/gäst-ö.mp3", b"12345678");
    fs::write(archive.root().join("broken.mp3"), "half").unwrap();
    archive.note("broken.mp3\n");
    // The station records just now.
    until("its own file is there", || archive.list().len() == 3);
    let list = archive.list();
    let find = |state: &str| list.iter().find(|recording| recording["state"] == state).unwrap();
    let expected = json!({
        "name": "a/2023/gäst-ö.mp3", "mount": "/a", "bytes": 8, "began": "2023-11-14T22:13:20.000Z", "state": "ended",
        "duration": 60.0
    });
    assert_eq!(find("ended"), &expected);
    assert_eq!(list.last(), Some(&expected), "the youngest is first");
    assert_eq!(
        (&find("broken-off")["name"], &find("broken-off")["duration"]),
        (&json!("a/broken.mp3"), &Value::Null)
    );
    assert!(find("running")["name"].as_str().unwrap().starts_with("a/a."), "{list:?}");
    let of_station = archive.radio.station.recordings();
    let ended = of_station.recordings.iter().find(|one| matches!(one.state, RecordingState::Ended { .. }));
    assert_eq!(ended.unwrap().path, archive.root().join("2023/gäst-ö.mp3"));
}

#[test]
fn a_recording_is_sent_whole_or_in_the_part_that_is_asked_for() {
    let archive = Archive::new();
    let bytes = noise(300_000);
    archive.record("one.mp3", &bytes);
    archive.record("empty.ogg", b"");
    let whole = archive.fetch("GET", "one.mp3", "");
    assert_eq!((whole.status, whole.bytes == bytes), (200, true));
    let tag = whole.header("etag").unwrap().to_owned();
    for (name, value) in [
        ("Content-Type", "audio/mpeg"),
        ("Content-Disposition", "attachment; filename=\"one.mp3\"; filename*=UTF-8''one.mp3"),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", "private, no-cache"),
        ("X-Content-Type-Options", "nosniff"),
    ] {
        assert_eq!(whole.header(name), Some(value));
    }
    for (range, part) in [
        ("0-0", 0..1),
        ("0-", 0..300_000),
        ("65535-65536", 65_535..65_537),
        ("299999-", 299_999..300_000),
        ("-70000", 230_000..300_000),
        ("100000-999999", 100_000..300_000),
    ] {
        let answer = archive.fetch("GET", "one.mp3", &format!("Range: bytes={range}\r\nIf-Range: {tag}\r\n"));
        assert_eq!((answer.status, answer.bytes == bytes[part.clone()]), (206, true), "{range}");
        let place = format!("bytes {}-{}/300000", part.start, part.end - 1);
        assert_eq!(answer.header("Content-Range"), Some(&*place));
    }
    let other = archive.fetch("GET", "one.mp3", "Range: bytes=0-9\r\nIf-Range: \"other\"\r\n");
    assert_eq!((other.status, other.bytes.len()), (200, 300_000));
    let beyond = archive.fetch("GET", "one.mp3", "Range: bytes=300000-\r\n");
    assert_eq!((beyond.status, beyond.header("Content-Range")), (416, Some("bytes */300000")));
    let known = archive.fetch("GET", "one.mp3", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((known.status, known.header("ETag"), known.bytes.len()), (304, Some(&*tag), 0));
    let head = archive.fetch("HEAD", "one.mp3", "");
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("300000")));
    let empty = archive.fetch("GET", "empty.ogg", "");
    assert_eq!((empty.status, empty.bytes.len(), empty.header("Content-Type")), (200, 0, Some("audio/ogg")));

    // The connection is kept, also after HEAD.
    let mut client = Client::new(archive.radio.connect());
    for method in ["GET", "HEAD", "GET"] {
        let answer = client.fetch(method, &target("one.mp3"), &archive.head(""));
        assert_eq!((answer.status, answer.bytes.len()), (200, if method == "GET" { 300_000 } else { 0 }));
    }
    fs::write(archive.root().join("one.mp3"), &bytes[1..]).unwrap();
    assert_eq!(archive.fetch("GET", "one.mp3", "").status, 404, "it was changed: it is somebody's own now");
}

#[test]
fn only_recordings_are_there_whatever_a_name_looks_like() {
    let archive = Archive::new();
    archive.record("one.mp3", b"12345678");
    let (root, outside) = (archive.root(), archive.folder.path().join("secret.mp3"));
    fs::write(&outside, "secret").unwrap();
    fs::write(root.join("unlisted.mp3"), "own").unwrap();
    std::os::unix::fs::symlink(&outside, root.join("link.mp3")).unwrap();
    std::os::unix::fs::symlink(archive.folder.path(), root.join("folder")).unwrap();
    fs::create_dir(root.join("sub.mp3")).unwrap();
    let absolute = outside.display().to_string();
    for line in
        ["link.mp3 6 1 1\n", "folder/secret.mp3 6 1 1\n", "../../secret.mp3 6 1 1\n", "sub.mp3 0 1 1\n"]
    {
        archive.note(line);
    }
    archive.note(&format!("{absolute} 6 1 1\n"));
    let encoded = absolute.replace('/', "%2F");
    for name in [
        "unlisted.mp3",
        "link.mp3",
        "folder/secret.mp3",
        "../../secret.mp3",
        "..%2F..%2Fsecret.mp3",
        "sub.mp3",
        "%2e%2e/%2e%2e/secret.mp3",
        "one.mp3/",
        "one.mp3%00",
        "./one.mp3",
        "/one.mp3",
        "ONE.mp3",
        LIST,
        "",
        ".",
        "one.mp3/../one.mp3",
        "%ff",
        &absolute,
        &encoded,
    ] {
        let answer = archive.fetch("GET", name, "");
        assert_eq!(answer.status, 404, "{name}: {:?}", String::from_utf8_lossy(&answer.bytes));
    }
    assert_eq!(archive.fetch("GET", "one.mp3", "").bytes, b"12345678");
    let in_one_segment = archive.radio.steer("GET", "/api/v1/recordings/a%2Fone.mp3", Value::Null);
    assert_eq!((in_one_segment.status, &*in_one_segment.body), (200, "12345678"));
}

#[test]
fn who_makes_programmes_may_listen_and_nobody_else() {
    let archive = Archive::new();
    archive.record("one.mp3", b"12345678");
    for path in ["/api/v1/recordings", "/api/v1/recordings/a%2Fone.mp3"] {
        let viewer = archive.radio.steer_as(&archive.radio.viewer, "GET", path, Value::Null);
        assert_eq!(viewer.problem().1, "forbidden", "{path}");
        assert_eq!(archive.radio.ask("GET", path, "", "").problem().1, "unauthorized", "{path}");
        assert_eq!(archive.radio.steer("GET", path, Value::Null).status, 200, "{path}");
        assert_eq!(archive.radio.steer("DELETE", path, Value::Null).status, 405, "{path}");
    }
}

/// A station sends so many files to a user at once, and each costs some pieces, whatever its length.
#[test]
fn who_reads_nothing_holds_up_nobody_but_those_who_come_after_eight() {
    let archive = Archive::new();
    sparse(&archive, "long.mp3", 1 << 33);
    archive.record("short.mp3", b"12345678");
    let mut readers: Vec<TcpStream> = (0..8).map(|_| archive.reader("long.mp3")).collect();
    for reader in &mut readers {
        let mut beginning = [0; 12];
        reader.read_exact(&mut beginning).unwrap();
        assert_eq!(&beginning, b"HTTP/1.1 200");
    }
    let ninth = archive.fetch("GET", "short.mp3", "");
    assert_eq!((ninth.status, ninth.header("Retry-After")), (503, Some("5")));
    assert_eq!(archive.radio.look("/api/v1/server")["listeners"], 0, "the station answers as ever");
    assert_eq!(archive.fetch("HEAD", "long.mp3", "").header("Content-Length"), Some("8589934592"));
    readers.pop();
    until("the place is free", || archive.fetch("GET", "short.mp3", "").status == 200);
}

#[test]
fn a_file_that_becomes_shorter_breaks_off_and_is_not_taken_for_the_whole() {
    let archive = Archive::new();
    let path = sparse(&archive, "long.mp3", 1 << 30);
    let mut client = Client::new(archive.reader("long.mp3"));
    let head = String::from_utf8(client.until(b"\r\n\r\n")).unwrap();
    assert!(head.contains("Content-Length: 1073741824\r\n"), "{head}");
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert!(client.to_end().len() < 1 << 30);
    assert_eq!(still_there(&path), 0);
}

fn still_there(path: &Path) -> u64 {
    path.metadata().unwrap().len()
}

#[test]
fn a_stop_does_not_wait_for_who_downloads() {
    let mut archive = Archive::new();
    sparse(&archive, "long.mp3", 1 << 33);
    let mut reader = archive.reader("long.mp3");
    reader.read_exact(&mut [0; 12]).unwrap();
    archive.radio.stop();
}

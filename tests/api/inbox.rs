//! Shows by upload: they come whole into the inbox, or nothing of them does.
#![cfg(feature = "library")]

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use longwave::{Api, Config, LibrarySettings, Role, ServerSettings, Station, StationSettings, Users};
use longwave_testing::PATIENCE;
use longwave_testing::client::{Answer, Client};
use longwave_testing::studio::constant;
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::Radio;
use crate::document;

/// The most bytes of a file, of a user, and of all.
const FILE_MOST: usize = 100_000;
const USER_MOST: usize = 150_000;
const MOST: u64 = 200_000;

/// A client that sends nothing for so long is let go, where that is tested. Elsewhere it has the time that it
/// has by default: a machine may be so busy that a client of a test is silent for seconds.
const STALLS_AFTER: Duration = Duration::from_secs(2);

/// A station with an inbox, and two users who send shows.
struct Inbox {
    radio: Radio,
    anna: String,
    ben: String,
    /// A file of audio with 32,044 bytes.
    show: Vec<u8>,
}

impl Inbox {
    fn new() -> Inbox {
        Inbox::with(|_| {})
    }

    /// `prepare` gets the folder of the inbox before the station starts.
    fn with(prepare: impl FnOnce(PathBuf)) -> Inbox {
        Inbox::of(prepare, ServerSettings::default())
    }

    fn of(prepare: impl FnOnce(PathBuf), server: ServerSettings) -> Inbox {
        let mut radio = Radio::start();
        radio.stop();
        prepare(radio.music("inbox"));
        let users_file = radio.folder.path().join("users");
        let mut users = Users::read(&users_file).unwrap();
        let [anna, ben] = ["anna", "ben"].map(|name| users.add_token(name, Role::Dj).unwrap());
        users.write(&users_file).unwrap();
        let library = LibrarySettings {
            analyse: false,
            inbox: Some(radio.music("inbox")),
            inbox_file_most: FILE_MOST as u64,
            inbox_user_most: USER_MOST as u64,
            inbox_most: MOST,
            ..LibrarySettings::of([radio.folder.path().join("music")], radio.folder.path().join("library.db"))
        };
        let server = ServerSettings { listen: vec![radio.address], ..server };
        let settings = StationSettings { server, library: Some(library), ..StationSettings::default() };
        radio.station = Station::start(settings).unwrap();
        radio.start_api();
        let sample = radio.folder.path().join("sample.wav");
        constant(&sample, 0.25, 8_000);
        let show = fs::read(sample).unwrap();
        Inbox { radio, anna, ben, show }
    }

    /// Sends a file as a whole, with these headers beside its length.
    fn put_with(&self, token: &str, name: &str, headers: &str, bytes: &[u8]) -> Answer {
        let mut client = self.begin(token, name, headers, bytes.len());
        // What is refused is not read to its end.
        let _ = client.socket.write_all(bytes);
        self.end(client, name)
    }

    fn put(&self, token: &str, name: &str, bytes: &[u8]) -> Answer {
        self.put_with(token, name, "", bytes)
    }

    /// Sends the head of a file with so many bytes.
    fn begin(&self, token: &str, name: &str, headers: &str, length: usize) -> Client {
        let mut client = Client::new(self.radio.connect());
        write!(
            client.socket,
            "PUT {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n{headers}\r\n",
            target(name),
        )
        .unwrap();
        client
    }

    fn end(&self, mut client: Client, name: &str) -> Answer {
        let answer = client.answer(false);
        document::judge("PUT", &target(name), &answer);
        answer
    }

    fn list(&self) -> Value {
        self.radio.steer_as(&self.anna, "GET", "/api/v1/library/inbox", Value::Null).json()
    }

    fn folder(&self, user: &str) -> PathBuf {
        self.radio.music("inbox").join(user)
    }

    /// The names of all files of a user, hidden ones included.
    fn files(&self, user: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder(user)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn nothing_is_left(&self, user: &str) {
        until("nothing is left", || !self.folder(user).exists());
    }

    fn is_under_way(&self, user: &str) {
        until("it is under way", || self.files(user).iter().any(|name| name.starts_with(".upload-")));
    }
}

fn target(name: &str) -> String {
    format!("/api/v1/library/inbox/{name}")
}

#[test]
fn a_show_comes_into_the_folder_of_its_user_and_is_a_track_of_the_library() {
    let inbox = Inbox::new();
    let empty = inbox.list();
    assert_eq!(empty, json!({"files": [], "file_most": FILE_MOST, "user_most": USER_MOST, "most": MOST}));
    let sent = inbox.put(&inbox.anna, "G%C3%A4ste%20um%20acht.wav", &inbox.show);
    assert_eq!(sent.status, 201, "{sent:?}");
    assert_eq!(sent.header("Connection"), Some("close"));
    let file = &inbox.list()["files"][0];
    assert_eq!((&file["user"], &file["name"]), (&json!("anna"), &json!("Gäste um acht.wav")));
    assert_eq!((&file["file"], &file["bytes"]), (&json!("inbox/anna/Gäste um acht.wav"), &json!(32_044)));
    assert_eq!(sent.json()["file"], file["file"]);
    assert_eq!(inbox.files("anna"), ["Gäste um acht.wav"]);
    assert_eq!(fs::read(inbox.folder("anna").join("Gäste um acht.wav")).unwrap(), inbox.show);
    until("the library has it", || inbox.radio.look("/api/v1/library/tracks?search=acht")["total"] == 1);
    let changes = inbox.radio.look("/api/v1/changes");
    assert_eq!((&changes[0]["user"], &changes[0]["method"]), (&json!("anna"), &json!("PUT")));

    // Somebody else's file of the same name is another one, and each removes their own.
    assert_eq!(inbox.put(&inbox.ben, "show.wav", &inbox.show).status, 201);
    let of_anna = format!("{}?user=anna", target("G%C3%A4ste%20um%20acht.wav"));
    let delete = |token: &str, target: &str| inbox.radio.steer_as(token, "DELETE", target, Value::Null);
    assert_eq!(delete(&inbox.ben, &of_anna).problem().1, "forbidden");
    assert_eq!(delete(&inbox.ben, &target("G%C3%A4ste%20um%20acht.wav")).status, 404);
    assert_eq!(delete(&inbox.radio.admin, &of_anna).status, 204);
    assert_eq!(delete(&inbox.ben, &target("show.wav")).status, 204);
    inbox.nothing_is_left("anna");
    inbox.nothing_is_left("ben");
    // Who puts files there by hand may call them as they like.
    fs::create_dir_all(inbox.folder("ben")).unwrap();
    fs::write(inbox.folder("ben").join("What? Part 1: a.wav"), "own").unwrap();
    assert_eq!(delete(&inbox.ben, &target("What%3F%20Part%201%3A%20a.wav")).status, 204);
    inbox.nothing_is_left("ben");
    for name in ["..%2Fanna", "%2e%2e", ".upload-x.wav", "a%2Fb.wav"] {
        assert_eq!(delete(&inbox.radio.admin, &target(name)).status, 404, "{name}");
    }
}

#[test]
fn a_name_that_is_not_safe_is_refused_and_never_changed() {
    let inbox = Inbox::new();
    for name in [
        "..%2F..%2Fone.wav",
        "%2e%2e%2fone.wav",
        "a%5Cb.wav",
        "%00.wav",
        "a%0a.wav",
        ".hidden.wav",
        "CON.wav",
        "a:b.wav",
        "a%CC%88.wav",
        "gpj.%E2%80%AEvaw.wav",
        "trailing.wav.",
        "text.txt",
        "page.html",
        "noending",
        "%20a.wav",
    ] {
        let answer = inbox.put(&inbox.anna, name, &inbox.show);
        assert_eq!(answer.problem(), (422, "invalid-value".into(), Some("name".into())), "{name}");
    }
    let long = format!("{}.wav", "x".repeat(300));
    assert_eq!(inbox.put(&inbox.anna, &long, &inbox.show).status, 422);
    for (name, status) in [("a/b.wav", 404), ("", 422)] {
        assert_eq!(inbox.put(&inbox.anna, name, &inbox.show).status, status, "{name:?}");
    }
    inbox.nothing_is_left("anna");
    assert!(!inbox.radio.music("one.wav").with_extension("part").exists());
}

#[test]
fn what_does_not_decode_is_never_there() {
    let inbox = Inbox::new();
    let page = b"<!doctype html><script>alert(1)</script>".repeat(100);
    for (name, bytes) in [("page.mp3", &page[..]), ("zeros.ogg", &[0; 5_000]), ("text.wav", b"RIFF")] {
        let answer = inbox.put_with(&inbox.anna, name, "Content-Type: audio/mpeg\r\n", bytes);
        assert_eq!(answer.problem(), (422, "file-unplayable".into(), Some("file".into())), "{name}");
        assert!(!answer.body.contains(".upload-") && !answer.body.contains("/music/"), "{answer:?}");
    }
    // By what it is, and not by what it says it is.
    assert_eq!(inbox.put_with(&inbox.anna, "a.mp3", "Content-Type: text/html\r\n", &inbox.show).status, 201);
    let empty = inbox.put(&inbox.anna, "empty.wav", b"");
    assert_eq!(empty.problem().1, "invalid-value");
}

#[test]
fn a_file_has_so_many_bytes_and_so_have_all_files_of_a_user_and_all() {
    let inbox = Inbox::new();
    let mut long = inbox.show.clone();
    long.resize(FILE_MOST, 0);
    // What is too long is refused before any of it comes.
    let refused = inbox.end(inbox.begin(&inbox.anna, "a.wav", "", FILE_MOST + 1), "a.wav");
    assert_eq!(refused.problem().1, "too-large");
    let huge = inbox.end(inbox.begin(&inbox.anna, "a.wav", "", usize::MAX >> 1), "a.wav");
    assert_eq!(huge.problem().1, "too-large");
    assert_eq!(inbox.put(&inbox.anna, "a.wav", &long).status, 201);
    let quota = inbox.put(&inbox.anna, "b.wav", &long);
    assert_eq!(quota.problem().1, "limit-reached");
    assert!(quota.body.contains("inbox_user_most") && quota.body.contains("50000"), "{quota:?}");
    // What it replaces makes room.
    assert_eq!(inbox.put(&inbox.anna, "a.wav?replace=true", &long).status, 201);
    let of_all = inbox.put(&inbox.ben, "b.wav", &long);
    assert_eq!(of_all.status, 201, "{of_all:?}");
    let full = inbox.put(&inbox.ben, "c.wav", &inbox.show);
    assert!(full.body.contains("inbox_most is") || full.body.contains("of inbox_most"), "{full:?}");
    assert_eq!(full.problem().1, "limit-reached");

    // A body that does not say its length is stopped when a piece of it is too long.
    assert_eq!(inbox.radio.steer_as(&inbox.ben, "DELETE", &target("b.wav"), Value::Null).status, 204);
    let mut client = chunked(&inbox, "d.wav");
    for _ in 0..2 * FILE_MOST / 10_000 {
        let _ = client.socket.write_all(&chunk(&[1; 10_000]));
    }
    assert_eq!(inbox.end(client, "d.wav").problem().1, "too-large");
    inbox.nothing_is_left("ben");
}

fn chunked(inbox: &Inbox, name: &str) -> Client {
    let mut client = Client::new(inbox.radio.connect());
    write!(
        client.socket,
        "PUT {} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        target(name),
        inbox.ben
    )
    .unwrap();
    client
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[test]
fn a_body_comes_in_chunks_too_and_what_is_none_leaves_nothing() {
    let inbox = Inbox::new();
    let mut client = chunked(&inbox, "show.wav");
    for bytes in inbox.show.chunks(1_000) {
        client.socket.write_all(&chunk(bytes)).unwrap();
    }
    client.socket.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(inbox.end(client, "show.wav").status, 201);
    assert_eq!(fs::read(inbox.folder("ben").join("show.wav")).unwrap(), inbox.show);
    let mut client = chunked(&inbox, "other.wav");
    client.socket.write_all(&chunk(&inbox.show)).unwrap();
    client.socket.write_all(b"no chunk\r\n").unwrap();
    assert_eq!(client.answer(false).status, 400);
    until("nothing of it is left", || inbox.files("ben") == ["show.wav"]);
}

#[test]
fn a_body_that_is_shorter_leaves_nothing_and_one_that_is_longer_is_cut() {
    let inbox = Inbox::new();
    let (half, _) = inbox.show.split_at(8_000);
    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client.socket.write_all(half).unwrap();
    inbox.is_under_way("anna");
    drop(client);
    inbox.nothing_is_left("anna");

    // A client that ends its side, and would still read.
    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client.socket.write_all(half).unwrap();
    client.socket.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.to_end(), b"");
    inbox.nothing_is_left("anna");

    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client
        .socket
        .write_all(&[&inbox.show[..], b"GET /api/v1/server HTTP/1.1\r\nHost: a\r\n\r\n"].concat())
        .unwrap();
    let answer = client.answer(false);
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(client.is_closed(), "what follows is no request");
    assert_eq!(fs::read(inbox.folder("anna").join("a.wav")).unwrap(), inbox.show);
}

#[test]
fn a_client_that_sends_nothing_more_is_told_so_and_leaves_nothing() {
    let server = ServerSettings { write_timeout: STALLS_AFTER, ..ServerSettings::default() };
    let inbox = Inbox::of(|_| {}, server);
    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client.socket.write_all(&inbox.show[..8_000]).unwrap();
    assert_eq!(client.answer(false).status, 408);
    inbox.nothing_is_left("anna");
}

/// Many programs send all of a file, without asking, and then look for the answer. It is longer than what the
/// buffers of two sockets may hold.
#[test]
fn who_sends_a_long_file_to_its_end_is_told_why_it_is_refused() {
    let inbox = Inbox::new();
    let long = vec![0; 12 << 20];
    for (token, code) in [(&inbox.anna, "too-large"), (&inbox.radio.viewer, "forbidden")] {
        let mut client = inbox.begin(token, "a.wav", "", long.len());
        client.socket.write_all(&long).unwrap();
        assert_eq!(inbox.end(client, "a.wav").problem().1, code);
    }
    inbox.nothing_is_left("anna");
}

#[test]
fn a_user_sends_one_file_at_a_time() {
    let inbox = Inbox::new();
    let (first, rest) = inbox.show.split_at(8_000);
    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client.socket.write_all(first).unwrap();
    inbox.is_under_way("anna");
    assert_eq!(inbox.list()["files"], json!([]), "nobody sees it before it is there");
    let second = inbox.put(&inbox.anna, "b.wav", &inbox.show);
    assert_eq!(second.problem().1, "limit-reached");
    assert_eq!(inbox.put(&inbox.ben, "a.wav", &inbox.show).status, 201);
    client.socket.write_all(rest).unwrap();
    assert_eq!(inbox.end(client, "a.wav").status, 201);
    assert_eq!(inbox.put(&inbox.anna, "b.wav", &inbox.show).status, 201);
    assert_eq!(inbox.files("anna"), ["a.wav", "b.wav"]);
}

#[test]
fn a_file_that_is_there_stays_unless_it_is_to_be_replaced() {
    let inbox = Inbox::new();
    assert_eq!(inbox.put(&inbox.anna, "a.wav", &inbox.show).status, 201);
    let mut other = inbox.show.clone();
    *other.last_mut().unwrap() ^= 1;
    for target in ["a.wav", "a.wav?replace=false"] {
        assert_eq!(inbox.put(&inbox.anna, target, &other).problem().1, "exists");
    }
    assert_eq!(inbox.put(&inbox.anna, "a.wav?replace=perhaps", &other).problem().1, "invalid-parameter");
    assert_eq!(inbox.put(&inbox.anna, "a.wav?replace=true", b"no audio").problem().1, "file-unplayable");
    assert_eq!(fs::read(inbox.folder("anna").join("a.wav")).unwrap(), inbox.show);
    assert_eq!(inbox.put(&inbox.anna, "a.wav?replace=true", &other).status, 201);
    assert_eq!(fs::read(inbox.folder("anna").join("a.wav")).unwrap(), other);
    // It may also come to be there while another one is on its way.
    let (first, rest) = other.split_at(8_000);
    let mut client = inbox.begin(&inbox.anna, "b.wav", "", other.len());
    client.socket.write_all(first).unwrap();
    inbox.is_under_way("anna");
    fs::write(inbox.folder("anna").join("b.wav"), "own").unwrap();
    client.socket.write_all(rest).unwrap();
    assert_eq!(inbox.end(client, "b.wav").problem().1, "exists");
    assert_eq!(inbox.files("anna"), ["a.wav", "b.wav"]);
    assert_eq!(fs::read(inbox.folder("anna").join("b.wav")).unwrap(), b"own");
}

#[test]
fn who_may_not_send_is_refused_before_a_byte_of_the_body() {
    let inbox = Inbox::new();
    let huge = 1 << 40;
    let answer = |token: &str, headers: &str| {
        let headers = format!("Expect: 100-continue\r\n{headers}");
        inbox.begin(token, "a.wav", &headers, huge).answer(false)
    };
    assert_eq!(answer("lw-wrong", "").problem().1, "unauthorized");
    assert_eq!(answer(&inbox.radio.viewer, "").problem().1, "forbidden");
    let foreign = answer(&inbox.anna, "Origin: https://evil.example\r\n");
    assert_eq!(foreign.problem().1, "cross-origin");
    let mut nobody = Client::new(inbox.radio.connect());
    write!(nobody.socket, "PUT {} HTTP/1.1\r\nHost: a\r\nContent-Length: {huge}\r\n\r\n", target("a.wav"))
        .unwrap();
    assert_eq!(nobody.answer(false).problem().1, "unauthorized");
    // Who may send is told so, or why this file cannot come.
    assert_eq!(answer(&inbox.anna, "").problem().1, "too-large");
    let mut client = inbox.begin(&inbox.anna, "a.wav", "Expect: 100-continue\r\n", inbox.show.len());
    assert_eq!(client.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.socket.write_all(&inbox.show).unwrap();
    assert_eq!(inbox.end(client, "a.wav").status, 201);
    // Elsewhere a body is as short as ever, and says how long it is.
    let mut client = Client::new(inbox.radio.connect());
    client.send(
        "PUT",
        "/api/v1/library/inbox",
        &format!("Authorization: Bearer {}\r\n", inbox.anna),
        &"x".repeat(70_000),
    );
    assert_eq!(client.answer(false).status, 413);
}

#[test]
fn a_page_of_the_station_sends_with_its_session_and_no_form_can() {
    let inbox = Inbox::new();
    let login = json!({"token": inbox.anna}).to_string();
    let origin = "Origin: http://localhost\r\n";
    let headers = format!("Content-Type: application/json\r\n{origin}");
    let session = inbox.radio.ask("POST", "/api/v1/session", &headers, &login);
    let cookie = session.header("set-cookie").unwrap_or_else(|| panic!("{session:?}"));
    let cookie = cookie.split(';').next().unwrap();
    let put = |kind: &str, origin: &str| {
        let mut client = Client::new(inbox.radio.connect());
        write!(
            client.socket,
            "PUT {} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n{origin}Content-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            target("a.wav"),
            inbox.show.len(),
        )
        .unwrap();
        let _ = client.socket.write_all(&inbox.show);
        client.answer(false)
    };
    for kind in
        ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "audio/wav"]
    {
        assert_eq!(put(kind, origin).problem().1, "unsupported-media-type", "{kind}");
    }
    for origin in
        ["", "Origin: https://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"]
    {
        assert_eq!(put("application/octet-stream", origin).problem().1, "cross-origin", "{origin}");
    }
    inbox.nothing_is_left("anna");
    assert_eq!(put("application/octet-stream", origin).status, 201);
}

#[test]
fn who_is_removed_meanwhile_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (config, users_file) = (folder.path().join("station.toml"), folder.path().join("users"));
    let mut users = Users::default();
    let token = users.add_token("anna", Role::Dj).unwrap();
    users.write(&users_file).unwrap();
    fs::create_dir(folder.path().join("music")).unwrap();
    constant(&folder.path().join("sample.wav"), 0.25, 8_000);
    let show = fs::read(folder.path().join("sample.wav")).unwrap();
    let text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[library]\nfolders = 'music'\n\
                inbox = 'music/inbox'\n[[mount]]\nmount = '/a.mp3'\ncontent_type = 'audio/mpeg'\n";
    fs::write(&config, text).unwrap();
    let read = Config::read(&config).unwrap();
    let station = Station::start(read.clone().into()).unwrap();
    let api = Api::start_reloadable(&station, read, &config).unwrap();
    let socket = TcpStream::connect(station.server().local_addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut client = Client::new(socket);
    let (target, length) = (target("a.wav"), show.len());
    write!(
        client.socket,
        "PUT {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    client.socket.write_all(&show[..8_000]).unwrap();
    let own = folder.path().join("music/inbox/anna");
    until("it is under way", || own.exists());
    users.remove("anna").unwrap();
    users.add_token("ben", Role::Dj).unwrap();
    users.write(&users_file).unwrap();
    assert_eq!(api.reload().unwrap().changed, ["users"]);
    client.socket.write_all(&show[8_000..]).unwrap();
    assert_eq!(client.answer(false).problem().1, "unauthorized");
    until("nothing is left", || !own.exists());
}

#[test]
fn what_a_crash_has_left_goes_and_all_else_stays() {
    let inbox = Inbox::with(|folder| {
        fs::create_dir_all(folder.join("anna")).unwrap();
        fs::write(folder.join("anna/.upload-0badcafe-0.wav"), "half").unwrap();
        fs::write(folder.join("anna/.nfs0"), "system").unwrap();
        fs::write(folder.join("anna/own.wav"), "own").unwrap();
    });
    until("what was left is gone", || inbox.files("anna") == [".nfs0", "own.wav"]);
    assert_eq!(inbox.list()["files"].as_array().unwrap().len(), 1);
}

#[test]
fn a_stop_does_not_wait_for_who_sends() {
    let mut inbox = Inbox::new();
    let mut client = inbox.begin(&inbox.anna, "a.wav", "", inbox.show.len());
    client.socket.write_all(&inbox.show[..8_000]).unwrap();
    inbox.is_under_way("anna");
    inbox.radio.stop();
    inbox.nothing_is_left("anna");
}

#[test]
fn a_station_without_an_inbox_says_so() {
    let radio = Radio::start();
    for (method, target) in [("GET", "/api/v1/library/inbox"), ("DELETE", "/api/v1/library/inbox/a.wav")] {
        let answer = radio.steer(method, target, Value::Null);
        assert_eq!(answer.problem().1, "not-found");
        assert!(answer.body.contains("set inbox in the table [library]"), "{answer:?}");
    }
}

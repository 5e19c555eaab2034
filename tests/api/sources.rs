//! The door for sources: raw sockets, and the programs that DJs use.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use longwave::{
    Api, Config, Event, EventReceiver, LeaveReason, Role, Station, StationEvent, UserLimits, Users,
};
use longwave_testing::client::{Answer, Client, basic};
use longwave_testing::tools::{is_heard_from_some_packet_on, tone_file};
use longwave_testing::{PATIENCE, until};
use tempfile::TempDir;

/// A station with an output, a live input and two relayed mounts, and these users: `dj` (for `/guest` alone),
/// `source`, `ana` (an admin) and `ben` (a viewer). All have the same password.
pub struct Radio {
    api: Api,
    pub station: Station,
    pub address: SocketAddr,
    events: EventReceiver<StationEvent>,
    users: Users,
    folder: TempDir,
}

pub const PASSWORD: &str = "correct horse";

impl Radio {
    pub fn start() -> Radio {
        Radio::with("")
    }

    /// The same with these keys of the server.
    pub fn with(keys: &str) -> Radio {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("station.toml");
        let mut users = Users::default();
        let all =
            [("dj", Role::Source), ("source", Role::Source), ("ana", Role::Admin), ("ben", Role::Viewer)];
        all.iter().for_each(|(name, role)| users.add(name, *role, PASSWORD).unwrap());
        users.set_limits("dj", UserLimits { paths: vec!["/guest".into()], ..UserLimits::default() }).unwrap();
        users.write(&folder.path().join("users")).unwrap();
        let text = format!(
            "[server]\nlisten = '127.0.0.1:0'\nburst = '16KiB'\nusers_file = 'users'\n{keys}\n\
             icy_listen = '127.0.0.1:0'\nicy_mount = '/guest'\n\
             [[pipeline]]\n[[pipeline.live]]\nbuffer = '300ms'\nfade_in = '100ms'\ngrace = '5s'\n\
             [[pipeline.output]]\nformat = 'mp3'\nmount = '/radio.mp3'\n\
             [[mount]]\nmount = '/guest'\n[[mount]]\nmount = '/only.aac'\ncontent_type = 'audio/aac'"
        );
        fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let station = Station::start(config.clone().into()).unwrap();
        let events = station.server().subscribe(1_000).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();
        let address = station.server().local_addrs()[0];
        Radio { api, station, address, events, users, folder }
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// The answer to a source's request that is refused.
    fn refused(&self, line: &str, headers: &str) -> Answer {
        let mut socket = self.connect();
        socket.write_all(format!("{line}\r\nHost: a\r\n{headers}\r\n").as_bytes()).unwrap();
        Client::new(socket).answer(false)
    }

    /// A source that has been let in.
    fn source(&self, line: &str, headers: &str) -> TcpStream {
        let mut socket = self.connect();
        socket.write_all(format!("{line}\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut answer = [0; 19];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.0 200 OK\r\n\r\n");
        socket
    }

    pub fn listen(&self, headers: &str) -> Client {
        let mut socket = self.connect();
        socket.write_all(format!("GET /guest HTTP/1.0\r\n{headers}\r\n").as_bytes()).unwrap();
        let mut client = Client::new(socket);
        let head = String::from_utf8(client.until(b"\r\n\r\n")).unwrap();
        assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
        client
    }

    pub fn position(&self) -> u64 {
        self.station.server().mount_info("/guest").map_or(0, |info| info.position.0)
    }

    pub fn title(&self) -> String {
        self.station
            .server()
            .mount_info("/guest")
            .map_or_else(String::new, |info| info.title.title.text.clone())
    }

    pub fn told<T>(&self, mut like: impl FnMut(Event) -> Option<T>) -> T {
        loop {
            let event = self.events.recv_timeout(PATIENCE).expect("an event").event;
            if let Some(found) = like(event) {
                return found;
            }
        }
    }

    pub fn left(&self) -> LeaveReason {
        self.told(|event| match event {
            Event::SourceLeft { reason, .. } => Some(reason),
            _ => None,
        })
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.api.stop();
        self.station.stop();
    }
}

pub fn mp3(seconds: u32) -> Vec<u8> {
    tone_file(seconds, 44_100, &["-b:a", "128k", "-write_xing", "0", "-id3v2_version", "0"], "mp3")
}

#[test]
fn who_may_not_send_is_told_why() {
    let radio = Radio::start();
    let login = |name: &str| basic(name, PASSWORD);
    let mp3 = "Content-Type: audio/mpeg\r\n";
    for (line, headers, status, part) in [
        ("PUT /guest HTTP/1.1", mp3.to_owned(), 401, "needs a credential"),
        ("SOURCE /nothing HTTP/1.0", String::new(), 401, "needs a credential"),
        ("PUT /guest HTTP/1.1", basic("dj", "wrong horse") + mp3, 401, "no such user"),
        (
            "PUT /guest HTTP/1.1",
            login("ben") + mp3,
            403,
            "ben is a viewer: this needs a source, a dj or an admin",
        ),
        ("PUT /nothing HTTP/1.1", login("dj") + mp3, 404, "dj may send to /guest"),
        ("SOURCE /nothing HTTP/1.0", login("ana"), 404, "ana may send to /guest, /only.aac, /live"),
        ("PUT /live HTTP/1.1", login("dj") + mp3, 403, "dj may send to /guest"),
        ("PUT /live HTTP/1.1", login("ana") + "Content-Type: video/webm\r\n", 415, "choose MP3, AAC, or Ogg"),
        ("PUT /only.aac HTTP/1.1", login("dj") + mp3, 403, "dj may send to /guest"),
        ("PUT /radio.mp3 HTTP/1.1", login("ana") + mp3, 403, "the station itself feeds /radio.mp3"),
        ("PUT /guest HTTP/1.1", login("dj"), 403, "Content-Type: audio/mpeg"),
        ("PUT /guest HTTP/1.1", login("dj") + "Content-Type: video/webm\r\n", 415, "choose MP3, AAC, or Ogg"),
        ("PUT /only.aac HTTP/1.1", login("ana") + mp3, 415, "this mount takes audio/aac, and not audio/mpeg"),
    ] {
        let answer = radio.refused(line, &headers);
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert!(answer.body.contains(part), "{line}: {answer:?}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{line}");
    }
    assert!(radio.station.sources().is_empty());
    let (path, user, reason) = radio.told(|event| match event {
        Event::SourceRefused { path, user, reason, .. } => Some((path, user, reason)),
        _ => None,
    });
    assert_eq!((&*path, &*user), ("/nothing", "dj"), "strangers make no event");
    assert!(reason.contains("dj may send to /guest"), "{reason}");
}

#[test]
fn a_source_beyond_max_sources_is_refused_and_was_never_connected() {
    let radio = Radio::with("max_sources = 1");
    let (dj, ana) = (basic("dj", PASSWORD), basic("ana", PASSWORD));
    let first = radio.source("SOURCE /guest HTTP/1.0", &dj);
    until("it is there", || radio.station.sources().len() == 1);
    let guest = radio.station.sources()[0].id;
    let mounts = || radio.station.server().mounts().len();
    let before = mounts();
    for (line, headers) in [
        ("PUT /only.aac HTTP/1.1", "Content-Type: audio/aac\r\n"),
        ("PUT /only.aac HTTP/1.1", "Content-Type: audio/aac\r\nExpect: 100-continue\r\n"),
        ("SOURCE /only.aac HTTP/1.0", "Content-Type: audio/aac\r\n"),
        ("SOURCE /live HTTP/1.0", "Content-Type: audio/mpeg\r\n"),
    ] {
        let answer = radio.refused(line, &format!("{ana}{headers}"));
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{line}");
        assert!(answer.body.contains("max_sources"), "{answer:?}");
        assert_eq!((radio.station.sources().len(), mounts()), (1, before), "{line}");
    }
    // A path that is taken says so, whether or not there is a place.
    assert_eq!(radio.refused("SOURCE /guest HTTP/1.0", &ana).status, 403);
    let stats = radio.station.server().stats();
    assert_eq!((stats.sources, stats.refused), (1, 4));

    // A dead connection makes room for the same user's next one.
    until("nothing has come for two seconds", || {
        radio.station.sources()[0].silent_for >= Duration::from_secs(2)
    });
    let again = radio.source("SOURCE /guest HTTP/1.0", &dj);
    drop(first);
    assert_ne!(radio.station.sources()[0].id, guest);
    drop(again);
    until("it has left", || radio.station.sources().is_empty());
    let live = radio.source("SOURCE /live HTTP/1.0", &ana);
    until("it is there", || radio.station.sources().len() == 1);
    drop(live);
    let mut told = Vec::new();
    radio.told(|event| {
        let (kind, path) = match &event {
            Event::SourceConnected { path, .. } => ("connected", path),
            Event::SourceLeft { path, .. } => ("left", path),
            Event::SourceRefused { path, reason, .. } => {
                let full = "as many sources here as max_sources allows";
                assert!(reason.contains(full) || path == "/guest", "{path}: {reason}");
                ("refused", path)
            }
            _ => return None,
        };
        told.push(format!("{path} {kind}"));
        (told.len() == 11).then_some(())
    });
    let refused =
        ["/only.aac", "/only.aac", "/only.aac", "/live", "/guest"].map(|path| format!("{path} refused"));
    assert_eq!(told[0], "/guest connected");
    assert_eq!(told[1..6], refused);
    let then = ["/guest left", "/guest connected", "/guest left", "/live connected", "/live left"];
    assert_eq!(told[6..], then);
    until("all places are free", || radio.station.server().stats().sources == 0);
}

#[test]
fn who_follows_the_events_hears_of_sources() {
    let radio = Radio::start();
    let mut follower = Client::new(radio.connect());
    follower.send("GET", "/api/v1/events", &basic("ana", PASSWORD), "");
    follower.until(b"event: snapshot\n");
    radio.refused("PUT /nothing HTTP/1.1", &(basic("dj", PASSWORD) + "Content-Type: audio/mpeg\r\n"));
    let source = radio.source("SOURCE /guest HTTP/1.0", &basic("dj", PASSWORD));
    drop(source);
    for event in ["source-refused", "source-connected", "source-left"] {
        follower.until(format!("event: {event}\n").as_bytes());
        let data = String::from_utf8(follower.until(b"\n\n")).unwrap();
        assert!(data.contains("\"pipeline\":null") && data.contains("\"user\":\"dj\""), "{event}: {data}");
    }
}

#[test]
fn an_old_client_that_knows_only_a_password_is_on_the_air_as_its_user() {
    let radio = Radio::start();
    let login = basic("source", &format!("dj:{PASSWORD}"));
    let mut source = radio
        .source("SOURCE /guest HTTP/1.0", &format!("{login}ice-name: J\u{f3}ga FM\r\nUser-Agent: old\r\n"));
    until("it is there", || radio.station.sources().len() == 1);
    let known = &radio.station.sources()[0];
    assert_eq!((&*known.info.user, &*known.info.program), ("dj", "old"));
    let mount = radio.station.server().mount_info("/guest").unwrap();
    assert_eq!(
        (mount.settings.name.as_deref(), &*mount.settings.content_type),
        (Some("Jóga FM"), "audio/mpeg")
    );
    // Everybody else has to wait.
    for user in ["ana", "source"] {
        let answer = radio.refused("SOURCE /guest HTTP/1.0", &basic(user, PASSWORD));
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains("dj is on here since 20"), "{answer:?}");
    }
    source.write_all(&mp3(1)).unwrap();
    until("it sounds", || radio.position() > 0);
    drop(source);
    assert_eq!(radio.left(), LeaveReason::Left);
    // A bare password is the user `source`.
    let _source = radio.source("SOURCE /guest HTTP/1.0", &basic("source", PASSWORD));
    until("it is there", || radio.station.sources().iter().any(|source| source.info.user == "source"));
}

#[test]
fn a_dj_is_on_the_air_at_a_live_input_and_is_the_same_after_a_break() {
    let radio = Radio::start();
    let pipeline = &radio.station.pipelines()[0];
    let on_air = |user: &str| {
        until("it is on the air", || {
            let source = pipeline.live().and_then(|live| live.source);
            source.is_some_and(|source| source.user.as_deref() == Some(user))
        });
    };
    let ask = |method: &str, path: &str| {
        let answer = Client::new(radio.connect()).ask(method, path, &basic("ana", PASSWORD), "");
        crate::document::judge(method, path, &answer);
        answer
    };
    assert_eq!(Client::new(radio.connect()).ask("GET", "/live", "", "").status, 404, "nobody listens there");
    let login = basic("ana", PASSWORD) + "ice-name: Ana's evening\r\n";
    let mut source = radio.source("SOURCE /live HTTP/1.0", &login);
    source.write_all(&mp3(4)).unwrap();
    on_air("ana");
    let listed = ask("GET", "/api/v1/sources").json();
    assert_eq!((&listed[0]["path"], &listed[0]["user"]), (&"/live".into(), &"ana".into()));
    assert_eq!(listed[0]["live"]["format"]["name"], "MP3");
    // A title is heard when what came before it has been.
    let song = "/admin/metadata?mount=/live&mode=updinfo&song=Bj%C3%B6rk+-%20J%C3%B3ga";
    assert_eq!(ask("GET", song).status, 200);
    source.write_all(&mp3(1)).unwrap();
    until("the title has come", || {
        pipeline.live().and_then(|live| live.title).as_deref() == Some("Björk - Jóga")
    });

    // Her line breaks, and she is back: it is the same session, with the same number.
    let id = listed[0]["id"].as_u64().unwrap();
    drop(source);
    until("she has left", || radio.station.sources().is_empty());
    let mut source = radio.source("SOURCE /live HTTP/1.0", &login);
    source.write_all(&mp3(2)).unwrap();
    on_air("ana");
    assert_eq!(radio.station.sources()[0].id, id);
    assert_eq!(ask("DELETE", &format!("/api/v1/sources/{id}")).status, 204);
    let mut told = Vec::new();
    let sent = radio.told(|event| match event {
        Event::SourceLeft { id: left, reason, bytes, .. } => {
            assert_eq!((left, reason), (id, LeaveReason::Kicked));
            Some(bytes)
        }
        event => {
            told.extend(
                Some(event.kind().as_str()).filter(|kind| kind.contains("live") || kind.contains("source")),
            );
            None
        }
    });
    assert_eq!(told, ["source-connected", "live-began", "live-title", "live-title", "live-ended"]);
    assert!(sent > mp3(6).len() as u64, "both connections count: {sent}");
}

#[test]
fn a_user_who_is_removed_or_limited_is_cut_off() {
    let mut radio = Radio::start();
    let users = radio.folder.path().join("users");
    let _by_limits = radio.source("SOURCE /guest HTTP/1.0", &basic("dj", PASSWORD));
    until("it is there", || radio.station.sources().len() == 1);
    let limits = UserLimits { paths: vec!["/other".into()], ..UserLimits::default() };
    radio.users.set_limits("dj", limits).unwrap();
    radio.users.write(&users).unwrap();
    assert_eq!(radio.api.reload().unwrap().changed, ["users"]);
    assert_eq!(radio.left(), LeaveReason::Revoked);
    let mut by_removal = radio.source("SOURCE /guest HTTP/1.0", &basic("source", PASSWORD));
    until("it is there", || radio.station.sources().len() == 1);
    radio.users.remove("source").unwrap();
    radio.users.write(&users).unwrap();
    assert_eq!(radio.api.reload().unwrap().changed, ["users"]);
    assert_eq!(radio.left(), LeaveReason::Revoked);
    let mut rest = Vec::new();
    let _ = by_removal.read_to_end(&mut rest);
    assert!(radio.station.sources().is_empty());
}

#[test]
fn sources_are_listed_and_removed_over_the_api() {
    let radio = Radio::start();
    let _source = radio.source("SOURCE /guest HTTP/1.0", &basic("dj", PASSWORD));
    until("it is there", || radio.station.sources().len() == 1);
    let (admin, viewer) = (basic("ana", PASSWORD), basic("ben", PASSWORD));
    let ask = |method: &str, path: &str, login: &str| {
        let answer = Client::new(radio.connect()).ask(method, path, login, "");
        crate::document::judge(method, path, &answer);
        answer
    };
    let list = ask("GET", "/api/v1/sources", &viewer).json();
    assert_eq!((&list[0]["user"], &list[0]["path"]), (&"dj".into(), &"/guest".into()));
    let path = format!("/api/v1/sources/{}", list[0]["id"]);
    assert_eq!(ask("DELETE", &path, &viewer).status, 403);
    assert_eq!(ask("DELETE", &path, &admin).status, 204);
    assert_eq!(radio.left(), LeaveReason::Kicked);
    assert_eq!(ask("DELETE", &path, &admin).status, 404);
}

#[test]
fn titles_come_as_programs_send_them_and_stand_at_their_audio() {
    let radio = Radio::start();
    let mut source = radio.source("SOURCE /guest HTTP/1.0", &basic("dj", PASSWORD));
    let tone = mp3(4);
    let (early, late) = tone.split_at(tone.len() / 2);
    source.write_all(early).unwrap();
    until("it sounds", || radio.position() > early.len() as u64 / 2);
    let update = |login: &str, query: &str| {
        Client::new(radio.connect()).ask("GET", &format!("/admin/metadata?{query}"), login, "")
    };
    let dj = basic("dj", PASSWORD);
    let song = "mount=%2Fguest&mode=updinfo&song=Bj%F6rk+-%20J%F3ga";
    // libshout asks without a login first.
    assert_eq!(update("", song).status, 401);
    let answer = update(&dj, song);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml; charset=utf-8")));
    assert!(
        answer.body.contains("<message>Metadata update successful</message><return>1</return>"),
        "{answer:?}"
    );
    let mut listener = radio.listen("Icy-MetaData: 1\r\n");
    source.write_all(late).unwrap();
    listener.until("StreamTitle='Björk - Jóga';".as_bytes());
    assert_eq!(radio.title(), "Björk - Jóga");
    // The old form of a login, a form in a body, another charset, artist and title.
    let by_password = basic("source", &format!("dj,{PASSWORD}"));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let body = "mount=/guest&mode=updinfo&artist=A&title=%EF%F0%E8&charset=windows-1251";
    let answer =
        Client::new(radio.connect()).ask("POST", "/admin/metadata", &format!("{by_password}{form}"), body);
    assert_eq!(answer.status, 200, "{answer:?}");
    source.write_all(early).unwrap();
    until("the title is there", || radio.title() == "A - при");
    // Limits to pipelines hold for titles, too.
    let mut radio = radio;
    let limits = UserLimits { pipelines: vec!["night".into()], ..UserLimits::default() };
    radio.users.set_limits("source", limits).unwrap();
    radio.users.write(&radio.folder.path().join("users")).unwrap();
    assert_eq!(radio.api.reload().unwrap().changed, ["users"]);
    let update = |login: &str, query: &str| {
        Client::new(radio.connect()).ask("GET", &format!("/admin/metadata?{query}"), login, "")
    };
    let of_night = basic("source", PASSWORD);
    for (login, query, status) in [
        (&of_night, "mount=/live&mode=updinfo&song=x", 403),
        (&of_night, "mount=/only.aac&mode=updinfo&song=x", 400),
        (&dj, "mount=/guest&song=x", 400),
        (&dj, "mount=/guest&mode=updinfo", 400),
        (&dj, "mode=updinfo&song=x", 400),
        (&dj, "mount=/only.aac&mode=updinfo&song=x", 403),
        (&basic("ana", PASSWORD), "mount=/only.aac&mode=updinfo&song=x", 400),
        (&basic("ben", PASSWORD), "mount=/guest&mode=updinfo&song=x", 403),
    ] {
        assert_eq!(update(login, query).status, status, "{query}");
    }
    let foreign = format!("{dj}Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!(update(&foreign, "mount=/guest&mode=updinfo&song=x").status, 403, "a page of another origin");
}

/// Starts curl, which sends what is written to it in chunks.
fn curl(radio: &Radio, content_type: &str) -> Child {
    let url = format!("http://{}/guest", radio.address);
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-T",
        "-",
        "-u",
        &format!("dj:{PASSWORD}"),
        "-H",
        &format!("Content-Type: {content_type}"),
        &url,
    ]);
    curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    curl.spawn().expect("curl is there")
}

#[test]
fn what_curl_sends_in_chunks_is_what_listeners_get() {
    for (options, extension, content_type) in [
        (["-b:a", "128k"], "mp3", "audio/mpeg"),
        (["-b:a", "128k"], "aac", "audio/aac"),
        (["-c:a", "libvorbis"], "ogg", "application/ogg"),
        (["-c:a", "libopus"], "ogg", "audio/ogg"),
        (["-c:a", "flac"], "ogg", "audio/ogg"),
    ] {
        let radio = Radio::start();
        let sent = tone_file(8, 48_000, &options, extension);
        let (early, late) = sent.split_at(sent.len() / 2);
        let mut curl = curl(&radio, content_type);
        let mut stdin = curl.stdin.take().unwrap();
        stdin.write_all(early).unwrap();
        until("the first half is there", || radio.position() > early.len() as u64 * 3 / 4);
        let mut listener = radio.listen("");
        let mut heard = listener.exactly(1);
        stdin.write_all(late).unwrap();
        drop(stdin);
        let output = curl.wait_with_output().unwrap();
        assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(radio.left(), LeaveReason::Left);
        heard.extend(listener.to_end());
        is_heard_from_some_packet_on(&sent, &heard, content_type);
    }
}

#[test]
fn ffmpeg_sends_as_it_does_to_icecast() {
    for legacy in ["0", "1"] {
        let radio = Radio::start();
        let sent = mp3(6);
        let file = radio.folder.path().join("show.mp3");
        fs::write(&file, &sent).unwrap();
        let url = format!("icecast://dj:correct%20horse@{}/guest", radio.address);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-re", "-i"]).arg(&file);
        ffmpeg.args([
            "-c",
            "copy",
            "-f",
            "mp3",
            "-write_xing",
            "0",
            "-id3v2_version",
            "0",
            "-flush_packets",
            "1",
        ]);
        ffmpeg.args([
            "-legacy_icecast",
            legacy,
            "-ice_name",
            "Guest FM",
            "-content_type",
            "audio/mpeg",
            &url,
        ]);
        let mut ffmpeg = ffmpeg.stderr(Stdio::piped()).spawn().unwrap();
        until("it is there", || {
            if let Some(status) = ffmpeg.try_wait().unwrap() {
                let mut said = String::new();
                ffmpeg.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                panic!("{status}: {said}");
            }
            radio.position() > 20_000
        });
        let mount = radio.station.server().mount_info("/guest").unwrap();
        assert_eq!(mount.settings.name.as_deref(), Some("Guest FM"), "legacy {legacy}");
        let heard = radio.listen("").to_end();
        assert!(ffmpeg.wait().unwrap().success());
        is_heard_from_some_packet_on(&sent, &heard, legacy);
    }
}

/// They ask by `OPTIONS`, then without a login, and then with it, on one connection.
#[test]
fn programs_of_libshout_are_on_the_air_with_their_titles() {
    let tags = ["-metadata", "artist=Björk", "-metadata", "title=Jóga"];
    let radio = Radio::start();
    let port = radio.address.port().to_string();
    let ogg = tone_file(4, 48_000, &[&["-c:a", "libvorbis"][..], &tags].concat(), "ogg");
    let mut shout = Command::new("shout");
    shout.args([
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--mount",
        "/guest",
        "--user",
        "dj",
        "--pass",
        PASSWORD,
    ]);
    shout.args(["--format", "ogg", "--station-name", "Guest FM"]).stdin(Stdio::piped());
    let mut shout = shout.spawn().expect("shout, from libshout-tools");
    shout.stdin.take().unwrap().write_all(&ogg).unwrap();
    until("the title of the Ogg stream is there", || radio.title() == "Björk - Jóga");
    let mount = radio.station.server().mount_info("/guest").unwrap();
    assert_eq!(mount.settings.name.as_deref(), Some("Guest FM"));
    assert!(radio.station.sources()[0].info.program.starts_with("libshout/"));
    assert!(shout.wait().unwrap().success());
    assert_eq!(radio.left(), LeaveReason::Left);

    let file = radio.folder.path().join("show.mp3");
    fs::write(&file, tone_file(3, 44_100, &[&["-b:a", "128k"][..], &tags].concat(), "mp3")).unwrap();
    let config = radio.folder.path().join("ezstream.xml");
    let text = format!(
        "<ezstream><servers><server><hostname>127.0.0.1</hostname><port>{port}</port><user>dj</user>\
         <password>{PASSWORD}</password></server></servers><streams><stream><mountpoint>/guest</mountpoint>\
         <format>MP3</format></stream></streams><intakes><intake><type>file</type><filename>{}</filename>\
         <stream_once>1</stream_once></intake></intakes></ezstream>",
        file.display()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut ezstream = Command::new("ezstream").arg("-c").arg(&config).spawn().expect("ezstream");
    until("the title has come by /admin/metadata", || radio.title() == "Björk - Jóga");
    assert!(ezstream.wait().unwrap().success());
    assert_eq!(radio.left(), LeaveReason::Left);
}

/// The seconds of the clock.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The time of day in UTC, to the minute.
fn in_utc(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60)
}

#[test]
fn a_dj_is_let_in_at_the_time_of_the_slot_and_let_go_at_its_end() {
    let mut radio = Radio::start();
    let slot = |radio: &mut Radio, text: &str| {
        let slots = vec![text.parse().unwrap()];
        radio.users.set_limits("dj", UserLimits { slots, ..UserLimits::default() }).unwrap();
        radio.users.write(&radio.folder.path().join("users")).unwrap();
        assert_eq!(radio.api.reload().unwrap().changed, ["users"]);
    };
    // It begins in an hour.
    let begins = in_utc(now() + 3600);
    slot(&mut radio, &format!("daily {begins} for 1h in UTC"));
    let login = basic("dj", PASSWORD);
    let answer = radio.refused("SOURCE /live HTTP/1.0", &login);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("dj: your next slot begins at 20"), "{answer:?}");
    assert!(answer.body.contains(&format!("{begins} UTC")), "{answer:?}");

    // It began two minutes ago, and ends ten seconds from now.
    let now = now();
    slot(&mut radio, &format!("daily {} for {}s in UTC", in_utc(now - 120), 120 + now % 60 + 10));
    let mut source = radio.source("SOURCE /live HTTP/1.0", &login);
    source.write_all(&mp3(20)).unwrap();
    let (user, ends, until) = radio.told(|event| match event {
        Event::LiveEndsSoon { user, ends, until, .. } => Some((user, ends, until)),
        _ => None,
    });
    assert_eq!((&*user, ends), ("dj", until));
    assert!(ends <= SystemTime::now() + Duration::from_secs(11));
    let mut ended = None;
    let reason = radio.told(|event| match event {
        Event::LiveEnded { reason, .. } => {
            ended = Some(reason);
            None
        }
        Event::SourceLeft { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!((reason, ended), (LeaveReason::SlotEnded, Some(LeaveReason::SlotEnded)));
    assert!(SystemTime::now() >= ends);
    let answer = radio.refused("SOURCE /live HTTP/1.0", &login);
    assert!(answer.status == 403 && answer.body.contains("your next slot begins at"), "{answer:?}");
}

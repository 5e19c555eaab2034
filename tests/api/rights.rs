//! A right that is taken away ends at once, wherever it is in use.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use longwave::{Api, Config, Role, Station, UserLimits, Users};
use longwave_testing::PATIENCE;
use longwave_testing::client::{Answer, Client, basic};
use tempfile::TempDir;

/// A station with a users file that is read again on a reload.
struct Radio {
    users: Users,
    file: PathBuf,
    api: Option<Api>,
    station: Station,
    address: SocketAddr,
    _folder: TempDir,
}

impl Radio {
    fn start() -> Radio {
        let folder = tempfile::tempdir().unwrap();
        let (config, file) = (folder.path().join("station.toml"), folder.path().join("users"));
        Users::default().write(&file).unwrap();
        let text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\n[[pipeline.output]]\nformat = 'mp3'";
        fs::write(&config, text).unwrap();
        let read = Config::read(&config).unwrap();
        let station = Station::start(read.clone().into()).unwrap();
        let api = Api::start_reloadable(&station, read, &config).unwrap();
        let address = station.server().local_addrs()[0];
        Radio { users: Users::default(), file, api: Some(api), station, address, _folder: folder }
    }

    /// Changes the users, and has the station read them.
    fn change(&mut self, change: impl FnOnce(&mut Users)) {
        change(&mut self.users);
        self.users.write(&self.file).unwrap();
        assert_eq!(self.api.as_ref().unwrap().reload().unwrap().changed, ["users"]);
    }

    fn token(&mut self, name: &str, role: Role) -> String {
        let mut token = String::new();
        self.change(|users| token = users.add_token(name, role).unwrap());
        format!("Authorization: Bearer {token}\r\n")
    }

    fn client(&self) -> Client {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client::new(socket)
    }

    fn ask(&self, credential: &str) -> Answer {
        self.client().ask("GET", "/api/v1/server", credential, "")
    }

    /// A client that follows the station's events, and has read the snapshot.
    fn follow(&self, credential: &str) -> Client {
        let mut client = self.client();
        client.send("GET", "/api/v1/events", credential, "");
        let head = String::from_utf8(client.until(b"\r\n\r\n")).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        client.until(b"\n\n");
        client
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.api.take();
        self.station.stop();
    }
}

/// The stream ends, perhaps after some events.
fn assert_ends(client: &mut Client) {
    assert!((0..5).any(|_| client.is_closed()), "it goes on");
}

/// The stream goes on: it tells of a new listener.
fn assert_goes_on(radio: &Radio, client: &mut Client) {
    let mut listener = radio.client();
    listener.send("GET", "/stream.mp3", "", "");
    client.until(b"event: listener-joined\n");
}

#[test]
fn a_stream_ends_when_its_token_is_removed_and_no_other_does() {
    let mut radio = Radio::start();
    let admin = radio.token("admin", Role::Admin);
    let gone = radio.token("gone", Role::Viewer);
    let (mut stays, mut ends) = (radio.follow(&admin), radio.follow(&gone));
    radio.change(|users| users.remove("gone").unwrap());
    assert_ends(&mut ends);
    assert_eq!(radio.ask(&gone).status, 401);
    assert_goes_on(&radio, &mut stays);
}

#[test]
fn a_stream_ends_when_the_role_or_the_password_changes() {
    let mut radio = Radio::start();
    radio.change(|users| users.add("ana", Role::Admin, "password 1").unwrap());
    let login = basic("ana", "password 1");
    assert_eq!(radio.ask(&login).status, 200);
    let mut follower = radio.follow(&login);
    radio.change(|users| users.set_password("ana", "password 2").unwrap());
    assert_ends(&mut follower);
    assert_eq!(radio.ask(&login).status, 401, "the old password is remembered no more");

    let login = basic("ana", "password 2");
    let mut follower = radio.follow(&login);
    let text = fs::read_to_string(&radio.file).unwrap();
    fs::write(&radio.file, text.replace("ana:admin:", "ana:viewer:")).unwrap();
    radio.users = Users::read(&radio.file).unwrap();
    assert_eq!(radio.api.as_ref().unwrap().reload().unwrap().changed, ["users"]);
    assert_ends(&mut follower);
    let mut stays = radio.follow(&login);
    let answer = radio.client().ask("POST", "/api/v1/pipelines/main/skip", &login, "");
    assert_eq!(answer.status, 403, "{answer:?}");
    // What is said of others changes nothing.
    radio.change(|users| users.add("ben", Role::Viewer, "password 3").unwrap());
    assert_goes_on(&radio, &mut stays);
}

#[test]
fn a_body_that_is_complete_after_its_token_was_removed_does_nothing() {
    let mut radio = Radio::start();
    let token = radio.token("gone", Role::Admin);
    let mut socket = TcpStream::connect(radio.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = r#"{"title":"x"}"#;
    let head = format!(
        "PUT /api/v1/pipelines/main/metadata HTTP/1.1\r\nHost: a\r\n{token}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..5]
    );
    socket.write_all(head.as_bytes()).unwrap();
    // The request is known by now: another one was answered after it.
    assert_eq!(radio.ask(&token).status, 200);
    radio.change(|users| users.remove("gone").unwrap());
    socket.write_all(&body.as_bytes()[5..]).unwrap();
    assert_eq!(Client::new(socket).answer(false).status, 401);
}

#[test]
fn a_login_that_is_verified_after_its_user_was_removed_is_refused() {
    let mut radio = Radio::start();
    let names: Vec<String> = (0..8).map(|number| format!("user-{number}")).chain(["gone".into()]).collect();
    radio.change(|users| names.iter().for_each(|name| users.add(name, Role::Admin, "password 1").unwrap()));
    let mut clients: Vec<Client> = names.iter().map(|_| radio.client()).collect();
    for (client, name) in clients.iter_mut().zip(&names) {
        client.send("POST", "/api/v1/pipelines/main/skip", &basic(name, "password 1"), "");
    }
    // Hashing takes its time, and each user has a hash of their own: the last one still waits.
    radio.change(|users| users.remove("gone").unwrap());
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer(false).status).collect();
    assert_eq!(statuses.last(), Some(&401), "{statuses:?}");
    assert_eq!(radio.ask(&basic("gone", "password 1")).status, 401);
}

/// Does something bad to a users file.
type Spoil<'a> = &'a dyn Fn(&PathBuf);

#[test]
fn a_users_file_that_is_lost_or_others_can_change_leaves_the_users_as_they_were() {
    let mut radio = Radio::start();
    let admin = radio.token("admin", Role::Admin);
    let good = fs::read_to_string(&radio.file).unwrap();
    let warnings = |radio: &Radio| {
        let health = radio.client().ask("GET", "/health", "", "");
        health.json()["warnings"].clone()
    };
    let mode = |mode: u32| fs::Permissions::from_mode(mode);
    let spoil: [(&str, Spoil<'_>); 5] = [
        ("is gone or empty", &|file| fs::remove_file(file).unwrap()),
        ("is gone or empty", &|file| fs::write(file, "").unwrap()),
        ("line 1: is not name:role:hash", &|file| fs::write(file, "admin\n").unwrap()),
        ("`chmod go-w", &|file| fs::set_permissions(file, mode(0o666)).unwrap()),
        ("it is a folder, not a file", &|file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
    ];
    for (reason, spoil) in spoil {
        spoil(&radio.file);
        let report = radio.api.as_ref().unwrap().reload().unwrap();
        assert_eq!(report.changed, Vec::<String>::new());
        assert!(
            report.failed[0].contains(reason) && report.failed[0].contains("stay as they were"),
            "{report:?}"
        );
        assert_eq!(radio.ask(&admin).status, 200, "{reason}");
        let text = warnings(&radio)[0]["problem"].to_string();
        assert!(text.contains("the users stay as they were"), "{text}");
        let _ = fs::remove_dir(&radio.file);
        let _ = fs::remove_file(&radio.file);
        fs::write(&radio.file, &good).unwrap();
        assert_eq!(radio.api.as_ref().unwrap().reload().unwrap(), longwave::Reloaded::default());
        assert_eq!(warnings(&radio), serde_json::json!([]), "{reason}");
    }
    // `longwave user` has removed the last user: that is no accident.
    radio.change(|users| users.remove("admin").unwrap());
    assert_eq!(radio.ask(&admin).status, 401);
}

/// What a first password began ends with it: a stream, and a request whose body is still to come.
#[test]
fn what_is_open_when_a_first_password_expires_ends() {
    let mut radio = Radio::start();
    let token = radio.token("steward", Role::Viewer);
    // Passwords are hashed meanwhile, on a machine that may be busy.
    let soon = SystemTime::now() + Duration::from_secs(8);
    radio.change(|users| {
        users.add("lasting", Role::Viewer, "password 1").unwrap();
        users.add_until("first", Role::Admin, "password 2", soon).unwrap();
    });
    let login = basic("first", "password 2");
    let mut ends = radio.follow(&login);
    let mut stay = [radio.follow(&token), radio.follow(&basic("lasting", "password 1"))];
    let mut begun = TcpStream::connect(radio.address).unwrap();
    begun.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        begun,
        "PUT /api/v1/pipelines/main/metadata HTTP/1.1\r\nHost: a\r\n{login}Connection: close\r\n\
         Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    )
    .unwrap();
    let mut interim = [0; 25];
    begun.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n", "the password was good");

    assert_ends(&mut ends);
    assert!(SystemTime::now() >= soon - Duration::from_secs(1), "not before its time, in whole seconds");
    begun.write_all(b"{\"title\":\"x\"}").unwrap();
    let mut answer = String::new();
    begun.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    // The other streams go on.
    for stays in &mut stay {
        assert_goes_on(&radio, stays);
    }
}

#[test]
fn a_first_password_is_refused_from_its_time_on_until_it_is_changed() {
    let mut radio = Radio::start();
    let in_an_hour = SystemTime::now() + Duration::from_secs(3600);
    radio.change(|users| users.add_until("first", Role::Admin, "password 1", in_an_hour).unwrap());
    let login = basic("first", "password 1");
    assert_eq!(radio.ask(&login).status, 200);
    let health = radio.client().ask("GET", "/health", "", "").body;
    assert!(health.contains("it expires at 20") && !health.contains("\"first"), "{health}");

    // The time is in the file.
    let text = fs::read_to_string(&radio.file).unwrap();
    let (hash, _) = text.split_once(":expires=").unwrap();
    fs::write(&radio.file, format!("{hash}:expires=2026-01-01T00:00:00Z\n")).unwrap();
    radio.users = Users::read(&radio.file).unwrap();
    radio.api.as_ref().unwrap().reload().unwrap();
    for _ in 0..2 {
        let answer = radio.ask(&login);
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains("has expired: set another by `longwave user passwd`"), "{answer:?}");
    }
    assert!(radio.client().ask("GET", "/health", "", "").body.contains("has expired"));
    radio.change(|users| users.set_password("first", "password 2").unwrap());
    assert_eq!(radio.ask(&basic("first", "password 2")).status, 200);
    assert!(!fs::read_to_string(&radio.file).unwrap().contains("expires"));
    assert!(radio.client().ask("GET", "/health", "", "").body.contains("\"warnings\":[]"));
}

#[test]
fn a_user_of_one_pipeline_changes_no_other_and_not_the_station() {
    let mut radio = Radio::start();
    let token = |radio: &mut Radio, pipeline: &str| {
        let header = radio.token(pipeline, Role::Admin);
        let pipelines = vec![pipeline.to_owned()];
        let limits = UserLimits { pipelines, ..UserLimits::default() };
        radio.change(|users| users.set_limits(pipeline, limits).unwrap());
        header
    };
    let (own, other) = (token(&mut radio, "main"), token(&mut radio, "night"));
    let ask = |token: &str, method: &str, path: &str| radio.client().ask(method, path, token, "").status;
    let skip = "/api/v1/pipelines/main/skip";
    assert_eq!((ask(&own, "POST", skip), ask(&other, "POST", skip)), (204, 403));
    for (method, path) in [("POST", "/api/v1/reload"), ("DELETE", "/api/v1/listeners/1")] {
        assert_eq!(ask(&own, method, path), 403, "{path}");
    }
    assert_eq!(ask(&other, "GET", "/api/v1/pipelines/main"), 200, "it may look at everything");
    let refused = radio.client().ask("POST", skip, &other, "");
    assert!(refused.body.contains("night may change only the pipeline night"), "{refused:?}");
}

#[test]
fn a_source_neither_reads_nor_changes_anything() {
    let mut radio = Radio::start();
    let source = radio.token("dj", Role::Source);
    for (method, path) in [("GET", "/api/v1/server"), ("POST", "/api/v1/pipelines/main/skip")] {
        assert_eq!(radio.client().ask(method, path, &source, "").status, 403, "{path}");
    }
}

#[test]
fn a_dj_drives_pipelines_and_changes_nothing_that_lasts() {
    let mut radio = Radio::start();
    let dj = radio.token("anna", Role::Dj);
    let ask = |method: &str, path: &str| {
        let json = "Content-Type: application/json\r\n";
        let body = if path.ends_with("playlist") { "{\"file\": \"x.m3u\"}" } else { "" };
        radio.client().ask(method, path, &format!("{dj}{json}"), body).status
    };
    assert_eq!(ask("GET", "/api/v1/pipelines/main"), 200);
    for path in ["skip", "hold", "resume", "live/release"] {
        assert_eq!(ask("POST", &format!("/api/v1/pipelines/main/{path}")), 204, "{path}");
    }
    assert_eq!(ask("DELETE", "/api/v1/pipelines/main/queue"), 204);
    assert_eq!(ask("DELETE", "/api/v1/pipelines/main/voices"), 204);
    for (method, path) in [
        ("POST", "/api/v1/reload"),
        ("DELETE", "/api/v1/listeners/1"),
        ("DELETE", "/api/v1/sources/1"),
        ("PUT", "/api/v1/pipelines/main/playlist"),
        ("POST", "/api/v1/pipelines/main/outputs"),
    ] {
        assert_eq!(ask(method, path), 403, "{method} {path}");
    }
}

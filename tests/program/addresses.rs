//! How much of clients' addresses leaves the program.
#![cfg(feature = "mp3")]

use std::fs;
use std::net::TcpStream;

use longwave::{Role, Users};
use longwave_testing::client::{Client, basic};

use crate::reload::{Served, write};

/// This machine is a trusted proxy, so the clients have the addresses that it forwards.
const CONFIG: &str = "[server]
listen = '127.0.0.1:0'
users_file = 'users'
trusted_proxies = '127.0.0.1'
max_listeners_per_address = 1
access_log = 'access.log'
access_log_api = true
addresses = 'full'
[[pipeline]]
name = 'a'
playlist = ['one.wav']
loop = true
[[pipeline.output]]
format = 'mp3'
mount = '/a.mp3'
";
/// Each has a part that no other text contains.
const CLIENTS: [(&str, &str, &str); 2] = [
    ("10.77.88.99", "10.77.88.99", "10.77.88.0"),
    ("fd77:88:99:aaaa::bbbb", "fd77:88:99:aaaa::bbbb", "fd77:88:99::"),
];

struct Faces<'a> {
    station: &'a Served,
    token: String,
    events: Client,
}

impl Faces<'_> {
    fn asks(&self, client: &str, method: &str, target: &str, headers: &str) -> (u16, String) {
        let headers = format!("{headers}X-Forwarded-For: {client}\r\n");
        let answer = Client::new(self.station.connect()).ask(method, target, &headers, "");
        (answer.status, answer.body)
    }

    fn listens(&self, client: &str) -> TcpStream {
        let mut player = Client::new(self.station.connect());
        player.send("GET", "/a.mp3", &format!("X-Forwarded-For: {client}\r\n"), "");
        player.until(b"\r\n\r\n");
        player.socket
    }

    /// The address in the next event of this kind.
    fn event(&mut self, kind: &str) -> serde_json::Value {
        self.events.until(format!("event: {kind}\n").as_bytes());
        let data = String::from_utf8(self.events.until(b"\n\n")).unwrap();
        let data = data.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
        serde_json::from_str::<serde_json::Value>(data).unwrap()["address"].clone()
    }

    /// Has a client appear everywhere. Returns its address in the events and in the list of listeners.
    fn visit(&mut self, client: &str) -> [serde_json::Value; 3] {
        let before = self.list().len();
        let player = self.listens(client);
        let joined = self.event("listener-joined");
        let listed = self.list();
        assert_eq!(listed.len(), before + 1, "{listed:?}");
        let listed = listed.into_iter().max_by_key(|listener| listener["id"].as_u64()).expect("a player");
        assert_eq!(self.asks(client, "GET", "/a.mp3", "").0, 429, "it has its share of listeners");
        let wrong = basic("alice", "wrong");
        assert_eq!(self.asks(client, "GET", "/api/v1/server", &wrong).0, 401);
        let admin = self.token.clone();
        assert_eq!(self.asks(client, "POST", "/api/v1/pipelines/a/skip", &admin).0 / 100, 2);
        drop(player);
        [joined, self.event("listener-left"), listed["address"].clone()]
    }

    fn list(&self) -> Vec<serde_json::Value> {
        let (status, body) = self.asks("127.0.0.1", "GET", "/api/v1/listeners", &self.token);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn health(&self) -> String {
        self.asks("127.0.0.1", "GET", "/api/v1/health", &self.token).1
    }

    fn access_log(&self) -> String {
        fs::read_to_string(self.station.path().join("access.log")).unwrap()
    }

    fn lines(&self) -> usize {
        self.access_log().lines().count()
    }
}

/// What logs got after these lengths.
fn since(text: &str, before: usize) -> &str {
    &text[before..]
}

#[test]
fn addresses_are_shown_as_far_as_the_setting_allows_on_every_face() {
    let station = Served::start_with(CONFIG, &["--credentials", "users.first"]);
    let mut users = Users::default();
    let token = users.add_token("steward", Role::Admin).unwrap();
    users.add("alice", Role::Admin, "correct horse").unwrap();
    users.write(&station.path().join("users")).unwrap();
    station.reload();
    station.until("the users are known", || station.log().contains("changed: users"));
    let token = format!("Authorization: Bearer {token}\r\n");
    let mut events = Client::new(station.connect());
    events.send("GET", "/api/v1/events", &token, "");
    events.until(b"\r\n\r\n");
    let mut faces = Faces { station: &station, token, events };

    // Somebody who listens through all of the reloads.
    let long = faces.listens("10.77.88.11");
    assert_eq!(faces.event("listener-joined"), "10.77.88.11");

    for setting in ["full", "shortened", "none"] {
        if setting != "full" {
            let before = station.log().len();
            write(station.path(), &CONFIG.replace("'full'", &format!("'{setting}'")));
            station.reload();
            station.until("it is applied", || since(&station.log(), before).contains("addresses"));
        }
        for (client, full, shortened) in CLIENTS {
            let (log_before, access_before) = (station.log().len(), faces.access_log().len());
            let lines = faces.lines();
            let seen = faces.visit(client);
            let expected = match setting {
                "full" => full,
                "shortened" => shortened,
                _ => "-",
            };
            // Each log is written by a thread of its own.
            let (login, order) =
                (format!("a login failed at {expected}\n"), format!("steward at {expected}: POST"));
            station.until("the login and the order are logged", || {
                let log = station.log();
                [&login, &order].iter().all(|part| since(&log, log_before).contains(*part))
            });
            station.until("all lines are there", || faces.lines() >= lines + 6);
            let (log, access) = (station.log(), faces.access_log());
            let (log, access) = (since(&log, log_before), since(&access, access_before));
            let health = faces.health();
            assert!(health.contains("max_listeners_per_address = 1"), "{health}");
            match setting {
                "none" => assert!(seen.iter().all(serde_json::Value::is_null), "{seen:?}"),
                _ => assert!(seen.iter().all(|seen| seen == expected), "{seen:?}"),
            }
            assert!(
                access.lines().any(|line| line.starts_with(&format!("{expected} - steward ["))),
                "{access}"
            );
            for (face, text) in [("log", log), ("access log", access), ("health", &health)] {
                assert_eq!(text.contains(full), setting == "full", "{setting}: {face}: {text}");
                // Nor a part of it.
                assert_eq!(
                    text.contains(".99") || text.contains("aaaa"),
                    setting == "full",
                    "{face}: {text}"
                );
            }
        }
    }
    // What began before a reload is shown as the settings are now.
    let listed = faces.list();
    assert!(listed.iter().any(|listener| listener["mount"] == "/a.mp3"), "{listed:?}");
    assert!(listed.iter().all(|listener| listener["address"].is_null()), "{listed:?}");
    let before = faces.access_log().len();
    drop(long);
    assert!(faces.event("listener-left").is_null());
    station.until("its line is there", || since(&faces.access_log(), before).contains("/a.mp3"));
    assert!(!since(&faces.access_log(), before).contains("10.77.88"), "{}", faces.access_log());
    assert!(!faces.health().contains("10.77.88"), "{}", faces.health());
}

//! A station with an API, and a client of it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use longwave::{
    Api, ApiSettings, Pipeline, PipelineSettings, Role, ServerSettings, Station, StationSettings, Users,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::document;
use crate::studio::{Ear, SMALL, constant};

const PATIENCE: Duration = Duration::from_secs(20);

/// A station with one pipeline `main` at `/a`, which plays tracks of ten minutes from a folder `music`.
pub struct Radio {
    pub station: Station,
    pub api: Option<Api>,
    pub address: SocketAddr,
    pub folder: TempDir,
    /// Tokens of an admin and of a viewer.
    pub admin: String,
    pub viewer: String,
}

impl Radio {
    pub fn start() -> Radio {
        Radio::with(|_| {}, |_| {})
    }

    pub fn with(
        server: impl FnOnce(&mut ServerSettings),
        pipeline: impl FnOnce(&mut PipelineSettings),
    ) -> Radio {
        let folder = tempfile::tempdir().unwrap();
        let music = folder.path().join("music");
        fs::create_dir(&music).unwrap();
        for name in ["one", "two", "three"] {
            constant(&music.join(format!("{name}.wav")), 0.25, 8_000 * 600);
        }
        fs::write(music.join("noise.mp3"), "this is no music").unwrap();
        fs::write(folder.path().join("secret.wav"), "").unwrap();

        let listen = vec![([127, 0, 0, 1], 0).into()];
        let mut server_settings = ServerSettings { listen, ..ServerSettings::default() };
        server(&mut server_settings);
        let mut main = programme(&music);
        pipeline(&mut main);
        let station = Station::start(StationSettings { server: server_settings, pipelines: vec![main] })
            .expect("a station");

        let mut users = Users::default();
        let admin = users.add_token("steward", Role::Admin).unwrap();
        let viewer = users.add_token("display", Role::Viewer).unwrap();
        let users_file = folder.path().join("users");
        users.write(&users_file).unwrap();
        let address = station.server().local_addrs()[0];
        let mut radio = Radio { station, api: None, address, folder, admin, viewer };
        radio.start_api();
        radio
    }

    /// Anew, with the users that there are.
    pub fn start_api(&mut self) {
        let settings = ApiSettings {
            users_file: Some(self.folder.path().join("users")),
            media_roots: vec![self.folder.path().join("music")],
            ..ApiSettings::default()
        };
        self.api = Some(Api::start(&self.station, &settings).expect("an API"));
    }

    pub fn stop(&mut self) {
        self.api.take();
        assert_eq!(self.station.stop().abandoned, Vec::<String>::new());
    }

    /// The station that has been stopped comes back at the same address, and knows nothing of before.
    pub fn start_again(&mut self) {
        let server = ServerSettings { listen: vec![self.address], ..ServerSettings::default() };
        let pipelines = vec![programme(&self.folder.path().join("music"))];
        self.station =
            Station::start(StationSettings { server, pipelines }).expect("the port is free at once");
        self.start_api();
    }

    pub fn pipeline(&self) -> &Pipeline {
        &self.station.pipelines()[0]
    }

    pub fn music(&self, name: &str) -> PathBuf {
        self.folder.path().join("music").join(name)
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Asks without a credential.
    pub fn ask(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let answer = Client::new(self.connect()).ask(method, target, headers, body);
        document::judge(method, target, &answer);
        answer
    }

    /// Asks as an admin; a body is JSON.
    pub fn steer(&self, method: &str, target: &str, body: Value) -> Answer {
        self.steer_as(&self.admin, method, target, body)
    }

    pub fn steer_as(&self, token: &str, method: &str, target: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        self.ask(method, target, &format!("Authorization: Bearer {token}\r\n{kind}"), &body)
    }

    /// What there is at a path, as a viewer sees it.
    pub fn look(&self, target: &str) -> Value {
        let answer = self.steer_as(&self.viewer, "GET", target, Value::Null);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        answer.json()
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.stop();
    }
}

fn programme(music: &Path) -> PipelineSettings {
    PipelineSettings {
        spec: SMALL,
        playlist: vec![music.join("one.wav"), music.join("two.wav")],
        repeat: true,
        outputs: vec![Ear::deaf().output("/a")],
        ..PipelineSettings::default()
    }
}

/// A connection that is kept.
pub struct Client {
    pub socket: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub fn new(socket: TcpStream) -> Client {
        Client { socket, input: Vec::new() }
    }

    pub fn send(&mut self, method: &str, target: &str, headers: &str, body: &str) {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}");
        self.socket.write_all(request.as_bytes()).unwrap();
    }

    pub fn ask(&mut self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        self.send(method, target, headers, body);
        self.answer(method == "HEAD")
    }

    /// The next whole answer.
    pub fn answer(&mut self, of_head: bool) -> Answer {
        let head = self.until(b"\r\n\r\n");
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !of_head {
            while self.input.len() < length {
                assert!(self.fill(), "closed within a body");
            }
            answer.body = String::from_utf8(self.input.drain(..length).collect()).unwrap();
        }
        answer
    }

    /// All up to and with this.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                return self.input.drain(..at + end.len()).collect();
            }
            assert!(self.fill(), "closed after {:?}", String::from_utf8_lossy(&self.input));
        }
    }

    /// So many bytes.
    #[cfg_attr(not(feature = "mp3"), expect(dead_code))]
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(self.fill(), "closed within {count} bytes");
        }
        self.input.drain(..count).collect()
    }

    pub fn is_closed(&mut self) -> bool {
        !self.fill()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 65_536];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem, and the field that is to blame.
    pub fn problem(&self) -> (u16, String, Option<String>) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        (self.status, json["code"].as_str().unwrap().to_owned(), json["field"].as_str().map(str::to_owned))
    }
}

/// The header of a login by password.
pub fn basic(name: &str, password: &str) -> String {
    let login = base64::prelude::BASE64_STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {login}\r\n")
}

//! A station with an API, and requests to it.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use longwave::{
    Api, ApiSettings, Pipeline, PipelineSettings, Role, ServerSettings, Station, StationSettings, Users,
};
use longwave_testing::PATIENCE;
use longwave_testing::client::{Answer, Client};
use longwave_testing::server::settings;
use longwave_testing::studio::{SMALL, constant};
use longwave_testing::tap::Tap;
use serde_json::Value;
use tempfile::TempDir;

use crate::document;

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

        let mut server_settings = settings();
        server(&mut server_settings);
        let mut main = programme(&music);
        pipeline(&mut main);
        let station = Station::start(StationSettings {
            server: server_settings,
            pipelines: vec![main],
            ..StationSettings::default()
        })
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

    /// Starts the API again with the same users.
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

    /// Starts the stopped station again at the same address, without its former state.
    pub fn start_again(&mut self) {
        let server = ServerSettings { listen: vec![self.address], ..ServerSettings::default() };
        let pipelines = vec![programme(&self.folder.path().join("music"))];
        self.station = Station::start(StationSettings { server, pipelines, ..StationSettings::default() })
            .expect("the port is free at once");
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

    /// Sends a request without a credential.
    pub fn ask(&self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        let answer = Client::new(self.connect()).ask(method, target, headers, body);
        document::judge(method, target, &answer);
        answer
    }

    /// Sends a request as an admin, with a JSON body.
    pub fn steer(&self, method: &str, target: &str, body: Value) -> Answer {
        self.steer_as(&self.admin, method, target, body)
    }

    pub fn steer_as(&self, token: &str, method: &str, target: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        self.ask(method, target, &format!("Authorization: Bearer {token}\r\n{kind}"), &body)
    }

    /// The document at a path, as a viewer gets it.
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

pub fn programme(music: &Path) -> PipelineSettings {
    PipelineSettings {
        spec: SMALL,
        playlist: vec![music.join("one.wav"), music.join("two.wav")],
        repeat: true,
        outputs: vec![Tap::counting().output("/a")],
        ..PipelineSettings::default()
    }
}

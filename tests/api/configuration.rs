//! The configuration file, as an admin sees it.

use std::fs;
use std::net::TcpStream;

use longwave::{Api, Config, Role, Station, Users};
use longwave_testing::PATIENCE;
use longwave_testing::client::{Answer, Client};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::Radio;
use crate::document;

const CONFIGURATION: &str = "/api/v1/configuration";
const TEXT: &str = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n# password: geheim\n\
                    [[pipeline]]\n[[pipeline.output]]\nformat = 'mp3'\n";

/// A station that was started from a file, with the tokens of an admin and of a dj.
struct Declared {
    station: Station,
    api: Option<Api>,
    folder: TempDir,
    admin: String,
    dj: String,
}

impl Declared {
    fn start() -> Declared {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("station.toml");
        fs::write(&file, TEXT).unwrap();
        let mut users = Users::default();
        let admin = users.add_token("eve", Role::Admin).unwrap();
        let dj = users.add_token("ana", Role::Dj).unwrap();
        users.write(&folder.path().join("users")).unwrap();
        let config = Config::read(&file).unwrap();
        let station = Station::start(config.clone().into()).unwrap();
        let api = Some(Api::start_reloadable(&station, config, &file).unwrap());
        Declared { station, api, folder, admin, dj }
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("station.toml"), text).unwrap();
    }

    fn ask(&self, token: &str, method: &str, target: &str) -> Answer {
        let socket = TcpStream::connect(self.station.server().local_addrs()[0]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let answer =
            Client::new(socket).ask(method, target, &format!("Authorization: Bearer {token}\r\n"), "");
        document::judge(method, target, &answer);
        answer
    }

    /// The file, as an admin sees it.
    fn look(&self) -> Value {
        let answer = self.ask(&self.admin, "GET", CONFIGURATION);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }
}

impl Drop for Declared {
    fn drop(&mut self) {
        self.api.take();
        self.station.stop();
    }
}

#[test]
fn the_file_is_shown_with_what_a_reload_would_change_and_nothing_changes_by_it() {
    let radio = Declared::start();
    let seen = radio.look();
    assert_eq!(seen["text"], TEXT.replace("geheim", "…"));
    assert!(seen["file"].as_str().unwrap().ends_with("/station.toml"));
    assert_eq!((&seen["problems"], &seen["shortened"]), (&json!([]), &json!(false)));
    assert_eq!(seen["warnings"][0]["reason"], "pipeline \"main\" has no playlist: it sends silence");
    let nothing = json!({ "changed": [], "restart": [], "failed": [] });
    assert_eq!(seen["reload"], nothing);

    let settings = "max_listeners = 50\nwrite_timeout = '20s'\n[[pipeline]]\ncrossfade = '2s'";
    let changed = TEXT.replace("[[pipeline]]", settings);
    radio.write(&changed);
    let would = radio.look()["reload"].clone();
    assert_eq!(would["changed"], json!(["server.max_listeners", "pipeline main: crossfade"]));
    assert_eq!(would["restart"], json!(["server.write_timeout"]));
    assert_eq!(radio.look()["reload"], would, "a look changes nothing");
    let done = radio.ask(&radio.admin, "POST", "/api/v1/reload").json();
    assert_eq!((&done["changed"], &done["restart"]), (&would["changed"], &would["restart"]));
    let after = radio.look()["reload"].clone();
    assert_eq!((&after["changed"], &after["restart"]), (&json!([]), &would["restart"]));

    // Users that somebody has added to the file.
    let file = radio.folder.path().join("users");
    Users::update(&file, |users| users.add_token("new", Role::Viewer)).unwrap();
    assert_eq!(radio.look()["reload"]["changed"], json!(["users"]));
    fs::write(&file, "nonsense\n").unwrap();
    let warnings = radio.look()["warnings"].to_string();
    assert!(warnings.contains("line 1: is not name:role:hash; they stay as they were"), "{warnings}");
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_of_nothing_more_than_a_reload_would() {
    let radio = Declared::start();
    radio.write(&TEXT.replace("format = 'mp3'", "formt = 'aac'\nbitrate = 'loud'"));
    let seen = radio.look();
    let problems = seen["problems"].as_array().unwrap();
    assert!(
        problems.iter().any(|problem| problem["line"] == 7
            && problem["key"] == "pipeline[0].output[0].formt"
            && problem["reason"].as_str().unwrap().ends_with("did you mean \"format\"?")),
        "{seen:#}"
    );
    assert_eq!(seen["reload"], Value::Null);
    assert_eq!(radio.ask(&radio.admin, "POST", "/api/v1/reload").status, 422);
    radio.write("[[[");
    assert_eq!(radio.look()["problems"][0]["line"], 1);
    fs::write(radio.folder.path().join("station.toml"), b"\xff\xfe").unwrap();
    assert_eq!(radio.look()["text"], Value::Null);
    fs::remove_file(radio.folder.path().join("station.toml")).unwrap();
    let seen = radio.look();
    assert_eq!((&seen["text"], seen["problems"].as_array().unwrap().len()), (&Value::Null, 1));
}

#[test]
fn only_an_admin_sees_it() {
    let radio = Declared::start();
    assert_eq!(radio.ask(&radio.dj, "GET", CONFIGURATION).problem(), (403, "forbidden".into(), None));
    assert_eq!(radio.ask("lw-none", "GET", CONFIGURATION).status, 401);
    // A station that an application has made has no file.
    let other = Radio::start();
    assert_eq!(other.steer("GET", CONFIGURATION, Value::Null).problem(), (409, "stopped".into(), None));
}

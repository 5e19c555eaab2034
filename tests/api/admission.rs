//! An application that decides by itself who may send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longwave::{Api, ApiSettings, Config, SourceRequest, Station};
use longwave_testing::client::{Answer, Client, basic};
use longwave_testing::tools::tone_file;
use longwave_testing::{PATIENCE, until};

/// A station without users, whose application knows one DJ: anna, with this password.
struct Radio {
    _api: Api,
    station: Station,
    address: SocketAddr,
    /// Who has asked.
    asked: Arc<Mutex<Vec<SourceRequest>>>,
}

const PASSWORD: &str = "correct horse";

impl Radio {
    fn start() -> Radio {
        let text = "[server]\nlisten = '127.0.0.1:0'\nicy_listen = '127.0.0.1:0'\nicy_mount = '/guest'\nburst = '16KiB'\n\
                    [[pipeline]]\n[[pipeline.live]]\nbuffer = '300ms'\n[[pipeline.output]]\nformat = 'mp3'\n\
                    mount = '/radio.mp3'\n[[mount]]\nmount = '/guest'\n";
        let station =
            Station::start(Config::from_toml(text, Path::new("station.toml")).unwrap().into()).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let api = Api::start(&station, &ApiSettings::default()).unwrap();
        station.admit_sources({
            let asked = asked.clone();
            move |source: &SourceRequest| {
                asked.lock().unwrap().push(source.clone());
                match (&*source.user, &*source.password) {
                    ("anna", PASSWORD) => Ok("Anna".into()),
                    ("slow", _) => {
                        std::thread::sleep(Duration::from_secs(6));
                        Ok("too late".into())
                    }
                    ("panic", _) => panic!("on purpose, in a test"),
                    _ => Err("you are not on the schedule: call the studio".into()),
                }
            }
        });
        let address = station.server().local_addrs()[0];
        Radio { _api: api, station, address, asked }
    }

    fn connect(&self, request: &str) -> TcpStream {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        socket
    }

    fn refused(&self, path: &str, headers: &str) -> Answer {
        Client::new(self.connect(&format!("SOURCE {path} HTTP/1.0\r\n{headers}\r\n"))).answer(false)
    }

    fn let_in(&self, path: &str, headers: &str) -> TcpStream {
        let mut socket = self.connect(&format!("SOURCE {path} HTTP/1.0\r\n{headers}\r\n"));
        let mut answer = [0; 19];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.0 200 OK\r\n\r\n");
        socket
    }
}

#[test]
fn the_application_lets_in_whom_it_knows_and_says_why_not() {
    let radio = Radio::start();
    assert_eq!(radio.refused("/live", "").status, 401, "programs send their login when they are asked");
    for (user, reason) in [("ben", "call the studio"), ("panic", "the station's own code has failed")] {
        let answer = radio.refused("/live", &basic(user, PASSWORD));
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.body.contains(reason), "{answer:?}");
    }
    let anna = basic("anna", PASSWORD);
    let answer = radio.refused("/nothing", &anna);
    assert_eq!(answer.status, 404, "{answer:?}");

    let mut live = radio.let_in("/live", &format!("{anna}User-Agent: BUTT\r\nice-name: Soirée\r\n"));
    let (path, user, program) = {
        let asked = radio.asked.lock().unwrap();
        let last = asked.last().unwrap();
        assert!(!format!("{last:?}").contains(PASSWORD), "{last:?}");
        (last.path.clone(), last.user.clone(), last.info.program.clone())
    };
    assert_eq!((&*path, &*user, &*program), ("/live", "anna", "BUTT"));
    live.write_all(&tone_file(3, 44_100, &["-b:a", "128k"], "mp3")).unwrap();
    let pipeline = &radio.station.pipelines()[0];
    until("she is on the air, by the name that she was given", || {
        let source = pipeline.live().and_then(|live| live.source);
        source.is_some_and(|source| source.user.as_deref() == Some("Anna"))
    });

    // Her login sets the titles of what she sends, and nothing else.
    let title = |path: &str, login: &str| {
        let query = format!("/admin/metadata?mount={path}&mode=updinfo&song=Caf%C3%A9");
        Client::new(radio.connect("")).ask("GET", &query, login, "").status
    };
    assert_eq!((title("/live", &anna), title("/guest", &anna)), (200, 403));
    assert_eq!(title("/live", &basic("ben", PASSWORD)), 401);
    let stop = Client::new(radio.connect("")).ask("POST", "/api/v1/pipelines/main/skip", &anna, "");
    assert_eq!(stop.status, 401, "{stop:?}");
    drop(live);
    until("she has left", || radio.station.sources().is_empty());
    assert_eq!(title("/live", &anna), 401, "her login was good as long as she was here");
}

#[test]
fn an_application_that_takes_too_long_has_refused() {
    let radio = Radio::start();
    let slow = radio.refused("/live", &basic("slow", PASSWORD));
    assert_eq!(slow.status, 403, "{slow:?}");
    assert!(slow.body.contains("has not decided in time"), "{slow:?}");
    // Afterwards it decides again.
    let _anna = radio.let_in("/guest", &basic("anna", PASSWORD));
    assert_eq!(radio.station.sources()[0].info.user, "Anna");
}

#[test]
fn sources_that_speak_icy_are_decided_about_too() {
    let radio = Radio::start();
    let port = radio.station.server().icy_addrs()[0];
    let say = |line: &str| {
        let mut socket = TcpStream::connect(port).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(line.as_bytes()).unwrap();
        let mut answer = vec![0; 3];
        socket.read_exact(&mut answer).unwrap();
        (socket, String::from_utf8(answer).unwrap())
    };
    assert_ne!(say("ben:wrong\r\n").1, "OK2");
    let (mut source, answer) = say(&format!("anna:{PASSWORD}\r\n"));
    assert_eq!(answer, "OK2");
    source.write_all(b"icy-name:Anna\r\ncontent-type:audio/mpeg\r\n\r\n").unwrap();
    until("she is there", || radio.station.sources().iter().any(|source| source.info.user == "Anna"));
}

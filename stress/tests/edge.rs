//! Players of HLS at an nginx that is configured by examples/nginx-edge.conf, in front of a station. Between
//! the two is a relay that writes down what nginx asks for.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use longwave::{AacSettings, HlsSettings, PipelineSettings, ServerSettings};
use longwave_testing::client::Client;
use longwave_testing::proxy::{self, Proxy};
use longwave_testing::radio::{Radio, output, stereo};
use longwave_testing::{PATIENCE, long, server, sound, until};
use serde_json::Value;
use tempfile::TempDir;

const LIST: &str = "/radio/hls.m3u8";
const MEDIA: &str = "/radio/hls/radio.aac/live.m3u8";

/// The way from nginx to the station, wherever that is now.
#[derive(Clone)]
struct Way {
    address: SocketAddr,
    station: Arc<Mutex<SocketAddr>>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// The paths that were asked for, and when.
    requests: Vec<(String, Instant)>,
}

impl Way {
    fn to(station: SocketAddr) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let way = Way { address, station: Arc::new(Mutex::new(station)), seen: Arc::default() };
        let relay = way.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let relay = relay.clone();
                thread::spawn(move || relay.carry(client.unwrap()));
            }
        });
        way
    }

    /// One connection of nginx. Where nobody listens any more, it is closed.
    fn carry(&self, client: TcpStream) -> io::Result<()> {
        let station = TcpStream::connect(*self.station.lock().unwrap())?;
        self.seen.lock().unwrap().connections += 1;
        let (mut answers, mut back) = (station.try_clone()?, client.try_clone()?);
        let down = thread::spawn(move || {
            let _ = io::copy(&mut answers, &mut back);
            let _ = back.shutdown(Shutdown::Both);
        });
        let (mut lines, mut up) = (BufReader::new(client), station);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            if let Some(rest) = line.strip_prefix(b"GET ") {
                let path = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
                let path = String::from_utf8_lossy(path).into_owned();
                self.seen.lock().unwrap().requests.push((path, Instant::now()));
            }
            up.write_all(&line)?;
            line.clear();
        }
        let _ = up.shutdown(Shutdown::Both);
        down.join().expect("the answers end");
        Ok(())
    }

    /// How often each path was asked for, without queries.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (path, _) in &self.seen.lock().unwrap().requests {
            *counts.entry(path.split('?').next().unwrap_or_default().to_owned()).or_default() += 1;
        }
        counts
    }
}

/// A station with two variants of HLS in segments of two seconds.
fn station(folder: &Path) -> Radio {
    let track = folder.join("noise.wav");
    if !track.exists() {
        sound::wav(&track, stereo(44_100), &sound::noise(stereo(44_100), 1, 0.2, 44_100 * 60));
    }
    let outputs = ["/radio.aac", "/low.aac"];
    let pipeline = PipelineSettings {
        playlist: vec![track],
        repeat: true,
        state_file: Some(folder.join("state")),
        outputs: outputs.map(|mount| output(mount, AacSettings::default())).into(),
        hls: vec![HlsSettings {
            segment: Duration::from_secs(2),
            count: false,
            ..HlsSettings::at("/radio", outputs)
        }],
        ..PipelineSettings::default()
    };
    let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    Radio::with(ServerSettings { trusted_proxies, ..server::settings() }, vec![pipeline])
}

/// A station and the edge in front of it.
struct Edge {
    radio: Radio,
    way: Way,
    nginx: Proxy,
    folder: TempDir,
}

impl Edge {
    /// None without nginx.
    fn start() -> Option<Edge> {
        if !proxy::is_there("nginx") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let radio = station(folder.path());
        let way = Way::to(radio.address);
        let nginx = nginx(&folder.path().join("nginx"), &way);
        Some(Edge { radio, way, nginx, folder })
    }
}

fn nginx(folder: &Path, way: &Way) -> Proxy {
    let conf = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/nginx-edge.conf");
    let conf = std::fs::read_to_string(conf).unwrap();
    proxy::nginx(folder, |address| {
        let mine = [
            ("listen 80;", format!("listen {address};")),
            ("127.0.0.1:8000", way.address.to_string()),
            ("/var/cache/nginx", folder.display().to_string()),
        ];
        mine.iter().fold(conf, |conf, (documented, mine)| {
            assert!(conf.contains(documented), "{documented}");
            conf.replace(documented, mine)
        })
    })
}

fn client(address: SocketAddr) -> Client {
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Client::new(socket)
}

/// Waits until a playlist has so many segments, and returns their names.
fn segments(address: SocketAddr, least: usize) -> Vec<String> {
    let mut names = Vec::new();
    until("there are segments", || {
        let text = client(address).ask("GET", MEDIA, "", "").body;
        names = text.lines().filter(|line| line.ends_with(".ts")).map(str::to_owned).collect();
        names.len() >= least
    });
    names
}

/// Players at the edge. Their report goes to a file in `folder`.
struct Players {
    child: Child,
    json: std::path::PathBuf,
}

impl Players {
    fn start(folder: &Path, address: SocketAddr, options: &[&str]) -> Players {
        let json = folder.join("players.json");
        let mut stress = Command::new(env!("CARGO_BIN_EXE_longwave-stress"));
        stress.args(["players", "--url", &format!("http://{address}{LIST}"), "--json"]).arg(&json);
        stress.args(options).stdout(Stdio::piped());
        Players { child: stress.spawn().unwrap(), json }
    }

    fn report(mut self) -> (String, Value) {
        let mut table = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut table).unwrap();
        assert!(self.child.wait().unwrap().success(), "{table}");
        (table, serde_json::from_slice(&std::fs::read(&self.json).unwrap()).unwrap())
    }
}

impl Drop for Players {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn players_at_an_edge_cost_the_station_one_player() {
    let Some(Edge { folder, radio, way, nginx }) = Edge::start() else { return };
    segments(radio.address, 3);

    let began = Instant::now();
    let seconds = if long() { "120" } else { "10" };
    let options = ["--count", "40", "--ramp", "40", "--settle", "1", "--seconds", seconds];
    let (table, report) = Players::start(folder.path(), nginx.address, &options).report();
    let took = began.elapsed().as_secs() as usize;
    assert_eq!((&report["errors"], &report["stalls"]), (&serde_json::json!({}), &0.into()), "{table}");
    assert_eq!(report["started"], 40, "{table}");
    assert!(report["requests_per_s"].as_f64().unwrap() > 30.0, "{table}");

    let counts = way.counts();
    let (of_segments, others): (Vec<_>, Vec<_>) = counts.iter().partition(|(path, _)| path.ends_with(".ts"));
    assert!(of_segments.len() >= 10, "{counts:?}");
    assert!(of_segments.iter().all(|(_, count)| **count == 1), "a segment is fetched once: {of_segments:?}");
    for (path, count) in others {
        assert!(*count <= took + 2, "{count} requests for {path} in {took} s");
    }
    let connections = way.seen.lock().unwrap().connections;
    assert!(connections <= 16, "connections are kept: {connections}");
    radio.stop();
}

#[test]
fn an_edge_keeps_what_the_station_says_and_for_as_long() {
    let Some(Edge { folder: _folder, radio, way, nginx }) = Edge::start() else { return };
    let name = segments(radio.address, 1).pop().unwrap();
    let asked = |path: &str| way.counts().get(path).copied().unwrap_or_default();
    let path = format!("/radio/hls/radio.aac/{name}");

    let mut player = client(nginx.address);
    let mut fetch = |path: &str, headers: &str| player.fetch("GET", path, headers);
    let first = fetch(&path, "");
    let whole = &first.bytes;
    assert_eq!((first.status, whole[0], whole.len() % 188), (200, 0x47, 0));
    for (name, value) in [
        ("Content-Type", "video/mp2t"),
        ("Access-Control-Allow-Origin", "*"),
        ("Cache-Control", "public, max-age=86400, immutable"),
    ] {
        assert_eq!(first.header(name), Some(value), "{}", first.head);
    }
    // The same file: by other letters, with a query, in parts, if it has changed.
    let tag = first.header("ETag").expect("a tag");
    assert_eq!(&fetch(&path.replace("/hls/", "/%68ls/"), "").bytes, whole);
    assert_eq!(&fetch(&format!("{path}?s=1"), "").bytes, whole);
    let part = fetch(&path, "Range: bytes=188-375\r\n");
    assert_eq!((part.status, &part.bytes[..]), (206, &whole[188..376]));
    assert_eq!(fetch(&path, &format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(asked(&path), 1, "{:?}", way.counts());

    // What is gone is asked for once a second.
    let gone = "/radio/hls/radio.aac/1-1.ts";
    let began = Instant::now();
    for _ in 0..50 {
        let answer = player.ask("GET", gone, "", "");
        assert_eq!((answer.status, answer.header("cache-control")), (404, Some("max-age=1")));
    }
    let most = began.elapsed().as_secs() as usize + 2;
    assert!(asked(gone) <= most, "{} requests, and {most} at most", asked(gone));
    radio.stop();
}

#[test]
fn a_station_that_starts_again_is_heard_again_through_its_edge() {
    let Some(Edge { folder, radio, way, nginx }) = Edge::start() else { return };
    let before = segments(radio.address, 4);
    let options = ["--count", "20", "--ramp", "40", "--settle", "0", "--seconds", "16"];
    let players = Players::start(folder.path(), nginx.address, &options);
    until("they play", || way.counts().len() > 6);
    radio.stop();
    drop(radio);
    let radio = station(folder.path());
    *way.station.lock().unwrap() = radio.address;
    // Until it has a segment, players get the list that the edge has.
    until("there are new segments", || {
        let names = segments(nginx.address, 1);
        names.len() >= 2 && names.iter().all(|name| !before.contains(name))
    });

    let (table, report) = players.report();
    // While nobody listens, nginx says 502.
    let errors: Vec<_> = report["errors"].as_object().unwrap().keys().collect();
    let known =
        ["playlist: 502", "segment: 502", "segment: 503", "segment: 404", "variants: 502", "playlist: 503"];
    assert!(errors.iter().all(|error| known.contains(&error.as_str())), "{table}");
    assert_eq!(report["started"], 20, "{table}");
    // One that had given up would have been silent to the end.
    assert!(report["most_stalled_s"].as_f64().unwrap() < 8.0, "all of them play again: {table}");
    radio.stop();
}

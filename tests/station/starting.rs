//! What is declared is never 404: while a station starts, while it stops, and in between.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use longwave::{
    Api, ApiSettings, Encoder, EncoderSettings, FrameCount, OutputSettings, Packet, PcmSpec, Pipeline,
    PipelineSettings, Result, Server, ServerSettings, Station, StationSettings,
};
use longwave_testing::client::Client;
use longwave_testing::player::header;
use longwave_testing::radio::output;
use longwave_testing::server::settings;
use longwave_testing::until;

/// Opens for all who wait at it.
#[derive(Debug, Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// An encoder that may take its time at its start and at its end.
#[derive(Clone, Debug)]
struct Slow {
    content_type: &'static str,
    /// How often it is opened without waiting.
    free: Arc<AtomicU32>,
    start: Arc<Gate>,
    end: Arc<Gate>,
}

impl Slow {
    /// Takes no time, until it is told to.
    fn quick() -> Slow {
        let slow = Slow::new("audio/x-raw", 0);
        slow.start.open();
        slow.end.open();
        slow
    }

    fn new(content_type: &'static str, free: u32) -> Slow {
        let free = Arc::new(AtomicU32::new(free));
        Slow { content_type, free, start: Arc::default(), end: Arc::default() }
    }
}

impl EncoderSettings for Slow {
    fn open(&self, _: PcmSpec) -> Result<Box<dyn Encoder>> {
        if self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err() {
            self.start.pass();
        }
        Ok(Box::new(self.clone()))
    }
    fn content_type(&self) -> &str {
        self.content_type
    }
    fn bitrate(&self) -> Option<u32> {
        None
    }
}

impl Encoder for Slow {
    fn encode(&mut self, pcm: &[f32], packets: &mut Vec<Packet>) -> Result<()> {
        packets.push(Packet { bytes: vec![0; 64].into(), frames: pcm.len() as u32 });
        Ok(())
    }
    fn flush(&mut self, _: &mut Vec<Packet>) -> Result<()> {
        self.end.pass();
        Ok(())
    }
    fn delay(&self) -> FrameCount {
        FrameCount(0)
    }
}

fn pipeline(name: &str, outputs: Vec<OutputSettings>) -> PipelineSettings {
    PipelineSettings { name: name.into(), outputs, ..PipelineSettings::default() }
}

/// The status of a request, and its Retry-After. `None` if nobody listens any more: a connection that the
/// system has taken by then ends without an answer.
fn ask(address: SocketAddr, path: &str) -> Option<(u16, Option<String>)> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    match socket.read_to_string(&mut answer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no answer, and no end: {error}"),
        Err(_) => return None,
        Ok(_) if answer.is_empty() => return None,
        Ok(_) => {}
    }
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, header(&answer, "retry-after").map(str::to_owned)))
}

fn is_awaited(address: SocketAddr, path: &str) -> bool {
    match ask(address, path) {
        Some((503, after)) => after.is_some_and(|seconds| (1..60).contains(&seconds.parse().unwrap())),
        _ => false,
    }
}

/// Waits until the path is awaited. It is never called gone on the way.
fn comes_to_be_awaited(address: SocketAddr, path: &str) {
    until("it is awaited", || {
        assert_ne!(ask(address, path).map(|(status, _)| status), Some(404));
        is_awaited(address, path)
    });
}

/// A server on a port that was free a moment ago.
fn somewhere() -> (ServerSettings, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    (ServerSettings { listen: vec![address], ..settings() }, address)
}

#[test]
fn what_a_station_declares_is_awaited_until_it_is_there() {
    let (server, address) = somewhere();
    let slow = Slow::new("audio/x-raw", 0);
    let pipelines = vec![
        pipeline("a", vec![output("/a", Slow::quick())]),
        pipeline("b", vec![output("/b", slow.clone())]),
    ];
    let start = thread::spawn(move || {
        Station::start_expecting(
            StationSettings { server, pipelines, ..StationSettings::default() },
            Api::PATHS,
        )
        .unwrap()
    });
    until("the first pipeline is on the air", || ask(address, "/a").is_some_and(|(status, _)| status == 200));
    for path in ["/b", "/b.m3u", "/health", "/api/v1/events", "/nowplaying/b", "/status-json.xsl"] {
        assert!(is_awaited(address, path), "{path}: {:?}", ask(address, path));
    }
    let mut client = Client::new(TcpStream::connect(address).unwrap());
    let skip = client.ask("POST", "/api/v1/pipelines/a/skip", "Connection: close\r\n", "");
    assert_eq!((skip.status, skip.header("Retry-After").is_some()), (503, true));
    for path in ["/c", "/b.mp3", "/healthy"] {
        assert_eq!(ask(address, path), Some((404, None)), "{path}: nobody declared it");
    }
    slow.start.open();
    let station = start.join().unwrap();
    assert_eq!(ask(address, "/b"), Some((200, None)));
    assert!(is_awaited(address, "/health"), "the API is still to come");
    let api = Api::start(&station, &ApiSettings::default()).unwrap();
    assert_eq!(ask(address, "/status-json.xsl"), Some((200, None)));
    assert_eq!(ask(address, "/api/v2/nothing"), Some((404, None)));
    // An output that is removed on purpose is gone.
    station.pipelines()[0].remove_output("/a").unwrap();
    until("its mount has ended", || ask(address, "/a") == Some((404, None)));
    api.stop();
    assert!(is_awaited(address, "/health") && is_awaited(address, "/api/v1/server"));
    slow.end.open();
    station.stop();
}

#[test]
fn mounts_of_a_shared_server_are_awaited_until_their_pipeline_starts() {
    let settings_b = pipeline("b", vec![output("/b", Slow::quick())]);
    let paths = [settings_b.mounts(), vec!["/own"]].concat();
    let server = Server::start_expecting(settings(), &paths).unwrap();
    let address = server.local_addrs()[0];
    assert!(is_awaited(address, "/b") && is_awaited(address, "/own"));
    let running = Pipeline::start(settings_b, &server).unwrap();
    assert_eq!(ask(address, "/b"), Some((200, None)));
    running.stop();
    until("the mount is gone", || ask(address, "/b") == Some((404, None)));
    server.expect(&["/b"]).unwrap();
    assert!(is_awaited(address, "/b"));
    server.expect_no_more("/b").unwrap();
    server.expect_no_more("/own").unwrap();
    assert_eq!((ask(address, "/b"), ask(address, "/own")), (Some((404, None)), Some((404, None))));
    server.stop();
    assert!(server.expect(&["/b"]).is_err());
}

/// Asks until nobody listens. Panics if it is told that a path does not exist.
fn watch(address: SocketAddr, path: &'static str) -> thread::JoinHandle<u32> {
    thread::spawn(move || {
        let mut awaited = 0;
        while let Some((status, after)) = ask(address, path) {
            match status {
                200 => {}
                503 if after.is_some() => awaited += 1,
                other => panic!("{path}: {other}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
        awaited
    })
}

#[test]
fn what_was_on_the_air_is_not_called_gone_during_a_stop() {
    // Its encoder takes as long as the stop lets it.
    let slow = Slow::new("audio/x-raw", 1);
    let pipelines = vec![
        pipeline("a", vec![output("/a", Slow::quick())]),
        pipeline("b", vec![output("/b", slow.clone())]),
    ];
    let station =
        Station::start(StationSettings { server: settings(), pipelines, ..StationSettings::default() })
            .unwrap();
    let address = station.server().local_addrs()[0];
    let server = station.server().clone();
    let stop = thread::spawn(move || station.stop());
    until("the quick one has gone", || server.mount_info("/a").is_none());
    comes_to_be_awaited(address, "/a");
    slow.end.open();
    stop.join().unwrap();
    assert_eq!(ask(address, "/a"), None);
}

#[test]
fn a_pipeline_that_ends_with_its_own_server_ends_no_mount_before_it() {
    let slow = Slow::new("audio/x-raw", 1);
    let pipeline = Pipeline::builder("main")
        .server_settings(settings())
        .output("/a", Slow::quick())
        .output("/b", slow.clone())
        .start()
        .unwrap();
    let address = pipeline.server().unwrap().local_addrs()[0];
    let asks = watch(address, "/a");
    let stop = thread::spawn(move || pipeline.stop());
    until("one of its mounts is awaited", || is_awaited(address, "/a"));
    slow.end.open();
    stop.join().unwrap();
    asks.join().unwrap();
}

#[test]
fn a_mount_that_changes_its_format_is_awaited_meanwhile() {
    let with = |encoder: Slow| StationSettings {
        server: settings(),
        pipelines: vec![pipeline("main", vec![output("/a", encoder)])],
        ..StationSettings::default()
    };
    let station = Arc::new(Station::start(with(Slow::quick())).unwrap());
    let address = station.server().local_addrs()[0];
    // The reload opens it once to see whether it can, and again to add it.
    let other = Slow::new("audio/x-other", 1);
    other.end.open();
    let reload = {
        let (station, settings) = (station.clone(), with(other.clone()));
        thread::spawn(move || station.reload(&settings))
    };
    let server = station.server().clone();
    until("the old one has gone", || server.mount_info("/a").is_none());
    comes_to_be_awaited(address, "/a");
    other.start.open();
    let report = reload.join().unwrap();
    assert!(report.failed.is_empty(), "{report:?}");
    assert_eq!(ask(address, "/a"), Some((200, None)));
    station.stop();
}

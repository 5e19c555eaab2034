//! For the tests that go the whole way, from files to players: stations on a free port, and listeners that
//! keep what they hear.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use longwave::{
    Channels, Clock, EncoderSettings, MountSettings, OutputSettings, PcmSpec, Pipeline, PipelineSettings,
    SampleRate, ServerSettings, Station, StationSettings, Stepper,
};

use crate::server::settings;
use crate::{PATIENCE, until};

/// 44.1 kHz and the like, in stereo.
pub const fn stereo(hz: u32) -> PcmSpec {
    PcmSpec { rate: SampleRate::new(hz).unwrap(), channels: Channels::Stereo }
}

/// The same in mono.
pub const fn mono(hz: u32) -> PcmSpec {
    PcmSpec { channels: Channels::Mono, ..stereo(hz) }
}

/// An output whose mount has defaults but for its path.
pub fn output(path: &str, encoder: impl EncoderSettings + 'static) -> OutputSettings {
    let mount = MountSettings { path: path.into(), ..MountSettings::default() };
    OutputSettings { encoder: Arc::new(encoder), mount, record: Default::default() }
}

/// A station, by default with one pipeline.
#[derive(Debug)]
pub struct Radio {
    pub station: Station,
    pub address: SocketAddr,
    stepper: Option<Stepper>,
    /// How far the clock has been stepped.
    stepped: Duration,
}

impl Radio {
    pub fn start(pipeline: PipelineSettings) -> Radio {
        Radio::with(settings(), vec![pipeline])
    }

    /// A station whose pipeline runs by a clock that [`run`](Radio::run) steps: as fast as it can.
    pub fn stepped(pipeline: PipelineSettings) -> Radio {
        let (clock, stepper) = Clock::stepped();
        let radio = Radio::start(PipelineSettings { clock, ..pipeline });
        Radio { stepper: Some(stepper), ..radio }
    }

    pub fn with(server: ServerSettings, pipelines: Vec<PipelineSettings>) -> Radio {
        let station = Station::start(StationSettings { server, pipelines, ..StationSettings::default() })
            .expect("a station");
        let address = station.server().local_addrs()[0];
        Radio { station, address, stepper: None, stepped: Duration::ZERO }
    }

    /// Steps the clock by so many seconds, and waits until all that came of it is on the air.
    pub fn run(&mut self, seconds: f64) {
        let stepper = self.stepper.as_ref().expect("a stepped clock");
        let end = self.stepped + Duration::from_secs_f64(seconds);
        while self.stepped < end {
            // A handoff has room for ten seconds.
            let step = (end - self.stepped).min(Duration::from_secs(5));
            stepper.run(step);
            self.stepped += step;
            // A job is mixed ahead of the clock, and an encoder holds another tenth of a second.
            for mount in self.pipeline().mounts() {
                until("the encoders have caught up", || {
                    self.on_air(&mount) + Duration::from_millis(500) > self.stepped
                });
            }
        }
    }

    pub fn pipeline(&self) -> &Pipeline {
        &self.station.pipelines()[0]
    }

    pub fn url(&self, mount: &str) -> String {
        format!("http://{}{mount}", self.address)
    }

    /// How much audio a mount has had.
    pub fn on_air(&self, mount: &str) -> Duration {
        self.station.server().mount_info(mount).expect("a mount").duration
    }

    /// Somebody listens from now on; `with_titles`: to ICY blocks too.
    pub fn listen(&self, mount: &str, with_titles: bool) -> Listener {
        Listener::join(self.address, mount, with_titles)
    }

    /// Stops it, and nothing must have been lost or be left behind.
    pub fn stop(&self) {
        for mount in self.station.server().mounts() {
            assert_eq!((mount.dropped_packets, mount.skips), (0, 0), "{}", mount.settings.path);
        }
        let report = self.station.stop();
        assert!(report.abandoned.is_empty(), "{report:?}");
    }
}

/// A player that takes what comes, on a thread of its own.
#[derive(Debug)]
pub struct Listener {
    pub head: String,
    received: Arc<AtomicU64>,
    thread: JoinHandle<Vec<u8>>,
}

impl Listener {
    fn join(address: SocketAddr, mount: &str, with_titles: bool) -> Listener {
        let mut socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let titles = if with_titles { "Icy-MetaData: 1\r\n" } else { "" };
        write!(socket, "GET {mount} HTTP/1.1\r\nHost: localhost\r\n{titles}\r\n").unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).expect("an answer's head");
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let received = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&received);
        let thread = std::thread::spawn(move || {
            let (mut all, mut buffer) = (Vec::new(), [0; 16_384]);
            loop {
                match socket.read(&mut buffer).expect("the stream goes on, or ends in order") {
                    0 => return all,
                    count => all.extend_from_slice(&buffer[..count]),
                }
                counter.store(all.len() as u64, Ordering::Relaxed);
            }
        });
        Listener { head, received, thread }
    }

    /// How many bytes have come behind the head.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// All that came, once the station has stopped.
    pub fn into_stream(self) -> Vec<u8> {
        self.thread.join().expect("a listener ends in order")
    }
}

//! A crowd of sources that come and go at random, half of them bad, beside listeners. It is the short form of
//! `stress/measure.sh sources`: one thread does all steps, so their order is the same for the same seed, and
//! nothing depends on time.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use longwave::{
    Api, Config, Event, EventReceiver, MountSettings, Role, Station, StationEvent, UserLimits, Users,
};
use longwave_testing::client::basic;
use longwave_testing::player::Player;
use longwave_testing::server::{Feed, mount_settings, numbers};
use longwave_testing::{PATIENCE, until};
use socket2::{Domain, SockRef, Socket, Type};
use tempfile::TempDir;

use crate::Held;

const SEED: u64 = 14;
/// Good sources, half of all. Every fourth is at a live input.
const GOOD: usize = 16;
const LISTENERS: usize = 100;
const STEPS: usize = 500;
/// Listeners are looked at after so many steps, each of which is a packet for them.
const HEARD_AT_ONCE: u32 = 50;
const PASSWORD: &str = "correct horse";
/// Failures of an address within this time; then it must wait.
const FAILURES: usize = 10;
const WITHIN: Duration = Duration::from_secs(60);

/// What a source does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Good,
    /// Sends noise as fast as it is taken.
    Flood,
    /// Says that it sends chunks, and does not.
    BrokenChunks,
    /// Closes in the middle of its head.
    TornHead,
    WrongLogin,
    WrongPath,
    /// Asks for the path of somebody else.
    Forbidden,
    WrongType,
    /// Asks for a path at which somebody is.
    InUse,
}

/// Twice, at paths of their own.
const BAD: [Manner; 8] = [
    Manner::Flood,
    Manner::BrokenChunks,
    Manner::TornHead,
    Manner::WrongLogin,
    Manner::WrongPath,
    Manner::Forbidden,
    Manner::WrongType,
    Manner::InUse,
];

/// A station with a path for each source that is let in, and one of somebody who stays.
struct Radio {
    api: Api,
    station: Station,
    address: SocketAddr,
    events: EventReceiver<StationEvent>,
    _folder: TempDir,
}

/// What the crowd knows of what the station must tell.
#[derive(Default)]
struct Tally {
    /// For each path, those that were let in, in their order: how much each has sent, if all of it must have
    /// come.
    let_in: BTreeMap<String, VecDeque<Option<u64>>>,
    refused: u64,
    /// When each address failed: those times that were told so (401).
    failed: BTreeMap<Ipv4Addr, Vec<Instant>>,
}

struct Guest {
    manner: Manner,
    path: String,
    from: Ipv4Addr,
    socket: Option<TcpStream>,
    sent: u64,
}

pub fn come_and_go() {
    println!("seed {SEED}");
    let mut random = Rng::with_seed(SEED);
    let manners = [Manner::Good; GOOD].into_iter().chain(BAD).chain(BAD);
    let mut guests: Vec<_> = manners.enumerate().map(|(index, manner)| Guest::new(index, manner)).collect();
    let radio = Radio::start(&guests);
    let server = radio.station.server();
    let mut feed = radio.feed();
    feed.push(HEARD_AT_ONCE);
    let connect = || {
        let socket = TcpStream::connect(radio.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let mut players: Vec<_> = (0..LISTENERS).map(|_| Player::on(connect(), "/stream.mp3", "")).collect();
    let mut heard = 0;
    let mut hear_all = |players: &mut [Player]| {
        let expected = numbers(heard..heard + HEARD_AT_ONCE);
        players.iter_mut().for_each(|player| assert_eq!(player.packets(expected.len()), expected));
        heard += HEARD_AT_ONCE;
    };
    hear_all(&mut players);
    until("the listeners count", || server.stats().listeners == LISTENERS as u64);

    let mut tally = Tally::default();
    let resident = Guest::new(guests.len(), Manner::Good);
    let mut resident = Guest { path: "/resident".to_owned(), ..resident };
    resident.come(&radio, &mut tally, &mut random);
    // What begins with the first source stays: the thread that looks after sources. A thread that begins has
    // its parent's name for a moment.
    let begun = ["thread sources", "thread src:/resident"];
    until("the threads of the resident have their names", || {
        let now = Held::now();
        begun.iter().all(|thread| now.0.contains_key(*thread))
    });
    let before = Held::now();
    for step in 1..=STEPS {
        let guest = random.usize(..guests.len());
        guests[guest].step(&radio, &mut tally, &mut random);
        feed.push(1);
        if step % HEARD_AT_ONCE as usize == 0 {
            resident.send(silence());
            hear_all(&mut players);
        }
    }
    guests.iter_mut().for_each(|guest| guest.leave(&mut tally, &mut random));
    until("only the resident is there", || radio.paths() == ["/resident"]);
    before.comes_back("the crowd");

    // Every path can be had again.
    for guest in guests.iter_mut().filter(|guest| guest.manner == Manner::Good) {
        guest.come(&radio, &mut tally, &mut random);
        guest.leave(&mut tally, &mut random);
    }
    until("only the resident is there again", || radio.paths() == ["/resident"]);
    resident.leave(&mut tally, &mut random);
    until("nobody is there", || radio.paths().is_empty());
    radio.judge(&tally);
    feed.push(HEARD_AT_ONCE);
    hear_all(&mut players);
    let stats = server.stats();
    assert_eq!((stats.sources, stats.listeners, stats.skips), (0, LISTENERS as u64, 0));
    assert!(stats.closed.iter().all(|(_, count)| *count == 0), "{:?}", stats.closed);
}

impl Radio {
    fn start(guests: &[Guest]) -> Radio {
        let folder = tempfile::tempdir().unwrap();
        let mut users = Users::default();
        users.add("source", Role::Source, PASSWORD).unwrap();
        users.add("ben", Role::Source, PASSWORD).unwrap();
        users.set_limits("ben", UserLimits { paths: vec!["/bens".into()], ..UserLimits::default() }).unwrap();
        users.write(&folder.path().join("users")).unwrap();
        let mut text = "[server]\nlisten = '127.0.0.1:0'\nusers_file = 'users'\n[[pipeline]]\n\
                        [[pipeline.output]]\nformat = 'mp3'\nmount = '/programme.mp3'\n"
            .to_owned();
        let paths = guests.iter().map(|guest| &*guest.path).chain(["/resident", "/bens"]);
        let (live, relayed): (Vec<_>, Vec<_>) = paths.partition(|path| path.starts_with("/live"));
        for path in live {
            text += &format!("[[pipeline.live]]\npath = '{path}'\nsource_timeout = '5m'\ngrace = '0s'\n");
        }
        for path in relayed {
            text +=
                &format!("[[mount]]\nmount = '{path}'\nsource_timeout = '5m'\ncontent_type = 'audio/mpeg'\n");
        }
        let file = folder.path().join("station.toml");
        fs::write(&file, text).unwrap();
        let config = Config::read(&file).unwrap();
        let station = Station::start(config.clone().into()).unwrap();
        let events = station.server().subscribe(10_000).unwrap();
        let api = Api::start_reloadable(&station, config, &file).unwrap();
        let address = station.server().local_addrs()[0];
        Radio { api, station, address, events, _folder: folder }
    }

    /// What the listeners hear.
    fn feed(&self) -> Feed {
        let server = self.station.server().clone();
        let path = "/stream.mp3".to_owned();
        let writer = server.add_mount(MountSettings { path: path.clone(), ..mount_settings() }).unwrap();
        Feed { server, path, writer, next: 0, title: Arc::default() }
    }

    /// The paths of all sources.
    fn paths(&self) -> Vec<String> {
        self.station.sources().iter().map(|source| source.path.to_string()).collect()
    }

    /// What was told is what the crowd knows: who was let in, and how much of each has come.
    fn judge(&self, tally: &Tally) {
        let mut connected: BTreeMap<String, VecDeque<u64>> = BTreeMap::new();
        let mut left: BTreeMap<String, VecDeque<u64>> = BTreeMap::new();
        let all: usize = tally.let_in.values().map(VecDeque::len).sum();
        let (mut gone, mut refused) = (0, 0);
        while gone < all || refused < tally.refused {
            match self.events.recv_timeout(PATIENCE).expect("all is told").event {
                Event::SourceConnected { path, id, .. } => connected.entry(path).or_default().push_back(id),
                Event::SourceLeft { path, bytes, id, .. } => {
                    assert!(connected[&path].contains(&id), "{path}: it has left, and never came");
                    left.entry(path).or_default().push_back(bytes);
                    gone += 1;
                }
                Event::SourceRefused { .. } => refused += 1,
                Event::Missed { count } => panic!("{count} events were missed"),
                _ => {}
            }
        }
        let failed: usize = tally.failed.values().map(Vec::len).sum();
        println!("{all} were let in, {refused} were refused, {failed} logins failed");
        for (path, let_in) in &tally.let_in {
            assert_eq!((connected[path].len(), left[path].len()), (let_in.len(), let_in.len()), "{path}");
            for (sent, came) in let_in.iter().zip(&left[path]) {
                assert!(sent.is_none_or(|sent| sent == *came), "{path}: {sent:?} were sent, {came} came");
            }
        }
        assert_eq!((connected.len(), refused), (tally.let_in.len(), tally.refused));
    }
}

impl Drop for Radio {
    fn drop(&mut self) {
        self.api.stop();
        let stopped = self.station.stop();
        assert!(std::thread::panicking() || stopped.abandoned.is_empty(), "{:?}", stopped.abandoned);
    }
}

impl Guest {
    fn new(index: usize, manner: Manner) -> Guest {
        let place = if index % 4 == 3 { "live" } else { "relayed" };
        // Who fails must wait, and nobody else at their address.
        let from = Ipv4Addr::new(127, 0, 1, 1 + index as u8);
        Guest { manner, path: format!("/{place}{index}"), from, socket: None, sent: 0 }
    }

    /// Comes if it is not there, else sends or leaves.
    fn step(&mut self, radio: &Radio, tally: &mut Tally, random: &mut Rng) {
        match &self.socket {
            None => self.come(radio, tally, random),
            Some(_) if random.u8(..3) == 0 => self.leave(tally, random),
            Some(_) if self.manner == Manner::Flood => self.send(vec![random.u8(..); 128 * 1024]),
            Some(_) if self.manner == Manner::Good => self.send(silence()),
            // The rest of its head is not to come.
            Some(_) => {}
        }
    }

    fn come(&mut self, radio: &Radio, tally: &mut Tally, random: &mut Rng) {
        let mp3 = "audio/mpeg";
        match self.manner {
            Manner::Good | Manner::Flood => {
                self.until_free(radio);
                let (socket, status) = self.ask(radio, &self.path, "source", PASSWORD, mp3);
                assert_eq!(status, 200, "{}", self.path);
                (self.socket, self.sent) = (Some(socket), 0);
            }
            Manner::BrokenChunks => {
                self.until_free(radio);
                let mut socket = self.connect(radio);
                let kind = format!("{mp3}\r\nTransfer-Encoding: chunked");
                let head = self.head(&self.path, "source", PASSWORD, &kind);
                socket.write_all(format!("{head}5\r\nhello\r\nno chunk").as_bytes()).unwrap();
                let mut answer = String::new();
                socket.read_to_string(&mut answer).unwrap();
                assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
                tally.let_in(&self.path, Some(5));
            }
            Manner::TornHead => {
                let head = self.head(&self.path, "source", PASSWORD, mp3);
                let mut socket = self.connect(radio);
                socket.write_all(&head.as_bytes()[..random.usize(1..head.len())]).unwrap();
                self.socket = Some(socket);
            }
            Manner::WrongLogin => {
                let (_, status) = self.ask(radio, &self.path, "source", "wrong horse", mp3);
                tally.failed(self.from, status);
            }
            Manner::WrongPath => self.refused(radio, tally, ("/nowhere", "source", mp3), 404),
            Manner::Forbidden => self.refused(radio, tally, ("/resident", "ben", mp3), 403),
            Manner::WrongType => self.refused(radio, tally, ("/bens", "ben", "audio/aac"), 415),
            Manner::InUse => self.refused(radio, tally, ("/resident", "source", mp3), 403),
        }
    }

    fn refused(&self, radio: &Radio, tally: &mut Tally, (path, user, kind): (&str, &str, &str), wanted: u16) {
        let (_, status) = self.ask(radio, path, user, PASSWORD, kind);
        assert_eq!(status, wanted, "{:?}", self.manner);
        tally.refused += 1;
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let Some(socket) = &mut self.socket else { return };
        // Whoever sends nothing usable for ten seconds is let go.
        match socket.write_all(&bytes) {
            Ok(()) => self.sent += bytes.len() as u64,
            Err(error) => assert!(self.manner == Manner::Flood, "{error}"),
        }
    }

    /// Leaves in order, or by a reset.
    fn leave(&mut self, tally: &mut Tally, random: &mut Rng) {
        let Some(socket) = self.socket.take() else { return };
        let resets = random.bool();
        if resets {
            SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        }
        // What is behind a reset may be lost, and so may be what a flood or a live input has no room for.
        let all_comes = !resets && self.manner == Manner::Good && !self.path.starts_with("/live");
        if matches!(self.manner, Manner::Good | Manner::Flood) {
            tally.let_in(&self.path, all_comes.then_some(self.sent));
        }
    }

    /// Waits until the station has noticed that it has left. A path that is stuck fails here.
    fn until_free(&self, radio: &Radio) {
        until(&format!("{} is free", self.path), || !radio.paths().contains(&self.path));
    }

    fn connect(&self, radio: &Radio) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((self.from, 0)).into()).unwrap();
        socket.connect(&radio.address.into()).unwrap();
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Sends a head, and returns the status of the answer.
    fn ask(&self, radio: &Radio, path: &str, user: &str, password: &str, kind: &str) -> (TcpStream, u16) {
        let mut socket = self.connect(radio);
        socket.write_all(self.head(path, user, password, kind).as_bytes()).unwrap();
        let mut status = [0; 12];
        socket.read_exact(&mut status).unwrap();
        (socket, std::str::from_utf8(&status[9..]).unwrap().parse().unwrap())
    }

    fn head(&self, path: &str, user: &str, password: &str, kind: &str) -> String {
        let login = basic(user, password);
        format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{login}Content-Type: {kind}\r\n\r\n")
    }
}

impl Tally {
    fn let_in(&mut self, path: &str, sent: Option<u64>) {
        self.let_in.entry(path.to_owned()).or_default().push_back(sent);
    }

    /// A wrong login was answered so.
    fn failed(&mut self, from: Ipv4Addr, status: u16) {
        let failed = self.failed.entry(from).or_default();
        match status {
            401 => failed.push(Instant::now()),
            _ => assert!(status == 429 && failed.len() >= FAILURES, "{status} after {}", failed.len()),
        }
        if let Some(eleventh_last) = failed.iter().rev().nth(FAILURES) {
            assert!(eleventh_last.elapsed() > WITHIN, "an address guesses on");
        }
    }
}

/// Ten packets of MP3 without sound.
fn silence() -> Vec<u8> {
    let mut packet = vec![0xFF, 0xFB, 0x90, 0x64];
    packet.resize(417, 0);
    packet.repeat(10)
}

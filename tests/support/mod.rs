//! What the tests of the server have in common: a server on a free port, a producer of packets
//! that can be told apart, and a player that checks what it gets.
#![allow(dead_code)] // each test uses its part

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longwave::{MountSettings, MountWriter, Packet, Server, ServerSettings, Title, TitledPacket};

/// Nothing here should take this long.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// As an MP3 of 128 kbit/s has it.
pub const PACKET_BYTES: usize = 417;
pub const PACKET_FRAMES: u32 = 1152;

/// A server on a free port of this machine, with timeouts as the daemon has them.
pub fn settings() -> ServerSettings {
    ServerSettings { listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..ServerSettings::default() }
}

/// The same, impatient.
pub fn quick() -> ServerSettings {
    ServerSettings {
        write_timeout: Duration::from_millis(500),
        header_timeout: Duration::from_millis(500),
        ..settings()
    }
}

/// Waits until something is so, or fails saying that it never was.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub struct Station {
    pub server: Server,
    pub address: SocketAddr,
}

impl Station {
    pub fn start(settings: ServerSettings) -> Station {
        let server = Server::start(settings).expect("a server");
        let address = server.local_addrs()[0];
        Station { server, address }
    }

    pub fn mount(&self, path: &str) -> Feed {
        self.mount_with(MountSettings { path: path.into(), ..mount_settings() })
    }

    pub fn mount_with(&self, settings: MountSettings) -> Feed {
        let path = settings.path.clone();
        let writer = self.server.add_mount(settings).expect("a mount");
        Feed { server: self.server.clone(), path, writer, next: 0, title: Arc::default() }
    }

    /// Sends a request as it is and reads the answer to its end.
    pub fn ask(&self, request: &[u8]) -> String {
        let mut socket = self.connect();
        socket.write_all(request).expect("a request is taken");
        read_to_end(&mut socket)
    }

    pub fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

pub fn mount_settings() -> MountSettings {
    MountSettings {
        content_type: "audio/mpeg".into(),
        bitrate: Some(128),
        sample_rate: Some(44_100),
        channels: Some(2),
        ..MountSettings::default()
    }
}

/// Until the server closes, or resets.
pub fn read_to_end(socket: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut buffer = [0; 65_536];
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}, after {:?}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// A producer.
pub struct Feed {
    pub server: Server,
    pub path: String,
    pub writer: MountWriter,
    pub next: u32,
    pub title: Arc<Title>,
}

impl Feed {
    pub fn packet(&mut self) -> TitledPacket {
        let bytes = packet_bytes(self.next).into();
        self.next += 1;
        let packet = Packet { bytes, frames: PACKET_FRAMES };
        TitledPacket { packet, title: Arc::clone(&self.title), header: None }
    }

    /// Pushes so many packets, and waits until they are in the backlog.
    pub fn push(&mut self, count: u32) {
        let wanted = self.info().packets + u64::from(count);
        for _ in 0..count {
            let mut packet = self.packet();
            while let Err(back) = self.writer.try_push(packet) {
                packet = back;
                std::thread::yield_now();
            }
        }
        until("the packets have arrived", || self.info().packets == wanted);
    }

    /// From the next packet on.
    pub fn title(&mut self, text: &str) {
        self.title = Arc::new(Title::new(text));
    }

    pub fn info(&self) -> longwave::MountInfo {
        self.writer.info()
    }
}

/// A packet that says which it is, in each of its bytes.
pub fn packet_bytes(number: u32) -> Vec<u8> {
    let mut bytes = Vec::from([0xFF, 0xFB, 0x90, 0x64]);
    bytes.extend(number.to_be_bytes());
    bytes.resize_with(PACKET_BYTES, || number as u8 ^ 0x5A);
    bytes
}

pub fn numbers(range: Range<u32>) -> Vec<u32> {
    range.collect()
}

/// A client that listens.
pub struct Player {
    pub socket: TcpStream,
    pub head: String,
    metaint: Option<usize>,
    /// Audio bytes until the next ICY block.
    until_block: usize,
    /// Read, not looked at.
    input: Vec<u8>,
    /// Audio of which no whole packet is there yet.
    audio: Vec<u8>,
    /// Every block that was no single 0, and how many audio bytes came before it.
    pub titles: Vec<(usize, String)>,
    pub audio_bytes: usize,
}

impl Player {
    pub fn get(station: &Station, path: &str, headers: &str) -> Player {
        Player::on(station.connect(), path, headers)
    }

    pub fn on(mut socket: TcpStream, path: &str, headers: &str) -> Player {
        write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n").unwrap();
        let mut player = Player {
            socket,
            head: String::new(),
            metaint: None,
            until_block: 0,
            input: Vec::new(),
            audio: Vec::new(),
            titles: Vec::new(),
            audio_bytes: 0,
        };
        player.read_head();
        player
    }

    fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.input.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.fill(), "closed within the head");
        };
        let rest = self.input.split_off(end);
        self.head = String::from_utf8(std::mem::replace(&mut self.input, rest)).unwrap();
        self.metaint = header(&self.head, "icy-metaint").map(|value| value.parse().unwrap());
        self.until_block = self.metaint.unwrap_or(0);
    }

    /// False at the end of the stream.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// Takes the ICY blocks out of what was read.
    fn unweave(&mut self) {
        let Some(metaint) = self.metaint else {
            self.audio_bytes += self.input.len();
            self.audio.append(&mut self.input);
            return;
        };
        loop {
            let now = self.until_block.min(self.input.len());
            self.audio.extend(self.input.drain(..now));
            self.audio_bytes += now;
            self.until_block -= now;
            let Some(length) = self.input.first().map(|sixteens| usize::from(*sixteens) * 16) else { return };
            if self.input.len() < 1 + length {
                return;
            }
            let block: Vec<u8> = self.input.drain(..1 + length).skip(1).collect();
            if !block.is_empty() {
                let text = String::from_utf8(block).expect("titles are UTF-8");
                self.titles.push((self.audio_bytes, text.trim_end_matches('\0').to_owned()));
            }
            self.until_block = metaint;
        }
    }

    /// The numbers of the next packets. Each is whole, or this fails.
    pub fn packets(&mut self, count: usize) -> Vec<u32> {
        self.unweave();
        while self.audio.len() < count * PACKET_BYTES {
            assert!(self.fill(), "closed after {} of {count} packets", self.audio.len() / PACKET_BYTES);
            self.unweave();
        }
        (0..count).map(|_| self.take_packet()).collect()
    }

    /// The numbers of all packets until the server closes.
    pub fn packets_to_end(&mut self) -> Vec<u32> {
        while self.fill() {}
        self.unweave();
        assert_eq!(self.audio.len() % PACKET_BYTES, 0, "it ends within a packet");
        (0..self.audio.len() / PACKET_BYTES).map(|_| self.take_packet()).collect()
    }

    fn take_packet(&mut self) -> u32 {
        let packet: Vec<u8> = self.audio.drain(..PACKET_BYTES).collect();
        let number = u32::from_be_bytes(packet[4..8].try_into().unwrap());
        assert_eq!(packet, packet_bytes(number), "a broken packet");
        number
    }
}

/// A header of an answer.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1);
    let value = values.next();
    assert!(values.next().is_none(), "{name} is there twice: {head}");
    value
}

/// The title that a block tells.
pub fn text_of(block: &str) -> &str {
    block.strip_prefix("StreamTitle='").and_then(|rest| rest.split("';").next()).expect("a title")
}

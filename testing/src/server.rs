//! A server on a free port, and a producer of numbered packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use longwave::{MountSettings, MountWriter, Packet, Server, ServerSettings, Title, TitledPacket};

use crate::player::{Player, packet_bytes};
use crate::{PATIENCE, until};

/// The frames of a packet of MP3.
pub const PACKET_FRAMES: u32 = 1152;

/// A server on a free port of this machine, with timeouts as the daemon has them.
pub fn settings() -> ServerSettings {
    ServerSettings { listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))], ..ServerSettings::default() }
}

/// The same with short timeouts.
pub fn quick() -> ServerSettings {
    ServerSettings {
        write_timeout: Duration::from_millis(500),
        header_timeout: Duration::from_millis(500),
        ..settings()
    }
}

#[derive(Debug)]
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

/// Reads until the server closes or resets.
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

/// A producer of packets for a mount.
#[derive(Debug)]
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

    /// Sets the title from the next packet on.
    pub fn title(&mut self, text: &str) {
        self.title = Arc::new(Title::new(text));
    }

    pub fn info(&self) -> longwave::MountInfo {
        self.writer.info()
    }
}

impl Player {
    pub fn get(station: &Station, path: &str, headers: &str) -> Player {
        Player::on(station.connect(), path, headers)
    }
}

pub fn numbers(range: Range<u32>) -> Vec<u32> {
    range.collect()
}

//! A player that checks every packet that it gets.

use std::io::Write;
use std::net::TcpStream;

use crate::read_more;

/// The length of a packet of MP3 at 128 kbit/s.
pub const PACKET_BYTES: usize = 417;

/// A packet that holds its number in each of its bytes.
pub fn packet_bytes(number: u32) -> Vec<u8> {
    let mut bytes = Vec::from([0xFF, 0xFB, 0x90, 0x64]);
    bytes.extend(number.to_be_bytes());
    bytes.resize_with(PACKET_BYTES, || number as u8 ^ 0x5A);
    bytes
}

/// A client that listens.
#[derive(Debug)]
pub struct Player {
    pub socket: TcpStream,
    pub head: String,
    metaint: Option<usize>,
    /// Audio bytes until the next ICY block.
    until_block: usize,
    /// Read, and not looked at yet.
    input: Vec<u8>,
    /// Audio whose packets are not taken yet.
    audio: Vec<u8>,
    /// Every block that was not empty, with the number of audio bytes before it.
    pub titles: Vec<(usize, String)>,
    pub audio_bytes: usize,
}

impl Player {
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
        read_more(&mut self.socket, &mut self.input)
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

    /// The number of the next packet, which is whole. None once the server has closed.
    pub fn next_packet(&mut self) -> Option<u32> {
        self.unweave();
        while self.audio.len() < PACKET_BYTES {
            if !self.fill() {
                assert!(self.audio.is_empty(), "it ends within a packet");
                return None;
            }
            self.unweave();
        }
        Some(self.take_packet())
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

/// The title in an ICY block.
pub fn text_of(block: &str) -> &str {
    block.strip_prefix("StreamTitle='").and_then(|rest| rest.split("';").next()).expect("a title")
}

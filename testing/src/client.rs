//! A client of HTTP that keeps its connection.

use std::io::Write;
use std::net::TcpStream;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::read_more;

/// A client with a connection.
#[derive(Debug)]
pub struct Client {
    pub socket: TcpStream,
    input: Vec<u8>,
}

impl Client {
    pub fn new(socket: TcpStream) -> Client {
        Client { socket, input: Vec::new() }
    }

    pub fn send(&mut self, method: &str, target: &str, headers: &str, body: &str) {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n{body}");
        self.socket.write_all(request.as_bytes()).unwrap();
    }

    pub fn ask(&mut self, method: &str, target: &str, headers: &str, body: &str) -> Answer {
        self.send(method, target, headers, body);
        self.answer(method == "HEAD")
    }

    /// Asks for what is no text.
    pub fn fetch(&mut self, method: &str, target: &str, headers: &str) -> Fetched {
        self.send(method, target, headers, "");
        self.fetched(method == "HEAD")
    }

    /// The next whole answer.
    pub fn answer(&mut self, of_head: bool) -> Answer {
        let Fetched { status, head, bytes } = self.fetched(of_head);
        Answer { status, head, body: String::from_utf8(bytes).unwrap() }
    }

    /// The next whole answer, of any bytes.
    pub fn fetched(&mut self, of_head: bool) -> Fetched {
        let head = String::from_utf8(self.until(b"\r\n\r\n")).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let bytes = self.exactly(if of_head { 0 } else { length });
        Fetched { status, head, bytes }
    }

    /// Reads all up to `end`; returns it with `end`.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                return self.input.drain(..at + end.len()).collect();
            }
            assert!(self.fill(), "closed after {:?}", String::from_utf8_lossy(&self.input));
        }
    }

    /// Reads `count` bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(self.fill(), "closed within {count} bytes");
        }
        self.input.drain(..count).collect()
    }

    /// Everything until the connection closes.
    pub fn to_end(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.input)
    }

    pub fn is_closed(&mut self) -> bool {
        !self.fill()
    }

    fn fill(&mut self) -> bool {
        read_more(&mut self.socket, &mut self.input)
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// An answer of any bytes.
#[derive(Debug)]
pub struct Fetched {
    pub status: u16,
    pub head: String,
    pub bytes: Vec<u8>,
}

impl Fetched {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem, and the field that is to blame.
    pub fn problem(&self) -> (u16, String, Option<String>) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        (self.status, json["code"].as_str().unwrap().to_owned(), json["field"].as_str().map(str::to_owned))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
    lines.find(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1)
}

/// The header of a login by password.
pub fn basic(name: &str, password: &str) -> String {
    let login = BASE64_STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {login}\r\n")
}

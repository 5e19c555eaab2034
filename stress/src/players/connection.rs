//! A connection of a player: one request at a time, and the answer to it, without waiting.

use std::io::{ErrorKind, Read, Write};

use mio::net::TcpStream;

use crate::answer::{self, Answer, Reading};

/// A longer playlist is an error.
const MOST_TEXT: usize = 256 * 1024;
/// MPEG-TS consists of packets of this length.
const TS_PACKET: usize = 188;
/// Each of them begins with this byte.
const TS_SYNC: u8 = 0x47;

pub struct Connection {
    pub socket: TcpStream,
    state: State,
    /// Whether it has brought an answer before.
    pub is_kept: bool,
}

enum State {
    Idle,
    Sending { request: Vec<u8>, sent: usize, of: Kind },
    Head { bytes: Vec<u8>, of: Kind },
    Body { answer: Answer, left: usize, body: Body },
}

/// What is expected of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Segment,
}

/// The body of an answer.
pub enum Body {
    Text(Vec<u8>),
    Segment(Segment),
}

/// A segment, of which only this is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub bytes: usize,
    /// Whether each packet so far begins as it must.
    is_bad: bool,
}

/// How far a connection has come.
pub enum Turn {
    /// It waits.
    Same,
    Answered(Answer, Body),
    /// The server has closed it. `had_begun`: in the middle of an answer.
    Closed {
        had_begun: bool,
    },
    /// What came is no answer that a player could use.
    Bad(&'static str),
}

impl Connection {
    pub fn new(socket: TcpStream) -> Connection {
        Connection { socket, state: State::Idle, is_kept: false }
    }

    /// Sends a request as far as possible. The last answer must have come.
    pub fn ask(&mut self, request: Vec<u8>, of: Kind) {
        self.state = State::Sending { request, sent: 0, of };
    }

    /// Goes on as far as possible. `buffer` is for reading.
    pub fn go_on(&mut self, buffer: &mut [u8]) -> Turn {
        if let State::Sending { request, sent, of } = &mut self.state {
            while *sent < request.len() {
                match self.socket.write(&request[*sent..]) {
                    Ok(count) => *sent += count,
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                        return Turn::Same;
                    }
                    Err(_) => return Turn::Closed { had_begun: false },
                }
            }
            self.state = State::Head { bytes: Vec::new(), of: *of };
        }
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return self.closed(),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Same,
                Err(_) => return self.closed(),
            };
            match self.take(&buffer[..read]) {
                Turn::Same => {}
                turn => return turn,
            }
        }
    }

    fn closed(&self) -> Turn {
        let had_begun = match &self.state {
            State::Head { bytes, .. } => !bytes.is_empty(),
            State::Body { .. } => true,
            State::Idle | State::Sending { .. } => false,
        };
        Turn::Closed { had_begun }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Turn {
        if let State::Head { bytes: head, of } = &mut self.state {
            let before = head.len();
            head.extend_from_slice(bytes);
            match answer::read(head) {
                Reading::Partial => return Turn::Same,
                Reading::Bad => return Turn::Bad("what came is no answer"),
                Reading::Whole(answer, end) => {
                    bytes = &bytes[end - before..];
                    let left = match (answer.status, answer.length) {
                        (304, _) => 0,
                        _ if answer.chunked => return Turn::Bad("an answer came in chunks"),
                        (_, None) => return Turn::Bad("an answer has no length"),
                        (_, Some(length)) => length,
                    };
                    // Whatever an error says is text.
                    let body = match of {
                        Kind::Segment if answer.status == 200 => Body::Segment(Segment::default()),
                        _ if left > MOST_TEXT => return Turn::Bad("an answer is too long"),
                        _ => Body::Text(Vec::with_capacity(left)),
                    };
                    self.state = State::Body { answer, left, body };
                }
            }
        }
        let State::Body { left, body, .. } = &mut self.state else {
            return Turn::Bad("bytes came that nobody has asked for");
        };
        if bytes.len() > *left {
            return Turn::Bad("more than an answer came");
        }
        *left -= bytes.len();
        match body {
            Body::Text(text) => text.extend_from_slice(bytes),
            Body::Segment(segment) => segment.take(bytes),
        }
        if *left > 0 {
            return Turn::Same;
        }
        let State::Body { answer, body, .. } = std::mem::replace(&mut self.state, State::Idle) else {
            return Turn::Same;
        };
        self.is_kept = true;
        Turn::Answered(answer, body)
    }
}

impl Segment {
    fn take(&mut self, bytes: &[u8]) {
        let to_next = self.bytes.next_multiple_of(TS_PACKET) - self.bytes;
        let starts = bytes.iter().skip(to_next).step_by(TS_PACKET);
        self.is_bad |= starts.into_iter().any(|byte| *byte != TS_SYNC);
        self.bytes += bytes.len();
    }

    /// Whether it consists of whole packets of MPEG-TS.
    pub fn is_good(&self) -> bool {
        !self.is_bad && self.bytes > 0 && self.bytes.is_multiple_of(TS_PACKET)
    }
}

#[cfg(test)]
mod tests {
    use super::Segment;

    /// How a segment looks that comes in parts of this length.
    fn in_parts(bytes: &[u8], part: usize) -> bool {
        let mut segment = Segment::default();
        bytes.chunks(part).for_each(|part| segment.take(part));
        segment.is_good()
    }

    #[test]
    fn a_segment_is_whole_packets_however_it_comes() {
        let packet: Vec<u8> = [0x47].into_iter().chain([0; 187]).collect();
        let good = packet.repeat(7);
        let mut bad = good.clone();
        bad[188 * 5] = 0x48;
        for part in 1..=good.len() {
            assert!(in_parts(&good, part), "in parts of {part}");
            assert!(!in_parts(&bad, part), "in parts of {part}");
            assert!(!in_parts(&good[..good.len() - 1], part) && !in_parts(&good[1..], part));
        }
        assert!(!Segment::default().is_good());
    }
}

//! Clients of events. They come one after the other, as people open pages, and who was refused or lost the
//! connection comes again after a while, as a browser does.
//!
//! One thread has all of them. It writes requests, and reads what the server tells.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Registry, Token};
use serde::Serialize;

use crate::net::{self, Target};
use crate::options::SteerArgs;
use crate::quantiles::Quantiles;
use crate::stop::Stop;

/// How often the clients check whether the run has ended.
const TICK: Duration = Duration::from_millis(100);
/// Number of loopback addresses that the clients connect from.
const ADDRESSES: u8 = 8;
/// Only the beginning of a line is needed: that of an event, or an answer's status.
const LINE_BYTES: usize = 16;

/// How the clients fared.
#[derive(Debug, Default, Serialize)]
pub struct FollowersReport {
    pub clients: usize,
    /// Those that followed the events at the end.
    pub stayed: usize,
    /// Answers with another status than 200.
    pub refused: usize,
    /// Connections that ended, before an answer or after it.
    pub lost: usize,
    /// Events per client.
    pub events: Quantiles,
    pub bytes: u64,
}

/// Has all clients come, and follow the events until the end. `head`: the headers that all requests have.
pub fn run(args: &SteerArgs, head: &str, end: Instant, stop: &Stop) -> io::Result<FollowersReport> {
    let mut poll = Poll::new()?;
    let start = Instant::now();
    let mut followers: Vec<Follower> = (0..args.events)
        .map(|index| {
            let path = &args.events_at[index % args.events_at.len()];
            let request = format!("GET {path} HTTP/1.1\r\n{head}Accept: text/event-stream\r\n\r\n");
            let comes = start + Duration::from_secs_f64(index as f64 / args.events_ramp);
            Follower::new(request.into_bytes(), comes)
        })
        .collect();
    let mut ready = Events::with_capacity(1_024);
    loop {
        let now = Instant::now();
        if now >= end || stop.asked() {
            return Ok(report(&followers));
        }
        let mut next = now + TICK;
        for (index, follower) in followers.iter_mut().enumerate() {
            if let State::Away { until } = follower.state {
                if until <= now {
                    follower.come(&args.url, index, poll.registry())?;
                } else {
                    next = next.min(until);
                }
            }
        }
        match poll.poll(&mut ready, Some(next - now)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        let again = Instant::now() + args.events_again;
        for event in &ready {
            followers[event.token().0].go_on(again);
        }
    }
}

fn report(followers: &[Follower]) -> FollowersReport {
    FollowersReport {
        clients: followers.len(),
        stayed: followers
            .iter()
            .filter(|follower| matches!(follower.state, State::Connected(Connection { welcome: true, .. })))
            .count(),
        refused: followers.iter().map(|follower| follower.refused).sum(),
        lost: followers.iter().map(|follower| follower.lost).sum(),
        events: Quantiles::of(followers.iter().map(|follower| follower.events as f64).collect()),
        bytes: followers.iter().map(|follower| follower.bytes).sum(),
    }
}

impl FollowersReport {
    /// What was wrong, in a sentence. That some were refused at first is not.
    pub fn complaint(&self) -> Option<String> {
        let FollowersReport { clients, stayed, refused, lost, .. } = self;
        (stayed < clients || *lost > 0).then(|| {
            format!(
                "events: {stayed} of {clients} clients stayed, {refused} requests were refused, \
                 {lost} connections were lost"
            )
        })
    }
}

struct Follower {
    request: Vec<u8>,
    state: State,
    refused: usize,
    lost: usize,
    events: u64,
    bytes: u64,
}

enum State {
    /// It comes, for the first time or again, at this moment.
    Away {
        until: Instant,
    },
    Connected(Connection),
}

struct Connection {
    socket: mio::net::TcpStream,
    /// So much of the request.
    sent: usize,
    /// The beginning of an incomplete line.
    line: Vec<u8>,
    /// Answered with 200.
    welcome: bool,
}

/// Why a connection ends.
enum Ending {
    Refused,
    Lost,
}

impl Follower {
    fn new(request: Vec<u8>, comes: Instant) -> Follower {
        Follower { request, state: State::Away { until: comes }, refused: 0, lost: 0, events: 0, bytes: 0 }
    }

    fn come(&mut self, url: &Target, index: usize, registry: &Registry) -> io::Result<()> {
        let mut socket = net::connect(url, net::source_address(url, index, ADDRESSES), None)?;
        registry.register(&mut socket, Token(index), Interest::READABLE | Interest::WRITABLE)?;
        self.state = State::Connected(Connection { socket, sent: 0, line: Vec::new(), welcome: false });
        Ok(())
    }

    /// Sends and reads as far as possible. If the connection ends, the client comes again at that moment.
    fn go_on(&mut self, again: Instant) {
        let ended = match self.exchange() {
            Ok(()) => return,
            Err(Ending::Refused) => &mut self.refused,
            Err(Ending::Lost) => &mut self.lost,
        };
        *ended += 1;
        self.state = State::Away { until: again };
    }

    fn exchange(&mut self) -> Result<(), Ending> {
        let State::Connected(connection) = &mut self.state else { return Ok(()) };
        while let Some(rest @ [_, ..]) = self.request.get(connection.sent..) {
            match connection.socket.write(rest) {
                Ok(sent) => connection.sent += sent,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(());
                }
                Err(_) => return Err(Ending::Lost),
            }
        }
        let mut part = [0; 16 * 1024];
        loop {
            match connection.socket.read(&mut part) {
                Ok(0) => return Err(Ending::Lost),
                Ok(read) => {
                    self.bytes += read as u64;
                    self.events += connection.take(&part[..read])?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Ending::Lost),
            }
        }
    }
}

impl Connection {
    /// Takes what came, and counts the events in it.
    fn take(&mut self, bytes: &[u8]) -> Result<u64, Ending> {
        let mut events = 0;
        for &byte in bytes {
            if byte == b'\n' {
                if !self.welcome {
                    // The first line of the answer.
                    if !self.line.starts_with(b"HTTP/1.1 200") {
                        return Err(Ending::Refused);
                    }
                    self.welcome = true;
                }
                events += u64::from(self.line.starts_with(b"event:"));
                self.line.clear();
            } else if self.line.len() < LINE_BYTES {
                self.line.push(byte);
            }
        }
        Ok(events)
    }
}

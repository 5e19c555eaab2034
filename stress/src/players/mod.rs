//! Virtual players of HLS: each opens the list of variants, polls the playlist of one of them, and fetches
//! its segments, at the pace of a real player. All are on one thread, which never waits for one of them.
//!
//! It reads sockets and /proc, and writes requests only. A player has one connection at a time, so a latency
//! is that of one request. The tool's own delays are in it.

mod connection;
mod pace;
mod playlist;
mod report;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use self::connection::{Body, Connection, Kind, Turn};
use self::pace::{Fault, Next, Pace};
use self::report::{PlayersReport, ServerCost};
use crate::answer::Answer;
use crate::measure::per;
use crate::net;
use crate::options::PlayersArgs;
use crate::quantiles::Quantiles;
use crate::sampler::{Sampler, ThreadCpu};
use crate::stop::Stop;
use crate::sys;

/// The size of a read: a whole segment of 128 kbit/s.
const BUFFER_BYTES: usize = 128 * 1024;
/// Open files that are not players.
const RESERVE: u64 = 64;
/// A request fails if its answer is not complete after this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// A player that got no list of variants tries again after this time.
const RETRY: Duration = Duration::from_secs(2);
/// How often patience, phases and signals are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Runs the whole measurement.
pub fn run(args: &PlayersArgs, stop: &Stop) -> Result<PlayersReport, String> {
    let limit = sys::raise_open_files().map_err(|error| format!("limit of open files: {error}"))?;
    if args.count as u64 + RESERVE > limit {
        return Err(format!("{} players want more open files than the limit of {limit} allows", args.count));
    }
    let sampler = Sampler::new(&args.server_pid)?;
    let mut crowd = Crowd::new(args).map_err(|error| error.to_string())?;
    crowd.run(sampler.as_ref(), stop).map_err(|error| error.to_string())?;
    Ok(crowd.report())
}

struct Crowd<'a> {
    args: &'a PlayersArgs,
    clock: Instant,
    poll: Poll,
    /// By token.
    players: Vec<Player>,
    /// When a player has something to ask for.
    due: BinaryHeap<Reverse<(Duration, usize)>>,
    buffer: Box<[u8]>,
    seen: Seen,
    window: Option<Mark>,
    measured: PlayersReport,
}

struct Player {
    stage: Stage,
    connection: Option<Connection>,
    asked: Option<Asked>,
}

enum Stage {
    /// It has no variant yet.
    Choosing {
        at: Duration,
    },
    Listening {
        path: String,
        tag: Option<String>,
        pace: Box<Pace>,
    },
}

/// A request that is under way.
struct Asked {
    what: What,
    request: Vec<u8>,
    at: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Variants,
    Playlist,
    Segment,
}

/// What is counted. Latencies are in milliseconds.
#[derive(Default)]
struct Seen {
    playlist_ms: Vec<f64>,
    segment_ms: Vec<f64>,
    not_modified: u64,
    bytes: u64,
    connections: u64,
    errors: BTreeMap<String, u64>,
}

/// The resources used at the start of the window.
struct Mark {
    at: Duration,
    threads: Vec<ThreadCpu>,
    own_cpu: Duration,
}

impl<'a> Crowd<'a> {
    fn new(args: &'a PlayersArgs) -> io::Result<Crowd<'a>> {
        Ok(Crowd {
            args,
            clock: Instant::now(),
            poll: Poll::new()?,
            players: Vec::with_capacity(args.count),
            due: BinaryHeap::new(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            seen: Seen::default(),
            window: None,
            measured: PlayersReport::default(),
        })
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    fn run(&mut self, sampler: Option<&Sampler>, stop: &Stop) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let settled = Duration::from_secs_f64(self.args.count as f64 / self.args.ramp) + self.args.settle;
        let end = settled + self.args.seconds;
        let mut next_look = Duration::ZERO;
        loop {
            let now = self.now();
            if now >= next_look {
                self.end_patience(now);
                if now >= settled && self.window.is_none() {
                    self.begin(now, sampler);
                }
                if now >= end || stop.asked() {
                    self.finish(now, sampler);
                    return Ok(());
                }
                next_look = now + LOOK;
            }
            let next_join = self.join(now);
            while let Some(&Reverse((at, player))) = self.due.peek()
                && at <= self.now()
            {
                self.due.pop();
                self.next(player);
            }
            let due = self.due.peek().map_or(next_look, |Reverse((at, _))| *at);
            let wait = due.min(next_look).min(next_join.unwrap_or(next_look)).saturating_sub(self.now());
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                self.go_on(event.token().0);
            }
        }
    }

    /// Adds the players that are due, and says when the next one is.
    fn join(&mut self, now: Duration) -> Option<Duration> {
        let due_at = |index: usize| Duration::from_secs_f64(index as f64 / self.args.ramp);
        while self.players.len() < self.args.count && due_at(self.players.len()) <= now {
            let stage = Stage::Choosing { at: now };
            self.players.push(Player { stage, connection: None, asked: None });
            self.next(self.players.len() - 1);
        }
        (self.players.len() < self.args.count).then(|| due_at(self.players.len()))
    }

    /// Has a player ask for what is next, or wait.
    fn next(&mut self, index: usize) {
        let now = self.now();
        let player = &mut self.players[index];
        if player.asked.is_some() {
            return;
        }
        let (what, path, tag) = match &player.stage {
            Stage::Choosing { at } if *at > now => return self.due.push(Reverse((*at, index))),
            Stage::Choosing { .. } => (What::Variants, self.args.url.path.clone(), None),
            Stage::Listening { path, tag, pace } => match pace.next(now) {
                Next::Over => return,
                Next::Wait(until) => return self.due.push(Reverse((until, index))),
                Next::Playlist => (What::Playlist, path.clone(), tag.as_ref()),
                Next::Segment(segment) => match playlist::resolve(path, &segment.uri) {
                    Some(path) => (What::Segment, path, None),
                    None => return self.failed(index, What::Segment, now, "a segment is at another server"),
                },
            },
        };
        let host = &self.args.url.host;
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: longwave-stress\r\n");
        if let Some(tag) = tag.filter(|_| self.args.revalidate) {
            request += &format!("If-None-Match: {tag}\r\n");
        }
        request += if self.args.close { "Connection: close\r\n\r\n" } else { "\r\n" };
        player.asked = Some(Asked { what, request: request.into_bytes(), at: now });
        self.send(index);
    }

    /// Sends the request of a player, on the connection that it has or on a new one.
    fn send(&mut self, index: usize) {
        let player = &mut self.players[index];
        let Some(asked) = &player.asked else { return };
        let (what, request) = (asked.what, asked.request.clone());
        if player.connection.is_none() {
            self.seen.connections += 1;
            let source = net::source_address(&self.args.url, index, self.args.sources);
            let connected = net::connect(&self.args.url, source, None).and_then(|mut socket| {
                let interest = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(&mut socket, Token(index), interest)?;
                Ok(socket)
            });
            match connected {
                Ok(socket) => player.connection = Some(Connection::new(socket)),
                Err(error) => {
                    let (kind, now) = (format!("connection: {error}"), self.now());
                    return self.failed(index, what, now, &kind);
                }
            }
        }
        let kind = if what == What::Segment { Kind::Segment } else { Kind::Text };
        if let Some(connection) = &mut player.connection {
            connection.ask(request, kind);
        }
        self.go_on(index);
    }

    /// Something has happened at a player's connection.
    fn go_on(&mut self, index: usize) {
        let player = &mut self.players[index];
        let Some(connection) = &mut player.connection else { return };
        let turn = connection.go_on(&mut self.buffer);
        let was_kept = connection.is_kept;
        match turn {
            Turn::Same => {}
            Turn::Answered(answer, body) => {
                if self.args.close {
                    player.connection = None;
                }
                let Some(asked) = player.asked.take() else { return };
                self.answered(index, &asked, &answer, body);
                self.next(index);
            }
            Turn::Closed { had_begun } => {
                player.connection = None;
                match &player.asked {
                    // A server may close a kept connection at any time, so a request on it is sent again.
                    Some(_) if was_kept && !had_begun => self.send(index),
                    Some(asked) => {
                        let (what, at) = (asked.what, asked.at);
                        let kind = if had_begun { "a part of an answer" } else { "no answer" };
                        self.failed(index, what, at, kind);
                    }
                    None => {}
                }
            }
            Turn::Bad(kind) => {
                player.connection = None;
                if let Some(Asked { what, at, .. }) = player.asked.take() {
                    self.failed(index, what, at, kind);
                }
            }
        }
    }

    fn answered(&mut self, index: usize, asked: &Asked, answer: &Answer, body: Body) {
        let now = self.now();
        let latency_ms = (now - asked.at).as_secs_f64() * 1e3;
        let length = match &body {
            Body::Text(text) => text.len(),
            Body::Segment(segment) => segment.bytes,
        };
        self.seen.bytes += length as u64;
        let wrong = match (&mut self.players[index].stage, body, answer.status) {
            (stage @ Stage::Choosing { .. }, Body::Text(text), 200) => {
                match choose(&self.args.url.path, &text, self.args.variant, index) {
                    Ok(path) => {
                        *stage = Stage::Listening { path, tag: None, pace: Box::new(Pace::new(now)) };
                        return;
                    }
                    Err(kind) => kind.to_owned(),
                }
            }
            (Stage::Listening { tag, pace, .. }, Body::Text(text), 200) if asked.what == What::Playlist => {
                self.seen.playlist_ms.push(latency_ms);
                tag.clone_from(&answer.etag);
                let text = String::from_utf8(text).unwrap_or_default();
                match playlist::media(&text).map(|media| pace.playlist(asked.at, media)) {
                    Ok(None) => return,
                    Ok(Some(fault)) => return self.seen.count(&fault_name(fault)),
                    Err(kind) => kind.to_owned(),
                }
            }
            (Stage::Listening { tag: Some(_), pace, .. }, _, 304) if asked.what == What::Playlist => {
                self.seen.playlist_ms.push(latency_ms);
                self.seen.not_modified += 1;
                pace.no_playlist(asked.at);
                return;
            }
            (Stage::Listening { pace, .. }, Body::Segment(segment), 200) if segment.is_good() => {
                self.seen.segment_ms.push(latency_ms);
                pace.segment(now, true);
                return;
            }
            (_, Body::Segment(_), 200) => "a segment is no MPEG-TS".to_owned(),
            (_, _, status) => format!("{status}"),
        };
        let kind = match asked.what {
            What::Variants => format!("variants: {wrong}"),
            What::Playlist => format!("playlist: {wrong}"),
            What::Segment => format!("segment: {wrong}"),
        };
        self.went_wrong(index, asked.what, asked.at, &kind);
    }

    /// A request has failed, and the player goes on.
    fn failed(&mut self, index: usize, what: What, at: Duration, kind: &str) {
        self.players[index].asked = None;
        self.went_wrong(index, what, at, kind);
        self.next(index);
    }

    fn went_wrong(&mut self, index: usize, what: What, at: Duration, kind: &str) {
        self.seen.count(kind);
        let now = self.now();
        match (&mut self.players[index].stage, what) {
            (Stage::Choosing { at }, _) => *at = now + RETRY,
            (Stage::Listening { pace, .. }, What::Segment) => pace.segment(now, false),
            (Stage::Listening { pace, .. }, _) => pace.no_playlist(at),
        }
    }

    /// Gives up the requests that have taken too long.
    fn end_patience(&mut self, now: Duration) {
        for index in 0..self.players.len() {
            let player = &mut self.players[index];
            if let Some(Asked { what, at, .. }) = &player.asked
                && now.saturating_sub(*at) > PATIENCE
            {
                let (what, at) = (*what, *at);
                player.connection = None;
                self.failed(index, what, at, "no answer in time");
            }
        }
    }

    /// The window begins. Earlier latencies are discarded.
    fn begin(&mut self, now: Duration, sampler: Option<&Sampler>) {
        let Seen { connections, errors, .. } = std::mem::take(&mut self.seen);
        self.seen = Seen { connections, errors, ..Seen::default() };
        let threads = sampler.map(Sampler::threads).unwrap_or_default();
        self.window = Some(Mark { at: now, threads, own_cpu: sys::own_cpu() });
    }

    /// The window ends.
    fn finish(&mut self, now: Duration, sampler: Option<&Sampler>) {
        let Some(mark) = &self.window else { return };
        let seconds = (now - mark.at).as_secs_f64();
        self.measured.seconds = seconds;
        self.measured.own_cpu_percent = per((sys::own_cpu() - mark.own_cpu).as_secs_f64() * 100.0, seconds);
        self.measured.server = sampler.map(|sampler| {
            let after = sampler.threads();
            // Processor time and time without a core, of the threads of a name, or of all.
            let used = |name: Option<&String>| {
                let of_name = |thread: &&ThreadCpu| name.is_none_or(|name| *name == thread.name);
                after.iter().filter(of_name).fold((0.0, 0.0), |(cpu, waited), thread| {
                    let then = mark.threads.iter().find(|then| then.id == thread.id);
                    let (cpu_then, waited_then) = then.map_or((0.0, 0.0), |then| (then.cpu_s, then.waited_s));
                    (cpu + thread.cpu_s - cpu_then, waited + thread.waited_s - waited_then)
                })
            };
            let (all, _) = used(None);
            let serving = self.args.serving_thread.as_ref();
            let (cpu, waited) = used(serving);
            ServerCost {
                cpu_percent: per(all * 100.0, seconds),
                serving_percent: serving.map(|_| per(cpu * 100.0, seconds)),
                waited_percent: per(waited * 100.0, seconds),
                us_per_player_s: per(cpu * 1e6, seconds * self.players.len() as f64),
                rss_kib: sampler.sample().rss_kib,
            }
        });
    }

    fn report(mut self) -> PlayersReport {
        let now = self.now();
        let seen = std::mem::take(&mut self.seen);
        let mut report = self.measured;
        report.label.clone_from(&self.args.label);
        report.players = self.players.len();
        let mut buffered = Vec::new();
        for player in &self.players {
            let Stage::Listening { pace, .. } = &player.stage else { continue };
            let stalls = pace.stalls(now);
            report.stalls += stalls.count;
            report.stalled_players += usize::from(stalls.count > 0);
            report.stalled_s += stalls.time.as_secs_f64();
            report.most_stalled_s = report.most_stalled_s.max(stalls.time.as_secs_f64());
            buffered.extend(pace.buffered(now).map(|buffered| buffered.as_secs_f64()));
        }
        report.started = buffered.len();
        report.buffered_s = Quantiles::of(buffered);
        report.playlists = seen.playlist_ms.len();
        report.segments = seen.segment_ms.len();
        report.requests_per_s = per((report.playlists + report.segments) as f64, report.seconds);
        report.not_modified = seen.not_modified;
        report.playlist_ms = Quantiles::of(seen.playlist_ms);
        report.segment_ms = Quantiles::of(seen.segment_ms);
        report.bytes = seen.bytes;
        report.connections = seen.connections;
        report.errors = seen.errors;
        report
    }
}

impl Seen {
    fn count(&mut self, error: &str) {
        // Only the first of a kind takes a new name.
        match self.errors.get_mut(error) {
            Some(count) => *count += 1,
            None => drop(self.errors.insert(error.to_owned(), 1)),
        }
    }
}

/// The playlist of the variant that this player takes. Without a choice they take turns.
fn choose(path: &str, text: &[u8], variant: Option<usize>, index: usize) -> Result<String, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "a list of variants is not UTF-8")?;
    let variants = playlist::variants(text)?;
    let chosen = &variants[variant.unwrap_or(index) % variants.len()];
    playlist::resolve(path, chosen).ok_or("a variant is at another server")
}

fn fault_name(fault: Fault) -> String {
    match fault {
        Fault::WentBack => "a playlist went back".to_owned(),
        Fault::Changed => "a segment that was listed has become another one".to_owned(),
        Fault::Missed(_) => "segments were missed".to_owned(),
    }
}

//! A crowd of sources that connect and leave at random, half of them bad: what the server answers to each,
//! and whether every path can be had when all have left.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use socket2::SockRef;

use crate::feed::Feed;
use crate::net;
use crate::options::CrowdArgs;
use crate::source;
use crate::stop::Stop;

/// The answer to a source must come within this time, and its bytes must be taken.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that a source stays, and that it stays away.
const STAY: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_secs(2);
/// After so long every path must be free.
const SETTLED: Duration = Duration::from_secs(3);

/// What a source does. The first half of them are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Good,
    WrongLogin,
    /// Closes in the middle of its head.
    TornHead,
    /// Sends its head byte by byte.
    SlowHead,
    /// Sends noise as fast as it can.
    Flood,
    /// Sends noise at the pace of a stream.
    Garbage,
    /// Asks for a path that there is not.
    WrongPath,
}

const BAD: [Manner; 6] = [
    Manner::WrongLogin,
    Manner::TornHead,
    Manner::SlowHead,
    Manner::Flood,
    Manner::Garbage,
    Manner::WrongPath,
];

/// What came of all attempts.
#[derive(Debug, Default)]
pub struct CrowdReport {
    seconds: f64,
    /// By manner and outcome.
    outcomes: BTreeMap<(Manner, String), u64>,
    /// Paths that could not be had afterwards, and the reason for the last one.
    stuck: Vec<String>,
}

/// Runs until the time is over and all have left, and then asks for every path once.
pub fn run(args: &CrowdArgs, stop: &Stop) -> Result<CrowdReport, String> {
    let start = Instant::now();
    let mut report = CrowdReport::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..args.count)
            .map(|index| {
                let guest = Guest::new(args, index);
                scope.spawn(move || guest.run(start, stop))
            })
            .collect();
        for thread in threads {
            for (outcome, count) in thread.join().unwrap()? {
                *report.outcomes.entry(outcome).or_default() += count;
            }
        }
        Ok::<(), String>(())
    })?;
    report.seconds = start.elapsed().as_secs_f64();
    // That the last of them have gone is noticed within a moment.
    thread::sleep(SETTLED);
    for index in 0..args.count {
        // Nobody has failed at this address.
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 100, 1));
        let guest = Guest { from, ..Guest::new(args, index) };
        match guest.ask(&guest.path, guest.args.url.login.as_deref()) {
            Ok((_, 100 | 200)) => {}
            Ok((_, status)) => report.stuck.push(format!("{}: {status}", guest.path)),
            Err(error) => report.stuck.push(format!("{}: {error}", guest.path)),
        }
    }
    Ok(report)
}

/// One of the crowd, with a path and an address of its own.
struct Guest<'a> {
    args: &'a CrowdArgs,
    manner: Manner,
    path: String,
    from: IpAddr,
    random: fastrand::Rng,
}

impl Guest<'_> {
    fn new(args: &CrowdArgs, index: usize) -> Guest<'_> {
        let manner = match index.checked_sub(args.count / 2) {
            None => Manner::Good,
            Some(bad) => BAD[bad % BAD.len()],
        };
        // Every tenth is at a live input.
        let path = match index % 10 {
            0 => format!("/live{}", index / 10 + 1),
            _ => format!("/relayed{}", index - index / 10),
        };
        // Those who fail must wait, and nobody else at their address.
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 1 + (index / 200) as u8, 1 + (index % 200) as u8));
        Guest { args, manner, path, from, random: fastrand::Rng::with_seed(args.seed + index as u64) }
    }

    fn run(mut self, start: Instant, stop: &Stop) -> Result<BTreeMap<(Manner, String), u64>, String> {
        let mut outcomes = BTreeMap::new();
        let has_ended = || stop.asked() || start.elapsed() >= self.args.seconds;
        thread::sleep(self.up_to(PAUSE));
        while !has_ended() {
            let outcome = match self.visit(&has_ended) {
                Ok(outcome) => outcome,
                Err(error) => error.kind().to_string(),
            };
            *outcomes.entry((self.manner, outcome)).or_default() += 1;
            thread::sleep(self.up_to(PAUSE));
        }
        Ok(outcomes)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.random.f64())
    }

    /// Comes once, and leaves. Returns what the server did.
    fn visit(&mut self, has_ended: &dyn Fn() -> bool) -> io::Result<String> {
        let stay = STAY.mul_f64(self.random.f64());
        let login = self.args.url.login.as_deref();
        match self.manner {
            Manner::WrongLogin => {
                let (_, status) = self.ask(&self.path, Some("dj:wrong"))?;
                Ok(status.to_string())
            }
            Manner::WrongPath => {
                let (_, status) = self.ask("/nowhere", login)?;
                Ok(status.to_string())
            }
            Manner::TornHead => {
                let head = self.head(&self.path, login);
                let mut socket = net::connect_from(&self.args.url, self.from, PATIENCE)?;
                socket.write_all(&head.as_bytes()[..self.random.usize(1..head.len())])?;
                self.leave(socket)
            }
            Manner::SlowHead => {
                let head = self.head(&self.path, login);
                let mut socket = net::connect_from(&self.args.url, self.from, PATIENCE)?;
                let began = Instant::now();
                for byte in head.bytes().take(head.len() - 1) {
                    if began.elapsed() >= stay || has_ended() {
                        break;
                    }
                    socket.write_all(&[byte])?;
                    thread::sleep(Duration::from_millis(100));
                }
                self.leave(socket)
            }
            Manner::Good | Manner::Flood | Manner::Garbage => {
                let (socket, status) = self.ask(&self.path, login)?;
                if !matches!(status, 100 | 200) {
                    return Ok(status.to_string());
                }
                self.send(socket, stay, has_ended)
            }
        }
    }

    fn send(
        &mut self,
        mut socket: TcpStream,
        stay: Duration,
        has_ended: &dyn Fn() -> bool,
    ) -> io::Result<String> {
        let began = Instant::now();
        let mut feed = match &self.args.file {
            Some(path) => Feed::file(path).map_err(io::Error::other)?,
            None => Feed::numbered(128),
        };
        let mut due = Vec::new();
        while began.elapsed() < stay && !has_ended() {
            match self.manner {
                Manner::Flood => due.resize(64 * 1024, self.random.u8(..)),
                _ => while feed.take(began.elapsed(), &mut due) {},
            }
            if self.manner == Manner::Garbage {
                due.iter_mut().for_each(|byte| *byte = self.random.u8(..));
            }
            if socket.write_all(&due).is_err() {
                return Ok("was let go".to_owned());
            }
            due.clear();
            if self.manner != Manner::Flood {
                thread::sleep(feed.next_due().saturating_sub(began.elapsed()));
            }
        }
        self.leave(socket)
    }

    /// Leaves in order, or by a reset.
    fn leave(&mut self, socket: TcpStream) -> io::Result<String> {
        if self.random.bool() {
            SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
            return Ok("left by a reset".to_owned());
        }
        Ok("left".to_owned())
    }

    /// Sends a head, and returns the status of the answer.
    fn ask(&self, path: &str, login: Option<&str>) -> io::Result<(TcpStream, u16)> {
        let mut socket = net::connect_from(&self.args.url, self.from, PATIENCE)?;
        socket.write_all(self.head(path, login).as_bytes())?;
        let status = source::status(&mut socket)?;
        Ok((socket, status))
    }

    fn head(&self, path: &str, login: Option<&str>) -> String {
        let login = BASE64_STANDARD.encode(login.unwrap_or_default());
        format!(
            "PUT {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {login}\r\nUser-Agent: longwave-stress\r\n\
             Content-Type: audio/mpeg\r\nExpect: 100-continue\r\n\r\n",
            self.args.url.host,
        )
    }
}

impl CrowdReport {
    /// What was wrong, in sentences.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for ((manner, outcome), count) in &self.outcomes {
            let is_right = match manner {
                Manner::Good => matches!(outcome.as_str(), "left" | "left by a reset"),
                Manner::WrongLogin => matches!(outcome.as_str(), "401" | "429"),
                Manner::WrongPath => outcome == "404",
                Manner::TornHead | Manner::SlowHead | Manner::Flood | Manner::Garbage => true,
            };
            if !is_right {
                complaints.push(format!("{manner:?}: {outcome}, {count} times"));
            }
        }
        complaints.extend(self.stuck.iter().map(|stuck| format!("cannot be had afterwards: {stuck}")));
        complaints
    }

    /// How often a source was let in.
    fn let_in(&self) -> u64 {
        let came = |manner: &Manner, outcome: &str| {
            matches!(manner, Manner::Good | Manner::Flood | Manner::Garbage)
                && matches!(outcome, "left" | "left by a reset" | "was let go")
        };
        self.outcomes
            .iter()
            .filter(|((manner, outcome), _)| came(manner, outcome))
            .map(|(_, count)| count)
            .sum()
    }
}

impl Display for CrowdReport {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        writeln!(f, "a crowd of sources, {:.0} s; {} were let in", self.seconds, self.let_in())?;
        for ((manner, outcome), count) in &self.outcomes {
            writeln!(f, "  {:<12} {outcome:<24} {count:>6}", format!("{manner:?}"))?;
        }
        match self.complaints() {
            complaints if complaints.is_empty() => writeln!(f, "  nothing wrong"),
            complaints => complaints.iter().try_for_each(|complaint| writeln!(f, "  WRONG: {complaint}")),
        }
    }
}

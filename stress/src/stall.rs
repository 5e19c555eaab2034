//! Listeners that never read, or hardly: when the server closes them, and how much kernel memory they hold
//! until then, according to `ss`.
//!
//! Times count from the last byte that a listener's kernel acknowledged, because until then the server cannot
//! know that nobody reads.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use serde::Serialize;

use crate::net;
use crate::options::StallArgs;
use crate::quantiles::Quantiles;
use crate::stop::Stop;
use crate::sys;

/// The interval between polls of the listeners, which is the precision of the times.
const TICK: Duration = Duration::from_millis(100);
/// The interval between calls of `ss`, which is the precision of the server's figures.
const SS_TICK: Duration = Duration::from_secs(1);

/// The result for stalled listeners.
#[derive(Debug, Serialize)]
pub struct StallReport {
    pub label: String,
    pub count: usize,
    /// The interval at which one byte is read; `None`: nothing is read.
    pub trickle_s: Option<f64>,
    /// Bytes that each listener's kernel accepted.
    pub bytes_taken: Quantiles,
    /// The peak of kernel memory for each connection at the server's side: queued both ways, and reserved.
    pub server_kernel_bytes: Quantiles,
    /// From the last acknowledged byte until the server's side was no longer established.
    pub let_go_after_s: Quantiles,
    /// From then until the connection was gone and its memory was free.
    pub gone_after_s: Quantiles,
    /// The number of listeners that received a reset.
    pub resets: usize,
    /// Still established when patience ended.
    pub kept: usize,
    /// Closed, but their memory was still held when patience ended.
    pub lingering: usize,
}

struct Stalled {
    socket: TcpStream,
    local: SocketAddr,
    taken: u64,
    /// When the kernel last accepted data.
    last_taken: Duration,
    server_bytes_most: u64,
    reset: bool,
    let_go: Option<Duration>,
    gone: Option<Duration>,
}

/// Opens the listeners, and waits until all are closed or patience ends.
pub fn run(args: &StallArgs, stop: &Stop) -> Result<StallReport, String> {
    sys::raise_open_files().map_err(|error| format!("limit of open files: {error}"))?;
    let clock = Instant::now();
    let mut stalled = open(args, clock).map_err(|error| format!("{}: {error}", args.url.host))?;
    let mut all_fed = false;
    let mut next_ss = SS_TICK;
    let mut next_byte = args.trickle.unwrap_or(Duration::MAX);
    while !stop.asked() && clock.elapsed() < args.patience && stalled.iter().any(|one| one.gone.is_none()) {
        thread::sleep(TICK);
        let now = clock.elapsed();
        for one in stalled.iter_mut().filter(|one| one.let_go.is_none()) {
            one.look(now);
        }
        if !all_fed && stalled.iter().all(|one| one.taken > 0) {
            all_fed = true;
            eprintln!("all {} have bytes", stalled.len());
        }
        if now >= next_byte {
            next_byte = now + args.trickle.unwrap_or(Duration::MAX);
            stalled.iter_mut().filter(|one| one.let_go.is_none()).for_each(Stalled::sip);
        }
        if now >= next_ss {
            next_ss = now + SS_TICK;
            let sockets = server_sockets(args.url.address).map_err(|error| format!("ss: {error}"))?;
            for one in stalled.iter_mut().filter(|one| one.gone.is_none()) {
                one.compare(sockets.get(&one.local), now);
            }
        }
    }
    Ok(report(args, &stalled))
}

fn open(args: &StallArgs, clock: Instant) -> std::io::Result<Vec<Stalled>> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: longwave-stress\r\n\r\n",
        args.url.path, args.url.host
    );
    let mut stalled = Vec::with_capacity(args.count);
    for index in 0..args.count {
        let mut socket =
            net::connect(&args.url, net::source_address(&args.url, index, 8), args.receive_buffer)?;
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match socket.write(request.as_bytes()) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
        stalled.push(Stalled {
            local: socket.local_addr()?,
            socket,
            taken: 0,
            last_taken: clock.elapsed(),
            server_bytes_most: 0,
            reset: false,
            let_go: None,
            gone: None,
        });
    }
    Ok(stalled)
}

impl Stalled {
    /// Asks this side's kernel.
    fn look(&mut self, now: Duration) {
        if let Ok(Some(_)) = self.socket.take_error() {
            self.reset = true;
            self.let_go = Some(now);
            return;
        }
        if let Ok(counts) = sys::tcp_counts(&self.socket)
            && counts.bytes_received > self.taken
        {
            self.taken = counts.bytes_received;
            self.last_taken = now;
        }
    }

    fn sip(&mut self) {
        // Only a read shows whether the connection has ended or failed.
        let _ = self.socket.read(&mut [0]);
    }

    /// Records the server's side of this connection.
    fn compare(&mut self, server_side: Option<&ServerSocket>, now: Duration) {
        match server_side {
            Some(socket) => {
                self.server_bytes_most = self.server_bytes_most.max(socket.kernel_bytes);
                if !socket.established {
                    self.let_go.get_or_insert(now);
                }
            }
            None => {
                self.let_go.get_or_insert(now);
                self.gone = Some(now);
            }
        }
    }
}

/// The server's side of a connection.
#[derive(Debug, PartialEq)]
struct ServerSocket {
    established: bool,
    kernel_bytes: u64,
}

/// All connections of the server at `address`, by their peer.
fn server_sockets(address: SocketAddr) -> Result<HashMap<SocketAddr, ServerSocket>, String> {
    let port = format!("sport = :{}", address.port());
    let output = Command::new("ss").args(["-tmnHO", "state", "connected", &port]).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(parse_ss(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines like `ESTAB 0 150000 127.0.0.1:8000 127.0.0.2:40000
/// skmem:(r0,rb131072,t0,tb87040,f1792,w165120,o0,bl0,d0)`.
fn parse_ss(text: &str) -> HashMap<SocketAddr, ServerSocket> {
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let peer = fields.get(4)?.replace("::ffff:", "").replace("[127.", "127.");
        let peer = match peer.split_once("]:") {
            Some((address, port)) if !address.starts_with('[') => format!("{address}:{port}"),
            _ => peer,
        };
        let skmem = line.split_once("skmem:(")?.1.split_once(')')?.0;
        // r: received; w: written, each with its overhead; f: reserved and unused. The other keys
        // are limits or parts of these.
        let kernel_bytes = skmem
            .split(',')
            .filter_map(|item| {
                let digits = item.find(|c: char| c.is_ascii_digit())?;
                matches!(&item[..digits], "r" | "w" | "f").then(|| item[digits..].parse::<u64>().ok())?
            })
            .sum();
        Some((peer.parse().ok()?, ServerSocket { established: fields[0] == "ESTAB", kernel_bytes }))
    };
    text.lines().filter_map(row).collect()
}

fn report(args: &StallArgs, stalled: &[Stalled]) -> StallReport {
    let let_go =
        stalled.iter().filter_map(|one| Some(one.let_go?.saturating_sub(one.last_taken).as_secs_f64()));
    let gone = stalled.iter().filter_map(|one| Some(one.gone?.saturating_sub(one.let_go?).as_secs_f64()));
    StallReport {
        label: args.label.clone(),
        count: args.count,
        trickle_s: args.trickle.map(|trickle| trickle.as_secs_f64()),
        bytes_taken: Quantiles::of(stalled.iter().map(|one| one.taken as f64).collect()),
        server_kernel_bytes: Quantiles::of(stalled.iter().map(|one| one.server_bytes_most as f64).collect()),
        let_go_after_s: Quantiles::of(let_go.collect()),
        gone_after_s: Quantiles::of(gone.collect()),
        resets: stalled.iter().filter(|one| one.reset).count(),
        kept: stalled.iter().filter(|one| one.let_go.is_none()).count(),
        lingering: stalled.iter().filter(|one| one.let_go.is_some() && one.gone.is_none()).count(),
    }
}

impl Display for StallReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kib = |quantiles: &Quantiles| {
            format!("p50 {:.0}  max {:.0} KiB", quantiles.p50 / 1024.0, quantiles.max / 1024.0)
        };
        let seconds = |quantiles: &Quantiles| format!("p50 {:.1}  max {:.1} s", quantiles.p50, quantiles.max);
        match self.trickle_s {
            None => writeln!(f, "{}: {} listeners that never read", self.label, self.count)?,
            Some(every) => {
                writeln!(f, "{}: {} listeners that read a byte every {every} s", self.label, self.count)?;
            }
        }
        writeln!(f, "  taken in by their kernel     {}", kib(&self.bytes_taken))?;
        writeln!(f, "  held by the server's kernel  {}", kib(&self.server_kernel_bytes))?;
        let after = seconds(&self.let_go_after_s);
        writeln!(f, "  let go                       {} after {after}", self.let_go_after_s.count)?;
        writeln!(f, "  noticed a reset              {}", self.resets)?;
        writeln!(f, "  memory free, after that      {}", seconds(&self.gone_after_s))?;
        writeln!(f, "  still held                   {}", self.kept)?;
        writeln!(f, "  let go, memory still held    {}", self.lingering)
    }
}

#[cfg(test)]
mod tests {
    use super::{ServerSocket, parse_ss};

    #[test]
    fn reads_what_ss_prints() {
        let text = "\
ESTAB      0      150000 127.0.0.1:8000 127.0.0.2:40000 skmem:(r0,rb131072,t0,tb87040,f1792,w165120,o0,bl0,d0) timer:(on,1sec,0)
FIN-WAIT-1 0      1      [::ffff:127.0.0.1]:8000 [::ffff:127.0.0.3]:40001 skmem:(r100,rb131072,t0,tb87040,f0,w20,o0,bl0,d0)
ESTAB      0      0      [::1]:8000 [::1]:40002 skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0)
";
        let sockets = parse_ss(text);
        let socket = |peer: &str| &sockets[&peer.parse().unwrap()];
        assert_eq!(*socket("127.0.0.2:40000"), ServerSocket { established: true, kernel_bytes: 166_912 });
        assert_eq!(*socket("127.0.0.3:40001"), ServerSocket { established: false, kernel_bytes: 120 });
        assert_eq!(*socket("[::1]:40002"), ServerSocket { established: true, kernel_bytes: 0 });
    }
}

//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::net::Target;
use crate::packet::NUMBERED_KBITS;

/// Load, floor and soak measurements for Icecast-like servers on this machine.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Options {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Opens listeners, checks every one, and measures the server.
    Listeners(Box<ListenersArgs>),
    /// Opens players of HLS, which fetch playlists and segments at a player's pace, and checks every answer.
    Players(PlayersArgs),
    /// Opens listeners that never read (or hardly), and measures when the server closes them.
    Stall(StallArgs),
    /// Serves valid MP3 from a bare loop of sends, the lower limit for any server at the same cadence.
    Floor(FloorArgs),
    /// Feeds a server in real time, like a source client.
    Source(SourceArgs),
    /// Sources that come and go at random, half of them bad.
    Crowd(CrowdArgs),
    /// Measures what a server uses, thread by thread.
    Usage(UsageArgs),
    /// Follows the buffer of a live input of Longwave while a source sends.
    Level(LevelArgs),
    /// Sends requests to the API of Longwave at a steady rate, and follows its events.
    Steer(SteerArgs),
    /// Compares results of `listeners --json`: a table of medians and ratios, and a picture of CPU
    /// and gaps over the number of listeners.
    Chart(ChartArgs),
}

#[derive(Args, Debug)]
pub struct ListenersArgs {
    /// The mount: http://127.0.0.1:8000/stream.mp3
    #[arg(long)]
    pub url: Target,
    /// Number of listeners.
    #[arg(long, default_value_t = 100)]
    pub count: usize,
    /// How many join per second.
    #[arg(long, default_value_t = 300.0, value_parser = rate)]
    pub ramp: f64,
    /// Length of the measurement in seconds, after all listeners have joined and settled.
    #[arg(long, default_value = "30", value_parser = seconds)]
    pub seconds: Duration,
    /// Seconds to wait after the last listener has joined.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub settle: Duration,
    /// Ask for metadata, and check it.
    #[arg(long)]
    pub icy: bool,
    /// Which streams are checked: `all`, or `sample=K` for every K-th; the bytes of the others are only
    /// counted.
    #[arg(long, default_value = "all")]
    pub check: Check,
    /// Percentage of listeners that read at a tenth of the rate.
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    pub slow_percent: f64,
    /// Percentage of listeners that never read.
    #[arg(long, default_value_t = 0.0, value_parser = percent)]
    pub stalled_percent: f64,
    /// SO_RCVBUF of the slow and the stalled listeners; by default the kernel's.
    #[arg(long)]
    pub receive_buffer: Option<usize>,
    /// How many per second leave in order during the measurement, and are replaced.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    pub churn: f64,
    /// How many per second leave by a reset during the measurement, and are replaced.
    #[arg(long, default_value_t = 0.0, value_parser = rate)]
    pub reset: f64,
    /// N more join within a second, T seconds into the measurement: N@T.
    #[arg(long, value_name = "N@T")]
    pub join_storm: Vec<JoinStorm>,
    /// Seconds that a listener may take to its first audio.
    #[arg(long, default_value = "30", value_parser = seconds)]
    pub join_timeout: Duration,
    /// Longest gap that is not an error, in milliseconds.
    #[arg(long, default_value = "2500", value_parser = milliseconds)]
    pub gap_limit: Duration,
    /// Interval between reads of the players, in milliseconds; gaps are measured to this precision.
    #[arg(long, default_value = "50", value_parser = milliseconds)]
    pub tick: Duration,
    /// Number of loopback addresses that the listeners connect from.
    #[arg(long, default_value_t = 8)]
    pub sources: u8,
    /// A process of the server, to sample; may be given several times.
    #[arg(long)]
    pub server_pid: Vec<u32>,
    /// Name of the server's serving threads, for a server that encodes in the same process; by default the
    /// whole process counts.
    #[arg(long)]
    pub serving_thread: Option<String>,
    /// Count the server's system calls with strace for this many seconds, after the measurement.
    #[arg(long, value_parser = seconds)]
    pub strace: Option<Duration>,
    /// Sample the server once more, this many seconds after all have left.
    #[arg(long, default_value = "0", value_parser = seconds)]
    pub after: Duration,
    /// The server's name in tables and pictures.
    #[arg(long, default_value = "server")]
    pub label: String,
    /// Seed for the choice of listeners that leave.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print each phase as it begins, and the progress every five seconds, to standard error.
    #[arg(long)]
    pub progress: bool,
    /// Exit with 1 if anything was wrong.
    #[arg(long)]
    pub strict: bool,
    /// Write the result as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Write the course of the run as CSV.
    #[arg(long)]
    pub csv: Option<PathBuf>,
    /// Draw the course of the run as SVG.
    #[arg(long)]
    pub svg: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct PlayersArgs {
    /// The list of variants: http://127.0.0.1:8000/radio/hls.m3u8
    #[arg(long)]
    pub url: Target,
    /// Number of players.
    #[arg(long, default_value_t = 100)]
    pub count: usize,
    /// How many start per second.
    #[arg(long, default_value_t = 300.0, value_parser = positive_rate)]
    pub ramp: f64,
    /// Seconds to wait after the last player has started.
    #[arg(long, default_value = "10", value_parser = seconds)]
    pub settle: Duration,
    /// Length of the measurement in seconds, after that.
    #[arg(long, default_value = "30", value_parser = seconds)]
    pub seconds: Duration,
    /// Which variant all of them play, from 0 on; by default they take turns.
    #[arg(long)]
    pub variant: Option<usize>,
    /// Ask for playlists with If-None-Match.
    #[arg(long)]
    pub revalidate: bool,
    /// A new connection for each request, instead of one that is kept.
    #[arg(long)]
    pub close: bool,
    /// Number of loopback addresses that the players connect from.
    #[arg(long, default_value_t = 8)]
    pub sources: u8,
    /// A process of the server, to measure; may be given several times.
    #[arg(long)]
    pub server_pid: Vec<u32>,
    /// Name of the server's serving threads, for a server that encodes in the same process.
    #[arg(long)]
    pub serving_thread: Option<String>,
    /// The server's name in tables.
    #[arg(long, default_value = "server")]
    pub label: String,
    /// Exit with 1 if anything was wrong.
    #[arg(long)]
    pub strict: bool,
    /// Write the result as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct StallArgs {
    /// The mount: http://127.0.0.1:8000/stream.mp3
    #[arg(long)]
    pub url: Target,
    #[arg(long, default_value_t = 100)]
    pub count: usize,
    /// Read one byte at this interval in seconds, instead of nothing.
    #[arg(long, value_parser = seconds)]
    pub trickle: Option<Duration>,
    /// SO_RCVBUF; by default the kernel's.
    #[arg(long)]
    pub receive_buffer: Option<usize>,
    /// How long to wait until the server has closed all, in seconds.
    #[arg(long, default_value = "360", value_parser = seconds)]
    pub patience: Duration,
    /// The server's name in tables.
    #[arg(long, default_value = "server")]
    pub label: String,
    /// Write the result as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct FloorArgs {
    /// Port 0 takes a free one; it is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Greatest number of listeners.
    #[arg(long, default_value_t = 19_900)]
    pub count: usize,
    /// Interval between sends to a listener, in milliseconds.
    #[arg(long, default_value = "250", value_parser = milliseconds)]
    pub every: Duration,
    /// Spread the listeners over the interval, in slots of this length in milliseconds; 0 sends to all at
    /// once, which is cheapest.
    #[arg(long, default_value_t = 0.0)]
    pub slot: f64,
    /// Bitrate of the numbered silent packets, in kilobits per second.
    #[arg(long, default_value_t = 128, value_parser = kbit)]
    pub bitrate: u32,
    /// Bytes that a new listener gets at once.
    #[arg(long, default_value_t = 65_536)]
    pub burst: usize,
    /// SO_SNDBUF.
    #[arg(long, default_value_t = 65_536)]
    pub send_buffer: usize,
    /// TCP's congestion control, such as `cubic`; by default the system's.
    #[arg(long)]
    pub congestion: Option<String>,
    /// End after this many seconds.
    #[arg(long, default_value = "86400", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct SourceArgs {
    /// URL with the login: http://source:password@127.0.0.1:8000/stream.mp3
    #[arg(long)]
    pub url: Target,
    /// Number of sources. The path of each ends with its number, from 1 on, if there are several.
    #[arg(long, default_value_t = 1)]
    pub count: usize,
    /// An MP3 or ADTS file, looped; without one, numbered silent packets.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Bitrate of the numbered packets, in kilobits per second.
    #[arg(long, default_value_t = 128, value_parser = kbit)]
    pub bitrate: u32,
    /// Interval between changes of the title, in seconds.
    #[arg(long, value_parser = seconds)]
    pub title_every: Option<Duration>,
    /// How much faster than this machine's the clock of the source runs, in millionths.
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true, value_parser = ppm)]
    pub clock_ppm: f64,
    /// End after this many seconds.
    #[arg(long, default_value = "86400", value_parser = seconds)]
    pub seconds: Duration,
}

#[derive(Args, Debug)]
pub struct CrowdArgs {
    /// The server, with the login: http://dj:password@127.0.0.1:8000. A tenth of the sources send to /live1,
    /// /live2 and so on, the others to /relayed1, /relayed2 and so on.
    #[arg(long)]
    pub url: Target,
    /// Number of sources.
    #[arg(long, default_value_t = 200)]
    pub count: usize,
    /// An MP3 or ADTS file that the good ones send, looped; without one, numbered silent packets.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// How long they come and go, in seconds.
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub seconds: Duration,
    /// Seed for what they do when.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Exit with 1 if anything was wrong.
    #[arg(long)]
    pub strict: bool,
}

#[derive(Args, Debug)]
pub struct UsageArgs {
    /// A process of the server; may be given several times.
    #[arg(long, required = true)]
    pub server_pid: Vec<u32>,
    /// Length of the measurement in seconds.
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub seconds: Duration,
    /// The name in tables.
    #[arg(long, default_value = "server")]
    pub label: String,
}

#[derive(Args, Debug)]
pub struct LevelArgs {
    /// The live input: http://127.0.0.1:8000/live
    #[arg(long)]
    pub url: Target,
    /// File with a token for the API.
    #[arg(long)]
    pub token_file: PathBuf,
    /// The `buffer` of the live input, in seconds.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub target: Duration,
    /// How far the level may be from it, in milliseconds, once it has been there.
    #[arg(long, default_value = "200", value_parser = milliseconds)]
    pub tolerance: Duration,
    /// Interval between two looks, in seconds.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub every: Duration,
    /// Length of the measurement in seconds.
    #[arg(long, default_value = "3600", value_parser = seconds)]
    pub seconds: Duration,
    /// The name in tables and pictures.
    #[arg(long, default_value = "live")]
    pub label: String,
    /// Exit with 1 if anything was wrong.
    #[arg(long)]
    pub strict: bool,
    /// Write what was seen as CSV, line by line.
    #[arg(long)]
    pub csv: Option<PathBuf>,
    /// Draw it as SVG.
    #[arg(long)]
    pub svg: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct SteerArgs {
    /// The server: http://127.0.0.1:8000
    #[arg(long)]
    pub url: Target,
    /// File with the token for all requests.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
    /// A request, as `METHOD PATH [JSON]`; several take turns.
    #[arg(long)]
    pub request: Vec<String>,
    /// Requests per second, of all kinds together.
    #[arg(long, default_value_t = 200.0, value_parser = positive_rate)]
    pub rate: f64,
    /// Number of connections for requests.
    #[arg(long, default_value_t = 16)]
    pub clients: usize,
    /// Number of event clients.
    #[arg(long, default_value_t = 0)]
    pub events: usize,
    /// How many event clients come per second.
    #[arg(long, default_value_t = 100.0, value_parser = positive_rate)]
    pub events_ramp: f64,
    /// Seconds after which an event client that was refused or lost comes again; by default as the listeners'
    /// page does.
    #[arg(long, default_value = "5", value_parser = seconds)]
    pub events_again: Duration,
    /// Path of the events; several take turns.
    #[arg(long, default_values_t = ["/api/v1/events".to_owned()])]
    pub events_at: Vec<String>,
    /// Length of the measurement in seconds.
    #[arg(long, default_value = "60", value_parser = seconds)]
    pub seconds: Duration,
    /// The server's name in tables.
    #[arg(long, default_value = "server")]
    pub label: String,
    /// Exit with 1 if anything was wrong.
    #[arg(long)]
    pub strict: bool,
    /// Write the result as JSON.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct ChartArgs {
    /// Results of `listeners --json`.
    #[arg(required = true)]
    pub results: Vec<PathBuf>,
    /// Label of the server whose cost is divided by that of the others.
    #[arg(long, default_value = "longwave")]
    pub subject: String,
    /// Draw the chart as SVG.
    #[arg(long)]
    pub svg: Option<PathBuf>,
}

/// Which streams are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    All,
    /// Every K-th; at least 1.
    Sample(usize),
}

impl FromStr for Check {
    type Err = String;

    fn from_str(text: &str) -> Result<Check, String> {
        match text.strip_prefix("sample=").map(str::parse) {
            Some(Ok(every)) if every > 0 => Ok(Check::Sample(every)),
            None if text == "all" => Ok(Check::All),
            _ => Err("want `all` or `sample=K`".to_owned()),
        }
    }
}

/// `count` more listeners join within a second, at `at` in the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinStorm {
    pub count: usize,
    pub at: Duration,
}

impl FromStr for JoinStorm {
    type Err = String;

    fn from_str(text: &str) -> Result<JoinStorm, String> {
        let (count, at) = text.split_once('@').ok_or("want N@T, like 5000@20")?;
        let count = count.parse().map_err(|_| format!("{count} is not a number of listeners"))?;
        Ok(JoinStorm { count, at: seconds(at)? })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "want a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "want a number of milliseconds".to_owned())?;
    let time = Duration::try_from_secs_f64(number / 1e3).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(1) { Err("want at least a millisecond".to_owned()) } else { Ok(time) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "want a number a second".to_owned())?;
    if (0.0..=100_000.0).contains(&rate) { Ok(rate) } else { Err("want 0 to 100,000 a second".to_owned()) }
}

fn positive_rate(text: &str) -> Result<f64, String> {
    rate(text).and_then(|rate| if rate > 0.0 { Ok(rate) } else { Err("want more than 0".to_owned()) })
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "want a number".to_owned())?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("want 0 to 100".to_owned()) }
}

fn ppm(text: &str) -> Result<f64, String> {
    let ppm: f64 = text.parse().map_err(|_| "want a number of millionths".to_owned())?;
    if ppm.abs() <= 500_000.0 { Ok(ppm) } else { Err("want -500,000 to 500,000 millionths".to_owned()) }
}

fn kbit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(kbit) if NUMBERED_KBITS.contains(&kbit) => Ok(kbit),
        _ => Err(format!("want one of {NUMBERED_KBITS:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::{Check, JoinStorm, Options};

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn reads_storms_and_samples() {
        assert_eq!("5000@20".parse(), Ok(JoinStorm { count: 5000, at: Duration::from_secs(20) }));
        assert!("5000".parse::<JoinStorm>().is_err());
        assert_eq!("sample=10".parse(), Ok(Check::Sample(10)));
        assert_eq!("all".parse(), Ok(Check::All));
        assert!("sample=0".parse::<Check>().is_err());
    }
}

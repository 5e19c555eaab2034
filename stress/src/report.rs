//! The result of a run: JSON for programs, a table for people.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::listener::Cohort;
use crate::quantiles::Quantiles;
use crate::sampler::{ServerSample, ThreadCpu};

/// One run of `listeners`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The server's name in tables and pictures.
    pub label: String,
    pub url: String,
    pub icy: bool,
    /// The number of listeners that were requested, without those of storms.
    pub count: usize,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    pub joins: BTreeMap<Cohort, Joins>,
    pub storms: Vec<Storm>,
    pub window: WindowReport,
    pub slow: Afflicted,
    pub stalled: Afflicted,
    pub titles: Vec<String>,
    pub server: Option<ServerReport>,
    pub generator: Generator,
    pub timeline: Vec<Second>,
}

/// How the listeners of one cohort joined. Times are counted from just before `connect`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Joins {
    pub attempted: u64,
    pub began: u64,
    pub answered_ms: Quantiles,
    pub first_byte_ms: Quantiles,
    /// The number of listeners that never received audio, by the reason.
    pub failures: BTreeMap<String, u64>,
}

/// A join storm, and its effect on the listeners that were there before it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Storm {
    pub at_s: f64,
    pub count: usize,
    /// The longest gap that ended in the ten seconds before.
    pub gap_before_ms: f64,
    /// The longest gap that ended in the five seconds from the storm on.
    pub gap_during_ms: f64,
}

/// The measurement: all players, after all listeners have joined and settled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WindowReport {
    pub seconds: f64,
    /// The average number of listeners, including slow and stalled ones.
    pub listeners: f64,
    /// Seconds of audio per second, for players that were present for most of the window.
    pub rate: Quantiles,
    /// How many of these had less than 0.99, with an allowance for the length of a tick. A player without any
    /// audio counts.
    pub slower_than_real_time: u64,
    /// The longest gap of each player.
    pub gap_ms: Quantiles,
    pub gap_limit_ms: f64,
    pub gaps_over_limit: u64,
    /// Players whose buffer would have run empty, in the whole run.
    pub stuttered: u64,
    /// Faults in the whole run.
    pub broken_packets: u64,
    pub missing_packets: u64,
    pub repeated_packets: u64,
    pub malformed_blocks: u64,
    pub title_changes: u64,
    /// Players whose first byte did not begin a packet.
    pub joined_inside_packet: u64,
    /// Players whose connection the server closed while they played, in the whole run.
    pub lost: BTreeMap<String, u64>,
    /// TCP segments with data, per player and second. With TCP_NODELAY this is the number of writes.
    pub segments_per_listener_s: f64,
    /// How much the residents' lead over real time grew per minute, from the first to the last value.
    pub drift_ms_per_minute: f64,
}

/// Listeners that behave badly on purpose.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Afflicted {
    pub opened: u64,
    pub began: u64,
    /// The age of each listener at the time when the server closed it, if the listener saw the close.
    pub let_go_after_s: Quantiles,
    /// The number of listeners that the server had closed unseen. A write at the end of the run shows it.
    pub found_gone: u64,
    pub broken_packets: u64,
    pub malformed_blocks: u64,
    /// Numbered packets that the server skipped.
    pub missing_packets: u64,
}

/// The cost of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerReport {
    /// The threads that serve, if they were named with an option; otherwise all threads.
    pub serving_us_per_listener_s: f64,
    pub cpu_us_per_listener_s: f64,
    pub user_us_per_listener_s: f64,
    pub system_us_per_listener_s: f64,
    /// Of one core, in the window.
    pub cpu_percent: f64,
    /// The part of the window in which the busiest thread was ready to run but had no core. If it is not
    /// small, other programs took the server's core, and the other figures mean little.
    pub waited_percent: f64,
    /// How busy the server's core was with any work, if the server is pinned to one.
    pub core_busy_percent: Option<f64>,
    /// Context switches per listener and second.
    pub switches_per_listener_s: f64,
    pub rss_before_kib: u64,
    pub rss_kib: u64,
    /// The growth of the resident memory, per listener.
    pub rss_bytes_per_listener: f64,
    pub rss_after_kib: Option<u64>,
    pub open_files_before: u64,
    pub open_files: u64,
    pub open_files_after: Option<u64>,
    /// Processor time of each thread in the window, busiest first.
    pub threads: Vec<ThreadCpu>,
    /// System calls per listener and second, counted by strace after the window.
    pub syscalls_per_listener_s: BTreeMap<String, f64>,
}

/// The cost and the lateness of this tool. Times cannot be more exact than its lateness.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Generator {
    pub cpu_us_per_listener_s: f64,
    pub cpu_percent: f64,
    /// The interval at which players are read.
    pub tick_ms: f64,
    /// How late the ticks were in the window.
    pub tick_late_ms: Quantiles,
    /// The longest interval between two reads of joining listeners, of each second.
    pub join_look_ms: Quantiles,
    pub seed: u64,
}

/// The name of the phase in which the window lies.
pub const MEASURING: &str = "measuring";

/// One second of the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Second {
    pub at_s: f64,
    pub phase: String,
    pub listeners: usize,
    pub joined: u64,
    /// All listeners that left, whether they or the server closed.
    pub left: u64,
    pub kbit_per_listener: f64,
    pub worst_gap_ms: f64,
    /// The mean lead of the residents.
    pub lead_s: f64,
    pub server: Option<ServerSample>,
    pub generator_cpu_s: f64,
}

impl Report {
    /// Everything that a healthy server does not do.
    pub fn complaints(&self) -> Vec<String> {
        let window = &self.window;
        let mut complaints = Vec::new();
        let mut complain = |count: u64, what: &str| {
            if count > 0 {
                complaints.push(format!("{count} {what}"));
            }
        };
        for (cohort, joins) in &self.joins {
            for (why, count) in &joins.failures {
                complain(*count, &format!("of the {cohort:?} cohort did not join: {why}").to_lowercase());
            }
        }
        for (why, count) in &window.lost {
            complain(*count, &format!("players lost: {why}"));
        }
        complain(window.slower_than_real_time, "players slower than real time");
        complain(window.gaps_over_limit, &format!("players with a gap over {} ms", window.gap_limit_ms));
        complain(window.stuttered, "players ran dry");
        complain(window.broken_packets, "broken packets");
        complain(window.missing_packets, "packets missing");
        complain(window.repeated_packets, "packets repeated");
        complain(window.malformed_blocks, "malformed ICY blocks");
        let afflicted = [("slow", &self.slow), ("stalled", &self.stalled)];
        for (name, group) in afflicted {
            complain(group.broken_packets, &format!("broken packets at {name} listeners"));
            complain(group.malformed_blocks, &format!("malformed ICY blocks at {name} listeners"));
        }
        complaints
    }

    /// The timeline as comma-separated values, for other programs.
    pub fn csv(&self) -> String {
        let mut csv = String::from(
            "at_s,phase,listeners,joined,left,kbit_per_listener,worst_gap_ms,lead_s,\
             server_cpu_s,rss_kib,open_files,threads,switches,tcp_kib,generator_cpu_s\n",
        );
        for second in &self.timeline {
            let server = second.server.clone().unwrap_or_default();
            csv += &format!(
                "{:.3},{},{},{},{},{:.2},{:.1},{:.4},{:.2},{},{},{},{},{},{:.3}\n",
                second.at_s,
                second.phase,
                second.listeners,
                second.joined,
                second.left,
                second.kbit_per_listener,
                second.worst_gap_ms,
                second.lead_s,
                server.user_s + server.system_s,
                server.rss_kib,
                server.open_files,
                server.threads,
                server.switches,
                server.tcp_kib,
                second.generator_cpu_s,
            );
        }
        csv
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let window = &self.window;
        writeln!(
            f,
            "{}: {:.0} listeners{} for {:.0} s{}",
            self.label,
            window.listeners,
            if self.icy { " with ICY" } else { "" },
            window.seconds,
            if self.interrupted { ", interrupted" } else { "" },
        )?;
        for (cohort, joins) in &self.joins {
            let name = format!("{cohort:?}").to_lowercase();
            let (status, byte) = (&joins.answered_ms, &joins.first_byte_ms);
            line(f, &format!("joined ({name})"), format_args!("{} of {}", joins.began, joins.attempted))?;
            line(
                f,
                "  first byte, ms",
                format_args!(
                    "p50 {:.1}  p99 {:.1}  max {:.1}   (answer p50 {:.1})",
                    byte.p50, byte.p99, byte.max, status.p50
                ),
            )?;
        }
        for storm in &self.storms {
            line(
                f,
                "storm",
                format_args!(
                    "{} at {:.0} s: longest gap {:.0} ms before, {:.0} ms then",
                    storm.count, storm.at_s, storm.gap_before_ms, storm.gap_during_ms
                ),
            )?;
        }
        let (rate, gap) = (&window.rate, &window.gap_ms);
        line(f, "audio s/s", format_args!("min {:.4}  p50 {:.4}  max {:.4}", rate.min, rate.p50, rate.max))?;
        line(
            f,
            "longest gap, ms",
            format_args!("p50 {:.0}  p99 {:.0}  max {:.0}", gap.p50, gap.p99, gap.max),
        )?;
        line(f, "segments/s", format_args!("{:.2} a listener", window.segments_per_listener_s))?;
        line(f, "titles", format_args!("{} changes, {} titles", window.title_changes, self.titles.len()))?;
        line(f, "joined inside a packet", format_args!("{}", window.joined_inside_packet))?;
        line(f, "drift", format_args!("{:+.2} ms a minute", window.drift_ms_per_minute))?;
        for (name, group) in [("slow", &self.slow), ("stalled", &self.stalled)] {
            if group.opened > 0 {
                let gone = &group.let_go_after_s;
                line(
                    f,
                    name,
                    format_args!(
                        "{} of {} let go, after p50 {:.1} s, max {:.1} s where they were told; {} packets skipped",
                        gone.count as u64 + group.found_gone,
                        group.began,
                        gone.p50,
                        gone.max,
                        group.missing_packets
                    ),
                )?;
            }
        }
        if let Some(server) = &self.server {
            write!(f, "{server}")?;
        }
        let own = &self.generator;
        line(
            f,
            "this tool",
            format_args!(
                "{:.1} µs a listener·s; read every {:.0} ms, late p99 {:.1} max {:.1} ms",
                own.cpu_us_per_listener_s, own.tick_ms, own.tick_late_ms.p99, own.tick_late_ms.max
            ),
        )?;
        let complaints = self.complaints();
        line(f, "verdict", if complaints.is_empty() { "nothing wrong" } else { "" })?;
        complaints.iter().try_for_each(|complaint| writeln!(f, "    {complaint}"))
    }
}

impl Display for ServerReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(
            f,
            "server CPU",
            format_args!(
                "{:.1} µs a listener·s ({:.1} user, {:.1} system); {:.1} % of a core",
                self.cpu_us_per_listener_s,
                self.user_us_per_listener_s,
                self.system_us_per_listener_s,
                self.cpu_percent
            ),
        )?;
        if self.serving_us_per_listener_s != self.cpu_us_per_listener_s {
            let serving = self.serving_us_per_listener_s;
            line(f, "  serving threads only", format_args!("{serving:.1} µs a listener·s"))?;
        }
        if let Some(busy) = self.core_busy_percent {
            line(f, "  its core busy", format_args!("{busy:.1} %, others' work included"))?;
        }
        line(f, "  waited for a core", format_args!("{:.1} % of the time", self.waited_percent))?;
        for thread in self.threads.iter().filter(|thread| thread.cpu_s > 0.0).take(6) {
            let name = format!("  thread {}", thread.name);
            line(
                f,
                &name,
                format_args!("{:.2} s, waited {:.2} s for a core", thread.cpu_s, thread.waited_s),
            )?;
        }
        line(
            f,
            "server memory",
            format_args!(
                "{:.1} MiB, {:.1} before; {:.0} bytes a listener",
                self.rss_kib as f64 / 1024.0,
                self.rss_before_kib as f64 / 1024.0,
                self.rss_bytes_per_listener
            ),
        )?;
        line(f, "open files", format_args!("{}, {} before", self.open_files, self.open_files_before))?;
        if let (Some(rss), Some(files)) = (self.rss_after_kib, self.open_files_after) {
            line(f, "  after all left", format_args!("{:.1} MiB, {files} open files", rss as f64 / 1024.0))?;
        }
        let mut calls: Vec<_> = self.syscalls_per_listener_s.iter().collect();
        calls.sort_by(|a, b| f64::total_cmp(b.1, a.1));
        for (name, rate) in calls.iter().take(8) {
            line(f, &format!("  calls to {name}"), format_args!("{rate:.3} a listener·s"))?;
        }
        line(f, "context switches", format_args!("{:.3} a listener·s", self.switches_per_listener_s))
    }
}

fn line(f: &mut Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "  {name:<26} {value}")
}

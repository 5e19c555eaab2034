//! The measurement: the resources that the server and this tool use in the window, and the timeline of the
//! run by seconds.

use std::time::Duration;

use crate::options::ListenersArgs;
use crate::quantiles::Quantiles;
use crate::report::{Generator, MEASURING, Second, ServerReport, Storm};
use crate::sampler::{Sampler, ServerSample, ThreadCpu};
use crate::sys;

/// All figures of a run except those of single listeners. Times are since the run began.
pub struct Measurement {
    sampler: Option<Sampler>,
    before: ServerSample,
    start: Mark,
    end: Mark,
    after: Option<ServerSample>,
    /// The server's system calls by name, and the listeners times seconds in which they were counted.
    syscalls: (Vec<(String, u64)>, f64),
    /// Listeners times seconds in the window.
    listener_seconds: f64,
    last_tick: Duration,
    tick_late_ms: Vec<f64>,
    join_look_ms: Vec<f64>,
    timeline: Vec<Second>,
}

/// The resources used by the server and this tool at one moment.
#[derive(Default)]
struct Mark {
    at: Duration,
    server: Option<ServerSample>,
    threads: Vec<ThreadCpu>,
    own_cpu: Duration,
}

impl Measurement {
    /// Samples the server, which must have no listeners yet.
    pub fn new(sampler: Option<Sampler>) -> Measurement {
        Measurement {
            before: sampler.as_ref().map(Sampler::sample).unwrap_or_default(),
            sampler,
            start: Mark::default(),
            end: Mark::default(),
            after: None,
            syscalls: (Vec::new(), 0.0),
            listener_seconds: 0.0,
            last_tick: Duration::ZERO,
            tick_late_ms: Vec::new(),
            join_look_ms: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// The window begins. Earlier figures are discarded.
    pub fn begin(&mut self, now: Duration) {
        self.start = self.mark(now);
        self.last_tick = now;
    }

    /// The window ends with this number of listeners.
    pub fn end(&mut self, now: Duration, listeners: usize) {
        self.end = self.mark(now);
        self.listeners_until(now, listeners);
    }

    /// In the window, a tick was late by this much.
    pub fn tick(&mut self, now: Duration, late: Duration, listeners: usize) {
        self.tick_late_ms.push(late.as_secs_f64() * 1e3);
        self.listeners_until(now, listeners);
    }

    /// A second is over. The figures of the server and of this tool are added. `longest_look` is the longest
    /// interval in it between two reads of joining listeners.
    pub fn second(&mut self, second: Second, longest_look: Duration) -> &Second {
        self.join_look_ms.push(longest_look.as_secs_f64() * 1e3);
        let server = self.sampler.as_ref().map(Sampler::sample);
        self.timeline.push(Second { server, generator_cpu_s: sys::own_cpu().as_secs_f64(), ..second });
        &self.timeline[self.timeline.len() - 1]
    }

    /// When the last second was over.
    pub fn last_second_s(&self) -> f64 {
        self.timeline.last().map_or(0.0, |second| second.at_s)
    }

    /// All listeners left a while ago.
    pub fn after(&mut self) {
        self.after = self.sampler.as_ref().map(Sampler::sample);
    }

    /// strace has counted, during these listeners times seconds.
    pub fn traced(&mut self, calls: Vec<(String, u64)>, listener_seconds: f64) {
        self.syscalls = (calls, listener_seconds);
    }

    /// How long the window is; zero before it ends.
    pub fn length(&self) -> Duration {
        self.end.at.saturating_sub(self.start.at)
    }

    /// The average number of listeners in the window.
    pub fn listeners(&self) -> f64 {
        per(self.listener_seconds, self.length().as_secs_f64())
    }

    /// The growth of the residents' lead per minute.
    pub fn drift_ms_per_minute(&self) -> f64 {
        let mut measured = self.timeline.iter().filter(|second| second.phase == MEASURING);
        match (measured.next(), measured.next_back()) {
            (Some(first), Some(last)) => per((last.lead_s - first.lead_s) * 6e4, last.at_s - first.at_s),
            _ => 0.0,
        }
    }

    /// The effect of the storms on the earlier listeners.
    pub fn storms(&self, args: &ListenersArgs) -> Vec<Storm> {
        let worst_gap_ms = |from_s: f64, to_s: f64| {
            let part = self.timeline.iter().filter(|second| second.at_s > from_s && second.at_s <= to_s);
            part.map(|second| second.worst_gap_ms).fold(0.0, f64::max)
        };
        let storms = args.join_storm.iter().map(|storm| {
            let at_s = (self.start.at + storm.at).as_secs_f64();
            Storm {
                at_s: storm.at.as_secs_f64(),
                count: storm.count,
                gap_before_ms: worst_gap_ms(at_s - 10.0, at_s),
                // The second in which five seconds are over belongs to them.
                gap_during_ms: worst_gap_ms(at_s, at_s + 6.0),
            }
        });
        storms.collect()
    }

    /// The cost of the server; `None` if it was not sampled.
    pub fn server(&self, serving_thread: Option<&str>) -> Option<ServerReport> {
        let (start, end) = (self.start.server.as_ref()?, self.end.server.as_ref()?);
        let seconds = self.length().as_secs_f64();
        let per_listener_s = |amount: f64| per(amount, self.listener_seconds);
        let (user, system) = (end.user_s - start.user_s, end.system_s - start.system_s);
        let grown = end.rss_kib.saturating_sub(self.before.rss_kib) as f64 * 1024.0;
        let threads = self.threads();
        let serving_s = match serving_thread {
            Some(name) => {
                threads.iter().filter(|thread| thread.name == name).map(|thread| thread.cpu_s).sum()
            }
            None => user + system,
        };
        let core_busy = end.core_busy_s.zip(start.core_busy_s);
        let (calls, traced_listener_seconds) = &self.syscalls;
        Some(ServerReport {
            serving_us_per_listener_s: per_listener_s(serving_s * 1e6),
            cpu_us_per_listener_s: per_listener_s((user + system) * 1e6),
            user_us_per_listener_s: per_listener_s(user * 1e6),
            system_us_per_listener_s: per_listener_s(system * 1e6),
            cpu_percent: per((user + system) * 100.0, seconds),
            waited_percent: threads.first().map_or(0.0, |busiest| per(busiest.waited_s * 100.0, seconds)),
            core_busy_percent: core_busy.map(|(then, before)| per((then - before) * 100.0, seconds)),
            switches_per_listener_s: per_listener_s(end.switches.saturating_sub(start.switches) as f64),
            rss_before_kib: self.before.rss_kib,
            rss_kib: end.rss_kib,
            rss_bytes_per_listener: per(grown, self.listeners()),
            rss_after_kib: self.after.as_ref().map(|after| after.rss_kib),
            open_files_before: self.before.open_files,
            open_files: end.open_files,
            open_files_after: self.after.as_ref().map(|after| after.open_files),
            threads,
            syscalls_per_listener_s: calls
                .iter()
                .map(|(name, count)| (name.clone(), per(*count as f64, *traced_listener_seconds)))
                .collect(),
        })
    }

    /// The cost of this tool, and the timeline of the run.
    pub fn generator(self, args: &ListenersArgs) -> (Generator, Vec<Second>) {
        let seconds = self.length().as_secs_f64();
        let own_cpu_s = self.end.own_cpu.saturating_sub(self.start.own_cpu).as_secs_f64();
        let generator = Generator {
            cpu_us_per_listener_s: per(own_cpu_s * 1e6, self.listener_seconds),
            cpu_percent: per(own_cpu_s * 100.0, seconds),
            tick_ms: args.tick.as_secs_f64() * 1e3,
            tick_late_ms: Quantiles::of(self.tick_late_ms),
            join_look_ms: Quantiles::of(self.join_look_ms),
            seed: args.seed,
        };
        (generator, self.timeline)
    }

    fn mark(&self, at: Duration) -> Mark {
        Mark {
            at,
            server: self.sampler.as_ref().map(Sampler::sample),
            threads: self.sampler.as_ref().map(Sampler::threads).unwrap_or_default(),
            own_cpu: sys::own_cpu(),
        }
    }

    fn listeners_until(&mut self, now: Duration, listeners: usize) {
        self.listener_seconds += listeners as f64 * now.saturating_sub(self.last_tick).as_secs_f64();
        self.last_tick = now;
    }

    /// Each thread's time in the window, busiest first.
    fn threads(&self) -> Vec<ThreadCpu> {
        let mut threads = self.end.threads.clone();
        for thread in &mut threads {
            if let Some(then) = self.start.threads.iter().find(|then| then.id == thread.id) {
                thread.cpu_s -= then.cpu_s;
                thread.waited_s -= then.waited_s;
            }
        }
        threads.sort_by(|a, b| f64::total_cmp(&b.cpu_s, &a.cpu_s));
        threads
    }
}

/// `amount` divided by `by`; zero if nothing was measured.
pub fn per(amount: f64, by: f64) -> f64 {
    if by > 0.0 { amount / by } else { 0.0 }
}

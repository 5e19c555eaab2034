//! The crowd: opens the listeners, reads them all from one thread, and measures.
//!
//! It reads: sockets, /proc. It writes: requests, and nothing else. Two epolls keep it cheap and
//! exact at once: who joins is looked at as soon as something happens, for the time to the first
//! byte; who plays is looked at once a tick, for many small arrivals cost one read then, and no
//! wake of this thread is charged to the server. So gaps are as exact as a tick.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::checker::Titles;
use crate::listener::{Cohort, Ending, Listener, Role, Shared, Turn};
use crate::net;
use crate::options::{Check, ListenersArgs};
use crate::pace::Pace;
use crate::quantiles::Quantiles;
use crate::report::{Generator, MEASURING, Report, Second, ServerReport, Storm};
use crate::sampler::{Sampler, ServerSample, ThreadCpu};
use crate::stop::Stop;
use crate::strace::Strace;
use crate::sys;
use crate::tally::{Tally, WindowTime};

/// Read at once; it stays in the second-level cache.
const BUFFER_BYTES: usize = 128 * 1024;
/// After so many reads of players, those who join get a look.
const READS_A_LOOK: usize = 64;
/// After so many connections opened, those who join get a look.
const OPENS_A_LOOK: usize = 32;
/// Open files that are not listeners.
const RESERVE: u64 = 64;
/// strace ends by itself, a little late; until then all must go on as before.
const STRACE_MARGIN: Duration = Duration::from_millis(500);
/// Connections of so many players are asked for their segments.
const SEGMENT_SAMPLES: usize = 200;

/// Runs the whole measurement.
pub fn run(args: &ListenersArgs, stop: &Stop) -> Result<Report, String> {
    let limit = sys::raise_open_files().map_err(|error| format!("limit of open files: {error}"))?;
    let wanted = args.count + args.join_storm.iter().map(|storm| storm.count).sum::<usize>();
    if wanted as u64 + RESERVE > limit {
        return Err(format!("{wanted} listeners want more open files than the limit of {limit} allows"));
    }
    let sampler = Sampler::new(&args.server_pid)?;
    let mut load = Load::new(args, sampler).map_err(|error| error.to_string())?;
    load.run(stop).map_err(|error| error.to_string())?;
    Ok(load.report())
}

struct Load<'a> {
    args: &'a ListenersArgs,
    clock: Instant,
    random: fastrand::Rng,
    /// Wakes for those who join.
    joining: Poll,
    /// Looked at once a tick.
    playing: Poll,
    /// By token.
    slots: Vec<Option<Listener>>,
    free: Vec<usize>,
    opened: usize,
    /// How far the next stalled or slow one has come, of a hundred.
    stalled_due: f64,
    slow_due: f64,
    playing_count: usize,
    shared: Shared,

    phase: Phase,
    ramp: Pace,
    churn: Pace,
    resets: Pace,
    storms: Vec<Pace>,

    tally: Tally,
    sampler: Option<Sampler>,
    timeline: Vec<Second>,
    next_second: Duration,
    next_tick: Duration,
    next_sip: usize,
    last_look: Duration,
    longest_look: Duration,
    tick_late_ms: Vec<f64>,
    join_look_ms: Vec<f64>,

    /// Listeners times seconds in the measurement.
    listener_seconds: f64,
    last_tick: Duration,
    before: ServerSample,
    window: Option<WindowTime>,
    window_start: Mark,
    window_end: Mark,
    after: Option<ServerSample>,
    syscalls: Vec<(String, u64)>,
    traced_listener_seconds: f64,
    segments_per_listener_s: f64,
    /// Whether all records are in the tally.
    recorded: bool,
    interrupted: bool,
}

/// What the run is about at the moment.
enum Phase {
    /// Until all of the ramp have been opened, and have audio or have failed.
    Joining,
    Settling {
        until: Duration,
    },
    Measuring {
        until: Duration,
    },
    /// strace is attached to the server.
    Tracing {
        strace: Strace,
        until: Duration,
    },
    /// All have left.
    After {
        until: Duration,
    },
    Done,
}

/// What the server and this tool had used, at one end of the window.
#[derive(Default)]
struct Mark {
    at: Duration,
    server: Option<ServerSample>,
    threads: Vec<ThreadCpu>,
    own_cpu: Duration,
}

impl<'a> Load<'a> {
    fn new(args: &'a ListenersArgs, sampler: Option<Sampler>) -> io::Result<Load<'a>> {
        let metadata = if args.icy { "Icy-MetaData: 1\r\n" } else { "" };
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: longwave-stress\r\nAccept: */*\r\n{metadata}Connection: close\r\n\r\n",
            args.url.path, args.url.host
        );
        Ok(Load {
            args,
            clock: Instant::now(),
            random: fastrand::Rng::with_seed(args.seed),
            joining: Poll::new()?,
            playing: Poll::new()?,
            slots: Vec::with_capacity(args.count),
            free: Vec::new(),
            opened: 0,
            stalled_due: 0.0,
            // Half a step from the stalled, not to meet them at every one.
            slow_due: 50.0,
            playing_count: 0,
            shared: Shared {
                request: request.into_bytes(),
                buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
                titles: Titles::default(),
                measuring_since: None,
                worst_gap: Duration::ZERO,
                bytes: 0,
            },
            phase: Phase::Joining,
            ramp: Pace::new(Duration::ZERO, args.ramp, args.count as u64),
            churn: Pace::new(Duration::ZERO, 0.0, 0),
            resets: Pace::new(Duration::ZERO, 0.0, 0),
            storms: Vec::new(),
            tally: Tally::default(),
            before: sampler.as_ref().map(Sampler::sample).unwrap_or_default(),
            sampler,
            timeline: Vec::new(),
            next_second: Duration::from_secs(1),
            next_tick: Duration::ZERO,
            next_sip: 0,
            last_look: Duration::ZERO,
            longest_look: Duration::ZERO,
            tick_late_ms: Vec::new(),
            join_look_ms: Vec::new(),
            listener_seconds: 0.0,
            last_tick: Duration::ZERO,
            window: None,
            window_start: Mark::default(),
            window_end: Mark::default(),
            after: None,
            syscalls: Vec::new(),
            traced_listener_seconds: 0.0,
            segments_per_listener_s: 0.0,
            recorded: false,
            interrupted: false,
        })
    }

    fn run(&mut self, stop: &Stop) -> io::Result<()> {
        let mut join_events = Events::with_capacity(256);
        let mut play_events = Events::with_capacity(1024);
        loop {
            self.open_due(&mut join_events)?;
            if self.now() >= self.next_tick {
                self.tick(&mut play_events, &mut join_events)?;
            }
            if self.now() >= self.next_second {
                self.second();
            }
            if stop.asked() && !self.interrupted {
                self.interrupt();
            }
            self.advance()?;
            if matches!(self.phase, Phase::Done) {
                return Ok(());
            }
            let until = self.next_join().map_or(self.next_tick, |join| join.min(self.next_tick));
            let wait = until.saturating_sub(self.now());
            self.look_at_joining(&mut join_events, wait)?;
        }
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    // The plan: who joins and leaves when.

    fn next_join(&self) -> Option<Duration> {
        let paces = [&self.ramp, &self.churn, &self.resets];
        paces.into_iter().chain(&self.storms).filter_map(Pace::next).min()
    }

    /// Opens all that are due, and makes leave who is due to leave.
    fn open_due(&mut self, join_events: &mut Events) -> io::Result<()> {
        for opened in 1.. {
            let now = self.now();
            if self.ramp.take(now) {
                self.open(Cohort::Ramp);
            } else if self.storms.iter_mut().any(|storm| storm.take(now)) {
                self.open(Cohort::Storm);
            } else if self.churn.take(now) {
                self.replace(false);
            } else if self.resets.take(now) {
                self.replace(true);
            } else {
                break;
            }
            if opened % OPENS_A_LOOK == 0 {
                self.look_at_joining(join_events, Duration::ZERO)?;
            }
            if self.now() >= self.next_tick {
                break;
            }
        }
        Ok(())
    }

    fn open(&mut self, cohort: Cohort) {
        let index = self.opened;
        self.opened += 1;
        let role = self.role(index, cohort);
        self.tally.opened(role, cohort);
        let now = self.now();
        let source = net::source_address(&self.args.url, index, self.args.sources);
        let receive_buffer = match role {
            Role::Slow | Role::Stalled => self.args.receive_buffer,
            Role::Player | Role::Counter => None,
        };
        let socket = match net::connect(&self.args.url, source, receive_buffer) {
            Ok(socket) => socket,
            Err(error) => return self.tally.never_opened(cohort, &error),
        };
        let mut listener = Listener::new(socket, role, cohort, now);
        let residents = (self.args.count / 100).clamp(1, 50);
        listener.resident =
            cohort == Cohort::Ramp && index < residents && matches!(role, Role::Player | Role::Counter);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self.joining.registry().register(&mut listener.socket, Token(slot), interest) {
            Ok(()) => self.slots[slot] = Some(listener),
            Err(error) => {
                self.free.push(slot);
                return self.tally.never_opened(cohort, &error);
            }
        }
        // On loopback it is connected already, as a rule.
        self.look_at(slot, false);
    }

    /// Of the ramp, the afflicted come evenly spread among the others.
    fn role(&mut self, index: usize, cohort: Cohort) -> Role {
        let player = match self.args.check {
            Check::Sample(every) if !index.is_multiple_of(every) => Role::Counter,
            _ => Role::Player,
        };
        if cohort != Cohort::Ramp {
            return player;
        }
        self.stalled_due += self.args.stalled_percent;
        self.slow_due += self.args.slow_percent;
        if self.stalled_due >= 100.0 {
            self.stalled_due -= 100.0;
            Role::Stalled
        } else if self.slow_due >= 100.0 {
            self.slow_due -= 100.0;
            Role::Slow
        } else {
            player
        }
    }

    /// A player leaves, and another comes.
    fn replace(&mut self, by_reset: bool) {
        for _ in 0..20 {
            let slot = self.random.usize(..self.slots.len().max(1));
            let Some(Some(listener)) = self.slots.get(slot) else { continue };
            let leaves = listener.playing().is_some()
                && !listener.resident
                && matches!(listener.role, Role::Player | Role::Counter);
            if leaves {
                if let Some(listener) = self.remove(slot)
                    && by_reset
                {
                    listener.leave_by_reset();
                }
                return self.open(Cohort::Churn);
            }
        }
    }

    // Reading.

    /// Looks at those who join, for as long as `wait` if nothing happens.
    fn look_at_joining(&mut self, events: &mut Events, wait: Duration) -> io::Result<()> {
        poll(&mut self.joining, events, wait)?;
        let now = self.now();
        self.longest_look = self.longest_look.max(now.saturating_sub(self.last_look + wait));
        self.last_look = now;
        for event in events.iter() {
            self.look_at(event.token().0, event.is_read_closed() || event.is_error());
        }
        Ok(())
    }

    /// Reads everybody who has something to read.
    fn tick(&mut self, play_events: &mut Events, join_events: &mut Events) -> io::Result<()> {
        let now = self.now();
        if self.shared.measuring_since.is_some() {
            self.tick_late_ms.push(now.saturating_sub(self.next_tick).as_secs_f64() * 1e3);
            self.listener_seconds +=
                self.playing_count as f64 * now.saturating_sub(self.last_tick).as_secs_f64();
        }
        self.last_tick = now;
        self.next_tick = now + self.args.tick;

        // Who becomes ready meanwhile may be seen now or at the next tick; but nobody twice.
        for _ in 0..=self.playing_count / play_events.capacity() {
            poll(&mut self.playing, play_events, Duration::ZERO)?;
            let mut count = 0;
            for event in play_events.iter() {
                self.look_at(event.token().0, event.is_read_closed() || event.is_error());
                count += 1;
                if count % READS_A_LOOK == 0 {
                    self.look_at_joining(join_events, Duration::ZERO)?;
                }
            }
            if count < play_events.capacity() {
                break;
            }
        }
        self.sip();
        Ok(())
    }

    /// A part of the slow listeners reads, so that each does so once a second.
    fn sip(&mut self) {
        if self.args.slow_percent == 0.0 {
            return;
        }
        let share = self.args.tick.as_secs_f64().min(1.0);
        for _ in 0..(self.slots.len() as f64 * share).ceil() as usize {
            self.next_sip = (self.next_sip + 1) % self.slots.len();
            let now = self.now();
            if let Some(listener) = &mut self.slots[self.next_sip]
                && let Turn::Over(ending) = listener.sip(now, &mut self.shared)
            {
                self.lose(self.next_sip, ending);
            }
        }
    }

    fn look_at(&mut self, slot: usize, hung_up: bool) {
        let now = self.now();
        let Some(listener) = &mut self.slots[slot] else { return };
        match listener.ready(now, hung_up, &mut self.shared) {
            Turn::Same => {}
            Turn::Began { answered, first_byte } => {
                self.tally.began(listener, answered, first_byte);
                self.playing_count += 1;
                let moved = self.joining.registry().deregister(&mut listener.socket).and_then(|()| {
                    self.playing.registry().register(&mut listener.socket, Token(slot), Interest::READABLE)
                });
                if moved.is_err() {
                    self.lose(slot, Ending::Reset);
                }
            }
            Turn::Over(ending) => self.lose(slot, ending),
        }
    }

    /// The listener has gone against its will.
    fn lose(&mut self, slot: usize, ending: Ending) {
        let now = self.now();
        if let Some(listener) = self.remove(slot)
            && !self.recorded
        {
            self.tally.lost(&listener, ending, listener.age(now));
        }
    }

    /// Takes a listener out; when it is dropped, its socket is closed.
    fn remove(&mut self, slot: usize) -> Option<Listener> {
        let listener = self.slots[slot].take()?;
        self.free.push(slot);
        self.playing_count -= usize::from(listener.playing().is_some());
        if !self.recorded {
            self.tally.gone(&listener, self.now(), self.window);
        }
        Some(listener)
    }

    // What is done once a second, and at the turns of the run.

    fn second(&mut self) {
        let now = self.now();
        self.next_second = now + Duration::from_secs(1);
        let since = self.timeline.last().map_or(0.0, |second| second.at_s);
        let elapsed = now.as_secs_f64() - since;
        let mut leads = Vec::new();
        for slot in 0..self.slots.len() {
            let Some(listener) = &self.slots[slot] else { continue };
            match listener.playing() {
                Some(playing) if listener.resident => leads.push(playing.lead_s()),
                Some(_) => {}
                None => {
                    if let Some(ending) = listener.overdue(now, self.args.join_timeout) {
                        self.lose(slot, ending);
                    }
                }
            }
        }
        let bytes = std::mem::take(&mut self.shared.bytes) as f64;
        self.join_look_ms.push(std::mem::take(&mut self.longest_look).as_secs_f64() * 1e3);
        self.timeline.push(Second {
            at_s: now.as_secs_f64(),
            phase: self.phase.name().to_owned(),
            listeners: self.playing_count,
            joined: self.tally.joined,
            left: self.tally.left,
            kbit_per_listener: per(bytes / 125.0, elapsed * self.playing_count as f64),
            worst_gap_ms: std::mem::take(&mut self.shared.worst_gap).as_secs_f64() * 1e3,
            lead_s: leads.iter().sum::<f64>() / leads.len().max(1) as f64,
            server: self.sampler.as_ref().map(Sampler::sample),
            generator_cpu_s: sys::own_cpu().as_secs_f64(),
        });
        if self.args.progress && self.timeline.len().is_multiple_of(5) {
            let second = &self.timeline[self.timeline.len() - 1];
            eprintln!(
                "{:6.0} s {:9} {:6} listeners {:7.1} kbit/s each, longest gap {:5.0} ms",
                second.at_s, second.phase, second.listeners, second.kbit_per_listener, second.worst_gap_ms
            );
        }
    }

    /// Goes on to the next phase when it is time.
    fn advance(&mut self) -> io::Result<()> {
        let now = self.now();
        let before = self.phase.name();
        match &self.phase {
            Phase::Joining if self.ramp.next().is_none() && self.all_joined() => {
                self.phase = Phase::Settling { until: now + self.args.settle };
            }
            Phase::Settling { until } if now >= *until => self.begin_window(),
            Phase::Measuring { until } if now >= *until => {
                self.end_window();
                self.phase = match (self.args.strace, self.args.server_pid.first()) {
                    (Some(time), Some(&pid)) => {
                        self.traced_listener_seconds = self.playing_count as f64 * time.as_secs_f64();
                        Phase::Tracing {
                            strace: Strace::attach(pid, time)?,
                            until: now + time + STRACE_MARGIN,
                        }
                    }
                    _ => self.everybody_leaves(),
                };
            }
            Phase::Tracing { until, .. } if now >= *until => {
                let after = self.everybody_leaves();
                if let Phase::Tracing { strace, .. } = std::mem::replace(&mut self.phase, after) {
                    self.syscalls = strace.calls()?;
                }
            }
            Phase::After { until } if now >= *until => {
                self.after =
                    self.sampler.as_ref().filter(|_| !self.args.after.is_zero()).map(Sampler::sample);
                self.phase = Phase::Done;
            }
            _ => {}
        }
        if self.args.progress && self.phase.name() != before {
            eprintln!("{:6.0} s {}", now.as_secs_f64(), self.phase.name());
        }
        Ok(())
    }

    fn all_joined(&self) -> bool {
        self.playing_count + self.free.len() == self.slots.len()
    }

    fn begin_window(&mut self) {
        self.window_start = self.mark();
        let now = self.window_start.at;
        self.last_tick = now;
        self.window = Some(WindowTime { start: now, length: self.args.seconds });
        self.shared.measuring_since = Some(now);
        self.phase = Phase::Measuring { until: now + self.args.seconds };
        self.churn = Pace::new(now, self.args.churn, u64::MAX);
        self.resets = Pace::new(now, self.args.reset, u64::MAX);
        let storms = self.args.join_storm.iter();
        self.storms =
            storms.map(|storm| Pace::new(now + storm.at, storm.count as f64, storm.count as u64)).collect();

        let every = (self.slots.len() / SEGMENT_SAMPLES).max(1);
        for listener in self.slots.iter_mut().step_by(every).flatten() {
            let segments = sys::tcp_counts(&listener.socket).map(|counts| counts.data_segments_in);
            if let Some(playing) = listener.playing_mut() {
                playing.in_window.segments = segments.ok();
            }
        }
    }

    fn end_window(&mut self) {
        self.window_end = self.mark();
        let start = self.window_start.at;
        let length = self.window_end.at - start;
        self.window = Some(WindowTime { start, length });
        let since_tick = self.window_end.at.saturating_sub(self.last_tick).as_secs_f64();
        self.listener_seconds += self.playing_count as f64 * since_tick;
        self.shared.measuring_since = None;
        [self.churn, self.resets] = [Pace::new(start, 0.0, 0), Pace::new(start, 0.0, 0)];
        self.storms.clear();

        let counted: Vec<f64> = self
            .slots
            .iter()
            .flatten()
            .filter(|listener| matches!(listener.role, Role::Player | Role::Counter))
            .filter_map(|listener| {
                let then = listener.playing()?.in_window.segments?;
                let now = sys::tcp_counts(&listener.socket).ok()?.data_segments_in;
                Some(f64::from(now.wrapping_sub(then)))
            })
            .collect();
        self.segments_per_listener_s = per(counted.iter().sum(), counted.len() as f64 * length.as_secs_f64());
        // Records are taken now, so that what follows does not change them.
        for listener in self.slots.iter_mut().flatten() {
            self.tally.stays(listener, self.window_end.at, self.window);
        }
        self.recorded = true;
    }

    fn everybody_leaves(&mut self) -> Phase {
        self.slots.clear();
        self.free.clear();
        self.playing_count = 0;
        Phase::After { until: self.now() + self.args.after }
    }

    /// Ends the run with what there is.
    fn interrupt(&mut self) {
        self.interrupted = true;
        self.ramp = Pace::new(Duration::ZERO, 0.0, 0);
        match self.phase {
            Phase::Joining | Phase::Settling { .. } => {
                self.begin_window();
                self.end_window();
            }
            Phase::Measuring { .. } => self.end_window(),
            // strace has had the signal, too, or ends by itself.
            Phase::Tracing { .. } | Phase::After { .. } | Phase::Done => {}
        }
        self.phase = Phase::Done;
    }

    fn mark(&self) -> Mark {
        Mark {
            server: self.sampler.as_ref().map(Sampler::sample),
            threads: self.sampler.as_ref().map(Sampler::threads).unwrap_or_default(),
            own_cpu: sys::own_cpu(),
            at: self.now(),
        }
    }

    // The result.

    fn report(mut self) -> Report {
        let (start, end) = (&self.window_start, &self.window_end);
        let seconds = (end.at - start.at).as_secs_f64();
        let own_cpu = (end.own_cpu - start.own_cpu).as_secs_f64();
        let generator = Generator {
            cpu_us_per_listener_s: per(own_cpu * 1e6, self.listener_seconds),
            cpu_percent: per(own_cpu * 100.0, seconds),
            tick_ms: self.args.tick.as_secs_f64() * 1e3,
            tick_late_ms: Quantiles::of(std::mem::take(&mut self.tick_late_ms)),
            join_look_ms: Quantiles::of(std::mem::take(&mut self.join_look_ms)),
            seed: self.args.seed,
        };
        let server = self.server_report(seconds);
        let mut window = self.tally.players(self.args.gap_limit, self.args.tick, end.at - start.at);
        window.seconds = seconds;
        window.listeners = per(self.listener_seconds, seconds);
        window.segments_per_listener_s = self.segments_per_listener_s;
        window.drift_ms_per_minute = self.drift_ms_per_minute();
        let [slow, stalled] = self.tally.afflicted_reports();
        Report {
            label: self.args.label.clone(),
            url: format!("http://{}{}", self.args.url.host, self.args.url.path),
            icy: self.args.icy,
            count: self.args.count,
            interrupted: self.interrupted,
            joins: self.tally.joins(),
            storms: self.storm_reports(),
            window,
            slow,
            stalled,
            titles: self.shared.titles.in_order(),
            server,
            generator,
            timeline: self.timeline,
        }
    }

    fn server_report(&self, seconds: f64) -> Option<ServerReport> {
        let (start, end) = (self.window_start.server.as_ref()?, self.window_end.server.as_ref()?);
        let per_listener_s = |amount: f64| per(amount, self.listener_seconds);
        let (user, system) = (end.user_s - start.user_s, end.system_s - start.system_s);
        let grown = end.rss_kib.saturating_sub(self.before.rss_kib) as f64 * 1024.0;
        let mut threads = self.window_end.threads.clone();
        for thread in &mut threads {
            if let Some(then) = self.window_start.threads.iter().find(|then| then.id == thread.id) {
                thread.cpu_s -= then.cpu_s;
                thread.waited_s -= then.waited_s;
            }
        }
        threads.sort_by(|a, b| f64::total_cmp(&b.cpu_s, &a.cpu_s));
        let serving_s = match &self.args.serving_thread {
            Some(name) => {
                threads.iter().filter(|thread| thread.name == *name).map(|thread| thread.cpu_s).sum()
            }
            None => user + system,
        };
        Some(ServerReport {
            serving_us_per_listener_s: per_listener_s(serving_s * 1e6),
            cpu_us_per_listener_s: per_listener_s((user + system) * 1e6),
            user_us_per_listener_s: per_listener_s(user * 1e6),
            system_us_per_listener_s: per_listener_s(system * 1e6),
            cpu_percent: per((user + system) * 100.0, seconds),
            waited_percent: threads.first().map_or(0.0, |busiest| per(busiest.waited_s * 100.0, seconds)),
            core_busy_percent: end
                .core_busy_s
                .zip(start.core_busy_s)
                .map(|(b, a)| per((b - a) * 100.0, seconds)),
            switches_per_listener_s: per_listener_s(end.switches.saturating_sub(start.switches) as f64),
            rss_before_kib: self.before.rss_kib,
            rss_kib: end.rss_kib,
            rss_bytes_per_listener: per(grown * seconds, self.listener_seconds),
            rss_after_kib: self.after.as_ref().map(|after| after.rss_kib),
            open_files_before: self.before.open_files,
            open_files: end.open_files,
            open_files_after: self.after.as_ref().map(|after| after.open_files),
            threads,
            syscalls_per_listener_s: self
                .syscalls
                .iter()
                .map(|(name, count)| (name.clone(), per(*count as f64, self.traced_listener_seconds)))
                .collect(),
        })
    }

    /// The longest gap in a part of the run, from its timeline.
    fn worst_gap_ms(&self, from_s: f64, to_s: f64) -> f64 {
        let part = self.timeline.iter().filter(|second| second.at_s > from_s && second.at_s <= to_s);
        part.map(|second| second.worst_gap_ms).fold(0.0, f64::max)
    }

    fn storm_reports(&self) -> Vec<Storm> {
        let storms = self.args.join_storm.iter().map(|storm| {
            let at_s = (self.window_start.at + storm.at).as_secs_f64();
            Storm {
                at_s: storm.at.as_secs_f64(),
                count: storm.count,
                gap_before_ms: self.worst_gap_ms(at_s - 10.0, at_s),
                gap_during_ms: self.worst_gap_ms(at_s, at_s + 6.0),
            }
        });
        storms.collect()
    }

    fn drift_ms_per_minute(&self) -> f64 {
        let mut measured = self.timeline.iter().filter(|second| second.phase == MEASURING);
        match (measured.next(), measured.next_back()) {
            (Some(first), Some(last)) => per((last.lead_s - first.lead_s) * 6e4, last.at_s - first.at_s),
            _ => 0.0,
        }
    }
}

/// Waits for events; a signal ends the waiting with none.
fn poll(poll: &mut Poll, events: &mut Events, wait: Duration) -> io::Result<()> {
    match poll.poll(events, Some(wait)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other,
    }
}

/// `amount` divided by `by`; zero where nothing was measured.
fn per(amount: f64, by: f64) -> f64 {
    if by > 0.0 { amount / by } else { 0.0 }
}

impl Phase {
    fn name(&self) -> &'static str {
        match self {
            Phase::Joining => "joining",
            Phase::Settling { .. } => "settling",
            Phase::Measuring { .. } => MEASURING,
            Phase::Tracing { .. } => "tracing",
            Phase::After { .. } => "after",
            Phase::Done => "done",
        }
    }
}

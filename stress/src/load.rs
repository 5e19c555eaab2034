//! Opens the listeners, reads them all on one thread, and measures.
//!
//! It reads sockets and /proc, and writes requests only. There are two epolls. Joining listeners are read as
//! soon as something happens, to measure the time to the first byte. Players are read once per tick: many
//! small arrivals then cost one read, and the server does not pay for waking this thread. So gaps are exact
//! to one tick.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::checker::Titles;
use crate::listener::{Cohort, Ending, Listener, Shared, Turn};
use crate::measure::{Measurement, per};
use crate::net;
use crate::options::ListenersArgs;
use crate::plan::{Due, Plan};
use crate::report::{MEASURING, Report, Second};
use crate::sampler::Sampler;
use crate::stop::Stop;
use crate::strace::Strace;
use crate::sys;
use crate::tally::{Tally, WindowTime};

/// The size of a read. The buffer stays in the second-level cache.
const BUFFER_BYTES: usize = 128 * 1024;
/// After this many reads of players, joining listeners are read.
const READS_A_LOOK: usize = 64;
/// After this many new connections, joining listeners are read.
const OPENS_A_LOOK: usize = 32;
/// Open files that are not listeners.
const RESERVE: u64 = 64;
/// The most that strace ends too late. Until then the load goes on.
const STRACE_MARGIN: Duration = Duration::from_millis(500);
/// For this many players, the kernel is asked for the number of segments.
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
    /// Wakes for joining listeners.
    joining: Poll,
    /// Polled once per tick.
    playing: Poll,
    /// By token.
    slots: Vec<Option<Listener>>,
    free: Vec<usize>,
    playing_count: usize,
    shared: Shared,

    phase: Phase,
    plan: Plan<'a>,
    next_tick: Duration,
    next_second: Duration,
    /// The slot of the slow listener that reads next.
    next_sip: usize,
    /// When joining listeners were last read, and the longest interval between that in this second.
    last_look: Duration,
    longest_look: Duration,

    measurement: Measurement,
    tally: Tally,
    window: Option<WindowTime>,
    segments_per_listener_s: f64,
    /// Whether all records are in the tally. Later events are not measured.
    recorded: bool,
    interrupted: bool,
}

/// The phase of a run.
enum Phase {
    /// Listeners join, until all have audio or have failed.
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
        listener_seconds: f64,
    },
    /// All have left.
    After {
        until: Duration,
    },
    Done,
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
            plan: Plan::new(args),
            next_tick: Duration::ZERO,
            next_second: Duration::from_secs(1),
            next_sip: 0,
            last_look: Duration::ZERO,
            longest_look: Duration::ZERO,
            measurement: Measurement::new(sampler),
            tally: Tally::default(),
            window: None,
            segments_per_listener_s: 0.0,
            recorded: false,
            interrupted: false,
        })
    }

    fn run(&mut self, stop: &Stop) -> io::Result<()> {
        let mut join_events = Events::with_capacity(256);
        let mut play_events = Events::with_capacity(1024);
        loop {
            self.do_due(&mut join_events)?;
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
            let until = self.plan.next().map_or(self.next_tick, |due| due.min(self.next_tick));
            let wait = until.saturating_sub(self.now());
            self.look_at_joining(&mut join_events, wait)?;
        }
    }

    fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    // Joining and leaving.

    /// Opens and closes the listeners that are due, until the next tick at most.
    fn do_due(&mut self, join_events: &mut Events) -> io::Result<()> {
        for done in 1.. {
            match self.plan.take(self.now()) {
                Some(Due::Join(cohort)) => self.open(cohort),
                Some(Due::Replace { by_reset }) => self.replace(by_reset),
                None => break,
            }
            if done % OPENS_A_LOOK == 0 {
                self.look_at_joining(join_events, Duration::ZERO)?;
            }
            if self.now() >= self.next_tick {
                break;
            }
        }
        Ok(())
    }

    fn open(&mut self, cohort: Cohort) {
        let newcomer = self.plan.newcomer(cohort);
        self.tally.opened(newcomer.role, cohort);
        let now = self.now();
        let source = net::source_address(&self.args.url, newcomer.index, self.args.sources);
        let receive_buffer = self.args.receive_buffer.filter(|_| newcomer.role.is_afflicted());
        let socket = match net::connect(&self.args.url, source, receive_buffer) {
            Ok(socket) => socket,
            Err(error) => return self.tally.never_opened(cohort, &error),
        };
        let mut listener = Listener::new(socket, newcomer.role, cohort, now);
        listener.resident = newcomer.resident;
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

    /// Closes a player and opens another listener.
    fn replace(&mut self, by_reset: bool) {
        // Twenty attempts find a player, unless nearly no listener plays.
        for _ in 0..20 {
            let slot = self.random.usize(..self.slots.len().max(1));
            let Some(Some(listener)) = self.slots.get(slot) else { continue };
            if listener.playing().is_none() || listener.resident || listener.role.is_afflicted() {
                continue;
            }
            if let Some(listener) = self.remove(slot)
                && by_reset
            {
                listener.leave_by_reset();
            }
            return self.open(Cohort::Churn);
        }
    }

    /// Records a listener that was closed by the server, or failed.
    fn lose(&mut self, slot: usize, ending: Ending) {
        let now = self.now();
        if let Some(listener) = self.remove(slot)
            && !self.recorded
        {
            self.tally.lost(&listener, ending, listener.age(now));
        }
    }

    /// Removes a listener. Dropping it closes its socket.
    fn remove(&mut self, slot: usize) -> Option<Listener> {
        let listener = self.slots[slot].take()?;
        self.free.push(slot);
        self.playing_count -= usize::from(listener.playing().is_some());
        if !self.recorded {
            self.tally.gone(&listener, self.now(), self.window);
        }
        Some(listener)
    }

    // Reading.

    /// Reads joining listeners, and waits up to `wait` if nothing happens.
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

    /// Reads all players that have data.
    fn tick(&mut self, play_events: &mut Events, join_events: &mut Events) -> io::Result<()> {
        let now = self.now();
        if self.shared.measuring_since.is_some() {
            self.measurement.tick(now, now.saturating_sub(self.next_tick), self.playing_count);
        }
        self.next_tick = now + self.args.tick;

        // A listener that becomes ready meanwhile is read now or at the next tick, but never twice in one
        // tick.
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

    /// Reads from a part of the slow listeners, so that each reads once per second.
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

    // Work of each second, and changes of the run's phase.

    fn second(&mut self) {
        let now = self.now();
        self.next_second = now + Duration::from_secs(1);
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
        let elapsed = now.as_secs_f64() - self.measurement.last_second_s();
        let bytes = std::mem::take(&mut self.shared.bytes) as f64;
        let second = Second {
            at_s: now.as_secs_f64(),
            phase: self.phase.name().to_owned(),
            listeners: self.playing_count,
            joined: self.tally.joined,
            left: self.tally.left,
            kbit_per_listener: per(bytes / 125.0, elapsed * self.playing_count as f64),
            worst_gap_ms: std::mem::take(&mut self.shared.worst_gap).as_secs_f64() * 1e3,
            lead_s: per(leads.iter().sum(), leads.len() as f64),
            ..Second::default()
        };
        let second = self.measurement.second(second, std::mem::take(&mut self.longest_look));
        if self.args.progress && (second.at_s as u64).is_multiple_of(5) {
            eprintln!(
                "{:6.0} s {:9} {:6} listeners {:7.1} kbit/s each, longest gap {:5.0} ms",
                second.at_s, second.phase, second.listeners, second.kbit_per_listener, second.worst_gap_ms
            );
        }
    }

    /// Begins the next phase when it is due.
    fn advance(&mut self) -> io::Result<()> {
        let now = self.now();
        let before = self.phase.name();
        match &self.phase {
            Phase::Joining if self.plan.ramp_is_over() && self.all_joined() => {
                self.phase = Phase::Settling { until: now + self.args.settle };
            }
            Phase::Settling { until } if now >= *until => self.begin_window(),
            Phase::Measuring { until } if now >= *until => {
                self.end_window();
                self.phase = match (self.args.strace, self.args.server_pid.first()) {
                    (Some(time), Some(&pid)) => Phase::Tracing {
                        strace: Strace::attach(pid, time)?,
                        until: now + time + STRACE_MARGIN,
                        listener_seconds: self.playing_count as f64 * time.as_secs_f64(),
                    },
                    _ => self.everybody_leaves(),
                };
            }
            Phase::Tracing { until, .. } if now >= *until => {
                let after = self.everybody_leaves();
                let tracing = std::mem::replace(&mut self.phase, after);
                if let Phase::Tracing { strace, listener_seconds, .. } = tracing {
                    self.measurement.traced(strace.calls()?, listener_seconds);
                }
            }
            Phase::After { until } if now >= *until => {
                if !self.args.after.is_zero() {
                    self.measurement.after();
                }
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
        let every = (self.slots.len() / SEGMENT_SAMPLES).max(1);
        for listener in self.slots.iter_mut().step_by(every).flatten() {
            listener.note_segments();
        }
        let now = self.now();
        self.measurement.begin(now);
        self.window = Some(WindowTime { start: now, length: self.args.seconds });
        self.shared.measuring_since = Some(now);
        self.plan.begin_window(now);
        self.phase = Phase::Measuring { until: now + self.args.seconds };
    }

    fn end_window(&mut self) {
        let now = self.now();
        self.measurement.end(now, self.playing_count);
        self.shared.measuring_since = None;
        self.plan.end();
        let length = self.measurement.length();
        self.window = self.window.map(|window| WindowTime { length, ..window });

        let segments: Vec<u32> =
            self.slots.iter().flatten().filter_map(Listener::segments_since_noted).collect();
        let all = segments.iter().map(|&count| f64::from(count)).sum();
        self.segments_per_listener_s = per(all, segments.len() as f64 * length.as_secs_f64());
        // Records are taken now, so that what follows does not change them.
        for listener in self.slots.iter_mut().flatten() {
            self.tally.stays(listener, now, self.window);
        }
        self.recorded = true;
    }

    fn everybody_leaves(&mut self) -> Phase {
        self.slots.clear();
        self.free.clear();
        self.playing_count = 0;
        Phase::After { until: self.now() + self.args.after }
    }

    /// Ends the run with the results so far.
    fn interrupt(&mut self) {
        self.interrupted = true;
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

    fn report(mut self) -> Report {
        let args = self.args;
        let measurement = self.measurement;
        let length = measurement.length();
        let mut window = self.tally.players(args.gap_limit, args.tick, length);
        window.seconds = length.as_secs_f64();
        window.listeners = measurement.listeners();
        window.segments_per_listener_s = self.segments_per_listener_s;
        window.drift_ms_per_minute = measurement.drift_ms_per_minute();
        let [slow, stalled] = self.tally.afflicted_reports();
        let storms = measurement.storms(args);
        let server = measurement.server(args.serving_thread.as_deref());
        let (generator, timeline) = measurement.generator(args);
        Report {
            label: args.label.clone(),
            url: format!("http://{}{}", args.url.host, args.url.path),
            icy: args.icy,
            count: args.count,
            interrupted: self.interrupted,
            joins: self.tally.joins(),
            storms,
            window,
            slow,
            stalled,
            titles: self.shared.titles.in_order(),
            server,
            generator,
            timeline,
        }
    }
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

/// Waits for events. Returns none after a signal.
fn poll(poll: &mut Poll, events: &mut Events, wait: Duration) -> io::Result<()> {
    match poll.poll(events, Some(wait)) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        other => other,
    }
}

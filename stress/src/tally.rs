//! Sums up the figures of all listeners, including those that have left.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::listener::{Cohort, Ending, Listener, Role};
use crate::playing::Playing;
use crate::quantiles::Quantiles;
use crate::report::{Afflicted, Joins, WindowReport};

/// The sums of a run so far.
#[derive(Default)]
pub struct Tally {
    joins: BTreeMap<Cohort, JoinTally>,
    players: PlayerTally,
    slow: AfflictedTally,
    stalled: AfflictedTally,
    pub joined: u64,
    pub left: u64,
}

/// The start and the length of the measurement.
#[derive(Clone, Copy)]
pub struct WindowTime {
    pub start: Duration,
    pub length: Duration,
}

#[derive(Default)]
struct JoinTally {
    report: Joins,
    answered_ms: Vec<f64>,
    first_byte_ms: Vec<f64>,
}

#[derive(Default)]
struct PlayerTally {
    report: WindowReport,
    rates: Vec<f64>,
    gaps_ms: Vec<f64>,
}

#[derive(Default)]
struct AfflictedTally {
    report: Afflicted,
    let_go_after_s: Vec<f64>,
}

/// Fewer seconds of audio per second than this are not real time, if the rate is known exactly.
const REAL_TIME: f64 = 0.99;

/// A listener that joined later than this before the end may still wait for audio.
const LONG_ENOUGH_TO_JOIN: Duration = Duration::from_secs(1);

/// A listener that has played this long in the window has a rate.
fn shortest_rate(window: Duration) -> Duration {
    (window / 2).min(Duration::from_secs(20))
}

impl Tally {
    pub fn opened(&mut self, role: Role, cohort: Cohort) {
        self.joins.entry(cohort).or_default().report.attempted += 1;
        if let Some(group) = self.afflicted(role) {
            group.report.opened += 1;
        }
    }

    pub fn began(&mut self, listener: &Listener, answered: Duration, first_byte: Duration) {
        self.joined += 1;
        let joins = self.joins.entry(listener.cohort).or_default();
        joins.report.began += 1;
        joins.answered_ms.push(answered.as_secs_f64() * 1e3);
        joins.first_byte_ms.push(first_byte.as_secs_f64() * 1e3);
        if let Some(group) = self.afflicted(listener.role) {
            group.report.began += 1;
        }
    }

    /// A connection could not be opened.
    pub fn never_opened(&mut self, cohort: Cohort, error: &std::io::Error) {
        let joins = &mut self.joins.entry(cohort).or_default().report;
        *joins.failures.entry(format!("not opened: {error}")).or_default() += 1;
    }

    /// A listener was lost at `age`. [`Tally::gone`] counts its record.
    pub fn lost(&mut self, listener: &Listener, ending: Ending, age: Duration) {
        if listener.playing().is_none() {
            let joins = &mut self.joins.entry(listener.cohort).or_default().report;
            *joins.failures.entry(ending.to_string()).or_default() += 1;
        } else if let Some(group) = self.afflicted(listener.role) {
            group.let_go_after_s.push(age.as_secs_f64());
        } else {
            *self.players.report.lost.entry(ending.to_string()).or_default() += 1;
        }
    }

    /// The measurement ends while this listener is connected.
    pub fn stays(&mut self, listener: &mut Listener, now: Duration, window: Option<WindowTime>) {
        if let Some(group) = self.afflicted(listener.role) {
            group.report.found_gone += u64::from(listener.playing().is_some() && listener.found_gone());
        }
        if listener.playing().is_none() && listener.age(now) > LONG_ENOUGH_TO_JOIN {
            let joins = &mut self.joins.entry(listener.cohort).or_default().report;
            *joins.failures.entry("still waiting at the end".to_owned()).or_default() += 1;
        }
        self.record(listener, now, window);
    }

    /// A listener has gone; takes its record.
    pub fn gone(&mut self, listener: &Listener, now: Duration, window: Option<WindowTime>) {
        self.left += u64::from(listener.playing().is_some());
        self.record(listener, now, window);
    }

    fn record(&mut self, listener: &Listener, now: Duration, window: Option<WindowTime>) {
        let Some(playing) = listener.playing() else { return };
        match self.afflicted(listener.role) {
            Some(group) => group.add(playing),
            None => self.players.add(playing, now, window),
        }
    }

    pub fn joins(&mut self) -> BTreeMap<Cohort, Joins> {
        let finish = |(cohort, joins): (Cohort, JoinTally)| {
            let answered_ms = Quantiles::of(joins.answered_ms);
            let first_byte_ms = Quantiles::of(joins.first_byte_ms);
            (cohort, Joins { answered_ms, first_byte_ms, ..joins.report })
        };
        std::mem::take(&mut self.joins).into_iter().map(finish).collect()
    }

    /// The players' part of the report. Other figures are zero.
    /// Both ends of a rate are known to a `tick`.
    pub fn players(&mut self, gap_limit: Duration, tick: Duration, window: Duration) -> WindowReport {
        let blur = 2.0 * tick.as_secs_f64() / shortest_rate(window).as_secs_f64().max(f64::MIN_POSITIVE);
        let real_time = REAL_TIME - blur.min(1.0);
        let PlayerTally { mut report, rates, gaps_ms } = std::mem::take(&mut self.players);
        report.gap_limit_ms = gap_limit.as_secs_f64() * 1e3;
        report.gaps_over_limit = gaps_ms.iter().filter(|&&gap| gap > report.gap_limit_ms).count() as u64;
        report.slower_than_real_time = rates.iter().filter(|&&rate| rate < real_time).count() as u64;
        report.gap_ms = Quantiles::of(gaps_ms);
        report.rate = Quantiles::of(rates);
        report
    }

    /// The slow and the stalled listeners.
    pub fn afflicted_reports(&mut self) -> [Afflicted; 2] {
        [&mut self.slow, &mut self.stalled].map(|group| {
            let AfflictedTally { report, let_go_after_s } = std::mem::take(group);
            Afflicted { let_go_after_s: Quantiles::of(let_go_after_s), ..report }
        })
    }

    fn afflicted(&mut self, role: Role) -> Option<&mut AfflictedTally> {
        match role {
            Role::Player | Role::Counter => None,
            Role::Slow => Some(&mut self.slow),
            Role::Stalled => Some(&mut self.stalled),
        }
    }
}

impl PlayerTally {
    fn add(&mut self, playing: &Playing, now: Duration, window: Option<WindowTime>) {
        let report = &mut self.report;
        report.stuttered += u64::from(playing.stuttered());
        if let Some(checker) = playing.checker() {
            let faults = checker.packet_faults();
            report.broken_packets += u64::from(faults.broken);
            report.missing_packets += faults.missing;
            report.repeated_packets += faults.repeated;
            report.malformed_blocks += u64::from(checker.malformed_blocks());
            report.title_changes += u64::from(checker.title_changes());
            report.joined_inside_packet +=
                u64::from(checker.skipped_at_start().is_some_and(|skipped| skipped > 0));
        }
        let Some(window) = window else { return };
        self.gaps_ms.push(playing.longest_gap(window.start, now).as_secs_f64() * 1e3);
        // A listener that was present from the start and has no rate has received no audio at all.
        let there_all_the_time = playing.began() <= window.start && now >= window.start + window.length;
        let rate = playing.rate(shortest_rate(window.length));
        self.rates.extend(rate.or(there_all_the_time.then_some(0.0)));
    }
}

impl AfflictedTally {
    fn add(&mut self, playing: &Playing) {
        let Some(checker) = playing.checker() else { return };
        let faults = checker.packet_faults();
        self.report.broken_packets += u64::from(faults.broken);
        self.report.missing_packets += faults.missing;
        self.report.malformed_blocks += u64::from(checker.malformed_blocks());
    }
}

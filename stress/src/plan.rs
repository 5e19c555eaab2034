//! The plan of a run: when listeners join and leave, and how they behave. It takes the time as an argument
//! and has no sockets.

use std::time::Duration;

use crate::listener::{Cohort, Role};
use crate::options::{Check, ListenersArgs};

/// The future events of a run.
pub struct Plan<'a> {
    args: &'a ListenersArgs,
    ramp: Pace,
    churn: Pace,
    resets: Pace,
    storms: Vec<Pace>,
    opened: usize,
    /// The fraction of the next stalled and of the next slow listener, in hundredths.
    stalled_due: f64,
    slow_due: f64,
}

/// An event that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Join(Cohort),
    /// One leaves, and another joins.
    Replace {
        by_reset: bool,
    },
}

/// Who joins next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// The number of listeners opened before.
    pub index: usize,
    pub role: Role,
    /// Stays for the whole run, to show drift.
    pub resident: bool,
}

impl<'a> Plan<'a> {
    /// The ramp begins at once.
    pub fn new(args: &'a ListenersArgs) -> Plan<'a> {
        Plan {
            args,
            ramp: Pace::new(Duration::ZERO, args.ramp, args.count as u64),
            churn: Pace::none(),
            resets: Pace::none(),
            storms: Vec::new(),
            opened: 0,
            stalled_due: 0.0,
            // Half a step from the stalled, not to meet them at every one.
            slow_due: 50.0,
        }
    }

    /// The measurement begins: churn, resets and storms are for it.
    pub fn begin_window(&mut self, now: Duration) {
        self.churn = Pace::new(now, self.args.churn, u64::MAX);
        self.resets = Pace::new(now, self.args.reset, u64::MAX);
        let storms = self.args.join_storm.iter();
        self.storms =
            storms.map(|storm| Pace::new(now + storm.at, storm.count as f64, storm.count as u64)).collect();
    }

    /// No listener joins or leaves from now on.
    pub fn end(&mut self) {
        [self.ramp, self.churn, self.resets] = [Pace::none(), Pace::none(), Pace::none()];
        self.storms.clear();
    }

    /// Whether all listeners of the ramp have been opened.
    pub fn ramp_is_over(&self) -> bool {
        self.ramp.next().is_none()
    }

    /// When the next event is due.
    pub fn next(&self) -> Option<Duration> {
        [&self.ramp, &self.churn, &self.resets].into_iter().chain(&self.storms).filter_map(Pace::next).min()
    }

    /// Takes one event that is due.
    pub fn take(&mut self, now: Duration) -> Option<Due> {
        if self.ramp.take(now) {
            Some(Due::Join(Cohort::Ramp))
        } else if self.storms.iter_mut().any(|storm| storm.take(now)) {
            Some(Due::Join(Cohort::Storm))
        } else if self.churn.take(now) {
            Some(Due::Replace { by_reset: false })
        } else if self.resets.take(now) {
            Some(Due::Replace { by_reset: true })
        } else {
            None
        }
    }

    /// The next listener to open. In the ramp, slow and stalled listeners are spread evenly among the others.
    pub fn newcomer(&mut self, cohort: Cohort) -> Newcomer {
        let index = self.opened;
        self.opened += 1;
        let player = match self.args.check {
            Check::Sample(every) if !index.is_multiple_of(every) => Role::Counter,
            _ => Role::Player,
        };
        if cohort != Cohort::Ramp {
            return Newcomer { index, role: player, resident: false };
        }
        self.stalled_due += self.args.stalled_percent;
        self.slow_due += self.args.slow_percent;
        if self.stalled_due >= 100.0 {
            self.stalled_due -= 100.0;
            Newcomer { index, role: Role::Stalled, resident: false }
        } else if self.slow_due >= 100.0 {
            self.slow_due -= 100.0;
            Newcomer { index, role: Role::Slow, resident: false }
        } else {
            let residents = (self.args.count / 100).clamp(1, 50);
            Newcomer { index, role: player, resident: index < residents }
        }
    }
}

/// A number of events, spread evenly from a start on.
#[derive(Debug)]
struct Pace {
    start: Duration,
    per_second: f64,
    most: u64,
    done: u64,
}

impl Pace {
    fn none() -> Pace {
        Pace::new(Duration::ZERO, 0.0, 0)
    }

    fn new(start: Duration, per_second: f64, most: u64) -> Pace {
        Pace { start, per_second, most, done: 0 }
    }

    /// When the next is due; `None` after the last.
    fn next(&self) -> Option<Duration> {
        (self.done < self.most && self.per_second > 0.0)
            .then(|| self.start + Duration::from_secs_f64(self.done as f64 / self.per_second))
    }

    /// Takes one event, if it is due. A late event does not delay others.
    fn take(&mut self, now: Duration) -> bool {
        let due = self.next().is_some_and(|next| next <= now);
        self.done += u64::from(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::{Due, Pace, Plan};
    use crate::listener::{Cohort, Role};
    use crate::options::{Command, ListenersArgs, Options};

    fn args(line: &str) -> Box<ListenersArgs> {
        let words = ["longwave-stress", "listeners", "--url", "http://127.0.0.1:1/x"];
        match Options::parse_from(words.into_iter().chain(line.split_whitespace())).command {
            Command::Listeners(args) => args,
            _ => unreachable!(),
        }
    }

    #[test]
    fn events_come_evenly_and_catch_up() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(ms(100), 100.0, 5);
        assert!(!pace.take(ms(99)));
        assert!(pace.take(ms(100)));
        assert!(!pace.take(ms(109)));
        assert_eq!(pace.next(), Some(ms(110)));
        let caught_up = (0..10).filter(|_| pace.take(ms(131))).count();
        assert_eq!(caught_up, 3, "at 110, 120 and 130");
        assert!(pace.take(ms(140)));
        assert_eq!(pace.next(), None);
        assert!(!pace.take(ms(1000)));
    }

    #[test]
    fn no_rate_is_no_event() {
        assert_eq!(Pace::new(Duration::ZERO, 0.0, 5).next(), None);
    }

    #[test]
    fn the_afflicted_are_spread_and_as_many_as_asked_for() {
        let args = args("--count 1000 --stalled-percent 25 --slow-percent 5");
        let mut plan = Plan::new(&args);
        let roles: Vec<Role> = (0..1000).map(|_| plan.newcomer(Cohort::Ramp).role).collect();
        let count = |part: &[Role], role| part.iter().filter(|&&other| other == role).count();
        assert_eq!(count(&roles, Role::Stalled), 250);
        assert_eq!(count(&roles, Role::Slow), 50);
        assert_eq!(count(&roles[..100], Role::Stalled), 25);
        assert_eq!(count(&roles[500..600], Role::Slow), 5);
        assert_eq!(plan.newcomer(Cohort::Churn).role, Role::Player);
    }

    #[test]
    fn storms_and_leaves_are_for_the_window() {
        let args = args("--count 2 --ramp 100 --churn 1 --reset 2 --join-storm 3@10");
        let seconds = Duration::from_secs;
        let mut plan = Plan::new(&args);
        let all = |plan: &mut Plan, now| {
            let mut due: Vec<Due> = std::iter::from_fn(|| plan.take(now)).collect();
            due.dedup();
            due
        };
        assert_eq!(all(&mut plan, seconds(50)), [Due::Join(Cohort::Ramp)]);
        assert!(plan.ramp_is_over() && plan.next().is_none());
        plan.begin_window(seconds(60));
        let [leave, reset] = [false, true].map(|by_reset| Due::Replace { by_reset });
        assert_eq!(all(&mut plan, seconds(60)), [leave, reset]);
        assert_eq!(plan.next(), Some(seconds(60) + seconds(1) / 2), "the next reset");
        assert_eq!(all(&mut plan, seconds(71)), [Due::Join(Cohort::Storm), leave, reset]);
        plan.end();
        assert_eq!(plan.next(), None);
    }
}

//! The time that a pipeline runs by: the machine's monotonic clock, or one that is stepped by hand.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The time that a pipeline runs by.
///
/// With a stepped clock, a pipeline runs as fast as the machine can and waits for its decoders. A day plays
/// in minutes and always comes out the same: for tests, and for rendering.
///
/// ```
/// use std::time::Duration;
/// use longwave::Clock;
/// let (clock, stepper) = Clock::stepped();
/// let before = clock.now();
/// stepper.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now() - before, Duration::from_secs(3600));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    Monotonic,
    Stepped(Arc<Stepped>),
}

/// Moves a stepped [`Clock`]. When it is dropped, its clock stands still.
#[derive(Clone, Debug)]
pub struct Stepper(Arc<Stepped>);

struct Stepped {
    origin: Instant,
    civil_origin: SystemTime,
    times: Mutex<Times>,
    changed: Condvar,
}

#[derive(Default)]
struct Times {
    elapsed: Duration,
    /// The pipeline has done all that was due by this time.
    settled: Duration,
    /// What has been mixed, and until when the mixer wants to mix.
    mixed: Duration,
    wanted: Duration,
    /// Until when may be mixed, if there is a schedule: it is to act then.
    planned: Option<Duration>,
    /// The time of the day at the origin; `None`: as it was when the clock was made.
    civil: Option<SystemTime>,
}

impl Clock {
    /// A clock that stands still until it is stepped.
    pub fn stepped() -> (Clock, Stepper) {
        let stepped = Stepped {
            origin: Instant::now(),
            civil_origin: SystemTime::now(),
            times: Mutex::new(Times::default()),
            changed: Condvar::new(),
        };
        let stepped = Arc::new(stepped);
        (Clock(Kind::Stepped(stepped.clone())), Stepper(stepped))
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Kind::Monotonic => Instant::now(),
            Kind::Stepped(stepped) => stepped.origin + stepped.lock().elapsed,
        }
    }

    /// The time that is being mixed. A stepped clock may have leapt ahead of it.
    pub(crate) fn position(&self) -> Instant {
        match &self.0 {
            Kind::Monotonic => Instant::now(),
            Kind::Stepped(stepped) => stepped.origin + stepped.lock().mixed,
        }
    }

    /// The time of the day at this moment.
    pub(crate) fn civil(&self, at: Instant) -> SystemTime {
        let (then, civil) = match &self.0 {
            Kind::Monotonic => (Instant::now(), SystemTime::now()),
            Kind::Stepped(stepped) => (stepped.origin, stepped.lock().civil.unwrap_or(stepped.civil_origin)),
        };
        match at.checked_duration_since(then) {
            Some(later) => civil + later,
            None => civil - then.duration_since(at),
        }
    }

    /// Whether a moment has come, for the thread of a schedule. A stepped clock's mixer stops there until it
    /// is asked about a later one.
    pub(crate) fn has_come(&self, due: Instant) -> bool {
        let Kind::Stepped(stepped) = &self.0 else { return Instant::now() >= due };
        let mut times = stepped.lock();
        let due = due.saturating_duration_since(stepped.origin);
        times.planned = Some(due);
        stepped.changed.notify_all();
        times.wanted > due
    }

    /// A stepped clock's mixer stops at this moment, if it would not before: the thread of the schedule may
    /// be about to do what was due then. It does not stop for a schedule that is there no more.
    pub(crate) fn stop_by(&self, due: Instant) {
        if let Kind::Stepped(stepped) = &self.0 {
            let mut times = stepped.lock();
            let due = due.saturating_duration_since(stepped.origin);
            times.planned = times.planned.map(|planned| planned.min(due));
        }
    }

    /// There is no schedule any more that the mixer waits for.
    pub(crate) fn plan_no_more(&self) {
        if let Kind::Stepped(stepped) = &self.0 {
            stepped.lock().planned = None;
            stepped.changed.notify_all();
        }
    }

    /// Called by the mixer before a job that ends at `until`. A stepped clock waits until the schedule has
    /// done what is due before that.
    pub(crate) fn wait_for_schedule(&self, until: Instant, patience: Duration) {
        let Kind::Stepped(stepped) = &self.0 else { return };
        let mut times = stepped.lock();
        times.wanted = until.saturating_duration_since(stepped.origin);
        let waits = |times: &mut Times| times.planned.is_some_and(|planned| planned < times.wanted);
        let waited = stepped.changed.wait_timeout_while(times, patience, waits);
        times = waited.unwrap_or_else(PoisonError::into_inner).0;
        times.wanted = Duration::ZERO;
    }

    /// Called by the mixer behind a job.
    pub(crate) fn has_mixed(&self, until: Instant) {
        if let Kind::Stepped(stepped) = &self.0 {
            stepped.lock().mixed = until.saturating_duration_since(stepped.origin);
        }
    }

    /// Whether it is stepped by hand.
    pub fn is_stepped(&self) -> bool {
        matches!(self.0, Kind::Stepped(_))
    }

    /// Called by the thread that runs by a stepped clock: everything due by `now` is done.
    pub(crate) fn settle(&self, now: Instant) {
        if let Kind::Stepped(stepped) = &self.0 {
            let mut times = stepped.lock();
            let settled = now.saturating_duration_since(stepped.origin);
            if settled > times.settled {
                times.settled = settled;
                stepped.changed.notify_all();
            }
        }
    }

    /// Called by the thread that runs by a stepped clock, at its end: nothing will be due to it any more.
    pub(crate) fn settle_for_good(&self) {
        if let Kind::Stepped(stepped) = &self.0 {
            stepped.lock().settled = Duration::MAX;
            stepped.changed.notify_all();
        }
    }
}

impl Stepper {
    /// Moves the clock on, and returns at once.
    pub fn advance(&self, by: Duration) {
        self.0.lock().elapsed += by;
        self.0.changed.notify_all();
    }

    /// Sets the time of the day, which schedules are played by. It goes on with the clock.
    pub fn set_time(&self, now: SystemTime) {
        let mut times = self.0.lock();
        times.civil = Some(now - times.elapsed);
        self.0.changed.notify_all();
    }

    /// Moves the clock on, and returns when the pipeline has mixed all that became due, or has stopped. Such
    /// a clock is for one pipeline.
    pub fn run(&self, by: Duration) {
        let mut times = self.0.lock();
        times.elapsed += by;
        let until = times.elapsed;
        self.0.changed.notify_all();
        while times.settled < until {
            times = self.0.changed.wait(times).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Stepped {
    fn lock(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stepped").field(&self.lock().elapsed).finish()
    }
}

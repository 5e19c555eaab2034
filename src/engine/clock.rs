//! The time that a pipeline runs by: the machine's monotonic clock, or one that is stepped by hand.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    times: Mutex<Times>,
    changed: Condvar,
}

#[derive(Default)]
struct Times {
    elapsed: Duration,
    /// The pipeline has done all that was due by this time.
    settled: Duration,
}

impl Clock {
    /// A clock that stands still until it is stepped.
    pub fn stepped() -> (Clock, Stepper) {
        let stepped =
            Stepped { origin: Instant::now(), times: Mutex::new(Times::default()), changed: Condvar::new() };
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

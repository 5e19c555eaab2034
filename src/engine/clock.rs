//! The time that a pipeline runs by: the machine's monotonic clock, or one that is stepped by hand.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time that a pipeline runs by.
///
/// By a stepped clock a pipeline runs as fast as the machine can and waits for its decoders, so that
/// a day can be played in minutes and always comes out the same: for tests, and for rendering.
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
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    /// Those that have done all that was due by this time.
    settled: Duration,
}

impl Clock {
    /// A clock that stands still until it is stepped.
    pub fn stepped() -> (Clock, Stepper) {
        let stepped =
            Stepped { origin: Instant::now(), state: Mutex::new(State::default()), changed: Condvar::new() };
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

    /// For the thread that lives by a stepped clock: everything due by `now` is done.
    pub(crate) fn settle(&self, now: Instant) {
        if let Kind::Stepped(stepped) = &self.0 {
            let mut state = stepped.lock();
            let settled = now.saturating_duration_since(stepped.origin);
            if settled > state.settled {
                state.settled = settled;
                stepped.changed.notify_all();
            }
        }
    }

    /// For the thread that lives by a stepped clock, at its end: nothing is due to it any more.
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

    /// Moves the clock on, and returns when the pipeline has mixed all that became due, or has
    /// stopped. One clock that is stepped so is for one pipeline.
    pub fn run(&self, by: Duration) {
        let mut state = self.0.lock();
        state.elapsed += by;
        let until = state.elapsed;
        self.0.changed.notify_all();
        while state.settled < until {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Stepped {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stepped").field(&self.lock().elapsed).finish()
    }
}

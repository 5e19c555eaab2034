//! Whether a mixer keeps up with its clock. Listeners starve when it does not.

use std::time::{Duration, Instant};

/// A mixer that is later than this for [`BEHIND_FOR`] is behind. Listeners hold a few seconds.
const LATE: Duration = Duration::from_millis(500);
const BEHIND_FOR: Duration = Duration::from_secs(2);

/// A mixer that is no later than this for [`ON_TIME_FOR`] has recovered. That is long: after more than five
/// seconds the clock moves ([`Pace::move_if_lost`](super::Pace::move_if_lost)), and an overloaded mixer seems
/// to be on time for a while.
const ON_TIME: Duration = Duration::from_millis(200);
const ON_TIME_FOR: Duration = Duration::from_secs(10);

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It does not keep up.
    FallsBehind,
    /// It keeps up again. It was behind for so long.
    Recovers(Duration),
}

/// Watches one mixer. It reads no clock: callers pass `now`.
#[derive(Clone, Debug, Default)]
pub struct Lateness {
    state: State,
    /// The latest that it has been since it was on time.
    worst: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    OnTime,
    /// It has been late since then.
    Late(Instant),
    /// It has been behind since `since`, and on time again since `better`.
    Behind { since: Instant, better: Option<Instant> },
}

impl Lateness {
    /// Whether it is behind.
    pub fn is_behind(&self) -> bool {
        matches!(self.state, State::Behind { .. })
    }

    /// How late it was at worst, while it is behind.
    pub fn worst(&self) -> Option<Duration> {
        self.is_behind().then_some(self.worst)
    }

    fn note(&mut self, late: Duration) {
        self.worst = if matches!(self.state, State::OnTime) { late } else { self.worst.max(late) };
    }

    /// The mixer has just done a job that is so late.
    pub fn look(&mut self, late: Duration, now: Instant) -> Option<Change> {
        self.note(late);
        let before = self.is_behind();
        self.state = match self.state {
            State::OnTime if late > LATE => State::Late(now),
            State::Late(_) if late <= LATE => State::OnTime,
            State::Late(since) if now - since >= BEHIND_FOR => State::Behind { since, better: None },
            State::Behind { since, .. } if late > ON_TIME => State::Behind { since, better: None },
            State::Behind { since, better: None } => State::Behind { since, better: Some(now) },
            State::Behind { since, better: Some(better) } if now - better >= ON_TIME_FOR => {
                self.state = State::OnTime;
                return Some(Change::Recovers(better - since));
            }
            other => other,
        };
        (!before && self.is_behind()).then_some(Change::FallsBehind)
    }

    /// The mixer was so late that it left out audio.
    pub fn left_out(&mut self, by: Duration, now: Instant) -> Option<Change> {
        self.note(by);
        if let State::Behind { better, .. } = &mut self.state {
            *better = None;
            return None;
        }
        self.state = State::Behind { since: now.checked_sub(by).unwrap_or(now), better: None };
        Some(Change::FallsBehind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Looks at a mixer every 100 ms for as many looks as there are values of `late`; what it said, and when.
    fn watched(late: impl IntoIterator<Item = u64>) -> Vec<(u64, Change)> {
        let (start, mut lateness) = (Instant::now(), Lateness::default());
        let looks = late.into_iter().enumerate();
        looks
            .filter_map(|(n, late)| Some((n as u64, lateness.look(ms(late), start + JOB * n as u32)?)))
            .collect()
    }

    fn for_seconds(late: u64, seconds: usize) -> impl Iterator<Item = u64> {
        std::iter::repeat_n(late, seconds * 10)
    }

    #[test]
    fn a_mixer_that_is_late_for_two_seconds_is_behind_until_it_is_on_time_for_ten() {
        let told = watched(for_seconds(0, 5).chain(for_seconds(700, 10)).chain(for_seconds(3, 30)));
        assert_eq!(told, [(50 + 20, Change::FallsBehind), (150 + 100, Change::Recovers(ms(10_000)))]);
    }

    #[test]
    fn short_or_small_delays_are_nothing() {
        assert_eq!(watched(for_seconds(500, 60)), []);
        let hiccups = (0..20).flat_map(|_| for_seconds(4900, 1).chain(for_seconds(0, 1)));
        assert_eq!(watched(hiccups), []);
        assert_eq!(watched(for_seconds(501, 2)), [], "a moment is missing");
        assert_eq!(watched(for_seconds(501, 3)).len(), 1);
    }

    #[test]
    fn an_overloaded_mixer_stays_behind_when_its_clock_moves() {
        // It gets a twentieth later each second, and the clock moves when that comes to five seconds.
        let (start, mut lateness) = (Instant::now(), Lateness::default());
        let (mut late, mut told) = (0, Vec::new());
        for n in 0..6000 {
            let now = start + JOB * n;
            late += 5;
            if late > 5000 {
                told.extend(lateness.left_out(ms(late), now));
                late = 0;
            }
            told.extend(lateness.look(ms(late), now));
        }
        assert_eq!(told, [Change::FallsBehind]);
        // The load goes away.
        for n in 6000..6200 {
            told.extend(lateness.look(ms(0), start + JOB * n));
        }
        assert!(matches!(told[..], [Change::FallsBehind, Change::Recovers(_)]), "{told:?}");
    }

    #[test]
    fn audio_that_was_left_out_is_told_at_once() {
        let (now, mut lateness) = (Instant::now(), Lateness::default());
        assert_eq!(lateness.left_out(ms(6000), now), Some(Change::FallsBehind));
        assert_eq!(lateness.left_out(ms(6000), now), None);
        assert!(lateness.is_behind());
        assert_eq!(lateness.look(ms(0), now), None);
        assert_eq!(lateness.worst(), Some(ms(6000)), "although it is on time again");
        let later = now + ms(10_000);
        assert_eq!(lateness.look(ms(0), later), Some(Change::Recovers(ms(6000))));
        assert_eq!(lateness.worst(), None);
        assert_eq!(lateness.left_out(ms(5500), later), Some(Change::FallsBehind));
        assert_eq!(lateness.worst(), Some(ms(5500)), "the time before does not count");
    }
}

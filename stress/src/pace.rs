//! Things that happen at an even rate: joins, leaves, storms.

use std::time::Duration;

/// So many events, evenly spread from a start on.
#[derive(Debug)]
pub struct Pace {
    start: Duration,
    per_second: f64,
    most: u64,
    done: u64,
}

impl Pace {
    pub fn new(start: Duration, per_second: f64, most: u64) -> Pace {
        Pace { start, per_second, most, done: 0 }
    }

    /// When the next is due; `None` after the last.
    pub fn next(&self) -> Option<Duration> {
        (self.done < self.most && self.per_second > 0.0)
            .then(|| self.start + Duration::from_secs_f64(self.done as f64 / self.per_second))
    }

    /// Takes one event, if it is due. One that is late makes no other late.
    pub fn take(&mut self, now: Duration) -> bool {
        let due = self.next().is_some_and(|next| next <= now);
        self.done += u64::from(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

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
}

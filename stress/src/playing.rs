//! The figures of one listener from its first audio on: gaps, lead, rate. This module only computes.

use std::time::Duration;

use crate::checker::{Checker, Titles};

/// A listener that has received audio. Times are since the run began.
pub struct Playing {
    judge: Judge,
    bytes_per_second: f64,
    first: Duration,
    last: Duration,
    bytes: u64,
    /// The audio received minus the time passed since the first byte, in seconds, at the last arrival.
    lead_s: f64,
    /// Whether the buffer of a player would have run empty, if it began to play a second after its first
    /// byte.
    stuttered: bool,
    in_window: Window,
    /// The number of TCP segments at the last query.
    pub segments_noted: Option<u32>,
}

/// The figures of the measurement.
#[derive(Clone, Copy, Default)]
struct Window {
    /// The time and the seconds of audio at the first arrival in the window. A burst and the time after it do
    /// not count.
    start: Option<(Duration, f64)>,
    longest_gap: Duration,
}

/// Checks the bytes, or only counts them.
pub enum Judge {
    Checking(Box<Checker>),
    Counting,
}

/// After this time from its first byte a player has its burst, and is served in real time.
const BURST_TIME: Duration = Duration::from_secs(5);
/// A player buffers this much audio before it plays.
const PREBUFFER_S: f64 = 1.0;

impl Playing {
    /// Starts at the first audio.
    pub fn new(judge: Judge, bytes_per_second: f64, now: Duration) -> Playing {
        Playing {
            judge,
            bytes_per_second,
            first: now,
            last: now,
            bytes: 0,
            lead_s: 0.0,
            stuttered: false,
            in_window: Window::default(),
            segments_noted: None,
        }
    }

    pub fn only_counts(&self) -> bool {
        matches!(self.judge, Judge::Counting)
    }

    /// How many bytes a listener at a tenth of the rate has still to read.
    pub fn behind_a_tenth(&self, now: Duration) -> usize {
        let due = now.saturating_sub(self.first).as_secs_f64() * self.bytes_per_second / 10.0;
        (due as u64).saturating_sub(self.bytes) as usize
    }

    /// The checker; `None` if bytes are only counted.
    pub fn checker(&self) -> Option<&Checker> {
        match &self.judge {
            Judge::Checking(checker) => Some(checker),
            Judge::Counting => None,
        }
    }

    /// The time of the first audio.
    pub fn began(&self) -> Duration {
        self.first
    }

    pub fn lead_s(&self) -> f64 {
        self.lead_s
    }

    pub fn stuttered(&self) -> bool {
        self.stuttered
    }

    /// The longest time without audio in the measurement. A gap that is not over at its end counts.
    pub fn longest_gap(&self, window_start: Duration, now: Duration) -> Duration {
        self.in_window.longest_gap.max(now.saturating_sub(self.last.max(window_start)))
    }

    /// Seconds of audio per second in the measurement, if they lasted long enough to tell. They are measured
    /// between the first and the last arrival, so the server's cadence does not distort the result.
    pub fn rate(&self, shortest: Duration) -> Option<f64> {
        let (start, audio_then) = self.in_window.start?;
        let time = self.last.saturating_sub(start);
        (time >= shortest && time > Duration::ZERO)
            .then(|| (self.audio_seconds() - audio_then) / time.as_secs_f64())
    }

    fn audio_seconds(&self) -> f64 {
        match &self.judge {
            Judge::Checking(checker) => checker.audio_seconds(),
            Judge::Counting => self.bytes as f64 / self.bytes_per_second,
        }
    }

    /// Takes `count` bytes. `bytes` holds them, unless they are only counted.
    pub fn take(&mut self, count: usize, bytes: &[u8], titles: &mut Titles) {
        self.bytes += count as u64;
        if let Judge::Checking(checker) = &mut self.judge {
            checker.feed(bytes, titles);
        }
    }

    /// The time since the last audio.
    pub fn gap(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last)
    }

    /// All bytes that had arrived by `now` have been taken.
    pub fn arrived(&mut self, now: Duration, measuring_since: Option<Duration>) {
        let gap = self.gap(now);
        // The lead at the last arrival must have lasted until now.
        self.stuttered |= self.lead_s + PREBUFFER_S < gap.as_secs_f64();
        let audio = self.audio_seconds();
        self.last = now;
        self.lead_s = audio - now.saturating_sub(self.first).as_secs_f64();
        if let Some(window_start) = measuring_since {
            self.in_window.longest_gap = self.in_window.longest_gap.max(gap);
            // During and shortly after a burst the server does not send in real time.
            if self.first < window_start || now >= self.first + BURST_TIME {
                self.in_window.start.get_or_insert((now, audio));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Judge, Playing};
    use crate::checker::{Checker, Titles};
    use crate::packet::push_numbered;

    const PACKET_S: f64 = 1152.0 / 44_100.0;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Plays `packets` at each of `arrivals`, in a window that begins at `window_start`.
    fn play(arrivals: &[f64], packets: u64, window_start: f64) -> Playing {
        let mut playing =
            Playing::new(Judge::Checking(Box::new(Checker::new(None))), 16_000.0, seconds(arrivals[0]));
        let mut titles = Titles::default();
        let mut number = 0;
        for &at in arrivals {
            let mut bytes = Vec::new();
            for _ in 0..packets {
                push_numbered(&mut bytes, 128, number);
                number += 1;
            }
            playing.take(bytes.len(), &bytes, &mut titles);
            let measuring = (at >= window_start).then(|| seconds(window_start));
            playing.arrived(seconds(at), measuring);
        }
        playing
    }

    fn every(period: f64, count: usize) -> Vec<f64> {
        (0..count).map(|at| at as f64 * period).collect()
    }

    #[test]
    fn real_time_is_a_rate_of_one_at_any_cadence() {
        for packets in [4, 10, 38] {
            let period = packets as f64 * PACKET_S;
            let playing = play(&every(period, 100), packets, 10.0 * period);
            let rate = playing.rate(seconds(1.0)).unwrap();
            assert!((rate - 1.0).abs() < 1e-9, "{rate}");
            assert!(!playing.stuttered());
        }
    }

    #[test]
    fn a_server_that_is_too_slow_shows_in_the_rate_and_runs_dry() {
        let playing = play(&every(10.0 * PACKET_S / 0.9, 100), 10, 1.0);
        assert!((playing.rate(seconds(1.0)).unwrap() - 0.9).abs() < 1e-9);
        assert!(playing.stuttered());
    }

    #[test]
    fn the_longest_gap_is_that_in_the_window_or_the_one_that_runs() {
        let mut arrivals = every(0.2, 10);
        arrivals.extend([5.0, 5.2, 6.1, 6.2]);
        let playing = play(&arrivals, 8, 5.1);
        assert_eq!(playing.longest_gap(seconds(5.1), seconds(6.3)), seconds(6.1) - seconds(5.2));
        assert_eq!(playing.longest_gap(seconds(5.1), seconds(8.0)), seconds(8.0) - seconds(6.2));
    }

    #[test]
    fn a_burst_is_no_real_time() {
        // It joins in the window, and receives all of its audio within a second.
        let playing = play(&[10.0, 10.5, 11.0], 100, 5.0);
        assert_eq!(playing.rate(Duration::ZERO), None);
    }
}

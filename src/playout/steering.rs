//! Keeps the buffer of a live input at its level: how much faster or slower its sound is resampled, and when
//! so much has piled up that some of it is dropped.
//!
//! The clock of a sender runs faster or slower than ours, by a few millionths to some thousandths. Two things
//! are learnt from the level: how far it is from its target, which is worked off slowly, and the sender's
//! drift, which is made up for all the time. Neither is heard: the pitch changes by half a percent at most,
//! and takes seconds to do so.

use std::time::Duration;

use crate::units::{FrameCount, SampleRate};

/// The most that sound is slowed down or sped up: eight hundredths of a semitone.
pub const MAX_CORRECTION: f64 = 0.005;

/// The most that the correction changes in a second. A glide of 0.02 % a second is not heard.
const MAX_CHANGE: f64 = 0.0002;

/// How much of a second off the target is worked off in a second. More would follow each burst of the line,
/// less would let a sender with a bad clock stray far before its drift is known.
const PULL: f64 = 0.02;

/// How much of a second off the target is taken for drift in each second: a quarter of the square of
/// [`PULL`], so that the level comes to its target without swinging.
const LEARN: f64 = PULL * PULL / 4.0;

/// The level is averaged over so many seconds: packets come in bursts, pages of Ogg of a second and more.
const SMOOTHING: f64 = 10.0;

/// So much over its target, the level is too high to be worked off...
const TOO_MUCH: Duration = Duration::from_millis(500);

/// ...if it stays so for this long.
const TOO_LONG: Duration = Duration::from_secs(2);

/// Steers the resampler of one live input. It is stepped with the sample clock.
#[derive(Clone, Debug)]
pub struct Steering {
    rate: SampleRate,
    target: FrameCount,
    /// The mean deviation of the level from its target, in seconds. `None` until the level is seen.
    off: Option<f64>,
    /// How much faster than ours the sender's clock runs, as far as it is known.
    drift: f64,
    correction: f64,
    /// For how long the level has been too high.
    too_high: FrameCount,
}

impl Steering {
    /// Steers to this level, at this rate.
    pub fn new(rate: SampleRate, target: FrameCount) -> Steering {
        Steering { rate, target, off: None, drift: 0.0, correction: 0.0, too_high: FrameCount(0) }
    }

    /// Looks at the level after `passed` frames were taken out. If too much has piled up, returns how many
    /// frames to drop.
    pub fn step(&mut self, level: FrameCount, passed: FrameCount) -> Option<FrameCount> {
        let seconds = passed.0 as f64 / f64::from(self.rate.hz());
        if seconds == 0.0 {
            return None;
        }
        let now_off = (level.0 as f64 - self.target.0 as f64) / f64::from(self.rate.hz());
        let off = self.off.map_or(now_off, |off| off + (now_off - off) * (seconds / SMOOTHING).min(1.0));
        self.off = Some(off);
        let wanted = (-self.drift - PULL * off).clamp(-MAX_CORRECTION, MAX_CORRECTION);
        // While all that can be done is done, the level says nothing of the drift.
        if wanted.abs() < MAX_CORRECTION {
            self.drift = (self.drift + LEARN * off * seconds).clamp(-MAX_CORRECTION, MAX_CORRECTION);
        }
        let most = MAX_CHANGE * seconds;
        self.correction += (wanted - self.correction).clamp(-most, most);
        self.excess(level, passed)
    }

    /// Counts how long the level has been too high, and gives what is to be dropped.
    fn excess(&mut self, level: FrameCount, passed: FrameCount) -> Option<FrameCount> {
        if level.0 <= self.target.0 + self.rate.frames_in(TOO_MUCH).0 {
            self.too_high = FrameCount(0);
            return None;
        }
        self.too_high.0 += passed.0;
        if self.too_high < self.rate.frames_in(TOO_LONG) {
            return None;
        }
        self.begin_anew();
        Some(FrameCount(level.0 - self.target.0))
    }

    /// The level has jumped, and says nothing of the time before. What is known of the sender's clock holds.
    pub fn begin_anew(&mut self) {
        self.off = None;
        self.too_high = FrameCount(0);
    }

    /// By how much more frames are made of the same sound: 0.001 is a thousandth more.
    pub fn correction(&self) -> f64 {
        self.correction
    }

    /// How much faster than ours the sender's clock runs, in millionths.
    pub fn drift_ppm(&self) -> f64 {
        self.drift * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::CD;
    const BLOCK: FrameCount = FrameCount(1024);
    const TARGET: FrameCount = FrameCount(5 * 44_100);

    /// A sender whose clock runs faster by `drift`, and whose sound comes in pieces.
    struct Sender {
        steering: Steering,
        drift: f64,
        piece: f64,
        waiting: f64,
        level: f64,
        dropped: u64,
    }

    impl Sender {
        fn new(drift: f64, piece: Duration) -> Sender {
            let steering = Steering::new(RATE, TARGET);
            let piece = RATE.frames_in(piece).0 as f64;
            Sender { steering, drift, piece, waiting: 0.0, level: TARGET.0 as f64, dropped: 0 }
        }

        /// A block passes. Returns the deviation from the target in milliseconds.
        fn block(&mut self) -> f64 {
            self.waiting += BLOCK.0 as f64 * (1.0 + self.drift);
            while self.waiting >= self.piece {
                self.waiting -= self.piece;
                self.level += self.piece * (1.0 + self.steering.correction());
            }
            self.level -= BLOCK.0 as f64;
            let before = self.steering.correction();
            if let Some(frames) = self.steering.step(FrameCount(self.level as u64), BLOCK) {
                self.level -= frames.0 as f64;
                self.dropped += 1;
            }
            let correction = self.steering.correction();
            assert!(correction.abs() <= MAX_CORRECTION);
            let change = (correction - before).abs() * f64::from(RATE.hz()) / BLOCK.0 as f64;
            assert!(change <= MAX_CHANGE + 1e-12, "{change}");
            (self.level - TARGET.0 as f64) * 1000.0 / f64::from(RATE.hz())
        }
    }

    fn blocks(seconds: u64) -> u64 {
        seconds * u64::from(RATE.hz()) / BLOCK.0
    }

    #[test]
    fn the_level_stays_at_its_target_for_a_day_whatever_the_senders_clock() {
        for drift in [-2000e-6, -100e-6, 100e-6, 2000e-6] {
            let mut sender = Sender::new(drift, Duration::from_millis(26));
            let mut worst = 0.0_f64;
            for _ in 0..blocks(24 * 3600) {
                worst = worst.max(sender.block().abs());
            }
            assert!(worst < 200.0, "{drift}: {worst} ms off");
            assert_eq!(sender.dropped, 0, "{drift}");
            assert!((sender.steering.drift_ppm() - drift * 1e6).abs() < 20.0, "{:?}", sender.steering);
        }
    }

    #[test]
    fn pages_of_a_second_make_no_drop_and_do_not_shake_the_pitch() {
        let mut sender = Sender::new(500e-6, Duration::from_secs(1));
        let (mut low, mut high) = (f64::MAX, f64::MIN);
        for block in 0..blocks(3600) {
            sender.block();
            if block > blocks(1800) {
                low = low.min(sender.steering.correction());
                high = high.max(sender.steering.correction());
            }
        }
        assert_eq!(sender.dropped, 0);
        assert!(high - low < 0.0005, "{low} to {high}");
    }

    #[test]
    fn what_piles_up_faster_than_it_can_be_worked_off_is_dropped() {
        let mut sender = Sender::new(0.02, Duration::from_millis(26));
        let worst = (0..blocks(600)).map(|_| sender.block()).fold(f64::MIN, f64::max);
        // 1.5 % are left: half a second piles up in 33 s, and two seconds later it is dropped.
        assert!((14..=18).contains(&sender.dropped), "{}", sender.dropped);
        assert!(worst < 600.0, "{worst}");
    }

    #[test]
    fn a_burst_that_is_over_within_two_seconds_drops_nothing() {
        let mut steering = Steering::new(RATE, TARGET);
        let high = FrameCount(TARGET.0 + u64::from(RATE.hz()));
        for _ in 0..20 {
            for _ in 0..blocks(1) {
                assert_eq!(steering.step(high, BLOCK), None);
            }
            assert_eq!(steering.step(TARGET, BLOCK), None);
        }
        let dropped = (0..blocks(3)).find_map(|_| steering.step(high, BLOCK));
        assert_eq!(dropped, Some(FrameCount(u64::from(RATE.hz()))));
        assert_eq!(steering.step(TARGET, FrameCount(0)), None, "no time has passed");
    }
}

//! Computes when a block is due. Block `k` is due at `start + k · BLOCK_FRAMES / rate` on the monotonic
//! clock. The time is computed from `k` each time, so rounding errors never accumulate.

use std::time::{Duration, Instant};

use crate::audio::BLOCK_FRAMES;
use crate::units::{FrameCount, FramePos, SampleRate};

/// A mixer that is later than this does not catch up. The machine was stopped or asleep, and a burst longer
/// than a listener's backlog is of no use.
const LATEST: Duration = Duration::from_secs(5);

/// The sample clock of one pipeline, on the monotonic clock. It reads no clock: callers pass `now`.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: SampleRate,
    /// When block 0 was due. It moves when the mixer was away for too long.
    start: Instant,
}

/// The clock was moved, because the mixer was too late to catch up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// How late the next block was. Every block is due later by this from now on.
    pub by: Duration,
}

impl Pace {
    /// A clock whose block 0 is due at `start`.
    pub fn new(rate: SampleRate, start: Instant) -> Pace {
        Pace { rate, start }
    }

    /// When `block` is due.
    pub fn due(&self, block: u64) -> Instant {
        self.instant(FramePos(block * BLOCK_FRAMES as u64))
    }

    /// The instant of a frame.
    pub fn instant(&self, frame: FramePos) -> Instant {
        self.start + self.rate.duration_of(FrameCount(frame.0))
    }

    /// How many blocks are due at `now`. `next` is the first that has not been made.
    pub fn blocks_due(&self, next: u64, now: Instant) -> u64 {
        if now < self.start {
            return 0;
        }
        (self.position(now).0 / BLOCK_FRAMES as u64 + 1).saturating_sub(next)
    }

    /// The last frame whose instant is not after `now`; zero before the start. When the start is moved, the
    /// position goes back to the beginning of the next block.
    pub fn position(&self, now: Instant) -> FramePos {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        // `due` rounds down to a nanosecond, so an instant has come when its exact time is below the next
        // nanosecond.
        let frames = ((elapsed + 1) * u128::from(self.rate.hz()) - 1) / 1_000_000_000;
        FramePos(u64::try_from(frames).unwrap_or(u64::MAX))
    }

    /// Call it before [`blocks_due`](Self::blocks_due). If block `next` is over five seconds late, it moves
    /// the start so that the block is due at `now`, and says so.
    pub fn move_if_lost(&mut self, next: u64, now: Instant) -> Option<Moved> {
        let by = now.saturating_duration_since(self.due(next));
        (by > LATEST).then(|| {
            self.start += by;
            Moved { by }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = BLOCK_FRAMES as u64;

    #[test]
    fn a_simulated_year_is_exact_to_the_frame_and_the_nanosecond() {
        for hz in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000] {
            let rate = SampleRate::new(hz).unwrap();
            let start = Instant::now();
            let pace = Pace::new(rate, start);
            let year = Duration::from_secs(365 * 24 * 3600);
            let frames = u64::from(hz) * year.as_secs();
            assert_eq!(pace.position(start + year), FramePos(frames));
            assert_eq!(pace.instant(FramePos(frames)), start + year);
            let blocks = pace.blocks_due(0, start + year);
            assert_eq!(blocks, frames.div_ceil(BLOCK) + u64::from(frames.is_multiple_of(BLOCK)), "{hz}");
            // The definition, in integers wide enough: floor(k · 1024 · 10⁹ / rate).
            let exact = u128::from(blocks) * 1024 * 1_000_000_000 / u128::from(hz);
            assert_eq!((pace.due(blocks) - start).as_nanos(), exact, "{hz}");
        }
    }

    #[test]
    fn a_block_is_due_from_its_own_instant_on_and_not_a_nanosecond_before() {
        for hz in [8_000, 22_050, 44_100, 48_000, 191_999] {
            let start = Instant::now();
            let pace = Pace::new(SampleRate::new(hz).unwrap(), start);
            for block in (0..1000).chain(1_300_000_000..1_300_001_000) {
                let due = pace.due(block);
                assert_eq!(pace.blocks_due(block, due), 1, "block {block} at {hz} Hz");
                if block > 0 {
                    assert_eq!(pace.blocks_due(block, due - Duration::from_nanos(1)), 0);
                }
            }
        }
    }

    #[test]
    fn nothing_is_due_before_the_start() {
        let now = Instant::now();
        let pace = Pace::new(SampleRate::CD, now + Duration::from_secs(1));
        assert_eq!(pace.blocks_due(0, now), 0);
        assert_eq!(pace.position(now), FramePos(0));
        assert_eq!(pace.blocks_due(0, now + Duration::from_secs(1)), 1);
    }

    #[test]
    fn up_to_five_seconds_late_is_caught_up() {
        let start = Instant::now();
        let mut pace = Pace::new(SampleRate::CD, start);
        let late = pace.due(100) + LATEST;
        assert_eq!(pace.move_if_lost(100, late), None);
        assert_eq!(pace.blocks_due(100, late), 1 + 5 * 44_100 / BLOCK);
        assert_eq!(pace.due(0), start);
    }

    #[test]
    fn over_five_seconds_late_moves_the_start_once_and_says_by_how_much() {
        let start = Instant::now();
        let mut pace = Pace::new(SampleRate::CD, start);
        let asleep = Duration::from_secs(3 * 3600);
        let now = pace.due(100) + asleep;
        assert_eq!(pace.move_if_lost(100, now), Some(Moved { by: asleep }));
        assert_eq!(pace.due(100), now, "the next block is due at once");
        assert_eq!(pace.blocks_due(100, now), 1, "and it alone");
        assert_eq!(pace.position(now), FramePos(100 * BLOCK));
        assert_eq!(pace.move_if_lost(100, now), None);
    }
}

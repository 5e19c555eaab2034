//! The times of HLS, all from positions on the sample clock.

use crate::units::{FramePos, SampleRate};

/// What PTS counts a second.
const PTS_RATE: u64 = 90_000;
/// PTS has 33 bits. It starts again after 26.5 hours.
const PTS_MASK: u64 = (1 << 33) - 1;
/// The PTS of position zero: ten seconds, so that no PCR is below zero.
const PTS_OF_ZERO: u64 = 900_000;
/// How far the PCR is before the PTS. A decoder has received a packet this long before it must play it.
const PCR_LEAD: u64 = 9_000;

/// Turns positions on the sample clock into the times of segments and playlists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HlsClock {
    rate: SampleRate,
    segment_seconds: u32,
}

impl HlsClock {
    /// A clock at this rate, for segments of so many seconds. `None` outside 2..=10 seconds.
    pub fn new(rate: SampleRate, segment_seconds: u32) -> Option<HlsClock> {
        (2..=10).contains(&segment_seconds).then_some(HlsClock { rate, segment_seconds })
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The length of a segment, which is also the target duration, in seconds.
    pub fn segment_seconds(&self) -> u32 {
        self.segment_seconds
    }

    /// The presentation time stamp, in 1/90,000 s.
    pub fn pts(&self, at: FramePos) -> u64 {
        (PTS_OF_ZERO.wrapping_add(self.scaled(at, PTS_RATE))) & PTS_MASK
    }

    /// The programme clock reference that goes with a PTS, in 1/90,000 s.
    pub fn pcr(&self, at: FramePos) -> u64 {
        self.pts(at).wrapping_sub(PCR_LEAD) & PTS_MASK
    }

    /// Microseconds since position zero, rounded.
    pub fn micros(&self, at: FramePos) -> u64 {
        self.scaled(at, 1_000_000)
    }

    /// Microseconds between two positions. The differences along a row of positions add up exactly, because
    /// each end is rounded by itself.
    pub fn micros_between(&self, start: FramePos, end: FramePos) -> u64 {
        self.micros(end).saturating_sub(self.micros(start))
    }

    /// Where segment `index` may start: it does at the first packet from here on.
    pub fn boundary(&self, index: u64) -> FramePos {
        FramePos(index.saturating_mul(self.segment_frames()))
    }

    /// The segment to which a packet at this position belongs.
    pub fn index_of(&self, at: FramePos) -> u64 {
        at.0 / self.segment_frames()
    }

    fn segment_frames(&self) -> u64 {
        u64::from(self.segment_seconds) * u64::from(self.rate.hz())
    }

    /// The position in units of which a second has `per_second`, rounded. Only the lowest 64 bits are kept:
    /// microseconds last for half a million years.
    fn scaled(&self, at: FramePos, per_second: u64) -> u64 {
        let rate = u128::from(self.rate.hz());
        ((u128::from(at.0) * u128::from(per_second) + rate / 2) / rate) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(hz: u32, seconds: u32) -> HlsClock {
        HlsClock::new(SampleRate::new(hz).unwrap(), seconds).unwrap()
    }

    #[test]
    fn only_whole_seconds_within_the_range_make_a_clock() {
        for (seconds, is_possible) in [(1, false), (2, true), (10, true), (11, false)] {
            assert_eq!(HlsClock::new(SampleRate::CD, seconds).is_some(), is_possible);
        }
    }

    #[test]
    fn times_are_rounded_from_the_position() {
        let clock = clock(44_100, 4);
        assert_eq!((clock.pts(FramePos(0)), clock.pcr(FramePos(0))), (900_000, 891_000));
        assert_eq!(clock.pts(FramePos(44_100)), 990_000);
        // 1,024 · 90,000 / 44,100 = 2,089.8; 1,024 · 10⁶ / 44,100 = 23,219.95.
        assert_eq!((clock.pts(FramePos(1024)), clock.micros(FramePos(1024))), (902_090, 23_220));
    }

    #[test]
    fn pts_and_pcr_wrap_at_33_bits_one_after_the_other() {
        let clock = clock(48_000, 6);
        // 48,000 frames are 90,000 ticks. The PTS is zero exactly here:
        let wrap = FramePos(((1 << 33) - 900_000) / 90_000 * 48_000);
        let (before, ticks) = (clock.pts(wrap), ((1u64 << 33) - 900_000) % 90_000);
        assert_eq!(before, (1 << 33) - ticks);
        let behind = FramePos(wrap.0 + 96_000);
        assert_eq!(clock.pts(behind), 180_000 - ticks);
        let between = FramePos(wrap.0 + (ticks * 48_000).div_ceil(90_000));
        assert!(clock.pts(between) <= 2 && clock.pcr(between) > (1 << 33) - 9_001);
    }

    #[test]
    fn the_times_of_ten_years_are_exact() {
        for hz in [8_000, 22_050, 44_100, 48_000, 192_000] {
            let clock = clock(hz, 7);
            let years = 10 * 366 * 86_400;
            let at = FramePos(years * u64::from(hz));
            assert_eq!(clock.micros(at), years * 1_000_000);
            assert_eq!(clock.pts(at), (900_000 + years * 90_000) % (1 << 33));
            assert_eq!(clock.index_of(at), years / 7);
        }
    }

    proptest! {
        #[test]
        fn a_boundary_is_the_first_position_of_its_segment(hz in 8_000u32..=192_000, seconds in 2u32..=10,
                                                            index in 0u64..1 << 40) {
            let clock = clock(hz, seconds);
            let boundary = clock.boundary(index);
            prop_assert_eq!(clock.index_of(boundary), index);
            prop_assert_eq!(clock.micros(boundary), index * u64::from(seconds) * 1_000_000);
            if index > 0 {
                prop_assert_eq!(clock.index_of(FramePos(boundary.0 - 1)), index - 1);
            }
        }

        #[test]
        fn no_time_is_off_by_more_than_half_a_unit(hz in 8_000u32..=192_000, n in 0u64..1 << 52) {
            let clock = clock(hz, 4);
            let (n, hz) = (u128::from(n), u128::from(hz));
            let micros = u128::from(clock.micros(FramePos(n as u64)));
            prop_assert!((micros * hz).abs_diff(n * 1_000_000) * 2 <= hz);
        }
    }
}

//! Units as types: what a number counts is part of what it is.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Frames per second: 44,100 for most of what a station plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleRate(u32);

impl SampleRate {
    /// 44.1 kHz, the default of every pipeline.
    pub const CD: SampleRate = SampleRate(44_100);

    /// A rate in frames per second; `None` outside 8,000..=192,000.
    pub const fn new(frames_per_second: u32) -> Option<SampleRate> {
        match frames_per_second {
            8_000..=192_000 => Some(SampleRate(frames_per_second)),
            _ => None,
        }
    }

    /// Frames per second.
    pub const fn hz(self) -> u32 {
        self.0
    }

    /// How many whole frames sound in `time`.
    pub fn frames_in(self, time: Duration) -> FrameCount {
        let whole = time.as_secs().saturating_mul(u64::from(self.0));
        let part = u64::from(time.subsec_nanos()) * u64::from(self.0) / 1_000_000_000;
        FrameCount(whole.saturating_add(part))
    }

    /// How long `frames` sound, exact to the nanosecond (rounded down), at any length.
    pub fn duration_of(self, frames: FrameCount) -> Duration {
        let rate = u64::from(self.0);
        let nanos = (frames.0 % rate) * 1_000_000_000 / rate;
        Duration::new(frames.0 / rate, nanos as u32)
    }
}

impl fmt::Display for SampleRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

/// A number of frames: one sample for each channel makes a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameCount(pub u64);

/// A position on a pipeline's sample clock: frames since it started. It only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FramePos(pub u64);

impl std::ops::Add<FrameCount> for FramePos {
    type Output = FramePos;
    fn add(self, frames: FrameCount) -> FramePos {
        FramePos(self.0 + frames.0)
    }
}

impl std::ops::Sub<FramePos> for FramePos {
    type Output = FrameCount;
    /// The frames between two positions; zero when `earlier` is not earlier.
    fn sub(self, earlier: FramePos) -> FrameCount {
        FrameCount(self.0.saturating_sub(earlier.0))
    }
}

/// A position in a mount's stream: audio bytes since the mount began. It only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamPos(pub u64);

impl std::ops::Add<u64> for StreamPos {
    type Output = StreamPos;
    fn add(self, bytes: u64) -> StreamPos {
        StreamPos(self.0 + bytes)
    }
}

impl std::ops::Sub<StreamPos> for StreamPos {
    type Output = u64;
    /// The bytes between two positions; zero when `earlier` is not earlier.
    fn sub(self, earlier: StreamPos) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_frames_turns_into_time_and_back_without_loss() {
        let year = Duration::from_secs(365 * 24 * 3600);
        for hz in [8_000, 22_050, 44_100, 48_000, 192_000] {
            let rate = SampleRate::new(hz).unwrap();
            assert_eq!(rate.duration_of(rate.frames_in(year)), year);
            assert_eq!(rate.duration_of(FrameCount(u64::from(hz) * 7)), Duration::from_secs(7));
        }
    }

    #[test]
    fn rates_outside_of_audio_are_refused() {
        assert_eq!(SampleRate::new(0), None);
        assert_eq!(SampleRate::new(7_999), None);
        assert_eq!(SampleRate::new(192_001), None);
    }
}

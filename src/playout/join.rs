//! How two tracks meet: whether they overlap, for how long, and who fades.

use std::time::Duration;

use super::fade::overlap;
use super::playlist::TrackKind;
use crate::units::{FrameCount, SampleRate};

/// A track goes on under the next one for so long at most, wherever its start of the next is. As much is
/// decoded ahead of it.
pub const LONGEST_OVERLAP: Duration = Duration::from_secs(30);

/// What a crossfade is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossfade {
    /// All tracks overlap for so long. Zero joins them without a gap.
    For(Duration),
    /// Each track starts where the one before it has decayed, if somebody has listened to that one; see
    /// [`Heard::start_next`](crate::Heard::start_next). Otherwise they join without a gap.
    Auto,
}

impl Default for Crossfade {
    fn default() -> Crossfade {
        Crossfade::For(Duration::ZERO)
    }
}

impl From<Duration> for Crossfade {
    fn from(time: Duration) -> Crossfade {
        Crossfade::For(time)
    }
}

impl Crossfade {
    /// How long tracks overlap of which nothing is known.
    pub fn time(self) -> Duration {
        match self {
            Crossfade::For(time) => time,
            Crossfade::Auto => Duration::ZERO,
        }
    }
}

/// What joining has to know of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meeting {
    /// What it is for.
    pub kind: TrackKind,
    /// How long it is, as far as that is known.
    pub length: Option<FrameCount>,
    /// Where the next one should start, counted from its beginning, if that is known.
    pub start_next: Option<FrameCount>,
}

/// How two tracks meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// One falls while the other rises, with constant power. Over no frames, they join at the sample.
    Crossfade(FrameCount),
    /// The outgoing track has decayed. What is left of it fades under the next one, which is at its level at
    /// once.
    Decay(FrameCount),
    /// Nothing else sounds while one of them does: they join at the sample, without any fade.
    Apart,
}

impl Join {
    /// How a track meets the next at its end, at this rate.
    pub fn of(crossfade: Crossfade, outgoing: &Meeting, incoming: &Meeting, rate: SampleRate) -> Join {
        if outgoing.kind.is_alone() || incoming.kind.is_alone() {
            return Join::Apart;
        }
        let fitting = |wanted: FrameCount| overlap(wanted, outgoing.length, incoming.length);
        match (crossfade, outgoing.length, outgoing.start_next) {
            (Crossfade::For(time), ..) => Join::Crossfade(fitting(rate.frames_in(time))),
            (Crossfade::Auto, Some(length), Some(start_next)) => {
                let longest = rate.frames_in(LONGEST_OVERLAP);
                Join::Decay(fitting(FrameCount(length.0.saturating_sub(start_next.0)).min(longest)))
            }
            (Crossfade::Auto, ..) => Join::Crossfade(FrameCount(0)),
        }
    }

    /// How long both sound.
    pub fn overlap(self) -> FrameCount {
        match self {
            Join::Crossfade(frames) | Join::Decay(frames) => frames,
            Join::Apart => FrameCount(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate::new(10_000).unwrap();

    fn music(seconds: u64, start_next: Option<u64>) -> Meeting {
        let frames = |seconds: u64| FrameCount(seconds * 10_000);
        Meeting { kind: TrackKind::Music, length: Some(frames(seconds)), start_next: start_next.map(frames) }
    }

    fn auto(outgoing: &Meeting, incoming: &Meeting) -> Join {
        Join::of(Crossfade::Auto, outgoing, incoming, RATE)
    }

    #[test]
    fn the_next_one_starts_where_this_one_has_decayed() {
        let next = music(200, None);
        assert_eq!(auto(&music(200, Some(194)), &next), Join::Decay(FrameCount(60_000)));
        assert_eq!(auto(&music(200, Some(200)), &next), Join::Decay(FrameCount(0)), "it ends at once");
        assert_eq!(auto(&music(200, None), &next), Join::Crossfade(FrameCount(0)), "nobody has listened");
        // Whatever somebody has set.
        assert_eq!(auto(&music(200, Some(900)), &next), Join::Decay(FrameCount(0)));
        assert_eq!(auto(&music(200, Some(0)), &next).overlap(), RATE.frames_in(LONGEST_OVERLAP));
        assert_eq!(auto(&music(200, Some(194)), &music(4, None)), Join::Decay(FrameCount(20_000)));
        assert_eq!(auto(&music(8, Some(1)), &next), Join::Decay(FrameCount(40_000)), "half of it");
    }

    #[test]
    fn a_crossfade_of_a_length_is_the_same_for_all() {
        for start_next in [None, Some(150)] {
            let join = |seconds| {
                let crossfade = Crossfade::For(Duration::from_secs(seconds));
                Join::of(crossfade, &music(200, start_next), &music(200, None), RATE)
            };
            assert_eq!(join(3), Join::Crossfade(FrameCount(30_000)));
            assert_eq!(join(0), Join::Crossfade(FrameCount(0)));
        }
    }

    #[test]
    fn nothing_sounds_over_a_show_or_a_spot() {
        for kind in TrackKind::ALL {
            let one = Meeting { kind: *kind, ..music(200, Some(190)) };
            for crossfade in [Crossfade::Auto, Crossfade::For(Duration::from_secs(3))] {
                for (outgoing, incoming) in [(&one, &music(200, None)), (&music(200, Some(190)), &one)] {
                    let join = Join::of(crossfade, outgoing, incoming, RATE);
                    let is_alone = matches!(kind, TrackKind::Show | TrackKind::Spot);
                    assert_eq!(join == Join::Apart, is_alone, "{kind:?}");
                    assert_eq!(join.overlap().0 == 0, is_alone, "{kind:?}");
                }
            }
        }
    }
}

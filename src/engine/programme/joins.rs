//! When the next track starts or the current one stops, and how the two meet.

use std::time::Duration;

use super::super::voice::{CUT, Gate, Then};
use super::Programme;
use super::track::Track;
use crate::playout::{Curve, HoldState, Join, Reason, overlap};
use crate::units::{FrameCount, FramePos};

impl Programme {
    /// Whether the next track is to start at this frame, and how it meets the current one.
    pub(super) fn due_start(&self) -> Option<Join> {
        let next = self.next.meeting()?;
        if self.outgoing.keeps_waiting(next.kind) || self.is_early() || self.is_slot_held() {
            return None;
        }
        let Some(track) = self.current.track() else {
            return (!self.hold_state().is_held()).then_some(Join::Crossfade(FrameCount(0)));
        };
        let remaining = track.voice.remaining();
        if let Some(crossfade) = self.gives_way(track) {
            if self.meet_apart(track) {
                return track.has_faded_out().then_some(Join::Apart);
            }
            let crossfade = overlap(crossfade, None, next.length);
            return Some(Join::Crossfade(crossfade.min(remaining.unwrap_or(crossfade))));
        }
        if track.is_seeking() || self.hold_state() == HoldState::AfterCurrent {
            return None;
        }
        // What the file declares does not count: only the decoder knows the end, and it is ahead by the
        // overlap.
        let join = self.join(track)?;
        let left = remaining.filter(|left| *left <= join.overlap())?;
        Some(match join {
            Join::Crossfade(_) => Join::Crossfade(left),
            Join::Decay(_) => Join::Decay(left),
            Join::Apart => Join::Apart,
        })
    }

    /// Whether the current track is to stop at this frame although nothing follows, and with how long a fade.
    pub(super) fn due_stop(&self) -> Option<FrameCount> {
        self.current.track()?.skipped.filter(|_| self.next.is_nothing())
    }

    /// How long the current track and the next one overlap.
    pub(super) fn overlap(&self, track: &Track) -> FrameCount {
        self.join(track).map_or(FrameCount(0), Join::overlap)
    }

    /// Fades the current track before its end where it does not overlap with the next: `fade_out` says so for
    /// its own end; a track that gives way to one that sounds alone, or does so itself, fades first.
    pub(super) fn fade_before_end(&mut self) {
        let giving_way =
            self.current.track().and_then(|track| self.gives_way(track).filter(|_| self.meet_apart(track)));
        let fade_out = self.frames(self.transitions.fade_out);
        let joins_unfaded = self.current.track().is_some_and(|track| self.joins_unfaded(track));
        let Some(track) = self.current.track_mut() else { return };
        if let Some(fade) = giving_way {
            if track.voice.gate() != Gate::Closing(Then::End) {
                track.voice.close(fade, Curve::Smooth, Then::End);
            }
        } else if let Some(left) = track.voice.remaining()
            && !joins_unfaded
            && left <= fade_out
            && left.0 > 0
        {
            track.fade_to_end(left);
        }
    }

    /// Whether the current track keeps its level to its end, because the next one goes on there or meets it
    /// before.
    fn joins_unfaded(&self, track: &Track) -> bool {
        let meets = matches!(self.join(track), Some(Join::Decay(_) | Join::Apart));
        let alone = track.info.kind.is_alone() && !self.next.is_nothing();
        let overlaps = !self.transitions.crossfade.time().is_zero() && !self.next.is_nothing();
        meets || alone || overlaps
    }

    /// How the current track meets the next one at its end, once that is ready.
    fn join(&self, track: &Track) -> Option<Join> {
        let next = self.next.meeting()?;
        Some(Join::of(self.transitions.crossfade, &track.meeting(), &next, self.spec.rate))
    }

    /// Whether the current track gives way to the next before its end, and by how long a crossfade.
    fn gives_way(&self, track: &Track) -> Option<FrameCount> {
        let list_is_back = track.fallback && self.next.list_is_back() && !self.is_early();
        let crossfade = || self.frames(self.transitions.crossfade.time().max(CUT));
        track.skipped.or_else(|| list_is_back.then(crossfade))
    }

    /// Where a track gives way to one that begins at this frame, and how long it takes: less than it should
    /// where time is short.
    pub(super) fn gives_way_for(
        &self,
        begins: FramePos,
        fade: Duration,
        is_apart: bool,
    ) -> (FramePos, FrameCount) {
        let fade = self.frames(fade.max(CUT));
        if !is_apart {
            return (begins, fade);
        }
        let left = FrameCount(begins.0.saturating_sub(self.here.0));
        let fade = fade.min(left.max(self.frames(CUT)));
        (FramePos(begins.0.saturating_sub(fade.0)), fade)
    }

    /// Whether the time of the next track has not come.
    fn is_early(&self) -> bool {
        [self.slot_from, self.next_from].into_iter().flatten().any(|from| self.here < from)
    }

    /// Whether the next track is a slot's, and the programme is held, though it may still be heard. What the
    /// slot does then is for its schedule to say.
    fn is_slot_held(&self) -> bool {
        self.is_held()
            && self.next.ready().is_some_and(|next| matches!(next.info.reason, Reason::Slot { .. }))
    }

    /// Whether the current track and the next must not overlap.
    fn meet_apart(&self, track: &Track) -> bool {
        self.join(track) == Some(Join::Apart)
    }
}

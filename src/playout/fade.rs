//! Gain ramps: how loud something is at each frame, and how two tracks meet in a crossfade.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::units::FrameCount;

/// The shape of a [`GainRamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// Sine in, cosine out: two ramps that mirror each other have constant power. For crossfades of two
    /// different tracks.
    EqualPower,
    /// Raised cosine: it starts and ends softly, without an audible corner. For pauses and for jumps of
    /// volume.
    Smooth,
    /// A straight line: two ramps that mirror each other have a constant sum. For two voices that play
    /// the same.
    Linear,
    /// Even in decibels, as the ear hears it, down to -60 dB and from there to silence. For long fades of
    /// one voice.
    Decibels,
}

impl Curve {
    /// The gain at `t` (0 to 1) on the way from `from` to `to`.
    fn at(self, from: f64, to: f64, t: f64) -> f64 {
        /// The gain at which a fade in decibels has become silence: -60 dB.
        const FLOOR: f64 = 0.001;
        match self {
            // The power goes by a raised cosine: from² cos² + to² sin².
            Curve::EqualPower => {
                let (sin, cos) = (t * FRAC_PI_2).sin_cos();
                (from * cos).hypot(to * sin)
            }
            Curve::Smooth => from + (to - from) * (0.5 - 0.5 * (t * PI).cos()),
            Curve::Linear => from + (to - from) * t,
            // The floor is added before and subtracted after, so that the ramp really reaches zero.
            Curve::Decibels => {
                let (from, to) = (from + FLOOR, to + FLOOR);
                from * (to / from).powf(t) - FLOOR
            }
        }
    }
}

/// A gain that goes from one value to another over a number of frames, and stays there.
///
/// The gain of a frame is a function of its number alone: cutting the frames into blocks
/// differently changes nothing. Frame 0 has exactly the first gain; the frame after the last one of
/// the ramp, and all that follow, have exactly the second.
///
/// The curve is evaluated at knots, with straight lines between them. The knots lie so close together that
/// the difference is inaudible (about 10⁻⁵ of full scale).
#[derive(Clone, Debug, PartialEq)]
pub struct GainRamp {
    curve: Curve,
    from: f32,
    to: f32,
    frames: u64,
    /// The next frame's number; never beyond `frames`.
    at: u64,
}

impl GainRamp {
    /// A gain that stays where it is.
    pub fn constant(gain: f32) -> GainRamp {
        GainRamp::new(gain, gain, FrameCount(0), Curve::Linear)
    }

    /// From one gain to another over `frames`. Gains are factors: 1 changes nothing, 0 is silence. A gain
    /// that is negative, infinite or not a number counts as silence.
    pub fn new(from: f32, to: f32, frames: FrameCount, curve: Curve) -> GainRamp {
        let sane = |gain: f32| if gain.is_finite() { gain.max(0.0) } else { 0.0 };
        GainRamp { curve, from: sane(from), to: sane(to), frames: frames.0, at: 0 }
    }

    /// Goes from the gain of now to another. This replaces a ramp that is under way.
    pub fn ramp_to(&mut self, to: f32, frames: FrameCount, curve: Curve) {
        *self = GainRamp::new(self.gain(), to, frames, curve);
    }

    /// The gain of the next frame.
    pub fn gain(&self) -> f32 {
        self.gain_after(FrameCount(0))
    }

    /// The gain of the frame that comes `frames` after the next.
    pub fn gain_after(&self, frames: FrameCount) -> f32 {
        let frame = self.at.saturating_add(frames.0);
        if frame >= self.frames {
            return self.to;
        }
        let knot = frame - frame % self.step();
        let (gain, slope) = self.segment(knot);
        gain + slope * (frame - knot) as f32
    }

    /// The gain at its end.
    pub fn target(&self) -> f32 {
        self.to
    }

    /// How many frames are left until its end.
    pub fn left(&self) -> FrameCount {
        FrameCount(self.frames - self.at)
    }

    /// The gain of all frames to come, if it is the same for all.
    pub fn settled(&self) -> Option<f32> {
        (self.at == self.frames || self.from == self.to).then_some(self.to)
    }

    /// Goes on by `frames` without writing their gains.
    pub fn advance(&mut self, frames: FrameCount) {
        self.at = self.at.saturating_add(frames.0).min(self.frames);
    }

    /// Writes the gains of the next frames, and goes on by as many.
    pub fn fill(&mut self, gains: &mut [f32]) {
        self.each_segment(gains, |gains, first, slope| {
            for (i, gain) in gains.iter_mut().enumerate() {
                *gain = first + slope * i as u32 as f32;
            }
        });
    }

    /// Multiplies `gains` by the gains of the next frames, and goes on by as many.
    pub fn scale(&mut self, gains: &mut [f32]) {
        self.each_segment(gains, |gains, first, slope| {
            for (i, gain) in gains.iter_mut().enumerate() {
                *gain *= first + slope * i as u32 as f32;
            }
        });
    }

    /// Cuts `gains` where the gain's line bends: `write(part, gain of its first frame, slope)`.
    fn each_segment(&mut self, mut gains: &mut [f32], write: impl Fn(&mut [f32], f32, f32)) {
        let step = self.step();
        while !gains.is_empty() && self.at < self.frames {
            let knot = self.at - self.at % step;
            let (gain, slope) = self.segment(knot);
            let end = (knot + step).min(self.frames);
            // Ramps begin between blocks, so most segments are whole. A segment that was cut goes on with the
            // very gains that it would have had.
            let count = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(gains.len());
            let (part, rest) = gains.split_at_mut(count);
            if self.at == knot {
                write(part, gain, slope);
            } else {
                for (i, one) in part.iter_mut().enumerate() {
                    write(std::slice::from_mut(one), gain + slope * (self.at - knot + i as u64) as f32, 0.0);
                }
            }
            self.at += count as u64;
            gains = rest;
        }
        if !gains.is_empty() {
            write(gains, self.to, 0.0);
        }
    }

    /// The gain at `knot`, and how much is added for each frame from there to the next knot.
    fn segment(&self, knot: u64) -> (f32, f32) {
        let end = (knot + self.step()).min(self.frames);
        let (here, there) = (self.exact(knot), self.exact(end));
        (here as f32, ((there - here) / (end - knot) as f64) as f32)
    }

    fn exact(&self, frame: u64) -> f64 {
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        match frame {
            0 => from,
            _ if frame == self.frames => to,
            _ => self.curve.at(from, to, frame as f64 / self.frames as f64),
        }
    }

    /// Frames between two knots. Each knot costs a call of sin or pow. 512 straight lines are as good as the
    /// curve, and so are lines of 32 frames in a long ramp.
    fn step(&self) -> u64 {
        (self.frames / 512).clamp(1, 32)
    }
}

/// The frame, counted from the next, at which a crossfade's second track *begins*: the first at which the
/// incoming gain passes the outgoing one. In an equal-power crossfade it is the middle. If the incoming gain
/// never passes the other, it is the frame at which both ramps have ended.
pub fn crossing(outgoing: &GainRamp, incoming: &GainRamp) -> FrameCount {
    let passed = |frame| incoming.gain_after(FrameCount(frame)) >= outgoing.gain_after(FrameCount(frame));
    // One gain falls and the other rises, so a bisection finds the frame.
    let (mut low, mut high) = (0, outgoing.left().0.max(incoming.left().0));
    while low < high {
        let middle = low + (high - low) / 2;
        if passed(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    FrameCount(low)
}

/// How long two tracks overlap when a crossfade of `wanted` joins them. It is at most half of either track: a
/// track shorter than the crossfade has risen before it falls, and three tracks never sound at once. A length
/// of `None` is unknown and bounds nothing.
pub fn overlap(wanted: FrameCount, outgoing: Option<FrameCount>, incoming: Option<FrameCount>) -> FrameCount {
    let half = |length: Option<FrameCount>| length.map_or(u64::MAX, |length| length.0 / 2);
    FrameCount(wanted.0.min(half(outgoing)).min(half(incoming)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVES: [Curve; 4] = [Curve::EqualPower, Curve::Smooth, Curve::Linear, Curve::Decibels];

    fn all(mut ramp: GainRamp, count: usize) -> Vec<f32> {
        let mut gains = vec![f32::NAN; count];
        ramp.fill(&mut gains);
        gains
    }

    #[test]
    fn ramps_are_exact_at_both_ends_and_follow_their_curve_between() {
        for curve in CURVES {
            for (from, to) in [(0.0, 1.0), (1.0, 0.0), (0.3, 0.7), (0.9, 0.1), (0.5, 0.5)] {
                for frames in [1, 2, 3, 63, 220, 1024, 1025, 22_051, 132_300] {
                    let gains = all(GainRamp::new(from, to, FrameCount(frames), curve), frames as usize + 3);
                    assert_eq!(gains[0], from);
                    assert_eq!(gains[frames as usize..], [to; 3]);
                    for (frame, &gain) in gains[..frames as usize].iter().enumerate() {
                        let exact = curve.at(from.into(), to.into(), frame as f64 / frames as f64);
                        let off = (f64::from(gain) - exact).abs();
                        assert!(off < 3e-5, "{curve:?} {from}→{to} frame {frame}/{frames} off by {off:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn ramps_go_one_way_only() {
        for curve in CURVES {
            for frames in [2, 100, 2000, 44_100] {
                let up = all(GainRamp::new(0.0, 1.0, FrameCount(frames), curve), frames as usize + 1);
                assert!(up.is_sorted(), "{curve:?}");
                let down = all(GainRamp::new(1.0, 0.0, FrameCount(frames), curve), frames as usize + 1);
                assert!(down.is_sorted_by(|a, b| a >= b), "{curve:?}");
            }
        }
    }

    #[test]
    fn cutting_the_frames_differently_changes_no_bit() {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for curve in CURVES {
            for frames in [1, 37, 700, 20_000, 50_000] {
                let ramp = GainRamp::new(0.05, 1.0, FrameCount(frames), curve);
                let whole = all(ramp.clone(), frames as usize + 100);
                let mut parts = vec![1.0; whole.len()];
                let (mut cut, mut rest) = (ramp.clone(), &mut parts[..]);
                while !rest.is_empty() {
                    assert_eq!(cut.left(), FrameCount((rest.len() as u64).saturating_sub(100)));
                    let (part, after) = rest.split_at_mut(random.usize(1..=rest.len().min(1500)));
                    assert_eq!(cut.gain().to_bits(), whole[whole.len() - part.len() - after.len()].to_bits());
                    cut.scale(part);
                    rest = after;
                }
                assert_eq!(parts, whole);
                for frame in [0, 1, frames / 2, frames, frames + 5] {
                    assert_eq!(ramp.gain_after(FrameCount(frame)), whole[frame as usize]);
                }
            }
        }
    }

    #[test]
    fn a_crossfade_keeps_its_power_and_crosses_in_the_middle() {
        let frames = FrameCount(132_300);
        let outgoing = GainRamp::new(1.0, 0.0, frames, Curve::EqualPower);
        let incoming = GainRamp::new(0.0, 1.0, frames, Curve::EqualPower);
        for (out, in_) in all(outgoing.clone(), 132_300).into_iter().zip(all(incoming.clone(), 132_300)) {
            assert!((out * out + in_ * in_ - 1.0).abs() < 1e-5);
        }
        assert_eq!(crossing(&outgoing, &incoming), FrameCount(66_150));
    }

    #[test]
    fn the_crossing_is_the_first_frame_at_which_the_incoming_gain_is_not_lower() {
        for (out_from, out_frames, in_to, in_frames) in [
            (1.0, 1000, 1.0, 1000),
            (0.4, 900, 1.0, 2000),
            (1.0, 5000, 0.6, 100),
            (0.0, 0, 1.0, 50),
            (1.0, 1, 1.0, 1),
        ] {
            let outgoing = GainRamp::new(out_from, 0.0, FrameCount(out_frames), Curve::EqualPower);
            let incoming = GainRamp::new(0.0, in_to, FrameCount(in_frames), Curve::EqualPower);
            let naive =
                (0..).find(|&n| incoming.gain_after(FrameCount(n)) >= outgoing.gain_after(FrameCount(n)));
            assert_eq!(Some(crossing(&outgoing, &incoming).0), naive);
        }
        let silent = GainRamp::constant(0.0);
        let loud = GainRamp::new(1.0, 0.5, FrameCount(70), Curve::Linear);
        assert_eq!(crossing(&loud, &silent), FrameCount(70), "never passed: at the end");
    }

    #[test]
    fn a_new_ramp_goes_on_from_where_the_gain_is() {
        let mut ramp = GainRamp::new(0.0, 1.0, FrameCount(1000), Curve::EqualPower);
        ramp.advance(FrameCount(400));
        let here = ramp.gain();
        assert!(here > 0.5 && here < 0.7);
        assert_eq!(ramp.settled(), None);
        ramp.ramp_to(0.0, FrameCount(100), Curve::Smooth);
        assert_eq!((ramp.gain(), ramp.target(), ramp.left()), (here, 0.0, FrameCount(100)));
        ramp.advance(FrameCount(1_000_000));
        assert_eq!((ramp.settled(), ramp.left()), (Some(0.0), FrameCount(0)));
    }

    #[test]
    fn gains_that_make_no_sense_are_silence() {
        for bad in [f32::NAN, -1.0, f32::INFINITY] {
            let ramp = GainRamp::new(bad, bad, FrameCount(10), Curve::EqualPower);
            assert_eq!(all(ramp, 12), [0.0; 12]);
        }
    }

    #[test]
    fn a_track_shorter_than_two_crossfades_has_risen_before_it_falls() {
        let (long, short) = (Some(FrameCount(1_000_000)), Some(FrameCount(1001)));
        let wanted = FrameCount(132_300);
        assert_eq!(overlap(wanted, long, long), wanted);
        assert_eq!(overlap(wanted, None, None), wanted);
        let (before, after) = (overlap(wanted, long, short), overlap(wanted, short, None));
        assert_eq!((before, after), (FrameCount(500), FrameCount(500)));
        assert!(before.0 + after.0 <= 1001);
        assert_eq!(overlap(wanted, long, Some(FrameCount(0))), FrameCount(0));
    }
}

//! The limiter keeps the sum of loud voices from clipping, and leaves everything else alone.

use std::collections::VecDeque;
use std::time::Duration;

use crate::audio::PcmSpec;
use crate::units::FrameCount;

/// 0.3 dB below full scale: lossy encoders add a little to a peak, which seldom clips then.
const CEILING: f32 = 0.966_05;
/// How far it looks ahead, which is how long the gain takes to fall. It is short enough to be masked by the
/// peak that follows, and long enough not to click.
const LOOK_AHEAD: Duration = Duration::from_millis(4);
/// The time constant with which the gain rises again: slow against a bass tone, fast against a phrase.
const RELEASE: Duration = Duration::from_millis(120);

/// A look-ahead limiter. Both channels get the same gain, so that the stereo image does not move.
///
/// No output sample exceeds [`Limiter::CEILING`], whatever the input. A sample that is not a finite number
/// counts as silence. While nothing exceeds the ceiling, the output is the input to the bit,
/// [`delay`](Self::delay) later.
///
/// The gain is the lowest that any frame in the look-ahead needs. It rises slowly, and is averaged over the
/// look-ahead: so it falls in a straight line and is low enough when the peak comes.
#[derive(Debug)]
pub struct Limiter {
    channels: usize,
    /// The last `delay` frames, a ring of interleaved samples.
    delayed: Box<[f32]>,
    /// The next sample of the ring to leave; always the first of a frame.
    next: usize,
    /// `None` while the gain is exactly 1 and nothing in `delayed` needs less.
    state: Option<Active>,
    /// The state that is not in use, kept for its memory.
    spare: Option<Active>,
    release: u64,
}

/// The gain while it is not 1. Gains are fixed-point, in units of 2⁻³⁰. Their sums are exact, so a running
/// average does not drift, and comes back to exactly 1.
#[derive(Debug)]
struct Active {
    /// Frames since it became active.
    frame: u64,
    /// The frames within the window that need less than 1, with the gain that they need, in rising order: the
    /// first is the lowest. Each frame enters and leaves once.
    lows: VecDeque<(u64, u64)>,
    /// The lowest gain, with the release.
    held: u64,
    /// The last values of `held`, a ring whose oldest is at `oldest`, and their sum.
    window: Box<[u64]>,
    oldest: usize,
    sum: u64,
    /// Turns `sum` into its mean as a factor.
    scale: f64,
}

const ONE: u64 = 1 << 30;

impl Limiter {
    /// No sample is louder than this: -0.3 dB.
    pub const CEILING: f32 = CEILING;

    /// A limiter with silence inside.
    pub fn new(spec: PcmSpec) -> Limiter {
        let delay = spec.rate.frames_in(LOOK_AHEAD).0 as usize;
        let channels = spec.channels.count();
        let release_frames = spec.rate.frames_in(RELEASE).0 as f64;
        Limiter {
            channels,
            delayed: vec![0.0; delay * channels].into(),
            next: 0,
            state: None,
            spare: Some(Active::new(delay + 1)),
            release: ((1.0 - (-1.0 / release_frames).exp()) * ONE as f64) as u64,
        }
    }

    /// By how many frames it delays the audio.
    pub fn delay(&self) -> FrameCount {
        FrameCount((self.delayed.len() / self.channels) as u64)
    }

    /// Replaces interleaved frames, any number of them, by those that are due.
    pub fn process(&mut self, mut block: &mut [f32]) {
        debug_assert!(block.len().is_multiple_of(self.channels), "whole frames only");
        while !block.is_empty() {
            let count = block.len().min(self.delayed.len() - self.next);
            let (part, rest) = block.split_at_mut(count);
            self.part(part);
            self.next = (self.next + count) % self.delayed.len();
            block = rest;
        }
    }

    /// Does so for a part that does not cross the end of the ring.
    fn part(&mut self, part: &mut [f32]) {
        let loud = clean(part) > CEILING;
        if self.state.is_none() && loud {
            self.state = self.spare.take();
        }
        let ring = &mut self.delayed[self.next..][..part.len()];
        let Some(active) = &mut self.state else {
            part.swap_with_slice(ring);
            return;
        };
        for (frame, delayed) in part.chunks_exact_mut(self.channels).zip(ring.chunks_exact_mut(self.channels))
        {
            let peak =
                if loud { frame.iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs())) } else { 0.0 };
            let gain = active.gain(peak, self.release);
            for (sample, delayed) in frame.iter_mut().zip(delayed) {
                // The gain is low enough. The clamp only removes rounding errors.
                let due = (*delayed * gain).clamp(-CEILING, CEILING);
                *delayed = std::mem::replace(sample, due);
            }
        }
        if active.is_over() {
            self.spare = self.state.take();
        }
    }
}

impl Active {
    fn new(window: usize) -> Active {
        Active {
            frame: 0,
            lows: VecDeque::with_capacity(window + 1),
            held: ONE,
            window: vec![ONE; window].into(),
            oldest: 0,
            sum: ONE * window as u64,
            scale: 1.0 / (window as f64 * ONE as f64),
        }
    }

    /// The gain of the frame that leaves, when a frame with this `peak` enters.
    fn gain(&mut self, peak: f32, release: u64) -> f32 {
        let window = self.window.len() as u64;
        if peak > CEILING {
            // Rounded down: a gain that is too high would clip.
            let need = (f64::from(CEILING) / f64::from(peak) * ONE as f64) as u64;
            while self.lows.back().is_some_and(|&(_, low)| low >= need) {
                self.lows.pop_back();
            }
            self.lows.push_back((self.frame, need));
        }
        if self.lows.front().is_some_and(|&(frame, _)| frame + window <= self.frame) {
            self.lows.pop_front();
        }
        let lowest = self.lows.front().map_or(ONE, |&(_, low)| low);
        // Rounded up, so that it reaches its target.
        let risen = self.held + ((ONE - self.held) * release).div_ceil(ONE);
        self.held = risen.min(lowest);
        let oldest = std::mem::replace(&mut self.window[self.oldest], self.held);
        self.sum = self.sum + self.held - oldest;
        self.oldest = if self.oldest + 1 == self.window.len() { 0 } else { self.oldest + 1 };
        self.frame += 1;
        (self.sum as f64 * self.scale) as f32
    }

    /// Whether every gain inside is 1 again.
    fn is_over(&self) -> bool {
        self.lows.is_empty() && self.sum == ONE * self.window.len() as u64
    }
}

/// Replaces every sample that is not a finite number by silence, and returns the highest sample.
fn clean(samples: &mut [f32]) -> f32 {
    const SIGN: u32 = 1 << 31;
    const INFINITE: i32 = 0x7f80_0000;
    // Without their signs, floats compare like their bits as integers, and whatever is not finite is above
    // the rest. Comparing integers makes a fast loop.
    let highest = |samples: &[f32]| {
        let bits = samples.iter().map(|sample| (sample.to_bits() & !SIGN) as i32);
        bits.fold(0, |high, bits| if bits > high { bits } else { high })
    };
    let mut high = highest(samples);
    if high >= INFINITE {
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
        }
        high = highest(samples);
    }
    f32::from_bits(high as u32)
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use proptest::prelude::*;

    use super::*;
    use crate::audio::Channels;
    use crate::units::SampleRate;

    /// What comes out for `input`, aligned with it, when it comes in blocks of `block` frames.
    fn limited(input: &[f32], spec: PcmSpec, block: usize) -> Vec<f32> {
        let mut limiter = Limiter::new(spec);
        let delay = limiter.delay().0 as usize * spec.channels.count();
        let mut samples = input.to_vec();
        samples.resize(input.len() + delay, 0.0);
        for block in samples.chunks_mut(block * spec.channels.count()) {
            limiter.process(block);
        }
        samples.split_off(delay)
    }

    fn sine(frames: usize, hz: f32, amplitude: f32) -> Vec<f32> {
        (0..frames).flat_map(|n| [(n as f32 * hz / 44_100.0 % 1.0 * TAU).sin() * amplitude; 2]).collect()
    }

    /// The definition, frame by frame and without any cleverness: the lowest gain that a frame of the
    /// next `delay` frames needs.
    fn needed(input: &[f32], delay: usize) -> Vec<f32> {
        let peaks: Vec<f32> = input.chunks(2).map(|frame| frame[0].abs().max(frame[1].abs())).collect();
        (0..peaks.len())
            .map(|n| {
                let highest = peaks[n..(n + delay + 1).min(peaks.len())].iter().copied().fold(0.0, f32::max);
                (CEILING / highest).min(1.0)
            })
            .collect()
    }

    #[test]
    fn below_the_ceiling_samples_come_out_as_they_went_in() {
        let mut random = fastrand::Rng::with_seed(2);
        let input: Vec<f32> = (0..20_000).map(|_| (random.f32() * 2.0 - 1.0) * CEILING).collect();
        for block in [1, 7, 176, 177, 1024, 10_000] {
            assert_eq!(limited(&input, PcmSpec::CD, block), input);
        }
    }

    #[test]
    fn a_square_wave_twelve_decibels_too_loud_comes_out_square_at_the_ceiling() {
        let input: Vec<f32> =
            (0..44_100).flat_map(|n| [if n / 50 % 2 == 0 { 4.0 } else { -4.0 }; 2]).collect();
        let output = limited(&input, PcmSpec::CD, 1024);
        for (n, (out, in_)) in output.iter().zip(&input).enumerate() {
            assert!(out.abs() <= CEILING, "sample {n}: {out}");
            assert!(out.abs() > 0.99 * CEILING && out.signum() == in_.signum(), "sample {n}: {out}");
        }
    }

    #[test]
    fn it_is_exact_again_a_while_after_a_peak() {
        let mut input = sine(5 * 44_100, 440.0, 0.5);
        input[20_000] = 3.0;
        let output = limited(&input, PcmSpec::CD, 1024);
        let before = 20_000 - 2 * 177;
        assert_eq!(output[..before], input[..before], "exact until the look-ahead sees it");
        assert!((output[20_000] - CEILING).abs() < 1e-4);
        assert!(output[20_002] / input[20_002] < 0.5, "and not let go at once");
        let after = 20_000 + 2 * 3 * 44_100;
        assert_eq!(output[after..], input[after..], "exact again within three seconds");
    }

    #[test]
    fn the_gain_is_never_above_what_is_needed_and_moves_without_steps() {
        let loud: Vec<f32> = sine(44_100, 97.0, 2.5);
        let mut input = sine(22_050, 97.0, 0.4);
        input.extend(loud);
        input.extend(sine(44_100, 97.0, 0.4));
        let output = limited(&input, PcmSpec::CD, 1000);
        let needed = needed(&input, 0);
        let mut last = None;
        for (n, frame) in output.chunks(2).enumerate() {
            if input[2 * n].abs() < 0.05 {
                last = None;
                continue;
            }
            let gain = frame[0] / input[2 * n];
            assert!(gain <= needed[n] * (1.0 + 1e-6), "frame {n}: {gain} > {}", needed[n]);
            let step = last.map_or(0.0, |last: f32| (gain - last).abs());
            // From 1 to 0.39 in 177 frames is 0.0035 a frame.
            assert!(step < 0.004, "frame {n}: the gain moves by {step} in one frame");
            last = Some(gain);
        }
    }

    #[test]
    fn both_channels_have_one_gain() {
        let mut input = sine(20_000, 300.0, 2.0);
        for frame in input.chunks_mut(2) {
            frame[1] *= 0.1;
        }
        for frame in limited(&input, PcmSpec::CD, 512).chunks(2) {
            assert!((frame[0] * 0.1 - frame[1]).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_number_is_silence_and_leaves_no_trace() {
        let mut input = sine(10_000, 440.0, 0.5);
        let mut expected = input.clone();
        for (n, bad) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -f32::NAN].into_iter().enumerate() {
            input[5000 + n] = bad;
            expected[5000 + n] = 0.0;
        }
        assert_eq!(limited(&input, PcmSpec::CD, 1024), expected);
    }

    #[test]
    fn a_tone_that_is_held_down_stays_clean() {
        // The gain may breathe with a bass tone only a little: below 1 % from crest to crest.
        let output = limited(&sine(3 * 44_100, 50.0, 2.0), PcmSpec::CD, 1024);
        let crest = |samples: &[f32]| samples.iter().fold(0.0_f32, |high, sample| high.max(sample.abs()));
        for part in output[44_100..].chunks_exact(2 * 441) {
            assert!((crest(part) - CEILING).abs() < 0.01 * CEILING);
        }
    }

    #[test]
    fn every_rate_and_layout_has_the_delay_that_it_says() {
        for hz in [8_000, 22_050, 44_100, 96_000, 192_000] {
            for channels in [Channels::Mono, Channels::Stereo] {
                let spec = PcmSpec { rate: SampleRate::new(hz).unwrap(), channels };
                let mut limiter = Limiter::new(spec);
                let delay = limiter.delay().0 as usize;
                assert!((0.003..=0.005).contains(&(delay as f64 / f64::from(hz))));
                let mut samples = vec![0.0; (delay + 100) * channels.count()];
                samples[0] = 0.5;
                limiter.process(&mut samples);
                assert_eq!(samples.iter().position(|&sample| sample != 0.0), Some(delay * channels.count()));
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_exceeds_the_ceiling_and_blocks_do_not_matter(
            runs in prop::collection::vec((any::<f32>(), -2.0_f32..2.0, 1_usize..600), 1..12),
            block in 1_usize..1500,
        ) {
            let mut input = Vec::new();
            for (wild, tame, frames) in runs {
                input.extend([wild, tame]);
                input.extend([tame, -tame].repeat(frames));
            }
            let output = limited(&input, PcmSpec::CD, block);
            prop_assert!(output.iter().all(|sample| sample.abs() <= CEILING));
            prop_assert_eq!(output, limited(&input, PcmSpec::CD, 1024));
        }
    }
}

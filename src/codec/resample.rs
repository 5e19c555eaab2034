//! Converts the sample rate, with an exact number of frames.
//!
//! The output has exactly `round(input frames * output rate / input rate)` frames. The filter's delay is cut
//! off, so the output is in time with the input. If a resampler is not finished, it goes on with the next
//! file's frames, so files that belong together join without a gap.
//!
//! The filter needs frames beyond both ends of the input. With silence there, an abrupt end would ring and be
//! heard as a click where two files meet. Instead, the filter gets the input mirrored at its end and inverted
//! around the last sample, which continues its level and its slope.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, WindowFunction};

use crate::units::{FrameCount, SampleRate};

/// The least length of the filter, in frames at the lower rate. It determines the filter's steepness. With
/// 512, the passband is flat up to 0.95 of half that rate (20.9 kHz of 22.05), and aliases are more than 130
/// dB down.
const FILTER_FRAMES: usize = 512;

/// If two rates would need longer blocks than this, they are resampled frame by frame. That costs more CPU
/// time, but saves half a second of set-up.
const MAX_BLOCK_FRAMES: usize = 32 * 1024;

/// A running resampler for interleaved frames.
pub(crate) struct Resampler {
    filter: Box<dyn rubato::Resampler<f32>>,
    channels: usize,
    from: SampleRate,
    to: SampleRate,
    /// Input frames that do not fill a block yet.
    input: Vec<f32>,
    /// The output of the last block; as long as the longest block.
    output: Vec<f32>,
    block_in: usize,
    /// Output frames that are still to be cut off, because of the filter's delay.
    delay: usize,
    /// How many frames the filter needs on either side. Zero for the filter that goes frame by frame: its
    /// delay is not a whole number of frames, so nothing is mirrored.
    reach: usize,
    /// The last input frames: one more than are mirrored, or fewer at the beginning.
    edge: Vec<f32>,
    begun: bool,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A resampler between two different rates.
    pub(crate) fn new(from: SampleRate, to: SampleRate, channels: usize) -> Resampler {
        let (filter, reach) = filter(from, to, channels);
        let block_in = filter.input_frames_next();
        Resampler {
            reach,
            edge: Vec::with_capacity((reach + 1) * channels),
            begun: false,
            input: Vec::with_capacity(block_in * channels),
            output: vec![0.0; filter.output_frames_max() * channels],
            delay: filter.output_delay(),
            filter,
            channels,
            from,
            to,
            block_in,
            taken: 0,
            given: 0,
        }
    }

    /// Where to start for output frame `target`, so that the result is the same as after resampling
    /// everything before it: an input frame, and the number of output frames to drop.
    pub(crate) fn entry(&self, target: FrameCount) -> (FrameCount, FrameCount) {
        let step = common_divisor(self.from.hz(), self.to.hz());
        let (step_in, step_out) = (u64::from(self.from.hz() / step), u64::from(self.to.hz() / step));
        // One block covers the filter. Only a whole step ends on a frame at both rates.
        let lead = (self.block_in as u64).div_ceil(step_in);
        let steps = (target.0 / step_out).saturating_sub(lead);
        (FrameCount(steps * step_in), FrameCount(target.0 - steps * step_out))
    }

    /// Resamples interleaved frames, and appends the output that is ready.
    pub(crate) fn push(&mut self, frames: &[f32], out: &mut Vec<f32>) {
        self.taken += (frames.len() / self.channels) as u64;
        let mut now = frames;
        if !self.begun {
            let missing = (self.reach + 1) * self.channels - self.edge.len();
            let (edge, later) = frames.split_at(missing.min(frames.len()));
            self.edge.extend_from_slice(edge);
            if edge.len() < missing {
                return;
            }
            self.begin(out);
            now = later;
        }
        self.feed(now, u64::MAX, out);
        let kept = (self.reach + 1) * self.channels;
        if frames.len() >= kept {
            self.edge.clear();
            self.edge.extend_from_slice(&frames[frames.len() - kept..]);
        } else {
            self.edge.extend_from_slice(now);
            self.edge.drain(..self.edge.len() - kept);
        }
    }

    /// Appends the rest of the output, and resets the resampler.
    pub(crate) fn finish(&mut self, out: &mut Vec<f32>) {
        let total = rescale(self.taken, self.from.hz(), self.to.hz());
        if !self.begun {
            self.begin(out);
        }
        let beyond = self.beyond();
        self.feed(&beyond, total, out);
        while self.given < total {
            self.input.resize(self.block_in * self.channels, 0.0);
            self.turn(total, out);
        }
        self.filter.reset();
        self.input.clear();
        self.edge.clear();
        self.begun = false;
        self.delay = self.filter.output_delay();
        (self.taken, self.given) = (0, 0);
    }

    /// Gives the filter the mirrored frames before the first ones, then the first ones.
    fn begin(&mut self, out: &mut Vec<f32>) {
        let before = self.before();
        // Their output is cut off: `reach` is a whole number of frames at both rates.
        self.delay += rescale(self.reach as u64, self.from.hz(), self.to.hz()) as usize;
        let edge = std::mem::take(&mut self.edge);
        self.feed(&before, u64::MAX, out);
        self.feed(&edge, u64::MAX, out);
        self.edge = edge;
        self.begun = true;
    }
    /// The frames before the first one: the beginning, mirrored.
    fn before(&self) -> Vec<f32> {
        let mut frames = vec![0.0; (self.reach - self.mirrored()) * self.channels];
        for distance in (1..=self.mirrored()).rev() {
            frames.extend(self.reflection(0, distance));
        }
        frames
    }

    /// The frames after the last one: the end, mirrored.
    fn beyond(&self) -> Vec<f32> {
        let last = (self.edge.len() / self.channels).saturating_sub(1);
        (1..=self.mirrored()).flat_map(|distance| self.reflection(last, last - distance)).collect()
    }

    /// How many frames can be mirrored.
    fn mirrored(&self) -> usize {
        (self.edge.len() / self.channels).saturating_sub(1).min(self.reach)
    }

    /// A frame, mirrored at another and inverted around it.
    fn reflection(&self, at: usize, frame: usize) -> impl Iterator<Item = f32> {
        (0..self.channels).map(move |channel| {
            let sample = |frame: usize| self.edge[frame * self.channels + channel];
            2.0 * sample(at) - sample(frame)
        })
    }

    /// Fills blocks with frames and resamples those that are full, up to output frame `total`.
    fn feed(&mut self, mut frames: &[f32], total: u64, out: &mut Vec<f32>) {
        while !frames.is_empty() {
            let room = self.block_in * self.channels - self.input.len();
            let (now, later) = frames.split_at(room.min(frames.len()));
            self.input.extend_from_slice(now);
            frames = later;
            if self.input.len() == self.block_in * self.channels {
                self.turn(total, out);
            }
        }
    }

    /// Resamples the full block in `input`, and appends it up to output frame `total`.
    fn turn(&mut self, total: u64, out: &mut Vec<f32>) {
        let made = turn(&mut *self.filter, &self.input, &mut self.output, self.channels);
        self.input.clear();
        let cut = self.delay.min(made);
        self.delay -= cut;
        let due = total.saturating_sub(self.given).min((made - cut) as u64);
        let end = cut + due as usize;
        out.extend_from_slice(&self.output[cut * self.channels..end * self.channels]);
        self.given += due;
    }
}

/// Resamples a block of the size that the filter asks for into a buffer that has room for what it makes.
/// Returns how many frames that is.
pub(super) fn turn(
    filter: &mut dyn rubato::Resampler<f32>,
    block: &[f32],
    output: &mut [f32],
    channels: usize,
) -> usize {
    let input = InterleavedSlice::new(block, channels, block.len() / channels).expect("it has whole frames");
    let room = output.len() / channels;
    let mut output = InterleavedSlice::new_mut(output, channels, room).expect("it has room for whole frames");
    let made = filter.process_into_buffer(&input, &mut output, None);
    made.expect("both buffers have the size that was asked for").1
}

/// The filter, for blocks of one size, and the number of frames to mirror.
fn filter(from: SampleRate, to: SampleRate, channels: usize) -> (Box<dyn rubato::Resampler<f32>>, usize) {
    const WINDOW: WindowFunction = WindowFunction::BlackmanHarris2;
    let step = common_divisor(from.hz(), to.hz());
    let (step_in, step_out) = ((from.hz() / step) as usize, (to.hz() / step) as usize);
    // An even number of steps: half a block, the filter's delay, is a whole number of frames.
    let steps = FILTER_FRAMES.div_ceil(step_in.min(step_out)).next_multiple_of(2);
    let block = steps * step_in;
    let (hz_in, hz_out) = (from.hz() as usize, to.hz() as usize);
    if block.max(steps * step_out) <= MAX_BLOCK_FRAMES {
        let fft = Fft::new_custom(hz_in, hz_out, block, 1, channels, WINDOW, FixedSync::Both)
            .expect("rates and block are not zero");
        (Box::new(fft), block / 2)
    } else {
        let ratio = f64::from(to.hz()) / f64::from(from.hz());
        let sinc = SincInterpolationParameters::new(FILTER_FRAMES, WINDOW);
        let sinc = Async::new_sinc(ratio, 1.0, &sinc, FILTER_FRAMES, channels, FixedAsync::Input)
            .expect("the ratio is one of two rates");
        (Box::new(sinc), 0)
    }
}

/// Converts a number of frames from one rate to another, both in hertz, rounded to the nearest. A number that
/// does not fit is the largest that does.
pub(crate) fn rescale(frames: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (u128::from(from), u128::from(to));
    u64::try_from((u128::from(frames) * to * 2 + from) / (from * 2)).unwrap_or(u64::MAX)
}

/// The greatest common divisor.
fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;

    use super::*;

    const PAIRS: [(u32, u32); 9] = [
        (48_000, 44_100),
        (44_100, 48_000),
        (22_050, 44_100),
        (8_000, 44_100),
        (11_025, 48_000),
        (32_000, 44_100),
        (96_000, 44_100),
        (192_000, 48_000),
        (44_100, 22_050),
    ];

    fn rate(hz: u32) -> SampleRate {
        SampleRate::new(hz).unwrap()
    }

    fn sine(hz: f64, rate: u32, frames: usize) -> Vec<f32> {
        (0..frames).map(|n| (TAU * hz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    /// Resamples mono in pieces of the size that decoders give.
    fn resampled(input: &[f32], from: u32, to: u32) -> Vec<f32> {
        let mut resampler = Resampler::new(rate(from), rate(to), 1);
        let mut out = Vec::new();
        input.chunks(1152).for_each(|piece| resampler.push(piece, &mut out));
        resampler.finish(&mut out);
        out
    }

    /// The loudest that `got` differs from `wanted` in the middle half of both.
    fn difference(wanted: &[f32], got: &[f32]) -> f32 {
        let middle = wanted.len() / 4..wanted.len() * 3 / 4;
        let pairs = wanted[middle.clone()].iter().zip(&got[middle]);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn what_both_rates_can_carry_comes_through_as_it_was() {
        for (from, to) in PAIRS {
            let nyquist = f64::from(from.min(to)) / 2.0;
            for part in [0.02, 0.3, 0.7, 0.9, 0.945] {
                let hz = nyquist * part;
                let got = resampled(&sine(hz, from, from as usize / 2), from, to);
                // Within 0.0005 dB, in phase, and with all that does not belong 80 dB down.
                let off = difference(&sine(hz, to, to as usize / 2), &got);
                assert!(off < 1e-4, "{hz} Hz from {from} to {to} is off by {off}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for (from, to) in PAIRS.into_iter().filter(|(from, to)| from > to) {
            for part in [1.0, 1.02, 1.05, 1.2, 1.7] {
                let hz = f64::from(to) / 2.0 * part;
                if hz >= f64::from(from) / 2.0 {
                    continue;
                }
                let got = resampled(&sine(hz, from, from as usize / 2), from, to);
                let left = difference(&vec![0.0; to as usize / 2], &got);
                assert!(left < 1e-6, "{hz} Hz from {from} to {to} is still there: {left}");
            }
        }
    }

    #[test]
    fn a_sound_that_is_cut_off_has_no_ringing_at_its_ends() {
        for (from, to) in PAIRS {
            let whole = sine(440.0, from, 30_000);
            let got = resampled(&whole[1_234..20_000], from, to);
            let at = |frame: usize| {
                (TAU * 440.0 * (1_234.0 / f64::from(from) + frame as f64 / f64::from(to))).sin() as f32
            };
            let off = got.iter().enumerate().map(|(frame, sample)| (sample - at(frame)).abs());
            let off = off.fold(0.0, f32::max);
            // The lower the rate, the more a mirrored sound differs from what it continues.
            let limit = if from.min(to) > 20_000 { 0.003 } else { 0.04 };
            assert!(off < limit, "from {from} to {to} it is off by {off}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn the_length_is_exact_and_pieces_do_not_matter(
            from in 8_000u32..=96_000,
            to in prop::sample::select(vec![22_050u32, 32_000, 44_100, 48_000]),
            pieces in prop::collection::vec(0usize..3_000, 0..8),
        ) {
            prop_assume!(from != to);
            let total: usize = pieces.iter().sum();
            let input = sine(440.0, from, total);
            let mut resampler = Resampler::new(rate(from), rate(to), 1);
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            resampler.push(&input, &mut whole);
            resampler.finish(&mut whole);
            let wanted = (total as f64 * f64::from(to) / f64::from(from)).round() as usize;
            prop_assert_eq!(whole.len(), wanted);

            // As new after the end: the same again, in pieces.
            let mut rest = input.as_slice();
            for piece in pieces {
                let (now, later) = rest.split_at(piece);
                resampler.push(now, &mut parts);
                rest = later;
            }
            resampler.finish(&mut parts);
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn entering_in_the_middle_gives_the_same_frames(
            (from, to) in prop::sample::select(PAIRS.to_vec()),
            target in 0u64..20_000,
        ) {
            let input = sine(440.0, from, from as usize / 2);
            let whole = resampled(&input, from, to);
            prop_assume!((target as usize) < whole.len());
            let resampler = Resampler::new(rate(from), rate(to), 1);
            let (begin, drop) = resampler.entry(FrameCount(target));
            prop_assert!(begin.0 <= input.len() as u64);
            let entered = resampled(&input[begin.0 as usize..], from, to);
            let (wanted, got) = (&whole[target as usize..], &entered[drop.0 as usize..]);
            prop_assert_eq!(wanted.len(), got.len());
            for (wanted, got) in wanted.iter().zip(got) {
                prop_assert!((wanted - got).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn no_rate_is_too_odd() {
        for from in [8_009, 44_099, 44_101, 191_999] {
            let hz = 1_000.0;
            let got = resampled(&sine(hz, from, from as usize), from, 44_100);
            assert_eq!(got.len(), 44_100);
            // The delay of this filter is no whole number of frames: it is up to one late.
            let off = difference(&sine(hz, 44_100, 44_100), &got);
            assert!(off < 0.15, "from {from} it is off by {off}");
            let resampler = Resampler::new(rate(from), SampleRate::CD, 1);
            let (begin, drop) = resampler.entry(FrameCount(100_000));
            assert!(begin.0 < 100_000 * u64::from(from) / 44_100 && drop.0 < 3 * 44_100);
        }
        let ultrasound = resampled(&sine(30_000.0, 191_999, 191_999), 191_999, 44_100);
        assert!(difference(&vec![0.0; 44_100], &ultrasound) < 1e-4);
    }
}

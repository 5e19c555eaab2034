//! Loudness: K-weighted by ITU-R BS.1770, over the windows of EBU Tech 3341.

use crate::audio::{Channels, PcmSpec};
use crate::units::SampleRate;

/// How often the loudness is updated: ten times a second.
const SLICES_A_SECOND: u32 = 10;
/// Momentary loudness is over 400 ms, short-term loudness over 3 s.
const MOMENTARY: usize = 4;
const SHORT_TERM: usize = 30;

/// The loudness of silence, in LUFS.
const SILENCE: f32 = -144.0;

/// Loudness in LUFS; silence has -144.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loudness {
    /// Over the last 400 ms.
    pub momentary: f32,
    /// Over the last 3 s.
    pub short_term: f32,
}

impl Default for Loudness {
    fn default() -> Loudness {
        Loudness { momentary: SILENCE, short_term: SILENCE }
    }
}

/// Measures a pipeline's mix. Allocates nothing after its start.
#[derive(Clone, Debug)]
pub struct LoudnessMeter {
    channels: Channels,
    shelf: Biquad,
    high_pass: Biquad,
    /// The weighted energy of the slice that is being filled, and the frames that are missing from it.
    energy: f64,
    lacks: usize,
    slice_frames: usize,
    /// The mean power of the last slices, all channels together; the one before `next` is the newest.
    slices: [f64; SHORT_TERM],
    next: usize,
}

impl LoudnessMeter {
    /// For interleaved frames of this shape.
    pub fn new(spec: PcmSpec) -> LoudnessMeter {
        let slice_frames = (spec.rate.hz() / SLICES_A_SECOND) as usize;
        LoudnessMeter {
            channels: spec.channels,
            shelf: Biquad::shelf(spec.rate),
            high_pass: Biquad::high_pass(spec.rate),
            energy: 0.0,
            lacks: slice_frames,
            slice_frames,
            slices: [0.0; SHORT_TERM],
            next: 0,
        }
    }

    /// Takes the next frames.
    pub fn add(&mut self, mut frames: &[f32]) {
        while !frames.is_empty() {
            let now = (self.lacks * self.channels.count()).min(frames.len());
            let (part, rest) = frames.split_at(now);
            self.energy += match self.channels {
                Channels::Mono => self.weigh(part.iter().map(|sample| [f64::from(*sample), 0.0])),
                Channels::Stereo => {
                    self.weigh(part.as_chunks::<2>().0.iter().map(|frame| frame.map(f64::from)))
                }
            };
            self.lacks -= now / self.channels.count();
            if self.lacks == 0 {
                self.end_slice();
            }
            frames = rest;
        }
    }

    /// The loudness as of the last whole tenth of a second. By BS.1770 one channel counts once: mono is 3 dB
    /// less loud than the same in both channels.
    pub fn loudness(&self) -> Loudness {
        Loudness { momentary: self.over(MOMENTARY), short_term: self.over(SHORT_TERM) }
    }

    fn weigh(&mut self, frames: impl Iterator<Item = [f64; 2]>) -> f64 {
        let mut energy = [0.0; 2];
        for frame in frames {
            let weighted = self.high_pass.next(self.shelf.next(frame));
            for (energy, weighted) in energy.iter_mut().zip(weighted) {
                *energy += weighted * weighted;
            }
        }
        energy[0] + energy[1]
    }

    fn end_slice(&mut self) {
        let power = self.energy / self.slice_frames as f64;
        self.slices[self.next] = if power.is_finite() { power } else { 0.0 };
        self.next = (self.next + 1) % SHORT_TERM;
        self.energy = 0.0;
        self.lacks = self.slice_frames;
        self.shelf.settle();
        self.high_pass.settle();
    }

    fn over(&self, slices: usize) -> f32 {
        let last = (1..=slices).map(|back| self.slices[(self.next + SHORT_TERM - back) % SHORT_TERM]);
        let power = last.sum::<f64>() / slices as f64;
        // The offset makes a 997 Hz sine as loud as its level says.
        ((-0.691 + 10.0 * power.log10()) as f32).max(SILENCE)
    }
}

/// A filter of the second order, for two channels at once.
#[derive(Clone, Debug)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [[f64; 2]; 2],
}

impl Biquad {
    /// The effect of a head: +4 dB above some 1.7 kHz. (The standard gives coefficients for 48 kHz. This
    /// computes the same filter for any rate.)
    fn shelf(rate: SampleRate) -> Biquad {
        const HZ: f64 = 1_681.974_450_955_533;
        const GAIN_DB: f64 = 3.999_843_853_973_347;
        const Q: f64 = 0.707_175_236_955_419_6;
        let k = warped(HZ, rate);
        let high = 10_f64.powf(GAIN_DB / 20.0);
        let band = high.powf(0.499_666_774_154_541_6);
        let scale = 1.0 / (1.0 + k / Q + k * k);
        let b = [high + band * k / Q + k * k, 2.0 * (k * k - high), high - band * k / Q + k * k];
        Biquad::new(b.map(|b| b * scale), [2.0 * (k * k - 1.0) * scale, (1.0 - k / Q + k * k) * scale])
    }

    /// The effect of an ear: a high-pass at some 40 Hz.
    fn high_pass(rate: SampleRate) -> Biquad {
        const HZ: f64 = 38.135_470_876_024_44;
        const Q: f64 = 0.500_327_037_323_877_3;
        let k = warped(HZ, rate);
        let scale = 1.0 / (1.0 + k / Q + k * k);
        Biquad::new([1.0, -2.0, 1.0], [2.0 * (k * k - 1.0) * scale, (1.0 - k / Q + k * k) * scale])
    }

    fn new(b: [f64; 3], a: [f64; 2]) -> Biquad {
        Biquad { b, a, state: [[0.0; 2]; 2] }
    }

    fn next(&mut self, input: [f64; 2]) -> [f64; 2] {
        let ([b0, b1, b2], [a1, a2], [s1, s2]) = (self.b, self.a, &mut self.state);
        let mut output = [0.0; 2];
        for channel in 0..2 {
            output[channel] = b0 * input[channel] + s1[channel];
            s1[channel] = b1 * input[channel] - a1 * output[channel] + s2[channel];
            s2[channel] = b2 * input[channel] - a2 * output[channel];
        }
        output
    }

    /// Clears what would do harm in the filter: numbers so small that the machine is slow with them, and what
    /// is not a number, which would stay for ever.
    fn settle(&mut self) {
        for state in self.state.iter_mut().flatten() {
            if !(1e-30..1e30).contains(&state.abs()) {
                *state = 0.0;
            }
        }
    }
}

/// The frequency, pre-warped for the bilinear transform.
fn warped(hz: f64, rate: SampleRate) -> f64 {
    (std::f64::consts::PI * hz / f64::from(rate.hz())).tan()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u32; 5] = [32_000, 44_100, 48_000, 96_000, 192_000];

    fn spec(hz: u32, channels: Channels) -> PcmSpec {
        PcmSpec { rate: SampleRate::new(hz).unwrap(), channels }
    }

    /// The loudness after these seconds of a sine, in blocks as a mixer has them.
    fn of_sine(spec: PcmSpec, hz: f64, level_db: f64, seconds: f64) -> Loudness {
        let mut meter = LoudnessMeter::new(spec);
        add_sine(&mut meter, spec, hz, level_db, seconds);
        meter.loudness()
    }

    fn add_sine(meter: &mut LoudnessMeter, spec: PcmSpec, hz: f64, level_db: f64, seconds: f64) {
        let (level, rate) = (10_f64.powf(level_db / 20.0), f64::from(spec.rate.hz()));
        let step = std::f64::consts::TAU * hz / rate;
        let frame = |n: usize| (level * (step * n as f64).sin()) as f32;
        let samples: Vec<f32> = (0..(rate * seconds) as usize)
            .flat_map(|n| std::iter::repeat_n(frame(n), spec.channels.count()))
            .collect();
        samples.chunks(1024 * spec.channels.count()).for_each(|block| meter.add(block));
    }

    fn near(lufs: f32, expected: f32) {
        assert!((lufs - expected).abs() <= 0.1, "{lufs} LUFS, not {expected}");
    }

    #[test]
    fn at_48_khz_the_filters_are_the_standards() {
        let rate = SampleRate::new(48_000).unwrap();
        let (shelf, high_pass) = (Biquad::shelf(rate), Biquad::high_pass(rate));
        let close = |known: &[f64], found: &[f64]| {
            for (known, found) in known.iter().zip(found) {
                assert!((known - found).abs() < 1e-8, "{known} {found}");
            }
        };
        close(&[1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85], &shelf.b);
        close(&[-1.690_659_293_182_41, 0.732_480_774_215_85], &shelf.a);
        close(&[-1.990_047_454_833_98, 0.990_072_250_366_21], &high_pass.a);
    }

    #[test]
    fn the_cases_of_ebu_tech_3341() {
        for hz in RATES {
            let stereo = spec(hz, Channels::Stereo);
            for level in [-23.0, -33.0] {
                let loudness = of_sine(stereo, 1000.0, level, 4.0);
                near(loudness.momentary, level as f32);
                near(loudness.short_term, level as f32);
            }
        }
    }

    #[test]
    fn a_full_997_hz_sine_in_one_channel_is_3_01_below() {
        // The calibration of BS.1770: 0 dBFS in one channel.
        near(of_sine(spec(48_000, Channels::Mono), 997.0, 0.0, 4.0).momentary, -3.01);
    }

    #[test]
    fn bass_is_less_loud_and_treble_louder() {
        let stereo = spec(44_100, Channels::Stereo);
        let [bass, middle, treble] =
            [30.0, 1000.0, 8000.0].map(|hz| of_sine(stereo, hz, -20.0, 4.0).momentary);
        assert!((3.0..12.0).contains(&(middle - bass)), "{bass} {middle}");
        assert!((2.5..4.0).contains(&(treble - middle)), "{treble} {middle}");
    }

    #[test]
    fn each_window_has_its_own_length() {
        let stereo = spec(48_000, Channels::Stereo);
        let mut meter = LoudnessMeter::new(stereo);
        assert_eq!(meter.loudness(), Loudness::default());
        add_sine(&mut meter, stereo, 1000.0, -20.0, 3.0);
        near(meter.loudness().short_term, -20.0);
        // Half of the momentary window is silent, and a fifteenth of the other.
        meter.add(&vec![0.0; 2 * 9_600]);
        near(meter.loudness().momentary, -23.01);
        near(meter.loudness().short_term, -20.3);
        meter.add(&vec![0.0; 2 * 48_000]);
        assert_eq!(meter.loudness().momentary, SILENCE);
        meter.add(&vec![0.0; 2 * 48_000 * 2]);
        assert_eq!(meter.loudness(), Loudness::default());
        assert_eq!(meter.shelf.state.concat(), [0.0; 4], "no denormal numbers in silence");
    }

    #[test]
    fn what_is_no_number_is_over_with_its_slice() {
        let stereo = spec(48_000, Channels::Stereo);
        let mut meter = LoudnessMeter::new(stereo);
        meter.add(&[f32::NAN, f32::INFINITY]);
        add_sine(&mut meter, stereo, 1000.0, -20.0, 4.0);
        near(meter.loudness().short_term, -20.0);
    }

    #[test]
    fn how_it_is_cut_makes_no_difference() {
        let stereo = spec(44_100, Channels::Stereo);
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<f32> = (0..2 * 30_000).map(|_| random.f32() - 0.5).collect();
        let mut whole = LoudnessMeter::new(stereo);
        whole.add(&noise);
        let mut cut = LoudnessMeter::new(stereo);
        let mut rest = noise.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at((2 * random.usize(1..3_000)).min(rest.len()));
            cut.add(now);
            rest = later;
        }
        let (whole, cut) = (whole.loudness().momentary, cut.loudness().momentary);
        assert!((whole - cut).abs() < 1e-5, "{whole} {cut}");
    }
}

//! Converts floats to the 16-bit samples that FDK-AAC takes.

use fastrand::Rng;

use crate::codec::input::clip;

/// Full scale, the same as decoders of 16-bit files use, so that an unchanged file stays exact.
const FULL_SCALE: f32 = 32_768.0;

/// Rounds to 16 bits with triangular dither, two steps wide. This makes the error independent of the signal:
/// fades end in an even hiss at -96 dB instead of crackling.
///
/// A sample that is exactly on a step is not changed, because it has no rounding error. So digital silence
/// stays silence, and a 16-bit file at its own level stays exact.
pub(super) struct Dither {
    noise: Rng,
}

impl Dither {
    /// Noise from a fixed seed, so that an encoder's output depends on its input alone.
    pub(super) fn new() -> Dither {
        Dither { noise: Rng::with_seed(0x6c6f_6e67_7761_7665) }
    }

    pub(super) fn sample(&mut self, sample: f32) -> i16 {
        let exact = clip(sample) * FULL_SCALE;
        let stepped = if exact.fract() == 0.0 { exact } else { (exact + self.triangle()).round() };
        stepped as i16 // saturates: full scale is one step beyond what 16 bits hold
    }

    /// Triangular noise within -1.0..1.0: the difference of two uniform random numbers.
    fn triangle(&mut self) -> f32 {
        let random = self.noise.u32(..);
        let (one, other) = (random >> 16, random & 0xffff);
        (one as f32 - other as f32) / 65_536.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_samples_pass_unchanged() {
        let mut dither = Dither::new();
        for step in i16::MIN..=i16::MAX {
            assert_eq!(dither.sample(f32::from(step) / 32_768.0), step);
        }
        assert_eq!(dither.sample(1.0), i16::MAX);
        assert_eq!(dither.sample(f32::INFINITY), i16::MAX);
        assert_eq!(dither.sample(f32::NAN), 0);
    }

    #[test]
    fn the_error_is_on_average_nothing_and_as_strong_everywhere() {
        let mut dither = Dither::new();
        for tenths in 1..10 {
            // Between steps 100 and 101.
            let exact = 100.0 + tenths as f32 / 10.0;
            let errors: Vec<f32> =
                (0..100_000).map(|_| f32::from(dither.sample(exact / 32_768.0)) - exact).collect();
            let mean = errors.iter().sum::<f32>() / errors.len() as f32;
            let power = errors.iter().map(|e| e * e).sum::<f32>() / errors.len() as f32;
            assert!(mean.abs() < 0.01, "{exact}: {mean}");
            // Rounding and two even noises: a twelfth of a squared step each.
            assert!((power - 0.25).abs() < 0.01, "{exact}: {power}");
        }
    }
}

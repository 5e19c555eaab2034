//! Sounds: functions that compute the samples of one channel from a pitch.

use std::f32::consts::TAU;

use fastrand::Rng;

/// Samples per second.
pub const RATE: f32 = 44_100.0;

/// The number of samples for a number of seconds.
pub fn samples(seconds: f32) -> usize {
    (seconds * RATE) as usize
}

/// The frequency of a MIDI key: 69 is the A at 440 Hz.
pub fn hz(key: i32) -> f32 {
    440.0 * ((key - 69) as f32 / 12.0).exp2()
}

/// The sine of a phase in turns: a polynomial, exact to 16 bits and much faster than `sin`.
fn sine(turns: f32) -> f32 {
    let x = turns - turns as i32 as f32;
    let x = if x.abs() > 0.5 { x - 1.0_f32.copysign(x) } else { x };
    // The polynomial holds for a quarter turn on both sides of zero.
    let x = if x.abs() > 0.25 { 0.5_f32.copysign(x) - x } else { x };
    let x = x * TAU;
    let square = x * x;
    x * (1.0
        + square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5_040.0 + square / 362_880.0))))
}

/// An oscillator: a phase in turns, advanced by a frequency.
#[derive(Default)]
struct Phase(f32);

impl Phase {
    fn next(&mut self, hz: f32) -> f32 {
        let now = self.0;
        self.0 += hz / RATE;
        if self.0 >= 1.0 {
            self.0 -= 1.0;
        }
        now
    }
}

/// A low-pass filter of one pole, 6 dB per octave.
#[derive(Default)]
pub struct LowPass(f32);

impl LowPass {
    pub fn next(&mut self, input: f32, hz: f32) -> f32 {
        let weight = (TAU * hz / RATE).min(1.0);
        self.0 += weight * (input - self.0);
        self.0
    }
}

/// The factor per sample for a decay of 60 dB in the given seconds.
fn decay(seconds: f32) -> f32 {
    (-6.9 / (seconds * RATE)).exp()
}

/// Ends a sound without a click.
fn fade_end(sound: &mut [f32]) {
    let fade = samples(0.02).min(sound.len());
    let start = sound.len() - fade;
    for (index, sample) in sound[start..].iter_mut().enumerate() {
        *sample *= 1.0 - index as f32 / fade as f32;
    }
}

/// A plucked string (Karplus-Strong): noise in a loop as long as the string, filtered in each pass.
pub fn pluck(hz: f32, seconds: f32, brightness: f32, chance: &mut Rng) -> Vec<f32> {
    // The filter in the loop delays by half a sample.
    let period = RATE / hz - 0.5;
    let whole = period as usize;
    let part = period - whole as f32;
    let mut smooth = [LowPass::default(), LowPass::default()];
    let edge = 500.0 + 4_500.0 * brightness;
    let mut noise = || {
        let noise = smooth[0].next(chance.f32() * 2.0 - 1.0, edge);
        smooth[1].next(noise, edge)
    };
    let mut string: Vec<f32> = (0..whole).map(|_| noise()).collect();
    // Removes the mean, or the string would come to rest beside zero.
    let mean = string.iter().sum::<f32>() / string.len() as f32;
    string.iter_mut().for_each(|sample| *sample -= mean);

    // The loss per pass, distributed over the two averaged samples. The distribution also delays by the
    // fraction of a sample that the loop is too short.
    let keep = decay(seconds * 1.2).powf(period).min(0.9995) * 0.5;
    let weights = [keep * (1.0 - part), keep, keep * part];
    let (mut at, mut before, mut long_before) = (0, 0.0, 0.0);
    let mut sound = vec![0.0; samples(seconds)];
    for sample in &mut sound {
        let now = string[at];
        *sample = weights[0] * now + weights[1] * before + weights[2] * long_before;
        string[at] = *sample;
        (before, long_before) = (now, before);
        at = if at + 1 == whole { 0 } else { at + 1 };
    }
    fade_end(&mut sound);
    sound
}

/// A bell: one sine modulates the frequency of another, at an inharmonic ratio and with a decay.
pub fn bell(hz: f32, seconds: f32, hardness: f32) -> Vec<f32> {
    let mut carrier = Phase::default();
    let mut high = Phase::default();
    let mut bender = Phase::default();
    let (mut level, mut bend, mut shimmer) = (1.0, hardness, 0.25);
    let (level_decay, bend_decay, shimmer_decay) =
        (decay(seconds), decay(seconds * 0.35), decay(seconds * 0.2));
    let mut sound: Vec<f32> = (0..samples(seconds))
        .map(|index| {
            let attack = (index as f32 / 90.0).min(1.0);
            let bent = bend * 0.16 * sine(bender.next(hz * 3.503));
            let sample = sine(carrier.next(hz) + bent) + shimmer * sine(high.next(hz * 2.007));
            level *= level_decay;
            bend *= bend_decay;
            shimmer *= shimmer_decay;
            0.8 * attack * level * sample
        })
        .collect();
    fade_end(&mut sound);
    sound
}

/// An electric piano: a sine modulated by its octave, and the click of the hammer.
pub fn keys(hz: f32, seconds: f32, force: f32) -> Vec<f32> {
    let mut carrier = Phase::default();
    let mut bender = Phase::default();
    let mut tine = Phase::default();
    let (mut level, mut bend, mut tick) = (1.0, 0.45 * force, 0.35 * force);
    let (level_decay, bend_decay, tick_decay) = (decay(seconds * 1.3), decay(seconds * 0.8), decay(0.5));
    let mut sound: Vec<f32> = (0..samples(seconds))
        .map(|index| {
            let attack = (index as f32 / 130.0).min(1.0);
            let bent = bend * sine(bender.next(hz)) + tick * 0.4 * sine(tine.next(hz * 7.0));
            level *= level_decay;
            bend *= bend_decay;
            tick *= tick_decay;
            attack * level * sine(carrier.next(hz) + bent)
        })
        .collect();
    fade_end(&mut sound);
    sound
}

/// A bass: a sine with a little of its octave, softly clipped.
pub fn bass(hz: f32, seconds: f32) -> Vec<f32> {
    let mut first = Phase::default();
    let mut second = Phase::default();
    let mut level = 1.0;
    let level_decay = decay(seconds * 2.5);
    let mut sound: Vec<f32> = (0..samples(seconds))
        .map(|index| {
            let attack = (index as f32 / 300.0).min(1.0);
            level *= level_decay;
            let sample = sine(first.next(hz)) + 0.35 * level * sine(second.next(hz * 2.0));
            let driven = 1.4 * attack * level * sample;
            driven / (1.0 + driven.abs())
        })
        .collect();
    fade_end(&mut sound);
    sound
}

/// Strings: two slightly detuned saws, and a filter that opens and closes once.
pub fn pad(hz: f32, seconds: f32, brightness: f32, chance: &mut Rng) -> Vec<f32> {
    /// The interval between updates of the envelope, which is slow.
    const STEP: usize = 64;
    let pitches = [hz * (0.9965 + 0.001 * chance.f32()), hz * (1.0028 + 0.001 * chance.f32())];
    let mut phases = [Phase(chance.f32()), Phase(chance.f32())];
    let mut filters = [LowPass::default(), LowPass::default()];
    let (attack, release) = (seconds * 0.35, seconds * 0.45);
    let (mut envelope, mut cutoff) = (0.0, 0.0);
    (0..samples(seconds))
        .map(|index| {
            if index % STEP == 0 {
                let now = index as f32 / RATE;
                envelope = smoothstep(now / attack) * smoothstep((seconds - now) / release);
                cutoff = 400.0 + brightness * (2.4 * hz + 2_200.0 * envelope);
            }
            let mut saws = 0.0;
            for (phase, hz) in phases.iter_mut().zip(pitches) {
                saws += saw(phase.next(hz), hz / RATE);
            }
            let once = filters[0].next(saws, cutoff);
            0.45 * envelope * filters[1].next(once, cutoff)
        })
        .collect()
}

/// A short soft lead for fast figures: a saw, and a filter that closes at once.
pub fn blip(hz: f32, seconds: f32, cutoff: f32) -> Vec<f32> {
    let mut phase = Phase::default();
    let mut under = Phase::default();
    let mut filters = [LowPass::default(), LowPass::default()];
    let (mut level, level_decay) = (1.0, decay(seconds));
    let mut sound: Vec<f32> = (0..samples(seconds))
        .map(|index| {
            let attack = (index as f32 / 120.0).min(1.0);
            level *= level_decay;
            let wave = 0.7 * saw(phase.next(hz), hz / RATE) + 0.5 * sine(under.next(hz));
            let cutoff = 200.0 + cutoff * level;
            let once = filters[0].next(wave, cutoff);
            attack * level * filters[1].next(once, cutoff)
        })
        .collect();
    fade_end(&mut sound);
    sound
}

/// A bass drum: a sine with falling frequency.
pub fn kick() -> Vec<f32> {
    let mut phase = Phase::default();
    let (mut pitch, mut level) = (1.0, 1.0);
    let (pitch_decay, level_decay) = (decay(0.12), decay(0.38));
    let mut sound: Vec<f32> = (0..samples(0.4))
        .map(|index| {
            let attack = (index as f32 / 60.0).min(1.0);
            pitch *= pitch_decay;
            level *= level_decay;
            attack * level * sine(phase.next(46.0 + 110.0 * pitch))
        })
        .collect();
    fade_end(&mut sound);
    sound
}

/// A snare played with brushes: noise, and a low tone for the skin.
pub fn brush(chance: &mut Rng) -> Vec<f32> {
    let mut skin = Phase::default();
    let (mut high, mut low) = (LowPass::default(), LowPass::default());
    let (mut level, level_decay) = (1.0, decay(0.26));
    (0..samples(0.3))
        .map(|index| {
            let attack = (index as f32 / 200.0).min(1.0);
            level *= level_decay;
            let noise = chance.f32() * 2.0 - 1.0;
            let noise = high.next(noise, 5_500.0);
            let noise = noise - low.next(noise, 900.0);
            attack * level * (0.9 * noise + 0.3 * level * sine(skin.next(185.0)))
        })
        .collect()
}

/// A closed hi-hat: very short noise with high frequencies only.
pub fn hat(seconds: f32, chance: &mut Rng) -> Vec<f32> {
    let mut low = LowPass::default();
    let mut lower = LowPass::default();
    let (mut level, level_decay) = (1.0, decay(seconds));
    (0..samples(seconds))
        .map(|_| {
            level *= level_decay;
            let noise = chance.f32() * 2.0 - 1.0;
            let once = noise - low.next(noise, 6_500.0);
            level * (once - lower.next(once, 6_500.0))
        })
        .collect()
}

/// A smooth step from 0 to 1.
pub fn smoothstep(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// A saw at a phase, with a rounded edge against aliasing.
fn saw(phase: f32, step: f32) -> f32 {
    let mut value = 2.0 * phase - 1.0;
    if phase < step {
        let x = phase / step;
        value -= x + x - x * x - 1.0;
    } else if phase > 1.0 - step {
        let x = (phase - 1.0) / step;
        value -= x * x + x + x + 1.0;
    }
    value
}

#[cfg(test)]
mod tests {
    use rustfft::FftPlanner;
    use rustfft::num_complex::Complex;

    use super::*;

    /// Where the spectrum is strongest near `expected`, in hundredths of a semitone beside it.
    fn cents_off(sound: &[f32], expected: f32) -> f32 {
        const SIZE: usize = 1 << 16;
        let start = samples(0.1);
        let heard = &sound[start..(start + SIZE).min(sound.len())];
        let window = |index: usize| 0.5 - 0.5 * (TAU * index as f32 / heard.len() as f32).cos();
        let mut bins: Vec<Complex<f32>> = heard
            .iter()
            .enumerate()
            .map(|(index, sample)| Complex::new(sample * window(index), 0.0))
            .collect();
        bins.resize(SIZE, Complex::default());
        FftPlanner::new().plan_fft_forward(SIZE).process(&mut bins);
        let bin = |hz: f32| (hz * SIZE as f32 / RATE) as usize;
        let loud = |index: usize| bins[index].norm().max(1e-9).ln();
        let peak = (bin(expected * 0.94)..=bin(expected * 1.06) + 1)
            .max_by(|&a, &b| loud(a).total_cmp(&loud(b)))
            .unwrap();
        // The top of the parabola through the three strongest bins.
        let (left, top, right) = (loud(peak - 1), loud(peak), loud(peak + 1));
        let exact = peak as f32 + 0.5 * (left - right) / (left - 2.0 * top + right);
        1_200.0 * (exact * RATE / SIZE as f32 / expected).log2()
    }

    #[test]
    fn every_instrument_is_in_tune() {
        for key in [45, 52, 69, 83] {
            let hz = hz(key);
            let chance = &mut Rng::with_seed(7);
            // The pad is two voices on purpose beside the pitch, one of which is found.
            for (name, sound, within) in [
                ("pluck", pluck(hz, 2.0, 0.5, chance), 3.0),
                ("bell", bell(hz, 2.0, 0.5), 3.0),
                ("keys", keys(hz, 2.0, 0.7), 3.0),
                ("bass", bass(hz, 2.0), 3.0),
                ("blip", blip(hz, 2.0, 900.0), 3.0),
                ("pad", pad(hz, 2.0, 0.5, chance), 15.0),
            ] {
                let off = cents_off(&sound, hz);
                assert!(off.abs() < within, "{name} at key {key} is {off} cents off");
            }
        }
    }

    #[test]
    fn the_sine_is_a_sine() {
        for step in -4_000..4_000 {
            let turns = step as f32 / 1_000.0;
            assert!((sine(turns) - (turns * TAU).sin()).abs() < 2e-5, "at {turns}");
        }
    }
}

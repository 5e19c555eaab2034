//! Mixing: each voice is multiplied by its gain and added into a block, and the sum is measured.
//! Nothing here allocates. The loops are written so that the compiler vectorizes them.

use super::fade::GainRamp;
use crate::audio::Channels;
use crate::units::FrameCount;

/// How loud a voice is: the product of its volume, its fade, and what its file asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct VoiceGain {
    /// The mixer's part: crossfades, pauses, fades in and out.
    pub fade: GainRamp,
    /// The application's part.
    pub volume: GainRamp,
    /// The file's part: ReplayGain as a factor, 1 without.
    pub file_gain: f32,
}

impl VoiceGain {
    /// Full volume, no fade.
    pub fn new(file_gain: f32) -> VoiceGain {
        VoiceGain { fade: GainRamp::constant(1.0), volume: GainRamp::constant(1.0), file_gain }
    }

    /// Gives the gain of the next frames, as many as `scratch` is long, and goes on by as many. It writes
    /// `scratch` only if the gain changes within them.
    pub fn next<'a>(&mut self, scratch: &'a mut [f32]) -> Gain<'a> {
        let frames = FrameCount(scratch.len() as u64);
        match (self.fade.settled(), self.volume.settled()) {
            (Some(fade), Some(volume)) => {
                self.fade.advance(frames);
                self.volume.advance(frames);
                Gain::Constant(fade * volume * self.file_gain)
            }
            _ => {
                scratch.fill(self.file_gain);
                self.fade.scale(scratch);
                self.volume.scale(scratch);
                Gain::EachFrame(scratch)
            }
        }
    }
}

/// The gain of a voice over some frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gain<'a> {
    /// The same for all.
    Constant(f32),
    /// One for each frame.
    EachFrame(&'a [f32]),
}

/// Adds the interleaved frames of `voice`, times `gain`, to those of `block`. If one is longer, its rest is
/// left alone.
pub fn add(block: &mut [f32], voice: &[f32], gain: Gain<'_>, channels: Channels) {
    match (gain, channels) {
        // A silent voice leaves the block as it is, even if the voice holds what is not a number.
        (Gain::Constant(0.0), _) => {}
        (Gain::Constant(gain), _) => {
            for (sum, sample) in block.iter_mut().zip(voice) {
                *sum += sample * gain;
            }
        }
        (Gain::EachFrame(gains), Channels::Mono) => {
            for ((sum, sample), gain) in block.iter_mut().zip(voice).zip(gains) {
                *sum += sample * gain;
            }
        }
        (Gain::EachFrame(gains), Channels::Stereo) => {
            let (block, voice) = (block.as_chunks_mut::<2>().0, voice.as_chunks::<2>().0);
            for ((sum, frame), gain) in block.iter_mut().zip(voice).zip(gains) {
                sum[0] += frame[0] * gain;
                sum[1] += frame[1] * gain;
            }
        }
    }
}

/// How loud a block came out, left and right (twice the same for mono).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// The highest sample, 1 being full scale.
    pub peak: [f32; 2],
    /// The mean of the squared samples: the power. A full-scale sine has 0.5.
    pub mean_square: [f32; 2],
}

/// Measures interleaved frames. No frames are silence.
pub fn measure(block: &[f32], channels: Channels) -> Level {
    // Even lanes are left, odd lanes right. For mono both are joined below.
    const LANES: usize = 16;
    let mut peak = [0.0_f32; LANES];
    let mut square = [0.0_f32; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    let mut last = [0.0; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for chunk in chunks.iter().chain([&last]) {
        for lane in 0..LANES {
            let sample = chunk[lane].abs();
            peak[lane] = if sample > peak[lane] { sample } else { peak[lane] };
            square[lane] += sample * sample;
        }
    }
    let max = |lane: usize| peak.iter().skip(lane).step_by(2).copied().fold(0.0, f32::max);
    let sum = |lane: usize| square.iter().skip(lane).step_by(2).sum::<f32>();
    let frames = (block.len() / channels.count()).max(1) as f32;
    match channels {
        Channels::Stereo => Level { peak: [max(0), max(1)], mean_square: [sum(0) / frames, sum(1) / frames] },
        Channels::Mono => {
            Level { peak: [max(0).max(max(1)); 2], mean_square: [(sum(0) + sum(1)) / frames; 2] }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use rustfft::FftPlanner;
    use rustfft::num_complex::Complex;

    use super::super::fade::Curve;
    use super::*;
    use crate::audio::BLOCK_FRAMES;

    fn noise(random: &mut fastrand::Rng, samples: usize) -> Vec<f32> {
        (0..samples).map(|_| random.f32() - 0.5).collect()
    }

    /// A voice through its gain, block by block, as a mixer does it.
    fn mixed(voices: &mut [(&[f32], VoiceGain)], channels: Channels) -> Vec<f32> {
        let samples = voices[0].0.len();
        let mut sum = vec![0.0; samples];
        let mut scratch = [0.0; BLOCK_FRAMES];
        for (k, block) in sum.chunks_mut(BLOCK_FRAMES * channels.count()).enumerate() {
            for (voice, gain) in voices.iter_mut() {
                let gain = gain.next(&mut scratch[..block.len() / channels.count()]);
                add(block, &voice[k * BLOCK_FRAMES * channels.count()..], gain, channels);
            }
        }
        sum
    }

    #[test]
    fn a_voice_alone_at_full_volume_is_itself_to_the_bit() {
        let mut random = fastrand::Rng::with_seed(1);
        for channels in [Channels::Mono, Channels::Stereo] {
            let voice = noise(&mut random, 5000);
            assert_eq!(mixed(&mut [(&voice, VoiceGain::new(1.0))], channels), voice);
        }
    }

    #[test]
    fn gains_multiply_and_reach_the_frame_that_they_belong_to() {
        let channels = Channels::Stereo;
        let voice: Vec<f32> = [1.0, -0.5].repeat(3000);
        let ramp = |to, frames| GainRamp::new(1.0, to, FrameCount(frames), Curve::Linear);
        let gain = VoiceGain { fade: ramp(0.0, 1500), volume: ramp(0.5, 3000), file_gain: 2.0 };
        let sum = mixed(&mut [(&voice, gain.clone())], channels);
        for (n, frame) in sum.chunks(2).enumerate() {
            let n = FrameCount(n as u64);
            let expected = 2.0 * gain.fade.gain_after(n) * gain.volume.gain_after(n);
            assert!((frame[0] - expected).abs() < 1e-6 && (frame[1] + expected / 2.0).abs() < 1e-6);
        }
        assert_eq!(sum[3000..], [0.0; 3000], "silent after its fade");
    }

    #[test]
    fn silence_hides_even_what_is_not_a_number() {
        let mut block = [0.25; 8];
        add(&mut block, &[f32::NAN; 8], Gain::Constant(0.0), Channels::Stereo);
        assert_eq!(block, [0.25; 8]);
    }

    #[test]
    fn a_crossfade_of_two_tracks_keeps_their_energy_within_a_decibel_and_a_half() {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (rate, frames) = (44_100, 3 * 44_100);
        let (a, b) = (noise(&mut random, 2 * 5 * rate), noise(&mut random, 2 * 5 * rate));
        let mut fade_out = VoiceGain::new(1.0);
        let mut fade_in = VoiceGain::new(1.0);
        fade_out.fade = GainRamp::new(1.0, 0.0, FrameCount(frames), Curve::EqualPower);
        fade_in.fade = GainRamp::new(0.0, 1.0, FrameCount(frames), Curve::EqualPower);
        let sum = mixed(&mut [(&a, fade_out), (&b, fade_in)], Channels::Stereo);
        let power = |samples: &[f32]| {
            let level = measure(samples, Channels::Stereo);
            level.mean_square[0] + level.mean_square[1]
        };
        let reference = power(&a);
        for (k, part) in sum.chunks(rate / 5).enumerate() {
            let db = 10.0 * (power(part) / reference).log10();
            assert!(db.abs() < 1.5, "{db} dB in tenth {k} of a second");
        }
    }

    /// What a ramp adds to a sine must stay close to it: a stair of gains, or a corner, spreads
    /// over the whole spectrum and is heard as zipper noise.
    #[test]
    fn ramps_make_no_zipper_noise() {
        const SIZE: usize = 1 << 16;
        let tone: Vec<f32> =
            (0..SIZE).map(|n| ((n as f64 * 1000.0 / 44_100.0 % 1.0) as f32 * TAU).sin()).collect();
        for curve in [Curve::EqualPower, Curve::Smooth, Curve::Decibels] {
            let mut gain = VoiceGain::new(1.0);
            gain.volume = GainRamp::new(1.0, 0.25, FrameCount(SIZE as u64), curve);
            let sum = mixed(&mut [(&tone, gain)], Channels::Mono);
            let far = far_from_the_tone(&sum);
            assert!(far < -100.0, "{curve:?}: {far} dB beside the tone");
        }
        // The test can fail: a gain that changes once a block is far louder than that.
        let stairs: Vec<f32> = tone
            .iter()
            .enumerate()
            .map(|(n, sample)| sample * (1.0 - 0.75 * (n / BLOCK_FRAMES * BLOCK_FRAMES) as f32 / SIZE as f32))
            .collect();
        assert!(far_from_the_tone(&stairs) > -80.0);
    }

    /// The strongest component beyond 500 Hz from the 1 kHz tone, in dB below it.
    fn far_from_the_tone(samples: &[f32]) -> f32 {
        let size = samples.len();
        let mut spectrum: Vec<Complex<f32>> = samples
            .iter()
            .enumerate()
            .map(|(n, &sample)| {
                // Blackman-Harris: side lobes at -92 dB next to the tone, and far lower out here.
                let x = n as f32 / size as f32 * TAU;
                let window =
                    0.35875 - 0.48829 * x.cos() + 0.14128 * (2.0 * x).cos() - 0.01168 * (3.0 * x).cos();
                Complex::new(sample * window, 0.0)
            })
            .collect();
        FftPlanner::new().plan_fft_forward(size).process(&mut spectrum);
        let bin = |hz: f32| (hz / 44_100.0 * size as f32) as usize;
        let peak = |bins: &[Complex<f32>]| bins.iter().map(|c| c.norm()).fold(0.0, f32::max);
        let tone = peak(&spectrum[bin(900.0)..bin(1100.0)]);
        let far = peak(&spectrum[bin(20.0)..bin(500.0)]).max(peak(&spectrum[bin(1500.0)..size / 2]));
        20.0 * (far / tone).log10()
    }

    #[test]
    fn levels_are_those_of_each_channel() {
        let frames = 44_100;
        let stereo: Vec<f32> = (0..frames)
            .flat_map(|n| [(n as f32 * 0.1).sin(), if n % 2 == 0 { 0.25 } else { -0.25 }])
            .collect();
        let level = measure(&stereo, Channels::Stereo);
        assert!((level.peak[0] - 1.0).abs() < 1e-3 && level.peak[1] == 0.25);
        assert!((level.mean_square[0] - 0.5).abs() < 1e-3 && (level.mean_square[1] - 0.0625).abs() < 1e-5);
        // Any length, one odd sample in the last place included.
        for frames in 1..50 {
            let mut mono = vec![0.0; frames];
            mono[frames - 1] = -0.5;
            let level = measure(&mono, Channels::Mono);
            assert_eq!(level, Level { peak: [0.5; 2], mean_square: [0.25 / frames as f32; 2] });
        }
        assert_eq!(measure(&[], Channels::Stereo), Level::default());
    }
}

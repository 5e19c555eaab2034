//! Stereo sound, with a hall, an echo and even loudness.

use super::sound::{LowPass, RATE, samples, smoothstep};

/// Sound in two channels of the same length.
#[derive(Clone)]
pub struct Stereo {
    pub left: Vec<f32>,
    pub right: Vec<f32>,
}

impl Stereo {
    pub fn silence(samples: usize) -> Stereo {
        Stereo { left: vec![0.0; samples], right: vec![0.0; samples] }
    }

    /// Adds one channel from `start` on, at a place between -1 (left) and 1 (right), equally loud in every
    /// place. Samples beyond the end are left out.
    pub fn add(&mut self, start: usize, sound: &[f32], level: f32, place: f32) {
        let angle = (place.clamp(-1.0, 1.0) + 1.0) * std::f32::consts::FRAC_PI_4;
        let (right, left) = angle.sin_cos();
        for (channel, gain) in [(&mut self.left, left), (&mut self.right, right)] {
            let Some(channel) = channel.get_mut(start..) else { return };
            channel.iter_mut().zip(sound).for_each(|(mixed, sample)| *mixed += level * gain * sample);
        }
    }

    /// Adds another of the same length.
    pub fn mix(&mut self, other: &Stereo, level: f32) {
        self.left.iter_mut().zip(&other.left).for_each(|(mixed, sample)| *mixed += level * sample);
        self.right.iter_mut().zip(&other.right).for_each(|(mixed, sample)| *mixed += level * sample);
    }

    fn frames(&mut self) -> impl Iterator<Item = (&mut f32, &mut f32)> {
        self.left.iter_mut().zip(&mut self.right)
    }
}

/// A delay line.
struct Delay {
    line: Vec<f32>,
    at: usize,
}

impl Delay {
    fn new(samples: usize) -> Delay {
        Delay { line: vec![0.0; samples.max(1)], at: 0 }
    }

    fn out(&self) -> f32 {
        self.line[self.at]
    }

    fn push(&mut self, sample: f32) {
        self.line[self.at] = sample;
        self.at += 1;
        if self.at == self.line.len() {
            self.at = 0;
        }
    }

    /// Uses the line as an all-pass diffuser, which spreads all frequencies in time.
    fn diffuse(&mut self, sample: f32) -> f32 {
        let late = self.out();
        let fed = sample - 0.6 * late;
        self.push(fed);
        late + 0.6 * fed
    }
}

/// Adds the reverberation of `sent`: eight delays that feed each other, and lose treble faster than bass. It
/// decays by 60 dB in `seconds`.
pub fn add_hall(mix: &mut Stereo, sent: &Stereo, seconds: f32, treble_hz: f32) {
    // No two lengths have a common factor, so their echoes do not coincide.
    const LENGTHS: [usize; 8] = [1_297, 1_531, 1_777, 1_999, 2_239, 2_473, 2_687, 2_909];
    let mut lines = LENGTHS.map(Delay::new);
    let mut damping: [LowPass; 8] = Default::default();
    let loss = LENGTHS.map(|length| 10_f32.powf(-3.0 * length as f32 / (seconds * RATE)));
    let mut diffusers = [[142, 379, 557].map(Delay::new), [151, 367, 571].map(Delay::new)];
    let mut distance = [Delay::new(samples(0.018)), Delay::new(samples(0.021))];

    for (index, (left, right)) in mix.frames().enumerate() {
        let mut fed = [sent.left[index], sent.right[index]];
        for channel in 0..2 {
            let far = distance[channel].out();
            distance[channel].push(fed[channel]);
            fed[channel] = diffusers[channel].iter_mut().fold(far, |sample, delay| delay.diffuse(sample));
        }
        let mut out = [0.0; 8];
        for line in 0..8 {
            out[line] = damping[line].next(lines[line].out(), treble_hz) * loss[line];
        }
        *left += 0.5 * (out[0] - out[2] + out[4] - out[6]);
        *right += 0.5 * (out[1] - out[3] + out[5] - out[7]);
        // Every delay feeds all others, without a gain in energy (a Householder reflection).
        let shared = out.iter().sum::<f32>() * 0.25;
        for line in 0..8 {
            lines[line].push(fed[line % 2] * 0.35 + out[line] - shared);
        }
    }
}

/// Adds an echo of `sent` that alternates between the sides.
pub fn add_echo(mix: &mut Stereo, sent: &Stereo, seconds: f32, feedback: f32) {
    let mut lines = [Delay::new(samples(seconds)), Delay::new(samples(seconds))];
    let mut damping: [LowPass; 2] = Default::default();
    for (index, (left, right)) in mix.frames().enumerate() {
        let (from_left, from_right) = (lines[0].out(), lines[1].out());
        *left += from_left;
        *right += from_right;
        let mono = 0.7 * (sent.left[index] + sent.right[index]);
        lines[0].push(mono + damping[0].next(from_right, 2_800.0) * feedback);
        lines[1].push(damping[1].next(from_left, 2_800.0) * feedback.max(0.6));
    }
}

/// Sets the loudness to that of all pieces, fades both ends, and keeps peaks below full scale.
pub fn finish(mix: &mut Stereo, fade_in: f32, fade_out: f32) {
    const LOUDNESS_LUFS: f32 = -17.0;
    let gain = 10_f32.powf((LOUDNESS_LUFS - loudness(mix)) / 20.0);
    let length = mix.left.len() as f32 / RATE;
    for (index, (left, right)) in mix.frames().enumerate() {
        let now = index as f32 / RATE;
        let fade = smoothstep(now / fade_in) * smoothstep((length - now) / fade_out);
        *left = round_off(*left * gain) * fade;
        *right = round_off(*right * gain) * fade;
    }
}

/// A soft clipper: linear up to 0.6, then flatter towards 0.9.
fn round_off(sample: f32) -> f32 {
    const KNEE: f32 = 0.6;
    const TOP: f32 = 0.9;
    let over = sample.abs() - KNEE;
    if over <= 0.0 {
        return sample;
    }
    (KNEE + over / (1.0 + over / (TOP - KNEE))).copysign(sample)
}

/// Integrated loudness by ITU-R BS.1770: both channels are weighted and measured in blocks of 400 ms. Blocks
/// that are 10 dB below the mean do not count.
pub fn loudness(mix: &Stereo) -> f32 {
    // 400 ms that overlap by three quarters are the mean of four neighbouring steps of 100 ms.
    let step = samples(0.1);
    let mut energy = vec![0.0_f32; mix.left.len() / step];
    for channel in [&mix.left, &mix.right] {
        // The two weighting filters for 44.1 kHz: a high shelf, and a high pass.
        let mut head = Biquad::new([1.530_841, -2.650_979_4, 1.169_079_1], [-1.663_655_2, 0.712_595_4]);
        let mut ear = Biquad::new([1.0, -2.0, 1.0], [-1.989_169_7, 0.989_199_04]);
        for (block, samples) in energy.iter_mut().zip(channel.chunks_exact(step)) {
            *block +=
                samples.iter().map(|&sample| ear.next(head.next(sample)).powi(2)).sum::<f32>() / step as f32;
        }
    }
    let blocks: Vec<f32> = energy.windows(4).map(|four| four.iter().sum::<f32>() / 4.0).collect();
    let mean_above = |floor: f32| {
        let (sum, count) = blocks
            .iter()
            .filter(|&&block| block > floor)
            .fold((0.0, 0.0_f32), |(sum, count), block| (sum + block, count + 1.0));
        sum / count.max(1.0)
    };
    // -70 LUFS is silence; -10 dB is a tenth of the energy.
    let gated = mean_above(mean_above(1.2e-7) * 0.1);
    -0.691 + 10.0 * gated.max(1e-9).log10()
}

/// A filter of the second order.
struct Biquad {
    b: [f32; 3],
    a: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    fn new(b: [f32; 3], a: [f32; 2]) -> Biquad {
        Biquad { b, a, state: [0.0; 2] }
    }

    fn next(&mut self, input: f32) -> f32 {
        let out = self.b[0] * input + self.state[0];
        self.state[0] = self.b[1] * input - self.a[0] * out + self.state[1];
        self.state[1] = self.b[2] * input - self.a[1] * out;
        out
    }
}

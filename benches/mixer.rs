//! The cost of one block of 1,024 stereo frames in the mixer. At 44.1 kHz a block is due every 23.2 ms.

use divan::{Bencher, black_box};
use longwave::playout::{Curve, GainRamp, Limiter, LoudnessMeter, VoiceGain, add, measure};
use longwave::{BLOCK_FRAMES, Channels, FrameCount, PcmSpec};

fn main() {
    divan::main();
}

type Block = [f32; 2 * BLOCK_FRAMES];

fn noise(amplitude: f32) -> Block {
    let mut random = fastrand::Rng::with_seed(1);
    std::array::from_fn(|_| (random.f32() * 2.0 - 1.0) * amplitude)
}

/// Mixes two voices into one block, limits and measures it: the mixer's work for each block.
struct Mixer {
    voices: [(Block, VoiceGain); 2],
    limiter: Limiter,
    meter: LoudnessMeter,
    scratch: [f32; BLOCK_FRAMES],
    block: Block,
}

impl Mixer {
    fn new(amplitude: f32) -> Mixer {
        Mixer {
            voices: [(noise(amplitude), VoiceGain::new(0.9)), (noise(amplitude), VoiceGain::new(0.9))],
            limiter: Limiter::new(PcmSpec::CD),
            meter: LoudnessMeter::new(PcmSpec::CD),
            scratch: [0.0; BLOCK_FRAMES],
            block: [0.0; 2 * BLOCK_FRAMES],
        }
    }

    fn turn(&mut self) {
        self.block.fill(0.0);
        for (voice, gain) in &mut self.voices {
            add(&mut self.block, black_box(voice), gain.next(&mut self.scratch), Channels::Stereo);
        }
        self.limiter.process(&mut self.block);
        black_box(measure(&self.block, Channels::Stereo));
        self.meter.add(&self.block);
    }
}

#[divan::bench]
fn two_steady_voices(bencher: Bencher) {
    let mut mixer = Mixer::new(0.4);
    bencher.bench_local(move || mixer.turn());
}

#[divan::bench]
fn two_voices_crossfaded(bencher: Bencher) {
    let mut mixer = Mixer::new(0.4);
    let frames = FrameCount(132_300);
    bencher.bench_local(move || {
        for (n, (_, gain)) in mixer.voices.iter_mut().enumerate() {
            if gain.fade.left() == FrameCount(0) {
                gain.fade = GainRamp::new(n as f32, 1.0 - n as f32, frames, Curve::EqualPower);
            }
        }
        mixer.turn();
    });
}

#[divan::bench]
fn two_loud_voices_limited(bencher: Bencher) {
    let mut mixer = Mixer::new(0.9);
    bencher.bench_local(move || mixer.turn());
}

#[divan::bench(args = [0.4, 0.9, 4.0])]
fn limiter_alone(bencher: Bencher, amplitude: f32) {
    let mut limiter = Limiter::new(PcmSpec::CD);
    let input = noise(amplitude);
    let mut block = input;
    bencher.bench_local(move || {
        block.copy_from_slice(&input);
        limiter.process(black_box(&mut block));
    });
}

#[divan::bench]
fn measure_alone(bencher: Bencher) {
    let block = noise(0.9);
    bencher.bench_local(|| measure(black_box(&block), Channels::Stereo));
}

#[divan::bench]
fn loudness_alone(bencher: Bencher) {
    let block = noise(0.9);
    let mut meter = LoudnessMeter::new(PcmSpec::CD);
    bencher.bench_local(move || meter.add(black_box(&block)));
}

//! The cost of one job of 4,096 stereo frames in an encoder, as the worker pool runs it. At 44.1 kHz each
//! output has a job every 93 ms.

use divan::Bencher;
use longwave::{AacProfile, AacSettings, BLOCK_FRAMES, EncoderSettings, Mp3Settings, PcmSpec};

fn main() {
    divan::main();
}

/// Blocks in a job.
const JOB_BLOCKS: usize = 4;

fn jobs(bencher: Bencher, settings: &dyn EncoderSettings) {
    let mut encoder = settings.open(PcmSpec::CD).expect("it opens");
    let mut random = fastrand::Rng::with_seed(1);
    let mut low = 0.0;
    // Noise without the highest frequencies, which is as hard to encode as the densest music.
    let block: Vec<f32> = (0..2 * BLOCK_FRAMES)
        .map(|_| {
            low += (random.f32() * 0.6 - 0.3 - low) * 0.5;
            low
        })
        .collect();
    let mut packets = Vec::new();
    bencher.bench_local(move || {
        packets.clear();
        for _ in 0..JOB_BLOCKS {
            encoder.encode(&block, &mut packets).expect("it encodes");
        }
        packets.len()
    });
}

#[divan::bench]
fn mp3_128(bencher: Bencher) {
    jobs(bencher, &Mp3Settings::default());
}

#[divan::bench]
fn aac_lc_128(bencher: Bencher) {
    jobs(bencher, &AacSettings::default());
}

#[divan::bench]
fn aac_he_64(bencher: Bencher) {
    jobs(bencher, &AacSettings { profile: AacProfile::He, bitrate: 64, ..AacSettings::default() });
}

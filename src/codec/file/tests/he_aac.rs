//! HE-AAC of both versions: at its full band, and in stereo.

use std::f64::consts::TAU;
use std::path::Path;

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::fixture::{Folder, channel, convert, read_all, spec, stereo};
use crate::audio::Channels;
use crate::codec::file::AudioFile;
use crate::codec::{AacProfile, AacSettings, EncoderSettings};

const SECONDS: usize = 2;

/// A low tone on the left, another on the right, and one on both that only SBR can carry.
const LEFT: f64 = 700.0;
const RIGHT: f64 = 1_900.0;
const HIGH: f64 = 13_000.0;

/// Encodes the tones and puts them into a file.
fn encode(profile: AacProfile, bitrate: u32, path: &Path) {
    let tone = |hz: f64, n: usize| (TAU * hz * n as f64 / 44_100.0).sin() * 0.3;
    let pcm: Vec<f32> = (0..SECONDS * 44_100)
        .flat_map(|n| [LEFT, RIGHT].map(|hz| (tone(hz, n) + tone(HIGH, n)) as f32))
        .collect();
    let settings = AacSettings { bitrate, profile, ..AacSettings::default() };
    let mut encoder = settings.open(spec(44_100, Channels::Stereo)).unwrap();
    let mut packets = Vec::new();
    encoder.encode(&pcm, &mut packets).unwrap();
    encoder.flush(&mut packets).unwrap();
    let bytes: Vec<u8> = packets.iter().flat_map(|packet| packet.bytes.iter().copied()).collect();
    std::fs::write(path, bytes).unwrap();
}

/// How loud a tone is, in dB of full scale, over the second half second.
fn level_db(pcm: &[f32], hz: f64) -> f64 {
    let step = TAU * hz / 44_100.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in pcm[22_050..44_100].iter().enumerate() {
        re += f64::from(*sample) * (step * n as f64).cos();
        im += f64::from(*sample) * (step * n as f64).sin();
    }
    20.0 * (re.hypot(im) / 11_025.0).log10()
}

/// How much sound there is above 11 kHz, where the core of HE-AAC ends, in dB of a full-scale tone.
fn upper_half_db(pcm: &[f32]) -> f64 {
    const LENGTH: usize = 1 << 14;
    let window = |n: usize| 0.5 - 0.5 * (TAU * n as f64 / LENGTH as f64).cos();
    let sound = pcm[22_050..22_050 + LENGTH].iter().enumerate();
    let mut bins: Vec<_> =
        sound.map(|(n, sample)| Complex::new(f64::from(*sample) * window(n), 0.0)).collect();
    FftPlanner::new().plan_fft_forward(LENGTH).process(&mut bins);
    let first = LENGTH * 11_025 / 44_100;
    let energy: f64 = bins[first..LENGTH / 2].iter().map(|bin| bin.norm_sqr()).sum();
    // A full-scale tone leaves this much, its window taken into account.
    let full = (LENGTH as f64 / 2.0).powi(2) * 0.375;
    10.0 * (energy / full).log10()
}

/// Plays a file and listens.
fn check(path: &Path) {
    let name = path.display();
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    let told = file.tags().duration.expect("a duration").as_secs_f64();
    let told = (told * 44_100.0) as usize;
    let got = read_all(&mut file);
    let frames = got.len() / 2;
    assert!(frames.abs_diff(SECONDS * 44_100) < 10_000, "{name}: {frames} frames");
    assert!(frames.abs_diff(told) < 5_000, "{name}: {frames} frames, {told} told");
    let sides = [channel(&got, 2, 0), channel(&got, 2, 1)];
    for side in &sides {
        let high = upper_half_db(side);
        assert!(high > -14.0, "{name}: {high} dB of the upper half of the band");
    }
    let wanted = 20.0 * 0.3f64.log10();
    for (side, own, other) in [(0, LEFT, RIGHT), (1, RIGHT, LEFT)] {
        let (own, other) = (level_db(&sides[side], own), level_db(&sides[side], other));
        assert!((own - wanted).abs() < 1.0, "{name}, side {side}: {own} dB");
        assert!(own - other > 20.0, "{name}, side {side}: {own} dB, {other} dB of the other");
    }
}

#[test]
fn both_versions_in_both_containers() {
    let folder = Folder::new();
    for (name, profile, bitrate) in [("he", AacProfile::He, 64), ("he-v2", AacProfile::HeV2, 32)] {
        let adts = folder.path(&format!("{name}.aac"));
        encode(profile, bitrate, &adts);
        let m4a = convert(&adts, &folder, &[(&format!("{name}.m4a"), "-c copy")]).remove(0);
        for path in [adts, m4a] {
            check(&path);
        }
    }
}

/// Recordings of stations change their profile. The headers do not tell where the rate of the core stays.
#[test]
fn a_change_of_the_profile_midway_is_heard() {
    let folder = Folder::new();
    let part = |name: &str| folder.path(&format!("{name}.aac"));
    encode(AacProfile::Lc, 128, &part("lc"));
    encode(AacProfile::He, 64, &part("he"));
    encode(AacProfile::HeV2, 32, &part("he-v2"));
    convert(&part("lc"), &folder, &[("half.aac", "-c:a aac -b:a 96k -ar 22050")]);
    for names in [
        ["lc", "he", "lc"],
        ["he", "lc", "he-v2"],
        ["half", "he", "half"],
        ["he", "half", "he-v2"],
        ["he-v2", "lc", "half"],
    ] {
        let parts = names.map(|name| std::fs::read(part(name)).unwrap());
        let path = folder.path("joined.aac");
        std::fs::write(&path, parts.concat()).unwrap();
        let got = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
        let alone =
            names.map(|name| read_all(&mut AudioFile::open(&part(name), stereo(44_100)).unwrap()).len());
        let frames = alone.iter().sum::<usize>() / 2;
        assert!((got.len() / 2).abs_diff(frames) < 6_000, "{names:?}: {} of {frames} frames", got.len() / 2);
        let mut begin = 0;
        for (name, length) in names.iter().zip(alone) {
            let [left, right] = [0, 1].map(|side| channel(&got[begin..], 2, side));
            for (side, own, other) in [(left, LEFT, RIGHT), (right, RIGHT, LEFT)] {
                let (own, other) = (level_db(&side, own), level_db(&side, other));
                assert!((own - 20.0 * 0.3f64.log10()).abs() < 1.0, "{name} in {names:?}: {own} dB");
                assert!(own - other > 20.0, "{name} in {names:?}: {own} dB, {other} dB of the other");
            }
            begin += length;
        }
    }
}

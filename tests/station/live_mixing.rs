//! Live mixing: decks, fades, seeks and holds, judged by the audio of the mix.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use longwave::{Channels, Curve, Entry, ListOptions, PcmSpec, Place, SampleRate, VoiceOptions};
use longwave_testing::sound::{noise, sine, wav};
use longwave_testing::studio::Studio;
use longwave_testing::{ms, seconds};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

const MONO: PcmSpec = PcmSpec { rate: SampleRate::CD, channels: Channels::Mono };
const RATE: f64 = 44_100.0;
/// The limiter looks ahead, which delays the mix by this many frames.
const LIMITER: usize = 176;
/// The length of the fade at a pause or a seek. It sounds like a cut.
const CUT: usize = 441;

fn studio() -> Studio {
    Studio::with(|settings| settings.spec = MONO)
}

fn frames(time: f64) -> usize {
    (time * RATE) as usize
}

fn track(studio: &Studio, name: &str, samples: &[f32]) -> PathBuf {
    let path = studio.path(name);
    wav(&path, MONO, samples);
    path
}

/// A loud, low tone with a soft beginning, in which every click shows: its second difference is at most
/// `BEND`.
fn low_tone(length: f64) -> Vec<f32> {
    let mut tone = sine(MONO, 200.0, 0.4, frames(length));
    for (n, sample) in tone[..2000].iter_mut().enumerate() {
        *sample *= 0.5 - 0.5 * (n as f32 / 2000.0 * std::f32::consts::PI).cos();
    }
    tone
}
const BEND: f32 = 0.000_33;

/// The places where the mix bends far more than the tone and its fades can: clicks.
fn clicks(pcm: &[f32]) -> Vec<usize> {
    let bends = |place: &usize| {
        let [a, b, c] = [pcm[place - 1], pcm[*place], pcm[place + 1]];
        (a - 2.0 * b + c).abs() > 10.0 * BEND
    };
    (1..pcm.len() - 1).filter(bends).collect()
}

/// The place in `whole` that is most similar to `part`, and the similarity. The similarity is 1 if only the
/// level differs.
fn place_of(part: &[f32], whole: &[f32]) -> (usize, f64) {
    let size = (whole.len() + part.len()).next_power_of_two();
    let mut planner = FftPlanner::new();
    let mut spectrum = |samples: &[f32]| {
        let mut bins: Vec<_> = samples.iter().map(|sample| Complex::new(f64::from(*sample), 0.0)).collect();
        bins.resize(size, Complex::default());
        planner.plan_fft_forward(size).process(&mut bins);
        bins
    };
    let (part_bins, whole_bins) = (spectrum(part), spectrum(whole));
    let mut alike: Vec<_> =
        part_bins.iter().zip(&whole_bins).map(|(part, whole)| part.conj() * whole).collect();
    planner.plan_fft_inverse(size).process(&mut alike);
    let places = 0..whole.len() - part.len();
    let best = places.max_by(|a, b| alike[*a].re.total_cmp(&alike[*b].re)).unwrap();
    let energy = |samples: &[f32]| samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>().sqrt();
    let alike = alike[best].re / size as f64 / (energy(part) * energy(&whole[best..best + part.len()]));
    (best, alike)
}

fn power_db(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * power.log10()
}

#[test]
fn ramps_make_no_zipper_noise() {
    const SIZE: usize = 1 << 16;
    for curve in [Curve::EqualPower, Curve::Smooth, Curve::Decibels, Curve::Linear] {
        let studio = studio();
        let path = track(&studio, "tone.wav", &sine(MONO, 1000.0, 0.5, frames(4.0)));
        let deck = studio.pipeline.play_voice(path, VoiceOptions::default()).unwrap();
        studio.run(ms(500));
        let begin = studio.position() + LIMITER;
        studio.pipeline.ramp_volume(deck, 0.2, seconds(2.0), curve, false).unwrap();
        studio.run(seconds(3.0));
        let pcm = studio.stop();
        let far = far_from_the_tone(&pcm[begin + 1000..begin + 1000 + SIZE]);
        assert!(far < -120.0, "{curve:?}: {far} dB beside the tone");
        let (before, after) = (&pcm[begin - 4410..begin], &pcm[begin + 90_000..begin + 94_410]);
        let change = power_db(after) - power_db(before);
        assert!((change - 20.0 * 0.2_f64.log10()).abs() < 0.1, "{curve:?}: {change} dB");
    }
    // The test can fail: a gain that changes once per block has much stronger components there.
    let stairs: Vec<f32> = sine(MONO, 1000.0, 0.5, SIZE)
        .iter()
        .enumerate()
        .map(|(n, sample)| sample * (1.0 - 0.6 * (n / 1024 * 1024) as f32 / SIZE as f32))
        .collect();
    assert!(far_from_the_tone(&stairs) > -80.0);
}

/// The strongest component that is more than 500 Hz from the tone of 1 kHz, in dB relative to the tone.
fn far_from_the_tone(samples: &[f32]) -> f64 {
    let size = samples.len();
    let window = |n: usize| {
        // Blackman-Harris: the side lobes are 92 dB down next to the tone, and far lower at a distance of 500
        // Hz.
        let x = n as f64 / size as f64 * TAU;
        0.35875 - 0.48829 * x.cos() + 0.14128 * (2.0 * x).cos() - 0.01168 * (3.0 * x).cos()
    };
    let mut bins: Vec<_> =
        samples.iter().enumerate().map(|(n, s)| Complex::new(f64::from(*s) * window(n), 0.0)).collect();
    FftPlanner::new().plan_fft_forward(size).process(&mut bins);
    let bin = |hz: f64| (hz / RATE * size as f64) as usize;
    let peak = |bins: &[Complex<f64>]| bins.iter().map(|bin| bin.norm()).fold(0.0, f64::max);
    let tone = peak(&bins[bin(900.0)..bin(1100.0)]);
    let far = peak(&bins[bin(20.0)..bin(500.0)]).max(peak(&bins[bin(1500.0)..size / 2]));
    20.0 * (far / tone).log10()
}

#[test]
fn whatever_is_done_to_a_deck_nothing_clicks() {
    let studio = studio();
    let path = track(&studio, "tone.wav", &low_tone(30.0));
    let deck = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    studio.run(ms(500));
    let begin = studio.position();
    let pipeline = &studio.pipeline;
    // A prime number of milliseconds is never in step with the tone.
    let go_on = || studio.run(ms(331));
    pipeline.pause_voice(deck).unwrap();
    go_on();
    pipeline.resume_voice(deck).unwrap();
    go_on();
    pipeline.seek_voice(deck, ms(12_347)).unwrap();
    go_on();
    // Several commands take effect at once.
    pipeline.seek_voice(deck, ms(9_001)).unwrap();
    pipeline.seek_voice(deck, ms(3_003)).unwrap();
    pipeline.pause_voice(deck).unwrap();
    go_on();
    pipeline.seek_voice(deck, ms(7_777)).unwrap();
    pipeline.resume_voice(deck).unwrap();
    go_on();
    for volume in [0.1, 1.2, 0.0, 1.0] {
        pipeline.set_volume(deck, volume).unwrap();
        go_on();
    }
    pipeline.ramp_volume(deck, 0.5, ms(50), Curve::EqualPower, false).unwrap();
    pipeline.ramp_volume(deck, 1.0, ms(50), Curve::Decibels, false).unwrap();
    go_on();
    pipeline.stop_voice(deck, Duration::ZERO).unwrap();
    go_on();
    assert!(!studio.has_voice(deck));
    let pcm = studio.stop();
    assert_eq!(clicks(&pcm[begin..]), [0; 0]);
    // The test can fail: a tone that is cut off clicks.
    let mut cut = low_tone(1.0);
    cut[20_000..].fill(0.0);
    assert_eq!(clicks(&cut).len(), 2);
}

#[test]
fn whatever_is_done_to_the_programme_nothing_clicks() {
    let studio = studio();
    let path = track(&studio, "tone.wav", &low_tone(30.0));
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", [Entry::new(&path)], &looped).unwrap();
    studio.run(ms(500));
    let begin = studio.position();
    let pipeline = &studio.pipeline;
    let go_on = || studio.run(ms(331));
    for fade in [Duration::ZERO, ms(100)] {
        pipeline.hold(fade).unwrap();
        go_on();
        pipeline.resume(fade).unwrap();
        go_on();
    }
    pipeline.skip().unwrap();
    go_on();
    pipeline.seek(ms(12_347)).unwrap();
    go_on();
    pipeline.seek(ms(7_001)).unwrap();
    pipeline.skip().unwrap();
    go_on();
    pipeline.stop_all_voices(Duration::ZERO).unwrap();
    go_on();
    pipeline.play_file(&path, None).unwrap();
    go_on();
    pipeline.hold(Duration::ZERO).unwrap();
    pipeline.skip().unwrap();
    go_on();
    pipeline.resume(Duration::ZERO).unwrap();
    go_on();
    let pcm = studio.stop();
    assert_eq!(clicks(&pcm[begin..]), [0; 0]);
}

#[test]
fn a_paused_deck_goes_on_where_it_was() {
    let studio = studio();
    let whole = noise(MONO, 1, 0.3, frames(10.0));
    let path = track(&studio, "noise.wav", &whole);
    let deck = studio.pipeline.play_voice(path, VoiceOptions::default()).unwrap();
    studio.run(seconds(2.0));
    let paused = studio.position() + LIMITER;
    studio.pipeline.pause_voice(deck).unwrap();
    studio.run(seconds(3.0));
    let resumed = studio.position() + LIMITER;
    studio.pipeline.resume_voice(deck).unwrap();
    studio.run(seconds(2.0));
    let pcm = studio.stop();
    assert!(pcm[paused + CUT..resumed].iter().all(|sample| *sample == 0.0), "silent while it is paused");
    let before = place_of(&pcm[paused - 10_000..paused], &whole);
    let after = place_of(&pcm[resumed + CUT..resumed + CUT + 10_000], &whole);
    assert!(before.1 > 0.999 && after.1 > 0.999, "{before:?} {after:?}");
    // Between the two places lie the frames of both fades. No frame is lost or repeated.
    assert_eq!(after.0, before.0 + 10_000 + 2 * CUT);
}

#[test]
fn a_seek_lands_where_it_is_asked_to() {
    let length = 20.0;
    let whole = noise(MONO, 2, 0.3, frames(length));
    for (format, tolerance) in [("wav", 0), ("flac", 0), ("mp3", 1152)] {
        let studio = studio();
        let file = encoded(&track(&studio, "noise.wav", &whole), format);
        let deck = studio.pipeline.play_voice(&file, VoiceOptions::default()).unwrap();
        studio.run(ms(300));
        // Forward, far forward, back, to the beginning, and several times nearby.
        let targets = [1.0, 17.123, 3.5, 0.0, 12.0, 12.1, 12.05, 6.321, 19.0];
        let sought: Vec<_> = targets
            .iter()
            .map(|&to| {
                let at = studio.position() + LIMITER + CUT;
                studio.pipeline.seek_voice(deck, seconds(to)).unwrap();
                studio.run(ms(500));
                (to, at)
            })
            .collect();
        studio.pipeline.stop_all_voices(Duration::ZERO).unwrap();
        // A seek of the current track is as exact.
        studio.pipeline.queue_files([Entry::new(&file)], Place::End).unwrap();
        studio.run(ms(500));
        let at = studio.position() + LIMITER + CUT;
        studio.pipeline.seek(seconds(15.5)).unwrap();
        studio.run(ms(500));
        let pcm = studio.stop();
        for (to, at) in sought.into_iter().chain([(15.5, at)]) {
            // The place that is expected after the fade-in.
            let expected = frames(to) + CUT;
            let around = expected.saturating_sub(8000)..(expected + 20_000).min(whole.len());
            let (place, alike) = place_of(&pcm[at + CUT..at + CUT + 12_000], &whole[around.clone()]);
            let error = (around.start + place).abs_diff(expected);
            assert!(alike > 0.8, "{format} at {to} s: alike by {alike} only");
            assert!(error <= tolerance, "{format}: {error} frames beside {to} s");
        }
    }
}

/// The same sound in another format, in a file next to it.
fn encoded(file: &Path, format: &str) -> PathBuf {
    let to = file.with_extension(format);
    if format != "wav" {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-nostdin", "-i"]).arg(file);
        if format == "mp3" {
            ffmpeg.args(["-b:a", "256k"]);
        }
        assert!(ffmpeg.arg(&to).status().expect("ffmpeg is installed").success());
    }
    to
}

#[test]
fn a_crossfader_of_two_decks_keeps_the_power() {
    let studio = studio();
    let pipeline = &studio.pipeline;
    let [a, b] =
        [1, 2].map(|seed| track(&studio, &format!("{seed}.wav"), &noise(MONO, seed, 0.3, frames(12.0))));
    let left = pipeline.play_voice(a, VoiceOptions::default()).unwrap();
    let right = pipeline.play_voice(b, VoiceOptions { volume: 0.0, ..VoiceOptions::default() }).unwrap();
    studio.run(seconds(1.0));
    let begin = studio.position() + LIMITER;
    // First fully to the right, then to the middle, then fully to the left.
    for (place, over) in [(1.0_f32, 3.0), (0.5, 1.0), (0.0, 2.0)] {
        let angle = place * std::f32::consts::FRAC_PI_2;
        pipeline.ramp_volume(left, angle.cos(), seconds(over), Curve::EqualPower, false).unwrap();
        pipeline.ramp_volume(right, angle.sin(), seconds(over), Curve::EqualPower, false).unwrap();
        studio.run(seconds(over + 0.2));
    }
    studio.run(ms(200));
    let pcm = studio.stop();
    let reference = power_db(&pcm[begin - 22_050..begin]);
    for (n, tenth) in pcm[begin..begin + frames(6.6)].chunks_exact(4410).enumerate() {
        let off = power_db(tenth) - reference;
        assert!(off.abs() < 0.5, "{off} dB after {n} tenths of a second");
    }
    // At the right end only the second deck is audible.
    let (place, alike) =
        place_of(&pcm[begin + frames(3.0)..begin + frames(3.1)], &noise(MONO, 2, 0.3, frames(12.0)));
    assert!(alike > 0.99 && place > frames(3.0), "{alike}");
}

#[test]
fn a_held_programme_fades_waits_and_goes_on_where_it_was_under_the_decks() {
    let studio = studio();
    let (whole, deck) = (noise(MONO, 3, 0.3, frames(20.0)), low_tone(20.0));
    let path = track(&studio, "noise.wav", &whole);
    studio.pipeline.queue_files([Entry::new(path)], Place::End).unwrap();
    studio.run(seconds(2.0));
    let fade = frames(0.5);
    let held = studio.position() + LIMITER;
    studio.pipeline.hold(ms(500)).unwrap();
    studio.run(seconds(1.0));
    let began = studio.position() + LIMITER;
    let deck_file = track(&studio, "deck.wav", &deck);
    let voice = studio.pipeline.play_voice(deck_file, VoiceOptions::default()).unwrap();
    studio.run(seconds(4.0));
    studio.pipeline.stop_voice(voice, ms(100)).unwrap();
    studio.run(seconds(1.0));
    let resumed = studio.position() + LIMITER;
    studio.pipeline.resume(ms(500)).unwrap();
    studio.run(seconds(2.0));
    let pcm = studio.stop();

    assert!(pcm[held + fade..began].iter().all(|sample| *sample == 0.0));
    // Decks continue during a hold. Only the deck is audible, and it is unchanged.
    assert_eq!(pcm[began..began + frames(3.5)], deck[..frames(3.5)]);
    let before = place_of(&pcm[held - 10_000..held], &whole);
    let after = place_of(&pcm[resumed + fade..resumed + fade + 10_000], &whole);
    assert!(before.1 > 0.999 && after.1 > 0.999, "{before:?} {after:?}");
    assert_eq!(after.0, before.0 + 10_000 + 2 * fade);
    // The fades are smooth: in the middle the level is one half.
    let middle = |at: usize| power_db(&pcm[at + fade / 2 - 1000..at + fade / 2 + 1000]);
    let full = power_db(&pcm[held - 20_000..held]);
    for at in [held, resumed] {
        assert!((middle(at) - full + 6.0).abs() < 1.0, "{} dB in the middle", middle(at) - full);
    }
}

#[test]
fn the_end_of_a_faded_deck_is_a_fade() {
    let studio = studio();
    let path = track(&studio, "noise.wav", &noise(MONO, 4, 0.3, frames(10.0)));
    let deck = studio.pipeline.play_voice(path, VoiceOptions::default()).unwrap();
    studio.run(seconds(2.0));
    let begin = studio.position() + LIMITER;
    studio.pipeline.stop_voice(deck, seconds(2.0)).unwrap();
    studio.run(seconds(3.0));
    let pcm = studio.stop();
    let levels: Vec<f64> = pcm[begin..begin + frames(2.0)].chunks_exact(4410).map(power_db).collect();
    assert!(levels.windows(2).all(|pair| pair[1] < pair[0] + 0.3), "it only falls: {levels:?}");
    assert!(pcm[begin + frames(2.0)..].iter().all(|sample| *sample == 0.0), "to its last frame");
}

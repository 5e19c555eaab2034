//! Crossfades: as loud as the tracks before and after, and never louder than full scale.

use std::time::Duration;

use longwave::{Entry, PcmSpec, PipelineSettings};
use longwave_testing::radio::{Radio, output};
use longwave_testing::sound;
use longwave_testing::tap::Tap;

use super::air;
use crate::both;

const LASTS: usize = 4 * 44_100;
const CROSSFADE: Duration = Duration::from_secs(2);

fn settings() -> PipelineSettings {
    PipelineSettings { crossfade: CROSSFADE.into(), outputs: both(), ..PipelineSettings::default() }
}

fn file(folder: &tempfile::TempDir, name: &str, pcm: &[f32]) -> Entry {
    Entry::new(sound::wav(&folder.path().join(name), PcmSpec::CD, pcm))
}

#[test]
fn a_crossfade_is_as_loud_as_what_meets_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let noises = [1, 2]
        .map(|seed| file(&folder, &format!("{seed}.wav"), &sound::noise(PcmSpec::CD, seed, 0.4, LASTS)));
    let aired = air(settings(), &noises, 6.5);
    for (heard, begins) in aired.heard.iter().zip(&aired.begins) {
        // The second track begins in the middle of the crossfade, three seconds after the first.
        assert_eq!(begins[1] - begins[0], 3 * 44_100);
        for channel in 0..2 {
            let mut loud: Vec<f64> = (2..58)
                .map(|tenth| begins[0] + tenth * 4410)
                .map(|at| heard.rms_db(channel, at..at + 4410))
                .collect();
            let steady = loud.iter().take(15).sum::<f64>() / 15.0;
            loud.sort_by(f64::total_cmp);
            let (least, most) = (loud[0] - steady, loud[loud.len() - 1] - steady);
            println!("from {least:+.2} to {most:+.2} dB beside what it was before");
            assert!(least > -1.5 && most < 1.5, "{least:+.2} to {most:+.2} dB");
        }
    }
}

#[test]
fn two_tracks_at_full_scale_cross_without_distortion() {
    let folder = tempfile::tempdir().unwrap();
    let tones = [441.0, 1050.0];
    let files = tones.map(|hz| {
        file(&folder, &format!("{hz}.wav"), &sound::sines(PcmSpec::CD, &[(hz, 1.0), (hz, 1.0)], LASTS))
    });
    let aired = air(settings(), &files, 6.5);
    for (heard, begins) in aired.heard.iter().zip(&aired.begins) {
        // In the middle of the crossfade both tracks are at -3 dB, so their sum is 3 dB above full scale.
        let middle = begins[1] - 8820..begins[1] + 8820;
        for channel in 0..2 {
            let peak = heard.channels[channel].iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
            assert!(peak < 1.02, "{peak}");
            for hz in tones {
                let level = heard.level_db(channel, middle.clone(), hz);
                assert!((-7.0..-3.0).contains(&level), "{level:.1} dB at {hz} Hz");
            }
            // Clipping would cause tones at these frequencies.
            for hz in [
                2.0 * tones[0] + tones[1],
                2.0 * tones[1] + tones[0],
                2.0 * tones[1] - tones[0],
                3.0 * tones[0],
                3.0 * tones[1],
            ] {
                let level = heard.level_db(channel, middle.clone(), hz);
                println!("{level:.1} dB at {hz} Hz");
                assert!(level < -45.0, "{level:.1} dB at {hz} Hz");
            }
        }
    }
}

#[test]
fn whatever_meets_no_sample_is_beyond_full_scale() {
    let folder = tempfile::tempdir().unwrap();
    let files = [1, 2, 3]
        .map(|seed| file(&folder, &format!("{seed}.wav"), &sound::noise(PcmSpec::CD, seed, 1.0, LASTS)));
    let tap = Tap::default();
    let mut radio =
        Radio::stepped(PipelineSettings { outputs: vec![output("/tap", tap.clone())], ..settings() });
    radio.pipeline().queue_files(files, longwave::Place::End).unwrap();
    radio.run(8.5);
    radio.stop();
    let samples = tap.samples();
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!((0.9..=1.0).contains(&peak), "{peak}");
}

//! Pitch, level and channel of tones.

use longwave::{AacSettings, Channels, Entry, Mp3Settings, OutputSettings, PcmSpec, PipelineSettings};
use longwave_testing::radio::{mono, output, stereo};
use longwave_testing::sound;

use super::air;
use crate::both;

/// The length of each file in seconds.
const LASTS: f64 = 1.5;

/// Plays one file of each spec, with its own tones, and checks every output.
fn tones_are_in_tune(spec: PcmSpec, outputs: Vec<OutputSettings>) {
    let shapes = [stereo(44_100), stereo(22_050), stereo(48_000), stereo(96_000), mono(44_100), mono(48_000)];
    let folder = tempfile::tempdir().unwrap();
    // No wrong sample rate turns one of these pitches into another. The left channel is 6 dB louder.
    let tones = |n: usize| [(440.0 + 37.0 * n as f64, 0.5), (1245.0 + 53.0 * n as f64, 0.25)];
    let files: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(n, shape)| {
            let pcm = sound::sines(
                *shape,
                &tones(n)[..shape.channels.count()],
                (LASTS * f64::from(shape.rate.hz())) as usize,
            );
            Entry::new(sound::wav(&folder.path().join(format!("{n}.wav")), *shape, &pcm))
        })
        .collect();
    let settings = PipelineSettings { spec, outputs: outputs.clone(), ..PipelineSettings::default() };
    let aired = air(settings, &files, LASTS * files.len() as f64 + 0.5);

    for ((output, heard), begins) in outputs.iter().zip(&aired.heard).zip(&aired.begins) {
        for (n, (shape, begin)) in shapes.iter().zip(begins).enumerate() {
            let range = begin + heard.at(0.2)..begin + heard.at(LASTS - 0.2);
            for channel in 0..spec.channels.count() {
                // A mono file has the same level in both channels. The channels of a stereo file are averaged
                // for a mono output.
                let both = tones(n);
                let expected = match (shape.channels, spec.channels) {
                    (Channels::Mono, _) => vec![both[0]],
                    (Channels::Stereo, Channels::Stereo) => vec![both[channel]],
                    (Channels::Stereo, Channels::Mono) => {
                        both.map(|(hz, amplitude)| (hz, amplitude / 2.0)).to_vec()
                    }
                };
                let what = format!("{} of {shape:?} in {spec:?}, channel {channel}", output.mount.path);
                let pitch = heard.pitch(channel, range.clone());
                assert!((pitch - expected[0].0).abs() < 0.2, "{what}: {pitch} Hz for {}", expected[0].0);
                for (hz, amplitude) in expected {
                    let level = heard.level_db(channel, range.clone(), hz) - 20.0 * amplitude.log10();
                    assert!(level.abs() < 0.5, "{what}: {level:+.2} dB at {hz} Hz");
                }
                // The tone of the other channel must not be audible in this one.
                if shape.channels == Channels::Stereo && spec.channels == Channels::Stereo {
                    let other = both[1 - channel].0;
                    let level = heard.level_db(channel, range.clone(), other);
                    assert!(level < -45.0, "{what}: {level:.1} dB of the other at {other} Hz");
                }
            }
        }
    }
}

#[test]
fn files_of_every_rate_are_in_tune_and_on_the_right_ear() {
    tones_are_in_tune(PcmSpec::CD, both());
}

#[test]
fn so_they_are_in_a_pipeline_of_another_rate() {
    let mp3 = output("/stream.mp3", Mp3Settings { bitrate: 192, ..Mp3Settings::default() });
    tones_are_in_tune(stereo(48_000), vec![mp3, output("/stream.aac", AacSettings::default())]);
}

#[test]
fn so_they_are_in_mono() {
    let mp3 = output("/stream.mp3", Mp3Settings { bitrate: 64, ..Mp3Settings::default() });
    let aac = output("/stream.aac", AacSettings { bitrate: 64, ..AacSettings::default() });
    tones_are_in_tune(mono(22_050), vec![mp3, aac]);
}

//! An encoder that replaces another one, as listeners hear it.

use std::sync::Arc;

use longwave::{
    AacProfile, AacSettings, EncoderSettings, Entry, MountSettings, Mp3Settings, OutputSettings, PcmSpec,
    PipelineSettings, Place,
};
use longwave_testing::ear::{self, Heard};
use longwave_testing::radio::Radio;
use longwave_testing::sound::{sine, wav};

/// A period has a hundred frames.
const HZ: f64 = 441.0;

type Settings = Arc<dyn EncoderSettings>;

fn mp3(bitrate: u32) -> Settings {
    Arc::new(Mp3Settings { bitrate, ..Mp3Settings::default() })
}

fn aac(profile: AacProfile, bitrate: u32) -> Settings {
    Arc::new(AacSettings { profile, bitrate, ..AacSettings::default() })
}

/// What a listener hears of a sine when the encoder is replaced after two seconds, once or several times.
fn heard(first: &Settings, then: &[Settings]) -> Heard {
    let folder = tempfile::tempdir().unwrap();
    let file = wav(&folder.path().join("sine.wav"), PcmSpec::CD, &sine(PcmSpec::CD, HZ, 0.5, 44_100 * 5));
    let mount = MountSettings { path: "/a".into(), ..MountSettings::default() };
    let outputs =
        vec![OutputSettings { encoder: first.clone(), mount: mount.clone(), record: Default::default() }];
    let mut radio = Radio::stepped(PipelineSettings { outputs, ..PipelineSettings::default() });
    let listener = radio.listen("/a", false);
    radio.pipeline().queue_files([Entry::new(file)], Place::End).unwrap();
    radio.run(2.0);
    for encoder in then {
        radio
            .pipeline()
            .update_output(OutputSettings {
                encoder: encoder.clone(),
                mount: mount.clone(),
                record: Default::default(),
            })
            .unwrap();
    }
    radio.run(2.5);
    radio.stop();
    ear::ffmpeg(first.content_type(), &listener.into_stream(), PcmSpec::CD)
}

/// An encoder, those that replace it at once, the most decibels of a corner where they meet, and the most
/// milliseconds of quiet there.
fn rows() -> Vec<(Settings, Vec<Settings>, f64, usize)> {
    use AacProfile::{He, HeV2, Lc};
    vec![
        (mp3(128), vec![mp3(64)], -73.0, 60),
        (mp3(64), vec![mp3(320)], -73.0, 60),
        (mp3(192), vec![mp3(128)], -73.0, 60),
        (mp3(192), vec![mp3(64), mp3(96)], -73.0, 60),
        (aac(Lc, 128), vec![aac(Lc, 64)], -44.0, 60),
        (aac(Lc, 96), vec![aac(Lc, 256)], -44.0, 60),
        // Here decoders begin anew.
        (aac(Lc, 128), vec![aac(He, 64)], -50.0, 170),
        (aac(He, 64), vec![aac(Lc, 128)], -50.0, 90),
        (aac(He, 48), vec![aac(HeV2, 32)], -50.0, 170),
        (aac(HeV2, 32), vec![aac(Lc, 96)], -35.0, 90),
    ]
}

#[test]
fn an_encoder_that_replaces_another_one_is_not_heard_as_a_click() {
    for (first, then, most_sharp, most_quiet) in rows() {
        let heard = heard(&first, &then);
        let [before, join, after] =
            [(1.0, 1.8), (1.8, 2.6), (3.0, 4.0)].map(|(from, to)| heard.at(from)..heard.at(to));
        let sharp = heard.sharpest_db(0, join.clone());
        let windows = join.step_by(441).map(|at| heard.rms_db(0, at..at + 441));
        let quiet = windows.filter(|level| *level < -30.0).count() * 10;
        let [phase, later] = [before, after].map(|range| heard.phase(0, range, HZ));
        let jump = (later - phase + 0.5).rem_euclid(1.0) - 0.5;
        let seen = format!("{first:?} to {then:?}: {sharp:.1} dB, {quiet} ms quiet, moved by {jump:.3}");
        println!("{seen}");
        assert!(sharp < most_sharp, "a click: {seen}");
        assert!(0 < quiet && quiet <= most_quiet, "{seen}");
        assert!(jump.abs() < 0.03, "the stream's time goes on: {seen}");
    }
}

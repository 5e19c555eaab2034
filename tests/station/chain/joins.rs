//! Without a crossfade, files that belong together join without a gap or a click.

use std::path::{Path, PathBuf};
use std::process::Command;

use longwave::{Entry, PcmSpec, PipelineSettings};
use longwave_testing::ear::Heard;
use longwave_testing::{sound, tools};

use super::air;
use crate::both;

const HZ: f64 = 440.3;
/// The cut is inside a packet, at a place where the sine is loud.
const CUT: usize = 90_137;
const FRAMES: usize = 180_000;

fn sine() -> Vec<f32> {
    sound::sines(PcmSpec::CD, &[(HZ, 0.5), (HZ, 0.5)], FRAMES)
}

/// Cuts the sine into two WAV files. `encode` turns each into the file that is played.
fn halves(folder: &Path, encode: impl Fn(&Path) -> PathBuf) -> Vec<Entry> {
    let sine = sine();
    let (first, second) = sine.split_at(2 * CUT);
    let half = |name, pcm| encode(&sound::wav(&folder.join(name), PcmSpec::CD, pcm));
    vec![Entry::new(half("1.wav", first)), Entry::new(half("2.wav", second))]
}

/// Plays two files. Returns for each output the strongest sound beside the tone: around the join, and before
/// it.
fn beside_tone_db(files: &[Entry]) -> Vec<(f64, f64)> {
    let settings = PipelineSettings { outputs: both(), ..PipelineSettings::default() };
    let aired = air(settings, files, FRAMES as f64 / 44_100.0 + 0.5);
    let judge = |(heard, begins): (&Heard, &Vec<usize>)| {
        let margin = heard.at(0.2);
        let [begin, join] = [begins[0], begins[1]];
        assert_eq!(join - begin, CUT, "the second begins where the first ends");
        let around = heard.beside_tone_db(0, join - margin..join + margin, HZ);
        let before = heard.beside_tone_db(0, begin + margin..join - margin, HZ);
        println!("beside the tone: {around:.1} dB around the join, {before:.1} dB before it");
        (around, before)
    };
    aired.heard.iter().zip(&aired.begins).map(judge).collect()
}

#[test]
fn a_sine_cut_into_two_flac_files_goes_on_as_if_it_were_one() {
    let folder = tempfile::tempdir().unwrap();
    let files = halves(folder.path(), |wav| tools::converted(wav, &wav.with_extension("flac"), &[], None));
    for (around, before) in beside_tone_db(&files) {
        assert!(around < before + 1.0 && before < -50.0, "{around:.1} dB at the join, {before:.1} before");
    }
}

#[test]
fn a_sine_cut_into_two_mp3_files_joins_by_what_lame_wrote_into_them() {
    let folder = tempfile::tempdir().unwrap();
    let files = halves(folder.path(), |wav| {
        let mp3 = wav.with_extension("mp3");
        let pcm = tools::converted(wav, &wav.with_extension("16.wav"), &["-c:a", "pcm_s16le"], None);
        tools::run(
            Command::new("lame").args(["--quiet", "-b", "320", "--noreplaygain"]).args([&pcm, &mp3]),
            &[],
        );
        mp3
    });
    for (around, before) in beside_tone_db(&files) {
        assert!(around < -40.0 && before < -50.0, "{around:.1} dB at the join, {before:.1} before");
    }
}

#[test]
fn the_measure_detects_a_single_missing_frame() {
    let mut sine = sine();
    sine.drain(2 * CUT..2 * CUT + 2);
    let heard = Heard::new(&sine, PcmSpec::CD);
    let around = heard.beside_tone_db(0, CUT - 4410..CUT + 4410, HZ);
    assert!(around > -36.0, "{around}");
    assert!(heard.beside_tone_db(0, 0..CUT - 4410, HZ) < -90.0);
}

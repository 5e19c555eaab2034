//! Files that belong together, one after the other: no gap, no click.

use std::f64::consts::TAU;
use std::path::PathBuf;

use super::fixture::{Folder, Pcm, channel, convert, read_all, run, stereo};
use crate::codec::file::AudioFile;

const HZ: f64 = 997.0;

/// One sine cut at these frames into files, each made by `make` of a WAV file.
fn parts(
    rate: u32,
    lengths: &[usize],
    make: impl Fn(&PathBuf, usize) -> PathBuf,
    folder: &Folder,
) -> Vec<PathBuf> {
    let mut begin = 0;
    let mut paths = Vec::new();
    for (part, &length) in lengths.iter().enumerate() {
        let pcm = Pcm::sine(rate, 2, HZ, begin, length);
        begin += length;
        let wav = folder.wav(&format!("{part}.wav"), &pcm);
        paths.push(make(&wav, part));
    }
    paths
}

/// Plays files one after the other.
fn play(paths: &[PathBuf], rate: u32) -> Vec<f32> {
    let open = |path| AudioFile::open(path, stereo(rate)).unwrap();
    paths.iter().flat_map(|path| read_all(&mut open(path))).collect()
}

/// The most that `got` is off one uninterrupted sine, the first and last 700 frames aside: there
/// the sine begins and ends.
fn off_the_sine(got: &[f32], rate: u32) -> f64 {
    let left = channel(got, 2, 0);
    let wanted = |frame: usize| 16_000.0 / 32_768.0 * (TAU * HZ * frame as f64 / f64::from(rate)).sin();
    (700..left.len() - 700).map(|frame| (wanted(frame) - f64::from(left[frame])).abs()).fold(0.0, f64::max)
}

#[test]
fn flac_parts_at_the_same_rate_join() {
    let folder = Folder::new();
    let make = |wav: &PathBuf, part: usize| {
        let flac = folder.path(&format!("{part}.flac"));
        run("flac", "flac", ["-s", "-o", flac.to_str().unwrap(), wav.to_str().unwrap()]);
        flac
    };
    let paths = parts(44_100, &[30_011, 20_003, 10_007], make, &folder);
    let got = play(&paths, 44_100);
    assert_eq!(got.len() / 2, 30_011 + 20_003 + 10_007);
    assert!(off_the_sine(&got, 44_100) < 1.0 / 32_768.0);
}

#[test]
fn flac_parts_join_when_they_are_resampled() {
    let folder = Folder::new();
    let make = |wav: &PathBuf, part: usize| {
        let flac = folder.path(&format!("{part}.flac"));
        run("flac", "flac", ["-s", "-o", flac.to_str().unwrap(), wav.to_str().unwrap()]);
        flac
    };
    // A file's length becomes a whole number of frames: these are whole at both rates.
    let lengths = [30_080, 20_000, 10_080];
    let paths = parts(48_000, &lengths, make, &folder);
    let got = play(&paths, 44_100);
    assert_eq!(got.len() / 2, lengths.iter().sum::<usize>() / 160 * 147);
    let off = off_the_sine(&got, 44_100);
    assert!(off < 0.01, "{off}");
}

#[test]
fn parts_at_different_rates_follow_each_other_whole() {
    let folder = Folder::new();
    let rates = [48_000, 32_000, 44_100, 44_100, 48_000];
    let paths: Vec<_> = rates
        .iter()
        .enumerate()
        .map(|(part, &rate)| {
            let channels = 1 + part % 2;
            folder.wav(&format!("{part}.wav"), &Pcm::sine(rate, channels, HZ, 0, rate as usize / 10))
        })
        .collect();
    assert_eq!(play(&paths, 44_100).len() / 2, rates.len() * 4_410);
}

#[test]
fn mp3_parts_with_lame_tags_join() {
    let folder = Folder::new();
    // LAME codes each part alone; only then what is before and after a part is silence.
    let make = |wav: &PathBuf, part: usize| {
        let mp3 = folder.path(&format!("{part}.mp3"));
        let files = [wav.to_str().unwrap(), mp3.to_str().unwrap()];
        run("lame", "lame", ["--quiet", "-b", "320"].iter().chain(&files));
        mp3
    };
    let paths = parts(44_100, &[30_011, 20_003], make, &folder);
    let got = play(&paths, 44_100);
    assert_eq!(got.len() / 2, 30_011 + 20_003);
    let off = off_the_sine(&got, 44_100);
    assert!(off < 0.02, "{off}");
}

#[test]
fn aac_parts_join() {
    let folder = Folder::new();
    let make = |wav: &PathBuf, part: usize| {
        convert(wav, &folder, &[(&format!("{part}.m4a"), "-c:a aac -b:a 256k")]).remove(0)
    };
    let paths = parts(44_100, &[30_011, 20_003], make, &folder);
    let got = play(&paths, 44_100);
    assert_eq!(got.len() / 2, 30_011 + 20_003);
    let off = off_the_sine(&got, 44_100);
    assert!(off < 0.05, "{off}");
}

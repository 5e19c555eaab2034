//! Files changed at random: whatever comes of them, it is an end or a reason, and it comes soon.

use std::io;
use std::path::{Path, PathBuf};

use super::fixture::{Folder, Pcm, convert, stereo};
use crate::codec::file::{AudioFile, Status};
use crate::units::FrameCount;

/// A short file of each kind.
fn every_kind(folder: &Folder) -> Vec<PathBuf> {
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, 9_000));
    let mut paths = convert(
        &wav,
        folder,
        &[
            ("a.mp3", "-metadata title=T -c:a libmp3lame"),
            ("a.flac", "-metadata title=T"),
            ("a.aiff", "-metadata title=T -write_id3v2 1"),
            ("a.ogg", "-metadata title=T -c:a libvorbis"),
            ("a.opus", "-c:a libopus -ar 48000"),
            ("flac.oga", "-c:a flac"),
            ("aac.m4a", "-metadata title=T -c:a aac"),
            ("alac.m4a", "-metadata title=T -c:a alac"),
            ("a.aac", "-c:a aac"),
        ],
    );
    let flac = std::fs::read(folder.path("a.flac")).unwrap();
    let frames = flac.windows(2).position(|pair| pair == [0xff, 0xf8]).unwrap();
    for (name, bytes) in [("joined.flac", flac.repeat(2)), ("frames.flac", flac[frames..].to_vec())] {
        paths.push(folder.path(name));
        std::fs::write(&paths[paths.len() - 1], bytes).unwrap();
    }
    paths.push(wav);
    paths
}

/// Changes a few bytes, mostly near the beginning, where files are easiest to confuse.
fn change(bytes: &mut Vec<u8>, random: &mut fastrand::Rng) {
    for _ in 0..random.usize(1..8) {
        if bytes.len() < 16 {
            return;
        }
        let reach = if random.bool() { bytes.len().min(1_000) } else { bytes.len() };
        let at = random.usize(..reach - 8);
        let end = (at + random.usize(1..200)).min(bytes.len());
        match random.u8(..8) {
            0 => bytes.truncate(end),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => bytes[at..at + 4].fill(0xff),
            4 => bytes[at..at + 4].fill(0),
            5 => bytes[at..at + 4].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]),
            _ => bytes[at] = random.u8(..),
        }
    }
}

#[test]
fn no_change_makes_a_file_dangerous() {
    // Set them to look longer, or to see something again.
    let told = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let rounds = told("LONGWAVE_ROUNDS").unwrap_or(10);
    let seed = longwave_testing::seed();
    let folder = Folder::new();
    let paths = every_kind(&folder);
    let files: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for round in 0..rounds {
        let seed = seed.wrapping_add(round);
        println!("LONGWAVE_ROUNDS=1 LONGWAVE_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for (path, bytes) in paths.iter().zip(&files) {
            let mut bytes = bytes.clone();
            change(&mut bytes, &mut random);
            play(bytes, path, &mut random);
        }
    }
}

/// Plays a file, goes elsewhere in it, and plays on, as far as it lets.
fn play(bytes: Vec<u8>, path: &Path, random: &mut fastrand::Rng) {
    /// A short file tells of much silence at most.
    const MOST_SAMPLES: usize = 4 * 1024 * 1024;
    let source = Box::new(io::Cursor::new(bytes));
    let Ok(mut file) = AudioFile::open_source(source, path, stereo(44_100)) else { return };
    let (mut pcm, mut total) = (Vec::new(), 0);
    for _ in 0..3 {
        while let Ok(Status::More) = file.read(&mut pcm) {
            total += pcm.len();
            pcm.clear();
            assert!(total < MOST_SAMPLES, "{}: it does not end", path.display());
        }
        if file.seek(FrameCount(random.u64(..20_000))).is_err() {
            return;
        }
    }
}

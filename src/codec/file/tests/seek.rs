//! After a seek the frame asked for is the next, in every format.

use std::path::Path;

use super::fixture::{Folder, Pcm, convert, error_db, read_all, run, stereo};
use crate::codec::file::{AudioFile, Status};
use crate::units::FrameCount;

const FRAMES: usize = 90_000;

/// What follows a seek is what is there when the file is read from its beginning.
fn check(path: &Path, rate: u32, exact: bool) {
    let name = path.display();
    let whole = read_all(&mut AudioFile::open(path, stereo(rate)).unwrap());
    let mut file = AudioFile::open(path, stereo(rate)).unwrap();
    let mut sink = Vec::new();
    file.read(&mut sink).unwrap();
    // There and back, to the very beginning, and by less than a packet.
    for to in [60_000, 0, 1, 500, 30_001, 31_000, 89_000, 7_777] {
        file.seek(FrameCount(to as u64)).unwrap();
        let mut got = Vec::new();
        while got.len() < 3_000 && file.read(&mut got).unwrap() == Status::More {}
        let wanted = &whole[to * 2..];
        let length = got.len().min(3_000);
        assert!(length >= 1_000, "{name}: {length} samples after frame {to}");
        if exact {
            assert!(got[..length] == wanted[..length], "{name}: frame {to}");
        } else {
            let error = error_db(&wanted[..length], &got[..length]);
            // FDK-AAC fills bands with noise, another each time.
            assert!(error < -35.0, "{name}: frame {to} is off by {error} dB");
        }
    }
    file.seek(FrameCount(45_000)).unwrap();
    assert_eq!(read_all(&mut file).len(), whole.len() - 45_000 * 2, "{name}: to the end");
    let length = whole.len() as u64 / 2;
    for beyond in [length, length + 1, u64::MAX] {
        file.seek(FrameCount(beyond)).unwrap();
        assert_eq!(read_all(&mut file).len(), 0, "{name}: beyond the end");
    }
    file.seek(FrameCount(0)).unwrap();
    assert_eq!(read_all(&mut file).len(), whole.len(), "{name}: and back");
}

#[test]
fn to_the_very_frame_in_every_format() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let wav48 = folder.wav("48.wav", &Pcm::sweeps(48_000, 2, FRAMES));
    let mp3 = folder.path("a.mp3");
    run("lame", "lame", ["--quiet", wav.to_str().unwrap(), mp3.to_str().unwrap()]);
    let exact = [("a.flac", ""), ("a.aiff", ""), ("alac.m4a", "-c:a alac")];
    for path in convert(&wav, &folder, &exact).into_iter().chain([wav.clone()]) {
        check(&path, 44_100, true);
    }
    let lossy = [
        ("noxing.mp3", "-c:a libmp3lame -write_xing 0"),
        ("a.ogg", "-c:a libvorbis"),
        ("aac.m4a", "-c:a aac"),
        ("a.aac", "-c:a aac"),
    ];
    for path in convert(&wav, &folder, &lossy).into_iter().chain([mp3]) {
        check(&path, 44_100, false);
    }
    check(&convert(&wav48, &folder, &[("a.opus", "-c:a libopus")])[0], 48_000, false);
}

#[test]
fn to_the_very_frame_when_resampled() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 1, FRAMES));
    let whole = read_all(&mut AudioFile::open(&wav, stereo(44_100)).unwrap());
    let mut file = AudioFile::open(&wav, stereo(44_100)).unwrap();
    for to in [50_000, 0, 1, 300, 30_001] {
        file.seek(FrameCount(to as u64)).unwrap();
        let got = read_all(&mut file);
        let wanted = &whole[to * 2..];
        assert_eq!(got.len(), wanted.len());
        let off = wanted.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "frame {to} is off by {off}");
    }
}

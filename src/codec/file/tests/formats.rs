//! Every format: as long as what it was made of, in time, each channel in its place.

use std::path::{Path, PathBuf};

use super::fixture::{Folder, Pcm, channel, error_db, ffmpeg, lag, read_all, run, stereo};
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

const FRAMES: usize = 50_000;

/// A decoded file is what it was made of, frame for frame; lossy codecs may be this far off.
fn check(path: &Path, rate: u32, error_below_db: f64) {
    let name = path.display();
    let mut file = AudioFile::open(path, stereo(rate)).unwrap();
    assert_eq!(file.duration(), Some(FrameCount(FRAMES as u64)), "{name}");
    let told = file.tags().duration.expect("a duration").as_secs_f64();
    assert!((told - FRAMES as f64 / f64::from(rate)).abs() < 1e-3, "{name}: {told} s");

    let got = read_all(&mut file);
    assert_eq!(got.len(), FRAMES * 2, "{name}");
    let wanted = Pcm::sweeps(rate, 2, FRAMES).as_floats();
    for side in 0..2 {
        let (wanted, got) = (channel(&wanted, 2, side), channel(&got, 2, side));
        assert_eq!(lag(&wanted, &got), 0, "{name}, channel {side}");
        let error = error_db(&wanted, &got);
        assert!(error < error_below_db, "{name}, channel {side}: {error} dB");
    }
}

fn made_by_ffmpeg(folder: &Folder, wav: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = folder.path(name);
    ffmpeg(wav, &path, options);
    path
}

#[test]
fn lossless_formats_come_back_bit_for_bit() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let flac = folder.path("flac.flac");
    run("flac", "flac", ["-s", "-o", flac.to_str().unwrap(), wav.to_str().unwrap()]);
    for path in [
        wav.clone(),
        flac,
        made_by_ffmpeg(&folder, &wav, "ffmpeg.flac", &[]),
        made_by_ffmpeg(&folder, &wav, "24bit.flac", &["-sample_fmt", "s32"]),
        made_by_ffmpeg(&folder, &wav, "ogg.oga", &["-c:a", "flac"]),
        made_by_ffmpeg(&folder, &wav, "a.aiff", &[]),
        made_by_ffmpeg(&folder, &wav, "24bit.aiff", &["-c:a", "pcm_s24be"]),
        made_by_ffmpeg(&folder, &wav, "24bit.wav", &["-c:a", "pcm_s24le"]),
        made_by_ffmpeg(&folder, &wav, "float.wav", &["-c:a", "pcm_f32le"]),
        made_by_ffmpeg(&folder, &wav, "alac.m4a", &["-c:a", "alac"]),
        made_by_ffmpeg(&folder, &wav, "flac.mp4", &["-c:a", "flac", "-strict", "-2"]),
    ] {
        check(&path, 44_100, -200.0);
    }
}

#[test]
fn lossy_formats_keep_length_and_place() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let wav48 = folder.wav("48.wav", &Pcm::sweeps(48_000, 2, FRAMES));
    let lame = |name: &str, options: &[&str]| {
        let path = folder.path(name);
        let files = [wav.to_str().unwrap(), path.to_str().unwrap()];
        run("lame", "lame", ["--quiet"].iter().chain(options).chain(&files));
        path
    };
    let oggenc = folder.path("oggenc.ogg");
    run("oggenc", "vorbis-tools", ["-Q", "-o", oggenc.to_str().unwrap(), wav.to_str().unwrap()]);
    let opusenc = folder.path("opusenc.opus");
    run("opusenc", "opus-tools", ["--quiet", wav48.to_str().unwrap(), opusenc.to_str().unwrap()]);
    for (path, rate) in [
        (lame("cbr.mp3", &["-b", "192"]), 44_100),
        (lame("vbr.mp3", &["-V", "2"]), 44_100),
        (made_by_ffmpeg(&folder, &wav, "ffmpeg.mp3", &["-c:a", "libmp3lame"]), 44_100),
        (oggenc, 44_100),
        (made_by_ffmpeg(&folder, &wav, "ffmpeg.ogg", &["-c:a", "libvorbis"]), 44_100),
        (opusenc, 48_000),
        (made_by_ffmpeg(&folder, &wav48, "ffmpeg.opus", &["-c:a", "libopus", "-b:a", "128k"]), 48_000),
        (made_by_ffmpeg(&folder, &wav, "aac.m4a", &["-c:a", "aac", "-b:a", "192k"]), 44_100),
    ] {
        check(&path, rate, -20.0);
    }
}

#[test]
fn adts_has_no_note_of_its_delay_but_is_whole() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let path = made_by_ffmpeg(&folder, &wav, "a.aac", &["-c:a", "aac", "-b:a", "192k"]);
    let got = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
    let wanted = channel(&Pcm::sweeps(44_100, 2, FRAMES).as_floats(), 2, 0);
    let got = channel(&got, 2, 0);
    assert!(got.len() >= FRAMES + 1_024, "{} frames", got.len());
    assert_eq!(lag(&wanted, &got), 1_024);
    assert!(error_db(&wanted, &got[1_024..]) < -20.0);
}

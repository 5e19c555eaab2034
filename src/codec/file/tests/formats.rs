//! Every format: as long as what it was made of, in time, each channel in its place.

use std::path::Path;

use super::fixture::{Folder, Pcm, channel, convert, error_db, read_all, run, stereo};
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

const FRAMES: usize = 30_000;

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
        // One frame early or late would be an error of -17 dB.
        let error = error_db(&wanted, &got);
        assert!(error < error_below_db, "{name}, channel {side}: {error} dB");
    }
}

#[test]
fn lossless_formats_come_back_bit_for_bit() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let flac = folder.path("flac.flac");
    run("flac", "flac", ["-s", "-o", flac.to_str().unwrap(), wav.to_str().unwrap()]);
    let mut paths = convert(
        &wav,
        &folder,
        &[
            ("ffmpeg.flac", ""),
            ("24bit.flac", "-sample_fmt s32"),
            ("ogg.oga", "-c:a flac"),
            ("a.aiff", ""),
            ("24bit.aiff", "-c:a pcm_s24be"),
            ("24bit.wav", "-c:a pcm_s24le"),
            ("float.wav", "-c:a pcm_f32le"),
            ("alac.m4a", "-c:a alac"),
            ("flac.mp4", "-c:a flac -strict -2"),
        ],
    );
    paths.extend([wav, flac]);
    for path in paths {
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
    let mut paths = vec![lame("cbr.mp3", &["-b", "192"]), lame("vbr.mp3", &["-V", "2"]), oggenc];
    paths.extend(convert(
        &wav,
        &folder,
        &[
            ("ffmpeg.mp3", "-c:a libmp3lame"),
            ("ffmpeg.ogg", "-c:a libvorbis"),
            ("aac.m4a", "-c:a aac -b:a 192k"),
        ],
    ));
    for path in paths {
        check(&path, 44_100, -20.0);
    }
    let mut opus = convert(&wav48, &folder, &[("ffmpeg.opus", "-c:a libopus -b:a 128k")]);
    opus.push(opusenc);
    for path in opus {
        check(&path, 48_000, -20.0);
    }
}

#[test]
fn what_has_no_note_of_its_delay_is_whole_and_tells_no_more_than_an_estimate() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let files = [("a.aac", "-c:a aac -b:a 192k"), ("a.mp3", "-c:a libmp3lame -write_xing 0")];
    for (path, delay) in convert(&wav, &folder, &files).iter().zip([1_024, 1_105]) {
        let name = path.display();
        let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
        assert_eq!(file.duration(), None, "{name}");
        let estimate = file.tags().duration.expect("an estimate").as_secs_f64();
        let got = channel(&read_all(&mut file), 2, 0);
        assert!(got.len() >= FRAMES + delay, "{name}: {} frames", got.len());
        assert!((estimate - got.len() as f64 / 44_100.0).abs() < 0.1, "{name}: {estimate} s");
        let wanted = channel(&Pcm::sweeps(44_100, 2, FRAMES).as_floats(), 2, 0);
        let error = error_db(&wanted, &got[delay..]);
        assert!(error < -20.0, "{name}: {error} dB");
    }
}

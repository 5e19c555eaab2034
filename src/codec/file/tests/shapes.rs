//! From any rate and any channels to the pipeline's.

use std::path::Path;

use super::fixture::{Folder, Pcm, channel, convert, decode, error_db, ffmpeg, spec, stereo};
use crate::audio::Channels;

#[test]
fn every_rate_is_in_tune() {
    let folder = Folder::new();
    for rate in [8_000, 11_025, 22_050, 32_000, 48_000, 88_200, 96_000, 192_000] {
        let wav = folder.wav("a.wav", &Pcm::sine(rate, 1, 1_000.0, 0, rate as usize));
        let got = decode(&wav, stereo(44_100));
        assert_eq!(got.len(), 44_100 * 2, "{rate} Hz");
        let wanted = Pcm::sine(44_100, 1, 1_000.0, 0, 44_100).as_floats();
        for side in 0..2 {
            // The first and last frames are next to the silence around the file.
            let got = &channel(&got, 2, side)[2_000..42_000];
            let error = error_db(&wanted[2_000..42_000], got);
            assert!(error < -80.0, "{rate} Hz: {error} dB");
        }
    }
}

#[test]
fn mono_goes_to_both_sides_and_stereo_to_their_mean() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 1, 5_000);
    let mono = folder.wav("mono.wav", &pcm);
    let got = decode(&mono, stereo(44_100));
    assert!(channel(&got, 2, 0) == pcm.as_floats());
    assert!(channel(&got, 2, 1) == pcm.as_floats());
    assert!(decode(&mono, spec(44_100, Channels::Mono)) == pcm.as_floats());

    let pcm = Pcm::sweeps(44_100, 2, 5_000);
    let got = decode(&folder.wav("stereo.wav", &pcm), spec(44_100, Channels::Mono));
    let wanted: Vec<f32> = pcm.as_floats().chunks_exact(2).map(|frame| (frame[0] + frame[1]) / 2.0).collect();
    assert!(got == wanted);
}

/// Makes files with a tone of its own on each channel of a layout, and tells for each how loud each
/// tone is on the left and on the right of the mix, in dB below the loudest.
fn mixed(folder: &Folder, layout: &str, files: &[(&str, &str)]) -> Vec<Vec<[f64; 2]>> {
    let count = layout.split('+').count();
    let tones: Vec<String> = (0..count).map(|at| format!("0.5*sin(2*PI*{}*t)", tone(at))).collect();
    let source = format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=0.5", tones.join("|"));
    ffmpeg(&source, folder, files).iter().map(|path| levels(path, count)).collect()
}

/// The pitch of a channel's tone: 400 Hz and up, and low enough for a bass-effects channel's coder.
fn tone(at: usize) -> u32 {
    if at == 3 { 60 } else { 400 + 160 * at as u32 }
}

fn levels(path: &Path, count: usize) -> Vec<[f64; 2]> {
    let got = decode(path, stereo(48_000));
    let level = |side: usize, at: usize| {
        let samples = channel(&got, 2, side);
        let step = std::f64::consts::TAU * f64::from(tone(at)) / 48_000.0;
        // A tenth of a second in the middle: a whole number of periods of each tone.
        let (mut re, mut im) = (0.0, 0.0);
        for (n, sample) in samples[8_000..8_000 + 9_600].iter().enumerate() {
            re += f64::from(*sample) * (step * n as f64).cos();
            im += f64::from(*sample) * (step * n as f64).sin();
        }
        20.0 * (re.hypot(im) / 4_800.0 / 0.5).max(1e-6).log10()
    };
    let all: Vec<_> = (0..count).map(|at| [level(0, at), level(1, at)]).collect();
    let loudest = all.as_flattened().iter().copied().fold(f64::MIN, f64::max);
    all.into_iter().map(|sides| sides.map(|db| (db - loudest).max(-60.0))).collect()
}

/// What is expected, in dB: a channel's part on the left and on the right.
fn check(name: &str, got: &[[f64; 2]], wanted: &[[f64; 2]], slack_db: f64) {
    assert_eq!(got.len(), wanted.len());
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        for side in 0..2 {
            let low = wanted[side] == NONE;
            let right = if low { got[side] < -30.0 } else { (got[side] - wanted[side]).abs() < slack_db };
            assert!(right, "{name}, channel {at}: {got:?}, not {wanted:?}");
        }
    }
}

const NONE: f64 = f64::MIN;
const FULL: f64 = 0.0;
const HALF: f64 = -3.01;

const LEFT: [f64; 2] = [FULL, NONE];
const RIGHT: [f64; 2] = [NONE, FULL];
const CENTRE: [f64; 2] = [HALF, HALF];
const BASS: [f64; 2] = [NONE, NONE];
const SURROUND_LEFT: [f64; 2] = [HALF, NONE];
const SURROUND_RIGHT: [f64; 2] = [NONE, HALF];
const REAR: [f64; 2] = [-6.02, -6.02];

#[test]
fn many_channels_become_two() {
    let folder = Folder::new();
    let five_one: &[[f64; 2]] = &[LEFT, RIGHT, CENTRE, BASS, SURROUND_LEFT, SURROUND_RIGHT];
    for (layout, wanted) in [
        ("FL+FR+FC", &[LEFT, RIGHT, CENTRE][..]),
        ("FL+FR+BL+BR", &[LEFT, RIGHT, SURROUND_LEFT, SURROUND_RIGHT]),
        ("FL+FR+FC+BC", &[LEFT, RIGHT, CENTRE, REAR]),
        ("FL+FR+FC+BL+BR", &[LEFT, RIGHT, CENTRE, SURROUND_LEFT, SURROUND_RIGHT]),
        ("FL+FR+FC+LFE+BL+BR", five_one),
        ("FL+FR+FC+LFE+SL+SR", five_one),
        (
            "FL+FR+FC+LFE+BL+BR+SL+SR",
            &[LEFT, RIGHT, CENTRE, BASS, SURROUND_LEFT, SURROUND_RIGHT, SURROUND_LEFT, SURROUND_RIGHT],
        ),
    ] {
        let files = [("a.wav", ""), ("a.flac", "")];
        for (got, (file, _)) in mixed(&folder, layout, &files).iter().zip(files) {
            check(&format!("{layout} in {file}"), got, wanted, 0.1);
        }
    }
    let files = [
        ("alac.m4a", "-c:a alac"),
        #[cfg(feature = "aac")]
        ("aac.m4a", "-c:a aac -b:a 600k"),
        #[cfg(feature = "aac")]
        ("a.aac", "-c:a aac -b:a 600k"),
    ];
    for (got, (file, _)) in mixed(&folder, "FL+FR+FC+LFE+BL+BR", &files).iter().zip(files) {
        check(file, got, five_one, 1.0);
    }
    #[cfg(feature = "aac")]
    {
        let seven_one = [five_one, &[SURROUND_LEFT, SURROUND_RIGHT]].concat();
        let files = [("seven.m4a", "-c:a aac -b:a 600k"), ("seven.aac", "-c:a aac -b:a 600k")];
        for (got, (file, _)) in mixed(&folder, "FL+FR+FC+LFE+BL+BR+SL+SR", &files).iter().zip(files) {
            check(file, got, &seven_one, 1.0);
        }
    }
}

#[test]
fn opus_and_vorbis_have_up_to_eight_channels() {
    let folder = Folder::new();
    let files = [("a.ogg", "-c:a libvorbis -q:a 8"), ("a.opus", "-c:a libopus -b:a 500k")];
    for (layout, wanted) in [
        ("FL+FR+FC", &[LEFT, RIGHT, CENTRE][..]),
        ("FL+FR+BL+BR", &[LEFT, RIGHT, SURROUND_LEFT, SURROUND_RIGHT]),
        ("FL+FR+FC+LFE+BL+BR", &[LEFT, RIGHT, CENTRE, BASS, SURROUND_LEFT, SURROUND_RIGHT]),
        (
            "FL+FR+FC+LFE+BL+BR+SL+SR",
            &[LEFT, RIGHT, CENTRE, BASS, SURROUND_LEFT, SURROUND_RIGHT, SURROUND_LEFT, SURROUND_RIGHT],
        ),
    ] {
        for (got, (file, _)) in mixed(&folder, layout, &files).iter().zip(files) {
            check(&format!("{layout} in {file}"), got, wanted, 1.0);
        }
    }
}

#[test]
fn opus_channels_without_a_meaning_are_those_that_are_usual() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(48_000, 2, 30_000));
    let files = [("plain.opus", "-c:a libopus"), ("255.opus", "-c:a libopus -mapping_family 255")];
    let [plain, odd] = convert(&wav, &folder, &files).try_into().unwrap();
    let wanted = Pcm::sweeps(48_000, 2, 30_000).as_floats();
    for path in [plain, odd] {
        let got = decode(&path, stereo(48_000));
        assert_eq!(got.len(), wanted.len(), "{}", path.display());
        for side in 0..2 {
            let error = error_db(&channel(&wanted, 2, side), &channel(&got, 2, side));
            assert!(error < -20.0, "{}: {error} dB", path.display());
        }
    }
}

/// Channels with nothing in common: a tone of its own on each.
#[test]
fn every_layout_is_as_loud_as_stereo() {
    let folder = Folder::new();
    for layout in ["FL+FR", "FL+FR+FC", "FL+FR+BL+BR", "FL+FR+FC+LFE+BL+BR", "FL+FR+FC+LFE+BL+BR+SL+SR"] {
        let count = layout.split('+').count();
        let tones: Vec<String> = (0..count).map(|at| format!("0.5*sin(2*PI*{}*t)", tone(at))).collect();
        let source = format!("-f lavfi -i aevalsrc={}:c={layout}:s=48000:d=1", tones.join("|"));
        let files = [
            ("a.wav", ""),
            ("a.flac", ""),
            ("a.ogg", "-c:a libvorbis -q:a 8"),
            ("a.opus", "-c:a libopus -b:a 500k"),
            #[cfg(feature = "aac")]
            ("a.m4a", "-c:a aac -b:a 600k"),
        ];
        for path in ffmpeg(&source, &folder, &files) {
            let got = decode(&path, stereo(48_000));
            for side in 0..2 {
                let pcm = channel(&got, 2, side);
                let square =
                    pcm.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>() / pcm.len() as f64;
                let db = 10.0 * (square / 0.125).log10();
                assert!(db.abs() < 0.7, "{layout} in {}: {db} dB", path.display());
            }
        }
    }
}

#[cfg(not(feature = "aac"))]
#[test]
fn aac_that_this_build_cannot_decode_is_refused() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 6, 5_000));
    let aac = convert(&wav, &folder, &[("a.m4a", "-c:a aac -ac 6")]);
    let refused =
        crate::codec::file::AudioFile::open(&aac[0], stereo(44_100)).err().expect("a refusal").to_string();
    assert!(refused.contains("a build with the feature `aac`"), "{refused}");
}

//! MP4, M4A and MOV files whose index is wrong, or older than it should be; and PCM in them.

use std::path::{Path, PathBuf};

use super::fixture::{Folder, Pcm, convert, decode, read_until_it_breaks_off, stereo};
use crate::codec::file::AudioFile;
use crate::units::FrameCount;

const FRAMES: usize = 60_000;

fn write(folder: &Folder, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn place(bytes: &[u8], name: &[u8; 4]) -> usize {
    bytes.windows(4).position(|window| window == name).unwrap()
}

fn plays(path: &Path, pcm: &[f32], what: &str) {
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    assert_eq!(file.duration(), Some(FrameCount(pcm.len() as u64 / 2)), "{what}");
    let got = super::fixture::read_all(&mut file);
    assert_eq!(got.len(), pcm.len(), "{what}");
    assert!(got == pcm, "{what}");
    for to in [0, 1_000, 30_001] {
        file.seek(FrameCount(to)).unwrap();
        assert!(super::fixture::read_all(&mut file) == pcm[to as usize * 2..], "{what}, from {to}");
    }
}

#[test]
fn pcm_in_either_order_of_bytes_is_read() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = folder.wav("a.wav", &pcm);
    let files = [
        ("s16be.mov", "-c:a pcm_s16be"),
        ("s16le.mov", "-c:a pcm_s16le"),
        ("s24be.mov", "-c:a pcm_s24be"),
        ("s24le.mov", "-c:a pcm_s24le"),
        ("s32be.mov", "-c:a pcm_s32be"),
        ("s32le.mov", "-c:a pcm_s32le"),
        ("f32be.mov", "-c:a pcm_f32be"),
        ("f32le.mov", "-c:a pcm_f32le"),
        ("f64be.mov", "-c:a pcm_f64be"),
        ("f64le.mov", "-c:a pcm_f64le"),
    ];
    for path in convert(&wav, &folder, &files) {
        plays(&path, &pcm.as_floats(), &path.display().to_string());
    }
    // The order is told where there is `enda`; without it the greatest byte comes first.
    let mut bare = std::fs::read(folder.path("s24be.mov")).unwrap();
    while let Some(at) = bare.windows(4).position(|window| window == b"enda") {
        bare[at..at + 4].copy_from_slice(b"free");
    }
    plays(&write(&folder, "bare.mov", &bare), &pcm.as_floats(), "without enda");
    let smaller = [
        ("u8.mov", "-c:a pcm_u8", -35.0),
        ("alaw.mov", "-c:a pcm_alaw", -30.0),
        ("mulaw.mov", "-c:a pcm_mulaw", -30.0),
        ("ima.mov", "-c:a adpcm_ima_qt", -30.0),
    ];
    for (name, codec, below_db) in smaller {
        let path = convert(&wav, &folder, &[(name, codec)]).remove(0);
        let got = decode(&path, stereo(44_100));
        // A block of ADPCM is whole.
        assert!(got.len().abs_diff(FRAMES * 2) < 64 * 2, "{name}: {}", got.len() / 2);
        let error = super::fixture::error_db(&pcm.as_floats(), &got);
        assert!(error < below_db, "{name}: {error} dB");
    }
}

/// The frames of a file, and why it breaks off.
fn breaks_off(path: &Path) -> (Vec<f32>, Option<String>) {
    read_until_it_breaks_off(&mut AudioFile::open(path, stereo(44_100)).unwrap())
}

#[test]
fn of_a_download_that_breaks_off_what_is_there_is_played() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let front = |codec: &str| format!("-c:a {codec} -movflags +faststart");
    for (name, codec, packet) in
        [("aac.m4a", "aac", 1024), ("alac.m4a", "alac", 4096), ("a.mov", "pcm_s24be", 1)]
    {
        let path = convert(&wav, &folder, &[(name, &front(codec))]).remove(0);
        let (bytes, whole) = (std::fs::read(&path).unwrap(), decode(&path, stereo(44_100)));
        let data = bytes.len() - place(&bytes, b"mdat");
        for missing in [1, 100, 5_000, data / 2, data * 3 / 4] {
            let cut = write(&folder, "cut.m4a", &bytes[..bytes.len() - missing]);
            let (got, reason) = breaks_off(&cut);
            assert!(reason.is_some_and(|reason| reason.contains("ends before the sound")), "{name}");
            let same = got.len().min(whole.len());
            assert!(got[..same] == whole[..same], "{name} without {missing} bytes");
            let other_rate =
                AudioFile::open(&cut, stereo(22_050)).map(|mut cut| read_until_it_breaks_off(&mut cut).0);
            let halved = other_rate.unwrap().len();
            assert!(
                halved.abs_diff(got.len() / 2) <= 4,
                "{name} without {missing} bytes, resampled: {halved}"
            );
            // The packets have about the same size.
            let least = (FRAMES * (data - missing) / data).saturating_sub(2 * packet + FRAMES / 8);
            assert!(got.len() / 2 >= least, "{name} without {missing} bytes: {} frames", got.len() / 2);
        }
    }
}

#[test]
fn a_chunk_with_a_wrong_place_costs_only_itself() {
    let folder = Folder::new();
    // In a film, the sound is in many chunks.
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, 4 * FRAMES));
    let film = format!("-f lavfi -i color=s=64x64:d=5 -i {}", wav.display());
    let path =
        super::fixture::ffmpeg(&film, &folder, &[("film.mov", "-c:v mpeg4 -c:a pcm_s16le -t 5")]).remove(0);
    let (bytes, whole) = (std::fs::read(&path).unwrap(), decode(&path, stereo(44_100)));
    // The track with the sound is the second.
    let places = bytes.windows(4).rposition(|window| window == b"stco").unwrap();
    let count = u32::from_be_bytes(bytes[places + 8..places + 12].try_into().unwrap()) as usize;
    assert!(count > 10, "{count} chunks");
    for (chunk, wrong) in [(0, u32::MAX), (count / 2, 0x7fff_ffff), (count - 1, bytes.len() as u32)] {
        let mut odd = bytes.clone();
        let at = places + 12 + chunk * 4;
        odd[at..at + 4].copy_from_slice(&wrong.to_be_bytes());
        let (got, reason) = breaks_off(&write(&folder, "odd.mov", &odd));
        assert_eq!(reason.is_some(), chunk == count - 1, "{chunk}: {reason:?}");
        assert!(got.len() < whole.len() && got.len() > whole.len() * 9 / 10, "{chunk}: {}", got.len());
    }
}

#[test]
fn wrong_times_in_the_index_cost_nothing() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    for (name, codec) in [("aac.m4a", "-c:a aac"), ("alac.m4a", "-c:a alac"), ("a.mov", "-c:a pcm_s16be")] {
        let path = convert(&wav, &folder, &[(name, codec)]).remove(0);
        let (m4a, whole) = (std::fs::read(&path).unwrap(), decode(&path, stereo(44_100)));
        let odd = |what: &str, at: usize, number: u32| {
            let mut odd = m4a.clone();
            odd[at..at + 4].copy_from_slice(&number.to_be_bytes());
            let got = decode(&write(&folder, "odd.m4a", &odd), stereo(44_100));
            let same = got.len().min(whole.len());
            assert!(got[..same] == whole[..same], "{name}, {what} = {number}");
            // Where the last packet ends may be unknown then; the edit list tells it in milliseconds.
            let frames = got.len() / 2;
            assert!((FRAMES - 45..=FRAMES + 4096).contains(&frames), "{name}, {what} = {number}: {frames}");
        };
        let times = place(&m4a, b"stts");
        let at =
            |offset: usize| u32::from_be_bytes(m4a[times + offset..times + offset + 4].try_into().unwrap());
        for count in [0, 1, at(12) / 2, at(12) * 10, u32::MAX] {
            odd("the number of packets", times + 12, count);
        }
        for ticks in [0, 1, at(16) / 2, at(16) * 10, u32::MAX] {
            odd("the ticks of a packet", times + 16, ticks);
        }
        odd("the number of runs", times + 8, 0);
        for scale in [0, 1, 1_000, 22_050, 48_000, 441_000] {
            odd("the track's time scale", place(&m4a, b"mdhd") + 16, scale);
        }
        odd("the movie's time scale", place(&m4a, b"mvhd") + 16, 0);
    }
}

#[test]
fn files_older_than_their_own_name_are_known() {
    let folder = Folder::new();
    let pcm = Pcm::sweeps(44_100, 2, FRAMES);
    let wav = folder.wav("a.wav", &pcm);
    for (name, codec) in
        [("a.mov", "-c:a pcm_s16be"), ("b.m4a", "-c:a alac -movflags +faststart"), ("c.m4a", "-c:a alac")]
    {
        let path = convert(&wav, &folder, &[(name, codec)]).remove(0);
        let whole = std::fs::read(&path).unwrap();
        for kind in [b"wide", b"free", b"skip"] {
            let mut old = whole.clone();
            old[4..8].copy_from_slice(kind);
            plays(&write(&folder, "old.mov", &old), &pcm.as_floats(), name);
        }
    }
    let nothing = write(&folder, "nothing.m4a", b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\0\0\0\x10mdat12345678");
    let reason = AudioFile::open(&nothing, stereo(44_100)).err().expect("a refusal").to_string();
    assert!(reason.contains("has no index"), "{reason}");
}

//! Files that change while they are played: nothing is heard that was not in them at first.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fixture::{Folder, Pcm, convert, read_all, stereo};
use crate::codec::file::{AudioFile, Status};

const FRAMES: usize = 12 * 44_100;

/// Files of every way to find sound in one, by name.
fn files(folder: &Folder) -> Vec<PathBuf> {
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let mut paths = convert(
        &wav,
        folder,
        &[
            ("a.w64", ""),
            ("a.caf", ""),
            ("a.aiff", ""),
            ("a.flac", ""),
            ("a.mp3", "-c:a libmp3lame -b:a 320k"),
            ("a.ogg", "-c:a libvorbis -b:a 320k -minrate 320k"),
            ("a.m4a", "-c:a alac"),
        ],
    );
    paths.push(wav);
    paths
}

/// What is heard of a file to which something happens after some seconds, and why it ended. After none, it is
/// open and waits for its turn.
fn heard(path: &Path, seconds: usize, happens: impl FnOnce(&Path)) -> (Vec<f32>, Option<String>) {
    let mut file = AudioFile::open(path, stereo(44_100)).unwrap();
    let mut pcm = Vec::new();
    while pcm.len() < 2 * seconds * 44_100 {
        assert_eq!(file.read(&mut pcm).unwrap(), Status::More);
    }
    // A file system counts time in steps of some milliseconds.
    std::thread::sleep(Duration::from_millis(20));
    happens(path);
    loop {
        match file.read(&mut pcm) {
            Ok(Status::More) => {}
            Ok(Status::End) => return (pcm, None),
            Err(cause) => return (pcm, Some(cause.to_string())),
        }
    }
}

/// Does it to each file while it plays, and sees that the track ends, with nothing but its own sound before.
fn ends(happens: impl Fn(&Path)) {
    ends_after(3, happens);
}

fn ends_after(seconds: usize, happens: impl Fn(&Path)) {
    let folder = Folder::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
        let (pcm, reason) = heard(&path, seconds, &happens);
        let reason = reason.unwrap_or_else(|| panic!("{name} has ended as if nothing had happened"));
        assert!(reason.contains("changed while it was played"), "{name}: {reason}");
        assert!(pcm.len() < whole.len() && pcm == whole[..pcm.len()], "{name}: {} samples", pcm.len());
    }
}

fn writable(path: &Path) -> File {
    File::options().write(true).open(path).unwrap()
}

fn size(path: &Path) -> usize {
    fs::metadata(path).unwrap().len() as usize
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(9);
    std::iter::repeat_with(|| random.u8(..)).take(bytes).collect()
}

#[test]
fn a_file_that_is_cut_short_ends_there() {
    ends(|path| writable(path).set_len(size(path) as u64 / 2).unwrap());
}

#[test]
fn a_file_that_is_emptied_ends_there() {
    ends(|path| writable(path).set_len(0).unwrap());
}

#[test]
fn a_file_that_is_overwritten_by_zeros_ends_there() {
    ends(|path| writable(path).write_all_at(&vec![0; size(path)], 0).unwrap());
}

#[test]
fn a_file_that_is_overwritten_by_noise_ends_there() {
    ends(|path| writable(path).write_all_at(&noise(size(path)), 0).unwrap());
}

#[test]
fn a_file_whose_rest_is_overwritten_ends_there() {
    ends(|path| writable(path).write_all_at(&noise(size(path) / 2), size(path) as u64 / 2).unwrap());
}

#[test]
fn a_file_over_which_a_longer_one_is_copied_ends_there() {
    ends(|path| fs::write(path, noise(size(path) * 2)).unwrap());
}

#[test]
fn a_file_that_changes_between_its_opening_and_its_turn_ends_there() {
    ends_after(0, |path| writable(path).set_len(size(path) as u64 / 2).unwrap());
    ends_after(0, |path| fs::write(path, noise(size(path) * 2)).unwrap());
    ends_after(0, |path| fs::write(path, []).unwrap());
}

#[test]
fn a_file_that_is_replaced_by_another_of_its_name_or_moved_is_heard_to_its_end() {
    let folder = Folder::new();
    for path in files(&folder) {
        let whole = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
        let (pcm, reason) = heard(&path, 3, |path| {
            fs::rename(path, folder.path("moved")).unwrap();
            let new = folder.path("new");
            fs::write(&new, noise(10_000)).unwrap();
            fs::rename(new, path).unwrap();
        });
        assert!(pcm == whole, "{}: {reason:?}", path.display());
    }
}

#[test]
fn a_file_that_only_grows_is_played_on() {
    let folder = Folder::new();
    for path in files(&folder) {
        let whole = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
        let (pcm, reason) = heard(&path, 3, |path| {
            let (file, end) = (writable(path), size(path) as u64);
            file.write_all_at(&[0; 20_000], end).unwrap();
        });
        assert!(pcm[..whole.len().min(pcm.len())] == whole[..], "{}: {reason:?}", path.display());
    }
}

#[test]
fn a_recorder_may_fill_in_the_sizes_in_the_head() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let mut file = AudioFile::open(&wav, stereo(44_100)).unwrap();
    let mut pcm = Vec::new();
    let (open, end) = (writable(&wav), size(&wav) as u64);
    for second in 1..10u32 {
        while pcm.len() < 2 * 44_100 * second as usize {
            file.read(&mut pcm).unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
        if second % 2 == 1 {
            open.write_all_at(&[0; 4], end + 4 * u64::from(second)).unwrap();
        } else {
            open.write_all_at(&(36 + second).to_le_bytes(), 4).unwrap();
        }
    }
    while file.read(&mut pcm).unwrap() == Status::More {}
    assert_eq!(pcm.len(), 2 * FRAMES);
}

#[test]
fn a_seek_in_a_file_that_was_cut_short_ends_the_same() {
    let folder = Folder::new();
    for path in files(&folder) {
        for left in [0, 5_000, size(&path) / 4, size(&path) / 2] {
            let whole = fs::read(&path).unwrap();
            let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            writable(&path).set_len(left as u64).unwrap();
            let mut pcm = Vec::new();
            let sought = file.seek(crate::units::FrameCount(10 * 44_100));
            let reason = sought.and_then(|()| file.read(&mut pcm)).unwrap_err().to_string();
            assert!(reason.contains("changed while it was played"), "{}: {reason}", path.display());
            assert!(pcm.is_empty(), "{}", path.display());
            fs::write(&path, whole).unwrap();
        }
    }
}

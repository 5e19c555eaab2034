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
    files_of(folder, FRAMES)
}

fn files_of(folder: &Folder, frames: usize) -> Vec<PathBuf> {
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, frames));
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

/// Overwritten in place by a longer sound of its own kind, or by a shorter one: when the file is open, in its
/// midst, and when all of it has been heard.
#[test]
fn a_file_of_any_length_over_which_another_is_written_in_place_ends_there() {
    let folder = Folder::new();
    for bytes in [3_000, 20_000, 100_000] {
        for (kind, how, bytes_a_second) in [
            ("wav", "", 176_400),
            ("mp3", "-b:a 128k", 16_000),
            ("flac", "", 90_000),
            ("ogg", "-b:a 96k", 10_000),
        ] {
            let sound = |name: &str, bytes: usize, from: usize| {
                let frames = bytes * 44_100 / bytes_a_second;
                let mut pcm = Pcm::sweeps(44_100, 2, from + frames);
                pcm.samples.drain(..2 * from);
                let wav = folder.wav("source.wav", &pcm);
                let path = convert(&wav, &folder, &[(&format!("{name}.{kind}"), how)]).remove(0);
                (fs::read(&path).unwrap(), path)
            };
            let (was, path) = sound("is", bytes, 0);
            let whole = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
            for (length, other) in [("longer", 2 * bytes), ("shorter", bytes / 2)] {
                let (becomes, _) = sound("other", other, 30_000);
                for (place, heard_before) in [("open", 0), ("middle", whole.len() / 2), ("end", whole.len())]
                {
                    for is_cut_first in [false, true] {
                        fs::write(&path, &was).unwrap();
                        let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
                        let mut pcm = Vec::new();
                        while pcm.len() < heard_before && file.read(&mut pcm).unwrap() == Status::More {}
                        std::thread::sleep(Duration::from_millis(10));
                        let open = writable(&path);
                        if is_cut_first {
                            open.set_len(0).unwrap();
                        }
                        open.write_all_at(&becomes, 0).unwrap();
                        let ended = loop {
                            match file.read(&mut pcm) {
                                Ok(Status::More) => {}
                                Ok(Status::End) => break "as if nothing had happened".to_owned(),
                                Err(cause) => break cause.to_string(),
                            }
                        };
                        let case = format!("{kind} of {bytes}, {length}, {place}, cut: {is_cut_first}");
                        assert!(pcm.len() <= whole.len(), "{case}: {} of {}", pcm.len(), whole.len());
                        assert!(pcm == whole[..pcm.len()], "{case}: another sound was heard");
                        let is_told = ended.contains("changed while it was played");
                        // A short one may have been read to its end by then.
                        assert!(is_told || pcm.len() == whole.len(), "{case}: {ended}");
                    }
                }
            }
        }
    }
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

/// A recording that goes on while it plays is heard with all that was added, in each way that recorders leave
/// the sizes meanwhile. Pieces end anywhere, in the midst of a packet or a frame, too.
#[test]
fn what_is_added_to_a_recording_is_heard() {
    const SECONDS: usize = 3;
    let folder = Folder::new();
    let mut paths = files_of(&folder, SECONDS * 44_100);
    paths.retain(|path| path.extension().is_none_or(|kind| kind != "caf" && kind != "ogg"));
    let wav = folder.path("a.wav");
    paths.extend(convert(
        &wav,
        &folder,
        &[
            ("a.aac", "-c:a aac -b:a 320k"),
            ("a.opus", "-c:a libopus -b:a 96k"),
            ("b.ogg", "-c:a libvorbis -b:a 96k -page_duration 200000"),
        ],
    ));
    paths.extend(convert(&wav, &folder, &[("24.wav", "-c:a pcm_s24le")]));
    paths.retain(|path| path.file_name().is_none_or(|name| name != "a.m4a"));
    for (name, riff, data) in
        [("zero.wav", 0u32, 0u32), ("full.wav", u32::MAX, u32::MAX), ("empty.wav", 36, 0)]
    {
        let mut bytes = fs::read(&wav).unwrap();
        bytes[4..8].copy_from_slice(&riff.to_le_bytes());
        bytes[40..44].copy_from_slice(&data.to_le_bytes());
        paths.push(folder.path(name));
        fs::write(&paths[paths.len() - 1], bytes).unwrap();
    }
    for path in paths {
        let whole = read_all(&mut AudioFile::open(&path, stereo(44_100)).unwrap());
        let bytes = fs::read(&path).unwrap();
        for updates in [false, true] {
            let has_sizes = bytes.starts_with(b"RIFF") && path.file_name().unwrap() != "24.wav";
            if updates && !has_sizes {
                continue;
            }
            let head = |length: usize| {
                let mut bytes = bytes[..length].to_vec();
                if updates {
                    bytes[4..8].copy_from_slice(&(length as u32 - 8).to_le_bytes());
                    bytes[40..44].copy_from_slice(&(length as u32 - 44).to_le_bytes());
                }
                bytes
            };
            let mut length = bytes.len() / 2 + 1;
            fs::write(&path, head(length)).unwrap();
            let mut file = AudioFile::open(&path, stereo(44_100)).unwrap();
            let mut pcm = Vec::new();
            while file.read(&mut pcm).unwrap() == Status::More {
                // It grows each time the decoder has read a fifth of what there is.
                if length < bytes.len() && pcm.len() > whole.len() / 8 {
                    std::thread::sleep(Duration::from_millis(20));
                    let next = (length + bytes.len() / 7 + 1).min(bytes.len());
                    writable(&path).write_all_at(&bytes[length..next], length as u64).unwrap();
                    length = next;
                    writable(&path).write_all_at(&head(length)[..44], 0).unwrap();
                }
            }
            let name = path.display();
            // What LAME's tag says of the padding does not fit the file at first, so the padding is heard.
            let more = if path.extension().is_some_and(|kind| kind == "mp3") { 2 * 1_152 } else { 0 };
            let is_whole = (whole.len()..=whole.len() + more).contains(&pcm.len());
            assert!(is_whole, "{name}, {updates}: {} of {}", pcm.len(), whole.len());
            // FDK-AAC fills bands with noise, another each time.
            let is_exact = path.extension().is_some_and(|kind| kind != "aac");
            assert!(!is_exact || pcm[..whole.len()] == whole, "{name}, {updates}: it sounds otherwise");
            file.seek(crate::units::FrameCount((SECONDS as u64 - 1) * 44_100)).unwrap();
            let rest = read_all(&mut file).len();
            assert!(rest.abs_diff(2 * 44_100) <= 4_000, "{name}, {updates}: {rest} after a seek");
        }
    }
}

#[test]
fn what_is_no_sound_at_the_end_of_a_recording_is_not_heard() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", &Pcm::sweeps(44_100, 2, FRAMES));
    let aiff = convert(&wav, &folder, &[("a.aiff", "")]).remove(0);
    let list = [&b"LIST\x10\0\0\0INFOINAM\x04\0\0\0Tune"[..]].concat();
    let note = [&b"NAME\0\0\0\x04Tune"[..]].concat();
    let old = [&b"TAG"[..], &[b'x'; 125]].concat();
    let id3 = [&b"ID3\x04\0\0\0\0\x07\x68"[..], &[0x55; 1000]].concat();
    for (path, added) in
        [(&wav, &list), (&wav, &old), (&wav, &id3), (&aiff, &note), (&aiff, &old), (&aiff, &id3)]
    {
        let before = fs::read(path).unwrap();
        let whole = read_all(&mut AudioFile::open(path, stereo(44_100)).unwrap());
        let (pcm, reason) = heard(path, 3, |path| {
            writable(path).write_all_at(added, size(path) as u64).unwrap();
        });
        assert!(pcm == whole, "{}: {} of {}, {reason:?}", path.display(), pcm.len(), whole.len());
        fs::write(path, before).unwrap();
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
    // What it has added is heard, too.
    assert_eq!(pcm.len(), 2 * (FRAMES + 10));
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

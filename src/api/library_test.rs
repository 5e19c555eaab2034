//! A library as people have them, read as a whole: names in six encodings and three Unicode forms, links,
//! bins, snapshots, unfinished files. What is played, passed over and refused is counted exactly, and each
//! name that the API tells is given back.
//!
//! It has 500 files, or 50,000 with `LONGWAVE_LONG=1`; docs/FORMATS.md has the figures of that.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use encoding_rs::{Encoding, GBK, KOI8_R, SHIFT_JIS, WINDOWS_1252};
use unicode_normalization::UnicodeNormalization;

use super::media::Media;
use crate::codec::read_tags;
use crate::json::FileNames;
use crate::playout::playlist::{Found, Reason, read_within};
use crate::roots::MediaRoots;

const FILES_A_FOLDER: usize = 100;

fn folders() -> usize {
    let files = if longwave_testing::long() { 50_000 } else { 500 };
    files / FILES_A_FOLDER
}

/// A name in each encoding and in each Unicode form.
fn names() -> [Vec<u8>; 8] {
    let encoded = |encoding: &'static Encoding, text: &str| {
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy && str::from_utf8(&bytes).is_err(), "{text} is no UTF-8 in {}", encoding.name());
        bytes.into_owned()
    };
    [
        "Décomposé è".nfc().collect::<String>().into_bytes(),
        "Décomposé è".nfd().collect::<String>().into_bytes(),
        // A compatibility form beside a mixture of the others.
        "ﬁn Ⅳ １ é e\u{301}".as_bytes().to_vec(),
        // Latin-1, and what Windows has beyond it.
        encoded(WINDOWS_1252, "Märchen für Ésther"),
        encoded(WINDOWS_1252, "“Don’t” – 5 €"),
        encoded(SHIFT_JIS, "日本の歌 ソ表"),
        encoded(KOI8_R, "Песня о друге"),
        encoded(GBK, "月亮代表我的心"),
    ]
}

/// A WAV of a hundredth of a second.
fn wav() -> Vec<u8> {
    let data = [0; 160];
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + data.len() as u32).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    wav.extend((data.len() as u32).to_le_bytes());
    wav.extend(data);
    wav
}

struct Library {
    root: PathBuf,
    wav: Vec<u8>,
    names: [Vec<u8>; 8],
}

impl Library {
    fn write(&self, path: &Path, modified: SystemTime) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::create(path).unwrap();
        file.write_all(&self.wav).unwrap();
        file.set_modified(modified).unwrap();
    }

    fn song(&self, folder: usize, n: usize) -> PathBuf {
        const EXTENSIONS: [&str; 4] = ["wav", "WAV", "Mp3", "flac"];
        let name = [&self.names[n % 8], format!(" {n}.{}", EXTENSIONS[n / 8 % 4]).as_bytes()].concat();
        self.folder(folder).join(OsStr::from_bytes(&name))
    }

    fn folder(&self, n: usize) -> PathBuf {
        let name = [&self.names[n % 8], format!(" {n}").as_bytes()].concat();
        self.root.join(OsStr::from_bytes(&name))
    }

    /// The line of a playlist of Windows for the `n`th song: with a drive, backslashes and capitals, as far
    /// as these can be had.
    fn windows_line(&self, n: usize) -> Vec<u8> {
        let (folder, song) = (n / FILES_A_FOLDER, n % FILES_A_FOLDER);
        let component = |variant: usize, path: &Path| {
            let name = path.file_name().unwrap().as_bytes();
            match variant % 8 {
                0 | 1 => str::from_utf8(name).unwrap().nfc().collect::<String>().to_uppercase().into_bytes(),
                2 => str::from_utf8(name).unwrap().nfd().collect::<String>().into_bytes(),
                3 | 4 => {
                    let capitals = WINDOWS_1252.decode(name).0.to_uppercase();
                    WINDOWS_1252.encode(&capitals).0.into_owned()
                }
                _ => name.to_ascii_uppercase(),
            }
        };
        let path = self.song(folder, song);
        // Half of a character of Shift-JIS may be a backslash. Such names are found as they are.
        if path.as_os_str().as_bytes().contains(&b'\\') {
            let path = path.strip_prefix(&self.root).unwrap();
            return [path.as_os_str().as_bytes(), b"\n"].concat();
        }
        let (folder, song) = (component(folder, path.parent().unwrap()), component(song, &path));
        [b"E:\\Music\\", &folder[..], b"\\", &song, b"\r\n"].concat()
    }

    fn make(&self, folder: usize, outside: &Path) {
        let old = SystemTime::now() - Duration::from_secs(60);
        for n in 0..FILES_A_FOLDER {
            self.write(&self.song(folder, n), old);
        }
        let at = |name: &str| self.folder(folder).join(name);
        for name in [
            "$RECYCLE.BIN/S-1-5-21-1/deleted.mp3",
            "#recycle/deleted.mp3",
            "#snapshot/monday/deleted.mp3",
            "@eaDir/thumb.mp3",
            ".hidden.mp3",
            ".git/x.mp3",
            "._x.mp3",
            "x.mp3.part",
            "~syncthing~x.mp3.tmp",
            ".x.mp3.AbCdEf",
            "cover.jpg",
        ] {
            self.write(&at(name), old);
        }
        symlink(self.song(folder, 0), at("again.mp3")).unwrap();
        symlink("nowhere", at("broken.mp3")).unwrap();
        symlink("..", at("up")).unwrap();
        symlink(outside.join("private.mp3"), at("out.mp3")).unwrap();
        symlink(outside, at("out")).unwrap();
    }
}

#[test]
fn a_library_with_names_of_every_kind_is_read_and_told_and_played() {
    let (disk, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folders = folders();
    let files = folders * FILES_A_FOLDER;
    let library = Library { root: disk.path().canonicalize().unwrap(), wav: wav(), names: names() };
    (0..folders).for_each(|folder| library.make(folder, outside.path()));
    library.write(&outside.path().join("private.mp3"), SystemTime::UNIX_EPOCH);
    // Ahead of the clock, so that these are still young when a slow machine reads them.
    let young = SystemTime::now() + Duration::from_secs(8);
    (0..folders).for_each(|folder| library.write(&library.folder(folder).join("growing.mp3"), young));

    let began = Instant::now();
    let bounds = MediaRoots::new(vec![library.root.clone()]).bounds(true);
    let (mut played, mut passed_over, mut problems) = (Vec::new(), BTreeMap::new(), Vec::new());
    read_within(&bounds, std::slice::from_ref(&library.root), &mut |found| {
        match found {
            Found::Entry(entry) => played.push(entry.path),
            Found::PassedOver { reason, count, .. } => {
                assert_eq!(passed_over.insert(reason.as_str(), count), None, "one line for each reason");
            }
            Found::Problem(problem) => problems.push(problem.to_string()),
            Found::Name(_) | Found::Step => {}
        }
        ControlFlow::Continue(())
    });
    println!("{} files are played, found in {:?}", played.len(), began.elapsed());
    println!("passed over: {passed_over:?}");
    println!("refused: {problems:#?}");

    assert_eq!(played.len(), files + folders, "all songs, and a link to one in each folder");
    let expected = [
        (Reason::NotAudio, 1),
        (Reason::Hidden, 2),
        (Reason::AppleDouble, 1),
        (Reason::Bin, 2),
        (Reason::Snapshot, 1),
        (Reason::SystemFolder, 1),
        (Reason::Unfinished, 3),
        (Reason::Changing, 1),
        (Reason::Again, 1),
    ];
    let expected = expected.map(|(reason, count)| (reason.as_str(), count * folders as u64));
    assert_eq!(passed_over, BTreeMap::from(expected));
    assert_eq!(problems.len(), 6, "five, and the number of the others");
    let (more, all) = (folders * 3 - 5, folders * 3);
    assert!(
        problems[5].ends_with(&format!("{more} more in it cannot be played, {all} in all")),
        "{}",
        problems[5]
    );

    // Every name that the API tells leads back.
    let began = Instant::now();
    let media = Media::new(std::slice::from_ref(&library.root));
    let mut finder = media.finder();
    for path in &played {
        let told = media.file(path);
        assert_eq!(finder.resolve(&told, "file"), Ok(path.canonicalize().unwrap()), "{told}");
    }
    println!("{} names told and given back in {:?}", played.len(), began.elapsed());

    let began = Instant::now();
    for path in &played {
        read_tags(path, &bounds).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    println!("{} files opened in {:?}", played.len(), began.elapsed());

    let list: Vec<u8> = (0..files).flat_map(|n| library.windows_line(n)).collect();
    let file = library.root.join("list.m3u");
    fs::write(&file, list).unwrap();
    let began = Instant::now();
    let (mut found, mut problems) = (0, Vec::new());
    read_within(&bounds, &[file], &mut |item| {
        match item {
            Found::Entry(_) => found += 1,
            Found::Problem(problem) => problems.push(problem.to_string()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    println!("{found} names of a Windows playlist found in {:?}", began.elapsed());
    assert_eq!((found, problems), (files, vec![]));
}

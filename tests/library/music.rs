//! Folders of tiny files with tags.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use longwave::{Library, LibrarySettings, ScanResult, Search};

/// A folder for music, and a place for the database beside it.
pub struct Shelf {
    pub home: tempfile::TempDir,
}

impl Shelf {
    pub fn new() -> Shelf {
        let shelf = Shelf { home: tempfile::tempdir().unwrap() };
        fs::create_dir(shelf.music()).unwrap();
        shelf
    }

    pub fn music(&self) -> PathBuf {
        self.home.path().join("music")
    }

    pub fn database(&self) -> PathBuf {
        self.home.path().join("library.db")
    }

    pub fn settings(&self) -> LibrarySettings {
        LibrarySettings { analyse: false, ..LibrarySettings::of([self.music()], self.database()) }
    }

    pub fn open(&self) -> Library {
        Library::open(&self.settings()).unwrap()
    }

    /// Adds a track `artist - title` in this file.
    pub fn add(&self, path: &str, artist: &str, title: &str) -> PathBuf {
        let path = self.music().join(path);
        write_track(&path, artist, title);
        path
    }
}

/// Scans, and is sure of the result.
pub fn scan(library: &Library) -> ScanResult {
    library.scan(&mut |_| ()).unwrap()
}

/// The titles of what is found.
pub fn titles(library: &Library, words: &str) -> Vec<String> {
    let hits = library.search(&Search::new(words)).unwrap();
    hits.tracks.iter().map(|track| track.title().unwrap_or("?").to_owned()).collect()
}

/// Writes a file that nobody seems to be writing any more.
pub fn write_track(path: &Path, artist: &str, title: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, track(artist, title)).unwrap();
    age(path);
}

/// As if the file had been written a minute ago.
pub fn age(path: &Path) {
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(path).unwrap().set_modified(minute_ago).unwrap();
}

/// A fifth of a second of silence as MP3, with a tag.
pub fn track(artist: &str, title: &str) -> Vec<u8> {
    tagged(&[("TPE1", artist), ("TIT2", title)])
}

/// The same with these frames of ID3.
pub fn tagged(tags: &[(&str, &str)]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (id, text) in tags {
        let mut body = vec![3];
        body.extend(text.as_bytes());
        frames.extend(id.as_bytes());
        frames.extend((body.len() as u32).to_be_bytes());
        frames.extend([0, 0]);
        frames.extend(body);
    }
    let size = frames.len() as u32;
    let mut file = b"ID3\x04\0\0".to_vec();
    file.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
    file.extend(frames);
    for _ in 0..8 {
        // MPEG-1 Layer III, 32 kbit/s, 44.1 kHz, mono: 104 bytes.
        file.extend([0xff, 0xfb, 0x10, 0xc4]);
        file.extend([0; 100]);
    }
    file
}

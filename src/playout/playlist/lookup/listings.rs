//! The names in folders, by what they have in common in every spelling.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use encoding_rs::WINDOWS_1252;
use unicode_normalization::UnicodeNormalization;

use crate::path_text;
use crate::roots::{self, Bounds};

/// How many names are listed. Where there are more, files are found by their exact names, and in the
/// spellings that can be tried without a listing.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Names that are kept, of all folders together, and so of one folder, too.
    kept: usize,
    /// Names that are read in all.
    read: usize,
}

impl Limits {
    /// For a list. It keeps about 30 MB.
    pub const LIST: Limits = Limits { kept: 200_000, read: 2_000_000 };
    /// For a request: many users may ask at once, and again and again.
    pub const REQUEST: Limits = Limits { kept: 20_000, read: 100_000 };
}

/// The most folders that are kept.
const MAX_FOLDERS: usize = 20_000;

/// After so many names that were neither listed nor found, a folder's listing is believed without a look.
/// Folders that mount disks on demand, and short names of Windows, are found without being listed.
const BELIEVED_AFTER: u32 = 1_000;

/// The names in the folders that were listed. They are of the moment of the listing: a list is read in
/// moments, and again when one of its folders has changed.
pub(super) struct Listings<'b> {
    bounds: &'b Bounds,
    limits: Limits,
    folders: HashMap<PathBuf, Listing>,
    kept: usize,
    /// How many names were read.
    pub read: usize,
}

enum Listing {
    Names(Names),
    /// It cannot be listed, or has too many names to keep.
    Unknown,
}

/// The names in a folder.
#[derive(Default)]
struct Names {
    /// By their [keys](key), in the order of their bytes.
    by_key: HashMap<String, Vec<OsString>>,
    /// How many names were neither listed nor found.
    missed: u32,
    /// Whether one was found that is not listed.
    has_others: bool,
}

impl<'b> Listings<'b> {
    pub fn new(bounds: &'b Bounds, limits: Limits) -> Listings<'b> {
        Listings { bounds, limits, folders: HashMap::new(), kept: 0, read: 0 }
    }

    /// The names in a folder that this one may mean: first itself, then the others in the order of their
    /// bytes.
    pub fn names_of(&mut self, folder: &Path, name: &[u8]) -> Vec<OsString> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        match self.listing(folder) {
            Listing::Names(names) => {
                let mut found = names.by_key.get(&key(name)).cloned().unwrap_or_default();
                if let Some(exact) = found.iter().position(|found| found.as_bytes() == name) {
                    found[..=exact].rotate_right(1);
                } else if let [first, _, ..] = &found[..] {
                    let (name, first) = (OsStr::from_bytes(name).display(), first.display());
                    log::debug!("{}: {name} may be several names here: {first} is taken", folder.display());
                }
                found
            }
            Listing::Unknown => {
                let exists = |name: &OsString| folder.join(name).symlink_metadata().is_ok();
                spellings(name).into_iter().map(OsString::from_vec).filter(exists).collect()
            }
        }
    }

    /// What is at a path. The system is not asked for one of the many names that a listed folder does not
    /// have: each question may be one to a file server.
    pub fn metadata(&mut self, path: &Path) -> io::Result<Metadata> {
        let Some(names) = self.names_without(path) else { return fs::metadata(path) };
        if names.missed >= BELIEVED_AFTER && !names.has_others {
            return Err(io::ErrorKind::NotFound.into());
        }
        let found = fs::metadata(path);
        match &found {
            Ok(_) => names.has_others = true,
            Err(_) => names.missed += 1,
        }
        found
    }

    /// The nearest folder above a path that was listed.
    pub fn nearest_folder<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.ancestors().skip(1).find(|folder| self.folders.contains_key(*folder))
    }

    /// The names in the nearest listed folder above a path, if the way to the path is not among them.
    fn names_without(&mut self, path: &Path) -> Option<&mut Names> {
        if path.components().any(|component| component == Component::ParentDir) {
            return None;
        }
        let folder = self.nearest_folder(path)?;
        let next = path.strip_prefix(folder).ok()?.components().next()?;
        match self.folders.get_mut(folder)? {
            Listing::Names(names) => {
                let is_missing = !names.by_key.contains_key(&key(next.as_os_str().as_bytes()));
                is_missing.then_some(names)
            }
            Listing::Unknown => None,
        }
    }

    fn listing(&mut self, folder: &Path) -> &Listing {
        if !self.folders.contains_key(folder) {
            let listing = self.list(folder);
            self.folders.insert(folder.to_owned(), listing);
        }
        &self.folders[folder]
    }

    fn list(&mut self, folder: &Path) -> Listing {
        if self.folders.len() >= MAX_FOLDERS {
            self.forget();
        }
        if self.read >= self.limits.read {
            return Listing::Unknown;
        }
        let entries = match self.bounds.list_at_most(self.limits.kept + 1, folder) {
            Ok(entries) => entries,
            // There may be files in a folder that cannot be listed, but none that may be played out of
            // bounds.
            Err(error) if roots::is_outside(&error) => return Listing::Names(Names::default()),
            Err(_) => return Listing::Unknown,
        };
        self.read += entries.len().max(1);
        if entries.len() > self.limits.kept {
            log::debug!("{}: too many names: they are found only as they are written", folder.display());
            return Listing::Unknown;
        }
        if self.kept + entries.len() > self.limits.kept {
            self.forget();
        }
        self.kept += entries.len();
        let mut by_key: HashMap<String, Vec<OsString>> = HashMap::with_capacity(entries.len());
        for (name, _) in entries {
            by_key.entry(key(name.as_bytes())).or_default().push(name);
        }
        by_key.values_mut().for_each(|names| names.sort_unstable());
        Listing::Names(Names { by_key, ..Names::default() })
    }

    fn forget(&mut self) {
        self.folders.clear();
        self.kept = 0;
    }
}

/// What a name has in common with its other spellings: composed characters, and no case.
fn key(name: &[u8]) -> String {
    if name.is_ascii() {
        return String::from_utf8_lossy(name).to_ascii_lowercase();
    }
    let composed: String = path_text::shown(name).nfc().collect();
    // A sigma has another form at the end of a word, which may be the end of the name before its extension.
    composed.to_lowercase().nfc().map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

/// The spellings of a name that can be tried without a listing: its bytes, UTF-8, Windows-1252, composed and
/// decomposed.
fn spellings(name: &[u8]) -> Vec<Vec<u8>> {
    let mut spellings = vec![name.to_vec()];
    if name.is_ascii() {
        return spellings;
    }
    let text = path_text::shown(name);
    let composed: String = text.nfc().collect();
    let windows_1252 = match WINDOWS_1252.encode(&composed) {
        (bytes, _, false) => Some(Cow::into_owned(bytes)),
        _ => None,
    };
    let others = [Some(text.as_bytes().to_vec()), windows_1252, Some(composed.clone().into_bytes())];
    let decomposed: String = text.nfd().collect();
    for spelling in others.into_iter().flatten().chain([decomposed.into_bytes()]) {
        if !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    }
    spellings
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for same in [
            &["JÓGA.MP3".as_bytes(), "jo\u{301}ga.mp3".as_bytes(), b"J\xf3ga.Mp3", b"j\xd3GA.mp3"][..],
            &["ΟΔΟΣ.mp3".as_bytes(), "οδος.mp3".as_bytes(), "Οδος.MP3".as_bytes()],
            &["ПРИМЕР".as_bytes(), "пример".as_bytes()],
            &["が".as_bytes(), "か\u{3099}".as_bytes()],
            &["Å".as_bytes(), "\u{212b}".as_bytes(), "a\u{30a}".as_bytes(), b"\xe5"],
            &[b"A.MP3", b"a.mp3"],
        ] {
            for name in same {
                assert_eq!(key(name), key(same[0]), "{}", name.escape_ascii());
            }
        }
        for (a, b) in [("a", "á"), ("1", "①"), ("fi", "ﬁ"), ("a.mp3", "a.mp4"), ("strasse", "straße")] {
            assert_ne!(key(a.as_bytes()), key(b.as_bytes()), "{a} {b}");
        }
    }

    #[test]
    fn an_exact_name_goes_first_and_then_the_order_of_bytes_counts() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["x.mp3", "X.mp3", "x.MP3", "y.mp3"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let bounds = Bounds::Anywhere;
        let mut listings = Listings::new(&bounds, Limits::LIST);
        assert_eq!(listings.names_of(folder.path(), b"X.MP3"), ["X.mp3", "x.MP3", "x.mp3"]);
        assert_eq!(listings.names_of(folder.path(), b"x.mp3"), ["x.mp3", "X.mp3", "x.MP3"]);
        assert!(listings.names_of(folder.path(), b"z.mp3").is_empty());
        assert!(listings.names_of(&folder.path().join("gone"), b"x.mp3").is_empty());
    }

    #[test]
    fn a_folder_is_listed_once_and_what_is_kept_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.mp3"), "").unwrap();
        let bounds = Bounds::Anywhere;
        let mut listings = Listings::new(&bounds, Limits::LIST);
        for _ in 0..1_000 {
            assert_eq!(listings.names_of(folder.path(), b"X.mp3"), ["x.mp3"]);
        }
        assert_eq!((listings.read, listings.kept, listings.folders.len()), (1, 1, 1));
        for n in 0..MAX_FOLDERS * 2 {
            listings.names_of(&folder.path().join(format!("{n}")), b"x.mp3");
        }
        assert!(listings.folders.len() <= MAX_FOLDERS);
        listings.read = Limits::LIST.read;
        listings.forget();
        assert!(listings.names_of(folder.path(), b"X.mp3").is_empty(), "it has read enough");
        assert_eq!(listings.names_of(folder.path(), b"x.mp3"), ["x.mp3"]);
    }

    #[test]
    fn a_folder_without_many_names_is_not_asked_for_each_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("x.mp3"), "").unwrap();
        let bounds = Bounds::Anywhere;
        let mut listings = Listings::new(&bounds, Limits::LIST);
        let list = |listings: &mut Listings| {
            listings.forget();
            listings.names_of(folder.path(), b"");
            listings.names_of(&at("sub"), b"");
        };
        let miss = |listings: &mut Listings, below: &str, count: u32| {
            (0..count).for_each(|n| assert!(listings.metadata(&at(&format!("{below}{n}/x.mp3"))).is_err()));
        };
        let found_late = |listings: &mut Listings, name: &str| {
            fs::write(at(name), "").unwrap();
            let found = listings.metadata(&at(name)).is_ok();
            fs::remove_file(at(name)).unwrap();
            found
        };
        list(&mut listings);
        miss(&mut listings, "gone", BELIEVED_AFTER - 1);
        assert!(found_late(&mut listings, "late.mp3"), "not many are missing");
        miss(&mut listings, "gone", BELIEVED_AFTER);
        assert!(found_late(&mut listings, "later.mp3"), "the folder has names that it did not list");
        list(&mut listings);
        miss(&mut listings, "gone", BELIEVED_AFTER);
        assert!(!found_late(&mut listings, "late.mp3"));
        assert!(listings.metadata(&at("gone/y.mp3")).is_err());
        assert!(found_late(&mut listings, "sub/late.mp3"), "another folder's names are looked for");
        assert!(listings.metadata(&at("x.mp3")).is_ok() && listings.metadata(&at("sub/../x.mp3")).is_ok());
        assert!(listings.metadata(&at("X.mp3")).is_err(), "a name in another spelling");
        list(&mut listings);
        miss(&mut listings, "sub/", BELIEVED_AFTER);
        assert!(!found_late(&mut listings, "sub/late.mp3"));
        assert_eq!(listings.nearest_folder(&at("sub/gone/x.mp3")), Some(&*at("sub")));
        assert_eq!(listings.nearest_folder(&at("gone/x.mp3")), Some(folder.path()));
        assert_eq!(listings.nearest_folder(Path::new("/x.mp3")), None);
    }

    #[test]
    fn a_folder_with_too_many_names_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.mp3", "b.mp3", "c.mp3"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let bounds = Bounds::Anywhere;
        for (kept, found) in [(2, &[][..]), (3, &["a.mp3"])] {
            let mut listings = Listings::new(&bounds, Limits { kept, read: 100 });
            assert_eq!(listings.names_of(folder.path(), b"A.mp3"), found, "{kept}");
            assert_eq!(listings.names_of(folder.path(), b"a.mp3"), ["a.mp3"], "{kept}");
            assert!(listings.kept <= kept && listings.read <= kept + 1);
        }
    }
}

//! Which files Longwave has recorded, what is known of them, and which are old enough to be removed.
//!
//! It is known by a list in the folder of the recordings, one for each place that is recorded
//! (`.longwave-recordings-MOUNT`). A name that fits the template would not do: somebody's own cut of a show
//! lies there under the same name, and a template changes. What is in no list is never touched, so whoever
//! loses the list keeps the files. Nor is a file whose size is another than when it was finished: it was
//! edited or replaced since, and so it is somebody's own now.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::percent;

/// A list is read up to this size: of more than a hundred thousand recordings.
const MOST_OF_LIST: u64 = 64 << 20;

/// The list of what was recorded at one place.
#[derive(Debug)]
pub(super) struct KeptList {
    root: PathBuf,
    list: PathBuf,
}

/// A line: a file, by its path below the root, and what it was when it was finished.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) file: PathBuf,
    /// `None` if it was not finished: the station has crashed, or records it now.
    pub(super) finished: Option<Finished>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) bytes: u64,
    /// Seconds since 1970.
    pub(super) at: u64,
    /// The same of its beginning. `None` in a line of an older version.
    pub(super) began: Option<u64>,
}

impl KeptList {
    /// The list of the recordings of this mount below this folder.
    pub fn new(root: &Path, mount: &str) -> KeptList {
        let name = percent::encode_plainly(mount.trim_start_matches('/').as_bytes()).replace('/', "%2F");
        KeptList { root: root.to_owned(), list: root.join(format!(".longwave-recordings-{name}")) }
    }

    /// A file begins.
    pub fn add(&self, file: &Path) -> io::Result<()> {
        self.append(&Kept { file: self.below_root(file)?, finished: None })
    }

    /// A file is finished, with so many bytes, from its beginning to its end.
    pub fn finish(&self, file: &Path, bytes: u64, began: SystemTime, ended: SystemTime) -> io::Result<()> {
        let seconds =
            |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let finished = Finished { bytes, at: seconds(ended), began: Some(seconds(began)) };
        self.append(&Kept { file: self.below_root(file)?, finished: Some(finished) })
    }

    /// The files that are there still as they were recorded. No link leads out of the folder.
    pub fn there(&self) -> io::Result<Vec<(Kept, Metadata)>> {
        let kept = self.read()?;
        let there = |kept: Kept| kept.found(&self.root).ok().flatten().map(|about| (kept, about));
        Ok(kept.into_iter().filter_map(there).collect())
    }

    /// This one of those files, if it is among them, spelt like this: `a/b`, and not `a//b` or `a/b/`.
    pub fn there_is(&self, file: &Path) -> io::Result<Option<(Kept, Metadata)>> {
        let kept = self.read()?.into_iter().find(|kept| kept.file.as_os_str() == file.as_os_str());
        let Some(kept) = kept else { return Ok(None) };
        Ok(kept.found(&self.root)?.map(|about| (kept, about)))
    }

    /// Removes what is so old, except for the file that is being written, and folders that are empty then.
    /// Returns how many files it has removed.
    pub fn clean(&self, age: Duration, now: SystemTime, writing: Option<&Path>) -> io::Result<usize> {
        let kept = self.read()?;
        let mut removed = 0;
        let mut left = Vec::new();
        let count = kept.len();
        for kept in kept {
            let path = self.root.join(&kept.file);
            match kept.verdict(&self.root, age, now) {
                _ if writing == Some(&path) => left.push(kept),
                Verdict::Stays => left.push(kept),
                Verdict::Forgotten => {}
                Verdict::Old => match fs::remove_file(&path) {
                    Ok(()) => {
                        removed += 1;
                        self.remove_empty_folders(&kept.file);
                    }
                    // It is tried again.
                    Err(_) => left.push(kept),
                },
            }
        }
        if left.len() < count {
            self.write(&left)?;
        }
        Ok(removed)
    }

    fn below_root(&self, file: &Path) -> io::Result<PathBuf> {
        let below = file.strip_prefix(&self.root).map_err(io::Error::other)?;
        Ok(below.to_owned())
    }

    /// A line is written by one call, so that two writers do not mix theirs.
    fn append(&self, kept: &Kept) -> io::Result<()> {
        let mut list = OpenOptions::new().append(true).create(true).open(&self.list)?;
        list.write_all(kept.line().as_bytes())
    }

    /// All files, the last line of each counts. There are none without a list.
    fn read(&self) -> io::Result<Vec<Kept>> {
        let mut bytes = Vec::new();
        match File::open(&self.list) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            list => list?.take(MOST_OF_LIST).read_to_end(&mut bytes)?,
        };
        let mut all: Vec<Kept> = Vec::new();
        // A crash may have torn the last line.
        for kept in bytes.split_inclusive(|byte| *byte == b'\n').filter_map(Kept::parse) {
            // A file is finished soon after it has begun.
            match all.iter_mut().rev().take(100).find(|known| known.file == kept.file) {
                Some(known) => *known = kept,
                None => all.push(kept),
            }
        }
        Ok(all)
    }

    fn write(&self, kept: &[Kept]) -> io::Result<()> {
        let mut new = self.list.clone().into_os_string();
        new.push(".new");
        let text: String = kept.iter().map(Kept::line).collect();
        fs::write(&new, text)?;
        fs::rename(&new, &self.list)
    }

    fn remove_empty_folders(&self, file: &Path) {
        for folder in file.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            // One that is not empty stays, and what is above it, too.
            if fs::remove_dir(self.root.join(folder)).is_err() {
                return;
            }
        }
    }
}

enum Verdict {
    Old,
    Stays,
    /// It is gone, or it is somebody's own now.
    Forgotten,
}

impl Kept {
    fn line(&self) -> String {
        let file = percent::encode_plainly(self.file.as_os_str().as_bytes());
        match self.finished {
            None => format!("{file}\n"),
            Some(Finished { bytes, at, began: None }) => format!("{file} {bytes} {at}\n"),
            Some(Finished { bytes, at, began: Some(began) }) => format!("{file} {bytes} {at} {began}\n"),
        }
    }

    /// Reads a line. `None` if it is none, or leads out of the root.
    fn parse(line: &[u8]) -> Option<Kept> {
        let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let mut words = line.split(' ');
        let file = percent::decode(words.next()?.as_bytes()).into_owned();
        let file = PathBuf::from(std::ffi::OsString::from_vec(file));
        let is_below = file.components().all(|part| matches!(part, Component::Normal(_)));
        let finished = match words.next() {
            None => None,
            Some(bytes) => Some(Finished {
                bytes: bytes.parse().ok()?,
                at: words.next()?.parse().ok()?,
                began: words.next().and_then(|began| began.parse().ok()),
            }),
        };
        (is_below && !file.as_os_str().is_empty()).then_some(Kept { file, finished })
    }

    /// The file below the root, if it is there as it was recorded.
    fn found(&self, root: &Path) -> io::Result<Option<Metadata>> {
        let path = root.join(&self.file);
        let about = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            about => about?,
        };
        let is_same = self.finished.is_none_or(|finished| finished.bytes == about.len());
        Ok((about.is_file() && is_same && lies_below(&path, root)).then_some(about))
    }

    fn verdict(&self, root: &Path, age: Duration, now: SystemTime) -> Verdict {
        let about = match self.found(root) {
            Ok(Some(about)) => about,
            Ok(None) => return Verdict::Forgotten,
            Err(_) => return Verdict::Stays,
        };
        let ended = match self.finished {
            Some(finished) => SystemTime::UNIX_EPOCH + Duration::from_secs(finished.at),
            None => about.modified().unwrap_or(now),
        };
        match now.duration_since(ended).is_ok_and(|time| time >= age) {
            true => Verdict::Old,
            false => Verdict::Stays,
        }
    }
}

/// Whether no link leads out of the root.
fn lies_below(path: &Path, root: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    path.parent().and_then(real).zip(real(root)).is_some_and(|(folder, root)| folder.starts_with(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn ago(days: u32) -> SystemTime {
        SystemTime::now() - DAY * days
    }

    #[test]
    fn only_what_was_recorded_and_is_old_goes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let list = KeptList::new(root, "/guest.mp3");
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let record = |name: &str, days: u32| {
            let path = write(name, "recorded");
            list.add(&path).unwrap();
            list.finish(&path, 8, ago(days) - Duration::from_secs(60), ago(days)).unwrap();
            path
        };
        let old = record("2026-01-01/2000-gäst ö.mp3", 31);
        let beside = write("2026-01-02/2000-guest-cut.mp3", "recorded");
        let old_beside = record("2026-01-02/2000-guest.mp3", 31);
        let young = record("2026-02-01/2000-guest.mp3", 29);
        let edited = record("2026-01-03/2000-guest.mp3", 40);
        fs::write(&edited, "edited it").unwrap();
        let open = record("open.mp3", 50);
        let crashed = write("crashed.mp3", "half");
        list.add(&crashed).unwrap();
        let linked = record("linked.mp3", 50);
        fs::remove_file(&linked).unwrap();
        std::os::unix::fs::symlink(&beside, &linked).unwrap();
        let gone = record("gone.mp3", 1);
        fs::remove_file(gone).unwrap();
        assert_eq!(list.clean(DAY * 30, SystemTime::now(), Some(&open)).unwrap(), 2);
        assert!(!old.exists() && !old.parent().unwrap().exists() && !old_beside.exists());
        for stays in [&beside, &young, &edited, &open, &crashed, &linked] {
            assert!(stays.symlink_metadata().is_ok(), "{}", stays.display());
        }
        let names = |list: &KeptList| -> Vec<String> {
            list.read().unwrap().iter().map(|kept| kept.file.display().to_string()).collect()
        };
        assert_eq!(names(&list), ["2026-02-01/2000-guest.mp3", "open.mp3", "crashed.mp3"]);
        // What a crash has left is as old as its last byte.
        assert_eq!(list.clean(DAY * 30, SystemTime::now() + DAY * 31, None).unwrap(), 3);
        assert!(!crashed.exists() && !young.exists());
        let others = KeptList::new(root, "/other");
        assert_eq!(others.clean(DAY, SystemTime::now() + DAY * 1000, None).unwrap(), 0);
    }

    #[test]
    fn a_list_that_lies_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("x"), "1").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("link")).unwrap();
        let list = KeptList::new(&root, "/a/b");
        let absolute = outside.join("x").display().to_string();
        let text =
            format!("../outside/x 1 1\n{absolute} 1 1\nlink/x 1 1\n\n \n. 1 1\nx 1\n\u{0}\nlink/x 1 1");
        fs::write(&list.list, [text.as_bytes(), b"\xff\xff"].concat()).unwrap();
        assert_eq!(list.list.file_name().unwrap(), ".longwave-recordings-a%2Fb");
        assert_eq!(list.clean(DAY, SystemTime::now(), None).unwrap(), 0);
        assert!(outside.join("x").exists());
    }
}

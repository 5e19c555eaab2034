//! Tells whether the playlists and folders that were read have changed on disk.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that has not changed for so long is complete. Copies and uploads write more often.
const QUIET_AFTER: Duration = Duration::from_secs(10);

/// The most files that are watched until they are quiet. When the first is, all are looked at again.
const MAX_AWAITED: usize = 256;

/// Whether a file that was changed at this time is quiet now. The clock of a file server may be ahead of
/// ours; a time far in the future says nothing.
pub(super) fn is_quiet(modified: SystemTime, now: SystemTime) -> bool {
    let since = now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
    since >= QUIET_AFTER
}

/// The playlists and folders that were read, with their state at that time.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The state of each path before it was read. `None`: it did not exist.
    seen: HashMap<PathBuf, Option<Stamp>>,
    missing: usize,
    /// Files that were being written.
    awaited: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl Watch {
    /// Whether a playlist or folder has changed, appeared or gone, or a missing file may have appeared. It
    /// makes one `stat` call for each of them.
    pub fn changed(&self) -> bool {
        self.changed_while(|| true)
    }

    /// The same, as long as `goes_on`, which is asked before each call.
    pub fn changed_while(&self, goes_on: impl FnMut() -> bool) -> bool {
        self.changed_by(SystemTime::now(), goes_on)
    }

    fn changed_by(&self, now: SystemTime, mut goes_on: impl FnMut() -> bool) -> bool {
        let is_settled = |file: &PathBuf| match fs::metadata(file).and_then(|metadata| metadata.modified()) {
            Ok(modified) => is_quiet(modified, now),
            Err(_) => true,
        };
        self.awaited.iter().take_while(|_| goes_on()).any(is_settled)
            || self.seen.iter().take_while(|_| goes_on()).any(|(path, stamp)| Stamp::of(path) != *stamp)
    }

    /// Looks at what the other one looks at, too.
    pub(crate) fn join(&mut self, other: Watch) {
        self.seen.extend(other.seen);
        self.missing += other.missing;
        self.awaited.extend(other.awaited);
    }

    /// Notes a file that is being written. It counts as a change when it is quiet, or gone.
    pub(super) fn await_quiet(&mut self, file: &Path) {
        if self.awaited.len() < MAX_AWAITED {
            self.awaited.push(file.to_owned());
        }
    }

    /// Notes the state of `path`. It is called before reading, so a change during the reading counts as a
    /// change.
    pub(super) fn see(&mut self, path: &Path) {
        if !self.seen.contains_key(path) {
            self.seen.insert(path.to_owned(), Stamp::of(path));
        }
    }

    /// Notes that files are missing that would appear in this folder, or below it.
    pub(super) fn miss(&mut self, folder: &Path) {
        /// The most folders of missing files to watch. A list with more of them has other problems.
        const MAX_MISSING: usize = 256;
        if self.missing < MAX_MISSING && !self.seen.contains_key(folder) {
            self.missing += 1;
            self.see(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_noticed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (list, absent) = (folder.path().join("a.m3u"), folder.path().join("absent.m3u"));
        fs::write(&list, "x").unwrap();
        let watching = |path: &Path| {
            let mut watch = Watch::default();
            watch.see(path);
            watch
        };
        let (of_list, of_absent, of_folder) = (watching(&list), watching(&absent), watching(folder.path()));
        assert!(!of_list.changed() && !of_absent.changed() && !of_folder.changed());
        fs::write(&list, "xy").unwrap();
        assert!(of_list.changed() && !of_absent.changed());
        let of_list = watching(&list);
        fs::write(&absent, "").unwrap();
        // This is how an editor saves: another file with the same name, length and time.
        fs::write(&absent, "zz").unwrap();
        let times = fs::metadata(&list).unwrap().modified().unwrap();
        fs::File::open(&absent).unwrap().set_modified(times).unwrap();
        assert!(of_absent.changed() && !of_list.changed());
        fs::rename(&absent, &list).unwrap();
        assert!(of_list.changed() && !watching(&list).changed());
        fs::remove_file(&list).unwrap();
        assert!(watching(folder.path()).seen[folder.path()].is_some() && of_folder.changed());
    }

    #[test]
    fn a_file_is_quiet_ten_seconds_after_its_last_change() {
        let now = SystemTime::now();
        let at = |seconds: i64| match seconds {
            0.. => now + Duration::from_secs(seconds as u64),
            _ => now - Duration::from_secs(seconds.unsigned_abs()),
        };
        for (modified, quiet) in
            [(-3600, true), (-10, true), (-9, false), (0, false), (5, false), (3600, true)]
        {
            assert_eq!(is_quiet(at(modified), now), quiet, "{modified} s");
        }
        let folder = tempfile::tempdir().unwrap();
        let (growing, gone) = (folder.path().join("growing.mp3"), folder.path().join("gone.mp3"));
        fs::write(&growing, "x").unwrap();
        fs::write(&gone, "x").unwrap();
        let mut watch = Watch::default();
        watch.await_quiet(&growing);
        watch.await_quiet(&gone);
        for (seconds, changed) in [(0, false), (8, false), (12, true)] {
            assert_eq!(watch.changed_by(at(seconds), || true), changed, "after {seconds} s");
        }
        fs::File::open(&growing).unwrap().set_modified(at(8)).unwrap();
        fs::File::open(&gone).unwrap().set_modified(at(8)).unwrap();
        assert!(!watch.changed_by(at(12), || true), "it has grown");
        fs::remove_file(&gone).unwrap();
        assert!(watch.changed_by(at(12), || true));
    }

    #[test]
    fn where_a_file_is_missing_its_folder_is_seen() {
        let disk = tempfile::tempdir().unwrap();
        let folder = disk.path().join("lists");
        fs::create_dir_all(folder.join("sub")).unwrap();
        let mut watch = Watch::default();
        for _ in 0..10_000 {
            watch.miss(&folder.join("sub"));
            watch.miss(&folder);
        }
        assert_eq!(watch.seen.len(), 2, "sub, and where the lists lie");
        let mut looks = 0;
        let mut count = || {
            looks += 1;
            true
        };
        assert!(!watch.changed_while(&mut count));
        assert_eq!(looks, 2, "each look is told");
        fs::create_dir(folder.join("sub/deep7")).unwrap();
        assert!(watch.changed() && !watch.changed_while(|| false));
    }
}

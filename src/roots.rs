//! Opens files below the media roots, and nowhere else. Whoever may name a file, or put a link into a folder,
//! must not reach the rest of the disk.
//!
//! A path is checked at the moment when it is opened, not before: first all its links are resolved, then what
//! they lead to is opened from its root on, by a way that follows no link. So links between the roots work,
//! and a link that is put there meanwhile is refused.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustix::fs::{Dir, FileType, Mode, OFlags, open, openat};
use rustix::io::Errno;

#[cfg(feature = "library")]
use crate::path_text::cleaned;
use crate::per_process::PerProcess;

/// The media roots of a pipeline as they are now. All that open files for it share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct MediaRoots(Arc<ArcSwap<Vec<PathBuf>>>);

/// Where the files lie that may be opened.
#[derive(Clone, Debug, Default)]
pub(crate) enum Bounds {
    /// Anywhere: the operator or the application names them.
    #[default]
    Anywhere,
    /// Below one of these folders, at the moment when they are opened.
    Below(Arc<Vec<PathBuf>>),
}

impl MediaRoots {
    pub(crate) fn new(folders: Vec<PathBuf>) -> MediaRoots {
        MediaRoots(Arc::new(ArcSwap::from_pointee(folders)))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load().is_empty()
    }

    /// Replaces the roots. What is open already stays open.
    pub(crate) fn set(&self, folders: Vec<PathBuf>) {
        self.0.store(Arc::new(folders));
    }

    /// The path relative to the root that it lies below, else to the first of these folders; else the path
    /// itself. It touches no file: a root counts as it was declared, and as what it led to when its links
    /// were followed last.
    #[cfg(feature = "library")]
    pub(crate) fn below(&self, path: &Path, folders: &[PathBuf]) -> PathBuf {
        let roots = self.0.load();
        let absolute = cleaned(path);
        let below = |root: &PathBuf| {
            let led_to = led_to(root);
            let mut places = [Some(cleaned(root)), led_to].into_iter().flatten();
            places.find_map(|place| absolute.strip_prefix(place).ok().map(Path::to_owned))
        };
        roots.iter().chain(folders).find_map(below).unwrap_or_else(|| path.to_owned())
    }

    /// The bounds of files that are confined to the roots, or not.
    pub(crate) fn bounds(&self, confined: bool) -> Bounds {
        if confined { Bounds::Below(self.0.load_full()) } else { Bounds::Anywhere }
    }
}

impl Bounds {
    /// Opens a file for reading. It does not wait for the writer of a named pipe.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        self.enter(path, OFlags::RDONLY | OFlags::NONBLOCK).map(File::from)
    }

    /// The entries of a folder.
    pub(crate) fn list(&self, folder: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        self.list_at_most(usize::MAX, folder)
    }

    /// The first entries of a folder: so many.
    pub(crate) fn list_at_most(&self, most: usize, folder: &Path) -> io::Result<Vec<(OsString, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::new(self.enter(folder, OFlags::RDONLY | OFlags::DIRECTORY)?)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                if entries.len() == most {
                    break;
                }
                entries.push((OsStr::from_bytes(name).to_owned(), entry.file_type()));
            }
        }
        Ok(entries)
    }

    /// Whether the path leads to a place within the bounds now. This is for a clear refusal in time;
    /// [`open`](Bounds::open) checks again.
    pub(crate) fn check(&self, path: &Path) -> io::Result<()> {
        match self {
            Bounds::Anywhere => Ok(()),
            Bounds::Below(roots) => resolve(roots, path, canonicalize).map(drop),
        }
    }

    /// Whether there are bounds.
    pub(crate) fn is_limited(&self) -> bool {
        matches!(self, Bounds::Below(_))
    }

    fn enter(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        match self {
            Bounds::Anywhere => Ok(open(path, flags | OFlags::CLOEXEC, Mode::empty())?),
            Bounds::Below(roots) => {
                let (root, below) = resolve(roots, path, canonicalize)?;
                open_below(&root, &below, flags | OFlags::CLOEXEC)
            }
        }
    }
}

/// Where the roots led when their links were followed last, for the whole process. It only says which root to
/// ask first.
static LED_TO: PerProcess<Mutex<HashMap<PathBuf, PathBuf>>> = PerProcess::new(Mutex::default);

/// Where a root led when its links were followed last.
#[cfg(feature = "library")]
fn led_to(root: &Path) -> Option<PathBuf> {
    LED_TO.get().lock().unwrap_or_else(PoisonError::into_inner).get(root).cloned()
}

/// Follows all links of a root, and remembers where they lead.
pub(crate) fn real_root(root: &Path) -> io::Result<PathBuf> {
    let real = root.canonicalize()?;
    remember(root, &real);
    Ok(real)
}

fn remember(root: &Path, real: &Path) {
    let mut known = LED_TO.get().lock().unwrap_or_else(PoisonError::into_inner);
    if known.get(root).is_none_or(|known| known != real) {
        known.insert(root.to_owned(), real.to_owned());
    }
}

fn canonicalize(path: &Path) -> io::Result<PathBuf> {
    path.canonicalize()
}

/// Follows all links of a path. Returns the root below which it ends, and the way from there.
fn resolve(
    roots: &[PathBuf],
    path: &Path,
    canonicalize: impl Fn(&Path) -> io::Result<PathBuf>,
) -> io::Result<(PathBuf, PathBuf)> {
    let real = canonicalize(path)?;
    // A root may be a link itself, or a disk that was mounted after the start. So what it leads to now
    // counts.
    let below = |declared: &PathBuf| {
        let root = canonicalize(declared).ok()?;
        remember(declared, &root);
        let below = real.strip_prefix(&root).ok()?.to_owned();
        Some((root, below))
    };
    // The disk of another root may be dead, and must not keep this file.
    let (likely, others): (Vec<&PathBuf>, Vec<&PathBuf>) = {
        let known = LED_TO.get().lock().unwrap_or_else(PoisonError::into_inner);
        let led_here = |root: &PathBuf| known.get(root).is_some_and(|known| real.starts_with(known));
        roots.iter().partition(|root| path.starts_with(root) || led_here(root))
    };
    likely.into_iter().chain(others).find_map(below).ok_or_else(outside)
}

/// Opens what lies `below` a folder, by a way that follows no link.
fn open_below(root: &Path, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let root = open(root, FOLDER, Mode::empty())?;
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let opened = match open_beneath(&root, below, flags) {
        // Linux before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open_step_by_step(root, below, flags),
        opened => opened,
    };
    opened.map_err(|error| match error {
        // There was no link when the path was resolved.
        Errno::LOOP | Errno::XDEV => outside(),
        error => error.into(),
    })
}

/// How a folder on the way is opened.
#[cfg(target_os = "linux")]
const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

#[cfg(target_os = "linux")]
fn open_beneath(root: &OwnedFd, below: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    openat2(root, below, flags, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_: &OwnedFd, _: &Path, _: OFlags) -> rustix::io::Result<OwnedFd> {
    Err(Errno::NOSYS)
}

/// The same without `openat2`: each component is opened in the folder before it.
fn open_step_by_step(root: OwnedFd, below: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let mut names = below.components().peekable();
    let mut folder = root;
    while let Some(name) = names.next() {
        // A resolved path has no other components, except for the root itself.
        let (Component::Normal(_) | Component::CurDir) = name else { return Err(Errno::XDEV) };
        let flags = if names.peek().is_some() { FOLDER } else { flags };
        folder = openat(&folder, name.as_os_str(), flags | OFlags::NOFOLLOW, Mode::empty())
            // With O_DIRECTORY, a link is no folder.
            .map_err(|error| if error == Errno::NOTDIR { Errno::LOOP } else { error })?;
    }
    Ok(folder)
}

/// The error of a path that leads outside the media roots.
#[derive(Debug)]
struct Outside;

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("leads outside the media roots")
    }
}

impl std::error::Error for Outside {}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, Outside)
}

/// Whether a file was refused because its path leads outside the media roots.
pub(crate) fn is_outside(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Outside>())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// Two roots `a` and `b`, and a folder `out` outside.
    fn disk() -> (TempDir, Bounds) {
        let disk = tempfile::tempdir().unwrap();
        for folder in ["a/sub", "b", "out"] {
            fs::create_dir_all(disk.path().join(folder)).unwrap();
        }
        for file in ["a/sub/x", "b/y", "out/secret", "a-secret"] {
            fs::write(disk.path().join(file), file).unwrap();
        }
        let roots = MediaRoots::new(vec![disk.path().join("a"), disk.path().join("b")]);
        (disk, roots.bounds(true))
    }

    #[cfg(feature = "library")]
    #[test]
    fn one_file_has_one_name_however_its_root_is_spelt() {
        let (disk, _) = disk();
        let link = disk.path().join("link");
        symlink(disk.path().join("a"), &link).unwrap();
        real_root(&link).unwrap();
        let real = disk.path().join("a").canonicalize().unwrap();
        let here = std::env::current_dir().unwrap();
        let roots = MediaRoots::new(vec![link.clone(), "music".into(), "/srv/./b/../radio".into()]);
        for (path, name) in [
            (link.join("sub/x"), "sub/x"),
            (real.join("sub/x"), "sub/x"),
            ("music/y".into(), "y"),
            (here.join("music/y"), "y"),
            ("/srv/radio/z".into(), "z"),
            ("/library/jazz/w".into(), "jazz/w"),
            ("/elsewhere/v".into(), "/elsewhere/v"),
        ] {
            assert_eq!(roots.below(&path, &["/library".into()]), Path::new(name), "{}", path.display());
        }
    }

    fn read(bounds: &Bounds, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        bounds.open(path)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn files_below_the_roots_are_opened_by_any_way_that_stays_there() {
        let (disk, bounds) = disk();
        let at = |path: &str| disk.path().join(path);
        symlink(at("b/y"), at("a/to-b")).unwrap();
        symlink("../sub/x", at("a/sub/x-again")).unwrap();
        symlink(at("b"), at("a/folder-b")).unwrap();
        for (path, content) in [
            ("a/sub/x", "a/sub/x"),
            ("a/to-b", "b/y"),
            ("a/sub/x-again", "a/sub/x"),
            ("a/folder-b/y", "b/y"),
            ("a/sub/../sub/x", "a/sub/x"),
            ("out/../b/y", "b/y"),
        ] {
            assert_eq!(read(&bounds, &at(path)).unwrap(), content, "{path}");
            bounds.check(&at(path)).unwrap();
        }
        assert_eq!(bounds.list(&at("a/folder-b")).unwrap().len(), 1);
        assert_eq!(bounds.list(&at("a")).unwrap().len(), 3, "a root itself");
    }

    #[test]
    fn whatever_leads_outside_is_refused_and_says_so() {
        let (disk, bounds) = disk();
        let at = |path: &str| disk.path().join(path);
        symlink(at("out/secret"), at("a/link")).unwrap();
        symlink("../../out", at("a/sub/out")).unwrap();
        symlink("link", at("a/link-to-link")).unwrap();
        symlink("/proc/self/root", at("a/disk")).unwrap();
        for path in [
            "out/secret",
            "a-secret",
            "a/../out/secret",
            "a/link",
            "a/link-to-link",
            "a/sub/out/secret",
            "a/disk/etc/hostname",
        ] {
            assert!(is_outside(&bounds.open(&at(path)).unwrap_err()), "{path}");
            assert!(is_outside(&bounds.check(&at(path)).unwrap_err()), "{path}");
        }
        assert!(is_outside(&bounds.list(&at("a/sub/out")).unwrap_err()));
        let none = MediaRoots::default().bounds(true);
        assert!(is_outside(&none.open(&at("a/sub/x")).unwrap_err()), "without roots there is no file");
        assert_eq!(read(&MediaRoots::default().bounds(false), &at("out/secret")).unwrap(), "out/secret");
    }

    /// A link that is put there after the path was resolved.
    #[test]
    fn a_way_that_changes_while_it_is_opened_is_refused() {
        let (disk, _) = disk();
        let root = disk.path().join("a").canonicalize().unwrap();
        symlink("../out", root.join("folder")).unwrap();
        symlink("../out/secret", root.join("file")).unwrap();
        symlink("sub", root.join("inside")).unwrap();
        for below in ["folder/secret", "file", "inside/x"] {
            let open_root = || open(&root, FOLDER, Mode::empty()).unwrap();
            let below = Path::new(below);
            assert!(is_outside(&open_below(&root, below, OFlags::RDONLY).unwrap_err()), "{below:?}");
            assert_eq!(open_step_by_step(open_root(), below, OFlags::RDONLY).unwrap_err(), Errno::LOOP);
        }
        for below in ["../out/secret", "/etc/hostname"] {
            assert!(is_outside(&open_below(&root, Path::new(below), OFlags::RDONLY).unwrap_err()));
        }
        let open_root = open(&root, FOLDER, Mode::empty()).unwrap();
        let file = open_step_by_step(open_root, Path::new("sub/x"), OFlags::RDONLY).unwrap();
        let mut text = String::new();
        File::from(file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "a/sub/x");
    }

    /// No root but the file's own is touched: the disk of another may be dead.
    #[test]
    fn a_file_is_opened_while_the_disks_of_other_roots_hang() {
        let (disk, _) = disk();
        let at = |path: &str| disk.path().join(path);
        symlink(at("b"), at("link")).unwrap();
        let dead = at("nas");
        let roots = [dead.clone(), at("a"), at("link"), dead.join("second")];
        let asks = |path: &Path| {
            assert!(!path.starts_with(&dead), "{path:?} hangs");
            path.canonicalize()
        };
        for (path, root) in [("a/sub/x", "a"), ("a", "a"), ("link/y", "b")] {
            let (found, _) = resolve(&roots, &at(path), asks).unwrap();
            assert_eq!(found, at(root).canonicalize().unwrap(), "{path}");
        }
        let (found, _) = resolve(&roots, &at("b/y"), asks).unwrap();
        assert_eq!(found, at("b").canonicalize().unwrap(), "the link's end is known by now");
        symlink(at("b"), at("other-link")).unwrap();
        real_root(&at("other-link")).unwrap();
        let (found, _) = resolve(&[dead.clone(), at("other-link")], &at("b/y"), asks).unwrap();
        assert_eq!(found, at("b").canonicalize().unwrap(), "known from the start");
    }

    /// What is remembered is no permission.
    #[test]
    fn a_root_that_leads_elsewhere_now_permits_nothing_of_its_former_place() {
        let (disk, _) = disk();
        let at = |path: &str| disk.path().join(path);
        symlink(at("a"), at("link")).unwrap();
        let bounds = MediaRoots::new(vec![at("link")]).bounds(true);
        assert!(read(&bounds, &at("a/sub/x")).is_ok());
        fs::remove_file(at("link")).unwrap();
        symlink(at("b"), at("link")).unwrap();
        assert!(is_outside(&bounds.open(&at("a/sub/x")).unwrap_err()));
        assert!(read(&bounds, &at("b/y")).is_ok());
    }

    #[test]
    fn roots_are_those_of_now() {
        let (disk, _) = disk();
        let roots = MediaRoots::new(vec![disk.path().join("a")]);
        let others = roots.clone();
        assert!(roots.bounds(true).open(&disk.path().join("a/sub/x")).is_ok());
        others.set(vec![disk.path().join("b")]);
        assert!(is_outside(&roots.bounds(true).open(&disk.path().join("a/sub/x")).unwrap_err()));
        assert!(roots.bounds(true).open(&disk.path().join("b/y")).is_ok());
    }
}

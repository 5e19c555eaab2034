//! The file that holds a pipeline's state.
//!
//! It holds the state as a whole. Beside it, a journal (`.journal`) holds what has changed since. A crash at
//! any moment leaves the state as it was last kept, or as it was kept before.

mod journal;
mod keep;
mod opening;
mod ours;

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read};
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::resume::PipelineSnapshot;
use crate::error::{Error, Result};
use crate::path_text::with_suffix;
use journal::{checksum_of_whole, lines};
pub(super) use keep::{Keeping, keep};
pub(super) use opening::Opening;

/// The largest file that is read. A state of 100,000 entries has a tenth of this size.
const MAX_BYTES: u64 = 256 << 20;

/// Errors that mean that a folder takes no file until its owner changes something.
const PERMANENT: [ErrorKind; 3] =
    [ErrorKind::NotADirectory, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];

/// Reads the stored state. `None` if there is none, or if it cannot be read. A file that cannot be read is
/// logged and set aside, because the next state takes its place.
pub(super) fn load(file: &Path) -> Option<PipelineSnapshot> {
    match read(file) {
        Ok(snapshot) => return Some(snapshot),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => set_aside(file, &error),
    }
    None
}

/// Reads a state. If its folder has moved since it was written, its files have moved along.
pub(super) fn read(file: &Path) -> io::Result<PipelineSnapshot> {
    let mut snapshot = read_as_written(file)?;
    snapshot.follow(file, Path::exists);
    Ok(snapshot)
}

/// Reads a state and what its journal adds to it.
pub(crate) fn read_as_written(file: &Path) -> io::Result<PipelineSnapshot> {
    let text = read_state(file)?;
    let mut snapshot: PipelineSnapshot = serde_json::from_slice(&text)?;
    match read_state(&journal_of(file)) {
        Ok(journal) => {
            // What cannot be applied was written by another version. What came before it holds.
            let mut apply = |json| serde_json::from_slice(json).is_ok_and(|delta| snapshot.apply(delta));
            for _ in lines(&journal, checksum_of_whole(&text)).take_while(|json| apply(json)) {}
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            log::warn!("{}: it has the latest changes of the state: {error}", journal_of(file).display());
        }
    }
    Ok(snapshot)
}

/// Renames a file that holds no state, to a name that is free.
fn set_aside(file: &Path, reason: &io::Error) {
    let shown = file.display();
    let names = iter::once(".aside".into()).chain((2..).map(|n| format!(".aside-{n}")));
    let mut free =
        names.map(|name| with_suffix(file, &name)).filter(|aside| fs::symlink_metadata(aside).is_err());
    let aside = free.next().expect("numbers do not end");
    match fs::rename(file, &aside) {
        Ok(()) => log::warn!("{shown}: no state, starting afresh; now it is {}: {reason}", aside.display()),
        Err(error) => {
            log::error!("{shown}: no state, starting afresh: {reason}; it stays in its place: {error}");
        }
    }
}

/// Reads the file if it can be a state. The file may have changed since it was checked.
fn read_state(file: &Path) -> io::Result<Vec<u8>> {
    // Opening a FIFO would otherwise wait for a writer.
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(file)?;
    let there = file.metadata()?;
    if !there.is_file() {
        return Err(io::Error::other(format!("it is {}", kind(there.file_type()))));
    }
    if there.len() > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let mut text = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(text)
}

/// Checks that the state can be written to this file. It leaves nothing behind and does not touch an existing
/// file, which may be the state of a station on the air. Returns the canonical path.
pub(crate) fn check(file: &Path) -> Result<PathBuf> {
    let refused = |reason| Err(Error::setting("state_file", reason));
    let Some(name) = file.file_name().filter(|_| !file.as_os_str().as_bytes().ends_with(b"/")) else {
        return refused(format!("{file:?} names no file: write \"main.state\", for example"));
    };
    if let Ok(there) = fs::metadata(file)
        && !there.is_file()
    {
        return refused(format!("{} is {}: name a file", file.display(), kind(there.file_type())));
    }
    if let Err(reason) = ours::refuse_foreign(file) {
        return refused(reason);
    }
    let folder = folder_of(file);
    // This makes a file without a name, which disappears when it is closed.
    match File::options().write(true).custom_flags(libc::O_TMPFILE).open(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refused(format!("there is no folder {}: make it, or name another", folder.display()))
        }
        Err(error) if PERMANENT.contains(&error.kind()) => {
            refused(format!("no file can be made in {}: {error}", folder.display()))
        }
        // Some file systems cannot make a file without a name. Other errors, such as a full disk, may be over
        // by the time of the first write.
        _ => {
            let one = file.canonicalize().or_else(|_| folder.canonicalize().map(|folder| folder.join(name)));
            one.map_err(|error| Error::NoAnswer {
                path: file.to_owned(),
                reason: format!("its folder cannot be found now: {error}"),
            })
        }
    }
}

/// The name of a file type that cannot hold a state.
fn kind(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// All paths that are written to for a state.
pub(crate) fn files(file: &Path) -> [PathBuf; 3] {
    [file.to_owned(), beside(file), journal_of(file)]
}

/// The path of the temporary file that replaces the state file.
fn beside(file: &Path) -> PathBuf {
    with_suffix(file, ".new")
}

/// The path of the journal.
fn journal_of(file: &Path) -> PathBuf {
    with_suffix(file, ".journal")
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::Mode;
    use nix::unistd::{Uid, mkfifo, setfsuid};

    use super::*;

    fn refusal(file: &Path) -> String {
        match check(file) {
            Err(Error::Setting { key: "state_file", reason }) => reason,
            other => panic!("{}: {other:?}", file.display()),
        }
    }

    #[test]
    fn a_state_is_kept_in_a_regular_file_or_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(at("fifo"), at("link")).unwrap();
        for (path, reason) in [
            (at("fifo"), "is a FIFO: name a file"),
            (at("link"), "is a FIFO: name a file"),
            ("/dev/zero".into(), "is a device: name a file"),
            (folder.path().into(), "is a folder: name a file"),
            (at("state/"), "names no file"),
            ("".into(), "names no file"),
            (at("gone/state"), "there is no folder"),
            (at("fifo/state"), "Not a directory"),
        ] {
            assert!(refusal(&path).contains(reason), "{}: {}", path.display(), refusal(&path));
        }
        for path in [at("fifo"), "/dev/zero".into(), folder.path().into()] {
            assert!(read_state(&path).unwrap_err().to_string().starts_with("it is a"), "it became one later");
        }
    }

    #[test]
    fn a_check_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        check(&state).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let before = "{\"up_next\":";
        fs::write(&state, before).unwrap();
        check(&state).unwrap();
        assert_eq!(fs::read(&state).unwrap(), before.as_bytes());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_ours_to_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        let state = folder.path().join("state");
        // The superuser can write everywhere, so this thread becomes another user.
        let nobody = move || {
            setfsuid(Uid::from_raw(65_534));
            refusal(&state)
        };
        let reason = std::thread::spawn(nobody).join().unwrap();
        assert!(reason.ends_with("Permission denied (os error 13)"), "{reason}");
    }

    #[test]
    fn what_is_too_large_for_a_state_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        File::create(&state).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read_state(&state).unwrap_err().to_string(), "it is larger than 256 MiB");
        assert!(load(&state).is_none());
    }

    #[test]
    fn a_damaged_state_is_set_aside_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(load(&at("state")).is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for (text, aside) in [("{\"up_next\":", "state.aside"), ("{", "state.aside-2"), ("", "state.aside-3")]
        {
            fs::write(at("state"), text).unwrap();
            assert!(load(&at("state")).is_none());
            keep::Keeper::new(&at("state")).keep(PipelineSnapshot::empty()).unwrap();
            assert_eq!(fs::read_to_string(at(aside)).unwrap(), text);
            fs::remove_file(at("state")).unwrap();
        }
    }

    #[test]
    fn what_lies_beside_the_state_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        mkfifo(&beside(&state), Mode::S_IRWXU).unwrap();
        mkfifo(&journal_of(&state), Mode::S_IRWXU).unwrap();
        let snapshot = PipelineSnapshot::empty();
        fs::write(&state, serde_json::to_vec(&snapshot).unwrap()).unwrap();
        assert_eq!(load(&state), Some(snapshot.clone()), "a FIFO is no journal, and nobody waits for it");
        keep::Keeper::new(&state).keep(snapshot.clone()).unwrap();
        assert_eq!(load(&state), Some(snapshot));
        assert!(!beside(&state).exists());
    }
}

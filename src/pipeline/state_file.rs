//! The file that holds a pipeline's state.

use std::fs::{self, File, FileType};
use std::io::{self, ErrorKind, Read, Write};
use std::iter;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::resume::{PipelineSnapshot, SnapshotSource};
use crate::error::{Error, Result};
use crate::event::{EventKind, EventReceiver};

/// The time between two writes. The state is also written at every track change and at the end.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// The largest file that is read. A state of 100,000 entries has a tenth of this size.
const MAX_BYTES: u64 = 256 << 20;

/// Errors that mean that a folder takes no file until its owner changes something.
const WILL_NOT_PASS: [ErrorKind; 3] =
    [ErrorKind::NotADirectory, ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];

/// Reads the stored state. `None` if there is none, or if it cannot be read. A file that cannot be read is
/// logged and set aside, because the next state takes its place.
pub(super) fn load(file: &Path) -> Option<PipelineSnapshot> {
    let snapshot = read_state(file).and_then(|text| Ok(serde_json::from_slice(&text)?));
    match snapshot {
        Ok(snapshot) => return Some(snapshot),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => set_aside(file, &error),
    }
    None
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
    let folder = folder_of(file);
    // This makes a file without a name, which disappears when it is closed.
    match File::options().write(true).custom_flags(libc::O_TMPFILE).open(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refused(format!("there is no folder {}: make it, or name another", folder.display()))
        }
        Err(error) if WILL_NOT_PASS.contains(&error.kind()) => {
            refused(format!("no file can be made in {}: {error}", folder.display()))
        }
        // Some file systems cannot make a file without a name. Other errors, such as a full disk, may be over
        // by the time of the first write.
        _ => {
            let one = file.canonicalize().or_else(|_| folder.canonicalize().map(|folder| folder.join(name)));
            one.map_err(Error::io("finding a folder"))
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

/// Runs the thread `state`: it writes the state to a file until the pipeline has ended, and once more then.
/// It holds only a source of snapshots, not the pipeline, so it does not keep the pipeline alive.
pub(super) fn keep(state: &SnapshotSource, events: &EventReceiver, file: &Path) {
    let mut complained = false;
    let mut due = Instant::now() + KEEP_EVERY;
    loop {
        let event = events.recv_timeout(due.saturating_duration_since(Instant::now()));
        let kind = event.map(|event| event.kind());
        let over = kind == Some(EventKind::PipelineStop) || kind.is_none() && events.is_closed();
        let now = Instant::now();
        if over || now >= due || kind == Some(EventKind::TrackChange) {
            due = now + KEEP_EVERY;
            match write(file, &state.snapshot()) {
                Ok(()) => complained = false,
                Err(error) if !complained => {
                    complained = true;
                    log::error!("{}: the state cannot be kept: {error}", file.display());
                }
                Err(_) => {}
            }
        }
        // Only the snapshot after the end is final: the mixer went on during earlier ones.
        if over {
            return;
        }
    }
}

/// Replaces the file as a whole. A crash at any moment leaves the old file or the new one.
fn write(file: &Path, snapshot: &PipelineSnapshot) -> io::Result<()> {
    let beside = beside(file);
    // A crash may have left this file. If it is something else, such as a FIFO, it must not be written to.
    if let Err(error) = fs::remove_file(&beside)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut new = File::create_new(&beside)?;
    new.write_all(&serde_json::to_vec(snapshot)?)?;
    new.sync_all()?;
    fs::rename(beside, file)
}

/// The path of the temporary file that replaces the state file.
pub(crate) fn beside(file: &Path) -> PathBuf {
    with_suffix(file, ".new")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
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
        fs::write(&state, "before").unwrap();
        check(&state).unwrap();
        assert_eq!(fs::read(&state).unwrap(), b"before");
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
    fn a_file_that_is_no_state_is_set_aside_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(load(&at("song.mp3")).is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for (text, aside) in
            [("a song", "song.mp3.aside"), ("{}", "song.mp3.aside-2"), ("", "song.mp3.aside-3")]
        {
            fs::write(at("song.mp3"), text).unwrap();
            assert!(load(&at("song.mp3")).is_none());
            write(&at("song.mp3"), &PipelineSnapshot::empty()).unwrap();
            assert_eq!(fs::read_to_string(at(aside)).unwrap(), text);
            fs::remove_file(at("song.mp3")).unwrap();
        }
    }

    #[test]
    fn what_lies_beside_the_state_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        mkfifo(&beside(&state), Mode::S_IRWXU).unwrap();
        let snapshot = PipelineSnapshot::empty();
        write(&state, &snapshot).unwrap();
        assert_eq!(load(&state), Some(snapshot));
        assert!(!beside(&state).exists());
    }
}

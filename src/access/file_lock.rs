//! A lock on a file that more than one program writes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::private_file::keep_owner;
use crate::error::{Error, Result};
use crate::path_text::with_suffix;

/// How long a program waits for another one that changes the file. A change takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// The time between two attempts.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Holds the lock until it is dropped, or the process ends. It is on a file of its own, `NAME.lock`, because
/// the file itself is replaced when it is written. Whoever holds the lock removes that file at the end.
#[derive(Debug)]
pub(crate) struct FileLock {
    path: PathBuf,
    _locked: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // It is still locked: who opened it before finds out that it is gone.
        let _ = fs::remove_file(&self.path);
    }
}

impl FileLock {
    /// Takes the lock of `file`. Waits while another holder has it, but not for ever.
    ///
    /// # Errors
    /// [`Error::File`] if the lock cannot be had.
    pub(crate) fn wait(file: &Path) -> Result<FileLock> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match FileLock::attempt(file) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if Instant::now() < give_up => thread::sleep(AGAIN_AFTER),
                Ok(None) => {
                    let seconds = PATIENCE.as_secs();
                    let reason = format!("another program has been changing it for {seconds} s: try again");
                    return Err(Error::file(file, reason));
                }
                Err(error) => return Err(Error::file(lock_of(file), error.to_string())),
            }
        }
    }

    /// Takes the lock of `file`, or returns `None` if another holder has it. A second attempt of the same
    /// process counts as another.
    pub(crate) fn attempt(file: &Path) -> io::Result<Option<FileLock>> {
        loop {
            let path = lock_of(file);
            let Some(locked) = FileLock::open(&path, file)? else { return Ok(None) };
            // The former holder may have removed the file after it was opened here.
            let (ours, there) = (locked.metadata()?, fs::symlink_metadata(&path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                return Ok(Some(FileLock { path, _locked: locked }));
            }
        }
    }

    /// Opens the file at `path` and locks it, or returns `None` if it is locked.
    fn open(path: &Path, file: &Path) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        // Who can open it can hold it.
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let locked = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
        // A second name of it may be another user's file, which must not be given away.
        let about = locked.metadata()?;
        if !about.is_file() || about.nlink() > 1 {
            return Err(io::Error::other("is not a lock, but a link or a special file: remove it"));
        }
        keep_owner(&locked, file)?;
        match locked.try_lock() {
            Ok(()) => Ok(Some(locked)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The path of a file's lock.
pub(crate) fn lock_of(file: &Path) -> PathBuf {
    with_suffix(file, ".lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a"), folder.path().join("b"));
        let held = FileLock::attempt(&file).unwrap().expect("nobody has it");
        assert!(FileLock::attempt(&file).unwrap().is_none());
        assert!(FileLock::attempt(&other).unwrap().is_some());
        let waits = thread::spawn({
            let file = file.clone();
            move || FileLock::wait(&file).map(drop)
        });
        drop(held);
        waits.join().unwrap().unwrap();
        assert!(FileLock::attempt(&file).unwrap().is_some());
        assert!(!folder.path().join("a.lock").exists(), "nothing is left");
        // A link in its place could lead to any file.
        std::os::unix::fs::symlink("a", folder.path().join("c.lock")).unwrap();
        assert!(FileLock::attempt(&folder.path().join("c")).is_err());
        let secret = folder.path().join("secret");
        fs::write(&secret, "").unwrap();
        fs::hard_link(&secret, folder.path().join("d.lock")).unwrap();
        assert!(FileLock::attempt(&folder.path().join("d")).is_err());
        assert!(secret.exists());
    }
}

//! The lock of a state file: one pipeline keeps its state in it at a time, of all stations on this machine.

use std::io::ErrorKind;
use std::path::Path;

use super::state_file;
use crate::access::FileLock;
use crate::error::{Error, Result, is_passing};

/// Takes the lock of a state file. It is held until it is dropped, or the process ends. `None` on a file
/// system without locks.
///
/// # Errors
/// [`Error::Setting`] if another pipeline holds it, [`Error::NoAnswer`] if its disk fails.
pub(super) fn take(file: &Path) -> Result<Option<FileLock>> {
    // The same file may have several names.
    let file = state_file::check(file)?;
    match FileLock::attempt(&file) {
        Ok(Some(lock)) => Ok(Some(lock)),
        Ok(None) => {
            let reason = format!(
                "a pipeline on the air keeps its state in {}: stop that station, or name another file",
                file.display()
            );
            Err(Error::setting("state_file", reason))
        }
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            log::warn!("{}: cannot be locked, so a second station would not be noticed", file.display());
            Ok(None)
        }
        Err(error) if is_passing(&error) => {
            Err(Error::NoAnswer { path: file, reason: format!("it cannot be locked: {error}") })
        }
        Err(error) => Err(Error::setting("state_file", format!("{}.lock: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_file_has_one_pipeline_at_a_time_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("main.state");
        let held = take(&file).unwrap().expect("a lock");
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink("main.state", folder.path().join("link")).unwrap();
        for name in ["main.state", "./main.state", "link"] {
            let refused = take(&folder.path().join(name)).unwrap_err();
            assert!(refused.to_string().contains("on the air keeps its state in"), "{refused}");
        }
        assert!(take(&folder.path().join("other.state")).is_ok());
        drop(held);
        assert!(take(&file).is_ok());
    }
}

//! Files that hold secrets.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{Error, Result};

/// Writes a file that only its owner can read. It is written as a whole or not at all.
///
/// # Errors
/// [`Error::File`] if it cannot be written.
pub fn write_private(file: &Path, content: &[u8]) -> Result<()> {
    replace(file, content).map_err(|error| Error::file(file, error.to_string()))
}

fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = file.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let draft = folder.join(format!(".{name}.{:08x}", fastrand::u32(..)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut open| {
            open.set_permissions(Permissions::from_mode(0o600))?;
            open.write_all(content)?;
            open.sync_all()
        })
        .and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    // So the file also survives a power cut.
    File::open(folder)?.sync_all()
}

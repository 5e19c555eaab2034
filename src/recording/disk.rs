//! What a recording asks of its disk. Tests have disks that fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A disk. All of its calls may hang.
pub(super) trait Disk: Send {
    /// How many bytes are free for this process on the disk of a folder, which need not exist yet.
    fn free(&mut self, folder: &Path) -> io::Result<u64>;

    /// Makes a new file, with its folders.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of this name.
    fn create(&mut self, file: &Path) -> io::Result<Box<dyn RecordFile>>;
}

/// A file that is being written.
pub(super) trait RecordFile: Write + Send {
    /// Cuts it to this length.
    fn shorten(&mut self, length: u64) -> io::Result<()>;

    /// Waits until the disk has it.
    fn sync(&mut self) -> io::Result<()>;
}

/// The disks of the system.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn free(&mut self, folder: &Path) -> io::Result<u64> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let mut existing = folder.ancestors().map(|folder| match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        });
        let there = existing.find(|folder| folder.exists()).unwrap_or(Path::new("/"));
        let disk = rustix::fs::statvfs(there)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    fn create(&mut self, file: &Path) -> io::Result<Box<dyn RecordFile>> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // Nothing is overwritten, and no link is followed.
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(file)?))
    }
}

impl RecordFile for File {
    fn shorten(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

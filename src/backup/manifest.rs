//! The first member of an archive: what the others are.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::path_text;

/// The name of the manifest in an archive.
pub(super) const MANIFEST: &str = "longwave-backup.json";

/// What is written now. A newer one is refused.
pub(super) const VERSION: u32 = 1;

/// The largest manifest that is read.
pub(super) const MOST_BYTES: u64 = 1 << 20;

/// How many files an archive may have.
const MOST_FILES: usize = 1_000;

/// How much may come out of an archive. One that is made to fill the disk must have a bound.
const MOST_UNPACKED: u64 = 256 << 30;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub version: u32,
    /// The program that made it, and when (RFC 3339).
    pub longwave: String,
    pub made_at: String,
    /// The folder of the configuration.
    #[serde(with = "path_text")]
    pub folder: PathBuf,
    /// In the order of the members that follow.
    pub files: Vec<Member>,
}

/// A file of a station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub kind: MemberKind,
    /// Where it was: an absolute path.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    pub bytes: u64,
    /// Who may read and write it, as `chmod` has it.
    pub mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MemberKind {
    Configuration,
    Users,
    State,
    /// A database of SQLite.
    Database,
}

impl Manifest {
    /// Why nothing can be restored by this manifest.
    pub fn check(&self) -> Result<(), String> {
        if self.version > VERSION {
            return Err(format!("Longwave {} made it, which is newer: update Longwave", self.longwave));
        }
        if self.files.len() > MOST_FILES {
            return Err(format!("it has {} files: {MOST_FILES} at most", self.files.len()));
        }
        let bytes = self.files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
        if bytes > MOST_UNPACKED {
            return Err(format!("{bytes} bytes would come out of it: {MOST_UNPACKED} at most"));
        }
        let paths = self.files.iter().map(|file| &file.path).chain([&self.folder]);
        match paths.into_iter().find(|path| !is_plain(path)) {
            Some(path) => Err(format!("{} is no place for a file", path.display())),
            None => Ok(()),
        }
    }
}

/// Whether a path is absolute and leads nowhere else by dots.
fn is_plain(path: &Path) -> bool {
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir) && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The name of the member with this index. It is no path of the disk.
pub(super) fn member_name(index: usize) -> String {
    format!("files/{index}")
}

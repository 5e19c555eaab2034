//! The inbox of a library, and its files, as documents.

use serde::Serialize;

use super::FileNames;
use crate::library;
use crate::time::rfc3339;

/// The files of an inbox, the newest first, and how many bytes it takes.
#[derive(Debug, Serialize)]
pub struct InboxDocument {
    files: Vec<InboxFile>,
    file_most: u64,
    user_most: u64,
    most: u64,
}

/// A file that a user has sent.
#[derive(Debug, Serialize)]
pub struct InboxFile {
    user: String,
    name: String,
    file: String,
    bytes: u64,
    modified: String,
}

impl InboxDocument {
    /// The document of these files, and of what the inbox takes.
    pub fn of(
        files: &[library::InboxFile],
        limits: library::InboxLimits,
        names: &dyn FileNames,
    ) -> InboxDocument {
        InboxDocument {
            files: files.iter().map(|file| InboxFile::of(file, names)).collect(),
            file_most: limits.file_most,
            user_most: limits.user_most,
            most: limits.most,
        }
    }
}

impl InboxFile {
    /// The document of this file.
    pub fn of(file: &library::InboxFile, names: &dyn FileNames) -> InboxFile {
        InboxFile {
            user: file.user.clone(),
            name: file.name.clone(),
            file: names.file(&file.path),
            bytes: file.bytes,
            modified: rfc3339(file.modified),
        }
    }
}

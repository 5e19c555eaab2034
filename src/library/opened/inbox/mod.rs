//! The inbox: a folder of the library into which users send shows, each into a folder of their own,
//! `inbox/USER/NAME`.
//!
//! It keeps no list: whose a file is, and how much room a user has left, is said by the folder. So people may
//! put files there, move them and take them away by other ways, too. A show is a track of the library as soon
//! as it has its name, and a slot of the schedule can play the folder of a user: its newest file.
//!
//! What is on its way has a hidden name beside the one that it gets when it was decoded (`upload.rs`).

mod name;
#[cfg(test)]
mod tests;
mod upload;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crossbeam::channel::Sender;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;

use self::name::is_plain;
pub use self::upload::InboxUpload;
use super::scan::Scan;
use crate::error::{Error, Result};
use crate::library::LibrarySettings;
use crate::playout::playlist::is_audio;

/// The most files of one user. Each upload looks at all files, so a user with countless small ones would make
/// it slow for everybody.
const MOST_FILES_OF_A_USER: usize = 1_000;

/// The most files of one user that may be on their way at once. Each keeps the room that it may need, so a
/// second one would mostly be refused for what the first one does not use.
const MAX_UPLOADS_OF_A_USER: usize = 1;

/// The most files that are looked at. People may put more there than users send; a list of so many takes some
/// seconds, and tens of MiB.
const MOST_FILES: usize = 100_000;

/// The folder of a library into which users send files.
///
/// A handle: cheap to clone, and usable on any thread. Its calls use the disk on the caller's thread, and
/// hang as long as the disk does.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

/// A file in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxFile {
    /// Who has sent it.
    pub user: String,
    /// Its name in the folder of this user.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was changed last.
    pub modified: SystemTime,
}

/// How much the inbox takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxLimits {
    /// Of one file.
    pub file_most: u64,
    /// Of all files of one user.
    pub user_most: u64,
    /// Of all files.
    pub most: u64,
}

struct Shared {
    folder: PathBuf,
    limits: InboxLimits,
    /// In the names of what is on its way. What a former run has left has another one.
    run: String,
    /// What is on its way, by its number. Whoever has the lock may count what is in the folders and what is
    /// on its way: no file gets its name meanwhile, and no folder comes or goes.
    under_way: Mutex<BTreeMap<u64, Coming>>,
    scans: Sender<Scan>,
}

/// A file on its way.
struct Coming {
    user: String,
    /// How many bytes it may have.
    most: u64,
}

impl Inbox {
    /// The inbox of a library with these settings, if it has one.
    pub(super) fn of(settings: &LibrarySettings, scans: &Sender<Scan>) -> Option<Inbox> {
        let limits = InboxLimits {
            file_most: settings.inbox_file_most,
            user_most: settings.inbox_user_most,
            most: settings.inbox_most,
        };
        let folder = settings.inbox.clone()?;
        let run = format!("{:08x}", fastrand::u32(..));
        let shared = Shared { folder, limits, run, under_way: Mutex::default(), scans: scans.clone() };
        Some(Inbox { shared: Arc::new(shared) })
    }

    /// How much it takes.
    pub fn limits(&self) -> InboxLimits {
        self.shared.limits
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// All files, the newest first. What is still on its way is not among them.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read. One that does not exist has no files.
    pub fn list(&self) -> Result<Vec<InboxFile>> {
        let mut files = self.shared.files().map_err(Error::io("reading the inbox"))?;
        files.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        Ok(files)
    }

    /// Takes a file of a user under this name. What is written to the result is nobody's before
    /// [`InboxUpload::finish`]; if that is not called, nothing of it is left. `length` is how many bytes will
    /// come, if that is known: what has no room is refused now, and not later.
    ///
    /// # Errors
    /// [`Error::Setting`] for a `name` or a `user` that cannot be the name of a file everywhere, or is not
    /// that of audio; [`Error::Exists`] if the user has a file of this name, unless it is to `replace` it;
    /// [`Error::Limit`] if another file of this user is on its way, or the user has too many files;
    /// [`Error::Io`] if the disk refuses it, and of the kind [`FileTooLarge`](ErrorKind::FileTooLarge) or
    /// [`QuotaExceeded`](ErrorKind::QuotaExceeded) if it has more bytes than the inbox takes.
    pub fn receive(&self, user: &str, name: &str, replace: bool, length: Option<u64>) -> Result<InboxUpload> {
        name::check("user", user)?;
        name::check("name", name)?;
        if !is_audio(Path::new(name)) {
            let reason = format!("{name:?} does not end like audio: {name}.mp3, for example");
            return Err(Error::setting("name", reason));
        }
        InboxUpload::begin(&self.shared, user, name, replace, length)
    }

    /// Removes a file of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of this name, [`Error::Io`] if the disk refuses it.
    pub fn remove(&self, user: &str, name: &str) -> Result<()> {
        let missing = || Error::NotFound(format!("file {name:?} of {user} in the inbox"));
        if !is_plain(user) || !is_plain(name) {
            return Err(missing());
        }
        let path = self.shared.folder_of(user);
        // A folder that is a link is not listed, and leads to what is nobody's here.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let removed = openat(CWD, &path, flags, Mode::empty())
            .and_then(|folder| unlinkat(folder, name, AtFlags::empty()));
        match removed {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ISDIR) => return Err(missing()),
            removed => removed.map_err(|error| Error::io("removing a file of the inbox")(error.into()))?,
        }
        self.shared.remove_if_empty(&path);
        self.shared.tell_scan(&path);
        Ok(())
    }

    /// Removes what a crash has left of files that were on their way.
    pub(super) fn clean(&self) {
        let leftovers = self.shared.folders().unwrap_or_default().into_iter().flat_map(|folder| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter(|entry| self.shared.is_leftover(entry)).map(|entry| entry.path())
        });
        for leftover in leftovers {
            match fs::remove_file(&leftover) {
                Ok(()) => log::info!("{}: was not complete, and is removed", leftover.display()),
                Err(error) => log::warn!("{}: was not complete: {error}", leftover.display()),
            }
        }
    }
}

impl Shared {
    fn folder_of(&self, user: &str) -> PathBuf {
        self.folder.join(user)
    }

    /// Removes the folder of a user, unless there is anything in it, or to be.
    fn remove_if_empty(&self, folder: &Path) {
        let _no_file_begins = self.under_way();
        let _ = fs::remove_dir(folder);
    }

    /// The folders of users.
    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let entries = entries.take(MOST_FILES).collect::<io::Result<Vec<_>>>()?;
        let is_folder = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        Ok(entries.into_iter().filter(is_folder).map(|entry| entry.path()).collect())
    }

    /// All files, in any order.
    fn files(&self) -> io::Result<Vec<InboxFile>> {
        Shared::files_in(self.folders()?)
    }

    fn files_in(folders: Vec<PathBuf>) -> io::Result<Vec<InboxFile>> {
        let mut files = Vec::new();
        for folder in folders {
            let name = folder.file_name().and_then(|name| name.to_str());
            let Some(user) = name.filter(|name| is_plain(name)) else { continue };
            let entries = match fs::read_dir(&folder) {
                // It has gone meanwhile.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                entries => entries?,
            };
            for entry in entries {
                if files.len() == MOST_FILES {
                    return Ok(files);
                }
                files.extend(file_of(user, &entry?));
            }
        }
        Ok(files)
    }

    /// Whether somebody's upload was broken off by a crash.
    fn is_leftover(&self, entry: &DirEntry) -> bool {
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| name.strip_prefix(upload::HIDDEN));
        run.is_some_and(|run| !run.starts_with(&self.run))
    }

    /// Has the library notice what has changed. If too much waits for that, the next scan of everything does.
    fn tell_scan(&self, folder: &Path) {
        let _ = self.scans.try_send(Scan::Changed(folder.to_owned()));
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<u64, Coming>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of an entry, unless it is something else, or hidden.
fn file_of(user: &str, entry: &DirEntry) -> Option<InboxFile> {
    let name = entry.file_name().into_string().ok().filter(|name| is_plain(name))?;
    // Of a link, it says what the link is. One that has gone meanwhile is none.
    let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
    let modified = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Some(InboxFile { user: user.to_owned(), name, path: entry.path(), bytes: about.len(), modified })
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("folder", &self.shared.folder).finish_non_exhaustive()
    }
}

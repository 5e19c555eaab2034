//! A file on its way into the inbox: under a hidden name, until it was decoded.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Coming, InboxFile, MAX_UPLOADS_OF_A_USER, MOST_FILES_OF_A_USER, Shared};
use crate::codec::file::{AudioFile, Status};
use crate::error::{Error, Result};
use crate::roots::Bounds;

/// How the names of files begin that are on their way. Whoever reads a folder passes over what begins with a
/// dot.
pub(super) const HIDDEN: &str = ".upload-";

/// After so many bytes the disk is waited for, so that the wait at the end is short.
const SYNC_EVERY: u64 = 8 << 20;

/// So much of it is decoded before it is taken.
const DECODED: Duration = Duration::from_secs(5);

/// What is being done, for errors.
const DOING: &str = "taking a file into the inbox";

/// A file that a user is sending into the inbox, from [`Inbox::receive`](super::Inbox::receive). Its bytes
/// are written to it, and [`finish`](InboxUpload::finish) gives it its name. If it is dropped before, nothing
/// of it is left.
///
/// Writing fails by [`FileTooLarge`](ErrorKind::FileTooLarge) or [`QuotaExceeded`](ErrorKind::QuotaExceeded)
/// when it becomes longer than the inbox takes.
pub struct InboxUpload {
    shared: Arc<Shared>,
    /// Its number among those that are on their way.
    number: u64,
    user: String,
    file: File,
    hidden: PathBuf,
    /// Its name, folder included.
    path: PathBuf,
    name: String,
    replaces: bool,
    written: u64,
    synced: u64,
    room: Room,
}

/// How many bytes it may have, and why no more.
#[derive(Clone, Copy, Debug)]
struct Room {
    most: u64,
    kind: ErrorKind,
    limit: &'static str,
}

impl InboxUpload {
    pub(super) fn begin(
        shared: &Arc<Shared>,
        user: &str,
        name: &str,
        replaces: bool,
        length: Option<u64>,
    ) -> Result<InboxUpload> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = shared.folder_of(user);
        let path = folder.join(name);
        let mut under_way = shared.under_way();
        if under_way.values().filter(|coming| coming.user == user).count() >= MAX_UPLOADS_OF_A_USER {
            let advice = "another file of this user is on its way: wait until it is there";
            let limit = "MAX_UPLOADS_OF_A_USER";
            return Err(Error::Limit { limit, most: MAX_UPLOADS_OF_A_USER, advice });
        }
        let files = shared.files().map_err(Error::io("reading the inbox"))?;
        let former = files.iter().find(|file| file.path == path);
        if !replaces && path.symlink_metadata().is_ok() {
            return Err(Error::Exists(format!("a file {name:?} of {user}")));
        }
        if former.is_none() && files.iter().filter(|file| file.user == user).count() >= MOST_FILES_OF_A_USER {
            let advice = "remove some of the user's files from the inbox";
            return Err(Error::Limit { limit: "MOST_FILES_OF_A_USER", most: MOST_FILES_OF_A_USER, advice });
        }
        let coming: u64 = under_way.values().map(|coming| coming.most).sum();
        let room = Room::of(shared, &files, user, former, coming);
        if let Some(length) = length.filter(|length| *length > room.most) {
            return Err(Error::io(DOING)(room.refusal(length)));
        }
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let hidden = folder.join(format!("{HIDDEN}{}-{number}.{ending}", shared.run));
        let made = fs::create_dir_all(&folder)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&hidden));
        let file = made.map_err(|error| {
            let _ = fs::remove_dir(&folder);
            Error::Io { doing: DOING, cause: error }
        })?;
        let (user, name) = (user.to_owned(), name.to_owned());
        under_way.insert(number, Coming { user: user.clone(), most: length.unwrap_or(room.most) });
        drop(under_way);
        let (shared, written, synced) = (Arc::clone(shared), 0, 0);
        Ok(InboxUpload { shared, number, user, file, hidden, path, name, replaces, written, synced, room })
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file is complete: it is decoded, and gets its name when the disk has it.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be played, [`Error::Exists`] if another file has got its name meanwhile,
    /// [`Error::Io`] if the disk refuses it. Nothing is left of it then.
    pub fn finish(self) -> Result<InboxFile> {
        let failed = Error::io(DOING);
        let has_sound = has_sound(&self.hidden).map_err(|error| match error {
            Error::File { reason, .. } => Error::file(&self.path, reason),
            other => other,
        })?;
        if !has_sound {
            return Err(Error::file(&self.path, "has no sound"));
        }
        self.file.sync_all().and_then(|()| self.take_name()).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists(format!("a file {:?} of {}", self.name, self.user)),
            _ => failed(error),
        })?;
        if let Some(folder) = self.path.parent() {
            // Some disks cannot say it of a folder.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
            self.shared.tell_scan(folder);
        }
        Ok(InboxFile {
            user: self.user.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            bytes: self.written,
            modified: SystemTime::now(),
        })
    }

    /// Gives it its name. From now on it is counted by what is in the folder.
    fn take_name(&self) -> io::Result<()> {
        let mut under_way = self.shared.under_way();
        self.rename()?;
        under_way.remove(&self.number);
        Ok(())
    }

    /// If there is another file of this name, it is replaced, or this is refused.
    fn rename(&self) -> io::Result<()> {
        if self.replaces {
            return fs::rename(&self.hidden, &self.path);
        }
        match renameat_with(CWD, &self.hidden, CWD, &self.path, RenameFlags::NOREPLACE) {
            // This disk cannot do it at once.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if self.path.symlink_metadata().is_ok() => {
                Err(ErrorKind::AlreadyExists.into())
            }
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(&self.hidden, &self.path),
            renamed => Ok(renamed?),
        }
    }
}

impl Write for InboxUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.written + bytes.len() as u64;
        if length > self.room.most {
            return Err(self.room.refusal(length));
        }
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        if self.written - self.synced >= SYNC_EVERY {
            self.flush()?;
        }
        Ok(count)
    }

    /// Waits until the disk has it.
    fn flush(&mut self) -> io::Result<()> {
        self.synced = self.written;
        self.file.sync_data()
    }
}

impl Drop for InboxUpload {
    fn drop(&mut self) {
        // It is gone already if it has its name.
        let _ = fs::remove_file(&self.hidden);
        self.shared.under_way().remove(&self.number);
        // Nobody needs the folder if there is nothing in it.
        if let Some(folder) = self.hidden.parent() {
            self.shared.remove_if_empty(folder);
        }
    }
}

impl fmt::Debug for InboxUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxUpload")
            .field("path", &self.path)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl Room {
    /// The room for a file of this user, who may have a former one that it replaces. `coming` is what others
    /// may still send.
    fn of(shared: &Shared, files: &[InboxFile], user: &str, former: Option<&InboxFile>, coming: u64) -> Room {
        let limits = shared.limits;
        let all: u64 = files.iter().map(|file| file.bytes).sum();
        let of_user: u64 = files.iter().filter(|file| file.user == user).map(|file| file.bytes).sum();
        let freed = former.map_or(0, |former| former.bytes);
        let left = |most: u64, taken: u64| most.saturating_sub(taken - freed);
        let quota = ErrorKind::QuotaExceeded;
        let rooms = [
            Room { most: limits.file_most, kind: ErrorKind::FileTooLarge, limit: "inbox_file_most" },
            Room { most: left(limits.user_most, of_user), kind: quota, limit: "inbox_user_most" },
            Room { most: left(limits.most, all + coming), kind: quota, limit: "inbox_most" },
        ];
        rooms.into_iter().min_by_key(|room| room.most).expect("there are three")
    }

    /// The refusal of a file that has so many bytes already, or says so.
    fn refusal(self, length: u64) -> io::Error {
        let Room { most, kind, limit } = self;
        let reason = match kind {
            ErrorKind::FileTooLarge => {
                format!("a file may have {most} bytes ({limit}): this one has {length}")
            }
            _ => format!("{most} bytes are left of {limit}: this file has {length}. Remove others first"),
        };
        io::Error::new(kind, reason)
    }
}

/// Whether the beginning of a file can be decoded to sound.
fn has_sound(path: &Path) -> Result<bool> {
    let mut file = AudioFile::open_as_it_is(&Bounds::Anywhere, path)?;
    let spec = file.spec();
    let wanted = spec.rate.frames_in(DECODED).0 as usize * spec.channels.count();
    let mut pcm = Vec::new();
    while pcm.len() < wanted {
        if file.read(&mut pcm)? == Status::End {
            break;
        }
    }
    Ok(!pcm.is_empty())
}

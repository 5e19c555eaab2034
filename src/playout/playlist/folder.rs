//! Reads a folder and everything below it, in natural order.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::vec::IntoIter;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::passing::{self, Reason, Tally};
use super::watch::is_quiet;
use super::{is_audio, lookup, order};
use crate::roots::Bounds;

/// What a folder holds.
pub(crate) enum Part {
    /// The folder itself, or one below it, which is read next.
    Folder(PathBuf),
    /// An audio file, and what the system tells of it. `None` if it tells nothing: it is refused when it is
    /// opened.
    File(PathBuf, #[cfg_attr(not(feature = "library"), expect(dead_code))] Option<Metadata>),
    /// An audio file that has changed in the last seconds.
    Changing(PathBuf, #[cfg_attr(not(feature = "library"), expect(dead_code))] Metadata),
    /// Another file is about to be looked at.
    Step,
    /// A file or a folder that cannot be read, and why.
    Refused(PathBuf, String),
    /// How much was passed over for this reason. Comes last, and only if there is any.
    PassedOver(Reason, u64),
}

/// Receives the parts, and may end the reading.
type Take<'a> = dyn FnMut(Part) -> ControlFlow<()> + 'a;

/// A folder that is being read. The levels are a list and not a recursion, because folders may lie
/// arbitrarily deep.
struct Level {
    path: PathBuf,
    left: IntoIter<(OsString, FileType)>,
}

/// Gives every part of `root` to `take`. Links are followed, but each folder is read once. So it always ends,
/// and a folder with several links counts once. Links that lead out of the bounds are refused; other files
/// are only asked for their time, because they are checked when they are opened.
pub(crate) fn read(
    root: &Path,
    metadata: &Metadata,
    bounds: &Bounds,
    take: &mut Take<'_>,
) -> ControlFlow<()> {
    let mut read: HashSet<(u64, u64)> = [(metadata.dev(), metadata.ino())].into();
    let mut passed_over = Tally::default();
    let mut levels = Vec::from_iter(open(root.to_owned(), bounds, take)?);
    while let Some(level) = levels.last_mut() {
        let Some((name, kind)) = level.left.next() else {
            levels.pop();
            continue;
        };
        take(Part::Step)?;
        if let Some(reason) = passing::reason(&name, kind) {
            passed_over.add(reason);
            continue;
        }
        let path = level.path.join(name);
        match look(&path, kind, bounds) {
            Ok(Looked::Folder { id }) if read.insert(id) => levels.extend(open(path, bounds, take)?),
            Ok(Looked::Folder { .. }) => passed_over.add(Reason::Again),
            Ok(Looked::Audio { about: Some(about) }) if !is_quiet_now(&about) => {
                take(Part::Changing(path, about))?;
            }
            Ok(Looked::Audio { about }) => take(Part::File(path, about))?,
            Ok(Looked::Other) => passed_over.add(Reason::NotAudio),
            Err(error) if is_circular(&error) => passed_over.add(Reason::Circular),
            Err(error) => take(Part::Refused(path, lookup::plain(&error)))?,
        }
    }
    passed_over.counts().try_for_each(|(reason, count)| take(Part::PassedOver(reason, count)))
}

/// What a path leads to.
enum Looked {
    /// Its device and inode.
    Folder {
        id: (u64, u64),
    },
    Audio {
        about: Option<Metadata>,
    },
    Other,
}

/// Looks at what may be a folder or audio. A link must not lead out of the bounds.
fn look(path: &Path, kind: FileType, bounds: &Bounds) -> io::Result<Looked> {
    let is_audio = is_audio(path);
    // Some file systems do not tell the type.
    let may_be_link = matches!(kind, FileType::Symlink | FileType::Unknown);
    let may_be_audio = is_audio && kind == FileType::RegularFile;
    if !(kind == FileType::Directory || may_be_link || may_be_audio) {
        return Ok(Looked::Other);
    }
    let metadata = match fs::metadata(path) {
        Err(_) if may_be_audio => return Ok(Looked::Audio { about: None }),
        Err(cause) if may_be_link && !is_audio && !is_circular(&cause) => return Ok(Looked::Other),
        looked => looked?,
    };
    if may_be_link && (metadata.is_dir() || is_audio) {
        bounds.check(path)?;
    }
    if metadata.is_dir() {
        return Ok(Looked::Folder { id: (metadata.dev(), metadata.ino()) });
    }
    if !(is_audio && metadata.is_file()) {
        return Ok(Looked::Other);
    }
    Ok(Looked::Audio { about: Some(metadata) })
}

/// Whether nobody seems to be writing this file.
pub(crate) fn is_quiet_now(about: &Metadata) -> bool {
    about.modified().map_or(true, |modified| is_quiet(modified, SystemTime::now()))
}

/// Whether a link leads to itself.
fn is_circular(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

/// The entries of a folder. If it cannot be read, it gives that to `take` and returns `None`.
fn open(path: PathBuf, bounds: &Bounds, take: &mut Take<'_>) -> ControlFlow<(), Option<Level>> {
    take(Part::Folder(path.clone()))?;
    match bounds.list(&path) {
        Ok(names) => ControlFlow::Continue(Some(Level { path, left: order::sort(names).into_iter() })),
        Err(error) => {
            take(Part::Refused(path, lookup::plain(&error)))?;
            ControlFlow::Continue(None)
        }
    }
}

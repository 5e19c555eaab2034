//! Reads a folder and everything below it, in natural order.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::vec::IntoIter;

use rustix::fs::FileType;

use super::passing::{self, Reason, Tally};
use super::watch::is_quiet;
use super::{is_audio, lookup, order};
use crate::roots::Bounds;

/// What a folder holds.
pub(super) enum Part {
    /// The folder itself, or one below it, which is read next.
    Folder(PathBuf),
    /// An audio file.
    File(PathBuf),
    /// An audio file that has changed in the last seconds.
    Changing(PathBuf),
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
pub(super) fn read(
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
        let (is_dir, is_file) = match kind {
            FileType::Directory => (true, false),
            FileType::RegularFile => (false, true),
            // Some file systems do not tell the type.
            FileType::Symlink | FileType::Unknown => match fs::metadata(&path) {
                Ok(metadata) if !metadata.is_dir() && !is_audio(&path) => (false, false),
                Ok(metadata) => match bounds.check(&path) {
                    Ok(()) => (metadata.is_dir(), metadata.is_file()),
                    Err(error) => {
                        take(Part::Refused(path, lookup::plain(&error)))?;
                        continue;
                    }
                },
                Err(_) if !is_audio(&path) => (false, false),
                Err(error) => {
                    take(Part::Refused(path, lookup::plain(&error)))?;
                    continue;
                }
            },
            _ => (false, false),
        };
        if is_dir {
            match fs::metadata(&path) {
                Ok(metadata) if read.insert((metadata.dev(), metadata.ino())) => {
                    levels.extend(open(path, bounds, take)?);
                }
                Ok(_) => take(Part::Refused(path, "is a folder that has been read already".into()))?,
                Err(error) => take(Part::Refused(path, lookup::plain(&error)))?,
            }
        } else if is_file && is_audio(&path) {
            // What cannot be looked at is refused when it is opened.
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            match modified.is_ok_and(|modified| !is_quiet(modified, SystemTime::now())) {
                true => take(Part::Changing(path))?,
                false => take(Part::File(path))?,
            }
        } else {
            passed_over.add(Reason::NotAudio);
        }
    }
    passed_over.counts().try_for_each(|(reason, count)| take(Part::PassedOver(reason, count)))
}

/// The entries of a folder. If it cannot be read, it gives that to `take` and
/// returns `None`.
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

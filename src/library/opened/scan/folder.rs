//! Looks through one folder, or a part of it: finds its files, has those read that are new or have changed,
//! and notes which are gone.

use std::collections::HashSet;
use std::fs;
use std::mem;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, bounded, never, select};

use super::Scanner;
use super::store::{self, Known};
use super::tagging::{FoundFile, ReadFile, Tagging, hand_over};
use crate::filework::Pending;
use crate::library::opened::shared::Folder;
use crate::library::opened::status::ScanResult;
use crate::playout::playlist::{Part, is_quiet_now, read_folder};
use crate::roots::Bounds;

/// How many files are compared or written down at once.
const BATCH: usize = 500;

/// What was found and not taken in yet.
const MAX_FOUND: usize = 1_024;

/// How long a thread waits for a result before it looks after those that read.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// How long a walk through a folder may make no progress. A disk that must spin up first is quicker.
const ANSWERS_WITHIN: Duration = Duration::from_secs(60);

/// How long files that are being written are waited for, at most: see `playout/playlist/watch.rs`.
const QUIET_WITHIN: Duration = Duration::from_secs(11);

/// The most files that are waited for until they are quiet. The next scan takes the others.
const MAX_CHANGING: usize = 100_000;

/// The most tracks of a folder.
const MAX_TRACKS: usize = 1_000_000;

/// The looking through of a folder.
pub(super) struct Looking<'s> {
    pub scanner: &'s Scanner,
    pub folder: &'s Folder,
    /// The part of it that is looked through.
    pub below: PathBuf,
    /// When the scan began.
    pub started: SystemTime,
}

/// What the walk through a folder tells.
enum Walked {
    File(FoundFile),
    /// A file that is being written.
    Changing(FoundFile),
    /// A folder or a file that cannot be looked at, and why.
    Refused(PathBuf, String),
}

/// A walk that a thread `files` makes.
struct Walk {
    walked: Receiver<Walked>,
    /// Why it could not be made to its end.
    result: Pending<Result<(), String>>,
}

/// What has been seen of the folder.
#[derive(Default)]
struct Seen {
    /// The tracks whose files are there.
    ids: Vec<i64>,
    /// Files that are being written.
    changing: Vec<FoundFile>,
    /// What could not be looked at: nothing below is gone for that.
    refused: HashSet<PathBuf>,
    result: ScanResult,
}

impl Looking<'_> {
    /// Looks through it. Returns what it came to, and why the folder cannot be looked at, if it cannot.
    pub fn run(self) -> (ScanResult, Option<String>) {
        let mut seen = Seen::default();
        match self.look(&mut seen) {
            Ok(()) => (seen.result, None),
            Err(reason) => {
                let away = format!("{}: {reason}: its tracks stay as they were", self.folder.path.display());
                seen.result.problem(away.clone());
                (seen.result, Some(away))
            }
        }
    }

    fn look(&self, seen: &mut Seen) -> Result<(), String> {
        let Walk { walked, result: walk } = self.walk()?;
        let mut tagging = Tagging::new(self.scanner.shared.files.clone(), self.folder.path.clone());
        let mut found = Vec::new();
        let (mut read, nothing) = (Vec::new(), never());
        let mut is_walking = true;
        let mut answered = Instant::now();
        while is_walking || !tagging.is_done() {
            if !self.scanner.goes_on() {
                return Ok(());
            }
            if !walk.hangs() {
                answered = Instant::now();
            }
            let has_no_answer = is_walking && answered.elapsed() >= ANSWERS_WITHIN;
            if has_no_answer || !tagging.look_after() {
                return Err("its disk does not answer".into());
            }
            let takes_more = is_walking && tagging.has_room() && found.len() < BATCH;
            select! {
                recv(if takes_more { &walked } else { &nothing }) -> item => match item {
                    Ok(Walked::File(file)) => found.push(file),
                    Ok(Walked::Changing(file)) if seen.changing.len() < MAX_CHANGING => {
                        seen.changing.push(file);
                    }
                    Ok(Walked::Changing(_)) => {}
                    Ok(Walked::Refused(path, reason)) => {
                        seen.result.problem(format!("{}: {reason}", path.display()));
                        seen.refused.insert(path);
                    }
                    Err(_) => is_walking = false,
                },
                recv(tagging.results()) -> file => read.extend(file.ok().and_then(|file| tagging.take(file))),
                default(LOOKS_EVERY) => {}
            }
            if found.len() == BATCH || !is_walking && !found.is_empty() {
                self.compare(mem::take(&mut found), &mut tagging, seen)?;
            }
            if !is_walking && tagging.is_done() && !seen.changing.is_empty() {
                self.settle(&mut tagging, seen)?;
            }
            if read.len() >= BATCH || tagging.is_done() && !read.is_empty() {
                self.keep(mem::take(&mut read), seen)?;
            }
        }
        for path in tagging.unanswered() {
            let path = self.folder.path.join(path);
            seen.result.problem(format!("{}: its disk does not answer", path.display()));
            seen.refused.insert(path);
        }
        // The walk has let go of its channel, so nothing but the result is still to come.
        let walked = loop {
            if let Some(walked) = walk.poll() {
                break walked;
            }
        };
        walked.map_err(|reason| reason.to_string())??;
        self.scanner.progress(|progress| progress.is_complete = true);
        self.forget_gone(seen)
    }

    /// Has a thread `files` walk through it.
    fn walk(&self) -> Result<Walk, String> {
        let (sender, walked) = bounded(MAX_FOUND);
        let (root, below) = (self.folder.path.clone(), self.below.clone());
        let walk = self.scanner.shared.files.start(&self.below, move |job| {
            let about = match fs::metadata(&below) {
                Ok(about) if about.is_dir() => about,
                Ok(_) => return Err("is not a folder".into()),
                // A part that is gone is looked through like an empty one.
                Err(_) if below != root && root.is_dir() => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            let mut count = 0;
            let mut refused = None;
            let _ = read_folder(&below, &about, &Bounds::Anywhere, &mut |part| {
                job.step();
                let walked = match part {
                    Part::File(path, Some(about)) => Walked::File(found_file(&root, &path, &about)),
                    Part::Changing(path, about) => Walked::Changing(found_file(&root, &path, &about)),
                    Part::File(path, None) => Walked::Refused(path, "cannot be looked at".into()),
                    Part::Refused(path, reason) => {
                        if path == below {
                            refused = Some(reason.clone());
                        }
                        Walked::Refused(path, reason)
                    }
                    Part::Folder(_) | Part::Step | Part::PassedOver(..) => {
                        return match job.is_abandoned() {
                            true => ControlFlow::Break(()),
                            false => ControlFlow::Continue(()),
                        };
                    }
                };
                count += 1;
                if count > MAX_TRACKS {
                    refused = Some(format!("it has more than {MAX_TRACKS} files"));
                    return ControlFlow::Break(());
                }
                match hand_over(job, &sender, walked) {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            refused.map_or(Ok(()), Err)
        });
        walk.map(|result| Walk { walked, result }).map_err(|reason| reason.to_string())
    }

    /// Sorts files into those that are known, and those that are to be read.
    fn compare(&self, files: Vec<FoundFile>, tagging: &mut Tagging, seen: &mut Seen) -> Result<(), String> {
        let count = files.len() as u64;
        let folder = self.folder.id;
        let compared = self
            .scanner
            .readers
            .read(move |view| store::compare(view.connection, folder, files))
            .map_err(|error| error.to_string())?;
        let mut back = Vec::new();
        let mut changed = 0;
        for (file, known) in compared {
            match known {
                Known::Same { id } => seen.ids.push(id),
                Known::Back { id } => {
                    seen.ids.push(id);
                    back.push(id);
                }
                Known::Not => {
                    changed += 1;
                    self.give(file, tagging, seen)?;
                }
            }
        }
        seen.result.found += count;
        self.scanner.progress(|progress| {
            progress.found += count;
            progress.changed += changed;
        });
        if !back.is_empty() {
            let found = self.scanner.orders.wait_for(move |connection| store::bring_back(connection, &back));
            found.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Has a file read, as soon as there is room.
    fn give(&self, file: FoundFile, tagging: &mut Tagging, seen: &mut Seen) -> Result<(), String> {
        let mut read = Vec::new();
        while !tagging.has_room() {
            if !tagging.look_after() {
                return Err("its disk does not answer".into());
            }
            if let Ok(file) = tagging.results().recv_timeout(LOOKS_EVERY) {
                read.extend(tagging.take(file));
            }
        }
        tagging.give(file);
        if read.is_empty() { Ok(()) } else { self.keep(read, seen) }
    }

    /// Waits for files that are being written, and takes those that are quiet then.
    fn settle(&self, tagging: &mut Tagging, seen: &mut Seen) -> Result<(), String> {
        let until = Instant::now() + QUIET_WITHIN;
        while Instant::now() < until {
            if !self.scanner.goes_on() {
                return Ok(());
            }
            std::thread::sleep(LOOKS_EVERY);
        }
        let (root, changing) = (self.folder.path.clone(), mem::take(&mut seen.changing));
        let label = self.below.clone();
        let looked = self.scanner.shared.files.within(&label, QUIET_WITHIN, move |job| {
            let look = |file: FoundFile| {
                job.step();
                let path = root.join(&file.path);
                let about = fs::metadata(&path).ok()?;
                Some((is_quiet_now(&about), found_file(&root, &path, &about)))
            };
            changing.into_iter().filter_map(look).collect::<Vec<_>>()
        });
        let looked = looked.map_err(|reason| reason.to_string())?;
        let (quiet, writing): (Vec<_>, Vec<_>) = looked.into_iter().partition(|(is_quiet, _)| *is_quiet);
        // They are not gone, and the next scan takes them.
        seen.refused.extend(writing.iter().map(|(_, file)| self.folder.path.join(&file.path)));
        if !writing.is_empty() {
            let (count, folder) = (writing.len(), self.folder.path.display());
            seen.result
                .problem(format!("{folder}: {count} files are being written: the next scan takes them"));
        }
        let quiet: Vec<FoundFile> = quiet.into_iter().map(|(_, file)| file).collect();
        for batch in quiet.chunks(BATCH) {
            self.compare(batch.to_vec(), tagging, seen)?;
        }
        Ok(())
    }

    /// Writes down what was read.
    fn keep(&self, read: Vec<ReadFile>, seen: &mut Seen) -> Result<(), String> {
        let (count, folder) = (read.len() as u64, self.folder.id);
        let now = SystemTime::now();
        let kept =
            self.scanner.orders.wait_for(move |connection| store::keep(connection, folder, &read, now));
        let kept = kept.map_err(|error| error.to_string())?;
        seen.ids.extend(kept.ids);
        seen.result.add(kept.result);
        self.scanner.progress(|progress| progress.read += count);
        Ok(())
    }

    /// Notes which files are gone. A folder that is empty or cannot be read says nothing: a disk that is not
    /// mounted looks so.
    fn forget_gone(&self, seen: &mut Seen) -> Result<(), String> {
        let is_whole = self.below == self.folder.path;
        let id = self.folder.id;
        if is_whole && seen.ids.is_empty() {
            let known = self.scanner.readers.read(move |view| store::count(view.connection, id));
            return match known.map_err(|error| error.to_string())? {
                0 => Ok(()),
                known => Err(format!(
                    "it is empty, and {known} tracks were in it: is its disk mounted? (If it is empty on purpose, \
                     leave it out of `folders`)"
                )),
            };
        }
        let below = self.below.strip_prefix(&self.folder.path).unwrap_or(Path::new("")).to_owned();
        let refused = seen.refused.iter().filter_map(|path| path.strip_prefix(&self.folder.path).ok());
        let refused: Vec<PathBuf> = refused.map(Path::to_owned).collect();
        let (mut ids, started) = (mem::take(&mut seen.ids), self.started);
        ids.sort_unstable();
        let gone = self.scanner.orders.wait_for(move |connection| {
            store::note_gone(
                connection,
                &store::Gone { folder: id, below: &below, there: &ids, refused: &refused, started },
            )
        });
        let gone = gone.map_err(|error| error.to_string())?;
        seen.result.missing += gone.missing;
        seen.result.moved += gone.moved;
        seen.result.added = seen.result.added.saturating_sub(gone.moved);
        Ok(())
    }
}

fn found_file(root: &Path, path: &Path, about: &fs::Metadata) -> FoundFile {
    let modified = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
    let path = path.strip_prefix(root).unwrap_or(path).to_owned();
    FoundFile { path, size: about.len(), modified }
}

//! What was recorded: the files of a place that its list knows, and that are there still as they were
//! recorded.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Recordings;
use super::ending::content_type_of;
use super::keep::{Finished, Kept, KeptList};
use super::shared::Shared;
use crate::filework::{FileWork, HANGS_AFTER, NoAnswer};
use crate::roots::Bounds;

/// The most recordings that are listed: the youngest.
const MOST_LISTED: usize = 10_000;

/// A file that Longwave has recorded, or records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its name among all recordings of a station: the path of what was recorded, without its first slash,
    /// then the file's own below the folder of its recordings: `guest.mp3/2026-03-08/2000-guest.mp3`.
    pub name: String,
    /// The path of the output, relayed mount or live input that was recorded.
    pub mount: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its length in bytes, as it was when it was looked at.
    pub bytes: u64,
    /// When it began. `None` if neither the list of recordings nor the disk knows.
    pub began: Option<SystemTime>,
    /// What has become of it.
    pub state: RecordingState,
    /// The folder of its recordings, out of which no link leads.
    root: PathBuf,
}

/// What has become of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingState {
    /// It is being written.
    Running,
    /// It is finished.
    Ended {
        /// How long it lasted, by the clock. `None` if an older version has recorded it.
        duration: Option<Duration>,
    },
    /// The station has crashed meanwhile, or the power was cut. It can be played up to there.
    BrokenOff,
}

/// What was recorded, the youngest first.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RecordingList {
    /// The recordings: 10,000 at most.
    pub recordings: Vec<Recording>,
    /// What could not be looked at, and why, each in a sentence.
    pub problems: Vec<String>,
}

/// A place that is recorded, and the folder of its recordings.
struct Archive {
    root: PathBuf,
    shared: Arc<Shared>,
}

impl Recordings {
    /// What was recorded, by what is recorded now. It waits for disks, five seconds for each that does not
    /// answer.
    pub fn list(&self) -> RecordingList {
        let mut list = RecordingList::default();
        for archive in self.archives() {
            let (mount, root) = (Arc::clone(&archive.shared.path), archive.root.clone());
            match self.work.within(&root, HANGS_AFTER, move |_| archive.recordings()) {
                Ok(Ok(found)) => list.recordings.extend(found),
                Ok(Err(error)) => list.problems.push(format!("the recordings of {mount}: {error}")),
                Err(reason) => list.problems.push(format!("the recordings of {mount}: {reason}")),
            }
        }
        list.sorted()
    }

    /// The recording of this name, if there is one, by the list of its place alone. It is looked for on
    /// behalf of a user, who has a share of what may hang.
    ///
    /// # Errors
    /// A disk that does not answer in time, or refuses.
    pub(crate) fn named(&self, name: &str, by: &FileWork) -> Result<io::Result<Option<Recording>>, NoAnswer> {
        for archive in self.archives() {
            let Some(file) = archive.file_of(name) else { continue };
            let root = archive.root.clone();
            let found = by.within(&root, HANGS_AFTER, move |_| archive.recording_of(&file))?;
            if !matches!(found, Ok(None)) {
                return Ok(found);
            }
        }
        Ok(Ok(None))
    }

    fn archives(&self) -> Vec<Archive> {
        let table = self.lock();
        let running = table.places.values().filter_map(|place| place.running.as_ref());
        running.filter_map(|running| Archive::of(&running.shared)).collect()
    }
}

impl RecordingList {
    /// This list and another one, as one.
    pub(crate) fn and(mut self, other: RecordingList) -> RecordingList {
        self.recordings.extend(other.recordings);
        self.problems.extend(other.problems);
        self.sorted()
    }

    fn sorted(mut self) -> RecordingList {
        let by_age = |recording: &Recording| (recording.began, recording.name.clone());
        self.recordings.sort_by_cached_key(|recording| std::cmp::Reverse(by_age(recording)));
        self.recordings.truncate(MOST_LISTED);
        self
    }
}

impl Recording {
    /// The content type of its file.
    pub(crate) fn content_type(&self) -> &'static str {
        content_type_of(&self.path)
    }

    /// Where its file may be opened.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::Below(vec![self.root.clone()].into())
    }
}

impl Archive {
    fn of(shared: &Arc<Shared>) -> Option<Archive> {
        let settings = shared.settings.load();
        let root = settings.template()?.root(&settings.base);
        Some(Archive { root, shared: Arc::clone(shared) })
    }

    /// The file, below the root, that a recording of this name would be.
    fn file_of(&self, name: &str) -> Option<PathBuf> {
        let file = name.strip_prefix(self.prefix())?.strip_prefix('/')?;
        Some(PathBuf::from(file))
    }

    /// How the names of its recordings begin.
    fn prefix(&self) -> &str {
        self.shared.path.trim_start_matches('/')
    }

    /// All that its list knows and that is there. It reads the disk.
    fn recordings(&self) -> io::Result<Vec<Recording>> {
        self.those(KeptList::there)
    }

    /// That of this file, if its list knows it and it is there. It reads the disk.
    fn recording_of(&self, file: &Path) -> io::Result<Option<Recording>> {
        Ok(self.those(|list| list.there_is(file))?.into_iter().next())
    }

    fn those<I: IntoIterator<Item = (Kept, Metadata)>>(
        &self,
        find: impl FnOnce(&KeptList) -> io::Result<I>,
    ) -> io::Result<Vec<Recording>> {
        // A file is being written from before it is listed until it is listed as finished, which may be while
        // the list is read.
        let before = self.shared.written_now();
        let there = find(&KeptList::new(&self.root, &self.shared.path))?;
        let written = [before, self.shared.written_now()];
        Ok(there.into_iter().filter_map(|(kept, about)| self.recording(&kept, &about, &written)).collect())
    }

    fn recording(&self, kept: &Kept, about: &Metadata, written: &[Option<PathBuf>]) -> Option<Recording> {
        let path = self.root.join(&kept.file);
        // Those names are ours, and so they are text.
        let name = format!("{}/{}", self.prefix(), kept.file.to_str()?);
        let since_1970 = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let began = kept.finished.and_then(|finished| finished.began).and_then(since_1970);
        let is_written = written.iter().flatten().any(|written| *written == path);
        Some(Recording {
            name,
            mount: self.shared.path.to_string(),
            bytes: about.len(),
            began: began.or_else(|| about.created().ok()),
            state: RecordingState::of(kept.finished, is_written),
            path,
            root: self.root.clone(),
        })
    }
}

impl RecordingState {
    fn of(finished: Option<Finished>, is_written: bool) -> RecordingState {
        match finished {
            Some(Finished { at, began, .. }) => {
                let seconds = began.map(|began| at.saturating_sub(began));
                RecordingState::Ended { duration: seconds.map(Duration::from_secs) }
            }
            None if is_written => RecordingState::Running,
            None => RecordingState::BrokenOff,
        }
    }
}

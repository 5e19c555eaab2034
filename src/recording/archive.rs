//! What was recorded: the files of a place that its list knows, and that are there still as they were
//! recorded.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Recordings;
use super::keep::{Finished, Kept, KeptList};
use super::shared::Shared;
use crate::filework::HANGS_AFTER;
use super::ending::content_type_of;
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

/// A place that is recorded: its path, the folder of its recordings, and what is being written.
struct Archive {
    mount: String,
    root: PathBuf,
    writing: Option<PathBuf>,
}

impl Recordings {
    /// What was recorded, by what is recorded now. It waits for disks, five seconds for each that does not
    /// answer.
    pub fn list(&self) -> RecordingList {
        let mut list = RecordingList::default();
        for archive in self.archives() {
            let (mount, root) = (archive.mount.clone(), archive.root.clone());
            match self.work.within(&root, HANGS_AFTER, move |_| archive.recordings()) {
                Ok(Ok(found)) => list.recordings.extend(found),
                Ok(Err(error)) => list.problems.push(format!("the recordings of {mount}: {error}")),
                Err(reason) => list.problems.push(format!("the recordings of {mount}: {reason}")),
            }
        }
        list.sorted()
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
    /// Where its file may be opened.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::Below(vec![self.root.clone()].into())
    }
}

impl Archive {
    fn of(shared: &Shared) -> Option<Archive> {
        let settings = shared.settings.load();
        let root = settings.template()?.root(&settings.base);
        Some(Archive { mount: shared.path.to_string(), root, writing: shared.written_now() })
    }

    /// All that its list knows and that is there. It reads the disk.
    fn recordings(&self) -> std::io::Result<Vec<Recording>> {
        let there = KeptList::new(&self.root, &self.mount).there()?;
        Ok(there.into_iter().filter_map(|(kept, about)| self.recording(&kept, &about)).collect())
    }

    /// The content type of its file.
    pub(crate) fn content_type(&self) -> &'static str {
        content_type_of(&self.path)
    }

    fn recording(&self, kept: &Kept, about: &std::fs::Metadata) -> Option<Recording> {
        let path = self.root.join(&kept.file);
        // Those names are ours, and so they are text.
        let name = format!("{}/{}", self.mount.trim_start_matches('/'), kept.file.to_str()?);
        let since_1970 = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let began = kept.finished.and_then(|finished| finished.began).and_then(since_1970);
        Some(Recording {
            name,
            mount: self.mount.clone(),
            bytes: about.len(),
            began: began.or_else(|| about.created().ok()),
            state: self.state_of(&path, kept.finished),
            path,
            root: self.root.clone(),
        })
    }

    fn state_of(&self, path: &Path, finished: Option<Finished>) -> RecordingState {
        match finished {
            Some(Finished { at, began, .. }) => {
                let seconds = began.map(|began| at.saturating_sub(began));
                RecordingState::Ended { duration: seconds.map(Duration::from_secs) }
            }
            None if self.writing.as_deref() == Some(path) => RecordingState::Running,
            None => RecordingState::BrokenOff,
        }
    }
}

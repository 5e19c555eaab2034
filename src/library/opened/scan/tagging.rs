//! Reads the tags of many files by a few threads `files`. A file whose disk does not answer costs one of
//! them, and another one takes its place.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam::channel::{Receiver, SendTimeoutError, Sender, bounded};

use super::content::{LENGTH, digest};
use crate::codec::read_tags;
use crate::error::Error;
use crate::filework::{FileWork, Job, Pending};
use crate::metadata::Tags;
use crate::roots::Bounds;

/// How many files are read at once. More than one, because a disk takes its time.
const READING: usize = 2;

/// Files that wait to be read, and files that wait to be written down.
const MAX_WAITING: usize = 4_096;

/// How long a thread waits for another file before it ends.
const LINGERS: Duration = Duration::from_millis(200);

/// A file that is new or has changed.
#[derive(Clone, Debug)]
pub(super) struct FoundFile {
    /// Relative to the folder.
    pub path: PathBuf,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct ReadFile {
    pub file: FoundFile,
    /// `None` if it cannot be read at all: the next scan tries again.
    pub content: Option<[u8; LENGTH]>,
    /// Its tags, or why it cannot be played.
    pub tags: Result<Tags, String>,
}

/// The threads that read, the way to them and back.
pub(super) struct Tagging {
    files: FileWork,
    folder: PathBuf,
    waiting: (Sender<FoundFile>, Receiver<FoundFile>),
    /// Files that were read, or whose disk did not answer.
    read: (Sender<Option<ReadFile>>, Receiver<Option<ReadFile>>),
    threads: Vec<Pending<()>>,
    /// Files that were given and have not come back.
    under_way: usize,
}

impl Tagging {
    pub fn new(files: FileWork, folder: PathBuf) -> Tagging {
        let (waiting, read) = (bounded(MAX_WAITING), bounded(MAX_WAITING));
        Tagging { files, folder, waiting, read, threads: Vec::new(), under_way: 0 }
    }

    /// Whether another file can be given.
    pub fn has_room(&self) -> bool {
        !self.waiting.0.is_full()
    }

    /// Has a file read. There must be room.
    pub fn give(&mut self, file: FoundFile) {
        if self.waiting.0.try_send(file).is_ok() {
            self.under_way += 1;
        }
    }

    /// What has been read. `None`: that file's disk does not answer.
    pub fn results(&self) -> &Receiver<Option<ReadFile>> {
        &self.read.1
    }

    /// Notes that a result was taken.
    pub fn took(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub fn is_done(&self) -> bool {
        self.under_way == 0
    }

    /// Sees to it that there are threads as long as files wait, and gives up those that hang, each with its
    /// file. False if no thread can be had: the disk is dead.
    pub fn look_after(&mut self) -> bool {
        let before = self.threads.len();
        self.threads.retain(|thread| !thread.hangs());
        self.under_way = self.under_way.saturating_sub(before - self.threads.len());
        self.threads.retain(Pending::is_under_way);
        while self.threads.len() < READING && !self.waiting.1.is_empty() {
            let (folder, waiting, read) = (self.folder.clone(), self.waiting.1.clone(), self.read.0.clone());
            let work = move |job: &Job| {
                while let Ok(file) = waiting.recv_timeout(LINGERS) {
                    let result = read_file(job, &folder, file);
                    if job.is_abandoned() || !hand_over(job, &read, result) {
                        return;
                    }
                }
            };
            match self.files.start(&self.folder, work) {
                Ok(thread) => self.threads.push(thread),
                Err(_) => return !self.threads.is_empty(),
            }
        }
        true
    }
}

/// Hands something over, whenever there is room: a thread that waits for whoever scans does not hang on a
/// disk. False if nobody takes it any more.
pub(super) fn hand_over<T>(job: &Job, to: &Sender<T>, mut item: T) -> bool {
    loop {
        job.step();
        match to.send_timeout(item, LINGERS) {
            Ok(()) => return true,
            Err(SendTimeoutError::Timeout(back)) => item = back,
            Err(SendTimeoutError::Disconnected(_)) => return false,
        }
    }
}

/// Reads a file. One that makes its reader panic cannot be played. `None` if its disk does not answer: it is
/// read by the next scan.
fn read_file(job: &Job, folder: &Path, file: FoundFile) -> Option<ReadFile> {
    let path = folder.join(&file.path);
    job.at(&path).ok()?;
    let content = File::open(&path).and_then(|mut file| digest(&mut file)).ok();
    let tags = match catch_unwind(AssertUnwindSafe(|| read_tags(&path, &Bounds::Anywhere))) {
        Ok(Ok(tags)) => Ok(tags),
        Ok(Err(Error::File { reason, .. })) => Err(reason),
        Ok(Err(_)) => return None,
        Err(_) => Err("reading it has panicked".into()),
    };
    Some(ReadFile { file, content, tags })
}

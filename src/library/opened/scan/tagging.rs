//! Reads the tags of many files by a few threads `files`. A file whose disk does not answer costs one of
//! them, and another one takes its place.

use std::collections::HashSet;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
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
    read: (Sender<Read>, Receiver<Read>),
    threads: Vec<Pending<()>>,
    /// The files that were given and have not come back, relative to the folder.
    under_way: HashSet<PathBuf>,
    /// Those of them whose disk did not answer.
    unanswered: Vec<PathBuf>,
}

/// What has become of a file: the path is that of one whose disk did not answer.
pub(super) type Read = Result<ReadFile, PathBuf>;

impl Tagging {
    pub fn new(files: FileWork, folder: PathBuf) -> Tagging {
        let (waiting, read) = (bounded(MAX_WAITING), bounded(MAX_WAITING));
        let (threads, under_way, unanswered) = Default::default();
        Tagging { files, folder, waiting, read, threads, under_way, unanswered }
    }

    /// Whether another file can be given.
    pub fn has_room(&self) -> bool {
        !self.waiting.0.is_full()
    }

    /// Has a file read. There must be room.
    pub fn give(&mut self, file: FoundFile) {
        let path = file.path.clone();
        if self.waiting.0.try_send(file).is_ok() {
            self.under_way.insert(path);
        }
    }

    /// What has been read.
    pub fn results(&self) -> &Receiver<Read> {
        &self.read.1
    }

    /// Notes that a result was taken, and returns the file if it was read.
    pub fn take(&mut self, read: Read) -> Option<ReadFile> {
        match read {
            Ok(read) => self.under_way.remove(&read.file.path).then_some(read),
            Err(path) => {
                self.give_up(path);
                None
            }
        }
    }

    pub fn is_done(&self) -> bool {
        self.under_way.is_empty()
    }

    /// The files whose disk did not answer: nothing is known of them.
    pub fn unanswered(&self) -> &[PathBuf] {
        &self.unanswered
    }

    fn give_up(&mut self, path: PathBuf) {
        if self.under_way.remove(&path) {
            self.unanswered.push(path);
        }
    }

    /// Sees to it that there are threads as long as files wait, and gives up those that hang, each with its
    /// file. False if no thread can be had: the disk is dead.
    pub fn look_after(&mut self) -> bool {
        for hanging in self.threads.extract_if(.., |thread| thread.hangs()).collect::<Vec<_>>() {
            if let Ok(path) = hanging.path().strip_prefix(&self.folder) {
                self.give_up(path.to_owned());
            }
        }
        self.threads.retain(Pending::is_under_way);
        while self.threads.len() < READING && !self.waiting.1.is_empty() {
            let (folder, waiting, read) = (self.folder.clone(), self.waiting.1.clone(), self.read.0.clone());
            let work = move |job: &Arc<Job>| {
                while let Ok(file) = waiting.recv_timeout(LINGERS) {
                    let result = read_file(job, &folder, file);
                    // Of one that was given up, the result comes too late, and is passed over.
                    if !hand_over(job, &read, result) || job.is_abandoned() {
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

/// Reads a file. One that makes its reader panic cannot be played. One whose disk does not answer is read by
/// the next scan.
fn read_file(job: &Job, folder: &Path, file: FoundFile) -> Read {
    let path = folder.join(&file.path);
    if job.at(&path).is_err() {
        return Err(file.path);
    }
    let content = File::open(&path).and_then(|mut file| digest(&mut file)).ok();
    let tags = match catch_unwind(AssertUnwindSafe(|| read_tags(&path, &Bounds::Anywhere))) {
        Ok(Ok(tags)) => Ok(tags),
        Ok(Err(Error::File { reason, .. })) => Err(reason),
        Ok(Err(_)) => return Err(file.path),
        Err(_) => Err("reading it has panicked".into()),
    };
    Ok(ReadFile { file, content, tags })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A known file whose disk does not answer is not gone: whoever scans must know which one it is.
    #[test]
    fn each_file_comes_back_as_read_or_as_one_whose_disk_does_not_answer() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.mp3"), "no audio").unwrap();
        let mut tagging = Tagging::new(FileWork::new(), folder.path().to_owned());
        let file = |path: &str| FoundFile { path: path.into(), size: 8, modified: 0 };
        tagging.give(file("a.mp3"));
        assert!(tagging.look_after());
        let read = tagging.results().recv().unwrap();
        assert!(tagging.take(read).is_some_and(|read| read.content.is_some()));
        assert!(tagging.is_done() && tagging.unanswered().is_empty());
        tagging.under_way.insert("hangs.mp3".into());
        assert!(tagging.take(Err("hangs.mp3".into())).is_none());
        // It answers after all, when it was given up.
        let late = ReadFile { file: file("hangs.mp3"), content: None, tags: Err("late".into()) };
        assert!(tagging.take(Ok(late)).is_none());
        assert!(tagging.is_done());
        assert_eq!(tagging.unanswered(), [PathBuf::from("hangs.mp3")]);
    }
}

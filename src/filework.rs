//! File work that may never end: a dead disk keeps a thread in the kernel for ever, and nobody can free it.
//!
//! So such work has a thread of its own, and whoever needs its result waits only so long. Work that hangs is
//! abandoned, named ([`FileWork::hanging`]) and counted. While a thread hangs on a file, nobody else tries
//! that file, and a file that made others wait is left alone for a while afterwards. The number of threads
//! that hang at once is bounded for each part of a station.
//!
//! What is known of sick files is one table for the whole process: a disk belongs to the machine, not to a
//! station.

mod mounts;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use crate::error::Error;
use crate::thread;
use mounts::Mounts;

/// Work that has made no progress for so long hangs. A disk that must spin up first is usually quicker.
pub(crate) const HANGS_AFTER: Duration = Duration::from_secs(5);

/// How many threads of one part of a station may hang at once. Then nothing new is tried, until one of them
/// returns.
pub(crate) const MAX_HANGING: usize = 16;

/// So many files that hang in one folder mean that its disk is dead: no other file in it is tried. In the
/// folder above it takes twice as many, and so on, up to the mount point. On the disk of `/`, and of what a
/// link leads to, nothing is concluded for the folder above: it may hold the mount points of other disks.
const DEAD_FOLDER: usize = 2;

/// The longest time for which a file that hung is left alone afterwards.
const MAX_REST: Duration = Duration::from_secs(600);

/// The most files that are remembered because they hung.
const MAX_RESTING: usize = 1024;

/// How long a start waits for a file that it can do without. A disk that must spin up first may be slower: then
/// its files are taken up later.
const LOOKS_WITHIN: Duration = Duration::from_secs(2);

/// The same while another file does not answer. A start with many files on a dead disk must not take for ever.
const LOOKS_QUICKLY_WITHIN: Duration = Duration::from_millis(500);

/// How long the files are waited for that nothing works without: a configuration, its users.
pub(crate) const NEEDED_WITHIN: Duration = Duration::from_secs(10);

/// How often those who wait look whether they should still wait.
const GLANCE: Duration = Duration::from_millis(50);

/// The file work of one part of a station: of a pipeline, of its fallback, of the API. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FileWork {
    part: u64,
}

/// Work on a file, as others see it.
#[derive(Debug)]
pub(crate) struct Job {
    part: u64,
    /// Whether a thread `files` does it, and not the thread that began it.
    has_own_thread: bool,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    path: PathBuf,
    /// The time of the last progress. `None` while nothing is asked of the disk.
    since: Option<Instant>,
    abandoned: bool,
}

/// Work on a file that the holder does on its own thread. Dropping it ends the work.
#[derive(Debug)]
pub(crate) struct Doing {
    job: Arc<Job>,
}

/// Work on another thread. Dropping it abandons the work.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    job: Arc<Job>,
    answer: Receiver<T>,
}

/// Work that hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hanging {
    pub path: PathBuf,
    pub time: Duration,
}

/// Why file work was not done.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// It did not end in time.
    Late(Duration),
    /// A thread hangs on this file.
    Hangs(Duration),
    /// A thread hung on this file not long ago.
    Rests(Duration),
    /// So many files hang in this folder that its disk is taken for dead.
    DeadFolder(PathBuf),
    /// Too many threads hang.
    TooMany,
    /// The system gives no thread, or the work has panicked.
    NoThread(Option<io::Error>),
}

/// All file work of the process.
#[derive(Default)]
struct Ward {
    jobs: Vec<Arc<Job>>,
    /// Files that hung, and until when they are left alone.
    resting: HashMap<PathBuf, Instant>,
}

static WARD: LazyLock<Mutex<Ward>> = LazyLock::new(Mutex::default);
static PARTS: AtomicU64 = AtomicU64::new(0);
/// How often work hung.
static HUNG: AtomicU64 = AtomicU64::new(0);

/// What is looked at while a configuration is read, and at a start.
static LOOKS: LazyLock<FileWork> = LazyLock::new(FileWork::new);

/// Looks at a file that can be done without. A file that does not answer is logged, and named by
/// [`warning_of_looks`] as long as it hangs.
pub(crate) fn look<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    let seen = LOOKS.within(path, look_patience(), move |_| work());
    seen.inspect_err(|reason| log::warn!("{}: the start goes on without it: {reason}", path.display()))
}

/// Reads a file that nothing works without.
pub(crate) fn read_needed<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NoAnswer> {
    LOOKS.within(path, NEEDED_WITHIN, move |_| work())
}

/// How long a start waits for its next file.
pub(crate) fn look_patience() -> Duration {
    let now = Instant::now();
    let is_late = |job: &Arc<Job>| job.has_own_thread && job.idle_for(now) >= LOOKS_WITHIN;
    if ward().jobs.iter().any(is_late) { LOOKS_QUICKLY_WITHIN } else { LOOKS_WITHIN }
}

/// What hangs of all that was looked at.
pub(crate) fn warning_of_looks() -> Option<String> {
    LOOKS.warning()
}

fn ward() -> MutexGuard<'static, Ward> {
    WARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of threads of this process that hang on files now, and how often one did.
pub(crate) fn totals() -> (usize, u64) {
    let now = Instant::now();
    let hanging = ward().jobs.iter().filter(|job| job.hangs(now).is_some()).count();
    (hanging, HUNG.load(Ordering::Relaxed) + hanging as u64)
}

impl FileWork {
    pub fn new() -> FileWork {
        FileWork { part: PARTS.fetch_add(1, Ordering::Relaxed) }
    }

    /// Begins work that the caller does on its own thread, which may hang. Refused if the file hangs already,
    /// or if too many do.
    pub fn begin(&self, path: &Path) -> Result<Doing, NoAnswer> {
        self.admit(path, false)
    }

    fn admit(&self, path: &Path, has_own_thread: bool) -> Result<Doing, NoAnswer> {
        let now = Instant::now();
        refuse_dead_folder(self.part, path, now)?;
        let mut ward = ward();
        ward.admit(self.part, path, now)?;
        let progress = Progress { path: path.to_owned(), since: Some(now), abandoned: false };
        let job = Arc::new(Job { part: self.part, has_own_thread, progress: Mutex::new(progress) });
        ward.jobs.push(job.clone());
        Ok(Doing { job })
    }

    /// Begins work like [`begin`](FileWork::begin), unless the file hung not long ago. For work that nobody
    /// waits for, and that comes again by itself.
    pub fn begin_if_well(&self, path: &Path) -> Result<Doing, NoAnswer> {
        let rest = ward().rest(path, Instant::now());
        rest.map_or_else(|| self.begin(path), |left| Err(NoAnswer::Rests(left)))
    }

    /// Has a thread `files` do some work, which tells its progress to the job.
    pub fn start<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Job) -> T + Send + 'static,
    ) -> Result<Pending<T>, NoAnswer> {
        let doing = self.admit(path, true)?;
        let job = doing.job.clone();
        let (sender, answer) = bounded(1);
        let run = move || {
            let result = work(&doing.job);
            // First, so that whoever gets the answer finds the file free.
            drop(doing);
            // Nobody may wait any more.
            let _ = sender.send(result);
        };
        thread::spawn("files", run).map_err(|error| NoAnswer::NoThread(Some(error)))?;
        Ok(Pending { job, answer })
    }

    /// Has a thread `files` do some work, and waits for it. Given up when there is no progress for so long.
    pub fn within<T: Send + 'static>(
        &self,
        path: &Path,
        patience: Duration,
        work: impl FnOnce(&Job) -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let pending = self.start(path, work)?;
        loop {
            if let Some(result) = pending.poll() {
                return result;
            }
            let time = pending.job.idle_for(Instant::now());
            if time >= patience {
                return Err(NoAnswer::Late(time));
            }
        }
    }

    /// Waits until the threads `files` of this part have ended, until `deadline`. Names those that hang.
    pub fn settle(&self, deadline: Instant) -> Vec<String> {
        loop {
            let is_left = |job: &&Arc<Job>| job.part == self.part && job.has_own_thread;
            let left: Vec<PathBuf> = ward().jobs.iter().filter(is_left).map(|job| job.path()).collect();
            if left.is_empty() || Instant::now() >= deadline {
                return left.iter().map(|path| format!("files ({})", path.display())).collect();
            }
            std::thread::sleep(GLANCE / 10);
        }
    }

    /// The work of this part that hangs, the longest first.
    pub fn hanging(&self) -> Vec<Hanging> {
        let now = Instant::now();
        let ward = ward();
        let own = ward.jobs.iter().filter(|job| job.part == self.part);
        let hanging = own.filter_map(|job| Some(Hanging { time: job.hangs(now)?, path: job.path() }));
        let mut hanging: Vec<Hanging> = hanging.collect();
        hanging.sort_by_key(|work| std::cmp::Reverse(work.time));
        hanging
    }

    /// Whether nothing is being done.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        !ward().jobs.iter().any(|job| job.part == self.part)
    }

    /// What hangs, in a sentence. `None` if nothing does.
    pub fn warning(&self) -> Option<String> {
        /// More names help nobody.
        const NAMED: usize = 3;
        let hanging = self.hanging();
        let name = |Hanging { path, time }: &Hanging| {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            format!("{name} (for {} s)", time.as_secs())
        };
        let named: Vec<String> = hanging.iter().take(NAMED).map(name).collect();
        let more = match hanging.len().checked_sub(NAMED) {
            None | Some(0) => String::new(),
            Some(more) => format!(" and {more} more"),
        };
        (!named.is_empty()).then(|| format!("the disk does not answer: {}{more}", named.join(", ")))
    }
}

impl Job {
    /// There was progress.
    pub fn step(&self) {
        self.lock().since = Some(Instant::now());
    }

    /// There was progress: the work is at this file now. Refused if it hangs already.
    pub fn at(&self, path: &Path) -> Result<(), NoAnswer> {
        let now = Instant::now();
        self.lock().since = Some(now);
        refuse_dead_folder(self.part, path, now)?;
        ward().admit(self.part, path, now)?;
        path.clone_into(&mut self.lock().path);
        Ok(())
    }

    /// Whether nobody wants the result any more.
    pub fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    fn path(&self) -> PathBuf {
        self.lock().path.clone()
    }

    fn idle_for(&self, now: Instant) -> Duration {
        self.lock().since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn hangs(&self, now: Instant) -> Option<Duration> {
        Some(self.idle_for(now)).filter(|time| *time >= HANGS_AFTER)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Doing {
    /// The disk is asked for something.
    pub fn asks(&self) {
        self.job.step();
    }

    /// The disk has answered.
    pub fn is_answered(&self) {
        let now = Instant::now();
        let since = self.job.lock().since.take();
        self.note_rest(since, now);
    }

    /// A file that hung is left alone for as long as it hung.
    fn note_rest(&self, since: Option<Instant>, now: Instant) {
        let hung = since.map(|since| now.saturating_duration_since(since));
        if let Some(hung) = hung.filter(|hung| *hung >= HANGS_AFTER) {
            HUNG.fetch_add(1, Ordering::Relaxed);
            let mut ward = ward();
            if ward.resting.len() >= MAX_RESTING {
                ward.resting.retain(|_, until| *until > now);
            }
            if ward.resting.len() < MAX_RESTING {
                ward.resting.insert(self.job.path(), now + hung.min(MAX_REST));
            }
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.is_answered();
        ward().jobs.retain(|job| !Arc::ptr_eq(job, &self.job));
    }
}

impl<T> Pending<T> {
    /// The result, if it comes within a moment. `None`: not yet.
    pub fn poll(&self) -> Option<Result<T, NoAnswer>> {
        match self.answer.recv_timeout(GLANCE) {
            Ok(result) => Some(Ok(result)),
            Err(RecvTimeoutError::Disconnected) => Some(Err(NoAnswer::NoThread(None))),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.job.lock().abandoned = true;
    }
}

impl Ward {
    /// Whether this file may be tried.
    fn admit(&self, part: u64, path: &Path, now: Instant) -> Result<(), NoAnswer> {
        let hanging = || self.jobs.iter().filter_map(|job| Some((job, job.hangs(now)?)));
        if let Some((_, time)) = hanging().find(|(job, _)| job.path() == path) {
            return Err(NoAnswer::Hangs(time));
        }
        // Work that nobody waits for any more may hang already, though nobody knows it yet.
        let may_hang = |job: &&Arc<Job>| job.part == part && (job.hangs(now).is_some() || job.is_abandoned());
        match self.jobs.iter().filter(may_hang).count() >= MAX_HANGING {
            true => Err(NoAnswer::TooMany),
            false => Ok(()),
        }
    }

    /// What hangs in this part. What other parts found out does not count, so that a fallback is not given up
    /// for the list's disk.
    fn stuck(&self, part: u64, now: Instant) -> Vec<PathBuf> {
        let own = self.jobs.iter().filter(|job| job.part == part && job.hangs(now).is_some());
        own.map(|job| job.path()).collect()
    }

    /// How long a file is still to be left alone.
    fn rest(&mut self, path: &Path, now: Instant) -> Option<Duration> {
        let left = self.resting.get(path)?.checked_duration_since(now);
        if left.is_none() {
            self.resting.remove(path);
        }
        left
    }
}

/// Refuses a path in a folder whose disk is taken for dead. The mounts are read without the lock.
fn refuse_dead_folder(part: u64, path: &Path, now: Instant) -> Result<(), NoAnswer> {
    let stuck = ward().stuck(part, now);
    dead_folder(path, stuck, Mounts::read).map_or(Ok(()), |folder| Err(NoAnswer::DeadFolder(folder)))
}

/// The folder of this path whose disk is taken for dead because of the paths that are stuck.
fn dead_folder(path: &Path, mut stuck: Vec<PathBuf>, mounts: impl FnOnce() -> Mounts) -> Option<PathBuf> {
    stuck.sort();
    stuck.dedup();
    if stuck.len() < DEAD_FOLDER {
        return None;
    }
    let mounts = mounts();
    let disk = mounts.of(path);
    stuck.retain(|stuck| mounts.of(stuck) == disk);
    let folder = path.parent()?;
    if stuck.iter().filter(|stuck| stuck.parent() == Some(folder)).count() >= DEAD_FOLDER {
        return Some(folder.to_owned());
    }
    let disk = disk?;
    let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(disk));
    let enough = std::iter::successors(Some(2 * DEAD_FOLDER), |enough| Some(2 * enough));
    let dead = above
        .zip(enough)
        .find(|(above, enough)| stuck.iter().filter(|stuck| stuck.starts_with(above)).count() >= *enough);
    dead.map(|(folder, _)| folder.to_owned())
}

impl NoAnswer {
    /// The error of a call that named this file.
    pub fn of(self, path: &Path) -> Error {
        match self {
            NoAnswer::NoThread(Some(cause)) => Error::Io { doing: "starting a thread", cause },
            reason => Error::NoAnswer { path: path.to_owned(), reason: reason.to_string() },
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |time: &Duration| time.as_secs().max(1);
        match self {
            NoAnswer::Late(time) => {
                write!(f, "its disk did not answer within {} s: try again when it does", seconds(time))
            }
            NoAnswer::Hangs(time) => write!(
                f,
                "its disk has not answered for {} s: it is not tried again while it hangs",
                seconds(time)
            ),
            NoAnswer::Rests(left) => {
                write!(f, "its disk did not answer: it is tried again in {} s", seconds(left))
            }
            NoAnswer::DeadFolder(folder) => {
                let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
                write!(f, "other files in {name} hang: its disk is taken for dead until one of them answers")
            }
            NoAnswer::TooMany => {
                write!(f, "{MAX_HANGING} other files hang: nothing more is tried until one of them answers")
            }
            NoAnswer::NoThread(Some(error)) => write!(f, "no thread can be started: {error}"),
            NoAnswer::NoThread(None) => f.write_str("reading it has panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    impl Doing {
        /// As if the disk had been asked so long ago.
        fn hang(&self, time: Duration) {
            self.job.lock().since = Some(Instant::now() - time);
        }
    }

    fn hang(work: &FileWork, path: &str) -> Doing {
        let doing = work.begin(path.as_ref()).unwrap();
        doing.hang(HANGS_AFTER + Duration::from_secs(1));
        doing
    }

    #[test]
    fn the_result_comes_back_and_nothing_hangs() {
        let work = FileWork::new();
        let sum = work.within("/results/a".as_ref(), Duration::from_secs(60), |job| {
            job.at("/results/b".as_ref()).map(|()| 6 * 7).unwrap()
        });
        assert_eq!(sum.unwrap(), 42);
        assert_eq!((work.hanging(), work.warning()), (Vec::new(), None));
    }

    #[test]
    fn who_waits_gives_up_and_the_thread_is_told_and_named() {
        let work = FileWork::new();
        let (release, stuck) = channel::<()>();
        let (told, was_abandoned) = channel();
        let late = work.within("/late/a.mp3".as_ref(), Duration::from_millis(1), move |job| {
            let _ = stuck.recv();
            told.send(job.is_abandoned()).unwrap();
        });
        assert!(matches!(late, Err(NoAnswer::Late(_))), "{late:?}");
        let job = ward().jobs.iter().find(|job| job.part == work.part).unwrap().clone();
        job.lock().since = Some(Instant::now() - Duration::from_secs(7));
        assert_eq!(work.warning().unwrap(), "the disk does not answer: a.mp3 (for 7 s)");
        let again = work.begin("/late/a.mp3".as_ref()).unwrap_err();
        assert!(again.to_string().contains("has not answered for 7 s"), "{again}");
        drop(job);
        release.send(()).unwrap();
        assert!(was_abandoned.recv().unwrap());
        while work.warning().is_some() {
            std::thread::yield_now();
        }
        work.begin("/late/a.mp3".as_ref()).expect("who asks for it may try it again");
        let rests = work.begin_if_well("/late/a.mp3".as_ref()).unwrap_err();
        assert!(matches!(rests, NoAnswer::Rests(left) if left > Duration::from_secs(5)), "{rests}");
    }

    #[test]
    fn a_file_that_is_slow_but_not_stuck_is_not_left_alone() {
        let work = FileWork::new();
        let doing = work.begin("/slow/a".as_ref()).unwrap();
        doing.hang(HANGS_AFTER - Duration::from_secs(1));
        drop(doing);
        assert!(work.begin_if_well("/slow/a".as_ref()).is_ok());
    }

    #[test]
    fn progress_is_no_hang_and_neither_is_waiting_for_the_mixer() {
        let work = FileWork::new();
        let doing = hang(&work, "/progress/a");
        assert_eq!(work.hanging().len(), 1);
        doing.asks();
        assert_eq!(work.hanging().len(), 0);
        doing.hang(HANGS_AFTER);
        doing.is_answered();
        assert_eq!(work.hanging().len(), 0);
    }

    /// `/mnt/nas` and `/srv/radio/music` are disks of their own.
    fn dead(path: &str, stuck: &[impl AsRef<Path>]) -> Option<String> {
        let mounts =
            || Mounts::parse(b"1 0 8:1 / / rw\n2 1 0:1 / /mnt/nas rw\n3 1 0:2 / /srv/radio/music rw\n");
        let stuck = stuck.iter().map(|path| path.as_ref().to_owned()).collect();
        dead_folder(path.as_ref(), stuck, mounts).map(|folder| folder.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_dead_disk_costs_few_threads_and_other_disks_go_on() {
        let mut stuck = Vec::new();
        for n in 0..100 {
            let path = format!("/mnt/nas/artist{}/album{}/{n}.mp3", n / 20, n / 5);
            if dead(&path, &stuck).is_none() {
                stuck.push(path);
            }
        }
        assert_eq!(stuck.len(), 8, "2 an album, 4 an artist, 8 the disk");
        assert_eq!(dead("/mnt/nas/x/y/z.mp3", &stuck).unwrap(), "/mnt/nas");
        assert_eq!(dead("/mnt/usb/artist/album/a.mp3", &stuck), None);
        assert_eq!(dead("/top.mp3", &stuck), None);
    }

    #[test]
    fn a_dead_mount_says_nothing_of_the_folder_that_it_is_in() {
        let stuck = ["a", "b", "c", "d", "e/f"].map(|name| format!("/srv/radio/music/{name}.mp3"));
        assert_eq!(dead("/srv/radio/music/x.mp3", &stuck).unwrap(), "/srv/radio/music");
        for healthy in ["/srv/radio/jingles/x.mp3", "/srv/radio/station.toml", "/srv/x", "/srv/radio/a/b/c"] {
            assert_eq!(dead(healthy, &stuck), None, "{healthy}");
        }
        // These may be links to a dead disk.
        let links = ["a/1", "a/2", "b/1", "b/2", "c/1", "c/2"].map(|name| format!("/home/{name}"));
        assert_eq!(dead("/home/a/3", &links).unwrap(), "/home/a");
        assert_eq!(dead("/home/d/1", &links), None);
        assert_eq!(dead("/home/station.toml", &links), None);
    }

    /// Work that nobody waits for any more may hang already: it is not known for the first seconds.
    #[test]
    fn threads_that_were_abandoned_count_at_once() {
        let work = FileWork::new();
        let (release, stuck) = bounded::<()>(0);
        let begin = |n: usize| {
            let stuck = stuck.clone();
            work.start(format!("/at-once/{n}").as_ref(), move |_| stuck.recv().is_ok())
        };
        for n in 0..MAX_HANGING {
            drop(begin(n).unwrap());
        }
        let refused = begin(MAX_HANGING).map(drop);
        assert!(matches!(refused, Err(NoAnswer::TooMany)), "{refused:?}");
        assert!(FileWork::new().begin("/at-once/x".as_ref()).is_ok(), "it is another part");
        drop(release);
        work.settle(Instant::now() + Duration::from_secs(60));
        assert!(work.begin("/at-once/x".as_ref()).is_ok());
    }

    #[test]
    fn each_part_has_a_bound_of_its_own() {
        let (work, other) = (FileWork::new(), FileWork::new());
        let stuck: Vec<Doing> = (0..MAX_HANGING).map(|n| hang(&work, &format!("/disk{n}/a/b/c"))).collect();
        assert!(matches!(work.begin("/disk99/a/b/c".as_ref()), Err(NoAnswer::TooMany)));
        assert!(other.begin("/disk99/a/b/c".as_ref()).is_ok());
        assert_eq!(work.warning().unwrap().matches("(for 6 s)").count(), 3);
        assert!(work.warning().unwrap().ends_with(" and 13 more"));
        drop(stuck);
    }

    #[test]
    fn work_that_panics_is_an_answer() {
        let result = FileWork::new()
            .within("/panic".as_ref(), Duration::from_secs(60), |_| panic!("on purpose, in a test"));
        assert!(matches!(result, Err(NoAnswer::NoThread(None))), "{result:?}");
    }
}

//! File work that may never end: a dead disk keeps a thread in the kernel for ever, and nobody can free it.
//!
//! So such work has a thread of its own, and whoever needs its result waits only so long. Work that hangs is
//! abandoned, named ([`FileWork::hanging`]) and counted. While a thread hangs on a file, nobody else tries
//! that file, and a file that made others wait is left alone for a while afterwards. The number of threads
//! that hang at once is bounded for each part of a station.
//!
//! What is known of sick files is one table for the whole process: a disk belongs to the machine, not to a
//! station.

mod job_table;
mod looks;
mod mounts;
mod no_answer;

#[cfg(feature = "library")]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, TryRecvError, bounded};

use crate::thread;
use job_table::{HUNG, LEFT_ALONE_AT_MOST, MAX_LEFT_ALONE, PARTS, admit, job_table};
pub(crate) use job_table::{idle_at, totals};
pub(crate) use looks::{look, look_patience, read_needed, read_ordered, warning_of_looks};
#[cfg(feature = "library")]
pub(crate) use mounts::is_remote;
pub(crate) use no_answer::NoAnswer;

/// Work that has made no progress for so long hangs. A disk that must spin up first is usually quicker.
pub(crate) const HANGS_AFTER: Duration = Duration::from_secs(5);

/// How often a waiting thread checks whether it should still wait.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// The file work of one part of a station: of a pipeline, of its fallback, of the API. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct FileWork {
    part: u64,
    /// The user who asks for it. Each has a share of what may hang.
    user: Option<Arc<str>>,
    /// Whether a person has ordered it: then it is tried although the file hangs elsewhere.
    insists: bool,
}

/// Work on a file, as others see it.
#[derive(Debug)]
pub(crate) struct Job {
    by: FileWork,
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

impl FileWork {
    pub fn new() -> FileWork {
        FileWork { part: PARTS.fetch_add(1, Ordering::Relaxed), user: None, insists: false }
    }

    /// The same part's work for a user.
    pub fn of_user(&self, user: &str) -> FileWork {
        FileWork { user: Some(user.into()), ..self.clone() }
    }

    /// The same part's work by order of a person, who may know that the disk is well again. It is tried
    /// although a thread hangs on the file, or its disk is taken for dead: the thread may notice much later.
    pub fn ordered(&self) -> FileWork {
        FileWork { insists: true, ..self.clone() }
    }

    /// Begins work that the caller does on its own thread, which may hang. Refused if the file hangs already,
    /// or if too many do.
    pub fn begin(&self, path: &Path) -> Result<Doing, NoAnswer> {
        self.admit(path, false)
    }

    fn admit(&self, path: &Path, has_own_thread: bool) -> Result<Doing, NoAnswer> {
        let now = Instant::now();
        let mut table = admit(self, path, now)?;
        let progress = Progress { path: path.to_owned(), since: Some(now), abandoned: false };
        let job = Arc::new(Job { by: self.clone(), has_own_thread, progress: Mutex::new(progress) });
        table.jobs.push(job.clone());
        Ok(Doing { job })
    }

    /// Begins work like [`begin`](FileWork::begin), unless the file hung not long ago. For work that nobody
    /// waits for, and that comes again by itself.
    pub fn begin_unless_left_alone(&self, path: &Path) -> Result<Doing, NoAnswer> {
        let left = job_table().left_alone_for(path, Instant::now());
        left.map_or_else(|| self.begin(path), |left| Err(NoAnswer::LeftAlone(left)))
    }

    /// Has a thread `files` do some work, which tells its progress to the job.
    pub fn start<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce(&Arc<Job>) -> T + Send + 'static,
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
        thread::spawn("files", run).map_err(NoAnswer::NoThread)?;
        Ok(Pending { job, answer })
    }

    /// Has a thread `files` do some work, and waits for it. Given up when there is no progress for so long.
    pub fn within<T: Send + 'static>(
        &self,
        path: &Path,
        patience: Duration,
        work: impl FnOnce(&Arc<Job>) -> T + Send + 'static,
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
    pub fn join(&self, deadline: Instant) -> Vec<String> {
        loop {
            let is_left = |job: &&Arc<Job>| job.by.part == self.part && job.has_own_thread;
            let left: Vec<PathBuf> = job_table().jobs.iter().filter(is_left).map(|job| job.path()).collect();
            if left.is_empty() || Instant::now() >= deadline {
                return left.iter().map(|path| format!("files ({})", path.display())).collect();
            }
            std::thread::sleep(POLL_EVERY / 10);
        }
    }

    /// The work of this part that hangs, the longest first.
    pub fn hanging(&self) -> Vec<Hanging> {
        let now = Instant::now();
        let table = job_table();
        let own = table.jobs.iter().filter(|job| job.by.part == self.part);
        let hanging = own.filter_map(|job| Some(Hanging { time: job.hangs(now)?, path: job.path() }));
        let mut hanging: Vec<Hanging> = hanging.collect();
        hanging.sort_by_key(|work| std::cmp::Reverse(work.time));
        hanging
    }

    /// Whether nothing is being done.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        !job_table().jobs.iter().any(|job| job.by.part == self.part)
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

    /// Nothing is asked of the disk, until the next [`step`](Job::step).
    pub fn rest(&self) {
        self.lock().since = None;
    }

    /// There was progress. Breaks off what nobody wants any more.
    #[cfg(feature = "library")]
    pub fn go_on(&self) -> ControlFlow<()> {
        self.step();
        if self.is_abandoned() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// There was progress: the work is at this file now. Refused if it hangs already.
    pub fn at(&self, path: &Path) -> Result<(), NoAnswer> {
        let now = Instant::now();
        self.lock().since = Some(now);
        drop(admit(&self.by, path, now)?);
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
    /// The job, for what tells of progress by itself.
    #[cfg(feature = "library")]
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// The disk is asked for something.
    pub fn asks(&self) {
        self.job.step();
    }

    /// The disk has answered.
    pub fn is_answered(&self) {
        let now = Instant::now();
        let since = self.job.lock().since.take();
        self.leave_alone(since, now);
    }

    /// A file that hung is left alone for as long as it hung.
    fn leave_alone(&self, since: Option<Instant>, now: Instant) {
        let hung = since.map(|since| now.saturating_duration_since(since));
        if let Some(hung) = hung.filter(|hung| *hung >= HANGS_AFTER) {
            HUNG.fetch_add(1, Ordering::Relaxed);
            let mut table = job_table();
            if table.left_alone.len() >= MAX_LEFT_ALONE {
                table.left_alone.retain(|_, until| *until > now);
            }
            if table.left_alone.len() < MAX_LEFT_ALONE {
                table.left_alone.insert(self.job.path(), now + hung.min(LEFT_ALONE_AT_MOST));
            }
        }
    }
}

#[cfg(test)]
impl Doing {
    /// As if the disk had been asked so long ago.
    pub(crate) fn hang(&self, time: Duration) {
        self.job.lock().since = Some(Instant::now() - time);
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.is_answered();
        job_table().jobs.retain(|job| !Arc::ptr_eq(job, &self.job));
    }
}

impl Pending<()> {
    /// Whether it has not ended yet.
    pub fn is_under_way(&self) -> bool {
        self.answer.try_recv() == Err(TryRecvError::Empty)
    }
}

impl<T> Pending<T> {
    /// Whether it has made no progress for so long that it hangs.
    pub fn hangs(&self) -> bool {
        self.job.hangs(Instant::now()).is_some()
    }

    /// The file that it is at.
    #[cfg(feature = "library")]
    pub fn path(&self) -> PathBuf {
        self.job.path()
    }

    /// The result, if it comes within a moment. `None`: not yet.
    pub fn poll(&self) -> Option<Result<T, NoAnswer>> {
        match self.answer.recv_timeout(POLL_EVERY) {
            Ok(result) => Some(Ok(result)),
            Err(RecvTimeoutError::Disconnected) => Some(Err(NoAnswer::Panicked)),
            Err(RecvTimeoutError::Timeout) => None,
        }
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.job.lock().abandoned = true;
    }
}

#[cfg(test)]
mod tests {
    use super::job_table::{MAX_HANGING, MAX_OF_ONE_USER, MAX_ORDERED};
    use super::*;
    use std::sync::mpsc::channel;

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
        let job = job_table().jobs.iter().find(|job| job.by.part == work.part).unwrap().clone();
        // A busy machine may take seconds from one line to the next.
        job.lock().since = Some(Instant::now() - Duration::from_secs(600));
        let warning = work.warning().unwrap();
        assert!(warning.starts_with("the disk does not answer: a.mp3 (for 60"), "{warning}");
        let again = work.begin("/late/a.mp3".as_ref()).unwrap_err();
        assert!(again.to_string().contains("has not answered for 60"), "{again}");
        drop(job);
        release.send(()).unwrap();
        assert!(was_abandoned.recv().unwrap());
        while work.warning().is_some() {
            std::thread::yield_now();
        }
        work.begin("/late/a.mp3".as_ref()).expect("who asks for it may try it again");
        let refused = work.begin_unless_left_alone("/late/a.mp3".as_ref()).unwrap_err();
        assert!(matches!(refused, NoAnswer::LeftAlone(left) if left > Duration::from_secs(5)), "{refused}");
    }

    #[test]
    fn a_file_that_is_slow_but_not_stuck_is_not_left_alone() {
        let work = FileWork::new();
        let doing = work.begin("/slow/a".as_ref()).unwrap();
        doing.hang(HANGS_AFTER - Duration::from_secs(1));
        drop(doing);
        assert!(work.begin_unless_left_alone("/slow/a".as_ref()).is_ok());
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
        work.join(Instant::now() + Duration::from_secs(60));
        assert!(work.begin("/at-once/x".as_ref()).is_ok());
    }

    #[test]
    fn each_part_has_a_bound_of_its_own() {
        let (work, other) = (FileWork::new(), FileWork::new());
        let stuck: Vec<Doing> = (0..MAX_HANGING).map(|n| hang(&work, &format!("/disk{n}/a/b/c"))).collect();
        assert!(matches!(work.begin("/disk99/a/b/c".as_ref()), Err(NoAnswer::TooMany)));
        assert!(other.begin("/disk99/a/b/c".as_ref()).is_ok());
        assert_eq!(work.warning().unwrap().matches(" (for ").count(), 3);
        assert!(work.warning().unwrap().ends_with(" and 13 more"));
        drop(stuck);
    }

    #[test]
    fn one_users_files_take_a_share_of_the_places_and_no_more() {
        let work = FileWork::new();
        let (viewer, admin) = (work.of_user("viewer"), work.of_user("admin"));
        let stuck: Vec<Doing> =
            (0..MAX_OF_ONE_USER).map(|n| hang(&viewer, &format!("/odd{n}/a/b"))).collect();
        let refused = viewer.begin("/odd99/a/b".as_ref()).unwrap_err();
        assert!(matches!(refused, NoAnswer::ShareTaken), "{refused}");
        for other in [&admin, &work, &work.of_user("another")] {
            assert!(other.begin("/odd99/a/b".as_ref()).is_ok());
        }
        // A name may come again, in another case: it is another user.
        assert!(work.of_user("Viewer").begin("/odd99/a/b".as_ref()).is_ok());
        drop(stuck);
        assert!(viewer.begin("/odd99/a/b".as_ref()).is_ok());
    }

    /// Nobody knows yet whether it hangs, but its share is taken.
    #[test]
    fn one_odd_file_asked_for_again_and_again_takes_a_share() {
        let viewer = FileWork::new().of_user("viewer");
        let (release, stuck) = bounded::<()>(0);
        let ask = || {
            let stuck = stuck.clone();
            viewer.within("/odd/hole.m4a".as_ref(), Duration::from_millis(1), move |_| stuck.recv().is_ok())
        };
        for _ in 0..MAX_OF_ONE_USER {
            assert!(matches!(ask(), Err(NoAnswer::Late(_))));
        }
        assert!(matches!(ask(), Err(NoAnswer::ShareTaken)));
        drop(release);
        viewer.join(Instant::now() + Duration::from_secs(60));
        assert!(ask().is_ok());
    }

    #[test]
    fn an_order_is_tried_although_the_file_hangs_but_not_for_ever() {
        let work = FileWork::new();
        let file: &Path = "/ordered/station.toml".as_ref();
        let first = hang(&work, "/ordered/station.toml");
        assert!(matches!(work.begin(file), Err(NoAnswer::Hangs(_))));
        let mut stuck: Vec<Doing> =
            (1..MAX_ORDERED).map(|_| hang(&work.ordered(), "/ordered/station.toml")).collect();
        let refused = work.ordered().begin(file).unwrap_err();
        assert!(matches!(refused, NoAnswer::Hangs(_)), "{refused}");
        // One of them has returned.
        stuck.pop();
        work.ordered().begin(file).expect("there is room for another");
        drop(first);
    }

    #[test]
    fn an_order_is_tried_although_its_disk_is_taken_for_dead() {
        let work = FileWork::new();
        let _stuck = ["/dead/a", "/dead/b"].map(|path| hang(&work, path));
        let file: &Path = "/dead/station.toml".as_ref();
        assert!(matches!(work.begin(file), Err(NoAnswer::DeadFolder(_))));
        let in_order =
            work.ordered().within(file, Duration::from_secs(60), |job| job.at("/dead/users".as_ref()));
        in_order.unwrap().expect("all that it reads is ordered");
    }

    #[test]
    fn work_that_panics_is_an_answer() {
        let result = FileWork::new()
            .within("/panic".as_ref(), Duration::from_secs(60), |_| panic!("on purpose, in a test"));
        assert!(matches!(result, Err(NoAnswer::Panicked)), "{result:?}");
    }
}

//! The thread `lists`: has playlists and folders read into the playlist, and again when they change.
//!
//! Reads: what a thread `files` finds in playlists and folders. Writes: the entries of the playlist. Never:
//! touches a disk, which may not answer; so another list can be read at any time. Never: delays playing.
//! Playing begins with the first entry that is found, however large the folder.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::crew::Crew;
use crate::engine::shared::SharedUpNext;
use crate::error::Result;
use crate::filework::{FileWork, NoAnswer, Pending};
use crate::playout::playlist::{self, Found, Watch};
use crate::playout::{Entry, ListId, Playlist, When};
use crate::roots::MediaRoots;

/// The time between two looks at whether anything has changed on disk.
const GLANCE: Duration = Duration::from_secs(5);

/// How long a start waits for the first entry. A working disk is quicker.
const FIRST_ENTRY: Duration = Duration::from_secs(1);

/// How soon the reading of a list is broken off, whatever its disk does.
const INTERRUPTED_WITHIN: Duration = Duration::from_millis(50);

/// The number of entries that are handed over together while a list is being read.
const BATCH: usize = 256;

/// In place of a number of passes: the list has yet to be read, whether it has changed or not.
const UNREAD: u64 = u64::MAX;

/// A list to read, and how it plays.
pub(super) struct Load {
    pub name: String,
    pub roots: Vec<PathBuf>,
    /// Whether all of it must lie below the media roots.
    pub confined: bool,
    pub repeat: bool,
    pub shuffle: bool,
    pub when: When,
    /// The same list from before a restart. Its position in the pass is kept.
    pub in_place_of: Option<ListId>,
    /// Whether it was refused before, because its disk does not answer.
    pub refused: bool,
    /// The list whose place it took before that was read. It is read if this one gives nothing.
    pub before: Option<Box<Load>>,
    /// Called when its first entry is next, with the version of what is up next.
    pub begun: Option<Box<dyn FnOnce(u64) + Send>>,
    /// Dropped when playing can begin, or when no entry was found.
    pub ready: Option<Sender<()>>,
    /// Dropped when everything has been read.
    pub read: Option<Sender<()>>,
}

impl Load {
    /// A list that plays after the current track. Its name is its first root.
    pub fn new(roots: Vec<PathBuf>, repeat: bool, shuffle: bool) -> Load {
        let name = roots.first().map_or_else(String::new, |root| root.display().to_string());
        Load {
            name,
            roots,
            confined: false,
            repeat,
            shuffle,
            when: When::AfterCurrent,
            in_place_of: None,
            refused: false,
            before: None,
            begun: None,
            ready: None,
            read: None,
        }
    }
}

/// The handle to the thread. Dropping it ends the thread.
pub(super) struct Lists {
    /// The list to read next. A later one takes the place of one that was not read yet.
    loads: Mutex<Option<(Sender<Load>, Receiver<Load>)>>,
    ending: Arc<AtomicBool>,
}

impl Lists {
    pub fn start(
        pipeline: Arc<str>,
        up_next: Arc<SharedUpNext>,
        media_roots: MediaRoots,
        files: FileWork,
        crew: &Crew,
    ) -> Result<Lists> {
        let (loads, receiver) = bounded(1);
        let ending = Arc::new(AtomicBool::new(false));
        let ending_too = ending.clone();
        let reader = Reader {
            pipeline,
            up_next,
            media_roots,
            files,
            in_play: None,
            waiting: None,
            loads: receiver.clone(),
            ending: ending_too,
        };
        crew.spawn("lists", move || reader.run())?;
        Ok(Lists { loads: Mutex::new(Some((loads, receiver))), ending })
    }

    /// Makes the thread read a list. It returns at once.
    pub fn load(&self, mut load: Load) {
        if let Some((loads, unread)) = &*self.lock() {
            let unread = unread.try_recv().ok();
            load.before = unread.and_then(|mut unread| unread.before.take().or(Some(Box::new(unread))));
            // There is room, for only this handle sends, and it is locked.
            let _ = loads.try_send(load);
        }
    }

    /// Makes the thread read the first list, and waits a moment for its first entry, so that playing begins
    /// at once. With `patience` it waits until the whole list has been read.
    pub fn load_first(&self, load: Load, patience: bool) {
        let (told, answer) = bounded::<()>(0);
        let name = load.name.clone();
        let (ready, read) = if patience { (None, Some(told)) } else { (Some(told), None) };
        self.load(Load { ready, read, ..load });
        let deadline = Instant::now() + if patience { FIRST_ENTRY * 60 } else { FIRST_ENTRY };
        if answer.recv_deadline(deadline) == Err(RecvTimeoutError::Timeout) {
            log::warn!("{name}: its first entry is late: it plays when that comes");
        }
    }

    /// Tells the thread to end.
    pub fn stop(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Sender<Load>, Receiver<Load>)>> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of the thread.
struct Reader {
    pipeline: Arc<str>,
    up_next: Arc<SharedUpNext>,
    media_roots: MediaRoots,
    files: FileWork,
    in_play: Option<InPlay>,
    /// A list that could not be read, because its disk does not answer, or because another one came.
    waiting: Option<Load>,
    loads: Receiver<Load>,
    ending: Arc<AtomicBool>,
}

/// How the reading of a list ended.
enum Outcome {
    /// It is in play.
    Done,
    /// Nothing of it can be played.
    Nothing,
    /// Its disk does not answer.
    Later(Load),
    /// Another list is to be read.
    Interrupted(Load),
}

/// The list that was read last, and its state on disk at that time.
struct InPlay {
    id: ListId,
    roots: Vec<PathBuf>,
    confined: bool,
    watch: Arc<Watch>,
    /// The passes of the list that had ended when it was read, or [`UNREAD`].
    passes: u64,
    /// Its problems at that time, as they were logged.
    problems: HashSet<String>,
}

impl Reader {
    /// Reads lists until the handle is dropped.
    fn run(mut self) {
        loop {
            match self.loads.recv_timeout(GLANCE) {
                Ok(load) => self.load(load),
                Err(RecvTimeoutError::Timeout) => match self.waiting.take() {
                    Some(load) => self.load(load),
                    None => self.read_again_if_changed(),
                },
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Whether to stop reading, because another list is to be read or the thread is to end.
    fn is_interrupted(&self) -> bool {
        !self.loads.is_empty() || self.ending.load(Ordering::Relaxed)
    }

    /// Reads a list. If it gives nothing, the one that it interrupted is read again: a list that cannot be
    /// played must not take a station off the air.
    fn load(&mut self, mut load: Load) {
        let before = self.waiting.take().or_else(|| load.before.take().map(|before| *before));
        match self.read(load, before.is_some()) {
            Outcome::Done => {}
            Outcome::Nothing => before.into_iter().for_each(|before| self.load(before)),
            Outcome::Later(load) => {
                before.into_iter().for_each(|before| self.load(before));
                self.waiting = Some(load);
            }
            Outcome::Interrupted(load) => {
                let is_in_play = load.in_place_of.is_some();
                self.waiting = before.filter(|_| !is_in_play).or(Some(load));
            }
        }
    }

    /// Reads a list and hands over its entries as they are found, until another list is to be read. A list
    /// without entries is in play, too, unless another one can be played in its place.
    fn read(&mut self, mut load: Load, has_other: bool) -> Outcome {
        if let Some(id) = load.in_place_of {
            let (roots, confined) = (load.roots.clone(), load.confined);
            let (watch, problems) = (Arc::default(), HashSet::new());
            self.in_play = Some(InPlay { id, roots, confined, watch, passes: UNREAD, problems });
            self.read_again_if_changed();
            let is_unread = self.in_play.as_ref().is_some_and(|list| list.passes == UNREAD);
            return if is_unread && self.is_interrupted() {
                Outcome::Interrupted(load)
            } else {
                Outcome::Done
            };
        }
        let reading = match self.begin(&load.roots, load.confined) {
            Ok(reading) => reading,
            Err(reason) => {
                if !std::mem::replace(&mut load.refused, true) {
                    log::error!("{}: {}: it is read later: {reason}", self.pipeline, load.name);
                }
                (load.ready, load.read) = (None, None);
                return Outcome::Later(load);
            }
        };
        let name = load.name.clone();
        let list = Playlist { name, entries: Vec::new(), repeat: load.repeat, shuffle: load.shuffle };
        let mut into = Into::Waiting { list, when: load.when };
        let mut batch = Vec::new();
        let mut problems = HashSet::new();
        let since = Instant::now();
        let watch = self.follow(reading, &mut |found| {
            if let Found::Problem(problem) = &found {
                problems.insert(problem.to_string());
            }
            if let Some(entry) = entry(&self.pipeline, found) {
                batch.push(entry);
                // The first entry goes first, so that playing can begin. A shuffled list waits a little, so
                // that it does not always begin with the same entry.
                let may_begin = !load.shuffle || since.elapsed() > FIRST_ENTRY / 2;
                if batch.len() == BATCH || matches!(into, Into::Waiting { .. }) && may_begin {
                    into.hand_over(&self.up_next, &mut batch);
                    load.ready.take();
                    if let (Into::List { since, .. }, Some(begun)) = (&into, load.begun.take()) {
                        begun(*since);
                    }
                }
            }
        });
        let Some(watch) = watch else {
            if let Into::List { id, .. } = into {
                load.in_place_of = Some(id);
            }
            return Outcome::Interrupted(load);
        };
        let has_more = !batch.is_empty();
        if has_other && !has_more && matches!(into, Into::Waiting { .. }) {
            log::error!("{}: {}: nothing of it can be played", self.pipeline, load.name);
            return Outcome::Nothing;
        }
        into.hand_over(&self.up_next, &mut batch);
        // A short shuffled list comes here as a whole.
        if let (Into::List { since, .. }, true, Some(begun)) = (&into, has_more, load.begun.take()) {
            begun(*since);
        }
        if let Into::List { id, .. } = into {
            self.in_play = Some(InPlay {
                id,
                roots: load.roots,
                confined: load.confined,
                watch: Arc::new(watch),
                passes: self.passes(),
                problems,
            });
        }
        Outcome::Done
    }

    fn read_again_if_changed(&mut self) {
        let passes = self.passes();
        let Some(in_play) = self.in_play.take() else { return };
        if in_play.passes == passes && !self.has_changed(&in_play) {
            self.in_play = Some(in_play);
            return;
        }
        let Ok(reading) = self.begin(&in_play.roots, in_play.confined) else {
            self.in_play = Some(in_play);
            return;
        };
        let (mut entries, mut problems) = (Vec::new(), HashSet::new());
        // Problems from the last reading have been logged already.
        let mut note = |problem: String| {
            if !in_play.problems.contains(&problem) && !problems.contains(&problem) {
                log::error!("{}: {problem}", self.pipeline);
            }
            problems.insert(problem);
        };
        let mut refused = false;
        let watch = self.follow(reading, &mut |found| match found {
            Found::Entry(entry) => entries.push(entry),
            Found::Problem(problem) => {
                refused = true;
                note(problem.to_string());
            }
            Found::Name(_) | Found::PassedOver { .. } | Found::Step => {}
        });
        // The reading was interrupted: another list takes this one's place, if it gives anything.
        let Some(watch) = watch else {
            self.in_play = Some(InPlay { passes: UNREAD, ..in_play });
            return;
        };
        // If nothing can be read, the disk may come back. A list that is empty on purpose has no problems.
        let unreadable = refused && entries.is_empty();
        if unreadable {
            note("nothing of the playlist can be read: it stays as it was".into());
        }
        // It returns false if another list has taken this one's place.
        if unreadable || self.up_next.lock().replace(in_play.id, entries) {
            self.in_play = Some(InPlay { watch: Arc::new(watch), passes, problems, ..in_play });
        }
    }

    /// Whether a list has changed on disk. A disk that does not answer has not changed it.
    fn has_changed(&self, in_play: &InPlay) -> bool {
        let watch = Arc::clone(&in_play.watch);
        let Ok(looking) = self.files.start(label(&in_play.roots), move |job| {
            // Each look is progress: a large library on a slow disk does not hang.
            watch.changed_while(|| {
                job.step();
                !job.is_abandoned()
            })
        }) else {
            return false;
        };
        self.result(&looking).unwrap_or(false)
    }

    /// Has a thread read these files, folders and playlists, by the media roots of this moment.
    fn begin(&self, roots: &[PathBuf], confined: bool) -> std::result::Result<Reading, NoAnswer> {
        let (sender, found) = bounded(BATCH);
        let (own, bounds) = (roots.to_vec(), self.media_roots.bounds(confined));
        let pending = self.files.start(label(roots), move |job| {
            playlist::read_within(&bounds, &own, &mut |found| {
                job.step();
                let goes_on = match found {
                    Found::Step => !job.is_abandoned(),
                    found => sender.send(found).is_ok(),
                };
                if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
        })?;
        Ok(Reading { found, pending })
    }

    /// Takes in what is found, to the end. `None` if it is interrupted.
    fn follow(&self, reading: Reading, found: &mut dyn FnMut(Found)) -> Option<Watch> {
        loop {
            match reading.found.recv_timeout(INTERRUPTED_WITHIN) {
                Ok(item) => found(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.result(&reading.pending),
            }
            if self.is_interrupted() {
                return None;
            }
        }
    }

    /// Waits for the result, unless it is interrupted.
    fn result<T>(&self, pending: &Pending<T>) -> Option<T> {
        loop {
            match pending.poll() {
                Some(result) => return result.ok(),
                None if self.is_interrupted() => return None,
                None => {}
            }
        }
    }

    fn passes(&self) -> u64 {
        self.up_next.lock().list().map_or(0, |list| list.passes)
    }
}

/// A list that a thread reads. Dropping it stops the thread, as soon as the disk answers.
struct Reading {
    found: Receiver<Found>,
    pending: Pending<Watch>,
}

/// What is named if reading these roots hangs.
fn label(roots: &[PathBuf]) -> &Path {
    roots.first().map_or(Path::new("playlist"), PathBuf::as_path)
}

/// The destination of entries.
enum Into {
    /// No entry has been found yet.
    Waiting { list: Playlist, when: When },
    /// This list, which has been up next since this version.
    List { id: ListId, since: u64 },
    /// Nowhere: another list has taken its place.
    Nowhere,
}

impl Into {
    fn hand_over(&mut self, up_next: &SharedUpNext, batch: &mut Vec<Entry>) {
        let entries = std::mem::take(batch);
        *self = match std::mem::replace(self, Into::Nowhere) {
            Into::Waiting { list, when } => {
                let mut up_next = up_next.lock();
                let id = up_next.load(Playlist { entries, ..list }, when);
                Into::List { id, since: up_next.version() }
            }
            Into::List { id, since } if up_next.lock().extend(id, entries) => Into::List { id, since },
            Into::List { .. } | Into::Nowhere => Into::Nowhere,
        };
    }
}

/// The entry, if that is what was found. Everything else is logged.
fn entry(pipeline: &str, found: Found) -> Option<Entry> {
    match found {
        Found::Entry(entry) => return Some(entry),
        Found::Name(name) => log::debug!("{pipeline}: the playlist calls itself {name}"),
        Found::PassedOver { folder, files } => {
            let what = if files == 1 {
                "1 file that is not audio was"
            } else {
                &format!("{files} files that are not audio were")
            };
            log::info!("{pipeline}: {}: {what} passed over", folder.display());
        }
        Found::Problem(problem) => log::error!("{pipeline}: {problem}"),
        Found::Step => {}
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use super::*;
    use crate::playout::UpNext;

    /// A reader that has read these roots.
    fn reader(roots: &[&Path]) -> Reader {
        let up_next = SharedUpNext::new(UpNext::new(fastrand::Rng::with_seed(1)));
        // No other list follows.
        let (_, loads) = bounded(1);
        let mut reader = Reader {
            pipeline: "main".into(),
            up_next: Arc::new(up_next),
            media_roots: MediaRoots::default(),
            files: FileWork::new(),
            in_play: None,
            waiting: None,
            loads,
            ending: Arc::default(),
        };
        reader.load(Load::new(roots.iter().map(|root| root.into()).collect(), true, false));
        reader
    }

    impl Reader {
        /// The names of the entries that are up next.
        fn names(&self) -> Vec<String> {
            let mut list = self.up_next.lock();
            let next = list.up_next(9).into_iter();
            next.map(|next| next.entry.path.file_stem().unwrap().display().to_string()).collect()
        }

        fn problems(&self) -> usize {
            self.in_play.as_ref().unwrap().problems.len()
        }
    }

    #[test]
    fn a_folder_that_vanishes_leaves_the_playlist_as_it_was_and_is_read_when_it_is_back() {
        let disk = tempfile::tempdir().unwrap();
        let (music, away) = (disk.path().join("music"), disk.path().join("away"));
        fs::create_dir(&music).unwrap();
        fs::write(music.join("a.mp3"), "").unwrap();
        fs::write(music.join("b.mp3"), "").unwrap();
        let mut reader = reader(&[&music]);
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 0));
        fs::rename(&music, &away).unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
        fs::remove_file(away.join("a.mp3")).unwrap();
        fs::rename(&away, &music).unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["b".into()], 0));
        // An empty folder that can be read counts as empty on purpose.
        fs::remove_file(music.join("b.mp3")).unwrap();
        // A file system's clock may have coarse ticks.
        let later = SystemTime::now() + Duration::from_secs(2);
        fs::File::open(&music).unwrap().set_modified(later).unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (Vec::new(), 0));
    }

    #[test]
    fn a_list_that_is_read_again_is_as_confined_as_before() {
        let disk = tempfile::tempdir().unwrap();
        let (music, list) = (disk.path().join("music"), disk.path().join("music/list.m3u"));
        fs::create_dir(&music).unwrap();
        fs::create_dir(disk.path().join("out")).unwrap();
        for file in ["music/a.mp3", "music/b.mp3", "private.mp3", "out/secret.mp3"] {
            fs::write(disk.path().join(file), "").unwrap();
        }
        fs::write(&list, "a.mp3\n").unwrap();
        let mut reader = reader(&[]);
        reader.media_roots.set(vec![music.clone()]);
        reader.load(Load { confined: true, ..Load::new(vec![list.clone()], true, false) });
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 0));
        fs::write(&list, "a.mp3\n../private.mp3\nb.mp3\n").unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 1));
        // The list itself becomes a link that leads outside: it stays as it was.
        fs::write(disk.path().join("out/list.m3u"), "secret.mp3\n").unwrap();
        fs::remove_file(&list).unwrap();
        std::os::unix::fs::symlink("../out/list.m3u", &list).unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
        // Roots that were taken away hold for lists, too.
        fs::remove_file(&list).unwrap();
        fs::write(&list, "b.mp3\n").unwrap();
        reader.media_roots.set(vec![disk.path().join("out")]);
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into(), "b".into()], 2));
    }

    #[test]
    fn the_existing_files_of_a_list_are_played() {
        let disk = tempfile::tempdir().unwrap();
        let list = disk.path().join("list.m3u");
        fs::write(disk.path().join("a.mp3"), "").unwrap();
        fs::write(&list, "a.mp3\n").unwrap();
        let mut reader = reader(&[&list]);
        fs::write(&list, "gone.mp3\na.mp3\n").unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 1));
        fs::write(&list, "gone.mp3\n").unwrap();
        reader.read_again_if_changed();
        assert_eq!((reader.names(), reader.problems()), (vec!["a".into()], 2));
    }

    #[test]
    fn a_list_that_the_api_loads_has_a_bound_and_says_so() {
        let disk = tempfile::tempdir().unwrap();
        let list = disk.path().join("list.m3u");
        fs::write(disk.path().join("a.mp3"), "").unwrap();
        fs::write(&list, "a.mp3\n".repeat(playlist::MAX_CONFINED_ENTRIES + 1)).unwrap();
        let mut reader = reader(&[]);
        reader.media_roots.set(vec![disk.path().to_owned()]);
        reader.load(Load { confined: true, ..Load::new(vec![list], true, false) });
        assert_eq!(reader.up_next.lock().list().unwrap().length, playlist::MAX_CONFINED_ENTRIES);
        let problems = &reader.in_play.as_ref().unwrap().problems;
        assert!(problems.iter().any(|problem| problem.contains("no more than 200000 files")), "{problems:?}");
    }

    /// Broken off by the list that takes its place, and by the stop.
    #[test]
    fn three_million_missing_files_hold_up_nobody() {
        let disk = tempfile::tempdir().unwrap();
        let (missing, other) = (disk.path().join("missing.m3u"), disk.path().join("other.m3u"));
        fs::write(&missing, "a\n".repeat(3_000_000)).unwrap();
        fs::write(disk.path().join("b.mp3"), "").unwrap();
        fs::write(&other, "b.mp3\n").unwrap();
        let up_next = Arc::new(SharedUpNext::new(UpNext::new(fastrand::Rng::with_seed(1))));
        let (files, crew) = (FileWork::new(), Crew::default());
        let roots = MediaRoots::default();
        let lists = Lists::start("main".into(), up_next.clone(), roots, files.clone(), &crew).unwrap();
        let load = |list: &Path| Load::new(vec![list.to_owned()], true, false);
        lists.load(load(&missing));
        while files.is_idle() {
            std::thread::yield_now();
        }
        let since = Instant::now();
        lists.load(load(&other));
        while up_next.lock().peek().is_none() {
            std::thread::yield_now();
        }
        assert!(since.elapsed() < Duration::from_secs(2), "another list after {:?}", since.elapsed());
        lists.load(load(&missing));
        while files.is_idle() {
            std::thread::yield_now();
        }
        let since = Instant::now();
        lists.stop();
        assert_eq!(crew.join(since + Duration::from_secs(2)), [""; 0]);
        assert_eq!(files.join(since + Duration::from_secs(4)), [""; 0]);
    }

    /// The reader, to which another list comes while it reads this one. Then it reads that.
    fn interrupted(mut reader: Reader, load: Load, by: Load) -> Reader {
        let (sender, loads) = bounded(1);
        reader.loads = loads;
        sender.send(by).unwrap();
        reader.load(load);
        let by = reader.loads.recv().unwrap();
        reader.load(by);
        reader
    }

    #[test]
    fn a_list_that_gives_nothing_leaves_the_one_that_it_interrupted() {
        let disk = tempfile::tempdir().unwrap();
        let (music, refused) = (disk.path().join("music"), disk.path().join("refused.m3u"));
        fs::create_dir(&music).unwrap();
        ["a.mp3", "b.mp3", "c.mp3"].iter().for_each(|file| fs::write(music.join(file), "").unwrap());
        fs::write(&refused, "gone.mp3\nlost.mp3\n").unwrap();
        let all = ["a", "b", "c"];
        let refused = || Load::new(vec![refused.clone()], true, false);
        let configured = |shuffle| Load::new(vec![music.clone()], true, shuffle);
        // In order, the first entry is in play when the other list comes. Shuffled, there is none yet.
        for shuffle in [false, true] {
            let read = interrupted(reader(&[]), configured(shuffle), refused());
            let mut names = read.names();
            names.sort();
            assert_eq!(names, all, "shuffled: {shuffle}");
            assert!(read.in_play.unwrap().roots.iter().eq([&music]), "and it is watched");
        }
        // After a restart, the list is there and is read again.
        let read = reader(&[&music]);
        fs::remove_file(music.join("b.mp3")).unwrap();
        let in_place_of = Some(read.in_play.as_ref().unwrap().id);
        let read = interrupted(read, Load { in_place_of, ..configured(false) }, refused());
        assert_eq!(read.names(), ["a", "c"]);
        // One that has entries takes its place, and nothing is left to be read.
        let other = Load::new(vec![music.join("c.mp3")], true, false);
        let read = interrupted(reader(&[]), configured(false), other);
        assert_eq!((read.names(), read.waiting.is_none()), (vec!["c".into()], true));
    }

    #[test]
    fn lists_that_were_not_read_yet_take_one_place_and_the_first_of_them_is_not_forgotten() {
        let (loads, unread) = bounded(1);
        let lists = Lists { loads: Mutex::new(Some((loads, unread.clone()))), ending: Arc::default() };
        let disk = tempfile::tempdir().unwrap();
        let music = disk.path().join("a.mp3");
        fs::write(&music, "").unwrap();
        lists.load(Load::new(vec![music], true, false));
        (0..1000)
            .for_each(|n| lists.load(Load::new(vec![disk.path().join(format!("gone{n}"))], true, false)));
        let last = unread.recv().unwrap();
        assert!(unread.is_empty() && last.name.ends_with("gone999"));
        let mut reader = reader(&[]);
        reader.load(last);
        assert_eq!(reader.names(), ["a"]);
    }
}

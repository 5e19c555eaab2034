//! What a schedule chooses from: playlists and folders, with what is known of their files.
//!
//! Threads `files` read it, one thing at a time. What hangs is given up, and the rest goes on. Until
//! something is read, there is nothing of it; until the tags of a file are read, only its name is known. What
//! is known is looked at again in turn, for files change, and a library learns.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};

use super::STEPPED_PATIENCE;
use super::reading::{Known, News, Unread, read_known, read_list};
use super::slot_files::Finder;
use crate::engine::shared::SharedUpNext;
use crate::filework::{FileWork, Pending};
use crate::home::Home;
use crate::library::Library;
use crate::pipeline::lists::found::{Origins, Seen};
use crate::playout::schedule::{Material, Rules, Schedule, Track, Tracks, Wanted};
use crate::playout::{Crossfade, Entry};

/// The most files of which something is known.
const MOST_KNOWN: usize = 200_000;

/// Of how many files it is read at once.
const BATCH: usize = 256;

/// How often it is looked whether a playlist has changed, and whether files have.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The material of one pipeline.
pub(super) struct Stock {
    files: FileWork,
    origins: Origins,
    /// Whether the clock is stepped: then disks are waited for.
    is_stepped: bool,
    /// The home of what is remembered of tracks.
    home: Home,
    lists: HashMap<PathBuf, List>,
    own: Own,
    /// What is known of files.
    known: HashMap<PathBuf, Known>,
    /// How many files were known when tracks were made of them last.
    known_in_tracks: usize,
    /// Whether something else is known of a file than its tracks say.
    is_stale: bool,
    /// Files of which something is to be read.
    unread: VecDeque<PathBuf>,
    reading: Option<Reading>,
    /// The playlists and files that are looked at again.
    lists_again: Again,
    files_again: Again,
}

/// What is looked at again, piece by piece.
#[derive(Default)]
struct Again {
    looked: Option<Instant>,
    /// Where the next piece begins.
    next: usize,
}

/// The material as it was read at one moment. It looks for the files of slots itself.
pub(super) struct StockCopy {
    finder: Finder,
    lists: HashMap<PathBuf, Arc<Tracks>>,
    own: Arc<Tracks>,
}

/// A playlist or folder.
struct List {
    entries: Vec<Entry>,
    tracks: Arc<Tracks>,
    /// What it was read from.
    seen: Arc<Seen>,
}

/// The pipeline's own playlist.
struct Own {
    seen: Option<(u64, bool)>,
    entries: Vec<Entry>,
    tracks: Arc<Tracks>,
}

/// What a thread `files` reads.
struct Reading {
    pending: Pending<()>,
    news: Receiver<News>,
    /// The files that it has not told of yet.
    left: VecDeque<PathBuf>,
}

impl Stock {
    pub fn new(files: FileWork, library: Option<Library>, is_stepped: bool, home: Home) -> Stock {
        let tracks = Arc::new(Tracks::new(Vec::new(), false, &home));
        Stock {
            files,
            origins: Origins { library, ..Origins::default() },
            is_stepped,
            home,
            lists: HashMap::new(),
            own: Own { seen: None, entries: Vec::new(), tracks },
            known: HashMap::new(),
            known_in_tracks: 0,
            is_stale: false,
            unread: VecDeque::new(),
            reading: None,
            lists_again: Again::default(),
            files_again: Again::default(),
        }
    }

    /// Takes in what was read, and has more read where that is due. True if there is more to choose from.
    pub fn look(&mut self, rules: &Rules) -> bool {
        let has_more = self.take_news();
        if self.reading.is_none() {
            let playlists: Vec<PathBuf> = rules.playlists().map(Path::to_owned).collect();
            if self.lists.len() > playlists.len() {
                // A schedule before this one named them.
                self.lists.retain(|path, _| playlists.contains(path));
            }
            self.read_next(&playlists);
        }
        has_more
    }

    /// Reads all that a schedule names, and waits for it.
    pub fn read_all(&mut self, schedule: &Schedule) {
        let rules = Rules::new(schedule, Crossfade::default());
        let playlists: Vec<PathBuf> = rules.playlists().map(Path::to_owned).collect();
        let deadline = Instant::now() + STEPPED_PATIENCE;
        loop {
            self.take_news();
            if self.reading.is_none() {
                self.read_next(&playlists);
            }
            let is_read =
                self.unread.is_empty() && playlists.iter().all(|path| self.lists.contains_key(path));
            if (self.reading.is_none() && is_read) || Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes in the pipeline's own playlist, if it has changed.
    pub fn look_at_playlist(&mut self, up_next: &SharedUpNext) {
        let changed = up_next.lock().entries_since(self.own.seen);
        if let Some((seen, entries)) = changed {
            self.want_tags(&entries);
            let tracks = tracks_of(&entries, &self.known, seen.1, &self.home);
            self.own = Own { seen: Some(seen), entries, tracks };
        }
    }

    /// A copy for who does not hold what owns this: looking for files takes time.
    pub fn copy(&self) -> StockCopy {
        let lists = self.lists.iter().map(|(path, list)| (path.clone(), list.tracks.clone()));
        StockCopy { finder: self.finder(), lists: lists.collect(), own: self.own.tracks.clone() }
    }

    /// What looks for the files of slots.
    pub fn finder(&self) -> Finder {
        let (files, library) = (self.files.clone(), self.origins.library.clone());
        Finder { files, library, is_stepped: self.is_stepped }
    }

    /// What is known of a file, if something is.
    pub fn known(&self, file: &Path) -> Option<&Known> {
        self.known.get(file)
    }

    fn take_news(&mut self) -> bool {
        let Some(mut reading) = self.reading.take() else { return false };
        let (is_over, hangs) = (!reading.pending.is_under_way(), reading.pending.hangs());
        let news: Vec<News> = reading.news.try_iter().collect();
        let told = news.iter().filter(|news| matches!(news, News::Known { .. })).count();
        drop(reading.left.drain(..told.min(reading.left.len())));
        match (is_over, hangs) {
            (true, _) => {}
            (false, true) => self.give_up(reading.left),
            (false, false) => self.reading = Some(reading),
        }
        let mut has_more = false;
        for news in news {
            match news {
                News::List { path, entries, seen } => {
                    self.want_tags(&entries);
                    let tracks = tracks_of(&entries, &self.known, true, &self.home);
                    self.lists.insert(path, List { entries, tracks, seen: Arc::new(seen) });
                    has_more = true;
                }
                News::Known { file, known } => {
                    self.is_stale |= self.known.get(&file) != Some(&known);
                    self.known.insert(file, known);
                }
            }
        }
        // Not for each batch: the tracks are made again, and what comes next is chosen again.
        let (then, now) = (self.known_in_tracks, self.known.len());
        let is_worth_it = (self.unread.is_empty() && self.files_again.next == 0) || now >= 2 * then;
        if self.is_stale && is_worth_it {
            has_more = true;
            self.make_tracks();
        }
        has_more
    }

    /// Makes the tracks again, of what is known now.
    fn make_tracks(&mut self) {
        self.forget_unlisted();
        (self.known_in_tracks, self.is_stale) = (self.known.len(), false);
        for list in self.lists.values_mut() {
            list.tracks = tracks_of(&list.entries, &self.known, true, &self.home);
        }
        let Own { entries, tracks, .. } = &mut self.own;
        *tracks = tracks_of(entries, &self.known, tracks.shuffle, &self.home);
    }

    /// Forgets files that are in no list any more.
    fn forget_unlisted(&mut self) {
        let lists =
            self.lists.values().map(|list| list.entries.as_slice()).chain([self.own.entries.as_slice()]);
        if self.known.len() > lists.clone().map(<[Entry]>::len).sum() {
            let there: HashSet<&PathBuf> = lists.flatten().map(|entry| &entry.path).collect();
            self.known.retain(|file, _| there.contains(file));
        }
    }

    /// Gives up what hangs. Nothing is known of a file that hangs; those after it are read later.
    fn give_up(&mut self, mut left: VecDeque<PathBuf>) {
        if let Some(file) = left.pop_front() {
            self.known.entry(file).or_default();
        }
        let known = &self.known;
        self.unread.extend(left.into_iter().filter(|file| !known.contains_key(file)));
    }

    /// Has the next thing read: a playlist that was not read, tags, or a playlist that may have changed.
    fn read_next(&mut self, playlists: &[PathBuf]) {
        for path in playlists {
            // Its disk may be taken for dead. The others go on.
            if !self.lists.contains_key(path) && self.start_list(path.clone(), None) {
                return;
            }
        }
        if !self.unread.is_empty() {
            let batch = self.unread.drain(..BATCH.min(self.unread.len())).collect();
            return self.start_files(batch);
        }
        if self.lists_again.is_due() {
            let turn = self.lists_again.next % playlists.len().max(1);
            self.lists_again.next = turn + 1;
            if let Some(path) = playlists.get(turn).cloned() {
                let seen = self.lists.get(&path).map(|list| list.seen.clone());
                self.start_list(path, seen);
            }
        } else if self.files_again.is_due() {
            let lists = playlists.iter().filter_map(|path| self.lists.get(path)).map(|list| &list.entries);
            let entries = lists.chain([&self.own.entries]).flatten().skip(self.files_again.next);
            let batch: Vec<PathBuf> = entries.take(BATCH).map(|entry| entry.path.clone()).collect();
            let is_last = batch.len() < BATCH;
            self.files_again.next = if is_last { 0 } else { self.files_again.next + BATCH };
            self.start_files(batch);
        }
    }

    /// Has it read what is known of these files.
    fn start_files(&mut self, files: Vec<PathBuf>) {
        let Some(label) = files.first().cloned() else { return };
        let (sender, news) = bounded(BATCH);
        let left = files.iter().cloned().collect();
        let unread = |file: PathBuf| Unread { before: self.known.get(&file).cloned(), file };
        let (unread, library) = (files.into_iter().map(unread).collect(), self.origins.library.clone());
        let pending = self.files.start(&label, move |job| read_known(job, library.as_ref(), unread, &sender));
        match pending {
            Ok(pending) => self.reading = Some(Reading { pending, news, left }),
            // One that hangs, or a disk that does: the others are read later.
            Err(_) => self.give_up(left),
        }
    }

    /// Has a playlist read. False if that is refused, as for a disk that hangs.
    fn start_list(&mut self, path: PathBuf, seen: Option<Arc<Seen>>) -> bool {
        let (sender, news) = bounded(1);
        let (label, origins) = (path.clone(), self.origins.clone());
        let pending = self.files.start(&label, move |job| read_list(job, &origins, path, seen, &sender));
        self.reading = pending.ok().map(|pending| Reading { pending, news, left: VecDeque::new() });
        self.reading.is_some()
    }

    fn want_tags(&mut self, entries: &[Entry]) {
        let room = MOST_KNOWN.saturating_sub(self.known.len() + self.unread.len());
        let waiting: HashSet<&PathBuf> = self.unread.iter().collect();
        let unknown = entries.iter().map(|entry| &entry.path);
        let unknown = unknown.filter(|path| !self.known.contains_key(*path) && !waiting.contains(path));
        let unknown: Vec<PathBuf> = unknown.take(room).cloned().collect();
        self.unread.extend(unknown);
    }
}

impl Material for Stock {
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks> {
        match playlist {
            None => self.own.tracks.clone(),
            Some(path) => self.lists.get(path).map_or_else(no_tracks, |list| list.tracks.clone()),
        }
    }

    fn file(&self, wanted: &Wanted) -> Result<Track, String> {
        self.finder().find(wanted)
    }
}

impl Material for StockCopy {
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks> {
        match playlist {
            None => self.own.clone(),
            Some(path) => self.lists.get(path).map_or_else(no_tracks, Arc::clone),
        }
    }

    fn file(&self, wanted: &Wanted) -> Result<Track, String> {
        self.finder.find(wanted)
    }
}

impl Again {
    /// Whether the next piece is due. Then it counts as looked at.
    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY);
        if is_due {
            self.looked = Some(now);
        }
        is_due
    }
}

/// The tracks of a playlist that was not read yet.
fn no_tracks() -> Arc<Tracks> {
    Arc::new(Tracks::new(Vec::new(), true, &Home::default()))
}

/// The tracks of a list, as far as they are known.
fn tracks_of(entries: &[Entry], known: &HashMap<PathBuf, Known>, shuffle: bool, home: &Home) -> Arc<Tracks> {
    let track = |entry: &Entry| match known.get(&entry.path) {
        Some(known) => known.track(entry.clone()),
        None => Track::new(entry.clone()),
    };
    Arc::new(Tracks::new(entries.iter().map(track).collect(), shuffle, home))
}

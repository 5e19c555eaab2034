//! What a schedule chooses from, as it lies on disk: playlists and folders, with the tags of their files.
//!
//! Threads `files` read it, one thing at a time. Until something is read, there is nothing of it; until the
//! tags of a file are read, only its name is known.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Receiver, bounded};

use super::reading::{Known, News, find_files, read_list, read_tags_of};
use crate::engine::shared::SharedUpNext;
use crate::filework::{FileWork, Pending};
use crate::library::Library;
use crate::path_text;
use crate::pipeline::lists::found::{Origins, Seen};
use crate::playout::Entry;
use crate::playout::schedule::{Material, Rules, Schedule, Track, Tracks, Wanted};

/// The most files whose tags are known.
const MOST_KNOWN: usize = 200_000;

/// How many files' tags are read at once.
const BATCH: usize = 256;

/// How often it is looked whether playlists have changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a slot waits for the disk of its file.
const SLOT_PATIENCE: Duration = Duration::from_secs(2);

/// How long a start with a stepped clock waits until all is read.
const STEPPED_PATIENCE: Duration = Duration::from_secs(60);

/// The material of one pipeline.
pub(super) struct Stock {
    files: FileWork,
    origins: Origins,
    lists: HashMap<PathBuf, List>,
    own: Own,
    /// What is known of files.
    known: HashMap<PathBuf, Known>,
    /// How many files were known when tracks were made of them last.
    known_in_tracks: usize,
    /// Files whose tags are to be read.
    unread: VecDeque<PathBuf>,
    reading: Option<Reading>,
    /// When it was last looked whether a playlist has changed, and which.
    looked: Option<Instant>,
    turn: usize,
}

/// The material as it was read at one moment. It looks for the files of slots itself.
pub(super) struct StockCopy {
    files: FileWork,
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
}

impl Stock {
    pub fn new(files: FileWork, library: Option<Library>) -> Stock {
        let tracks = Arc::new(Tracks::new(Vec::new(), false));
        Stock {
            files,
            origins: Origins { library, ..Origins::default() },
            lists: HashMap::new(),
            own: Own { seen: None, entries: Vec::new(), tracks },
            known: HashMap::new(),
            known_in_tracks: 0,
            unread: VecDeque::new(),
            reading: None,
            looked: None,
            turn: 0,
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
        let rules = Rules::new(schedule, Duration::ZERO);
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
            let tracks = tracks_of(&entries, &self.known, seen.1);
            self.own = Own { seen: Some(seen), entries, tracks };
        }
    }

    /// A copy for who does not hold what owns this: looking for files takes time.
    pub fn copy(&self) -> StockCopy {
        let lists = self.lists.iter().map(|(path, list)| (path.clone(), list.tracks.clone()));
        StockCopy { files: self.files.clone(), lists: lists.collect(), own: self.own.tracks.clone() }
    }

    fn take_news(&mut self) -> bool {
        let Some(reading) = &self.reading else { return false };
        let is_over = !reading.pending.is_under_way();
        let news: Vec<News> = reading.news.try_iter().collect();
        if is_over {
            self.reading = None;
        }
        let mut has_more = false;
        for news in news {
            match news {
                News::List { path, entries, seen } => {
                    self.want_tags(&entries);
                    let tracks = tracks_of(&entries, &self.known, true);
                    self.lists.insert(path, List { entries, tracks, seen: Arc::new(seen) });
                    has_more = true;
                }
                News::Known { file, known } => _ = self.known.insert(file, known),
            }
        }
        // Not for each batch: the tracks are made again, and what comes next is chosen again.
        let (then, now) = (self.known_in_tracks, self.known.len());
        if now > then && (self.unread.is_empty() || now >= 2 * then) {
            self.known_in_tracks = now;
            has_more = true;
            for list in self.lists.values_mut() {
                list.tracks = tracks_of(&list.entries, &self.known, true);
            }
            self.own.tracks = tracks_of(&self.own.entries, &self.known, self.own.tracks.shuffle);
        }
        has_more
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
            let batch: Vec<PathBuf> = self.unread.drain(..BATCH.min(self.unread.len())).collect();
            let (sender, news) = bounded(BATCH);
            let label = batch[0].clone();
            let pending = self.files.start(&label, move |job| read_tags_of(job, batch, &sender));
            self.reading = pending.ok().map(|pending| Reading { pending, news });
            return;
        }
        let now = Instant::now();
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        self.turn = (self.turn + 1) % playlists.len().max(1);
        if let Some(path) = playlists.get(self.turn).cloned() {
            let seen = self.lists.get(&path).map(|list| list.seen.clone());
            self.start_list(path, seen);
        }
    }

    /// Has a playlist read. False if that is refused, as for a disk that hangs.
    fn start_list(&mut self, path: PathBuf, seen: Option<Arc<Seen>>) -> bool {
        let (sender, news) = bounded(1);
        let (label, origins) = (path.clone(), self.origins.clone());
        let pending = self.files.start(&label, move |job| read_list(job, &origins, path, seen, &sender));
        self.reading = pending.ok().map(|pending| Reading { pending, news });
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

    fn file(&self, wanted: &Wanted<'_>) -> Result<Track, String> {
        find(&self.files, wanted)
    }
}

impl Material for StockCopy {
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks> {
        match playlist {
            None => self.own.clone(),
            Some(path) => self.lists.get(path).map_or_else(no_tracks, Arc::clone),
        }
    }

    fn file(&self, wanted: &Wanted<'_>) -> Result<Track, String> {
        find(&self.files, wanted)
    }
}

/// The tracks of a playlist that was not read yet.
fn no_tracks() -> Arc<Tracks> {
    Arc::new(Tracks::new(Vec::new(), true))
}

/// The file that a slot wants, or why there is none.
fn find(files: &FileWork, wanted: &Wanted<'_>) -> Result<Track, String> {
    let path = wanted.path.to_owned();
    let shown = name_of(&path);
    let found = files.within(wanted.path, SLOT_PATIENCE, move |job| find_files(job, &path));
    let found = found.map_err(|reason| format!("{shown}: {reason}"))?;
    let found = found.map_err(|reason| format!("{shown}: {reason}"))?;
    let is_folder = found.is_folder;
    let (file, written) = found
        .files
        .into_iter()
        .find(|(file, _)| !is_folder || !(wanted.is_played)(file))
        .ok_or_else(|| format!("{shown}: there is no file that was not played"))?;
    let at = SystemTime::from(wanted.at);
    let age = at.duration_since(written).unwrap_or_default();
    if wanted.max_age.is_some_and(|most| age > most) {
        let hours = age.as_secs() / 3600;
        return Err(format!("{}: it is too old: {hours} h", name_of(&file)));
    }
    let own = file.clone();
    let known = files.within(&file, SLOT_PATIENCE, move |_| Known::of(&own));
    let known = known.map_err(|reason| format!("{}: {reason}", name_of(&file)))?;
    Ok(known.track(Entry::new(file)))
}

/// A file or folder as reasons name it, which strangers to the disk read, too.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    path_text::to_text(name.as_ref()).into_owned()
}

/// The tracks of a list, as far as they are known.
fn tracks_of(entries: &[Entry], known: &HashMap<PathBuf, Known>, shuffle: bool) -> Arc<Tracks> {
    let track = |entry: &Entry| match known.get(&entry.path) {
        Some(known) => known.track(entry.clone()),
        None => Track::new(entry.clone()),
    };
    Arc::new(Tracks::new(entries.iter().map(track).collect(), shuffle))
}

//! Has playlists and folders read into the playlist, and again when they change.
//!
//! A thread `lists` reads: it is there while there is something to read. The thread `rounds`, which all
//! pipelines share, has a thread `files` look now and then whether anything has changed.
//!
//! Reads: what a thread `files` finds in playlists and folders. Writes: the entries of the playlist. Never:
//! touches a disk, which may not answer; so another list can be read at any time. Never: delays playing.
//! Playing begins with the first entry that is found, however large the folder.

pub(super) mod found;
mod reader;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::crew::Crew;
use crate::engine::shared::SharedUpNext;
use crate::filework::{FileWork, Job, Pending};
use crate::library::Library;
use crate::path_text;
use crate::playout::{Asked, GiveWay, ListId, When};
use crate::roots::MediaRoots;
use crate::staff::Round;
use reader::{Due, Reader};

/// How long a start waits for the first entry. A working disk is quicker.
const FIRST_ENTRY: Duration = Duration::from_secs(1);

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
    /// How the track on the air gives way to it, if it is to come now.
    pub give_way: GiveWay,
    /// What had been ordered when it was asked for.
    pub asked: Asked,
    /// Dropped when playing can begin, or when no entry was found.
    pub ready: Option<Sender<()>>,
    /// Dropped when everything has been read.
    pub read: Option<Sender<()>>,
}

impl Load {
    /// A list that plays after the current track. Its name is its first root.
    pub fn new(roots: Vec<PathBuf>, repeat: bool, shuffle: bool) -> Load {
        let name = roots.first().map_or_else(String::new, |root| path_text::to_text(root).into_owned());
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
            give_way: GiveWay::Crossfade(Duration::ZERO),
            asked: Asked::default(),
            ready: None,
            read: None,
        }
    }
}

/// The lists of a pipeline, or of its fallback.
pub(super) struct Lists {
    /// The list to read next. A later one takes the place of one that was not read yet.
    loads: Sender<Load>,
    unread: Receiver<Load>,
    up_next: Arc<SharedUpNext>,
    files: FileWork,
    crew: Arc<Crew>,
    ending: Arc<AtomicBool>,
    at_rest: Mutex<AtRest>,
    /// For its threads.
    own: Weak<Lists>,
}

struct AtRest {
    /// `None` while the thread has it.
    reader: Option<Reader>,
    /// Whether there is a thread that reads.
    reading: bool,
    /// The look whether anything has changed on disk.
    looking: Option<Pending<()>>,
}

impl Lists {
    pub fn new(
        pipeline: Arc<str>,
        up_next: Arc<SharedUpNext>,
        media_roots: MediaRoots,
        files: FileWork,
        crew: Arc<Crew>,
        library: Option<Library>,
    ) -> Arc<Lists> {
        let (loads, unread) = bounded(1);
        let ending = Arc::new(AtomicBool::new(false));
        let (own, in_reader, work) = (up_next.clone(), unread.clone(), files.clone());
        let reader = Reader::new(pipeline, own, (media_roots, library), work, in_reader, ending.clone());
        let at_rest = Mutex::new(AtRest { reader: Some(reader), reading: false, looking: None });
        Arc::new_cyclic(|own| Lists {
            loads,
            unread,
            up_next,
            files,
            crew,
            ending,
            at_rest,
            own: own.clone(),
        })
    }

    /// Has a list read. It returns at once.
    pub fn load(&self, mut load: Load) {
        let mut at_rest = self.lock();
        if self.ending.load(Ordering::Relaxed) {
            return;
        }
        let unread = self.unread.try_recv().ok();
        load.asked = self.up_next.lock().asked();
        load.before = unread.and_then(|mut unread| unread.before.take().or(Some(Box::new(unread))));
        // There is room, for whoever sends has the lock.
        let _ = self.loads.try_send(load);
        self.read(&mut at_rest);
    }

    /// Starts the thread that reads, unless it reads already. If none can be had, the next round tries again.
    fn read(&self, at_rest: &mut AtRest) {
        at_rest.looking = None;
        if at_rest.reading || self.ending.load(Ordering::Relaxed) {
            return;
        }
        let Some(lists) = self.own.upgrade() else { return };
        let begun = self.crew.spawn("lists", move || lists.read_until_done());
        at_rest.reading = begun.inspect_err(|error| log::error!("a playlist is read later: {error}")).is_ok();
    }

    /// What the thread does.
    fn read_until_done(&self) {
        let Some(mut reader) = self.lock().reader.take() else { return };
        loop {
            reader.read();
            let mut at_rest = self.lock();
            // Another list may have come since.
            if self.unread.is_empty() || self.ending.load(Ordering::Relaxed) {
                (at_rest.reader, at_rest.reading) = (Some(reader), false);
                return;
            }
        }
    }

    /// Has the first list read, and waits a moment for its first entry, so that playing begins
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

    /// Nothing is read any more.
    pub fn stop(&self) {
        self.ending.store(true, Ordering::Relaxed);
        self.lock().looking = None;
        // Whoever waits for it is told.
        drop(self.unread.try_recv());
    }

    fn lock(&self) -> MutexGuard<'_, AtRest> {
        self.at_rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Round for Lists {
    /// Has the list read if that is due, else looks whether it has changed.
    fn look(&self) {
        let mut at_rest = self.lock();
        let due = match &at_rest.reader {
            Some(_) if !self.unread.is_empty() => Due::Reading,
            Some(reader) => reader.due(),
            None => Due::Nothing,
        };
        match due {
            Due::Nothing => {}
            Due::Reading => self.read(&mut at_rest),
            // The last look has not ended: its disk does not answer.
            Due::Look { .. } if at_rest.looking.as_ref().is_some_and(Pending::is_under_way) => {}
            Due::Look { watch, label } => {
                let lists = self.own.clone();
                let look = move |job: &Arc<Job>| {
                    // Each look is progress: a large library on a slow disk does not hang.
                    let changed = watch.changed_while(|| {
                        job.step();
                        !job.is_abandoned()
                    });
                    if let Some(lists) = lists.upgrade().filter(|_| changed && !job.is_abandoned()) {
                        lists.read(&mut lists.lock());
                    }
                };
                // A disk that does not answer has not changed it.
                at_rest.looking = self.files.start(&label, look).ok();
            }
        }
    }
}

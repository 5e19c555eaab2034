//! The thread `lists`: has playlists and folders read into the playlist, and again when they change.
//!
//! Reads: what a thread `files` finds in playlists and folders. Writes: the entries of the playlist. Never:
//! touches a disk, which may not answer; so another list can be read at any time. Never: delays playing.
//! Playing begins with the first entry that is found, however large the folder.

mod reader;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::crew::Crew;
use crate::engine::shared::SharedUpNext;
use crate::error::Result;
use crate::filework::FileWork;
use crate::path_text;
use crate::playout::{Asked, GiveWay, ListId, When};
use crate::roots::MediaRoots;
use reader::Reader;

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

/// The handle to the thread. Dropping it ends the thread.
pub(super) struct Lists {
    /// The list to read next. A later one takes the place of one that was not read yet.
    loads: Mutex<Option<(Sender<Load>, Receiver<Load>)>>,
    up_next: Arc<SharedUpNext>,
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
        let reader =
            Reader::new(pipeline, up_next.clone(), media_roots, files, receiver.clone(), ending.clone());
        crew.spawn("lists", move || reader.run())?;
        Ok(Lists { loads: Mutex::new(Some((loads, receiver))), up_next, ending })
    }

    /// Makes the thread read a list. It returns at once.
    pub fn load(&self, mut load: Load) {
        if let Some((loads, unread)) = &*self.lock() {
            let unread = unread.try_recv().ok();
            load.asked = self.up_next.lock().asked();
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

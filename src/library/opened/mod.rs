//! An opened library: a database of the tracks in some folders, kept the same as the folders.
//!
//! | thread | in | does |
//! |---|---|---|
//! | `library` | `writer.rs` | writes the database |
//! | `library-scan` | `scan/` | finds out what has changed in the folders |
//! | `library-hear` | `hearing.rs` | has tracks listened to |
//! | `library-plays` | `plays.rs` | notes which tracks the station plays |
//! | `library-watch` | `watch.rs` | is told of changes in the folders, where the system tells |
//!
//! Whoever reads has a connection of their own (`readers.rs`) and waits for nobody. A database that is
//! sick costs the library, not the stream: what can be wrong is in `database/trouble.rs`, what is done
//! about it in `writer.rs`.

mod playlists;
mod search;
mod status;
mod track;

mod fault;
mod hearing;
mod inbox;
mod ingredients;
mod plays;
mod readers;
mod scan;
mod schema;
mod shared;
mod watch;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Sender, bounded};
pub use inbox::{Inbox, InboxFile, InboxLimits, InboxUpload};
pub(crate) use ingredients::AddedIngredients;
pub(crate) use playlists::playlists_in;
pub use playlists::{Imported, LibraryPlaylist, PlaylistTracks, SmartList, SmartOrder};
pub use search::{Hits, Search};
pub use status::{LibraryState, ScanProgress, ScanResult, ScanState};
pub use track::{Edits, Hearing, Track};

use crate::error::{Error, Result};
use crate::event::{EventKind, EventReceiver, StationEvent};
use crate::filework::Pending;
use crate::health::Warning;
use crate::library::LibrarySettings;
use crate::listening::Waveform;
use crate::metadata::Tags;
use crate::playout::TrackHeard;
use crate::setting::Settings;
use crate::thread::Worker;
use hearing::Listening;
use plays::Plays;
use readers::{Readers, View};
use scan::{Scan, Scanner};
use shared::{Repair, Shared, lock};
use writer::Orders;

/// Scans that wait for the thread. Changes that find no room are noticed by the next scan of everything.
const MAX_SCANS: usize = 1_024;

/// How long the threads have to end when the last handle is dropped.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// A database of the tracks in some folders.
///
/// A handle: cheap to clone, and usable on any thread. Calls that read wait for no writer; calls that change
/// something return when the change is on the disk, or after five seconds with an error. The library is
/// closed when its last handle is dropped.
#[derive(Clone)]
pub struct Library {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    orders: Orders,
    readers: Readers,
    scans: Sender<Scan>,
    threads: Mutex<Vec<Worker>>,
    inbox: Option<Inbox>,
    /// Removes what a crash has left in the inbox.
    cleaning: Mutex<Option<Pending<()>>>,
}

impl Library {
    /// Opens a library, on threads of its own. It waits for no disk: what is wrong with the database is told
    /// by the calls that need it, and by [`problems`](Library::problems). A database that is damaged is set
    /// aside, and a new one is made. Nothing is scanned yet.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot work, [`Error::Io`] if the system gives no thread.
    pub fn open(settings: &LibrarySettings) -> Result<Library> {
        Library::open_with(settings, Repair::SetAside)
    }

    /// The same for somebody who looks at it. A database that is damaged stays where it is, and the calls
    /// that need it say so.
    ///
    /// # Errors
    /// As for [`open`](Library::open).
    pub fn open_as_it_is(settings: &LibrarySettings) -> Result<Library> {
        Library::open_with(settings, Repair::Never)
    }

    fn open_with(settings: &LibrarySettings, repair: Repair) -> Result<Library> {
        settings.check()?;
        settings.check_inbox()?;
        let shared = Arc::new(Shared::new(settings, repair));
        let (orders, write) = writer::writer(&shared);
        let readers = Readers::new(&shared);
        let (scans, asked) = bounded(MAX_SCANS);
        let inbox = Inbox::of(&shared.settings, &scans);
        let (threads, cleaning) = Default::default();
        let inner = Inner { shared, orders, readers, scans, threads, inbox, cleaning };
        let scanner = Scanner {
            shared: Arc::clone(&inner.shared),
            orders: inner.orders.clone(),
            readers: inner.readers.clone(),
            asked,
        };
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = Worker::spawn(name, run).map_err(Error::io("starting a thread"))?;
            lock(&inner.threads).push(thread);
            Ok::<_, Error>(())
        };
        start("library", Box::new(write))?;
        start("library-scan", Box::new(move || scanner.run()))?;
        Ok(Library { inner: Arc::new(inner) })
    }

    /// Keeps the database the same as the folders from now on: scans them now, whenever the system tells of a
    /// change, and each time that [`poll`](LibrarySettings::poll) has passed.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub fn follow(&self) -> Result<()> {
        if !self.inner.shared.follows.swap(true, Ordering::Relaxed) {
            let thread = watch::start(&self.inner.shared, &self.inner.scans);
            lock(&self.inner.threads).push(thread.map_err(Error::io("starting a thread"))?);
            if self.inner.shared.settings.analyse {
                self.listen()?;
            }
            if let Some(inbox) = self.inbox() {
                let own = inbox.clone();
                let cleaning = self.inner.shared.files.start(inbox.folder(), move |_| own.clean());
                *lock(&self.inner.cleaning) = cleaning.ok();
            }
        }
        Ok(())
    }

    /// Has each track listened to that nobody has listened to yet, by a thread of the lowest priority, as
    /// long as the library is open. It is done while no scan runs.
    ///
    /// # Errors
    /// [`Error::Io`] if the system gives no thread.
    pub fn listen(&self) -> Result<()> {
        if !self.inner.shared.listens.swap(true, Ordering::Relaxed) {
            let Inner { shared, orders, readers, .. } = &*self.inner;
            let (shared, orders, readers) = (Arc::clone(shared), orders.clone(), readers.clone());
            let hearing = Listening { shared, orders, readers, left_alone: Vec::new() };
            let thread = Worker::spawn("library-hear", move || hearing.run());
            lock(&self.inner.threads).push(thread.map_err(Error::io("starting a thread"))?);
        }
        Ok(())
    }

    /// The folder into which users send shows. `None`: there is none.
    pub fn inbox(&self) -> Option<Inbox> {
        self.inner.inbox.clone()
    }

    /// A picture of a track. `None` if nobody has listened to it yet.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such track, [`Error::NoAnswer`] if the database cannot be read.
    pub fn waveform(&self, id: i64) -> Result<Option<Waveform>> {
        self.inner.readers.read(move |view| track::waveform(view.connection, id))
    }

    /// Scans all folders, and waits for the result, however long it takes. `look` is called four times a
    /// second meanwhile.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many scans wait already; [`Error::NoAnswer`] if the database cannot be used,
    /// [`Error::Stopped`] if the library was closed meanwhile.
    pub fn scan(&self, look: &mut dyn FnMut(ScanProgress)) -> Result<ScanResult> {
        // Tells what is wrong with the database.
        self.inner.readers.read(|_| Ok(()))?;
        let (sender, result) = bounded(1);
        let asked = self.inner.scans.try_send(Scan::All(Some(sender)));
        asked.map_err(|_| Error::Busy("scan of the library"))?;
        loop {
            match result.recv_timeout(Duration::from_millis(250)) {
                Ok(result) => return Ok(result),
                Err(error) if error.is_disconnected() => return Err(Error::Stopped("library")),
                Err(_) => {
                    if let ScanState::Running(progress) = &lock(&self.inner.shared.scanning).state {
                        look(*progress);
                    }
                }
            }
        }
    }

    /// Has all folders scanned, and does not wait.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many scans wait already.
    pub fn start_scan(&self) -> Result<()> {
        let asked = self.inner.scans.try_send(Scan::All(None));
        asked.map_err(|_| Error::Busy("scan of the library"))
    }

    /// Lets scanning and listening rest, until [`resume`](Library::resume). What is known already can be
    /// used.
    pub fn pause(&self) {
        self.inner.shared.paused.store(true, Ordering::Relaxed);
    }

    /// Lets scanning and listening go on where they were.
    pub fn resume(&self) {
        self.inner.shared.paused.store(false, Ordering::Relaxed);
    }

    /// Searches as one types.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be read.
    pub fn search(&self, search: &Search) -> Result<Hits> {
        let search = search.clone();
        self.inner.readers.read(move |view| search::search(view, &search))
    }

    /// The track with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::NoAnswer`] if the database cannot be read.
    pub fn track(&self, id: i64) -> Result<Track> {
        self.inner.readers.read(move |view| track::by_id(view.connection, view.folders, id))
    }

    /// The track in this file. `None` if the library does not have it.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be read.
    pub fn track_at(&self, path: &Path) -> Result<Option<Track>> {
        let path = path.to_owned();
        self.inner.readers.read(move |view| {
            let id = track::id_at(view.connection, view.folders, &path)?;
            id.map(|id| track::by_id(view.connection, view.folders, id)).transpose()
        })
    }

    /// Changes what a person says of a track: `change` gets what was said before. It may be called more than
    /// once.
    ///
    /// # Errors
    /// What `change` refuses; [`Error::Setting`] for values that cannot be, [`Error::NotFound`] for a
    /// track that is not there, [`Error::NoAnswer`] if the database cannot be written. Nothing has
    /// changed then.
    pub fn edit(
        &self,
        id: i64,
        mut change: impl FnMut(&mut Edits) -> Result<()> + Send + 'static,
    ) -> Result<Track> {
        self.inner.orders.ask(move |connection| track::edit(connection, id, &mut change))?;
        self.track(id)
    }

    /// Notes that the track in this file was played at this time. A file that is not in the library is
    /// ignored.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be written.
    pub fn played(&self, path: &Path, at: SystemTime) -> Result<()> {
        match plays::find(&self.inner.readers, path)? {
            Some(id) => self.inner.orders.ask(move |connection| plays::count(connection, id, at)),
            None => Ok(()),
        }
    }

    /// Notes the plays of a station from now on.
    pub(crate) fn note_plays(
        &self,
        subscribe: impl FnOnce(fn(EventKind) -> bool) -> EventReceiver<StationEvent>,
    ) -> Result<()> {
        let Inner { shared, orders, readers, threads, .. } = &*self.inner;
        let (shared, orders, readers) = (Arc::clone(shared), orders.clone(), readers.clone());
        let events = subscribe(|kind| kind == EventKind::TrackChange);
        let plays = Plays { shared, orders, readers, events };
        let thread = Worker::spawn("library-plays", move || plays.run());
        lock(threads).push(thread.map_err(Error::io("starting a thread"))?);
        Ok(())
    }

    /// What is known of how a file sounds: by what was heard, and by what a person says. `None` if
    /// nothing is.
    pub fn heard(&self, path: &Path) -> Option<TrackHeard> {
        let known = self.track_at(path).ok().flatten()?.heard();
        (known != TrackHeard::default()).then_some(known)
    }

    /// Puts the artist and the title that a person has set in place of those in the tags of a file. They stay
    /// as they are if the database cannot be read.
    pub(crate) fn correct(&self, path: &Path, tags: &mut Tags) {
        if let Ok(Some(track)) = self.track_at(path) {
            track.edits.correct(tags);
        }
    }

    /// The tags of these files, in which the artist and the title that a person has set go first, and how
    /// they sound. `None` for a file that is not in the library. It does not wait for a database that is
    /// being opened.
    pub(crate) fn known_at(&self, paths: Vec<PathBuf>) -> Result<Vec<Option<(Tags, TrackHeard)>>> {
        let known = move |view: &View<'_>| paths.iter().map(|path| track::known_at(view, path)).collect();
        self.inner.readers.read_if_open(known)
    }

    /// The tracks whose files cannot be played, each with its problem: the first of them.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be read.
    pub fn unplayable(&self, limit: usize) -> Result<Vec<Track>> {
        self.inner.readers.read(move |view| track::unplayable(view, limit))
    }

    /// How it is doing.
    ///
    /// # Errors
    /// [`Error::NoAnswer`] if the database cannot be read.
    pub fn state(&self) -> Result<LibraryState> {
        let counted = self.inner.readers.read(|view| status::count(view.connection))?;
        let shared = &self.inner.shared;
        let scan = lock(&shared.scanning).state.clone();
        Ok(LibraryState {
            scan,
            paused: shared.paused.load(Ordering::Relaxed),
            problems: self.problems(),
            ..counted
        })
    }

    /// What is wrong with the database and the folders, each in a sentence. The station goes on without them.
    pub fn problems(&self) -> Vec<String> {
        self.warnings().into_iter().map(|warning| warning.whole).collect()
    }

    /// The same, as strangers may read it, too.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        self.inner.shared.warnings()
    }

    /// The settings, with absolute paths.
    pub fn settings(&self) -> &LibrarySettings {
        &self.inner.shared.settings
    }

    /// A number that is different after each change of the database by this library.
    pub(crate) fn changes(&self) -> u64 {
        self.inner.shared.changes.load(Ordering::Acquire)
    }

    /// Closes it: no call is carried out any more. Returns the threads that hang.
    pub(crate) fn close(&self, deadline: Instant) -> Vec<String> {
        self.inner.close(deadline)
    }
}

impl Inner {
    fn close(&self, deadline: Instant) -> Vec<String> {
        self.shared.ending.store(true, Ordering::Relaxed);
        let threads = lock(&self.threads);
        let stuck = threads.iter().filter(|thread| !thread.join_before(deadline));
        let mut stuck: Vec<String> = stuck.map(|thread| thread.name.clone()).collect();
        self.readers.close();
        stuck.extend(self.shared.files.join(deadline));
        stuck
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close(Instant::now() + ENDS_WITHIN);
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("database", &self.inner.shared.settings.database)
            .finish_non_exhaustive()
    }
}

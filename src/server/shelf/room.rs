//! A room of the shelf, for whoever fills it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::channel::Sender;

use super::Swap;
use crate::counters::counters;
use crate::error::{Error, Result};
use crate::ring::Doorbell;
use crate::server::Server;
use crate::server::mounts::path::belongs;
use crate::server::reactor::Command;

/// The declaration of a room.
#[derive(Clone, Debug)]
pub(crate) struct RoomSettings {
    /// Under which path its listeners are counted, in events and in lists.
    pub(crate) name: String,
    /// The paths that belong to it. One that ends with a slash stands for all below it.
    pub(crate) paths: Vec<String>,
    /// A client counts as a listener until it has asked for no playlist for so long. `None`: nobody is
    /// counted.
    pub(crate) counted_for: Option<Duration>,
}

counters! {
    /// Who listens from a room, and what was asked for.
    #[derive(Clone, Copy, Debug)]
    pub struct HlsCounters {}

    /// What the reactor counts for one room.
    pub(crate) struct RoomCounters {}

    counted {
        /// Listeners now: sessions that have asked for a playlist lately.
        listeners: Gauge of listeners,
        /// The most listeners at once.
        listener_peak: Gauge of listeners,
        /// Sessions that have begun.
        joins: Counter of listeners,
        /// Requests that were answered with an object.
        requests: Counter of requests,
        /// Requests for what was gone, or not there yet.
        missed: Counter of requests,
        /// Bytes of the answers with an object, heads included.
        bytes_sent: Counter of bytes,
        /// Packets that are in no segment: the thread that makes segments was away for too long, or they
        /// overlapped others.
        lost_packets: Counter of packets,
    }
}

/// What the reactor and the holder of a room share.
#[derive(Debug)]
pub(crate) struct RoomBoard {
    pub(crate) name: Arc<str>,
    pub(crate) paths: Vec<String>,
    /// In milliseconds; zero: nobody is counted.
    counted_for: AtomicU64,
    /// The mounts that are heard from it, those first that players begin with.
    mounts: ArcSwap<Vec<String>>,
    pub(crate) counters: RoomCounters,
}

/// A room, to be filled from any thread. Dropping it takes all that is in it off the shelf. It does not keep
/// the server running.
pub(crate) struct Room {
    commands: Sender<Command>,
    doorbell: Arc<Doorbell>,
    rooms: Rooms,
    board: Arc<RoomBoard>,
}

/// The rooms of a server, for the handles. The reactor has its own list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms(Arc<Mutex<Vec<Arc<RoomBoard>>>>);

impl Rooms {
    /// Whether there is one of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.list().iter().any(|room| *room.name == *name)
    }

    /// The name of the one to which a path belongs.
    pub(crate) fn at(&self, path: &str) -> Option<Arc<str>> {
        self.list().iter().find(|room| room.has(path)).map(|room| room.name.clone())
    }

    /// The names of those from which this mount is heard.
    pub(crate) fn carrying(&self, mount: &str) -> Vec<String> {
        let rooms = self.list();
        let carrying = rooms.iter().filter(|room| room.mounts.load().iter().any(|carried| carried == mount));
        carrying.map(|room| room.name.to_string()).collect()
    }

    /// Those whose listeners are counted.
    #[cfg(feature = "library")]
    pub(crate) fn counted(&self) -> Vec<Arc<RoomBoard>> {
        self.list().iter().filter(|room| room.counted_for().is_some()).cloned().collect()
    }

    /// The paths of all of them.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.list().iter().flat_map(|room| room.paths.clone()).collect()
    }

    fn list(&self) -> MutexGuard<'_, Vec<Arc<RoomBoard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RoomBoard {
    pub(super) fn new(settings: RoomSettings) -> RoomBoard {
        let RoomSettings { name, paths, counted_for } = settings;
        let board = RoomBoard {
            name: name.into(),
            paths,
            counted_for: AtomicU64::new(0),
            mounts: ArcSwap::default(),
            counters: RoomCounters::default(),
        };
        board.count_for(counted_for);
        board
    }

    /// Whether this path belongs to it.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|own| belongs(path, own))
    }

    /// For how long a client counts as a listener that asks for nothing. `None`: nobody is counted.
    pub(crate) fn counted_for(&self) -> Option<Duration> {
        let millis = self.counted_for.load(Ordering::Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// The same from now on.
    pub(crate) fn count_for(&self, time: Option<Duration>) {
        let millis = time.map_or(0, |time| time.as_millis() as u64);
        self.counted_for.store(millis, Ordering::Relaxed);
    }

    /// Counts packets that are in no segment.
    pub(crate) fn lose(&self, packets: u64) {
        if packets > 0 {
            self.counters.lost_packets.add_shared(packets);
        }
    }

    /// These mounts are heard from it from now on.
    pub(crate) fn carry(&self, mounts: Vec<String>) {
        self.mounts.store(Arc::new(mounts));
    }

    /// The mount with which players begin.
    pub(crate) fn begins_with(&self, mount: &str) -> bool {
        self.mounts.load().first().is_some_and(|first| first == mount)
    }

    pub(crate) fn snapshot(&self) -> HlsCounters {
        self.counters.copy()
    }
}

impl Room {
    /// Changes what it has, whole.
    pub(crate) fn swap(&self, swap: Swap) {
        debug_assert!(swap.put.iter().all(|(path, _)| self.board.has(path)), "{swap:?}");
        self.tell(Command::Shelve(self.board.clone(), swap));
    }

    /// Sends the reactor a command, and does not wait for it. A reactor that is gone has no shelf.
    fn tell(&self, command: Command) {
        if self.commands.send(command).is_ok() {
            self.doorbell.ring();
        }
    }

    /// Its counters.
    pub(crate) fn board(&self) -> &Arc<RoomBoard> {
        &self.board
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.board.fmt(f)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.rooms.list().retain(|other| !Arc::ptr_eq(other, &self.board));
        self.tell(Command::CloseRoom(self.board.clone()));
    }
}

impl Server {
    /// Opens a room of the shelf. Its paths answer 503 until it has something, and 404 from then on where it
    /// has nothing. It may take the place of another one, `instead`: what that has stays until it is closed,
    /// as far as this one has nothing there.
    ///
    /// # Errors
    /// [`Error::Exists`] if a mount or another room has one of the paths; [`Error::Stopped`].
    pub(crate) fn open_room(&self, settings: RoomSettings, instead: Option<&Arc<RoomBoard>>) -> Result<Room> {
        let board = Arc::new(RoomBoard::new(settings));
        if let Some(mount) = self.inner.registry.all().iter().find(|mount| board.has(&mount.path)) {
            return Err(Error::Exists(format!("the mount {}", mount.path)));
        }
        let meets = |other: &Arc<RoomBoard>| {
            // There may be one more whose place that had taken.
            let gives_way = instead.is_some_and(|instead| instead.name == other.name);
            let paths = board.paths.iter().any(|path| other.has(path));
            !gives_way && (paths || other.paths.iter().any(|path| board.has(path)))
        };
        if let Some(other) = self.inner.rooms.list().iter().find(|other| meets(other)) {
            return Err(Error::Exists(other.name.to_string()));
        }
        self.inner.ask(|reply| Command::OpenRoom(board.clone(), reply))?;
        let (commands, doorbell) = (self.inner.commands.clone(), Arc::clone(&self.inner.doorbell));
        self.inner.rooms.list().push(board.clone());
        Ok(Room { commands, doorbell, rooms: self.inner.rooms.clone(), board })
    }
}

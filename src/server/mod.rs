//! Serves every mount to its listeners from one reactor thread.
//!
//! A [`Server`] is a handle. It can be cloned and used on any thread. It sends the reactor commands through a
//! queue, with a doorbell. It reads the reactor's counters without a lock, so neither waits for the other.

mod client_address;
mod connections;
mod crowding;
mod denials;
mod desk;
mod listener_info;
mod mount_settings;
mod mounts;
mod page;
mod reactor;
mod reconfigure;
mod reports;
mod services;
mod settings;
mod shelf;
#[cfg(test)]
mod stalls;
#[cfg(feature = "library")]
mod stream_listeners;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use crossbeam::channel::{Sender, bounded, unbounded};
use mio::net::TcpListener;
use mio::{Poll, Waker};

use crate::error::{Error, Result};
use crate::event::{Emitter, EventKind, EventReceiver, Hub, Receivers, StationEvent};
use crate::health::{Health, ProblemKind, Warning};
use crate::ring::{Doorbell, handoff};
use crate::staff::Staff;
use crate::thread::Worker;
use connections::limits::Limits;
use connections::sockets;
use crowding::Crowding;
use denials::Denials;
use desk::Desk;
use desk::service::Outbox;
use mounts::event_backlog::EventBacklog;
use mounts::info::MountBoard;
use mounts::mount::Mount;
use mounts::writer::{self, Registry};
use page::ShownPage;
use reactor::{Acceptor, Command, Protocol, Reactor, WAKER};
use reports::access::Access;
use reports::journal::journal;
use reports::stats::Counters;
use shelf::Rooms;

pub use client_address::{Addresses, ClientAddress, ShownAddress};
#[doc(hidden)]
pub use connections::connection::{SourceDialogue, read_source};
pub use denials::Denial;
pub use desk::http_request::{Following, HttpRequest};
pub use desk::service::{Requests, RequestsBell};
pub use listener_info::ListenerInfo;
pub use mount_settings::MountSettings;
pub use mounts::audio::AudioWriter;
pub(crate) use mounts::event_stream::EventRoom;
pub use mounts::event_stream::EventStream;
pub(crate) use mounts::fallbacks::check as check_fallback;
pub use mounts::info::{MountInfo, TitleInfo};
pub(crate) use mounts::path::{belongs, reserved};
pub(crate) use mounts::writer::FallbackRule;
pub use mounts::writer::MountWriter;
pub(crate) use page::PAGE;
pub use page::{Colour, PageLink, PageSettings};
pub use reports::stats::ServerStats;
pub use settings::{AccessLog, Burst, ServerSettings};
pub use shelf::HlsCounters;
pub(crate) use shelf::{PARAMETER as SESSION_PARAMETER, Room, RoomBoard, RoomSettings, ShelfObject, Swap};
#[cfg(feature = "library")]
pub(crate) use stream_listeners::StreamListeners;

/// The port if the settings name none.
const DEFAULT_PORT: u16 = 8000;
/// The time that a stop may take. A thread that has not ended by then is abandoned.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// The time of it that the access log may take at its end. A disk that works needs far less.
const LAST_LINES: Duration = Duration::from_millis(500);

/// One reading of the clocks. Each turn of the reactor's loop takes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Moment {
        Moment { instant: Instant::now(), wall: SystemTime::now() }
    }
}

/// A running server. Clones are handles of the same server. It ends with [`stop`](Server::stop), or when its
/// last handle is dropped.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    /// The settings at the start. A reconfigure does not change them, so only what needs a restart may be
    /// read here: `burst` and `write_timeout`, which give the sizes of backlogs, and `icy_mount`.
    started_with: ServerSettings,
    addresses: Vec<SocketAddr>,
    icy_addresses: Vec<SocketAddr>,
    commands: Sender<Command>,
    /// Services answer requests through it.
    outbox: Outbox,
    doorbell: Arc<Doorbell>,
    counters: Arc<Counters>,
    registry: Registry,
    rooms: Rooms,
    page: ShownPage,
    access: Arc<Access>,
    crowding: Arc<Crowding>,
    denials: Denials,
    events: Emitter,
    receivers: Receivers,
    running: Arc<AtomicBool>,
    reactor: Worker,
    /// Dropped at the end of a stop, when the reactor sends nothing more.
    hub: Mutex<Option<Arc<Hub>>>,
    /// Its pipelines hold it.
    staff: Mutex<Weak<Staff>>,
}

/// The outcome of a stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// The names of threads that did not end in time. They were left running.
    pub abandoned: Vec<String>,
}

impl Server {
    /// Starts a server. It listens when this returns. Otherwise the error names the port that cannot be used,
    /// or the setting that cannot work.
    pub fn start(settings: ServerSettings) -> Result<Server> {
        Server::start_expecting(settings, &[])
    }

    /// Starts a server for mounts and services that are added later. Until then their paths answer 503 with
    /// Retry-After, and not 404, which players and directories take for "gone". See
    /// [`expect`](Server::expect).
    ///
    /// # Errors
    /// As for [`start`](Server::start).
    pub fn start_expecting(settings: ServerSettings, paths: &[&str]) -> Result<Server> {
        settings.check()?;
        let limits = Limits::claim(settings.max_listeners, settings.max_event_clients, settings.max_sources)?;
        let proxies = settings.proxies()?;
        let (mut acceptors, addresses) = listen(&settings.listens_at(), &Protocol::Http)?;
        let icy = Protocol::Icy(settings.icy_mount.as_str().into());
        let (icy_acceptors, icy_addresses) = listen(&settings.icy_listen, &icy)?;
        acceptors.extend(icy_acceptors);

        let failed = || Error::io("starting the reactor");
        let poll = Poll::new().map_err(failed())?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(failed())?;
        let doorbell = Arc::new(Doorbell::new(move || {
            // This fails only if the reactor is gone. Then there is nothing to wake.
            let _ = waker.wake();
        }));
        let (commands, inbox) = unbounded();
        let (deliveries, answers) = unbounded();
        let counters = Arc::new(Counters::default());
        let outbox = Outbox::new(deliveries, Arc::clone(&doorbell), Arc::clone(&counters));
        let running = Arc::new(AtomicBool::new(true));
        let access = Arc::new(Access::start(&settings, Arc::clone(&counters))?);
        let (writer, journal) = journal(Arc::clone(&access));
        let [note, line] = [writer.clone(), writer.clone()];
        let journal =
            Worker::spawn("journal", move || journal.run()).map_err(Error::io("starting a thread"))?;
        let hub = Arc::new(Hub::start(Box::new(move |level, text| line.note(level, text)), journal)?);
        let events = hub.emitter();
        let crowding = Arc::<Crowding>::default();
        let reactor = Reactor::new(
            poll,
            acceptors,
            reactor::Ports {
                commands: inbox,
                answers,
                doorbell: Arc::clone(&doorbell),
                counters: Arc::clone(&counters),
                journal: writer,
                events: events.clone(),
            },
            &settings,
            Desk::new(proxies, owned(paths)),
            limits,
            Arc::clone(&crowding),
        )
        .map_err(failed())?;

        let still_running = Arc::clone(&running);
        let reactor = Worker::spawn("reactor", move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| reactor.run()));
            still_running.store(false, Ordering::Release);
            if outcome.is_err() {
                note.note(log::Level::Error, "the reactor has panicked: the server is down");
            }
        })
        .map_err(Error::io("starting a thread"))?;
        let registry = Registry::default();
        let inner = Inner {
            started_with: settings,
            addresses,
            icy_addresses,
            commands,
            outbox,
            doorbell,
            counters,
            registry,
            rooms: Rooms::default(),
            page: ShownPage::default(),
            access,
            crowding,
            denials: Denials::default(),
            events,
            receivers: Receivers::default(),
            running,
            reactor,
            hub: Mutex::new(Some(hub)),
            staff: Mutex::default(),
        };
        Ok(Server { inner: Arc::new(inner) })
    }

    /// The addresses where it listens. Port 0 is replaced by the port that the system chose.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.inner.addresses
    }

    /// The addresses where it listens for sources that speak ICY. None if `icy_listen` names none.
    pub fn icy_addrs(&self) -> &[SocketAddr] {
        &self.inner.icy_addresses
    }

    /// The path of a source that speaks ICY and names none.
    pub(crate) fn icy_mount(&self) -> &str {
        &self.inner.started_with.icy_mount
    }

    /// Whether there are fewer sources than `max_sources`.
    pub(crate) fn has_source_seat(&self) -> bool {
        let counters = &self.inner.counters;
        counters.sources.get() < counters.max_sources.get()
    }

    /// Whether the server runs: it has neither stopped nor failed.
    pub fn is_running(&self) -> bool {
        self.inner.running.load(Ordering::Acquire)
    }

    /// Stops the server. The ports are free at once. Listeners get what is due, for two seconds at most. The
    /// threads are joined, within five seconds in all; those of events and of the log go on until the last
    /// pipeline on this server has stopped, too. Stopping it again does nothing.
    pub fn stop(&self) -> StopReport {
        self.stop_before(Instant::now() + STOP_WITHIN)
    }

    pub(crate) fn stop_before(&self, deadline: Instant) -> StopReport {
        self.inner.stop(deadline)
    }

    /// Drops this handle. If it is the last one, the server stops by `deadline`.
    pub(crate) fn release(self, deadline: Instant) -> StopReport {
        Arc::into_inner(self.inner).map(|inner| inner.stop(deadline)).unwrap_or_default()
    }

    /// Whether the server would stop if this handle were dropped now.
    pub(crate) fn is_last_handle(&self) -> bool {
        Arc::strong_count(&self.inner) == 1
    }

    /// Puts a mount on the air. It stays until it is removed, its writer is dropped, or the server stops.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot work, among them a fallback of another content type
    /// or in a circle; [`Error::Exists`] if the path is taken; [`Error::Stopped`].
    pub fn add_mount(&self, settings: MountSettings) -> Result<MountWriter> {
        self.add_mount_by(settings, FallbackRule::Works)
    }

    /// The same by another rule for its fallback.
    pub(crate) fn add_mount_by(
        &self,
        settings: MountSettings,
        fallback: FallbackRule,
    ) -> Result<MountWriter> {
        settings.check()?;
        let inner = &self.inner;
        let board = Arc::new(MountBoard::new(Arc::new(settings), SystemTime::now()));
        if !self.is_running() {
            return Err(Error::Stopped("server"));
        }
        if let Some(room) = inner.rooms.at(&board.path) {
            return Err(Error::Exists(format!("{room}, to which {} belongs,", board.path)));
        }
        inner.registry.add(&board, fallback)?;
        let packets = writer::handoff_packets(&board.settings());
        let (writer, reader) = handoff(packets, Arc::clone(&inner.doorbell));
        let (registry, events) = (inner.registry.clone(), inner.events.clone());
        let writer = MountWriter::new(writer, Arc::clone(&board), registry, events);
        let mount = Mount::new(board, reader, &inner.started_with, Instant::now());
        inner.ask(|reply| Command::AddMount(Box::new(mount), reply))?;
        Ok(writer)
    }

    /// Keeps the settings of a mount for the time when it is off the air: its path leads to its fallback
    /// then.
    pub(crate) fn declare_mount(&self, settings: MountSettings) -> Result<()> {
        self.inner.ask(|reply| Command::Declare(settings.path.clone(), Some(Arc::new(settings)), reply))
    }

    /// Forgets the settings of a declared mount.
    pub(crate) fn forget_mount(&self, path: &str) -> Result<()> {
        self.inner.ask(|reply| Command::Declare(path.to_owned(), None, reply))
    }

    /// The emitter of events that are about no pipeline.
    pub(crate) fn emitter(&self) -> Emitter {
        self.inner.events.clone()
    }

    /// Takes a mount off the air. Its listeners get what is due, then their connections close. Its writer
    /// goes on without effect.
    pub fn remove_mount(&self, path: &str) -> Result<()> {
        let missing = || Error::NotFound(format!("mount {path}"));
        let board = self.inner.registry.find(path).ok_or_else(missing)?;
        self.inner.registry.remove(&board);
        self.inner.ask(|reply| Command::RemoveMount(board, reply))
    }

    /// Everything stops: what was on the air is not gone for good.
    pub(crate) fn expect_all_mounts(&self) {
        let (mounts, rooms) = (self.inner.registry.all(), self.inner.rooms.paths());
        let paths = mounts.iter().map(|board| &*board.path).chain(rooms.iter().map(String::as_str));
        // A server that has stopped answers nothing.
        let _ = self.expect(&paths.collect::<Vec<_>>());
    }

    /// Opens the file of the access log anew, as after its rotation. The daemon does it at SIGUSR1. It does
    /// not wait for the disk; a failure is logged, and the lines go on into the file as it was.
    pub fn reopen_logs(&self) {
        self.inner.access.reopen();
    }

    /// Mounts whose listeners hear nothing of what an application writes, and what an operator should look at. A
    /// server that is stopped is off the air.
    pub fn health(&self) -> Health {
        let crowding = self.inner.crowding.warnings(self.inner.access.rules().addresses);
        let unreadable = self.mounts().into_iter().filter_map(|mount| {
            mount
                .unreadable
                .map(|reason| format!("{} {reason}: its listeners hear nothing", mount.settings.path))
        });
        let mut health = Health::default();
        health.add(ProblemKind::Unreadable, unreadable);
        if !self.is_running() {
            health.add(ProblemKind::OffAir, ["off the air: the server is stopped".into()]);
        }
        health.warn(crowding.into_iter().map(|whole| {
            Warning::new(whole, "an address that may be a proxy has its share, and more of it is refused")
        }));
        health.warn(self.inner.access.warning());
        health
    }

    /// Makes a stream of events, for [`HttpRequest::follow`]. The stream ends when it is dropped.
    ///
    /// # Errors
    /// [`Error::Stopped`] once the server was stopped.
    pub fn event_stream(&self) -> Result<EventStream> {
        self.event_stream_with(EventRoom::CROWD)
    }

    /// The same with more room or less.
    pub(crate) fn event_stream_with(&self, room: EventRoom) -> Result<EventStream> {
        let board = Arc::default();
        let (writer, reader) = handoff(room.waiting, Arc::clone(&self.inner.doorbell));
        let stream = EventBacklog::new(Arc::clone(&board), reader, room);
        self.inner.ask(|reply| Command::AddEvents(Box::new(stream), reply))?;
        Ok(EventStream::new(writer, board))
    }

    /// The number of listeners of one mount, or of all mounts.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such mount; [`Error::Stopped`] once the server was stopped.
    pub fn listener_count(&self, mount: Option<&str>) -> Result<usize> {
        self.check_running()?;
        let count = match mount {
            Some(path) => self.find_mount(path)?.counters.listeners.get(),
            None => self.inner.counters.listeners.get(),
        };
        Ok(count as usize)
    }

    fn find_mount(&self, path: &str) -> Result<Arc<MountBoard>> {
        self.inner.registry.find(path).ok_or_else(|| Error::NotFound(format!("mount {path}")))
    }

    /// An error once it was stopped.
    pub(crate) fn check_running(&self) -> Result<()> {
        if self.is_running() { Ok(()) } else { Err(Error::Stopped("server")) }
    }

    /// The state and the counts of a mount. `None` if there is no such mount.
    pub fn mount_info(&self, path: &str) -> Option<MountInfo> {
        self.inner.registry.find(path).map(|board| self.info(&board))
    }

    /// How far a listener who joins a mount now begins behind it.
    pub(crate) fn burst_of(&self, mount: &MountInfo) -> Duration {
        let (bytes, time) = self.inner.started_with.burst.least();
        let bytes_per_second = mount.position.0 as f64 / mount.duration.as_secs_f64();
        let of_bytes = Duration::try_from_secs_f64(bytes as f64 / bytes_per_second).unwrap_or_default();
        time.max(of_bytes).min(mount.duration)
    }

    /// All mounts, in the order of their paths.
    pub fn mounts(&self) -> Vec<MountInfo> {
        self.inner.registry.all().iter().map(|board| self.info(board)).collect()
    }

    fn info(&self, board: &MountBoard) -> MountInfo {
        MountInfo { hls: self.inner.rooms.carrying(&board.path), ..board.snapshot() }
    }

    /// The statistics of the server since it started.
    pub fn stats(&self) -> ServerStats {
        self.inner.counters.snapshot()
    }

    /// Subscribes to all events from now on: those of this server, and those of all pipelines that run on it.
    /// At most `capacity` events wait to be read; further ones are missed. The receiver is closed when the
    /// server and these pipelines have stopped.
    ///
    /// # Errors
    /// [`Error::Limit`] if it has 256 receivers that have not been dropped.
    pub fn subscribe(&self, capacity: usize) -> Result<EventReceiver<StationEvent>> {
        let receiver = EventReceiver::new(capacity);
        self.inner.receivers.add(receiver.inbox())?;
        self.inner.events.attach(receiver.inbox());
        Ok(receiver)
    }

    /// The same for some kinds of events, or for a reader that waits for other things too: see
    /// [`EventReceiver::notifying`].
    pub(crate) fn subscribe_notifying(
        &self,
        capacity: usize,
        wants: fn(EventKind) -> bool,
        notify: impl Fn(EventKind) + Send + Sync + 'static,
    ) -> EventReceiver<StationEvent> {
        let receiver = EventReceiver::notifying(capacity, wants, notify);
        self.inner.events.attach(receiver.inbox());
        receiver
    }

    /// Waits until the receivers have the events of what has happened before.
    pub(crate) fn settle_events(&self) {
        self.inner.events.settle();
    }

    /// The threads that its pipelines share. They are there as long as one of them holds this.
    pub(crate) fn staff(&self) -> Arc<Staff> {
        let mut staff = self.inner.staff.lock().unwrap_or_else(PoisonError::into_inner);
        staff.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Staff::new());
            *staff = Arc::downgrade(&new);
            new
        })
    }

    /// The hub of events, which also takes the events of this server's pipelines.
    pub(crate) fn hub(&self) -> Result<Arc<Hub>> {
        let hub = self.inner.hub.lock().unwrap_or_else(PoisonError::into_inner);
        hub.clone().ok_or(Error::Stopped("server"))
    }
}

/// Listens at these addresses, and says which they are: port 0 is replaced.
fn listen(addresses: &[SocketAddr], protocol: &Protocol) -> Result<(Vec<Acceptor>, Vec<SocketAddr>)> {
    let listeners = sockets::listen(addresses)?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>();
    let acceptors = listeners.into_iter().map(|listener| Acceptor::new(listener, protocol.clone()));
    Ok((acceptors.collect(), addresses.map_err(Error::io("asking for a local address"))?))
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (addresses, running) = (self.local_addrs(), self.is_running());
        f.debug_struct("Server")
            .field("addresses", &addresses)
            .field("running", &running)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// Sends the reactor a command and waits until it is done.
    fn ask(&self, command: impl FnOnce(Sender<()>) -> Command) -> Result<()> {
        self.ask_for(command)
    }

    /// Sends the reactor a command and waits for its result.
    fn ask_for<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T> {
        let (reply, answer) = bounded(1);
        // A reactor that has ended, or ends now, drops the command and with it the reply.
        let stopped = |_| Error::Stopped("server");
        self.commands.send(command(reply)).map_err(|_| Error::Stopped("server"))?;
        self.doorbell.ring();
        answer.recv().map_err(stopped)
    }

    fn stop(&self, deadline: Instant) -> StopReport {
        if self.commands.send(Command::Stop).is_ok() {
            self.doorbell.ring();
        }
        let mut abandoned = Vec::new();
        if !self.reactor.join_before(deadline) {
            abandoned.push(self.reactor.name.clone());
        }
        let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner).take();
        abandoned.extend(hub.map(|hub| hub.leave(deadline)).unwrap_or_default());
        abandoned.extend(self.access.end(Instant::now() + LAST_LINES));
        for name in &abandoned {
            log::error!("the server's thread {name} did not end in time: left behind");
        }
        StopReport { abandoned }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop(Instant::now() + STOP_WITHIN);
    }
}

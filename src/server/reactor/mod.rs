//! The thread `reactor`: accepts, reads requests, and writes to every listener.
//!
//! Reads: sockets, commands by a queue, packets by the mounts' handoffs; the doorbell wakes it for
//! both. Writes: sockets, counters, and entries for the journal.
//! Never: blocks (but in poll), touches a file, takes a lock that others hold for long, runs user
//! code (so no logging either), allocates for a write, looks at everybody.

mod answers;
mod listing;
mod moves;
mod timers;

use std::io::{ErrorKind, IoSlice, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use log::Level;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::error::CloseReason;
use crate::http::{MAX_HEAD, Status};
use crate::icy::Pieces;
use crate::ring::Doorbell;
use crate::server::Moment;
use crate::server::connections::connection::{Connection, Patience, Site, Want};
use crate::server::connections::limits::Limits;
use crate::server::connections::sockets;
use crate::server::desk::proxies::Proxies;
use crate::server::desk::service::{Delivery, Service};
use crate::server::desk::{Clerk, Desk};
use crate::server::listener_info::Page;
use crate::server::mounts::info::MountBoard;
use crate::server::mounts::listener::Listener;
use crate::server::mounts::mount::{Mount, Mounts};
use crate::server::reports::journal::{JournalWriter, ServerEvent};
use crate::server::reports::stats::Counters;
use crate::server::settings::{MountSettings, ServerSettings};
use timers::Timers;

/// The doorbell's token. Acceptors count down from it, connections up from zero.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// Events taken from the system in one turn.
const EVENTS_A_TURN: usize = 512;
/// Connections accepted in one turn.
const ACCEPTS_A_TURN: usize = 256;
/// Timers served in one turn: a few milliseconds' work, then newcomers and packets have theirs.
const TIMERS_A_TURN: usize = 256;
/// What one connection may do in one turn, in reads, writes and requests.
const STEPS_A_TURN: usize = 32;
/// Places for so many connections are kept when they have gone.
const KEPT_PLACES: usize = 1024;
/// How long accepting rests when there are no descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// When a stop closes what is still open: after the mounts' farewell.
const STOP_AT_LAST: Duration = Duration::from_millis(2_500);

/// What the handles ask of the reactor. It answers when it is done.
pub(crate) enum Command {
    AddMount(Box<Mount>, Sender<()>),
    RemoveMount(Arc<MountBoard>, Sender<()>),
    AddEvents(Box<Mount>, Sender<()>),
    Employ(Service, Sender<()>),
    /// The listeners from this key on.
    Page(usize, Option<String>, Sender<Page>),
    Kick(u64, Sender<bool>),
    Reconfigure(Limits, Box<Proxies>, Sender<()>),
    UpdateMount {
        board: Arc<MountBoard>,
        settings: Arc<MountSettings>,
        ring: Box<[u8]>,
        reply: Sender<()>,
    },
    Stop,
    /// Whatever a test wants to befall it.
    #[cfg(test)]
    Run(Box<dyn FnOnce() + Send>),
}

/// What leads into the reactor and out of it, but for sockets.
pub(crate) struct Ports {
    pub(crate) commands: Receiver<Command>,
    /// What services have answered.
    pub(crate) answers: Receiver<Delivery>,
    pub(crate) doorbell: Arc<Doorbell>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) journal: JournalWriter,
}

pub(crate) struct Reactor {
    poll: Poll,
    ports: Ports,
    acceptors: Vec<Acceptor>,
    /// No descriptors: nothing is accepted before.
    rests_until: Option<Instant>,
    peers: Slab<Peer>,
    /// With fewer peers than this, their places are given back to the system.
    shrink_below: usize,
    timers: Timers,
    mounts: Mounts,
    desk: Desk,
    /// Connections that listen, those included that do not count yet.
    listeners: usize,
    /// Connections that follow streams of events.
    event_clients: usize,
    limits: Limits,
    patience: Patience,
    /// For what is read.
    scratch: Box<[u8]>,
    /// A producer pushed more than a turn takes.
    more_packets: bool,
    /// Everything is closed by then.
    stopping: Option<Instant>,
}

struct Acceptor {
    listener: TcpListener,
    /// Whether somebody may wait: true until accepting would block, because the edge comes once.
    ready: bool,
}

/// A connection with its socket.
struct Peer {
    socket: TcpStream,
    address: SocketAddr,
    connection: Connection,
}

impl Reactor {
    pub(crate) fn new(
        poll: Poll,
        listeners: Vec<TcpListener>,
        ports: Ports,
        settings: &ServerSettings,
        proxies: Proxies,
        limits: Limits,
    ) -> std::io::Result<Reactor> {
        let mut acceptors: Vec<_> =
            listeners.into_iter().map(|listener| Acceptor { listener, ready: true }).collect();
        for (acceptor, token) in acceptors.iter_mut().zip((0..WAKER.0).rev()) {
            poll.registry().register(&mut acceptor.listener, Token(token), Interest::READABLE)?;
        }
        Ok(Reactor {
            poll,
            ports,
            acceptors,
            rests_until: None,
            peers: Slab::new(),
            shrink_below: 0,
            timers: Timers::new(Instant::now()),
            mounts: Mounts::default(),
            desk: Desk::new(proxies),
            listeners: 0,
            event_clients: 0,
            limits,
            patience: Patience {
                header_timeout: settings.header_timeout,
                write_timeout: settings.write_timeout,
            },
            scratch: vec![0; MAX_HEAD].into_boxed_slice(),
            more_packets: false,
            stopping: None,
        })
    }

    /// Until it is told to stop and everything is closed.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        let mut now = Moment::now();
        while !self.is_done(now.instant) {
            let timeout = self.may_sleep(now.instant);
            // (Interrupted by a debugger, say, it has no events, and the turn is an idle one.)
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != ErrorKind::Interrupted
            {
                self.ports.journal.note(Level::Error, format!("the reactor cannot poll: {error}"));
                break;
            }
            now = Moment::now();
            self.turn(&events, now);
            self.ports.counters.turns.add(now.instant.elapsed());
        }
        self.close_all(now);
    }

    /// How long nothing is to be done, if nothing happens; none: for ever.
    fn may_sleep(&self, now: Instant) -> Option<Duration> {
        let until = |instant: Option<Instant>| instant.map(|at| at.saturating_duration_since(now));
        let accepting = match self.rests_until {
            Some(_) => until(self.rests_until),
            None => self.acceptors.iter().any(|acceptor| acceptor.ready).then_some(Duration::ZERO),
        };
        let draining = self.more_packets.then_some(Duration::ZERO);
        let stopping = until(self.stopping);
        [self.timers.idle_for(now), accepting, draining, stopping].into_iter().flatten().min()
    }

    fn is_done(&self, now: Instant) -> bool {
        self.stopping.is_some_and(|until| self.peers.is_empty() || now >= until)
    }

    fn turn(&mut self, events: &Events, now: Moment) {
        let mut rung = false;
        for event in events {
            match event.token() {
                WAKER => rung = true,
                Token(token) if self.peers.contains(token) => self.happened(token, event, now),
                // Nobody's any more, or an acceptor's.
                Token(token) => {
                    if let Some(acceptor) = self.acceptors.get_mut(WAKER.0 - 1 - token) {
                        acceptor.ready = true;
                    }
                }
            }
        }
        // After the events, so that no event of a connection that closed reaches its successor.
        self.accept(now);
        if rung {
            self.ports.doorbell.answer();
            self.obey(now);
        }
        if rung || self.more_packets {
            self.drain(now);
            self.call_followers(now);
        }
        if rung {
            self.deliver(now);
        }
        self.timers.advance(now.instant);
        for _ in 0..TIMERS_A_TURN {
            let Some(key) = self.timers.pop() else { break };
            self.due(key, now);
        }
    }

    fn obey(&mut self, now: Moment) {
        while let Ok(command) = self.ports.commands.try_recv() {
            match command {
                Command::AddMount(mount, reply) => {
                    // Its writer may have gone without our having seen it.
                    if let Some(key) = self.mounts.find(&mount.path) {
                        self.end_mount(key, CloseReason::MountEnded, now);
                    }
                    self.mounts.add(*mount);
                    let _ = reply.send(());
                }
                Command::RemoveMount(board, reply) => {
                    let key = self.mounts.find(&board.path);
                    if let Some(key) = key.filter(|key| Arc::ptr_eq(&self.mounts.get(*key).board, &board)) {
                        self.end_mount(key, CloseReason::MountEnded, now);
                    }
                    let _ = reply.send(());
                }
                Command::AddEvents(stream, reply) => {
                    self.mounts.add_events(*stream);
                    let _ = reply.send(());
                }
                Command::Employ(service, reply) => {
                    self.desk.employ(service);
                    let _ = reply.send(());
                }
                Command::Page(from, mount, reply) => {
                    let _ = reply.send(self.page(from, mount.as_deref(), now));
                }
                Command::Kick(id, reply) => {
                    let _ = reply.send(self.kick(id, now));
                }
                Command::Reconfigure(limits, proxies, reply) => {
                    self.limits = limits;
                    self.desk.set_proxies(*proxies);
                    let _ = reply.send(());
                }
                Command::UpdateMount { board, settings, ring, reply } => {
                    if let Some(mount) = self.mounts.with_board(&board) {
                        self.mounts.get_mut(mount).become_like(settings, ring);
                    }
                    let _ = reply.send(());
                }
                Command::Stop => self.wind_up(now),
                #[cfg(test)]
                Command::Run(run) => run(),
            }
        }
    }

    fn drain(&mut self, now: Moment) {
        let harvest = self.mounts.drain(now);
        self.more_packets = harvest.more;
        for key in harvest.begun {
            self.gather_in(key, now);
        }
        for key in harvest.ended {
            self.end_mount(key, CloseReason::MountEnded, now);
        }
    }

    /// Its listeners get what is due, starting now. (This and a stop look at everybody: they are rare.)
    fn end_mount(&mut self, mount: usize, reason: CloseReason, now: Moment) {
        for (key, peer) in &self.peers {
            if matches!(&peer.connection, Connection::Listening(listener) if listener.mount == mount) {
                self.timers.schedule(key, now.instant);
            }
        }
        self.mounts.end(mount, reason, now);
    }

    fn wind_up(&mut self, now: Moment) {
        if self.stopping.is_some() {
            return;
        }
        self.stopping = Some(now.instant + STOP_AT_LAST);
        // Closes them: the ports are free.
        self.acceptors.clear();
        for key in self.mounts.keys() {
            self.end_mount(key, CloseReason::ServerStopped, now);
        }
        for (key, peer) in &mut self.peers {
            peer.connection.wind_up();
            self.timers.schedule(key, now.instant);
        }
    }

    fn close_all(&mut self, now: Moment) {
        for key in self.peers.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.close(key, CloseReason::ServerStopped, now);
        }
    }

    fn accept(&mut self, now: Moment) {
        if self.rests_until.is_some_and(|until| now.instant < until) {
            return;
        }
        let mut exhausted = None;
        for index in 0..self.acceptors.len() {
            for _ in 0..ACCEPTS_A_TURN {
                if !self.acceptors[index].ready || exhausted.is_some() {
                    break;
                }
                match self.acceptors[index].listener.accept() {
                    Ok((socket, address)) => self.admit(socket, address, now),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        self.acceptors[index].ready = false;
                    }
                    Err(error) if sockets::is_exhaustion(&error) => exhausted = Some(error),
                    // That client has gone again; the next may be there.
                    Err(_) => self.ports.counters.accept_failures.add(1),
                }
            }
        }
        if let Some(error) = &exhausted {
            self.ports.counters.accept_failures.add(1);
            if self.rests_until.is_none() {
                let text = format!("no more connections can be accepted for now: {error}");
                self.ports.journal.note(Level::Warn, text);
            }
        }
        self.rests_until = exhausted.map(|_| now.instant + EXHAUSTED);
    }

    fn admit(&mut self, mut socket: TcpStream, address: SocketAddr, now: Moment) {
        self.ports.counters.accepted.add(1);
        if self.peers.len() >= self.limits.max_connections {
            self.ports.counters.refused.add(1);
            // No place to see to its end: it is told, if it is lucky.
            let answer = self.desk.too_many_connections(now.wall);
            let _ = sockets::send(&socket, &[IoSlice::new(answer.next())]);
            return;
        }
        let entry = self.peers.vacant_entry();
        let key = entry.key();
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut socket, Token(key), both).is_err() {
            self.ports.counters.accept_failures.add(1);
            return;
        }
        let connection = Connection::new(self.patience, now.instant);
        entry.insert(Peer { socket, address, connection });
        self.ports.counters.connections.set(self.peers.len() as u64);
        self.shrink_below = self.shrink_below.max(self.peers.capacity() / 4);
        // Its request may be there already.
        self.drive(key, now);
    }

    fn happened(&mut self, key: usize, event: &Event, now: Moment) {
        let peer = &mut self.peers[key];
        let Connection::Listening(listener) = &peer.connection else { return self.drive(key, now) };
        // Both directions are down. (The end of its input alone is not a leave.)
        if event.is_write_closed() || event.is_error() {
            let error = peer.socket.take_error().ok().flatten();
            return self.close(key, error.as_ref().map_or(CloseReason::Left, sockets::reason), now);
        }
        let blocked = listener.is_blocked();
        if event.is_readable()
            && let Err(error) = self.forget_input(key, now.instant)
        {
            return self.close(key, sockets::reason(&error), now);
        }
        if event.is_writable() && blocked {
            self.serve(key, now);
        }
    }

    /// Its time has come.
    fn due(&mut self, key: usize, now: Moment) {
        self.at_the_desk(key, now, Connection::check_deadline);
        self.drive(key, now);
    }

    /// Does what a connection wants until it wants to wait.
    fn drive(&mut self, key: usize, now: Moment) {
        for _ in 0..STEPS_A_TURN {
            let Peer { socket, connection, .. } = &mut self.peers[key];
            let outcome = match connection.wants() {
                Want::Read(most) => {
                    let room = most.min(self.scratch.len());
                    socket.read(&mut self.scratch[..room]).map(|count| match count {
                        0 => connection.ended(),
                        count => connection.received(&self.scratch[..count]),
                    })
                }
                Want::Write(bytes) => sockets::send(socket, &[IoSlice::new(bytes)])
                    .map(|count| connection.sent(count, self.patience, now.instant)),
                Want::Reply => {
                    self.at_the_desk(key, now, Connection::reply);
                    self.welcome_if_listener(key);
                    Ok(())
                }
                Want::Shut => {
                    connection.shut();
                    socket.shutdown(Shutdown::Write)
                }
                Want::Wait => {
                    if let Some(deadline) = connection.deadline() {
                        self.timers.schedule(key, deadline);
                    }
                    return;
                }
                Want::Serve => return self.serve(key, now),
                Want::Close => return self.close(key, CloseReason::Left, now),
            };
            match outcome {
                Ok(()) => (),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Both edges are awaited all the time; this is for when neither comes.
                    if let Some(deadline) = self.peers[key].connection.deadline() {
                        self.timers.schedule(key, deadline);
                    }
                    return;
                }
                Err(_) => return self.close(key, CloseReason::Left, now),
            }
        }
        // It has more to do than its share of a turn.
        self.timers.schedule(key, now.instant);
    }

    /// Lets a connection use the desk.
    fn at_the_desk(
        &mut self,
        key: usize,
        now: Moment,
        act: fn(&mut Connection, &mut dyn Site, Patience, Instant),
    ) {
        let Peer { socket, address, connection } = &mut self.peers[key];
        let mut clerk = Clerk {
            desk: &mut self.desk,
            mounts: &self.mounts,
            counters: &self.ports.counters,
            journal: &self.ports.journal,
            key,
            socket,
            address: *address,
            has_room: self.listeners < self.limits.max_listeners,
            now,
        };
        act(connection, &mut clerk, self.patience, now.instant);
    }

    fn welcome_if_listener(&mut self, key: usize) {
        let Peer { socket, connection: Connection::Listening(listener), .. } = &self.peers[key] else {
            return;
        };
        let mount = self.mounts.get(listener.mount);
        if mount.send_buffer != sockets::SEND_BUFFER {
            sockets::set_send_buffer(socket, mount.send_buffer);
        }
        self.mounts.attach(listener.mount);
        self.listeners += 1;
    }

    /// Writes to a listener what is due, and sees when it is to be served next.
    fn serve(&mut self, key: usize, now: Moment) {
        let Peer { socket, connection: Connection::Listening(listener), .. } = &mut self.peers[key] else {
            return;
        };
        let mount = self.mounts.get(listener.mount);
        if mount.followers.is_some() {
            return self.serve_follower(key, now);
        }
        if let Err(error) = write_what_is_due(listener, mount, socket, &self.ports.counters, now.instant) {
            return self.close(key, sockets::reason(&error), now);
        }
        if listener.begins_to_count(now.instant) {
            count_in(listener, mount, &self.ports);
        }
        if listener.is_stalled(self.patience.write_timeout, now.instant) {
            return self.close(key, CloseReason::Stalled, now);
        }
        if let Some(end) = mount.end
            && (listener.is_up_to_date(&mount.backlog) || now.instant >= end.deadline)
        {
            return self.let_go(key, end.reason, now);
        }
        if listener.is_blocked() {
            self.timers.schedule(key, listener.patience(mount, self.patience.write_timeout));
        } else {
            let cadence = listener.cadence(mount, now.instant);
            self.timers.schedule_cadence(key, now.instant, cadence);
        }
    }

    /// What a listener sends means nothing; but a full receive buffer would make the close a reset.
    fn forget_input(&mut self, key: usize, now: Instant) -> std::io::Result<()> {
        let Peer { socket, connection, .. } = &mut self.peers[key];
        for _ in 0..STEPS_A_TURN {
            match socket.read(&mut self.scratch) {
                Ok(0) => {
                    if let Connection::Listening(listener) = connection {
                        listener.input_ended(now);
                    }
                    break;
                }
                Ok(_) => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn close(&mut self, key: usize, reason: CloseReason, now: Moment) {
        self.timers.cancel(key);
        // Closing the descriptor takes it out of the poll, too.
        let Peer { socket, connection, .. } = self.peers.remove(key);
        self.ports.counters.connections.set(self.peers.len() as u64);
        self.give_memory_back();
        match connection {
            Connection::Listening(listener) if self.mounts.get(listener.mount).followers.is_some() => {
                self.forget_follower(key, listener, now);
            }
            Connection::Listening(listener) => self.farewell(listener, reason, now),
            _ => (),
        }
        if reason == CloseReason::Stalled {
            sockets::close_by_reset(socket);
        }
    }

    /// After a crowd. (It looks at everybody, but each time half of them have to go before the next.)
    fn give_memory_back(&mut self) {
        if self.peers.len() < self.shrink_below && self.peers.capacity() > KEPT_PLACES {
            self.peers.shrink_to_fit();
            self.timers.forget_beyond(self.peers.capacity());
            self.shrink_below = self.peers.len() / 2;
        }
    }

    fn farewell(&mut self, mut listener: Listener, reason: CloseReason, now: Moment) {
        let mount = self.mounts.get(listener.mount);
        if listener.begins_to_count(now.instant) {
            count_in(&mut listener, mount, &self.ports);
        }
        if listener.counted {
            count_out(&listener, mount, reason, &self.ports, now.instant);
        }
        let (bytes, duration) = (listener.bytes(), listener.listened_for(now.instant));
        self.listeners -= 1;
        self.mounts.detach(listener.mount);
        self.ports.journal.access(listener.visit, Status::OK.0, bytes, duration, now.wall);
    }
}

/// Until the socket is full or there is no more. An error: the listener is gone.
fn write_what_is_due(
    listener: &mut Listener,
    mount: &Mount,
    socket: &TcpStream,
    counters: &Counters,
    now: Instant,
) -> std::io::Result<()> {
    loop {
        // Of a stream of audio one may miss something; of events, one would not know.
        if mount.followers.is_some() && listener.has_lost_its_place(&mount.backlog) {
            return Err(std::io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        let jumped = listener.catch_up(mount, now);
        if jumped > 0 {
            count_jump(jumped, mount, counters);
        }
        let mut pieces = Pieces::new();
        listener.gather(&mount.backlog, &mut pieces);
        if pieces.bytes() == 0 {
            listener.unblock();
            return Ok(());
        }
        counters.writes.add(1);
        match sockets::send(socket, pieces.as_slices()) {
            Ok(count) => {
                listener.advance(count, &mount.backlog, now);
                counters.bytes_sent.add(count as u64);
                mount.board.counters.bytes_sent.add(count as u64);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                counters.blocked_writes.add(1);
                listener.block(&mount.backlog);
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
}

fn count_jump(bytes: u64, mount: &Mount, counters: &Counters) {
    for (skips, skipped) in [
        (&counters.skips, &counters.skipped_bytes),
        (&mount.board.counters.skips, &mount.board.counters.skipped_bytes),
    ] {
        skips.add(1);
        skipped.add(bytes);
    }
}

/// It has listened for long enough to be a listener in statistics and events.
fn count_in(listener: &mut Listener, mount: &Mount, Ports { counters, journal, .. }: &Ports) {
    listener.counted = true;
    for (now, peak) in [
        (&counters.listeners, &counters.listener_peak),
        (&mount.board.counters.listeners, &mount.board.counters.listener_peak),
    ] {
        now.add(1);
        peak.raise_to(now.get());
    }
    journal.event(ServerEvent::ListenerJoined {
        id: listener.visit.id,
        mount: Arc::clone(&mount.path),
        address: listener.visit.address,
        agent: listener.visit.agent().to_owned(),
    });
}

/// It listens to this mount no more.
fn count_out(
    listener: &Listener,
    mount: &Mount,
    reason: CloseReason,
    Ports { counters, journal, .. }: &Ports,
    now: Instant,
) {
    counters.count_close(reason);
    counters.listeners.set(counters.listeners.get() - 1);
    mount.board.counters.listeners.set(mount.board.counters.listeners.get() - 1);
    let (bytes, duration) = listener.here(now);
    journal.event(ServerEvent::ListenerLeft {
        id: listener.visit.id,
        mount: Arc::clone(&mount.path),
        address: listener.visit.address,
        agent: listener.visit.agent().to_owned(),
        duration,
        bytes,
        reason,
    });
}

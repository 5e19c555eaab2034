//! The thread `reactor`: accepts, reads requests, and writes to every listener.
//!
//! Reads: sockets, those of sources into inlets; commands and answers, through queues; packets, through
//! handoffs. The doorbell wakes it for all but sockets. Writes: sockets, counters, events, and entries for
//! the journal. Never: blocks outside poll, touches a file, takes a lock that others hold for long, runs code
//! of the host (so it does not log either), allocates for a write, looks at every connection in each turn.

mod accept;
mod answers;
mod audience;
mod commands;
mod followers;
mod listeners;
mod listing;
mod moves;
mod sources;
mod timers;
mod transfers;

use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::Receiver;
use log::Level;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::Moment;
use super::connections::connection::{Connection, Patience, Site, Want};
use super::connections::limits::Limits;
use super::connections::shares::{Kind, Shares};
use super::connections::transport::{Received, Transport, Wrote};
use super::crowding::Crowding;
use super::desk::service::Delivery;
use super::desk::{Desk, RequestRouter};
use super::mounts::event_backlog::EventBacklogs;
use super::mounts::table::Mounts;
use super::reports::journal::JournalWriter;
use super::reports::stats::Counters;
use super::settings::ServerSettings;
use crate::error::CloseReason;
use crate::event::Emitter;
use crate::http::{MAX_HEAD, Status};
use crate::ring::{Doorbell, SourceEnd};
use timers::Timers;

pub(crate) use accept::{Acceptor, Protocol};
pub(crate) use commands::Command;

/// The token of the doorbell. The tokens of acceptors count down from it; those of connections count up from
/// zero.
pub(crate) const WAKER: Token = Token(usize::MAX);

/// The most poll events that one turn takes.
const EVENTS_A_TURN: usize = 512;
/// The most timers that one turn serves: a few milliseconds' work. Then it is the turn of new connections and
/// packets.
const TIMERS_A_TURN: usize = 256;
/// The most steps of one connection in one turn: reads, writes and requests.
const STEPS_A_TURN: usize = 32;
/// The places for connections that are kept when connections have closed.
const KEPT_PLACES: usize = 128;
/// The time after which a stop closes what is still open. The mounts' farewell is over by then.
const STOP_AT_LAST: Duration = Duration::from_millis(2_500);

/// The reactor's ways in and out, except for sockets.
pub(crate) struct Ports {
    pub(crate) commands: Receiver<Command>,
    /// The answers of services.
    pub(crate) answers: Receiver<Delivery>,
    pub(crate) doorbell: Arc<Doorbell>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) journal: JournalWriter,
    pub(crate) events: Emitter,
}

pub(crate) struct Reactor {
    poll: Poll,
    ports: Ports,
    acceptors: Vec<Acceptor>,
    /// The end of a pause in accepting, after the file descriptors have run out.
    rests_until: Option<Instant>,
    peers: Slab<Peer>,
    /// With fewer peers than this, the memory of free places goes back to the system.
    shrink_below: usize,
    timers: Timers,
    mounts: Mounts,
    events: EventBacklogs,
    desk: Desk,
    /// Connections that listen, including listeners that are not counted yet.
    listeners: usize,
    /// Connections that follow event streams.
    event_clients: usize,
    limits: Limits,
    shares: Shares,
    /// Connections beyond `max_connections`, each of which must bring a credential. The oldest comes first.
    reserved: Vec<usize>,
    crowding: Arc<Crowding>,
    /// The bytes of unfinished heads and of answers that are not taken.
    held_bytes: usize,
    patience: Patience,
    /// The buffer for reads.
    scratch: Box<[u8]>,
    /// Whether a producer has pushed more packets than one turn takes.
    more_packets: bool,
    /// The time by which a stop has closed everything. `None`: the server runs.
    stopping: Option<Instant>,
}

/// A connection and its transport.
struct Peer {
    transport: Transport,
    address: SocketAddr,
    /// The address whose share the connection takes. `None` for a trusted proxy, until its client is known.
    counted_for: Option<IpAddr>,
    /// What the connection held when it began to wait: a part of `held_bytes`.
    held: u32,
    connection: Connection,
}

impl Reactor {
    pub(crate) fn new(
        poll: Poll,
        mut acceptors: Vec<Acceptor>,
        ports: Ports,
        settings: &ServerSettings,
        desk: Desk,
        limits: Limits,
        crowding: Arc<Crowding>,
    ) -> std::io::Result<Reactor> {
        for (acceptor, token) in acceptors.iter_mut().zip((0..WAKER.0).rev()) {
            poll.registry().register(&mut acceptor.listener, Token(token), Interest::READABLE)?;
        }
        limits.show(&ports.counters);
        Ok(Reactor {
            poll,
            ports,
            acceptors,
            rests_until: None,
            peers: Slab::new(),
            shrink_below: 0,
            timers: Timers::new(Instant::now()),
            mounts: Mounts::default(),
            events: EventBacklogs::default(),
            desk,
            listeners: 0,
            event_clients: 0,
            limits,
            shares: Shares::new(settings.shares()),
            reserved: Vec::new(),
            crowding,
            held_bytes: 0,
            patience: Patience {
                header_timeout: settings.header_timeout,
                write_timeout: settings.write_timeout,
            },
            scratch: vec![0; MAX_HEAD].into_boxed_slice(),
            more_packets: false,
            stopping: None,
        })
    }

    /// Runs the loop until a stop has closed everything.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS_A_TURN);
        let mut now = Moment::now();
        while !self.is_done(now.instant) {
            let timeout = self.may_sleep(now.instant);
            // A signal can interrupt the wait, from a debugger for instance. Then there are no events, and
            // the turn is idle.
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

    /// How long the loop may sleep if nothing happens. `None`: for ever.
    fn may_sleep(&self, now: Instant) -> Option<Duration> {
        let until = |instant: Option<Instant>| instant.map(|at| at.saturating_duration_since(now));
        let accepting = match self.rests_until {
            Some(_) => until(self.rests_until),
            None => self.acceptors.iter().any(|acceptor| acceptor.ready).then_some(Duration::ZERO),
        };
        let draining = self.more_packets.then_some(Duration::ZERO);
        let stopping = until(self.stopping);
        let audience = until(self.desk.audience.next_due());
        [self.timers.idle_for(now), accepting, draining, stopping, audience].into_iter().flatten().min()
    }

    fn is_done(&self, now: Instant) -> bool {
        self.stopping.is_some_and(|until| self.peers.is_empty() || now >= until)
    }

    fn turn(&mut self, events: &Events, now: Moment) {
        let mut rung = false;
        for event in events {
            match event.token() {
                WAKER => rung = true,
                Token(token) if self.peers.contains(token) => self.handle_event(token, event, now),
                // The connection has gone, or it is an acceptor.
                Token(token) => {
                    if let Some(acceptor) = self.acceptors.get_mut(WAKER.0 - 1 - token) {
                        acceptor.ready = true;
                    }
                }
            }
        }
        // This comes after the events, so that no event of a closed connection reaches the next one with its
        // key.
        self.accept(now);
        if rung {
            self.ports.doorbell.answer();
            self.run_commands(now);
        }
        if rung || self.more_packets {
            self.drain(now);
            self.schedule_followers(now);
        }
        if rung {
            self.deliver(now);
        }
        self.end_silent_sessions(now);
        self.timers.advance(now.instant);
        for _ in 0..TIMERS_A_TURN {
            let Some(key) = self.timers.pop() else { break };
            self.handle_timer(key, now);
        }
    }

    fn drain(&mut self, now: Moment) {
        let changes = self.mounts.drain(now);
        let (more_events, ended_streams) = self.events.drain();
        self.more_packets = changes.more || more_events;
        for key in changes.begun {
            self.move_back_to(key, now);
        }
        for key in changes.ended {
            self.end_mount(key, CloseReason::MountEnded, now);
        }
        for key in ended_streams {
            self.end_stream(key, CloseReason::MountEnded, now);
        }
    }

    /// Ends a mount. Its listeners get what is due, starting now. This and a stop look at every connection,
    /// but they are rare.
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
        // This closes the acceptors, and the ports are free.
        self.acceptors.clear();
        for key in self.mounts.live() {
            self.end_mount(key, CloseReason::ServerStopped, now);
        }
        for key in self.events.live() {
            self.end_stream(key, CloseReason::ServerStopped, now);
        }
        for (key, peer) in &mut self.peers {
            peer.connection.wind_up();
            self.timers.schedule(key, now.instant);
        }
        self.close_sources(now);
    }

    fn close_all(&mut self, now: Moment) {
        for key in self.peers.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.close(key, CloseReason::ServerStopped, now);
        }
        self.end_audience(None, CloseReason::ServerStopped, now);
    }

    fn handle_event(&mut self, key: usize, event: &Event, now: Moment) {
        let Peer { transport, connection, .. } = &mut self.peers[key];
        if connection.is_resting() {
            return;
        }
        let Some(cursor) = connection.cursor() else { return self.drive(key, now) };
        // Both directions are down. (A client that has ended only its own side may still listen.)
        if event.is_write_closed() || event.is_error() {
            let reason = transport.close_reason();
            return self.close(key, reason, now);
        }
        let blocked = cursor.is_blocked();
        if event.is_readable()
            && let Some(reason) = self.discard_input(key, now.instant)
        {
            return self.close(key, reason, now);
        }
        if event.is_writable() && blocked {
            self.serve(key, now);
        }
    }

    fn handle_timer(&mut self, key: usize, now: Moment) {
        self.with_router(key, now, Connection::check_deadline);
        self.peers[key].connection.renew_share();
        self.drive(key, now);
    }

    /// Does what a connection wants until it waits for something.
    fn drive(&mut self, key: usize, now: Moment) {
        for _ in 0..STEPS_A_TURN {
            let Peer { transport, connection, .. } = &mut self.peers[key];
            match connection.wants() {
                Want::Read(most) => {
                    let room = most.min(self.scratch.len());
                    match transport.read(&mut self.scratch[..room]) {
                        Received::Some(count) => connection.received(&self.scratch[..count], now.instant),
                        Received::End => connection.ended(),
                        Received::Nothing => return self.wait(key, now),
                        Received::Gone(reason) => return self.close(key, reason, now),
                    }
                }
                Want::Write(bytes) => match transport.write(&[IoSlice::new(bytes)]) {
                    Wrote::Some(count) => connection.sent(count, self.patience, now.instant),
                    Wrote::Full => return self.wait(key, now),
                    Wrote::Gone(_) => return self.close(key, CloseReason::Left, now),
                },
                Want::Reply => {
                    self.with_router(key, now, Connection::reply);
                    self.attach_if_listener(key);
                }
                Want::Shut => {
                    connection.shut();
                    if !transport.shut_write() {
                        return self.close(key, CloseReason::Left, now);
                    }
                }
                Want::Wait => return self.wait(key, now),
                // Until then, events do not drive it.
                Want::Rest => return self.timers.schedule(key, now.instant),
                Want::EndStream => {
                    if !self.end_source(key, now) {
                        return;
                    }
                }
                Want::EndFile => self.end_file(key, now),
                Want::Serve => {
                    self.hold(key, 0);
                    return self.serve(key, now);
                }
                Want::Close => return self.close(key, CloseReason::Left, now),
            }
        }
        // The connection has used up its share of this turn.
        self.timers.schedule(key, now.instant);
    }

    /// Lets a connection wait until something happens, or until its deadline. The poll reports both edges all
    /// the time.
    fn wait(&mut self, key: usize, now: Moment) {
        let held = self.peers[key].connection.held_bytes();
        self.hold(key, held);
        let sender = self.peers[key].connection.sender();
        if held > 0 && self.held_bytes > Limits::max_held_bytes(sender) {
            self.ports.counters.refused.add_shared(1);
            return self.close(key, CloseReason::Left, now);
        }
        if let Some(deadline) = self.peers[key].connection.deadline() {
            self.timers.schedule(key, deadline);
        }
    }

    /// Accounts for what a connection holds from now on.
    fn hold(&mut self, key: usize, bytes: usize) {
        let held = std::mem::replace(&mut self.peers[key].held, bytes as u32);
        if held as usize != bytes {
            self.held_bytes = self.held_bytes - held as usize + bytes;
            self.ports.counters.held_bytes.set(self.held_bytes as u64);
        }
    }

    /// Calls `act` with a connection and the router of its requests.
    fn with_router(
        &mut self,
        key: usize,
        now: Moment,
        act: fn(&mut Connection, &mut dyn Site, Patience, Instant),
    ) {
        let Peer { transport, address, connection, counted_for, .. } = &mut self.peers[key];
        let mut router = RequestRouter {
            desk: &mut self.desk,
            mounts: &self.mounts,
            counters: &self.ports.counters,
            journal: &self.ports.journal,
            events: &self.ports.events,
            shares: &mut self.shares,
            crowding: &self.crowding,
            key,
            transport,
            address: *address,
            counted_for,
            is_reserved: self.reserved.contains(&key),
            has_room: self.listeners < self.limits.max_listeners,
            now,
        };
        act(connection, &mut router, self.patience, now.instant);
    }

    /// Writes to a client what is due, and schedules the next time.
    fn serve(&mut self, key: usize, now: Moment) {
        match &self.peers[key].connection {
            Connection::Listening(_) => self.serve_listener(key, now),
            Connection::Following(_) => self.serve_follower(key, now),
            _ => (),
        }
    }

    /// Reads and discards what a listener or follower sends: a full receive buffer would turn the close into
    /// a reset. Returns a reason if the peer is gone.
    fn discard_input(&mut self, key: usize, now: Instant) -> Option<CloseReason> {
        let Peer { transport, connection, .. } = &mut self.peers[key];
        for _ in 0..STEPS_A_TURN {
            match transport.read(&mut self.scratch) {
                Received::Some(_) => (),
                Received::Nothing => break,
                Received::End => {
                    if let Connection::Listening(listener) = connection {
                        listener.input_ended(now);
                    }
                    break;
                }
                Received::Gone(reason) => return Some(reason),
            }
        }
        None
    }

    fn close(&mut self, key: usize, reason: CloseReason, now: Moment) {
        self.timers.cancel(key);
        self.hold(key, 0);
        let Peer { transport, connection, counted_for, address, .. } = self.peers.remove(key);
        if let Some(address) = counted_for {
            self.shares.give_back(Kind::Connection, address);
        }
        if let Some(place) = self.reserved.iter().position(|&reserved| reserved == key) {
            self.reserved.remove(place);
            self.shares.give_back(Kind::Reserve, address.ip());
        }
        self.ports.counters.connections.set(self.peers.len() as u64);
        self.give_memory_back();
        match connection {
            Connection::Listening(listener) => self.detach_listener(listener, reason, now),
            Connection::Following(follower) => self.detach_follower(key, follower, now),
            Connection::Sending(source) => {
                let end = match reason {
                    CloseReason::ServerStopped => SourceEnd::ServerStopped,
                    CloseReason::Stalled => SourceEnd::Broken,
                    _ => SourceEnd::Left,
                };
                self.detach_source(*source, end, Status::OK.0, now);
            }
            Connection::Downloading(downloading) => self.note_download(*downloading, now),
            _ => (),
        }
        self.ports.counters.addresses.set(self.shares.len() as u64);
        if reason == CloseReason::Stalled {
            transport.close_by_reset();
        }
    }

    /// Gives memory back after a crowd has left. It looks at every connection, but half of them must leave
    /// before it does so again.
    fn give_memory_back(&mut self) {
        if self.peers.len() < self.shrink_below && self.peers.capacity() > KEPT_PLACES {
            self.peers.shrink_to_fit();
            self.timers.forget_beyond(self.peers.capacity());
            self.shrink_below = self.peers.len() / 2;
        }
    }
}

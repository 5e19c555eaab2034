//! Who listens from the shelf. Players of playlists have no connection that lasts, so a session counts: it
//! begins with a client's first request for a playlist, and ends when the client has asked for none for so
//! long that its player must have stopped.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::RoomBoard;
use crate::error::CloseReason;
use crate::event::{Emitter, Event};
use crate::http::{Request, Status, form_value};
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::shares::{Kind, Shares};
use crate::server::connections::visit::Visit;
use crate::server::listener_info::ListenerInfo;
use crate::server::reports::journal::JournalWriter;
use crate::server::reports::stats::Counters;

/// The most sessions at once. Who comes then is served, and not counted.
pub(super) const MOST_SESSIONS: usize = 20_000;

/// The parameter of a playlist's address that has the id of a session.
pub(crate) const PARAMETER: &str = "s";

/// The id of a session: so many hexadecimal digits.
const ID_DIGITS: usize = 16;

/// The id of a session, by which its client's requests are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(u64);

/// All sessions, on the reactor thread.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    sessions: HashMap<Key, Session>,
    /// When sessions are to be looked at, the earliest first. A session is in it once.
    due: BTreeSet<(Instant, Key)>,
    ids: RandomState,
    last_id: u64,
}

/// Whose session it is, in which room.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    room: Arc<str>,
    who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Who {
    /// The one whose playlists have this id in their addresses.
    Session(SessionId),
    /// Somebody at this address, with a player whose name has this hash.
    Client(IpAddr, u64),
}

#[derive(Debug)]
struct Session {
    room: Arc<RoomBoard>,
    visit: Visit,
    since: Instant,
    /// Its last request for a playlist.
    last: Instant,
    bytes: u64,
    is_kicked: bool,
}

/// A request for a playlist of a room, and what it gets.
pub(crate) struct Poll<'a> {
    pub(crate) room: &'a Arc<RoomBoard>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) address: ClientAddress,
    pub(crate) bytes: u64,
}

/// Whether a client may listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Welcome {
    Listens,
    /// An operator has ended its session.
    IsKicked,
}

/// Where sessions are told and counted.
pub(crate) struct Registers<'a> {
    pub(crate) counters: &'a Counters,
    pub(crate) events: &'a Emitter,
    pub(crate) journal: &'a JournalWriter,
    pub(crate) shares: &'a mut Shares,
}

impl Audience {
    /// An id for a new session. Nobody can guess it.
    pub(crate) fn new_id(&mut self) -> SessionId {
        self.last_id += 1;
        SessionId(self.ids.hash_one(self.last_id))
    }

    /// A client asks for a playlist. The first time, it takes a share of its address;
    /// if that is taken, it is not counted.
    pub(crate) fn polled(
        &mut self,
        Poll { room, request, address, bytes }: Poll<'_>,
        visit: impl FnOnce() -> Visit,
        registers: Registers<'_>,
        now: Moment,
    ) -> Welcome {
        let Some(counted_for) = room.counted_for else { return Welcome::Listens };
        let key = Key { room: room.name.clone(), who: self.who(request, address) };
        if let Some(session) = self.sessions.get_mut(&key) {
            session.last = now.instant;
            session.bytes += bytes;
            return if session.is_kicked { Welcome::IsKicked } else { Welcome::Listens };
        }
        let Registers { counters, events, journal, shares } = registers;
        if self.sessions.len() >= MOST_SESSIONS || shares.take(Kind::Listener, address.real()).is_err() {
            return Welcome::Listens;
        }
        let visit = visit();
        for (now, peak) in [
            (&counters.hls_listeners, &counters.hls_listener_peak),
            (&room.counters.listeners, &room.counters.listener_peak),
        ] {
            now.add(1);
            peak.raise_to(now.get());
        }
        events.emit(Event::ListenerJoined {
            id: visit.id,
            mount: room.name.to_string(),
            address: journal.shown(visit.address).ip(),
            agent: visit.agent().to_owned(),
        });
        self.due.insert((now.instant + counted_for, key.clone()));
        let room = room.clone();
        self.sessions.insert(
            key,
            Session { room, visit, since: now.instant, last: now.instant, bytes, is_kicked: false },
        );
        Welcome::Listens
    }

    fn who(&self, request: &Request<'_>, address: ClientAddress) -> Who {
        let query = request.local_target().split_once('?').map_or("", |(_, query)| query);
        let id = form_value(query, PARAMETER).and_then(|id| SessionId::read(&id));
        let agent = || self.ids.hash_one(request.header("user-agent"));
        id.map_or_else(|| Who::Client(address.real(), agent()), Who::Session)
    }

    /// When [`end_silent`](Audience::end_silent) has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Ends the sessions that have been silent for too long.
    pub(crate) fn end_silent(&mut self, mut registers: Registers<'_>, now: Moment) {
        while self.next_due().is_some_and(|at| at <= now.instant) {
            let Some((_, key)) = self.due.pop_first() else { break };
            let Some(session) = self.sessions.get(&key) else { continue };
            let ends = session.last + session.room.counted_for.unwrap_or(Duration::ZERO);
            if ends > now.instant {
                self.due.insert((ends, key));
            } else if let Some(session) = self.sessions.remove(&key) {
                session.end(CloseReason::Left, &mut registers, now);
            }
        }
        if self.sessions.is_empty() {
            self.sessions.shrink_to_fit();
        }
    }

    /// Ends the sessions of a room that is closed, or all of them (`None`) when the server stops.
    pub(crate) fn end_all(
        &mut self,
        of: Option<&Arc<RoomBoard>>,
        reason: CloseReason,
        mut registers: Registers<'_>,
        now: Moment,
    ) {
        let is_over = |key: &Key| of.is_none_or(|room| room.name == key.room);
        self.due.retain(|(_, key)| !is_over(key));
        for (_, session) in self.sessions.extract_if(|key, _| is_over(key)) {
            session.end(reason, &mut registers, now);
        }
    }

    /// Ends the session with this id: its player is refused from now on, until it has given up. False if
    /// there is none.
    pub(crate) fn kick(&mut self, id: u64) -> bool {
        let found = self.sessions.values_mut().find(|session| session.visit.id == id && !session.is_kicked);
        found.is_some_and(|session| {
            session.is_kicked = true;
            true
        })
    }

    /// The listeners of one room, or of all.
    pub(crate) fn list(
        &self,
        room: Option<&str>,
        journal: &JournalWriter,
        now: Instant,
    ) -> Vec<ListenerInfo> {
        let sessions = self.sessions.values().filter(|session| !session.is_kicked);
        let wanted = sessions.filter(|session| room.is_none_or(|room| *session.room.name == *room));
        let mut list: Vec<_> = wanted.map(|session| session.info(journal, now)).collect();
        list.sort_by_key(|listener| listener.id);
        list
    }
}

impl Session {
    fn end(self, reason: CloseReason, registers: &mut Registers<'_>, now: Moment) {
        let Session { room, visit, since, last, bytes, is_kicked } = self;
        let Registers { counters, events, journal, shares } = registers;
        let reason = if is_kicked { CloseReason::Kicked } else { reason };
        counters.count_close(reason);
        counters.hls_listeners.set(counters.hls_listeners.get() - 1);
        room.counters.listeners.set(room.counters.listeners.get() - 1);
        shares.give_back(Kind::Listener, visit.address.real());
        counters.addresses.set(shares.len() as u64);
        // Since its last request it may have listened, or not. What it asked for has been heard by then.
        let until = if reason == CloseReason::Left { last } else { now.instant };
        let duration = until.saturating_duration_since(since);
        events.emit(Event::ListenerLeft {
            id: visit.id,
            mount: room.name.to_string(),
            address: journal.shown(visit.address).ip(),
            agent: visit.agent().to_owned(),
            duration,
            bytes,
            reason,
        });
        // As for every listener, one line says how long it listened.
        journal.access(visit, Status::OK.0, bytes, duration, now.wall);
    }

    fn info(&self, journal: &JournalWriter, now: Instant) -> ListenerInfo {
        ListenerInfo {
            id: self.visit.id,
            mount: self.room.name.clone(),
            address: journal.shown(self.visit.address).ip(),
            agent: self.visit.agent().to_owned(),
            duration: now.saturating_duration_since(self.since),
            bytes: self.bytes,
            is_behind: false,
        }
    }
}

impl SessionId {
    fn read(text: &[u8]) -> Option<SessionId> {
        let text = std::str::from_utf8(text).ok()?;
        let is_one =
            text.len() == ID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| u64::from_str_radix(text, 16).ok().map(SessionId)).flatten()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

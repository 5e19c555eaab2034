//! Who listens from the shelf. Players of playlists have no connection that lasts, so a session counts: it
//! begins with a client's first request for a playlist, and ends when the client has asked for none for so
//! long that its player must have stopped.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::RoomBoard;
use crate::error::CloseReason;
use crate::event::Emitter;
use crate::http::{Request, Status, form_value};
use crate::server::Moment;
use crate::server::client_address::ClientAddress;
use crate::server::connections::shares::{Kind, Shares};
use crate::server::connections::visit::Visit;
use crate::server::listener_info::ListenerInfo;
use crate::server::reports::journal::JournalWriter;
use crate::server::reports::presence::Served;
use crate::server::reports::stats::Counters;

/// The most sessions at once. Further players are served, and not counted.
pub(super) const MOST_SESSIONS: usize = 20_000;

/// The most sessions that one turn of the reactor looks at.
const LOOKS_A_TURN: usize = 256;

/// The parameter of a playlist's address that has the id of a session.
pub(crate) const PARAMETER: &str = "s";

/// The id of a session: so many hexadecimal digits.
const ID_DIGITS: usize = 16;

/// The id of a session, by which its client's requests are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(u64);

/// All sessions, on the reactor thread.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    sessions: Slab<Session>,
    keys: HashMap<Key, usize>,
    /// When each session is to be looked at, the earliest first. The second number is that of its visit.
    due: BTreeMap<(Instant, u64), usize>,
    ids: RandomState,
    last_id: u64,
}

/// Whose session it is, in which room.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    room: Arc<str>,
    who: Who,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// The one whose playlists have this id in their addresses.
    Session(SessionId),
    /// Somebody at this address, with a player whose name has this hash.
    Client(IpAddr, u64),
}

#[derive(Debug)]
struct Session {
    key: Key,
    room: Arc<RoomBoard>,
    visit: Visit,
    since: Instant,
    /// Its last request for a playlist.
    last: Instant,
    bytes: u64,
    standing: Standing,
}

/// Whether a client may listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Listens,
    /// An operator has ended its session. It is refused until its player has given up.
    IsRefused,
}

/// A request for a playlist of a room, and what it gets.
pub(crate) struct Poll<'a> {
    pub(crate) room: &'a Arc<RoomBoard>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) address: ClientAddress,
    pub(crate) bytes: u64,
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

    /// A client asks for a playlist. The first time, it takes a share of its address; if that is taken, it is
    /// not counted.
    pub(crate) fn polled(
        &mut self,
        Poll { room, request, address, bytes }: Poll<'_>,
        visit: impl FnOnce() -> Visit,
        registers: Registers<'_>,
        now: Moment,
    ) -> Standing {
        let Some(counted_for) = room.counted_for() else { return Standing::Listens };
        let key = Key { room: room.name.clone(), who: self.who(request, address) };
        if let Some(known) = self.keys.get(&key) {
            let session = &mut self.sessions[*known];
            session.last = now.instant;
            session.bytes += bytes;
            return session.standing;
        }
        let Registers { counters, events, journal, shares } = registers;
        if self.sessions.len() >= MOST_SESSIONS || shares.take(Kind::Listener, address.real()).is_err() {
            return Standing::Listens;
        }
        let visit = visit();
        counters.hls_listeners.rise(&counters.hls_listener_peak);
        room.counters.listeners.rise(&room.counters.listener_peak);
        counters.joins.add(1);
        room.counters.joins.add(1);
        events.emit(journal.joined(&visit, &room.name));
        let due = (now.instant + counted_for, visit.id);
        let (since, last, standing) = (now.instant, now.instant, Standing::Listens);
        let session = Session { key: key.clone(), room: room.clone(), visit, since, last, bytes, standing };
        let at = self.sessions.insert(session);
        self.keys.insert(key, at);
        self.due.insert(due, at);
        standing
    }

    fn who(&self, request: &Request<'_>, address: ClientAddress) -> Who {
        let query = request.local_target().split_once('?').map_or("", |(_, query)| query);
        let id = form_value(query, PARAMETER).and_then(|id| SessionId::read(&id));
        let agent = || self.ids.hash_one(request.header("user-agent"));
        id.map_or_else(|| Who::Client(address.real(), agent()), Who::Session)
    }

    /// When [`end_silent`](Audience::end_silent) has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Ends the sessions that have been silent for too long: some of them, if they are many.
    pub(crate) fn end_silent(&mut self, mut registers: Registers<'_>, now: Moment) {
        for _ in 0..LOOKS_A_TURN {
            let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now.instant) else {
                break;
            };
            let ((_, visit), at) = first.remove_entry();
            let session = &self.sessions[at];
            let ends = session.last + session.room.counted_for().unwrap_or(Duration::ZERO);
            match ends > now.instant {
                true => _ = self.due.insert((ends, visit), at),
                false => self.remove(at).end(CloseReason::Left, &mut registers, now),
            }
        }
        if self.sessions.is_empty() {
            self.sessions.shrink_to_fit();
            self.keys.shrink_to_fit();
        }
    }

    fn remove(&mut self, at: usize) -> Session {
        let session = self.sessions.remove(at);
        self.keys.remove(&session.key);
        session
    }

    /// Ends the sessions of a room that is closed, or all of them (`None`) when the server stops.
    pub(crate) fn end_all(
        &mut self,
        of: Option<&Arc<RoomBoard>>,
        reason: CloseReason,
        mut registers: Registers<'_>,
        now: Moment,
    ) {
        let is_over = |at: usize| of.is_none_or(|room| Arc::ptr_eq(room, &self.sessions[at].room));
        let over = self.due.iter().filter(|(_, at)| is_over(**at)).map(|(due, _)| *due);
        for due in over.collect::<Vec<_>>() {
            if let Some(at) = self.due.remove(&due) {
                self.remove(at).end(reason, &mut registers, now);
            }
        }
    }

    /// The sessions of a room go on in the one that takes its place.
    pub(crate) fn go_on(&mut self, from: &Arc<RoomBoard>, to: &Arc<RoomBoard>) {
        for (_, session) in self.sessions.iter_mut().filter(|(_, session)| Arc::ptr_eq(&session.room, from)) {
            session.room = to.clone();
            if session.standing == Standing::Listens {
                from.counters.listeners.sink();
                to.counters.listeners.rise(&to.counters.listener_peak);
            }
        }
    }

    /// Ends the sessions of these visits: their players are refused from now on, until they have given up.
    /// False if there is none.
    pub(crate) fn kick(
        &mut self,
        which: impl Fn(&Visit) -> bool,
        mut registers: Registers<'_>,
        now: Moment,
    ) -> bool {
        let mut is_any = false;
        let sessions = self.sessions.iter_mut().map(|(_, session)| session);
        for session in
            sessions.filter(|session| session.standing == Standing::Listens && which(&session.visit))
        {
            session.standing = Standing::IsRefused;
            session.leave(CloseReason::Kicked, &mut registers, now);
            is_any = true;
        }
        is_any
    }

    /// The visits of all who listen.
    pub(crate) fn visits(&self) -> impl Iterator<Item = &Visit> {
        let sessions = self.sessions.iter().map(|(_, session)| session);
        sessions.filter(|session| session.standing == Standing::Listens).map(|session| &session.visit)
    }

    /// Some of the listeners of one room, or of all, from this place on; and the next place, if there is one.
    pub(crate) fn page(
        &self,
        from: usize,
        count: usize,
        room: Option<&str>,
        journal: &JournalWriter,
        now: Instant,
    ) -> (Vec<ListenerInfo>, Option<usize>) {
        let end = from.saturating_add(count);
        let sessions = (from..end.min(self.sessions.capacity())).filter_map(|at| self.sessions.get(at));
        let listeners = sessions
            .filter(|session| session.standing == Standing::Listens)
            .filter(|session| room.is_none_or(|room| *session.room.name == *room))
            .map(|session| {
                let duration = now.saturating_duration_since(session.since);
                journal.listed(&session.visit, &session.room.name, Served { duration, bytes: session.bytes })
            });
        (listeners.collect(), (end < self.sessions.capacity()).then_some(end))
    }
}

impl Session {
    fn end(self, reason: CloseReason, registers: &mut Registers<'_>, now: Moment) {
        if self.standing == Standing::Listens {
            self.leave(reason, registers, now);
        }
    }

    /// Takes it out of the statistics.
    fn leave(&self, reason: CloseReason, registers: &mut Registers<'_>, now: Moment) {
        let Session { room, visit, since, last, bytes, .. } = self;
        let Registers { counters, events, journal, shares } = registers;
        counters.count_close(reason);
        counters.hls_listeners.sink();
        room.counters.listeners.sink();
        shares.give_back(Kind::Listener, visit.address.real());
        // Since its last request it may have listened, or not. What it asked for has been heard by then.
        let until = if reason == CloseReason::Left { *last } else { now.instant };
        let served = Served { duration: until.saturating_duration_since(*since), bytes: *bytes };
        events.emit(journal.left(visit, &room.name, served, reason));
        // As for every listener, one line says how long it listened.
        journal.access(visit.clone(), Status::OK.0, served.bytes, served.duration, now.wall);
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

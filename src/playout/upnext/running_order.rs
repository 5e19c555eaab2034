//! What is on the air, what is to be at once, and what comes after it: one order of things.
//!
//! Whatever changes what plays is one call here, under one lock, and has its effect at once: the next call
//! finds it done, however soon it comes. A skip takes the next entry, a file that is played at once becomes
//! it, and neither waits until that is opened. The player opens what is [due](RunningOrder::peek) and says
//! when it [begins](RunningOrder::begin), [ends](RunningOrder::ended) or [fails](RunningOrder::skip_failed).

use std::time::{Duration, Instant};

use super::{
    Candidate, Drawn, GiveWay, ListId, ListState, Origin, Place, Playlist, Rank, Snapshot, UpNext, When,
};
use crate::ids::EntryId;
use crate::playout::Entry;

/// An entry that was due, and the turn that it was to have. The same entry may have been on the air before,
/// in an earlier turn: a playlist that repeats comes to it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub entry: EntryId,
    pub turn: u64,
}

/// Which track is meant by an order on the current one, when it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// The one on the air, unless it is of a later turn by then.
    OnAir { turn: u64 },
    /// The one that is to be on the air at once.
    Due(Due),
    /// None of the running order: the fallback's, if it is on the air.
    Nothing,
}

/// What begins with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Began {
    /// The name and the length of its playlist, if it is the first track of that playlist to begin.
    pub list: Option<(String, usize)>,
    /// The turn that the entry has. If it is less than [`RunningOrder::turn`], the track gives way at once.
    pub turn: u64,
}

/// What had been ordered when a playlist was asked for that takes time to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    lists: u64,
    choices: u64,
}

/// The running order of a pipeline.
#[derive(Debug)]
pub(crate) struct RunningOrder {
    now: Now,
    /// What comes after that.
    then: UpNext,
    /// How many orders have ended the turn of what was on the air, or due.
    turn: u64,
    /// How the track of an earlier turn gives way.
    give_way: GiveWay,
    /// How many playlists were given, and how many times it was said what plays at once.
    asked: Asked,
    /// The last entry that was due and never sounded, because an order came first.
    passed_over: Option<EntryId>,
    /// What `version` stands for.
    seen: (Option<EntryId>, u64, u64),
    version: u64,
}

/// What sounds now, or is to.
#[derive(Debug)]
enum Now {
    /// The programme has not started.
    NotStarted,
    OnAir,
    /// This entry is to sound as soon as it is open.
    Due(Drawn),
    /// There is nothing to play, or nothing that can be played.
    Nothing,
}

impl RunningOrder {
    /// The programme has not started: what is next stays in the queue or in the playlist until it sounds.
    pub fn new(then: UpNext) -> RunningOrder {
        RunningOrder {
            now: Now::NotStarted,
            seen: (then.peek().map(|next| next.id), 0, then.version()),
            then,
            turn: 0,
            give_way: GiveWay::Crossfade(Duration::ZERO),
            asked: Asked::default(),
            passed_over: None,
            version: 0,
        }
    }

    /// The programme starts: what is next is due.
    pub fn start(&mut self) {
        if matches!(self.now, Now::NotStarted) {
            self.now = Now::Nothing;
        }
        self.settle();
    }

    /// What is due, or else what comes after the track on the air.
    pub fn peek(&self) -> Option<Candidate<'_>> {
        match &self.now {
            Now::Due(due) => Some(candidate(due)),
            Now::Nothing => None,
            Now::OnAir | Now::NotStarted => self.then.peek(),
        }
    }

    /// A number that changes whenever the answer of [`peek`](Self::peek) or the turn changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The number of the turn, and how a track of an earlier turn gives way.
    pub fn turn(&self) -> (u64, GiveWay) {
        (self.turn, self.give_way)
    }

    /// The entry that is due, if one is.
    pub fn due(&self) -> Option<Due> {
        match &self.now {
            Now::Due(due) => Some(Due { entry: due.entry.id, turn: self.turn }),
            _ => None,
        }
    }

    /// Whether what comes next begins as soon as it is known.
    pub fn has_nothing_on_air(&self) -> bool {
        matches!(self.now, Now::Nothing)
    }

    /// Which track is the current one.
    pub fn meant(&self) -> Meant {
        match (self.due(), &self.now) {
            (Some(due), _) => Meant::Due(due),
            (None, Now::OnAir) => Meant::OnAir { turn: self.turn },
            (None, _) => Meant::Nothing,
        }
    }

    /// Whether it is said what plays next: an entry is due, or in the queue.
    pub fn has_request(&self) -> bool {
        self.due().is_some() || self.then.queued().len() > 0
    }

    /// Whether there is any entry.
    pub fn is_empty(&self) -> bool {
        self.due().is_none() && self.then.peek().is_none()
    }

    /// An entry begins to sound. If an order came first that made another one due, that one still is, and
    /// this one gives way to it.
    pub fn begin(&mut self, id: EntryId) -> Began {
        let taken = |then: &mut UpNext| then.begin(id).and_then(|turn| turn.list_began);
        let began = match std::mem::replace(&mut self.now, Now::OnAir) {
            Now::Due(due) if due.entry.id == id => {
                self.then.ask_schedule();
                Began { list: self.then.drawn_begins(&due), turn: self.turn }
            }
            Now::Due(due) => {
                self.now = Now::Due(due);
                Began { list: taken(&mut self.then), turn: 0 }
            }
            Now::NotStarted => {
                self.now = Now::NotStarted;
                Began { list: taken(&mut self.then), turn: self.turn }
            }
            Now::OnAir | Now::Nothing => Began { list: taken(&mut self.then), turn: self.turn },
        };
        self.settle();
        began
    }

    /// It is known by now that the track on the air ends at this moment by itself. What was chosen to come
    /// next may be for later: then the schedule is asked again.
    pub fn ends_at(&mut self, at: Instant) {
        if matches!(self.now, Now::OnAir) {
            self.then.come_at(at);
            self.settle();
        }
    }

    /// From when on this entry may sound, if it is next and is for later.
    pub fn not_before(&self, id: EntryId) -> Option<Instant> {
        let chosen = self.peek().filter(|next| next.id == id && next.origin == Origin::Schedule);
        chosen.filter(|_| self.due().is_none()).and_then(|_| self.then.chosen_from())
    }

    /// The track on the air has ended, and no other has begun: the next entry is due.
    pub fn ended(&mut self) {
        if matches!(self.now, Now::OnAir) {
            self.now = Now::Nothing;
        }
        self.settle();
    }

    /// Takes an entry that cannot be played. If it was due, the next one is. False if it is gone already.
    pub fn skip_failed(&mut self, id: EntryId) -> bool {
        let was_there = match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::Due(due) if due.entry.id == id => {
                self.then.drawn_fails(&due);
                if self.then.is_schedule_awaited() {
                    // What comes instead may be a slot's, too, and go before the queue.
                    self.note_changes();
                    return true;
                }
                true
            }
            now => {
                self.now = now;
                self.then.skip_failed(id).is_some()
            }
        };
        self.settle();
        was_there
    }

    /// Whether every entry has failed, one after the other. The player should wait a little, and then
    /// [try again](Self::try_again).
    pub fn all_failed(&self) -> bool {
        self.due().is_none() && self.then.all_failed()
    }

    /// If nothing could be played, the next entry is due again, or the schedule is asked again.
    pub fn try_again(&mut self) {
        if matches!(self.now, Now::Nothing) {
            match self.then.draw() {
                Some(next) => self.now = Now::Due(next),
                None => self.then.try_schedule(),
            }
        }
        self.settle();
    }

    /// What is on the air, or due, gives way: the next entry is due.
    pub fn skip(&mut self, by: GiveWay) {
        self.end_turn(by);
        self.settle();
    }

    /// What is on the air, or due, gives way to this entry.
    pub fn play_now(&mut self, entry: Entry, by: GiveWay) -> EntryId {
        let entry = self.then.named(entry);
        let id = entry.id;
        self.end_turn(by);
        self.now = Now::Due(Drawn::new(entry));
        self.then.ask_schedule();
        self.asked.choices += 1;
        self.settle();
        id
    }

    /// Takes back an order by which this entry is due, unless it has begun. What is on the air goes on if its
    /// time has not come, and what comes next is asked again. False if it is not due.
    pub fn take_back(&mut self, id: EntryId) -> bool {
        if self.due().is_none_or(|due| due.entry != id) {
            return false;
        }
        if let GiveWay::At(_) = self.give_way {
            self.turn += 1;
            self.give_way = GiveWay::GoesOn;
        }
        self.now = Now::OnAir;
        self.then.ask_schedule();
        self.settle();
        true
    }

    fn end_turn(&mut self, by: GiveWay) {
        self.turn += 1;
        self.give_way = by;
        match std::mem::replace(&mut self.now, Now::Nothing) {
            Now::NotStarted => self.now = Now::NotStarted,
            Now::Due(due) => {
                self.passed_over = Some(due.entry.id);
                self.then.drawn_is_skipped(&due);
            }
            Now::OnAir | Now::Nothing => {}
        }
    }

    /// Replaces the playlist. With [`When::Now`], what is on the air, or due, gives way to its first track.
    pub fn load(&mut self, list: Playlist, when: When, by: GiveWay) -> ListId {
        self.asked.lists += 1;
        self.take_in(list, when, by)
    }

    fn take_in(&mut self, list: Playlist, when: When, by: GiveWay) -> ListId {
        let id = self.then.load(list, when);
        if when == When::Now {
            self.asked.choices += 1;
            self.end_turn(by);
        }
        self.settle();
        id
    }

    /// To be called when a playlist is asked for that takes time to read.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// Replaces the playlist by one that was asked for before. If another was given since, that one stays,
    /// and the answer is `None`. If something else was played at once since, it is not cut short.
    pub fn load_asked(&mut self, asked: Asked, list: Playlist, when: When, by: GiveWay) -> Option<ListId> {
        if asked.lists != self.asked.lists {
            return None;
        }
        let when = if asked.choices == self.asked.choices { when } else { When::AfterCurrent };
        Some(self.take_in(list, when, by))
    }

    /// See [`UpNext::extend`].
    pub fn extend(&mut self, list: ListId, entries: impl IntoIterator<Item = Entry>) -> bool {
        let is_current = self.then.extend(list, entries);
        self.settle();
        is_current
    }

    /// See [`UpNext::replace`].
    pub fn replace(&mut self, list: ListId, entries: Vec<Entry>) -> bool {
        let is_current = self.then.replace(list, entries);
        self.settle();
        is_current
    }

    /// See [`UpNext::queue`].
    pub fn queue(&mut self, entries: impl IntoIterator<Item = Entry>, place: Place) -> Vec<EntryId> {
        let ids = self.then.queue(entries, place);
        self.settle();
        ids
    }

    /// The entries of the queue, in order.
    pub fn queued(&self) -> impl ExactSizeIterator<Item = (EntryId, &Entry)> {
        self.then.queued()
    }

    /// An entry that is due, or in the queue, or in the playlist.
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        match &self.now {
            Now::Due(due) if due.entry.id == id => Some(&due.entry.entry),
            _ => self.then.get(id),
        }
    }

    /// Removes an entry from the queue.
    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let removed = self.then.remove(id);
        self.settle();
        removed
    }

    /// See [`UpNext::move_to`].
    pub fn move_to(&mut self, id: EntryId, index: usize) -> bool {
        let moved = self.then.move_to(id, index);
        self.settle();
        moved
    }

    /// See [`UpNext::set_scheduled`].
    pub fn set_scheduled(&mut self, is_scheduled: bool) {
        self.then.set_scheduled(is_scheduled);
        self.settle();
    }

    /// See [`UpNext::ask_schedule`].
    pub fn ask_schedule(&mut self) {
        self.then.ask_schedule();
        self.settle();
    }

    /// Whether the schedule is to be asked what comes next, unless something is due already.
    pub fn is_schedule_awaited(&self) -> bool {
        self.due().is_none() && self.then.is_schedule_awaited()
    }

    /// Whether this entry was due, and an order came first. It is said once.
    pub fn was_passed_over(&mut self, id: EntryId) -> bool {
        self.passed_over.take_if(|passed| *passed == id).is_some()
    }

    /// See [`UpNext::schedule`].
    pub fn schedule(&mut self, entry: Option<Entry>, rank: Rank) -> Option<EntryId> {
        let id = self.then.schedule(entry, rank);
        self.settle();
        id
    }

    /// See [`UpNext::entries_since`].
    pub fn entries_since(&self, seen: Option<(u64, bool)>) -> Option<((u64, bool), Vec<Entry>)> {
        self.then.entries_since(seen)
    }

    /// Empties the queue. The playlist stays, and so does what is due.
    pub fn clear(&mut self) {
        self.then.clear();
        self.settle();
    }

    /// Sets whether another pass follows each pass.
    pub fn set_repeat(&mut self, repeat: bool) {
        self.then.set_repeat(repeat);
        self.settle();
    }

    /// See [`UpNext::set_shuffle`].
    pub fn set_shuffle(&mut self, shuffle: bool) {
        self.then.set_shuffle(shuffle);
        self.settle();
    }

    /// The current playlist and the position in it.
    pub fn list(&self) -> Option<ListState> {
        self.then.list()
    }

    /// What is due, and the entries after it, at most `count`. See [`UpNext::up_next`].
    pub fn up_next(&mut self, count: usize) -> Vec<Candidate<'_>> {
        let due = match &self.now {
            Now::Due(due) if count > 0 => Some(candidate(due)),
            _ => None,
        };
        let then = self.then.up_next(count - due.iter().len());
        due.into_iter().chain(then).collect()
    }

    /// A snapshot. What is due is the first of the queue in it.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.then.snapshot();
        if let Now::Due(due) = &self.now {
            snapshot.put_first(due);
        }
        snapshot
    }

    /// Replaces everything by a snapshot. What is on the air, or due, gives way to `first`, or else to the
    /// first entry of the snapshot. Returns the id of `first`.
    pub fn go_on_from(&mut self, snapshot: Snapshot, first: Option<Entry>, by: GiveWay) -> Option<EntryId> {
        self.end_turn(by);
        self.then.go_on_from(snapshot);
        self.asked.lists += 1;
        self.asked.choices += 1;
        let first = first.map(|entry| self.then.named(entry));
        let id = first.as_ref().map(|first| first.id);
        if let Some(first) = first {
            self.now = Now::Due(Drawn::new(first));
        }
        self.settle();
        id
    }

    /// Makes the next entry due if nothing is on the air, and counts a new version if another entry is next.
    /// It is called after every change.
    fn settle(&mut self) {
        if matches!(self.now, Now::Nothing)
            && !self.then.all_failed()
            && let Some(next) = self.then.draw()
        {
            self.now = Now::Due(next);
        }
        self.note_changes();
    }

    fn note_changes(&mut self) {
        let now = (self.peek().map(|next| next.id), self.turn, self.then.version());
        if self.seen != now {
            self.seen = now;
            self.version += 1;
        }
    }
}

fn candidate(due: &Drawn) -> Candidate<'_> {
    Candidate { id: due.entry.id, entry: &due.entry.entry, origin: due.origin }
}

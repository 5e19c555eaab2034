//! What plays next: first the queue, each entry once; then the playlist, in passes. A schedule may choose
//! instead of the playlist ([`scheduled`]).
//!
//! [`UpNext`] only says what comes next. The player reports what it did with each entry.
//! [`peek`](UpNext::peek) may be called at any time. A player that opens tracks ahead compares
//! [`version`](UpNext::version)s to see whether its track is still next. An entry is taken when it begins to
//! sound ([`begin`](UpNext::begin)) or when it cannot be played ([`skip_failed`](UpNext::skip_failed)).
//!
//! [`RunningOrder`] adds what is to sound now, and so gives a pipeline's orders one order.

mod delta;
mod drawn;
mod give_way;
mod rotation;
mod running_order;
mod scheduled;
mod snapshot;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

pub(crate) use self::delta::Delta;
use self::drawn::Drawn;
pub(crate) use self::give_way::{Appointment, Follower, GiveWay};
use self::rotation::Rotation;
pub(crate) use self::running_order::{Asked, Began, Due, Meant, RunningOrder};
pub(crate) use self::scheduled::Rank;
use self::scheduled::{Chosen, Scheduled};
pub use self::snapshot::Snapshot;
use super::playlist::Entry;
use crate::ids::EntryId;

/// Identifies one loading of a playlist. Entries that are still being read for an older loading do not enter
/// a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListId(pub u64);

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After the entries that are queued already.
    End,
    /// Before the entries that are queued already. A playlist that was loaded with [`When::Now`] and has not
    /// begun still comes first.
    Next,
}

/// When the first track of a playlist comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once, before the queue.
    Now,
    /// After the current track and the queue, in place of the old playlist.
    AfterCurrent,
}

/// A playlist to be played.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playlist {
    /// The name in events and state: the path, or any name that the application chooses.
    pub name: String,
    /// The entries that are known so far. [`UpNext::extend`] adds more.
    pub entries: Vec<Entry>,
    /// Whether another pass follows each pass.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
}

/// The origin of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The queue. The entry plays once.
    Queue,
    /// The playlist. The entry stays in it.
    Playlist,
    /// The schedule. The entry plays once.
    Schedule,
}

/// An entry that comes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: EntryId,
    /// The file.
    pub entry: &'a Entry,
    /// Its origin.
    pub origin: Origin,
}

/// The result of taking an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The origin of the entry.
    pub origin: Origin,
    /// The name and the length of its playlist, if it is the first track of that playlist to begin.
    pub list_began: Option<(String, usize)>,
    /// Whether it was the last entry of its playlist's pass. The list can be read again then.
    pub pass_ended: bool,
}

/// The current playlist and the position in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// The loading of the list.
    pub id: ListId,
    /// Its name.
    pub name: String,
    /// How many entries it has.
    pub length: usize,
    /// How many entries have been played or skipped in this pass.
    pub played: usize,
    /// How many passes have ended.
    pub passes: u64,
    /// Whether another pass follows each pass.
    pub repeat: bool,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
    /// Whether one of its tracks has begun since it was loaded.
    pub begun: bool,
}

/// The queue and the playlist, which determine what plays next.
#[derive(Debug)]
pub struct UpNext {
    queue: VecDeque<Listed>,
    list: Option<Rotation>,
    /// Whether the playlist comes before the queue: it was loaded with [`When::Now`] and has not begun.
    list_first: bool,
    scheduled: Scheduled,
    /// How often the entries of the playlist were changed.
    list_changes: u64,
    /// The next free id. Entries and lists share the counter.
    next_id: u64,
    random: fastrand::Rng,
    /// The entry that `version` stands for.
    candidate: Option<EntryId>,
    version: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Listed {
    id: EntryId,
    #[serde(flatten)]
    entry: Entry,
}

impl UpNext {
    /// An empty queue and no playlist. `random` decides every shuffle; the same seed gives the same order.
    pub fn new(random: fastrand::Rng) -> UpNext {
        UpNext {
            queue: VecDeque::new(),
            list: None,
            list_first: false,
            scheduled: Scheduled::default(),
            list_changes: 0,
            next_id: 1,
            random,
            candidate: None,
            version: 0,
        }
    }

    /// The entry that plays next, if any.
    pub fn peek(&self) -> Option<Candidate<'_>> {
        let listed = self.list.as_ref().and_then(|list| list.peek().map(|index| &list.entries[index]));
        let queued = self.queue.front();
        let (next, origin) = match (queued, listed) {
            (_, Some(listed)) if self.list_first => (listed, Origin::Playlist),
            (queued, listed) => match (&self.scheduled, queued) {
                (Scheduled::Chosen(chosen), _) if chosen.is_first() => (&chosen.listed, chosen.origin),
                (_, Some(queued)) => (queued, Origin::Queue),
                (Scheduled::Chosen(chosen), None) => (&chosen.listed, chosen.origin),
                (Scheduled::Awaited, None) => return None,
                (Scheduled::Absent | Scheduled::Nothing, None) => (listed?, Origin::Playlist),
            },
        };
        Some(Candidate { id: next.id, entry: &next.entry, origin })
    }

    /// A number that changes whenever the answer of [`peek`](Self::peek) changes.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes an entry that has begun to sound. It is usually the answer of [`peek`](Self::peek). If that has
    /// changed meanwhile, the given entry is taken, and the new answer still comes next. `None` if the given
    /// entry is neither in the queue nor in the playlist any more.
    pub fn begin(&mut self, id: EntryId) -> Option<Turn> {
        let turn = self.take(id, |list| {
            list.failures = 0;
            list.heard = true;
            let first = !std::mem::replace(&mut list.begun, true);
            first.then(|| (list.name.clone(), list.entries.len()))
        });
        if turn.as_ref().is_some_and(|turn| turn.origin == Origin::Playlist) {
            self.list_first = false;
        }
        self.settle();
        turn
    }

    /// Takes an entry that cannot be played. `None` if it is neither in the queue nor in the playlist any
    /// more.
    pub fn skip_failed(&mut self, id: EntryId) -> Option<Turn> {
        let turn = self.take(id, |list| {
            list.failures += 1;
            None
        });
        self.settle();
        turn
    }

    /// Whether the queue is empty and every entry of the playlist has failed, one after the other. The player
    /// should wait a little before it tries again.
    pub fn all_failed(&self) -> bool {
        self.queue.is_empty()
            && !self.scheduled.has_a_say()
            && self
                .list
                .as_ref()
                .is_some_and(|list| !list.entries.is_empty() && list.failures >= list.entries.len())
    }

    fn take(
        &mut self,
        id: EntryId,
        and: impl FnOnce(&mut Rotation) -> Option<(String, usize)>,
    ) -> Option<Turn> {
        // What was chosen for this moment may not be right for the next one.
        let chosen = self.scheduled.ask_again();
        if chosen.is_some_and(|chosen| chosen.listed.id == id && chosen.origin == Origin::Schedule) {
            return Some(Turn { origin: Origin::Schedule, list_began: None, pass_ended: false });
        }
        if let Some(place) = self.queue.iter().position(|queued| queued.id == id) {
            self.queue.remove(place);
            return Some(Turn { origin: Origin::Queue, list_began: None, pass_ended: false });
        }
        let list = self.list.as_mut()?;
        let index = match list.peek() {
            Some(next) if list.entries[next].id == id => next,
            _ => list.entries.iter().position(|listed| listed.id == id)?,
        };
        let pass_ended = list.take(index, &mut self.random);
        let list_began = and(list);
        Some(Turn { origin: Origin::Playlist, list_began, pass_ended })
    }

    /// Queues entries in their order. Each plays once. Returns their ids.
    pub fn queue(&mut self, entries: impl IntoIterator<Item = Entry>, place: Place) -> Vec<EntryId> {
        let entries: Vec<Listed> = entries.into_iter().map(|entry| self.named(entry)).collect();
        let ids = entries.iter().map(|listed| listed.id).collect();
        match place {
            Place::End => self.queue.extend(entries),
            Place::Next => entries.into_iter().rev().for_each(|entry| self.queue.push_front(entry)),
        }
        self.settle();
        ids
    }

    /// The entries of the queue, in order.
    pub fn queued(&self) -> impl ExactSizeIterator<Item = (EntryId, &Entry)> {
        self.queue.iter().map(|queued| (queued.id, &queued.entry))
    }

    /// An entry of the queue or of the playlist.
    pub fn get(&self, id: EntryId) -> Option<&Entry> {
        let listed = self.list.iter().flat_map(|list| list.entries.iter());
        self.scheduled
            .chosen()
            .map(|chosen| &chosen.listed)
            .into_iter()
            .chain(&self.queue)
            .chain(listed)
            .find(|listed| listed.id == id)
            .map(|listed| &listed.entry)
    }

    /// Removes an entry from the queue.
    pub fn remove(&mut self, id: EntryId) -> Option<Entry> {
        let place = self.queue.iter().position(|queued| queued.id == id)?;
        let removed = self.queue.remove(place);
        self.settle();
        removed.map(|removed| removed.entry)
    }

    /// Moves an entry of the queue so that `index` others are before it, or to the end if there are fewer.
    /// Returns false if it is not in the queue.
    pub fn move_to(&mut self, id: EntryId, index: usize) -> bool {
        let Some(place) = self.queue.iter().position(|queued| queued.id == id) else { return false };
        let Some(moved) = self.queue.remove(place) else { return false };
        self.queue.insert(index.min(self.queue.len()), moved);
        self.settle();
        true
    }

    /// Empties the queue. The playlist stays.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.settle();
    }

    /// Replaces the playlist.
    pub fn load(&mut self, mut list: Playlist, when: When) -> ListId {
        let id = ListId(self.new_id());
        let entries = std::mem::take(&mut list.entries).into_iter().map(|entry| self.named(entry)).collect();
        self.list_changes += 1;
        self.list = Some(Rotation::new(id, list, entries, &mut self.random));
        self.list_first = when == When::Now;
        self.settle();
        id
    }

    /// Appends entries to a playlist that is still being read. If it is shuffled, they join the rest of the
    /// pass. Returns false if another list has taken its place.
    pub fn extend(&mut self, list: ListId, entries: impl IntoIterator<Item = Entry>) -> bool {
        let UpNext { list: Some(rotation), next_id, random, .. } = self else { return false };
        if rotation.id != list {
            return false;
        }
        let named = entries.into_iter().map(|entry| Listed { id: EntryId(take_id(next_id)), entry });
        rotation.extend(named, random);
        self.list_changes += 1;
        self.settle();
        true
    }

    /// Replaces the entries of a playlist that was read again. Playing continues after the current entry. If
    /// that was removed, playing continues after the nearest entry before it that remains. If the list is
    /// shuffled, new entries join the rest of the pass. Entries with the same path are the same. Returns
    /// false if another list has taken its place.
    pub fn replace(&mut self, list: ListId, entries: Vec<Entry>) -> bool {
        let before = self.peek().map(|next| next.entry.clone());
        let UpNext { list: Some(rotation), next_id, random, .. } = self else { return false };
        if rotation.id != list {
            return false;
        }
        rotation.replace(entries, || EntryId(take_id(next_id)), random);
        self.list_changes += 1;
        // The next entry may have kept its id but changed its title.
        if before.as_ref() != self.peek().map(|next| next.entry) {
            self.version += 1;
        }
        self.settle();
        true
    }

    /// Sets whether another pass follows each pass.
    pub fn set_repeat(&mut self, repeat: bool) {
        if let Some(list) = &mut self.list {
            list.set_repeat(repeat, &mut self.random);
        }
        self.settle();
    }

    /// Shuffles the rest of the playlist's pass, or continues in the list's own order after the current
    /// entry.
    pub fn set_shuffle(&mut self, shuffle: bool) {
        if let Some(list) = &mut self.list {
            list.set_shuffle(shuffle, &mut self.random);
        }
        self.settle();
    }

    /// The current playlist and the position in it.
    pub fn list(&self) -> Option<ListState> {
        self.list.as_ref().map(|list| ListState {
            id: list.id,
            name: list.name.clone(),
            length: list.entries.len(),
            played: list.played(),
            passes: list.passes,
            repeat: list.repeat,
            shuffle: list.shuffle(),
            begun: list.begun,
        })
    }

    /// The next entries, at most `count`. The playlist is listed to the end of its pass. If it repeats in its
    /// own order, the list continues with the next pass, up to the current position. The order of a shuffled
    /// pass is not known before it begins. Later additions do not change the order of entries that were
    /// listed.
    pub fn up_next(&mut self, count: usize) -> Vec<Candidate<'_>> {
        let coming = match &mut self.list {
            Some(list) => list.upcoming(count, &mut self.random),
            None => Vec::new(),
        };
        let listed = self.list.iter().flat_map(|list| coming.iter().map(|&index| &list.entries[index]));
        let mut listed =
            listed.map(|next| Candidate { id: next.id, entry: &next.entry, origin: Origin::Playlist });
        let queued = self.queue.iter().map(|next| Candidate {
            id: next.id,
            entry: &next.entry,
            origin: Origin::Queue,
        });
        let mut all = Vec::with_capacity(count.min(queued.len() + coming.len() + 1));
        if self.list_first {
            all.extend(listed.next());
        }
        let chosen = self.scheduled.chosen();
        let is_first = chosen.is_some_and(Chosen::is_first);
        let chosen = chosen.map(Chosen::candidate);
        let (before, behind) = if is_first { (chosen, None) } else { (None, chosen) };
        let listed = listed.filter(|next| chosen.is_none_or(|chosen| chosen.id != next.id));
        all.extend(before.into_iter().chain(queued).chain(behind).chain(listed));
        all.truncate(count);
        all
    }

    /// Counts a new version if another entry is next. It is called after every change.
    fn settle(&mut self) {
        let candidate = self.peek().map(|next| next.id);
        if candidate != self.candidate {
            self.candidate = candidate;
            self.version += 1;
        }
    }

    fn named(&mut self, entry: Entry) -> Listed {
        Listed { id: EntryId(self.new_id()), entry }
    }

    fn new_id(&mut self) -> u64 {
        take_id(&mut self.next_id)
    }
}

fn take_id(next_id: &mut u64) -> u64 {
    let id = *next_id;
    *next_id += 1;
    id
}

#[cfg(test)]
mod tests;

//! The current playlist, and the order of its passes.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ListId, Listed, Playlist};
use crate::ids::EntryId;
use crate::playout::Entry;

/// A playlist and the position in it. A pass plays each entry once. With `repeat`, another pass follows each
/// pass.
///
/// Entries are identified by their index in `entries` here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rotation {
    pub id: ListId,
    pub name: String,
    pub repeat: bool,
    pub(super) shuffle: bool,
    /// Shared with snapshots, so that a snapshot costs nothing, however long the list is.
    pub entries: Arc<Vec<Listed>>,
    /// The order of a shuffled pass: first the played entries (before `next`), then those whose order is
    /// decided (before `drawn`), then the rest, whose order is not decided. It is a permutation of the
    /// entries. It is empty if the list is not shuffled.
    ///
    /// The order is decided as late as possible, so that new entries can join the undecided rest at no cost.
    pub(super) order: Vec<u32>,
    /// The number of entries that have been played in this pass. If it equals the number of entries, the pass
    /// has ended, and the next one begins with its first entry. Until then, added entries still belong to
    /// this pass.
    pub(super) next: usize,
    /// The number of places in `order` that are decided. In a shuffled list, `next <= drawn <= order.len()`.
    pub(super) drawn: usize,
    /// The place in `order` of the next pass's first entry, if the list is shuffled and the pass has ended.
    pub(super) ahead: Option<usize>,
    /// The entry that was taken last.
    pub(super) last: Option<u32>,
    /// Whether a track of the list has begun since it was loaded.
    pub begun: bool,
    /// Whether a track of the list has begun in this pass. It is false if all entries so far have failed.
    pub heard: bool,
    /// The number of failures since the last entry that did not fail.
    pub failures: usize,
    pub passes: u64,
}

impl Rotation {
    pub fn new(id: ListId, list: Playlist, entries: Vec<Listed>, random: &mut fastrand::Rng) -> Rotation {
        let mut rotation = Rotation {
            id,
            name: list.name,
            repeat: list.repeat,
            shuffle: false,
            entries: Arc::new(entries),
            order: Vec::new(),
            next: 0,
            drawn: 0,
            ahead: None,
            last: None,
            begun: false,
            heard: false,
            failures: 0,
            passes: 0,
        };
        rotation.set_shuffle(list.shuffle, random);
        rotation
    }

    pub fn shuffle(&self) -> bool {
        self.shuffle
    }

    /// The number of entries that have been played in this pass.
    pub fn played(&self) -> usize {
        self.next
    }

    /// The next entry.
    pub fn peek(&self) -> Option<usize> {
        match (self.next < self.entries.len(), self.shuffle) {
            (true, true) => Some(self.order[self.next] as usize),
            (true, false) => Some(self.next),
            (false, true) => self.ahead.map(|place| self.order[place] as usize),
            (false, false) => (self.repeat && !self.entries.is_empty()).then_some(0),
        }
    }

    /// Takes entry `index`, which is usually the answer of [`peek`](Self::peek). An entry that is not next is
    /// taken early. Returns whether the pass has ended with it.
    pub fn take(&mut self, index: usize, random: &mut fastrand::Rng) -> bool {
        if self.next == self.entries.len() {
            self.next = 0;
            self.drawn = 0;
            self.heard = false;
            self.passes += 1;
        }
        if self.shuffle {
            let place = match (self.ahead.take(), self.order.get(self.next)) {
                (Some(place), _) if self.order[place] as usize == index => Some(place),
                (_, Some(&next)) if next as usize == index => Some(self.next),
                _ => self.order.iter().position(|&other| other as usize == index),
            };
            // An entry that has been played in this pass keeps its place.
            if let Some(place) = place.filter(|&place| place >= self.next) {
                self.order[self.next..=place].rotate_right(1);
                if place >= self.drawn {
                    self.drawn += 1;
                }
                self.next += 1;
            }
        } else {
            self.next = index + 1;
        }
        self.last = Some(index as u32);
        let ended = self.next == self.entries.len();
        self.settle(random);
        ended
    }

    /// The next entries in order, at most `count`. They reach to the end of the pass. If the list repeats in
    /// its own order, they go on into the next pass, up to the current position.
    pub fn upcoming(&mut self, count: usize, random: &mut fastrand::Rng) -> Vec<usize> {
        let length = self.entries.len();
        if self.next == length {
            return self.peek().map_or(Vec::new(), |first| match self.shuffle {
                true => vec![first; 1.min(count)],
                false => (0..length.min(count)).collect(),
            });
        }
        let end = length.min(self.next.saturating_add(count));
        if self.shuffle {
            self.draw(end, random);
            return self.order[self.next..end].iter().map(|&index| index as usize).collect();
        }
        let around = if self.repeat { self.next.min(count - (end - self.next)) } else { 0 };
        (self.next..end).chain(0..around).collect()
    }

    /// Sets whether another pass follows each pass. A pass in which nothing has been heard, because its first
    /// entries failed, has not begun for listeners. Without repeat, it does not take place.
    pub fn set_repeat(&mut self, repeat: bool, random: &mut fastrand::Rng) {
        self.repeat = repeat;
        if !repeat && !self.heard && self.passes > 0 {
            (self.next, self.drawn) = (self.entries.len(), self.order.len());
            (self.heard, self.passes) = (true, self.passes - 1);
            // Those of the pass that has not begun: its entries are tried again if it does.
            self.failures = 0;
        }
        self.settle(random);
    }

    /// On: entries before the next one count as played, and the rest is shuffled. Off: playing continues
    /// after the entry that was taken last.
    pub fn set_shuffle(&mut self, shuffle: bool, random: &mut fastrand::Rng) {
        if shuffle == self.shuffle {
            return;
        }
        self.shuffle = shuffle;
        // In another order, an entry that failed may come again before all were tried.
        self.failures = 0;
        self.ahead = None;
        self.drawn = 0;
        if shuffle {
            self.order = (0..self.entries.len() as u32).collect();
            self.drawn = self.next;
        } else {
            self.order = Vec::new();
            self.next = self.last.map_or(0, |last| last as usize + 1);
        }
        self.settle(random);
    }

    /// Appends entries. In a shuffled list, they may come at any time in the rest of the pass.
    pub fn extend(&mut self, entries: impl Iterator<Item = Listed>, random: &mut fastrand::Rng) {
        let known = self.entries.len();
        Arc::make_mut(&mut self.entries).extend(entries);
        if self.shuffle {
            self.order.extend(known as u32..self.entries.len() as u32);
        }
        if self.entries.len() > known {
            self.failures = 0;
        }
        self.settle(random);
    }

    /// Replaces the entries. Those in both lists keep their ids and their turns; see
    /// [`UpNext::replace`](super::UpNext::replace).
    pub fn replace(
        &mut self,
        entries: Vec<Entry>,
        mut new_id: impl FnMut() -> EntryId,
        random: &mut fastrand::Rng,
    ) {
        let kept = kept(&self.entries, &entries);
        let mut new_of = vec![None; self.entries.len()];
        for (new, old) in kept.iter().enumerate() {
            if let Some(old) = *old {
                new_of[old as usize] = Some(new as u32);
            }
        }
        if kept.len() != self.entries.len() || kept.iter().any(Option::is_none) {
            self.failures = 0;
        }
        let old = std::mem::take(&mut self.entries);
        let entries = entries
            .into_iter()
            .zip(&kept)
            .map(|(entry, kept)| Listed {
                id: kept.map_or_else(&mut new_id, |kept| old[kept as usize].id),
                entry,
            })
            .collect();
        self.entries = Arc::new(entries);
        self.last = self.last.and_then(|last| new_of[last as usize]);
        if self.shuffle {
            self.reorder(&new_of, &kept);
        } else {
            // Playing continues after the last played entry that is still there.
            self.next =
                new_of[..self.next].iter().rev().find_map(|&new| new).map_or(0, |new| new as usize + 1);
        }
        self.settle(random);
    }

    /// Adapts `order` to the new entries: remaining ones keep their places, and new ones are drawn later.
    fn reorder(&mut self, new_of: &[Option<u32>], kept: &[Option<u32>]) {
        let ahead = self.ahead.take().and_then(|place| new_of[self.order[place] as usize]);
        let survivors = |places: Range<usize>| {
            self.order[places].iter().filter_map(|&old| new_of[old as usize]).collect::<Vec<u32>>()
        };
        let mut order = survivors(0..self.next);
        let next = order.len();
        order.extend(survivors(self.next..self.drawn));
        let drawn = order.len();
        order.extend(survivors(self.drawn..self.order.len()));
        order.extend((0..kept.len() as u32).filter(|&new| kept[new as usize].is_none()));
        (self.order, self.next, self.drawn) = (order, next, drawn);
        self.ahead = ahead.and_then(|ahead| self.order.iter().position(|&index| index == ahead));
    }

    /// Decides which entry comes next.
    fn settle(&mut self, random: &mut fastrand::Rng) {
        if !self.shuffle {
            return;
        }
        let length = self.order.len();
        if self.next < length {
            self.ahead = None;
            self.draw(self.next + 1, random);
        } else if !self.repeat || length == 0 {
            self.ahead = None;
        } else if self.ahead.is_none() {
            // Not the entry that was taken last, which would be heard twice in succession, unless it is the
            // only one.
            let last = self.order.iter().rposition(|&index| Some(index) == self.last);
            self.ahead = Some(match last {
                Some(last) if length > 1 => {
                    let place = random.usize(..length - 1);
                    if place < last { place } else { place + 1 }
                }
                _ => random.usize(..length),
            });
        }
    }

    /// Decides the places of `order` before `end`.
    fn draw(&mut self, end: usize, random: &mut fastrand::Rng) {
        while self.drawn < end {
            let place = random.usize(self.drawn..self.order.len());
            self.order.swap(self.drawn, place);
            self.drawn += 1;
        }
    }

    /// Whether a restored list keeps the invariants of the fields.
    pub fn is_sound(&self) -> bool {
        let length = self.entries.len();
        let mut seen = vec![false; length];
        let permutation = self.order.len() == if self.shuffle { length } else { 0 }
            && self.order.iter().all(|&index| {
                seen.get_mut(index as usize).is_some_and(|seen| !std::mem::replace(seen, true))
            });
        permutation
            && self.next <= length
            && (!self.shuffle || (self.next..=length).contains(&self.drawn))
            && self.last.is_none_or(|last| (last as usize) < length)
            && self.ahead.is_none_or(|place| place < self.order.len())
    }

    /// Starts from the beginning, for a state that cannot be restored.
    pub fn rewind(&mut self, random: &mut fastrand::Rng) {
        let shuffle = self.shuffle;
        (self.shuffle, self.order, self.next, self.drawn, self.last) = (false, Vec::new(), 0, 0, None);
        (self.ahead, self.heard) = (None, true);
        self.set_shuffle(shuffle, random);
    }
}

/// Finds the old entry for each new one, by path. Entries with the same path are matched in their order.
/// Lists that are read again seldom differ, so equal entries at both ends are matched first.
fn kept(old: &[Listed], new: &[Entry]) -> Vec<Option<u32>> {
    let same = |(old, new): &(&Listed, &Entry)| old.entry.path == new.path;
    let head = old.iter().zip(new).take_while(same).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(same).count();
    let middle = head..old.len() - tail;
    let mut places: HashMap<&Path, VecDeque<u32>> = HashMap::with_capacity(middle.len());
    for index in middle {
        places.entry(&old[index].entry.path).or_default().push_back(index as u32);
    }
    let head_kept = (0..head as u32).map(Some);
    let middle_kept = new[head..new.len() - tail]
        .iter()
        .map(|entry| places.get_mut(entry.path.as_path()).and_then(VecDeque::pop_front));
    let tail_kept = ((old.len() - tail) as u32..old.len() as u32).map(Some);
    head_kept.chain(middle_kept).chain(tail_kept).collect()
}

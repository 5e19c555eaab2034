//! The playlist that is in play, and the order of its passes.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ListId, Listed, Playlist};
use crate::ids::EntryId;
use crate::playout::Entry;

/// A playlist and how far it has been played. A pass plays each entry once; with `repeat` passes
/// follow each other.
///
/// Entries are named by their index in `entries` here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rotation {
    pub id: ListId,
    pub name: String,
    pub repeat: bool,
    shuffle: bool,
    /// Shared with snapshots, so that taking one costs nothing, however long the list is.
    pub entries: Arc<Vec<Listed>>,
    /// When shuffled, this pass: what has been played (before `next`), what is decided (before
    /// `drawn`), and the rest, in no order, to be drawn from. A permutation of the entries; empty
    /// when not shuffled, where it would be 0, 1, 2, …
    ///
    /// Drawing as late as possible is what lets new entries in anywhere, at no cost.
    order: Vec<u32>,
    /// How many have been played in this pass. As many as there are entries: the pass has ended, and
    /// the next one begins with its first entry, so that what is added until then still belongs
    /// to this one.
    next: usize,
    /// `next <= drawn <= order.len()`.
    drawn: usize,
    /// When shuffled and the pass has ended: the place in `order` of the next pass's first.
    ahead: Option<usize>,
    /// What was taken last.
    last: Option<u32>,
    /// Whether a track of it has begun.
    pub begun: bool,
    /// Whether a track of it has begun in this pass; those that failed may have been all of it so far.
    pub heard: bool,
    /// How many entries failed since one did not.
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

    /// How many have been played in this pass.
    pub fn played(&self) -> usize {
        self.next
    }

    /// What comes next.
    pub fn peek(&self) -> Option<usize> {
        match (self.next < self.entries.len(), self.shuffle) {
            (true, true) => Some(self.order[self.next] as usize),
            (true, false) => Some(self.next),
            (false, true) => self.ahead.map(|place| self.order[place] as usize),
            (false, false) => (self.repeat && !self.entries.is_empty()).then_some(0),
        }
    }

    /// Gives `index` its turn, usually what [`peek`](Self::peek) said; any other goes before what was
    /// to come. Says whether the pass ended by it.
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
            // What has had its turn in this pass keeps its place.
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

    /// What comes after each other from now on, up to `count`: to the end of the pass and, where the
    /// order of the next one is known, once around.
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

    /// A pass of which nothing has been heard, because its first entries failed, has not begun for
    /// those who listen: without repeat it does not come.
    pub fn set_repeat(&mut self, repeat: bool, random: &mut fastrand::Rng) {
        self.repeat = repeat;
        if !repeat && !self.heard && self.passes > 0 {
            (self.next, self.drawn) = (self.entries.len(), self.order.len());
            (self.heard, self.passes) = (true, self.passes - 1);
        }
        self.settle(random);
    }

    /// On: what comes before the next entry counts as played, the rest is shuffled. Off: goes on
    /// after the entry that was taken last.
    pub fn set_shuffle(&mut self, shuffle: bool, random: &mut fastrand::Rng) {
        if shuffle == self.shuffle {
            return;
        }
        self.shuffle = shuffle;
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

    /// More entries at the end; shuffled, they can come at any time in what is left of the pass.
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

    /// The list as it is now. What is in both keeps its id and its turn; see
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
            // After the last of the played ones that is still there.
            self.next =
                new_of[..self.next].iter().rev().find_map(|&new| new).map_or(0, |new| new as usize + 1);
        }
        self.settle(random);
    }

    /// Makes `order` one of the new entries: what survives in its place, new ones to be drawn.
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

    /// Sees to it that what comes next is decided.
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
            // Any but the one that was last, which would be heard twice.
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

    /// Decides the order up to `end`.
    fn draw(&mut self, end: usize, random: &mut fastrand::Rng) {
        while self.drawn < end {
            let place = random.usize(self.drawn..self.order.len());
            self.order.swap(self.drawn, place);
            self.drawn += 1;
        }
    }

    /// Whether what was read from outside keeps what the fields say.
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

    /// Starts over: for a state that cannot be kept.
    pub fn rewind(&mut self, random: &mut fastrand::Rng) {
        let shuffle = self.shuffle;
        (self.shuffle, self.order, self.next, self.drawn, self.last) = (false, Vec::new(), 0, 0, None);
        (self.ahead, self.heard) = (None, true);
        self.set_shuffle(shuffle, random);
    }
}

/// For each of the `new` entries the old one that it is: by path, the first by the first where one
/// is listed twice. Lists that are read again seldom differ, so what is alike at both ends is
/// passed over first.
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

//! What changed between two snapshots of what is up next, so that little is written when little changed.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Listed, Rotation, Snapshot};
use crate::playout::pieces::{Piece, assemble, pieces};

/// What turns one [`Snapshot`] into another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<Vec<Piece<Listed>>>,
    list: Option<ListDelta>,
    #[serde(default)]
    list_first: bool,
    next_id: u64,
}

/// What happened to a list that is still the same one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ListDelta {
    /// The new state but for its entries and its order, which are long.
    #[serde(flatten)]
    rotation: Rotation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<Vec<Piece<Listed>>>,
    /// Places whose index is another, after the order was adapted to the changed entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    moved: Vec<(u32, u32)>,
}

impl Snapshot {
    /// What has changed since an earlier snapshot. `None` if another list has come: then nearly everything
    /// has.
    pub(crate) fn since(&self, earlier: &Snapshot) -> Option<Delta> {
        let list = match (&self.list, &earlier.list) {
            (None, None) => None,
            (Some(list), Some(earlier)) if list.id == earlier.id => Some(list.since(earlier)?),
            _ => return None,
        };
        let queue =
            (self.queue != earlier.queue).then(|| pieces(&earlier.queue, &self.queue, |queued| queued.id));
        Some(Delta { queue, list, list_first: self.list_first, next_id: self.next_id })
    }

    /// Brings an earlier snapshot up to date. Returns false and changes nothing if this is not a change of
    /// it.
    pub(crate) fn apply(&mut self, delta: &Delta) -> bool {
        let queue = match &delta.queue {
            None => None,
            Some(pieces) => match assemble(self.queue.make_contiguous(), pieces) {
                Some(queue) => Some(VecDeque::from(queue)),
                None => return false,
            },
        };
        let list_fits = match (&mut self.list, &delta.list) {
            (None, None) => true,
            (Some(list), Some(delta)) => list.apply(delta),
            _ => false,
        };
        if list_fits {
            self.queue = queue.unwrap_or_else(|| mem::take(&mut self.queue));
            self.list_first = delta.list_first;
            self.next_id = delta.next_id;
        }
        list_fits
    }
}

impl Rotation {
    fn since(&self, earlier: &Rotation) -> Option<ListDelta> {
        let same = Arc::ptr_eq(&self.entries, &earlier.entries) || self.entries == earlier.entries;
        let changed = (!same).then(|| pieces(&*earlier.entries, &*self.entries, |listed: &Listed| listed.id));
        let adapted;
        let before = match &changed {
            Some(pieces) => {
                adapted = adapt(&earlier.order, earlier.entries.len(), pieces);
                &adapted
            }
            None => &earlier.order,
        };
        if before.len() != self.order.len() {
            // It is shuffled from now on, or no longer.
            return None;
        }
        let moved = before.iter().zip(&self.order).enumerate();
        let moved = moved.filter(|(_, (before, now))| before != now);
        let moved = moved.map(|(place, (_, now))| (place as u32, *now)).collect();
        let rotation =
            Rotation { name: self.name.clone(), entries: Arc::default(), order: Vec::new(), ..*self };
        Some(ListDelta { rotation, changed, moved })
    }

    fn apply(&mut self, delta: &ListDelta) -> bool {
        let changed = match &delta.changed {
            None => None,
            Some(pieces) => match assemble(&self.entries, pieces) {
                Some(entries) => Some((adapt(&self.order, self.entries.len(), pieces), entries)),
                None => return false,
            },
        };
        let length = changed.as_ref().map_or(self.order.len(), |(order, _)| order.len());
        if delta.moved.iter().any(|(place, _)| *place as usize >= length) {
            return false;
        }
        let (mut order, entries) = match changed {
            Some((order, entries)) => (order, Arc::new(entries)),
            None => (mem::take(&mut self.order), mem::take(&mut self.entries)),
        };
        delta.moved.iter().for_each(|(place, index)| order[*place as usize] = *index);
        *self = Rotation { entries, order, ..delta.rotation.clone() };
        true
    }
}

/// A shuffled list's order after its entries changed: those that are left keep their turns, new ones come
/// last. (It is empty if the list is not shuffled.)
fn adapt(order: &[u32], entries: usize, pieces: &[Piece<Listed>]) -> Vec<u32> {
    if order.is_empty() && entries > 0 {
        return Vec::new();
    }
    let (mut new_of, mut added, mut place) = (vec![None; entries], Vec::new(), 0);
    for piece in pieces {
        match piece {
            Piece::Kept(from, count) => {
                for new in &mut new_of[*from..from + count] {
                    *new = Some(place);
                    place += 1;
                }
            }
            Piece::New(_) => {
                added.push(place);
                place += 1;
            }
        }
    }
    let left = order.iter().filter_map(|old| new_of.get(*old as usize).copied().flatten());
    left.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playout::{Entry, Place, Playlist, UpNext, When};

    fn entries(names: impl IntoIterator<Item = u32>) -> Vec<Entry> {
        names.into_iter().map(|name| Entry::new(format!("/m/{name:05}.mp3"))).collect()
    }

    /// Applies what was told in text, as in a file.
    fn go_on(snapshot: &mut Snapshot, delta: &Delta) -> usize {
        let text = serde_json::to_vec(delta).unwrap();
        assert!(snapshot.apply(&serde_json::from_slice(&text).unwrap()));
        text.len()
    }

    #[test]
    fn whatever_happens_the_changes_lead_to_the_same_state() {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let random = &mut fastrand::Rng::with_seed(seed);
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(seed));
        let (mut id, mut folder) = (None, Vec::new());
        let mut before = up_next.snapshot();
        let mut kept = before.clone();
        let mut whole = 0;
        for _ in 0..3000 {
            match random.u8(0..12) {
                0..4 => {
                    let next = up_next.peek().map(|next| next.id);
                    next.map(|next| up_next.begin(next));
                }
                4 => _ = up_next.queue(entries(0..random.u32(1..4)), Place::End),
                5 => _ = up_next.queue(entries(0..random.u32(1..4)), Place::Next),
                6 => {
                    let ids: Vec<_> = up_next.queued().map(|(id, _)| id).collect();
                    if let Some(one) = random.choice(&ids) {
                        up_next.move_to(*one, random.usize(0..4));
                    }
                }
                7 => _ = up_next.up_next(random.usize(0..6)).len(),
                8 if random.u8(0..5) == 0 => {
                    folder = (0..random.u32(0..40)).collect();
                    let (repeat, shuffle) = (random.bool(), random.bool());
                    let list =
                        Playlist { name: "m".into(), entries: entries(folder.clone()), repeat, shuffle };
                    id = Some(up_next.load(list, When::AfterCurrent));
                }
                8 => up_next.set_shuffle(random.bool()),
                9 => {
                    folder.retain(|_| random.u8(0..8) > 0);
                    folder.insert(random.usize(0..=folder.len()), random.u32(100..200));
                    id.map(|id| up_next.replace(id, entries(folder.clone())));
                }
                10 => {
                    id.map(|id| up_next.extend(id, entries(300..302)));
                }
                _ => up_next.clear(),
            }
            let now = up_next.snapshot();
            match now.since(&before) {
                Some(delta) => _ = go_on(&mut kept, &delta),
                None => {
                    whole += 1;
                    kept = now.clone();
                }
            }
            assert_eq!(kept, now);
            before = now;
        }
        assert!(whole < 700, "most changes are small: {whole}");
    }

    #[test]
    fn what_is_told_of_a_long_shuffled_list_is_of_the_order_of_what_changed() {
        let mut up_next = UpNext::new(fastrand::Rng::with_seed(3));
        let list = Playlist { name: "m".into(), entries: entries(0..20_000), repeat: true, shuffle: true };
        let id = up_next.load(list, When::AfterCurrent);
        up_next.queue(entries(0..2000), Place::End);
        let mut kept = up_next.snapshot();
        let mut change = |up_next: &mut UpNext| {
            let now = up_next.snapshot();
            let delta = now.since(&kept).unwrap();
            let bytes = go_on(&mut kept, &delta);
            assert_eq!(kept, now);
            bytes
        };
        let next = up_next.peek().unwrap().id;
        up_next.begin(next);
        assert!(change(&mut up_next) < 400, "a track of the queue");
        up_next.clear();
        let next = up_next.peek().unwrap().id;
        up_next.begin(next);
        assert!(change(&mut up_next) < 400, "a track of the list");
        let with_one_more = (0..9000).chain([50_000]).chain(9000..20_000);
        assert!(up_next.replace(id, entries(with_one_more)));
        assert!(change(&mut up_next) < 500, "a new file in the folder");
    }

    #[test]
    fn a_change_of_something_else_is_refused_and_changes_nothing() {
        let list = |count| Playlist { entries: entries(0..count), shuffle: true, ..Playlist::default() };
        let mut long = UpNext::new(fastrand::Rng::with_seed(3));
        let id = long.load(list(50), When::AfterCurrent);
        let before = long.snapshot();
        long.replace(id, entries(1..60));
        let delta = long.snapshot().since(&before).unwrap();
        let mut short = UpNext::new(fastrand::Rng::with_seed(3));
        short.load(list(20), When::AfterCurrent);
        let mut other = short.snapshot();
        assert!(!other.apply(&delta));
        assert_eq!(other, short.snapshot());
        let mut none = UpNext::new(fastrand::Rng::with_seed(3)).snapshot();
        assert!(!none.apply(&delta));
    }
}

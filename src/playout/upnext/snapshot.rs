//! What is up next, kept across a restart.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ListId, Listed, Rotation, UpNext};
use crate::ids::EntryId;

/// Everything that [`UpNext`] knows, to be kept as text: the queue, the playlist, how far its
/// pass is and in which order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    queue: VecDeque<Listed>,
    list: Option<Rotation>,
    list_after: Option<usize>,
    next_id: u64,
}

impl Snapshot {
    /// Whether this entry is in the queue.
    pub fn is_queued(&self, id: EntryId) -> bool {
        self.queue.iter().any(|queued| queued.id == id)
    }
}

impl UpNext {
    /// What is up next now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            queue: self.queue.clone(),
            list: self.list.clone(),
            list_after: self.list_after,
            next_id: self.next_id,
        }
    }

    /// Goes on where the snapshot was taken, with the same names. One that was damaged on its way
    /// is mended: a pass whose order makes no sense starts over, names that are not unique are
    /// given anew.
    pub fn restore(snapshot: Snapshot, random: fastrand::Rng) -> UpNext {
        let mut up_next = UpNext {
            queue: snapshot.queue,
            list: snapshot.list,
            list_after: snapshot.list_after,
            next_id: snapshot.next_id,
            ..UpNext::new(random)
        };
        up_next.mend();
        up_next.settle();
        up_next
    }

    /// Goes on from a snapshot in place of all that is up next now.
    pub fn go_on_from(&mut self, snapshot: Snapshot) {
        let (versions, next_id) = (self.version + 1, self.next_id);
        *self = UpNext::restore(snapshot, self.random.clone());
        // What was the next of an older version is not taken for the next of this one.
        self.version += versions;
        // What was named since the snapshot keeps its name for itself.
        self.next_id = self.next_id.max(next_id);
    }

    fn mend(&mut self) {
        self.list_after = self.list_after.map(|after| after.min(self.queue.len()));
        let listed = self.list.iter_mut().flat_map(|list| Arc::make_mut(&mut list.entries));
        let mut names: Vec<&mut EntryId> =
            self.queue.iter_mut().chain(listed).map(|entry| &mut entry.id).collect();
        let mut seen = HashSet::with_capacity(names.len());
        let unique = names.iter().all(|id| id.0 < self.next_id && seen.insert(**id));
        // Far more than any station gives away, and every reader of JSON can still count on.
        if !unique || self.next_id > 1 << 52 {
            for (n, id) in names.iter_mut().enumerate() {
                **id = EntryId(n as u64);
            }
            self.next_id = names.len() as u64;
        }
        if let Some(list) = &mut self.list {
            if list.id.0 >= self.next_id {
                list.id = ListId(self.next_id);
                self.next_id += 1;
            }
            if !list.is_sound() {
                list.rewind(&mut self.random);
            }
            // Decides what is next, where the snapshot does not say.
            list.set_repeat(list.repeat, &mut self.random);
        }
    }
}

//! A snapshot of what is up next, for a restart.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::drawn::Drawn;
use super::{ListId, Listed, Origin, Rotation, UpNext};
use crate::ids::EntryId;
use crate::path_text;

/// The state of [`UpNext`] in a form that can be stored as text: the queue, the playlist, its position and
/// the order of its pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub(super) queue: VecDeque<Listed>,
    pub(super) list: Option<Rotation>,
    #[serde(default)]
    pub(super) list_first: bool,
    pub(super) next_id: u64,
}

impl Snapshot {
    /// Whether this entry is in the queue.
    pub fn is_queued(&self, id: EntryId) -> bool {
        self.queue.iter().any(|queued| queued.id == id)
    }

    /// Its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let listed = self.list.iter().flat_map(|list| list.entries.iter());
        self.queue.iter().chain(listed).map(|listed| listed.entry.path.as_path())
    }

    /// Follows files that have moved, and the list, which is called like its file.
    pub(crate) fn follow(&mut self, moved: impl Fn(&Path) -> Option<PathBuf>) {
        let listed = self.list.iter_mut().flat_map(|list| Arc::make_mut(&mut list.entries));
        for Listed { entry, .. } in self.queue.iter_mut().chain(listed) {
            if let Some(path) = moved(&entry.path) {
                entry.path = path;
            }
        }
        if let Some(list) = &mut self.list
            && let Some(path) = moved(&path_text::from_text(&list.name))
        {
            list.name = path_text::to_text(&path).into_owned();
        }
    }

    /// Puts what has yet to sound before the queue. An entry of the playlist is in that as well, so it gets
    /// another id here: no two entries have the same. What the schedule has chosen, it chooses again.
    pub(super) fn put_first(&mut self, drawn: &Drawn) {
        if drawn.origin == Origin::Schedule {
            return;
        }
        let mut entry = drawn.entry.clone();
        if drawn.origin == Origin::Playlist {
            entry.id = EntryId(self.next_id);
            self.next_id += 1;
        }
        self.queue.push_front(entry);
    }
}

impl UpNext {
    /// A snapshot of the current state.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            queue: self.queue.clone(),
            list: self.list.clone(),
            list_first: self.list_first,
            next_id: self.next_id,
        }
    }

    /// Restores a snapshot with the same ids. A damaged snapshot is repaired: a pass with an invalid order
    /// starts again, and ids that are not unique are replaced.
    pub fn restore(snapshot: Snapshot, random: fastrand::Rng) -> UpNext {
        let mut up_next = UpNext {
            queue: snapshot.queue,
            list: snapshot.list,
            list_first: snapshot.list_first,
            next_id: snapshot.next_id,
            ..UpNext::new(random)
        };
        up_next.mend();
        if let Some(list) = &mut up_next.list {
            // An entry that was due when the snapshot was made counts as failed in it, though it is in the
            // queue now.
            list.failures = 0;
        }
        up_next.settle();
        up_next
    }

    /// Replaces the current state by a snapshot.
    pub fn go_on_from(&mut self, snapshot: Snapshot) {
        let (versions, next_id, list_changes) = (self.version + 1, self.next_id, self.list_changes + 1);
        let mut scheduled = std::mem::take(&mut self.scheduled);
        scheduled.ask_again();
        *self = UpNext::restore(snapshot, self.random.clone());
        // Versions only grow, so that a track that was opened for an older version does not seem current.
        self.version += versions;
        // Ids that were assigned since the snapshot are not assigned again.
        self.next_id = self.next_id.max(next_id);
        (self.scheduled, self.list_changes) = (scheduled, list_changes);
        self.settle();
    }

    fn mend(&mut self) {
        let listed = self.list.iter_mut().flat_map(|list| Arc::make_mut(&mut list.entries));
        let mut names: Vec<&mut EntryId> =
            self.queue.iter_mut().chain(listed).map(|entry| &mut entry.id).collect();
        let mut seen = HashSet::with_capacity(names.len());
        let unique = names.iter().all(|id| id.0 < self.next_id && seen.insert(**id));
        // This is far more than any station assigns, and every JSON parser can still represent it.
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
            // A shuffled list decides here which entry comes next, if the snapshot does not say.
            list.set_repeat(list.repeat, &mut self.random);
        }
    }
}

//! A track that is to come next, and where it comes from.

use std::sync::Arc;

use jiff::Timestamp;

use super::ingredient::IngredientKind;
use super::last_plays::since;
use super::material::{Track, Tracks};
use super::reason::Reason;
use super::settings::{SlotSettings, SlotStart};
use super::slots::DueSlot;
use super::{Named, Rules};
use crate::playout::Entry;

/// A track that is to come next.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub track: Track,
    pub reason: Reason,
    pub(super) from: Origin,
}

/// Where a track comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    Slot(DueSlot),
    Insert { index: usize, list: String, tracks: Arc<Tracks> },
    Rotation { daypart: Option<usize>, list: String, tracks: Arc<Tracks>, turn: usize },
}

impl Pick {
    /// What is to be played, with the reason.
    pub fn entry(&self) -> Entry {
        Entry { reason: Some(Arc::new(self.reason.clone())), ..self.track.entry.clone() }
    }

    /// What it is of, by its kind, its index and the list that its track is of. `None`: the pipeline's own
    /// playlist.
    pub fn ingredient(&self) -> Option<(IngredientKind, usize, &str)> {
        match &self.from {
            Origin::Slot(due) => Some((IngredientKind::Slot, due.index, "")),
            Origin::Insert { index, list, .. } => Some((IngredientKind::Insert, *index, list)),
            Origin::Rotation { daypart, list, .. } => {
                daypart.map(|index| (IngredientKind::Daypart, index, list.as_str()))
            }
        }
    }

    /// The same if it begins at this moment: its reason says how late that is.
    pub fn beginning_at(mut self, at: Timestamp) -> Pick {
        if let (Origin::Slot(due), Reason::Slot { late, .. }) = (&self.from, &mut self.reason) {
            *late = since(at, due.at).as_secs();
        }
        self
    }

    /// The same under new rules. `None` if they do not have the slot or insert that it is of.
    pub fn carried_over(mut self, old: &Rules, new: &Rules) -> Option<Pick> {
        match &mut self.from {
            Origin::Slot(due) => due.index = index_in(&new.slots, &old.slots[due.index])?,
            Origin::Insert { index, .. } => *index = index_in(&new.inserts, &old.inserts[*index])?,
            Origin::Rotation { daypart, .. } => {
                *daypart = daypart.and_then(|index| index_in(&new.dayparts, &old.dayparts[index]));
            }
        }
        Some(self)
    }

    /// When it may begin: a hard slot never begins before its time.
    pub fn not_before(&self, rules: &Rules) -> Option<Timestamp> {
        let due = self.due().filter(|due| due.settings(rules).start == SlotStart::Hard)?;
        Some(due.at())
    }

    /// Whether it does not wait for the end of a track.
    pub fn interrupts(&self, rules: &Rules) -> bool {
        self.slot(rules).is_some_and(|slot| slot.start.interrupts())
    }

    /// The slot that it is of, if it is of one.
    pub fn slot<'a>(&self, rules: &'a Rules) -> Option<&'a SlotSettings> {
        Some(self.due()?.settings(rules))
    }

    /// The slot that it is of, and when that came.
    pub fn due(&self) -> Option<&DueSlot> {
        match &self.from {
            Origin::Slot(due) => Some(due),
            Origin::Insert { .. } | Origin::Rotation { .. } => None,
        }
    }
}

/// Where the settings of this name are.
fn index_in<S>(all: &[Named<S>], named: &Named<S>) -> Option<usize> {
    all.iter().position(|other| other.key == named.key)
}

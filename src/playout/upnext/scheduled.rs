//! What a schedule has chosen to come next, if there is one.
//!
//! It chooses one track at a time, for the moment at which that begins. Whenever something else begins, or an
//! order comes first, it is asked again.

use std::time::Instant;

use super::{Candidate, Listed, Origin, UpNext};
use crate::ids::EntryId;
use crate::playout::Entry;

/// What a schedule has to say of what comes next.
#[derive(Clone, Debug, Default)]
pub(super) enum Scheduled {
    /// There is no schedule.
    #[default]
    Absent,
    /// It is to be asked. Until then only the queue has anything.
    Awaited,
    /// It leaves the choice to the playlist.
    Nothing,
    Chosen(Chosen),
}

/// What it has chosen.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub listed: Listed,
    /// If it is of the playlist, it has its turn there.
    pub origin: Origin,
    pub rank: Rank,
}

/// Where in the order of things the choice of a schedule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// After the queue.
    AfterQueue,
    /// Before the queue: a slot that has come.
    First,
    /// The same for a slot that will have come by the end of the track on the air. It does not begin before
    /// this moment: if the track is over before, the schedule is asked again.
    FirstThen { from: Instant },
}

impl Scheduled {
    /// Gives what was chosen, and has the schedule asked again.
    pub fn ask_again(&mut self) -> Option<Chosen> {
        match std::mem::take(self) {
            Scheduled::Absent => None,
            Scheduled::Awaited | Scheduled::Nothing => {
                *self = Scheduled::Awaited;
                None
            }
            Scheduled::Chosen(chosen) => {
                *self = Scheduled::Awaited;
                Some(chosen)
            }
        }
    }

    pub fn chosen(&self) -> Option<&Chosen> {
        match self {
            Scheduled::Chosen(chosen) => Some(chosen),
            Scheduled::Absent | Scheduled::Awaited | Scheduled::Nothing => None,
        }
    }

    /// Whether it goes before the playlist.
    pub fn has_a_say(&self) -> bool {
        matches!(self, Scheduled::Awaited | Scheduled::Chosen(_))
    }
}

impl Chosen {
    /// Whether it goes before the queue.
    pub fn is_first(&self) -> bool {
        self.rank != Rank::AfterQueue
    }

    pub fn candidate(&self) -> Candidate<'_> {
        Candidate { id: self.listed.id, entry: &self.listed.entry, origin: self.origin }
    }
}

impl UpNext {
    /// Sets whether there is a schedule, which is asked before the playlist goes on.
    pub(crate) fn set_scheduled(&mut self, is_scheduled: bool) {
        self.scheduled = if is_scheduled { Scheduled::Awaited } else { Scheduled::Absent };
        // Whoever has found nothing looks again.
        self.version += 1;
        self.settle();
    }

    /// Has the schedule asked again, if there is one: something has changed.
    pub(crate) fn ask_schedule(&mut self) {
        if matches!(self.scheduled, Scheduled::Nothing) {
            // Whoever has found nothing looks again.
            self.version += 1;
        }
        self.scheduled.ask_again();
        self.settle();
    }

    /// The same, for whoever is about to ask it: nobody else has to look.
    pub(super) fn try_schedule(&mut self) {
        self.scheduled.ask_again();
        self.settle();
    }

    /// What comes next is to sound at once. What was chosen for later is not.
    pub(super) fn come_early(&mut self) {
        if self.chosen_from().is_some() {
            self.ask_schedule();
        }
    }

    /// What comes next is to sound at this moment. What was chosen for later is not.
    pub(super) fn come_at(&mut self, at: Instant) {
        if self.chosen_from().is_some_and(|from| at < from) {
            self.ask_schedule();
        }
    }

    /// From when on the choice of the schedule may sound, if it is for later.
    pub(super) fn chosen_from(&self) -> Option<Instant> {
        match self.scheduled.chosen()?.rank {
            Rank::FirstThen { from } => Some(from),
            Rank::First | Rank::AfterQueue => None,
        }
    }

    /// Whether there is a schedule that is to be asked.
    pub(crate) fn is_schedule_awaited(&self) -> bool {
        matches!(self.scheduled, Scheduled::Awaited)
    }

    /// Takes in what the schedule has chosen; `None` leaves the choice to the playlist. An entry of the
    /// playlist has its turn there.
    pub(crate) fn schedule(&mut self, entry: Option<Entry>, rank: Rank) -> Option<EntryId> {
        if matches!(self.scheduled, Scheduled::Absent) {
            return None;
        }
        let Some(entry) = entry else {
            self.scheduled = Scheduled::Nothing;
            self.settle();
            return None;
        };
        let listed = self.list.iter().flat_map(|list| list.entries.iter());
        // Compared as text, which is much faster than by components: the mixer may wait for it.
        let file = entry.path.as_os_str();
        let of_list =
            listed.filter(|_| rank == Rank::AfterQueue).find(|listed| listed.entry.path.as_os_str() == file);
        let (listed, origin) = match of_list.map(|listed| listed.id) {
            Some(id) => (Listed { id, entry }, Origin::Playlist),
            None => (self.named(entry), Origin::Schedule),
        };
        let id = listed.id;
        self.scheduled = Scheduled::Chosen(Chosen { listed, origin, rank });
        self.settle();
        Some(id)
    }

    /// The entries of the playlist, if they have changed since they were numbered `seen`; their number, and
    /// whether they are shuffled.
    pub(crate) fn entries_since(&self, seen: Option<(u64, bool)>) -> Option<((u64, bool), Vec<Entry>)> {
        let shuffle = self.list.as_ref().is_some_and(|list| list.shuffle());
        let now = (self.list_changes, shuffle);
        if seen == Some(now) {
            return None;
        }
        let entries = self.list.iter().flat_map(|list| list.entries.iter());
        Some((now, entries.map(|listed| listed.entry.clone()).collect()))
    }
}

//! What waits to be written.

use std::collections::BTreeMap;

use super::minutes::Minute;
use super::play::Play;

/// How many plays wait at most, while the disk refuses them: those of some days. Each takes about half a
/// kilobyte.
pub(super) const MAX_WAITING: usize = 10_000;

/// How many minutes of statistics wait at most: a day. Each takes about a hundred bytes for each stream.
pub(super) const MAX_MINUTES: usize = 1_440;

/// The plays and minutes of this run that are not written as they are, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    plays: BTreeMap<u64, Play>,
    minutes: BTreeMap<u64, Minute>,
    lost: Lost,
}

/// How much was dropped in all, because too much waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lost {
    pub plays: u64,
    pub minutes: u64,
}

/// What is written at once.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub plays: Vec<(u64, Play)>,
    pub minutes: Vec<(u64, Minute)>,
}

impl Waiting {
    /// Adds a play, or what it is now. The oldest makes room: it is lost, unless it is still on the air and
    /// so comes again.
    pub fn put(&mut self, number: u64, play: Play) {
        self.plays.insert(number, play);
        if self.plays.len() > MAX_WAITING
            && let Some((_, oldest)) = self.plays.pop_first()
        {
            self.lost.plays += u64::from(oldest.ended);
        }
    }

    /// Adds a minute. The oldest makes room, and is lost.
    pub fn put_minute(&mut self, number: u64, minute: Minute) {
        self.minutes.insert(number, minute);
        if self.minutes.len() > MAX_MINUTES && self.minutes.pop_first().is_some() {
            self.lost.minutes += 1;
        }
    }

    /// Takes the oldest plays and minutes, so many of each at most.
    pub fn take(&mut self, most: usize) -> Batch {
        let plays = std::iter::from_fn(|| self.plays.pop_first()).take(most).collect();
        let minutes = std::iter::from_fn(|| self.minutes.pop_first()).take(most).collect();
        Batch { plays, minutes }
    }

    /// Gives back what could not be written. What has changed meanwhile stays as it is now.
    pub fn give_back(&mut self, batch: &Batch) {
        for (number, play) in &batch.plays {
            if !self.plays.contains_key(number) {
                self.put(*number, play.clone());
            }
        }
        for (number, minute) in &batch.minutes {
            self.put_minute(*number, minute.clone());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.plays.is_empty() && self.minutes.is_empty()
    }

    pub fn plays(&self) -> usize {
        self.plays.len()
    }

    pub fn minutes(&self) -> usize {
        self.minutes.len()
    }

    pub fn lost(&self) -> Lost {
        self.lost
    }
}

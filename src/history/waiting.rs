//! Plays that wait to be written.

use std::collections::BTreeMap;

use super::play::Play;

/// How many plays wait at most, while the disk refuses them: those of some days. Each takes about half a
/// kilobyte.
pub(super) const MAX_WAITING: usize = 10_000;

/// The plays of this run that are not written as they are, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    plays: BTreeMap<u64, Play>,
    /// How many were dropped in all, because too many waited.
    lost: u64,
}

impl Waiting {
    /// Adds a play, or what it is now. The oldest makes room: it is lost, unless it is still on the air and
    /// so comes again.
    pub fn put(&mut self, number: u64, play: Play) {
        self.plays.insert(number, play);
        if self.plays.len() > MAX_WAITING
            && let Some((_, oldest)) = self.plays.pop_first()
        {
            self.lost += u64::from(oldest.ended);
        }
    }

    /// Takes the oldest plays, so many at most.
    pub fn take(&mut self, most: usize) -> Vec<(u64, Play)> {
        let taken = std::iter::from_fn(|| self.plays.pop_first());
        taken.take(most).collect()
    }

    /// Gives back what could not be written. What has changed meanwhile stays as it is now.
    pub fn give_back(&mut self, plays: &[(u64, Play)]) {
        for (number, play) in plays {
            if !self.plays.contains_key(number) {
                self.put(*number, play.clone());
            }
        }
    }

    pub fn len(&self) -> usize {
        self.plays.len()
    }

    pub fn lost(&self) -> u64 {
        self.lost
    }
}

//! Which insert is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use super::last_plays::{CLOCK_SLACK, since};
use super::reason::Since;
use super::settings::Every;
use crate::playout::TrackKind;

/// What changes about inserts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Inserts {
    /// Inserts that have not come yet count from here.
    since: Timestamp,
    /// How many songs there were in all.
    songs: u64,
    of: BTreeMap<String, State>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    /// When it came last, and after how many songs.
    at: Timestamp,
    songs: u64,
    /// Whether a song was heard since.
    is_parted: bool,
}

impl Inserts {
    pub fn new(since: Timestamp) -> Inserts {
        Inserts { since, songs: 0, of: BTreeMap::new() }
    }

    /// The inserts that are due, the most overdue first. Each comes once between two songs at most, so that
    /// neither it nor the songs are starved.
    pub fn due(&self, rules: &Rules, at: Timestamp) -> Vec<(usize, Since)> {
        let mut due = Vec::new();
        for (index, insert) in rules.inserts.iter().enumerate() {
            let state = self.of.get(&insert.key);
            if state.is_some_and(|state| !state.is_parted) {
                continue;
            }
            let songs = self.songs - state.map_or(0, |state| state.songs.min(self.songs));
            let last = state.map_or(self.since, |state| state.at);
            let (overdue, since) = match insert.is.every {
                Every::Songs(every) => {
                    let songs = u32::try_from(songs).unwrap_or(u32::MAX);
                    (f64::from(songs) / f64::from(every), Since::Songs(songs))
                }
                Every::Time(every) => {
                    let was_wrong = since(last, at) >= CLOCK_SLACK;
                    let time = if was_wrong { every } else { since(at, last) };
                    (time.as_secs_f64() / every.as_secs_f64(), Since::Seconds(time.as_secs()))
                }
            };
            if overdue >= 1.0 {
                due.push((overdue, index, since));
            }
        }
        due.sort_by(|one, other| other.0.total_cmp(&one.0));
        due.into_iter().map(|(_, index, since)| (index, since)).collect()
    }

    /// Forgets inserts that are not declared any more.
    pub fn prune(&mut self, rules: &Rules) {
        self.of.retain(|key, _| rules.inserts.iter().any(|insert| insert.key == *key));
    }

    /// An insert has come.
    pub fn came(&mut self, rules: &Rules, index: usize, at: Timestamp) {
        let state = State { at, songs: self.songs, is_parted: false };
        self.of.insert(rules.inserts[index].key.clone(), state);
    }

    /// Something has begun that is no insert.
    pub fn began(&mut self, kind: TrackKind) {
        self.songs += u64::from(kind.is_music());
        self.of.values_mut().for_each(|state| state.is_parted = true);
    }
}

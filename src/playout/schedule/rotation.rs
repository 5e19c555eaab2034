//! The order in which the tracks of a playlist come.
//!
//! A pass has an order of its own, which is made of the seed, the number of the pass and the files. So the
//! state is small, whatever the length of the list, and a list that changes keeps its place in the pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::last_plays::Step;
use super::material::Tracks;

/// How far a playlist is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rotation {
    pass: u64,
    /// The last track that was taken in the order of the pass.
    after: Option<Taken>,
    /// Tracks that were taken before their place in the pass, because those before them may not be heard yet.
    /// They are of the list.
    early: BTreeSet<u64>,
    #[serde(skip)]
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    file: u64,
    /// Its place, for a list that is not shuffled and does not have the file any more.
    place: usize,
}

/// The order of a pass. It follows from the rest.
#[derive(Clone, Debug, Default)]
struct Order {
    of: Option<(Arc<Tracks>, u64)>,
    /// Indexes of tracks.
    indexes: Arc<Vec<u32>>,
}

impl PartialEq for Order {
    fn eq(&self, _: &Order) -> bool {
        true
    }
}

impl Rotation {
    /// The tracks in the order in which they are to be tried: first those of this pass, then those that have
    /// been played in it, the oldest first.
    pub fn candidates(&mut self, tracks: &Arc<Tracks>, seed: u64) -> impl Iterator<Item = usize> {
        self.arrange(tracks, seed);
        let place = self.place(tracks, seed);
        let (order, early) = (self.order.indexes.clone(), &self.early);
        let all = order.len();
        let is_early = move |index: &usize| early.contains(&tracks.keys(*index).file);
        let at = move |place: usize| order[place] as usize;
        let rest = (place..all).map(at.clone()).filter(move |index| !is_early(index));
        let played = (0..place).map(at.clone());
        rest.chain(played).chain((place..all).map(at).filter(is_early))
    }

    /// The first track that needs the least relaxing, and how much that is.
    pub fn choose(
        &mut self,
        tracks: &Arc<Tracks>,
        seed: u64,
        step: impl Fn(usize) -> Step,
    ) -> Option<(usize, Step)> {
        let mut best: Option<(usize, Step)> = None;
        for index in self.candidates(tracks, seed) {
            let step = step(index);
            if best.is_none_or(|(_, least)| step < least) {
                best = Some((index, step));
            }
            if step == 0 {
                break;
            }
        }
        best
    }

    /// Takes a track. One that has been played in this pass keeps its turn.
    pub fn take(&mut self, tracks: &Arc<Tracks>, seed: u64, file: u64) {
        self.arrange(tracks, seed);
        let order = self.order.indexes.clone();
        let file_at = |place: usize| tracks.keys(order[place] as usize).file;
        let mut place = self.place(tracks, seed);
        let Some(taken) = (place..order.len()).find(|place| file_at(*place) == file) else { return };
        self.early.insert(file);
        if taken > place {
            return;
        }
        while place < order.len() && self.early.remove(&file_at(place)) {
            self.after = Some(Taken { file: file_at(place), place });
            place += 1;
        }
        if place == order.len() {
            (self.pass, self.after, self.early) = (self.pass + 1, None, BTreeSet::new());
        }
    }

    /// Puts the tracks into the order of this pass.
    fn arrange(&mut self, tracks: &Arc<Tracks>, seed: u64) {
        let known = self.order.of.as_ref();
        if known.is_some_and(|(of, pass)| Arc::ptr_eq(of, tracks) && *pass == self.pass) {
            return;
        }
        let mut indexes: Vec<u32> = (0..tracks.len() as u32).collect();
        if tracks.shuffle {
            indexes.sort_by_cached_key(|index| self.rank(seed, tracks.keys(*index as usize).file));
        }
        // What the list has lost is not waited for.
        if !self.early.is_empty() {
            let there: BTreeSet<u64> =
                indexes.iter().map(|index| tracks.keys(*index as usize).file).collect();
            self.early.retain(|file| there.contains(file));
        }
        self.order = Order { of: Some((tracks.clone(), self.pass)), indexes: Arc::new(indexes) };
    }

    /// How many tracks of the order are over.
    fn place(&self, tracks: &Arc<Tracks>, seed: u64) -> usize {
        let order = &self.order.indexes;
        let Some(Taken { file, place }) = self.after else { return 0 };
        let file_at = |place: usize| tracks.keys(order[place] as usize).file;
        let over = match tracks.shuffle {
            _ if place < order.len() && file_at(place) == file => place + 1,
            true => {
                let last = self.rank(seed, file);
                order.partition_point(|index| self.rank(seed, tracks.keys(*index as usize).file) <= last)
            }
            false => (0..order.len()).find(|place| file_at(*place) == file).map_or(place, |place| place + 1),
        };
        // The list has become shorter: the pass begins again.
        if over < order.len() { over } else { 0 }
    }

    /// Where a file stands in this pass.
    fn rank(&self, seed: u64, file: u64) -> (u64, u64) {
        let mut random =
            fastrand::Rng::with_seed(seed ^ file ^ self.pass.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (random.u64(..), file)
    }
}

#[cfg(test)]
mod tests {
    use super::super::material::Track;
    use super::*;
    use crate::home::Home;
    use crate::playout::Entry;

    fn tracks(names: &[&str], shuffle: bool) -> Arc<Tracks> {
        let tracks = names.iter().map(|name| Track::new(Entry::new(name))).collect();
        Arc::new(Tracks::new(tracks, shuffle, &Home::default()))
    }

    fn play(rotation: &mut Rotation, tracks: &Arc<Tracks>, step: impl Fn(usize) -> Step) -> usize {
        let (index, _) = rotation.choose(tracks, 7, step).unwrap();
        rotation.take(tracks, 7, tracks.keys(index).file);
        index
    }

    #[test]
    fn a_pass_has_every_track_once_in_an_order_of_its_own() {
        let list = tracks(&["a", "b", "c", "d", "e", "f", "g"], true);
        let mut rotation = Rotation::default();
        let passes: Vec<Vec<usize>> =
            (0..20).map(|_| (0..7).map(|_| play(&mut rotation, &list, |_| 0)).collect()).collect();
        for pass in &passes {
            assert_eq!(pass.iter().collect::<BTreeSet<_>>().len(), 7, "{pass:?}");
        }
        assert!(passes.windows(2).any(|two| two[0] != two[1]));
        let list = tracks(&["a", "b", "c"], false);
        let mut rotation = Rotation::default();
        let order: Vec<usize> = (0..7).map(|_| play(&mut rotation, &list, |_| 0)).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2, 0]);
    }

    #[test]
    fn who_may_not_be_heard_yet_keeps_its_turn() {
        let list = tracks(&["a", "b", "c", "d"], false);
        let mut rotation = Rotation::default();
        // The first is not to be heard until two others were.
        let order: Vec<usize> = [5, 5, 0, 0]
            .map(|first| play(&mut rotation, &list, |index| if index == 0 { first } else { 0 }))
            .to_vec();
        assert_eq!(order, [1, 2, 0, 3]);
        assert_eq!(rotation.pass, 1);
        // Nothing is as it should be: the least bad one.
        assert_eq!(rotation.choose(&list, 7, |index| [7, 3, 3, 9][index]), Some((1, 3)));
    }

    #[test]
    fn a_list_that_changes_keeps_its_place() {
        for shuffle in [false, true] {
            let list = tracks(&["a", "b", "c", "d", "e", "f"], shuffle);
            let mut rotation = Rotation::default();
            let first: Vec<usize> = (0..3).map(|_| play(&mut rotation, &list, |_| 0)).collect();
            let names = ["a", "b", "c", "d", "e", "f"];
            let state = serde_json::to_string(&rotation).unwrap();
            let mut rotation: Rotation = serde_json::from_str(&state).unwrap();
            // One that was played is gone.
            let gone = first[1];
            let left: Vec<&str> = names.iter().copied().filter(|name| *name != names[gone]).collect();
            let list = tracks(&left, shuffle);
            let mut rest: Vec<&str> = (0..3).map(|_| left[play(&mut rotation, &list, |_| 0)]).collect();
            rest.extend(first.iter().map(|index| names[*index]));
            rest.sort_unstable();
            assert_eq!(rest, names, "shuffle {shuffle}");
        }
    }
}

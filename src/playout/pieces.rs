//! A sequence, told by what it has of an earlier one.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// A part of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Piece<T> {
    /// So many items of the earlier sequence, from this index on.
    Kept(usize, usize),
    /// An item that the earlier sequence does not have.
    New(T),
}

/// Tells `new` by the pieces of `old`. Two items are the same only if they are equal; `key` finds candidates.
pub(crate) fn pieces<'a, T: Clone + PartialEq + 'a, K: Eq + Hash>(
    old: impl IntoIterator<Item = &'a T>,
    new: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&T) -> K,
) -> Vec<Piece<T>> {
    let old: Vec<&T> = old.into_iter().collect();
    let places: HashMap<K, usize> = old.iter().enumerate().map(|(place, item)| (key(item), place)).collect();
    let mut pieces: Vec<Piece<T>> = Vec::new();
    for item in new {
        let place = places.get(&key(item)).copied().filter(|place| old[*place] == item);
        match (place, pieces.last_mut()) {
            (Some(place), Some(Piece::Kept(from, count))) if *from + *count == place => *count += 1,
            (Some(place), _) => pieces.push(Piece::Kept(place, 1)),
            (None, _) => pieces.push(Piece::New(item.clone())),
        }
    }
    pieces
}

/// The sequence that these pieces tell. `None` if they are not of this one.
pub(crate) fn assemble<T: Clone>(old: &[T], pieces: &[Piece<T>]) -> Option<Vec<T>> {
    let mut new = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Kept(from, count) => new.extend_from_slice(old.get(*from..from.checked_add(*count)?)?),
            Piece::New(item) => new.push(item.clone()),
        }
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_told_by_an_earlier_one() {
        let random = &mut fastrand::Rng::with_seed(7);
        for _ in 0..2000 {
            // Few values, so that items repeat.
            let mut sequence = || (0..random.usize(0..9)).map(|_| random.u8(0..6)).collect::<Vec<u8>>();
            let (old, new) = (sequence(), sequence());
            let told = pieces(&old, &new, |item| *item);
            assert_eq!(assemble(&old, &told), Some(new.clone()), "{old:?} {new:?} {told:?}");
        }
        let long: Vec<u32> = (0..1000).collect();
        let told = pieces(&long, long[1..500].iter().chain(&[7000]).chain(&long[500..]), |item| *item);
        assert_eq!(told, [Piece::Kept(1, 499), Piece::New(7000), Piece::Kept(500, 500)]);
        for wrong in [Piece::Kept(0, 1001), Piece::Kept(1001, 0), Piece::Kept(2, usize::MAX)] {
            assert_eq!(assemble(&long, &[wrong]), None);
        }
    }
}

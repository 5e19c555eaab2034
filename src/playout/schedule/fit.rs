//! Chooses a track so that the tracks until a given moment fill the time.

use std::time::Duration;

/// How many tracks are looked at.
pub(super) const MOST_LOOKED_AT: usize = 160;

/// A sum that is so near is not improved upon: the order of the playlist counts then.
const NEAR_MS: i64 = 2_000;

/// The longest time that is planned, in tracks of the middle length.
const MOST_TRACKS: i64 = 3;

/// Which of these lengths, given in the order of preference, comes first so that one, two or three of them
/// fill `left`. `None` if there is more time than that: any will do.
pub(super) fn fitting(lengths: &[Duration], left: Duration) -> Option<usize> {
    let lengths: Vec<i64> = lengths.iter().map(|length| length.as_millis() as i64).collect();
    let left = left.as_millis() as i64;
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let middle = *sorted.get(sorted.len() / 2)?;
    if left > MOST_TRACKS * middle + middle / 2 {
        return None;
    }
    let mut best: Option<(i64, usize)> = None;
    for more in 0..MOST_TRACKS {
        for (index, length) in lengths.iter().enumerate() {
            let rest = left - length;
            let miss = match more {
                0 => rest.abs(),
                1 => nearest(&sorted, rest, &[*length]),
                _ => {
                    let others = sorted.iter().filter(|other| *other != length);
                    others
                        .map(|other| nearest(&sorted, rest - other, &[*length, *other]))
                        .min()
                        .unwrap_or(i64::MAX)
                }
            };
            if miss <= NEAR_MS {
                return Some(index);
            }
            if best.is_none_or(|(least, _)| miss < least) {
                best = Some((miss, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

/// How far the nearest of these is from `wanted`, except for those that are taken.
fn nearest(sorted: &[i64], wanted: i64, taken: &[i64]) -> i64 {
    let above = sorted.partition_point(|length| *length < wanted);
    let (below, above) = sorted.split_at(above);
    let is_free = |length: &&i64| !taken.contains(*length);
    let near = [below.iter().rev().find(is_free), above.iter().find(is_free)];
    near.into_iter().flatten().map(|length| (length - wanted).abs()).min().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(all: &[u64]) -> Vec<Duration> {
        all.iter().copied().map(Duration::from_secs).collect()
    }

    #[test]
    fn one_two_or_three_tracks_fill_the_time() {
        let lengths = seconds(&[180, 200, 210, 240, 300]);
        let fit = |left| fitting(&lengths, Duration::from_secs(left));
        assert_eq!(fit(241), Some(3));
        // 180 and 210.
        assert_eq!(fit(390), Some(0));
        // 300 and 300.
        assert_eq!(fit(600), Some(0), "180, 200 and 210");
        // Nothing is near: the nearest.
        assert_eq!(fit(100), Some(0));
        assert_eq!(fit(3600), None);
        assert_eq!(fitting(&[], Duration::from_secs(60)), None);
    }
}

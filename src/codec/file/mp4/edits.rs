//! Which part of a track is played: containers say it in an edit list.

use std::io;

use super::clock::Clock;
use super::walk::{Span, Walk};

/// What the index says of the part that is played, in the track's ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::codec::file) struct Times {
    /// The first tick to play.
    pub(in crate::codec::file) from: u64,
    /// The number of ticks to play, and its tolerance: the file has it in the movie's time scale, which is
    /// often coarser. `None`: to the end.
    pub(in crate::codec::file) length: Option<(u64, u64)>,
    /// Whether the end of the last packet is not known.
    pub(in crate::codec::file) open_end: bool,
}

/// The most edits that are read.
const MAX_EDITS: u32 = 16;

/// Reads the edits in an `elst` box as one, from the first tick to the last: what several edits leave out in
/// between is played. Leading silence does not count as an edit.
pub(super) fn read(
    walk: &mut Walk<'_>,
    elst: &Span,
    movie_scale: Option<u32>,
    clock: &Clock,
) -> io::Result<Times> {
    let version = walk.number(elst.start)?.unwrap_or_default() >> 24;
    let count = walk.number(elst.start + 4)?.unwrap_or_default();
    let entry = if version == 1 { 20 } else { 12 };
    // Without the movie's scale, its times mean nothing.
    let ticks = |movie_ticks: u64| {
        let scaled = u128::from(movie_ticks) * u128::from(clock.rate);
        Some(u64::try_from(scaled.div_ceil(u128::from(movie_scale?))).unwrap_or(u64::MAX))
    };
    // The first tick of all edits, and their end if it is known.
    let mut all: Option<(u64, Option<u64>)> = None;
    for at in (elst.start + 8..).step_by(entry).take(count.min(MAX_EDITS) as usize) {
        let (duration, from) = match (version, walk.media.up_to(at, entry)?.as_slice()) {
            (1, &[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), i64::from_be_bytes([i, j, k, l, m, n, o, p]))
            }
            (0, &[a, b, c, d, e, f, g, h, ..]) => {
                (u64::from(u32::from_be_bytes([a, b, c, d])), i64::from(i32::from_be_bytes([e, f, g, h])))
            }
            _ => return Ok(Times::default()),
        };
        let Ok(from) = u64::try_from(from) else { continue };
        let from = clock.ticks(from);
        let end = (duration > 0).then(|| Some(from.saturating_add(ticks(duration)?))).flatten();
        all = Some(match all {
            None => (from, end),
            Some((first, last)) => (first.min(from), last.zip(end).map(|(last, end)| last.max(end))),
        });
    }
    let Some((from, end)) = all else { return Ok(Times::default()) };
    let end = end.filter(|_| count <= MAX_EDITS);
    // The last edit may end where the sound does, by the times in the index. These may be wrong.
    let ends_with_all = |end: u64, step| clock.told.abs_diff(end) <= step;
    let length = end.zip(ticks(1)).filter(|&(end, step)| !ends_with_all(end, step));
    let length = length.map(|(end, step)| (end - from, step));
    Ok(Times { from, length, open_end: false })
}

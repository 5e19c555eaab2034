//! Finds the cue points of a track: where it begins to sound, where nothing more is heard of it, and where it
//! has decayed so far that the next track should start. All thresholds are relative to the track's own
//! loudness, so that a quiet recording keeps its quiet places, and a loud one loses its noise floor.

use std::ops::Range;
use std::time::Duration;

/// Levels are measured in slices of this length.
pub const SLICE: Duration = Duration::from_millis(20);

/// What is so far below the track's loudness is not its beginning, in LU. The noise of a tape is cut away;
/// an orchestra that begins softly is not.
const BEGINS_BELOW: f32 = 36.0;
/// The end is heard further down: what decays leads the ear into the noise.
const ENDS_BELOW: f32 = 42.0;
/// Below this, in LUFS, everything is silence: it is the absolute gate of BS.1770.
const FLOOR: f32 = -70.0;

/// Sound is at least so dense: a click in the groove is not the beginning of a track.
const SUSTAINED: Duration = Duration::from_millis(300);

/// A silence of this length ends a track: what comes behind it is a hidden one.
const HIDDEN_BEHIND: Duration = Duration::from_secs(15);
/// Unless what came before it is so short that it was a prelude.
const PRELUDE: Duration = Duration::from_secs(30);

/// The ear judges a decay over this time, like momentary loudness. What decays more quickly ends at once.
const MOMENT: Duration = Duration::from_millis(400);
/// So far below its own loudness, in LU, a track has decayed.
const DECAYED_BELOW: f32 = 8.0;
/// What is left then may be a quiet coda rather than a decay. If it is longer than this, the next
/// threshold is tried, so many LU further down.
const LONGEST_DECAY: Duration = Duration::from_secs(12);
const NEXT_THRESHOLD: f32 = 4.0;

/// Where a track begins, ends and lets the next one start, from its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CuePoints {
    /// Where it begins to sound.
    pub cue_in: Duration,
    /// Where nothing more is heard of it.
    pub cue_out: Duration,
    /// Where the next one should start: the cue out if it ends at once.
    pub start_next: Duration,
}

/// The cue points of a track with these loudness levels in LUFS, one for each [`SLICE`], and this integrated
/// loudness. `None` if there is nothing but silence.
pub fn cue_points(levels: &[f32], loudness: f32) -> Option<CuePoints> {
    let ends_below = (loudness - ENDS_BELOW).max(FLOOR);
    let stretch = main_stretch(&sound(levels, ends_below, loudness))?;
    let levels_of_it = &levels[stretch.clone()];
    let begins = sound(levels_of_it, (loudness - BEGINS_BELOW).max(FLOOR), loudness);
    let begin = stretch.start + begins.iter().position(|is_sound| *is_sound).unwrap_or(0);
    // A slice of what is silent stays, so that a short fade at the cut does not touch the sound.
    let cue_in = begin.saturating_sub(1);
    let cue_out = (stretch.end + 1).min(levels.len());
    let start_next = decayed_at(&levels[..stretch.end], loudness).clamp(begin, stretch.end);
    let is_cold = stretch.end - start_next < slices(MOMENT);
    let at = |slices: usize| SLICE * slices as u32;
    Some(CuePoints {
        cue_in: at(cue_in),
        cue_out: at(cue_out),
        start_next: at(if is_cold { cue_out } else { start_next }),
    })
}

/// Which slices belong to sound: those above a threshold, where there are many, or as loud as the track.
fn sound(levels: &[f32], threshold: f32, loudness: f32) -> Vec<bool> {
    let span = slices(SUSTAINED);
    let mut before = Vec::with_capacity(levels.len() + 1);
    before.push(0);
    for level in levels {
        before.push(before[before.len() - 1] + usize::from(*level >= threshold));
    }
    let are_many = |range: Range<usize>| 2 * (before[range.end] - before[range.start]) > span;
    let is_sound = |(at, level): (usize, &f32)| {
        let ahead = at..(at + span).min(levels.len());
        let behind = (at + 1).saturating_sub(span)..at + 1;
        *level >= threshold && (*level >= loudness || are_many(ahead) || are_many(behind))
    };
    levels.iter().enumerate().map(is_sound).collect()
}

/// The part of a track that is played: up to a silence behind which something is hidden. A prelude before
/// such a silence is left out, unless nothing longer follows.
fn main_stretch(sound: &[bool]) -> Option<Range<usize>> {
    let mut stretches: Vec<Range<usize>> = Vec::new();
    for at in (0..sound.len()).filter(|at| sound[*at]) {
        match stretches.last_mut() {
            Some(stretch) if at - stretch.end < slices(HIDDEN_BEHIND) => stretch.end = at + 1,
            _ => stretches.push(at..at + 1),
        }
    }
    let is_more_than_a_prelude = |stretch: &&Range<usize>| stretch.len() >= slices(PRELUDE);
    let first = stretches.iter().find(is_more_than_a_prelude);
    first.or_else(|| stretches.iter().rev().max_by_key(|stretch| stretch.len())).cloned()
}

/// The slice from which on a track that ends with these levels has decayed.
fn decayed_at(levels: &[f32], loudness: f32) -> usize {
    let moment = slices(MOMENT);
    let energies: Vec<f64> = levels.iter().map(|level| 10_f64.powf(f64::from(*level) / 10.0)).collect();
    // What follows the end is silence.
    let mean =
        |at: usize| energies[at..(at + moment).min(energies.len())].iter().sum::<f64>() / moment as f64;
    let mut below = DECAYED_BELOW;
    while below < ENDS_BELOW {
        let threshold = 10_f64.powf(f64::from(loudness - below) / 10.0);
        let at = (0..levels.len()).rev().find(|at| mean(*at) >= threshold).map_or(0, |at| at + 1);
        if levels.len() - at <= slices(LONGEST_DECAY) {
            return at;
        }
        below += NEXT_THRESHOLD;
    }
    levels.len().saturating_sub(slices(LONGEST_DECAY))
}

const fn slices(time: Duration) -> usize {
    (time.as_millis() / SLICE.as_millis()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUDNESS: f32 = -14.0;

    /// Levels: pairs of seconds and LU relative to the track's loudness.
    fn levels(parts: &[(f64, f32)]) -> Vec<f32> {
        let part = |(seconds, level): &(f64, f32)| {
            let count = (seconds / SLICE.as_secs_f64()).round() as usize;
            std::iter::repeat_n(LOUDNESS + level, count)
        };
        parts.iter().flat_map(part).collect()
    }

    /// Cue in, cue out and start of the next, in seconds.
    fn points(levels: &[f32]) -> Option<[f64; 3]> {
        let points = cue_points(levels, LOUDNESS)?;
        Some([points.cue_in, points.cue_out, points.start_next].map(|point| point.as_secs_f64()))
    }

    fn points_of(parts: &[(f64, f32)]) -> [f64; 3] {
        points(&levels(parts)).unwrap()
    }

    /// Seconds of a straight line in decibels.
    fn fade(seconds: f64, from: f32, to: f32) -> Vec<f32> {
        let count = (seconds / SLICE.as_secs_f64()) as usize;
        (0..count).map(|at| LOUDNESS + from + (to - from) * at as f32 / count as f32).collect()
    }

    #[test]
    fn silence_around_a_track_is_cut_away() {
        assert_eq!(points_of(&[(1.0, -90.0), (60.0, 0.0), (2.0, -90.0)]), [0.98, 61.02, 61.02]);
        assert_eq!(points_of(&[(60.0, 0.0)]), [0.0, 60.0, 60.0], "nothing to cut");
        assert_eq!(points_of(&[(2.0, -40.0), (60.0, 0.0)])[0], 1.98, "noise before it");
        assert_eq!(points(&levels(&[(60.0, -90.0)])), None);
        assert_eq!(points(&[]), None);
    }

    #[test]
    fn a_quiet_beginning_stays() {
        for intro in [-10.0, -20.0, -30.0, -35.0] {
            assert_eq!(points_of(&[(1.0, -90.0), (20.0, intro), (200.0, 1.0)])[0], 0.98, "{intro} LU");
        }
        let rising = [levels(&[(1.0, -90.0)]), fade(10.0, -60.0, 0.0), levels(&[(60.0, 0.0)])].concat();
        let begins = points(&rising).unwrap()[0];
        assert!((4.9..=5.1).contains(&begins), "{begins}: where it has 36 LU less");
    }

    #[test]
    fn a_click_is_no_beginning_and_a_stroke_is_one() {
        let click = [(1.0, -90.0), (0.02, -10.0), (2.0, -90.0), (60.0, 0.0), (1.0, -90.0), (0.02, -10.0)];
        assert_eq!(points_of(&click), [3.0, 63.04, 63.04]);
        let stroke = [(1.0, -90.0), (0.04, 6.0), (0.5, -90.0), (60.0, 0.0)];
        assert_eq!(points_of(&stroke)[0], 0.98);
        let word =
            [(1.0, -90.0), (0.2, -15.0), (0.5, -90.0), (60.0, 0.0), (0.5, -90.0), (0.2, -15.0), (3.0, -90.0)];
        assert_eq!(points_of(&word)[..2], [0.98, 62.42]);
    }

    #[test]
    fn a_hidden_track_is_not_played_and_a_prelude_is_left_out() {
        assert_eq!(points_of(&[(200.0, 0.0), (60.0, -90.0), (300.0, 0.0)])[1], 200.02);
        assert_eq!(points_of(&[(5.0, 0.0), (20.0, -90.0), (300.0, 0.0)])[..2], [24.98, 325.0]);
        assert_eq!(points_of(&[(20.0, 0.0), (20.0, -90.0), (10.0, 0.0)])[..2], [0.0, 20.02]);
        // A pause between movements is shorter.
        assert_eq!(points_of(&[(200.0, 0.0), (10.0, -90.0), (300.0, 0.0)])[1], 510.0);
    }

    #[test]
    fn the_next_track_starts_where_this_one_has_decayed() {
        let faded = |seconds: f64| {
            let track = [levels(&[(60.0, 0.0)]), fade(seconds, 0.0, -60.0), levels(&[(2.0, -90.0)])].concat();
            points(&track).unwrap()
        };
        // A fade passes -8 LU after 13 % of its time, and -42 LU after 70 %.
        for seconds in [2.0, 5.0, 10.0, 15.0] {
            let [_, cue_out, start_next] = faded(seconds);
            assert!((cue_out - 60.0 - 0.7 * seconds).abs() < 0.1, "{seconds} s: {cue_out}");
            assert!((start_next - 60.0 - 0.13 * seconds).abs() < 0.2, "{seconds} s: {start_next}");
        }
        // In a long one, the next track waits longer.
        let [_, cue_out, start_next] = faded(60.0);
        assert!((8.0..=12.0).contains(&(cue_out - start_next)), "{start_next} of {cue_out}");
        let [_, cue_out, start_next] = faded(0.3);
        assert_eq!(cue_out, start_next, "it ends at once");
    }

    #[test]
    fn a_quiet_coda_is_no_decay() {
        let [_, cue_out, start_next] = points_of(&[(60.0, 0.0), (40.0, -15.0)]);
        assert_eq!(cue_out, start_next);
        let rings = [levels(&[(60.0, 0.0), (40.0, -15.0)]), fade(5.0, -15.0, -60.0)].concat();
        let [_, cue_out, start_next] = points(&rings).unwrap();
        assert!((99.8..100.2).contains(&start_next) && cue_out > 102.0, "{start_next} of {cue_out}");
    }

    #[test]
    fn whatever_the_levels_are_the_points_are_in_order() {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..500 {
            let parts: Vec<(f64, f32)> = (0..random.usize(1..8))
                .map(|_| (random.f64() * 20.0, random.f32() * 130.0 - 120.0))
                .collect();
            let levels = levels(&parts);
            let Some(points) = cue_points(&levels, LOUDNESS) else { continue };
            let end = SLICE * levels.len() as u32;
            let CuePoints { cue_in, cue_out, start_next } = points;
            assert!(cue_in <= start_next && start_next <= cue_out && cue_out <= end, "{parts:?}: {points:?}");
            assert!(cue_in < cue_out, "{parts:?}");
        }
    }
}

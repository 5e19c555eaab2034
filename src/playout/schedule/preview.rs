//! What will be played, if nothing intervenes.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::slots::{Dropped, later};
use super::{Director, Material, Reason, Rules, Track};
use crate::playout::Entry;

/// How long a track is thought to be that does not say.
const UNKNOWN_LENGTH: Duration = Duration::from_secs(240);

/// The shortest time between two tracks, so that a preview ends, whatever the files declare.
const SHORTEST: Duration = Duration::from_secs(1);

/// The most tracks of a preview: a week of tracks of half a minute.
pub(crate) const MOST_PLANNED: usize = 20_000;

/// A track that will be played, or a slot that will not.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// When it begins, or should.
    pub at: SystemTime,
    /// The file; of a slot that is not played what it names.
    pub entry: Entry,
    /// Its title, as far as it is known: see [`format_title`](crate::format_title).
    pub title: String,
    /// Why it is played, or why it is not: [`Reason::is_dropped`].
    pub reason: Reason,
    /// When the next one begins. What is not played ends when it should begin.
    pub ends: SystemTime,
    /// Whether it is ended before its time.
    pub is_cut: bool,
}

impl Planned {
    fn not_played(dropped: Dropped, rules: &Rules) -> Planned {
        let (at, reason) = (dropped.at.into(), dropped.why(rules));
        let title = Track::new(dropped.own.clone()).shown();
        Planned { at, entry: dropped.own, title, reason, ends: at, is_cut: false }
    }
}

/// What is played after the track on the air, which ends at `ends` if nothing ends it after `after`, until so
/// much later. The director is a copy: what is on the air is not touched.
pub(crate) fn preview_of_what_comes(
    mut director: Director,
    rules: &Rules,
    material: &dyn Material,
    after: Timestamp,
    ends: Timestamp,
    time: Duration,
) -> Vec<Planned> {
    let at = director.gives_way(rules, material, after, ends).unwrap_or(ends);
    preview(director, rules, material, at, later(at, time))
}

/// What is played from `at` on, when no track is on the air, until `until`, [`MOST_PLANNED`] tracks at most.
pub(crate) fn preview(
    director: Director,
    rules: &Rules,
    material: &dyn Material,
    at: Timestamp,
    until: Timestamp,
) -> Vec<Planned> {
    simulate(director, rules, material, at, until, MOST_PLANNED)
}

/// The same, so many tracks at most.
pub(super) fn simulate(
    mut director: Director,
    rules: &Rules,
    material: &dyn Material,
    at: Timestamp,
    until: Timestamp,
    most: usize,
) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    let mut not_played = Vec::new();
    let mut at = at;
    while at < until && planned.len() < most {
        let dropped = director.expire(rules, at).into_iter();
        not_played.extend(dropped.map(|dropped| Planned::not_played(dropped, rules)));
        let Some(pick) = director.next(rules, material, at) else {
            // It is silent until a slot or a daypart comes.
            at = next_minute(at);
            continue;
        };
        if let Some(time) = pick.not_before(rules).filter(|time| *time > at) {
            at = time;
            planned.iter_mut().last().into_iter().for_each(|last| last.ends = time.into());
        }
        let length = pick.track.duration.unwrap_or(UNKNOWN_LENGTH);
        let ends = later(at, length.saturating_sub(rules.overlap(&pick.track)).max(SHORTEST));
        director.began(rules, &pick.track, Some(&pick), at, Some(ends));
        let cut = director.gives_way(rules, material, at, ends);
        let next = cut.unwrap_or(ends);
        planned.push(Planned {
            at: at.into(),
            title: pick.track.shown(),
            entry: pick.track.entry,
            reason: pick.reason,
            ends: next.into(),
            is_cut: cut.is_some(),
        });
        at = next;
    }
    planned.extend(not_played);
    planned.sort_by_key(|planned| planned.at);
    planned
}

/// The next full minute after this moment: slots and dayparts begin at full minutes.
fn next_minute(at: Timestamp) -> Timestamp {
    let second = (at.as_second().div_euclid(60) + 1) * 60;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

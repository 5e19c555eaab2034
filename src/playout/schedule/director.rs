//! Says which track comes next, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Rules;
use super::fit::{MOST_LOOKED_AT, fitting};
use super::inserts::Inserts;
use super::last_plays::{AT_ONCE, LastPlays, since};
use super::material::{Material, SlotWants, Track, Tracks};
use super::pick::{Origin, Pick};
use super::reason::Reason;
use super::rotation::Rotation;
use super::settings::{DaypartSettings, SlotStart};
use super::slots::{Dropped, DueSlot, Slots, later};

/// By how many rounds of a daypart's playlists one can be ahead or behind.
const MOST_ROUNDS: i64 = 2;

/// How many interruptions of one track are looked at, however long it says that it is.
const MOST_INTERRUPTIONS: usize = 24;

/// An end is not noted anew if it is nearer than this to what was known.
const NEAR: Duration = Duration::from_secs(1);

/// The pipeline's own playlist has no path.
const OWN: &str = "";

/// Owns what changes while a schedule is played. It is asked what comes [next](Director::next), and told what
/// has [begun](Director::began). To ask changes nothing that matters: it may be asked again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Director {
    seed: u64,
    last_plays: LastPlays,
    /// By the paths of the playlists.
    rotations: BTreeMap<String, Rotation>,
    /// How many turns each playlist of a daypart has in hand.
    turns: BTreeMap<String, Vec<i64>>,
    inserts: Inserts,
    slots: Slots,
    on_air: Option<Playing>,
}

/// What is on the air, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Playing {
    since: Timestamp,
    /// When it ends, as far as that is known.
    ends: Option<Timestamp>,
    /// When it fades out, whether or not it ends.
    until: Option<Timestamp>,
}

impl Playing {
    /// Whether its time is over at this moment, whether or not it has ended.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

/// What ends the track on the air before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// A slot has come. It takes the air if it has something to play.
    Slot,
    /// The time of the slot on the air is over.
    TimeIsOver,
    /// Both at one moment: the time is over, whether or not the slot that has come has something to play.
    SlotAsTimeIsOver,
}

impl Director {
    /// One that knows of nothing before `now`. The same seed gives the same choices.
    pub fn new(seed: u64, now: Timestamp) -> Director {
        Director {
            seed,
            last_plays: LastPlays::default(),
            rotations: BTreeMap::new(),
            turns: BTreeMap::new(),
            inserts: Inserts::new(now),
            slots: Slots::new(now),
            on_air: None,
        }
    }

    /// What comes next if it begins at `at`. `None` if there is nothing to choose from.
    pub fn next(&mut self, rules: &Rules, material: &dyn Material, at: Timestamp) -> Option<Pick> {
        self.due_slot(rules, material, at)
            .or_else(|| self.due_insert(rules, material, at))
            .or_else(|| self.rotation_pick(rules, material, at))
    }

    /// The slot that is due at this moment, with what it plays.
    pub fn due_slot(&mut self, rules: &Rules, material: &dyn Material, at: Timestamp) -> Option<Pick> {
        let due = self.slots.due(rules, at);
        due.iter().find_map(|due| self.resolve(rules, due, at, material))
    }

    /// The slots that are due at this moment, in the order in which they should begin.
    pub fn due_slots(&mut self, rules: &Rules, at: Timestamp) -> Vec<DueSlot> {
        self.slots.due(rules, at)
    }

    /// What the slots want that are due at this moment, in the order in which they should begin.
    pub fn wanted(&mut self, rules: &Rules, at: Timestamp) -> Vec<SlotWants> {
        let due = self.slots.due(rules, at);
        due.iter().map(|due| self.slots.wants(rules, due)).collect()
    }

    /// The same of the slots that may end the track on the air between these moments, and of those that are
    /// due at the end.
    pub fn wanted_next(&mut self, rules: &Rules, after: Timestamp, ends: Timestamp) -> Vec<SlotWants> {
        let interruptions = self.interruptions(rules, after, ends).into_iter().map(|(at, _)| at);
        let moments: Vec<Timestamp> = interruptions.chain([ends]).collect();
        moments.into_iter().flat_map(|at| self.wanted(rules, at)).collect()
    }

    /// What a slot that is due wants.
    pub fn wants(&self, rules: &Rules, due: &DueSlot) -> SlotWants {
        self.slots.wants(rules, due)
    }

    /// What the slots want that come within this time.
    #[cfg(feature = "library")]
    pub fn wanted_ahead(&mut self, rules: &Rules, at: Timestamp, within: Duration) -> Vec<SlotWants> {
        self.slots.ahead(rules, at, within)
    }

    /// Forgets all that is of no slot, insert, daypart or playlist of these rules.
    pub fn prune(&mut self, rules: &Rules) {
        let lists: BTreeSet<String> =
            rules.playlists().map(|path| rules.name_of(path)).chain([OWN.into()]).collect();
        self.rotations.retain(|list, _| lists.contains(list));
        self.turns.retain(|key, _| rules.dayparts.iter().any(|daypart| daypart.key == *key));
        self.inserts.prune(rules);
        self.slots.prune(rules);
    }

    /// What a slot that is due plays. If it has nothing to play yet, that is noted.
    pub fn resolve(
        &mut self,
        rules: &Rules,
        due: &DueSlot,
        at: Timestamp,
        material: &dyn Material,
    ) -> Option<Pick> {
        match self.slots.resolve(rules, due, at, material) {
            Ok((track, reason)) => Some(Pick { track, reason, from: Origin::Slot(due.clone()) }),
            Err(reason) => {
                self.slots.hinder(rules, due, reason);
                None
            }
        }
    }

    /// Notes why a slot that is due cannot begin now.
    pub fn hinder(&mut self, rules: &Rules, due: &DueSlot, reason: String) {
        self.slots.hinder(rules, due, reason);
    }

    /// What a slot plays is there: it waits for nothing but the end of the track on the air.
    pub fn is_free(&mut self, rules: &Rules, pick: &Pick) {
        if let Origin::Slot(due) = &pick.from {
            self.slots.is_free(rules, due);
        }
    }

    /// Whether what was picked is of a slot that is over: it has begun since, or was dropped.
    pub fn is_over(&self, rules: &Rules, pick: &Pick) -> bool {
        matches!(&pick.from, Origin::Slot(due) if self.slots.is_over(rules, due))
    }

    /// Whether there is a track of a playlist for this moment.
    pub fn has_track(&mut self, rules: &Rules, material: &dyn Material, at: Timestamp) -> bool {
        self.rotation_pick(rules, material, at).is_some()
    }

    /// Drops a slot that is due.
    pub fn drop_now(&mut self, rules: &Rules, due: &DueSlot, reason: String) -> Dropped {
        self.slots.drop_now(rules, due, reason)
    }

    /// The most overdue insert that ends before the next slot that does not wait.
    fn due_insert(&mut self, rules: &Rules, material: &dyn Material, at: Timestamp) -> Option<Pick> {
        let due = self.inserts.due(rules, at);
        if due.is_empty() {
            return None;
        }
        let slot = self.slots.next_interrupting(rules, at, None);
        for (index, since) in due {
            let insert = &rules.inserts[index].is;
            let tracks = material.playlist(Some(&insert.playlist));
            let list = rules.name_of(&insert.playlist);
            let rotation = self.rotations.entry(list.clone()).or_default();
            let last_plays = &self.last_plays;
            let chosen = rotation.choose(&tracks, self.seed, |index| {
                if last_plays.is_latest(tracks.keys(index)) { AT_ONCE } else { 0 }
            });
            let Some((chosen, _)) = chosen else { continue };
            let mut track = tracks.track(chosen).clone();
            let ends = later(at, track.duration.unwrap_or_default());
            if slot.is_some_and(|slot| ends > slot) {
                continue;
            }
            track.entry.kind = insert.kind;
            let reason = Reason::Insert { insert: insert.label(), since };
            return Some(Pick { track, reason, from: Origin::Insert { index, list, tracks } });
        }
        None
    }

    /// A track of the daypart, or of the pipeline's playlist.
    fn rotation_pick(&mut self, rules: &Rules, material: &dyn Material, at: Timestamp) -> Option<Pick> {
        if let Some(index) = rules.daypart_at(at) {
            let daypart = &rules.dayparts[index];
            let paths = &daypart.is.playlists;
            let order = self.turns_of(&daypart.key, &daypart.is);
            let lists = order.iter().map(|turn| (Some(paths[*turn].as_path()), *turn));
            let shown = Some(daypart.is.to_string());
            if let Some(pick) = self.choose(rules, material, at, Some(index), shown, lists) {
                return Some(pick);
            }
        }
        self.choose(rules, material, at, None, None, [(None, 0)].into_iter())
    }

    /// The track that needs the least relaxing, of the first of these playlists that has one.
    fn choose<'a>(
        &mut self,
        rules: &Rules,
        material: &dyn Material,
        at: Timestamp,
        daypart: Option<usize>,
        shown: Option<String>,
        lists: impl Iterator<Item = (Option<&'a Path>, usize)>,
    ) -> Option<Pick> {
        let separation = &rules.separation;
        let mut best = None;
        for (path, turn) in lists {
            let tracks = material.playlist(path);
            let list = path.map_or(OWN.into(), |path| rules.name_of(path));
            let rotation = self.rotations.entry(list.clone()).or_default();
            let last_plays = &self.last_plays;
            let step = |index: usize| last_plays.step(tracks.keys(index), at, separation);
            let Some((chosen, least)) = rotation.choose(&tracks, self.seed, step) else { continue };
            if best.as_ref().is_none_or(|(_, _, _, _, step)| least < *step) {
                best = Some((list, tracks, turn, chosen, least));
            }
            if least == 0 {
                break;
            }
        }
        let (list, tracks, turn, chosen, step) = best?;
        let fitted = self.fitted(rules, &list, &tracks, at, step);
        let (chosen, fits) = fitted.map_or((chosen, None), |(index, slot)| (index, Some(slot)));
        let keys = tracks.keys(chosen);
        let artist_ago = self.last_plays.artist_ago(keys, at).map(|ago| ago.as_secs());
        let relaxed = self.last_plays.relaxed(keys, at, separation);
        let reason = Reason::Rotation { daypart: shown, artist_ago, relaxed, fits };
        let track = tracks.track(chosen).clone();
        Some(Pick { track, reason, from: Origin::Rotation { daypart, list, tracks, turn } })
    }

    /// A track of this playlist whose length leads to the next slot that is to be met, and the slot.
    fn fitted(
        &mut self,
        rules: &Rules,
        list: &str,
        tracks: &Arc<Tracks>,
        at: Timestamp,
        step: u8,
    ) -> Option<(usize, String)> {
        let (slot, index) =
            self.slots.next(rules, at).filter(|(_, index)| rules.slots[*index].is.start == SlotStart::Fit)?;
        let (last_plays, separation) = (&self.last_plays, &rules.separation);
        let rotation = self.rotations.entry(list.to_owned()).or_default();
        let candidates = rotation.candidates(tracks, self.seed).filter_map(|index| {
            let track = tracks.track(index);
            let length = track.duration?.saturating_sub(rules.overlap(track));
            (last_plays.step(tracks.keys(index), at, separation) <= step).then_some((index, length))
        });
        let (indexes, lengths): (Vec<_>, Vec<_>) = candidates.take(MOST_LOOKED_AT).unzip();
        let chosen = fitting(&lengths, since(slot, at))?;
        Some((indexes[chosen], rules.slots[index].is.label()))
    }

    /// The playlists of a daypart, the one whose turn it is first.
    fn turns_of(&mut self, key: &str, daypart: &DaypartSettings) -> Vec<usize> {
        let count = daypart.playlists.len();
        let turns = self.turns.entry(key.to_owned()).or_default();
        turns.resize(count, 0);
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|index| std::cmp::Reverse(turns[*index] + daypart.weight(*index)));
        order
    }

    /// A track has begun at `at`, and ends at `ends` if nothing ends it before. `pick` is what it was chosen
    /// as, if it was.
    pub fn began(
        &mut self,
        rules: &Rules,
        track: &Track,
        pick: Option<&Pick>,
        at: Timestamp,
        ends: Option<Timestamp>,
    ) {
        let keys = track.keys(&rules.home);
        self.last_plays.note(keys, at, &rules.separation);
        let mut until = None;
        match pick.map(|pick| &pick.from) {
            Some(Origin::Insert { .. }) => {}
            Some(Origin::Slot(_) | Origin::Rotation { .. }) | None => self.inserts.began(track.entry.kind),
        }
        if let Some(pick) = pick {
            if let Origin::Slot(due) = &pick.from {
                until = rules.slots[due.index].is.lasts.map(|lasts| later(at, lasts));
            }
            self.take(rules, pick, at);
        }
        self.on_air = Some(Playing { since: at, ends, until });
    }

    /// What was picked is heard above what is on the air, which goes on after it.
    pub fn announced(&mut self, rules: &Rules, pick: &Pick, at: Timestamp) {
        self.take(rules, pick, at);
    }

    /// An order came before what was picked: it has had its turn.
    pub fn skipped(&mut self, rules: &Rules, pick: &Pick, at: Timestamp) {
        self.take(rules, pick, at);
    }

    /// What is on the air ends then, as it is known now: a DJ may have held it.
    pub fn ends_at(&mut self, ends: Option<Timestamp>) {
        let (Some(on_air), Some(ends)) = (&mut self.on_air, ends) else { return };
        // What changes is written down: moments are not worth it.
        if on_air.ends.is_none_or(|before| before.duration_since(ends).unsigned_abs() >= NEAR) {
            on_air.ends = Some(ends);
        }
    }

    /// What is on the air.
    pub fn on_air(&self) -> Option<Playing> {
        self.on_air.clone()
    }

    /// What was on the air before a restart goes on, until `ends`.
    pub fn goes_on(&mut self, on_air: Playing, ends: Option<Timestamp>) {
        self.on_air = Some(Playing { ends, ..on_air });
    }

    /// What was picked cannot be played. It has had its turn, but for a slot, which looks for something else.
    pub fn failed(&mut self, rules: &Rules, pick: &Pick, at: Timestamp, reason: &str) {
        match &pick.from {
            Origin::Slot(due) => self.slots.failed(rules, due, &pick.track, reason),
            Origin::Insert { .. } | Origin::Rotation { .. } => self.take(rules, pick, at),
        }
    }

    fn take(&mut self, rules: &Rules, pick: &Pick, at: Timestamp) {
        let file = pick.track.keys(&rules.home).file;
        match &pick.from {
            Origin::Slot(due) => self.slots.began(rules, due, file),
            Origin::Insert { index, list, tracks } => {
                self.inserts.came(rules, *index, at);
                if let Some(rotation) = self.rotations.get_mut(list) {
                    rotation.take(tracks, self.seed, file);
                }
            }
            Origin::Rotation { daypart, list, tracks, turn } => {
                if let Some(rotation) = self.rotations.get_mut(list) {
                    rotation.take(tracks, self.seed, file);
                }
                if let Some(daypart) = daypart.and_then(|index| rules.dayparts.get(index)) {
                    self.took_turn(&daypart.key, &daypart.is, *turn);
                }
            }
        }
    }

    /// A playlist of a daypart has had its turn: all get what their weights give, and it pays for it. One
    /// that has had nothing to play for long does not make up for it.
    fn took_turn(&mut self, key: &str, daypart: &DaypartSettings, turn: usize) {
        let Some(turns) = self.turns.get_mut(key) else { return };
        let mut sum = 0;
        for (index, in_hand) in turns.iter_mut().enumerate() {
            let weight = daypart.weight(index);
            *in_hand += weight;
            sum += weight;
        }
        if let Some(in_hand) = turns.get_mut(turn) {
            *in_hand -= sum;
        }
        let most = MOST_ROUNDS * sum;
        turns.iter_mut().for_each(|in_hand| *in_hand = (*in_hand).clamp(-most, most));
    }

    /// When the track on the air is ended before its time, after this moment, and by what.
    pub fn interruption(&mut self, rules: &Rules, after: Timestamp) -> Option<(Timestamp, Interruption)> {
        let (since, ends, until) = match &self.on_air {
            Some(on_air) => (on_air.since, on_air.ends, on_air.until),
            None => (after, None, None),
        };
        let slot = self.slots.next_interrupting(rules, after.max(since), ends);
        match (slot, until.filter(|until| *until > after)) {
            (Some(at), Some(over)) if at == over => Some((at, Interruption::SlotAsTimeIsOver)),
            (Some(at), over) if over.is_none_or(|over| at < over) => Some((at, Interruption::Slot)),
            (_, over) => over.map(|at| (at, Interruption::TimeIsOver)),
        }
    }

    /// When the track on the air, which ends at `ends` by itself, is ended before that by what comes after
    /// this moment. A slot ends it if it has something to play.
    pub fn gives_way(
        &mut self,
        rules: &Rules,
        material: &dyn Material,
        after: Timestamp,
        ends: Timestamp,
    ) -> Option<Timestamp> {
        self.interruptions(rules, after, ends).into_iter().find_map(|(at, by)| {
            let pick = self.due_slot(rules, material, at).filter(|pick| pick.interrupts(rules));
            (by != Interruption::Slot || pick.is_some()).then_some(at)
        })
    }

    /// What may end the track on the air between these moments, up to the first that does in any case. It is
    /// looked for again when each of them has passed.
    fn interruptions(
        &mut self,
        rules: &Rules,
        after: Timestamp,
        before: Timestamp,
    ) -> Vec<(Timestamp, Interruption)> {
        let mut all = Vec::new();
        while all.len() < MOST_INTERRUPTIONS {
            let after = all.last().map_or(after, |(at, _)| *at);
            let Some(next) = self.interruption(rules, after).filter(|(at, _)| *at < before) else { break };
            all.push(next);
            if next.1 != Interruption::Slot {
                break;
            }
        }
        all
    }

    /// When the next slot comes after this moment.
    pub fn next_slot(&mut self, rules: &Rules, after: Timestamp) -> Option<Timestamp> {
        self.slots.next(rules, after).map(|(at, _)| at)
    }

    /// When the next one of the slots that wait is too late.
    pub fn next_expiry(&mut self, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
        self.slots.next_expiry(rules, now)
    }

    /// Drops slots that are too late now.
    pub fn expire(&mut self, rules: &Rules, now: Timestamp) -> Vec<Dropped> {
        self.slots.expire(rules, now)
    }
}

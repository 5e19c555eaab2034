//! When slots come, which of them is due, and which are dropped.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::last_plays::since;
use super::material::{Material, SlotWants, Track, Unplayable, Wanted};
use super::reason::Reason;
use super::settings::{SlotSettings, SlotStart};
use super::{Named, Rules};
use crate::path_text;
use crate::playout::Entry;

/// How far from its time a slot of kind `fit` may begin.
pub(super) const FIT_WITHIN: Duration = Duration::from_secs(15);

/// A track that ends so shortly before a hard slot is followed by that: it begins at its time nevertheless,
/// and until then it is silent. Any other track would be heard for a moment only.
pub(crate) const HARD_WITHIN: Duration = Duration::from_millis(900);

/// How many files a slot knows that it has played, or could not play.
const MOST_PLAYED: usize = 512;

/// A slot that is dropped so long after the fact is not told: the station was off, or its clock was wrong.
const TOLD_WITHIN: Duration = Duration::from_secs(3600);

/// A slot that is over until a time this far ahead is so by a clock that was wrong.
const CLOCK_WRONG: SignedDuration = SignedDuration::from_hours(25);

/// How far back the last time of a slot is looked for: further than the latest that it may begin.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(13);

/// What changes about slots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Slots {
    /// What came before does not count.
    since: Timestamp,
    of: BTreeMap<String, State>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// All that came until then is over: played, or dropped.
    over: Option<Timestamp>,
    /// The files of its folder that it has played.
    played: VecDeque<u64>,
    /// Why it could not begin yet.
    hindered: Option<String>,
    /// The files that it could not play this time.
    #[serde(skip)]
    unplayable: VecDeque<Unplayable>,
    #[serde(skip)]
    around: Around,
}

/// The times of a slot around a moment. They follow from the rules.
#[derive(Clone, Debug, Default)]
struct Around {
    /// The last one, if it was within [`LOOK_BACK`] of the moment.
    last: Option<Timestamp>,
    /// The last one is the same from here on.
    from: Option<Timestamp>,
    next: Option<Timestamp>,
}

impl State {
    /// All that came until then is over.
    fn end(&mut self, at: Timestamp) {
        (self.over, self.hindered) = (Some(at), None);
        self.unplayable.clear();
    }
}

impl PartialEq for Around {
    fn eq(&self, _: &Around) -> bool {
        true
    }
}

/// A slot that has come and has not begun.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DueSlot {
    pub(super) index: usize,
    pub(super) at: Timestamp,
}

impl DueSlot {
    /// When it has come.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Before this it does not begin, whenever the track before it ends. Lengths are known to a moment.
    pub fn not_before(&self, rules: &Rules) -> Timestamp {
        let early = early(self.settings(rules).start).max(HARD_WITHIN);
        self.at.checked_sub(early).unwrap_or(Timestamp::MIN)
    }

    /// How it is declared.
    pub fn settings<'a>(&self, rules: &'a Rules) -> &'a SlotSettings {
        &rules.slots[self.index].is
    }
}

/// A slot that was not played.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dropped {
    /// What it is called.
    pub slot: String,
    /// When it should have begun.
    pub at: Timestamp,
    /// Why it did not.
    pub reason: String,
    /// What it should have played.
    pub own: Entry,
}

impl Dropped {
    /// Why what it should have played is not.
    pub fn why(&self, rules: &Rules) -> Reason {
        Reason::Dropped { slot: self.slot.clone(), at: clock(rules, self.at), why: self.reason.clone() }
    }
}

impl Slots {
    pub fn new(since: Timestamp) -> Slots {
        Slots { since, of: BTreeMap::new() }
    }

    /// The slots that may begin at this moment, in the order in which they should.
    pub fn due(&mut self, rules: &Rules, at: Timestamp) -> Vec<DueSlot> {
        let mut due: Vec<DueSlot> = Vec::new();
        for (index, slot) in rules.slots.iter().enumerate() {
            let until = later(at, early(slot.is.start));
            let over = self.over(slot);
            let Some(last) = self.around(rules, slot, until).last else { continue };
            if last > over && since(at, last) <= slot.is.late {
                due.push(DueSlot { index, at: last });
            }
        }
        due.sort_by_key(|slot| {
            let start = rules.slots[slot.index].is.start;
            (!start.interrupts(), slot.at, start != SlotStart::Hard)
        });
        due
    }

    /// When the next slot comes after this moment that does not wait for the end of a track that is to end at
    /// `ends`. One that has waited for that does so until its last moment: the track may go on.
    pub fn next_interrupting(
        &mut self,
        rules: &Rules,
        after: Timestamp,
        ends: Option<Timestamp>,
    ) -> Option<Timestamp> {
        let mut first: Option<Timestamp> = None;
        for slot in &rules.slots {
            if !slot.is.start.interrupts() {
                continue;
            }
            let over = self.over(slot);
            let Around { last, next, .. } = *self.around(rules, slot, after.max(over));
            let waits = |at: &Timestamp| {
                slot.is.start == SlotStart::Fit && ends.is_some_and(|ends| ends <= later(*at, FIT_WITHIN))
            };
            let waited = last.filter(|last| *last > over && waits(last)).map(|last| later(last, FIT_WITHIN));
            let waited = waited.filter(|last_moment| *last_moment > after);
            first = [first, waited, next.filter(|next| !waits(next))].into_iter().flatten().min();
        }
        first
    }

    /// When the next slot comes after this moment, and which.
    pub fn next(&mut self, rules: &Rules, after: Timestamp) -> Option<(Timestamp, usize)> {
        let mut first: Option<(Timestamp, usize)> = None;
        for (index, slot) in rules.slots.iter().enumerate() {
            let over = self.over(slot);
            let next = self.around(rules, slot, after.max(over)).next;
            if let Some(next) = next.filter(|next| first.is_none_or(|(first, _)| *next < first)) {
                first = Some((next, index));
            }
        }
        first
    }

    /// What the slots want that come within this time, those that wait included, in the order in which they
    /// come.
    #[cfg(feature = "library")]
    pub fn ahead(&mut self, rules: &Rules, at: Timestamp, within: Duration) -> Vec<SlotWants> {
        let mut coming = self.due(rules, at);
        for (index, slot) in rules.slots.iter().enumerate() {
            let next = self.around(rules, slot, at).next;
            if let Some(next) = next.filter(|next| *next <= later(at, within)) {
                coming.push(DueSlot { index, at: next });
            }
        }
        coming.sort_by_key(|slot| slot.at);
        coming.iter().map(|slot| self.wants(rules, slot)).collect()
    }

    /// What a slot wants to play.
    pub fn wants(&self, rules: &Rules, due: &DueSlot) -> SlotWants {
        let slot = &rules.slots[due.index];
        let state = self.of.get(&slot.key).map(|state| (state.played.clone(), state.unplayable.clone()));
        let (played, unplayable) = state.unwrap_or_default();
        let wanted = |path: &PathBuf, max_age| {
            let path = dated(path, rules, due.at);
            let (played, unplayable, home) = (played.clone(), unplayable.clone(), rules.home.clone());
            Wanted { path, at: due.at, max_age, played, unplayable, home }
        };
        let otherwise = slot.is.otherwise.as_ref().map(|path| wanted(path, None));
        SlotWants { own: wanted(&slot.is.play, slot.is.max_age), otherwise }
    }

    /// Forgets slots that are not declared any more.
    pub fn prune(&mut self, rules: &Rules) {
        self.of.retain(|key, _| rules.slots.iter().any(|slot| slot.key == *key));
    }

    /// What a slot plays, and the reason; or why it plays nothing yet.
    pub fn resolve(
        &self,
        rules: &Rules,
        due: &DueSlot,
        at: Timestamp,
        material: &dyn Material,
    ) -> Result<(Track, Reason), String> {
        let slot = &rules.slots[due.index];
        let SlotWants { own, otherwise } = self.wants(rules, due);
        let (mut track, instead) = match (material.file(&own), otherwise) {
            (Ok(track), _) => (track, None),
            (Err(reason), None) => return Err(reason),
            (Err(reason), Some(otherwise)) => {
                let track = material.file(&otherwise).map_err(|other| format!("{reason}; {other}"))?;
                (track, Some(reason))
            }
        };
        let (time, late) = (clock(rules, due.at), since(at, due.at).as_secs());
        let reason = Reason::Slot { slot: slot.is.label(), at: time, late, instead };
        track.entry.kind = slot.is.kind;
        Ok((track, reason))
    }

    /// A slot has begun, with this file.
    pub fn began(&mut self, rules: &Rules, due: &DueSlot, file: u64) {
        let state = self.of.entry(rules.slots[due.index].key.clone()).or_default();
        state.end(due.at);
        state.played.retain(|played| *played != file);
        state.played.push_back(file);
        if state.played.len() > MOST_PLAYED {
            state.played.pop_front();
        }
    }

    /// Notes why a slot that is due could not begin. It is told if the slot is dropped.
    pub fn hinder(&mut self, rules: &Rules, due: &DueSlot, reason: String) {
        self.of.entry(rules.slots[due.index].key.clone()).or_default().hindered = Some(reason);
    }

    /// Nothing hinders a slot any more but the track on the air.
    pub fn is_free(&mut self, rules: &Rules, due: &DueSlot) {
        self.of.entry(rules.slots[due.index].key.clone()).or_default().hindered = None;
    }

    /// What a slot that is due has chosen cannot be played: it counts as missing until it is written anew.
    pub fn failed(&mut self, rules: &Rules, due: &DueSlot, track: &Track, reason: &str) {
        let reason = format!("it cannot be played: {reason}");
        let failed = Unplayable { file: track.keys(&rules.home).file, written: track.written, reason };
        let state = self.of.entry(rules.slots[due.index].key.clone()).or_default();
        state.unplayable.retain(|before| before.file != failed.file);
        state.unplayable.push_back(failed);
        if state.unplayable.len() > MOST_PLAYED {
            state.unplayable.pop_front();
        }
    }

    /// Whether a slot that was due has begun since, or was dropped.
    pub fn is_over(&self, rules: &Rules, due: &DueSlot) -> bool {
        due.at <= self.over(&rules.slots[due.index])
    }

    /// Drops a slot that is due.
    pub fn drop_now(&mut self, rules: &Rules, due: &DueSlot, reason: String) -> Dropped {
        let slot = &rules.slots[due.index];
        self.of.entry(slot.key.clone()).or_default().end(due.at);
        let own = Entry { kind: slot.is.kind, ..Entry::new(dated(&slot.is.play, rules, due.at)) };
        Dropped { slot: slot.is.label(), at: due.at, reason, own }
    }

    /// Drops what is too late now.
    pub fn expire(&mut self, rules: &Rules, now: Timestamp) -> Vec<Dropped> {
        self.mend(now);
        let mut dropped = Vec::new();
        for (index, slot) in rules.slots.iter().enumerate() {
            let over = self.over(slot);
            let Some(last) = self.around(rules, slot, now).last else { continue };
            let too_late = since(now, last).saturating_sub(slot.is.late);
            if last <= over || too_late.is_zero() {
                continue;
            }
            let hindered = self.of.get(&slot.key).and_then(|state| state.hindered.clone());
            let reason = hindered.unwrap_or_else(|| "nothing ended in time for it".into());
            let due = DueSlot { index, at: last };
            let told = self.drop_now(rules, &due, reason);
            if too_late < TOLD_WITHIN {
                dropped.push(told);
            }
        }
        dropped
    }

    /// When the next one of the slots that wait is too late.
    pub fn next_expiry(&mut self, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
        let due = self.due(rules, now);
        due.iter().map(|due| later(due.at, rules.slots[due.index].is.late)).min()
    }

    /// Until when all of a slot is over.
    fn over(&self, slot: &Named<SlotSettings>) -> Timestamp {
        self.of.get(&slot.key).and_then(|state| state.over).unwrap_or(self.since)
    }

    /// What is over by a clock that was wrong is not.
    fn mend(&mut self, now: Timestamp) {
        let overs = self.of.values_mut().filter_map(|state| state.over.as_mut());
        for over in overs.chain([&mut self.since]) {
            if over.duration_since(now) > CLOCK_WRONG {
                *over = now;
            }
        }
    }

    fn around(&mut self, rules: &Rules, slot: &Named<SlotSettings>, at: Timestamp) -> &Around {
        if !self.of.contains_key(&slot.key) {
            self.of.insert(slot.key.clone(), State::default());
        }
        let around = &mut self.of.get_mut(&slot.key).expect("it was inserted").around;
        let next_after = |moment| slot.is.at.iter().filter_map(|at| at.next_after(&rules.zone, moment)).min();
        let is_known = around.from.is_some_and(|from| from <= at);
        let is_near = around.next.is_none_or(|next| at.duration_since(next) < LOOK_BACK);
        if !is_known || !is_near {
            let from = at.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
            *around = Around { last: None, from: Some(from), next: next_after(from) };
        }
        while let Some(next) = around.next.filter(|next| *next <= at) {
            *around = Around { last: Some(next), from: Some(next), next: next_after(next) };
        }
        around
    }
}

/// How much earlier than its time a slot may come after a track.
fn early(start: SlotStart) -> Duration {
    match start {
        SlotStart::Soft => Duration::ZERO,
        SlotStart::Hard => HARD_WITHIN,
        SlotStart::Fit => FIT_WITHIN,
    }
}

/// A moment as the station's clocks show it: `07:00`.
fn clock(rules: &Rules, at: Timestamp) -> String {
    rules.zone.to_datetime(at).strftime("%H:%M").to_string()
}

/// A path with the time in its name.
fn dated(path: &Path, rules: &Rules, at: Timestamp) -> PathBuf {
    let text = path_text::to_text(path);
    if !text.contains('%') || text.starts_with("file://") {
        return path.to_owned();
    }
    let civil = at.to_zoned(rules.zone.clone());
    let dated = jiff::fmt::strtime::format(text.as_ref(), &civil);
    dated.map_or_else(|_| path.to_owned(), PathBuf::from)
}

/// A moment so much later.
pub(super) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

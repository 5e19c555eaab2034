//! What the thread `schedule` does when a time has come: slots take the air, wait for it, or are dropped.

use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

#[cfg(feature = "library")]
use super::ahead::WITHIN;
use super::over_live::Announced;
use super::slot_files::{FoundFiles, Looked};
use super::{Desk, MOST_NAMED, Scheduling, timestamp};
use crate::engine::announcements::ANNOUNCED_AFTER;
use crate::engine::live::LiveState;
use crate::engine::mixer::read;
use crate::event::Event;
use crate::playout::schedule::{Dropped, HARD_WITHIN, Interruption, Rules, SlotStart};
use crate::playout::{Appointment, Follower, GiveWay, TrackKind};
use crate::time::rfc3339;

/// How often it looks at what tells nothing by itself: files, who has the air, whether the pipeline stops.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The same by a stepped clock while nothing waits: a day has many seconds.
const STEPPED_LOOK_EVERY: Duration = Duration::from_secs(60);

/// What came before that does not interrupt any more: the clock has jumped.
const JUMP: SignedDuration = SignedDuration::from_mins(10);

/// How often a stepped clock is looked at.
const STEPPED_GLANCE: Duration = Duration::from_millis(1);

/// How much earlier than its time a slot is ordered, so that its file is open then. It is more than
/// [`HARD_WITHIN`], so that a track that ends right before a slot ends after the order.
const AHEAD: Duration = Duration::from_millis(1_300);

/// How often it is looked for the file of a slot that has come and has nothing to play.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// How soon it is looked again for a track that should have begun.
const SOON: Duration = Duration::from_millis(50);

/// Who has the air.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Air {
    Programme,
    /// Somebody else, for this reason.
    Taken(&'static str),
}

/// When a slot takes the air.
#[derive(Clone, Copy)]
enum TakesAir {
    /// It has waited for long enough.
    AtOnce,
    At(Timestamp),
}

impl Desk {
    /// Forgets how far it has looked if the clock has jumped.
    fn mend_clock(&mut self, at: Timestamp) {
        let behind = at.duration_since(self.looked_until);
        if behind > JUMP || behind < -JUMP {
            self.looked_until = at;
        }
    }

    /// What ends the track on the air next, of what was not looked at yet.
    pub(super) fn interruption(&mut self, rules: &Rules) -> Option<(Timestamp, Interruption)> {
        self.director.interruption(rules, self.looked_until)
    }

    /// Whether something may come of which no time is known.
    fn waits(&self) -> bool {
        self.waits_for_air || self.has_nothing || !self.above.is_empty()
    }

    /// What interrupts from then on is looked at again.
    pub(super) fn looks_from(&mut self, time: Timestamp) {
        self.looked_until = self.looked_until.min(earlier(time, Duration::from_millis(1)));
    }

    /// Whether these are still the rules.
    pub(super) fn plays_by(&self, rules: &Arc<Rules>) -> bool {
        self.rules.as_ref().is_some_and(|now| Arc::ptr_eq(now, rules))
    }
}

impl Scheduling {
    /// What the thread does until the pipeline stops.
    pub(super) fn run(&self) {
        let mut now = self.clock.position();
        while !self.is_ending() {
            let (next, changes, announced) = self.act(now);
            if let Some(announced) = announced {
                self.announce(announced);
            }
            now = self.wait_until(next, changes);
        }
        self.clock.plan_no_more();
        #[cfg(feature = "library")]
        self.desk().ahead.stop();
    }

    /// Has what slots will play listened to, if the pipeline brings all to one loudness. A stepped clock waits
    /// for it; the desk is free meanwhile.
    #[cfg(feature = "library")]
    fn listen_ahead<'a>(&'a self, mut desk: MutexGuard<'a, Desk>) -> MutexGuard<'a, Desk> {
        let Some(rules) = desk.rules.clone() else { return desk };
        let Some(inner) = self.pipeline.get().and_then(Weak::upgrade) else { return desk };
        let (levelling, is_stepped) = (inner.programming.levelling(), self.clock.is_stepped());
        if !levelling.has_target() || !desk.ahead.is_due(is_stepped) {
            return desk;
        }
        let slots = desk.director.wanted_ahead(&rules, self.now(), WITHIN);
        desk.ahead.look(&inner.programming.files, slots, levelling.heard_ahead());
        let deadline = Instant::now() + super::STEPPED_PATIENCE;
        while is_stepped && desk.ahead.listens() && !self.is_ending() && Instant::now() < deadline {
            drop(desk);
            std::thread::sleep(STEPPED_GLANCE);
            desk = self.desk();
        }
        desk
    }

    /// Waits until then, or until something has changed: then another time may be next. Gives the time.
    fn wait_until(&self, next: Instant, changes: u64) -> Instant {
        if self.clock.is_stepped() {
            loop {
                let desk = self.desk();
                if self.is_ending() || desk.changes != changes {
                    return self.clock.position();
                }
                if self.clock.has_come(next) {
                    return next;
                }
                drop(desk);
                std::thread::sleep(STEPPED_GLANCE);
            }
        }
        let left = next.saturating_duration_since(Instant::now());
        let desk = self.desk();
        if !self.is_ending() && desk.changes == changes && !left.is_zero() {
            drop(self.changed.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner));
        }
        Instant::now()
    }

    /// Does what is due. Says when to look again, after how many changes, and what is to be announced when
    /// the desk is free again.
    fn act(&self, now: Instant) -> (Instant, u64, Option<Announced>) {
        let mut desk = self.desk();
        // What changes while the desk is left alone is looked at at once.
        let changes = desk.changes;
        #[cfg(feature = "library")]
        {
            desk = self.listen_ahead(desk);
        }
        self.read_reports(&mut desk);
        self.end_above(&mut desk, now);
        let Some(rules) = desk.rules.clone() else { return (now + LOOK_EVERY, changes, None) };
        let air = self.air();
        let (moment, at) = (timestamp(&self.clock, now), timestamp(&self.clock, now + self.ahead(air)));
        desk.mend_clock(at);
        let ends = self.ends(&desk);
        desk.director.ends_at(ends);
        if desk.stock.look(&rules) || self.has_more(&mut desk, &rules, moment) {
            self.up_next.lock().ask_schedule();
        }
        for dropped in desk.director.expire(&rules, moment) {
            self.tell(dropped);
        }
        self.take_back_over(&desk, &rules);
        let (mut desk, announced) = match air {
            Air::Programme => {
                let desk = self.interrupt(desk, &rules, at);
                (self.look_again(desk, &rules, now), None)
            }
            Air::Taken(reason) => self.wait_for_air(desk, &rules, at, reason),
        };
        (self.next_time(&mut desk, &rules, now), changes, announced)
    }

    /// When there is something to do after this moment.
    pub(super) fn next_time(&self, desk: &mut Desk, rules: &Rules, now: Instant) -> Instant {
        let air = self.air();
        let ahead = self.ahead(air);
        let (moment, at) = (timestamp(&self.clock, now), timestamp(&self.clock, now + ahead));
        let is_quiet = self.clock.is_stepped() && air == Air::Programme && !desk.waits();
        let look_every = match air {
            // A DJ may take the air before it.
            Air::Programme if self.is_ordered(desk) => SOON,
            _ if is_quiet => STEPPED_LOOK_EVERY,
            _ => LOOK_EVERY,
        };
        let interruption =
            desk.interruption(rules).map(|(time, _)| match self.comes_after_track(desk, time) {
                // It is ordered when the next track has begun.
                Some(begins) => later(begins.max(later(moment, SOON)), ahead),
                None => time,
            });
        let left = |time: Timestamp, from: Timestamp| {
            Duration::try_from(time.duration_since(from)).unwrap_or_default()
        };
        let all_left = [
            interruption.map(|time| left(time, at)),
            desk.director.next_slot(rules, at).map(|time| left(time, at)),
            desk.director.next_slot(rules, moment).map(|time| left(time, moment)),
            desk.director.next_expiry(rules, moment).map(|time| left(time, moment)),
            self.above_until(desk).map(|until| until.saturating_duration_since(now)),
            desk.looks_again.map(|again| again.saturating_duration_since(now)),
        ];
        let first = all_left.into_iter().flatten().min();
        // A slot is dropped when its time is over, not at its last moment.
        now + first.map_or(look_every, |left| (left + Duration::from_millis(1)).min(look_every))
    }

    /// Whether a slot is to take the air that has not begun.
    fn is_ordered(&self, desk: &Desk) -> bool {
        let slot = desk.pending.as_ref().filter(|(_, pick)| pick.due().is_some());
        slot.is_some_and(|(id, _)| self.up_next.lock().due().is_some_and(|due| due.entry == *id))
    }

    /// Whether there is something to choose from by now, if there was nothing when the schedule was asked.
    fn has_more(&self, desk: &mut Desk, rules: &Rules, moment: Timestamp) -> bool {
        let Desk { director, stock, has_nothing, .. } = desk;
        *has_nothing && director.has_track(rules, &Looked { stock, found: &FoundFiles::default() }, moment)
    }

    /// What was chosen of a slot does not begin if that was dropped meanwhile.
    fn take_back_over(&self, desk: &Desk, rules: &Rules) {
        if let Some((id, pick)) = &desk.pending
            && desk.director.is_over(rules, pick)
        {
            self.up_next.lock().take_back(*id);
        }
    }

    /// How much earlier than its time something is ordered.
    fn ahead(&self, air: Air) -> Duration {
        match air {
            Air::Programme => AHEAD + self.crossfade(),
            Air::Taken(_) => ANNOUNCED_AFTER,
        }
    }

    /// How long the track on the air takes to give way.
    pub(super) fn crossfade(&self) -> Duration {
        let inner = self.pipeline.get().and_then(Weak::upgrade);
        inner.map_or(Duration::ZERO, |inner| inner.programming.skip_crossfade())
    }

    /// When the track after this one begins, if that is so long before this time that it is heard.
    fn comes_after_track(&self, desk: &Desk, time: Timestamp) -> Option<Timestamp> {
        let begins = self.ends(desk)?;
        (later(begins, HARD_WITHIN) < time).then_some(begins)
    }

    /// Ends the track on the air where something comes before its end.
    fn interrupt<'a>(
        &'a self,
        mut desk: MutexGuard<'a, Desk>,
        rules: &Arc<Rules>,
        at: Timestamp,
    ) -> MutexGuard<'a, Desk> {
        let waited = std::mem::take(&mut desk.waits_for_air);
        let looked_until = desk.looked_until;
        let next_slot = desk.director.next_slot(rules, looked_until);
        let mut takes_air = waited.then_some(TakesAir::AtOnce);
        let mut is_over = None;
        let mut until = at;
        while let Some((time, by)) = desk.interruption(rules).filter(|(time, _)| *time <= at) {
            if self.comes_after_track(&desk, time).is_some() {
                until = earlier(time, Duration::from_millis(1));
                break;
            }
            desk.looked_until = time;
            if by != Interruption::TimeIsOver {
                takes_air = Some(TakesAir::At(time));
            }
            if by != Interruption::Slot {
                is_over = Some(time);
            }
        }
        desk.looked_until = desk.looked_until.max(until);
        let passed = next_slot.is_some_and(|next| next <= until);
        if let Some(when) = takes_air {
            let wanted = desk.director.wanted(rules, at);
            let found;
            (desk, found) = self.look_for(desk, &wanted);
            if !desk.plays_by(rules) {
                // It is looked at again by the new rules.
                match when {
                    TakesAir::AtOnce => desk.waits_for_air = true,
                    TakesAir::At(time) => desk.looks_from(time),
                }
                return desk;
            }
            if self.take_air(&mut desk, rules, &found, when, at) {
                return desk;
            }
        }
        if let Some(time) = is_over {
            self.end_at(time);
        }
        if passed || waited {
            // A slot that begins with the next track may have come.
            self.up_next.lock().ask_schedule();
        }
        desk
    }

    /// The track on the air ends at this time, and the next one follows.
    fn end_at(&self, time: Timestamp) {
        self.end_track(self.give_way(TakesAir::At(time), TrackKind::Show, Follower::Anything));
    }

    /// The track on the air gives way to the next one, unless it does so already by another order.
    pub(super) fn end_track(&self, give_way: GiveWay) {
        let mut up_next = self.up_next.lock();
        if up_next.due().is_none() {
            up_next.ask_schedule();
            up_next.skip(give_way);
        }
    }

    /// Looks again for the file of a slot that has come and had nothing to play. If it is there by now, the
    /// slot comes next.
    fn look_again<'a>(
        &'a self,
        mut desk: MutexGuard<'a, Desk>,
        rules: &Arc<Rules>,
        now: Instant,
    ) -> MutexGuard<'a, Desk> {
        let due = desk.director.due_slots(rules, timestamp(&self.clock, now));
        let chosen = desk.pending.as_ref().and_then(|(_, pick)| pick.due());
        if due.is_empty() || due.first() == chosen {
            desk.looks_again = None;
            return desk;
        }
        if desk.looks_again.is_some_and(|again| now < again) {
            return desk;
        }
        // A slot that would end a silence is looked for more often.
        desk.looks_again = Some(now + if desk.has_nothing { LOOK_EVERY } else { LOOK_AGAIN });
        let begins = self.next_begins(&desk);
        let wanted = desk.director.wanted(rules, begins);
        let (mut desk, found) = self.look_for(desk, &wanted);
        if !desk.plays_by(rules) {
            return desk;
        }
        let Desk { director, stock, pending, .. } = &mut *desk;
        let there = director.due_slot(rules, &Looked { stock, found: &found }, begins);
        let chosen = pending.as_ref().and_then(|(_, pick)| pick.due());
        if let Some(there) = there.filter(|there| there.due() != chosen) {
            director.is_free(rules, &there);
            self.up_next.lock().ask_schedule();
        }
        desk
    }

    /// The slot that is due at `at` takes the air, if it has something to play and does not wait.
    fn take_air(
        &self,
        desk: &mut Desk,
        rules: &Rules,
        found: &FoundFiles,
        when: TakesAir,
        at: Timestamp,
    ) -> bool {
        let Desk { director, stock, pending, .. } = desk;
        let Some(pick) = director.due_slot(rules, &Looked { stock, found }, at) else { return false };
        let Some(slot) = pick.slot(rules).filter(|_| pick.interrupts(rules)) else { return false };
        let follower = Follower::Slot { waits: slot.start == SlotStart::Hard };
        let give_way = self.give_way(when, pick.track.entry.kind, follower);
        let now = self.now();
        let pick = pick.beginning_at(match when {
            TakesAir::AtOnce => now,
            TakesAir::At(time) => time.max(now),
        });
        let id = self.up_next.lock().play_now(self.entry(&pick), give_way);
        *pending = Some((id, pick));
        true
    }

    /// Whether the programme is on the air.
    pub(super) fn is_programme_on_air(&self) -> bool {
        self.air() == Air::Programme
    }

    /// Who has the air.
    fn air(&self) -> Air {
        let on_air = read(&self.on_air);
        match on_air.live.iter().any(|input| input.state == LiveState::OnAir) {
            true => Air::Taken("a DJ was live"),
            false if on_air.hold.is_held() => Air::Taken("the programme was held"),
            false => Air::Programme,
        }
    }

    pub(super) fn tell(&self, dropped: Dropped) {
        let Dropped { slot, at, reason, own: _ } = dropped;
        let text = format!("slot {slot} of {} was not played: {reason}", rfc3339(at.into()));
        let mut named = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        named.push_back((self.clock.position(), text));
        if named.len() > MOST_NAMED {
            named.pop_front();
        }
        drop(named);
        // It may have been chosen for what comes next.
        self.up_next.lock().ask_schedule();
        self.emitter.emit(Event::SlotDropped { slot, due: at.into(), reason });
    }

    /// How the track on the air gives way to one of this kind.
    fn give_way(&self, when: TakesAir, kind: TrackKind, follower: Follower) -> GiveWay {
        let crossfade = self.crossfade();
        let position = self.clock.position();
        let left = match when {
            TakesAir::AtOnce => None,
            TakesAir::At(time) => {
                Duration::try_from(time.duration_since(timestamp(&self.clock, position))).ok()
            }
        };
        left.map_or(GiveWay::Crossfade(crossfade), |left| {
            GiveWay::At(Appointment { begins: position + left, crossfade, kind, follower })
        })
    }
}

/// A moment so much before.
fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(time)
}

/// A moment so much after.
fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(time)
}

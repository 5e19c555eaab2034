//! What the thread `schedule` does when a time has come: slots take the air, wait for it, or are dropped.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

#[cfg(feature = "library")]
use super::ahead::WITHIN;
use super::slot_files::{FoundFiles, Looked};
use super::{Desk, MOST_NAMED, Scheduling, timestamp};
use crate::engine::announcements::ANNOUNCED_AFTER;
use crate::engine::live::LiveState;
use crate::engine::mixer::read;
use crate::error::Error;
use crate::event::Event;
use crate::ids::AnnouncementId;
use crate::pipeline::Pipeline;
use crate::playout::schedule::{Dropped, HARD_WITHIN, Interruption, OverLive, Rules, SlotStart};
use crate::playout::{Appointment, Entry, Follower, GiveWay, TrackKind};
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

/// The file of a slot that is to be heard above everything else.
struct Announced {
    slot: String,
    /// When the slot has come.
    due: Timestamp,
    /// How long it may take.
    lasts: Option<Duration>,
    entry: Entry,
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
    fn interruption(&mut self, rules: &Rules) -> Option<(Timestamp, Interruption)> {
        self.director.interruption(rules, self.looked_until)
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
        while !self.ending.load(Ordering::Relaxed) {
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

    /// Has what slots will play listened to, if the pipeline brings all to one loudness.
    #[cfg(feature = "library")]
    fn listen_ahead(&self, desk: &mut Desk, rules: &Rules) {
        let Some(inner) = self.pipeline.get().and_then(Weak::upgrade) else { return };
        let levelling = inner.programming.levelling();
        if !levelling.has_target() || !desk.ahead.is_due(self.clock.is_stepped()) {
            return;
        }
        let slots = desk.director.wanted_ahead(rules, self.now(), WITHIN);
        desk.ahead.look(&inner.programming.files, slots, levelling.heard_ahead(), self.clock.is_stepped());
    }

    /// Waits until then, or until something has changed: then another time may be next. Gives the time.
    fn wait_until(&self, next: Instant, changes: u64) -> Instant {
        if self.clock.is_stepped() {
            loop {
                let desk = self.desk();
                if self.ending.load(Ordering::Relaxed) || desk.changes != changes {
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
        if !self.ending.load(Ordering::Relaxed) && desk.changes == changes && !left.is_zero() {
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
        self.read_reports(&mut desk);
        self.end_announced(&mut desk);
        let Some(rules) = desk.rules.clone() else { return (now + LOOK_EVERY, changes, None) };
        let air = self.air();
        let at = timestamp(&self.clock, now + self.ahead(air));
        desk.mend_clock(at);
        if desk.stock.look(&rules) {
            self.up_next.lock().ask_schedule();
        }
        #[cfg(feature = "library")]
        self.listen_ahead(&mut desk, &rules);
        for dropped in desk.director.expire(&rules, at) {
            self.tell(dropped);
        }
        let (mut desk, announced) = match air {
            Air::Programme => (self.interrupt(desk, &rules, at), None),
            Air::Taken(reason) => self.wait_for_air(desk, &rules, at, reason),
        };
        (self.next_time(&mut desk, &rules, now), changes, announced)
    }

    /// When there is something to do after this moment.
    pub(super) fn next_time(&self, desk: &mut Desk, rules: &Rules, now: Instant) -> Instant {
        let air = self.air();
        let ahead = self.ahead(air);
        let at = timestamp(&self.clock, now + ahead);
        let is_quiet = self.clock.is_stepped() && !desk.waits_for_air && air == Air::Programme;
        let look_every = if is_quiet { STEPPED_LOOK_EVERY } else { LOOK_EVERY };
        let interruption =
            desk.interruption(rules).map(|(time, _)| match self.comes_after_track(desk, time) {
                // It is ordered when the next track has begun.
                Some(begins) => later(begins.max(later(timestamp(&self.clock, now), SOON)), ahead),
                None => time,
            });
        let announced = desk.announced.iter().map(|(_, until)| later(*until, ahead)).min();
        let times = [
            interruption,
            announced,
            desk.director.next_slot(rules, at),
            desk.director.next_expiry(rules, at),
        ];
        let next = times.into_iter().flatten().min();
        let until = next.map(|next| Duration::try_from(next.duration_since(at)).unwrap_or_default());
        // A slot is dropped when its time is over, not at its last moment.
        let until = until.map_or(look_every, |until| (until + Duration::from_millis(1)).min(look_every));
        now + until
    }

    /// How much earlier than its time something is ordered.
    fn ahead(&self, air: Air) -> Duration {
        match air {
            Air::Programme => AHEAD + self.crossfade(),
            Air::Taken(_) => ANNOUNCED_AFTER,
        }
    }

    /// How long the track on the air takes to give way.
    fn crossfade(&self) -> Duration {
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
            match by {
                Interruption::Slot => takes_air = Some(TakesAir::At(time)),
                Interruption::TimeIsOver => self.end_at(time),
                Interruption::SlotAsTimeIsOver => {
                    (takes_air, is_over) = (Some(TakesAir::At(time)), Some(time));
                }
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
                    TakesAir::At(time) => {
                        desk.looked_until = desk.looked_until.min(earlier(time, Duration::from_millis(1)));
                    }
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
        let give_way = self.give_way(TakesAir::At(time), TrackKind::Show, Follower::Anything);
        let mut up_next = self.up_next.lock();
        up_next.ask_schedule();
        up_next.skip(give_way);
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
        let Some(slot) = pick.slot(rules).filter(|slot| slot.start.interrupts()) else { return false };
        let follower = Follower::Slot { waits: slot.start == SlotStart::Hard };
        let give_way = self.give_way(when, pick.track.entry.kind, follower);
        let id = self.up_next.lock().play_now(pick.entry(), give_way);
        *pending = Some((id, pick));
        true
    }

    /// Slots come while somebody else has the air. Gives the file that is to be heard above them.
    fn wait_for_air<'a>(
        &'a self,
        mut desk: MutexGuard<'a, Desk>,
        rules: &Arc<Rules>,
        at: Timestamp,
        reason: &str,
    ) -> (MutexGuard<'a, Desk>, Option<Announced>) {
        desk.looked_until = desk.looked_until.max(at);
        let mut above = Vec::new();
        for due in desk.director.due_slots(rules, at) {
            match due.settings(rules).over_live {
                // It is ordered when its time has come: what is announced does not wait for it.
                _ if due.at() > at => {}
                OverLive::Wait => {
                    desk.waits_for_air = true;
                    desk.director.hinder(rules, &due, reason.to_owned());
                }
                OverLive::Skip => {
                    let dropped = desk.director.drop_now(rules, &due, reason.to_owned());
                    self.tell(dropped);
                }
                OverLive::Interrupt => above.push(due),
            }
        }
        let wanted: Vec<_> = above.iter().map(|due| desk.director.wants(rules, due)).collect();
        let (mut desk, found) = self.look_for(desk, &wanted);
        if !desk.plays_by(rules) {
            return (desk, None);
        }
        let Desk { director, stock, .. } = &mut *desk;
        let material = Looked { stock, found: &found };
        let first = above.iter().find_map(|due| Some((due, director.resolve(rules, due, at, &material)?)));
        let Some((due, pick)) = first else { return (desk, None) };
        director.announced(rules, &pick, at);
        self.up_next.lock().ask_schedule();
        let slot = due.settings(rules);
        let announced =
            Announced { slot: slot.label(), due: due.at(), lasts: slot.lasts, entry: pick.entry() };
        (desk, Some(announced))
    }

    /// Ends slots that are heard above a DJ and whose time is over.
    fn end_announced(&self, desk: &mut Desk) {
        let now = self.now();
        let over: Vec<AnnouncementId> =
            desk.announced.extract_if(.., |(_, until)| *until <= now).map(|(id, _)| id).collect();
        let inner = self.pipeline.get().and_then(Weak::upgrade).filter(|_| !over.is_empty());
        let Some(pipeline) = inner.map(Pipeline::from_inner) else { return };
        for id in over {
            // It may be over by itself.
            let _ = pipeline.stop_announcement(id);
        }
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

    fn announce(&self, announced: Announced) {
        let Some(inner) = self.pipeline.get().and_then(Weak::upgrade) else { return };
        let Announced { slot, due, lasts, entry } = announced;
        let reason = match Pipeline::from_inner(inner).announce_entry(entry) {
            Ok(id) => {
                let begins = later(self.now(), ANNOUNCED_AFTER);
                let until = lasts.map(|lasts| (id, later(begins, lasts)));
                self.desk().announced.extend(until);
                return;
            }
            // Strangers to the disk read it, too.
            Err(Error::File { reason, .. } | Error::NoAnswer { reason, .. }) => reason,
            Err(error) => error.to_string(),
        };
        self.tell(Dropped { slot, at: due, reason });
    }

    fn tell(&self, dropped: Dropped) {
        let Dropped { slot, at, reason } = dropped;
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

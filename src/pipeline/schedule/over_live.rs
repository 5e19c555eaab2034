//! Slots that come while somebody else has the air: they wait for it, are dropped, or are heard above it.

use std::sync::{Arc, MutexGuard, Weak};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::slot_files::Looked;
use super::{Desk, Scheduling};
use crate::engine::mixer::{OnAir, read};
use crate::error::Error;
use crate::ids::AnnouncementId;
use crate::pipeline::Pipeline;
use crate::playout::Entry;
use crate::playout::GiveWay;
use crate::playout::schedule::{DueSlot, Interruption, OverLive, Pick, Rules};

/// A slot that is to be heard above everything else.
pub(super) struct Announced {
    rules: Arc<Rules>,
    pick: Pick,
    entry: Entry,
}

/// A slot that is heard above everything else for so long, or will be.
pub(super) struct Above {
    id: AnnouncementId,
    lasts: Duration,
}

impl Above {
    /// When its time is over; `None` if it has not begun.
    fn over_at(&self, on_air: &OnAir, scheduling: &Scheduling) -> Option<Instant> {
        let sounding = on_air.announcements.iter().find(|one| one.id == self.id && one.sounding)?;
        let left = self.lasts.saturating_sub(scheduling.rate.duration_of(sounding.position));
        Some(on_air.until? + left)
    }
}

impl Scheduling {
    /// Slots come while somebody else has the air. Gives the one that is to be heard above them.
    pub(super) fn wait_for_air<'a>(
        &'a self,
        mut desk: MutexGuard<'a, Desk>,
        rules: &Arc<Rules>,
        at: Timestamp,
        reason: &str,
    ) -> (MutexGuard<'a, Desk>, Option<Announced>) {
        desk.looks_again = None;
        self.take_back_order(&mut desk, at);
        self.end_unheard(&mut desk, rules, at);
        let mut above = Vec::new();
        for due in desk.director.due_slots(rules, at) {
            match due.settings(rules).over_live {
                // It is ordered when its time has come: what is announced does not wait for it.
                _ if due.at() > at => {}
                OverLive::Wait => {
                    if !std::mem::replace(&mut desk.waits_for_air, true) {
                        // It comes next, as soon as the air is free.
                        self.up_next.lock().ask_schedule();
                    }
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
        let first = above.iter().find_map(|due| director.resolve(rules, due, at, &material));
        (desk, first.map(|pick| Announced { rules: rules.clone(), entry: self.entry(&pick), pick }))
    }

    /// A slot that was ordered and has not begun does not begin: what it does now is for its `over_live` to
    /// say. If the air is free again at its time, it is ordered again.
    fn take_back_order(&self, desk: &mut Desk, at: Timestamp) {
        let Some((id, pick)) = &desk.pending else { return };
        let Some(due) = pick.due().map(DueSlot::at) else { return };
        if self.up_next.lock().take_back(*id) && due > at {
            desk.looks_from(due);
        }
    }

    /// What the programme would go on with is over, if the time of its slot is.
    fn end_unheard(&self, desk: &mut Desk, rules: &Rules, at: Timestamp) {
        let mut is_over = false;
        while let Some((time, by)) = desk.interruption(rules).filter(|(time, _)| *time <= at) {
            desk.looked_until = time;
            is_over |= by != Interruption::Slot;
        }
        desk.looked_until = desk.looked_until.max(at);
        if is_over {
            self.end_track(GiveWay::Crossfade(self.crossfade()));
        }
    }

    /// Has a slot heard above everything else. If its file cannot be played, something else is looked for.
    pub(super) fn announce(&self, announced: Announced) {
        let Some(inner) = self.pipeline.get().and_then(Weak::upgrade) else { return };
        let Announced { rules, pick, entry } = announced;
        let result = Pipeline::from_inner(inner).announce_entry(entry);
        let lasts = pick.slot(&rules).and_then(|slot| slot.lasts);
        let mut desk = self.desk();
        desk.above.extend(result.as_ref().ok().zip(lasts).map(|(id, lasts)| Above { id: *id, lasts }));
        // The rules may be others by now, and have no such slot.
        let Some(current) = desk.rules.clone() else { return };
        let Some(pick) = pick.carried_over(&rules, &current) else { return };
        desk.changes += 1;
        let now = self.now();
        match result {
            Ok(_) => {
                desk.director.announced(&current, &pick, now);
                self.up_next.lock().ask_schedule();
            }
            // Strangers to the disk read the reason, too.
            Err(Error::File { reason, .. } | Error::NoAnswer { reason, .. }) => {
                desk.director.failed(&current, &pick, now, &reason);
            }
            Err(error) => {
                let dropped = pick.due().map(|due| desk.director.drop_now(&current, due, error.to_string()));
                dropped.into_iter().for_each(|dropped| self.tell(dropped));
            }
        }
    }

    /// Ends slots that are heard above a DJ and whose time is over.
    pub(super) fn end_above(&self, desk: &mut Desk, now: Instant) {
        let inner = self.pipeline.get().and_then(Weak::upgrade).filter(|_| !desk.above.is_empty());
        let Some(pipeline) = inner.map(Pipeline::from_inner) else { return };
        let on_air = read(&self.on_air);
        desk.above.retain(|above| {
            let is_over = above.over_at(&on_air, self).is_some_and(|over_at| over_at <= now);
            if is_over {
                // It may be over by itself.
                let _ = pipeline.stop_announcement(above.id);
            }
            !is_over && pipeline.inner.announcements.has(above.id)
        });
    }

    /// When the time of the first of them is over.
    pub(super) fn above_until(&self, desk: &Desk) -> Option<Instant> {
        let on_air = read(&self.on_air);
        desk.above.iter().filter_map(|above| above.over_at(&on_air, self)).min()
    }
}

//! What the thread `schedule` does when a time has come: slots take the air, wait for it, or are dropped.

use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::{Desk, MOST_NAMED, Scheduling, timestamp};
use crate::engine::live::LiveState;
use crate::engine::mixer::read;
use crate::error::Error;
use crate::event::Event;
use crate::pipeline::Pipeline;
use crate::playout::schedule::{Dropped, Interruption, OverLive, Rules};
use crate::playout::{Entry, GiveWay, TrackKind};
use crate::time::rfc3339;

/// How often it looks at what tells nothing by itself: files, who has the air, whether the pipeline stops.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The same by a stepped clock while nothing waits: a day has many seconds.
const STEPPED_LOOK_EVERY: Duration = Duration::from_secs(60);

/// What came before that does not interrupt any more: the clock has jumped.
const JUMP: SignedDuration = SignedDuration::from_mins(10);

/// How often a stepped clock is looked at.
const STEPPED_GLANCE: Duration = Duration::from_millis(1);

/// How much earlier than its time a slot is ordered, so that its file is open then.
const AHEAD: Duration = Duration::from_millis(300);

/// Who has the air.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Air {
    Programme,
    /// Somebody else, for this reason.
    Taken(&'static str),
}

/// The file of a slot that is to be heard above everything else.
struct Announced {
    slot: String,
    /// When the slot has come.
    due: Timestamp,
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
        self.read_reports(&mut desk);
        let Some(rules) = desk.rules.clone() else { return (now + LOOK_EVERY, desk.changes, None) };
        let at = timestamp(&self.clock, now + self.ahead());
        desk.mend_clock(at);
        if desk.stock.look(&rules) {
            self.up_next.lock().ask_schedule();
        }
        for dropped in desk.director.expire(&rules, at) {
            self.tell(dropped);
        }
        let announced = match self.air() {
            Air::Programme => {
                self.interrupt(&mut desk, &rules, at);
                None
            }
            Air::Taken(reason) => self.wait_for_air(&mut desk, &rules, at, reason),
        };
        (self.next_time(&mut desk, &rules, now), desk.changes, announced)
    }

    /// When there is something to do after this moment.
    pub(super) fn next_time(&self, desk: &mut Desk, rules: &Rules, now: Instant) -> Instant {
        let at = timestamp(&self.clock, now + self.ahead());
        let is_quiet = self.clock.is_stepped() && !desk.waits_for_air && self.air() == Air::Programme;
        let look_every = if is_quiet { STEPPED_LOOK_EVERY } else { LOOK_EVERY };
        let looked_until = at.max(desk.looked_until);
        let times = [
            desk.director.interruption(rules, looked_until).map(|(time, _)| time),
            desk.director.next_slot(rules, at),
            desk.director.next_expiry(rules, at),
        ];
        let next = times.into_iter().flatten().min();
        let until = next.and_then(|next| Duration::try_from(next.duration_since(at)).ok());
        // A slot is dropped when its time is over, not at its last moment.
        let until = until.map_or(look_every, |until| (until + Duration::from_millis(1)).min(look_every));
        now + until
    }

    /// How much earlier than its time something is ordered.
    fn ahead(&self) -> Duration {
        AHEAD + self.crossfade()
    }

    /// How long the track on the air takes to give way.
    fn crossfade(&self) -> Duration {
        let inner = self.pipeline.get().and_then(Weak::upgrade);
        inner.map_or(Duration::ZERO, |inner| inner.programming.skip_crossfade())
    }

    /// Ends the track on the air where something comes before its end.
    fn interrupt(&self, desk: &mut Desk, rules: &Rules, at: Timestamp) {
        let waited = std::mem::take(&mut desk.waits_for_air);
        let passed = desk.director.next_slot(rules, desk.looked_until).is_some_and(|next| next <= at);
        let mut takes_air = waited.then_some(at);
        while let Some((time, by)) = desk.director.interruption(rules, desk.looked_until) {
            if time > at {
                break;
            }
            desk.looked_until = time;
            match by {
                Interruption::Slot => takes_air = Some(time),
                Interruption::TimeIsOver => {
                    let mut up_next = self.up_next.lock();
                    up_next.ask_schedule();
                    up_next.skip(self.give_way_at(time, TrackKind::Show));
                }
            }
        }
        desk.looked_until = desk.looked_until.max(at);
        let Desk { director, stock, pending, .. } = desk;
        let slot = takes_air.and_then(|time| Some((time, director.due_slot(rules, stock, at)?)));
        let slot = slot.filter(|(_, pick)| pick.slot(rules).is_some_and(|slot| slot.start.interrupts()));
        match slot {
            Some((time, pick)) => {
                let give_way = self.give_way_at(time, pick.track.entry.kind);
                let id = self.up_next.lock().play_now(pick.entry(), give_way);
                *pending = Some((id, pick));
            }
            // A slot that begins with the next track may have come.
            None if passed || waited => self.up_next.lock().ask_schedule(),
            None => {}
        }
    }

    /// Slots come while somebody else has the air. Gives the file that is to be heard above them.
    fn wait_for_air(&self, desk: &mut Desk, rules: &Rules, at: Timestamp, reason: &str) -> Option<Announced> {
        desk.looked_until = desk.looked_until.max(at);
        let mut announced = None;
        for due in desk.director.due_slots(rules, at) {
            let slot = due.settings(rules);
            match slot.over_live {
                OverLive::Wait => {
                    desk.waits_for_air = true;
                    desk.director.hinder(rules, &due, reason.to_owned());
                }
                OverLive::Skip => {
                    let dropped = desk.director.drop_now(rules, &due, reason.to_owned());
                    self.tell(dropped);
                }
                OverLive::Interrupt if announced.is_some() => {}
                OverLive::Interrupt => {
                    let Desk { director, stock, .. } = &mut *desk;
                    if let Some(pick) = director.resolve(rules, &due, at, stock) {
                        director.announced(rules, &pick, at);
                        self.up_next.lock().ask_schedule();
                        let (slot, due) = (slot.label(), due.at());
                        announced = Some(Announced { slot, due, entry: pick.entry() });
                    }
                }
            }
        }
        announced
    }

    /// Who has the air.
    fn air(&self) -> Air {
        let on_air = read(&self.on_air);
        match on_air.live.iter().any(|input| input.state == LiveState::OnAir) {
            true => Air::Taken("a DJ was live"),
            false if on_air.held => Air::Taken("the programme was held"),
            false => Air::Programme,
        }
    }

    fn announce(&self, announced: Announced) {
        let Some(inner) = self.pipeline.get().and_then(Weak::upgrade) else { return };
        let Announced { slot, due, entry } = announced;
        let reason = match Pipeline::from_inner(inner).announce_entry(entry) {
            Ok(_) => return,
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

    /// How the track on the air gives way at this time. Nothing sounds over a show or a spot, so its end
    /// comes before such a track begins.
    fn give_way_at(&self, time: Timestamp, to: TrackKind) -> GiveWay {
        let crossfade = self.crossfade();
        let time = if to.is_alone() { earlier(time, crossfade) } else { time };
        let position = self.clock.position();
        let left = Duration::try_from(time.duration_since(timestamp(&self.clock, position)));
        match left {
            Ok(left) => GiveWay::CrossfadeAt(crossfade, position + left),
            Err(_) => GiveWay::Crossfade(crossfade),
        }
    }
}

/// A moment so much before.
fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(time)
}

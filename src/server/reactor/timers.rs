//! A hashed timing wheel. It has one entry per connection: when to look at it next.
//!
//! Scheduling, moving and cancelling an entry costs the same few stores however many there are,
//! and allocates nothing once the connection has its place.

use std::time::{Duration, Instant};

/// The resolution of the wheel, 4 ms. No entry is early; an entry may be this much late.
const TICK_NANOS: u64 = 4_000_000;

/// The wheel goes round once in 16 s. An entry due later than that is passed over once a round.
const SLOTS: usize = 4096;

/// The batches in a cadence. With a cadence of one second, there is a batch every 40 ms, or every 200 ms if
/// there are few entries. Both divide the ticks of a second, so an entry of a batch falls into a batch again
/// one second later. 40 ms divides 200 ms, so every batch of the coarser grain is also one of the finer
/// grain.
const GRAINS: u64 = 25;
const GRAINS_OF_FEW: u64 = 5;
/// With more entries than this, a batch of the finer grain has at least a hundred.
const FEW: usize = 2_500;

/// A slot with fewer entries than this is never crowded.
const CROWD: u32 = 8;

const NOBODY: u32 = u32::MAX;

/// The wheel. Keys are small numbers, as a slab assigns them. A key has at most one entry.
#[derive(Debug)]
pub(crate) struct Timers {
    origin: Instant,
    /// The first tick that has not come yet. All entries before it are in `ready`.
    tick: u64,
    slots: Box<[List]>,
    /// A bit for each slot that is not empty.
    occupied: [u64; SLOTS / 64],
    /// The entries that are due, in order.
    ready: List,
    /// By key.
    entries: Vec<Entry>,
    /// How many entries are scheduled or ready.
    count: usize,
    /// The state of the choices in `schedule_cadence`.
    dice: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    place: Place,
    before: u32,
    after: u32,
    due: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    Slot(u16),
    Ready,
}

impl Timers {
    pub(crate) fn new(now: Instant) -> Timers {
        Timers {
            origin: now,
            tick: 0,
            slots: vec![List::EMPTY; SLOTS].into_boxed_slice(),
            occupied: [0; SLOTS / 64],
            ready: List::EMPTY,
            entries: Vec::new(),
            count: 0,
            dice: 0,
        }
    }

    /// Schedules `key` for this instant. It replaces the time that was set before.
    pub(crate) fn schedule(&mut self, key: usize, at: Instant) {
        let due = self.tick_of(at);
        self.place(key, due);
    }

    /// Schedules `key` for about `cadence` from `now`. It falls into a batch with others, so that the loop
    /// wakes for a batch and not for each entry: a write after a sleep costs twice as much as a write after a
    /// write. But it does not fall into one batch with all others, so that the load is flat.
    ///
    /// It is a grain early at most, and up to a quarter of the cadence early where that batch has fewer
    /// entries. So entries that a storm or a stall put together spread again, and stay spread.
    pub(crate) fn schedule_cadence(&mut self, key: usize, now: Instant, cadence: Duration) {
        let cadence_ticks = cadence.as_nanos() as u64 / TICK_NANOS;
        let grains = if self.count < FEW { GRAINS_OF_FEW } else { GRAINS };
        let grain = (cadence_ticks / grains).max(1);
        let mut due = (self.tick_of(now + cadence) / grain * grain).max(self.tick);
        let crowd = self.slots[slot_of(due)].count;
        if crowd >= CROWD {
            // Steps by the golden ratio visit the grains of that quarter evenly.
            self.dice = self.dice.wrapping_add(0x9E37_79B9);
            let choices = cadence_ticks / 4 / grain + 1;
            let back = (u64::from(self.dice) * choices) >> 32;
            let earlier = due.saturating_sub(back * grain).max(self.tick);
            if self.slots[slot_of(earlier)].count < crowd - crowd / 8 {
                due = earlier;
            }
        }
        self.place(key, due);
    }

    /// Takes `key` out until it is scheduled again.
    pub(crate) fn cancel(&mut self, key: usize) {
        if key < self.entries.len() {
            self.unlink(key as u32);
        }
    }

    /// Gives back the memory for keys from this one on. None of them may be scheduled.
    pub(crate) fn forget_beyond(&mut self, keys: usize) {
        debug_assert!(self.entries.iter().skip(keys).all(|entry| entry.place == Place::Nowhere));
        self.entries.truncate(keys);
        self.entries.shrink_to_fit();
    }

    /// Makes the entries ready that are due by now.
    pub(crate) fn advance(&mut self, now: Instant) {
        let last = self.ticks_passed(now);
        if last < self.tick {
            return;
        }
        // After a long sleep, one round visits every slot.
        let first = self.tick.max((last + 1).saturating_sub(SLOTS as u64));
        self.tick = last + 1;
        for slot in (first..=last).map(slot_of) {
            let mut key = self.slots[slot].first;
            while key != NOBODY {
                let entry = self.entries[key as usize];
                if entry.due <= last {
                    self.unlink(key);
                    self.link(key, Place::Ready, entry.due);
                }
                key = entry.after;
            }
        }
    }

    /// Takes the ready entry that was due first.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let key = self.ready.first;
        (key != NOBODY).then(|| {
            self.unlink(key);
            key as usize
        })
    }

    /// How long until an entry may be ready. None: no entry is scheduled.
    pub(crate) fn idle_for(&self, now: Instant) -> Option<Duration> {
        if self.ready.count > 0 {
            return Some(Duration::ZERO);
        }
        let start = slot_of(self.tick);
        let words = self.occupied.len();
        // The first word twice: from the bit on, and at the end up to the bit.
        let ahead = (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let bits = match step {
                0 => self.occupied[word] & (u64::MAX << (start % 64)),
                step if step == words => self.occupied[word] & !(u64::MAX << (start % 64)),
                _ => self.occupied[word],
            };
            let slot = word * 64 + bits.trailing_zeros() as usize;
            (bits != 0).then(|| (slot + SLOTS - start) % SLOTS)
        })?;
        let at = self.origin + Duration::from_nanos((self.tick + ahead as u64) * TICK_NANOS);
        Some(at.saturating_duration_since(now))
    }

    /// The first tick that does not come before `at`, and has not come yet.
    fn tick_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin).as_nanos() as u64;
        since.div_ceil(TICK_NANOS).max(self.tick)
    }

    fn ticks_passed(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_nanos() as u64 / TICK_NANOS
    }

    fn place(&mut self, key: usize, due: u64) {
        if self.entries.len() <= key {
            self.entries.resize(key + 1, Entry::UNUSED);
        }
        self.unlink(key as u32);
        self.link(key as u32, Place::Slot(slot_of(due) as u16), due);
    }

    fn link(&mut self, key: u32, place: Place, due: u64) {
        let list = match place {
            Place::Slot(slot) => &mut self.slots[usize::from(slot)],
            _ => &mut self.ready,
        };
        let before = list.last;
        list.last = key;
        list.count += 1;
        if before == NOBODY {
            list.first = key;
        } else {
            self.entries[before as usize].after = key;
        }
        if let Place::Slot(slot) = place {
            self.occupied[usize::from(slot) / 64] |= 1 << (slot % 64);
        }
        self.entries[key as usize] = Entry { place, before, after: NOBODY, due };
        self.count += 1;
    }

    fn unlink(&mut self, key: u32) {
        let Entry { place, before, after, .. } = self.entries[key as usize];
        let list = match place {
            Place::Nowhere => return,
            Place::Slot(slot) => &mut self.slots[usize::from(slot)],
            Place::Ready => &mut self.ready,
        };
        list.count -= 1;
        if before == NOBODY {
            list.first = after;
        }
        if after == NOBODY {
            list.last = before;
        }
        if let Place::Slot(slot) = place
            && list.count == 0
        {
            self.occupied[usize::from(slot) / 64] &= !(1 << (slot % 64));
        }
        if before != NOBODY {
            self.entries[before as usize].after = after;
        }
        if after != NOBODY {
            self.entries[after as usize].before = before;
        }
        self.entries[key as usize].place = Place::Nowhere;
        self.count -= 1;
    }
}

impl List {
    const EMPTY: List = List { first: NOBODY, last: NOBODY, count: 0 };
}

impl Entry {
    const UNUSED: Entry = Entry { place: Place::Nowhere, before: NOBODY, after: NOBODY, due: 0 };
}

fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const TICK: Duration = Duration::from_nanos(TICK_NANOS);

    #[derive(Clone, Debug)]
    enum Step {
        Schedule(usize, u64),
        Cancel(usize),
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let millis = prop_oneof![0..30_u64, 0..2_000_u64, 0..100_000_u64];
        let step = prop_oneof![
            4 => (0..12_usize, millis.clone()).prop_map(|(key, millis)| Step::Schedule(key, millis)),
            1 => (0..12_usize).prop_map(Step::Cancel),
            3 => millis.prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 1..100)
    }

    proptest! {
        #[test]
        fn every_entry_is_ready_once_not_before_it_is_due_and_at_most_a_tick_after(steps in steps()) {
            let origin = Instant::now();
            let mut timers = Timers::new(origin);
            let mut model = BTreeMap::new();
            let mut now = origin;
            for step in steps {
                match step {
                    Step::Schedule(key, millis) => {
                        timers.schedule(key, now + Duration::from_millis(millis));
                        model.insert(key, now + Duration::from_millis(millis));
                    }
                    Step::Cancel(key) => {
                        timers.cancel(key);
                        model.remove(&key);
                    }
                    Step::Pass(millis) => {
                        now += Duration::from_millis(millis);
                        timers.advance(now);
                        while let Some(key) = timers.pop() {
                            let due = model.remove(&key);
                            prop_assert!(due.is_some_and(|due| due <= now), "{} was not due", key);
                        }
                        for due in model.values() {
                            prop_assert!(*due + TICK * 2 > now, "one was forgotten");
                        }
                    }
                }
                // It may wake for an entry that is due a round later, but never sleeps past one.
                match (timers.idle_for(now), model.values().min()) {
                    (Some(idle), Some(first)) => prop_assert!(now + idle < *first + TICK * 2),
                    (idle, first) => prop_assert_eq!(idle.is_some(), first.is_some()),
                }
            }
        }
    }

    #[test]
    fn an_entry_for_now_is_not_ready_before_the_next_tick() {
        let now = Instant::now();
        let mut timers = Timers::new(now);
        timers.advance(now);
        timers.schedule(3, now);
        assert_eq!(timers.pop(), None);
        timers.advance(now + TICK);
        assert_eq!(timers.pop(), Some(3));
        assert_eq!(timers.idle_for(now), None);
    }

    /// Serves so many entries, which were all due at once, for forty seconds at a cadence of one second.
    /// Returns how many were served in each tick of the last ten seconds, and in all of these ticks.
    fn serve_a_crowd(crowd: usize) -> (Vec<usize>, usize) {
        let cadence = Duration::from_secs(1);
        let mut now = Instant::now();
        let mut timers = Timers::new(now);
        (0..crowd).for_each(|key| timers.schedule(key, now + cadence));
        let mut ticks = Vec::new();
        for _ in 0..10_000 {
            now += TICK;
            timers.advance(now);
            let mut served = 0;
            while let Some(key) = timers.pop() {
                served += 1;
                timers.schedule_cadence(key, now, cadence);
            }
            ticks.push(served);
        }
        let last = ticks.split_off(7_500);
        let served = last.iter().sum();
        (last, served)
    }

    #[test]
    fn a_crowd_spreads_over_its_cadence_and_stays_spread() {
        let (ticks, served) = serve_a_crowd(10_000);
        let busiest = ticks.iter().max().unwrap();
        assert!(*busiest <= 600, "{busiest} in one batch, where 400 would be even");
        assert!((99_000..105_000).contains(&served), "{served} services in ten seconds");
    }

    #[test]
    fn a_few_are_served_together() {
        let (ticks, served) = serve_a_crowd(1_000);
        let turns = ticks.iter().filter(|served| **served > 0).count();
        assert!(turns <= 60, "{turns} turns in ten seconds");
        assert!(*ticks.iter().max().unwrap() <= 300, "200 would be even");
        assert!((9_900..10_500).contains(&served), "{served} services in ten seconds");
    }

    #[test]
    fn a_short_cadence_is_kept_to_the_tick() {
        let mut now = Instant::now();
        let mut timers = Timers::new(now);
        let cadence = Duration::from_millis(26);
        timers.schedule_cadence(0, now, cadence);
        let mut served = 0;
        for _ in 0..2_500 {
            now += TICK;
            timers.advance(now);
            while let Some(key) = timers.pop() {
                served += 1;
                timers.schedule_cadence(key, now, cadence);
            }
        }
        assert!((350..=400).contains(&served), "{served} services in ten seconds, at 26 ms");
    }
}

//! Tracks that a schedule chooses.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::event::TrackInfo;
use crate::ids::EntryId;
use crate::playout::Rank;

/// A schedule that chooses one track again and again, once it has been asked so often that it has something to
/// say.
struct Chooses {
    track: &'static str,
    hesitates: AtomicU32,
    up_next: Arc<SharedUpNext>,
}

impl Planner for Chooses {
    fn plan(&self) {
        let hesitated =
            self.hesitates.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if hesitated.is_err() {
            self.up_next.lock().schedule(Some(Entry::new(self.track)), Rank::AfterQueue);
        }
    }
    fn began(&self, _: &Arc<TrackInfo>, _: Instant) {}
    fn failed(&self, _: EntryId, _: &str) {}
}

/// A rig that has no playlist.
fn rig(track: &'static str, hesitates: u32) -> Rig {
    let (clock, stepper) = Clock::stepped();
    let chooses = |up_next: &Arc<SharedUpNext>| -> Option<Arc<dyn Planner>> {
        up_next.lock().set_scheduled(true);
        Some(Arc::new(Chooses { track, hesitates: hesitates.into(), up_next: up_next.clone() }))
    };
    let emitter = Emitter::unheard();
    let rig = Rig::planned(clock, &[], false, 0, DeadAir::default(), &emitter, chooses);
    Rig { stepper: Some(stepper), ..rig }
}

/// As when its rules change while it looks for a file.
#[test]
fn a_schedule_that_says_nothing_the_first_time_is_asked_again() {
    let rig = rig("0.25:8000", 3);
    rig.run(2.5);
    assert_eq!(rig.began().len(), 3, "{:?}", rig.began());
    rig.stop();
}

#[test]
fn what_cannot_be_played_is_tried_again_later_and_later() {
    let rig = rig("bad", 0);
    rig.run(60.0);
    let failed = rig.count(|event| matches!(event, Event::TrackFailed { .. }));
    // After 2, 4, 8, 16 and 32 seconds.
    assert_eq!(failed, 5 * 8, "eight times each time");
    rig.stop();
}

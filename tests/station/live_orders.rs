//! Orders on live inputs, judged by ear: who has the air when an operator says so.

use longwave::{AfterLive, Error, ForcedAir, LeaveReason, LiveSettings, LiveState};
use longwave_testing::studio::Studio;
use longwave_testing::{ms, seconds};

use crate::djs::{Dj, pass};
use crate::live_inputs::{
    LIVE, OTHER, PROGRAMME, RATE, ended, heard, kinds, levels, only, settings, smooth, studio,
};

fn now(studio: &Studio) -> f64 {
    studio.position() as f64 / RATE
}

/// The state of each live input, and whether it is muted and forced.
fn inputs(studio: &Studio) -> Vec<(LiveState, bool, bool)> {
    let inputs = studio.pipeline.live_inputs();
    inputs.iter().map(|input| (input.state, input.muted, input.forced)).collect()
}

/// Two equals are on. Who is forced takes over directly; who is released gives back to the one that came
/// first.
#[test]
fn equals_hand_over_directly_when_one_is_forced() {
    let random = &mut fastrand::Rng::with_seed(3);
    for _ in 0..4 {
        let studio = studio(vec![settings("/a"), settings("/b")]);
        let mut anna = Dj::comes(&studio, "/a", "anna", LIVE);
        pass(&studio, 2.5, &mut [&mut anna]);
        let mut ben = Dj::comes(&studio, "/b", "ben", OTHER);
        pass(&studio, 1.5, &mut [&mut anna, &mut ben]);
        studio.run(ms(random.u64(0..100)));
        assert_eq!(inputs(&studio), [(LiveState::OnAir, false, false), (LiveState::Waiting, false, false)]);
        let before = now(&studio);
        studio.pipeline.force_live("/b").unwrap();
        pass(&studio, 2.0, &mut [&mut anna, &mut ben]);
        assert_eq!(inputs(&studio), [(LiveState::Waiting, false, false), (LiveState::OnAir, false, true)]);
        assert_eq!(studio.pipeline.forced_air(), Some(ForcedAir::Live("/b".into())));
        let forced = now(&studio);
        studio.pipeline.release_live().unwrap();
        pass(&studio, 2.0, &mut [&mut anna, &mut ben]);
        assert_eq!(studio.pipeline.forced_air(), None);
        let released = now(&studio);
        assert_eq!(ended(&studio), [], "both sessions go on");
        let heard = heard(studio);
        only(&heard, before, LIVE);
        only(&heard, forced, OTHER);
        only(&heard, released, LIVE);
        smooth(&heard, 0.1, released);
        let mut at = before;
        while at < released {
            assert!(levels(&heard, at, &[PROGRAMME])[0] < -40, "the programme is heard at {at} s");
            at += 0.1;
        }
    }
}

#[test]
fn a_force_waits_for_sound_and_ends_with_the_session_that_it_was_for() {
    let high = LiveSettings { priority: 9, ..settings("/high") };
    let low = LiveSettings { grace: seconds(1.0), ..settings("/low") };
    let studio = studio(vec![high, low]);
    let mut anna = Dj::comes(&studio, "/high", "anna", LIVE);
    pass(&studio, 2.5, &mut [&mut anna]);
    studio.pipeline.force_live("/low").unwrap();
    pass(&studio, 0.5, &mut [&mut anna]);
    assert_eq!(inputs(&studio), [(LiveState::OnAir, false, false), (LiveState::Absent, false, true)]);
    let mut ben = Dj::comes(&studio, "/low", "ben", OTHER);
    pass(&studio, 2.5, &mut [&mut anna, &mut ben]);
    assert_eq!(inputs(&studio)[1], (LiveState::OnAir, false, true));
    let forced = now(&studio);
    ben.leaves();
    pass(&studio, 2.0, &mut [&mut anna]);
    assert_eq!(ended(&studio), [("/low".into(), LeaveReason::Left)]);
    assert_eq!(inputs(&studio), [(LiveState::OnAir, false, false), (LiveState::Absent, false, false)]);
    // Whoever comes the next day is not forced.
    let mut carla = Dj::comes(&studio, "/low", "carla", OTHER);
    pass(&studio, 2.5, &mut [&mut anna, &mut carla]);
    assert_eq!(inputs(&studio)[1], (LiveState::Waiting, false, false));
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, forced, OTHER);
    only(&heard, end, LIVE);
    smooth(&heard, 0.1, end);
}

#[test]
fn a_forced_programme_goes_on_where_it_was_and_the_session_waits() {
    let live = LiveSettings { after_live: AfterLive::Next, grace: seconds(0.5), ..settings("/live") };
    let studio = studio(vec![live]);
    let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.5, &mut [&mut anna]);
    studio.pipeline.force_programme().unwrap();
    pass(&studio, 2.0, &mut [&mut anna]);
    assert_eq!(studio.pipeline.forced_air(), Some(ForcedAir::Programme));
    assert_eq!((studio.pipeline.live(), inputs(&studio)), (None, vec![(LiveState::Waiting, false, false)]));
    assert_eq!(studio.now(), "0");
    let programme = now(&studio);
    studio.pipeline.release_live().unwrap();
    pass(&studio, 2.0, &mut [&mut anna]);
    assert_eq!(kinds(&studio), ["live-began", "live-title"], "it is the same session");
    let live = now(&studio);
    studio.pipeline.force_programme().unwrap();
    pass(&studio, 2.0, &mut [&mut anna]);
    anna.leaves();
    studio.run_until("the session is over", || !ended(&studio).is_empty());
    studio.run(seconds(1.0));
    assert_eq!(studio.now(), "0", "nobody heard it leave, so no track is skipped");
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, programme, PROGRAMME);
    only(&heard, live, LIVE);
    only(&heard, end, PROGRAMME);
    smooth(&heard, 0.1, end);
}

#[test]
fn a_muted_input_is_off_the_air_within_300_ms_and_is_live_when_it_is_let_on_again() {
    let live = LiveSettings { fade_out: seconds(5.0), grace: seconds(1.0), ..settings("/live") };
    let studio = studio(vec![live]);
    let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.5, &mut [&mut anna]);
    let muted = now(&studio);
    studio.pipeline.mute_live("/live").unwrap();
    // Longer than the guard tolerates silence: it hears the programme, and has nothing to say.
    pass(&studio, 22.0, &mut [&mut anna]);
    assert_eq!(inputs(&studio), [(LiveState::Waiting, true, false)]);
    let state = &studio.pipeline.live_inputs()[0];
    assert_eq!((state.drops, state.gaps), (0, 0), "nothing piles up");
    let programme = now(&studio);
    // Who comes again is muted, too.
    anna.leaves();
    studio.run(seconds(2.0));
    let mut again = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 2.5, &mut [&mut again]);
    assert_eq!(inputs(&studio), [(LiveState::Waiting, true, false)]);
    let still = now(&studio);
    studio.pipeline.unmute_live("/live").unwrap();
    pass(&studio, 2.0, &mut [&mut again]);
    assert_eq!(inputs(&studio), [(LiveState::OnAir, false, false)]);
    let on = now(&studio);
    assert_eq!(studio.told(|event| event.kind().as_str().starts_with("dead-air")), 0);
    let heard = heard(studio);
    only(&heard, muted, LIVE);
    only(&heard, muted + 0.6, PROGRAMME);
    only(&heard, programme, PROGRAMME);
    only(&heard, still, PROGRAMME);
    only(&heard, on, LIVE);
    smooth(&heard, 0.1, on);
}

#[test]
fn orders_on_what_is_not_there_are_refused() {
    let studio = studio(vec![settings("/live"), settings("/guenther")]);
    for refused in [studio.pipeline.force_live("/nowhere"), studio.pipeline.mute_live("/nowhere")] {
        let reason = refused.unwrap_err().to_string();
        assert!(reason.contains("/live, /guenther"), "{reason}");
    }
    studio.pipeline.force_live("/guenther").unwrap();
    studio.pipeline.release_live().unwrap();
    studio.pipeline.release_live().expect("there is nothing to release, and no harm in it");
    let pipeline = studio.pipeline.clone();
    studio.stop();
    assert!(matches!(pipeline.force_programme(), Err(Error::Stopped(_))));
    assert!(matches!(pipeline.unmute_live("/live"), Err(Error::Stopped(_))));
    assert_eq!(pipeline.forced_air(), None);
}

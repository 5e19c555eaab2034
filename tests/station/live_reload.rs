//! Live inputs that come, change and go while sources are on the air, judged by ear.

use longwave::{LeaveReason, LiveSettings, LiveState};
use longwave_testing::{seconds, until};

use crate::djs::{Dj, pass};
use crate::live_inputs::{LIVE, OTHER, PROGRAMME, RATE, ended, heard, only, settings, smooth, studio};

#[test]
fn other_settings_hold_at_once_and_a_source_stays_where_its_input_does() {
    let studio = studio(vec![settings("/live")]);
    let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut anna]);
    // A second input comes, of a higher priority than the first one has from now on.
    let low = LiveSettings { priority: 1, ..settings("/live") };
    let high = LiveSettings { priority: 5, fade_in: seconds(0.5), ..settings("/high") };
    studio.pipeline.set_live_inputs(vec![low.clone(), high.clone()]).unwrap();
    pass(&studio, 0.5, &mut [&mut anna]);
    assert_eq!(studio.pipeline.live().unwrap().path.as_ref(), "/live");
    let stays = studio.position() as f64 / RATE;
    let mut ben = Dj::comes(&studio, "/high", "ben", OTHER);
    pass(&studio, 2.5, &mut [&mut anna, &mut ben]);
    assert_eq!(studio.pipeline.live().unwrap().path.as_ref(), "/high");
    let on_top = studio.position() as f64 / RATE;
    // Now the first one goes before the second.
    studio.pipeline.set_live_inputs(vec![LiveSettings { priority: 9, ..low }, high]).unwrap();
    pass(&studio, 2.0, &mut [&mut anna, &mut ben]);
    assert_eq!(studio.pipeline.live().unwrap().path.as_ref(), "/live");
    let back = studio.position() as f64 / RATE;
    assert_eq!(ended(&studio), []);
    let heard = heard(studio);
    only(&heard, stays, LIVE);
    only(&heard, on_top, OTHER);
    only(&heard, back, LIVE);
    smooth(&heard, 0.1, back);
}

#[test]
fn an_input_that_is_removed_fades_out_and_lets_its_source_go_and_may_come_back() {
    let studio = studio(vec![settings("/live"), settings("/other")]);
    let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut anna]);
    let live = studio.position() as f64 / RATE;
    studio.pipeline.set_live_inputs(vec![settings("/other")]).unwrap();
    until("her connection is closed", || anna.session.ended() == Some(LeaveReason::MountRemoved));
    studio.run(seconds(2.0));
    // The station wanted it, so nobody waits for her.
    assert_eq!(ended(&studio), [("/live".into(), LeaveReason::MountRemoved)]);
    let paths: Vec<_> = studio.pipeline.live_inputs().iter().map(|input| input.path.to_string()).collect();
    assert_eq!(paths, ["/other"]);
    assert!(studio.pipeline.force_live("/live").unwrap_err().to_string().contains("there is /other"));
    let gone = studio.position() as f64 / RATE;

    studio.pipeline.set_live_inputs(vec![settings("/other"), settings("/live")]).unwrap();
    let mut again = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 3.0, &mut [&mut again]);
    let live_again = studio.pipeline.live().unwrap();
    assert_eq!((live_again.path.as_ref(), live_again.state), ("/live", LiveState::OnAir));
    let back = studio.position() as f64 / RATE;
    let heard = heard(studio);
    only(&heard, live, LIVE);
    only(&heard, gone, PROGRAMME);
    only(&heard, back, LIVE);
    smooth(&heard, 0.1, back);
}

#[test]
fn inputs_that_cannot_be_together_change_nothing() {
    let studio = studio(vec![settings("/live")]);
    let twice = vec![settings("/live"), settings("/live")];
    assert!(studio.pipeline.set_live_inputs(twice).unwrap_err().to_string().contains("/live already"));
    let long = LiveSettings { grace: seconds(601.0), ..settings("/live") };
    assert!(studio.pipeline.set_live_inputs(vec![long]).is_err());
    assert_eq!(studio.pipeline.live_inputs().len(), 1);
    studio.stop();
}

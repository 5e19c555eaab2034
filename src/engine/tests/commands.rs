//! What the mixer does when it is asked to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Rig;
use crate::engine::mixer::Command;
use crate::engine::titles::{TitleHolds, TitleOrder};
use crate::event::Event;
use crate::metadata::Title;
use crate::playout::{Entry, Meant, Place};
use crate::units::FrameCount;

#[test]
fn skip_goes_on_to_what_is_next_by_then() {
    let rig = Rig::new(&["0.1:800000", "0.2:800000"], false, 0);
    rig.run(1.0);
    rig.up_next.lock().queue([Entry::new("0.3:800000")], Place::Next);
    rig.skip(Duration::from_millis(100));
    rig.run(1.0);
    rig.skip(Duration::ZERO);
    rig.run(1.0);
    let began: Vec<_> = rig.began().into_iter().map(|(file, _)| file).collect();
    assert_eq!(began, ["0.1:800000", "0.3:800000", "0.2:800000"].map(PathBuf::from));
    // Nothing follows the last one: it fades, and there is silence.
    rig.skip(Duration::ZERO);
    rig.run(1.0);
    assert!(rig.on_air.load().current.is_none());
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    rig.stop();
}

#[test]
fn what_is_to_be_played_now_is_not_skipped_if_it_has_begun_by_itself() {
    let rig = Rig::new(&["0.1:8000", "0.2:800000"], false, 0);
    rig.run(0.5);
    // The track before ends by itself while it gives way.
    rig.play_now("0.3:800000", Duration::from_secs(1));
    rig.run(2.0);
    let began = || rig.began().into_iter().map(|(file, _)| file).collect::<Vec<_>>();
    assert_eq!(began(), ["0.1:8000", "0.3:800000"].map(PathBuf::from));
    // What was on the air before it is skipped as ever.
    rig.play_now("0.4:800000", Duration::ZERO);
    rig.run(1.0);
    assert_eq!(began().last(), Some(&PathBuf::from("0.4:800000")));
    rig.stop();
}

#[test]
fn a_held_programme_waits_where_it_is() {
    let rig = Rig::new(&["0.5:40000"], false, 0);
    rig.run(1.0);
    rig.command(Command::Hold { fade: Duration::from_millis(100) });
    rig.run(3.0);
    let played = || rig.on_air.load().current.as_ref().unwrap().played;
    let held_at = played();
    assert!((8000..10000).contains(&held_at.0), "{held_at:?}");
    rig.run(3.0);
    assert_eq!(played(), held_at);
    rig.command(Command::Resume { fade: Duration::from_millis(100) });
    rig.run(10.0);
    let pcm = rig.stop();
    let loud = pcm.iter().filter(|sample| **sample == 0.5).count();
    let heard = pcm.iter().filter(|sample| **sample != 0.0).count();
    assert!((39_990..=40_000).contains(&heard) && loud >= 40_000 - 1700, "{heard} {loud}");
}

#[test]
fn beyond_every_end_is_the_end() {
    let rig = Rig::new(&["0.1:80000", "0.2:8000"], false, 500);
    rig.run(1.0);
    rig.command(Command::SeekCurrent { to: FrameCount(u64::MAX), meant: Meant::OnAir { turn: u64::MAX } });
    rig.run(1.0);
    assert_eq!(rig.began().len(), 2);
    rig.stop();
}

#[test]
fn a_stopped_pipeline_does_not_hold_up_its_clock() {
    let rig = Rig::new(&["0.1:8000"], false, 0);
    let stepper = rig.stepper.clone().unwrap();
    rig.run(0.5);
    rig.stop();
    stepper.run(Duration::from_secs(1));
}

/// The titles of two tracks, if this is what a hook gives each of them. Each takes effect where its track
/// begins, or in one of the next packets: far less than a job later.
fn titles_with(hook: impl Fn(usize) -> Option<TitleOrder>) -> Vec<String> {
    let rig = Rig::new(&[], false, 500);
    // The first job is due at the start, perhaps before anybody hooks.
    rig.track_hooks.store(1, Ordering::Relaxed);
    rig.up_next.lock().queue(["0.1:8000", "0.2:80000"].map(Entry::new), Place::End);
    let mut called = 0;
    for job in 0..20 {
        rig.run(if job == 0 { 1e-9 } else { 0.128 });
        let begun = rig.began().len();
        for order in (called..begun).filter_map(&hook) {
            rig.command(Command::Title { output: None, order, meant: Meant::Nothing });
        }
        called = begun;
    }
    let titles: Vec<_> = rig.titles().into_iter().filter(|(text, _)| !text.is_empty()).collect();
    for ((text, at), (_, began)) in titles.iter().zip(rig.began()) {
        assert!(
            (began..began + 400).contains(&(*at as u64)),
            "{text} at {at} of a track that began at {began}"
        );
    }
    rig.stop();
    titles.into_iter().map(|(text, _)| text).collect()
}

#[test]
fn a_title_is_for_the_turn_that_was_due_and_not_for_another_of_the_same_entry() {
    let rig = Rig::new(&["0.1:8000000", "0.2:8000000"], true, 0);
    rig.run(0.5);
    rig.skip(Duration::ZERO);
    let order = TitleOrder::Set(Arc::new(Title::new("skipped")), TitleHolds::UntilNextTrack);
    let meant = rig.up_next.lock().meant();
    rig.command(Command::Title { output: None, order, meant });
    // The list comes round to the entry that was skipped.
    rig.skip(Duration::ZERO);
    rig.skip(Duration::ZERO);
    rig.run(0.5);
    let on_air = rig.on_air.load().current.clone().unwrap();
    assert_eq!(on_air.track.title, "0.2:8000000");
    assert_eq!(rig.titles().last().unwrap().0, "0.2:8000000");
    rig.stop();
}

#[test]
fn a_title_that_a_hook_gives_takes_effect_where_its_track_begins() {
    assert_eq!(titles_with(|_| None), ["0.1:8000", "0.2:80000"]);
    let given = titles_with(|track| {
        let title = Arc::new(Title::new(format!("hook {track}")));
        Some(TitleOrder::Set(title, TitleHolds::UntilNextTrack))
    });
    assert_eq!(given, ["hook 0", "hook 1"]);
}

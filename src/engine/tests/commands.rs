//! What the mixer does when it is asked to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Rig, look_ahead};
use crate::engine::mixer::Command;
use crate::engine::titles::{TitleHolds, TitleOrder};
use crate::event::Event;
use crate::metadata::Title;
use crate::playout::{Entry, GiveWay, HoldState, Meant, Place};
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

/// How far each order was that held the programme, as it was told.
fn holds(rig: &Rig) -> Vec<HoldState> {
    let events = rig.events.lock().unwrap();
    let hold = |event: &Event| match event {
        Event::HoldChange { hold } => Some(*hold),
        _ => None,
    };
    events.iter().filter_map(hold).collect()
}

#[test]
fn a_track_after_which_the_programme_is_held_is_heard_to_its_last_sample_and_the_next_one_from_its_first() {
    let rig = Rig::new(&["0.5:16000", "0.25:16000"], false, 1000);
    rig.run(0.5);
    rig.command(Command::HoldAfterCurrent);
    rig.run(4.0);
    assert_eq!(rig.began().len(), 1);
    assert!(rig.on_air.load().current.is_none());
    rig.command(Command::Resume { fade: Duration::ZERO });
    rig.run(4.0);
    assert_eq!(holds(&rig), [HoldState::AfterCurrent, HoldState::Held, HoldState::Released]);
    let pcm = rig.stop();
    let gap = pcm[look_ahead() + 16_000..].iter().take_while(|sample| **sample == 0.0).count();
    assert!(gap > 8_000, "it waits: {gap}");
    let heard: Vec<f32> = pcm.into_iter().filter(|sample| *sample != 0.0).collect();
    assert_eq!(heard.len(), 32_000);
    assert!(heard[..16_000].iter().all(|sample| *sample == 0.5));
    assert!(heard[16_000..].iter().all(|sample| *sample == 0.25));
}

#[test]
fn a_hold_after_the_track_that_is_taken_back_changes_nothing() {
    let rig = Rig::new(&["0.5:16000", "0.5:16000"], false, 1000);
    rig.run(0.25);
    rig.command(Command::HoldAfterCurrent);
    rig.run(0.25);
    rig.command(Command::Resume { fade: Duration::ZERO });
    rig.run(4.0);
    assert_eq!(rig.began()[1].1, 16_000 - 8_000 + 4_000, "they cross-fade");
    assert_eq!(holds(&rig), [HoldState::AfterCurrent, HoldState::Released]);
    rig.stop();
}

#[test]
fn a_track_that_is_skipped_does_not_count_as_the_one_after_which_the_programme_is_held() {
    let rig = Rig::new(&["0.1:800000", "0.2:16000", "0.3:16000"], false, 500);
    rig.run(1.0);
    rig.command(Command::HoldAfterCurrent);
    rig.skip(Duration::from_millis(100));
    rig.run(5.0);
    assert_eq!(rig.began().last().unwrap().0, PathBuf::from("0.2:16000"));
    assert_eq!(rig.on_air.load().hold, HoldState::Held);
    rig.stop();
}

/// It is shorter than the fade of the one before, so that something still sounds when it ends.
#[test]
fn a_track_that_is_outlasted_by_the_one_before_is_the_last_one_all_the_same() {
    let rig = Rig::new(&["0.2:800000", "0.1:800", "0.3:16000"], false, 0);
    rig.run(1.0);
    rig.command(Command::HoldAfterCurrent);
    rig.up_next.lock().skip(GiveWay::FadeOut(Duration::from_secs(2)));
    rig.run(5.0);
    assert_eq!(rig.began().last().unwrap().0, PathBuf::from("0.1:800"));
    assert_eq!(rig.on_air.load().hold, HoldState::Held);
    let pcm = rig.stop();
    let after_beginning = &pcm[look_ahead() + 1..];
    let steepest = after_beginning.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.11, "only where the short track begins and ends: {steepest}");
}

#[test]
fn without_a_track_the_programme_is_held_at_once() {
    let rig = Rig::new(&[], false, 0);
    rig.run(0.5);
    rig.command(Command::HoldAfterCurrent);
    rig.run(0.5);
    assert_eq!(rig.on_air.load().hold, HoldState::Held);
    rig.up_next.lock().queue([Entry::new("0.5:8000")], Place::End);
    rig.run(1.0);
    assert_eq!(rig.began().len(), 0);
    rig.command(Command::Resume { fade: Duration::ZERO });
    rig.run(2.0);
    assert_eq!(rig.began().len(), 1);
    rig.stop();
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

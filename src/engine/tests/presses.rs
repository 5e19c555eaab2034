//! What is pressed again and again, more quickly than fades end and files open: few tracks sound at once.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longwave_testing::until;

use super::{Rig, look_ahead};
use crate::engine::clock::Clock;
use crate::engine::mixer::Command;
use crate::event::Event;
use crate::playout::{Entry, GiveWay, Place, Playlist, When};

/// Three that fade out, the current one, and the one after it.
const DECODERS: usize = 5;

const MINUTES: Duration = Duration::from_secs(300);

/// A rig whose tracks are all alike, and go on.
fn rig() -> Rig {
    Rig::new(&["0.5:8000000", "0.5:8000001"], true, 0)
}

fn until_few_decoders(rig: &Rig) {
    until("the decoders of what was given up have ended", || rig.crew.at_work("decode") <= DECODERS);
}

/// Few decoders are left, and nothing has clicked: no sample is far from the one before it.
fn check(rig: Rig, pressed: usize) -> Vec<f32> {
    assert!(rig.began().len() > pressed * 9 / 10, "{} tracks began", rig.began().len());
    until_few_decoders(&rig);
    let pcm = rig.stop();
    // The steepest is a cut of half of full scale, by 80 frames: 0.5 * π / 2 / 80.
    // The first track starts at full level, as one does without a fade-in, and the last packet is filled up.
    let sound = &pcm[look_ahead()..pcm.len() - 100];
    let steepest = sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.02, "{steepest}");
    sound.to_vec()
}

#[test]
fn skips_with_a_long_crossfade_leave_few_tracks() {
    let rig = rig();
    rig.run(1.0);
    for _ in 0..60 {
        rig.skip(MINUTES);
        rig.run(0.2);
    }
    let pcm = check(rig, 60);
    // The first track, which is the loudest, goes on with its fade.
    assert!(pcm.iter().all(|sample| *sample > 0.4), "no hole in the programme");
}

#[test]
fn files_that_are_played_at_once_leave_few_tracks() {
    let rig = rig();
    rig.run(1.0);
    for n in 0..60 {
        rig.play_now(format!("0.4:{}", 8_000_000 + n), MINUTES);
        rig.run(0.2);
    }
    check(rig, 60);
}

#[test]
fn stops_with_a_long_fade_leave_few_tracks() {
    let rig = rig();
    rig.run(1.0);
    for _ in 0..60 {
        rig.up_next.lock().skip(GiveWay::FadeOut(MINUTES));
        rig.run(0.2);
    }
    until_few_decoders(&rig);
    // Each track that follows a stop begins at full level, over those that fade.
    let loudest = rig.stop().into_iter().fold(0.0, f32::max);
    assert!(loudest <= 1.0, "{loudest}");
}

#[test]
fn pauses_and_skips_while_the_pause_fades_leave_few_tracks() {
    let rig = rig();
    rig.run(1.0);
    for _ in 0..60 {
        rig.command(Command::Hold { fade: MINUTES });
        rig.skip(MINUTES);
        rig.run(0.2);
        rig.command(Command::Resume { fade: MINUTES });
        rig.run(0.1);
    }
    check(rig, 60);
}

#[test]
fn lists_that_take_over_by_a_long_crossfade_leave_few_tracks() {
    let rig = rig();
    rig.run(1.0);
    for n in 0..60 {
        let entries = vec![Entry::new(format!("0.3:{}", 8_000_000 + n))];
        let list = Playlist { name: n.to_string(), entries, repeat: true, shuffle: false };
        rig.up_next.lock().load(list, When::AfterCurrent, GiveWay::Crossfade(MINUTES));
        rig.skip(MINUTES);
        rig.run(0.2);
    }
    check(rig, 60);
}

/// By the machine's clock, for a stepped one would wait for what is being opened.
#[test]
fn what_is_replaced_while_it_is_being_opened_leaves_few_threads() {
    let rig = Rig::by(Clock::default(), &["0.3:8000000"], true, 0);
    until("it plays", || !rig.began().is_empty());
    let mut most = 0;
    for n in 0..40 {
        rig.up_next.lock().queue([Entry::new(format!("hangs{n}"))], Place::Next);
        std::thread::sleep(Duration::from_millis(110));
        most = most.max(rig.crew.at_work("decode"));
    }
    // 16 that were given up, the last one, and the current track.
    assert!((3..=18).contains(&most), "{most} threads");
    rig.answers.store(true, Ordering::Relaxed);
    until_few_decoders(&rig);
    // What is asked for then is played: nothing waits for what was given up.
    rig.up_next.lock().queue([Entry::new("0.2:8000000")], Place::Next);
    rig.skip(Duration::ZERO);
    until("it plays", || rig.began().last().is_some_and(|last| last.0 == Path::new("0.2:8000000")));
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 0);
    rig.stop();
}

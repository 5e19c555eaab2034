//! Files, decoders, encoders and disks that fail cost no more than themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longwave_testing::until;

use super::{Raw, Rig, SPEC};
use crate::codec::EncoderSettings;
use crate::engine::clock::Clock;
use crate::engine::mixer::Command;
use crate::event::Event;
use crate::filework::HANGS_AFTER;
use crate::playout::{DeadAir, Entry, GiveWay, Place, Playlist, When};
use crate::units::FrameCount;

#[test]
fn a_disk_that_is_away_for_a_second_and_a_half_is_not_heard() {
    // Half a second in, the decoder is two seconds ahead and meets the stall: by the machine's clock.
    let rigs = [1500, 3000]
        .map(|ms| Rig::by(Clock::default(), &[format!("0.5:28000@20000-{ms}").as_str()], false, 0));
    let heard = rigs.map(|rig| {
        while rig.count(|event| matches!(event, Event::NothingToPlay)) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        let pcm = rig.stop();
        let first = pcm.iter().position(|sample| *sample != 0.0).unwrap();
        let last = pcm.iter().rposition(|sample| *sample != 0.0).unwrap();
        let silent = pcm[first..=last].iter().filter(|sample| **sample == 0.0).count();
        (last + 1 - first - silent, silent)
    });
    assert_eq!(heard[0], (28_000, 0), "frames, and of silence between them");
    // What takes longer than there is decoded ahead (ten chunks of 1,600 frames, one on each side of
    // them: 19,200 of the 24,000 frames that are missed at most) is heard, and nothing is lost of it.
    assert!(heard[1].0 == 28_000 && (3_500..12_000).contains(&heard[1].1), "{heard:?}");
}

#[test]
fn bad_files_cost_their_turn_and_the_rest_goes_on() {
    let rig = Rig::new(&["bad", "0.1:1000", "worse", "0.2:1000"], false, 0);
    rig.run(1.0);
    assert_eq!(rig.began().len(), 2);
    assert_eq!(rig.count(|event| matches!(event, Event::TrackFailed { .. })), 2);
    rig.stop();
}

#[test]
fn a_file_that_breaks_off_is_told_whether_or_not_the_next_one_rises_over_it() {
    // Where a chunk of the decoder ends (1,600 frames), the reason comes behind all sound.
    for torn in ["0.1:16000!", "0.1:15999!", "0.1:16001!", "0.1:400!"] {
        for crossfade in [0, 50, 1000, 3000] {
            let rig = Rig::new(&[torn, "0.2:16000", "0.3:16000"], false, crossfade);
            rig.run(8.0);
            let events = rig.events.lock().unwrap().clone();
            let failed = |event: &&Event| match event {
                Event::TrackFailed { file, reason } => {
                    file == Path::new(torn) && reason.starts_with("broke off")
                }
                _ => false,
            };
            assert_eq!(events.iter().filter(failed).count(), 1, "{torn}, {crossfade} ms: {events:?}");
            assert_eq!(rig.began().len(), 3);
            rig.stop();
        }
    }
}

#[test]
fn a_track_that_is_skipped_before_it_breaks_off_has_not_failed() {
    let rig = Rig::new(&["0.1:80000!", "0.2:16000"], false, 1000);
    rig.run(2.0);
    rig.skip(Duration::from_millis(300));
    rig.run(8.0);
    assert_eq!(rig.count(|event| matches!(event, Event::TrackFailed { .. })), 0);
    rig.stop();
}

#[test]
fn a_list_of_bad_files_is_tried_now_and_then_and_does_not_spin() {
    let rig = Rig::new(&["a", "b", "c"], true, 0);
    rig.run(3600.0);
    let failed = rig.count(|event| matches!(event, Event::TrackFailed { .. }));
    assert!((60..80).contains(&failed), "{failed} in an hour");
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    // A good one is taken at once.
    rig.up_next.lock().queue([Entry::new("0.5:800")], Place::End);
    rig.run(1.0);
    assert_eq!(rig.began().len(), 1);
    rig.stop();
}

/// A playlist comes round again, so what is known of its sick files is not told each time. A request is gone.
#[test]
fn a_request_that_is_refused_because_its_file_hung_is_told() {
    // The sick file is not the next one, which is opened at once.
    let rig = Rig::new(&["0.1:800", "0.1:800", "0.1:800", "0.2:801"], true, 0);
    let sick = rig.files.begin("0.2:801".as_ref()).unwrap();
    // Left alone for as long: longer than this test takes on a busy machine.
    sick.hang(HANGS_AFTER * 60);
    let told = || rig.count(|event| matches!(event, Event::TrackFailed { .. }));
    let request = || _ = rig.up_next.lock().queue([Entry::new("0.2:801")], Place::Next);
    rig.run(1.0);
    assert_eq!(told(), 0, "it is only a part of the playlist");
    request();
    rig.run(1.0);
    assert_eq!(told(), 1, "it hangs");
    drop(sick);
    request();
    rig.run(1.0);
    assert_eq!(told(), 2, "it is left alone");
    let events = rig.events.lock().unwrap().clone();
    let said =
        |event: &Event| matches!(event, Event::TrackFailed { reason, .. } if reason.starts_with("its disk"));
    assert!(events.iter().any(said), "{events:?}");
    assert!(rig.began().iter().all(|(file, _)| file == Path::new("0.1:800")), "{:?}", rig.began());
    rig.stop();
}

#[test]
fn an_encoder_that_fails_is_built_again() {
    let rig = Rig::new(&["0.1:8000", "0.666:800", "0.2:80000"], false, 0);
    rig.run(8.0);
    while rig.count(|event| matches!(event, Event::EncoderRecovered { .. })) == 0 {
        std::thread::yield_now();
    }
    assert_eq!(rig.count(|event| matches!(event, Event::EncoderFailed { .. })), 1);
    assert_eq!(rig.titles().last().unwrap().0, "0.2:80000");
    let pcm = rig.stop();
    assert!(pcm.contains(&0.2) && !pcm.contains(&0.666));
}

#[test]
fn dead_air_is_told_skipped_and_filled_until_there_is_something_to_play() {
    let rig = Rig::new(&["0.0:800000", "0.0:1600000"], false, 0);
    let fallback = Playlist {
        name: "fallback".into(),
        entries: vec![Entry::new("0.4:80000")],
        repeat: true,
        shuffle: false,
    };
    rig.fallback.lock().load(fallback, When::Now, GiveWay::Crossfade(Duration::ZERO));
    rig.run(60.0);
    let began =
        |rig: &Rig| rig.began().into_iter().map(|(file, _)| file.display().to_string()).collect::<Vec<_>>();
    // Silent for 20 s: skip. For 20 s more: the fallback, and again, for nothing is up next by then.
    assert_eq!(began(&rig), ["0.0:800000", "0.0:1600000", "0.4:80000", "0.4:80000"]);
    assert!(rig.on_air.load().dead_air.is_none());
    // It goes on until there is.
    rig.run(60.0);
    assert_eq!(began(&rig).last().unwrap(), "0.4:80000");
    rig.up_next.lock().queue([Entry::new("0.3:80000")], Place::End);
    rig.run(1.0);
    assert_eq!(began(&rig).last().unwrap(), "0.3:80000");
    assert_eq!(rig.count(|event| matches!(event, Event::DeadAirBegins { .. })), 1);
    assert_eq!(rig.count(|event| matches!(event, Event::DeadAirEnds { .. })), 1);
    rig.stop();
}

#[test]
fn a_decoder_that_panics_costs_its_track() {
    // One when it is opened, and one in the middle.
    let rig = Rig::new(&["0.1:1000", "panics", "NaN:8000", "0.4:1000"], true, 0);
    rig.run(5.0);
    let began: Vec<_> = rig.began().into_iter().map(|(path, _)| path).collect();
    assert_eq!(began[..4], ["0.1:1000", "NaN:8000", "0.4:1000", "0.1:1000"].map(PathBuf::from));
    let failed = |name: &str| {
        rig.count(|event| matches!(event, Event::TrackFailed { file, .. } if file == Path::new(name)))
    };
    assert!(failed("panics") >= 1 && failed("NaN:8000") >= 1);
    rig.stop();
}

/// What is opened for ever: by the machine's clock, for a stepped one would wait for it.
#[test]
fn a_file_that_never_opens_holds_up_nothing_but_itself() {
    let dead_air = DeadAir { after: Some(Duration::from_millis(300)), ..DeadAir::default() };
    let rig = Rig::guarded(Clock::default(), &["hangs", "0.3:800000"], false, 0, dead_air);
    let wait_for = |track: &str| {
        while !rig.began().iter().any(|begun| begun.0 == Path::new(track)) {
            std::thread::yield_now();
        }
    };
    // What is asked for meanwhile is played, and so is what comes after it.
    rig.up_next.lock().queue([Entry::new("0.2:800")], Place::Next);
    wait_for("0.2:800");
    wait_for("0.3:800000");
    let given_up =
        |event: &Event| matches!(event, Event::TrackFailed { reason, .. } if reason.contains("in time"));
    assert_eq!(rig.count(given_up), 1);
    rig.answers.store(true, Ordering::Relaxed);
    rig.stop();
}

#[test]
fn an_encoder_that_is_replaced_while_it_fails_is_well_again() {
    let rig = Rig::new(&["0.666:4000", "0.1:80000"], false, 0);
    rig.run(0.3);
    while rig.count(|event| matches!(event, Event::EncoderFailed { .. })) == 0 {
        std::thread::yield_now();
    }
    rig.output.replace(Arc::new(Raw), Raw.open(SPEC).unwrap());
    rig.run(2.0);
    while rig.count(|event| matches!(event, Event::EncoderRecovered { .. })) == 0 {
        std::thread::yield_now();
    }
    assert!(!rig.output.has_failed());
    rig.stop();
}

#[test]
fn a_seek_waits_for_its_track_while_the_fallback_fills_in() {
    let dead_air = DeadAir { after: Some(Duration::from_millis(300)), ..DeadAir::default() };
    let rig = Rig::guarded(Clock::default(), &["hangs1", "hangs0.3:8000000"], false, 0, dead_air);
    let entries = vec![Entry::new("0.4:8000")];
    let fallback = Playlist { name: "fallback".into(), entries, repeat: true, shuffle: false };
    rig.fallback.lock().load(fallback, When::Now, GiveWay::Crossfade(Duration::ZERO));
    let due = || rig.up_next.lock().peek().map(|next| next.entry.path.clone());
    until("the first one is given up", || due().is_some_and(|file| file == Path::new("hangs0.3:8000000")));
    let meant = rig.up_next.lock().meant();
    rig.command(Command::SeekCurrent { to: FrameCount(4_000_000), meant });
    let current = || rig.on_air.load().current.clone();
    until("the fallback fills in", || current().is_some_and(|current| current.fallback));
    rig.answers.store(true, Ordering::Relaxed);
    until("the track is on the air", || current().is_some_and(|current| !current.fallback));
    assert!(current().is_some_and(|current| current.played.0 >= 4_000_000), "{:?}", current());
    rig.stop();
}

//! How tracks meet, and where their titles sit.

use std::path::PathBuf;

use super::{RAW_DELAY, Rig, look_ahead};
use crate::event::Event;

#[test]
fn tracks_join_at_the_sample_when_nothing_fades() {
    let rig = Rig::new(&["0.1:1000", "0.2:1", "0.3:5000?", "0.4:2500"], false, 0);
    rig.run(3.0);
    let began: Vec<_> = rig.began().into_iter().map(|(_, at)| at).collect();
    assert_eq!(began, [0, 1000, 1001, 6001]);
    assert_eq!(rig.count(|event| matches!(event, Event::NothingToPlay)), 1);
    let pcm = rig.stop();
    let mut expected = vec![0.0; look_ahead()];
    for (level, frames) in [(0.1, 1000), (0.2, 1), (0.3, 5000), (0.4, 2500)] {
        expected.extend(std::iter::repeat_n(level, frames));
    }
    assert_eq!(pcm[..expected.len()], expected);
    assert!(pcm.len() > expected.len() && pcm[expected.len()..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_title_sits_at_the_packet_that_holds_the_first_sample() {
    let rig = Rig::new(&["0.1:8111", "0.2:8000"], false, 0);
    rig.run(3.0);
    let at = |frame: usize| (frame + look_ahead() + RAW_DELAY) / 100 * 100;
    assert_eq!(rig.titles()[1..], [("0.1:8111".into(), at(0)), ("0.2:8000".into(), at(8111))]);
    rig.stop();
}

#[test]
fn a_crossfade_begins_where_the_new_track_is_louder() {
    let rig = Rig::new(&["0.5:16000", "0.5:16000"], false, 1000);
    rig.run(4.0);
    // The second starts one second before the first ends, and begins half a second later.
    assert_eq!(rig.began()[1].1, 16_000 - 8_000 + 4_000);
    let pcm = rig.stop();
    let pcm = &pcm[look_ahead()..];
    assert_eq!(pcm[..8000], vec![0.5; 8000]);
    // Two constants are alike: with equal power they add up to at most the square root of two.
    let most = pcm[8000..16000].iter().copied().fold(0.0, f32::max);
    assert!((most - 0.5 * 2_f32.sqrt()).abs() < 1e-3, "{most}");
    assert!(pcm[16000..24000].iter().all(|sample| *sample == 0.5));
    assert!(pcm[24000..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn tracks_shorter_than_the_crossfade_are_all_heard() {
    let rig = Rig::new(&["0.5:16000", "0.4:400", "0.3:300", "0.5:16000"], false, 1000);
    rig.run(6.0);
    let began: Vec<_> = rig.began().into_iter().map(|(file, _)| file).collect();
    assert_eq!(began, ["0.5:16000", "0.4:400", "0.3:300", "0.5:16000"].map(PathBuf::from));
    rig.stop();
}

#[test]
fn a_track_that_does_not_say_how_long_it_is_fades_all_the_same() {
    let rig = Rig::new(&["0.5:40000?", "0.5:40000"], false, 2000);
    rig.run(10.0);
    assert_eq!(rig.began()[1].1, 40_000 - 16_000 + 8_000);
    rig.stop();
}

/// All of a track is heard, and it fades before its real end, whatever its file declares.
#[test]
fn a_declared_length_does_not_end_a_track() {
    for declared in ["", "1", "8000", "20000", "39999", "40001", "400000"] {
        let first = format!("0.5:40000?{declared}");
        let rig = Rig::new(&[&first, "0.5:40000"], false, 2000);
        rig.run(3.0);
        // The decoder is four seconds ahead: it has found the end.
        let on_air = rig.on_air.load_full();
        let current = on_air.current.as_ref().unwrap();
        assert_eq!(current.remaining.map(|left| left.0 + current.played.0), Some(40_000), "{first}");
        rig.run(7.0);
        assert_eq!(rig.began()[1].1, 40_000 - 16_000 + 8_000, "{first}");
        let pcm = rig.stop();
        assert_eq!(pcm[look_ahead()..][..24_000], vec![0.5; 24_000], "{first}");
    }
}

/// Without a crossfade, the tracks join at the sample.
#[test]
fn a_declared_length_moves_no_join() {
    for declared in [1, 2_999, 3_001, 100_000] {
        let first = format!("0.1:3000?{declared}");
        let rig = Rig::new(&[&first, "0.2:3000"], false, 0);
        rig.run(1.0);
        assert_eq!(rig.began()[1].1, 3_000, "{first}");
        rig.stop();
    }
}

#[test]
fn what_remains_is_not_told_when_a_track_goes_on_beyond_what_it_declares() {
    let rig = Rig::new(&["0.5:80000?8000"], false, 0);
    rig.run(0.5);
    let remaining = || rig.on_air.load().current.as_ref().unwrap().remaining;
    assert!(remaining().is_some_and(|left| left.0 <= 8_000));
    rig.run(1.0);
    assert_eq!(remaining(), None);
    rig.run(7.0);
    // The decoder is two seconds ahead: it has found the end.
    let on_air = rig.on_air.load_full();
    let current = on_air.current.as_ref().unwrap();
    assert_eq!(current.remaining.map(|left| left.0 + current.played.0), Some(80_000));
    rig.stop();
}

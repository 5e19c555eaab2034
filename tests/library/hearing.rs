//! Tracks are listened to, once each.

use std::fs;
use std::time::Duration;

use longwave::{Error, Hearing, SmartList};
use longwave_testing::sound::{sine, wav};
use longwave_testing::until_lowest;

use crate::music::{Shelf, age, scan};

#[test]
fn each_track_is_listened_to_once_and_again_when_it_has_changed() {
    let shelf = Shelf::new();
    let spec = longwave::PcmSpec::CD;
    let (loud, soft) = (shelf.music().join("loud.wav"), shelf.music().join("soft.wav"));
    wav(&loud, spec, &sine(spec, 1000.0, 0.5, 44_100 * 2));
    wav(&soft, spec, &sine(spec, 1000.0, 0.05, 44_100 * 2));
    age(&loud);
    age(&soft);
    let library = shelf.open();
    scan(&library);
    assert_eq!(library.state().unwrap().to_hear, 2);
    library.pause();
    library.listen().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(library.state().unwrap().to_hear, 2, "it rests");
    library.resume();
    until_lowest("all have been listened to", || library.state().unwrap().to_hear == 0);
    let heard = |path| match library.track_at(path).unwrap().unwrap().hearing {
        Hearing::Heard(heard) => heard,
        other => panic!("{other:?}"),
    };
    let louder = heard(&loud).loudness_lufs.unwrap() - heard(&soft).loudness_lufs.unwrap();
    assert!((louder - 20.0).abs() < 0.2, "{louder} LU");
    assert_eq!(heard(&loud).duration, Some(Duration::from_secs(2)));
    let id = library.track_at(&loud).unwrap().unwrap().id;
    let cue_out = |seconds| {
        library.edit(id, move |edits| {
            edits.cue_out = Some(Duration::from_secs(seconds));
            Ok(())
        })
    };
    let refused = cue_out(3).unwrap_err();
    assert!(matches!(refused, Error::Setting { key: "cue_out", .. }), "{refused}");
    cue_out(2).unwrap();
    assert!(library.waveform(id).unwrap().unwrap().peaks().iter().any(|peak| *peak > 100));
    let smart = SmartList { loudness_from: Some(-12.0), ..SmartList::default() };
    library.set_playlist(longwave::LibraryPlaylist::smart("loud", smart)).unwrap();
    assert_eq!(library.entries("loud").unwrap()[0].path, loud);
    // It moves, and nobody listens again; then it becomes another.
    let moved = shelf.music().join("moved.wav");
    fs::rename(&loud, &moved).unwrap();
    scan(&library);
    assert_eq!(library.state().unwrap().to_hear, 0);
    wav(&moved, spec, &sine(spec, 1000.0, 0.1, 44_100 * 3));
    age(&moved);
    scan(&library);
    until_lowest("it is listened to again", || library.state().unwrap().to_hear == 0);
    assert_eq!(heard(&moved).duration, Some(Duration::from_secs(3)));
    assert_eq!(library.track_at(&moved).unwrap().unwrap().id, id);
}

//! Entries that are confined to the media roots, at the moment when they are opened.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use longwave::{Entry, Error, Event, ListOptions, Place, VoiceOptions};
use longwave_testing::studio::{Studio, constant, server};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds};

/// A studio with the media root `m`, in which a folder `album` has a track `song`, and a file of the same
/// name outside.
fn studio() -> Studio {
    let studio = Studio::new();
    for folder in ["m/album", "out"] {
        fs::create_dir_all(studio.path(folder)).unwrap();
    }
    for file in ["m/a", "m/b", "m/album/song", "out/song"] {
        constant(&studio.path(&format!("{file}.wav")), 0.25, 80_000);
    }
    studio.pipeline.set_media_roots(vec![studio.path("m")]).unwrap();
    studio
}

fn entry(studio: &Studio, file: &str) -> Entry {
    Entry { confined: true, ..Entry::new(studio.path(&format!("{file}.wav"))) }
}

/// Makes the folder `album` a link to `out`.
fn swap(studio: &Studio) {
    fs::rename(studio.path("m/album"), studio.path("m/was-album")).unwrap();
    symlink("../out", studio.path("m/album")).unwrap();
}

fn refused(studio: &Studio) -> Vec<String> {
    let reason = |event: Event| match event {
        Event::TrackFailed { reason, .. } => Some(reason),
        _ => None,
    };
    studio.events().into_iter().filter_map(reason).collect()
}

#[test]
fn a_link_that_is_put_there_after_queueing_is_not_followed() {
    let studio = studio();
    let queue = ["m/a", "m/b", "m/album/song", "m/a"].map(|file| entry(&studio, file));
    studio.pipeline.queue_files(queue, Place::End).unwrap();
    studio.run_until("the first is on the air", || studio.now() == "a");
    // The second is open already.
    swap(&studio);
    studio.run(seconds(21.0));
    assert_eq!(studio.played(), ["a", "b", "a"]);
    assert_eq!(refused(&studio), ["leads outside the media roots"]);
    // What an application names itself may be anywhere.
    studio.pipeline.queue_files([Entry::new(studio.path("m/album/song.wav"))], Place::End).unwrap();
    studio.run(seconds(11.0));
    assert_eq!(studio.played(), ["a", "b", "a", "song"]);
}

#[test]
fn a_file_and_a_voice_are_confined_when_they_are_opened() {
    let studio = studio();
    swap(&studio);
    let outside = |refused: Result<(), Error>| match refused {
        Err(Error::File { reason, .. }) => assert_eq!(reason, "leads outside the media roots"),
        other => panic!("{other:?}"),
    };
    outside(studio.pipeline.play_entry(entry(&studio, "m/album/song")).map(drop));
    outside(studio.pipeline.play_entry(entry(&studio, "m/../out/song")).map(drop));
    let confined = VoiceOptions { confined: true, ..VoiceOptions::default() };
    outside(studio.pipeline.play_voice(studio.path("m/album/song.wav"), confined).map(drop));
    assert!(studio.pipeline.play_voice(studio.path("m/a.wav"), confined).is_ok());
    assert!(studio.pipeline.play_voice(studio.path("out/song.wav"), VoiceOptions::default()).is_ok());
}

#[test]
fn a_root_that_is_taken_away_ends_what_has_not_been_opened() {
    let studio = studio();
    fs::create_dir(studio.path("n")).unwrap();
    constant(&studio.path("n/other.wav"), 0.25, 80_000);
    studio.pipeline.set_media_roots(vec![studio.path("m"), studio.path("n")]).unwrap();
    let list = ["m/a", "n/other", "m/b"].map(|file| entry(&studio, file));
    studio.pipeline.play_list("list", list, &ListOptions::default()).unwrap();
    studio.run_until("the first is on the air", || studio.now() == "a");
    studio.pipeline.set_media_roots(vec![studio.path("m")]).unwrap();
    studio.run(seconds(31.0));
    let played = studio.played();
    // The second may have been opened ahead.
    assert!(played == ["a", "b"] || played == ["a", "other", "b"], "{played:?}");
    studio.pipeline.queue_files([entry(&studio, "n/other"), entry(&studio, "m/a")], Place::End).unwrap();
    studio.run(seconds(3.0));
    assert_eq!(studio.now(), "a");
}

#[test]
fn entries_are_as_confined_after_a_restart() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    fs::create_dir(folder.path().join("m")).unwrap();
    fs::create_dir(folder.path().join("out")).unwrap();
    let state = folder.path().join("state.json");
    let on_air = |roots: &[&str]| {
        Studio::on(server(), Tap::default(), folder.clone(), |settings| {
            settings.state_file = Some(state.clone());
            settings.media_roots = roots.iter().map(|root| folder.path().join(root)).collect();
        })
    };
    let names = ["m/current", "m/next", "m/later"];
    for name in names {
        constant(&folder.path().join(format!("{name}.wav")), 0.25, 80_000);
    }
    constant(&folder.path().join("out/next.wav"), 0.25, 80_000);
    let studio = on_air(&["m"]);
    studio.pipeline.queue_files(names.map(|name| entry(&studio, name)), Place::End).unwrap();
    studio.run(seconds(3.0));
    studio.stop();

    // One of the files became a link meanwhile.
    let replace = |with: &Path| {
        let next = folder.path().join("m/next.wav");
        fs::remove_file(&next).unwrap();
        symlink(with, &next).unwrap();
    };
    replace(Path::new("../out/next.wav"));
    let studio = on_air(&["m"]);
    studio.run(ms(128));
    assert_eq!(studio.now(), "current");
    studio.run(seconds(11.0));
    assert_eq!(studio.now(), "later");
    assert_eq!(refused(&studio), ["leads outside the media roots"]);
    studio.stop();

    // Without the root, the track that was on the air is refused, too.
    let studio = on_air(&["out"]);
    studio.run(seconds(1.0));
    assert!(studio.pipeline.current_track().is_none());
    studio.stop();
}

//! An application is asked what is to play next.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use longwave::{Entry, Event, NextTrack, Pipeline, Place};
use longwave_testing::studio::{JOB, Studio, constant, server};
use longwave_testing::tap::Tap;
use longwave_testing::{seconds, until};

/// A studio with tracks of a second, a playlist of some of them, and an application that is asked what is
/// next.
fn studio(tracks: &[&str], playlist: &[&str], next_track: impl FnOnce(&Path) -> NextTrack) -> Studio {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = |name: &&str| folder.path().join(format!("{name}.wav"));
    tracks.iter().for_each(|name| constant(&path(name), 0.5, 8000));
    let (playlist, next_track) = (playlist.iter().map(path).collect(), Some(next_track(folder.path())));
    Studio::on(server(), Tap::default(), folder.clone(), |settings| {
        (settings.playlist, settings.next_track) = (playlist, next_track);
    })
}

/// An application that gives these names in turn, and then none. Also how often it was asked.
fn asked(names: &'static [&str], playlist: &[&str]) -> (Studio, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let studio = studio(&["a", "b", "c", "x", "y"], playlist, |folder| {
        let folder = folder.to_owned();
        let choose = move |pipeline: &Pipeline| {
            assert!(pipeline.is_running());
            let name = names.get(count.fetch_add(1, Ordering::Relaxed))?;
            Some(Entry::new(folder.join(format!("{name}.wav"))))
        };
        NextTrack::new(choose).within(seconds(20.0))
    });
    (studio, asked)
}

#[test]
fn what_it_answers_plays_from_the_first_track_on_and_then_the_playlist() {
    let (studio, asked) = asked(&["a", "b", "c"], &["x", "y"]);
    studio.run(seconds(4.5));
    assert_eq!(studio.played(), ["a", "b", "c", "x", "y"]);
    // For each track, and for the one after the last.
    assert!((5..=6).contains(&asked.load(Ordering::Relaxed)), "{asked:?}");
}

#[test]
fn it_is_asked_one_track_ahead_and_not_while_there_are_requests() {
    let (studio, asked) = asked(&["a", "b", "c"], &[]);
    studio.run_until("the first plays", || studio.now() == "a");
    until("the second was asked for", || asked.load(Ordering::Relaxed) == 2);
    until("it is next", || studio.next(1) == ["b"]);
    let requests = studio.entries_of(&["r"], seconds(1.0));
    studio.pipeline.queue_files(requests, Place::Next).unwrap();
    studio.run_until("the request plays", || studio.now() == "r");
    studio.run(JOB);
    assert_eq!((asked.load(Ordering::Relaxed), studio.next(9)), (2, vec!["b".to_owned()]));
    studio.run_until("the second plays", || studio.now() == "b");
    until("the third was asked for", || asked.load(Ordering::Relaxed) == 3);
}

#[test]
fn a_file_that_cannot_be_played_makes_it_be_asked_again() {
    let (studio, asked) = asked(&["missing", "missing", "a"], &["x"]);
    studio.run_until("a track plays", || !studio.played().is_empty());
    assert_eq!((studio.played(), asked.load(Ordering::Relaxed) >= 3), (vec!["a".to_owned()], true));
    let failed = studio.told(|event| matches!(event, Event::TrackFailed { .. }));
    assert_eq!(failed, 2);
}

#[test]
fn an_application_that_hangs_costs_its_time_once_and_the_playlist_plays() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let choose = move |_: &Pipeline| {
        let _ = held.recv();
        None
    };
    let impatient = NextTrack::new(choose).within(Duration::from_millis(1));
    let studio = studio(&["x", "y"], &["x", "y"], |_| impatient);
    studio.run(seconds(1.5));
    assert_eq!(studio.played(), ["x", "y"]);
    until("the health says so", || {
        studio
            .pipeline
            .health()
            .warnings
            .iter()
            .any(|warning| warning.starts_with("the application has not said"))
    });
    assert!(studio.pipeline.health().is_ok());
    assert_eq!(studio.pipeline.stop().abandoned, ["next"], "it is left behind, and named");
    drop(release);
}

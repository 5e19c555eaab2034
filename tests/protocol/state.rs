//! The state of a running pipeline.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use longwave::{Entry, Error, ListOptions, Place};
use longwave_testing::sound::{sine, wav};
use longwave_testing::studio::{JOB, MOUNT, SMALL, Studio, constant, server};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds, until};

#[test]
fn current_track_time_played_and_remaining() {
    let studio = Studio::new();
    assert!(studio.pipeline.current_track().is_none());
    let path = studio.track("Some Name.wav", 0.25, seconds(10.0));
    let id = studio.pipeline.queue_files([Entry::titled(&path, "Given")], Place::End).unwrap()[0];
    studio.run(seconds(2.0));
    let current = studio.pipeline.current_track().unwrap();
    let track = &current.track;
    assert_eq!((track.id, track.file.as_path(), track.title.as_str()), (id, path.as_path(), "Given"));
    assert_eq!(
        (track.given.as_deref(), &track.tags.artist, &track.tags.album),
        (Some("Given"), &None, &None)
    );
    assert_eq!(track.duration.map(|frames| frames.0), Some(80_000));
    assert!(current.played > seconds(1.8) && current.played <= seconds(2.0), "{:?}", current.played);
    assert_eq!(current.remaining, Some(seconds(10.0) - current.played));
    studio.run(seconds(9.0));
    assert!(studio.pipeline.current_track().is_none());
}

#[test]
fn up_next_is_the_queue_and_then_the_playlist() {
    let studio = Studio::new();
    let list = studio.entries_of(&["a", "b", "c"], seconds(5.0));
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", list, &looped).unwrap();
    studio.run(JOB);
    studio.pipeline.queue_files(studio.entries(&["requested"]), Place::End).unwrap();
    assert_eq!(studio.next(2), ["requested", "b"]);
    assert_eq!(studio.next(9), ["requested", "b", "c", "a"]);
    let list = studio.pipeline.playlist().unwrap();
    assert_eq!((list.name.as_str(), list.length, list.played, list.repeat), ("list", 3, 1, true));
}

#[test]
fn history_is_what_was_on_the_air_and_since_when() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a", "b", "c"]), &ListOptions::default()).unwrap();
    studio.run(seconds(2.5));
    let history = studio.pipeline.history();
    let titles: Vec<_> = history.iter().map(|played| played.track.title.as_str()).collect();
    assert_eq!(titles, ["a", "b", "c"]);
    assert!(history.is_sorted_by_key(|played| played.began_at));
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    assert!(history.iter().all(|played| now - played.began_at < 60_000));
    // The history keeps a hundred of them.
    let many = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries(&["d"]), &many).unwrap();
    studio.run(seconds(150.0));
    assert_eq!(studio.pipeline.history().len(), 100);
}

#[test]
fn listener_count_of_all_or_of_one_mount() {
    let studio = Studio::with(|settings| settings.outputs.push(Tap::default().output("/other")));
    let own = studio.server.clone();
    let elsewhere = Studio::on(own, Tap::default(), studio.folder.clone(), |settings| {
        settings.outputs = vec![Tap::default().output("/elsewhere")];
    });
    let _players: Vec<_> =
        [MOUNT, MOUNT, "/other", "/elsewhere"].iter().map(|mount| listen(&studio, mount)).collect();
    // A client counts as a listener after one second.
    until("all four are counted", || studio.server.listener_count(None).unwrap() == 4);
    assert_eq!(studio.pipeline.listener_count(None).unwrap(), 3);
    assert_eq!(studio.pipeline.listener_count(Some(MOUNT)).unwrap(), 2);
    assert_eq!(studio.pipeline.listener_count(Some("/other")).unwrap(), 1);
    let of_another = studio.pipeline.listener_count(Some("/elsewhere"));
    assert!(matches!(of_another, Err(Error::NotFound(_))), "{of_another:?}");
    assert_eq!(elsewhere.pipeline.listener_count(None).unwrap(), 1);
    assert_eq!(studio.server.listener_count(Some("/elsewhere")).unwrap(), 1);
}

fn listen(studio: &Studio, mount: &str) -> TcpStream {
    let mut player = TcpStream::connect(studio.server.local_addrs()[0]).unwrap();
    write!(player, "GET {mount} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    player.read_exact(&mut [0; 15]).unwrap();
    player
}

#[test]
fn levels_and_health_and_time_on_air() {
    let studio = Studio::new();
    studio.run(seconds(1.0));
    let problems = studio.pipeline.health().problems;
    assert_eq!(problems, ["nothing that can be played is up next"]);
    assert!(studio.pipeline.levels().peak_db[0] <= -144.0);

    let path = studio.path("sine.wav");
    wav(&path, SMALL, &sine(SMALL, 500.0, 0.5, 80_000));
    studio.pipeline.queue_files([Entry::new(&path)], Place::End).unwrap();
    studio.run(seconds(1.0));
    until("the encoder has caught up with the clock", || studio.pipeline.health().is_ok());
    let levels = studio.pipeline.levels();
    // Half of full scale: its peak is at -6 dB, its power 3 dB below that.
    assert!((levels.peak_db[0] + 6.02).abs() < 0.1 && (levels.power_db[0] + 9.03).abs() < 0.1, "{levels:?}");
    // One channel, and to the ear 500 Hz are half a decibel less than 1 kHz.
    assert!((-9.8..-9.3).contains(&levels.momentary_lufs), "{levels:?}");
    assert!(levels.short_term_lufs < levels.momentary_lufs - 3.0, "there was silence before: {levels:?}");
    let on_air = studio.pipeline.time_on_air();
    assert!(on_air >= seconds(2.0) && on_air < seconds(2.0) + JOB * 2, "{on_air:?}");
}

#[test]
fn snapshot_and_restore() {
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    let before = Studio::new();
    let tracks = before.entries_of(&["a", "b", "c"], seconds(10.0));
    before.pipeline.play_list("list", tracks, &looped).unwrap();
    before.run(seconds(12.0));
    before.pipeline.queue_files(before.entries(&["requested"]), Place::End).unwrap();
    let text = serde_json::to_string(&before.pipeline.snapshot()).unwrap();
    assert_eq!(before.now(), "b");

    // Another pipeline, which plays something else.
    let after = Studio::new();
    after.pipeline.play_list("other", after.entries(&["x", "y"]), &looped).unwrap();
    after.run(seconds(1.5));
    after.pipeline.restore(serde_json::from_str(&text).unwrap()).unwrap();
    after.run(ms(1152));
    let current = after.pipeline.current_track().unwrap();
    assert_eq!(current.track.title, "b");
    let (was, is) = (before.pipeline.current_track().unwrap().played, current.played);
    assert_eq!(is - was, ms(1152), "it goes on where it was");
    after.run(seconds(12.0));
    assert_eq!(after.played(), ["x", "y", "b", "requested", "c"]);
    let history: Vec<_> = after.pipeline.history().into_iter().map(|played| played.track.title).collect();
    assert_eq!(history, ["a", "x", "y", "b", "requested", "c"]);
    // Ids mean the same as before, and new ones are different.
    let known: Vec<_> = after.pipeline.up_next(9).into_iter().map(|(id, _)| id).collect();
    let new = after.pipeline.queue_files(after.entries(&["new"]), Place::End).unwrap()[0];
    assert!(!known.contains(&new) && after.pipeline.history().iter().all(|played| played.track.id != new));
}

#[test]
fn a_snapshot_of_a_track_that_waits_to_go_on_says_where() {
    let before = Studio::new();
    let list = before.entries_of(&["a", "b"], seconds(10.0));
    before.pipeline.play_list("list", list, &ListOptions::default()).unwrap();
    before.run(seconds(4.0));
    let snapshot = before.pipeline.snapshot();
    // A pipeline that is restored and ends before anything is mixed.
    let between = Studio::new();
    between.pipeline.restore(snapshot).unwrap();
    let text = serde_json::to_string(&between.pipeline.snapshot()).unwrap();
    let after = Studio::new();
    after.pipeline.restore(serde_json::from_str(&text).unwrap()).unwrap();
    after.run(ms(1152));
    let current = after.pipeline.current_track().unwrap();
    let was = before.pipeline.current_track().unwrap().played;
    assert_eq!((current.track.title.as_str(), current.played), ("a", was + ms(1152)));
}

#[test]
fn a_restart_goes_on_from_the_state_file() {
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let state = folder.path().join("state.json");
    let on_air = |playlist: &[&str], state: &Path| {
        let playlist = playlist.iter().map(|name| folder.path().join(name)).collect();
        Studio::on(server(), Tap::default(), folder.clone(), |settings| {
            settings.state_file = Some(state.to_owned());
            settings.playlist = playlist;
            settings.repeat = true;
        })
    };
    let list = ["a.wav", "b.wav", "c.wav"];
    for name in list {
        constant(&folder.path().join(name), 0.25, 80_000);
    }
    let studio = on_air(&list, &state);
    studio.run(seconds(12.5));
    studio.pipeline.queue_files(studio.entries(&["requested"]), Place::End).unwrap();
    let was = studio.pipeline.current_track().unwrap().played;
    studio.stop();

    let studio = on_air(&list, &state);
    studio.run(ms(128));
    let current = studio.pipeline.current_track().unwrap();
    // The first block was mixed when it started.
    assert_eq!((current.track.title.as_str(), current.played - was), ("b", ms(256)));
    studio.run(seconds(10.0));
    assert_eq!(studio.played(), ["b", "requested", "c"]);
    let history: Vec<_> = studio.pipeline.history().into_iter().map(|played| played.track.title).collect();
    assert_eq!(history, ["a", "b", "requested", "c"]);
    studio.stop();

    // A damaged state has the effect of a missing one.
    std::fs::write(&state, "{\"up_next\": not a state").unwrap();
    let studio = on_air(&list, &state);
    studio.run(seconds(1.0));
    assert_eq!(studio.now(), "a");
    studio.stop();
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".new")), "{left:?}");
}

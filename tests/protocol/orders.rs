//! Orders take effect in the order in which they are given, however quickly and by whomever.

use std::time::Duration;

use longwave::{EventKind, ListOptions, Place, Title, TitleHolds, When};
use longwave_testing::seconds;
use longwave_testing::studio::{JOB, MOUNT, Studio};

fn looped() -> ListOptions {
    ListOptions { repeat: true, ..ListOptions::default() }
}

/// Two tracks of ten seconds go round; the first is on the air.
fn on_air() -> Studio {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(10.0)), &looped()).unwrap();
    studio.run(seconds(1.0));
    studio
}

/// What has begun since then, two seconds later.
fn after(studio: &Studio, orders: impl FnOnce(&Studio)) -> Vec<String> {
    let before = studio.played().len();
    orders(studio);
    studio.run(seconds(2.0));
    studio.played()[before..].to_vec()
}

#[test]
fn play_file_then_clear_queue_plays_the_file() {
    let studio = on_air();
    let file = studio.track("f.wav", 0.25, seconds(10.0));
    let began = after(&studio, |studio| {
        studio.pipeline.queue_files(studio.entries(&["x"]), Place::End).unwrap();
        studio.pipeline.play_file(&file, None).unwrap();
        studio.pipeline.clear_queue().unwrap();
    });
    assert_eq!((began, studio.queued()), (vec!["f".into()], vec![]));
}

#[test]
fn play_file_then_what_is_queued_next_plays_in_that_order() {
    let studio = on_air();
    let file = studio.track("f.wav", 0.25, seconds(3.0));
    let began = after(&studio, |studio| {
        studio.pipeline.play_file(&file, None).unwrap();
        studio.pipeline.queue_files(studio.entries_of(&["j"], seconds(10.0)), Place::Next).unwrap();
        assert_eq!((studio.queued(), studio.next(2)), (vec!["j".into()], vec!["f".into(), "j".into()]));
    });
    assert_eq!(began, ["f"]);
    assert_eq!(after(&studio, |_| ()), ["j"]);
}

#[test]
fn a_file_that_another_one_replaces_at_once_was_never_on_the_air() {
    let studio = on_air();
    let [one, other] = ["one.wav", "other.wav"].map(|name| studio.track(name, 0.25, seconds(1.0)));
    let began = after(&studio, |studio| {
        studio.pipeline.play_file(&one, None).unwrap();
        studio.pipeline.play_file(&other, None).unwrap();
    });
    assert_eq!(began, ["other", "b"], "then the playlist goes on");
    let history: Vec<String> =
        studio.pipeline.history().iter().map(|played| played.track.title.clone()).collect();
    assert_eq!(history, ["a", "other", "b"]);
}

#[test]
fn two_quick_skips_skip_two() {
    let studio = on_air();
    let began = after(&studio, |studio| {
        let queued = studio.entries_of(&["x", "y", "z"], seconds(10.0));
        studio.pipeline.queue_files(queued, Place::End).unwrap();
        studio.pipeline.skip().unwrap();
        studio.pipeline.skip().unwrap();
        assert_eq!(studio.queued(), ["z"]);
    });
    assert_eq!((began, studio.now()), (vec!["y".into()], "y".into()));
}

#[test]
fn a_skip_a_stop_of_all_voices_and_a_list_that_comes_now_take_turns() {
    let studio = on_air();
    let now = ListOptions { when: When::Now, ..looped() };
    let began = after(&studio, |studio| {
        studio.pipeline.play_list("new", studio.entries_of(&["l", "m"], seconds(10.0)), &now).unwrap();
        studio.pipeline.skip().unwrap();
        studio.pipeline.stop_all_voices(Duration::ZERO).unwrap();
        studio.pipeline.stop_all_voices(Duration::ZERO).unwrap();
    });
    assert_eq!(began, ["m"], "l, m and l again were skipped");
}

#[test]
fn what_is_queued_first_on_a_silent_pipeline_plays_first() {
    let studio = Studio::new();
    let began = after(&studio, |studio| {
        studio.pipeline.queue_files(studio.entries_of(&["first"], seconds(1.0)), Place::End).unwrap();
        studio.pipeline.queue_files(studio.entries_of(&["second"], seconds(9.0)), Place::Next).unwrap();
    });
    assert_eq!(began, ["first", "second"]);
}

#[test]
fn a_seek_after_a_skip_is_the_next_track_s() {
    let studio = on_air();
    let began = after(&studio, |studio| {
        studio.pipeline.skip().unwrap();
        studio.pipeline.seek(seconds(7.0)).unwrap();
    });
    let played = studio.pipeline.current_track().unwrap().played;
    assert!(began == ["b"] && (seconds(8.5)..seconds(9.5)).contains(&played), "{began:?} {played:?}");
}

#[test]
fn a_title_after_a_skip_is_the_next_track_s() {
    let studio = on_air();
    studio.until_announced(MOUNT, "a");
    after(&studio, |studio| {
        studio.pipeline.skip().unwrap();
        studio.pipeline.update_metadata(Title::new("of b"), None, TitleHolds::UntilNextTrack).unwrap();
    });
    studio.until_announced(MOUNT, "of b");
    after(&studio, |studio| studio.pipeline.skip().unwrap());
    studio.until_announced(MOUNT, "a");
}

#[test]
fn a_hook_s_orders_have_their_place_among_the_others() {
    let studio = on_air();
    let more = studio.entries_of(&["x", "y"], seconds(10.0));
    let (done, waits) = std::sync::mpsc::channel();
    let hook = studio
        .pipeline
        .add_hook(EventKind::TrackChange, move |pipeline, _| {
            pipeline.queue_files(more.clone(), Place::Next).unwrap();
            pipeline.skip().unwrap();
            pipeline.clear_queue().unwrap();
            done.send(()).unwrap();
        })
        .unwrap();
    studio.pipeline.skip().unwrap();
    studio.run(JOB);
    waits.recv_timeout(seconds(20.0)).unwrap();
    studio.pipeline.remove_hook(hook);
    studio.run(JOB);
    assert_eq!((studio.now(), studio.queued()), ("x".into(), vec![]));
}

#[test]
fn of_two_playlists_the_one_that_was_given_last_plays_though_the_other_is_read_later() {
    let studio = on_air();
    let folder = studio.path("folder");
    std::fs::create_dir(&folder).unwrap();
    for n in 0..200 {
        studio.track(&format!("folder/{n}.wav"), 0.25, seconds(0.1));
    }
    let now = ListOptions { when: When::Now, ..looped() };
    studio.pipeline.play_path(vec![folder], &now).unwrap();
    studio.pipeline.play_list("last", studio.entries_of(&["l"], seconds(10.0)), &now).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    studio.run(seconds(1.0));
    assert_eq!((studio.now(), studio.pipeline.playlist().unwrap().name), ("l".into(), "last".into()));
}

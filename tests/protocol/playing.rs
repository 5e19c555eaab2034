//! The playlist, the queue, and the transport commands.

use std::time::Duration;

use longwave::{Entry, Error, Event, ListOptions, Place, When};
use longwave_testing::studio::{JOB, MOUNT, Studio};
use longwave_testing::tap::Tap;
use longwave_testing::{ms, seconds, until};

fn looped() -> ListOptions {
    ListOptions { repeat: true, ..ListOptions::default() }
}

#[test]
fn start_stop_is_running() {
    let studio = Studio::new();
    let pipeline = studio.pipeline.clone();
    assert!(pipeline.is_running() && studio.server.mount_info(MOUNT).is_some());
    let voice = pipeline.play_input(Default::default()).unwrap();

    let report = pipeline.stop();
    assert_eq!(report.abandoned, Vec::<String>::new());
    assert_eq!(pipeline.stop(), report, "stopping twice is harmless");
    assert!(!pipeline.is_running());
    // The pipeline's mount and voices have ended with it. The shared server has not.
    assert!(studio.server.mount_info(MOUNT).is_none() && studio.server.is_running());
    assert!({ voice }.push(&[0.0; 1 << 20]).is_err());
    assert!(matches!(pipeline.skip(), Err(Error::Stopped(_))));
    assert!(matches!(pipeline.server(), Err(Error::Stopped(_))));
    assert!(!pipeline.health().is_ok());
}

#[test]
fn play_file_now_by_a_quick_crossfade_then_what_was_up_next_goes_on() {
    let studio = Studio::new();
    let list = studio.entries_of(&["a", "b"], seconds(10.0));
    studio.pipeline.queue_files(studio.entries(&["requested"]), Place::End).unwrap();
    studio.pipeline.play_list("list", list, &looped()).unwrap();
    studio.run(JOB);
    assert_eq!(studio.now(), "requested", "what is queued goes before the playlist");
    studio.run(JOB);
    let jingle = studio.track("jingle.wav", 0.5, seconds(2.0));
    studio.pipeline.play_file(&jingle, Some("The News")).unwrap();
    studio.run(seconds(15.0));
    assert_eq!(studio.played(), ["requested", "The News", "a", "b"]);
    // It begins in the middle of a crossfade of 0.8 s, two jobs and the first block after the start.
    let began = studio.began_at();
    let middle = 3 * 1024 + 3200;
    assert!(began[1].abs_diff(began[0] + 1024 + middle - 2 * 1024) < 1024, "{began:?}");
    // Two equal tones add up to no more than an equal-power crossfade allows.
    let most = studio.stop().into_iter().fold(0.0, f32::max);
    assert!(most > 0.5 && most < 0.25_f32.hypot(0.5) + 0.01, "{most}");
}

#[test]
fn play_list_with_a_fade_that_is_too_long_changes_nothing() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a"]), &looped()).unwrap();
    studio.run(ms(256));
    for time in [seconds(301.0), Duration::MAX] {
        let options = ListOptions { crossfade: Some(time), ..looped() };
        let refused = studio.pipeline.play_list("other", studio.entries(&["b"]), &options);
        assert!(matches!(refused, Err(Error::Setting { key: "crossfade", .. })), "{refused:?}");
        let options = ListOptions { fade_in: Some(time), ..looped() };
        let refused = studio.pipeline.play_path(vec![studio.path("b.wav")], &options);
        assert!(matches!(refused, Err(Error::Setting { key: "fade_in", .. })), "{refused:?}");
        let options = ListOptions { fade_out: Some(time), ..looped() };
        let refused = studio.pipeline.play_list("other", studio.entries(&["b"]), &options);
        assert!(matches!(refused, Err(Error::Setting { key: "fade_out", .. })), "{refused:?}");
    }
    studio.run(seconds(3.0));
    assert_eq!(studio.played(), ["a"; 4]);
}

#[test]
fn the_longest_durations_mean_for_ever() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio.run(JOB);
    let voice = studio.pipeline.play_voice(studio.path("a.wav"), Default::default()).unwrap();
    studio.pipeline.ramp_volume(voice, 0.0, Duration::MAX, longwave::Curve::Smooth, true).unwrap();
    studio.run(JOB);
    studio.pipeline.seek_voice(voice, Duration::MAX).unwrap();
    studio.run(JOB);
    studio.pipeline.stop_all_voices(Duration::MAX).unwrap();
    studio.run(JOB);
    studio.pipeline.hold(Duration::MAX).unwrap();
    studio.run(JOB);
    studio.pipeline.resume(Duration::MAX).unwrap();
    studio.run(JOB);
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.pipeline.seek(Duration::MAX).unwrap();
    studio.run(seconds(3.0));
    assert!(studio.played().len() >= 3, "a seek beyond the end is its end: {:?}", studio.played());
    assert!(studio.pipeline.is_running());
}

#[test]
fn play_file_that_cannot_be_played_changes_nothing() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio.run(ms(256));
    let text = studio.path("text.flac");
    std::fs::write(&text, "not music").unwrap();
    for bad in [text, studio.path("missing.wav"), studio.folder.path().to_owned()] {
        match studio.pipeline.play_file(&bad, None) {
            Err(Error::File { path, .. }) => assert_eq!(path, bad),
            other => panic!("{other:?}"),
        }
    }
    studio.run(seconds(3.0));
    assert_eq!(studio.played(), ["a", "b", "a", "b"]);
}

#[test]
fn play_list_loops_or_ends() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a", "b"]), &ListOptions::default()).unwrap();
    studio.run(seconds(5.0));
    assert_eq!(studio.played(), ["a", "b"]);
    // Once before the list, and once at its end.
    assert_eq!(studio.told(|event| matches!(event, Event::NothingToPlay)), 2);
    studio.pipeline.set_repeat(true).unwrap();
    studio.run(seconds(3.0));
    studio.pipeline.set_repeat(false).unwrap();
    assert_eq!(studio.played(), ["a", "b", "a", "b", "a"]);
    studio.run(seconds(9.0));
    assert_eq!(studio.played(), ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn play_list_shuffles_each_pass() {
    let studio = Studio::new();
    let names: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let list = studio.entries(&names);
    let options = ListOptions { repeat: true, shuffle: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", list, &options).unwrap();
    studio.run(seconds(79.9));
    let played = studio.played();
    let passes: Vec<&[String]> = played.chunks(20).collect();
    assert_eq!(passes.len(), 4);
    for pass in &passes {
        let mut sorted = pass.to_vec();
        sorted.sort();
        assert_eq!(sorted, names, "no track twice before all have played");
    }
    // Twenty tracks in the same order twice would be a chance of one in 10¹⁸.
    assert!(passes[0] != names && passes[0] != passes[1]);
    // From here on in the list's own order.
    studio.pipeline.set_shuffle(false).unwrap();
    let last: usize = studio.now().parse().unwrap();
    studio.run(seconds(1.0));
    assert_eq!(studio.now(), names[(last + 1) % 20]);
}

#[test]
fn play_list_crossfades_and_fades_in_and_out() {
    let studio = Studio::new();
    let crossfade = ListOptions { crossfade: Some(seconds(1.0)), ..ListOptions::default() };
    studio.pipeline.play_list("one", studio.entries_of(&["a", "b"], seconds(4.0)), &crossfade).unwrap();
    studio.run(seconds(8.0));
    // The second is as loud as the first half a second before the end of the first.
    let began = studio.began_at();
    assert!(began[1].abs_diff(began[0] + 28_000) < 40, "{began:?}");

    let fades = ListOptions {
        crossfade: Some(Duration::ZERO),
        fade_in: Some(seconds(1.0)),
        fade_out: Some(seconds(2.0)),
        ..ListOptions::default()
    };
    studio.pipeline.play_list("two", studio.entries_of(&["c", "d"], seconds(4.0)), &fades).unwrap();
    studio.run(seconds(9.0));
    let began = studio.began_at()[2..].to_vec();
    assert_eq!(began[1], began[0] + 32_000, "one after the other");
    let pcm = studio.stop();
    for begin in began {
        let at = |time: f64| pcm[begin as usize + (time * 8000.0) as usize];
        assert!(at(0.1) < 0.06 && at(0.5) > 0.1 && at(0.5) < 0.2, "{} {}", at(0.1), at(0.5));
        assert_eq!(at(1.5), 0.25);
        assert!((at(3.0) - 0.125).abs() < 0.01 && at(3.9) < 0.01, "{} {}", at(3.0), at(3.9));
    }
}

#[test]
fn play_list_now_or_after_the_current_track() {
    let studio = Studio::new();
    studio.pipeline.play_list("first", studio.entries(&["a", "b"]), &looped()).unwrap();
    studio.run(ms(256));
    studio.pipeline.queue_files(studio.entries(&["requested"]), Place::End).unwrap();
    studio.pipeline.play_list("second", studio.entries(&["c", "d"]), &looped()).unwrap();
    // The event comes when its first track begins, not at the command.
    studio.run(ms(256));
    assert_eq!(changes(&studio), [("first".into(), 2)]);
    studio.run(seconds(2.9));
    assert_eq!(studio.played(), ["a", "requested", "c", "d"]);
    assert_eq!(changes(&studio), [("first".into(), 2), ("second".into(), 2)]);

    studio.pipeline.queue_files(studio.entries(&["another"]), Place::End).unwrap();
    let now = ListOptions { when: When::Now, ..looped() };
    studio.pipeline.play_list("third", studio.entries(&["e", "f", "g"]), &now).unwrap();
    studio.run(JOB);
    assert_eq!(studio.now(), "e", "by a crossfade, before what is queued");
    studio.run(seconds(2.5));
    assert_eq!(studio.played()[4..], ["e", "another", "f"]);
    assert_eq!(changes(&studio)[2..], [("third".into(), 3)]);
}

#[test]
fn play_path_reads_what_a_path_names() {
    let studio = Studio::new();
    studio.entries(&["10 last", "2 first"]);
    std::fs::write(studio.path("cover.jpg"), "").unwrap();
    let now = ListOptions { when: When::Now, ..looped() };
    studio.pipeline.play_path(vec![studio.folder.path().to_owned()], &now).unwrap();
    // A thread reads it in its own time.
    until("the folder is read", || studio.pipeline.playlist().is_some_and(|list| list.length == 2));
    studio.run(seconds(2.5));
    assert_eq!(studio.played(), ["2 first", "10 last", "2 first"]);
    assert_eq!(changes(&studio), [(studio.folder.path().display().to_string(), 2)]);
}

fn changes(studio: &Studio) -> Vec<(String, usize)> {
    let events = studio.events();
    let changes = events.iter().filter_map(|event| match event {
        Event::PlaylistChange { name, length } => Some((name.clone(), *length)),
        _ => None,
    });
    changes.collect()
}

#[test]
fn skip() {
    let studio = Studio::with(|settings| settings.skip_crossfade = ms(400));
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(10.0)), &looped()).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.queue_files(studio.entries_of(&["requested"], seconds(10.0)), Place::End).unwrap();
    studio.pipeline.skip().unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.skip().unwrap();
    studio.run(seconds(1.024));
    assert_eq!(studio.played(), ["a", "requested", "b"]);
    // With a crossfade of its own length. The next track begins in its middle.
    let began = studio.began_at();
    assert!(began[1].abs_diff(1024 + 8192 + 1600) < 40, "{began:?}");
}

#[test]
fn queue_files_at_the_end_or_next_get_clear_remove_move() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries_of(&["a"], seconds(9.0)), &looped()).unwrap();
    studio.run(JOB);
    let pipeline = &studio.pipeline;
    let first = pipeline.queue_files(studio.entries(&["b", "c"]), Place::End).unwrap();
    let second = pipeline.queue_files(studio.entries(&["d", "e"]), Place::Next).unwrap();
    assert_eq!(studio.queued(), ["d", "e", "b", "c"]);
    assert_eq!(studio.next(5), ["d", "e", "b", "c", "a"]);
    // Ids are assigned in order, and do not change.
    let ids: Vec<_> = pipeline.queue().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [second[0], second[1], first[0], first[1]]);

    assert_eq!(pipeline.entry(second[1]).map(|entry| entry.path), Some(studio.path("e.wav")));
    assert_eq!(pipeline.remove(second[1]).unwrap().path, studio.path("e.wav"));
    pipeline.move_to(first[1], 0).unwrap();
    pipeline.move_to(second[0], 99).unwrap();
    assert_eq!(studio.queued(), ["c", "b", "d"]);
    for gone in [second[1], longwave::EntryId(1 << 40)] {
        assert_eq!(pipeline.entry(gone), None);
        assert!(matches!(pipeline.remove(gone), Err(Error::NotFound(_))));
        assert!(matches!(pipeline.move_to(gone, 0), Err(Error::NotFound(_))));
    }
    studio.run(seconds(10.0));
    assert_eq!(studio.played(), ["a", "c", "b"], "each is played once");
    assert!(matches!(pipeline.remove(first[1]), Err(Error::NotFound(_))), "it is no longer queued");
    pipeline.clear_queue().unwrap();
    assert_eq!(studio.queued(), Vec::<String>::new());
    studio.run(seconds(3.0));
    assert_eq!(studio.played(), ["a", "c", "b", "a"]);
}

#[test]
fn a_queued_file_that_cannot_be_played_costs_its_turn_alone() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries(&["a"]), &looped()).unwrap();
    studio.pipeline.queue_files([Entry::new("/missing.mp3"), Entry::new("/")], Place::End).unwrap();
    studio.run(seconds(2.5));
    assert_eq!(studio.played(), ["a", "a", "a"]);
    let failed = studio.told(|event| matches!(event, Event::TrackFailed { .. }));
    assert_eq!(failed, 2);
    assert_eq!(studio.told(|event| matches!(event, Event::NothingToPlay)), 1, "before all that");
}

#[test]
fn hold_and_resume() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(4.0)), &looped()).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.hold(ms(200)).unwrap();
    studio.run(seconds(60.032));
    assert!(studio.pipeline.is_held());
    let waits = studio.pipeline.current_track().unwrap().played;
    assert!(waits.as_secs_f64() > 1.2 && waits.as_secs_f64() < 1.5, "{waits:?}");
    assert_eq!(studio.played(), ["a"]);
    until("a held programme is not dead air", || studio.pipeline.health().is_ok());
    studio.pipeline.resume(ms(200)).unwrap();
    studio.run(seconds(5.0));
    assert!(!studio.pipeline.is_held());
    assert_eq!(studio.played(), ["a", "b"]);
    let pcm = studio.stop();
    // The minute is silent except for the fades, and nothing of the track is lost: 4 s of it were heard.
    let begin = pcm.iter().position(|sample| *sample != 0.0).unwrap();
    let loud = |from: f64, to: f64| {
        let part = &pcm[begin + (from * 8000.0) as usize..begin + (to * 8000.0) as usize];
        part.iter().filter(|sample| **sample != 0.0).count()
    };
    assert_eq!(loud(1.5, 61.0), 0);
    let heard_of_a = loud(0.0, 1.5) + loud(61.0, 63.9);
    assert!(heard_of_a > 31_500, "{heard_of_a}");
}

#[test]
fn skip_while_held_goes_on_with_the_next() {
    let studio = Studio::new();
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(4.0)), &looped()).unwrap();
    studio.run(seconds(1.0));
    studio.pipeline.hold(Duration::ZERO).unwrap();
    studio.run(seconds(1.0));
    studio.pipeline.skip().unwrap();
    studio.run(seconds(1.0));
    assert_eq!((studio.now().as_str(), studio.played().len()), ("-", 1), "off the air it does not begin");
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(JOB);
    assert_eq!(studio.now(), "b");
}

#[test]
fn a_folder_in_shuffle_does_not_always_begin_with_the_same_track() {
    let studio = Studio::new();
    studio.entries(&["a", "b", "c", "d", "e", "f"]);
    let folder = studio.path("");
    let mut first = std::collections::HashSet::new();
    // All of them are the same once in ten million runs.
    for _ in 0..10 {
        let builder = longwave::Pipeline::builder("first").playlist(&folder).shuffle(true).repeat(true);
        let pipeline =
            builder.output_with(Tap::counting().output("/first")).server(&studio.server).start().unwrap();
        until("it has begun", || pipeline.current_track().is_some());
        first.insert(pipeline.current_track().unwrap().track.file.clone());
        pipeline.stop();
    }
    assert!(first.len() > 1, "{first:?}");
}

//! What is said of a track is said from one sample on; what is stopped or unknown is said to be so.

use std::sync::mpsc::channel;
use std::time::Duration;

use longwave::{
    Curve, Entry, EntryId, Error, EventKind, ListOptions, Mp3Settings, PcmSpec, Pipeline, PipelineSettings,
    Place, Result, Title, TitleHolds, VoiceId,
};
use longwave_testing::ear::unweave;
use longwave_testing::radio::{Radio, output};
use longwave_testing::studio::{JOB, MOUNT, Studio};
use longwave_testing::{ms, seconds, sound};

#[test]
fn the_current_track_the_event_the_history_and_the_title_change_together() {
    let studio = Studio::with(|settings| settings.crossfade = seconds(2.0).into());
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(6.0)), &looped).unwrap();
    let mut played = Duration::ZERO;
    for _ in 0..200 {
        studio.run(JOB);
        let Some(current) = studio.pipeline.current_track() else { continue };
        let title = &current.track.title;
        let history = studio.pipeline.history();
        assert_eq!(
            (Some(title), Some(title)),
            (studio.played().last(), history.last().map(|last| &last.track.title))
        );
        studio.until_announced(MOUNT, title);
        // It goes on for half a crossfade after the next one started.
        assert!(current.played == played + JOB || current.played < seconds(1.2), "{:?}", current.played);
        played = current.played;
        let left = current.remaining.unwrap();
        assert!(played + left == seconds(6.0) && left > seconds(0.8), "{played:?} {left:?}");
    }
    assert!(studio.played().len() > 4);
}

#[test]
fn a_skip_in_a_crossfade_changes_all_of_it_together() {
    let studio = Studio::with(|settings| settings.skip_crossfade = seconds(2.0));
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b", "c"], seconds(9.0)), &looped).unwrap();
    studio.run(seconds(1.0));
    for orders in 0..12 {
        studio.pipeline.skip().unwrap();
        if orders % 3 == 0 {
            studio.pipeline.hold(ms(50)).unwrap();
        }
        studio.run(ms(700));
        studio.pipeline.resume(ms(50)).unwrap();
        studio.run(JOB);
        assert_eq!(Some(studio.now()), studio.played().last().cloned());
    }
}

/// A listener to titles hears one track after the other. What does a hook do at each?
fn titles_with(hook: impl Fn(&Pipeline, &str) + Send + 'static) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let mut radio = Radio::stepped(PipelineSettings {
        crossfade: Duration::from_secs(1).into(),
        outputs: vec![output("/stream.mp3", Mp3Settings::default())],
        ..PipelineSettings::default()
    });
    let (told, called) = channel();
    let hook = move |pipeline: &Pipeline, event: &longwave::Event| {
        if let longwave::Event::TrackChange { track, .. } = event {
            hook(pipeline, &track.title);
        }
        told.send(()).unwrap();
    };
    radio.pipeline().add_hook(EventKind::TrackChange, hook).unwrap();
    let listener = radio.listen("/stream.mp3", true);
    let entries = (0..4).map(|n| {
        let tone = sound::sines(PcmSpec::CD, &[(500.0, 0.4), (500.0, 0.4)], 3 * 44_100);
        let path = sound::wav(&folder.path().join(format!("{n}.wav")), PcmSpec::CD, &tone);
        Entry::titled(path, format!("track {n}"))
    });
    let entries: Vec<_> = entries.collect();
    radio.pipeline().queue_files(entries, Place::End).unwrap();
    let mut calls = 0;
    for _ in 0..95 {
        radio.run(0.1);
        // A hook has as long as the mixer takes for the next tenth of a second.
        while calls < radio.pipeline().history().len() {
            called.recv_timeout(Duration::from_secs(20)).unwrap();
            calls += 1;
        }
    }
    radio.stop();
    let (_, shown) = unweave(&listener.into_stream(), 16_000);
    shown.into_iter().map(|(_, text)| text).filter(|text| !text.is_empty()).collect()
}

#[test]
fn a_title_that_a_hook_gives_is_the_first_that_a_listener_sees() {
    let shown = titles_with(|pipeline, title| {
        let title = Title::new(format!("the hook's {title}"));
        pipeline.update_metadata(title, None, TitleHolds::UntilNextTrack).unwrap();
    });
    assert_eq!(shown, [0, 1, 2, 3].map(|n| format!("the hook's track {n}")));
}

#[test]
fn a_title_that_a_hook_gives_one_mount_or_clears_is_the_first_too() {
    let shown = titles_with(|pipeline, title| {
        let order = |title| {
            pipeline.update_metadata(Title::new(title), Some("/stream.mp3"), TitleHolds::UntilCleared)
        };
        match title {
            "track 0" => order("kept").unwrap(),
            "track 2" => pipeline.clear_metadata(Some("/stream.mp3")).unwrap(),
            _ => {}
        }
    });
    assert_eq!(shown, ["kept", "track 2", "track 3"]);
}

#[test]
fn after_a_stop_every_order_says_stopped() {
    let studio = Studio::new();
    let file = studio.track("a.wav", 0.25, seconds(9.0));
    let id = studio.pipeline.queue_files([Entry::new(&file), Entry::new(&file)], Place::End).unwrap()[1];
    studio.run(seconds(1.0));
    let snapshot = studio.pipeline.snapshot();
    let pipeline = studio.pipeline.clone();
    pipeline.stop();
    let (voice, list) = (VoiceId(1), ListOptions::default());
    let (holds, zero) = (TitleHolds::UntilNextTrack, Duration::ZERO);
    let calls: Vec<(&str, Result<()>)> = vec![
        ("skip", pipeline.skip()),
        ("play_file", pipeline.play_file(&file, None).map(drop)),
        ("play_file of nothing", pipeline.play_file("/nowhere/x.wav", None).map(drop)),
        ("play_list", pipeline.play_list("list", [Entry::new(&file)], &list)),
        ("play_path", pipeline.play_path(vec![file.clone()], &list)),
        ("set_fades", pipeline.set_fades(Some(zero), None, None)),
        ("set_repeat", pipeline.set_repeat(true)),
        ("set_shuffle", pipeline.set_shuffle(true)),
        ("seek", pipeline.seek(zero)),
        ("queue_files", pipeline.queue_files([Entry::new(&file)], Place::End).map(drop)),
        ("clear_queue", pipeline.clear_queue()),
        ("remove", pipeline.remove(id).map(drop)),
        ("remove of nothing", pipeline.remove(EntryId(999)).map(drop)),
        ("move_to", pipeline.move_to(id, 0)),
        ("restore", pipeline.restore(snapshot)),
        ("hold", pipeline.hold(zero)),
        ("resume", pipeline.resume(zero)),
        ("update_metadata", pipeline.update_metadata(Title::new("x"), None, holds)),
        ("update_metadata of nothing", pipeline.update_metadata(Title::new("x"), Some("/typo"), holds)),
        ("set_title_format", pipeline.set_title_format(|_, _| String::new())),
        ("set_media_roots", pipeline.set_media_roots(Vec::new())),
        ("clear_metadata", pipeline.clear_metadata(Some(MOUNT))),
        ("play_input", pipeline.play_input(Default::default()).map(drop)),
        ("play_voice", pipeline.play_voice(&file, Default::default()).map(drop)),
        ("tap", pipeline.tap().map(drop)),
        ("stop_voice", pipeline.stop_voice(voice, zero)),
        ("stop_all_voices", pipeline.stop_all_voices(zero)),
        ("pause_voice", pipeline.pause_voice(voice)),
        ("resume_voice", pipeline.resume_voice(voice)),
        ("seek_voice", pipeline.seek_voice(voice, zero)),
        ("set_volume", pipeline.set_volume(voice, 1.0)),
        ("ramp_volume", pipeline.ramp_volume(voice, 1.0, zero, Curve::Smooth, false)),
        ("add_output", pipeline.add_output(output("/more", Mp3Settings::default()))),
        ("replace_encoder", pipeline.replace_encoder("/typo", Mp3Settings::default())),
        ("update_output", pipeline.update_output(output("/typo", Mp3Settings::default()))),
        ("remove_output", pipeline.remove_output("/typo")),
        ("listener_count", pipeline.listener_count(None).map(drop)),
        ("listener_count of nothing", pipeline.listener_count(Some("/typo")).map(drop)),
        ("add_hook", pipeline.add_hook(EventKind::TrackChange, |_, _| ()).map(drop)),
        ("events", pipeline.events(1).map(drop)),
        ("server", pipeline.server().map(drop)),
    ];
    for (call, result) in calls {
        assert!(matches!(result, Err(Error::Stopped(_))), "{call}: {result:?}");
    }
    assert!(pipeline.current_track().is_none() && pipeline.voices().is_empty());
    // What an application may want to keep is still there.
    assert_eq!((pipeline.queue().len(), pipeline.history().len()), (1, 1));
    assert_eq!(pipeline.snapshot(), studio.pipeline.snapshot());
}

#[test]
fn after_its_stop_a_server_says_stopped() {
    let studio = Studio::new();
    studio.server.stop();
    let server = &studio.server;
    for result in [
        server.listener_count(None).map(drop),
        server.listener_count(Some(MOUNT)).map(drop),
        server.listeners(None).map(drop),
        server.listeners(Some("/typo")).map(drop),
        server.remove_mount(MOUNT),
        server.kick(1),
        studio.pipeline.listener_count(None).map(drop),
        studio.pipeline.listener_count(Some(MOUNT)).map(drop),
    ] {
        assert!(matches!(result, Err(Error::Stopped(_))), "{result:?}");
    }
}

#[test]
fn health_says_off_the_air_whatever_took_it_off() {
    let off_the_air = |pipeline: &Pipeline| {
        let problems = pipeline.health().problems;
        problems.iter().any(|problem| problem.starts_with("off the air: "))
    };
    let studio = Studio::new();
    studio.pipeline.queue_files(studio.entries_of(&["a"], seconds(60.0)), Place::End).unwrap();
    studio.run(seconds(1.0));
    assert!(!off_the_air(&studio.pipeline));
    studio.pipeline.remove_output(MOUNT).unwrap();
    assert_eq!(studio.pipeline.health().problems, ["off the air: the pipeline has no output"]);
    studio.pipeline.add_output(studio.tap.output("/again")).unwrap();
    assert!(!off_the_air(&studio.pipeline));
    assert!(studio.server.health().is_ok());
    studio.server.stop();
    assert_eq!(studio.server.health().problems, ["off the air: the server is stopped"]);
    assert!(off_the_air(&studio.pipeline));
    studio.pipeline.stop();
    assert_eq!(studio.pipeline.health().problems, ["off the air: the pipeline is stopped"]);
}

//! The commands for voices. `live_mixing.rs` judges how they sound.

use std::time::Duration;

use longwave::{Curve, Error, Event, ListOptions, VoiceId, VoiceOptions};
use longwave_testing::studio::{JOB, MOUNT, Studio};
use longwave_testing::{ms, seconds};

/// The level of the mix between two times, in seconds.
fn level(pcm: &[f32], from: f64, to: f64) -> f32 {
    let part = &pcm[(from * 8000.0) as usize..(to * 8000.0) as usize];
    assert!(part.iter().all(|sample| *sample == part[0]), "a constant from {from} s to {to} s");
    part[0]
}

fn ramps(studio: &Studio) -> Vec<f32> {
    let events = studio.events();
    let ramps = events.iter().filter_map(|event| match event {
        Event::RampDone { volume, .. } => Some(*volume),
        _ => None,
    });
    ramps.collect()
}

#[test]
fn play_voice_over_the_programme_and_set_no_title() {
    let studio = Studio::new();
    let list = studio.entries_of(&["programme"], seconds(20.0));
    studio.pipeline.play_list("list", list, &ListOptions::default()).unwrap();
    studio.run(seconds(1.024));
    let jingle = studio.track("jingle.wav", 0.5, seconds(2.0));
    let voice =
        studio.pipeline.play_voice(&jingle, VoiceOptions { volume: 0.5, ..Default::default() }).unwrap();
    studio.run(seconds(1.024));
    let state = studio.pipeline.voices().remove(0);
    assert_eq!((state.id, state.file.as_deref(), state.paused), (voice, Some(jingle.as_path()), false));
    assert_eq!((state.volume, state.position.0, state.duration.unwrap().0), (0.5, 8192, 16_000));
    studio.run(seconds(2.048));
    assert!(!studio.has_voice(voice));
    assert_eq!(studio.ended(voice), Some(false), "by itself");
    assert_eq!(studio.played(), ["programme"]);
    studio.until_announced(MOUNT, "programme");
    let pcm = studio.stop();
    assert_eq!([level(&pcm, 0.3, 1.1), level(&pcm, 1.2, 3.1), level(&pcm, 3.2, 4.1)], [0.25, 0.5, 0.25]);
}

#[test]
fn play_voice_that_cannot_be_played_is_refused() {
    let studio = Studio::new();
    let missing = studio.path("missing.wav");
    assert!(matches!(
        studio.pipeline.play_voice(&missing, VoiceOptions::default()),
        Err(Error::File { path, .. }) if path == missing
    ));
    assert!(studio.pipeline.voices().is_empty());
}

#[test]
fn stop_voice_with_a_fade() {
    let studio = Studio::new();
    let path = studio.track("long.wav", 0.5, seconds(60.0));
    let [quick, slow] = [0, 1].map(|_| studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap());
    studio.run(seconds(1.024));
    studio.pipeline.stop_voice(quick, Duration::ZERO).unwrap();
    studio.pipeline.stop_voice(slow, seconds(2.0)).unwrap();
    studio.run(seconds(1.024));
    assert_eq!((studio.ended(quick), studio.ended(slow)), (Some(true), None));
    studio.run(seconds(1.024));
    assert_eq!(studio.ended(slow), Some(true));
    assert!(matches!(studio.pipeline.stop_voice(slow, seconds(2.0)), Err(Error::NotFound(_))));
    let pcm = studio.stop();
    assert_eq!([level(&pcm, 0.3, 1.1), level(&pcm, 3.17, 3.2)], [0.966_05, 0.0]);
}

#[test]
fn stop_all_voices_stops_decks_and_the_current_track() {
    let studio = Studio::new();
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(20.0)), &looped).unwrap();
    let path = studio.track("long.wav", 0.25, seconds(60.0));
    let deck = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    let mut input = studio.pipeline.play_input(VoiceOptions::default()).unwrap();
    input.push(&[0.1; 8000]).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.stop_all_voices(ms(100)).unwrap();
    studio.run(seconds(1.024));
    assert_eq!((studio.ended(deck), studio.ended(input.voice())), (Some(true), Some(true)));
    assert!(matches!(input.push(&[0.1; 80_000]), Err(Error::Stopped(_))));
    assert_eq!(studio.played(), ["a", "b"], "what follows is the next track");

    studio.pipeline.hold(Duration::ZERO).unwrap();
    studio.run(JOB);
    studio.pipeline.stop_all_voices(ms(100)).unwrap();
    studio.run(seconds(2.0));
    assert_eq!((studio.now().as_str(), studio.played().len()), ("-", 2), "or nothing while it is held");
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(JOB);
    assert_eq!(studio.played(), ["a", "b", "a"]);
}

#[test]
fn pause_and_resume() {
    let studio = Studio::new();
    let path = studio.track("track.wav", 0.5, seconds(3.0));
    let options = VoiceOptions { paused: true, ..VoiceOptions::default() };
    let voice = studio.pipeline.play_voice(&path, options).unwrap();
    studio.run(seconds(1.024));
    let state = studio.pipeline.voices().remove(0);
    assert!(state.paused && state.position.0 == 0, "it waits for its resume: {state:?}");
    studio.pipeline.resume_voice(voice).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.pause_voice(voice).unwrap();
    studio.run(seconds(5.0));
    let state = studio.pipeline.voices().remove(0);
    assert!(state.paused && (8192..8400).contains(&state.position.0), "{state:?}");
    studio.pipeline.resume_voice(voice).unwrap();
    studio.run(seconds(2.048));
    assert_eq!(studio.ended(voice), Some(false));
}

#[test]
fn seek() {
    let studio = Studio::new();
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a", "b"], seconds(20.0)), &looped).unwrap();
    let path = studio.track("track.wav", 0.5, seconds(60.0));
    let voice = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.seek_voice(voice, seconds(59.0)).unwrap();
    studio.pipeline.seek(seconds(18.0)).unwrap();
    studio.run(JOB);
    let current = studio.pipeline.current_track().unwrap().played;
    // It fades for 10 ms before, to avoid clicks.
    assert_eq!(current, seconds(18.0) + JOB - ms(10));
    assert_eq!(studio.pipeline.voices()[0].position.0, 59 * 8000 + 1024 - 80);
    studio.run(seconds(1.024));
    assert_eq!(studio.ended(voice), Some(false));
    studio.run(seconds(1.024));
    assert_eq!(studio.played(), ["a", "b"]);
    // It can also go back. A position beyond the end means the end.
    studio.pipeline.seek(Duration::ZERO).unwrap();
    studio.run(seconds(19.9));
    assert_eq!(studio.now(), "b");
    studio.pipeline.seek(seconds(100.0)).unwrap();
    studio.run(JOB);
    assert_eq!(studio.now(), "a");
}

#[test]
fn seek_of_the_current_track_while_held() {
    let studio = Studio::new();
    let looped = ListOptions { repeat: true, ..ListOptions::default() };
    studio.pipeline.play_list("list", studio.entries_of(&["a"], seconds(20.0)), &looped).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.hold(Duration::ZERO).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.seek(seconds(10.0)).unwrap();
    studio.run(seconds(1.024));
    assert_eq!(studio.pipeline.current_track().unwrap().played, seconds(10.0));
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(JOB);
    assert_eq!(studio.pipeline.current_track().unwrap().played, seconds(10.0) + JOB);
}

#[test]
fn volume() {
    let studio = Studio::new();
    let path = studio.track("track.wav", 0.5, seconds(60.0));
    let voice = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.set_volume(voice, 0.5).unwrap();
    studio.run(seconds(1.024));
    assert_eq!(studio.pipeline.voices()[0].volume, 0.5);
    for wrong in [-0.1, 16.1, f32::NAN, f32::INFINITY] {
        assert!(matches!(studio.pipeline.set_volume(voice, wrong), Err(Error::Setting { .. })), "{wrong}");
    }
    // A paused voice accepts a volume, too, and does not return to the old one.
    studio.pipeline.pause_voice(voice).unwrap();
    studio.run(seconds(1.024));
    studio.pipeline.set_volume(voice, 0.25).unwrap();
    studio.run(seconds(1.024));
    assert_eq!(studio.pipeline.voices()[0].volume, 0.25);
    studio.pipeline.resume_voice(voice).unwrap();
    studio.run(seconds(1.024));
    let pcm = studio.stop();
    assert_eq!([level(&pcm, 0.3, 1.1), level(&pcm, 1.2, 2.1), level(&pcm, 4.3, 5.0)], [0.5, 0.25, 0.125]);
    assert!(pcm[(4.0 * 8000.0) as usize..].iter().all(|sample| *sample <= 0.125));
}

#[test]
fn volume_ramp_returns_at_once_ends_at_its_sample_and_may_end_with_a_stop() {
    let studio = Studio::new();
    let path = studio.track("track.wav", 0.5, seconds(60.0));
    let voice = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    studio.run(JOB);
    studio.pipeline.ramp_volume(voice, 0.0, seconds(1.0), Curve::Linear, false).unwrap();
    studio.run(ms(896));
    assert_eq!(ramps(&studio), Vec::<f32>::new());
    studio.run(JOB);
    assert_eq!(ramps(&studio), [0.0]);
    studio.pipeline.ramp_volume(voice, 1.0, seconds(1.0), Curve::Linear, true).unwrap();
    studio.run(seconds(1.024));
    assert_eq!(ramps(&studio), [0.0, 1.0]);
    assert_eq!(studio.ended(voice), Some(true));
    let pcm = studio.stop();
    // The ramp begins with the third block; the limiter makes all of it 4 ms later.
    let begin = 2 * 1024 + 32;
    for n in 0..8000 {
        let expected = 0.5 * (1.0 - n as f32 / 8000.0);
        assert!((pcm[begin + n] - expected).abs() < 1e-4, "frame {n}: {} for {expected}", pcm[begin + n]);
    }
}

#[test]
fn a_voice_of_an_applications_own_pcm_takes_as_much_as_it_can_hold() {
    let studio = Studio::new();
    let mut input = studio.pipeline.play_input(VoiceOptions::default()).unwrap();
    let pcm: Vec<f32> = (0..100_000).map(|n| (n % 1000) as f32 / 2000.0).collect();
    let mut pushed = input.push(&pcm).unwrap();
    assert!((16_000..18_000).contains(&pushed), "about two seconds: {pushed}");
    while pushed < pcm.len() {
        studio.run(JOB);
        pushed += input.push(&pcm[pushed..]).unwrap();
    }
    let voice = input.voice();
    drop(input);
    studio.run(seconds(3.0));
    assert_eq!(studio.ended(voice), Some(false), "it ends when all has been heard");
    let heard = studio.stop();
    let begin = heard.iter().position(|sample| *sample != 0.0).unwrap() - 1;
    assert_eq!(heard[begin..begin + pcm.len()], pcm);
}

#[test]
fn a_call_on_a_voice_that_has_ended_says_so() {
    let studio = Studio::new();
    let path = studio.track("short.wav", 0.5, seconds(0.5));
    let voice = studio.pipeline.play_voice(&path, VoiceOptions::default()).unwrap();
    studio.pipeline.pause_voice(voice).expect("it has not begun, but it is there");
    studio.pipeline.resume_voice(voice).unwrap();
    studio.run(seconds(2.0));
    let pipeline = &studio.pipeline;
    for refused in [
        pipeline.stop_voice(voice, Duration::ZERO),
        pipeline.pause_voice(voice),
        pipeline.resume_voice(voice),
        pipeline.seek_voice(voice, Duration::ZERO),
        pipeline.set_volume(voice, 0.5),
        pipeline.ramp_volume(voice, 0.5, seconds(1.0), Curve::Smooth, true),
    ] {
        let Err(Error::NotFound(what)) = refused else { panic!("{refused:?}") };
        assert_eq!(what, format!("voice {}: it has ended, or is another pipeline's", voice.0));
    }
    assert!(matches!(pipeline.pause_voice(VoiceId(99)), Err(Error::NotFound(_))));
    pipeline.stop();
    assert!(matches!(pipeline.pause_voice(voice), Err(Error::Stopped("pipeline"))));
}

#[test]
fn a_voice_begins_with_a_volume_that_a_voice_can_have() {
    let studio = Studio::new();
    let path = studio.track("long.wav", 0.5, seconds(60.0));
    for wrong in [-0.1, 16.1, f32::INFINITY, f32::NAN] {
        let options = VoiceOptions { volume: wrong, ..VoiceOptions::default() };
        let refused = studio.pipeline.play_voice(&path, options);
        assert!(matches!(refused, Err(Error::Setting { key: "volume", .. })), "{wrong}: {refused:?}");
        let refused = studio.pipeline.play_input(options);
        assert!(matches!(refused, Err(Error::Setting { key: "volume", .. })), "{wrong}: {refused:?}");
    }
    studio.run(JOB);
    assert!(studio.pipeline.voices().is_empty());
}

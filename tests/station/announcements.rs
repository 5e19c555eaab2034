//! Announcements, judged by ear: they sound above everything, and all else comes back after them.

use std::f64::consts::{FRAC_PI_2, TAU};
use std::path::PathBuf;
use std::time::Duration;

use longwave::{
    AnnouncementEnd, AnnouncementId, DeadAir, Entry, Error, Event, LiveState, Pipeline, Place, VoiceOptions,
};
use longwave_testing::ear::Heard;
use longwave_testing::sound::{sine, wav};
use longwave_testing::studio::{MOUNT, Studio};
use longwave_testing::tools::run;
use longwave_testing::{ms, seconds};

use crate::djs::{Dj, pass};
use crate::live_inputs::{
    AMPLITUDE, LIVE, OTHER, PROGRAMME, RATE, STEREO, heard, levels, settings, smooth, studio,
};

/// The pitch of announcements.
const VOICE: f64 = 500.0;

fn now(studio: &Studio) -> f64 {
    studio.position() as f64 / RATE
}

/// A file with this tone, so many seconds long. It ends wherever its last wave is.
fn tone(studio: &Studio, name: &str, hz: f64, length: f64) -> PathBuf {
    wav(&studio.path(name), STEREO, &sine(STEREO, hz, AMPLITUDE, (length * RATE) as usize))
}

/// Only this tone is heard in the tenth of a second that ends at this time, at its level.
#[track_caller]
fn only(heard: &Heard, end: f64, hz: f64) {
    const ALL: [f64; 4] = [PROGRAMME, LIVE, OTHER, VOICE];
    for (tone, level) in ALL.iter().zip(levels(heard, end, &ALL)) {
        match *tone == hz {
            true => assert_eq!(level, 0, "{tone} Hz at {end} s"),
            false => assert!(level < -50, "{tone} Hz at {end} s: {level} dB"),
        }
    }
}

/// When announcements began and ended, in the order of the events.
fn told(studio: &Studio) -> Vec<(AnnouncementId, &'static str)> {
    let told = |event: &Event| match event {
        Event::AnnouncementBegan { announcement, .. } => Some((*announcement, "began")),
        Event::AnnouncementEnded { announcement, reason, .. } => Some((*announcement, reason.as_str())),
        _ => None,
    };
    studio.events().iter().filter_map(told).collect()
}

fn began_at(studio: &Studio) -> Vec<f64> {
    let began = |event: &Event| match event {
        Event::AnnouncementBegan { at, .. } => Some(at.0 as f64 / RATE),
        _ => None,
    };
    studio.events().iter().filter_map(began).collect()
}

fn played(pipeline: &Pipeline) -> f64 {
    pipeline.current_track().unwrap().played.as_secs_f64()
}

#[test]
fn it_sounds_over_the_programme_which_goes_on_where_it_was() {
    let random = &mut fastrand::Rng::with_seed(5);
    for _ in 0..8 {
        let studio = studio(vec![]);
        let file = tone(&studio, "fire.wav", VOICE, 1.5 + random.f64() / 10.0);
        studio.run(Duration::from_micros(random.u64(0..300_000)));
        let (ordered, before) = (now(&studio), played(&studio.pipeline));
        let id = studio.pipeline.announce(&file).unwrap();
        studio.run(ms(800));
        assert_eq!(began_at(&studio).len(), 1);
        assert!(began_at(&studio)[0] - ordered < 0.4, "{:?}, ordered at {ordered}", began_at(&studio));
        let state = &studio.pipeline.announcements()[0];
        assert_eq!((state.id, state.sounding, &state.file), (id, true, &file));
        assert!(!studio.pipeline.is_held(), "no order holds the programme");
        let waits = played(&studio.pipeline);
        assert!((0.2..0.5).contains(&(waits - before)), "it waits: {before} s, {waits} s");
        studio.run(ms(500));
        assert!((played(&studio.pipeline) - waits).abs() < 0.001);
        let middle = now(&studio);
        studio.run_until("it is over", || told(&studio).len() == 2);
        let over = now(&studio);
        assert_eq!(told(&studio), [(id, "began"), (id, "complete")]);
        assert_eq!(studio.pipeline.announcements(), []);
        studio.run(seconds(1.0));
        assert!(played(&studio.pipeline) < waits + 1.4, "it goes on where it was");
        // Nothing else knows of it.
        assert_eq!((studio.announced(MOUNT), studio.played()), ("0".into(), vec!["0".to_owned()]));
        assert_eq!(studio.pipeline.history().len(), 1);
        let heard = heard(studio);
        only(&heard, ordered, PROGRAMME);
        only(&heard, ordered + 0.55, VOICE);
        only(&heard, middle, VOICE);
        only(&heard, over + 0.6, PROGRAMME);
        smooth(&heard, 0.1, over + 0.9);
        let off = break_in_the_wave(&heard, over + 0.6);
        assert!(off < 0.1, "a phase that is off by {off}");
    }
}

/// How far the programme's tone, in the last two tenths of a second, is off from one unbroken wave, in
/// radians.
fn break_in_the_wave(heard: &Heard, end: f64) -> f64 {
    let first = heard.phase(0, heard.at(end - 0.2)..heard.at(end - 0.1), PROGRAMME);
    let second = heard.phase(0, heard.at(end - 0.1)..heard.at(end), PROGRAMME);
    // A tenth of a second holds thirty whole waves.
    let off = (second - first).rem_euclid(TAU);
    off.min(TAU - off)
}

#[test]
fn it_sounds_over_a_live_input_which_comes_back_live() {
    let random = &mut fastrand::Rng::with_seed(6);
    for _ in 0..4 {
        let studio = studio(vec![settings("/live")]);
        let file = tone(&studio, "fire.wav", VOICE, 3.0);
        let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, 3.0, &mut [&mut anna]);
        studio.run(Duration::from_micros(random.u64(0..50_000)));
        let ordered = now(&studio);
        studio.pipeline.announce(&file).unwrap();
        pass(&studio, 2.0, &mut [&mut anna]);
        let state = &studio.pipeline.live_inputs()[0];
        assert_eq!((state.state, state.drops, state.gaps), (LiveState::OnAir, 0, 0));
        assert!(state.buffered < ms(1500), "nothing piles up: {state:?}");
        pass(&studio, 3.0, &mut [&mut anna]);
        let end = now(&studio);
        let heard = heard(studio);
        only(&heard, ordered, LIVE);
        only(&heard, ordered + 0.6, VOICE);
        only(&heard, ordered + 2.9, VOICE);
        only(&heard, end, LIVE);
        smooth(&heard, 0.1, end);
    }
}

/// Who has the air changes while the announcement is heard.
#[test]
fn a_source_that_comes_or_leaves_meanwhile_is_heard_afterwards_or_is_not() {
    for comes in [true, false] {
        let studio = studio(vec![settings("/live")]);
        let file = tone(&studio, "fire.wav", VOICE, 5.0);
        let mut anna = Dj::comes(&studio, "/live", "anna", LIVE);
        if !comes {
            pass(&studio, 3.0, &mut [&mut anna]);
        }
        let ordered = now(&studio);
        studio.pipeline.announce(&file).unwrap();
        if comes {
            pass(&studio, 7.0, &mut [&mut anna]);
        } else {
            pass(&studio, 1.0, &mut [&mut anna]);
            anna.leaves();
            studio.run(seconds(6.0));
        }
        let end = now(&studio);
        let heard = heard(studio);
        only(&heard, ordered + 1.0, VOICE);
        only(&heard, ordered + 5.1, VOICE);
        only(&heard, end, if comes { LIVE } else { PROGRAMME });
        // What is over is not heard again, not even for a moment.
        let gone = if comes { PROGRAMME } else { LIVE };
        for at in [5.2, 5.3, 5.4, 5.5, 5.6] {
            let level = levels(&heard, ordered + at, &[gone])[0];
            assert!(level < -40, "{gone} Hz at {at} s: {level} dB");
        }
        smooth(&heard, 0.1, end);
    }
}

#[test]
fn it_sounds_over_a_deck_which_goes_on_unheard() {
    let studio = studio(vec![]);
    let (deck, file) = (tone(&studio, "deck.wav", OTHER, 10.0), tone(&studio, "fire.wav", VOICE, 2.0));
    studio.pipeline.hold(ms(100)).unwrap();
    let voice = studio.pipeline.play_voice(deck, VoiceOptions::default()).unwrap();
    studio.run(seconds(1.0));
    let ordered = now(&studio);
    studio.pipeline.announce(file).unwrap();
    studio.run(seconds(3.0));
    let position = studio.pipeline.voices().iter().find(|state| state.id == voice).unwrap().position;
    assert!((3.9..4.1).contains(&(position.0 as f64 / RATE)), "{position:?}");
    let end = now(&studio);
    assert!(studio.pipeline.is_held(), "the hold stays");
    let heard = heard(studio);
    only(&heard, ordered, OTHER);
    only(&heard, ordered + 1.0, VOICE);
    only(&heard, end, OTHER);
    smooth(&heard, 0.7, end);
}

#[test]
fn it_sounds_while_the_programme_is_held_and_the_hold_stays() {
    let studio = studio(vec![]);
    let file = tone(&studio, "fire.wav", VOICE, 1.0);
    studio.pipeline.hold(ms(100)).unwrap();
    studio.run(seconds(1.0));
    let ordered = now(&studio);
    studio.pipeline.announce(file).unwrap();
    studio.run(seconds(2.0));
    assert!(studio.pipeline.is_held());
    let held = now(&studio);
    studio.pipeline.resume(ms(100)).unwrap();
    studio.run(seconds(1.0));
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, ordered + 0.7, VOICE);
    assert!(heard.rms_db(0, heard.at(held - 0.3)..heard.at(held)) < -90.0);
    only(&heard, end, PROGRAMME);
}

/// Both tracks go on with their crossfade when the announcement is over.
#[test]
fn it_sounds_in_the_middle_of_a_crossfade_which_goes_on_after_it() {
    for ordered_at in [0.3, 1.2, 2.1, 3.0] {
        let studio = Studio::with(|settings| {
            settings.spec = STEREO;
            settings.crossfade = seconds(4.0).into();
        });
        let tracks = [("a", PROGRAMME), ("b", OTHER)]
            .map(|(name, hz)| Entry::new(tone(&studio, &format!("{name}.wav"), hz, 10.0)));
        let file = tone(&studio, "fire.wav", VOICE, 1.5);
        studio.pipeline.queue_files(tracks, Place::End).unwrap();
        studio.run(seconds(6.0 + ordered_at));
        let ordered = now(&studio);
        studio.pipeline.announce(&file).unwrap();
        studio.run(seconds(1.0));
        let announced = now(&studio);
        // It falls into the fade for a moment, and the rest of it comes later.
        studio.run(seconds(5.5));
        let end = now(&studio);
        assert_eq!(studio.played(), ["a", "b"]);
        let heard = heard(studio);
        only(&heard, announced, VOICE);
        only(&heard, end, OTHER);
        smooth(&heard, 0.2, end);
        // The crossfade is as far as it was when the programme fell silent: what is heard at this place is
        // what would have been heard 1.4 s earlier without the announcement.
        let place = ordered + 2.1;
        let turn = (place - 1.4 - 6.0) / 4.0 * FRAC_PI_2;
        for (hz, gain) in [(PROGRAMME, turn.cos()), (OTHER, turn.sin())] {
            let expected: f64 = 20.0 * f64::log10(gain);
            let level = f64::from(levels(&heard, place + 0.05, &[hz])[0]);
            assert!((level - expected).abs() < 1.5, "{ordered_at}: {hz} Hz at {level}, {expected} dB");
        }
    }
}

#[test]
fn two_sound_one_after_another_without_a_gap() {
    let random = &mut fastrand::Rng::with_seed(7);
    for _ in 0..4 {
        let studio = studio(vec![]);
        let first = tone(&studio, "first.wav", VOICE, 1.0 + random.f64());
        let second = tone(&studio, "second.wav", OTHER, 1.0);
        let ordered = now(&studio);
        let ids = [&first, &second].map(|file| studio.pipeline.announce(file).unwrap());
        studio.run(ms(random.u64(300..800)));
        let waiting = studio.pipeline.announcements();
        assert_eq!(
            waiting.iter().map(|one| (one.id, one.sounding)).collect::<Vec<_>>().last(),
            Some(&(ids[1], false))
        );
        studio.run_until("both are over", || told(&studio).len() == 4);
        studio.run(seconds(1.0));
        assert_eq!(
            told(&studio),
            [(ids[0], "began"), (ids[0], "complete"), (ids[1], "began"), (ids[1], "complete")]
        );
        let [_, second] = began_at(&studio)[..] else { panic!("{:?}", began_at(&studio)) };
        let end = now(&studio);
        let heard = heard(studio);
        only(&heard, ordered + 0.6, VOICE);
        only(&heard, second + 0.15, OTHER);
        only(&heard, end, PROGRAMME);
        smooth(&heard, 0.1, end);
        assert!(
            levels(&heard, second + 0.1, &[PROGRAMME])[0] < -50,
            "the programme is not heard between them"
        );
    }
}

/// The next one is ordered when the programme is coming back already.
#[test]
fn one_that_comes_while_the_rest_comes_back_sounds_too() {
    let random = &mut fastrand::Rng::with_seed(9);
    for late in [0, 0, 0, 0, 40, 90, 150, 290, 400] {
        let studio = studio(vec![]);
        let length = 1.0 + random.f64() / 5.0;
        let files = [("1.wav", VOICE), ("2.wav", OTHER)].map(|(name, hz)| tone(&studio, name, hz, length));
        studio.pipeline.announce(&files[0]).unwrap();
        studio.run_until("it is over", || told(&studio).len() == 2);
        studio.run(ms(late));
        let ordered = now(&studio);
        studio.pipeline.announce(&files[1]).unwrap();
        studio.run(seconds(2.0));
        let end = now(&studio);
        assert_eq!(told(&studio).len(), 4);
        let heard = heard(studio);
        only(&heard, ordered + 0.6, OTHER);
        only(&heard, end, PROGRAMME);
        smooth(&heard, 0.1, end);
    }
}

#[test]
fn one_that_is_stopped_gives_the_air_back_and_one_that_waits_is_not_heard() {
    let studio = studio(vec![]);
    let file = tone(&studio, "fire.wav", VOICE, 60.0);
    let other = tone(&studio, "other.wav", OTHER, 60.0);
    let [first, second] = [&file, &other].map(|file| studio.pipeline.announce(file).unwrap());
    studio.run(seconds(1.0));
    let sounding = now(&studio);
    studio.pipeline.stop_announcement(second).unwrap();
    studio.pipeline.stop_announcement(first).unwrap();
    studio.run(seconds(1.0));
    let stopped = now(&studio);
    assert_eq!(told(&studio), [(first, "began"), (second, "stopped"), (first, "stopped")]);
    let refused = studio.pipeline.stop_announcement(first).unwrap_err();
    assert!(matches!(refused, Error::NotFound(_)), "{refused}");
    // One that has not begun, while the rest fades.
    let third = studio.pipeline.announce(&file).unwrap();
    studio.run(ms(150));
    studio.pipeline.stop_announcements().unwrap();
    studio.run(seconds(1.0));
    assert_eq!(told(&studio)[3..], [(third, "stopped")]);
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, sounding, VOICE);
    only(&heard, stopped, PROGRAMME);
    only(&heard, end, PROGRAMME);
    smooth(&heard, 0.1, end);
}

#[test]
fn a_skip_and_a_play_during_an_announcement_take_effect_after_it() {
    let studio = studio(vec![]);
    let (file, urgent) = (tone(&studio, "fire.wav", VOICE, 2.0), tone(&studio, "urgent.wav", OTHER, 10.0));
    studio.pipeline.announce(&file).unwrap();
    studio.run(seconds(1.0));
    studio.pipeline.play_file(&urgent, None).unwrap();
    studio.run(seconds(0.5));
    let announced = now(&studio);
    studio.run(seconds(2.5));
    assert_eq!(studio.now(), "urgent");
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, announced, VOICE);
    only(&heard, end, OTHER);
    // The track that was skipped is not heard again.
    assert!((1..10).all(|n| levels(&heard, end - 0.1 * f64::from(n), &[PROGRAMME])[0] < -40));
}

#[test]
fn what_cannot_be_announced_is_refused_and_nothing_fades() {
    let studio = studio(vec![]);
    let nonsense = studio.path("nönsense.mp3");
    std::fs::write(&nonsense, [b'<'; 5000]).unwrap();
    let empty = wav(&studio.path("empty.wav"), STEREO, &[]);
    for file in [studio.path("nowhere.wav"), nonsense, empty, studio.folder.path().to_owned()] {
        let refused = studio.pipeline.announce(&file).unwrap_err();
        assert!(matches!(refused, Error::File { .. }), "{}: {refused:?}", file.display());
        studio.run(ms(500));
    }
    // As many as there may be.
    let file = tone(&studio, "fire.wav", VOICE, 0.5);
    for _ in 0..16 {
        studio.pipeline.announce(&file).unwrap();
    }
    let refused = studio.pipeline.announce(&file).unwrap_err();
    assert!(matches!(refused, Error::Limit { limit: "MAX_ANNOUNCEMENTS", most: 16, .. }), "{refused:?}");
    let full = now(&studio);
    studio.run_until("all are over", || told(&studio).len() == 32);
    studio.pipeline.announce(&file).expect("there is room again");
    let heard = heard(studio);
    smooth(&heard, 0.1, full);
    only(&heard, full, PROGRAMME);
}

/// A pipe that nobody writes into: its opening, or its reading, never ends.
#[test]
fn a_file_that_hangs_is_refused_in_time_and_nothing_fades() {
    let studio = studio(vec![]);
    let pipe = studio.path("pipe.wav");
    run(std::process::Command::new("mkfifo").arg(&pipe), &[]);
    let ordered = std::time::Instant::now();
    let refused = studio.pipeline.announce(&pipe).unwrap_err();
    assert!(matches!(refused, Error::File { .. } | Error::NoAnswer { .. }), "{refused:?}");
    assert!(ordered.elapsed() < seconds(20.0));
    studio.run(seconds(1.0));
    assert_eq!((told(&studio), studio.pipeline.announcements()), (vec![], vec![]));
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, end, PROGRAMME);
    smooth(&heard, 0.1, end);
}

#[test]
fn the_guard_watches_the_announcement_and_skips_no_track() {
    let studio = Studio::with(|settings| {
        settings.spec = STEREO;
        settings.dead_air = DeadAir { after: Some(seconds(3.0)), ..DeadAir::default() };
    });
    let track = Entry::new(tone(&studio, "track.wav", PROGRAMME, 20.0));
    studio.pipeline.queue_files([track], Place::End).unwrap();
    studio.run(seconds(1.0));
    let silent = wav(&studio.path("silent.wav"), STEREO, &vec![0.0; 44_100 * 30 * 2]);
    studio.pipeline.announce(silent).unwrap();
    studio.run_until("it is over", || told(&studio).len() == 2);
    assert_eq!(told(&studio)[1].1, AnnouncementEnd::Silent.as_str());
    assert!(now(&studio) < 6.0);
    studio.run(seconds(1.0));
    let kinds: Vec<_> = studio.events().iter().map(|event| event.kind().as_str()).collect();
    assert!(kinds.contains(&"dead-air-begins") && kinds.contains(&"dead-air-ends"), "{kinds:?}");
    assert_eq!((studio.now(), studio.played().len()), ("track".into(), 1));
    let end = now(&studio);
    let heard = heard(studio);
    only(&heard, end, PROGRAMME);
}

#[test]
fn a_stop_in_the_middle_is_orderly() {
    let studio = studio(vec![]);
    let file = tone(&studio, "fire.wav", VOICE, 10.0);
    let ids = [(); 2].map(|()| studio.pipeline.announce(&file).unwrap());
    studio.run(seconds(1.0));
    assert_eq!(studio.pipeline.stop().abandoned, Vec::<String>::new());
    assert_eq!(told(&studio), [(ids[0], "began"), (ids[1], "stopped"), (ids[0], "stopped")]);
    assert_eq!(studio.pipeline.announcements(), []);
    assert!(matches!(studio.pipeline.announce(&file), Err(Error::Stopped(_))));
}

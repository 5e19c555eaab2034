//! Shows that interrupt, and what is told of tracks that are cut.

use std::time::Duration;

use longwave::{Entry, Place, TrackKind};
use longwave_testing::sound::sine;
use longwave_testing::studio::{SMALL, Studio};
use longwave_testing::{ms, seconds};

use super::tracks::{Track, told};

const HZ: usize = 8_000;
/// The limiter's look-ahead.
const DELAY: usize = HZ * 4 / 1000;

fn track(studio: &Studio, name: &str, hz: f64, frames: usize, kind: TrackKind) -> Entry {
    let path = studio.path(name);
    longwave_testing::sound::wav(&path, SMALL, &sine(SMALL, hz, 0.25, frames));
    Entry { kind, ..Entry::new(path) }
}

/// Whether this pitch is heard in a stretch.
fn has(pcm: &[f32], hz: f64) -> bool {
    let heard = longwave_testing::ear::Heard::new(pcm, SMALL);
    heard.level_db(0, 0..pcm.len(), hz) > -50.0
}

#[test]
fn nothing_sounds_over_a_show_that_is_skipped_to_or_from() {
    for crossfade in [Duration::ZERO, seconds(2.0)] {
        for kind in [TrackKind::Show, TrackKind::Spot] {
            let studio = Studio::with(|settings| {
                settings.crossfade = crossfade.into();
                settings.skip_crossfade = ms(500);
            });
            let music = track(&studio, "music.wav", 440.0, 20 * HZ, TrackKind::Music);
            let show = track(&studio, "show.wav", 1000.0, 20 * HZ, kind);
            let next = track(&studio, "next.wav", 1600.0, 20 * HZ, TrackKind::Music);
            studio.pipeline.queue_files([music, show, next], Place::End).unwrap();
            for _ in 0..2 {
                studio.run(seconds(3.0));
                studio.pipeline.skip().unwrap();
            }
            studio.run(seconds(3.0));
            let begins: Vec<usize> = studio.began_at().into_iter().map(|at| at as usize + DELAY).collect();
            let pcm = studio.stop();
            let [_, show, next] = begins[..] else { panic!("{begins:?}") };
            // The music has faded for half a second, and the show is at its level at once.
            let faded = HZ / 2;
            assert!(has(&pcm[show - faded..show - faded / 2], 440.0), "{kind:?}");
            assert!(!has(&pcm[show - faded..show], 1000.0) && !has(&pcm[show..next - HZ], 440.0), "{kind:?}");
            let peak = pcm[show..show + 16].iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
            assert!(peak > 0.24, "{kind:?}: {peak}");
            assert!(!has(&pcm[next - faded..next], 1600.0) && !has(&pcm[next..], 1000.0), "{kind:?}");
        }
    }
}

#[test]
fn a_show_has_its_level_at_once_where_a_track_ends() {
    let studio = Studio::with(|settings| settings.fade_in = seconds(1.0));
    let music = track(&studio, "music.wav", 440.0, 3 * HZ, TrackKind::Music);
    let show = track(&studio, "show.wav", 1000.0, 3 * HZ, TrackKind::Show);
    studio.pipeline.queue_files([music, show], Place::End).unwrap();
    studio.run(seconds(5.0));
    let begins: Vec<usize> = studio.began_at().into_iter().map(|at| at as usize + DELAY).collect();
    let pcm = studio.stop();
    let [music, show] = begins[..] else { panic!("{begins:?}") };
    let peak = |at: usize| pcm[at..at + 16].iter().fold(0.0, |peak: f32, sample| peak.max(sample.abs()));
    assert!(peak(music) < 0.05, "nothing sounds before it, so it fades in");
    assert!(peak(show) > 0.24, "{}", peak(show));
}

#[test]
fn what_is_told_of_a_track_counts_from_its_cue_in() {
    let folder = tempfile::tempdir().unwrap();
    let (silence, tone) = (vec![0.0; 2 * HZ], sine(SMALL, 440.0, 0.25, 10 * HZ));
    let made = Track::new(
        folder.path().join("cut.wav"),
        SMALL,
        TrackKind::Music,
        "a tone between silences".into(),
        &[&silence[..], &tone, &silence].concat(),
    );
    let studio = Studio::with(|settings| settings.heard_tracks = Some(told(std::slice::from_ref(&made))));
    studio.pipeline.queue_files([Entry::new(&made.path)], Place::End).unwrap();
    studio.run(seconds(1.0));
    let current = studio.pipeline.current_track().unwrap();
    let about = |time: Duration, wanted: f64| (time.as_secs_f64() - wanted).abs() < 0.3;
    assert!(about(current.played, 1.0), "{:?}", current.played);
    assert!(current.remaining.is_some_and(|left| about(left, 9.0)), "{:?}", current.remaining);
    studio.pipeline.seek(seconds(8.0)).unwrap();
    studio.run(seconds(1.0));
    assert!(about(studio.pipeline.current_track().unwrap().played, 9.0));
    studio.run(seconds(2.0));
    assert!(studio.pipeline.current_track().is_none(), "it ends at its cue out");
    let pcm = studio.stop();
    assert!(has(&pcm[DELAY + HZ / 10..HZ], 440.0), "it begins at its cue in");
}

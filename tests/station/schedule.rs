//! What is played by the clock: a stepped one, judged by events and by ear.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longwave::{
    AnnouncementEnd, DaypartSettings, DeadAir, Entry, Event, FramePos, InsertSettings, ListOptions,
    LiveSettings, OverLive, PcmSpec, PipelineSettings, Place, Reason, Schedule, SlotSettings, SlotStart,
    TrackKind,
};
#[cfg(feature = "library")]
use longwave::{Library, LibraryPlaylist, LibrarySettings, SmartList};
#[cfg(feature = "library")]
use longwave_testing::ear::Heard;
use longwave_testing::studio::{MOUNT, SMALL, Studio, constant, server, stem};
use longwave_testing::tap::Tap;
use longwave_testing::{seconds, until};
use tempfile::TempDir;

use crate::djs::{Dj, pass};
use crate::live_inputs::{LIVE, STEREO, settings as live_settings};

/// A Monday, ten seconds before the news.
pub const BEFORE: &str = "2026-11-30T06:59:50Z";

/// How far from its time a hard slot may begin, in milliseconds.
pub const HARD: u64 = 100;

pub fn at(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

/// The files of a station: tracks of the playlist, and what slots play.
pub struct Files {
    pub folder: Arc<TempDir>,
    pub spec: PcmSpec,
}

impl Files {
    pub fn new() -> Files {
        Files { folder: Arc::new(tempfile::tempdir().unwrap()), spec: SMALL }
    }

    /// With files of these names and lengths.
    pub fn with(files: &[(&str, f64)]) -> Files {
        let all = Files::new();
        files.iter().for_each(|(name, length)| _ = all.file(name, *length));
        all
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of this length, which sounds.
    pub fn file(&self, name: &str, length: f64) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match self.spec == SMALL {
            true => constant(&path, 0.25, (length * 8000.0) as usize),
            false => {
                let samples =
                    longwave_testing::sound::sine(self.spec, 300.0, 0.3, (length * 44_100.0) as usize);
                longwave_testing::sound::wav(&path, self.spec, &samples);
            }
        }
        // Nobody is writing it any more: a folder passes over what is being written, if other files are not.
        let written = fs::File::options().write(true).open(&path).unwrap();
        written.set_modified(SystemTime::now() - seconds(60.0)).unwrap();
        path
    }

    /// A slot at 07:00 that plays this file.
    pub fn news(&self, start: SlotStart) -> SlotSettings {
        slot("daily 07:00", &self.path("news.wav"), start)
    }

    /// A station that began at this time, and has run for so many seconds.
    pub fn after(&self, ran: f64, from: &str, slots: Vec<SlotSettings>) -> Studio {
        let studio = self.station(from, slots, |_| {});
        studio.run(seconds(ran));
        studio
    }

    /// A station that begins at this time, with tracks of half a minute.
    pub fn station(
        &self,
        from: &str,
        slots: Vec<SlotSettings>,
        differ: impl FnOnce(&mut PipelineSettings),
    ) -> Studio {
        let schedule = Schedule { zone: "UTC".parse().unwrap(), slots, ..Schedule::default() };
        (0..4).for_each(|n| _ = self.file(&format!("music/{n}.wav"), 30.0));
        Studio::at(at(from), server(), Tap::default(), self.folder.clone(), |settings| {
            settings.spec = self.spec;
            settings.playlist = vec![self.path("music")];
            settings.repeat = true;
            settings.schedule = schedule;
            settings.skip_crossfade = Duration::from_millis(200);
            settings.dead_air = DeadAir { after: Some(seconds(1.0)), ..DeadAir::default() };
            differ(settings);
        })
    }
}

pub fn slot(times: &str, play: &Path, start: SlotStart) -> SlotSettings {
    SlotSettings { at: vec![times.parse().unwrap()], play: play.into(), start, ..SlotSettings::default() }
}

/// When each track began, in milliseconds since the station did.
pub fn played(studio: &Studio) -> Vec<(String, u64)> {
    let hz = u64::from(studio.pipeline.spec().rate.hz());
    let events = studio.events();
    let tracks = events.iter().filter_map(|event| match event {
        Event::TrackChange { track, at: FramePos(at) } => Some((stem(&track.file), at * 1000 / hz)),
        _ => None,
    });
    tracks.collect()
}

/// When the track of this name began.
#[track_caller]
pub fn began(studio: &Studio, name: &str) -> u64 {
    let played = played(studio);
    let of: Vec<u64> = played.iter().filter(|(track, _)| track == name).map(|(_, at)| *at).collect();
    assert_eq!(of.len(), 1, "{name} in {played:?}");
    of[0]
}

/// A track begins at this time, within 100 ms. A crossfade's new track begins in its middle.
#[track_caller]
pub fn assert_at(studio: &Studio, name: &str, millis: u64) {
    let began = began(studio, name);
    assert!(began.abs_diff(millis) <= HARD, "{name} began at {began} ms");
}

/// The reasons why slots were dropped.
pub fn dropped(studio: &Studio) -> Vec<String> {
    let events = studio.events();
    let dropped = events.iter().filter_map(|event| match event {
        Event::SlotDropped { slot, reason, .. } => Some(format!("{slot}: {reason}")),
        _ => None,
    });
    dropped.collect()
}

/// It was never silent for a second. Stops it.
#[track_caller]
pub fn stop_sounding(studio: Studio) {
    assert_eq!(studio.told(|event| matches!(event, Event::DeadAirBegins { .. })), 0);
    studio.stop();
}

#[test]
fn a_hard_slot_begins_at_the_second_and_then_the_playlist_goes_on() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let studio = files.after(30.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    assert_at(&studio, "news", 10_000);
    let news = studio.pipeline.history().into_iter().find(|track| stem(&track.track.file) == "news").unwrap();
    assert_eq!(news.track.reason.to_string(), "slot news at 07:00");
    assert_eq!(played(&studio).len(), 3);
    assert!((played(&studio)[2].1).abs_diff(15_000) < 300, "{:?}", played(&studio));
    stop_sounding(studio);
}

#[test]
fn a_soft_slot_begins_when_the_track_ends_and_goes_before_the_queue() {
    let files = Files::with(&[("news.wav", 5.0), ("request.wav", 5.0)]);
    let studio = files.station(BEFORE, vec![files.news(SlotStart::Soft)], |_| {});
    studio.pipeline.queue_files([Entry::new(files.path("request.wav"))], Place::End).unwrap();
    studio.run(seconds(45.0));
    assert_at(&studio, "news", 30_000);
    assert_at(&studio, "request", 35_000);
    stop_sounding(studio);
}

#[test]
fn two_slots_at_one_second_follow_each_other() {
    let files = Files::with(&[("news.wav", 5.0), ("weather.wav", 5.0)]);
    let weather = slot("daily 07:00", &files.path("weather.wav"), SlotStart::Hard);
    let studio = files.after(30.0, BEFORE, vec![files.news(SlotStart::Hard), weather]);
    assert_at(&studio, "news", 10_000);
    assert_at(&studio, "weather", 15_000);
    stop_sounding(studio);
}

#[test]
fn a_hard_slot_during_a_crossfade_begins_at_the_second() {
    let files = Files::with(&[("news.wav", 5.0)]);
    // The first track ends in the middle of it.
    let studio = files.station("2026-11-30T06:59:31Z", vec![files.news(SlotStart::Hard)], |settings| {
        settings.crossfade = seconds(4.0).into();
    });
    studio.run(seconds(45.0));
    assert_at(&studio, "news", 29_000);
    stop_sounding(studio);
}

/// A track that ends a moment before a slot is followed by it, at its second. What ends earlier is followed
/// by another track, which fades.
#[test]
fn a_hard_slot_begins_at_the_second_whatever_ends_right_before_it() {
    for (before, crossfade) in
        [(0.02, 0.8), (0.3, 0.2), (0.7, 2.0), (0.85, 0.0), (1.2, 2.0), (2.5, 2.0), (4.0, 3.0)]
    {
        let files = Files::with(&[("first.wav", 10.0 - before), ("news.wav", 8.0)]);
        for kind in [TrackKind::Show, TrackKind::Music] {
            let news = SlotSettings { kind, ..files.news(SlotStart::Hard) };
            let studio = files.station(BEFORE, vec![news], |settings| {
                settings.playlist =
                    ["first.wav", "music/0.wav", "music/1.wav"].map(|name| files.path(name)).into();
                settings.skip_crossfade = seconds(crossfade);
            });
            studio.run(seconds(20.0));
            // A track is announced in the middle of the crossfade by which it begins.
            let middle = if kind.is_music() && before >= 1.0 { crossfade * 500.0 } else { 0.0 };
            let began = began(&studio, "news");
            let off = began.abs_diff(10_000 + middle as u64);
            assert!(
                off <= HARD,
                "{kind:?}, {before} s before, {crossfade} s: {began} in {:?}",
                played(&studio)
            );
            assert_eq!(played(&studio).len(), if before < 1.0 { 3 } else { 4 }, "{:?}", played(&studio));
            stop_sounding(studio);
        }
    }
}

#[test]
fn what_is_missing_is_waited_for_and_dropped_with_its_reason() {
    let files = Files::new();
    let slots = || vec![SlotSettings { late: seconds(60.0), ..files.news(SlotStart::Hard) }];
    let studio = files.after(80.0, BEFORE, slots());
    let dropped = dropped(&studio);
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(dropped[0].starts_with("news: ") && dropped[0].ends_with("it is missing"), "{dropped:?}");
    let health = studio.pipeline.health();
    assert!(health.warnings.iter().any(|warning| warning.contains("slot news of")), "{health:?}");
    stop_sounding(studio);
    // It comes some seconds late, and is played at the next boundary.
    let studio = files.after(22.0, BEFORE, slots());
    files.file("news.wav", 5.0);
    studio.run(seconds(50.0));
    assert_at(&studio, "news", 30_000);
    // Encoders may be behind a clock that is stepped.
    until("all is well", || studio.pipeline.health() == longwave::Health::default());
    studio.stop();
}

#[test]
fn a_file_that_is_longer_than_its_slot_fades_out() {
    let files = Files::with(&[("news.wav", 25.0)]);
    let news = SlotSettings { lasts: Some(seconds(8.0)), ..files.news(SlotStart::Hard) };
    let studio = files.after(30.0, BEFORE, vec![news]);
    assert_at(&studio, "news", 10_000);
    assert!((played(&studio)[2].1).abs_diff(18_000) <= HARD, "{:?}", played(&studio));
    stop_sounding(studio);
}

#[test]
fn a_restart_in_the_middle_of_a_slot_goes_on_with_it() {
    let files = Files::with(&[("news.wav", 20.0)]);
    let news = || vec![SlotSettings { lasts: Some(seconds(12.0)), ..files.news(SlotStart::Hard) }];
    let studio = files.after(16.0, BEFORE, news());
    let kept = studio.pipeline.snapshot();
    studio.stop();
    let text = serde_json::to_string(&kept).unwrap();
    let studio = files.station("2026-11-30T07:00:06Z", news(), |_| {});
    studio.pipeline.restore(serde_json::from_str(&text).unwrap()).unwrap();
    studio.run(seconds(10.0));
    let played = played(&studio);
    let news = played.iter().position(|(name, _)| name == "news").unwrap();
    assert_eq!(played.iter().filter(|(name, _)| name == "news").count(), 1, "{played:?}");
    // Its twelve seconds are over at 07:00:12.
    assert!(played[news + 1].1.abs_diff(6_000) <= 2 * HARD, "{played:?}");
    stop_sounding(studio);
}

#[test]
fn a_clock_that_jumps_from_1970_fires_nothing_old() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let hourly = slot("daily *:00", &files.path("news.wav"), SlotStart::Hard);
    let studio = files.after(20.0, "1970-01-01T00:00:10Z", vec![hourly]);
    studio.set_time(at("2026-11-30T07:30:00Z"));
    studio.run(seconds(120.0));
    assert_eq!(played(&studio).iter().filter(|(name, _)| name == "news").count(), 0);
    assert!(dropped(&studio).len() <= 1, "{:?}", dropped(&studio));
    stop_sounding(studio);
}

#[test]
fn a_slot_while_the_programme_is_held_waits_or_is_dropped() {
    for (held, plays) in [(20.0, true), (80.0, false)] {
        let files = Files::with(&[("news.wav", 5.0)]);
        let news = SlotSettings { late: seconds(60.0), ..files.news(SlotStart::Hard) };
        let studio = files.station(BEFORE, vec![news], |_| {});
        studio.pipeline.hold(Duration::ZERO).unwrap();
        studio.run(seconds(held));
        studio.pipeline.resume(Duration::ZERO).unwrap();
        studio.run(seconds(15.0));
        match plays {
            true => {
                let began = began(&studio, "news");
                assert!((20_000..=21_500).contains(&began), "{began}");
            }
            false => assert_eq!(dropped(&studio), ["news: the programme was held"]),
        }
        studio.stop();
    }
}

#[test]
fn a_slot_while_a_dj_is_live_does_what_it_declares() {
    for over_live in OverLive::ALL {
        let files = Files { spec: STEREO, ..Files::new() };
        files.file("news.wav", 3.0);
        let lasts = Some(seconds(2.0)).filter(|_| *over_live == OverLive::Interrupt);
        let news = SlotSettings { over_live: *over_live, lasts, ..files.news(SlotStart::Hard) };
        let studio = files.station("2026-11-30T06:59:55Z", vec![news], |settings| {
            settings.live = vec![LiveSettings { grace: seconds(1.0), ..live_settings("/live") }];
        });
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, 10.0, &mut [&mut dj]);
        assert!(studio.pipeline.live().is_some());
        let hz = f64::from(studio.pipeline.spec().rate.hz());
        let events = studio.events();
        let announced = events.iter().filter_map(|event| match event {
            Event::AnnouncementBegan { at, .. } => Some(at.0 as f64 / hz),
            _ => None,
        });
        let announced: Vec<f64> = announced.collect();
        let stopped = AnnouncementEnd::Stopped;
        let cut =
            |event: &Event| matches!(event, Event::AnnouncementEnded { reason, .. } if *reason == stopped);
        match over_live {
            // At the second, and for as long as it may take.
            OverLive::Interrupt => {
                assert!(announced.len() == 1 && (announced[0] - 5.0).abs() <= 0.1, "{announced:?}");
                assert_eq!(events.iter().filter(|event| cut(event)).count(), 1);
            }
            OverLive::Wait | OverLive::Skip => assert!(announced.is_empty(), "{over_live:?}: {announced:?}"),
        }
        dj.leaves();
        studio.run(seconds(6.0));
        let news = played(&studio).iter().filter(|(name, _)| name == "news").count();
        assert_eq!(news, usize::from(*over_live == OverLive::Wait), "{over_live:?}: {:?}", played(&studio));
        let reasons: &[&str] = if *over_live == OverLive::Skip { &["news: a DJ was live"] } else { &[] };
        assert_eq!(dropped(&studio), reasons, "{over_live:?}");
        studio.stop();
    }
}

#[test]
fn a_changed_crossfade_is_planned_with() {
    let files = Files::new();
    let studio = files.station(BEFORE, Vec::new(), |settings| {
        settings.schedule.separation.track = seconds(20.0);
        settings.crossfade = seconds(4.0).into();
    });
    let takes = || {
        let planned = studio.pipeline.preview(seconds(300.0)).unwrap();
        planned[0].ends.duration_since(planned[0].at).unwrap()
    };
    assert_eq!(takes(), seconds(26.0));
    studio.pipeline.set_fades(Some(seconds(1.0)), None, None).unwrap();
    assert_eq!(takes(), seconds(29.0));
    let options = ListOptions { crossfade: Some(Duration::ZERO), repeat: true, ..ListOptions::default() };
    let entries = [Entry::new(files.path("music/1.wav")), Entry::new(files.path("music/2.wav"))];
    studio.pipeline.play_list("other", entries, &options).unwrap();
    assert_eq!(takes(), seconds(30.0));
    stop_sounding(studio);
}

/// The news have the station's loudness from their first play on, and again when they change.
#[cfg(feature = "library")]
#[test]
fn each_news_has_one_level_from_its_first_play_on() {
    let files = Files { spec: STEREO, ..Files::new() };
    let write = |amplitude| {
        let samples = longwave_testing::sound::sine(STEREO, 1_000.0, amplitude, 4 * 44_100);
        longwave_testing::sound::wav(&files.path("news.wav"), STEREO, &samples);
    };
    write(0.02);
    let at = ["daily 07:00", "daily 07:01"].map(|at| at.parse().unwrap()).into();
    let news = SlotSettings { at, ..files.news(SlotStart::Hard) };
    let studio = files.station("2026-11-30T06:59:57Z", vec![news], |settings| {
        settings.loudness_lufs = Some(-23.0);
    });
    studio.run(seconds(20.0));
    write(0.5);
    studio.run(seconds(50.0));
    assert_eq!(played(&studio).iter().filter(|(name, _)| name == "news").count(), 2);
    let heard = Heard::new(&studio.stop(), STEREO);
    for second in [4.0, 64.0] {
        // A sine on both channels has as many LUFS as its peak has dBFS, which is 3 dB above its RMS value.
        let level = heard.rms_db(0, heard.at(second)..heard.at(second + 2.0)) + 3.0;
        assert!((level + 23.0).abs() < 0.5, "{level} dB after {second} s");
    }
}

#[cfg(feature = "library")]
#[test]
fn a_slot_while_the_library_is_rebuilt_begins_at_the_second() {
    for is_deleted in [true, false] {
        let files = Files::with(&[("news.wav", 5.0)]);
        (0..4).for_each(|n| _ = files.file(&format!("music/{n}.wav"), 30.0));
        let database = files.path("library.db");
        let settings = LibrarySettings::of([files.path("music")], &database);
        let library = Library::open(&LibrarySettings { analyse: false, ..settings }).unwrap();
        assert_eq!(library.scan(&mut |_| ()).unwrap().found, 4);
        library.set_playlist(LibraryPlaylist::smart("all", SmartList::default())).unwrap();
        let schedule = Schedule {
            zone: "UTC".parse().unwrap(),
            slots: vec![files.news(SlotStart::Hard)],
            dayparts: vec![DaypartSettings {
                playlists: vec!["library:all".into()],
                ..DaypartSettings::default()
            }],
            ..Schedule::default()
        };
        let studio = Studio::at(at(BEFORE), server(), Tap::default(), files.folder.clone(), |settings| {
            settings.library = Some(library.clone());
            settings.schedule = schedule;
            settings.dead_air = DeadAir { after: Some(seconds(1.0)), ..DeadAir::default() };
        });
        studio.run(seconds(5.0));
        for file in ["library.db", "library.db-wal", "library.db-shm"].map(|name| files.path(name)) {
            match is_deleted {
                true => _ = fs::remove_file(&file),
                false => fs::write(&file, [0x5a; 50_000]).unwrap(),
            }
        }
        let _ = library.start_scan();
        studio.run(seconds(45.0));
        assert_at(&studio, "news", 10_000);
        assert!(played(&studio).len() > 3, "{:?}", played(&studio));
        stop_sounding(studio);
    }
}

/// What is planned is what is played, at the times that are planned.
#[test]
fn nights_in_which_the_clocks_change_are_played_as_planned() {
    let hours = if longwave_testing::long() { 24.0 } else { 1.5 };
    for from in ["2026-03-28T23:45:00Z", "2026-10-24T23:45:00Z"] {
        let seed = longwave_testing::seed();
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let files = Files::new();
        let tap = Tap::default();
        for (folder, count) in [("night", 12), ("day", 12), ("jingles", 3)] {
            for n in 0..count {
                let seconds = if folder == "jingles" { 3.0 } else { 30.0 + random.f64() * 60.0 };
                files.file(&format!("{folder}/{folder}{n}.wav"), seconds);
            }
        }
        for name in ["news", "half", "soft"] {
            files.file(&format!("{name}.wav"), 20.0);
        }
        let slots = vec![
            slot("daily *:00", &files.path("news.wav"), SlotStart::Hard),
            slot("daily 02:30", &files.path("half.wav"), SlotStart::Hard),
            slot("daily *:20", &files.path("soft.wav"), SlotStart::Soft),
        ];
        let daypart = |from: &str, to: &str, playlist| DaypartSettings {
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            playlists: vec![playlist],
            ..DaypartSettings::default()
        };
        let studio = files.station(from, slots, |settings| {
            settings.schedule.zone = "Europe/Berlin".parse().unwrap();
            settings.schedule.dayparts = vec![
                daypart("22:00", "02:15", files.path("night")),
                daypart("03:00", "12:00", files.path("day")),
            ];
            settings.schedule.inserts =
                vec![InsertSettings { playlist: files.path("jingles"), ..InsertSettings::default() }];
            settings.schedule.separation.track = seconds(300.0);
            settings.outputs = vec![tap.output(MOUNT)];
        });
        let began = at(from);
        let planned = studio.pipeline.preview(seconds(hours * 3600.0)).unwrap();
        let mut played = Vec::new();
        let (mut silence, mut longest) = (0, 0);
        for _ in 0..(hours * 60.0) as usize {
            studio.run(seconds(60.0));
            for event in studio.new_events() {
                if let Event::TrackChange { track, at: FramePos(at) } = event {
                    played.push((track, at / 8));
                }
            }
            for sample in tap.take() {
                silence = if sample.abs() < 0.001 { silence + 1 } else { 0 };
                longest = longest.max(silence);
            }
        }
        // By ear, not a second of silence; what is shorter is right before a slot.
        assert!(longest < 8_000, "{longest} samples of silence");
        let later: Vec<_> = played.iter().skip(1).map(|(track, at)| (stem(&track.file), *at)).collect();
        let meant: Vec<_> = planned
            .iter()
            .map(|planned| {
                let at = planned.at.duration_since(began).unwrap().as_millis() as u64;
                (stem(&planned.entry.path), at)
            })
            .collect();
        for (played, meant) in later.iter().zip(&meant) {
            assert_eq!(played.0, meant.0, "{played:?} {meant:?}\n{later:?}\n{meant:?}");
            assert!(played.1.abs_diff(meant.1) <= HARD, "{played:?} {meant:?}");
        }
        assert!(later.len() > 50 && meant.len() >= later.len(), "{} of {}", later.len(), meant.len());
        for (track, at) in &played {
            if let Reason::Slot { slot, late: 0, .. } = &track.reason
                && slot != "soft"
            {
                let off = (*at + 900_000 - 15 * 60_000) % 900_000;
                assert!(off <= HARD || off >= 900_000 - HARD, "{slot} began {off} ms after its time");
            }
        }
        studio.stop();
    }
}

/// Tracks begin anywhere in what is mixed at once, and what is planned goes by where.
#[test]
fn how_long_ago_a_track_was_heard_is_known_exactly() {
    let files = Files::new();
    (0..2).for_each(|n| _ = files.file(&format!("two/{n}.wav"), 10.007));
    let studio = files.station(BEFORE, Vec::new(), |settings| {
        let playlists = vec![files.path("two")];
        settings.schedule.dayparts = vec![DaypartSettings { playlists, ..DaypartSettings::default() }];
        settings.schedule.separation.track = seconds(20.02);
    });
    studio.run(seconds(120.0));
    let reasons: Vec<_> = studio
        .new_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::TrackChange { track, .. } => Some(track.reason.clone()),
            _ => None,
        })
        .collect();
    assert!(reasons.len() > 10, "{reasons:?}");
    // Each is heard 6 ms too early.
    for reason in &reasons[2..] {
        assert!(matches!(reason, Reason::Rotation { relaxed, .. } if !relaxed.is_empty()), "{reasons:?}");
    }
    studio.stop();
}

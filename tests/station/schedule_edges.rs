//! What is played by the clock where things go wrong, or come together: broken files, DJs who come a moment
//! before a slot or stay beyond it, nothing to play.

use std::fs;
use std::time::Duration;

use longwave::{
    AfterLive, AnnouncementEnd, DaypartSettings, Entry, Event, LiveSettings, OverLive, Place, Schedule,
    SlotSettings, SlotStart,
};
use longwave_testing::studio::{Studio, stem};
use longwave_testing::{seconds, until};

use crate::djs::{Dj, pass};
use crate::live_inputs::{LIVE, STEREO, settings as live_settings};
use crate::schedule::{BEFORE, Files, HARD, assert_at, at, began, dropped, played, slot, stop_sounding};

/// What is no audio.
const NOISE: &[u8] = &[b'?'; 5_000];

/// How often a track of this name began.
fn times(studio: &Studio, name: &str) -> usize {
    played(studio).iter().filter(|(track, _)| track == name).count()
}

/// Files for pipelines that have live inputs.
fn loud_files(files: &[(&str, f64)]) -> Files {
    let all = Files { spec: STEREO, ..Files::new() };
    files.iter().for_each(|(name, length)| _ = all.file(name, *length));
    all
}

/// When announcements began, in seconds, and how each of them ended.
fn announced(studio: &Studio) -> (Vec<f64>, Vec<AnnouncementEnd>) {
    let hz = f64::from(studio.pipeline.spec().rate.hz());
    let (mut began, mut ended) = (Vec::new(), Vec::new());
    for event in studio.events() {
        match event {
            Event::AnnouncementBegan { at, .. } => began.push(at.0 as f64 / hz),
            Event::AnnouncementEnded { reason, .. } => ended.push(reason),
            _ => {}
        }
    }
    (began, ended)
}

#[test]
fn a_file_that_cannot_be_played_is_replaced_before_the_second_comes() {
    let files = Files::with(&[("instead.wav", 5.0), ("shows/old.wav", 5.0), ("request.wav", 5.0)]);
    fs::write(files.path("news.wav"), NOISE).unwrap();
    fs::write(files.path("shows/new.wav"), NOISE).unwrap();
    let instead = SlotSettings { otherwise: Some(files.path("instead.wav")), ..files.news(SlotStart::Hard) };
    let folder = slot("daily 07:00", &files.path("shows"), SlotStart::Hard);
    for (slot, plays) in [(instead, "instead"), (folder, "old")] {
        let studio = files.station(BEFORE, vec![slot], |_| {});
        studio.run(seconds(5.0));
        // It goes before the queue.
        studio.pipeline.queue_files([Entry::new(files.path("request.wav"))], Place::End).unwrap();
        studio.run(seconds(20.0));
        assert_at(&studio, plays, 10_000);
        assert_at(&studio, "request", 15_000);
        assert_eq!(studio.told(|event| matches!(event, Event::TrackFailed { .. })), 1, "{plays}");
        stop_sounding(studio);
    }
}

#[test]
fn a_file_that_cannot_be_played_is_dropped_with_its_reason_unless_it_is_written_anew() {
    let files = Files::new();
    fs::write(files.path("news.wav"), NOISE).unwrap();
    let slots = || vec![SlotSettings { late: seconds(60.0), ..files.news(SlotStart::Hard) }];
    let studio = files.after(80.0, BEFORE, slots());
    let dropped = dropped(&studio);
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert!(dropped[0].starts_with("news: news.wav: it cannot be played: "), "{dropped:?}");
    assert_eq!(studio.told(|event| matches!(event, Event::TrackFailed { .. })), 1, "it is tried once");
    stop_sounding(studio);
    let studio = files.after(22.0, BEFORE, slots());
    files.file("news.wav", 5.0);
    studio.run(seconds(30.0));
    assert_at(&studio, "news", 30_000);
    stop_sounding(studio);
}

#[test]
fn a_slot_that_may_be_hardly_late_begins_at_the_second() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let news = SlotSettings { late: seconds(1.0), ..files.news(SlotStart::Hard) };
    let studio =
        files.station(BEFORE, vec![news], |settings| settings.skip_crossfade = Duration::from_millis(2_500));
    studio.run(seconds(30.0));
    assert_at(&studio, "news", 10_000);
    assert_eq!(dropped(&studio), [""; 0]);
    stop_sounding(studio);
}

#[test]
fn what_a_slot_declares_holds_for_a_dj_who_comes_a_moment_before_it() {
    for over_live in OverLive::ALL {
        // The slot is ordered at 3.5 seconds, and the DJ's buffer is full a second after these.
        let moments: &[f64] =
            if longwave_testing::long() { &[2.3, 2.8, 3.1, 3.3, 3.5, 3.6, 3.7] } else { &[3.6] };
        for comes in moments {
            let files = loud_files(&[("news.wav", 3.0)]);
            let news = SlotSettings { over_live: *over_live, ..files.news(SlotStart::Hard) };
            let studio = files.station("2026-11-30T06:59:55Z", vec![news], |settings| {
                settings.live = vec![LiveSettings { grace: seconds(1.0), ..live_settings("/live") }];
            });
            studio.run(seconds(*comes));
            // Whose buffer is full a second later.
            let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
            pass(&studio, 5.0, &mut [&mut dj]);
            assert!(studio.pipeline.live().is_some());
            assert_eq!(times(&studio, "news"), 0, "{over_live:?}, {comes}: {:?}", played(&studio));
            let (heard, _) = announced(&studio);
            match over_live {
                OverLive::Interrupt => {
                    assert!(heard.len() == 1 && (4.9..5.5).contains(&heard[0]), "{comes}: {heard:?}");
                }
                OverLive::Wait | OverLive::Skip => assert!(heard.is_empty(), "{over_live:?}: {heard:?}"),
            }
            dj.leaves();
            studio.run(seconds(5.0));
            let news = times(&studio, "news");
            let expected = usize::from(*over_live == OverLive::Wait);
            assert_eq!(news, expected, "{over_live:?}, {comes}: {:?}", played(&studio));
            let reasons: &[&str] = if *over_live == OverLive::Skip { &["news: a DJ was live"] } else { &[] };
            assert_eq!(dropped(&studio), reasons, "{over_live:?}, {comes}");
            studio.stop();
        }
    }
}

/// What was chosen before they came would have begun before the slot.
#[test]
fn a_slot_that_waits_for_a_dj_comes_next() {
    let files = loud_files(&[("news.wav", 3.0)]);
    let studio = files.station("2026-11-30T06:59:25Z", vec![files.news(SlotStart::Hard)], |settings| {
        settings.live = vec![LiveSettings { grace: seconds(1.0), ..live_settings("/live") }];
    });
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 40.0, &mut [&mut dj]);
    assert!(studio.pipeline.live().is_some());
    let next = || studio.pipeline.up_next(1).pop().map(|(_, entry)| stem(&entry.path));
    until("it is chosen", || next().as_deref() == Some("news"));
    let planned = studio.pipeline.preview(seconds(60.0)).unwrap();
    assert_eq!(stem(&planned[0].entry.path), "news", "the preview says the same");
    dj.leaves();
    studio.run(seconds(8.0));
    assert_eq!(times(&studio, "news"), 1, "{:?}", played(&studio));
    studio.stop();
}

#[test]
fn a_slot_is_ordered_again_when_the_air_is_free_before_its_time() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let studio = files.after(9.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    studio.pipeline.hold(Duration::ZERO).unwrap();
    studio.run(seconds(0.4));
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(seconds(10.0));
    assert_at(&studio, "news", 10_000);
    stop_sounding(studio);
}

/// The first track would end twenty seconds after the news have come.
#[test]
fn what_comes_next_says_what_will_happen_at_its_time() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let studio = files.after(5.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    let next = studio.pipeline.up_next(1).pop().unwrap().1;
    assert_eq!(stem(&next.path), "news");
    assert_eq!(next.reason.unwrap().to_string(), "slot news at 07:00");
    let planned = studio.pipeline.preview(seconds(60.0)).unwrap();
    assert_eq!((stem(&planned[0].entry.path).as_str(), planned[0].at), ("news", at("2026-11-30T07:00:00Z")));
    studio.run(seconds(8.0));
    assert_at(&studio, "news", 10_000);
    let news = studio.pipeline.current_track().unwrap();
    assert_eq!(news.track.reason.to_string(), "slot news at 07:00");
    stop_sounding(studio);
}

/// What would have come next is the slot.
#[test]
fn a_skip_long_before_a_slot_does_not_begin_it_before_its_time() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let studio = files.after(3.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    studio.pipeline.skip().unwrap();
    studio.run(seconds(15.0));
    assert_at(&studio, "news", 10_000);
    assert!(played(&studio)[1].1.abs_diff(3_000) <= 4 * HARD, "{:?}", played(&studio));
    stop_sounding(studio);
}

/// A minute before the news, a track of five minutes begins, of which soon no more than ten seconds are left.
#[test]
fn a_track_that_ends_before_a_slot_and_was_to_end_after_it_does_not_begin_it_early() {
    for (start, news_at) in [
        (SlotStart::Hard, 59_900..60_100),
        (SlotStart::Fit, 45_000..75_000),
        (SlotStart::Soft, 60_000..91_000),
    ] {
        for crossfade in [0.0, 4.0] {
            let files = Files::with(&[("news.wav", 5.0), ("long.wav", 300.0)]);
            let studio = files.station("2026-11-30T06:59:00Z", vec![files.news(start)], |settings| {
                settings.crossfade = seconds(crossfade).into();
            });
            studio.pipeline.play_file(files.path("long.wav"), None).unwrap();
            studio.run(seconds(2.0));
            let long = fs::File::options().write(true).open(files.path("long.wav")).unwrap();
            long.set_len(long.metadata().unwrap().len() / 30).unwrap();
            studio.run(seconds(100.0));
            let (played, news) = (played(&studio), began(&studio, "news"));
            assert!(news_at.contains(&news), "{start:?} {crossfade}: {played:?}");
            let long = played.iter().position(|(name, _)| name == "long").unwrap();
            let (next, at) = &played[long + 1];
            assert!(next != "news" && (1_000..11_000).contains(at), "{start:?} {crossfade}: {played:?}");
            stop_sounding(studio);
        }
    }
}

/// A track is to end six seconds after the time of the news, and goes on for minutes: somebody writes it.
#[test]
fn a_track_that_is_longer_than_it_says_does_not_keep_a_slot_waiting() {
    for (start, news_at) in [
        (SlotStart::Hard, 29_900..30_100),
        (SlotStart::Fit, 15_000..45_500),
        (SlotStart::Soft, 235_000..245_000),
    ] {
        let files = Files::with(&[("news.wav", 5.0), ("long.wav", 36.0), ("whole.wav", 240.0)]);
        let studio = files.station("2026-11-30T06:59:30Z", vec![files.news(start)], |_| {});
        studio.pipeline.play_file(files.path("long.wav"), None).unwrap();
        studio.run(seconds(2.0));
        fs::copy(files.path("whole.wav"), files.path("long.wav")).unwrap();
        studio.run(seconds(260.0));
        let (played, news) = (played(&studio), began(&studio, "news"));
        assert!(news_at.contains(&news), "{start:?}: {played:?}");
        stop_sounding(studio);
    }
}

/// What was to follow at the end of a track of five minutes follows in a moment.
#[test]
fn a_track_that_is_sought_to_its_end_before_a_slot_does_not_begin_it_early() {
    for start in [SlotStart::Hard, SlotStart::Fit, SlotStart::Soft] {
        let files = Files::with(&[("news.wav", 5.0), ("long.wav", 300.0)]);
        let studio = files.station("2026-11-30T06:58:30Z", vec![files.news(start)], |_| {});
        studio.pipeline.play_file(files.path("long.wav"), None).unwrap();
        studio.run(seconds(3.0));
        studio.pipeline.seek(seconds(298.5)).unwrap();
        studio.run(seconds(150.0));
        let (played, news) = (played(&studio), began(&studio, "news"));
        assert!((75_000..121_000).contains(&news), "{start:?}: {played:?}");
        stop_sounding(studio);
    }
}

/// The playlist goes on for ever with a schedule, whatever `loop` says.
#[test]
fn a_bad_file_of_a_slot_does_not_silence_a_station_that_does_not_loop() {
    let files = Files::with(&[("instead.wav", 5.0), ("only.wav", 4.0)]);
    fs::write(files.path("news.wav"), NOISE).unwrap();
    let news = SlotSettings { otherwise: Some(files.path("instead.wav")), ..files.news(SlotStart::Soft) };
    let studio = files.station(BEFORE, vec![news], |settings| {
        settings.playlist = vec![files.path("only.wav")];
        settings.repeat = false;
    });
    studio.run(seconds(30.0));
    assert_eq!((times(&studio, "instead"), times(&studio, "news")), (1, 0), "{:?}", played(&studio));
    assert!(times(&studio, "only") >= 5, "{:?}", played(&studio));
    stop_sounding(studio);
}

#[test]
fn an_order_a_moment_before_a_slot_does_not_take_its_turn() {
    let files = Files::with(&[("news.wav", 5.0), ("order.wav", 20.0)]);
    for skips in [true, false] {
        let studio = files.after(9.0, BEFORE, vec![files.news(SlotStart::Hard)]);
        match skips {
            true => studio.pipeline.skip().unwrap(),
            false => _ = studio.pipeline.play_file(files.path("order.wav"), None).unwrap(),
        }
        studio.run(seconds(15.0));
        assert_at(&studio, "news", 10_000);
        stop_sounding(studio);
    }
    // What has come and is skipped has had its turn.
    let studio = files.after(12.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    studio.pipeline.skip().unwrap();
    studio.run(seconds(40.0));
    assert_at(&studio, "news", 10_000);
    stop_sounding(studio);
}

#[test]
fn what_was_held_until_a_slot_was_too_late_goes_on_where_it_was() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let news = SlotSettings { late: seconds(5.0), ..files.news(SlotStart::Hard) };
    let studio = files.after(9.0, BEFORE, vec![news]);
    studio.pipeline.hold(seconds(2.0)).unwrap();
    studio.run(seconds(20.0));
    assert_eq!(dropped(&studio), ["news: the programme was held"]);
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(seconds(10.0));
    assert_eq!(played(&studio).len(), 1, "{:?}", played(&studio));
    studio.stop();
}

#[test]
fn a_show_whose_time_runs_out_while_a_dj_is_live_is_over() {
    let files = loud_files(&[("show.wav", 60.0)]);
    let show = SlotSettings {
        lasts: Some(seconds(12.0)),
        ..slot("daily 07:00", &files.path("show.wav"), SlotStart::Hard)
    };
    // It comes at the sixth second, and is over at the eighteenth.
    for (comes, leaves, after_live) in [
        (10.0, 22.0, AfterLive::Resume),
        (10.0, 22.0, AfterLive::Next),
        // In the last moment of the show.
        (16.2, 22.0, AfterLive::Resume),
        (16.8, 22.0, AfterLive::Resume),
        // The show goes on for some seconds.
        (8.0, 14.0, AfterLive::Resume),
    ] {
        let studio = files.station("2026-11-30T06:59:54Z", vec![show.clone()], |settings| {
            settings.live = vec![LiveSettings { grace: seconds(1.0), after_live, ..live_settings("/live") }];
        });
        studio.run(seconds(comes));
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, leaves - comes, &mut [&mut dj]);
        dj.leaves();
        studio.run(seconds(0.7));
        let has_show = |studio: &Studio| {
            let current = studio.pipeline.current_track();
            current.is_some_and(|current| stem(&current.track.file) == "show")
        };
        studio.run(seconds(3.0));
        assert_eq!(has_show(&studio), leaves < 18.0, "{comes} {leaves} {:?}", played(&studio));
        studio.run(seconds(4.0));
        assert!(!has_show(&studio), "{comes} {leaves} {:?}", played(&studio));
        assert_eq!(times(&studio, "show"), 1, "{comes} {leaves} {:?}", played(&studio));
        studio.stop();
    }
}

#[test]
fn a_show_whose_time_runs_out_while_it_is_held_is_over() {
    let files = Files::with(&[("show.wav", 60.0)]);
    let show = SlotSettings {
        lasts: Some(seconds(5.0)),
        ..slot("daily 07:00", &files.path("show.wav"), SlotStart::Hard)
    };
    let studio = files.after(12.0, BEFORE, vec![show]);
    studio.pipeline.hold(seconds(0.5)).unwrap();
    studio.run(seconds(10.0));
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(seconds(2.0));
    let played = played(&studio);
    assert_eq!(played.len(), 3, "{played:?}");
    assert!((22_000..22_300).contains(&played[2].1), "{played:?}");
    studio.stop();
}

#[test]
fn a_show_whose_time_is_over_does_not_go_on_after_a_restart() {
    let files = Files::with(&[("show.wav", 60.0)]);
    let show = || {
        vec![SlotSettings {
            lasts: Some(seconds(12.0)),
            ..slot("daily 07:00", &files.path("show.wav"), SlotStart::Hard)
        }]
    };
    let studio = files.after(16.0, BEFORE, show());
    let kept = serde_json::to_string(&studio.pipeline.snapshot()).unwrap();
    studio.stop();
    let studio = files.station("2026-11-30T07:00:20Z", show(), |_| {});
    studio.pipeline.restore(serde_json::from_str(&kept).unwrap()).unwrap();
    studio.run(seconds(5.0));
    assert_eq!(times(&studio, "show"), 0, "{:?}", played(&studio));
    stop_sounding(studio);
}

#[test]
fn slots_above_a_dj_follow_each_other_each_for_its_own_time() {
    let files = loud_files(&[("one.wav", 9.0), ("two.wav", 9.0)]);
    let above = |name: &str| SlotSettings {
        over_live: OverLive::Interrupt,
        lasts: Some(seconds(3.0)),
        ..slot("daily 07:00", &files.path(name), SlotStart::Hard)
    };
    let slots = vec![above("one.wav"), above("two.wav")];
    let studio = files.station("2026-11-30T06:59:55Z", slots, |settings| {
        settings.live = vec![live_settings("/live")];
    });
    let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
    pass(&studio, 15.0, &mut [&mut dj]);
    let (began, ended) = announced(&studio);
    assert_eq!(ended, [AnnouncementEnd::Stopped; 2]);
    assert!((began[0] - 5.0).abs() <= 0.1 && (8.0..8.8).contains(&began[1]), "{began:?}");
    studio.stop();
}

#[test]
fn a_slot_above_a_dj_whose_file_cannot_be_played_is_replaced() {
    let files = loud_files(&[("instead.wav", 2.0)]);
    fs::write(files.path("news.wav"), NOISE).unwrap();
    for (otherwise, began) in [(Some(files.path("instead.wav")), 1), (None, 0)] {
        let late = seconds(5.0);
        let over_live = OverLive::Interrupt;
        let news = SlotSettings { over_live, late, otherwise, ..files.news(SlotStart::Hard) };
        let studio = files.station("2026-11-30T06:59:55Z", vec![news], |settings| {
            settings.live = vec![live_settings("/live")];
        });
        let mut dj = Dj::comes(&studio, "/live", "anna", LIVE);
        pass(&studio, 12.0, &mut [&mut dj]);
        assert_eq!(announced(&studio).0.len(), began);
        let dropped = dropped(&studio);
        assert_eq!(dropped.len(), 1 - began, "{dropped:?}");
        assert!(dropped.iter().all(|reason| reason.contains("it cannot be played")), "{dropped:?}");
        studio.stop();
    }
}

/// Nothing else happens that would have anybody look.
#[test]
fn what_comes_after_silence_begins_at_its_time() {
    let files = Files::with(&[("news.wav", 5.0), ("day/song.wav", 5.0)]);
    for start in [SlotStart::Soft, SlotStart::Hard] {
        let studio = files.station(BEFORE, vec![files.news(start)], |settings| settings.playlist.clear());
        studio.run(seconds(20.0));
        let began = began(&studio, "news");
        assert!((9_900..11_000).contains(&began), "{start:?}: {began}");
        studio.stop();
    }
    let daypart = DaypartSettings {
        from: "07:00".parse().unwrap(),
        to: "12:00".parse().unwrap(),
        playlists: vec![files.path("day")],
        ..DaypartSettings::default()
    };
    let studio = files.station(BEFORE, Vec::new(), |settings| {
        settings.playlist.clear();
        settings.schedule = Schedule { dayparts: vec![daypart], ..settings.schedule.clone() };
    });
    studio.run(seconds(20.0));
    let first = &played(&studio)[0];
    assert!(first.0 == "song" && (9_900..11_000).contains(&first.1), "{first:?}");
    studio.stop();
}

#[test]
fn a_daypart_that_cannot_be_played_is_tried_again_now_and_then() {
    let files = Files::new();
    fs::create_dir(files.path("day")).unwrap();
    (0..3).for_each(|n| fs::write(files.path(&format!("day/{n}.wav")), NOISE).unwrap());
    let studio = files.station(BEFORE, Vec::new(), |settings| {
        settings.playlist.clear();
        let playlists = vec![files.path("day")];
        settings.schedule.dayparts = vec![DaypartSettings { playlists, ..DaypartSettings::default() }];
    });
    studio.run(seconds(60.0));
    let failed = studio.told(|event| matches!(event, Event::TrackFailed { .. }));
    assert!((8..100).contains(&failed), "{failed} attempts in a minute");
    studio.stop();
}

#[test]
fn a_slot_that_is_declared_no_more_does_not_take_the_air() {
    let files = Files::with(&[("news.wav", 5.0)]);
    let studio = files.after(9.0, BEFORE, vec![files.news(SlotStart::Hard)]);
    let others = vec![slot("daily 09:00", &files.path("news.wav"), SlotStart::Hard)];
    let zone = "UTC".parse().unwrap();
    studio.pipeline.set_schedule(Schedule { zone, slots: others, ..Schedule::default() }).unwrap();
    studio.run(seconds(15.0));
    assert_eq!(played(&studio).len(), 1, "{:?}", played(&studio));
    stop_sounding(studio);
}

/// A DJ has held the track on the air for minutes: it does not end when it seemed to.
#[test]
fn a_fit_slot_after_a_hold_begins_within_fifteen_seconds() {
    let files = Files::with(&[("talk.wav", 5.0), ("long.wav", 100.0)]);
    let talk = slot("daily 07:00", &files.path("talk.wav"), SlotStart::Fit);
    // Without the hold it would end ten seconds after the hour.
    let studio = files.station("2026-11-30T06:58:30Z", vec![talk], |settings| {
        settings.playlist = vec![files.path("long.wav")];
    });
    studio.run(seconds(10.0));
    studio.pipeline.hold(Duration::ZERO).unwrap();
    studio.run(seconds(40.0));
    studio.pipeline.resume(Duration::ZERO).unwrap();
    studio.run(seconds(70.0));
    assert!(began(&studio, "talk").abs_diff(90_000) <= 15_000 + HARD, "{:?}", played(&studio));
    studio.stop();
}

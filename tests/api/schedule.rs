//! The route that shows what is played by the clock.

use std::time::{Duration, SystemTime};

use longwave::{
    DaypartSettings, Every, InsertSettings, Schedule, SeparationSettings, SlotSettings, SlotStart,
};
use serde_json::{Value, json};

use crate::client::Radio;
use longwave_testing::until;

const SCHEDULE: &str = "/api/v1/pipelines/main/schedule";
const PREVIEW: &str = "/api/v1/pipelines/main/schedule/preview";

/// A station with a file of this name as the news of each hour.
fn with_news(file: &str) -> Radio {
    Radio::with(
        |_| {},
        |settings| {
            settings.schedule.slots = vec![SlotSettings {
                name: "News".into(),
                at: vec!["daily *:00".parse().unwrap()],
                play: settings.playlist[1].with_file_name(file),
                start: SlotStart::Hard,
                ..SlotSettings::default()
            }];
        },
    )
}

#[test]
fn the_next_hours_are_shown_with_their_reasons() {
    let radio = with_news("two.wav");
    let planned = |hours: u32| radio.look(&format!("{PREVIEW}?hours={hours}")).as_array().unwrap().clone();
    // A track is ten minutes long. Before its file has been read, less is thought of it.
    until("the lengths are known", || (18..=24).contains(&planned(3).len()));
    let day = planned(24);
    assert!(day.len() > planned(3).len());
    let default = radio.look(PREVIEW).as_array().unwrap().len();
    assert!(default.abs_diff(day.len()) <= 1, "24 hours are the default: {default} of {}", day.len());
    let news = |track: &&Value| track["reason"].as_str().unwrap().starts_with("slot News");
    let hours = day.iter().filter(news).count();
    assert!((23..=25).contains(&hours), "{hours}");
    for track in day.iter().filter(news) {
        assert_eq!((track["file"].as_str(), track["kind"].as_str()), (Some("two.wav"), Some("show")));
        assert_eq!(track["title"], "two");
        let at: jiff::Timestamp = track["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_second() % 3600, 0, "{track}");
        assert!(SystemTime::from(at) > SystemTime::now() - Duration::from_secs(60));
    }
    for hours in ["0", "169", "many"] {
        let answer = radio.steer("GET", &format!("{PREVIEW}?hours={hours}"), Value::Null);
        assert_eq!(answer.problem(), (400, "invalid-parameter".into(), Some("hours".into())), "{hours}");
    }
}

#[test]
fn a_slot_whose_file_is_missing_is_shown_with_the_reason() {
    let radio = with_news("gone.wav");
    let planned = radio.look(&format!("{PREVIEW}?hours=3"));
    let dropped: Vec<&Value> =
        planned.as_array().unwrap().iter().filter(|track| track["dropped"] == true).collect();
    assert!((2..=4).contains(&dropped.len()), "{planned}");
    for slot in dropped {
        assert_eq!((slot["file"].as_str(), slot["kind"].as_str()), (Some("gone.wav"), Some("show")));
        assert_eq!((slot["cut"].as_bool(), &slot["ends"]), (Some(false), &slot["at"]));
        let reason = slot["reason"].as_str().unwrap();
        let why = " is not played: gone.wav: it is missing";
        assert!(reason.starts_with("slot News at ") && reason.ends_with(why), "{reason}");
    }
}

#[test]
fn without_a_schedule_nothing_is_planned() {
    let radio = Radio::start();
    assert_eq!(radio.look(PREVIEW), Value::Array(Vec::new()));
}

#[test]
fn a_week_shows_what_is_declared_and_nothing_of_the_disk() {
    let radio = Radio::with(
        |_| {},
        |settings| {
            let music = settings.playlist[0].clone();
            settings.schedule = Schedule {
                zone: "Europe/Berlin".parse().unwrap(),
                dayparts: vec![
                    DaypartSettings {
                        name: "Frühe Stunden".into(),
                        days: "Mon-Fri".parse().unwrap(),
                        from: "06:00".parse().unwrap(),
                        to: "10:00".parse().unwrap(),
                        playlists: vec![music.clone(), "library:morning".into()],
                        weights: vec![3],
                    },
                    DaypartSettings { playlists: vec![music.clone()], ..DaypartSettings::default() },
                ],
                inserts: vec![InsertSettings {
                    playlist: music.clone(),
                    every: Every::Time(Duration::from_secs(900)),
                    ..InsertSettings::default()
                }],
                slots: vec![SlotSettings {
                    at: vec!["Sun 02:30".parse().unwrap()],
                    play: music.with_file_name("news-%Y-%m-%d.mp3"),
                    start: SlotStart::Hard,
                    lasts: Some(Duration::from_secs(1_800)),
                    ..SlotSettings::default()
                }],
                separation: SeparationSettings { artist: Duration::from_secs(3_600), ..Default::default() },
            };
        },
    );
    // The week in which clocks go forward.
    let schedule = radio.look(&format!("{SCHEDULE}?from=2026-03-23"));
    assert_eq!(schedule["zone"], "Europe/Berlin");
    let morning = &schedule["dayparts"][0];
    assert_eq!(morning["playlists"][0]["weight"], 3);
    assert_eq!(morning["playlists"][1], json!({ "playlist": "library:morning", "weight": 1 }));
    assert_eq!(schedule["dayparts"][1]["gives_way_to"], "Frühe Stunden (Mon-Fri 06:00-10:00)");
    assert_eq!(schedule["inserts"][0]["every"], "15m");
    assert_eq!(schedule["separation"], json!({ "track": 0.0, "artist": 3600.0, "title": 0.0 }));
    let week = schedule["week"].as_array().unwrap();
    let hours = |day: &Value| {
        let hours = day["dayparts"].as_array().unwrap().iter();
        hours
            .map(|hours| format!("{} {}", hours["daypart"], hours["from"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(hours(&week[0]), ["1 00:00", "0 06:00", "1 10:00"]);
    assert_eq!(hours(&week[5]), ["1 00:00"]);
    // What clocks skip comes when the gap ends.
    let news = json!([{ "slot": 0, "at": "2026-03-29T01:00:00.000Z", "time": "03:00" }]);
    assert_eq!((&week[6]["slots"], &week[6]["ends"]), (&news, &json!("2026-03-29T22:00:00.000Z")));
    assert_eq!(schedule["slots"][0]["play"], "news-%Y-%m-%d.mp3");
    assert!(!schedule.to_string().contains(radio.folder.path().to_str().unwrap()), "{schedule:#}");

    let monday = radio.look(SCHEDULE)["week"][0]["date"].as_str().unwrap().to_owned();
    assert_eq!(monday.parse::<jiff::civil::Date>().unwrap().weekday(), jiff::civil::Weekday::Monday);
    for from in ["soon", "9999-12-31", "2026-02-30", ""] {
        let answer = radio.steer("GET", &format!("{SCHEDULE}?from={from}"), Value::Null);
        assert_eq!(answer.problem(), (422, "invalid-value".into(), Some("from".into())), "{from}");
    }
}

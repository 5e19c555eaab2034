//! What the API adds to a schedule, and the library's database keeps.
#![cfg(feature = "library")]

use longwave::{
    Event, EventKind, LibrarySettings, PipelineSettings, Schedule, ServerSettings, SlotSettings, Station,
    StationSettings,
};
use longwave_testing::client::Answer;
use longwave_testing::studio::constant;
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::{Radio, programme};

const SCHEDULE: &str = "/api/v1/pipelines/main/schedule";

/// What a station with a library is started from, whose configuration declares these slots.
fn settings(radio: &Radio, declared: &[SlotSettings]) -> StationSettings {
    let folder = radio.folder.path();
    let library = LibrarySettings::of([folder.join("music")], folder.join("library.db"));
    let pipeline = PipelineSettings {
        schedule: Schedule { slots: declared.to_vec(), ..Schedule::default() },
        ..programme(&folder.join("music"))
    };
    StationSettings {
        server: ServerSettings { listen: vec![radio.address], ..ServerSettings::default() },
        library: Some(LibrarySettings { analyse: false, ..library }),
        pipelines: vec![pipeline],
        ..StationSettings::default()
    }
}

/// A station with a library, which has two playlists, that declares these slots.
fn radio(declared: &[SlotSettings]) -> Radio {
    let mut radio = Radio::start();
    start_again(&mut radio, declared);
    for name in ["morning", "jingles"] {
        let path = format!("/api/v1/library/playlists/{name}");
        assert_eq!(radio.steer("PUT", &path, json!({ "ordered": [] })).status, 204);
    }
    radio
}

/// Stops the station, and starts it again.
fn start_again(radio: &mut Radio, declared: &[SlotSettings]) {
    radio.stop();
    radio.station = Station::start(settings(radio, declared)).unwrap();
    radio.start_api();
}

fn slot(name: &str) -> SlotSettings {
    SlotSettings {
        name: name.into(),
        at: vec!["daily *:30".parse().unwrap()],
        play: "/tmp/declared.mp3".into(),
        ..SlotSettings::default()
    }
}

fn put(radio: &Radio, path: &str, body: &Value) -> Answer {
    radio.steer("PUT", &format!("{SCHEDULE}/{path}"), body.clone())
}

fn delete(radio: &Radio, path: &str) -> Answer {
    radio.steer("DELETE", &format!("{SCHEDULE}/{path}"), Value::Null)
}

/// The names of a kind, and whether each was added.
fn names(radio: &Radio, kind: &str) -> Vec<(String, bool)> {
    let schedule = radio.look(SCHEDULE);
    let all = schedule[kind].as_array().unwrap().iter();
    all.map(|one| (one["name"].as_str().unwrap().to_owned(), one["added"].as_bool().unwrap())).collect()
}

fn named(names: &[(&str, bool)]) -> Vec<(String, bool)> {
    names.iter().map(|(name, added)| ((*name).to_owned(), *added)).collect()
}

#[test]
fn what_is_added_comes_behind_what_is_declared_and_outlives_a_restart() {
    let mut radio = radio(&[slot("Declared")]);
    for (path, body) in [
        ("slots/News", json!({ "at": "Mon-Fri 07:00", "play": "one.wav", "start": "hard", "late": "5m" })),
        ("slots/Talk", json!({ "at": ["Sat 10:00", "Sun 11:00"], "play": "two.wav" })),
        (
            "dayparts/Fr%C3%BCh",
            json!({ "days": "Mon-Fri", "from": "06:00", "to": "10:00",
            "playlist": ["one.wav", "library:morning"], "weight": [3, 1] }),
        ),
        ("inserts/Jingles", json!({ "playlist": "two.wav", "every": "15m", "kind": "spot" })),
    ] {
        let done = put(&radio, path, &body);
        assert_eq!(done.status, 204, "{path}: {done:?}");
    }
    // It keeps its place.
    assert_eq!(put(&radio, "slots/News", &json!({ "at": "Mon 08:00", "play": "three.wav" })).status, 204);
    let slots = [("Declared", false), ("News", true), ("Talk", true)];
    for _ in 0..2 {
        assert_eq!(names(&radio, "slots"), named(&slots));
        assert_eq!(names(&radio, "dayparts"), named(&[("Früh", true)]));
        assert_eq!(names(&radio, "inserts"), named(&[("Jingles", true)]));
        let schedule = radio.look(&format!("{SCHEDULE}?from=2026-11-30"));
        assert_eq!(schedule["slots"][0]["written"], Value::Null);
        assert_eq!(schedule["slots"][1]["written"], json!({ "at": "Mon 08:00", "play": "three.wav" }));
        let hours = schedule["week"][0]["dayparts"].as_array().unwrap();
        assert_eq!(hours[0]["from"], "06:00");
        start_again(&mut radio, &[slot("Declared")]);
    }
    assert_eq!(delete(&radio, "slots/News").status, 204);
    assert_eq!(names(&radio, "slots"), named(&[slots[0], slots[2]]));
    assert_eq!(delete(&radio, "slots/News").problem(), (404, "not-found".into(), None));
    let changed = radio.steer("GET", "/api/v1/changes", Value::Null).json();
    assert_eq!(changed[0]["path"], format!("{SCHEDULE}/slots/News"));
}

#[test]
fn what_is_written_can_be_given_back() {
    let radio = radio(&[]);
    std::fs::create_dir(radio.music("news")).unwrap();
    let all = [
        ("slots/Least", json!({ "at": "daily 07:00", "play": "one.wav" })),
        (
            "slots/Most",
            json!({ "at": ["Mon 07:00", "daily *:30"], "play": "news/%Y-%m-%d.mp3", "otherwise": "two.wav",
                "start": "fit", "late": "1h30m", "max_age": "20h", "over_live": "interrupt", "for": "30m",
                "kind": "spot" }),
        ),
        ("slots/Coming", json!({ "at": "daily 07:00", "play": "news/later.mp3" })),
        ("slots/Folder", json!({ "at": "daily 07:00", "play": "news" })),
        ("slots/Root", json!({ "at": "daily 07:00", "play": "music" })),
        ("slots/Dated", json!({ "at": "daily 07:00", "play": "%H.mp3" })),
        ("dayparts/Least", json!({ "playlist": "one.wav" })),
        (
            "dayparts/Most",
            json!({ "days": "Sat,Sun", "from": "06:00", "to": "10:00",
                "playlist": ["news", "library:morning"], "weight": [3, 2] }),
        ),
        ("inserts/Least", json!({ "playlist": "library:jingles" })),
        ("inserts/Most", json!({ "playlist": "news", "every": "1 song", "kind": "music" })),
    ];
    for (path, body) in &all {
        assert_eq!(put(&radio, path, body).status, 204, "{path}");
    }
    let written = |path: &str| {
        let (kind, name) = path.split_once('/').unwrap();
        let schedule = radio.look(SCHEDULE);
        let all = schedule[kind].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["written"].clone()
    };
    for (path, body) in &all {
        assert_eq!(&written(path), body, "{path}");
        assert_eq!(put(&radio, path, &written(path)).status, 204, "{path}");
        assert_eq!(&written(path), body, "{path}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_its_key() {
    let radio = radio(&[slot("News")]);
    let missing = put(&radio, "inserts/Typo", &json!({ "playlist": "library:jingle" }));
    assert_eq!((missing.status, missing.json()["field"].as_str()), (404, Some("playlist")), "{missing:?}");
    let good = json!({ "at": "Mon-Fri 07:00", "play": "one.wav" });
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    for (path, body, refused) in [
        ("slots/News", good.clone(), (409, "declared", None)),
        ("slots/Talk", with("play", "../secret.wav".into()), (403, "outside-media-roots", Some("play"))),
        ("slots/Talk", with("play", "/etc/passwd".into()), (403, "outside-media-roots", Some("play"))),
        ("slots/Talk", with("play", "../%Y.wav".into()), (403, "outside-media-roots", Some("play"))),
        ("slots/Talk", with("play", "%Y/../../a.wav".into()), (403, "outside-media-roots", Some("play"))),
        ("slots/Talk", with("play", "gone/news.mp3".into()), (404, "not-found", Some("play"))),
        ("slots/Talk", with("play", "http://radio.example/".into()), (422, "invalid-value", Some("play"))),
        ("slots/Talk", with("otherwise", "gone/a.mp3".into()), (404, "not-found", Some("otherwise"))),
        ("slots/Talk", with("at", "seven".into()), (422, "invalid-value", Some("at"))),
        ("slots/Talk", with("late", "2d".into()), (422, "invalid-value", Some("late"))),
        ("slots/Talk", with("late", 300.into()), (422, "invalid-value", Some("late"))),
        ("slots/Talk", with("lat", "5m".into()), (422, "invalid-value", Some("lat"))),
        ("slots/Talk", with("name", "Other".into()), (422, "invalid-value", Some("name"))),
        ("slots/Talk", json!({ "play": "one.wav" }), (422, "invalid-value", Some("at"))),
        ("slots/%20", good.clone(), (422, "invalid-value", Some("name"))),
        ("slots/a%2Fb", good.clone(), (422, "invalid-value", Some("name"))),
        ("slots/Talk", json!([]), (400, "invalid-body", None)),
        ("shows/Talk", good.clone(), (404, "not-found", None)),
        ("inserts/Talk", json!({ "playlist": "gone" }), (404, "not-found", Some("playlist"))),
        ("dayparts/Talk", json!({}), (422, "invalid-value", Some("playlist"))),
    ] {
        let (status, code, field) = refused;
        let problem = put(&radio, path, &body).problem();
        assert_eq!(problem, (status, code.into(), field.map(str::to_owned)), "{path} {body}");
    }
    assert_eq!(delete(&radio, "slots/News").problem(), (409, "declared".into(), None));
    assert_eq!(delete(&radio, "dayparts/News").problem(), (404, "not-found".into(), None));
    assert_eq!(names(&radio, "slots"), named(&[("News", false)]));
    let path = format!("{SCHEDULE}/slots/Talk");
    assert_eq!(radio.steer_as(&radio.viewer, "PUT", &path, good.clone()).status, 403);
    assert_eq!(put(&radio, "slots/Talk", &with("name", "Talk".into())).status, 204);
}

#[test]
fn what_is_added_plays_nothing_outside_the_media_roots() {
    let radio = radio(&[]);
    let private = radio.folder.path().join("private.wav");
    constant(&private, 0.25, 80_000);
    std::fs::write(radio.music("list.m3u"), format!("{}\n", private.display())).unwrap();
    std::os::unix::fs::symlink(&private, radio.music("link.wav")).unwrap();
    let link = json!({ "at": "daily 07:00", "play": "link.wav" });
    let refused = put(&radio, "slots/News", &link).problem();
    assert_eq!(refused, (403, "outside-media-roots".into(), Some("play".into())));
    until("a track is on the air", || !radio.look("/api/v1/pipelines/main")["current"].is_null());
    let events = radio.pipeline().events(100).unwrap();
    assert_eq!(put(&radio, "dayparts/Day", &json!({ "playlist": "list.m3u" })).status, 204);
    let mut reasons = Vec::new();
    until("it is refused", || {
        reasons.extend(std::iter::from_fn(|| events.try_recv()).filter_map(|event| match event {
            Event::TrackFailed { reason, .. } => Some(reason),
            _ => None,
        }));
        !reasons.is_empty()
    });
    assert!(reasons[0].contains("leads outside the media roots"), "{reasons:?}");
}

#[test]
fn without_a_library_nothing_is_added() {
    let radio = Radio::start();
    let body = json!({ "at": "Mon-Fri 07:00", "play": "one.wav" });
    assert_eq!(put(&radio, "slots/News", &body).problem(), (404, "not-found".into(), None));
    assert_eq!(delete(&radio, "slots/News").problem(), (404, "not-found".into(), None));
}

#[test]
fn a_name_that_is_declared_later_rests_until_it_is_not() {
    let radio = radio(&[]);
    assert_eq!(put(&radio, "slots/News", &json!({ "at": "daily 07:00", "play": "one.wav" })).status, 204);
    let events = radio.pipeline().events(64).unwrap();
    let reload = |declared: &[SlotSettings]| {
        let report = radio.station.reload(&settings(&radio, declared));
        assert_eq!(report.failed, Vec::<String>::new());
        let has_changed = || {
            std::iter::from_fn(|| events.try_recv()).any(|event| event.kind() == EventKind::ScheduleChange)
        };
        until("it is told", has_changed);
    };
    reload(&[slot("News"), slot("Talk")]);
    assert_eq!(names(&radio, "slots"), named(&[("News", false), ("Talk", false)]));
    assert_eq!(delete(&radio, "slots/News").problem(), (409, "declared".into(), None));
    // The same again is no change.
    let again = radio.station.reload(&settings(&radio, &[slot("News"), slot("Talk")]));
    assert!(!again.changed.iter().any(|change| change.contains("slot")), "{again:?}");
    reload(&[slot("Talk")]);
    assert_eq!(names(&radio, "slots"), named(&[("Talk", false), ("News", true)]));
    assert_eq!(delete(&radio, "slots/News").status, 204);
    until("it is told", || {
        std::iter::from_fn(|| events.try_recv()).any(|event| event.kind() == EventKind::ScheduleChange)
    });
}

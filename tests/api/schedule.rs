//! The route that shows what is played by the clock.

use std::time::{Duration, SystemTime};

use longwave::{SlotSettings, SlotStart};
use serde_json::Value;

use crate::client::Radio;
use longwave_testing::until;

const PREVIEW: &str = "/api/v1/pipelines/main/schedule/preview";

#[test]
fn the_next_hours_are_shown_with_their_reasons() {
    let radio = Radio::with(
        |_| {},
        |settings| {
            settings.schedule.slots = vec![SlotSettings {
                name: "News".into(),
                at: vec!["daily *:00".parse().unwrap()],
                play: settings.playlist[1].clone(),
                start: SlotStart::Hard,
                ..SlotSettings::default()
            }];
        },
    );
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
fn without_a_schedule_nothing_is_planned() {
    let radio = Radio::start();
    assert_eq!(radio.look(PREVIEW), Value::Array(Vec::new()));
}

//! What is played by the clock, as the program shows it.
#![cfg(feature = "mp3")]

use super::reload::Served;

const STATION: &str = "[server]
listen = '127.0.0.1:0'
[[pipeline]]
timezone = 'Asia/Tokyo'
playlist = '.'
[[pipeline.slot]]
name = 'Top of the hour'
at = 'daily *:00'
play = 'news.wav'
otherwise = 'one.wav'
start = 'hard'
[[pipeline.output]]
format = 'mp3'
";

#[test]
fn ctl_shows_what_will_be_played_and_why() {
    let station = Served::start(STATION);
    station.until("a track is on the air", || station.says(&["why"]).contains("now"));
    let why = station.says(&["why"]);
    assert!(why.lines().next().unwrap().contains("REASON") && why.contains("the playlist"), "{why}");
    station.until("the plan is there", || {
        station.says(&["schedule", "--hours", "2"]).contains("Top of the hour")
    });
    let planned = station.says(&["schedule", "--hours", "2"]);
    assert!(planned.contains("one.wav"), "{planned}");
    // In Tokyo clocks never change.
    let mut lines = planned.lines();
    assert!(lines.next().unwrap().starts_with("AT (Asia/Tokyo) "), "{planned}");
    assert!(lines.all(|line| line[19..].starts_with("+09:00 ")), "{planned}");
    assert!(planned.lines().count() > 10, "two hours of tracks of ten minutes:\n{planned}");
    let json = station.json(&["schedule", "--hours", "2"]);
    let slots = json.as_array().unwrap().iter().filter(|track| track["kind"] == "show");
    assert!((1..=3).contains(&slots.count()), "{json}");
    let (code, told) = station.refuses(&["schedule", "--hours", "169"]);
    assert!(code != Some(0) && told.contains("1 to 168"), "{code:?} {told}");
}

#[cfg(feature = "library")]
#[test]
fn ctl_adds_to_a_schedule_and_a_preview_beside_the_station_has_it() {
    let with_library = format!("{STATION}[library]\nfolders = '.'\nanalyse = false\n");
    let station = Served::start(&with_library);
    let set = ["schedule", "set", "slot", "Talk"];
    station.says(&[&set[..], &["at=daily *:30", "at=daily *:45", "play=two.wav"]].concat());
    let list = station.says(&["schedule", "list"]);
    let talk = list.lines().find(|line| line.contains("Talk")).unwrap();
    let words: Vec<_> = talk.split_whitespace().collect();
    assert_eq!(words, ["slot", "Talk", "added", "daily", "*:30,", "daily", "*:45", "two.wav"]);
    assert!(list.contains("declared"), "{list}");
    station.until("it is planned", || station.says(&["schedule", "--hours", "2"]).contains("slot Talk"));
    let (code, told) = station.refuses(&["schedule", "remove", "slot", "Top of the hour"]);
    assert!(code != Some(0) && told.contains("the configuration declares the slot"), "{code:?} {told}");
    let (code, told) = station.refuses(&[&set[..], &["at=noon", "play=two.wav"]].concat());
    assert!(code != Some(0) && told.contains("it takes days and a time"), "{code:?} {told}");
    let mut preview = super::reload::longwave(station.path());
    let preview = preview.args(["schedule", "preview", "station.toml", "--hours", "2"]).output();
    let preview = String::from_utf8(preview.unwrap().stdout).unwrap();
    assert!(preview.contains("slot Talk") && preview.contains("slot Top of the hour"), "{preview}");
    let talk = "[[pipeline.slot]]\nname = 'Talk'\nat = 'daily 12:00'\nplay = '.'\n";
    super::reload::write(station.path(), &format!("{with_library}{talk}"));
    station.reload();
    let rests = "the slot \"Talk\" that was added rests: the configuration declares one of that name";
    station.until("it rests", || station.log().contains(rests));
    let list = station.says(&["schedule", "list"]);
    let talk = list.lines().find(|line| line.contains("Talk")).unwrap();
    assert!(talk.contains("declared") && talk.contains("daily 12:00"), "{list}");
}

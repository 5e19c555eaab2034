//! `longwave ctl announce` and `longwave ctl live`.
#![cfg(feature = "mp3")]

use super::reload::{Served, write};

const STATION: &str = "[server]
listen = '127.0.0.1:0'
[[pipeline]]
playlist = 'one.wav'
dead_air_after = 'off'
[[pipeline.output]]
format = 'mp3'
mount = '/radio.mp3'
[[pipeline]]
name = 'night'
playlist = 'two.wav'
dead_air_after = 'off'
[[pipeline.output]]
format = 'mp3'
mount = '/night.mp3'
";

#[test]
fn a_file_is_announced_on_all_pipelines_and_a_reload_does_not_end_it() {
    let station = Served::start(STATION);
    station.until("both play", || station.log().matches("now playing").count() == 2);
    assert_eq!(station.says(&["announce", "three.wav", "--all"]), "");
    station.until("it is announced", || station.log().matches("announcing").count() == 2);
    assert!(
        station
            .says(&["--pipeline", "night", "play", "one.wav"])
            .starts_with("an announcement is on the air")
    );
    write(station.path(), &STATION.replace("playlist = 'one.wav'", "playlist = 'one.wav'\ncrossfade = '2s'"));
    assert!(station.says(&["reload"]).contains("crossfade"));
    let ended = |pipeline: &str| format!("{pipeline}: announcement {}", station.path().display());
    assert!(!station.log().contains(&ended("main")));
    station.says(&["--pipeline", "night", "announce", "--stop"]);
    station.until("it is stopped", || station.log().contains(&ended("night")));
    assert!(!station.log().contains(&ended("main")));
    station.says(&["announce", "--stop", "--all"]);
    station.until("the other one is stopped", || station.log().contains(&ended("main")));
    station.until("the file plays that had to wait", || station.log().contains("night: now playing one"));
    assert!(!station.log().contains("three.wav: broken"));
}

#[test]
fn what_cannot_be_announced_or_ordered_is_said() {
    let station = Served::start(STATION);
    for args in [&["announce"][..], &["announce", "a.wav", "--stop"], &["live", "force"], &["live", "play"]] {
        assert_eq!(station.refuses(args).0, Some(2), "{args:?}");
    }
    let (code, text) = station.refuses(&["announce", "three.wav"]);
    assert!(code == Some(2) && text.contains("--pipeline: main, night"), "{text}");
    let (code, text) = station.refuses(&["--pipeline", "main", "announce", "three.wav", "--all"]);
    assert!(code == Some(2) && text.contains("cannot be used with"), "{text}");
    let (code, text) = station.refuses(&["announce", "nowhere.wav", "--all"]);
    assert_eq!((code, text.lines().count()), (Some(1), 2), "{text}");
    assert!(
        text.contains("nowhere.wav") && text.contains("(on main)") && text.contains("(on night)"),
        "{text}"
    );
    let (code, text) = station.refuses(&["--pipeline", "main", "live", "mute", "/live"]);
    assert!(code == Some(1) && text.contains("live input /live (there is none)"), "{text}");
}

#[test]
fn an_order_on_the_air_is_shown_until_it_is_released() {
    let station = Served::start(STATION);
    let main = ["--pipeline", "main"];
    let says = |args: &[&str]| station.says(&[&main, args].concat());
    assert_eq!(says(&["live"]), "PATH  STATE  ORDERS  USER  AIRED  TITLE\n");
    assert_eq!(says(&["live", "force", "programme"]), "");
    station.until("it is forced", || says(&["status"]).contains("  forced     programme\n"));
    says(&["live", "release"]);
    station.until("it is released", || !says(&["status"]).contains("forced"));
    says(&["hold", "--fade", "0"]);
    station.until("it is held", || says(&["status"]).starts_with("main  held"));
    assert!(says(&["play", "three.wav"]).contains("it plays after `longwave ctl resume`"));
}

//! `longwave ctl status`: what is wrong is shown, wherever it is.
#![cfg(feature = "mp3")]

use std::io::Write;

use super::reload::Served;

const STATION: &str = "[server]
listen = '127.0.0.1:0'
access_log = '/dev/full'
[[pipeline]]
playlist = '.'
[[pipeline.output]]
format = 'mp3'
mount = '/radio.mp3'
";

#[test]
fn status_shows_what_is_wrong_with_the_station_as_a_whole() {
    let station = Served::start(STATION);
    let warning = "station\n  WARNING    the access log /dev/full cannot be written: No space left";
    station.until("the access log fails", || {
        write!(station.connect(), "GET /nowhere HTTP/1.0\r\n\r\n").unwrap();
        station.says(&["status"]).contains(warning)
    });
    assert!(station.says(&["--pipeline", "main", "status"]).contains(warning));
    let json: serde_json::Value = serde_json::from_str(&station.says(&["--json", "status"])).unwrap();
    assert_eq!(json.as_array().map(Vec::len), Some(1), "the answer of the API, unchanged");
}

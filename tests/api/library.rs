//! The library over HTTP.
#![cfg(feature = "library")]

use std::fs::File;
use std::time::SystemTime;

use longwave::{LibrarySettings, ServerSettings, Station, StationSettings};
use longwave_testing::{until, until_lowest};
use serde_json::{Value, json};

use crate::client::Radio;

/// A station with a library of its music, to which it listens or not.
fn radio(analyse: bool) -> Radio {
    let mut radio = Radio::start();
    radio.stop();
    for name in ["one.wav", "two.wav", "three.wav", "noise.mp3"] {
        let file = File::options().write(true).open(radio.music(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    let folder = radio.folder.path();
    let library = LibrarySettings::of([folder.join("music")], folder.join("library.db"));
    let library = Some(LibrarySettings { analyse, ..library });
    let server = ServerSettings { listen: vec![radio.address], ..ServerSettings::default() };
    radio.station =
        Station::start(StationSettings { server, library, ..StationSettings::default() }).unwrap();
    radio.start_api();
    until("the scan has ended", || get(&radio, "")["scan"]["state"] == "ended");
    radio
}

fn get(radio: &Radio, path: &str) -> Value {
    radio.look(&format!("/api/v1/library{path}"))
}

#[test]
fn the_library_is_searched_and_edited() {
    let radio = radio(false);
    let state = get(&radio, "");
    assert_eq!(
        (&state["tracks"], &state["unplayable"], &state["problems"]),
        (&json!(4), &json!(1), &json!([]))
    );
    let found = get(&radio, "/tracks?search=thr&limit=5");
    assert_eq!(
        (&found["total"], &found["more"], &found["tracks"][0]["file"]),
        (&json!(1), &json!(false), &json!("three.wav"))
    );
    let id = &found["tracks"][0]["id"];
    let path = format!("/api/v1/library/tracks/{id}");
    let patch = |body: Value| radio.steer("PATCH", &path, body);
    let edited = patch(json!({"artist": "Ella", "kind": "jingle", "cue_in": 1.5}));
    assert_eq!(
        (edited.status, &edited.json()["kind"], &edited.json()["edits"]["cue_in"]),
        (200, &json!("jingle"), &json!(1.5))
    );
    assert_eq!(get(&radio, "/tracks?search=ella")["total"], 1);
    let edited = patch(json!({"kind": null}));
    assert_eq!((&edited.json()["kind"], &edited.json()["artist"]), (&json!("music"), &json!("Ella")));
    for wrong in
        [json!({"rating": 9}), json!({"rating": "x"}), json!({"kint": "show"}), json!({"cue_out": 1})]
    {
        assert_eq!(patch(wrong.clone()).status, 422, "{wrong}");
    }
    assert_eq!(radio.steer("PATCH", "/api/v1/library/tracks/999", json!({"rating": 1})).status, 404);
    for limit in ["0", "1001", "x"] {
        let answer = radio.steer("GET", &format!("/api/v1/library/tracks?limit={limit}"), Value::Null);
        assert_eq!(answer.status, 400, "{limit}");
    }
}

#[test]
fn a_track_that_was_heard_has_a_picture_that_clients_keep() {
    let radio = radio(true);
    let found = get(&radio, "/tracks?search=three");
    let path = format!("/api/v1/library/tracks/{}/waveform", found["tracks"][0]["id"]);
    let token = format!("Authorization: Bearer {}\r\n", radio.viewer);
    let fetch = |known: &str| radio.ask("GET", &path, &format!("{token}{known}"), "");
    until_lowest("it has been heard", || fetch("").status == 200);
    let picture = fetch("");
    let peaks = picture.json()["peaks"].as_array().unwrap().len();
    let tag = picture.header("etag").unwrap().to_owned();
    assert_eq!((peaks, picture.header("cache-control")), (800, Some("private, no-cache")));
    for known in [tag.clone(), format!("\"x\", W/{tag}")] {
        let again = fetch(&format!("If-None-Match: {known}\r\n"));
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(&*tag)), "{known}");
    }
    assert_eq!(fetch("If-None-Match: \"x\"\r\n").status, 200);
    let unheard = radio.steer("GET", "/api/v1/library/tracks/999/waveform", Value::Null);
    assert_eq!(unheard.status, 404);
}

#[test]
fn playlists_are_made_and_removed_by_their_names() {
    let radio = radio(false);
    let path = "/api/v1/library/playlists/early%20morning";
    let put = |body: Value| radio.steer("PUT", path, body);
    assert_eq!(put(json!({"kind": "show", "smart": {"folder": "x", "order": "newest"}})).status, 204);
    let playlist = get(&radio, "/playlists/early%20morning");
    assert_eq!(
        playlist,
        json!({"name": "early morning", "kind": "show", "smart": {"folder": "x", "order": "newest"}})
    );
    assert_eq!(get(&radio, "/playlists"), json!([playlist]));
    for (wrong, status) in [
        (json!({"kind": "music"}), 400),
        (json!({"smart": {"genres": ["Jazz"]}}), 400),
        (json!({"ordered": ["one.wav"]}), 400),
        (json!({"smart": {"added_within": "soon"}}), 422),
    ] {
        assert_eq!(put(wrong.clone()).status, status, "{wrong}");
    }
    assert_eq!(put(json!({"ordered": [77]})).status, 404);
    assert_eq!(radio.steer("DELETE", path, Value::Null).status, 204);
    assert_eq!(radio.steer("DELETE", path, Value::Null).status, 404);
}

#[test]
fn scanning_rests_when_it_is_told_to() {
    let radio = radio(false);
    for (order, paused) in [("pause", true), ("resume", false)] {
        assert_eq!(radio.steer("POST", &format!("/api/v1/library/{order}"), Value::Null).status, 204);
        assert_eq!(get(&radio, "")["paused"], paused);
    }
    assert_eq!(radio.steer("POST", "/api/v1/library/scan", Value::Null).status, 204);
}

#[test]
fn a_station_without_a_library_says_so() {
    let radio = Radio::start();
    let answer = radio.steer("GET", "/api/v1/library", Value::Null);
    assert_eq!((answer.status, &answer.json()["detail"]), (404, &json!("the station has no library")));
}

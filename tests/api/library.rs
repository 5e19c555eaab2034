//! The library over HTTP.
#![cfg(feature = "library")]

use std::fs::File;
use std::path::Path;
use std::time::SystemTime;

use longwave::{LibrarySettings, PipelineSettings, ServerSettings, Station, StationSettings};
use longwave_testing::client::Client;
use longwave_testing::{until, until_lowest};
use serde_json::{Value, json};

use crate::client::{Radio, programme};

/// A station with a library of its music, to which it listens or not, and without a pipeline.
fn radio(analyse: bool) -> Radio {
    radio_with(analyse, |_| Vec::new())
}

fn radio_with(analyse: bool, pipelines: fn(&Path) -> Vec<PipelineSettings>) -> Radio {
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
    let pipelines = pipelines(&folder.join("music"));
    radio.station =
        Station::start(StationSettings { server, library, pipelines, ..StationSettings::default() }).unwrap();
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
    for (field, text) in [("artist", "a\0b"), ("title", "\u{1b}[2J"), ("title", "\n")] {
        let refused = patch(json!({ field: text }));
        assert_eq!(refused.problem(), (422, "invalid-value".into(), Some(field.into())), "{text:?}");
    }
    let refused = patch(json!({"cue_in": 1e300})).json()["detail"].to_string();
    assert!(refused.contains("1e300"), "{refused}");
    for words in ["a%00b", "artist:%00", "%00"] {
        assert!(get(&radio, &format!("/tracks?search={words}"))["total"].is_u64(), "{words}");
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
        (json!({"ordered": [], "smart": {}}), 400),
        (json!({"ordered": null, "smart": {}}), 400),
        (json!({"kind": "show", "smart": {"search": "a\0b"}}), 204),
        (json!({"smart": {"genres": ["Jazz"]}}), 400),
        (json!({"ordered": ["one.wav"]}), 400),
        (json!({"smart": {"added_within": "soon"}}), 422),
    ] {
        assert_eq!(put(wrong.clone()).status, status, "{wrong}");
    }
    let refused = put(json!({"kind": "music"})).json()["detail"].to_string();
    assert!(refused.contains("say which tracks"), "{refused}");
    let refused = radio.steer("PUT", "/api/v1/library/playlists/a%00b", json!({"ordered": []}));
    assert_eq!(refused.problem(), (422, "invalid-value".into(), Some("name".into())));
    assert_eq!(put(json!({"ordered": [77]})).status, 404);
    let rename = |to: &str| radio.steer("PATCH", path, json!({ "name": to })).status;
    let other = "/api/v1/library/playlists/other";
    assert_eq!(radio.steer("PUT", other, json!({"ordered": []})).status, 204);
    assert_eq!((rename("other"), rename("a/b"), rename("early morning")), (409, 422, 204));
    assert_eq!(rename("Früh"), 204);
    assert_eq!(get(&radio, "/playlists/Fr%C3%BCh")["kind"], "show");
    assert_eq!(rename("again"), 404);
    assert_eq!(
        radio.steer("PATCH", "/api/v1/library/playlists/Fr%C3%BCh", json!({"name": "early morning"})).status,
        204
    );
    assert_eq!(radio.steer("DELETE", path, Value::Null).status, 204);
    assert_eq!(radio.steer("DELETE", path, Value::Null).status, 404);
}

const M3U: &str = "audio/x-mpegurl";

#[test]
fn a_playlist_goes_out_as_an_m3u_and_comes_back() {
    let radio = radio(false);
    let path = "/api/v1/library/m3u/early";
    let put = |target: &str, kind: &str, m3u: &str| {
        let headers = format!("Authorization: Bearer {}\r\nContent-Type: {kind}\r\n", radio.admin);
        radio.ask("PUT", target, &headers, m3u)
    };
    let three = radio.music("three.wav");
    let m3u = format!(
        "#EXTM3U\r\ntwo.wav\r\nE:\\Music\\ONE.WAV\r\n{}\r\ngone.mp3\r\n../secret.wav\r\n./two.wav",
        three.display()
    );
    let made = put(&format!("{path}?kind=show"), M3U, &m3u);
    let left_out = ["gone.mp3", "../secret.wav"].map(|name| format!("{name}: it is not in the library"));
    assert_eq!(made.json(), json!({"tracks": 4, "left_out": left_out, "more_left_out": 0}));

    let viewer = format!("Authorization: Bearer {}\r\n", radio.viewer);
    let export = radio.ask("GET", path, &viewer, "");
    let files: Vec<&str> = export.body.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(files, ["two.wav", "one.wav", "three.wav", "two.wav"]);
    assert!(export.body.starts_with("#EXTM3U\n#PLAYLIST:early\n#EXTINF:600,two\n"), "{}", export.body);
    assert!(export.header("content-disposition").unwrap().contains("filename=\"early.m3u8\""));
    let again = put(path, M3U, &export.body);
    assert_eq!(again.json(), json!({"tracks": 4, "left_out": [], "more_left_out": 0}));
    let playlist = get(&radio, "/playlists/early");
    assert_eq!(playlist["kind"], "show", "it stays what it is");

    for (target, kind, body, code) in [
        (path, "application/json", "{\"ordered\": []}", "unsupported-media-type"),
        (path, M3U, "gone.mp3\nnothing.mp3\n", "invalid-value"),
        (path, M3U, "", "invalid-value"),
        ("/api/v1/library/m3u/early?kind=songs", M3U, "two.wav", "invalid-parameter"),
        ("/api/v1/library/m3u/a%00b", M3U, "two.wav", "invalid-value"),
    ] {
        assert_eq!(put(target, kind, body).problem().1, code, "{target} {body}");
    }
    let mut client = Client::new(radio.connect());
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: {M3U}\r\n", radio.admin);
    client.send("PUT", path, &format!("{headers}Content-Length: 8388609\r\n"), "");
    assert_eq!(client.answer(false).problem().1, "too-large");
    assert_eq!(get(&radio, "/playlists"), json!([playlist]), "nothing of it has changed anything");
    let none = radio.ask("GET", "/api/v1/library/m3u/none", &viewer, "");
    assert_eq!(none.problem().1, "not-found");
}

#[test]
fn of_a_long_m3u_the_first_that_are_not_there_are_named() {
    let radio = radio(false);
    let gone: String = (0..3_000).map(|n| format!("a folder that is gone/{n}.mp3\n")).collect();
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: {M3U}\r\n", radio.admin);
    let made = radio.ask("PUT", "/api/v1/library/m3u/long", &headers, &format!("{gone}two.wav")).json();
    assert_eq!((&made["tracks"], &made["more_left_out"]), (&json!(1), &json!(2_900)));
    assert_eq!(made["left_out"][99], "a folder that is gone/99.mp3: it is not in the library");
    let refused = radio.ask("PUT", "/api/v1/library/m3u/long", &headers, &"two.wav\n".repeat(200_001));
    assert_eq!(refused.problem().1, "limit-reached");
}

#[test]
fn a_station_says_what_it_has_of_what_it_can_do_without() {
    let parts = |radio: &Radio| radio.look("/api/v1/server")["parts"].clone();
    assert_eq!(
        parts(&radio(false)),
        json!({"library": true, "inbox": false, "history": false, "configuration": false})
    );
    assert_eq!(
        parts(&Radio::start()),
        json!({"library": false, "inbox": false, "history": false, "configuration": false})
    );
}

#[test]
fn a_pipeline_plays_a_playlist_of_the_library() {
    let radio = radio_with(false, |music| vec![programme(music)]);
    let playlist = json!({"smart": {"search": "two"}});
    assert_eq!(radio.steer("PUT", "/api/v1/library/playlists/deux", playlist).status, 204);
    let load = |name: &str| {
        let list = json!({"files": [name], "when": "now"});
        radio.steer("PUT", "/api/v1/pipelines/main/playlist", list)
    };
    assert_eq!(load("library:deux").status, 202);
    let state = || radio.look("/api/v1/pipelines/main");
    until("it is on the air", || state()["current"]["title"] == "two");
    until("its name is told", || state()["playlist"]["name"] == "library:deux");
    let none = load("library:trois");
    assert_eq!((none.status, &none.json()["field"]), (404, &json!("files[0]")));
}

#[test]
fn the_tracks_of_a_playlist_and_of_a_query_come_in_pages() {
    let radio = radio(false);
    let files = |found: &Value| {
        let tracks = found["tracks"].as_array().unwrap();
        tracks.iter().map(|track| track["file"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let query = |smart: &str| format!("/tracks?smart={}", smart.replace('"', "%22").replace(' ', "%20"));
    let all = get(&radio, &query("{}"));
    assert_eq!(
        (&all["total"], files(&all)),
        (&json!(3), vec!["one.wav".into(), "three.wav".into(), "two.wav".into()])
    );
    let two = get(&radio, &query(r#"{"limit": 2}"#));
    assert_eq!((&two["total"], files(&two).len()), (&json!(2), 2));
    let last = get(&radio, &format!("{}&offset=1&limit=5", query(r#"{"limit": 2}"#)));
    assert_eq!(files(&last), ["three.wav"]);
    for (smart, search, found) in [("{}", "one", 1), ("{}", "", 3), (r#"{"search": "two"}"#, "one", 0)] {
        let some = get(&radio, &format!("{}&search={search}", query(smart)));
        assert_eq!(files(&some).len(), found, "{smart} {search}");
    }
    let ids: Vec<&Value> = all["tracks"].as_array().unwrap().iter().map(|track| &track["id"]).collect();
    let ordered = json!({"ordered": [ids[2], ids[0], ids[2]]});
    assert_eq!(radio.steer("PUT", "/api/v1/library/playlists/x", ordered).status, 204);
    let tracks = get(&radio, "/playlists/x/tracks?limit=2");
    assert_eq!((&tracks["total"], files(&tracks)), (&json!(3), vec!["two.wav".into(), "one.wav".into()]));
    assert_eq!(files(&get(&radio, "/playlists/x/tracks?offset=2")), ["two.wav"]);
    for (wrong, status) in [
        (query("{"), 400),
        (query(r#"{"genres": []}"#), 400),
        (query(r#"{"added_within": "soon"}"#), 422),
        ("/playlists/none/tracks".into(), 404),
        ("/playlists/x/tracks?limit=0".into(), 400),
    ] {
        let answer = radio.steer("GET", &format!("/api/v1/library{wrong}"), Value::Null);
        assert_eq!(answer.status, status, "{wrong}");
    }
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

//! The routes with which an admin controls a station.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::client::Radio;
use longwave_testing::client::Answer;
use longwave_testing::until;

const P: &str = "/api/v1/pipelines/main";

fn steer(radio: &Radio, method: &str, path: &str, body: Value) -> Answer {
    radio.steer(method, &format!("{P}{path}"), body)
}

fn done(answer: &Answer) {
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn refused(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    assert_eq!(answer.problem(), (status, code.into(), field.map(str::to_owned)), "{answer:?}");
}

/// The title on the air.
fn current(radio: &Radio) -> Value {
    radio.look(P)["current"]["title"].clone()
}

fn files(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["file"].as_str().unwrap()).collect()
}

#[test]
fn the_state_of_a_pipeline_is_told_whole() {
    let radio = Radio::start();
    until("the first track is on the air", || current(&radio) == "one");
    let state = radio.look(P);
    assert_eq!(state, radio.look("/api/v1/pipelines")[0].as_object().map(|_| state.clone()).unwrap());
    assert_eq!(
        (&state["name"], &state["running"], &state["held"]),
        (&"main".into(), &true.into(), &false.into())
    );
    assert_eq!(state["current"]["file"], "one.wav", "files are named below their root");
    assert_eq!((&state["next"]["file"], &state["mounts"]), (&"two.wav".into(), &json!(["/a"])));
    assert_eq!((&state["playlist"]["length"], &state["playlist"]["loop"]), (&2.into(), &true.into()));
    assert_eq!(state["health"], json!({ "ok": true, "problems": [], "warnings": [] }));
    assert_eq!(radio.look(&format!("{P}/health"))["ok"], true);
    assert_eq!(files(&radio.look(&format!("{P}/history"))), ["one.wav"]);
    assert_eq!(files(&radio.look(&format!("{P}/up-next?count=3"))), ["two.wav", "one.wav"]);
    assert_eq!(radio.look(&format!("{P}/outputs"))[0]["mount"], "/a");
    assert_eq!(radio.look("/api/v1/mounts")[0]["pipeline"], "main");
    assert_eq!(radio.look("/api/v1/server")["version"], env!("CARGO_PKG_VERSION"));
    refused(&radio.steer("GET", "/api/v1/pipelines/night", Value::Null), 404, "not-found", None);
    refused(&radio.steer("GET", "/api/v1/listeners?mount=/typo", Value::Null), 404, "not-found", None);
    refused(
        &steer(&radio, "GET", "/up-next?count=many", Value::Null),
        400,
        "invalid-parameter",
        Some("count"),
    );
    refused(&steer(&radio, "PUT", "/skip", Value::Null), 405, "method-not-allowed", None);
    refused(&radio.steer("GET", "/api/v2", Value::Null), 404, "not-found", None);
}

#[test]
fn the_queue_is_filled_moved_and_emptied() {
    let radio = Radio::start();
    let body = json!({ "files": ["two.wav", { "file": "three.wav", "title": "Für Ana <3" }] });
    let ids = steer(&radio, "POST", "/queue", body).json()["ids"].clone();
    let first = steer(&radio, "POST", "/queue", json!({ "files": ["one.wav"], "place": "next" })).json();
    let queue = radio.look(&format!("{P}/queue"));
    assert_eq!(files(&queue), ["one.wav", "two.wav", "three.wav"]);
    assert_eq!((&queue[0]["id"], &queue[2]["id"]), (&first["ids"][0], &ids[1]));
    assert_eq!(queue[2]["title"], "Für Ana <3");

    done(&steer(&radio, "PUT", &format!("/queue/{}/index", ids[1]), json!({ "index": 0 })));
    assert_eq!(files(&radio.look(&format!("{P}/queue"))), ["three.wav", "one.wav", "two.wav"]);
    done(&steer(&radio, "DELETE", &format!("/queue/{}", ids[0]), Value::Null));
    refused(&steer(&radio, "DELETE", &format!("/queue/{}", ids[0]), Value::Null), 404, "not-found", None);
    refused(&steer(&radio, "DELETE", "/queue/many", Value::Null), 404, "not-found", None);
    refused(&steer(&radio, "PUT", "/queue/999/index", json!({ "index": 0.0 })), 404, "not-found", None);
    for index in [json!(-1), json!(0.5), json!("0")] {
        let answer = steer(&radio, "PUT", &format!("/queue/{}/index", ids[1]), json!({ "index": index }));
        refused(&answer, 400, "invalid-body", Some("index"));
    }
    assert_eq!(files(&radio.look(&format!("{P}/queue"))), ["three.wav", "one.wav"]);
    done(&steer(&radio, "DELETE", "/queue", Value::Null));
    assert_eq!(radio.look(&format!("{P}/queue")), json!([]));
}

#[test]
fn a_malformed_body_changes_nothing_and_the_error_names_its_field() {
    let radio = Radio::start();
    for (body, status, code, field) in [
        (json!({ "files": [] }), 422, "invalid-value", Some("files")),
        (json!({ "files": ["one.wav"], "palce": "end" }), 400, "invalid-body", Some("palce")),
        (json!({ "files": ["one.wav"], "place": "first" }), 400, "invalid-body", Some("place")),
        (json!({ "files": "one.wav" }), 400, "invalid-body", Some("files")),
        (json!({ "files": [1] }), 400, "invalid-body", Some("files[0]")),
        (json!({ "files": [["one.wav", "T"]] }), 400, "invalid-body", Some("files[0]")),
        (json!({ "files": [{ "file": "one.wav", "titel": "T" }] }), 400, "invalid-body", Some("files[0]")),
        (json!([]), 400, "invalid-body", None),
        (json!([["one.wav"], "end"]), 400, "invalid-body", None),
        (json!({ "files": ["one.wav", "gone.wav"] }), 404, "not-found", Some("files[1]")),
        (json!({ "files": [".."] }), 403, "outside-media-roots", Some("files[0]")),
        (json!({ "files": ["../secret.wav"] }), 403, "outside-media-roots", Some("files[0]")),
        (json!({ "files": ["/etc/passwd"] }), 403, "outside-media-roots", Some("files[0]")),
        (json!({ "files": ["."] }), 422, "file-unplayable", Some("files[0]")),
    ] {
        refused(&steer(&radio, "POST", "/queue", body), status, code, field);
    }
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    let queue = format!("{P}/queue");
    let as_json = format!("{login}Content-Type: application/json\r\n");
    for broken in ["{", "{} {}", "\u{fe}", "", "[[[[[[[[", "{\"files\": [\"one.wav\"]"] {
        let answer = radio.ask("POST", &queue, &as_json, broken);
        assert!(matches!(answer.problem().1.as_str(), "invalid-json" | "invalid-body"), "{answer:?}");
    }
    for list in ["application/json, text/plain", "text/plain, application/json", "application/json,"] {
        let answer = radio.ask("POST", &queue, &format!("{login}Content-Type: {list}\r\n"), "{}");
        refused(&answer, 415, "unsupported-media-type", None);
    }
    let form = format!("{login}Content-Type: text/plain\r\n");
    let answer = radio.ask("POST", &queue, &form, "{\"files\": [\"one.wav\"]}");
    refused(&answer, 415, "unsupported-media-type", None);
    assert_eq!(radio.look(&queue), json!([]));
}

/// Of a Mac, of an old Windows, and of a list that was written elsewhere.
#[test]
fn a_file_is_found_by_the_name_that_was_told_and_in_other_spellings() {
    let radio = Radio::start();
    let latin = radio.music("").join(OsStr::from_bytes(b"M\xe4rz.wav"));
    std::fs::copy(radio.music("two.wav"), &latin).unwrap();
    std::fs::copy(radio.music("two.wav"), radio.music("De\u{301}compose\u{301}.wav")).unwrap();
    for (asked, told, title) in [
        ("M%E4rz.wav", "file://M%E4rz.wav", "März"),
        ("Décomposé.wav", "De\u{301}compose\u{301}.wav", "De\u{301}compose\u{301}"),
        ("E:\\Music\\TWO.WAV", "two.wav", "two"),
    ] {
        for name in [asked, told] {
            let added = steer(&radio, "POST", "/queue", json!({ "files": [name] }));
            assert_eq!(added.status, 201, "{name}: {added:?}");
            let queue = radio.look(&format!("{P}/queue"));
            assert_eq!((&queue[0]["file"], &queue[0]["title"]), (&told.into(), &title.into()));
            done(&steer(&radio, "DELETE", "/queue", Value::Null));

            assert_eq!(steer(&radio, "POST", "/play", json!({ "file": name })).status, 201, "{name}");
            until("it is on the air", || radio.look(P)["current"]["file"] == told);
            assert_eq!(current(&radio), title);
            assert_eq!(steer(&radio, "POST", "/voices", json!({ "file": name })).status, 201, "{name}");
            until("the deck sounds", || radio.look(&format!("{P}/voices"))[0]["file"] == told);
            done(&steer(&radio, "DELETE", "/voices?fade=0", Value::Null));
            until("the deck is free", || radio.look(&format!("{P}/voices")) == json!([]));

            let list = json!({ "files": [name], "when": "now", "loop": true });
            assert_eq!(steer(&radio, "PUT", "/playlist", list).status, 202, "{name}");
            until("the list plays", || radio.look(&format!("{P}/playlist"))["name"] == told);
            let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let metadata = radio.look(&format!("/api/v1/metadata?file={encoded}"));
            assert_eq!((&metadata["file"], &metadata["title"]), (&told.into(), &title.into()));
        }
    }
    refused(
        &steer(&radio, "POST", "/queue", json!({ "files": ["C:\\secret.wav"] })),
        404,
        "not-found",
        Some("files[0]"),
    );
}

#[test]
fn a_body_may_begin_with_a_byte_order_mark_and_say_its_type_twice() {
    let radio = Radio::start();
    let login = format!("Authorization: Bearer {}\r\n", radio.admin);
    for kind in ["application/json", "application/json; charset=utf-8, application/json"] {
        let headers = format!("{login}Content-Type: {kind}\r\n");
        let answer = radio.ask("POST", &format!("{P}/queue"), &headers, "\u{feff}{\"files\": [\"one.wav\"]}");
        assert_eq!(answer.status, 201, "{kind}: {answer:?}");
    }
    let headers = format!("{login}Content-Type: application/json\r\n");
    let answer = radio.ask("POST", &format!("{P}/queue"), &headers, "\u{feff}[]");
    refused(&answer, 400, "invalid-body", None);
}

#[test]
fn the_programme_obeys_commands() {
    let radio = Radio::start();
    until("the first track is on the air", || current(&radio) == "one");
    done(&steer(&radio, "POST", "/skip", Value::Null));
    until("the second is", || current(&radio) == "two");
    let answer = steer(&radio, "POST", "/play", json!({ "file": "three.wav", "title": "Now" }));
    assert_eq!(answer.status, 201);
    until("what was asked for is", || current(&radio) == "Now");
    done(&steer(&radio, "POST", "/seek", json!({ "to": 300.5 })));
    until("it is there", || radio.look(P)["current"]["played"].as_f64() > Some(300.0));
    done(&steer(&radio, "POST", "/hold", json!({ "fade": 0.1 })));
    until("it is held", || radio.look(P)["held"] == true);
    until("nothing is heard of it", || radio.look(P)["hold"] == "held");
    done(&steer(&radio, "POST", "/resume", Value::Null));
    until("it is not", || radio.look(P)["held"] == false);
    done(&steer(&radio, "POST", "/hold", json!({ "when": "after-current" })));
    until("it will be held", || radio.look(P)["hold"] == "after-current");
    assert_eq!(radio.look(P)["held"], false);
    done(&steer(&radio, "POST", "/resume", Value::Null));
    until("it will not", || radio.look(P)["hold"] == "released");
    refused(
        &steer(&radio, "POST", "/play", json!({ "file": "noise.mp3" })),
        422,
        "file-unplayable",
        Some("file"),
    );
    refused(&steer(&radio, "POST", "/seek", json!({ "to": -1 })), 400, "invalid-body", Some("to"));
    refused(&steer(&radio, "POST", "/hold", json!({ "fade": 1e9 })), 400, "invalid-body", Some("fade"));
    refused(&steer(&radio, "POST", "/hold", json!({ "when": "soon" })), 400, "invalid-body", Some("when"));

    let list =
        json!({ "files": ["three.wav"], "when": "now", "loop": false, "shuffle": true, "crossfade": 0 });
    assert_eq!(steer(&radio, "PUT", "/playlist", list).status, 202);
    until("the other list plays", || current(&radio) == "three");
    let playlist = radio.look(&format!("{P}/playlist"));
    assert_eq!(
        (&playlist["name"], &playlist["loop"], &playlist["length"]),
        (&"three.wav".into(), &false.into(), &1.into())
    );
    done(&steer(&radio, "PATCH", "/playlist", json!({ "loop": true })));
    assert_eq!(radio.look(&format!("{P}/playlist"))["loop"], true);
    refused(
        &steer(&radio, "PUT", "/playlist", json!({ "files": ["../music"] })),
        403,
        "outside-media-roots",
        Some("files[0]"),
    );
}

#[test]
fn titles_are_set_and_taken_back() {
    let radio = Radio::start();
    let announced = || radio.look("/api/v1/mounts")[0]["title"].clone();
    until("the track is announced", || announced() == "one");
    let title = json!({ "title": "<script>alert(1)</script>\r\nX", "holds": "until-cleared", "url": "https://x.example" });
    done(&steer(&radio, "PUT", "/metadata", title));
    until("the guest is", || announced() == "<script>alert(1)</script> X");
    assert_eq!(radio.look("/api/v1/mounts")[0]["title_url"], "https://x.example");
    done(&steer(&radio, "DELETE", "/metadata", Value::Null));
    until("the track is again", || announced() == "one");
    let elsewhere = json!({ "title": "x", "mount": "/b" });
    refused(&steer(&radio, "PUT", "/metadata", elsewhere), 404, "not-found", None);
    refused(&steer(&radio, "DELETE", "/metadata?mount=/b", Value::Null), 404, "not-found", None);
}

#[test]
fn voices_play_over_the_programme() {
    let radio = Radio::start();
    let voice = |id: &Value| {
        let voices = radio.look(&format!("{P}/voices"));
        voices.as_array().unwrap().iter().find(|voice| voice["id"] == *id).cloned()
    };
    let id = steer(&radio, "POST", "/voices", json!({ "file": "three.wav", "volume": 0.5, "paused": true }))
        .json()["id"]
        .clone();
    until("it is there", || voice(&id).is_some());
    assert_eq!(voice(&id).unwrap()["file"], "three.wav");
    assert_eq!((&voice(&id).unwrap()["paused"], &voice(&id).unwrap()["volume"]), (&true.into(), &0.5.into()));
    done(&steer(&radio, "POST", &format!("/voices/{id}/seek"), json!({ "to": 60 })));
    done(&steer(&radio, "POST", &format!("/voices/{id}/resume"), Value::Null));
    until("it goes on there", || voice(&id).unwrap()["position"].as_f64() > Some(60.0));
    done(&steer(&radio, "POST", &format!("/voices/{id}/pause"), Value::Null));
    until("it waits", || voice(&id).unwrap()["paused"] == true);
    let ramp = json!({ "volume": 1.0, "over": 0.1, "curve": "equal-power" });
    done(&steer(&radio, "PUT", &format!("/voices/{id}/volume"), ramp));
    until("it is louder", || voice(&id).unwrap()["volume"] == 1.0);
    let loud = steer(&radio, "PUT", &format!("/voices/{id}/volume"), json!({ "volume": 17 }));
    refused(&loud, 422, "invalid-value", Some("volume"));
    refused(
        &steer(&radio, "POST", "/voices", json!({ "file": "noise.mp3" })),
        422,
        "file-unplayable",
        Some("file"),
    );
    refused(
        &steer(&radio, "DELETE", &format!("/voices/{id}?fade=-1"), Value::Null),
        400,
        "invalid-parameter",
        Some("fade"),
    );
    done(&steer(&radio, "DELETE", &format!("/voices/{id}?fade=0"), Value::Null));
    until("it has ended", || voice(&id).is_none());

    steer(&radio, "POST", "/voices", json!({ "file": "three.wav" }));
    done(&steer(&radio, "DELETE", "/voices?fade=0.1", Value::Null));
    until("all have ended", || radio.look(&format!("{P}/voices")) == json!([]));
    until("the next track follows", || current(&radio) == "two");
}

#[test]
#[cfg(feature = "mp3")]
fn outputs_are_added_changed_and_removed() {
    let radio = Radio::start();
    let low = json!({ "format": "mp3", "mount": "/low.mp3", "bitrate": 32, "name": "Low" });
    let answer = steer(&radio, "POST", "/outputs", low.clone());
    assert_eq!((answer.status, &answer.json()["name"]), (201, &"Low".into()));
    refused(&steer(&radio, "POST", "/outputs", low), 409, "exists", None);
    let other = json!({ "format": "mp3", "mount": "/low.mp3", "bitrate": 64 });
    done(&steer(&radio, "PUT", "/outputs", other));
    let wrong = json!({ "format": "mp3", "mount": "/x.mp3", "bitrate": 65 });
    refused(&steer(&radio, "POST", "/outputs", wrong), 422, "invalid-value", Some("bitrate"));
    let unknown = json!({ "format": "mp3", "bitrat": 64 });
    refused(&steer(&radio, "POST", "/outputs", unknown), 422, "invalid-value", Some("bitrat"));
    for (field, value) in [
        ("content_type", "text/html"),
        ("content_type", "audio/mpeg, text/html"),
        ("url", "javascript:alert(1)"),
        ("url", "data:text/html,x"),
    ] {
        let wrong = json!({ "format": "mp3", "mount": "/page.mp3", "bitrate": 32, field: value });
        refused(&steer(&radio, "POST", "/outputs", wrong), 422, "invalid-value", Some(field));
    }
    refused(&steer(&radio, "POST", "/outputs", json!([])), 400, "invalid-body", None);
    done(&steer(&radio, "DELETE", "/outputs?mount=/low.mp3", Value::Null));
    refused(&steer(&radio, "DELETE", "/outputs?mount=/low.mp3", Value::Null), 404, "not-found", None);
    refused(&steer(&radio, "DELETE", "/outputs", Value::Null), 400, "invalid-parameter", Some("mount"));
}

#[test]
fn listeners_are_listed_and_can_be_closed() {
    let radio = Radio::start();
    let agent = "<b>\"player\"</b> \u{9b}2J";
    let mut player = radio.connect();
    write!(player, "GET /a HTTP/1.1\r\nUser-Agent: {agent}\r\n\r\n").unwrap();
    let listeners = |target: &str| radio.look(target);
    until("it counts", || listeners("/api/v1/listeners") != json!([]));
    let listener = listeners("/api/v1/listeners?mount=/a")[0].clone();
    assert_eq!(
        (&listener["mount"], &listener["address"], &listener["agent"]),
        (&"/a".into(), &"127.0.0.1".into(), &agent.into())
    );
    refused(&radio.steer("GET", "/api/v1/listeners?mount=/b", Value::Null), 404, "not-found", None);
    let target = format!("/api/v1/listeners/{}", listener["id"]);
    done(&radio.steer("DELETE", &target, Value::Null));
    let mut rest = Vec::new();
    let _ = std::io::Read::read_to_end(&mut player, &mut rest);
    refused(&radio.steer("DELETE", &target, Value::Null), 404, "not-found", None);
    assert_eq!(radio.look("/api/v1/server")["closed"]["kicked"], 1);
}

#[test]
fn the_tags_of_a_file_are_read() {
    let radio = Radio::start();
    let metadata = radio.look("/api/v1/metadata?file=one.wav");
    assert_eq!((&metadata["file"], &metadata["title"]), (&"one.wav".into(), &"one".into()));
    assert_eq!((&metadata["duration"], &metadata["artist"]), (&600.0.into(), &Value::Null));
    let refusal = |target: &str| radio.steer("GET", target, Value::Null);
    refused(&refusal("/api/v1/metadata"), 400, "invalid-parameter", Some("file"));
    refused(&refusal("/api/v1/metadata?file=%2e%2e/secret.wav"), 403, "outside-media-roots", Some("file"));
    refused(&refusal("/api/v1/metadata?file=noise.mp3"), 422, "file-unplayable", Some("file"));
}

#[test]
fn what_is_beyond_a_limit_is_refused_with_its_name() {
    let radio = Radio::start();
    let play = || steer(&radio, "POST", "/voices", json!({ "file": "three.wav", "paused": true }));
    for _ in 0..64 {
        assert_eq!(play().status, 201);
    }
    let refused = play();
    assert_eq!((refused.problem().0, refused.problem().1.as_str()), (409, "limit-reached"));
    assert!(refused.body.contains("max_voices is 64"), "{}", refused.body);
    let files = vec!["three.wav"; 1000];
    let queue = || steer(&radio, "POST", "/queue", json!({ "files": files }));
    let refused =
        std::iter::repeat_with(queue).take(11).find(|answer| answer.status != 201).expect("a limit");
    assert_eq!((refused.problem().0, refused.problem().1.as_str()), (409, "limit-reached"));
    assert!(refused.body.contains("max_queue is 10000"), "{}", refused.body);
}

//! Files that the API names lie below the media roots, whatever way leads to them.

use std::fs;
use std::os::unix::fs::symlink;

use longwave::Event;
use longwave_testing::studio::constant;
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::Radio;

const P: &str = "/api/v1/pipelines/main";

#[test]
fn a_list_plays_what_is_below_the_roots_and_nothing_else() {
    let radio = Radio::start();
    constant(&radio.folder.path().join("private.wav"), 0.25, 80_000);
    constant(&radio.music("new.wav"), 0.25, 80_000);
    let outside = radio.folder.path().display().to_string();
    let list =
        format!("../private.wav\n{outside}/private.wav\nfile://{outside}/private.wav\ninner.pls\nnew.wav\n");
    fs::write(radio.music("list.m3u"), list).unwrap();
    fs::write(radio.music("inner.pls"), "File1=../private.wav\nFile2=three.wav\n").unwrap();
    let body = json!({ "files": ["list.m3u"], "when": "now" });
    assert_eq!(radio.steer("PUT", &format!("{P}/playlist"), body).status, 202);
    until("the list is read", || radio.look(&format!("{P}/playlist"))["length"] == 2);
    until("its first track is on the air", || radio.look(P)["current"]["file"] == "three.wav");
    assert_eq!(radio.look(&format!("{P}/up-next"))[0]["file"], "new.wav");
}

#[test]
fn a_link_that_comes_after_the_request_is_refused_when_it_is_opened() {
    let radio = Radio::start();
    until("the first track is on the air", || radio.look(P)["current"]["title"] == "one");
    let events = radio.pipeline().events(100).unwrap();
    fs::create_dir(radio.music("album")).unwrap();
    fs::create_dir(radio.folder.path().join("out")).unwrap();
    constant(&radio.music("album/song.wav"), 0.25, 80_000);
    constant(&radio.folder.path().join("out/song.wav"), 0.25, 80_000);
    // The first of the queue is opened at once, the second when the first is on the air.
    let body = json!({ "files": ["three.wav", "album/song.wav"] });
    assert_eq!(radio.steer("POST", &format!("{P}/queue"), body).status, 201);
    fs::rename(radio.music("album"), radio.folder.path().join("gone")).unwrap();
    symlink("../out", radio.music("album")).unwrap();
    assert_eq!(radio.steer("POST", &format!("{P}/skip"), Value::Null).status, 204);
    let mut reasons = Vec::new();
    until("it is refused", || {
        reasons.extend(std::iter::from_fn(|| events.try_recv()).filter_map(|event| match event {
            Event::TrackFailed { reason, .. } => Some(reason),
            _ => None,
        }));
        !reasons.is_empty()
    });
    assert_eq!(reasons, ["leads outside the media roots"]);
    for (method, path, body) in [
        ("POST", "/queue", json!({ "files": ["album/song.wav"] })),
        ("POST", "/play", json!({ "file": "album/song.wav" })),
        ("POST", "/voices", json!({ "file": "album/song.wav" })),
        ("POST", "/announce", json!({ "file": "album/song.wav" })),
        ("PUT", "/playlist", json!({ "files": ["album"] })),
    ] {
        let answer = radio.steer(method, &format!("{P}{path}"), body);
        assert_eq!(answer.problem().1, "outside-media-roots", "{path}: {answer:?}");
    }
    let answer = radio.steer("GET", "/api/v1/metadata?file=album/song.wav", Value::Null);
    assert_eq!(answer.problem().1, "outside-media-roots", "{answer:?}");
}

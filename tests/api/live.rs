//! Orders on live inputs, and announcements, over the API.

use longwave::{LiveSettings, MountSettings};
use longwave_testing::client::Answer;
use longwave_testing::studio::constant;
use longwave_testing::until;
use serde_json::{Value, json};

use crate::client::Radio;

const P: &str = "/api/v1/pipelines/main";

fn radio() -> Radio {
    let inputs = vec![LiveSettings::at("/live"), LiveSettings::at("/gaeste")];
    Radio::with(|_| {}, |pipeline| pipeline.live = inputs)
}

fn steer(radio: &Radio, method: &str, path: &str, body: Value) -> Answer {
    radio.steer(method, &format!("{P}{path}"), body)
}

fn done(answer: &Answer) {
    assert_eq!(answer.status, 204, "{answer:?}");
}

fn code(answer: &Answer) -> (u16, String) {
    let (status, code, _) = answer.problem();
    (status, code)
}

#[test]
fn orders_on_live_inputs_are_shown_and_lifted() {
    let radio = radio();
    let inputs = radio.look(&format!("{P}/live"));
    assert_eq!((&inputs[0]["path"], &inputs[1]["path"]), (&"/live".into(), &"/gaeste".into()));
    assert_eq!((&inputs[0]["state"], &inputs[0]["muted"]), (&"absent".into(), &false.into()));
    assert_eq!(radio.look(P)["forced"], Value::Null);
    done(&steer(&radio, "POST", "/live/force", json!({ "to": "/gaeste" })));
    until("it is forced", || radio.look(P)["forced"] == "/gaeste");
    assert_eq!(radio.look(&format!("{P}/live"))[1]["forced"], true);
    done(&steer(&radio, "POST", "/live/force", json!({ "to": "programme" })));
    until("the programme is forced", || radio.look(P)["forced"] == "programme");
    done(&steer(&radio, "POST", "/live/release", Value::Null));
    until("it is released", || radio.look(P)["forced"].is_null());
    done(&steer(&radio, "POST", "/live/mute", json!({ "path": "/live" })));
    until("it is muted", || radio.look(&format!("{P}/live"))[0]["muted"] == true);
    done(&steer(&radio, "POST", "/live/unmute", json!({ "path": "/live" })));
    until("it is let on", || radio.look(&format!("{P}/live"))[0]["muted"] == false);
    for (path, body) in [("force", json!({ "to": "/x" })), ("mute", json!({ "path": "/x" }))] {
        let refused = steer(&radio, "POST", &format!("/live/{path}"), body);
        assert_eq!(code(&refused), (404, "not-found".into()));
    }
    assert_eq!(code(&steer(&radio, "POST", "/live/force", json!({ "path": "/live" }))).0, 400);
    let viewer = radio.steer_as(&radio.viewer, "POST", &format!("{P}/live/release"), Value::Null);
    assert_eq!(code(&viewer), (403, "forbidden".into()));
}

#[test]
fn an_announcement_is_made_shown_and_stopped_and_who_it_does_not_reach_is_named() {
    let radio = radio();
    let own =
        MountSettings { path: "/own.mp3".into(), content_type: "audio/mpeg".into(), ..Default::default() };
    let own = radio.station.server().add_mount(own).unwrap();
    constant(&radio.music("brännande.wav"), 0.1, 8_000 * 60);
    let answer = steer(&radio, "POST", "/announce", json!({ "file": "brännande.wav" }));
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["not_reached"], json!(["/own.mp3"]));
    let id = answer["id"].clone();
    until("it sounds", || radio.look(&format!("{P}/announcements"))[0]["sounding"] == true);
    let shown = radio.look(&format!("{P}/announcements"));
    assert_eq!((&shown[0]["file"], &shown[0]["duration"]), (&"brännande.wav".into(), &60.0.into()));
    // What plays now waits, and is told so.
    let play = json!({ "file": "three.wav" });
    assert_eq!(steer(&radio, "POST", "/play", play.clone()).json()["waits"], "announcement");
    let second = steer(&radio, "POST", "/announce", json!({ "file": "three.wav" })).json();
    assert_eq!(second["id"], id.as_u64().unwrap() + 1);
    done(&steer(&radio, "DELETE", &format!("/announcements/{id}"), Value::Null));
    until("the second one sounds", || radio.look(&format!("{P}/announcements"))[0]["file"] == "three.wav");
    done(&steer(&radio, "DELETE", "/announcements", Value::Null));
    until("all are over", || radio.look(&format!("{P}/announcements")) == json!([]));
    let over = steer(&radio, "DELETE", &format!("/announcements/{id}"), Value::Null);
    assert_eq!(code(&over), (404, "not-found".into()));
    for (file, status, code) in [
        ("nowhere.wav", 404, "not-found"),
        ("../secret.wav", 403, "outside-media-roots"),
        ("noise.mp3", 422, "file-unplayable"),
    ] {
        let (refused, problem, _) = steer(&radio, "POST", "/announce", json!({ "file": file })).problem();
        assert_eq!((refused, problem.as_str()), (status, code), "{file}");
    }
    done(&steer(&radio, "POST", "/hold", json!({ "fade": 0 })));
    until("it is held", || radio.look(P)["held"] == true);
    assert_eq!(steer(&radio, "POST", "/play", play.clone()).json()["waits"], "held");
    done(&steer(&radio, "POST", "/resume", json!({ "fade": 0 })));
    until("it is not held", || radio.look(P)["held"] == false);
    assert_eq!(steer(&radio, "POST", "/play", play).json()["waits"], Value::Null);
    drop(own);
}

//! The event streams of the API.

use longwave::{EventKind, MountSettings, Title, TitleHolds};
use longwave_testing::client::Client;
use longwave_testing::until;
use serde_json::Value;

use crate::client::Radio;
use crate::document::judge_event;

/// A client that follows an event stream.
struct Follower {
    client: Client,
    head: String,
}

#[derive(Debug)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

impl Follower {
    fn follow(radio: &Radio, target: &str, headers: &str) -> Follower {
        let mut client = Client::new(radio.connect());
        client.send("GET", target, headers, "");
        let head = String::from_utf8(client.until(b"\r\n\r\n")).unwrap();
        Follower { client, head }
    }

    fn station(radio: &Radio, headers: &str) -> Follower {
        let follower = Follower::follow(
            radio,
            "/api/v1/events",
            &format!("Authorization: Bearer {}\r\n{headers}", radio.viewer),
        );
        assert!(follower.head.contains("\r\nContent-Type: text/event-stream\r\n"), "{}", follower.head);
        follower
    }

    /// The next event. Comments are skipped.
    fn next(&mut self) -> Event {
        loop {
            let text = String::from_utf8(self.client.until(b"\n\n")).unwrap();
            let mut event = Event { id: String::new(), name: String::new(), data: Value::Null };
            for line in text.lines() {
                match line.split_once(": ") {
                    Some(("id", id)) => event.id = id.into(),
                    Some(("event", name)) => event.name = name.into(),
                    Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                    _ => {}
                }
            }
            if !event.name.is_empty() {
                judge_event(&event.name, &event.data);
                return event;
            }
        }
    }

    fn next_of(&mut self, name: &str) -> Event {
        std::iter::repeat_with(|| self.next()).find(|event| event.name == name).unwrap()
    }
}

#[test]
fn a_new_follower_gets_a_snapshot_and_then_events_at_once() {
    let radio = Radio::start();
    until("the first track is told", || {
        radio.look("/api/v1/pipelines/main/history") != serde_json::json!([])
    });
    let mut follower = Follower::station(&radio, "");
    let snapshot = follower.next();
    assert_eq!(
        (snapshot.name.as_str(), &snapshot.data["pipelines"][0]["name"]),
        ("snapshot", &"main".into())
    );
    radio.pipeline().skip().unwrap();
    let change = follower.next_of("track-change");
    assert_eq!(
        (&change.data["pipeline"], &change.data["track"]["file"]),
        (&"main".into(), &"two.wav".into())
    );
    let denied = radio.ask("GET", "/api/v1/events", "", "");
    assert_eq!(denied.problem().0, 401);
}

#[test]
fn a_hook_that_hangs_holds_up_no_follower() {
    let radio = Radio::start();
    until("the first track is on the air", || radio.pipeline().current_track().is_some());
    let (release, held) = std::sync::mpsc::channel::<()>();
    radio.pipeline().add_hook(EventKind::TrackChange, move |_, _| _ = held.recv()).unwrap();
    let mut follower = Follower::station(&radio, "");
    for _ in 0..3 {
        radio.pipeline().skip().unwrap();
        follower.next_of("track-change");
    }
    drop(release);
}

#[test]
fn a_follower_that_reconnects_gets_each_missed_event_once() {
    let radio = Radio::start();
    until("the first track is on the air", || radio.pipeline().current_track().is_some());
    let mut steady = Follower::station(&radio, "");
    let first = steady.next();
    let mut seen = Vec::new();
    for _ in 0..3 {
        radio.pipeline().skip().unwrap();
        seen.push(steady.next_of("track-change"));
    }
    let mut again = Follower::station(&radio, &format!("Last-Event-ID: {}\r\n", seen[0].id));
    assert_eq!(again.next_of("track-change").id, seen[1].id);
    assert_eq!(again.next_of("track-change").id, seen[2].id);
    // From the snapshot's own id on, everything is missing. The parameter has the same effect as the header.
    let token = format!("Authorization: Bearer {}\r\n", radio.viewer);
    let target = format!("/api/v1/events?last_event_id={}", first.id);
    let mut all = Follower::follow(&radio, &target, &token);
    assert_eq!(all.next_of("track-change").id, seen[0].id);
    radio.pipeline().skip().unwrap();
    let last = steady.next_of("track-change").id;
    assert_eq!(again.next_of("track-change").id, last, "and it goes on");

    for strange in
        ["", "x", "00000000-0000000000000000", &first.id[..first.id.len() - 1], &format!("{}0", first.id)]
    {
        let mut follower = Follower::station(&radio, &format!("Last-Event-ID: {strange}\r\n"));
        assert_eq!(follower.next().name, "snapshot", "{strange:?}");
    }
    let within = format!("{}{:016x}", &first.id[..9], u64::from_str_radix(&last[9..], 16).unwrap() - 1);
    let mut follower = Follower::station(&radio, &format!("Last-Event-ID: {within}\r\n"));
    assert_eq!(follower.next().name, "snapshot", "within an event nothing begins");
}

#[test]
fn a_page_follows_what_its_mount_plays() {
    let radio = Radio::start();
    until("it is announced", || radio.station.server().mount_info("/a").unwrap().title.title.text == "one");
    let mut page = Follower::follow(&radio, "/nowplaying/a", "Accept: text/event-stream\r\n");
    assert!(page.head.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{}", page.head);
    assert_eq!(page.next().data["title"], "one");
    let title = "</script> event: forged data: 1";
    let lines = "</script> \r\n\nevent: forged\ndata: 1\u{2028}";
    radio.pipeline().update_metadata(Title::new(lines), None, TitleHolds::UntilCleared).unwrap();
    let told = page.next_of("now-playing");
    assert_eq!((&told.data["title"], &told.data["track"]), (&title.into(), &Value::Null));
    let mut other = Follower::follow(&radio, "/nowplaying/a?format=events", "");
    assert_eq!(other.next().data["title"], title);
    let json = radio.ask("GET", "/nowplaying/a?format=json", "Accept: text/event-stream\r\n", "");
    assert_eq!(json.header("content-type"), Some("application/json"));

    let mut player = Client::new(radio.connect());
    player.send("GET", "/a", "", "");
    assert_eq!(other.next_of("listeners").data["listeners"], 1);
    assert_eq!(radio.station.server().listener_count(None).unwrap(), 1, "who follows events is no listener");
}

#[test]
fn followers_have_a_limit_of_their_own() {
    let radio = Radio::with(|server| server.max_event_clients = 2, |_| {});
    let mut followers: Vec<_> = (0..2).map(|_| Follower::station(&radio, "")).collect();
    let token = format!("Authorization: Bearer {}\r\n", radio.viewer);
    let refused = Client::new(radio.connect()).ask("GET", "/api/v1/events", &token, "");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")));
    assert_eq!(radio.ask("GET", "/nowplaying/a?format=json", "", "").status, 200);
    followers.pop();
    // The server notices that it has gone when it writes to it.
    until("there is room again", || {
        radio.pipeline().skip().unwrap();
        Client::new(radio.connect()).ask("HEAD", "/api/v1/events", &token, "").status == 200
            && Follower::follow(&radio, "/api/v1/events", &token).head.starts_with("HTTP/1.1 200")
    });
}

#[test]
fn a_stop_of_the_station_closes_its_followers() {
    let radio = Radio::start();
    let mut follower = Follower::station(&radio, "");
    follower.next();
    drop(radio);
    while !follower.client.is_closed() {}
}

#[test]
fn a_mount_that_gets_another_format_is_a_problem_of_the_station() {
    let radio = Radio::start();
    until("something is on the air", || radio.pipeline().current_track().is_some());
    let mut followed = Follower::station(&radio, "");
    let mount =
        MountSettings { path: "/app".into(), content_type: "audio/mpeg".into(), ..Default::default() };
    let mut audio = radio.station.server().add_mount(mount).unwrap().into_audio();
    audio.write_audio(&[&b"fLaC"[..], &[0x55; 70_000]].concat()).unwrap();
    let answer = radio.ask("GET", "/health", "", "");
    let sentence = "/app gets what is not audio/mpeg (it looks like FLAC): its listeners hear nothing";
    assert_eq!((answer.status, &answer.json()["problems"][0]["problem"]), (503, &sentence.into()));
    assert_eq!(answer.json()["problems"][0]["pipeline"], Value::Null);
    let state = radio.look("/api/v1/mounts");
    let state = state.as_array().unwrap().iter().find(|state| state["mount"] == "/app").unwrap();
    assert_eq!(state["unreadable"], "gets what is not audio/mpeg (it looks like FLAC)");
    assert!(state["garbage_bytes"].as_u64().unwrap() > 64 * 1024, "{state}");
    let told = followed.next_of("audio-unreadable").data;
    assert_eq!((&told["pipeline"], &told["mount"]), (&Value::Null, &"/app".into()));
}

#[test]
fn levels_follow_the_mix() {
    let radio = Radio::start();
    let login = format!("Authorization: Bearer {}\r\n", radio.viewer);
    let mut levels = Follower::follow(&radio, "/api/v1/pipelines/main/levels", &login);
    assert!(levels.head.contains("\r\nContent-Type: text/event-stream\r\n"), "{}", levels.head);
    // The tracks are a constant 0.25, which is -12 dB, and of no pitch that an ear hears.
    let loud = |event: &Event| {
        let peak = event.data["peak_db"][0].as_f64().unwrap();
        assert!(event.name == "levels" && peak < -11.0, "{event:?}");
        peak > -13.0
    };
    std::iter::repeat_with(|| levels.next()).find(loud).unwrap();
    radio.steer("POST", "/api/v1/pipelines/main/hold", Value::Null);
    std::iter::repeat_with(|| levels.next()).find(|event| !loud(event)).unwrap();
    let none = radio.steer("GET", "/api/v1/pipelines/other/levels", Value::Null);
    assert_eq!(none.problem().0, 404);
    assert_eq!(radio.ask("GET", "/api/v1/pipelines/main/levels", "", "").problem().0, 401);
}

/// Two operators at once see what the other does.
#[test]
fn who_changes_something_is_told_to_all_and_remembered() {
    let radio = Radio::start();
    let mut other = Follower::station(&radio, "");
    let queue = "/api/v1/pipelines/main/queue";
    let added = radio.steer("POST", queue, serde_json::json!({ "files": ["three.wav"] }));
    assert_eq!(added.status, 201);
    let told = other.next_of("changed");
    assert_eq!((&told.data["user"], &told.data["method"]), (&"steward".into(), &"POST".into()));
    assert_eq!(told.data["path"], queue);
    // What was refused has changed nothing.
    assert_eq!(radio.steer("POST", queue, serde_json::json!({ "files": ["none.wav"] })).status, 404);
    assert_eq!(radio.steer("DELETE", queue, Value::Null).status, 204);
    assert_eq!(other.next_of("changed").data["method"], "DELETE");
    let changes = radio.look("/api/v1/changes");
    let methods: Vec<_> = changes.as_array().unwrap().iter().map(|change| &change["method"]).collect();
    assert_eq!(methods, ["DELETE", "POST"]);
}

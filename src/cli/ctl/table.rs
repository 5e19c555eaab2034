//! The station's answers as text for people.

use longwave::Zone;
use serde_json::Value;

use crate::cli::text::one_line;

/// A table whose columns are as wide as their longest cell.
fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(head.iter().map(|name| (*name).to_owned()).collect()).chain(rows) {
        let row: Vec<String> = row;
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn rows(list: &Value, cells: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    list.as_array().into_iter().flatten().map(cells).collect()
}

/// The text of a cell, without line ends and colours.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => one_line(text),
        other => other.to_string(),
    }
}

/// `3:07`, `1:02:03`.
fn time(seconds: &Value) -> String {
    let Some(seconds) = seconds.as_f64() else { return "-".into() };
    let seconds = seconds as u64;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

pub fn pipelines(list: &Value) -> String {
    let mut shown = String::new();
    for pipeline in list.as_array().into_iter().flatten() {
        let current = &pipeline["current"];
        let now = match current["title"].as_str() {
            Some(title) => {
                format!("{}  {} / {}", one_line(title), time(&current["played"]), time(&current["duration"]))
            }
            None => "-".into(),
        };
        let state = match (pipeline["running"].as_bool(), pipeline["hold"].as_str()) {
            (Some(true), Some("held" | "fading")) => "held",
            (Some(true), Some("after-current")) => "on air, held after the current track",
            (Some(true), _) => "on air",
            _ => "stopped",
        };
        let mounts: Vec<String> = pipeline["mounts"].as_array().into_iter().flatten().map(text).collect();
        shown += &format!("{}  {state}\n", text(&pipeline["name"]));
        for (name, value) in [
            ("now", now),
            ("next", text(&pipeline["next"]["title"])),
            ("queued", text(&pipeline["queued"])),
            ("playlist", text(&pipeline["playlist"]["name"])),
            ("listeners", text(&pipeline["listeners"])),
            ("mounts", mounts.join(" ")),
        ]
        .into_iter()
        .chain(orders_and_live(pipeline))
        {
            shown += &format!("  {name:<10} {value}\n");
        }
        shown += &findings(&pipeline["health"], |finding| Some(finding));
    }
    shown
}

/// Who is live, and who has the air by an order, if there is anything to say.
fn orders_and_live(pipeline: &Value) -> impl Iterator<Item = (&'static str, String)> {
    let live = &pipeline["live"];
    let live = (!live.is_null())
        .then(|| format!("{}  {}", text(&live["path"]), text(&live["source"]["user"])))
        .map(|live| ("live", live));
    let forced = pipeline["forced"].as_str().map(|forced| ("forced", one_line(forced)));
    live.into_iter().chain(forced)
}

/// What is wrong with the station as a whole, and not with one of its pipelines.
pub fn of_station(health: &Value) -> String {
    let found = findings(health, |finding| finding["pipeline"].is_null().then_some(&finding["problem"]));
    if found.is_empty() { found } else { format!("station\n{found}") }
}

/// The problems and warnings, a line each, whose sentences `sentence` finds.
fn findings(health: &Value, sentence: impl Fn(&Value) -> Option<&Value>) -> String {
    let mut shown = String::new();
    for (list, label) in [("problems", "PROBLEM"), ("warnings", "WARNING")] {
        for finding in health[list].as_array().into_iter().flatten().filter_map(&sentence) {
            shown += &format!("  {label:<10} {}\n", text(finding));
        }
    }
    shown
}

pub fn entries(list: &Value) -> String {
    table(
        &["ID", "TITLE", "FILE"],
        rows(list, |entry| vec![text(&entry["id"]), text(&entry["title"]), text(&entry["file"])]),
    )
}

/// How the library is doing.
pub fn library(state: &Value) -> String {
    let scan = &state["scan"];
    let scan = match scan["state"].as_str() {
        Some("running") => format!("{} of {} files read", text(&scan["read"]), text(&scan["changed"])),
        Some("ended") => format!("ended {}", text(&scan["at"])),
        _ => "none yet".into(),
    };
    let problems = state["problems"].as_array().into_iter().flatten().map(text);
    let lines = [
        ("tracks", text(&state["tracks"])),
        ("missing", text(&state["missing"])),
        ("unplayable", text(&state["unplayable"])),
        ("to hear", text(&state["to_hear"])),
        ("playlists", text(&state["playlists"])),
        ("scan", if state["paused"] == true { format!("paused, {scan}") } else { scan }),
    ];
    let lines = lines.into_iter().map(|(name, value)| format!("{name:<12}{value}\n"));
    lines.chain(problems.map(|problem| format!("problem     {problem}\n"))).collect()
}

/// Tracks of the library.
pub fn tracks(found: &Value) -> String {
    let cells =
        |track: &Value| ["id", "artist", "title", "file"].iter().map(|key| text(&track[*key])).collect();
    table(&["ID", "ARTIST", "TITLE", "FILE"], rows(&found["tracks"], cells))
}

/// Tracks that listeners may request.
pub fn offered(found: &Value) -> String {
    let cells =
        |track: &Value| ["track", "artist", "title", "album"].iter().map(|key| text(&track[*key])).collect();
    table(&["ID", "ARTIST", "TITLE", "ALBUM"], rows(found, cells))
}

/// Playlists of the library.
pub fn playlists(list: &Value) -> String {
    let cells = |playlist: &Value| {
        let tracks = match playlist["ordered"].as_array() {
            Some(tracks) => format!("{} tracks", tracks.len()),
            None => text(&playlist["smart"]),
        };
        vec![text(&playlist["name"]), text(&playlist["kind"]), tracks]
    };
    table(&["NAME", "KIND", "TRACKS"], rows(list, cells))
}

/// All that is known of something: a line for each value.
pub fn facts(object: &Value) -> String {
    let facts = object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    facts.map(|(key, value)| format!("{key:<14}{}\n", text(value))).collect()
}

pub fn history(list: &Value) -> String {
    table(
        &["BEGAN", "TITLE", "FILE"],
        rows(list, |track| vec![text(&track["began_at"]), text(&track["title"]), text(&track["file"])]),
    )
}

pub fn plays(list: &Value) -> String {
    let cells = |play: &Value| {
        let of = |key: &str| text(&play[key]);
        vec![of("began_at"), of("kind"), time(&play["heard"]), of("listeners_peak"), of("title")]
    };
    table(&["BEGAN", "KIND", "HEARD", "LISTENERS", "TITLE"], rows(list, cells))
}

/// What was heard at a time.
pub fn heard(title: &Value) -> String {
    let row = ["audible_at", "title", "live"].map(|field| text(&title[field])).to_vec();
    table(&["SINCE", "TITLE", "LIVE"], vec![row])
}

/// Why a pipeline plays what it plays. While a DJ is live, what is on the air is theirs.
pub fn why(pipeline: &Value) -> String {
    let live = &pipeline["live"];
    let now = match live.is_null() {
        true => track_and_reason("now", &pipeline["current"]),
        false => Some(vec![
            "now".into(),
            text(&live["title"]),
            format!("{} is live at {}", text(&live["source"]["user"]), text(&live["path"])),
        ]),
    };
    let next = track_and_reason("next", &pipeline["next"]);
    table(&["", "TITLE", "REASON"], now.into_iter().chain(next).collect())
}

fn track_and_reason(when: &str, track: &Value) -> Option<Vec<String>> {
    (!track.is_null()).then(|| vec![when.into(), text(&track["title"]), text(&track["reason"])])
}

/// The dayparts, inserts and slots of a schedule.
pub fn schedule(schedule: &Value) -> String {
    let list = |items: &Value| {
        let items = items.as_array().into_iter().flatten();
        items.map(|item| text(item.get("playlist").unwrap_or(item))).collect::<Vec<_>>().join(", ")
    };
    let row = |kind: &str, one: &Value, when: String, what: String| {
        let origin = if one["added"] == true { "added" } else { "declared" };
        vec![kind.into(), text(&one["name"]), origin.into(), when, what]
    };
    let daypart = |one: &Value| {
        let when = format!("{} {}-{}", text(&one["days"]), text(&one["from"]), text(&one["to"]));
        row("daypart", one, when, list(&one["playlists"]))
    };
    let insert =
        |one: &Value| row("insert", one, format!("every {}", text(&one["every"])), text(&one["playlist"]));
    let slot = |one: &Value| row("slot", one, list(&one["at"]), text(&one["play"]));
    let mut all = rows(&schedule["dayparts"], daypart);
    all.extend(rows(&schedule["inserts"], insert));
    all.extend(rows(&schedule["slots"], slot));
    table(&["KIND", "NAME", "", "WHEN", "WHAT"], all)
}

/// What a schedule will play, in the station's zone.
pub fn planned(list: &Value, zone: &Zone) -> String {
    let local = |at: &Value| {
        let known = at.as_str().and_then(|at| humantime::parse_rfc3339(at).ok());
        known.map_or_else(|| text(at), |at| zone.local(at))
    };
    let cells = |track: &Value| {
        let remark = match (track["cut"].as_bool(), track["dropped"].as_bool()) {
            (_, Some(true)) => "not played",
            (Some(true), _) => "cut",
            _ => "",
        };
        vec![
            local(&track["at"]),
            text(&track["kind"]),
            remark.into(),
            text(&track["file"]),
            text(&track["reason"]),
        ]
    };
    table(&[&format!("AT ({zone})"), "KIND", "", "FILE", "REASON"], rows(list, cells))
}

pub fn listeners(list: &Value) -> String {
    let cells = |listener: &Value| {
        vec![
            text(&listener["id"]),
            text(&listener["mount"]),
            text(&listener["address"]),
            time(&listener["duration"]),
            text(&listener["agent"]),
        ]
    };
    table(&["ID", "MOUNT", "ADDRESS", "SINCE", "PLAYER"], rows(list, cells))
}

/// What was recorded, and what could not be looked at.
pub fn recordings(found: &Value) -> String {
    let cells = |recording: &Value| {
        let fields = ["began", "state", "duration", "bytes", "name"];
        fields.map(|field| text(&recording[field])).to_vec()
    };
    let listed = table(&["BEGAN", "STATE", "SECONDS", "BYTES", "NAME"], rows(&found["recordings"], cells));
    let problems = found["problems"].as_array().into_iter().flatten();
    problems.fold(listed, |listed, problem| format!("{listed}{}\n", text(problem)))
}

/// What is in the inbox of the library.
pub fn inbox(inbox: &Value) -> String {
    let cells = |file: &Value| ["user", "modified", "bytes", "name"].map(|field| text(&file[field])).to_vec();
    table(&["USER", "MODIFIED", "BYTES", "NAME"], rows(&inbox["files"], cells))
}

pub fn sources(list: &Value) -> String {
    let cells = |source: &Value| {
        vec![
            text(&source["id"]),
            text(&source["path"]),
            text(&source["user"]),
            text(&source["address"]),
            text(&source["since"]),
            text(&source["content_type"]),
            text(&source["received_bytes"]),
            text(&source["program"]),
        ]
    };
    table(&["ID", "PATH", "USER", "ADDRESS", "SINCE", "TYPE", "BYTES", "PROGRAM"], rows(list, cells))
}

pub fn sessions(list: &Value) -> String {
    let cells = |session: &Value| {
        vec![
            text(&session["id"]),
            text(&session["name"]),
            text(&session["role"]),
            text(&session["address"]),
            text(&session["since"]),
            text(&session["used"]),
            text(&session["agent"]),
        ]
    };
    table(&["ID", "USER", "ROLE", "ADDRESS", "SINCE", "USED", "BROWSER"], rows(list, cells))
}

pub fn denied(list: &Value) -> String {
    let cells = |denied: &Value| vec![text(&denied["id"]), text(&denied["address"]), text(&denied["since"])];
    table(&["ID", "ADDRESS", "SINCE"], rows(list, cells))
}

pub fn users(list: &Value) -> String {
    let all = |value: &Value| {
        let texts: Vec<_> = value.as_array().into_iter().flatten().map(text).collect();
        if texts.is_empty() { "all".to_owned() } else { texts.join(", ") }
    };
    let cells = |user: &Value| {
        vec![
            text(&user["name"]),
            text(&user["role"]),
            text(&user["kind"]),
            all(&user["paths"]),
            all(&user["pipelines"]),
            all(&user["slots"]),
        ]
    };
    table(&["NAME", "ROLE", "BY", "PATHS", "PIPELINES", "SLOTS"], rows(list, cells))
}

pub fn hls(list: &Value) -> String {
    let cells = |hls: &Value| {
        let variants = hls["variants"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        vec![
            text(&hls["playlist"]),
            variants.join(", "),
            if hls["count"] == true { text(&hls["listeners"]) } else { "not counted".into() },
            text(&hls["requests"]),
            text(&hls["bytes_sent"]),
        ]
    };
    table(&["PLAYLIST", "VARIANTS", "LISTENERS", "REQUESTS", "BYTES"], rows(list, cells))
}

pub fn live_inputs(list: &Value) -> String {
    let cells = |input: &Value| {
        let orders: Vec<&str> =
            ["muted", "forced"].into_iter().filter(|order| input[order] == true).collect();
        vec![
            text(&input["path"]),
            text(&input["state"]),
            if orders.is_empty() { "-".into() } else { orders.join(", ") },
            text(&input["source"]["user"]),
            time(&input["aired"]),
            text(&input["title"]),
        ]
    };
    table(&["PATH", "STATE", "ORDERS", "USER", "AIRED", "TITLE"], rows(list, cells))
}

/// What whoever announces something should know: where it is not heard.
pub fn announced(answer: &Value) -> Option<String> {
    let mounts: Vec<String> = answer["not_reached"].as_array()?.iter().map(text).collect();
    (!mounts.is_empty())
        .then(|| format!("not heard on {}: what is sent there is not mixed", mounts.join(", ")))
}

/// What a file waits for that is to play now.
pub fn waits(answer: &Value) -> Option<String> {
    let until = match answer["waits"].as_str()? {
        "held" => "the programme is held: it plays after `longwave ctl resume`",
        "live" => "a live input is on the air: it plays after that",
        _ => "an announcement is on the air: it plays after that",
    };
    Some(until.into())
}

pub fn playlist(list: &Value) -> String {
    if list.is_null() {
        return "no playlist is in play\n".into();
    }
    let yes = |key: &str| if list[key] == true { "yes" } else { "no" };
    let (name, played, length) = (text(&list["name"]), text(&list["played"]), text(&list["length"]));
    format!("{name}  {played} of {length}, loop: {}, shuffle: {}\n", yes("loop"), yes("shuffle"))
}

pub fn reloaded(report: &Value) -> String {
    let mut shown = String::new();
    for (key, label) in [("changed", "changed"), ("restart", "needs a restart"), ("failed", "FAILED")] {
        for what in report[key].as_array().into_iter().flatten() {
            shown += &format!("{label}: {}\n", text(what));
        }
    }
    if shown.is_empty() { "nothing has changed\n".into() } else { shown }
}

/// An event in one line.
pub fn event(name: &str, data: &Value) -> String {
    let rest: Vec<String> = data
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "at" | "pipeline" | "pipelines"))
        .map(|(key, value)| match key.as_str() {
            "track" => text(&value["title"]),
            _ => format!("{key}={}", text(value)),
        })
        .collect();
    format!("{} {:<8} {name:<18} {}", text(&data["at"]), text(&data["pipeline"]), rest.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_in_a_title_steers_a_terminal() {
        let queue = json!([{ "id": 1, "title": "\u{1b}[2J\nJóga", "file": "a.mp3" }, { "id": 12, "title": "B", "file": "b" }]);
        assert_eq!(
            entries(&queue),
            "ID  TITLE            FILE\n1   \\u{1b}[2J\\nJóga  a.mp3\n12  B                b\n"
        );
        let told = event(
            "track-change",
            &json!({ "at": "t", "pipeline": "main", "track": { "title": "\u{9b}2J" } }),
        );
        assert_eq!(told, "t main     track-change       \\u{9b}2J");
    }

    #[test]
    fn the_station_as_a_whole_is_shown_only_if_something_is_wrong_with_it() {
        let of_pipeline = json!({ "pipeline": "main", "problem": "silent" });
        let health = json!({ "problems": [of_pipeline], "warnings": [of_pipeline] });
        assert_eq!(of_station(&health), "");
        let health = json!({
            "problems": [{ "problem": "a mount is unreadable" }, of_pipeline],
            "warnings": [{ "pipeline": null, "problem": "the disk\n hangs" }],
        });
        let shown = of_station(&health);
        assert!(
            shown.starts_with("station\n  PROBLEM    a mount is unreadable\n  WARNING    the disk"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 3, "{shown}");
    }

    #[test]
    fn who_is_live_and_what_was_ordered_is_shown_only_if_there_is_something() {
        let silent = json!([{ "name": "main", "running": true, "live": null, "forced": null }]);
        assert!(!pipelines(&silent).contains("live") && !pipelines(&silent).contains("forced"));
        let held = json!([{ "name": "main", "running": true, "hold": "after-current" }]);
        assert!(pipelines(&held).contains("main  on air, held after the current track\n"));
        let live = json!({ "path": "/live", "source": { "user": "anna\u{9b}" } });
        let shown = pipelines(&json!([{ "name": "main", "live": live, "forced": "/live" }]));
        assert!(shown.contains("  live       /live  anna\\u{9b}\n  forced     /live\n"), "{shown}");
        let inputs = json!([
            { "path": "/live", "state": "waiting", "muted": true, "forced": true, "source": { "user": "anna" },
              "aired": 61.0, "title": "Jóga" },
            { "path": "/b", "state": "absent", "muted": false, "forced": false, "source": null, "aired": 0.0 },
        ]);
        assert_eq!(
            live_inputs(&inputs),
            "PATH   STATE    ORDERS         USER  AIRED  TITLE\n\
             /live  waiting  muted, forced  anna  1:01   Jóga\n\
             /b     absent   -              -     0:00   -\n"
        );
    }

    #[test]
    fn where_an_announcement_is_not_heard_and_what_a_file_waits_for_is_told() {
        assert_eq!(announced(&json!({ "id": 1, "not_reached": [] })), None);
        assert_eq!(announced(&Value::Null), None);
        let answer = json!({ "id": 1, "not_reached": ["/guest.mp3", "/b"] });
        let told = "not heard on /guest.mp3, /b: what is sent there is not mixed";
        assert_eq!(announced(&answer).as_deref(), Some(told));
        assert_eq!(waits(&json!({ "id": 1, "waits": null })), None);
        assert!(waits(&json!({ "id": 1, "waits": "held" })).unwrap().contains("longwave ctl resume"));
    }

    #[test]
    fn what_is_planned_is_shown_in_the_zone_of_the_station() {
        let list = json!([
            { "at": "2026-10-25T00:30:00.000Z", "kind": "music", "file": "a.mp3", "reason": "the playlist",
              "cut": true, "dropped": false },
            { "at": "2026-10-25T01:30:00.000Z", "kind": "show", "file": "news.mp3", "reason": "gone",
              "cut": false, "dropped": true },
        ]);
        assert_eq!(
            planned(&list, &"Europe/Berlin".parse().unwrap()),
            "AT (Europe/Berlin)         KIND               FILE      REASON\n\
             2026-10-25T02:30:00+02:00  music  cut         a.mp3     the playlist\n\
             2026-10-25T02:30:00+01:00  show   not played  news.mp3  gone\n"
        );
    }

    #[test]
    fn while_a_dj_is_live_that_is_why() {
        let track = |title: &str| json!({ "title": title, "reason": "the playlist" });
        let live = json!({ "path": "/live", "title": "Jóga", "source": { "user": "anna" } });
        let mut state = json!({ "current": track("A"), "next": track("B"), "live": null });
        assert_eq!(
            why(&state),
            "      TITLE  REASON\nnow   A      the playlist\nnext  B      the playlist\n"
        );
        state["live"] = live;
        assert_eq!(
            why(&state),
            "      TITLE  REASON\nnow   Jóga   anna is live at /live\nnext  B      the playlist\n"
        );
    }

    #[test]
    fn times_are_as_clocks_show_them() {
        assert_eq!([time(&json!(187.9)), time(&json!(3723)), time(&json!(null))], ["3:07", "1:02:03", "-"]);
    }
}

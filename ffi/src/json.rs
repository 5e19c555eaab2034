//! State as JSON, and lists of files from JSON.
//!
//! Times are whole milliseconds, and their names end in `_ms`; points of time are milliseconds since 1970, and
//! end in `_at`. What is not known is null. A path that is not UTF-8 is a percent-encoded `file://` URL.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use longwave::{
    Entry, EntryId, Event, FrameCount, ListState, MountInfo, PcmSpec, ServerStats, Tags, TrackInfo,
    VoiceState,
};
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::server::since_1970;
use crate::text::to_ms;

/// TOML cannot begin with a brace, and an object in JSON does.
pub fn is_json(declaration: &str) -> bool {
    declaration.trim_start().starts_with('{')
}

/// Reads what a host wrote.
pub fn read<T: serde::de::DeserializeOwned>(text: &str, name: &str, wanted: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|error| Failure::invalid(format!("{name} is not {wanted}: {error}")))
}

/// A list of files: paths, or objects with `path` and perhaps `title`.
pub fn entries(text: &str, name: &str) -> Outcome<Vec<Entry>> {
    let wanted = r#"a list of files, ["a.mp3", {"path": "b.mp3", "title": "B"}]"#;
    let items: Vec<Value> = read(text, name, wanted)?;
    let entry = |item| {
        let entry = match item {
            // As an entry says it: a file:// URL may be meant.
            Value::String(path) => json!({ "path": path }),
            entry @ Value::Object(_) => entry,
            other => return Err(Failure::invalid(format!("{name} is not {wanted}: it has {other}"))),
        };
        serde_json::from_value(entry)
            .map_err(|error| Failure::invalid(format!("{name} is not {wanted}: {error}")))
    };
    let entries: Vec<Entry> = items.into_iter().map(entry).collect::<Outcome<_>>()?;
    let is_path = |path: &Path| !path.as_os_str().is_empty() && !path.as_os_str().as_bytes().contains(&0);
    match entries.iter().find(|entry| !is_path(&entry.path)) {
        Some(wrong) => Err(Failure::invalid(format!("{name}: {:?} is no path of a file", wrong.path))),
        None => Ok(entries),
    }
}

/// A path as entries write it.
fn path(path: &Path) -> Value {
    let mut entry = serde_json::to_value(Entry::new(path)).unwrap_or_default();
    entry["path"].take()
}

pub fn entry((id, entry): &(EntryId, Entry)) -> Value {
    json!({ "id": id.0, "path": path(&entry.path), "title": entry.title, "extinf": entry.extinf })
}

pub fn tags(tags: &Tags) -> Value {
    json!({
        "artist": tags.artist,
        "title": tags.title,
        "album": tags.album,
        "duration_ms": tags.duration.map(to_ms),
        "track_gain_db": tags.track_gain_db,
        "album_gain_db": tags.album_gain_db,
    })
}

pub fn track(track: &TrackInfo, spec: PcmSpec) -> Value {
    json!({
        "id": track.id.0,
        "file": path(&track.file),
        "title": track.title,
        "tags": tags(&track.tags),
        "duration_ms": track.duration.map(|frames| frames_ms(frames, spec)),
    })
}

pub fn list(list: &ListState) -> Value {
    json!({
        "name": list.name,
        "length": list.length,
        "played": list.played,
        "passes": list.passes,
        "loop": list.repeat,
        "shuffle": list.shuffle,
        "begun": list.begun,
    })
}

pub fn voice(voice: &VoiceState, spec: PcmSpec) -> Value {
    json!({
        "voice": voice.id.0,
        "file": voice.file.as_deref().map(path),
        "paused": voice.paused,
        "volume": voice.volume,
        "position_ms": frames_ms(voice.position, spec),
        "duration_ms": voice.duration.map(|frames| frames_ms(frames, spec)),
    })
}

pub fn mount(info: &MountInfo) -> Value {
    let settings = &info.settings;
    json!({
        "mount": settings.path,
        "content_type": settings.content_type,
        "name": settings.name,
        "genre": settings.genre,
        "description": settings.description,
        "url": settings.url,
        "bitrate": settings.bitrate,
        "title": {
            "text": info.title.title.text,
            "url": info.title.title.url,
            "changed_at": since_1970(info.title.changed_at),
            "audible_at": since_1970(info.title.audible_at),
        },
        "since_at": since_1970(info.since),
        "position_bytes": info.position.0,
        "duration_ms": to_ms(info.duration),
        "listeners": info.listeners,
        "listener_peak": info.listener_peak,
        "packets": info.packets,
        "dropped_packets": info.dropped_packets,
        "bytes_sent": info.bytes_sent,
        "skips": info.skips,
        "skipped_bytes": info.skipped_bytes,
    })
}

pub fn stats(stats: &ServerStats) -> Value {
    let closed = stats.closed.iter().map(|(reason, count)| (reason.as_str().to_owned(), json!(count)));
    json!({
        "connections": stats.connections,
        "accepted": stats.accepted,
        "accept_failures": stats.accept_failures,
        "requests": stats.requests,
        "refused": stats.refused,
        "listeners": stats.listeners,
        "listener_peak": stats.listener_peak,
        "writes": stats.writes,
        "blocked_writes": stats.blocked_writes,
        "bytes_sent": stats.bytes_sent,
        "skips": stats.skips,
        "skipped_bytes": stats.skipped_bytes,
        "closed": Value::Object(closed.collect()),
    })
}

/// What happened: `kind`, and what there is to know of it.
pub fn event(event: &Event, spec: PcmSpec) -> Value {
    let mut value = match event {
        Event::TrackChange { track, at } => json!({
            "track": self::track(track, spec),
            "at_ms": frames_ms(FrameCount(at.0), spec),
        }),
        Event::PlaylistChange { name, length } => json!({ "name": name, "length": length }),
        Event::TrackFailed { file, reason } => json!({ "file": path(file), "reason": reason }),
        Event::VoiceEnded { voice, stopped } => json!({ "voice": voice.0, "stopped": stopped }),
        Event::RampDone { voice, volume } => json!({ "voice": voice.0, "volume": volume }),
        Event::DeadAirBegins { reason } => json!({ "reason": reason }),
        Event::DeadAirEnds { lasted } => json!({ "lasted_ms": to_ms(*lasted) }),
        Event::EncoderFailed { mount, reason } => json!({ "mount": mount, "reason": reason }),
        Event::EncoderRecovered { mount } => json!({ "mount": mount }),
        Event::ListenerJoined { mount, address, agent } => {
            json!({ "mount": mount, "address": address, "agent": agent })
        }
        Event::ListenerLeft { mount, address, agent, duration, bytes, reason } => json!({
            "mount": mount,
            "address": address,
            "agent": agent,
            "duration_ms": to_ms(*duration),
            "bytes": bytes,
            "reason": reason.as_str(),
        }),
        Event::Missed { count } => json!({ "count": count }),
        // That it happened is all there is to know.
        _ => json!({}),
    };
    value["kind"] = event.kind().as_str().into();
    value
}

fn frames_ms(frames: FrameCount, spec: PcmSpec) -> u64 {
    to_ms(spec.rate.duration_of(frames))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn files_come_as_paths_or_as_objects_and_any_path_survives() {
        let list =
            entries(r#"["a.mp3", {"path": "b.mp3", "title": "B"}, "file:///m%E4rz"]"#, "files").unwrap();
        let odd = Path::new(OsStr::from_bytes(b"/m\xe4rz"));
        assert_eq!(list, [Entry::new("a.mp3"), Entry::titled("b.mp3", "B"), Entry::new(odd)]);
        assert_eq!(entry(&(EntryId(7), list[2].clone()))["path"], "file:///m%E4rz");
        for wrong in [r#"[""]"#, r#"["a\u0000b"]"#, r#"[{"path": ""}]"#] {
            assert!(
                entries(wrong, "files").unwrap_err().message.ends_with("is no path of a file"),
                "{wrong}"
            );
        }
        for wrong in ["", "{}", "[1]", r#"[["a.mp3"]]"#, "[{}]", "[\"a\"", "null"] {
            assert!(entries(wrong, "files").unwrap_err().message.starts_with("files is not a list of files"));
        }
    }

    #[test]
    fn an_event_says_what_it_is() {
        let event =
            event(&Event::DeadAirEnds { lasted: std::time::Duration::from_millis(1500) }, PcmSpec::CD);
        assert_eq!(event, json!({ "kind": "dead-air-ends", "lasted_ms": 1500 }));
    }
}

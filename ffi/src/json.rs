//! What hosts write as JSON, and events as hosts read them. The documents of state are those of
//! `longwave::json`.

use std::os::unix::ffi::OsStrExt;

use longwave::json::WholePaths;
use longwave::{Entry, Event, SampleRate, StationEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Failure, Outcome};

/// TOML cannot begin with a brace, and an object in JSON does.
pub fn is_json(declaration: &str) -> bool {
    declaration.trim_start().starts_with('{')
}

/// Reads what a host wrote.
pub fn read<T: serde::de::DeserializeOwned>(text: &str, name: &str, wanted: &str) -> Outcome<T> {
    serde_json::from_str(text).map_err(|error| Failure::invalid(format!("{name} is not {wanted}: {error}")))
}

/// A file in a list. What `lw_pipeline_queue` has told can be queued again: its number is another then.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    file: String,
    title: Option<String>,
    #[serde(rename = "id")]
    _id: Option<u64>,
}

/// A list of files: paths, or objects with `file` and perhaps `title`.
pub fn entries(text: &str, name: &str) -> Outcome<Vec<Entry>> {
    let wanted = r#"a list of files, ["a.mp3", {"file": "b.mp3", "title": "B"}]"#;
    let refuse = |detail: String| Failure::invalid(format!("{name} is not {wanted}: {detail}"));
    let items: Vec<Value> = read(text, name, wanted)?;
    let entry = |item| {
        let file = match item {
            Value::String(file) => File { file, title: None, _id: None },
            object @ Value::Object(_) => {
                serde_json::from_value(object).map_err(|error| refuse(error.to_string()))?
            }
            other => return Err(refuse(format!("it has {other}"))),
        };
        let path = WholePaths::path_of(&file.file);
        if path.as_os_str().is_empty() || path.as_os_str().as_bytes().contains(&0) {
            return Err(Failure::invalid(format!("{name}: {path:?} is no path of a file")));
        }
        Ok(Entry { title: file.title, ..Entry::new(path) })
    };
    items.into_iter().map(entry).collect()
}

/// An event as a host reads it.
#[derive(Serialize)]
pub struct EventDocument<'a> {
    kind: &'static str,
    #[serde(flatten)]
    event: longwave::json::Event<'a>,
}

impl<'a> EventDocument<'a> {
    /// An event of a pipeline with this rate.
    pub fn of(event: &'a Event, rate: SampleRate) -> EventDocument<'a> {
        let kind = event.kind().as_str();
        EventDocument { kind, event: longwave::json::Event::of(event, rate, &WholePaths) }
    }
}

/// An event of a server as a host reads it.
#[derive(Serialize)]
pub struct StationEventDocument<'a> {
    pipeline: Option<&'a str>,
    #[serde(flatten)]
    event: EventDocument<'a>,
}

impl<'a> StationEventDocument<'a> {
    /// An event of a pipeline with this rate, or of no pipeline.
    pub fn of(event: &'a StationEvent, rate: SampleRate) -> StationEventDocument<'a> {
        let pipeline = event.pipeline.as_deref();
        StationEventDocument { pipeline, event: EventDocument::of(&event.event, rate) }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;

    #[test]
    fn files_come_as_paths_or_as_objects_and_any_path_survives() {
        let list =
            entries(r#"["a.mp3", {"file": "b.mp3", "title": "B"}, "file:///m%E4rz"]"#, "files").unwrap();
        assert_eq!(
            entries(r#"[{"id": 7, "file": "a.mp3", "title": null}]"#, "files").unwrap(),
            [Entry::new("a.mp3")]
        );
        let odd = Path::new(OsStr::from_bytes(b"/m\xe4rz"));
        assert_eq!(list, [Entry::new("a.mp3"), Entry::titled("b.mp3", "B"), Entry::new(odd)]);
        for wrong in [r#"[""]"#, r#"["a\u0000b"]"#, r#"[{"file": ""}]"#] {
            assert!(
                entries(wrong, "files").unwrap_err().message.ends_with("is no path of a file"),
                "{wrong}"
            );
        }
        let misspelt = r#"[{"file": "a.mp3", "titel": "A"}]"#;
        for wrong in
            ["", "{}", "[1]", r#"[["a.mp3"]]"#, "[{}]", "[\"a\"", "null", r#"[{"path": "a"}]"#, misspelt]
        {
            assert!(entries(wrong, "files").unwrap_err().message.starts_with("files is not a list of files"));
        }
    }

    #[test]
    fn an_event_says_what_it_is() {
        let lasted = std::time::Duration::from_millis(1500);
        let file = Path::new(OsStr::from_bytes(b"/m\xe4rz")).to_owned();
        for (event, text) in [
            (Event::NothingToPlay, r#"{"kind":"nothing-to-play"}"#),
            (Event::DeadAirEnds { lasted }, r#"{"kind":"dead-air-ends","lasted":1.5}"#),
            (
                Event::TrackFailed { file, reason: "gone".into() },
                r#"{"kind":"track-failed","file":"file:///m%E4rz","reason":"gone"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&EventDocument::of(&event, SampleRate::CD)).unwrap(), text);
        }
    }

    #[test]
    fn the_header_lists_the_kinds_of_events() {
        let kinds: Vec<_> = longwave::EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let header = include_str!("../include/longwave.h").replace("\n// ", " ");
        assert!(header.contains(&format!("The kinds are {}.", kinds.join(", "))), "{kinds:?}");
    }
}

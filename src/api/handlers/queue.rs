//! Handlers for a pipeline's queue.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::numbers::whole;
use crate::api::problem::Problem;
use crate::api::views::coming_tracks;
use crate::metadata::fault_of_title;
use crate::{Entry, EntryId, Place};

/// The maximum of files in one request.
pub(super) const FILES_AT_ONCE: usize = 1_000;

/// `GET /api/v1/pipelines/{pipeline}/queue`
pub(crate) fn list(core: &Core, call: &Call<'_>) -> Handled {
    let queue = core.pipeline(&call.held[0])?.queue();
    Ok(json(200, &coming_tracks(&queue, core)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    files: Vec<Wanted>,
    #[serde(default)]
    place: PlaceText,
}

/// A requested file: its name alone, or an object with a title, too.
#[derive(Clone, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
struct Wanted {
    file: String,
    title: Option<String>,
}

impl<'de> Deserialize<'de> for Wanted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Wanted, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(file) => Ok(Wanted { file, title: None }),
            // This is the derived implementation, which would accept a list, too.
            object @ Value::Object(_) => Wanted::deserialize(object).map_err(D::Error::custom),
            _ => Err(D::Error::custom("a file is its name, or an object with file and title")),
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PlaceText {
    #[default]
    End,
    Next,
}

#[derive(Serialize)]
struct Queued {
    ids: Vec<EntryId>,
}

/// `POST /api/v1/pipelines/{pipeline}/queue`: looks for the files, so it runs on the thread `api-files`.
pub(crate) fn add(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: Add = call.body()?;
    if wanted.files.is_empty() || wanted.files.len() > FILES_AT_ONCE {
        let detail = format!("{} files: from 1 to {FILES_AT_ONCE}", wanted.files.len());
        return Err(Problem::new("invalid-value", detail).at("files"));
    }
    let (first, files) = (wanted.files[0].file.clone(), wanted.files);
    let entries = core.with_files(call, &first, move |media, job| {
        let mut finder = media.finder();
        let entry = |(index, Wanted { file: name, title }): (usize, Wanted)| {
            let field = format!("files[{index}]");
            check_title(title.as_deref(), &field)?;
            job.at(&media.place(&name))?;
            let path = finder.resolve(&name, &field)?;
            if path.is_dir() {
                let detail = format!("{name:?} is a folder: queue files, or load it as the playlist");
                return Err(Problem::new("file-unplayable", detail).at(field));
            }
            Ok(Entry { title, confined: true, ..Entry::new(path) })
        };
        files.into_iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()
    })?;
    let place = match wanted.place {
        PlaceText::End => Place::End,
        PlaceText::Next => Place::Next,
    };
    Ok(json(201, &Queued { ids: pipeline.queue_files(entries, place)? }))
}

/// Whether a title is short enough.
pub(super) fn check_title(title: Option<&str>, field: &str) -> Result<(), Problem> {
    let fault = title.and_then(fault_of_title);
    fault.map_or(Ok(()), |detail| Err(Problem::new("invalid-value", detail).at(field)))
}

/// `DELETE /api/v1/pipelines/{pipeline}/queue`
pub(crate) fn clear(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.clear_queue()?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/queue/{id}`
pub(crate) fn remove(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.remove(EntryId(call.number(1)?))?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    /// A number beyond the length of any list stands for its end.
    #[serde(deserialize_with = "whole")]
    index: u64,
}

/// `PUT /api/v1/pipelines/{pipeline}/queue/{id}/index`
pub(crate) fn move_to(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: Move = call.body()?;
    pipeline.move_to(EntryId(call.number(1)?), usize::try_from(wanted.index).unwrap_or(usize::MAX))?;
    done()
}

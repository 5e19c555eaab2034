//! Handlers for a pipeline's programme: they show it and control it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::queue::{FILES_AT_ONCE, check_title};
use crate::api::call::{Call, Handled, done, json};
use crate::api::core::Core;
use crate::api::problem::Problem;
use crate::api::views::{PipelineState, coming_tracks};
use crate::json::{Health, PlayedTrack, Playlist};
use crate::library::library_playlist;
use crate::metadata::fault_of_title_url;
use crate::time::{from_seconds, some_from_seconds};
use crate::{Entry, EntryId, Error, ListOptions, Pipeline, Title, TitleHolds, When};

/// The default fade of hold and resume.
const FADE: Duration = Duration::from_secs(1);
/// How many of the next tracks are listed, by default and at most.
const UP_NEXT: usize = 10;
const UP_NEXT_MOST: usize = 1_000;

/// `GET /api/v1/pipelines`
pub(crate) fn list(core: &Core, _: &Call<'_>) -> Handled {
    let pipelines: Vec<_> = core.pipelines.iter().map(|pipeline| PipelineState::of(pipeline, core)).collect();
    Ok(json(200, &pipelines))
}

/// `GET /api/v1/pipelines/{pipeline}`
pub(crate) fn show(core: &Core, call: &Call<'_>) -> Handled {
    Ok(json(200, &PipelineState::of(core.pipeline(&call.held[0])?, core)))
}

/// `GET /api/v1/pipelines/{pipeline}/health`
pub(crate) fn health(core: &Core, call: &Call<'_>) -> Handled {
    Ok(json(200, &Health::of(core.pipeline(&call.held[0])?.health())))
}

/// `GET /api/v1/pipelines/{pipeline}/history`
pub(crate) fn history(core: &Core, call: &Call<'_>) -> Handled {
    let media = core.media.load();
    let history = core.pipeline(&call.held[0])?.history();
    Ok(json(200, &history.iter().map(|played| PlayedTrack::of(played, &**media)).collect::<Vec<_>>()))
}

/// `GET /api/v1/pipelines/{pipeline}/up-next`
pub(crate) fn up_next(core: &Core, call: &Call<'_>) -> Handled {
    let count = call.parameter("count")?.unwrap_or(UP_NEXT);
    if count > UP_NEXT_MOST {
        let detail = format!("count={count} is too many: {UP_NEXT_MOST} at most");
        return Err(Problem::new("invalid-parameter", detail).at("count"));
    }
    let coming = core.pipeline(&call.held[0])?.up_next(count);
    Ok(json(200, &coming_tracks(&coming, core)))
}

/// `POST /api/v1/pipelines/{pipeline}/skip`
pub(crate) fn skip(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.skip()?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fade {
    #[serde(deserialize_with = "from_seconds")]
    fade: Duration,
}

impl Default for Fade {
    fn default() -> Fade {
        Fade { fade: FADE }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Hold {
    when: WhenText,
    #[serde(deserialize_with = "from_seconds")]
    fade: Duration,
}

impl Default for Hold {
    fn default() -> Hold {
        Hold { when: WhenText::Now, fade: FADE }
    }
}

/// `POST /api/v1/pipelines/{pipeline}/hold`
pub(crate) fn hold(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let Hold { when, fade } = call.body_or_default()?;
    match when {
        WhenText::Now => pipeline.hold(fade)?,
        WhenText::AfterCurrent => pipeline.hold_after_current()?,
    }
    done()
}

/// `POST /api/v1/pipelines/{pipeline}/resume`
pub(crate) fn resume(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    pipeline.resume(call.body_or_default::<Fade>()?.fade)?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seek {
    #[serde(deserialize_with = "from_seconds")]
    pub(crate) to: Duration,
}

/// `POST /api/v1/pipelines/{pipeline}/seek`
pub(crate) fn seek(core: &Core, call: &Call<'_>) -> Handled {
    core.pipeline(&call.held[0])?.seek(call.body::<Seek>()?.to)?;
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlayFile {
    file: String,
    title: Option<String>,
}

#[derive(Serialize)]
struct Queued {
    id: EntryId,
    /// What it waits for, if the programme is not heard.
    waits: Option<&'static str>,
}

/// Why nothing is heard of the programme now. Who plays a file should know that.
fn programme_waits(pipeline: &Pipeline) -> Option<&'static str> {
    match () {
        () if pipeline.is_held() => Some("held"),
        () if pipeline.live().is_some() => Some("live"),
        () if !pipeline.announcements().is_empty() => Some("announcement"),
        () => None,
    }
}

/// `POST /api/v1/pipelines/{pipeline}/play`: opens the file, so it runs on the thread `api-files`.
pub(crate) fn play(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: PlayFile = call.body()?;
    check_title(wanted.title.as_deref(), "title")?;
    let file = core.resolve(call, &wanted.file, "file")?;
    let id = pipeline.play_entry(Entry { title: wanted.title, confined: true, ..Entry::new(file) })?;
    Ok(json(201, &Queued { id, waits: programme_waits(pipeline) }))
}

/// `GET /api/v1/pipelines/{pipeline}/playlist`
pub(crate) fn playlist(core: &Core, call: &Call<'_>) -> Handled {
    let list = core.pipeline(&call.held[0])?.playlist();
    Ok(json(200, &list.map(|list| Playlist::of(&list, &**core.media.load()))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadList {
    files: Vec<String>,
    #[serde(default)]
    when: WhenText,
    #[serde(default, rename = "loop")]
    repeat: bool,
    #[serde(default)]
    shuffle: bool,
    #[serde(default, deserialize_with = "some_from_seconds")]
    crossfade: Option<Duration>,
    #[serde(default, deserialize_with = "some_from_seconds")]
    fade_in: Option<Duration>,
    #[serde(default, deserialize_with = "some_from_seconds")]
    fade_out: Option<Duration>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WhenText {
    Now,
    #[default]
    AfterCurrent,
}

/// `PUT /api/v1/pipelines/{pipeline}/playlist`: looks for the files, so it runs on the thread `api-files`.
pub(crate) fn load(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: LoadList = call.body()?;
    if wanted.files.is_empty() {
        return Err(Problem::new("invalid-value", "a playlist needs a file, a folder or a list").at("files"));
    }
    if wanted.files.len() > FILES_AT_ONCE {
        let detail =
            format!("{} files: at most {FILES_AT_ONCE}; name a folder or a list", wanted.files.len());
        return Err(Problem::new("invalid-value", detail).at("files"));
    }
    let roots = roots_of(core, call, wanted.files)?;
    let when = match wanted.when {
        WhenText::Now => When::Now,
        WhenText::AfterCurrent => When::AfterCurrent,
    };
    let options = ListOptions {
        when,
        repeat: wanted.repeat,
        shuffle: wanted.shuffle,
        crossfade: wanted.crossfade,
        fade_in: wanted.fade_in,
        fade_out: wanted.fade_out,
        confined: true,
    };
    pipeline.play_path(roots, &options)?;
    // The pipeline reads the playlist later.
    Ok(crate::HttpAnswer::empty(202).with("Cache-Control", "no-store"))
}

/// The files, folders and playlists with these names: below the media roots, or playlists of the library.
fn roots_of(core: &Core, call: &Call<'_>, names: Vec<String>) -> Result<Vec<PathBuf>, Problem> {
    let field = |index: usize| format!("files[{index}]");
    for (index, name) in names.iter().enumerate() {
        if let Some(playlist) = library_playlist(Path::new(name)) {
            check_library_playlist(core, playlist).map_err(|problem| problem.at(field(index)))?;
        }
    }
    let first = names[0].clone();
    core.with_files(call, &first, move |media, job| {
        let mut finder = media.finder();
        let resolve = |(index, name): (usize, &String)| {
            if library_playlist(Path::new(name)).is_some() {
                return Ok(PathBuf::from(name));
            }
            job.at(&media.place(name))?;
            finder.resolve(name, &field(index))
        };
        names.iter().enumerate().map(resolve).collect()
    })
}

/// Refuses a playlist that the library does not have.
fn check_library_playlist(core: &Core, name: &str) -> Result<(), Problem> {
    let none = || Problem::new("not-found", "the station has no library");
    let entries = core.library.as_ref().ok_or_else(none)?.entries(name);
    entries.map(drop).map_err(|error| match error {
        Error::NoAnswer { reason, .. } => Problem::new("library-unavailable", reason),
        other => other.into(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListChange {
    #[serde(rename = "loop")]
    repeat: Option<bool>,
    shuffle: Option<bool>,
}

/// `PATCH /api/v1/pipelines/{pipeline}/playlist`
pub(crate) fn change_list(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: ListChange = call.body()?;
    if let Some(repeat) = wanted.repeat {
        pipeline.set_repeat(repeat)?;
    }
    if let Some(shuffle) = wanted.shuffle {
        pipeline.set_shuffle(shuffle)?;
    }
    done()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    title: String,
    url: Option<String>,
    mount: Option<String>,
    #[serde(default)]
    holds: Holds,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Holds {
    #[default]
    UntilNextTrack,
    UntilCleared,
}

/// `PUT /api/v1/pipelines/{pipeline}/metadata`
pub(crate) fn update_metadata(core: &Core, call: &Call<'_>) -> Handled {
    let pipeline = core.pipeline(&call.held[0])?;
    let wanted: Metadata = call.body()?;
    check_title(Some(&wanted.title), "title")?;
    if let Some(detail) = wanted.url.as_deref().and_then(fault_of_title_url) {
        return Err(Problem::new("invalid-value", detail).at("url"));
    }
    let holds = match wanted.holds {
        Holds::UntilNextTrack => TitleHolds::UntilNextTrack,
        Holds::UntilCleared => TitleHolds::UntilCleared,
    };
    let title = Title { url: wanted.url, ..Title::new(wanted.title) };
    pipeline.update_metadata(title, wanted.mount.as_deref(), holds)?;
    done()
}

/// `DELETE /api/v1/pipelines/{pipeline}/metadata`
pub(crate) fn clear_metadata(core: &Core, call: &Call<'_>) -> Handled {
    let mount = call.request.parameter("mount");
    core.pipeline(&call.held[0])?.clear_metadata(mount.as_deref())?;
    done()
}

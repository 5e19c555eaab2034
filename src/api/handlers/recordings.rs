//! Handlers for recordings: they are listed, listened to and downloaded.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::access::Identity;
use crate::api::call::{Call, Handled, json, saved_as};
use crate::api::core::{Core, FILE_WITHIN};
use crate::api::problem::Problem;
use crate::api::service::conclude;
use crate::api::transfers::read_piece;
use crate::error::is_passing;
use crate::filework::HANGS_AFTER;
use crate::http::Wanted;
use crate::json::Recordings;
use crate::recording::{Recording, RecordingList};
use crate::{HttpAnswer, HttpRequest, Pipeline};

/// `GET /api/v1/recordings`
pub(crate) fn list(core: &Core, _: &Call<'_>) -> Handled {
    let of_pipelines = core.pipelines.iter().map(Pipeline::recordings);
    let recorded = of_pipelines.fold(core.sources.recordings().list(), RecordingList::and);
    Ok(json(200, &Recordings::of(&recorded)))
}

/// `GET /api/v1/recordings/{name}`: the file, or the part that is asked for.
pub(crate) fn download(core: &Arc<Core>, request: HttpRequest, held: &[String], who: &Identity) {
    let (recording, mut file, about) = match open(core, &held[0], who) {
        Ok(found) => found,
        Err(problem) => return conclude(core, Some(who), request, Err(problem)),
    };
    let (length, tag) = (about.len(), entity_tag(&about));
    // Where an address has fewer bits than a length, nobody has such a file.
    let part = match request.wants_of(&tag, usize::try_from(length).unwrap_or(usize::MAX)) {
        Wanted::Whole => None,
        Wanted::Part(Range { start, end }) => Some(start as u64..end as u64),
        Wanted::Nothing => return request.answer(kept(HttpAnswer::empty(304), &tag)),
        Wanted::NoSuchPart => {
            let range = format!("bytes */{length}");
            return request.answer(HttpAnswer::empty(416).with("Content-Range", &range));
        }
    };
    let answer = match &part {
        None => HttpAnswer::empty(200),
        Some(part) => {
            let range = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            HttpAnswer::empty(206).with("Content-Range", &range)
        }
    };
    let answer = kept(answer, &tag)
        .with("Content-Type", recording.content_type())
        .with("Content-Disposition", &saved_as(&name_of(&recording.path)))
        .with("Accept-Ranges", "bytes");
    let part = part.unwrap_or(0..length);
    if request.method() == "HEAD" {
        drop(request.send_file(answer, part.end - part.start));
        return;
    }
    core.transfer(who, &recording.path, request, move |request, job| {
        let mut left = part.end - part.start;
        let leaving = request.send_file(answer, left);
        if part.start > 0 && file.seek(SeekFrom::Start(part.start)).is_err() {
            return;
        }
        while left > 0 {
            // A file that fails, or became shorter, breaks the connection off: nobody takes it for the whole.
            let Ok(piece) = read_piece(&mut file, left, job) else { return };
            left -= piece.len() as u64;
            if piece.is_empty() || !leaving.push(piece) {
                return;
            }
        }
    });
}

/// The recording of this name, opened. Only a name that is listed leads to a file.
fn open(core: &Core, name: &str, who: &Identity) -> Result<(Recording, File, Metadata), Problem> {
    let recording = find(core, name, who)?;
    let recording =
        recording.ok_or_else(|| Problem::new("not-found", format!("there is no recording {name:?}")))?;
    let (bounds, path) = (recording.bounds(), recording.path.clone());
    let opened = core.files.of_user(&who.name).within(&recording.path, FILE_WITHIN, move |_| {
        let file = bounds.open(&path)?;
        file.metadata().map(|about| (file, about))
    })?;
    let (file, about) = opened.map_err(|error| refused(name, &error))?;
    Ok((recording, file, about))
}

fn find(core: &Core, name: &str, who: &Identity) -> Result<Option<Recording>, Problem> {
    let of_pipelines = core.pipelines.iter().map(Pipeline::recorded);
    let files = core.files.of_user(&who.name);
    for recordings in of_pipelines.chain([core.sources.recordings()]) {
        let found = recordings.named(name, &files)?.map_err(|error| refused(name, &error))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The disk refuses a recording: for now, or because there is none that it could give.
fn refused(name: &str, error: &io::Error) -> Problem {
    let detail = format!("{name:?}: {error}");
    match is_passing(error) {
        true => Problem::new("file-hangs", detail).retry_after(HANGS_AFTER),
        false => Problem::new("not-found", detail),
    }
}

/// A copy of the same file may be kept, and is asked for each time.
fn kept(answer: HttpAnswer, tag: &str) -> HttpAnswer {
    answer.with("ETag", tag).with("Cache-Control", "private, no-cache")
}

/// Another one after each change of the file.
fn entity_tag(about: &Metadata) -> String {
    format!("\"{:x}-{:x}-{:x}.{:x}\"", about.ino(), about.len(), about.mtime(), about.mtime_nsec())
}

/// The name under which a browser saves it.
fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_refuses_for_now_may_be_asked_for_again() {
        for (code, status) in [
            (libc::EMFILE, 503),
            (libc::ENFILE, 503),
            (libc::EIO, 503),
            (libc::ETIMEDOUT, 503),
            (libc::ENOENT, 404),
            (libc::EACCES, 404),
        ] {
            let problem = refused("a/b.mp3", &io::Error::from_raw_os_error(code));
            assert_eq!(problem.status, status, "{problem:?}");
            assert_eq!(problem.retry_after.is_some(), status == 503, "{problem:?}");
        }
        // A link that leads out of the folder.
        assert_eq!(refused("a/b.mp3", &io::ErrorKind::PermissionDenied.into()).status, 404);
    }
}

//! What threads `files` read for a schedule.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam::channel::Sender;

use crate::codec::file::read_tags;
use crate::filework::Job;
use crate::pipeline::lists::found::{Origins, Seen, read};
use crate::playout::Entry;
use crate::playout::playlist::{Found, is_audio};
use crate::playout::schedule::Track;
use crate::roots::Bounds;

/// The most files of a slot's folder that are looked at.
const MOST_IN_FOLDER: usize = 10_000;

/// What was read.
pub(super) enum News {
    /// A playlist or folder.
    List { path: PathBuf, entries: Vec<Entry>, seen: Seen },
    /// What the tags of a file say.
    Known { file: PathBuf, known: Known },
}

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    artist: Option<Arc<str>>,
    title: Option<Arc<str>>,
    duration: Option<Duration>,
}

/// The files that a slot can play, the newest first.
pub(super) struct Files {
    pub is_folder: bool,
    /// With the times at which they were written.
    pub files: Vec<(PathBuf, SystemTime)>,
}

impl Known {
    /// Reads the tags of a file. Of one that has none, or cannot be read, nothing is known.
    pub fn of(file: &Path) -> Known {
        let Ok(tags) = read_tags(file, &Bounds::Anywhere) else { return Known::default() };
        let text = |tag: Option<String>| tag.map(Arc::from);
        Known { artist: text(tags.artist), title: text(tags.title), duration: tags.duration }
    }

    pub fn track(&self, entry: Entry) -> Track {
        Track { entry, artist: self.artist.clone(), title: self.title.clone(), duration: self.duration }
    }
}

/// Reads a playlist or folder. Of one that is as it was `seen`, there is no news.
pub(super) fn read_list(
    job: &Job,
    origins: &Origins,
    path: PathBuf,
    seen: Option<Arc<Seen>>,
    news: &Sender<News>,
) {
    let goes_on = || {
        job.step();
        !job.is_abandoned()
    };
    if seen.is_some_and(|seen| !seen.changed_while(goes_on)) {
        return;
    }
    let (entries, seen) = read_entries(origins, std::slice::from_ref(&path), goes_on);
    let _ = news.send(News::List { path, entries, seen });
}

/// Reads files, folders and playlists, as long as `goes_on`, which is asked before each step.
pub(super) fn read_entries(
    origins: &Origins,
    roots: &[PathBuf],
    mut goes_on: impl FnMut() -> bool,
) -> (Vec<Entry>, Seen) {
    let mut entries = Vec::new();
    let seen = read(origins, roots, &mut |found| {
        match found {
            Found::Entry(entry) => entries.push(entry),
            Found::Problem(problem) => log::warn!("the schedule: {problem}"),
            Found::Name(_) | Found::PassedOver { .. } | Found::Step => {}
        }
        if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    (entries, seen)
}

/// Reads the tags of these files.
pub(super) fn read_tags_of(job: &Job, files: Vec<PathBuf>, news: &Sender<News>) {
    for file in files {
        if job.is_abandoned() {
            return;
        }
        // A file that hangs is passed over: nothing is known of it.
        let known = match job.at(&file) {
            Ok(()) => Known::of(&file),
            Err(_) => Known::default(),
        };
        if news.send(News::Known { file, known }).is_err() {
            return;
        }
    }
}

/// The files that a slot's path means.
pub(super) fn find_files(job: &Job, path: &Path) -> Result<Files, String> {
    let plain = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "it is missing".to_owned(),
        _ => error.to_string(),
    };
    let metadata = fs::metadata(path).map_err(plain)?;
    if !metadata.is_dir() {
        let written = metadata.modified().map_err(plain)?;
        return Ok(Files { is_folder: false, files: vec![(path.to_owned(), written)] });
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(plain)?.take(MOST_IN_FOLDER).flatten() {
        job.step();
        let file = entry.path();
        let there = entry.metadata().ok().filter(|there| there.is_file() && is_audio(&file));
        if let Some(written) = there.and_then(|there| there.modified().ok()) {
            files.push((file, written));
        }
    }
    files.sort_by(|one, other| (other.1, &other.0).cmp(&(one.1, &one.0)));
    Ok(Files { is_folder: true, files })
}

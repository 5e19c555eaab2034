//! What threads `files` read for a schedule.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam::channel::Sender;

use crate::codec::file::read_tags;
use crate::filework::Job;
use crate::library::Library;
use crate::metadata::Tags;
use crate::path_text;
use crate::pipeline::lists::found::{Origins, Seen, read};
use crate::playout::playlist::{Found, is_audio};
use crate::playout::schedule::{Track, Wanted};
use crate::playout::{Entry, Heard, LONGEST_OVERLAP, TrackHeard, TrackKind};
use crate::roots::Bounds;

/// The most files of a slot's folder that are looked at.
const MOST_IN_FOLDER: usize = 10_000;

/// What was read.
pub(super) enum News {
    /// A playlist or folder.
    List { path: PathBuf, entries: Vec<Entry>, seen: Seen },
    /// What is known of a file.
    Known { file: PathBuf, known: Known },
}

/// A file of which something is to be read.
pub(super) struct Unread {
    pub file: PathBuf,
    /// What was known before.
    pub before: Option<Known>,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Known {
    artist: Option<Arc<str>>,
    title: Option<Arc<str>>,
    /// Of the part that is played as music, and as anything else: what was measured cuts music alone.
    music: Length,
    other: Length,
    /// The file as its tags were read. `None`: the library knows it, or it cannot be read.
    stamp: Option<Stamp>,
}

/// How long a file plays, less its cues.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Length {
    duration: Option<Duration>,
    /// How long it goes on from where the next track should start.
    decay: Duration,
}

/// A file as it was: another one differs in size or time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stamp {
    size: u64,
    written: SystemTime,
}

/// The files that a slot's path means, the newest first.
pub(super) struct Files {
    path: PathBuf,
    is_folder: bool,
    /// With the times at which they were written.
    files: Vec<(PathBuf, SystemTime)>,
}

impl Files {
    /// The one that a slot plays, or why it plays none.
    pub fn choose(self, wanted: &Wanted) -> Result<(PathBuf, SystemTime), String> {
        let Files { path, is_folder, files } = self;
        let mut newest_failed = None;
        for (file, written) in files {
            match wanted.failed(&file, written) {
                _ if is_folder && wanted.is_played(&file) => {}
                None => return Ok((file, written)),
                Some(reason) => _ = newest_failed.get_or_insert(format!("{}: {reason}", name_of(&file))),
            }
        }
        let none_left = || format!("{}: there is no file that was not played", name_of(&path));
        Err(newest_failed.unwrap_or_else(none_left))
    }
}

/// A file or folder as reasons name it, which strangers to the disk read, too.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    path_text::to_text(name.as_ref()).into_owned()
}

impl Known {
    /// What is known of a file: what the library knows, else what its tags say.
    pub fn of(file: &Path, library: Option<&Library>) -> Known {
        let of_library = known_by(library, &[file.to_owned()]).pop().flatten();
        of_library.unwrap_or_else(|| Known::in_tags(file, Stamp::of(file)))
    }

    /// Reads the tags of a file. Of one that has none, or cannot be read, nothing is known.
    fn in_tags(file: &Path, stamp: Option<Stamp>) -> Known {
        let tags = read_tags(file, &Bounds::Anywhere).unwrap_or_default();
        Known { stamp, ..Known::by(&tags, &TrackHeard::default()) }
    }

    fn by(tags: &Tags, heard: &TrackHeard) -> Known {
        let text = |tag: &Option<String>| tag.as_deref().map(Arc::from);
        let length = |kind| Length::of(&heard.in_force(tags, kind));
        Known {
            artist: text(&tags.artist),
            title: text(&tags.title),
            music: length(TrackKind::Music),
            other: length(TrackKind::Show),
            stamp: None,
        }
    }

    pub fn track(&self, entry: Entry) -> Track {
        let Length { duration, decay } = if entry.kind.is_music() { self.music } else { self.other };
        let (artist, title) = (self.artist.clone(), self.title.clone());
        Track { artist, title, duration, decay, ..Track::new(entry) }
    }
}

impl Length {
    fn of(heard: &Heard) -> Length {
        let from = heard.cue_in.unwrap_or_default();
        let end = match (heard.cue_out, heard.duration) {
            (Some(to), Some(duration)) => Some(to.min(duration)),
            (to, duration) => to.or(duration),
        };
        let decay = end.zip(heard.start_next).map(|(end, start)| end.saturating_sub(start));
        Length {
            duration: end.map(|end| end.saturating_sub(from)),
            decay: decay.unwrap_or_default().min(LONGEST_OVERLAP),
        }
    }
}

impl Stamp {
    pub fn of(file: &Path) -> Option<Stamp> {
        let metadata = fs::metadata(file).ok()?;
        Some(Stamp { size: metadata.len(), written: metadata.modified().ok()? })
    }
}

/// What the library knows of these files; nothing while it cannot be read.
fn known_by(library: Option<&Library>, files: &[PathBuf]) -> Vec<Option<Known>> {
    let known = library.and_then(|library| library.known_at(files.to_vec()).ok());
    let known = known.unwrap_or_else(|| vec![None; files.len()]);
    known.into_iter().map(|known| known.map(|(tags, heard)| Known::by(&tags, &heard))).collect()
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

/// Reads what is known of these files, in their order. Tags that were read before are read again if the file
/// has changed.
pub(super) fn read_known(job: &Job, library: Option<&Library>, files: Vec<Unread>, news: &Sender<News>) {
    let paths: Vec<PathBuf> = files.iter().map(|unread| unread.file.clone()).collect();
    let of_library = known_by(library, &paths);
    for (Unread { file, before }, of_library) in files.into_iter().zip(of_library) {
        if job.is_abandoned() {
            return;
        }
        let read = || {
            // A file that hangs is passed over: nothing is known of it.
            job.at(&file).map_or_else(
                |_| Some(Known::default()),
                |()| {
                    let stamp = Stamp::of(&file);
                    let is_new =
                        before.as_ref().is_none_or(|before| before.stamp.is_none() || before.stamp != stamp);
                    is_new.then(|| Known::in_tags(&file, stamp))
                },
            )
        };
        let known = of_library.or_else(read).or(before).unwrap_or_default();
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
    let own = path.to_owned();
    if !metadata.is_dir() {
        let written = metadata.modified().map_err(plain)?;
        return Ok(Files { files: vec![(own.clone(), written)], path: own, is_folder: false });
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
    Ok(Files { path: own, is_folder: true, files })
}

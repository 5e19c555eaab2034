//! Reads what a list is made of: files, folders and playlists on disk, and playlists of the library.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::library::{Library, library_playlist};
use crate::playout::Entry;
use crate::playout::playlist::{Found, Problem, Watch, read_within};
use crate::roots::Bounds;

/// Where lists come from: the disk, and the library.
#[derive(Clone, Debug, Default)]
pub(in crate::pipeline) struct Origins {
    pub bounds: Bounds,
    pub library: Option<Library>,
}

/// What was read, to see later whether it has changed.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Seen {
    files: Watch,
    playlists: Vec<SeenPlaylist>,
}

/// A playlist of the library as it was read.
#[derive(Debug)]
struct SeenPlaylist {
    library: Library,
    name: String,
    /// The state of the library when it was looked at last.
    changes: AtomicU64,
    entries: u64,
}

/// Reads these in their order, and reports each result at once. `found` may stop it.
pub(in crate::pipeline) fn read(
    origins: &Origins,
    roots: &[PathBuf],
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Seen {
    let mut seen = Seen::default();
    let is_named = |root: &PathBuf| library_playlist(root).is_some();
    for roots in roots.chunk_by(|a, b| !is_named(a) && !is_named(b)) {
        let mut flow = ControlFlow::Continue(());
        match library_playlist(&roots[0]) {
            None => {
                let watch = read_within(&origins.bounds, roots, &mut |item| {
                    flow = found(item);
                    flow
                });
                seen.files.join(watch);
            }
            Some(name) => flow = read_playlist(origins, name, &mut seen.playlists, found),
        }
        if flow.is_break() {
            break;
        }
    }
    seen
}

fn read_playlist(
    origins: &Origins,
    name: &str,
    seen: &mut Vec<SeenPlaylist>,
    found: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let problem =
        |reason: String| Found::Problem(Problem { what: format!("library:{name}"), named_by: None, reason });
    let Some(library) = &origins.library else {
        return found(problem("there is no library: add a [library] table".into()));
    };
    // Before it is read, so that a change meanwhile is one.
    let changes = library.changes().into();
    let entries = library.entries(name);
    let digest = entries.as_ref().map_or(0, |entries| digest(entries));
    seen.push(SeenPlaylist { library: library.clone(), name: name.into(), changes, entries: digest });
    match entries {
        // They are not confined: a link in a folder of the library may lead to another disk.
        Ok(entries) => entries.into_iter().try_for_each(|entry| found(Found::Entry(entry))),
        Err(error) => found(problem(error.to_string())),
    }
}

impl Seen {
    /// Whether anything has changed, as long as `goes_on`, which is asked before each look.
    pub fn changed_while(&self, mut goes_on: impl FnMut() -> bool) -> bool {
        self.playlists.iter().any(|playlist| goes_on() && playlist.has_changed())
            || self.files.changed_while(goes_on)
    }
}

impl SeenPlaylist {
    /// A library that cannot be read has not changed.
    fn has_changed(&self) -> bool {
        let changes = self.library.changes();
        if self.changes.load(Ordering::Relaxed) == changes {
            return false;
        }
        let has_changed =
            self.library.entries(&self.name).is_ok_and(|entries| digest(&entries) != self.entries);
        if !has_changed {
            self.changes.store(changes, Ordering::Relaxed);
        }
        has_changed
    }
}

fn digest(entries: &[Entry]) -> u64 {
    let mut hasher = DefaultHasher::new();
    // A playlist that is empty differs from one that is not there.
    entries.hash(&mut hasher);
    hasher.finish()
}

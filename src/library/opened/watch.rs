//! Notices changes in the folders as they happen, where the system tells of them.
//!
//! A network disk tells nothing of what other machines do there, and a system has a limit on what it watches.
//! So the folders are looked through now and then in any case, and what is not noticed here is noticed then.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::Sender;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::scan::Scan;
use super::shared::Shared;
use crate::filework::{HANGS_AFTER, is_remote};
use crate::thread::Worker;

/// How long a large folder may take until all that is in it is watched, as long as there is progress.
const WATCHED_WITHIN: Duration = Duration::from_secs(120);

/// Starts a thread that has the folders watched, and ends.
pub(super) fn start(shared: &Arc<Shared>, scans: &Sender<Scan>) -> std::io::Result<Worker> {
    let (shared, scans) = (Arc::clone(shared), scans.clone());
    Worker::spawn("library-watch", move || watch(&shared, &scans))
}

/// Watches until the library ends. The threads of `notify` are started here, so they block signals like this
/// one.
fn watch(shared: &Arc<Shared>, scans: &Sender<Scan>) {
    let mut watchers = Vec::new();
    for folder in shared.settings.folders.iter().filter(|folder| !is_remote(folder)) {
        match watcher(shared, folder, scans) {
            Ok(watcher) => watchers.push(watcher),
            Err(reason) => {
                let poll = humantime::format_duration(shared.settings.poll);
                log::warn!("{}: changes are noticed within {poll} only: {reason}", folder.display());
            }
        }
    }
    while !shared.is_ending() {
        std::thread::sleep(HANGS_AFTER / 20);
    }
}

fn watcher(shared: &Arc<Shared>, folder: &Path, scans: &Sender<Scan>) -> Result<RecommendedWatcher, String> {
    let (own, scans) = (folder.to_owned(), scans.clone());
    let told = move |event: notify::Result<Event>| {
        for changed in changed(event, &own) {
            // With too much to do, everything is looked through soon.
            let _ = scans.try_send(Scan::Changed(changed));
        }
    };
    let mut watcher = notify::recommended_watcher(told).map_err(|error| error.to_string())?;
    let own = folder.to_owned();
    let watched = shared.files.within(folder, WATCHED_WITHIN, move |_| {
        watcher.watch(&own, RecursiveMode::Recursive).map(|()| watcher)
    });
    watched.map_err(|reason| reason.to_string())?.map_err(|error| error.to_string())
}

/// The folders in which something has changed. A file that is read, or is still being written, is no change.
fn changed(event: notify::Result<Event>, root: &Path) -> Vec<PathBuf> {
    let Ok(event) = event else { return vec![root.to_owned()] };
    if event.need_rescan() {
        return vec![root.to_owned()];
    }
    match event.kind {
        EventKind::Access(access)
            if access != notify::event::AccessKind::Close(notify::event::AccessMode::Write) =>
        {
            Vec::new()
        }
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => Vec::new(),
        _ => event.paths.iter().map(|path| path.parent().unwrap_or(root).to_owned()).collect(),
    }
}

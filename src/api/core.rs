//! The state that all handlers share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::guard::Guard;
use super::media::Media;
use super::problem::Problem;
use crate::codec::read_tags;
use crate::pipeline::Reloader;
use crate::roots::Bounds;
use crate::{ApiSettings, Entry, Pipeline, RequestsBell, Server, Tags};

/// The number of files whose tags are kept.
const TAGS: usize = 256;

/// The configuration that a station was started from. A reload compares with it.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) file: PathBuf,
    /// The settings that the API uses now.
    pub(crate) api: ApiSettings,
    pub(crate) station: Reloader,
}

/// A station and everything that controls it. The API's threads share it.
pub(crate) struct Core {
    pub(crate) server: Server,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) media: ArcSwap<Media>,
    pub(crate) guard: Guard,
    pub(crate) started: SystemTime,
    /// Wakes the thread `api` when something has changed.
    pub(super) bell: RequestsBell,
    pub(super) declared: Option<Mutex<Declared>>,
    /// The tags of files that come up next, if they have been read.
    tags: Mutex<HashMap<PathBuf, Tags>>,
}

impl Core {
    pub(crate) fn new(
        server: Server,
        pipelines: Vec<Pipeline>,
        media: Media,
        guard: Guard,
        declared: Option<Declared>,
        bell: RequestsBell,
    ) -> Core {
        Core {
            server,
            pipelines,
            media: ArcSwap::from_pointee(media),
            guard,
            started: SystemTime::now(),
            bell,
            declared: declared.map(Mutex::new),
            tags: Mutex::default(),
        }
    }

    /// The pipeline with this name.
    pub(crate) fn pipeline(&self, name: &str) -> Result<&Pipeline, Problem> {
        let found = self.pipelines.iter().find(|pipeline| pipeline.name() == name);
        found.ok_or_else(|| Problem::new("not-found", format!("there is no pipeline {name:?}")))
    }

    /// The pipeline that feeds this mount.
    pub(crate) fn feeding(&self, mount: &str) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.mounts().iter().any(|own| own == mount))
    }

    /// The tags of a file, if they have been read.
    pub(crate) fn known_tags(&self, file: &Path) -> Option<Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner).get(file).cloned()
    }

    /// Reads and keeps the tags of an entry's file. A file that cannot be read has no tags.
    pub(crate) fn read_tags(&self, entry: &Entry) {
        let Entry { path: file, confined, .. } = entry;
        let bounds = if *confined { self.media.load().bounds() } else { Bounds::Anywhere };
        let tags = read_tags(file, &bounds).unwrap_or_default();
        let mut known = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TAGS {
            known.clear();
        }
        known.insert(file.clone(), tags);
    }
}

//! The files that slots play: a file, the newest one of a folder, or what is played instead.
//!
//! Threads `files` look for them. Whoever waits for one holds no lock: a disk may not answer.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::STEPPED_PATIENCE;
use super::reading::{Known, find_files, name_of};
use super::stock::Stock;
use crate::filework::FileWork;
use crate::library::Library;
use crate::playout::Entry;
use crate::playout::schedule::{Material, SlotWants, Track, Tracks, Wanted};

/// How long a slot waits for the disk of its file.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks for files. Cheap to clone.
#[derive(Clone)]
pub(super) struct Finder {
    pub files: FileWork,
    pub library: Option<Library>,
    pub is_stepped: bool,
}

/// What was found, or why there is nothing.
#[derive(Default)]
pub(super) struct FoundFiles(Vec<(Wanted, Result<Track, String>)>);

/// What there is to choose from at one moment: what was read before, and the files of the slots that are due.
pub(super) struct Looked<'a> {
    pub stock: &'a Stock,
    pub found: &'a FoundFiles,
}

impl Finder {
    /// The file that a slot wants, or why there is none.
    pub fn find(&self, wanted: &Wanted) -> Result<Track, String> {
        let shown = name_of(&wanted.path);
        let patience = if self.is_stepped { STEPPED_PATIENCE } else { PATIENCE };
        let own = wanted.path.clone();
        let found = self.files.within(&wanted.path, patience, move |job| find_files(job, &own));
        let found = found.map_err(|reason| format!("{shown}: {reason}"))?;
        let found = found.map_err(|reason| format!("{shown}: {reason}"))?;
        let (file, written) = found.choose(wanted)?;
        let age = SystemTime::from(wanted.at).duration_since(written).unwrap_or_default();
        if wanted.max_age.is_some_and(|most| age > most) {
            let hours = age.as_secs() / 3600;
            return Err(format!("{}: it is too old: {hours} h", name_of(&file)));
        }
        let (own, library) = (file.clone(), self.library.clone());
        let known = self.files.within(&file, patience, move |_| Known::of(&own, library.as_ref()));
        let known = known.map_err(|reason| format!("{}: {reason}", name_of(&file)))?;
        Ok(Track { written: Some(written), ..known.track(Entry::new(file)) })
    }

    /// Looks for what these slots play, up to the first that has something to play.
    pub fn find_first(&self, slots: &[SlotWants]) -> FoundFiles {
        let mut found = FoundFiles::default();
        for wanted in slots.iter().flat_map(SlotWants::all) {
            let file = self.find(wanted);
            let is_there = file.is_ok();
            found.0.push((wanted.clone(), file));
            if is_there {
                break;
            }
        }
        found
    }
}

impl Material for Looked<'_> {
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks> {
        self.stock.playlist(playlist)
    }

    fn file(&self, wanted: &Wanted) -> Result<Track, String> {
        let of = self.found.0.iter().find(|(of, _)| (&of.path, of.at) == (&wanted.path, wanted.at));
        of.map_or_else(|| Err("it was not looked for yet".into()), |(_, file)| file.clone())
    }
}

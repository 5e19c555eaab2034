//! What the schedule plays between the songs and at its times. It is no music, whatever its files say, so
//! listeners do not request it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::library::{Library, Track, library_playlist};
use crate::path_text::cleaned;
use crate::playout::schedule::{Schedule, without_time};

/// The places that a schedule takes its inserts and slots from.
#[derive(Clone, Debug, Default)]
pub(super) struct Apart {
    /// Files and folders.
    places: Vec<PathBuf>,
    /// Playlists of the library.
    playlists: Vec<String>,
}

impl Apart {
    pub fn of(schedule: &Schedule) -> Apart {
        let inserts = schedule.inserts.iter().map(|insert| insert.playlist.as_path());
        let slots = schedule.slots.iter().map(|slot| without_time(&slot.play));
        let mut apart = Apart::default();
        for path in inserts.chain(slots) {
            match library_playlist(path) {
                Some(name) => apart.playlists.push(name.to_owned()),
                None => apart.places.push(cleaned(path)),
            }
        }
        apart
    }

    /// Leaves out the tracks that are played by the schedule, or lie in a playlist of jingles or spots. What
    /// a person has said of a track itself counts more than the playlist in which it lies. `inserts` are the
    /// files of the inserts that are playlists of files.
    pub fn leave_out(
        &self,
        library: &Library,
        inserts: &HashSet<PathBuf>,
        tracks: &mut Vec<Track>,
    ) -> Result<()> {
        tracks.retain(|track| !self.has_place_of(&track.path, &library.settings().folders));
        tracks.retain(|track| track.edits.kind.is_some() || !inserts.contains(&cleaned(&track.path)));
        let unsaid = tracks.iter().filter(|track| track.edits.kind.is_none());
        let unsaid: Vec<i64> = unsaid.map(|track| track.id).collect();
        let apart: HashSet<i64> = match unsaid.is_empty() {
            true => HashSet::new(),
            false => library.set_apart(unsaid, self.playlists.clone())?,
        };
        tracks.retain(|track| !apart.contains(&track.id));
        Ok(())
    }

    /// A folder in which a whole folder of the library lies is not set apart: news may lie beside the music.
    fn has_place_of(&self, file: &Path, folders: &[PathBuf]) -> bool {
        let file = cleaned(file);
        let holds_music = |place: &Path| {
            folders
                .iter()
                .map(|folder| cleaned(folder))
                .any(|folder| folder != place && folder.starts_with(place))
        };
        self.places.iter().any(|place| file.starts_with(place) && !holds_music(place))
    }
}

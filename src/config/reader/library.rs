//! Reads the table of the library, and says what it and the history lack: folders, playlists, a place for
//! their files.

use std::path::{Path, PathBuf};

use super::{At, Reader};
use crate::config::claims::Purpose;
use crate::config::fields::Fields;
use crate::config::node::Node;
use crate::config::problem::Place;
use crate::database::files;
use crate::history::HistorySettings;
use crate::library::{LibrarySettings, library_playlist, playlists_in};
use crate::setting::{Settings, exists, is_folder, reason_of};

impl Reader<'_> {
    /// Reads the table of the library.
    pub fn library(&mut self, node: Node, place: Place) -> LibrarySettings {
        let mut fields = Fields::of(node, place, &mut self.cx);
        let mut library = LibrarySettings::default();
        library.database = self.cx.base.join(library.database);
        fields.read(&mut library, LibrarySettings::KEYS, &mut self.cx);
        self.check_own_file(&library.database, &fields.place_of("database"));
        self.claim(fields.place_of("database"), Purpose::Own, &library.files());
        if !fields.has("folders") {
            let reason = "the key \"folders\" is missing: \"music\", for example";
            self.cx.problems.add(fields.place(), reason);
        }
        if let Err(error) = library.check_inbox() {
            self.cx.problems.add(&fields.place_of("inbox"), reason_of(error));
        }
        if cfg!(not(feature = "library")) {
            let reason = "this build has no library: build it with the cargo feature \"library\"";
            self.cx.problems.add(fields.place(), reason);
        }
        fields.finish(&mut self.cx);
        library
    }

    /// Notes the place of these paths if one of them is a playlist of the library.
    pub(super) fn note_library(&mut self, paths: &[PathBuf], place: &Place) {
        let playlists = paths.iter().filter_map(|path| library_playlist(path));
        let playlists: Vec<String> = playlists.map(str::to_owned).collect();
        if !playlists.is_empty() {
            self.of_library.push(At { value: playlists, place: place.clone() });
        }
    }

    /// Refuses what needs a library if there is none, and warns of playlists that it does not have yet.
    pub(super) fn check_playlists_of_library(&mut self, library: Option<&LibrarySettings>) {
        let of_library = std::mem::take(&mut self.of_library);
        let Some(library) = library else {
            for At { place, .. } in of_library {
                let reason =
                    "there is no library: add a [library] table, with folders = \"music\", for example";
                self.cx.problems.add(&place, reason);
            }
            return;
        };
        if of_library.iter().all(|named| named.value.is_empty()) {
            return;
        }
        let Some(known) = playlists_in(library) else { return };
        for At { value: playlists, place } in of_library {
            for name in playlists.iter().filter(|name| !known.contains(name)) {
                let reason = format!("the library has no playlist {name:?}: it is played when it is made");
                self.cx.problems.warn(&place, reason);
            }
        }
    }

    pub(super) fn claim_history(&mut self, history: &HistorySettings, place: Place) {
        if let Some(file) = &history.file {
            self.claim(place, Purpose::Own, &files(file));
        }
    }

    /// Refuses a file that cannot be made: it is a folder, or its folder is missing.
    pub(super) fn check_own_file(&mut self, file: &Path, place: &Place) {
        let shown = file.display();
        if is_folder(file) == Some(true) {
            return self.cx.problems.add(place, format!("{shown} is a folder: name a file"));
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| is_folder(folder) == Some(false)) {
            let reason = format!("there is no folder {}: make it, or name another", folder.display());
            self.cx.problems.add(place, reason);
        }
    }

    /// Warns of plays that were written down while the default was another file.
    pub(super) fn warn_of_other_histories(
        &mut self,
        history: &HistorySettings,
        others: impl Iterator<Item = PathBuf>,
        place: &Place,
    ) {
        let Some(used) = &history.file else { return };
        for other in others.filter(|other| other != used && exists(other).is_ok()) {
            let (other, used) = (other.display(), used.display());
            let reason = format!(
                "{other} is there and is not used: plays are written into {used}. Set history_file to the one that \
                 counts, and move the other away"
            );
            self.cx.problems.warn(&place.of("history_file"), reason);
        }
    }
}

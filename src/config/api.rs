//! The settings of the API.

use std::path::{Path, PathBuf};

use crate::PipelineSettings;
use crate::access::Users;
use crate::library::library_playlist;
use crate::setting::{EXISTING_FOLDER, Setting, Settings, Takes, is_folder, settings};

/// The settings of the API: its users, and the folders whose files it can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSettings {
    /// The file with users and tokens.
    pub users_file: Option<PathBuf>,
    /// Further users, who are in no file.
    pub users: Users,
    /// The folders whose files have names, relative to them. If a [`Config`](crate::Config) sets none, it has
    /// the folders of its playlists.
    pub media_roots: Vec<PathBuf>,
}

impl ApiSettings {
    /// The default media roots for these pipelines: folders that are playlists or that a schedule plays, and
    /// the folders of other playlists and of files that it plays. It looks at the files on disk.
    pub fn media_roots_of(pipelines: &[PipelineSettings]) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = Vec::new();
        let is_on_disk = |path: &&Path| library_playlist(path).is_none();
        let playlists = pipelines.iter().flat_map(|pipeline| &pipeline.playlist).map(PathBuf::as_path);
        // What is scheduled may be missing. Only what is called like a file is taken for one then.
        let scheduled = pipelines.iter().flat_map(|pipeline| pipeline.schedule.paths()).filter(is_on_disk);
        let (folders_to_come, scheduled): (Vec<&Path>, Vec<&Path>) =
            scheduled.partition(|path| path.extension().is_none());
        let seen = playlists.filter(is_on_disk).chain(scheduled).map(|path| {
            // What does not answer is never taken for a file: its folder may hold much that is private.
            match is_folder(path).unwrap_or(true) {
                true => path,
                false => path.parent().unwrap_or(Path::new("")),
            }
        });
        for folder in seen.chain(folders_to_come) {
            // An empty path means the working directory.
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            if !folders.iter().any(|known| known == folder) {
                folders.push(folder.to_owned());
            }
        }
        folders
    }
}

impl Settings for ApiSettings {
    const KEYS: &'static [Setting<ApiSettings>] = settings! {
        "users_file" else "none", USERS_FILE => users_file, Applied,
            "Who may steer the station: see [API.md](API.md). If nobody is in it, a first user is made at start. Without \
             it, there is a token for as long as the station runs.";
        "media_roots" else "the folders of the playlists, of the schedule and of the library", EXISTING_FOLDER => [media_roots], Applied,
            "A folder or a list of folders: the API can name files below them, and no others. They must exist. `[]`: no \
             files at all.";
    };

    fn sample() -> ApiSettings {
        ApiSettings::default()
    }
}

/// The file may be missing: it is made at start. Its folder is not.
const USERS_FILE: Takes<PathBuf> = Takes::Path(|path| {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match is_folder(folder) {
        Some(false) => Err(format!("there is no folder {}: make it, or name another", folder.display())),
        // A disk that does not answer may come back.
        Some(true) | None => Ok(path),
    }
});

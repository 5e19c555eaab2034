//! What a declaration says of the API.

use std::path::{Path, PathBuf};

use crate::PipelineSettings;
use crate::access::Users;

/// How a station is steered from outside: who may, and which files they can name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSettings {
    /// Users and tokens.
    pub users_file: Option<PathBuf>,
    /// Others, that stand in no file.
    pub users: Users,
    /// The folders whose files can be named, relative to them. A [`Config`](crate::Config) that says nothing has the
    /// folders of its playlists.
    pub media_roots: Vec<PathBuf>,
}

impl ApiSettings {
    /// The folders that the playlists of these pipelines are in, and those that are playlists themselves: what the API
    /// can name where nobody says otherwise. Looks which are folders.
    pub fn media_roots_of(pipelines: &[PipelineSettings]) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for path in pipelines.iter().flat_map(|pipeline| &pipeline.playlist) {
            let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
            // An empty path is the folder that the process is in.
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            if !folders.iter().any(|known| known == folder) {
                folders.push(folder.to_owned());
            }
        }
        folders
    }
}

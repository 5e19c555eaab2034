//! What a declaration says of the API.

use std::path::PathBuf;

use crate::Users;

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

//! The settings of a library: its folders, its database, and how both are kept the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::database::files;
use crate::error::{Error, Result};
use crate::path_text::cleaned;
use crate::setting::{
    DISK_SIZE, EXISTING, EXISTING_FOLDER, FLAG, PATH, Setting, Settings, TIME, Takes, Written, settings,
};

/// The folders of music that make up a library, and the database that describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibrarySettings {
    /// The folders, with all that is in them. No folder lies in another one.
    pub folders: Vec<PathBuf>,
    /// The database. It is made if it does not exist.
    pub database: PathBuf,
    /// Whether tracks are listened to, for their loudness and their cues.
    pub analyse: bool,
    /// How often all folders are looked through, whatever their disks tell of changes: a minute at least.
    pub poll: Duration,
    /// The folder into which users send shows, in or below one of the folders. `None`: they send none.
    pub inbox: Option<PathBuf>,
    /// The most bytes of a file that a user sends.
    pub inbox_file_most: u64,
    /// The most bytes of all files in the inbox of one user.
    pub inbox_user_most: u64,
    /// The most bytes of all files in the inbox.
    pub inbox_most: u64,
}

/// A thousand folders take a second to look through, on a disk that is quick.
const LEAST_POLL: Duration = Duration::from_secs(60);

/// The most folders of one library.
const MAX_FOLDERS: usize = 64;

impl Default for LibrarySettings {
    fn default() -> LibrarySettings {
        LibrarySettings {
            folders: Vec::new(),
            database: "library.db".into(),
            analyse: true,
            poll: Duration::from_secs(600),
            inbox: None,
            inbox_file_most: 512 << 20,
            inbox_user_most: 4 << 30,
            inbox_most: 32 << 30,
        }
    }
}

impl Settings for LibrarySettings {
    const KEYS: &'static [Setting<LibrarySettings>] = settings! {
        "folders" else "none",
            EXISTING_FOLDER => [folders, "a library needs a folder, \"music\", for example"], Restart,
            "A folder or a list of folders with music, with all that is in them. They must exist, and none may lie in \
             another. They are media roots, too.";
        "database" = "library.db", PATH => database, Restart,
            "The database: a file that is made if it does not exist. Beside it lie `library.db-wal` and \
             `library.db-shm`.";
        "analyse" = "true", FLAG => analyse, Restart,
            "Whether tracks are listened to, for their loudness, their cues and their waveform.";
        "poll" = "10m", TIME => poll, Restart,
            "How often all folders are looked through. Changes are usually noticed at once; a network disk does not \
             tell of them. At least 1m.";
        "inbox" else "none", PATH => inbox, Restart,
            "A folder in or below one of `folders`, into which users with the role `dj` or `admin` send shows, each \
             into a folder of their own. It is made if it does not exist. See [LIBRARY.md](LIBRARY.md#shows-by-upload).";
        "inbox_file_most" = "512MiB", DISK_SIZE => inbox_file_most, Restart,
            "The most bytes of a file that a user sends.";
        "inbox_user_most" = "4GiB", DISK_SIZE => inbox_user_most, Restart,
            "The most bytes of all files of one user in the inbox.";
        "inbox_most" = "32GiB", DISK_SIZE => inbox_most, Restart,
            "The most bytes of all files in the inbox.";
    };

    fn sample() -> LibrarySettings {
        LibrarySettings::default()
    }

    fn check(&self) -> Result<()> {
        if self.folders.len() > MAX_FOLDERS {
            return Err(Error::setting("folders", format!("at most {MAX_FOLDERS}")));
        }
        for (index, folder) in self.folders.iter().enumerate() {
            let others = self.folders.iter().enumerate().filter(|(other, _)| *other != index);
            if let Some((_, outer)) = others.clone().find(|(_, other)| folder.starts_with(other)) {
                let (inner, outer) = (folder.display(), outer.display());
                return Err(Error::setting("folders", format!("{inner} lies in {outer}: leave it out")));
            }
        }
        if self.poll < LEAST_POLL {
            return Err(Error::setting("poll", "at least 1m"));
        }
        match self.database.file_name() {
            Some(_) => Ok(()),
            None => Err(Error::setting("database", "names no file: write \"library.db\", for example")),
        }
    }
}

impl LibrarySettings {
    /// A library of these folders, with its database in this file.
    pub fn of(folders: impl IntoIterator<Item = PathBuf>, database: impl Into<PathBuf>) -> LibrarySettings {
        let folders = folders.into_iter().collect();
        LibrarySettings { folders, database: database.into(), ..LibrarySettings::default() }
    }

    /// Refuses an inbox that lies in no folder: what is sent is to be found, heard and played, as is what lies
    /// in a folder.
    pub(crate) fn check_inbox(&self) -> Result<()> {
        // "." is the folder in which "shows" lies.
        let lies_in = |inbox: &Path, folder: &Path| cleaned(inbox).starts_with(cleaned(folder));
        match &self.inbox {
            Some(inbox) if !self.folders.iter().any(|folder| lies_in(inbox, folder)) => {
                let inbox = inbox.display();
                let reason = format!("{inbox} lies in none of the folders: add one that it lies in");
                Err(Error::setting("inbox", reason))
            }
            _ => Ok(()),
        }
    }

    /// The database, and the files that SQLite keeps beside it.
    pub(crate) fn files(&self) -> [PathBuf; 3] {
        files(&self.database)
    }

    /// The same settings with absolute paths, so that they mean the same whatever the current folder is.
    #[cfg(feature = "library")]
    pub(super) fn absolute(&self) -> LibrarySettings {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        LibrarySettings {
            folders: self.folders.iter().map(absolute).collect(),
            database: absolute(&self.database),
            inbox: self.inbox.as_ref().map(absolute),
            ..self.clone()
        }
    }

    /// The name of a folder in the database: relative to the database, if it lies beside or below it. So the
    /// folder of a station can move.
    #[cfg(any(feature = "library", test))]
    pub(super) fn name_of<'p>(&self, folder: &'p Path) -> &'p Path {
        let beside = self.database.parent().and_then(|home| folder.strip_prefix(home).ok());
        beside.unwrap_or(folder)
    }
}

/// What a path of a playlist begins with that stands for a playlist of the library: `library:morning`.
const LIBRARY: &str = "library:";

/// The path of a file or folder that exists, or a playlist of the library.
pub(crate) const PLAYED: Takes<PathBuf> = Takes::PathOr(&[LIBRARY], |written| match written {
    Written::Text(text) if text.len() > LIBRARY.len() => Ok(text.into()),
    Written::Text(text) => {
        Err(format!("{text:?} lacks the name of a playlist: \"library:morning\", for example"))
    }
    path => EXISTING.read(path),
});

/// The name of the library's playlist that stands in the place of a path: `library:morning`. `None` if it is
/// the path of a file or a folder.
pub(crate) fn library_playlist(path: &Path) -> Option<&str> {
    path.to_str()?.strip_prefix(LIBRARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_by_its_key() {
        let key = |settings: &LibrarySettings| match settings.check() {
            Err(Error::Setting { key, .. }) => Some(key),
            _ => None,
        };
        let of = |folders: &[&str]| LibrarySettings::of(folders.iter().map(PathBuf::from), "library.db");
        assert_eq!(key(&of(&["/a/b", "/a/c", "/a/bb"])), None);
        assert_eq!(key(&of(&["/a/b", "/a"])), Some("folders"));
        assert_eq!(key(&of(&["/a", "/a"])), Some("folders"));
        assert_eq!(key(&LibrarySettings { database: "/".into(), ..of(&[]) }), Some("database"));
        assert_eq!(key(&LibrarySettings { poll: Duration::from_secs(59), ..of(&[]) }), Some("poll"));
    }

    #[test]
    fn an_inbox_lies_in_a_folder() {
        let of = |inbox: &str| LibrarySettings {
            inbox: Some(inbox.into()),
            ..LibrarySettings::of(["/a/b".into()], "library.db")
        };
        assert!(of("/a/b").check_inbox().is_ok() && of("/a/b/c").check_inbox().is_ok());
        for inbox in ["/a/bb", "/a", "b", "/a/b/../c"] {
            assert!(matches!(of(inbox).check_inbox(), Err(Error::Setting { key: "inbox", .. })), "{inbox}");
        }
        let here = LibrarySettings {
            inbox: Some("shows".into()),
            ..LibrarySettings::of([".".into()], "library.db")
        };
        assert!(here.check_inbox().is_ok());
    }

    #[test]
    fn a_folder_beside_the_database_has_a_name_that_can_move() {
        let settings = LibrarySettings::of([], "/srv/radio/library.db");
        for (folder, name) in
            [("/srv/radio/music", "music"), ("/mnt/nas/music", "/mnt/nas/music"), ("/srv/radio", "")]
        {
            assert_eq!(settings.name_of(folder.as_ref()), Path::new(name));
        }
    }
}

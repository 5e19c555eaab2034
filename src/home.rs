//! The folder of a station, which may move with all that lies in it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::path_text;

/// The folder that a state lies in with its files. What lies below it keeps its name in what is remembered,
/// wherever the folder is. The default is none: then every path is its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Home {
    now: Folder,
    /// Where it was when the state began. What is remembered of a file is remembered by the path that it had
    /// then, for much of that is a number made of the path, which cannot be made anew.
    first: Folder,
}

/// A folder. A station that was started with a relative path has paths of both kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Folder {
    #[serde(with = "path_text")]
    declared: PathBuf,
    #[serde(with = "path_text")]
    absolute: PathBuf,
}

impl Home {
    /// The home of a state that begins in this file.
    pub fn of(state_file: &Path) -> Home {
        let folder = Folder::of(state_file);
        Home { now: folder.clone(), first: folder }
    }

    /// The same home if the state is in this file now.
    pub fn at(&self, state_file: &Path) -> Home {
        Home { now: Folder::of(state_file), first: self.first.clone() }
    }

    /// Whether it is none.
    pub fn is_none(&self) -> bool {
        *self == Home::default()
    }

    /// The path by which a file is remembered.
    pub fn name_of<'p>(&self, path: &'p Path) -> Cow<'p, Path> {
        self.now.carry(path, &self.first).map_or(Cow::Borrowed(path), Cow::Owned)
    }

    /// Where a file lies that has moved with this home, as it was, to where that is now. `None` if it has not
    /// moved.
    pub fn carry(&self, path: &Path, now: &Home) -> Option<PathBuf> {
        self.now.carry(path, &now.now)
    }
}

impl Folder {
    fn of(file: &Path) -> Folder {
        let declared = file.parent().unwrap_or(Path::new(""));
        let absolute = std::path::absolute(file).ok();
        let absolute = absolute.as_deref().and_then(Path::parent).unwrap_or(declared);
        Folder { declared: declared.to_owned(), absolute: absolute.to_owned() }
    }

    /// Where a file that lies below this folder lies if it has become that one.
    fn carry(&self, path: &Path, to: &Folder) -> Option<PathBuf> {
        let (from, to) = match path.is_absolute() {
            true => (&self.absolute, &to.absolute),
            false => (&self.declared, &to.declared),
        };
        // Below the working directory lies every relative path, and every name that is no path, such as that
        // of a playlist of the library.
        if from == to || from.as_os_str().is_empty() {
            return None;
        }
        let below = path.strip_prefix(from).ok()?;
        // To join nothing would add a slash.
        Some(if below.as_os_str().is_empty() { to.clone() } else { to.join(below) })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn what_lies_in_a_home_keeps_its_name_and_moves_with_it() {
        let odd = Path::new(OsStr::from_bytes(b"/srv/m\xfcsik"));
        for (old, new, path, moved) in [
            ("/srv/old/state", "/mnt/new/state", "/srv/old/music/a.mp3", Some("/mnt/new/music/a.mp3")),
            ("/srv/old/state", "/mnt/new/state", "/srv/old", Some("/mnt/new")),
            ("/srv/old/state", "/mnt/new/state", "/srv/older/a.mp3", None),
            ("/srv/old/state", "/mnt/new/state", "a.mp3", None),
            ("old/state", "new/state", "old/a.mp3", Some("new/a.mp3")),
            ("state", "state", "a.mp3", None),
            ("state", "/mnt/new/state", "library:morning", None),
            ("state", "/mnt/new/state", "/srv/a.mp3", None),
        ] {
            let (old, path) = (Home::of(old.as_ref()), Path::new(path));
            let new = old.at(new.as_ref());
            assert_eq!(old.carry(path, &new), moved.map(PathBuf::from), "{path:?}");
            let there = moved.map_or(path, Path::new);
            assert_eq!(new.name_of(there), path, "its name is its first path");
            assert_eq!(old.name_of(path), path);
            assert_eq!(Home::default().name_of(path), path);
        }
        let home = Home::of(&odd.join("state"));
        let text = serde_json::to_string(&home).unwrap();
        let read: Home = serde_json::from_str(&text).unwrap();
        let moved = read.carry(&odd.join("a"), &read.at("/mnt/state".as_ref()));
        assert_eq!(moved, Some("/mnt/a".into()), "{text}");
    }

    /// A library has absolute paths, whatever the configuration has.
    #[test]
    fn a_station_with_relative_paths_has_absolute_ones_too() {
        let old = Home::of("old/state".as_ref());
        let here = std::env::current_dir().unwrap();
        let moved = old.carry(&here.join("old/a.mp3"), &old.at("new/state".as_ref()));
        assert_eq!(moved, Some(here.join("new/a.mp3")));
    }
}

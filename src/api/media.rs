//! Resolves the names of files. A name is relative to a media root, and no other file has one. What a name
//! leads to is confined: it must lie below a root again when it is opened.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::problem::Problem;
use crate::filework::look;
use crate::json::FileNames;
use crate::roots::{Bounds, MediaRoots, real_root};

/// The media roots: the folders whose files have names.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    roots: Vec<Root>,
    bounds: Bounds,
}

#[derive(Clone, Debug)]
struct Root {
    /// The path as it was declared. Paths from playlists begin with it.
    declared: PathBuf,
    /// The path with all links resolved.
    real: PathBuf,
}

impl Media {
    /// Makes it from these folders. A folder that does not exist has no files. One that does not answer is used
    /// under its declared name.
    pub(crate) fn new(roots: &[PathBuf]) -> Media {
        let root = |declared: &PathBuf| {
            let own = declared.clone();
            let real =
                look(declared, move || real_root(&own)).unwrap_or_else(|_| Ok(declared.clone())).ok()?;
            Some(Root { declared: declared.clone(), real })
        };
        Media {
            roots: roots.iter().filter_map(root).collect(),
            bounds: MediaRoots::new(roots.to_vec()).bounds(true),
        }
    }

    /// The bounds of files that are read for a request.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    /// Where a name is looked up first, to say what hangs. It touches no file.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.roots.first().map_or_else(|| name.into(), |root| root.real.join(name))
    }

    /// The path of the file or folder with this name, with all links resolved. If several roots have one, the
    /// first counts. `field` is the field of the request that held the name.
    pub(crate) fn resolve(&self, name: &str, field: &str) -> Result<PathBuf, Problem> {
        let outside = || {
            let detail =
                format!("{name:?} is not below a media root: name files relative to one, without \"..\"");
            Problem::new("outside-media-roots", detail).at(field)
        };
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if name.is_empty() || name.contains('\0') || !Path::new(name).components().all(plain) {
            return Err(outside());
        }
        for root in &self.roots {
            match root.real.join(name).canonicalize() {
                Ok(real) if real.starts_with(&root.real) => return Ok(real),
                Ok(_) => return Err(outside()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Problem::new("not-found", format!("{name:?}: {error}")).at(field));
                }
            }
        }
        Err(Problem::new("not-found", format!("there is no file {name:?} below the media roots")).at(field))
    }
}

impl FileNames for Media {
    /// The path relative to a root; outside the roots, the last part alone. It touches no file.
    fn file(&self, path: &Path) -> String {
        let below =
            |root: &Root| path.strip_prefix(&root.declared).or_else(|_| path.strip_prefix(&root.real)).ok();
        let name = self.roots.iter().find_map(below).or_else(|| path.file_name().map(Path::new));
        name.unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Names it like a file, because it may be a path.
    fn playlist(&self, name: &str) -> String {
        self.file(name.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn whatever_leads_outside_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("music"), folder.path().join("music-private"));
        fs::create_dir_all(inside.join("sub")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(inside.join("sub/a.mp3"), "").unwrap();
        fs::write(outside.join("secret"), "").unwrap();
        symlink(&outside, inside.join("folder")).unwrap();
        symlink(outside.join("secret"), inside.join("file.mp3")).unwrap();
        symlink("sub/a.mp3", inside.join("b.mp3")).unwrap();
        let media = Media::new(&[folder.path().join("gone"), inside.clone()]);

        let found = inside.canonicalize().unwrap().join("sub/a.mp3");
        for name in ["sub/a.mp3", "./sub/a.mp3", "sub//a.mp3", "b.mp3"] {
            assert_eq!(media.resolve(name, "file").as_ref(), Ok(&found), "{name}");
        }
        let absolute = outside.join("secret");
        for name in [
            "",
            "..",
            "../music-private/secret",
            "sub/../../music-private/secret",
            "sub/../sub/a.mp3",
            "folder/secret",
            "folder",
            "file.mp3",
            "sub/a.mp3\0",
            absolute.to_str().unwrap(),
            "/",
        ] {
            assert_eq!(media.resolve(name, "file").unwrap_err().code, "outside-media-roots", "{name:?}");
        }
        for name in [
            "c.mp3",
            "%2e%2e/music-private/secret",
            "sub%2fa.mp3",
            "..\\music-private\\secret",
            "sub/a.mp3/x",
        ] {
            assert_eq!(media.resolve(name, "file").unwrap_err().code, "not-found", "{name:?}");
        }
    }

    #[test]
    fn names_say_nothing_of_what_is_above_a_root() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::new(&[folder.path().to_owned()]);
        assert_eq!(media.file(&folder.path().join("a/b.mp3")), "a/b.mp3");
        assert_eq!(media.file(Path::new("/home/me/b.mp3")), "b.mp3");
    }
}

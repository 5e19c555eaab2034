//! Resolves the names of files. A name is relative to a media root, and no other file has one. What a name
//! leads to is confined: it must lie below a root again when it is opened.
//!
//! A name that the API tells can be given back. One that is not UTF-8 is told as `file://` and
//! percent-encoded bytes. Names in other spellings are found by the rules of playlists ([`Lookup`]).

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::problem::Problem;
use crate::filework::look;
use crate::json::FileNames;
use crate::path_text;
use crate::playout::playlist::{Lookup, Name};
#[cfg(feature = "library")]
use crate::playout::schedule::without_time;
use crate::roots::{Bounds, MediaRoots, real_root};

/// The media roots: the folders whose files have names.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    /// Those that are asked for names.
    roots: Vec<Root>,
    /// What all roots lead to: a link may lead from one to another.
    real: Vec<PathBuf>,
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
    /// Makes it from these folders. A folder that does not exist has no files. One that does not answer is
    /// used under its declared name.
    pub(crate) fn new(roots: &[PathBuf]) -> Media {
        let root = |declared: &PathBuf| {
            let own = declared.clone();
            let real =
                look(declared, move || real_root(&own)).unwrap_or_else(|_| Ok(declared.clone())).ok()?;
            Some(Root { declared: declared.clone(), real })
        };
        let found: Vec<Root> = roots.iter().filter_map(root).collect();
        Media {
            real: found.iter().map(|root| root.real.clone()).collect(),
            roots: found,
            bounds: MediaRoots::new(roots.to_vec()).bounds(true),
        }
    }

    /// The bounds of files that are read for a request.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    /// The folders that are asked for names, as they were declared.
    #[cfg(feature = "library")]
    pub(crate) fn declared(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| &*root.declared)
    }

    /// The folders that are asked for names, with all links resolved.
    pub(crate) fn roots(&self) -> impl Iterator<Item = &Path> {
        self.roots.iter().map(|root| &*root.real)
    }

    /// The same without some roots, which have no files then. What leads into them is not outside.
    pub(crate) fn without(&self, left_out: &[PathBuf]) -> Media {
        let is_there = |root: &&Root| !left_out.contains(&root.real);
        Media { roots: self.roots.iter().filter(is_there).cloned().collect(), ..self.clone() }
    }

    /// Where a name is looked up first, to say what hangs. It touches no file.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        let path = path_text::from_text(name);
        self.roots.first().map(|root| root.real.join(&path)).unwrap_or(path)
    }

    /// Where a name may lead, in the order in which they count: below the roots, and to a root that is called
    /// like its beginning.
    fn places<'a>(&'a self, path: &'a Path, base: fn(&Root) -> &Path) -> impl Iterator<Item = PathBuf> + 'a {
        let below_its_name = move |root: &Root| {
            let rest = path.strip_prefix(root.declared.file_name()?).ok()?;
            // Without a slash at its end.
            Some(if rest.as_os_str().is_empty() { base(root).to_owned() } else { base(root).join(rest) })
        };
        let below = self.roots.iter().map(move |root| base(root).join(path));
        below.chain(self.roots.iter().filter_map(below_its_name))
    }

    /// Finds the files of one request.
    pub(crate) fn finder(&self) -> Finder<'_> {
        Finder { media: self, lookup: Lookup::of_request(&self.bounds) }
    }
}

/// Finds files by their names. It remembers the folders that it has listed.
pub(crate) struct Finder<'m> {
    media: &'m Media,
    lookup: Lookup<'m>,
}

impl Finder<'_> {
    /// The path of the file or folder with this name, with all links resolved. If several roots have one, the
    /// first counts; if none has, a root that is called like the beginning of the name. `field` is the field of the request that held the name.
    pub(crate) fn resolve(&mut self, name: &str, field: &str) -> Result<PathBuf, Problem> {
        let outside = || {
            let detail =
                format!("{name:?} is not below a media root: name files relative to one, without \"..\"");
            Problem::new("outside-media-roots", detail).at(field)
        };
        let leads_out = || {
            let detail = format!(
                "{name:?} is a link, or below one, that leads out of the media roots: add the folder that it leads to \
                 to media_roots (in [server])"
            );
            Problem::new("outside-media-roots", detail).at(field)
        };
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        let path = path_text::from_text(name);
        let has_nul = path.as_os_str().as_bytes().contains(&0);
        if name.is_empty() || has_nul || !path.components().all(plain) {
            return Err(outside());
        }
        for place in self.media.places(&path, |root| &root.real) {
            match place.canonicalize() {
                Ok(real) if self.media.real.iter().any(|root| real.starts_with(root)) => return Ok(real),
                Ok(_) => return Err(leads_out()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Problem::new("not-found", format!("{name:?}: {error}")).at(field));
                }
            }
        }
        for Root { real, .. } in &self.media.roots {
            for name in [Name::path(path.as_os_str().as_bytes()), Name::path(name.as_bytes())] {
                let Some(found) = self.lookup.find_below(&name, real) else { continue };
                // A link may lead outside.
                match found.canonicalize() {
                    Ok(found) if self.media.real.iter().any(|root| found.starts_with(root)) => {
                        return Ok(found);
                    }
                    _ => return Err(leads_out()),
                }
            }
        }
        Err(Problem::new("not-found", format!("there is no file {name:?} below the media roots")).at(field))
    }

    /// The same for a name that is kept: with the links that lead there, which are followed anew each time.
    #[cfg(feature = "library")]
    pub(crate) fn resolve_to_keep(&mut self, name: &str, field: &str) -> Result<PathBuf, Problem> {
        let real = self.resolve(name, field)?;
        let path = path_text::from_text(name);
        let mut places = self.media.places(&path, |root| &root.declared);
        let leads_there = |place: &PathBuf| place.canonicalize().is_ok_and(|led| led == real);
        Ok(places.find(leads_there).unwrap_or(real))
    }

    /// The same for what a slot plays, which may come later, but not its folder. Names with a time in them
    /// are of such files.
    #[cfg(feature = "library")]
    pub(crate) fn resolve_coming(&mut self, name: &str, field: &str) -> Result<PathBuf, Problem> {
        let path = path_text::from_text(name);
        let there = without_time(&path);
        let is_dated = there != path;
        if !is_dated {
            match self.resolve_to_keep(name, field) {
                Err(problem) if problem.code == "not-found" => {}
                found => return found,
            }
        }
        let folder = match is_dated {
            true => there,
            false => path.parent().unwrap_or(there),
        };
        let rest = path.strip_prefix(folder).unwrap_or(&path);
        let has_nul = path.as_os_str().as_bytes().contains(&0);
        if has_nul || rest.components().any(|part| !matches!(part, Component::Normal(_))) {
            return self.resolve(name, field);
        }
        // What lies in no folder is below the first root.
        let text = path_text::to_text(folder);
        let folder = if text.is_empty() { "." } else { &text };
        let folder = self.resolve_to_keep(folder, field).and_then(|folder| match folder.is_dir() {
            true => Ok(folder),
            false => Err(Problem::new("not-found", "it is no folder").at(field)),
        });
        let folder = folder.map_err(|problem| match problem.code == "not-found" {
            true => {
                let detail = format!(
                    "there is neither a file {name:?} nor its folder below the media roots: a slot's \
                         file may come later, but its folder must exist"
                );
                Problem::new("not-found", detail).at(field)
            }
            false => problem,
        })?;
        Ok(folder.join(rest))
    }
}

impl FileNames for Media {
    /// The path relative to a root; of a root itself and outside the roots, the last part alone. It touches
    /// no file.
    fn file(&self, path: &Path) -> String {
        let below =
            |root: &Root| path.strip_prefix(&root.declared).or_else(|_| path.strip_prefix(&root.real)).ok();
        let below = self.roots.iter().find_map(below).filter(|below| !below.as_os_str().is_empty());
        // A root goes by its own name.
        let name = below.or_else(|| path.file_name().map(Path::new)).unwrap_or(path);
        path_text::to_text(name).into_owned()
    }

    /// Names it like a file, because it may be a path.
    fn playlist(&self, name: &str) -> String {
        self.file(&path_text::from_text(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
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
            assert_eq!(media.finder().resolve(name, "file").as_ref(), Ok(&found), "{name}");
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
            "file://..%2Fmusic-private/secret",
            "FILE.mp3",
            "sub/a.mp3\0",
            absolute.to_str().unwrap(),
            "/",
        ] {
            assert_eq!(
                media.finder().resolve(name, "file").unwrap_err().code,
                "outside-media-roots",
                "{name:?}"
            );
        }
        for name in [
            "c.mp3",
            "%2e%2e/music-private/secret",
            "sub%2f..%2f..%2fmusic-private%2fsecret",
            "..\\music-private\\secret",
            "sub/a.mp3/x",
        ] {
            assert_eq!(media.finder().resolve(name, "file").unwrap_err().code, "not-found", "{name:?}");
        }
    }

    #[cfg(feature = "library")]
    #[test]
    fn a_root_goes_by_its_name_where_no_root_has_something_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let [music, jingles, news] = ["music", "jingles", "news"].map(|name| folder.path().join(name));
        for made in [&music, &jingles, &news, &music.join("news")] {
            fs::create_dir(made).unwrap();
        }
        fs::write(jingles.join("a.mp3"), "").unwrap();
        let media = Media::new(&[music.clone(), jingles.clone(), news.clone()]);
        let mut finder = media.finder();
        for (name, path) in [
            ("jingles", &jingles),
            ("jingles/a.mp3", &jingles.join("a.mp3")),
            ("a.mp3", &jingles.join("a.mp3")),
            ("music", &music),
            ("news", &music.join("news")),
        ] {
            assert_eq!(finder.resolve_to_keep(name, "file").as_ref(), Ok(path), "{name}");
        }
        assert_eq!([&music, &jingles].map(|root| media.file(root)), ["music", "jingles"]);
        let coming = finder.resolve_coming("jingles/%H.mp3", "play");
        assert_eq!(coming, Ok(jingles.join("%H.mp3")));
        let problem = finder.resolve_coming("jingles/a.mp3/b.mp3", "play").unwrap_err();
        assert!(problem.detail.contains("its folder must exist"), "{}", problem.detail);
        assert_eq!(finder.resolve("typo", "file").unwrap_err().code, "not-found");
    }

    /// Another file is played when the link leads to another one.
    #[cfg(feature = "library")]
    #[test]
    fn a_name_that_is_kept_has_its_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.mp3"), "").unwrap();
        symlink("a.mp3", folder.path().join("latest.mp3")).unwrap();
        let media = Media::new(&[folder.path().to_owned()]);
        let kept = media.finder().resolve_to_keep("latest.mp3", "play");
        assert_eq!(kept, Ok(folder.path().join("latest.mp3")));
    }

    #[test]
    fn a_name_that_is_told_is_found_and_so_are_its_other_spellings() {
        let folder = tempfile::tempdir().unwrap();
        let media = Media::new(&[folder.path().to_owned()]);
        let real = folder.path().canonicalize().unwrap();
        let on_disk: [(&[u8], &[&str]); 6] = [
            (b"M\xe4rz.wav", &["file://M%E4rz.wav", "März.wav", "MA\u{308}RZ.wav", "M%E4rz.wav"]),
            ("De\u{301}compose\u{301}.wav".as_bytes(), &["Décomposé.wav", "décomposé.WAV"]),
            ("Composé.wav".as_bytes(), &["Compose\u{301}.wav", "file://Compos%C3%A9.wav"]),
            (
                b"sub/A b.mp3",
                &[
                    "sub\\a b.mp3",
                    "SUB/A B.MP3",
                    "sub%2fA b.mp3",
                    "\\sub\\A b.mp3",
                    "file://nas/x/sub/A%20b.mp3",
                ],
            ),
            (b"file:/100%25.mp3", &["file:/100%25.mp3"]),
            (b"100%.mp3", &["100%.mp3", "100%25.mp3"]),
        ];
        for (bytes, spellings) in on_disk {
            let path = real.join(OsStr::from_bytes(bytes));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let told = media.file(&path);
            for name in spellings.iter().copied().chain([told.as_str()]) {
                assert_eq!(media.finder().resolve(name, "file").as_ref(), Ok(&path), "{name}");
            }
            assert_eq!(media.playlist(&path_text::to_text(&path)), told);
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

//! Finds the file that a name means: in a playlist, or in a request to the API.
//!
//! Names come from other systems: from Windows with backslashes, drive letters, another code page and any
//! case; from macOS with decomposed accents; from programs that write URLs for paths, or paths for URLs.
//! These are the rules, and the first that finds a file counts:
//!
//! 1. The name as it is written, then without spaces around it, then with slashes for backslashes. Then the
//!    same of the percent-decoded name ([`forms`]). If the format holds URLs, the decoded name goes first.
//! 2. The same in another spelling: composed or decomposed, in UTF-8 or Windows-1252, in another case. The
//!    way is taken folder by folder. Of several names that differ in this, the exact one goes first, then the
//!    order of their bytes counts.
//! 3. The end of a path of Windows or of a file server, as long as possible, from the playlist's folder on.
//!    And the whole path below its drive or its share from a folder above the playlist on.

mod forms;
mod listings;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Format, is_audio, url};
use crate::path_text;
use crate::roots::{self, Bounds};
use forms::{Foreign, Form};
use listings::{Limits, Listings};

/// The most components of a path that is looked up in other spellings. No library lies deeper.
const MAX_COMPONENTS: usize = 64;
/// The most steps of the way to one file. Each name on the way can lead to several others.
const MAX_STEPS: usize = 256;
/// The most folders above a playlist in which a path below a drive is looked for.
const MAX_ABOVE: usize = 8;

/// A path or a URL as a playlist has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    bytes: Vec<u8>,
    /// Whether the format holds URLs. Then `%20` is first tried as a space, and after that literally.
    is_url: bool,
}

/// The reason why a name was not found.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It is a URL of the network, which is not supported.
    Network,
    /// The system's error for the literal name.
    System(io::Error),
}

impl Refusal {
    pub fn reason(&self) -> String {
        match self {
            Refusal::Network => "is on the network; a playlist can name files only".into(),
            Refusal::System(error) => plain(error),
        }
    }
}

/// A system error as a sentence about a file.
pub(super) fn plain(error: &io::Error) -> String {
    match error.kind() {
        _ if roots::is_outside(error) => error.to_string(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "may not be read (permission denied)".into(),
        _ => error.to_string(),
    }
}

/// A path as text for display and for the log.
pub(super) fn shown(path: impl AsRef<OsStr>) -> String {
    const MAX_CHARS: usize = 400;
    let text = path_text::shown(path.as_ref().as_bytes());
    let mut shown: String =
        text.chars().take(MAX_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

impl Name {
    /// A name in a format that holds paths.
    pub fn path(bytes: &[u8]) -> Name {
        Name { bytes: bytes.to_vec(), is_url: false }
    }

    /// A name in a format that holds URLs.
    pub fn url(bytes: &[u8]) -> Name {
        Name { bytes: bytes.to_vec(), is_url: true }
    }

    /// The path that it is if it stands for nothing but itself, in the form that the API tells paths in.
    #[cfg(feature = "library")]
    pub(crate) fn literal(&self) -> PathBuf {
        let path = || OsStr::from_bytes(&self.bytes).into();
        str::from_utf8(&self.bytes).map_or_else(|_| path(), path_text::from_text)
    }

    /// The name as text for display.
    pub(crate) fn text(&self) -> String {
        shown(OsStr::from_bytes(&self.bytes))
    }

    fn is_on_the_network(&self) -> bool {
        let trimmed = self.bytes.trim_ascii();
        url::file_path(trimmed).is_none() && url::scheme(trimmed).is_some()
    }

    /// The name as text for the log. If it is not like the name of something that can be played, it is not
    /// quoted: the file may be no playlist at all, and what is in it is nobody's business.
    pub(super) fn quoted(&self) -> String {
        let path = Path::new(OsStr::from_bytes(self.bytes.trim_ascii()));
        let is_url = url::scheme(self.bytes.trim_ascii()).is_some();
        match is_audio(path) || Format::of(path).is_some() || is_url {
            true => self.text(),
            false => "a name that is not audio's".into(),
        }
    }
}

/// Finds files by their names. It remembers the folders that it has listed, so a list of millions of names
/// reads no folder twice. It lists nothing outside its bounds.
pub(crate) struct Lookup<'b> {
    listings: Listings<'b>,
}

impl<'b> Lookup<'b> {
    /// For the names in a list.
    pub(crate) fn new(bounds: &'b Bounds) -> Lookup<'b> {
        Lookup { listings: Listings::new(bounds, Limits::LIST) }
    }

    /// For the names in a request.
    pub(crate) fn of_request(bounds: &'b Bounds) -> Lookup<'b> {
        Lookup { listings: Listings::new(bounds, Limits::REQUEST) }
    }

    /// Finds a file by its name, which is relative to `folder` unless it is absolute.
    pub(super) fn find(&mut self, name: &Name, folder: &Path) -> Result<(PathBuf, Metadata), Refusal> {
        if name.is_on_the_network() {
            return Err(Refusal::Network);
        }
        let forms = name.forms();
        let mut refusal = None;
        for Form { path, .. } in &forms {
            let path = folder.join(OsStr::from_bytes(path));
            match self.listings.metadata(&path) {
                Ok(metadata) => return Ok((path, metadata)),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        let missing = || Refusal::System(refusal.unwrap_or_else(|| io::ErrorKind::NotFound.into()));
        self.find_otherwise(&forms, folder).ok_or_else(missing)
    }

    /// The folder in which a missing file would appear, or one on the way to it. `None` if it is not known to
    /// be below `folder`.
    pub(super) fn folder_of_missing(&self, name: &Name, folder: &Path) -> Option<PathBuf> {
        let path = folder.join(OsStr::from_bytes(&name.bytes));
        let nearest = self.listings.nearest_folder(&path)?;
        nearest.starts_with(folder).then(|| nearest.to_owned())
    }

    /// Finds a file below `folder` that has this name in another spelling or on another system. A name that
    /// could lead elsewhere is not looked up; a link may.
    pub(crate) fn find_below(&mut self, name: &Name, folder: &Path) -> Option<PathBuf> {
        let mut forms = name.forms();
        forms.retain(Form::stays_below);
        let literal = forms.iter().filter(|form| form.foreign.is_none());
        let mut literal = literal.map(|form| folder.join(OsStr::from_bytes(&form.path)));
        literal
            .find(|path| path.exists())
            .or_else(|| self.find_otherwise(&forms, folder).map(|(path, _)| path))
    }

    fn find_otherwise(&mut self, forms: &[Form], folder: &Path) -> Option<(PathBuf, Metadata)> {
        let plain = forms.iter().filter(|form| form.foreign.is_none());
        for Form { path, .. } in plain {
            let from = if path.starts_with(b"/") { Path::new("/") } else { folder };
            if let Some(found) = self.spelled_otherwise(from, path) {
                return Some(found);
            }
        }
        let foreign = |form: &Form| Some((form.path.clone(), form.foreign?));
        forms.iter().filter_map(foreign).find_map(|(path, foreign)| self.carried_over(folder, &path, foreign))
    }

    /// Looks up a path component by component, each in every spelling.
    fn spelled_otherwise(&mut self, from: &Path, path: &[u8]) -> Option<(PathBuf, Metadata)> {
        let is_something = |component: &&[u8]| !matches!(*component, b"" | b".");
        let components: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(is_something).collect();
        if components.is_empty() || components.len() > MAX_COMPONENTS {
            return None;
        }
        // The ways that are open, the best last.
        let mut ways = vec![(from.to_owned(), 0)];
        for _ in 0..MAX_STEPS {
            let (way, at) = ways.pop()?;
            match components.get(at).copied() {
                None => {
                    if let Ok(metadata) = fs::metadata(&way) {
                        return Some((way, metadata));
                    }
                }
                Some(b"..") => ways.push((way.join(".."), at + 1)),
                Some(component) => {
                    let names = self.listings.names_of(&way, component);
                    ways.extend(names.into_iter().rev().map(|name| (way.join(name), at + 1)));
                }
            }
        }
        None
    }

    /// Looks up the end of a path of another system.
    fn carried_over(&mut self, folder: &Path, path: &[u8], foreign: Foreign) -> Option<(PathBuf, Metadata)> {
        let starts = |from: usize| {
            let slashes = path[from..].iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let after = slashes.map(move |(at, _)| from + at + 1);
            [from].into_iter().chain(after).filter(|&at| at < path.len())
        };
        for start in starts(foreign.start).take(MAX_COMPONENTS) {
            if let Some(found) = self.spelled_otherwise(folder, &path[start..]) {
                return Some(found);
            }
        }
        let above = folder.ancestors().skip(1).take(MAX_ABOVE).filter(|above| above.parent().is_some());
        let below_root = path.get(foreign.root..).filter(|below| !below.is_empty())?;
        above.into_iter().find_map(|above| self.spelled_otherwise(above, below_root))
    }
}

//! Playlists as they are found on disk, and the entries that they come down to: files, folders,
//! M3U, PLS and XSPF, which may name each other.
//!
//! [`read`] streams: what it finds is told as it is found, so that a large folder plays before it
//! has been read. Whatever lies on the disk, it comes to an end: lists and folders that contain
//! themselves are refused, and how much is read is bounded.

mod entry;
mod folder;
mod lines;
mod lookup;
mod m3u;
mod order;
mod pls;
mod reader;
mod url;
mod watch;
mod xspf;

use std::fmt;
use std::io::{self, BufRead};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use self::entry::Entry;
pub use self::lookup::Name;
pub use self::reader::read;
pub use self::watch::Watch;

/// What reading comes upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file to play.
    Entry(Entry),
    /// What the outermost playlist calls itself.
    Name(String),
    /// A folder has been read to its end, in which so many files are not audio by their names.
    PassedOver {
        /// The folder.
        folder: PathBuf,
        /// How many, its subfolders included.
        files: u64,
    },
    /// Something that cannot be played. Of many in one playlist or folder, the first few are told, and
    /// how many more there are.
    Problem(Problem),
}

/// What was refused, by what, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What was refused: a path as it is written in the list.
    pub what: String,
    /// Which playlist named it, in which line; `None` if it was asked for directly.
    pub named_by: Option<(PathBuf, u64)>,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((playlist, line)) = &self.named_by {
            write!(f, "{}, line {line}: ", playlist.display())?;
        }
        write!(f, "{}: {}", self.what, self.reason)
    }
}

/// The format of a playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// M3U and M3U8: a path a line.
    M3u,
    /// PLS: `File1=`, `Title1=`.
    Pls,
    /// XSPF: XML.
    Xspf,
}

impl Format {
    /// The format that a file's name says.
    pub fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "m3u" | "m3u8" => Some(Format::M3u),
            "pls" => Some(Format::Pls),
            "xspf" => Some(Format::Xspf),
            _ => None,
        }
    }
}

/// What a playlist says, before anything is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// What it calls itself.
    Title(String),
    /// A file, a folder, or another playlist.
    Entry {
        /// Where it says so, from 1.
        line: u64,
        /// Where it is; the first of these that is there.
        names: Vec<Name>,
        /// What it is called: artist and title, as a rule.
        text: Option<String>,
    },
}

/// Reads a playlist of this format, any bytes, until it ends or `found` breaks.
pub fn parse(
    format: Format,
    input: &mut dyn BufRead,
    found: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    match format {
        Format::M3u => m3u::parse(input, found),
        Format::Pls => pls::parse(input, found),
        Format::Xspf => xspf::parse(input, found),
    }
}

/// Whether a file's name says that it is audio which can be decoded.
fn is_audio(path: &Path) -> bool {
    const AUDIO: [&str; 15] = [
        "aac", "aif", "aifc", "aiff", "flac", "m4a", "m4b", "mp3", "mp4", "oga", "ogg", "opus", "rf64",
        "wav", "wave",
    ];
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| AUDIO.iter().any(|audio| audio.eq_ignore_ascii_case(extension)))
}

#[cfg(test)]
mod tests;

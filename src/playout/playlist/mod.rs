//! Reads playlists and folders from disk into entries. Files, folders, M3U, PLS and XSPF may be mixed, and
//! playlists may name each other.
//!
//! [`read`] streams: it reports each entry as soon as it is found, so a large folder plays before it has been
//! read completely. Reading always ends: lists and folders that contain themselves are refused, and the
//! amount is bounded.

mod entry;
mod folder;
mod kind;
mod lines;
mod lookup;
mod m3u;
mod order;
mod passing;
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
#[cfg(feature = "library")]
pub(crate) use self::folder::{Part, is_quiet_now, read as read_folder};
pub use self::kind::TrackKind;
pub(crate) use self::lookup::Lookup;
pub use self::lookup::Name;
pub use self::passing::Reason;
#[cfg(test)]
pub(crate) use self::reader::MAX_CONFINED_ENTRIES;
pub use self::reader::read;
pub(crate) use self::reader::read_within;
pub use self::watch::Watch;

/// A report of the reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file to play.
    Entry(Entry),
    /// The name that the outermost playlist has in its file.
    Name(String),
    /// So much in a folder is passed over for one reason. Comes when the folder has been read.
    PassedOver {
        /// The folder.
        folder: PathBuf,
        /// Why it is passed over.
        reason: Reason,
        /// The number of files and folders, including those in subfolders.
        count: u64,
    },
    /// Nothing yet: the next name is about to be looked up. So the reading can be stopped at any name.
    Step,
    /// Something that cannot be played. For one playlist or folder, only the first few are reported, and then
    /// the number of the others.
    Problem(Problem),
}

/// Something that was refused, with the place that named it and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path that was refused, as the list has it.
    pub what: String,
    /// The playlist and the line that named it. `None` if it was requested directly.
    pub named_by: Option<(PathBuf, u64)>,
    /// The reason.
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
    /// M3U and M3U8: one path per line.
    M3u,
    /// PLS: `File1=`, `Title1=`.
    Pls,
    /// XSPF: XML.
    Xspf,
}

impl Format {
    /// The format that belongs to a file's name.
    pub fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "m3u" | "m3u8" => Some(Format::M3u),
            "pls" => Some(Format::Pls),
            "xspf" => Some(Format::Xspf),
            _ => None,
        }
    }
}

/// An item of a playlist file, before any file is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The name of the playlist.
    Title(String),
    /// A file, a folder, or another playlist.
    Entry {
        /// The line of the item, counted from 1.
        line: u64,
        /// Its alternative names. The first one that exists counts.
        names: Vec<Name>,
        /// Its title, usually artist and title.
        text: Option<String>,
    },
}

/// Parses a playlist of this format until it ends or `found` breaks. It accepts any bytes.
pub fn parse(
    format: Format,
    input: &mut dyn BufRead,
    found: &mut dyn FnMut(Item) -> ControlFlow<()>,
) -> io::Result<ControlFlow<()>> {
    match by_first_line(input.fill_buf()?).unwrap_or(format) {
        Format::M3u => m3u::parse(input, found),
        Format::Pls => pls::parse(input, found),
        Format::Xspf => xspf::parse(input, found),
    }
}

/// The format that a playlist's first line tells, whatever the playlist is called.
fn by_first_line(beginning: &[u8]) -> Option<Format> {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning).trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let formats = [(&b"#EXTM3U"[..], Format::M3u), (b"[playlist]", Format::Pls)];
    formats.iter().find(|(word, _)| begins(word)).map(|(_, format)| *format)
}

/// Whether a file's name is that of audio which can be decoded.
pub(crate) fn is_audio(path: &Path) -> bool {
    const AUDIO: [&str; 21] = [
        "aac", "aif", "aifc", "aiff", "bw64", "bwf", "caf", "flac", "m4a", "m4b", "mp1", "mp2", "mp3", "mp4",
        "oga", "ogg", "opus", "rf64", "w64", "wav", "wave",
    ];
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| AUDIO.iter().any(|audio| audio.eq_ignore_ascii_case(extension)))
}

#[cfg(test)]
mod confined;
#[cfg(test)]
mod tests;

//! What a schedule chooses from.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
#[cfg(feature = "library")]
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::metadata::{Tags, format_title};
use crate::playout::Entry;

/// What there is to choose from: the files of a pipeline, or those of a simulation.
pub(crate) trait Material {
    /// The tracks of a playlist; `None` means the pipeline's own. As long as nothing changes, the same `Arc`.
    fn playlist(&self, playlist: Option<&Path>) -> Arc<Tracks>;

    /// The file that a slot wants, or why there is none.
    fn file(&self, wanted: &Wanted) -> Result<Track, String>;
}

/// What a slot wants to play.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// A file, or a folder.
    pub path: PathBuf,
    /// When the slot comes.
    pub at: Timestamp,
    /// How old the file may be then.
    pub max_age: Option<Duration>,
    /// The files of a folder that the slot has played before.
    pub(super) played: VecDeque<u64>,
    /// The files that it could not play this time.
    pub(super) unplayable: VecDeque<Unplayable>,
    pub(super) home: Home,
}

/// A file that a slot could not play.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Unplayable {
    pub file: u64,
    /// When it was written. If it is written anew, it is another file.
    pub written: Option<SystemTime>,
    pub reason: String,
}

impl Wanted {
    /// Whether the slot has played this file of a folder before.
    pub fn is_played(&self, file: &Path) -> bool {
        self.played.contains(&file_key(file, &self.home))
    }

    /// Why the slot could not play this file, if it is the one that was written then.
    pub fn failed(&self, file: &Path, written: SystemTime) -> Option<&str> {
        let file = file_key(file, &self.home);
        let failed = self.unplayable.iter().find(|of| (of.file, of.written) == (file, Some(written)));
        failed.map(|failed| failed.reason.as_str())
    }
}

/// All that a slot would play.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SlotWants {
    pub own: Wanted,
    /// What is played instead, if that cannot be.
    pub otherwise: Option<Wanted>,
}

impl SlotWants {
    /// Both, in their order.
    pub fn all(&self) -> impl Iterator<Item = &Wanted> {
        [Some(&self.own), self.otherwise.as_ref()].into_iter().flatten()
    }
}

/// A track as it is chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Track {
    pub entry: Entry,
    pub artist: Option<Arc<str>>,
    pub title: Option<Arc<str>>,
    /// How long it plays; `None` if it is not known before the file is opened.
    pub duration: Option<Duration>,
    /// How long it goes on under the next one where tracks meet by their decay. Zero if nobody knows.
    pub decay: Duration,
    /// When its file was written, if it is a slot's.
    pub written: Option<SystemTime>,
}

impl Track {
    /// A track of which nothing is known but its file.
    pub fn new(entry: Entry) -> Track {
        Track { entry, artist: None, title: None, duration: None, decay: Duration::ZERO, written: None }
    }

    /// The line that a station shows for it.
    pub fn shown(&self) -> String {
        let tag = |tag: &Option<Arc<str>>| tag.as_deref().map(str::to_owned);
        let tags = Tags { artist: tag(&self.artist), title: tag(&self.title), ..Tags::default() };
        format_title(self.entry.title.as_deref(), &tags, self.entry.extinf.as_deref(), &self.entry.path)
    }

    /// What it has in common with others, at this home.
    pub fn keys(&self, home: &Home) -> Keys {
        let lower = |text: &Arc<str>| text.trim().to_lowercase();
        Keys {
            file: file_key(&self.entry.path, home),
            artist: self.artist.as_ref().map(|artist| key(("artist", lower(artist)))),
            title: self.title.as_ref().map(|title| key(("title", lower(title)))),
        }
    }
}

/// What a track has in common with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keys {
    pub file: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<u64>,
}

/// By what the state knows a file.
fn file_key(path: &Path, home: &Home) -> u64 {
    key(("file", home.name_of(path).as_ref()))
}

/// By what the state knows an address. It cannot be read from it.
#[cfg(feature = "library")]
pub(crate) fn address_key(address: IpAddr) -> u64 {
    key(("address", address))
}

/// If another release of Rust hashes in another way, the state forgets what was heard, and no more.
fn key(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    // Every JSON parser can represent it.
    hasher.finish() >> 11
}

/// The tracks of a playlist, with what separates them.
#[derive(Debug)]
pub(crate) struct Tracks {
    tracks: Vec<Track>,
    keys: Vec<Keys>,
    /// Whether each pass has an order of its own.
    pub shuffle: bool,
}

impl Tracks {
    pub fn new(tracks: Vec<Track>, shuffle: bool, home: &Home) -> Tracks {
        Tracks { keys: tracks.iter().map(|track| track.keys(home)).collect(), tracks, shuffle }
    }

    pub fn len(&self) -> usize {
        self.tracks.len()
    }

    pub fn track(&self, index: usize) -> &Track {
        &self.tracks[index]
    }

    pub fn keys(&self, index: usize) -> Keys {
        self.keys[index]
    }
}

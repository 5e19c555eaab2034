//! A play: something that was heard, from its beginning to its end.

use std::time::Duration;

use serde::Serialize;

use crate::metadata::Tags;
use crate::names::named;
use crate::playout::TrackKind;

named! {
    /// What a play was.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum PlayKind {
        /// A piece of the rotation.
        Music = "music",
        /// A short piece of the station's own.
        Jingle = "jingle",
        /// An advertisement.
        Spot = "spot",
        /// A programme of its own, such as the news.
        Show = "show",
        /// What a source sent to a live input, under one title.
        Live = "live",
        /// A file that was played over the programme: a voice.
        Deck = "deck",
        /// A file that sounded above everything else.
        Announcement = "announcement",
    }
}

impl From<TrackKind> for PlayKind {
    fn from(kind: TrackKind) -> PlayKind {
        match kind {
            TrackKind::Music => PlayKind::Music,
            TrackKind::Jingle => PlayKind::Jingle,
            TrackKind::Spot => PlayKind::Spot,
            TrackKind::Show => PlayKind::Show,
        }
    }
}

/// Something that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Play {
    /// The pipeline.
    pub pipeline: String,
    /// What it was.
    pub kind: PlayKind,
    /// When it was first heard, in milliseconds since 1970.
    pub began_at: u64,
    /// The time zone of the pipeline then, by its name: `Europe/Berlin`.
    pub zone: String,
    /// By how many seconds the zone was ahead of UTC then.
    pub utc_offset: i32,
    /// How long it was heard. What was held, or lay beneath something else, does not count.
    pub heard: Duration,
    /// Whether its end is known. It is not while the play is on the air, nor if the process was killed.
    pub ended: bool,
    /// Who sent it, if it was live.
    pub user: Option<String>,
    /// The title that was announced. Decks and announcements have one here, too.
    pub title: String,
    /// What is known of the piece.
    pub piece: Piece,
    /// The file, relative to the media root that it lies below, else to the folder of the library or of the
    /// playlist; its whole path if it lies below none. In text, a path that is not UTF-8 is a percent-encoded
    /// `file://` URL.
    pub file: Option<String>,
    /// Why it was picked, in words, if it is a track.
    pub reason: Option<String>,
    /// How many listened when it began.
    pub listeners_at_start: u64,
    /// How many listened at most.
    pub listeners_peak: u64,
    /// How long it was heard, summed over all listeners.
    pub listened: Duration,
}

/// What the tags of a file, or the title of a source, say of a piece.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Piece {
    /// The performer.
    pub artist: Option<String>,
    /// The name of the piece.
    pub name: Option<String>,
    /// The record it is from.
    pub album: Option<String>,
    /// Who wrote it.
    pub composer: Option<String>,
    /// Who published the record.
    pub label: Option<String>,
    /// The label's code: `LC 00193`.
    pub label_code: Option<String>,
    /// The International Standard Recording Code, without hyphens.
    pub isrc: Option<String>,
}

impl Piece {
    pub(super) fn of_tags(tags: &Tags) -> Piece {
        let details = tags.details.as_deref();
        Piece {
            artist: tags.artist.clone(),
            name: tags.title.clone(),
            album: tags.album.clone(),
            composer: details.and_then(|details| details.composer.clone()),
            label: details.and_then(|details| details.label.clone()),
            label_code: details.and_then(|details| details.label_code.clone()),
            isrc: details.and_then(|details| details.isrc.clone()),
        }
    }

    /// Sources announce `Artist - Title`, as players show it.
    pub(super) fn of_title(title: &str) -> Piece {
        let said = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        match title.split_once(" - ") {
            Some((artist, name)) => Piece { artist: said(artist), name: said(name), ..Piece::default() },
            None => Piece { name: said(title), ..Piece::default() },
        }
    }
}

/// Which plays are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaysWanted {
    /// The earliest beginning, in milliseconds since 1970.
    pub from: Option<u64>,
    /// The beginning must be before this, in milliseconds since 1970.
    pub before: Option<u64>,
    /// Only of this pipeline.
    pub pipeline: Option<String>,
    /// So many at most: with `from`, the first of them, else the last.
    pub limit: Option<u64>,
}

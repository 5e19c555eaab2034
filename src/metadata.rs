//! What a listener may know of a track: its tags and the title made from them.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::path_text;

/// The longest title that somebody may set, in characters. Thousands of entries wait in memory, the state file
/// keeps them, and each event and each answer repeats them.
pub(crate) const MAX_TITLE: usize = 500;
/// The longest link, in bytes. Players read no longer one, and half a link leads nowhere.
pub(crate) const MAX_TITLE_URL: usize = 1024;

/// What a mount announces: a line of text and, if there is one, a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Title {
    /// Shown by players, usually `Artist - Title`. Any UTF-8: mounts make one line of it, and the ICY block
    /// cuts it.
    pub text: String,
    /// Sent as `StreamUrl`.
    pub url: Option<String>,
    /// Artist, piece and album, each by itself, where they are known so. HLS sends them to players that show
    /// them apart; `text` has what all others show.
    pub parts: Option<Box<TitleParts>>,
}

/// What the text of a [`Title`] was made from. Empty strings are never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TitleParts {
    /// The performer.
    pub artist: Option<String>,
    /// The name of the piece.
    pub title: Option<String>,
    /// The record it is from.
    pub album: Option<String>,
}

impl Title {
    /// A title without a link.
    pub fn new(text: impl Into<String>) -> Title {
        Title { text: text.into(), ..Title::default() }
    }

    /// The title of a track whose text was made from these tags.
    pub(crate) fn from_tags(text: impl Into<String>, tags: &Tags) -> Title {
        let part = |tag: &Option<String>| tag.as_deref().map(|tag| one_line(tag).into_owned());
        let parts =
            TitleParts { artist: part(&tags.artist), title: part(&tags.title), album: part(&tags.album) };
        Title { parts: parts.title.is_some().then(|| Box::new(parts)), ..Title::new(text) }
    }

    /// A title that somebody sends: in one line, and as much of it as somebody may set.
    pub(crate) fn from_outside(text: impl Into<String>) -> Title {
        let mut title = Title::new(text).in_one_line();
        if let Some((end, _)) = title.text.char_indices().nth(MAX_TITLE) {
            title.text.truncate(end);
        }
        title
    }

    /// The same title with its text in one line.
    pub(crate) fn in_one_line(mut self) -> Title {
        if let Cow::Owned(text) = one_line(&self.text) {
            self.text = text;
        }
        self
    }
}

/// Why nobody may set this title. `None` if it is short enough.
pub(crate) fn fault_of_title(text: &str) -> Option<String> {
    let length = text.chars().count();
    (length > MAX_TITLE)
        .then(|| format!("a title has {MAX_TITLE} characters at most, and this one has {length}"))
}

/// Why nobody may set this link. `None` if it is short enough.
pub(crate) fn fault_of_title_url(url: &str) -> Option<String> {
    let length = url.len();
    (length > MAX_TITLE_URL)
        .then(|| format!("a link has {MAX_TITLE_URL} bytes at most, and this one has {length}"))
}

/// A text as one line that players and logs can show. Control characters that separate words or lines become
/// a space; the others vanish.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let separates =
        |c: char| matches!(c, '\0' | '\t'..='\r' | '\x1c'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if !text.contains(|c: char| c.is_control() || separates(c)) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len());
    let mut separated = false;
    for c in text.chars() {
        if separates(c) {
            separated = true;
        } else if !(c.is_control() || separated && c == ' ') {
            if std::mem::take(&mut separated) && !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
            line.push(c);
        }
    }
    Cow::Owned(line)
}

/// The tags that a file carries, as far as a station uses them. Empty strings are never stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tags {
    /// The performer.
    pub artist: Option<String>,
    /// The name of the piece.
    pub title: Option<String>,
    /// The record it is from.
    pub album: Option<String>,
    /// How long it sounds, if that can be known without decoding it.
    pub duration: Option<Duration>,
    /// ReplayGain or R128 gain of the track, in dB, relative to ReplayGain's reference level.
    pub track_gain_db: Option<f32>,
    /// The same for the whole album.
    pub album_gain_db: Option<f32>,
    /// The track's highest sample, 1.0 being full scale.
    pub track_peak: Option<f32>,
    /// The album's highest sample.
    pub album_peak: Option<f32>,
    /// What catalogues and reports want to know. Boxed: what is on the air needs none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<TagDetails>>,
    /// Where the track is to be cut and joined. Boxed, because few files say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cues: Option<Box<CueTags>>,
}

/// ReplayGain's reference level: a file with a gain of 0 dB has this loudness, in LUFS.
pub(crate) const REPLAYGAIN_LUFS: f32 = -18.0;

/// What catalogues and reports want to know of a piece. Empty strings are never stored; each text has 200
/// characters at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TagDetails {
    /// The performer of the album.
    pub album_artist: Option<String>,
    /// Who wrote it.
    pub composer: Option<String>,
    /// Its genre, by name.
    pub genre: Option<String>,
    /// The label that published it.
    pub label: Option<String>,
    /// The label's code: `LC 00116`.
    pub label_code: Option<String>,
    /// The International Standard Recording Code, without hyphens: `DEA620800025`.
    pub isrc: Option<String>,
    /// The year of its publication: 1000 to 2999.
    pub year: Option<u16>,
    /// Its place on the album, from 1 on.
    pub track_number: Option<u32>,
}

/// Where a file's tags say that it is to be cut and joined, from its first frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CueTags {
    /// Where it begins: `CUE_IN` or `LIQ_CUE_IN`.
    pub cue_in: Option<Duration>,
    /// Where it ends: `CUE_OUT` or `LIQ_CUE_OUT`.
    pub cue_out: Option<Duration>,
    /// Where the next track starts: `START_NEXT` or `LIQ_CROSS_START_NEXT`.
    pub start_next: Option<Duration>,
    /// How long before its end the next track starts, if it does not say where: `LIQ_CROSS_DURATION`.
    pub cross: Option<Duration>,
}

/// The line that a station shows for a track: a given title, else `artist - title`, else the
/// title, else the artist, else the playlist's `#EXTINF`, else the file's name without its extension.
/// Line breaks and tabs become spaces.
///
/// ```
/// use longwave::{Tags, format_title};
/// let tags = Tags { artist: Some("Björk".into()), title: Some("Jóga".into()), ..Tags::default() };
/// assert_eq!(format_title(None, &tags, None, "x/03.mp3"), "Björk - Jóga");
/// assert_eq!(format_title(None, &Tags::default(), None, "x/03 Jóga.mp3"), "03 Jóga");
/// ```
pub fn format_title(
    given: Option<&str>,
    tags: &Tags,
    extinf: Option<&str>,
    file: impl AsRef<Path>,
) -> String {
    fn said(text: Option<&str>) -> Option<&str> {
        text.map(str::trim).filter(|text| !text.is_empty())
    }
    let (artist, title) = (said(tags.artist.as_deref()), said(tags.title.as_deref()));
    let text = match (said(given), artist, title) {
        (Some(given), ..) => given.to_owned(),
        (None, Some(artist), Some(title)) => format!("{artist} - {title}"),
        (None, None, Some(only)) | (None, Some(only), None) => only.to_owned(),
        (None, None, None) => said(extinf).map_or_else(|| stem(file.as_ref()), str::to_owned),
    };
    one_line(&text).into_owned()
}

/// The name of a file without its extension, for people.
pub(crate) fn stem(file: &Path) -> String {
    path_text::shown(file.file_stem().unwrap_or(file.as_os_str()).as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn tags(artist: Option<&str>, title: Option<&str>) -> Tags {
        Tags { artist: artist.map(Into::into), title: title.map(Into::into), ..Tags::default() }
    }

    #[test]
    fn the_best_known_name_wins() {
        let file = Path::new("music/a.b.flac");
        let full = tags(Some("A"), Some("T"));
        let none = tags(None, None);
        assert_eq!(format_title(Some("Given"), &full, Some("Ext"), file), "Given");
        assert_eq!(format_title(None, &full, Some("Ext"), file), "A - T");
        assert_eq!(format_title(None, &tags(None, Some("T")), Some("Ext"), file), "T");
        assert_eq!(format_title(None, &tags(Some("A"), None), Some("Ext"), file), "A");
        assert_eq!(format_title(None, &none, Some("Ext"), file), "Ext");
        assert_eq!(format_title(Some(" "), &none, Some(""), file), "a.b");
        assert_eq!(format_title(None, &none, None, Path::new("/")), "/");
        let latin = Path::new(OsStr::from_bytes(b"M\xe4rz \x80.mp3"));
        assert_eq!(format_title(None, &none, None, latin), "März €");
    }

    #[test]
    fn what_separates_words_becomes_a_space() {
        for (text, line) in [
            ("Prelude\nAllegro", "Prelude Allegro"),
            ("Prelude \r\n Allegro", "Prelude Allegro"),
            ("a\tb\x0bc\x0cd\u{85}e\u{2028}f\u{2029}g\0h", "a b c d e f g h"),
            ("\na  b\n", "a  b"),
            ("a\u{1b}[2Jb\u{9b}\u{7f}", "a[2Jb"),
            ("\n", ""),
            ("Björk – Jóga", "Björk – Jóga"),
        ] {
            assert_eq!(one_line(text), line, "{text:?}");
            assert_eq!(Title::new(text).in_one_line().text, line, "{text:?}");
        }
    }

    #[test]
    fn a_title_is_one_line_wherever_it_is_from() {
        let (file, none) = (Path::new("a\nb.flac"), tags(None, None));
        assert_eq!(format_title(Some("Given\r\nhere"), &none, None, file), "Given here");
        assert_eq!(format_title(None, &tags(Some("The\nBand"), Some("A\tB")), None, file), "The Band - A B");
        assert_eq!(format_title(None, &none, Some("Ext\x0cinf"), file), "Ext inf");
        assert_eq!(format_title(None, &none, None, file), "a b");
    }
}

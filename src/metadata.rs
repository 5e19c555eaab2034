//! What a listener may know of a track: its tags and the title made from them.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a mount announces: a line of text and, if there is one, a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Title {
    /// Shown by players, usually `Artist - Title`. Any UTF-8; the ICY block cuts and cleans it.
    pub text: String,
    /// Sent as `StreamUrl`.
    pub url: Option<String>,
}

impl Title {
    /// A title without a link.
    pub fn new(text: impl Into<String>) -> Title {
        Title { text: text.into(), url: None }
    }
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
}

/// The line that a station shows for a track: a given title, else `artist - title`, else the
/// title, else the artist, else the playlist's `#EXTINF`, else the file's name without its extension.
///
/// ```
/// use longwave::{Tags, format_title};
/// let tags = Tags { artist: Some("Björk".into()), title: Some("Jóga".into()), ..Tags::default() };
/// assert_eq!(format_title(None, &tags, None, "x/03.mp3".as_ref()), "Björk - Jóga");
/// assert_eq!(format_title(None, &Tags::default(), None, "x/03 Jóga.mp3".as_ref()), "03 Jóga");
/// ```
pub fn format_title(given: Option<&str>, tags: &Tags, extinf: Option<&str>, file: &Path) -> String {
    fn said(text: Option<&str>) -> Option<&str> {
        text.map(str::trim).filter(|text| !text.is_empty())
    }
    let (artist, title) = (said(tags.artist.as_deref()), said(tags.title.as_deref()));
    if let Some(given) = said(given) {
        return given.to_owned();
    }
    match (artist, title) {
        (Some(artist), Some(title)) => format!("{artist} - {title}"),
        (None, Some(only)) | (Some(only), None) => only.to_owned(),
        (None, None) => said(extinf).map_or_else(|| stem(file), str::to_owned),
    }
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
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
    }
}

//! The titles of tracks, by a format of the host.

use std::ffi::c_char;
use std::path::Path;
use std::sync::{Arc, Mutex};

use longwave::{Entry, Tags, format_title};

use super::{declared, lw_pipeline, with};
use crate::entry::{call, lock};
use crate::failure::{Failure, Outcome, lw_status};
use crate::text::{Out, optional_text};

/// A format: text, and what stands for something of a track.
#[derive(Debug, PartialEq)]
struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Field {
    /// The usual line.
    Title,
    Artist,
    Name,
    Album,
    /// The name of the file without its extension.
    File,
}

impl Field {
    const ALL: [(&str, Field); 5] = [
        ("title", Field::Title),
        ("artist", Field::Artist),
        ("name", Field::Name),
        ("album", Field::Album),
        ("file", Field::File),
    ];

    fn named(name: &str) -> Outcome<Field> {
        let found = Field::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, field)| *field).ok_or_else(|| {
            let known: Vec<_> = Field::ALL.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            setting(format!("there is no {{{name}}}; there are {}", known.join(", ")))
        })
    }
}

impl Format {
    fn parse(text: &str) -> Outcome<Format> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or_else(|| setting("a { has no }".into()))?;
            pieces.push(Piece::Text(before.into()));
            pieces.push(Piece::Field(Field::named(name)?));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.into()));
        Ok(Format { pieces })
    }

    /// The title of a track; the usual one if a title was given or something is missing.
    fn title(&self, entry: &Entry, tags: &Tags) -> String {
        let usual = format_title(entry.title.as_deref(), tags, entry.extinf.as_deref(), &entry.path);
        let tag = |tag: &Option<String>| match entry.title {
            None => tag.clone().filter(|tag| !tag.trim().is_empty()),
            Some(_) => None,
        };
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Field(Field::Title) => Some(usual.clone()),
            Piece::Field(Field::Artist) => tag(&tags.artist),
            Piece::Field(Field::Name) => tag(&tags.title),
            Piece::Field(Field::Album) => tag(&tags.album),
            Piece::Field(Field::File) => tag(&stem(&entry.path)),
        };
        let line: Option<String> = self.pieces.iter().map(piece).collect();
        line.unwrap_or(usual)
    }
}

fn stem(file: &Path) -> Option<String> {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned())
}

fn setting(reason: String) -> Failure {
    Failure { status: lw_status::LW_SETTING, message: format!("format: {reason}") }
}

/// The format that holds, as the host wrote it.
pub type Written = Mutex<Option<String>>;

/// Sets the titles of tracks that are opened from now on: a text in which `{title}` stands for the usual
/// line, `{artist}`, `{name}` (of the piece alone) and `{album}` for tags, `{file}` for the file's name
/// without its extension. For example `{name} ({artist})`, or `Radio X: {title}`. The usual line itself is
/// the title of a track if the format names a tag that the track does not have, or if its title was given and
/// the format names anything but `{title}`. NULL: the usual line, as at first. `LW_SETTING` for another name
/// in braces.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_set_title_format(
    pipeline: lw_pipeline,
    format: *const c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let written = unsafe { optional_text(format, "format") }?;
        let format = Arc::new(Format::parse(written.unwrap_or("{title}"))?);
        let declared = declared(pipeline)?;
        // Locked, so that what is written is what holds.
        let mut known = lock(&declared.title_format);
        with(pipeline, |pipeline| {
            Ok(pipeline.set_title_format(move |entry, tags| format.title(entry, tags))?)
        })?;
        *known = written.map(str::to_owned);
        Ok(lw_status::LW_OK)
    })
}

/// The format of `lw_pipeline_set_title_format`, freed by `lw_free`. `LW_NONE` if none is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lw_pipeline_title_format(
    pipeline: lw_pipeline,
    format: *mut *mut c_char,
) -> lw_status {
    call(|| {
        // SAFETY: the header obliges the host to pass pointers that are NULL or valid.
        let format = unsafe { Out::new(format, "format") }?;
        let known = with(pipeline, |_| Ok(lock(&declared(pipeline)?.title_format).clone()))?;
        format.text_if_any(known.as_deref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn title(format: &str, given: Option<&str>, artist: &str, name: &str) -> String {
        let entry = Entry { title: given.map(Into::into), ..Entry::new("/m/03 Jóga.mp3") };
        let tags = Tags { artist: Some(artist.into()), title: Some(name.into()), ..Tags::default() };
        Format::parse(format).unwrap().title(&entry, &tags)
    }

    #[test]
    fn a_format_names_what_a_track_has() {
        assert_eq!(title("{name} ({artist})", None, "Björk", "Jóga"), "Jóga (Björk)");
        assert_eq!(title("Radio X: {title}", None, "Björk", "Jóga"), "Radio X: Björk - Jóga");
        assert_eq!(title("Radio X: {title}", Some("News"), "", ""), "Radio X: News");
        assert_eq!(title("{file}.", None, "", ""), "03 Jóga.");
        assert_eq!(title("always", None, "A", "B"), "always");
    }

    #[test]
    fn what_is_given_or_missing_makes_the_usual_line() {
        assert_eq!(title("{name} ({artist})", Some("For Anna"), "Björk", "Jóga"), "For Anna");
        assert_eq!(title("{name} ({artist})", None, " ", "Jóga"), "Jóga");
        assert_eq!(title("{album}: {name}", None, "Björk", "Jóga"), "Björk - Jóga");
    }

    #[test]
    fn a_name_that_is_unknown_is_refused_with_those_that_are() {
        for (wrong, reason) in
            [("{x}", "there is no {x}"), ("{name", "a { has no }"), ("{}", "there is no {}")]
        {
            let failure = Format::parse(wrong).unwrap_err();
            assert_eq!(failure.status, lw_status::LW_SETTING);
            assert!(failure.message.starts_with(&format!("format: {reason}")), "{}", failure.message);
        }
        assert!(
            Format::parse("{x}").unwrap_err().message.ends_with("{title}, {artist}, {name}, {album}, {file}")
        );
    }
}

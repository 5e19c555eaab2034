//! What catalogues and reports want to know of a piece, as tag writers write it.

use symphonia_metadata::utils::id3v1::get_genre_name;

use super::{append, joined, set, set_value};
use crate::metadata::TagDetails;

/// The longest text that is kept, in characters. Histories and reports keep many of them.
const LONGEST: usize = 200;

/// The details in one kind of tag.
#[derive(Debug, Default)]
pub(super) struct FoundDetails {
    composers: Vec<String>,
    genres: Vec<String>,
    labels: Vec<String>,
    label_code: Option<String>,
    isrc: Option<String>,
    year: Option<u16>,
    track_number: Option<u32>,
}

impl FoundDetails {
    /// Adds a field, by its most common name in capitals. Returns whether it can be understood; what is none
    /// of these is.
    pub(super) fn add(&mut self, name: &str, value: &str) -> bool {
        match name {
            "COMPOSER" => append(&mut self.composers, value),
            "GENRE" => value.split('\0').for_each(|genre| append(&mut self.genres, &genre_of(genre))),
            "LABEL" | "PUBLISHER" | "ORGANIZATION" | "RECORD LABEL" => append(&mut self.labels, value),
            "LABELCODE" | "LABEL CODE" | "LABEL_CODE" | "LC" => {
                return set_value(&mut self.label_code, label_code(value));
            }
            "ISRC" => return set_value(&mut self.isrc, isrc(value)),
            "DATE" | "YEAR" => return set_value(&mut self.year, year(value)),
            "TRACKNUMBER" | "TRACK" | "TRACK NUMBER" => {
                return set_value(&mut self.track_number, track_number(value));
            }
            _ => {}
        }
        true
    }

    /// Takes the fields from `other` that are missing here.
    pub(super) fn fill_from(&mut self, other: FoundDetails) {
        let texts = [
            (&mut self.composers, other.composers),
            (&mut self.genres, other.genres),
            (&mut self.labels, other.labels),
        ];
        for (values, other) in texts {
            if values.is_empty() {
                *values = other;
            }
        }
        set(&mut self.label_code, other.label_code);
        set(&mut self.isrc, other.isrc);
        set(&mut self.year, other.year);
        set(&mut self.track_number, other.track_number);
    }

    /// The details, if there are any.
    pub(super) fn finish(self, album_artists: &[String]) -> Option<Box<TagDetails>> {
        let text = |values: &[String]| joined(values).map(|text| text.chars().take(LONGEST).collect());
        let details = TagDetails {
            album_artist: text(album_artists),
            composer: text(&self.composers),
            genre: text(&self.genres),
            label: text(&self.labels),
            label_code: self.label_code,
            isrc: self.isrc,
            year: self.year,
            track_number: self.track_number,
        };
        (details != TagDetails::default()).then(|| Box::new(details))
    }
}

/// `Jazz`, and what ID3 writes for it: `8`, `(8)`, `(8)Jazz`.
fn genre_of(text: &str) -> String {
    let text = text.trim();
    let (number, rest) = match text.strip_prefix('(').and_then(|text| text.split_once(')')) {
        Some((number, rest)) => (number, rest.trim()),
        None => (text, ""),
    };
    let named = number.parse().ok().and_then(get_genre_name);
    match named {
        Some(name) if rest.is_empty() => name,
        Some(_) => rest.to_owned(),
        None => text.to_owned(),
    }
}

/// `LC 00116`, of `LC-0116`, `lc 116`, `00116`.
fn label_code(text: &str) -> Option<String> {
    let (before, digits) = text.split_at(text.find(|c: char| c.is_ascii_digit())?);
    let digits = digits.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let is_code = before.chars().all(|c| "lcLC-_ :.\t".contains(c)) && (1..=6).contains(&digits.len());
    let number: u32 = digits.parse().ok().filter(|number| is_code && *number > 0)?;
    Some(format!("LC {number:05}"))
}

/// `DEA620800025`, with or without hyphens: country, owner, year, number.
fn isrc(text: &str) -> Option<String> {
    let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-' && *c != '\0').collect();
    let code = code.to_ascii_uppercase();
    let code = code.strip_prefix("ISRC").unwrap_or(&code);
    let is_code = code.len() == 12
        && code.bytes().enumerate().all(|(at, byte)| match at {
            0 | 1 => byte.is_ascii_uppercase(),
            2..=4 => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            _ => byte.is_ascii_digit(),
        });
    is_code.then(|| code.to_owned())
}

/// The year in a date: `1997`, `1997-09-22`, `22.09.1997`.
fn year(text: &str) -> Option<u16> {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|number| number.len() == 4);
    numbers.filter_map(|number| number.parse().ok()).find(|year| (1000..=2999).contains(year))
}

/// `3`, `03`, `3/12`.
fn track_number(text: &str) -> Option<u32> {
    let number = text.trim_matches(|c: char| c.is_whitespace() || c == '\0').split('/').next()?;
    number.trim().parse().ok().filter(|number| (1..=9999).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read_as_people_write_them() {
        for (text, genre) in [
            ("Jazz", "Jazz"),
            ("8", "Jazz"),
            ("(8)", "Jazz"),
            ("(8)Bebop", "Bebop"),
            ("(x)", "(x)"),
            ("1999", "1999"),
        ] {
            assert_eq!(genre_of(text), genre, "{text:?}");
        }
        for text in ["LC 00116", "LC-0116", "lc116", " 00116", "LC: 116"] {
            assert_eq!(label_code(text).as_deref(), Some("LC 00116"), "{text:?}");
        }
        for text in ["", "LC", "Sony 5", "1234567", "0", "LC 12 34", "ä1"] {
            assert_eq!(label_code(text), None, "{text:?}");
        }
        for text in ["DEA620800025", "de-a62-08-00025", "ISRC DE-A62-08-00025\0"] {
            assert_eq!(isrc(text).as_deref(), Some("DEA620800025"), "{text:?}");
        }
        for text in ["", "DEA62080002", "1EA620800025", "DEA6208000255", "ÄEA62080002"] {
            assert_eq!(isrc(text), None, "{text:?}");
        }
        for (text, of) in [
            ("1997", Some(1997)),
            ("1997-09-22T10:00", Some(1997)),
            ("22.09.1997", Some(1997)),
            ("97", None),
            ("0000", None),
        ] {
            assert_eq!(year(text), of, "{text:?}");
        }
        for (text, of) in
            [("3", Some(3)), ("03/12", Some(3)), (" 7 ", Some(7)), ("0", None), ("A1", None), ("", None)]
        {
            assert_eq!(track_number(text), of, "{text:?}");
        }
    }
}

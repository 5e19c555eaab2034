//! Combines the tags of a file, of whatever kinds, into [`Tags`].
//!
//! A value that cannot be understood costs only itself: it is noted, and the reader goes on with the next
//! one.

pub(super) mod ape;
mod cues;
mod details;
mod gain;
pub(super) mod id3;
pub(super) mod ilst;
pub(super) mod lame;
mod pictures;
pub(super) mod text;
pub(super) mod vorbis;

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{RawValue, StandardTag, Tag};

use self::cues::FoundCues;
use self::details::FoundDetails;
use self::gain::Gains;
pub(super) use self::pictures::Pictures;
use self::text::LONGEST_BYTES;
use crate::cut::cut;
use crate::metadata::{Tags, one_line};

/// The most values of one field that are kept.
const MAX_VALUES: usize = 16;

/// The most notes that are kept.
const MAX_NOTES: usize = 16;

/// The tags of a file, and the parts of them that decoding needs.
#[derive(Default)]
pub(super) struct FileTags {
    pub(super) tags: Tags,
    /// The encoder's delay and padding, as written by iTunes.
    pub(super) itunes_gapless: Option<String>,
    /// The positions of a FLAC file's channels, if they are not the usual ones: a mask as in WAV.
    pub(super) channel_mask: Option<u32>,
}

/// The fields of one kind of tag, before the kinds are combined.
#[derive(Debug, Default)]
pub(super) struct Found {
    artists: Vec<String>,
    album_artists: Vec<String>,
    titles: Vec<String>,
    albums: Vec<String>,
    itunes_gapless: Option<String>,
    channel_mask: Option<u32>,
    gains: Gains,
    r128: Gains,
    cues: FoundCues,
    details: FoundDetails,
    /// Those in ID3 and APE tags.
    pub(super) pictures: Pictures,
    /// What was left out, for the log.
    notes: Vec<String>,
}

impl Found {
    /// The tags that symphonia read, which are part of the format itself.
    pub(super) fn in_format(format: &mut dyn FormatReader) -> Found {
        let mut found = Found::default();
        let mut log = format.metadata();
        loop {
            if let Some(revision) = log.current() {
                let tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
                revision.media.tags.iter().chain(tracks).for_each(|tag| found.add_tag(tag));
            }
            if log.pop().is_none() {
                return found;
            }
        }
    }

    fn add_tag(&mut self, tag: &Tag) {
        match &tag.std {
            Some(StandardTag::Artist(name)) => self.add("ARTIST", name),
            Some(StandardTag::AlbumArtist(name)) => self.add("ALBUMARTIST", name),
            Some(StandardTag::TrackTitle(name)) => self.add("TITLE", name),
            Some(StandardTag::Album(name)) => self.add("ALBUM", name),
            _ => {
                // MP4 has a prefix before names of free choice.
                let name = tag.raw.key.rsplit(':').next().unwrap_or_default();
                if let RawValue::String(value) = &tag.raw.value {
                    self.add(name, value);
                }
            }
        }
    }

    /// Adds a field, under its most common name. All values of a text are kept; of a number, the first.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        match name.to_ascii_uppercase().as_str() {
            "ARTIST" => append(&mut self.artists, value),
            "ALBUMARTIST" | "ALBUM ARTIST" => append(&mut self.album_artists, value),
            "TITLE" => append(&mut self.titles, value),
            "ALBUM" => append(&mut self.albums, value),
            "ITUNSMPB" => set(&mut self.itunes_gapless, one_text(value)),
            name => self.add_value(name, value),
        }
    }

    fn add_value(&mut self, name: &str, value: &str) {
        let (gains, r128) = (&mut self.gains, &mut self.r128);
        let understood = match name {
            "REPLAYGAIN_TRACK_GAIN" => set_value(&mut gains.track, gain::gain_db(value)),
            "REPLAYGAIN_ALBUM_GAIN" => set_value(&mut gains.album, gain::gain_db(value)),
            "REPLAYGAIN_TRACK_PEAK" => set_value(&mut gains.track_peak, gain::peak(value)),
            "REPLAYGAIN_ALBUM_PEAK" => set_value(&mut gains.album_peak, gain::peak(value)),
            "R128_TRACK_GAIN" => set_value(&mut r128.track, gain::r128_gain_db(value)),
            "R128_ALBUM_GAIN" => set_value(&mut r128.album, gain::r128_gain_db(value)),
            "WAVEFORMATEXTENSIBLE_CHANNEL_MASK" => set_value(&mut self.channel_mask, hexadecimal(value)),
            name => self.details.add(name, value) && self.cues.add(name, value),
        };
        if !understood {
            let value: String = value.chars().take(64).collect();
            self.note(format!("{name} is ignored, its value cannot be understood: {value:?}"));
        }
    }

    /// Notes for the log what was left out.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(note.into());
        }
    }

    /// What was left out.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes the fields from `other` that are missing here.
    pub(super) fn fill_from(&mut self, other: Found) {
        let texts = [
            (&mut self.artists, other.artists),
            (&mut self.album_artists, other.album_artists),
            (&mut self.titles, other.titles),
            (&mut self.albums, other.albums),
        ];
        for (values, other) in texts {
            if values.is_empty() {
                *values = other;
            }
        }
        set(&mut self.itunes_gapless, other.itunes_gapless);
        set(&mut self.channel_mask, other.channel_mask);
        self.gains.fill_from(&other.gains);
        self.r128.fill_from(&other.r128);
        self.cues.fill_from(&other.cues);
        self.details.fill_from(other.details);
        self.pictures.append(other.pictures);
        other.notes.into_iter().for_each(|note| self.note(note));
    }

    /// Builds the tags. `prefer_r128`: R128's gains take precedence over ReplayGain's, as Opus specifies.
    pub(super) fn finish(self, prefer_r128: bool) -> FileTags {
        let Found { gains, r128, cues, .. } = self;
        let gain = |replaygain: Option<f32>, r128: Option<f32>| {
            if prefer_r128 { r128.or(replaygain) } else { replaygain.or(r128) }
        };
        FileTags {
            tags: Tags {
                artist: joined(&self.artists).or_else(|| joined(&self.album_artists)),
                title: joined(&self.titles),
                album: joined(&self.albums),
                duration: None,
                track_gain_db: gain(gains.track, r128.track).or(cues.gain_db()),
                album_gain_db: gain(gains.album, r128.album),
                track_peak: gains.track_peak,
                album_peak: gains.album_peak,
                details: self.details.finish(&self.album_artists),
                cues: cues.finish(),
            },
            itunes_gapless: self.itunes_gapless,
            channel_mask: self.channel_mask,
        }
    }
}

/// Adds what `value` has in it, if it is not there yet. Zeros separate several values.
fn append(values: &mut Vec<String>, value: &str) {
    for text in value.split('\0').filter_map(one_text) {
        if values.len() < MAX_VALUES && !values.contains(&text) {
            values.push(text);
        }
    }
}

/// All values of a text in one.
fn joined(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(" / "))
}

/// Sets a value, unless there is one.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// Sets a value that was read, unless there is one. Returns whether it could be read.
fn set_value<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let understood = value.is_some();
    set(place, value);
    understood
}

/// A text as one line, without the padding around it. `None` if nothing is left.
fn one_text(raw: &str) -> Option<String> {
    let line = one_line(cut(raw, LONGEST_BYTES));
    let text = line.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// `0x107`.
fn hexadecimal(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[(&str, &str)]) -> Found {
        let mut found = Found::default();
        fields.iter().for_each(|(name, value)| found.add(name, value));
        found
    }

    #[test]
    fn what_is_known_stays_and_values_add_up() {
        let mut known = found(&[
            ("Artist", "Ella"),
            ("ARTIST", "Louis"),
            ("artist", "Ella"),
            ("title", "A"),
            ("TITLE", "B\0C"),
        ]);
        known.fill_from(found(&[("ARTIST", "Ella & Louis"), ("ALBUM", "C")]));
        let tags = known.finish(false).tags;
        assert_eq!(tags.artist.as_deref(), Some("Ella / Louis"));
        assert_eq!(tags.title.as_deref(), Some("A / B / C"));
        assert_eq!(tags.album.as_deref(), Some("C"));
        let tags = found(&[("ALBUMARTIST", "Ella")]).finish(false).tags;
        assert_eq!(tags.artist.as_deref(), Some("Ella"), "for want of a better one");
    }

    #[test]
    fn a_text_is_one_line_trimmed_and_bounded() {
        assert_eq!(one_text(" Jóga \0\0"), Some("Jóga".to_owned()));
        assert_eq!(one_text("Prelude\r\n\tAllegro"), Some("Prelude Allegro".to_owned()));
        assert_eq!(one_text(" \0 "), None);
        let long = one_text(&"ö".repeat(LONGEST_BYTES)).unwrap();
        assert!(long.len() <= LONGEST_BYTES && long.ends_with('ö'));
    }

    #[test]
    fn a_number_that_cannot_be_understood_is_noted_and_the_next_one_counts() {
        let found = found(&[
            ("REPLAYGAIN_TRACK_GAIN", "loud"),
            ("REPLAYGAIN_TRACK_GAIN", "-2 dB"),
            ("REPLAYGAIN_TRACK_GAIN", "-3 dB"),
            ("REPLAYGAIN_TRACK_PEAK", "-1"),
            ("ITUNNORM", "0000"),
        ]);
        assert_eq!(found.notes().len(), 2, "{:?}", found.notes());
        assert!(found.notes()[0].contains("REPLAYGAIN_TRACK_GAIN") && found.notes()[0].contains("\"loud\""));
        assert_eq!(found.finish(false).tags.track_gain_db, Some(-2.0));
    }
}

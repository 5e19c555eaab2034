//! Combines the tags of a file, of whatever kinds, into [`Tags`].

pub(super) mod ape;
pub(super) mod id3;

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::{RawValue, StandardTag, Tag};

use crate::metadata::Tags;

/// The longest text that is kept: enough for any title.
pub(super) const LONGEST_BYTES: usize = 16 * 1024;

/// The most artists that are kept.
const MAX_ARTISTS: usize = 16;

/// The difference in dB between ReplayGain's target of -18 LUFS and that of R128, -23 LUFS.
const R128_TO_REPLAYGAIN_DB: f32 = 5.0;

/// A gain beyond this is a mistake.
const MAX_GAIN_DB: f32 = 60.0;

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
    album_artist: Option<String>,
    title: Option<String>,
    album: Option<String>,
    itunes_gapless: Option<String>,
    channel_mask: Option<u32>,
    gains: Gains,
    r128: Gains,
}

#[derive(Debug, Default)]
struct Gains {
    track: Option<f32>,
    album: Option<f32>,
    track_peak: Option<f32>,
    album_peak: Option<f32>,
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

    /// Adds a field, under its most common name. The first value counts; all artists are kept.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        match name.to_ascii_uppercase().as_str() {
            "ARTIST" => {
                let artist = text(value).filter(|artist| !self.artists.contains(artist));
                self.artists.extend(artist.filter(|_| self.artists.len() < MAX_ARTISTS));
            }
            "ALBUMARTIST" | "ALBUM ARTIST" => set(&mut self.album_artist, text(value)),
            "TITLE" => set(&mut self.title, text(value)),
            "ALBUM" => set(&mut self.album, text(value)),
            "REPLAYGAIN_TRACK_GAIN" => set(&mut self.gains.track, gain_db(value)),
            "REPLAYGAIN_ALBUM_GAIN" => set(&mut self.gains.album, gain_db(value)),
            "REPLAYGAIN_TRACK_PEAK" => set(&mut self.gains.track_peak, peak(value)),
            "REPLAYGAIN_ALBUM_PEAK" => set(&mut self.gains.album_peak, peak(value)),
            "R128_TRACK_GAIN" => set(&mut self.r128.track, r128_gain_db(value)),
            "R128_ALBUM_GAIN" => set(&mut self.r128.album, r128_gain_db(value)),
            "WAVEFORMATEXTENSIBLE_CHANNEL_MASK" => set(&mut self.channel_mask, hexadecimal(value)),
            "ITUNSMPB" => set(&mut self.itunes_gapless, text(value)),
            _ => {}
        }
    }

    /// Takes the fields from `other` that are missing here.
    pub(super) fn fill_from(&mut self, other: Found) {
        if self.artists.is_empty() {
            self.artists = other.artists;
        }
        set(&mut self.album_artist, other.album_artist);
        set(&mut self.title, other.title);
        set(&mut self.album, other.album);
        set(&mut self.itunes_gapless, other.itunes_gapless);
        set(&mut self.channel_mask, other.channel_mask);
        self.gains.fill_from(other.gains);
        self.r128.fill_from(other.r128);
    }

    /// Builds the tags. `prefer_r128`: R128's gains take precedence over ReplayGain's, as Opus specifies.
    pub(super) fn finish(self, prefer_r128: bool) -> FileTags {
        let Found { gains, r128, .. } = self;
        let gain = |replaygain: Option<f32>, r128: Option<f32>| {
            if prefer_r128 { r128.or(replaygain) } else { replaygain.or(r128) }
        };
        let artists = (!self.artists.is_empty()).then(|| self.artists.join(", "));
        FileTags {
            tags: Tags {
                artist: artists.or(self.album_artist),
                title: self.title,
                album: self.album,
                duration: None,
                track_gain_db: gain(gains.track, r128.track),
                album_gain_db: gain(gains.album, r128.album),
                track_peak: gains.track_peak,
                album_peak: gains.album_peak,
            },
            itunes_gapless: self.itunes_gapless,
            channel_mask: self.channel_mask,
        }
    }
}

impl Gains {
    fn fill_from(&mut self, other: Gains) {
        set(&mut self.track, other.track);
        set(&mut self.album, other.album);
        set(&mut self.track_peak, other.track_peak);
        set(&mut self.album_peak, other.album_peak);
    }
}

/// Sets a value, unless there is one.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// Decodes a text whose tag does not specify the encoding: UTF-8 if it is valid, else Windows-1252, which is
/// Latin-1 with a few more characters.
pub(super) fn without_alphabet(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Removes the padding around a text. `None` if nothing is left.
fn text(raw: &str) -> Option<String> {
    let text = raw.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let end = (0..=text.len().min(LONGEST_BYTES)).rev().find(|&at| text.is_char_boundary(at))?;
    (!text.is_empty()).then(|| text[..end].to_owned())
}

/// `-7.03 dB`, `+2,5dB`, `-3`.
fn gain_db(text: &str) -> Option<f32> {
    let text = text.trim();
    let number = match text.len().checked_sub(2).and_then(|at| text.split_at_checked(at)) {
        Some((number, unit)) if unit.eq_ignore_ascii_case("db") => number,
        _ => text,
    };
    let gain: f32 = number.trim().replace(',', ".").parse().ok()?;
    (gain.abs() <= MAX_GAIN_DB).then_some(gain)
}

/// A whole number in steps of 1/256 dB.
fn r128_gain_db(text: &str) -> Option<f32> {
    let steps: i16 = text.trim().parse().ok()?;
    Some(f32::from(steps) / 256.0 + R128_TO_REPLAYGAIN_DB)
}

fn peak(text: &str) -> Option<f32> {
    let peak: f32 = text.trim().replace(',', ".").parse().ok()?;
    (peak.is_finite() && peak > 0.0).then_some(peak)
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

    #[test]
    fn gains_are_read_as_people_write_them() {
        for (text, gain) in [
            ("-7.03 dB", Some(-7.03)),
            ("+2,5dB", Some(2.5)),
            (" -3 ", Some(-3.0)),
            ("1 DB", Some(1.0)),
            ("-96.0 dB", None),
            ("NaN dB", None),
            ("inf", None),
            ("dB", None),
            ("ñ", None),
            ("", None),
        ] {
            assert_eq!(gain_db(text), gain, "{text:?}");
        }
        assert_eq!(r128_gain_db("-1280"), Some(0.0));
        assert_eq!(r128_gain_db("256"), Some(6.0));
        assert_eq!(r128_gain_db("1.5"), None);
        assert_eq!(peak("0.98"), Some(0.98));
        assert_eq!(peak("-1"), None);
    }

    #[test]
    fn a_text_without_an_alphabet_is_utf_8_or_windows_1252() {
        assert_eq!(without_alphabet("日本語".as_bytes()), "日本語");
        assert_eq!(without_alphabet(b"Bj\xf6rk \x96 J\xf3ga"), "Björk – Jóga");
    }

    #[test]
    fn what_is_known_stays_and_artists_add_up() {
        let mut found = Found::default();
        for (name, value) in
            [("Artist", "Ella"), ("ARTIST", "Louis"), ("artist", "Ella"), ("title", "A"), ("TITLE", "B")]
        {
            found.add(name, value);
        }
        let mut other = Found::default();
        other.add("ARTIST", "Ella & Louis");
        other.add("ALBUM", "C");
        found.fill_from(other);
        let tags = found.finish(false).tags;
        assert_eq!(tags.artist.as_deref(), Some("Ella, Louis"));
        assert_eq!(tags.title.as_deref(), Some("A"));
        assert_eq!(tags.album.as_deref(), Some("C"));
    }

    #[test]
    fn a_text_is_trimmed_and_bounded() {
        assert_eq!(text(" Jóga \0\0"), Some("Jóga".to_owned()));
        assert_eq!(text(" \0 "), None);
        let long = text(&"ö".repeat(LONGEST_BYTES)).unwrap();
        assert!(long.len() <= LONGEST_BYTES && long.ends_with('ö'));
    }
}

//! What symphonia read of a file's tags, as [`Tags`].

use symphonia::core::formats::FormatReader;
use symphonia::core::meta::well_known::{METADATA_ID_AIFF, METADATA_ID_ID3V1};
use symphonia::core::meta::{MetadataRevision, RawTag, RawValue, StandardTag, Tag};

use crate::metadata::Tags;

/// No tag is kept longer than this: enough for any title, and memory stays bounded.
const LONGEST_BYTES: usize = 16 * 1024;

/// R128 gains aim at -23 LUFS, ReplayGain at -18: this many dB lie between them.
const R128_TO_REPLAYGAIN_DB: f32 = 5.0;

/// Gains beyond this are typing errors, not loudness.
const MAX_GAIN_DB: f32 = 60.0;

/// The tags of a file, and what in its tags tells how to decode it.
#[derive(Default)]
pub(super) struct FileTags {
    pub(super) tags: Tags,
    /// iTunes' note on the encoder's delay and padding.
    pub(super) itunes_gapless: Option<String>,
    /// Where the channels of a FLAC file belong, when that is not the usual: a mask as in WAV.
    pub(super) channel_mask: Option<u32>,
}

/// All that the tags of a file say. Where several say it, the old kinds that have no alphabet of
/// their own count least (ID3v1 cuts at thirty characters, too), and else the one read first most.
pub(super) fn read(format: &mut dyn FormatReader, prefer_r128: bool) -> FileTags {
    let mut found = Found::default();
    let mut last = Found::default();
    let mut log = format.metadata();
    loop {
        if let Some(revision) = log.current() {
            let old = matches!(revision.info.metadata, METADATA_ID_ID3V1 | METADATA_ID_AIFF);
            if old { &mut last } else { &mut found }.read(revision);
        }
        if log.pop().is_none() {
            break;
        }
    }
    found.fill_from(last);
    found.finish(prefer_r128)
}

/// Tags by name, before it is decided which count.
#[derive(Default)]
struct Found {
    artist: Option<String>,
    album_artist: Option<String>,
    title: Option<String>,
    album: Option<String>,
    itunes_gapless: Option<String>,
    channel_mask: Option<u32>,
    gains: Gains,
    r128: Gains,
}

#[derive(Default)]
struct Gains {
    track: Option<f32>,
    album: Option<f32>,
    track_peak: Option<f32>,
    album_peak: Option<f32>,
}

impl Found {
    fn read(&mut self, revision: &MetadataRevision) {
        let mut artists: Vec<String> = Vec::new();
        let tracks = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
        for tag in revision.media.tags.iter().chain(tracks) {
            match &tag.std {
                Some(StandardTag::Artist(name)) => artists.extend(text(name)),
                Some(StandardTag::AlbumArtist(name)) => set(&mut self.album_artist, text(name)),
                Some(StandardTag::TrackTitle(name)) => set(&mut self.title, text(name)),
                Some(StandardTag::Album(name)) => set(&mut self.album, text(name)),
                _ => self.read_by_key(tag),
            }
        }
        artists.dedup();
        if !artists.is_empty() {
            set(&mut self.artist, text(&artists.join(", ")));
        }
    }

    /// Gains and the like go by the same name in every kind of tag.
    fn read_by_key(&mut self, tag: &Tag) {
        let key = own_name(&tag.raw).to_ascii_uppercase();
        let value = match &tag.raw.value {
            RawValue::String(value) => value.as_str(),
            RawValue::StringList(values) => values.first().map_or("", String::as_str),
            _ => return,
        };
        match key.as_str() {
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

    fn fill_from(&mut self, old: Found) {
        set(&mut self.artist, old.artist.map(respelled));
        set(&mut self.title, old.title.map(respelled));
        set(&mut self.album, old.album.map(respelled));
    }

    fn finish(self, prefer_r128: bool) -> FileTags {
        let Found { gains, r128, .. } = self;
        let gain = |replaygain: Option<f32>, r128: Option<f32>| {
            if prefer_r128 { r128.or(replaygain) } else { replaygain.or(r128) }
        };
        FileTags {
            tags: Tags {
                artist: self.artist.or(self.album_artist),
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

/// The name of a tag that people may name as they like: in ID3v2 it is beside the frame's key, in
/// MP4 after a prefix (`----:com.apple.iTunes:`).
fn own_name(tag: &RawTag) -> &str {
    if let ("TXXX" | "TXX", Some([description, ..])) = (tag.key.as_str(), tag.sub_fields.as_deref())
        && let RawValue::String(name) = &description.value
    {
        return name;
    }
    tag.key.rsplit(':').next().unwrap_or_default()
}

/// The first value stays.
fn set<T>(place: &mut Option<T>, value: Option<T>) {
    if place.is_none() {
        *place = value;
    }
}

/// A text that was taken for Latin-1, as what it more likely is: UTF-8 where its bytes are, else
/// Windows-1252.
fn respelled(text: String) -> String {
    let Ok(bytes) = text.chars().map(u8::try_from).collect::<Result<Vec<u8>, _>>() else {
        return text;
    };
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(not_utf8) => {
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(not_utf8.as_bytes()).0.into_owned()
        }
    }
}

/// A text without the padding that some tags have around it; `None` when nothing is left.
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
    fn latin_1_may_be_something_else() {
        let latin_1 = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
        assert_eq!(respelled(latin_1("日本語".as_bytes())), "日本語");
        assert_eq!(respelled(latin_1(b"Bj\xf6rk \x96 J\xf3ga")), "Björk – Jóga");
        assert_eq!(respelled("日本語".to_owned()), "日本語");
    }

    #[test]
    fn a_text_is_trimmed_and_bounded() {
        assert_eq!(text(" Jóga \0\0"), Some("Jóga".to_owned()));
        assert_eq!(text(" \0 "), None);
        let long = text(&"ö".repeat(LONGEST_BYTES)).unwrap();
        assert!(long.len() <= LONGEST_BYTES && long.ends_with('ö'));
    }
}

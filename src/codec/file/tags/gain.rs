//! Gains and peaks, as tag writers write them.

/// The difference in dB between ReplayGain's target of -18 LUFS and that of R128, -23 LUFS.
const R128_TO_REPLAYGAIN_DB: f32 = 5.0;

/// A gain beyond this is a mistake.
const MAX_GAIN_DB: f32 = 60.0;

/// A peak beyond this (+18 dB) is a mistake.
const MAX_PEAK: f32 = 8.0;

/// The gains and peaks of one kind of tag.
#[derive(Debug, Default)]
pub(super) struct Gains {
    pub(super) track: Option<f32>,
    pub(super) album: Option<f32>,
    pub(super) track_peak: Option<f32>,
    pub(super) album_peak: Option<f32>,
}

impl Gains {
    /// Takes the values from `other` that are missing here.
    pub(super) fn fill_from(&mut self, other: &Gains) {
        self.track = self.track.or(other.track);
        self.album = self.album.or(other.album);
        self.track_peak = self.track_peak.or(other.track_peak);
        self.album_peak = self.album_peak.or(other.album_peak);
    }
}

/// `-7.03 dB`, `+2,5dB`, `-3`, `−6.00 LU`.
pub(super) fn gain_db(text: &str) -> Option<f32> {
    let (number, unit) = number_and_unit(text)?;
    let is_relative = unit.is_empty() || unit.eq_ignore_ascii_case("dB") || unit.eq_ignore_ascii_case("LU");
    is_relative.then_some(number).and_then(sane_db)
}

/// A loudness: `-9.5 LUFS`, `-9,5`.
pub(super) fn lufs(text: &str) -> Option<f32> {
    let (number, unit) = number_and_unit(text)?;
    let is_loudness = unit.is_empty() || unit.eq_ignore_ascii_case("LUFS");
    (is_loudness && (-70.0..=0.0).contains(&number)).then_some(number)
}

/// A gain in dB that is not a mistake.
pub(super) fn sane_db(gain: f32) -> Option<f32> {
    (gain.abs() <= MAX_GAIN_DB).then_some(gain)
}

/// A whole number in steps of 1/256 dB.
pub(super) fn r128_gain_db(text: &str) -> Option<f32> {
    let steps: i16 = with_plain_minus(text.trim()).parse().ok()?;
    sane_db(f32::from(steps) / 256.0 + R128_TO_REPLAYGAIN_DB)
}

/// `0.98`, `1,01`.
pub(super) fn peak(text: &str) -> Option<f32> {
    let (number, unit) = number_and_unit(text)?;
    if unit.is_empty() { sane_peak(number) } else { None }
}

/// A peak that is not a mistake.
pub(super) fn sane_peak(peak: f32) -> Option<f32> {
    (peak > 0.0 && peak <= MAX_PEAK).then_some(peak)
}

/// The number that a text begins with, and what follows it.
pub(super) fn number_and_unit(text: &str) -> Option<(f32, &str)> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let of_number = |c: char| c.is_ascii_digit() || "+-.,".contains(c) || is_minus(c) || c.is_whitespace();
    let (number, unit) = text.split_at(text.find(|c| !of_number(c)).unwrap_or(text.len()));
    let mut number = with_plain_minus(number).replace(',', ".");
    number.retain(|c| !c.is_whitespace());
    Some((number.parse().ok()?, unit))
}

/// The signs that are taken for a minus: the hyphen, and what typesetting makes of it.
fn is_minus(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
}

fn with_plain_minus(text: &str) -> String {
    text.replace(is_minus, "-")
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
            ("-6.00 LU", Some(-6.0)),
            ("-6.00lu", Some(-6.0)),
            ("\u{2212}6,0 dB", Some(-6.0)),
            ("\u{2013} 6.5\u{a0}dB\0", Some(-6.5)),
            ("-.5 dB", Some(-0.5)),
            ("-23.0 LUFS", None),
            ("-6.00 dBFS", None),
            ("-96.0 dB", None),
            ("1.2.3 dB", None),
            ("NaN dB", None),
            ("inf", None),
            ("dB", None),
            ("ñ", None),
            ("", None),
        ] {
            assert_eq!(gain_db(text), gain, "{text:?}");
        }
        assert_eq!(r128_gain_db("-1280"), Some(0.0));
        assert_eq!(r128_gain_db("\u{2212}1280"), Some(0.0));
        assert_eq!(r128_gain_db("256"), Some(6.0));
        assert_eq!(r128_gain_db("32767"), None, "128 dB");
        assert_eq!(r128_gain_db("1.5"), None);
        assert_eq!(peak("0.98"), Some(0.98));
        assert_eq!(peak("0,98"), Some(0.98));
        for wrong in ["-1", "0", "98 %", "1e9", "32767", ""] {
            assert_eq!(peak(wrong), None, "{wrong:?}");
        }
    }
}

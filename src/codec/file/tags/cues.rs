//! Cue points and levels in tags: our own names, and those of Liquidsoap.

use std::time::Duration;

use super::gain::{gain_db, lufs, number_and_unit, sane_db};
use super::{set, set_value};
use crate::metadata::{CueTags, REPLAYGAIN_LUFS};

/// A later point is a mistake: no track is so long.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// The cue points in one kind of tag.
#[derive(Debug, Default)]
pub(super) struct FoundCues {
    cues: CueTags,
    /// By how many decibels the file is to be amplified, and for which loudness.
    amplify_db: Option<f32>,
    reference_lufs: Option<f32>,
    loudness_lufs: Option<f32>,
}

impl FoundCues {
    /// Adds a field, by its name in capitals. Returns whether it can be understood; what is none of these is.
    pub(super) fn add(&mut self, name: &str, value: &str) -> bool {
        let cues = &mut self.cues;
        match name {
            "CUE_IN" | "LIQ_CUE_IN" => set_value(&mut cues.cue_in, time(value)),
            "CUE_OUT" | "LIQ_CUE_OUT" => set_value(&mut cues.cue_out, time(value)),
            "START_NEXT" | "LIQ_CROSS_START_NEXT" => set_value(&mut cues.start_next, time(value)),
            "LIQ_CROSS_DURATION" => set_value(&mut cues.cross, time(value)),
            "LIQ_AMPLIFY" => set_value(&mut self.amplify_db, gain_db(value)),
            "LIQ_LOUDNESS" => set_value(&mut self.loudness_lufs, lufs(value)),
            "LIQ_REFERENCE_LOUDNESS" => set_value(&mut self.reference_lufs, lufs(value)),
            _ => true,
        }
    }

    /// Takes the fields from `other` that are missing here.
    pub(super) fn fill_from(&mut self, other: &FoundCues) {
        set(&mut self.cues.cue_in, other.cues.cue_in);
        set(&mut self.cues.cue_out, other.cues.cue_out);
        set(&mut self.cues.start_next, other.cues.start_next);
        set(&mut self.cues.cross, other.cues.cross);
        set(&mut self.amplify_db, other.amplify_db);
        set(&mut self.reference_lufs, other.reference_lufs);
        set(&mut self.loudness_lufs, other.loudness_lufs);
    }

    /// The gain that brings the file to ReplayGain's loudness.
    pub(super) fn gain_db(&self) -> Option<f32> {
        let reference = self.reference_lufs.unwrap_or(REPLAYGAIN_LUFS);
        let loudness = self.loudness_lufs.or(self.amplify_db.map(|amplify| reference - amplify))?;
        sane_db(REPLAYGAIN_LUFS - loudness)
    }

    /// The points, if there are any.
    pub(super) fn finish(self) -> Option<Box<CueTags>> {
        (self.cues != CueTags::default()).then(|| Box::new(self.cues))
    }
}

/// Seconds, or minutes and seconds: `12.5`, `12,5 s`, `3:25.04`.
fn time(text: &str) -> Option<Duration> {
    let (minutes, seconds) = match text.split_once(':') {
        Some((minutes, seconds)) => (minutes.trim().parse::<u32>().ok()?, seconds),
        None => (0, text),
    };
    let (seconds, unit) = number_and_unit(seconds)?;
    let seconds = f64::from(minutes) * 60.0 + f64::from(seconds);
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| *time <= LONGEST)?;
    matches!(unit, "" | "s" | "S").then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[(&str, &str)]) -> FoundCues {
        let mut found = FoundCues::default();
        fields.iter().for_each(|(name, value)| assert!(found.add(name, value), "{name}={value}"));
        found
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, millis) in [
            ("12.5", Some(12_500)),
            (" 12,5 s\0", Some(12_500)),
            ("3:25.5", Some(205_500)),
            ("0", Some(0)),
            ("158.", Some(158_000)),
            ("-1", None),
            ("90000", None),
            ("1 min", None),
            ("1:2:3", None),
            ("NaN", None),
            ("", None),
        ] {
            let read = time(text).map(|time| (time.as_secs_f64() * 1000.0).round() as u64);
            assert_eq!(read, millis, "{text:?}");
        }
    }

    #[test]
    fn our_own_names_and_those_of_liquidsoap_are_known() {
        let ours = found(&[("CUE_IN", "0.5"), ("CUE_OUT", "200"), ("START_NEXT", "196")]);
        let theirs = found(&[("LIQ_CUE_IN", "0.5"), ("LIQ_CUE_OUT", "200"), ("LIQ_CROSS_START_NEXT", "196")]);
        assert_eq!(ours.cues, theirs.cues);
        assert_eq!(ours.finish().unwrap().start_next, Some(Duration::from_secs(196)));
        let cross = found(&[("LIQ_CROSS_DURATION", "4.5")]).finish().unwrap();
        assert_eq!(cross.cross, Some(Duration::from_millis(4500)));
        assert!(found(&[("TITLE", "x")]).finish().is_none());
    }

    #[test]
    fn what_is_amplified_for_another_loudness_is_brought_to_ours() {
        assert_eq!(found(&[("LIQ_AMPLIFY", "-5 dB")]).gain_db(), Some(-5.0));
        let louder = found(&[("LIQ_AMPLIFY", "-1 dB"), ("LIQ_REFERENCE_LOUDNESS", "-14 LUFS")]);
        assert_eq!(louder.gain_db(), Some(-5.0));
        assert_eq!(found(&[("LIQ_LOUDNESS", "-9.5 LUFS"), ("LIQ_AMPLIFY", "1")]).gain_db(), Some(-8.5));
        assert!(!FoundCues::default().add("LIQ_LOUDNESS", "loud"));
    }
}

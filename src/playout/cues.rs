//! How a track sounds: what is known of it, and who is believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is known of how a track sounds. What is `None` is unknown. Times count from the file's first frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Heard {
    /// Integrated loudness in LUFS (ITU-R BS.1770, with both gates), as two loudspeakers play it: mono sounds
    /// on both. Silence, and what is shorter than 0.4 s, has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f32>,
    /// The loudness range in LU (EBU Tech 3342).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_lu: Option<f32>,
    /// The highest true peak of any channel, in dBTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_peak_dbtp: Option<f32>,
    /// Where the track begins to sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cue_in: Option<Duration>,
    /// Where nothing more is heard of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cue_out: Option<Duration>,
    /// Where it has decayed so far that the next track should start; the cue out if it ends at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_next: Option<Duration>,
    /// How long the file is, as it was decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
}

impl Heard {
    /// The same, with what is missing taken from `other`.
    #[must_use]
    pub fn or(self, other: Heard) -> Heard {
        Heard {
            loudness_lufs: self.loudness_lufs.or(other.loudness_lufs),
            range_lu: self.range_lu.or(other.range_lu),
            true_peak_dbtp: self.true_peak_dbtp.or(other.true_peak_dbtp),
            cue_in: self.cue_in.or(other.cue_in),
            cue_out: self.cue_out.or(other.cue_out),
            start_next: self.start_next.or(other.start_next),
            duration: self.duration.or(other.duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_taken_from_the_other() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let some = Heard { loudness_lufs: Some(-9.0), cue_in: seconds(1), ..Heard::default() };
        let other = Heard { loudness_lufs: Some(-20.0), cue_out: seconds(99), ..Heard::default() };
        let both =
            Heard { loudness_lufs: Some(-9.0), cue_in: seconds(1), cue_out: seconds(99), ..Heard::default() };
        assert_eq!(some.or(other), both);
    }

    #[test]
    fn only_what_is_known_is_written() {
        let some = Heard { true_peak_dbtp: Some(-0.5), ..Heard::default() };
        let json = serde_json::to_string(&some).unwrap();
        assert_eq!(json, r#"{"true_peak_dbtp":-0.5}"#);
        assert_eq!(serde_json::from_str::<Heard>(&json).unwrap(), some);
    }
}

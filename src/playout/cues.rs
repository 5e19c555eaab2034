//! How a track sounds: what is known of it, and who is believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::playlist::TrackKind;
use crate::metadata::{REPLAYGAIN_LUFS, Tags};

/// No track is made so loud that its true peak is above this, in dBTP: lossy encoders add to a peak.
const HIGHEST_PEAK_DBTP: f32 = -1.0;

/// What somebody has measured as quieter than this is noise, and is made no louder, in LUFS.
const QUIETEST_LUFS: f32 = -50.0;

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
    pub(crate) fn or(self, other: Heard) -> Heard {
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

    /// What a file's tags say. A ReplayGain is relative to -18 LUFS. Its peak is that of samples.
    fn in_tags(tags: &Tags) -> Heard {
        let cues = tags.cues.as_deref().cloned().unwrap_or_default();
        Heard {
            loudness_lufs: tags.track_gain_db.map(|gain| REPLAYGAIN_LUFS - gain),
            true_peak_dbtp: tags.track_peak.map(|peak| 20.0 * peak.log10()),
            cue_in: cues.cue_in,
            cue_out: cues.cue_out,
            start_next: cues.start_next,
            duration: tags.duration,
            ..Heard::default()
        }
    }

    /// The gain in dB that brings a track to this loudness in LUFS, or as near to it as its true peak allows:
    /// that stays below -1 dBTP. A peak that is unknown counts as full scale. `None` if the loudness is not
    /// known.
    ///
    /// ```
    /// use longwave::Heard;
    /// let quiet = Heard { loudness_lufs: Some(-30.0), true_peak_dbtp: Some(-9.0), ..Heard::default() };
    /// assert_eq!(quiet.gain_db(-23.0), Some(7.0));
    /// assert_eq!(quiet.gain_db(-16.0), Some(8.0));
    /// ```
    pub fn gain_db(&self, target_lufs: f32) -> Option<f32> {
        let wanted = target_lufs - self.loudness_lufs?.max(QUIETEST_LUFS);
        Some(wanted.min(HIGHEST_PEAK_DBTP - self.true_peak_dbtp.unwrap_or(0.0)))
    }
}

/// What is known of a file beside its tags: what a person has set, and what was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrackHeard {
    /// What a person has set.
    pub set: Heard,
    /// What was measured: see [`listen`](crate::listen).
    pub measured: Heard,
}

impl TrackHeard {
    /// What holds for a track of this kind, whose file has these tags. This is the one place that says who is
    /// believed:
    ///
    /// - cue points: a person, else the tags, else what was measured, which counts for music alone: nothing
    ///   else is cut unless somebody says so;
    /// - levels: a person, else what was measured, else the tags, which may be wrong by what another program
    ///   aims at.
    pub fn in_force(&self, tags: &Tags, kind: TrackKind) -> Heard {
        let tagged = Heard::in_tags(tags);
        let measured = if kind.is_music() { self.measured } else { Heard::default() };
        let mut points = self.set.or(tagged).or(measured);
        let cross = tags.cues.as_deref().and_then(|cues| cues.cross);
        if let (None, None, Some(cross)) = (self.set.start_next, tagged.start_next, cross) {
            let end = points.cue_out.or(self.measured.duration).or(tags.duration);
            points.start_next = end.map(|end| end.saturating_sub(cross));
        }
        let levels = self.set.or(self.measured).or(tagged);
        Heard { cue_in: points.cue_in, cue_out: points.cue_out, start_next: points.start_next, ..levels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::CueTags;

    #[test]
    fn what_is_missing_is_taken_from_the_other() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let some = Heard { loudness_lufs: Some(-9.0), cue_in: seconds(1), ..Heard::default() };
        let other = Heard { loudness_lufs: Some(-20.0), cue_out: seconds(99), ..Heard::default() };
        let both =
            Heard { loudness_lufs: Some(-9.0), cue_in: seconds(1), cue_out: seconds(99), ..Heard::default() };
        assert_eq!(some.or(other), both);
    }

    fn tags(gain_db: f32, cue_in: u64) -> Tags {
        let cues = CueTags { cue_in: Some(Duration::from_secs(cue_in)), ..CueTags::default() };
        Tags { track_gain_db: Some(gain_db), cues: Some(Box::new(cues)), ..Tags::default() }
    }

    #[test]
    fn a_person_is_believed_first() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let heard =
            |lufs, cue_in| Heard { loudness_lufs: Some(lufs), cue_in: seconds(cue_in), ..Heard::default() };
        let all = TrackHeard { set: heard(-10.0, 1), measured: heard(-12.0, 3) };
        let measured = TrackHeard { set: Heard::default(), ..all };
        let tags = tags(-4.0, 2);
        let said = |known: &TrackHeard, tags: &Tags, kind| {
            let heard = known.in_force(tags, kind);
            (heard.loudness_lufs, heard.cue_in)
        };
        for kind in TrackKind::ALL {
            assert_eq!(said(&all, &tags, *kind), (Some(-10.0), seconds(1)));
            assert_eq!(said(&measured, &tags, *kind), (Some(-12.0), seconds(2)), "tags before measured cues");
            assert_eq!(said(&TrackHeard::default(), &tags, *kind), (Some(-14.0), seconds(2)));
            let cut = if kind.is_music() { seconds(3) } else { None };
            assert_eq!(said(&measured, &Tags::default(), *kind), (Some(-12.0), cut), "{kind:?}");
        }
    }

    #[test]
    fn a_time_before_the_end_counts_from_the_cue_out() {
        let cues = CueTags { cross: Some(Duration::from_secs(4)), ..CueTags::default() };
        let tags =
            Tags { cues: Some(Box::new(cues)), duration: Some(Duration::from_secs(200)), ..Tags::default() };
        let starts = |known: TrackHeard| known.in_force(&tags, TrackKind::Music).start_next;
        assert_eq!(starts(TrackHeard::default()), Some(Duration::from_secs(196)));
        let measured = Heard { cue_out: Some(Duration::from_secs(190)), ..Heard::default() };
        assert_eq!(starts(TrackHeard { measured, ..TrackHeard::default() }), Some(Duration::from_secs(186)));
    }

    #[test]
    fn a_track_is_as_loud_as_its_peak_allows() {
        let heard = |lufs, peak| Heard { loudness_lufs: lufs, true_peak_dbtp: peak, ..Heard::default() };
        for (lufs, peak, gain) in [
            (Some(-8.0), Some(1.0), Some(-8.0)),
            (Some(-23.0), Some(-10.0), Some(7.0)),
            (Some(-23.0), Some(-3.0), Some(2.0)),
            (Some(-16.5), Some(0.5), Some(-1.5)),
            (Some(-30.0), None, Some(-1.0)),
            (Some(-8.0), None, Some(-8.0)),
            (Some(-69.0), Some(-60.0), Some(34.0)),
            (None, Some(-3.0), None),
        ] {
            assert_eq!(heard(lufs, peak).gain_db(-16.0), gain, "{lufs:?} LUFS, {peak:?} dBTP");
        }
    }

    #[test]
    fn only_what_is_known_is_written() {
        let some = Heard { true_peak_dbtp: Some(-0.5), ..Heard::default() };
        let json = serde_json::to_string(&some).unwrap();
        assert_eq!(json, r#"{"true_peak_dbtp":-0.5}"#);
        assert_eq!(serde_json::from_str::<Heard>(&json).unwrap(), some);
    }
}

//! A small picture of a track.

/// A track as a picture: its highest sample in each of [`Waveform::PEAKS`] parts of equal length, from 0
/// (silence) to 255 (full scale), in a straight line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform(Box<[u8]>);

impl Waveform {
    /// How many values it has, however long the track is.
    pub const PEAKS: usize = 800;

    /// From the peaks of slices of equal length, 1.0 being full scale. Without any it is flat.
    pub(super) fn of(slices: &[f32]) -> Waveform {
        let peak = |part: usize| {
            let edge = |part: usize| part * slices.len() / Waveform::PEAKS;
            let begin = edge(part).min(slices.len().saturating_sub(1));
            let of_part = slices.iter().take(edge(part + 1).max(begin + 1)).skip(begin);
            let peak = of_part.fold(0.0, |peak: f32, slice| peak.max(*slice));
            (peak * 255.0).round().min(255.0) as u8
        };
        Waveform((0..Waveform::PEAKS).map(peak).collect())
    }

    /// Its values.
    pub fn peaks(&self) -> &[u8] {
        &self.0
    }

    /// That of these values, which were kept. `None` if they are not as many as a picture has.
    #[cfg(feature = "library")]
    pub(crate) fn of_peaks(peaks: &[u8]) -> Option<Waveform> {
        (peaks.len() == Waveform::PEAKS).then(|| Waveform(peaks.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slice_is_in_it_however_many_there_are() {
        for count in [1, 2, 799, 800, 801, 12_345] {
            for loud in [0, count / 2, count - 1] {
                let mut slices = vec![0.1; count];
                slices[loud] = 1.5;
                let waveform = Waveform::of(&slices);
                assert_eq!(waveform.peaks().len(), Waveform::PEAKS);
                let at = waveform.peaks().iter().position(|peak| *peak == 255);
                let near = at.is_some_and(|at| at.abs_diff(loud * Waveform::PEAKS / count) <= 1);
                assert!(near, "slice {loud} of {count} is at {at:?}");
            }
        }
        assert_eq!(Waveform::of(&[]).peaks(), [0; Waveform::PEAKS]);
    }
}
